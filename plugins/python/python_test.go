package python

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/nascent-nas/nascent/engine/enginetest/proctest"
)

// The SDK's own tests pass on every Python from 3.9 on that is here: by pytest where
// an interpreter has it, else by unittest.
func TestSDK(t *testing.T) {
	t.Parallel()
	programs := t.TempDir() // searches that Python drives need the program
	if err := proctest.Build(programs, map[string]string{"nascent": "../../cmd/nascent"}); err != nil {
		t.Fatal(err)
	}
	where := laidOut(t)
	found := interpreters(t)
	versions := slices.Sorted(maps.Keys(found))
	for minor := 9; minor <= 14; minor++ {
		if version := fmt.Sprint("3.", minor); found[version] == nil {
			versions = append(versions, version)
		}
	}
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			python := found[version]
			if python == nil {
				t.Skipf("there is no Python %s here: put a python%s into $PATH, or let pyenv install it", version, version)
			}
			args := []string{"-W", "error", "-m", "unittest", "discover", "-s", "tests"}
			if python.pytest {
				args = []string{"-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", "tests"}
			}
			cmd := exec.Command(python.path, args...)
			cmd.Dir = where
			cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1", "NASCENT="+filepath.Join(programs, "nascent"))
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Errorf("%v\n%s", err, out)
			}
			t.Logf("%s %s\n%s", python.path, args, out)
		})
	}
}

// laidOut is a copy of this folder, whose SDK is the one that is compiled in.
func laidOut(t *testing.T) string {
	t.Helper()
	top := t.TempDir()
	dir := filepath.Join(top, "plugins", "python")
	rank, err := filepath.Abs("../../testdata/rank.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(
		os.CopyFS(dir, source), os.CopyFS(filepath.Join(dir, "tests"), os.DirFS("tests")),
		os.CopyFS(filepath.Join(dir, "examples"), os.DirFS("examples")), os.Mkdir(filepath.Join(top, "testdata"), 0o777),
		os.Symlink(rank, filepath.Join(top, "testdata", "rank.json")),
	); err != nil {
		t.Fatal(err)
	}
	return dir
}

