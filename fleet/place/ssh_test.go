package place_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/engine/enginetest/proctest"
	"github.com/nascent-nas/nascent/fleet/place"
	"github.com/nascent-nas/nascent/fleet/place/placetest"
	"github.com/nascent-nas/nascent/fleet/place/sshtest"
)

func TestSSH(t *testing.T) {
	t.Parallel()
	must(t, proctest.NeverCached()) // nobody tells go test of sshd, nor of Python
	options := sshtest.Machines(t, "desk1", "desk2").Options()
	placetest.Run(t, "", func() place.Placer { return place.SSH([]string{"desk1", "desk2"}, options) })
}

// work is what a host of a test is started with: a program of these lines of shell.
func work(t *testing.T, program string) place.Work {
	t.Helper()
	dir := t.TempDir()
	w := place.Work{Search: "one", Program: filepath.Join(dir, "nascent"), Ticket: filepath.Join(dir, "ticket.json"), Dir: dir}
	for path, text := range map[string]string{w.Program: "#!/bin/sh\n" + program, w.Ticket: "{}"} {
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// waiting is a program that ends at SIGTERM.
const waiting = "trap 'kill $!; exit 0' TERM\nsleep 100000 & wait\n"

func stopped(t *testing.T, p place.Placer, search string) {
	t.Cleanup(func() {
		if err := p.Stop(context.Background(), search); err != nil {
			t.Error(err)
		}
	})
}

// Machines get hosts in turn; who cannot be reached keeps its part.
func TestSSHShares(t *testing.T) {
	t.Parallel()
	net := sshtest.Machines(t, "desk1", "desk2")
	both := place.SSH([]string{"desk1", "desk2"}, net.Options())
	w := work(t, waiting)
	stopped(t, both, w.Search)
	must(t, both.Place(t.Context(), w, 3))
	where := func(p place.Placer) string {
		all, err := p.List(t.Context(), w.Search)
		must(t, err)
		n := map[string]int{}
		for _, x := range all {
			n[x.Where]++
		}
		return fmt.Sprint(n)
	}
	if got := where(both); got != "map[desk1:2 desk2:1]" {
		t.Errorf("three hosts: %s", got)
	}
	must(t, both.Place(t.Context(), w, 1))
	if got := where(both); got != "map[desk1:2 desk2:2]" {
		t.Errorf("and one: %s", got)
	}
	off := place.SSH([]string{"desk1", "off"}, net.Options())
	err := off.Place(t.Context(), w, 1)
	if got := where(off); got != "map[desk1:2]" || err == nil || !strings.HasPrefix(err.Error(), "off cannot be reached (") || oneRefusal(err) {
		t.Errorf("one for a machine that is off: %s, %v", got, err)
	}
	if err := off.Stop(t.Context(), w.Search); err == nil || !strings.HasPrefix(err.Error(), "off cannot be reached") {
		t.Errorf("stopping: %v", err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func oneRefusal(err error) bool {
	refusal := (*place.Refusal)(nil)
	return errors.As(err, &refusal)
}

// What goes wrong is one line, with what to do.
func TestSSHRefusals(t *testing.T) {
	t.Parallel()
	net := sshtest.Machines(t, "desk1")
	w := work(t, waiting)
	for _, c := range []struct {
		machine, options, want string
		refused                bool
	}{
		{"stranger", net.Options(), "stranger: its key is not known here; connect once by hand", true},
		{"changed", net.Options(), "changed: its key is another than the one that is known; find out why", true},
		{"locked", net.Options(), "locked: it lets nobody in without a password; have it take your key: ssh-copy-id locked", true},
		{"off", net.Options(), "off cannot be reached (ssh: connect to host 127.0.0.1 port 1: Connection refused); is it switched on", false},
		{"no.such.name.invalid", "", "no.such.name.invalid: nobody knows such a name; write it as in: ssh no.such.name.invalid", true},
		{"desk1", "-F /nowhere", "desk1: there is no such file of options; write its absolute path", true},
		{"desk1", "-o 'Port=22", "options: a quote is not closed; close each quote", true},
		{"-oProxyCommand=true", "", `"-oProxyCommand=true" is no machine; write it as ssh takes it: desk1, user@desk2`, true},
	} {
		p := place.SSH([]string{c.machine}, c.options)
		err := p.Place(t.Context(), w, 1)
		if err == nil || !strings.HasPrefix(err.Error(), c.want) || strings.Contains(err.Error(), "\n") || oneRefusal(err) != c.refused {
			t.Errorf("%s: got  %v\nwant %s...", c.machine, err, c.want)
		}
		if _, err := p.List(t.Context(), w.Search); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: listing: %v", c.machine, err)
		}
	}
	if err := place.SSH(nil, "").Place(t.Context(), w, 1); err == nil || err.Error() != "there are no machines; name some: machines: [desk1, user@desk2]" {
		t.Error(err)
	}
	net.File(t, "desk1", ".cache", "no directory")
	if err := place.SSH([]string{"desk1"}, net.Options()).Place(t.Context(), w, 1); err == nil || !strings.HasPrefix(err.Error(), "desk1: mkdir: ") {
		t.Errorf("a home in which nothing can be made: %v", err)
	}
}

// Programs are copied where they are missing, and once; the ticket can be read by its owner
// alone. What a host printed last comes back when it has ended.
func TestSSHCopies(t *testing.T) {
	t.Parallel()
	net := sshtest.Machines(t, "desk1")
	p := place.SSH([]string{"desk1"}, net.Options())
	w := work(t, `echo "host of $3"; "$(dirname "$0")/nascent-plugins"; umask; exit 3`)
	must(t, os.WriteFile(filepath.Join(filepath.Dir(w.Program), "nascent-plugins"), []byte("#!/bin/sh\necho beside\n"), 0o755))
	w.Args = []string{"a search"}
	end := func() string {
		must(t, p.Place(t.Context(), w, 1))
		for {
			all, err := p.List(t.Context(), w.Search)
			must(t, err)
			if logs, _ := filepath.Glob(filepath.Join(w.Dir, "*@desk1.log")); len(all) == 0 && len(logs) > 0 {
				b, err := os.ReadFile(logs[0])
				must(t, errors.Join(err, os.Remove(logs[0])))
				return string(b)
			}
		}
	}
	out, err := exec.Command("sh", "-c", "umask").Output()
	must(t, err)
	want := "host of a search\nbeside\n" + string(out)
	if got := end(); got != want {
		t.Errorf("it said %q, want %q", got, want)
	}
	programs, err := filepath.Glob(filepath.Join(net.Home("desk1"), ".cache/nascent/bin/*/nascent*"))
	if err != nil || len(programs) != 2 {
		t.Fatalf("programs there: %v, %v", programs, err)
	}
	tickets, _ := filepath.Glob(filepath.Join(net.Home("desk1"), ".cache/nascent/hosts/one/*/ticket.json"))
	if len(tickets) != 1 {
		t.Fatalf("tickets there: %v", tickets)
	}
	if info, err := os.Stat(tickets[0]); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the ticket: %v, %v", info.Mode(), err)
	}
	must(t, os.WriteFile(programs[1], []byte("#!/bin/sh\necho the one that was there\n"), 0o755))
	want = strings.Replace(want, "beside", "the one that was there", 1)
	if got := end(); got != want {
		t.Errorf("with programs that are there it said %q, want %q", got, want)
	}
	must(t, p.Stop(t.Context(), w.Search))
	if left, _ := filepath.Glob(filepath.Join(net.Home("desk1"), ".cache/nascent/hosts/*")); len(left) != 0 {
		t.Errorf("a search of which nothing runs leaves %v", left)
	}
}
