package command

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// A host removes what hosts that were killed have left, and nothing of those that work.
func TestWorkIn(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	work := func() (string, func()) {
		dir, leave, err := workIn(parent)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		return dir, leave
	}
	dead := filepath.Join(parent, hostDir+"dead")
	for _, dir := range []string{dead, filepath.Join(parent, hostDir+"other")} { // the other has no lock: it is none of ours
		if err := os.MkdirAll(filepath.Join(dir, "files"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dead, lockName), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	one, leaveOne := work()
	two, leaveTwo := work()
	there := func(want ...string) {
		t.Helper()
		slices.Sort(want)
		if got, _ := filepath.Glob(filepath.Join(parent, "*")); !slices.Equal(got, want) {
			t.Errorf("there are %q, want %q", got, want)
		}
	}
	other := filepath.Join(parent, hostDir+"other")
	there(one, two, other)
	leaveOne()
	there(two, other)
	leaveTwo()
	there(other)
}
