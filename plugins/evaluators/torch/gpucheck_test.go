package torch

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// gpucheck runs the checks for a machine with a GPU as make does.
func gpucheck(t *testing.T, python string, args ...string) (output string, err error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), python, append([]string{"-W", "ignore", "-m", "gpucheck"}, args...)...)
	cmd.Env = append(os.Environ(), "PYTHONPATH=.:../../torch:../../python", "PYTHONDONTWRITEBYTECODE=1", "CUDA_VISIBLE_DEVICES=")
	sources, _ := filepath.Glob("gpucheck/*.py")
	for _, source := range sources { // Go keeps results until a file changes that was opened
		if _, err := os.ReadFile(source); err != nil {
			t.Fatal(err)
		}
	}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// Where there is no GPU, that is said in one line and is no failure.
func TestNoGPU(t *testing.T) {
	t.Parallel()
	asked := map[string]bool{}
	for _, name := range []string{"python3", "/usr/bin/python3"} {
		python, err := exec.LookPath(name)
		if err != nil || asked[python] {
			continue
		}
		asked[python] = true
		out, err := gpucheck(t, python)
		if err != nil || strings.Count(out, "\n") != 1 || !strings.Contains(out, "no GPU here") {
			t.Errorf("%s: %v\n%s", python, err, out)
		}
	}
}

// TestRehearsal takes a processor for a GPU and runs every check, small.
func TestRehearsal(t *testing.T) {
	t.Parallel()
	python := needTorch(t)
	folder, err := built()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "gpu.md")
	out, err := gpucheck(t, python, "--device", "cpu", "--quick", "--no-build", "--bin", folder, "--out", file)
	if err != nil || !strings.Contains(out, "nothing is wrong") {
		t.Fatalf("%v\n%s", err, out)
	}
	written, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, words := range []string{
		"A rehearsal on a processor", "random networks as on a CPU", "interrupted and resumed: the same bits | yes", "memory held after each job | 0 bytes",
		"airbench94's network, one after another", "networks of MNIST-1D, packed", "side by side", "a search, twice: the same digest | yes", "darts: loss of the first epoch",
	} {
		if !strings.Contains(string(written), words) {
			t.Errorf("nothing is written of %q:\n%s", words, written)
		}
	}
}
