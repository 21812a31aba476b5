package jsonl

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
	"github.com/nascent-nas/nascent/engine/enginetest/proctest"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/plugins/host"
	"github.com/nascent-nas/nascent/plugins/sdk"
)

func needPython(t *testing.T) {
	t.Helper()
	if path, err := exec.LookPath("python3"); err != nil {
		t.Skip("there is no python3 here")
	} else if err := exec.Command(path, "-c", "import sys; sys.exit(sys.version_info < (3, 9))").Run(); err != nil {
		t.Skip("python3 is older than 3.9")
	}
}

// plugins is a directory with this plugin, built.
func plugins(t *testing.T) string {
	t.Helper()
	dir, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

var built = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "exec-test-")
	if err != nil {
		return "", err
	}
	return dir, proctest.Shipped(dir)
})

func TestMain(m *testing.M) {
	if plugin := os.Getenv("NASCENT_TEST_CHAIN"); plugin != "" {
		fmt.Fprintln(os.Stderr, hostToBeKilled(plugin))
		os.Exit(1)
	}
	code := m.Run()
	if dir, err := built(); err == nil {
		os.RemoveAll(dir)
	}
	os.Exit(code)
}

// ofFile is an evaluator in this process with a worker in another.
func ofFile(t *testing.T, script string) engine.Evaluator {
	return served(t, &evaluator{program: program{script: script}, grace: 50 * time.Millisecond})
}

func served(t *testing.T, e *evaluator) engine.Evaluator {
	e.abandon = func(reason string) { t.Errorf("abandoned: %s", reason) }
	t.Cleanup(e.close)
	return sdk.InProcess(*e.plugin())
}

func numbers(t *testing.T) enginetest.EvaluatorOptions {
	t.Helper()
	space := genome.MustParseSpace(enginetest.Numbers)
	bad, err := space.Parse("x=1 y=0.01 n=0 b=no")
	if err != nil {
		t.Fatal(err)
	}
	return enginetest.EvaluatorOptions{
		Space: space, Invalid: []genome.Genome{bad}, Budget: 3,
		SlowOptions: json.RawMessage(`{"slow": true}`),
		Refused: []json.RawMessage{json.RawMessage(`{"slwo": true}`), json.RawMessage(`{"python": "no-such-python"}`),
			json.RawMessage(`{"start_timeout": "soon"}`), json.RawMessage(`{"start_timeout": 0}`), json.RawMessage(`{"preload": ["no_such_module"]}`)},
	}
}

func TestPythonConforms(t *testing.T) {
	t.Parallel()
	needPython(t)
	for _, name := range []string{"landscape.py", "threads.py", "batch.py"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := host.Find(host.KindEvaluator, filepath.Join("testdata", name), plugins(t))
			if err != nil {
				t.Fatal(err)
			}
			o := host.Options{LogDir: t.TempDir(), SearchID: t.Name()}
			enginetest.Evaluator(t, func() engine.Evaluator { return host.Evaluator(p, o) }, numbers(t))
		})
	}
}

// troubles is a space whose genomes say what becomes of them.
var troubles = genome.MustParseSpace(`{"do": {"choice": ["good", "scalars", "error", "nan", "text", "nothing", "leave", "crash", "segfault",
	"sleep", "gil", "stubborn", "reports", "saves", "keeps", "stops", "long", "endless",
	"daemon", "deaf", "hidden", "returns", "descendants", "orphans", "shares", "children", "loads", "keeps_loading", "leaves_file", "heavily"]}}`)

// unheard is how long nothing may be heard of a job on the slowest machine.
const unheard = 5 * time.Minute

// rig is an open session of trouble.py.
type rig struct {
	t       *testing.T
	session engine.Session
	hello   engine.Hello
	files   engine.Files
	next    engine.ID
}

func openRig(t *testing.T, e engine.Evaluator, options string) *rig {
	t.Helper()
	files := enginetest.Memory(t)
	ctx, cancel := context.WithTimeout(context.Background(), unheard)
	defer cancel()
	s, hello, err := e.Open(ctx, engine.EvaluatorSetup{Space: troubles, Workers: 1, Options: json.RawMessage(options), Files: files})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), unheard)
		defer cancel()
		s.Close(ctx)
		for range s.Events() {
		}
	})
	return &rig{t: t, session: s, hello: hello, files: files}
}

func (r *rig) submit(do string, change ...func(*engine.Assignment)) engine.ID {
	r.t.Helper()
	g, err := troubles.Parse("do=" + do)
	if err != nil {
		r.t.Fatal(err)
	}
	r.next++
	a := engine.Assignment{Job: &engine.Job{ID: r.next, Phase: engine.PhaseSearch, Task: engine.Train, Genome: g, Budget: 1}, Attempt: 1}
	for _, f := range change {
		f(&a)
	}
	if err := r.session.Submit(a); err != nil {
		r.t.Fatal(err)
	}
	return r.next
}

