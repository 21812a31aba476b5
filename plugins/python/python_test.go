package python

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The SDK's own tests pass on every Python from 3.9 on that is here.
func TestSDK(t *testing.T) {
	t.Parallel()
	found := interpreters(t)
	if len(found) == 0 {
		t.Skip("there is no Python 3.9 or newer here")
	}
	for version, path := range found {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(path, "-W", "error", "-m", "unittest", "discover", "-s", "tests")
			cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// interpreters are those of $PATH and of pyenv, by version.
func interpreters(t *testing.T) map[string]string {
	t.Helper()
	names := []string{"python3", "python3.9", "python3.10", "python3.11", "python3.12", "python3.13", "python3.14"}
	if home, err := os.UserHomeDir(); err == nil {
		more, err := filepath.Glob(filepath.Join(home, ".pyenv", "versions", "3.*", "bin", "python3"))
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, more...)
	}
	found := map[string]string{}
	for _, name := range names {
		path, err := exec.LookPath(name)
		if err != nil || TooOld(path) != nil {
			continue
		}
		// A shim of pyenv costs 200 ms at each start; this is the interpreter itself.
		out, err := exec.Command(path, "-c", "import sys; print('%d.%d' % sys.version_info[:2], sys.executable)").Output()
		if version, own, ok := strings.Cut(strings.TrimSpace(string(out)), " "); err == nil && ok && found[version] == "" {
			found[version] = own
		}
	}
	return found
}

func TestUnpack(t *testing.T) {
	t.Setenv("NASCENT_CACHE", t.TempDir())
	first, err := Unpack()
	if err != nil {
		t.Fatal(err)
	}
	again, err := Unpack()
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
	nowhere := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(nowhere, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("NASCENT_CACHE", nowhere)
	if _, err := Unpack(); err == nil || !strings.Contains(err.Error(), "set $NASCENT_CACHE to a directory that can be written") {
		t.Error(err)
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
	file := filepath.Join(dir, "evaluate.py")
	t.Setenv("PATH", filepath.Join(dir, "bin"))
	t.Setenv(EnvPython, named)
	t.Setenv("VIRTUAL_ENV", filepath.Join(dir, "venv"))
	want := []string{given, named, active, beside, found}
	var got []string
	for _, drop := range []func(){
		func() {}, func() { t.Setenv(EnvPython, "") }, func() { t.Setenv("VIRTUAL_ENV", "") },
		func() { os.RemoveAll(filepath.Join(dir, ".venv")) },
	} {
		if got == nil {
			path, err := Interpreter(given, file)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, path)
		}
		drop()
		path, err := Interpreter("", file)
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
	t.Setenv("PATH", dir)
	if _, err := Interpreter("", file); err == nil || !strings.Contains(err.Error(), "there is no python3, from $PATH: install Python 3.9 or newer") {
		t.Error(err)
	}
}
