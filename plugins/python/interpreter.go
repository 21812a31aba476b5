package python

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// EnvPython names the interpreter to use.
const EnvPython = "NASCENT_PYTHON"

// Interpreter finds the Python that runs the program at file: the one given, else
// $NASCENT_PYTHON, $VIRTUAL_ENV, a .venv beside the file, or python3 from $PATH.
// The first of these that is set or there decides.
func Interpreter(given, file string) (string, error) {
	var name, because string
	venv := filepath.Join(filepath.Dir(file), ".venv", "bin", "python")
	switch {
	case given != "":
		name, because = given, "which the search names"
	case os.Getenv(EnvPython) != "":
		name, because = os.Getenv(EnvPython), "which $"+EnvPython+" names"
	case os.Getenv("VIRTUAL_ENV") != "":
		name, because = filepath.Join(os.Getenv("VIRTUAL_ENV"), "bin", "python"), "which $VIRTUAL_ENV names"
	case exists(venv):
		name, because = venv, "which lies beside "+filepath.Base(file)
	default:
		name, because = "python3", "from $PATH"
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("there is no %s, %s: install Python 3.9 or newer, or name one with python: or $%s", name, because, EnvPython)
	}
	return path, nil
}

// TooOld says so if the interpreter at path is no Python or older than 3.9. It
// runs it, so ask only when something went wrong.
func TooOld(path string) error {
	out, err := exec.Command(path, "-c", "import sys; print('%d.%d %d' % (sys.version_info[0], sys.version_info[1], sys.version_info >= (3, 9)))").Output()
	version, recent, ok := strings.Cut(strings.TrimSpace(string(out)), " ")
	switch {
	case err != nil || !ok:
		return fmt.Errorf("%s is no Python that runs: name another with python: or $%s", path, EnvPython)
	case recent != "1":
		return fmt.Errorf("%s is Python %s, and 3.9 or newer is needed: name another with python: or $%s", path, version, EnvPython)
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
