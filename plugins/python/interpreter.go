package python

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// EnvPython names the interpreter to use.
const EnvPython = "NASCENT_PYTHON"

// Start is how to start the Python that runs a program: the words before its own
// arguments.
type Start struct {
	Words []string
	UV    bool // uv brings the interpreter, and the packages that the file needs
}

// Run are the words that have an interpreter run the SDK, before the SDK's own
// arguments: what python -m nascent does, but that whatever lies in the working
// directory, be it called nascent.py or random.py, is looked for last.
func Run() []string {
	return []string{"-c", "import sys; sys.path.sort(key=lambda p: not p); from nascent.__main__ import main; sys.exit(main())"}
}

// StartFor finds the Python that runs the program at file. If the file has a block
// that says what it needs, uv brings that, unless an interpreter was named (given,
// or $NASCENT_PYTHON) or there is no uv in $PATH: then the Interpreter must have it,
// and an error tells what it lacks.
func StartFor(given, file string) (Start, error) {
	needs, err := needsOf(file)
	if err != nil {
		return Start{}, err
	}
	uv, missing := exec.LookPath("uv")
	if !needs.none() && given == "" && os.Getenv(EnvPython) == "" && missing == nil {
		words := []string{uv, "run", "--no-project"}
		for _, d := range needs.Dependencies {
			words = append(words, "--with", d)
		}
		if needs.Python != "" {
			words = append(words, "--python", needs.Python)
		}
		return Start{append(words, "python"), true}, nil
	}
	interpreter, err := Interpreter(given, file)
	if err == nil && !needs.none() {
		err = lacks(interpreter, needs, filepath.Base(file), missing == nil)
	}
	return Start{Words: []string{interpreter}}, err
}

// lacks says so if the interpreter at path has not what a file needs. There may be
// a uv that was passed over because the interpreter was named.
func lacks(path string, needs Needs, file string, uv bool) error {
	asked, err := json.Marshal(needs)
	if err != nil {
		return err
	}
	cmd := exec.Command(path, append(Run(), "needs", string(asked))...)
	if cmd.Env, err = Env(); err != nil {
		return err
	}
	out, err := cmd.Output()
	var lacking Needs
	if err == nil {
		err = json.Unmarshal(out, &lacking)
	}
	if err != nil {
		if old := TooOld(path); old != nil {
			return old
		}
		return fmt.Errorf("%s does not tell what packages it has: %w", path, err)
	}
	remedy := "install uv, which brings"
	if uv {
		remedy = "name no interpreter (python:, $" + EnvPython + "), so that uv brings"
	}
	switch {
	case lacking.Python != "":
		return fmt.Errorf("%s needs Python %s, and %s is %s: %s one, or name another with python: or $%s", file, needs.Python, path,
			lacking.Python, remedy, EnvPython)
	case len(lacking.Dependencies) > 0:
		them := "it"
		if len(lacking.Dependencies) > 1 {
			them = "them"
		}
		return fmt.Errorf("%s needs %s, which %s has not: %s %s, or run %s -m pip install %s", file,
			strings.Join(lacking.Dependencies, " and "), path,
			remedy, them, path, shellWords(lacking.Dependencies))
	}
	return nil
}

// shellWords quotes words for a shell where they need it.
func shellWords(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		if quoted[i] = w; strings.ContainsAny(w, " <>!~*;'\"()[]$&|") {
			quoted[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
	}
	return strings.Join(quoted, " ")
}

// Interpreter finds the Python that runs the program at file: the one given, else
// $NASCENT_PYTHON, $VIRTUAL_ENV, a .venv beside the file, a python3 beside nascent, as
// in an environment that nascent is installed in, or python3 from $PATH. The first of
// these that is set or there decides.
func Interpreter(given, file string) (string, error) {
	var beside string
	if self, err := os.Executable(); err == nil {
		if real, err := filepath.EvalSymlinks(self); err == nil {
			self = real
		}
		beside = filepath.Dir(self)
	}
	return interpreter(given, file, beside)
}

// interpreter is Interpreter for a nascent that lies in a directory.
func interpreter(given, file, nascent string) (string, error) {
	var name, because string
	venv, beside := filepath.Join(filepath.Dir(file), ".venv", "bin", "python"), filepath.Join(nascent, "python3")
	switch {
	case given != "":
		name, because = given, "which the search names"
	case os.Getenv(EnvPython) != "":
		name, because = os.Getenv(EnvPython), "which $"+EnvPython+" names"
	case os.Getenv("VIRTUAL_ENV") != "":
		name, because = filepath.Join(os.Getenv("VIRTUAL_ENV"), "bin", "python"), "which $VIRTUAL_ENV names"
	case exists(venv):
		name, because = venv, "which lies beside "+filepath.Base(file)
	case exists(beside):
		name, because = beside, "which lies beside nascent"
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
	out, err := exec.Command(path, "-c", "import sys; print('%d.%d %d' % (sys.version_info[0], "+
		"sys.version_info[1], sys.version_info >= (3, 9)))").Output()
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
