package killtest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nascent-nas/nascent/genome/rng"
)

// killedAfter carries out a command of nascent's and kills it in the middle. It tells
// whether it ended before.
func (s *search) killedAfter(d time.Duration, args ...string) (ended bool) {
	s.t.Helper()
	cmd := exec.Command(s.bin, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	end := make(chan error, 1)
	go func() { end <- cmd.Wait() }()
	select {
	case err := <-end:
		if err != nil {
			s.t.Fatalf("nascent %s: %v", strings.Join(args, " "), err)
		}
		return true
	case <-time.After(d):
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		return <-end == nil
	}
}

// duration is how long a command takes that nobody disturbs.
func (s *search) duration(args ...string) time.Duration {
	s.t.Helper()
	from := time.Now()
	s.ask(args...)
	return time.Since(from)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// leftovers are the directories in the making that lie beside a search.
func (s *search) leftovers() []string {
	found, err := filepath.Glob(filepath.Join(filepath.Dir(s.dir), ".nascent-branch-*"))
	if err != nil {
		s.t.Fatal(err)
	}
	return found
}

func finishedSearch(t *testing.T, args ...string) (s *search, digest, past string) {
	t.Helper()
	s = newSearch(t, append([]string{"--seed", "5", "--evaluations", "300", "--workers", "2", "--quiet"}, args...)...)
	s.finish()
	return s, s.digest(), s.ask("digest", s.dir, "--turns", "150")
}

// A branch that is killed is there whole, or it is not there; what a kill left is gone
// after the next.
func TestBranchesThatAreKilled(t *testing.T) {
	t.Parallel()
	s, whole, past := finishedSearch(t)
	name := filepath.Join(filepath.Dir(s.dir), "branch")
	args := []string{"branch", s.dir, name, "--turn", "150"}
	takes := s.duration(args...)
	r := rng.New(30)
	var killed, there int
	for killed < 12 {
		if err := os.RemoveAll(name); err != nil {
			t.Fatal(err)
		}
		if !s.killedAfter(time.Duration(r.Float64()*1.1*float64(takes)), args...) {
			killed++
		}
		if exists(name) {
			there++
			s.ask("check", name)
			if got := s.ask("digest", name); got != past {
				t.Fatalf("a branch that was killed has the digest %s", got)
			}
		}
		if s.digest() != whole {
			t.Fatal("the search that was branched is another one")
		}
	}
	os.RemoveAll(name)
	s.ask(args...)
	if left := s.leftovers(); len(left) > 0 {
		t.Errorf("it leaves %v", left)
	}
	s.ask("check", s.dir)
	s.ask("run", name, "--quiet")
	if got := s.ask("digest", name); got != whole {
		t.Errorf("the branch comes to %s", got)
	}
	t.Logf("%d kills, after which there were %d branches", killed, there)
}

// A search that is rewound and killed is as it was or rewound, and what it was is there.
func TestRewindsThatAreKilled(t *testing.T) {
	t.Parallel()
	first, whole, past := finishedSearch(t)
	args := func(s *search) []string { return []string{"rewind", s.dir, "--turn", "150"} }
	again := func() *search {
		s := *first
		s.t, s.dir = t, filepath.Join(t.TempDir(), "s")
		if out, err := exec.Command("cp", "-r", first.dir, s.dir).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return &s
	}
	takes := first.duration("branch", first.dir, first.dir+"-2", "--turn", "150")
	r := rng.New(31)
	asItWas, rewound := 0, 0
	s := again()
	for kills := 0; kills < 12; {
		if !s.killedAfter(time.Duration(r.Float64()*1.3*float64(takes)), args(s)...) {
			kills++
		}
		if s.vet(whole, past) {
			rewound++
			s = again()
		} else {
			asItWas++
		}
	}
	t.Logf("after the kills it was %d times as before, %d times rewound", asItWas, rewound)
}

// vet looks whether a search is whole and as it was, or rewound with what it was beside it;
// it tells which.
func (s *search) vet(whole, past string) (rewound bool) {
	s.t.Helper()
	s.ask("check", s.dir)
	switch got := s.digest(); got {
	case whole:
		return false
	case past:
		found := false
		for n := 1; exists(s.before(n)); n++ {
			s.ask("check", s.before(n))
			found = found || s.ask("digest", s.before(n)) == whole
		}
		if !found {
			s.t.Fatal("it is rewound, and what it was is gone")
		}
		s.ask("run", s.dir, "--quiet")
		if got := s.digest(); got != whole {
			s.t.Fatalf("rewound it comes to %s", got)
		}
		return true
	default:
		s.t.Fatalf("it has become another one, %s", got)
		return false
	}
}

// before is where rewind keeps what a search was.
func (s *search) before(n int) string {
	if n == 1 {
		return s.dir + ".before-rewind"
	}
	return fmt.Sprintf("%s.before-rewind-%d", s.dir, n)
}

// TestRewindsThatAreKilledBetweenTheirNames kills right before each of the two steps by
// which directories get their names.
func TestRewindsThatAreKilledBetweenTheirNames(t *testing.T) {
	t.Parallel()
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("there is no strace here: install it (Debian: strace)")
	}
	for step := 1; step <= 2; step++ {
		t.Run(fmt.Sprint(step), func(t *testing.T) {
			t.Parallel()
			s, whole, past := finishedSearch(t)
			named := []string{s.before(1), s.dir}[step-1] // strace counts the calls of each thread by themselves
			cmd := exec.Command(strace, "-f", "-qq", "-o", filepath.Join(t.TempDir(), "trace"), "-e", "trace=renameat2", "-P", named,
				"-e", "inject=renameat2:signal=KILL:when=1", s.bin, "rewind", s.dir, "--turn", "150")
			switch out, err := cmd.CombinedOutput(); {
			case err == nil:
				t.Fatalf("it was not killed: %s", out)
			case strings.Contains(string(out), "ptrace"):
				t.Skipf("processes may not be traced here: %s", out)
			}
			if s.vet(whole, past) {
				t.Error("it is rewound too early")
			}
			if exists(s.before(1)) != (step == 2) {
				t.Error("the branch has its name too early or too late")
			}
			s.ask("rewind", s.dir, "--turn", "150")
			if !s.vet(whole, past) {
				t.Error("it cannot be rewound after that")
			}
			if left := s.leftovers(); len(left) > 0 {
				t.Errorf("it leaves %v", left)
			}
		})
	}
}
