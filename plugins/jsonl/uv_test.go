package jsonl

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
	"github.com/nascent-nas/nascent/engine/enginetest/proctest"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/plugins/host"
	"github.com/nascent-nas/nascent/plugins/python"
)

// fakeUV is a PATH with a uv that writes down what it was asked for and runs a
// Python which finds the module "brought".
func fakeUV(t *testing.T) (path, asked string) {
	t.Helper()
	needPython(t)
	dir, modules := t.TempDir(), t.TempDir()
	python, err := exec.Command("python3", "-c", "import sys; print(sys.executable, end='')").Output()
	if err != nil {
		t.Fatal(err)
	}
	asked = filepath.Join(dir, "asked")
	for name, text := range map[string]string{
		filepath.Join(dir, "uv"): `#!/bin/sh
printf '%s\n' "$*" >>'` + asked + `'
while [ "$1" != python ]; do shift; done
shift
PYTHONPATH="$PYTHONPATH:` + modules + `"
export PYTHONPATH
'` + string(python) + `' "$@"
exit $?
`,
		filepath.Join(modules, "brought.py"): "import os\nOWNER, TAG = os.getpid(), 'brought'\ndef value(job):\n    return OWNER\n",
	} {
		if err := os.WriteFile(name, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return dir + string(os.PathListSeparator) + os.Getenv("PATH"), asked
}

// orders are what uv was asked for, and where the script lies left out.
func orders(t *testing.T, asked, script string) []string {
	t.Helper()
	text, err := os.ReadFile(asked)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(strings.ReplaceAll(string(text), script, "FILE")), "\n")
}

// under are a search's settings with that PATH.
func under(t *testing.T, path string) host.Options {
	return host.Options{LogDir: t.TempDir(), SearchID: t.Name(), Env: []string{"PATH=" + path, "NASCENT_PYTHON="}}
}

var withUV = "run --no-project --with brought>=1 --python >=3.9 python " + strings.Join(python.Run(), " ") + " "

// uv starts an evaluator whose file says what it needs, and its fork server. What it
// is does not depend on that.
func TestUV(t *testing.T) {
	t.Parallel()
	path, asked := fakeUV(t)
	p, err := host.Find(host.KindEvaluator, "testdata/needs.py", plugins(t))
	if err != nil {
		t.Fatal(err)
	}
	plain := openRig(t, host.Evaluator(p, under(t, path)), `{}`)
	forked := openRig(t, host.Evaluator(p, under(t, path)), `{"preload": ["brought"]}`)
	imported := func(r *rig) float64 {
		e := r.answer(r.submit("good"))
		v, ok := e.Result.Metrics.Get("accuracy")
		if !ok {
			t.Fatalf("%+v %+v", e, e.Result)
		}
		return v
	}
	if imported(plain) == imported(forked) {
		t.Error("two workers have one process")
	}
	if got, want := orders(t, asked, p.Script), []string{withUV + "work FILE", withUV + "forkserver FILE brought"}; !slices.Equal(got, want) {
		t.Errorf("uv was asked for %q, want %q", got, want)
	}
	if a, b := plain.hello.Fingerprint, forked.hello.Fingerprint; a != b {
		t.Errorf("%s and %s", a, b)
	}
}

// So it does a strategy.
func TestUVStrategy(t *testing.T) {
	t.Parallel()
	path, asked := fakeUV(t)
	p, err := host.Find(host.KindStrategy, "testdata/needs.py", plugins(t))
	if err != nil {
		t.Fatal(err)
	}
	s := host.Strategy(p, under(t, path))
	setup := engine.Setup{
		Space: genome.MustParseSpace(enginetest.Numbers), Objectives: []engine.Objective{{Metric: "accuracy", Goal: engine.Maximize}},
		Fidelities: []engine.Fidelity{{Evaluator: "e", Budget: 1}}, Order: engine.Strict, Options: json.RawMessage(`{}`),
	}
	state, _, err := s.Open(t.Context(), setup)
	if err != nil {
		t.Fatal(err)
	}
	d, err := s.Step(t.Context(), state, engine.Turn{FirstID: 1, Want: 2})
	if err != nil || len(d.Proposals) != 2 || d.Proposals[0].Tag != "brought" {
		t.Errorf("%+v %v", d, err)
	}
	if got, want := orders(t, asked, p.Script), []string{withUV + "work FILE"}; !slices.Equal(got, want) {
		t.Errorf("uv was asked for %q, want %q", got, want)
	}
}

// A worker below uv ends, crashes and is replaced as others are.
func TestUVTrouble(t *testing.T) {
	t.Parallel()
	path, _ := fakeUV(t)
	text, err := os.ReadFile("testdata/trouble.py")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "trouble.py")
	if err := os.WriteFile(file, append([]byte("# /// script\n# dependencies = [\"brought\"]\n# ///\n"), text...), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := host.Find(host.KindEvaluator, file, plugins(t))
	if err != nil {
		t.Fatal(err)
	}
	r := openRig(t, host.Evaluator(p, under(t, path)), `{}`)
	good := func(after string) {
		t.Helper()
		if e := r.answer(r.submit("good")); e.Kind != engine.Finished || e.Result.Status != engine.OK {
			t.Errorf("after %s: %+v %+v", after, e, e.Result)
		}
	}
	for _, do := range []string{"sleep", "gil"} {
		id := r.submit(do)
		r.until(id, engine.Begun)
		r.session.Cancel(id, 1, false)
		if e := r.answer(id); e.Kind != engine.Returned || e.Reason != "cancelled" {
			t.Errorf("%s: %+v", do, e)
		}
		good(do)
	}
	for do, want := range map[string]string{"crash": "exit status 3; its last words: that is it",
		"segfault": "trouble.py ended with exit status 139 (signal 11, segmentation fault) in segfault (trouble.py:58)"} {
		if e := r.answer(r.submit(do)); e.Kind != engine.Finished || !strings.Contains(e.Result.Reason, want) {
			t.Errorf("%s: %+v %+v", do, e, e.Result)
		}
		good(do)
	}
	chain := pids(t, string(r.answer(r.submit("descendants")).Result.Output))
	if err := r.session.Close(t.Context()); err != nil {
		t.Error(err)
	}
	proctest.Gone(t, chain[1:]...)
}

// Without uv, what is missing is said before anything starts.
func TestWithoutUV(t *testing.T) {
	t.Parallel()
	needPython(t)
	if _, there := exec.LookPath("uv"); there == nil {
		t.Skip("there is a uv here")
	}
	_, _, err := ofFile(t, "testdata/needs.py").Open(t.Context(), engine.EvaluatorSetup{Space: troubles, Workers: 1, Options: json.RawMessage(`{"preload": ["brought"]}`)})
	if err == nil || !strings.Contains(err.Error(), "needs.py needs brought>=1, which ") ||
		!strings.Contains(err.Error(), " has not: install uv, which brings it, or run ") {
		t.Error(err)
	}
}
