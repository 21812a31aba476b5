package ledger

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/nascent-nas/nascent/engine"
)

// These tests need a second process: this test binary again, told by its
// environment to be a writer that never stops.
const childDir = "NASCENT_LEDGER_TEST_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		writeForever(dir)
	}
	if dir := os.Getenv(childSync); dir != "" {
		if err := syncChild(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// writeForever goes on with the scripted search of a directory and says after
// every commit how many turns are safe.
func writeForever(dir string) {
	l, err := Open(dir, Options{})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	s := script{turns: l.totals.turns[0], ids: engine.ID(l.totals.jobs)}
	fmt.Println(s.turns)
	for {
		if err := l.Commit(s.next()); err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		fmt.Println(s.turns)
	}
}

type child struct {
	cmd *exec.Cmd
	out *bufio.Reader
}

func start(t *testing.T, dir string) *child {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := &child{cmd, bufio.NewReader(out)}
	t.Cleanup(c.kill)
	return c
}

func (c *child) kill() {
	c.cmd.Process.Signal(syscall.SIGKILL)
	c.cmd.Wait()
}

// safe reads the next number of turns that the child says are safe.
func (c *child) safe(t *testing.T) uint64 {
	t.Helper()
	line, err := c.out.ReadString('\n')
	n, err2 := strconv.ParseUint(strings.TrimSpace(line), 10, 64)
	if err != nil || err2 != nil {
		t.Fatalf("the child says %q, %v", line, err)
	}
	return n
}

// rest is the last number among what the child has said before it died.
func (c *child) rest(last uint64) uint64 {
	for {
		line, err := c.out.ReadString('\n')
		if n, err2 := strconv.ParseUint(strings.TrimSpace(line), 10, 64); err == nil && err2 == nil {
			last = n
		}
		if err != nil {
			return last
		}
	}
}

// A second process is told who has the ledger; when that one is gone the
// directory is free again.
func TestSecondProcessIsRefused(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "search")
	c := start(t, dir)
	c.safe(t)
	for name, err := range opening(dir) {
		oneLine(t, err)
		var locked *LockedError
		if !errors.As(err, &locked) || locked.PID != c.cmd.Process.Pid || !strings.Contains(err.Error(), strconv.Itoa(locked.PID)) {
			t.Errorf("%s beside process %d: %v", name, c.cmd.Process.Pid, err)
		}
	}
	c.kill()
	closed(t, open(t, dir))
}

// A second Open in one process is refused as well.
func TestSecondOpenIsRefused(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "search")
	l := open(t, dir)
	for name, err := range opening(dir) {
		if !isLocked(err, os.Getpid()) {
			t.Errorf("%s: %v", name, err)
		}
	}
	closed(t, l)
}

// A writer that is killed at any moment leaves whole commits: all that it said
// were safe, and at most one more.
func TestKilledWriter(t *testing.T) {
	t.Parallel()
	kills := 40
	if testing.Short() {
		kills = 10
	}
	dir := filepath.Join(t.TempDir(), "search")
	random := rand.New(rand.NewPCG(1, 2))
	for range kills {
		c := start(t, dir)
		// Some die at the start, even before the ledger is there.
		last := uint64(0)
		known := false
		for range random.IntN(6) {
			last, known = c.safe(t), true
		}
		for range random.IntN(300_000) { // into the middle of whatever it does
			random.Uint64()
		}
		c.cmd.Process.Signal(syscall.SIGKILL)
		if said := c.rest(0); said > last {
			last, known = said, true
		}
		c.cmd.Wait()
		if _, err := os.Stat(filepath.Join(dir, FileName)); err != nil {
			if known {
				t.Fatalf("the ledger is gone: %v", err)
			}
			continue
		}
		if err := Check(dir); err != nil {
			t.Fatal(err)
		}
		l := open(t, dir)
		turns := l.totals.turns[0]
		state, err := l.State(engine.PartSearch)
		if err != nil {
			t.Fatal(err)
		}
		if turns > 0 && string(state) != fmt.Sprintf("state after turn %d", turns-1) {
			t.Fatalf("%d turns with the state %q", turns, state)
		}
		closed(t, l)
		if known && (turns < last || turns > last+1) {
			t.Fatalf("%d turns were safe, there are %d", last, turns)
		}
	}
}

// A crash before a new ledger has its name leaves nothing in the way.
func TestUnfinishedCreation(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, newName), []byte("half a ledg"), 0o600); err != nil {
		t.Fatal(err)
	}
	closed(t, open(t, dir))
	if err := Check(dir); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(dir, newName)); err == nil {
		t.Error("the unfinished file is still there")
	}
}
