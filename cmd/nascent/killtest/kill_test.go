package killtest

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nascent-nas/nascent/engine/enginetest/proctest"
	"github.com/nascent-nas/nascent/genome/rng"
)

// binaries builds nascent and the plugins once.
var binaries = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "nascent-kill-")
	if err != nil {
		return "", err
	}
	return dir, proctest.Shipped(dir)
})

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, err := binaries(); err == nil {
		os.RemoveAll(dir)
	}
	os.Exit(code)
}

// search is one search directory and how it is run.
type search struct {
	t    *testing.T
	bin  string
	what string // an example
	dir  string
	args []string

	steered bool // by commands, which have its ledger for a moment while it does not run
}

func newSearch(t *testing.T, args ...string) *search {
	t.Helper()
	bin, err := binaries()
	if err != nil {
		t.Fatal(err)
	}
	return &search{t: t, bin: filepath.Join(bin, "nascent"), what: "onemax", dir: filepath.Join(t.TempDir(), "s"), args: args}
}

// command is the one that starts and resumes.
func (s *search) command() *exec.Cmd {
	cmd := exec.Command(s.bin, append([]string{"run", s.what, "--dir", s.dir}, s.args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

// finish runs to the end.
func (s *search) finish() {
	s.t.Helper()
	if out, err := s.command().CombinedOutput(); err != nil {
		s.t.Fatalf("run: %v\n%s", err, out)
	}
}

func (s *search) ask(args ...string) string {
	s.t.Helper()
	var stderr bytes.Buffer
	cmd := exec.Command(s.bin, args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		s.t.Fatalf("nascent %s: %v\n%s%s", strings.Join(args, " "), err, out, stderr.Bytes())
	}
	return strings.TrimSpace(string(out))
}

func (s *search) digest() string { return s.ask("digest", s.dir) }

// descendants lists the children of some processes, theirs, and so on, by
// generations.
func descendants(pids ...int) (out [][]int) {
	for {
		var next []int
		for _, pid := range pids {
			next = append(next, proctest.Children(pid)...)
		}
		if len(next) == 0 {
			return out
		}
		out = append(out, next)
		pids = next
	}
}

// depths are the generations of a search's processes below the engine.
var depths = map[string]int{"plugin": 0, "both": 0, "worker": 1, "child": 2, "grandchild": 3}

// killed starts the search and after a while kills the engine, its plugins, both,
// or a later generation of its processes. It tells whether it met any, and whether
// the search ended. Who is killed with the engine leaves nobody behind.
func (s *search) killed(what string, after time.Duration) (met, ended bool) {
	s.t.Helper()
	cmd := s.command()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	end := make(chan error, 1)
	go func() { end <- cmd.Wait() }()
	within := func() bool {
		select {
		case err := <-end:
			if err != nil && !(s.steered && strings.Contains(out.String(), "is in use by process")) {
				s.t.Fatalf("run, disturbed (%v): %v\n%s", met, err, out.Bytes())
			}
			return true
		case <-time.After(after):
			return false
		}
	}
	if within() {
		return false, true
	}
	family := descendants(cmd.Process.Pid)
	if depth := depths[what]; what != "engine" && depth < len(family) {
		for _, pid := range family[depth] {
			met = syscall.Kill(pid, syscall.SIGKILL) == nil || met
		}
	}
	if what != "engine" && what != "both" { // the engine goes on by itself; end it later, at once
		if within() {
			return met, true
		}
		family = descendants(cmd.Process.Pid)
	}
	met = met || what == "engine" || what == "both"
	syscall.Kill(cmd.Process.Pid, syscall.SIGKILL)
	<-end
	for _, pids := range family {
		proctest.Gone(s.t, pids...)
	}
	return met, false
}

// anyOf draws from a list.
func anyOf(r *rng.Rand, list ...string) func() string {
	return func() string { return list[r.Intn(len(list))] }
}

// disturbed runs the search to its end and kills what is named as often as it is
// met running, after pauses from least to most. They grow, so that a search gets on
// however slow the machine is. It tells how many kills there were.
func (s *search) disturbed(r *rng.Rand, least, most time.Duration, what func() string) (kills int) {
	s.t.Helper()
	for {
		met, ended := s.killed(what(), least+time.Duration(r.Float64()*float64(most-least)))
		if met {
			kills++
		}
		if ended {
			return kills
		}
		least, most = least+least/10, most+most/10
	}
}

// TestKilledAtRandomMoments kills through real processes, 50 times in all, and
// wants the digest of the search that nobody disturbed.
func TestKilledAtRandomMoments(t *testing.T) {
	t.Parallel()
	args := []string{"--seed", "5", "--evaluations", "400", "--workers", "2", "--set", "evaluator.delay=2ms"}
	whole := newSearch(t, args...)
	whole.finish()
	want := whole.digest()

	r := rng.New(20)
	kills := 0
	for round := 0; kills < 50; round++ {
		if round == 200 {
			t.Fatalf("200 searches, and only %d kills met one that was running", kills)
		}
		s := newSearch(t, args...)
		kills += s.disturbed(r, 20*time.Millisecond, 420*time.Millisecond, anyOf(r, "engine", "plugin", "both"))
		if got := s.digest(); got != want {
			t.Fatalf("search %d, killed and resumed: the digest is %s, undisturbed %s", round, got, want)
		}
		s.ask("check", s.dir)
		s.ask("replay", s.dir)
	}
	t.Logf("%d kills", kills)
}

// TestArrivalOrderIsProvedByReplay kills a search in arrival order and has
// every decision proved from its journal.
func TestArrivalOrderIsProvedByReplay(t *testing.T) {
	t.Parallel()
	s := newSearch(t, "--seed", "6", "--evaluations", "300", "--workers", "2", "--set", "evaluator.delay=2ms", "--set", "order=arrival")
	s.disturbed(rng.New(21), 50*time.Millisecond, 350*time.Millisecond, func() string { return "both" })
	s.ask("replay", s.dir)
	s.ask("check", s.dir)
}

// TestDigestDoesNotDependOnWorkersOrTiming runs one search several ways.
func TestDigestDoesNotDependOnWorkersOrTiming(t *testing.T) {
	t.Parallel()
	var want string
	for _, more := range [][]string{
		{"--workers", "1"}, {"--workers", "2"}, {"--workers", "2", "--set", "evaluator.delay=3ms"},
		{"--workers", "4", "--set", "evaluator.fail=0.1", "--set", "failures.backoff=1ms"},
	} {
		s := newSearch(t, append([]string{"--seed", "7", "--evaluations", "150"}, more...)...)
		s.finish()
		if d := s.digest(); want == "" {
			want = d
		} else if d != want {
			t.Errorf("%v gives another digest", more)
		}
	}
}

// TestNothingIsLeftBehind kills the engine and looks for its processes.
func TestNothingIsLeftBehind(t *testing.T) {
	t.Parallel()
	s := newSearch(t, "--evaluations", "1000", "--set", "evaluator.delay=50ms")
	cmd := s.command()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var plugins []int
	for len(plugins) == 0 || !strings.Contains(s.status(), `"running"`) {
		plugins = proctest.Children(cmd.Process.Pid)
	}
	syscall.Kill(cmd.Process.Pid, syscall.SIGKILL)
	cmd.Wait()
	proctest.Gone(t, plugins...)
}

// status is what `status --json` prints, or "" while there is nothing to ask.
func (s *search) status() string {
	out, err := exec.Command(s.bin, "status", s.dir, "--json").Output()
	if err != nil || !json.Valid(out) {
		return ""
	}
	return string(out)
}