// until waits for an event of a job, of one of some kinds.
func (r *rig) until(id engine.ID, kinds ...engine.EventKind) engine.Event {
	r.t.Helper()
	timeout := time.After(unheard)
	for {
		select {
		case e, ok := <-r.session.Events():
			if !ok {
				r.t.Fatal("the session has ended")
			}
			for _, k := range kinds {
				if e.ID == id && e.Kind == k {
					return e
				}
			}
		case <-timeout:
			r.t.Fatalf("nothing came of job %s", id)
		}
	}
}

func (r *rig) answer(id engine.ID) engine.Event {
	r.t.Helper()
	return r.until(id, engine.Finished, engine.Returned, engine.Lost)
}

func TestPythonTrouble(t *testing.T) {
	t.Parallel()
	needPython(t)
	r := openRig(t, ofFile(t, "testdata/trouble.py"), `{}`)
	for _, c := range []struct {
		do     string
		status engine.Status
		reason string // a part of it
	}{
		{"good", engine.OK, ""},
		{"scalars", engine.OK, ""},
		{"error", engine.Failed, "IndexError: list index out of range (trouble.py:30: return values[3])"},
		{"nan", engine.Failed, "metric accuracy is nan"},
		{"text", engine.Failed, "metric accuracy is a str, not a number"},
		{"nothing", engine.Failed, "the evaluator answered with a NoneType: return a dict of metrics"},
		{"leave", engine.Failed, "SystemExit: 7"},
		{"crash", engine.Failed, "trouble.py ended with exit status 3; its last words: "},
		{"good", engine.OK, ""},
		{"error", engine.Failed, "IndexError"},
		{"segfault", engine.Failed, "trouble.py ended by signal 11 (segmentation fault) in segfault (trouble.py:55)"},
		{"error", engine.Failed, "IndexError"},
		{"daemon", engine.Failed, "trouble.py ended with exit status 4"},
		{"hidden", engine.Failed, "ValueError: nobody sees this (trouble.py:"},
		{"returns", engine.OK, "[0, 1, 5]"},
		{"deaf", engine.Failed, "trouble.py ended with exit status 1"},
		{"long", engine.OK, "rrrr"},
		{"endless", engine.Failed, "trouble.py breaks the protocol of docs/exec.md: a line has more than 16777216 bytes"},
		{"children", engine.OK, ""},
		{"good", engine.OK, ""},
	} {
		e := r.answer(r.submit(c.do))
		if e.Kind != engine.Finished || e.Result.Status != c.status || !strings.Contains(e.Result.Reason, c.reason) {
			t.Errorf("%s: %+v %+v", c.do, e, e.Result)
		} else if c.do != "error" && strings.Contains(e.Result.Reason, "IndexError") {
			t.Errorf("%s got the last words of another job: %s", c.do, e.Result.Reason)
		}
	}
}