// The SDK's types are whole, as mypy judges them strictly for Python 3.9.
func TestTypes(t *testing.T) {
	t.Parallel()
	mypy := os.Getenv("NASCENT_MYPY")
	if mypy == "" {
		var err error
		if mypy, err = exec.LookPath("mypy"); err != nil {
			t.Skip("there is no mypy here: install one that knows Python 3.9 (mypy < 1.19), and put it into $PATH or name it in $NASCENT_MYPY")
		}
	}
	cmd := exec.Command(mypy, "--strict", "--python-version", "3.9", "--cache-dir", t.TempDir(), "nascent")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// installation is a Python.
type installation struct {
	path   string
	pytest bool // it has pytest
}

// interpreters are those of $PATH and of pyenv that are recent enough, by version; of
// several with one version, one that has pytest. pyenv's shims are left out: each
// start of one costs 200 ms.
func interpreters(t *testing.T) map[string]*installation {
	t.Helper()
	if err := proctest.NeverCached(); err != nil {
		t.Fatal(err)
	}
	dirs := filepath.SplitList(os.Getenv("PATH"))
	if home, err := os.UserHomeDir(); err == nil {
		dirs = append(dirs, filepath.Join(home, ".pyenv", "versions", "3.*", "bin"))
	}
	var paths []string
	for _, dir := range dirs {
		for _, name := range []string{"python3", "python3.[0-9]", "python3.[0-9][0-9]"} {
			more, err := filepath.Glob(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			for _, path := range more {
				if filepath.Base(dir) != "shims" && !slices.Contains(paths, path) {
					paths = append(paths, path)
				}
			}
		}
	}
	found := map[string]*installation{}
	for _, path := range paths {
		out, err := exec.Command(path, "-c", "import sys, importlib.util as u; print('%d.%d' % sys.version_info[:2], sys.version_info >= "+
			"(3, 9), u.find_spec('pytest') is not None)").Output()
		said := strings.Fields(string(out))
		if err != nil || len(said) != 3 || said[1] != "True" {
			continue
		}
		if i := (&installation{path, said[2] == "True"}); found[said[0]] == nil || i.pytest && !found[said[0]].pytest {
			found[said[0]] = i
		}
	}
	return found
}

// One that is too old says so at once, in one line.
func TestTooOld(t *testing.T) {
	t.Parallel()
	home, err := os.UserHomeDir()
	if err != nil {
		t.Fatal(err)
	}
	var old []string
	for _, pattern := range []string{"2.7*", "3.[0-8].*"} {
		more, err := filepath.Glob(filepath.Join(home, ".pyenv", "versions", pattern, "bin", "python"))
		if err != nil {
			t.Fatal(err)
		}
		old = append(old, more...)
	}
	if len(old) == 0 {
		t.Skip("there is no Python older than 3.9 here: let pyenv install one")
	}
	for _, path := range old {
		cmd := exec.Command(path, "-m", "nascent", "try", "evaluate.py")
		cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.HasPrefix(string(out), "nascent needs Python 3.9 or newer, and "+path+" is Python ") ||
			strings.Count(string(out), "\n") != 1 {
			t.Errorf("%s: %v\n%s", path, err, out)
		}
	}
}

func TestUnpack(t *testing.T) {
	t.Setenv("NASCENT_CACHE", t.TempDir())
	first, err := unpack()
	if err != nil {
		t.Fatal(err)
	}
	again, err := unpack()
	if err != nil || again != first {
		t.Errorf("%s, then %s: %v", first, again, err)
	}
	for _, name := range []string{"__init__.py", "__main__.py", "py.typed"} {
		if _, err := os.Stat(filepath.Join(first, "nascent", name)); err != nil {
			t.Error(err)
		}
	}
	entries, err := os.ReadDir(filepath.Dir(first))
	if err != nil || len(entries) != 1 {
		t.Errorf("%v %v", entries, err)
	}
	// Of other versions those go that were not used for long; what is used counts as
	// new.
	long := time.Now().Add(-2 * unused)
	for name, when := range map[string]time.Time{"old": long, "young": time.Now(), filepath.Base(first): long} {
		path := filepath.Join(filepath.Dir(first), name)
		if err := os.MkdirAll(filepath.Join(path, "nascent"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, when, when); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := unpack(); err != nil {
		t.Fatal(err)
	}
	other, err := UnpackFiles("python", fstest.MapFS{"other.py": {Data: []byte("x = 1\n")}})
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	if entries, err = os.ReadDir(filepath.Dir(first)); err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		left = append(left, e.Name())
	}
	if want := []string{filepath.Base(first), filepath.Base(other), "young"}; !slices.Equal(slices.Sorted(slices.Values(want)), left) {
		t.Errorf("there are %q, want %q", left, want)
	}
	nowhere := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(nowhere, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("NASCENT_CACHE", nowhere)
	if _, err := unpack(); err == nil || !strings.Contains(err.Error(), "set $NASCENT_CACHE to a directory that can be written") {
		t.Error(err)
	}
}

// What a power cut, or somebody, left of the files is made whole again.
func TestTornCache(t *testing.T) {
	t.Setenv("NASCENT_CACHE", t.TempDir())
	dir, err := unpack()
	if err != nil {
		t.Fatal(err)
	}
	for what, harm := range map[string]func(path string) error{
		"empty":   func(path string) error { return os.Truncate(path, 0) },
		"changed": func(path string) error { return os.WriteFile(path, []byte("import os\n"), 0o600) },
		"gone":    os.Remove,
	} {
		compiled := filepath.Join(dir, "nascent", "__pycache__", "x.pyc")
		err := errors.Join(os.MkdirAll(filepath.Dir(compiled), 0o700), os.WriteFile(compiled, []byte("half"), 0o600))
		err = errors.Join(err, each(source, func(name string, _ []byte) error { return harm(filepath.Join(dir, name)) }))
		if err != nil {
			t.Fatal(err)
		}
		if again, err := unpack(); err != nil || again != dir {
			t.Fatalf("%s: %s, %v", what, again, err)
		}
		each(source, func(name string, text []byte) error {
			if b, err := os.ReadFile(filepath.Join(dir, name)); err != nil || !bytes.Equal(b, text) {
				t.Errorf("%s: %s was not mended: %v", what, name, err)
			}
			return nil
		})
		if _, err := os.Stat(compiled); err == nil {
			t.Errorf("%s: what was compiled of it is still there", what)
		}
	}
}

// What another project has installed by the name of nascent is told from what ours has.
func TestForeign(t *testing.T) {
	t.Parallel()
	prefix := t.TempDir()
	mkdir := func(parts ...string) {
		if err := os.MkdirAll(filepath.Join(append([]string{prefix}, parts...)...), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	mkdir("bin")
	python := filepath.Join(prefix, "bin", "python")
	if err := os.WriteFile(python, []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "evaluate.py")
	for _, step := range []struct{ made, want string }{
		{"", ""},
		{"nascent_nas-0.2.0.dist-info", ""},
		{"nascent-1.2.dist-info", "nascent 1.2 in "},
	} {
		mkdir("lib", "python3.12", "site-packages", step.made)
		got := Foreign(python, file)
		if got == "" != (step.want == "") || !strings.HasPrefix(got, step.want) || strings.Contains(got, "\n") {
			t.Errorf("with %s: %q, want %s", step.made, got, step.want)
		}
	}
	if got := Foreign(filepath.Join(prefix, "missing"), file); got != "" {
		t.Errorf("without an interpreter: %q", got)
	}
}

// Each place where an interpreter may be named comes before the next.
func TestInterpreter(t *testing.T) {
	dir := t.TempDir()
	program := func(path ...string) string {
		full := filepath.Join(append([]string{dir}, path...)...)
		if err := os.MkdirAll(filepath.Dir(full), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte("#!/bin/sh\necho 3.8 0\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		return full
	}
	given, named := program("given"), program("named")
	active, beside, found := program("venv", "bin", "python"), program(".venv", "bin", "python"), program("bin", "python3")
	environment := program("environment", "bin", "python3")
	nascent := filepath.Dir(environment)
	file := filepath.Join(dir, "evaluate.py")
	t.Setenv("PATH", filepath.Join(dir, "bin"))
	t.Setenv(EnvPython, named)
	t.Setenv("VIRTUAL_ENV", filepath.Join(dir, "venv"))
	want := []string{given, named, active, beside, environment, found}
	var got []string
	for _, drop := range []func(){
		func() {}, func() { t.Setenv(EnvPython, "") }, func() { t.Setenv("VIRTUAL_ENV", "") },
		func() { os.RemoveAll(filepath.Join(dir, ".venv")) }, func() { os.Remove(environment) },
	} {
		if got == nil {
			path, err := interpreter(given, file, nascent)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, path)
		}
		drop()
		path, err := interpreter("", file, nascent)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, path)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if err := TooOld(found); err == nil || !strings.Contains(err.Error(), "is Python 3.8, and 3.9 or newer is needed") {
		t.Error(err)
	}
	if path, err := Interpreter("", file); err != nil || path != found {
		t.Errorf("beside the program of this test there is %s: %v", path, err)
	}
	t.Setenv("PATH", dir)
	if _, err := Interpreter("", file); err == nil || !strings.Contains(err.Error(), "there is no python3, from $PATH: install Python 3.9 or newer") {
		t.Error(err)
	}
}
