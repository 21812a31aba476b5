package python

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// write makes a file of a directory and returns its path.
func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestNeedsOf(t *testing.T) {
	t.Parallel()
	block := func(lines ...string) string {
		return "#!/usr/bin/env python\n# /// script\n# " + strings.Join(lines, "\n# ") + "\n# ///\nimport nascent\n"
	}
	for text, want := range map[string]Needs{
		"import nascent\n":                    {},
		"# /// other\n# a = 1\n# ///\n":       {},
		"# /// script\n# dependencies = []\n": {}, // never closed
		block(`dependencies = ["a>=2", 'b "c"']`, `requires-python = ">=3.11" # new`): {">=3.11", []string{"a>=2", `b "c"`}},
		block(`dependencies = [`, `  "a", # for b`, `  "c[d]; python_version < '3.11'",`, `]`, ``, `[tool.uv]`, `odd = 1`): {
			"", []string{"a", "c[d]; python_version < '3.11'"}},
		strings.ReplaceAll(block(`requires-python = "~=3.9"`), "\n", "\r\n"): {Python: "~=3.9"},
		block(`dependencies = ["a"]`) + "# ///\n":                            {Dependencies: []string{"a"}},
	} {
		got, err := needsOf(write(t, t.TempDir(), "evaluate.py", text))
		if err != nil || got.Python != want.Python || !slices.Equal(got.Dependencies, want.Dependencies) {
			t.Errorf("%s: %+v %v", text, got, err)
		}
	}
	for text, want := range map[string]string{
		block(`dependencies = ["a" "b"]`):         `line 1 of it: expected a comma`,
		block(`dependencies = "a"`):               `dependencies: a is no list: write dependencies = ["numpy"]`,
		block(`dependencies = [a]`):               `line 1 of it: `,
		block(`# one`, `dependencies = ["a`):      `line 2 of it: `,
		block(`requires-python = 3.11`):           `requires-python: 3.11 is no text: put it in quotes`,
		block(`requires-python = ">=3" "<4"`):     `line 1 of it: `,
		block(`requires-python = ["3"]`):          `requires-python: [3] is no text: put it in quotes`,
		block(`dependencies = ["a", 2]`):          `dependencies: 2 is no text: put it in quotes`,
		block(`requires = ["a"]`):                 `there is no key requires: use requires-python and dependencies`,
		block(`[project]`, `dependencies = []`):   `there is no key project: use`,
		block(`numpy`):                            `line 1 of it: `,
		block(`dependencies = ["a"]`) + block(``): `there are 2 of them: leave one`,
	} {
		_, err := needsOf(write(t, t.TempDir(), "evaluate.py", text))
		if err == nil || !strings.Contains(err.Error(), "the block # /// script of evaluate.py cannot be read: "+want) && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// uv brings what a file needs, unless an interpreter is named, or nothing is needed.
func TestUV(t *testing.T) {
	dir := t.TempDir()
	plain := write(t, dir, "plain.py", "import nascent\n")
	needy := write(t, dir, "needy.py", "# /// script\n# requires-python = '>=3.9,<4'\n# dependencies = ['no-such-package>1', 'b']\n# ///\n")
	uv := write(t, dir, "uv", "")
	write(t, dir, "python3", "")
	t.Setenv("PATH", dir)
	t.Setenv(EnvPython, "")
	t.Setenv("VIRTUAL_ENV", "")
	for file, want := range map[string][]string{
		plain: {filepath.Join(dir, "python3")},
		needy: {uv, "run", "--no-project", "--with", "no-such-package>1", "--with", "b", "--python", ">=3.9,<4", "python"},
	} {
		s, err := StartFor("", file)
		if err != nil || !slices.Equal(s.Words, want) || s.UV != (file == needy) {
			t.Errorf("%s: %+v %v", file, s, err)
		}
	}
}

// Without uv an interpreter must have what a file needs, or the remedies are told.
func TestLacks(t *testing.T) {
	found := interpreters(t)
	if len(found) == 0 {
		t.Skip("there is no Python 3.9 or newer here")
	}
	version := slices.Min(slices.Collect(maps.Keys(found)))
	python := found[version].path
	dir := t.TempDir()
	needy := func(lines ...string) string {
		return write(t, dir, "needy.py", "# /// script\n# "+strings.Join(lines, "\n# ")+"\n# ///\n")
	}
	t.Setenv("PATH", "/nowhere")
	t.Setenv(EnvPython, python)
	if s, err := StartFor("", needy(`dependencies = ["json"]`, `requires-python = ">=3.9"`)); err != nil || s.UV || !slices.Equal(s.Words, []string{python}) {
		t.Errorf("%+v %v", s, err)
	}
	missing := needy(`dependencies = ["json", "no-such-package>=2", "no.such-other"]`)
	want := "needy.py needs no-such-package>=2 and no.such-other, which " + python + " has not: install uv, which brings them, or run " +
		python + " -m pip install 'no-such-package>=2' no.such-other"
	if _, err := StartFor("", missing); err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	write(t, dir, "uv", "")
	t.Setenv("PATH", dir)
	if _, err := StartFor("", missing); err == nil ||
		!strings.Contains(err.Error(), "name no interpreter (python:, $"+EnvPython+"), so that uv brings them, or run") {
		t.Error(err)
	}
	_, err := StartFor("", needy(`requires-python = ">=4"`))
	if err == nil || !strings.Contains(err.Error(), "needy.py needs Python >=4, and "+python+" is "+version) {
		t.Error(err)
	}
	t.Setenv(EnvPython, write(t, dir, "old", "#!/bin/sh\n[ \"$1\" = -c ] && echo 3.8 0\n"))
	if _, err := StartFor("", missing); err == nil || !strings.Contains(err.Error(), "is Python 3.8, and 3.9 or newer is needed") {
		t.Error(err)
	}
}