// Workers that are forked by a fork server end, crash and are replaced like others,
// and need not import again what it has imported.
func TestPreload(t *testing.T) {
	t.Parallel()
	needPython(t)
	r := openRig(t, ofFile(t, "testdata/trouble.py"), `{"preload": ["heavy"]}`)
	imported := func() string {
		t.Helper()
		e := r.answer(r.submit("heavily"))
		if e.Kind != engine.Finished || e.Result.Status != engine.OK {
			t.Fatalf("%+v %+v", e, e.Result)
		}
		return string(e.Result.Output)
	}
	first := imported()
	for do, want := range map[string]string{
		"crash": "trouble.py ended with exit status 3; its last words: that is it", "segfault": "trouble.py ended by signal 11",
	} {
		if e := r.answer(r.submit(do)); e.Kind != engine.Finished || !strings.Contains(e.Result.Reason, want) {
			t.Errorf("%+v %+v", e, e.Result)
		}
		if now := imported(); now != first {
			t.Errorf("imported by process %s, and by %s after a %s", first, now, do)
		}
	}
	for _, do := range []string{"sleep", "gil"} {
		id := r.submit(do)
		r.until(id, engine.Begun)
		r.session.Cancel(id, 1, false)
		if e := r.answer(id); e.Kind != engine.Returned || e.Reason != "cancelled" {
			t.Errorf("%s: %+v", do, e)
		}
	}
	if now := imported(); now != first {
		t.Errorf("imported by process %s, and by %s after cancelling", first, now)
	}
	// Its children end with it, and another takes its place.
	chain := pids(t, string(r.answer(r.submit("descendants")).Result.Output))
	if err := syscall.Kill(chain[0], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	proctest.Gone(t, chain...)
	r.answer(r.submit("good"))
	if now := imported(); now == first {
		t.Error("the dead fork server still imports")
	}
}

// Whatever a job does, it ends when it is cancelled, and the next one runs.
func TestPythonCancel(t *testing.T) {
	t.Parallel()
	needPython(t)
	r := openRig(t, ofFile(t, "testdata/trouble.py"), `{}`)
	for _, do := range []string{"sleep", "reports", "gil", "stubborn"} {
		id := r.submit(do)
		first := engine.Progress
		if do == "sleep" {
			first = engine.Begun
		}
		r.until(id, first)
		r.session.Cancel(id, 1, false)
		if e := r.answer(id); e.Kind != engine.Returned || e.Reason != "cancelled" {
			t.Errorf("%s: %+v", do, e)
		}
		if e := r.answer(r.submit("good")); e.Kind != engine.Finished || e.Result.Status != engine.OK {
			t.Errorf("after %s: %+v", do, e)
		}
	}
}

func TestPythonFiles(t *testing.T) {
	t.Parallel()
	needPython(t)
	patient := &evaluator{program: program{script: "testdata/trouble.py"}, grace: time.Minute} // it has to save
	r := openRig(t, served(t, patient), `{}`)
	id := r.submit("saves")
	r.until(id, engine.Progress)
	r.session.Cancel(id, 1, true)
	saved := r.until(id, engine.Saved)
	if e := r.answer(id); e.Kind != engine.Returned {
		t.Fatalf("%+v", e)
	}
	e := r.answer(r.submit("saves", func(a *engine.Assignment) { a.Resume, a.Saved = saved.Files, true }))
	if v, _ := e.Result.Metrics.Get("accuracy"); v != 0.75 {
		t.Errorf("%+v", e.Result)
	}
	e = r.answer(r.submit("keeps"))
	if len(e.Result.Files) != 1 || e.Result.Files[0].Name != "checkpoint" || string(e.Result.Output) != "for the strategy" {
		t.Fatalf("%+v", e.Result)
	}
	path, err := r.files.Path(e.Result.Files[0].Hash)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "kept" {
		t.Errorf("%q %v", b, err)
	}
}

func TestPythonStops(t *testing.T) {
	t.Parallel()
	needPython(t)
	r := openRig(t, ofFile(t, "testdata/trouble.py"), `{}`)
	e := r.answer(r.submit("stops", func(a *engine.Assignment) {
		a.Job.Stop = &engine.StopRule{Metric: "accuracy", Goal: engine.Maximize, Step: 7, Threshold: 0.5}
	}))
	if v, _ := e.Result.Metrics.Get("accuracy"); e.Kind != engine.Finished || !e.Result.Stopped || v != 0.07 || len(e.Result.Curve) != 7 {
		t.Errorf("%+v", e.Result)
	}
}

// The forked workers of PyTorch's DataLoader work, one that is killed fails the job
// in the user's own line, and all end with a job that is cancelled, at the latest with
// the worker.
func TestDataLoader(t *testing.T) {
	t.Parallel()
	needPython(t)
	interpreter := os.Getenv("NASCENT_PYTHON")
	if interpreter == "" {
		interpreter = "/usr/bin/python3" // where Debian's python3-torch is
	}
	if exec.Command(interpreter, "-c", "import torch").Run() != nil {
		t.Skipf("%s has no torch: install python3-torch, or name another with $NASCENT_PYTHON", interpreter)
	}
	for _, preload := range []string{"", "torch.utils.data"} {
		options, err := json.Marshal(map[string]any{"python": interpreter, "preload": strings.Fields(preload)})
		if err != nil {
			t.Fatal(err)
		}
		r := openRig(t, ofFile(t, "testdata/trouble.py"), string(options))
		good := func() {
			t.Helper()
			e := r.answer(r.submit("loads"))
			if e.Kind == engine.Finished && strings.Contains(e.Result.Reason, "is killed by signal") {
				e = r.answer(r.submit("loads")) // torch has noticed late
			}
			if e.Kind != engine.Finished {
				t.Fatalf("%+v", e)
			}
			if v, _ := e.Result.Metrics.Get("accuracy"); v != 63*64/2 {
				t.Fatalf("%+v", e.Result)
			}
		}
		loading := func() (engine.ID, []int) {
			t.Helper()
			id := r.submit("keeps_loading")
			path, err := r.files.Path(r.until(id, engine.Saved).Files[0].Hash)
			if err != nil {
				t.Fatal(err)
			}
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			return id, pids(t, string(b))
		}
		good()
		id, family := loading()
		if err := syscall.Kill(family[1], syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		e := r.answer(id)
		if e.Kind != engine.Finished || !strings.Contains(e.Result.Reason, "(trouble.py:") {
			t.Errorf("%+v %+v", e, e.Result)
		}
		good()
		id, more := loading()
		r.session.Cancel(id, 1, false)
		if e := r.answer(id); e.Kind != engine.Returned || e.Reason != "cancelled" {
			t.Errorf("%+v", e)
		}
		proctest.Gone(t, more[1:]...)
		good()
		r.session.Close(t.Context())
		proctest.Gone(t, family...)
	}
}

// A crash takes the children along.
func TestPythonOrphans(t *testing.T) {
	t.Parallel()
	needPython(t)
	r := openRig(t, ofFile(t, "testdata/trouble.py"), `{}`)
	id := r.submit("orphans")
	e := r.until(id, engine.Saved)
	path, err := r.files.Path(e.Files[0].Hash)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r.answer(id)
	proctest.Gone(t, pids(t, string(b))[1:]...)
}

// Shared memory of PyTorch's goes with those that it is named after.
func TestSharedMemory(t *testing.T) {
	t.Parallel()
	needPython(t)
	if info, err := os.Stat("/dev/shm"); err != nil || !info.IsDir() {
		t.Skip("there is no /dev/shm here")
	}
	foreign := filepath.Join("/dev/shm", fmt.Sprintf("torch_%d_test", os.Getpid()))
	if err := os.WriteFile(foreign, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(foreign)
	for _, options := range []string{`{}`, `{"preload": ["heavy"]}`} {
		r := openRig(t, ofFile(t, "testdata/trouble.py"), options)
		id := r.submit("shares")
		path, err := r.files.Path(r.until(id, engine.Saved).Files[0].Hash)
		if err != nil {
			t.Fatal(err)
		}
		made, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		r.session.Cancel(id, 1, false)
		r.answer(id)
		for _, file := range strings.Fields(string(made)) {
			if _, err := os.Stat(file); err == nil {
				t.Errorf("%s: %s is left over", options, file)
				os.Remove(file)
			}
		}
	}
	if _, err := os.Stat(foreign); err != nil {
		t.Errorf("%v: it was another process's", err)
	}
}

func pids(t *testing.T, text string) (out []int) {
	t.Helper()
	for _, word := range strings.Fields(text) {
		pid, err := strconv.Atoi(word)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, pid)
	}
	if len(out) != 3 {
		t.Fatalf("%q names no three processes", text)
	}
	return out
}

// The identity follows the content of the files, not their place.
func TestPythonIdentity(t *testing.T) {
	t.Parallel()
	needPython(t)
	identity := func(helper string) string {
		dir := t.TempDir()
		for name, text := range map[string]string{
			"evaluate.py": "import nascent, helper\n@nascent.evaluator\ndef evaluate(job):\n    return {\"accuracy\": helper.value}\n",
			"helper.py":   helper,
		} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return openRig(t, ofFile(t, filepath.Join(dir, "evaluate.py")), `{}`).hello.Identity
	}
	a, b, c := identity("value = 1\n"), identity("value = 1\n"), identity("value = 2\n")
	if a != b || a == c || !strings.Contains(a, `"helper.py"`) || strings.Contains(a, os.TempDir()) {
		t.Errorf("%s\n%s\n%s", a, b, c)
	}
}

func TestPythonRefuses(t *testing.T) {
	t.Parallel()
	needPython(t)
	for text, want := range map[string]string{
		"import nascent\nimport no_such_module\n":            "own.py cannot be loaded: ModuleNotFoundError: No module named 'no_such_module' (own.py:2: import no_such_module); install it for ",
		"import nascent\ndef evaluate(job):\n  return 1 +\n": "own.py cannot be loaded: SyntaxError: invalid syntax (own.py:3)",
		"x = 1\n": "own.py marks no function with @nascent.evaluator: mark one",
		"import nascent\n@nascent.evaluator\ndef a(job): pass\n@nascent.evaluator\ndef b(job): pass\n": "own.py marks 2 functions",
		"import nascent\nnascent.evaluator(metrics=[1])(print)\n":                                      "own.py cannot be loaded: TypeError: metric 1 is declared as {}: give names, or names with maximize or minimize (own.py:2",
		"import os\nos._exit(4)\n": "own.py ended with exit status 4",
	} {
		file := filepath.Join(t.TempDir(), "own.py")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		files := enginetest.Memory(t)
		_, _, err := ofFile(t, file).Open(context.Background(), engine.EvaluatorSetup{Space: troubles, Workers: 1, Options: json.RawMessage(`{}`), Files: files})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v", text, err)
		}
	}
}
