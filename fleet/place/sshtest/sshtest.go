// Package sshtest has machines that ssh reaches, all of them this one: for each connection
// ssh itself starts an sshd that speaks through its pipe, so nothing listens and nothing is
// left running.
package sshtest

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
)

// Net is some machines, each with a home of its own.
type Net struct{ dir string }

// Machines makes them, and three more that let nobody in: stranger has a key that is not
// known, changed has another than the one that is known, locked takes another key; and off,
// where nothing answers. Without OpenSSH the test is skipped.
func Machines(t testing.TB, names ...string) Net {
	t.Helper()
	sshd := "/usr/sbin/sshd"
	for _, program := range []string{sshd, "ssh", "ssh-keygen"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed: apt install openssh-server openssh-client", program)
		}
	}
	who, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	if who.Uid == "0" { // it gives up its rights there
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			t.Skipf("sshd needs /run/sshd: %v", err)
		}
	}
	n := Net{t.TempDir()}
	host, other, own := n.key(t, "host"), n.key(t, "other"), n.key(t, "own")
	var config, known strings.Builder
	for _, name := range append(names, "stranger", "changed", "locked") {
		home := n.Home(name)
		if err := os.MkdirAll(home, 0o700); err != nil {
			t.Fatal(err)
		}
		trusted := own
		switch name {
		case "stranger":
		case "changed":
			fmt.Fprintf(&known, "%s %s", name, other)
		case "locked":
			trusted = other
			fallthrough
		default:
			fmt.Fprintf(&known, "%s %s", name, host)
		}
		n.write(t, name+".keys", trusted)
		n.write(t, name+".conf", fmt.Sprintf(`HostKey %s
AuthorizedKeysFile %s
SetEnv HOME=%s XDG_CACHE_HOME=%s
StrictModes no
UsePAM no
PidFile none
PermitRootLogin yes
PasswordAuthentication no
KbdInteractiveAuthentication no
`, n.path("host"), n.path(name+".keys"), home, filepath.Join(home, ".cache")))
		fmt.Fprintf(&config, "Host %s\n\tProxyCommand %s -i -f %s\n", name, sshd, n.path(name+".conf"))
	}
	fmt.Fprintf(&config, `Host off
	HostName 127.0.0.1
	Port 1
Host *
	User %s
	IdentityFile %s
	IdentitiesOnly yes
	IdentityAgent none
	UserKnownHostsFile %s
	GlobalKnownHostsFile none
	StrictHostKeyChecking ask
`, who.Username, n.path("own"), n.path("known"))
	n.write(t, "known", known.String())
	n.write(t, "config", config.String())
	return n
}

// Options are those of ssh that lead to them.
func (n Net) Options() string { return "-F " + n.path("config") }

// Home is the home directory of a machine.
func (n Net) Home(name string) string { return n.path("home-" + name) }

// File puts a file into a machine's home.
func (n Net) File(t testing.TB, machine, name, text string) {
	t.Helper()
	n.write(t, filepath.Join("home-"+machine, name), text)
}

func (n Net) path(name string) string { return filepath.Join(n.dir, name) }

func (n Net) write(t testing.TB, name, text string) {
	t.Helper()
	if err := os.WriteFile(n.path(name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// key makes a pair, and returns the public one.
func (n Net) key(t testing.TB, name string) string {
	t.Helper()
	out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", n.path(name)).CombinedOutput()
	if err != nil {
		t.Fatalf("ssh-keygen: %v\n%s", err, out)
	}
	public, err := os.ReadFile(n.path(name + ".pub"))
	if err != nil {
		t.Fatal(err)
	}
	return string(public)
}
