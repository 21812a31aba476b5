package host

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
	"github.com/nascent-nas/nascent/engine/enginetest/proctest"
	"github.com/nascent-nas/nascent/genome"
)

// The plugins that the tests run, built once.
var (
	testPlugin Plugin
	onemax     Plugin
	built      string // the directory they lie in
)

func TestMain(m *testing.M) {
	if os.Getenv("NASCENT_TEST_HOST") != "" {
		hostToBeKilled()
	}
	os.Exit(withPlugins(m))
}

func withPlugins(m *testing.M) int {
	dir, err := os.MkdirTemp("", "host-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	built = dir
	err = proctest.Build(dir, map[string]string{"nascent-evaluator-testplugin": "../internal/testplugin"})
	if err == nil {
		err = proctest.Shipped(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if testPlugin, err = Find(KindEvaluator, "testplugin", dir); err == nil {
		onemax, err = Find(KindEvaluator, "onemax", dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	if code == 0 {
		// All sessions are closed: what still runs, leaked.
		if err := goleak.Find(
			goleak.IgnoreTopFunction("github.com/nascent-nas/nascent/plugins/host.starter"),
		); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return code
}

// patience bounds every wait for something that will come.
const patience = 5 * time.Minute

func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// space is what the test plugin reads: do says what becomes of the job.
var space = genome.MustParseSpace(`{"do": {"choice": ["ok", "wait", "crash", "crash3", "crashpanic", "hang", "panic",
	"fail", "invalid", "returned", "gene", "noise", "curve", "output", "nan", "unknown", "missing", "burn", "knows", "stop", "files",
	"save", "fork", "forkhang", "environment", "tree"]}, "x": {"float": [0, 10], "step": 0.5}}`)

// rig is an open session and what it says.
type rig struct {
	t       testing.TB
	session engine.Session
	hello   engine.Hello
	files   engine.Files
	next    engine.ID
	seen    []engine.Event
	closed  bool
}

// options for tests: their own search.
func options(t testing.TB) Options {
	return Options{Dir: t.TempDir(), SearchID: "test " + t.Name()}
}

func open(t testing.TB, p Plugin, o Options, workers int, settings string) *rig {
	t.Helper()
	r, err := tryOpen(t, p, o, workers, settings)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func tryOpen(t testing.TB, p Plugin, o Options, workers int, settings string) (*rig, error) {
	files := enginetest.Memory(t)
	r := &rig{t: t, files: files}
	var err error
	r.session, r.hello, err = Evaluator(p, o).Open(within(t), engine.EvaluatorSetup{
		Space: space, Workers: workers, Options: json.RawMessage(settings), Files: files})
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { r.close(within(t)) })
	return r, nil
}

// job makes a job whose genome says what to do.
func (r *rig) job(do string) *engine.Job {
	r.next++
	g, err := space.Parse("do=" + do + " x=1")
	if err != nil {
		r.t.Fatal(err)
	}
	return &engine.Job{ID: r.next, Phase: engine.PhaseSearch, Task: engine.Train, Genome: g, Budget: 1, Seed: uint64(r.next)}
}

func (r *rig) submit(do string) engine.ID {
	j := r.job(do)
	r.assign(engine.Assignment{Job: j, Attempt: 1})
	return j.ID
}

func (r *rig) assign(a engine.Assignment) {
	r.t.Helper()
	if err := r.session.Submit(a); err != nil {
		r.t.Fatal(err)
	}
}

// event waits for the next event.
func (r *rig) event() engine.Event {
	r.t.Helper()
	select {
	case e, ok := <-r.session.Events():
		if !ok {
			r.t.Fatal("the session is over")
		}
		r.seen = append(r.seen, e)
		return e
	case <-time.After(patience):
		r.t.Fatal("no event came")
		panic("")
	}
}

func answers(e engine.Event) bool {
	return e.Kind == engine.Finished || e.Kind == engine.Returned || e.Kind == engine.Lost
}

// until waits for an event of one kind about a job.
func (r *rig) until(id engine.ID, kind engine.EventKind) engine.Event {
	r.t.Helper()
	for {
		e := r.event()
		if e.ID != id {
			continue
		}
		if e.Kind == kind {
			return e
		}
		if answers(e) {
			r.t.Fatalf("job %s: %s", id, show(e))
		}
	}
}

// answersTo waits until all these jobs are answered.
func (r *rig) answersTo(ids ...engine.ID) map[engine.ID]engine.Event {
	r.t.Helper()
	out := map[engine.ID]engine.Event{}
	for len(out) < len(ids) {
		if e := r.event(); answers(e) {
			out[e.ID] = e
		}
	}
	return out
}

// run sends one job and waits for its answer.
func (r *rig) run(do string) engine.Event {
	r.t.Helper()
	id := r.submit(do)
	return r.answersTo(id)[id]
}

// close ends the session and returns what it still said.
func (r *rig) close(ctx context.Context) []engine.Event {
	if r.closed {
		return nil
	}
	r.closed = true
	err := make(chan error, 1)
	go func() { err <- r.session.Close(ctx) }()
	var rest []engine.Event
	for e := range r.session.Events() {
		rest = append(rest, e)
	}
	if err := <-err; err != nil {
		r.t.Error(err)
	}
	return rest
}

func show(e engine.Event) string {
	kind := map[engine.EventKind]string{engine.Begun: "begun", engine.Progress: "progress", engine.Saved: "saved",
		engine.Finished: "finished", engine.Returned: "returned", engine.Lost: "lost"}[e.Kind]
	s := fmt.Sprintf("%s (alone %v) %s", kind, e.Alone, e.Reason)
	if e.Result != nil {
		s += fmt.Sprintf(" %s %s %v", e.Result.Status, e.Result.Reason, e.Result.Metrics)
	}
	return s
}

func wantOK(t testing.TB, e engine.Event) {
	t.Helper()
	if e.Kind != engine.Finished || e.Result.Status != engine.OK {
		t.Fatalf("want a result, got %s", show(e))
	}
}

func wantFailed(t testing.TB, e engine.Event, status engine.Status, reason string) {
	t.Helper()
	if e.Kind != engine.Finished || e.Result.Status != status || !strings.Contains(e.Result.Reason, reason) {
		t.Fatalf("want %s because of %q, got %s", status, reason, show(e))
	}
	if strings.Contains(e.Result.Reason, "\n") {
		t.Errorf("the reason is not one line: %q", e.Result.Reason)
	}
}

func wantLost(t testing.TB, e engine.Event, alone bool, reason string) {
	t.Helper()
	if e.Kind != engine.Lost || e.Alone != alone || !strings.Contains(e.Reason, reason) || strings.Contains(e.Reason, "\n") {
		t.Fatalf("want lost (alone %v) because of %q, got %s", alone, reason, show(e))
	}
}

func pidOf(t testing.TB, e engine.Event) int {
	t.Helper()
	wantOK(t, e)
	pid, ok := e.Result.Metrics.Get("pid")
	if !ok {
		t.Fatal("no pid")
	}
	return int(pid)
}
