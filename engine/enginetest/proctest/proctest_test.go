package proctest

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

func TestProcesses(t *testing.T) {
	t.Parallel()
	if err := NeverCached(); err != nil {
		t.Fatal(err)
	}
	path, err := exec.LookPath("sleep")
	if err != nil {
		t.Skip("there is no sleep here")
	}
	cmd := exec.Command(path, "3600")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pid := cmd.Process.Pid
	if !slices.Contains(Children(os.Getpid()), pid) {
		t.Error("a child is not listed")
	}
	if n := Kill(path + "y"); n != 0 {
		t.Errorf("%d others were killed", n)
	}
	if n := Kill(path); n != 1 {
		t.Errorf("%d were killed", n)
	}
	Gone(t, pid) // nobody has asked how
	cmd.Wait()
	Gone(t, pid)
	if slices.Contains(Children(os.Getpid()), pid) {
		t.Error("it is listed still")
	}
	file := filepath.Join(t.TempDir(), "left")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	go os.Remove(file)
	Removed(t, file)
}
