package fleettest

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nascent-nas/nascent/engine/enginetest/proctest"
	"github.com/nascent-nas/nascent/fleet"
)

// programs are nascent and its plugins, in a folder.
var programs = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "nascent-fleettest-")
	if err == nil {
		err = proctest.Shipped(dir)
	}
	return dir, err
})

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, _ := programs(); dir != "" {
		os.RemoveAll(dir)
	}
	os.Exit(code)
}

// search is one whose hosts are placed.
type search struct {
	t         *testing.T
	bin, dir  string
	arguments []string // of run, the first time
	env       []string
	said      bytes.Buffer
	running   *exec.Cmd
	ended     chan error
}

// example is a search.yaml that ships, without its number of workers: a fleet says it.
func example(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "examples", name+".yaml"))
	path := filepath.Join(t.TempDir(), "search.yaml")
	if err == nil {
		err = os.WriteFile(path, regexp.MustCompile(`(?m)^workers:.*`).ReplaceAll(text, nil), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// newSearch makes one that has not begun, of these arguments of nascent run.
func newSearch(t *testing.T, arguments ...string) *search {
	t.Helper()
	dir, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	s := &search{t: t, bin: filepath.Join(dir, "nascent"), dir: filepath.Join(t.TempDir(), "search"), arguments: arguments}
	t.Cleanup(s.kill)
	return s
}

// begin runs it, or has it go on.
func (s *search) begin() {
	s.t.Helper()
	args := []string{"run", s.dir, "--quiet"}
	if _, err := os.Stat(filepath.Join(s.dir, "ledger.db")); err != nil {
		args = append([]string{"run", "--dir", s.dir, "--quiet"}, s.arguments...)
	}
	s.said.Reset()
	cmd, ended := exec.Command(s.bin, args...), make(chan error, 1)
	cmd.Env, cmd.Stdout, cmd.Stderr = append(os.Environ(), s.env...), &s.said, &s.said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.running, s.ended = cmd, ended
	go func() { ended <- cmd.Wait() }()
}

// kill kills the search's own process, if it runs.
func (s *search) kill() {
	if s.running != nil {
		syscall.Kill(-s.running.Process.Pid, syscall.SIGKILL)
		<-s.ended
		s.running = nil
	}
}

// over tells that it has ended by itself.
func (s *search) over() bool {
	select {
	case err := <-s.ended:
		s.running = nil
		if err != nil {
			s.t.Fatalf("the search: %v\n%s", err, s.said.String())
		}
		return true
	default:
		return false
	}
}

func (s *search) ask(args ...string) string {
	s.t.Helper()
	cmd := exec.Command(s.bin, args...)
	out, err := cmd.Output()
	if err != nil {
		s.t.Fatalf("nascent %s: %v", strings.Join(args, " "), err)
	}
	return string(out)
}

// evaluations are how many there are by now; -1 while that cannot be known.
func (s *search) evaluations() int {
	out, err := exec.Command(s.bin, "status", s.dir, "--json").Output()
	var status struct{ Evaluations int }
	if err != nil || json.Unmarshal(out, &status) != nil {
		return -1
	}
	return status.Evaluations
}

// through has it run to its end. Whenever it has come on by step evaluations, the next of
// these kills something, as long as there are any; one that found nothing to kill is tried again.
func (s *search) through(step int, kills []func() bool) (done int) {
	s.t.Helper()
	s.begin()
	began, last := time.Now(), 0
	for !s.over() {
		time.Sleep(50 * time.Millisecond)
		if done == len(kills) {
			continue
		}
		if now := s.evaluations(); now >= last+step {
			last = now
			if kills[done]() {
				if done++; done%10 == 0 {
					s.t.Logf("%d of %d kills, %d evaluations, %s", done, len(kills), now, time.Since(began).Round(time.Second))
				}
			}
		}
	}
	return done
}

// again kills the search's own process, and has it go on.
func (s *search) again() bool {
	killed := !s.over()
	if killed {
		s.kill()
	}
	s.begin()
	return killed
}

// same wants the digest of one machine.
func (s *search) same(arguments ...string) {
	s.t.Helper()
	one := newSearch(s.t, arguments...)
	one.through(1, nil)
	if got, want := s.ask("digest", s.dir), s.ask("digest", one.dir); got != want {
		s.t.Errorf("it came to %s, and one machine comes to %s", got, want)
	}
	s.ask("check", s.dir)
	s.ask("replay", s.dir)
}

// process is one that runs.
type process struct {
	pid     int
	command []string
	cwd     string
}

// processes are those that run, for which it is true.
func processes(is func(process) bool) (all []process) {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		text, err := os.ReadFile(filepath.Join(dir, "cmdline"))
		if err != nil || len(text) == 0 {
			continue // it has ended
		}
		p := process{command: strings.Split(strings.TrimRight(string(text), "\x00"), "\x00")}
		p.pid, _ = strconv.Atoi(filepath.Base(dir))
		p.cwd, _ = os.Readlink(filepath.Join(dir, "cwd"))
		if is(p) {
			all = append(all, p)
		}
	}
	return all
}

// killHost kills one of the hosts that run somewhere below a directory: the n-th, in turn.
func killHost(root string, n int) bool {
	return killOne(n, func(p process) bool { return isHost(p, root) })
}

// isHost tells whether a process is a host that was started below a directory.
func isHost(p process, root string) bool {
	return len(p.command) > 2 && p.command[1] == "host" && filepath.Base(p.command[0]) == "nascent" && strings.HasPrefix(p.cwd, root)
}

func killOne(n int, is func(process) bool) bool {
	all := processes(is)
	return len(all) > 0 && syscall.Kill(all[n%len(all)].pid, syscall.SIGKILL) == nil
}

// ticket is the id of a search, by which its hosts are found.
func (s *search) ticket() string {
	t, err := fleet.ReadTicket(filepath.Join(s.dir, "fleet", "ticket.json"))
	if err != nil {
		s.t.Fatal(err)
	}
	return t.Search
}
