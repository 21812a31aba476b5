package torch

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/nascent-nas/nascent/engine/enginetest/proctest"
)

// interpreter is a Python that has PyTorch, or the reason why there is none.
var interpreter = sync.OnceValues(func() (python, reason string) {
	tried := []string{os.Getenv("NASCENT_PYTHON"), "python3", "/usr/bin/python3"}
	for _, name := range tried {
		if name == "" {
			continue
		}
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		if exec.Command(path, "-c", "import importlib.util, sys; sys.exit(not importlib.util.find_spec('torch'))").Run() == nil {
			return path, ""
		}
	}
	return "", "no Python here has torch; install one (Debian: python3-torch) or name it in $NASCENT_PYTHON"
})

// needTorch is a Python that has PyTorch; where there is none the test is skipped.
func needTorch(t *testing.T) string {
	t.Helper()
	python, reason := interpreter()
	if python == "" {
		t.Skip(reason)
	}
	return python
}

// runPython runs a program on the shipped package, or skips the test where there
// is no PyTorch.
func runPython(t *testing.T, args ...string) string {
	t.Helper()
	python := needTorch(t)
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	program, sdk := filepath.Join(root, "torch"), filepath.Join(root, "python")
	if err := proctest.NeverCached(); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), python, args...)
	cmd.Env = append(os.Environ(), "PYTHONPATH="+program+string(os.PathListSeparator)+sdk, "PYTHONDONTWRITEBYTECODE=1", "OMP_NUM_THREADS=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// TestPython runs the tests that are written in Python.
func TestPython(t *testing.T) {
	t.Parallel()
	t.Log(runPython(t, "-W", "error::DeprecationWarning:nascent_torch", "-m", "unittest", "discover", "-s", "testdata", "-p", "test_*.py"))
}
