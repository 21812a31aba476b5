package ledger

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// childSync in the environment names the directory in which syncChild works.
const childSync = "NASCENT_TEST_LEDGER_SYNC"

// syncChild opens a ledger as searches do, commits and keeps a file. Between these it
// makes directories, for the trace.
func syncChild(dir string) error {
	mark := func(name string) error { return os.Mkdir(filepath.Join(dir, "mark-"+name), 0o700) }
	l, err := Open(filepath.Join(dir, "s"), Options{})
	if err != nil {
		return err
	}
	if err := mark("opened"); err != nil {
		return err
	}
	if err := l.Commit((&script{}).next()); err != nil {
		return err
	}
	if err := mark("committed"); err != nil {
		return err
	}
	path := filepath.Join(l.Temp(), "fresh")
	if err := os.WriteFile(path, []byte("weights"), 0o600); err != nil {
		return err
	}
	if _, err := l.Put(path, "weights"); err != nil {
		return err
	}
	return mark("kept")
}

// What was committed or kept is on the disk before anybody hears of it: the system's
// calls are looked at, for without a power cut nothing else shows.
func TestSynced(t *testing.T) {
	t.Parallel()
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("there is no strace here: install it (Debian: strace)")
	}
	dir := t.TempDir()
	trace := filepath.Join(dir, "trace")
	cmd := exec.Command(strace, "-f", "-qq", "-y", "-s", "200", "-o", trace,
		"-e", "trace=fsync,fdatasync,mkdir,mkdirat,rename,renameat,renameat2", os.Args[0])
	cmd.Env = append(os.Environ(), childSync+"="+dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		if strings.Contains(string(out), "ptrace") {
			t.Skipf("processes may not be traced here: %s", out)
		}
		t.Fatalf("%v\n%s", err, out)
	}
	b, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	// The calls between two marks, in their order.
	between := func(first, last string) []string {
		_, rest, found := strings.Cut(string(b), "mark-"+first)
		part, _, ended := strings.Cut(rest, "mark-"+last)
		if !found || !ended {
			t.Fatalf("nothing is marked %s and %s:\n%s", first, last, b)
		}
		return strings.Split(part, "\n")
	}
	// find is the place of the first call, from some place on, that has all texts.
	find := func(calls []string, from int, texts ...string) int {
		for i := from; i >= 0 && i < len(calls); i++ {
			all := true
			for _, text := range texts {
				all = all && strings.Contains(calls[i], text)
			}
			if all {
				return i
			}
		}
		return -1
	}
	if calls := between("opened", "committed"); find(calls, 0, "sync(", FileName+">") < 0 {
		t.Errorf("a commit does not force the ledger to disk:\n%s", strings.Join(calls, "\n"))
	}
	hash := fmt.Sprintf("%x", sha256.Sum256([]byte("weights")))
	calls := between("committed", "kept")
	content := find(calls, 0, "fsync(", "fresh>")
	name := find(calls, content, "rename", "fresh", hash)
	if content < 0 || name < 0 || find(calls, name, "fsync(", string(filepath.Separator)+filesName+">") < 0 {
		t.Errorf("a kept file is not forced to disk before it gets its name, or its name not after:\n%s", strings.Join(calls, "\n"))
	}
}
