package host

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
	"github.com/nascent-nas/nascent/engine/enginetest/proctest"
	"github.com/nascent-nas/nascent/plugins/sdk"
)

func TestHello(t *testing.T) {
	t.Parallel()
	a := open(t, testPlugin, options(t), 2, `{"data": "d1", "quiet": true}`)
	if h := a.hello; h.Name != "testplugin" || h.Version != "3" || h.Slots != 1 || !h.Deterministic || !h.Seeded || !h.Tests ||
		h.Splits != "made up" || h.Identity != `{"data":"d1"} data d1` || len(h.Metrics) != 3 || len(h.Fingerprint) != 64 {
		t.Errorf("%+v", h)
	}
	same := open(t, testPlugin, options(t), 1, `{"quiet": false, "data": "d1"}`)
	if same.hello.Fingerprint != a.hello.Fingerprint {
		t.Error("an operational option changed the fingerprint")
	}
	other := open(t, testPlugin, options(t), 1, `{"data": "d2"}`)
	if other.hello.Fingerprint == a.hello.Fingerprint {
		t.Error("other data have the same fingerprint")
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ settings, key, text string }{
		{`{"slot": 3}`, "slot", "did you mean slots?"},
		{`{"slots": "many"}`, "slots", "whole number"},
		{`{"refuse": true}`, "refuse", "make it false"},
	} {
		t.Run(c.key, func(t *testing.T) {
			t.Parallel()
			_, err := tryOpen(t, testPlugin, options(t), 1, c.settings)
			var r *Refusal
			if !errors.As(err, &r) || r.Key != c.key || !strings.Contains(r.Text, c.text) {
				t.Fatalf("%v", err)
			}
		})
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	for _, plain := range []bool{false, true} {
		o := options(t)
		o.Plaintext = plain
		r := open(t, testPlugin, o, 2, `{"slots": 2}`)
		ok := r.run("ok")
		wantOK(t, ok)
		if ok.Result.Seconds <= 0 {
			t.Error("nobody measured the time")
		}
		if v, has := ok.Result.Metrics.Get("seconds"); !has || v != ok.Result.Seconds {
			t.Error("the metric seconds is not what was measured")
		}
		wantFailed(t, r.run("fail"), engine.Failed, "no luck today")
		wantFailed(t, r.run("invalid"), engine.Invalid, "channels are 0")
		panicked := r.run("panic")
		wantFailed(t, panicked, engine.Failed, "panic: assignment to entry in nil map (main.go:")
		if !strings.HasPrefix(panicked.Fault, "panic (main.go:") || panicked.Crashed {
			t.Errorf("%+v", panicked.Result)
		}
		wantFailed(t, r.run("gene"), engine.Failed, `no gene "nothing.here"`)
		wantFailed(t, r.run("nan"), engine.Failed, "metric accuracy is NaN")
		wantFailed(t, r.run("unknown"), engine.Failed, "metric surprise is not declared")
		wantFailed(t, r.run("missing"), engine.Failed, "metric accuracy is missing")
		wantFailed(t, r.run("output"), engine.Failed, "put large results into a file")
		wantOK(t, r.run("noise"))
		if u := r.run("burn").Result.Usage; u.CPU < 0.02 || u.Memory < 128<<20 && writable("/proc/self/clear_refs") || u.GPUMemory != 0 {
			t.Errorf("a job that used processors and memory has %+v", u)
		}
		if u := r.run("knows").Result.Usage; u != (engine.Usage{CPU: 1.5, Memory: 2, GPUMemory: 3}) {
			t.Errorf("a job that knows what it took has %+v", u)
		}
		curve := r.run("curve")
		wantOK(t, curve)
		if len(curve.Result.Curve) != 5<<10 {
			t.Errorf("the curve has %d points", len(curve.Result.Curve))
		}
		if e := r.run("returned"); e.Kind != engine.Returned || e.Reason != "no room" {
			t.Error(show(e))
		}
		// All that in one process.
		if a, b := pidOf(t, r.run("ok")), pidOf(t, ok); a != b {
			t.Error("the process was replaced")
		}
		r.close(within(t))
		log, err := os.ReadFile(filepath.Join(o.Dir, "logs", "testplugin.log"))
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"garbage before the handshake", "on stdout", "bytes more)", "assignment to entry in nil map"} {
			if !strings.Contains(string(log), want) {
				t.Errorf("the log lacks %q", want)
			}
		}
	}
}

func writable(path string) bool { return syscall.Access(path, 2) == nil }

func TestWhatAJobIsTold(t *testing.T) {
	t.Parallel()
	r := open(t, testPlugin, options(t), 1, `{}`)
	j := r.job("tree")
	j.Seed, j.Budget, j.Task, j.Tag = 1<<53-1, 2.5, engine.Score, "island 3"
	r.assign(engine.Assignment{Job: j, Attempt: 1})
	e := r.answersTo(j.ID)[j.ID]
	wantOK(t, e)
	if got, want := string(e.Result.Output), `{"do":"tree","x":1.0} do=tree x=1 9007199254740991 2.5 score island 3`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestEnvironment(t *testing.T) {
	t.Setenv("A_SECRET", "x")
	t.Setenv("A_WISH", "y")
	o := options(t)
	o.Env = []string{"A_WISH", "GIVEN=z"}
	e := open(t, testPlugin, o, 1, `{}`).run("environment")
	wantOK(t, e)
	env := strings.Split(string(e.Result.Output), "\n")
	for _, want := range []string{"A_WISH=y", "GIVEN=z", "PATH=" + os.Getenv("PATH")} {
		if !slices.Contains(env, want) {
			t.Errorf("%s is missing", want)
		}
	}
	if slices.Contains(env, "A_SECRET=x") {
		t.Error("the secret leaked")
	}
}

func TestEventsOfAJob(t *testing.T) {
	t.Parallel()
	r := open(t, testPlugin, options(t), 1, `{}`)
	j := r.job("stop")
	j.Stop = &engine.StopRule{Metric: "accuracy", Goal: engine.Maximize, Step: 3, Threshold: 0.2}
	r.assign(engine.Assignment{Job: j, Attempt: 1})
	e := r.answersTo(j.ID)[j.ID]
	wantFailed(t, e, engine.OK, "")
	if !e.Result.Stopped || len(e.Result.Curve) != 3 {
		t.Error(show(e), len(e.Result.Curve))
	}
	var kinds []engine.EventKind
	for _, e := range r.seen {
		kinds = append(kinds, e.Kind)
	}
	if want := []engine.EventKind{engine.Begun, engine.Progress, engine.Progress, engine.Progress, engine.Finished}; !slices.Equal(kinds, want) {
		t.Errorf("%v", kinds)
	}
	if r.session.Ack(j.ID, 1); r.run("ok").Kind != engine.Finished {
		t.Error("an acknowledgement did harm")
	}
}

func TestFilesAndResume(t *testing.T) {
	t.Parallel()
	r := open(t, testPlugin, options(t), 1, `{}`)
	first := r.run("files")
	wantOK(t, first)
	read := func(e engine.Event) string {
		t.Helper()
		if len(e.Result.Files) != 1 || e.Result.Files[0].Name != "checkpoint" {
			t.Fatalf("%v", e.Result.Files)
		}
		path, err := r.files.Path(e.Result.Files[0].Hash)
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	if got := read(first); got != "weights of 1" {
		t.Error(got)
	}
	j := r.job("files")
	r.assign(engine.Assignment{Job: j, Attempt: 1, Resume: first.Result.Files})
	if got := read(r.answersTo(j.ID)[j.ID]); got != "weights of 2 after weights of 1" {
		t.Error(got)
	}

	// Cancelled with save: its own next attempt goes on.
	j = r.job("save")
	r.assign(engine.Assignment{Job: j, Attempt: 1})
	r.until(j.ID, engine.Begun)
	r.session.Cancel(j.ID, 1, true)
	saved := r.until(j.ID, engine.Saved)
	if e := r.until(j.ID, engine.Returned); e.Reason != "cancelled" {
		t.Error(show(e))
	}
	again := r.job("files")
	again.ID = j.ID
	r.assign(engine.Assignment{Job: again, Attempt: 2, Resume: saved.Files, Saved: true})
	if got := read(r.answersTo(j.ID)[j.ID]); got != "weights of 3 after half of it (own)" {
		t.Error(got)
	}
	r.close(within(t))
	if left, err := filepath.Glob(filepath.Join(r.files.Temp(), "plugin-*")); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	r := open(t, testPlugin, options(t), 1, `{}`)
	id := r.submit("wait")
	r.until(id, engine.Begun)
	r.session.Cancel(id, 2, false) // another attempt: nothing
	r.session.Cancel(id, 1, false)
	if e := r.answersTo(id)[id]; e.Kind != engine.Returned {
		t.Error(show(e))
	}
	wantOK(t, r.run("ok"))
}

func TestCrash(t *testing.T) {
	t.Parallel()
	r := open(t, testPlugin, options(t), 3, `{"slots": 3}`)
	wantLost(t, r.run("crash"), true, "exit status 3; its last words: garbage before the handshake / out of cheese")
	wantLost(t, r.run("crashpanic"), true, "panic: in another goroutine")
	a, b, c := r.submit("wait"), r.submit("hang"), r.submit("crash3")
	for _, e := range r.answersTo(a, b, c) {
		if e.Kind != engine.Returned { // the end may overtake the news that it had begun
			wantLost(t, e, false, "out of cheese")
		}
	}
	wantOK(t, r.run("ok"))
}

func TestKillReturnsNeighbours(t *testing.T) {
	t.Parallel()
	r := open(t, testPlugin, options(t), 3, `{"slots": 3}`)
	a, b := r.submit("wait"), r.submit("hang")
	r.until(a, engine.Begun)
	for !slices.ContainsFunc(r.seen, func(e engine.Event) bool { return e.ID == b && e.Kind == engine.Begun }) {
		r.event()
	}
	r.session.Cancel(b, 1, false) // it does not mind
	r.session.Kill(b, 1)
	late := r.submit("ok") // comes in after the blow
	got := r.answersTo(a, b, late)
	wantLost(t, got[b], true, "killed")
	if e := got[a]; e.Kind != engine.Returned {
		t.Error(show(e))
	}
	wantOK(t, got[late])
}

func TestKillTakesTheWholeTree(t *testing.T) {
	t.Parallel()
	r := open(t, testPlugin, options(t), 1, `{}`)
	id := r.submit("forkhang")
	e := r.until(id, engine.Progress)
	r.session.Kill(id, 1)
	wantLost(t, r.answersTo(id)[id], true, "killed")
	for _, v := range e.Point.Metrics {
		proctest.Gone(t, int(v.Value))
	}
}

func TestCloseLeavesNothing(t *testing.T) {
	t.Parallel()
	r := open(t, testPlugin, options(t), 2, `{}`)
	e := r.run("fork")
	wantOK(t, e)
	var pids []int
	if err := json.Unmarshal(e.Result.Output, &pids); err != nil {
		t.Fatal(err)
	}
	wait, hang := r.submit("wait"), r.submit("hang")
	for range 2 {
		for r.event().Kind != engine.Begun {
		}
	}
	ctx, cancel := context.WithCancel(within(t))
	cancel() // no patience: by force
	rest := r.close(ctx)
	if len(rest) != 2 || rest[0].Kind != engine.Returned || rest[1].Kind != engine.Returned {
		t.Errorf("jobs %s and %s: %v", wait, hang, rest)
	}
	for _, pid := range pids {
		proctest.Gone(t, pid)
	}
	if err := r.session.Submit(engine.Assignment{Job: r.job("ok"), Attempt: 1}); err == nil {
		t.Error("a closed session takes jobs")
	}
}

func TestCloseIsPolite(t *testing.T) {
	t.Parallel()
	r := open(t, testPlugin, options(t), 1, `{}`)
	id := r.submit("wait")
	r.until(id, engine.Begun)
	rest := r.close(within(t))
	if len(rest) != 1 || rest[0].Kind != engine.Returned {
		t.Errorf("%v", rest)
	}
}

func TestIdleExit(t *testing.T) {
	t.Parallel()
	r := open(t, testPlugin, options(t), 1, `{}`)
	pid := pidOf(t, r.run("ok"))
	syscall.Kill(pid, syscall.SIGTERM)
	proctest.Gone(t, pid)
	for {
		e := r.run("ok")
		if e.Kind == engine.Returned {
			continue // sent before its end was noticed
		}
		if pidOf(t, e) == pid {
			t.Error("still the same process")
		}
		return
	}
}

func TestAlone(t *testing.T) {
	t.Parallel()
	r := open(t, testPlugin, options(t), 4, `{"slots": 4}`)
	w := r.submit("wait")
	r.until(w, engine.Begun)
	neighbour := pidOf(t, r.run("ok"))
	alone := r.job("ok")
	r.assign(engine.Assignment{Job: alone, Attempt: 1, Alone: true})
	if pid := pidOf(t, r.answersTo(alone.ID)[alone.ID]); pid == neighbour {
		t.Error("a job that must be alone shared its process")
	} else {
		proctest.Gone(t, pid)
	}
	crash := r.job("crash")
	r.assign(engine.Assignment{Job: crash, Attempt: 1, Alone: true})
	wantLost(t, r.answersTo(crash.ID)[crash.ID], true, "out of cheese")
	r.session.Cancel(w, 1, false)
	if e := r.answersTo(w)[w]; e.Kind != engine.Returned {
		t.Error("the neighbour suffered: " + show(e))
	}
}

// A process that had a job alone takes others again.
func TestAfterAlone(t *testing.T) {
	t.Parallel()
	r := open(t, testPlugin, options(t), 2, `{"slots": 2}`)
	first := pidOf(t, r.run("ok"))
	alone := r.job("ok")
	r.assign(engine.Assignment{Job: alone, Attempt: 1, Alone: true})
	if pid := pidOf(t, r.answersTo(alone.ID)[alone.ID]); pid != first {
		t.Errorf("a process without a job was not good enough for one alone")
	}
	if pid := pidOf(t, r.run("ok")); pid != first {
		t.Errorf("another process took the next job")
	}
}

func TestProcessesForWorkers(t *testing.T) {
	t.Parallel()
	r := open(t, testPlugin, options(t), 5, `{"slots": 2}`)
	for range 5 {
		r.submit("wait")
	}
	for begun := 0; begun < 5; {
		if r.event().Kind == engine.Begun {
			begun++
		}
	}
	s := r.session.(*session)
	s.mu.Lock()
	var load []int
	for _, w := range s.workers {
		load = append(load, len(w.jobs))
	}
	s.mu.Unlock()
	if !slices.Equal(load, []int{2, 2, 1}) {
		t.Errorf("5 jobs in processes of 2 slots: %v", load)
	}
}

// As many processes stay as the workers need that there are now.
func TestResize(t *testing.T) {
	t.Parallel()
	r := open(t, testPlugin, options(t), 1, `{"slots": 1}`)
	s := r.session.(*session)
	stay := func(when string, want int) {
		t.Helper()
		s.mu.Lock()
		defer s.mu.Unlock()
		n := 0
		for _, w := range s.workers {
			if !w.retired {
				n++
			}
		}
		if n != want {
			t.Errorf("%s %d processes stay", when, n)
		}
	}
	s.Resize(2)
	ids := []engine.ID{r.submit("wait"), r.submit("wait")}
	for begun := 0; begun < len(ids); {
		if r.event().Kind == engine.Begun {
			begun++
		}
	}
	for _, id := range ids {
		r.session.Cancel(id, 1, false)
	}
	r.answersTo(ids...)
	stay("with two workers", 2)
	s.Resize(1)
	stay("with one worker", 1)
	wantOK(t, r.run("ok"))
}

func TestCannotStart(t *testing.T) {
	t.Parallel()
	dead := filepath.Join(t.TempDir(), "dead")
	r := open(t, testPlugin, options(t), 1, `{"dead": "`+dead+`"}`)
	if err := os.WriteFile(dead, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	wantLost(t, r.run("crash"), true, "out of cheese")
	wantLost(t, r.run("ok"), true, "cannot find my data")
	wantLost(t, r.run("ok"), true, "cannot find my data")
	if err := os.Remove(dead); err != nil {
		t.Fatal(err)
	}
	wantOK(t, r.run("ok"))
}

func TestVersions(t *testing.T) {
	t.Parallel()
	for version, remedy := range map[string]string{"2": "update nascent", "0": "rebuild the plugin"} {
		o := options(t)
		o.Env = []string{"TESTPLUGIN=version=" + version}
		if version == "0" {
			continue // go-plugin's version 0 cannot be told from none
		}
		_, err := tryOpen(t, testPlugin, o, 1, `{}`)
		if err == nil || !strings.Contains(err.Error(), remedy) || strings.Contains(err.Error(), "\n") {
			t.Errorf("version %s: %v", version, err)
		}
	}
	o := options(t)
	o.Env = []string{"TESTPLUGIN=mute"}
	_, err := tryOpen(t, testPlugin, o, 1, `{}`)
	if err == nil || !strings.Contains(err.Error(), "exit status 7") || !strings.Contains(err.Error(), "I will not talk to you") ||
		strings.Contains(err.Error(), "\n") {
		t.Error(err)
	}
}

func TestContractBreakers(t *testing.T) {
	t.Parallel()
	o := options(t)
	o.Env = []string{"TESTPLUGIN=raw"}
	r := open(t, testPlugin, o, 1, `{}`)
	run := func(tag string) engine.Event {
		j := r.job("ok")
		j.Tag = tag
		r.assign(engine.Assignment{Job: j, Attempt: 1})
		e := r.answersTo(j.ID)[j.ID]
		if e.Result != nil { // as the search does: what numbers mean is not the wire's business
			r.hello.Judge(j.Task, e.Result)
		}
		return e
	}
	wantOK(t, run(""))
	wantFailed(t, run("nan"), engine.Failed, "metric accuracy is NaN")
	wantFailed(t, run("infinite"), engine.Failed, "metric accuracy is +Inf")
	wantFailed(t, run("status"), engine.Failed, `"excellent"`)
	wantFailed(t, run("file"), engine.Failed, "not in the plugin's own directory")
	if e := run("break"); e.Kind != engine.Returned { // it never began, in a process that began others
		t.Error(show(e))
	}
	wantLost(t, run("break"), true, "broke off the stream of jobs: context deadline exceeded")
	wantOK(t, run(""))
	begun, answered := map[engine.ID]int{}, map[engine.ID]int{}
	for _, e := range append(r.seen, r.close(within(t))...) {
		if e.Kind == engine.Begun {
			begun[e.ID]++
		}
		if answers(e) {
			answered[e.ID]++
		}
	}
	for id := range r.next {
		if answered[id+1] != 1 || begun[id+1] > 1 {
			t.Errorf("job %s began %d times and was answered %d times", id+1, begun[id+1], answered[id+1])
		}
	}
}

func TestInProcessAnswersTheSame(t *testing.T) {
	t.Parallel()
	space := onemaxSpace
	var got [2]engine.Values
	files := enginetest.Memory(t)
	for i, e := range []engine.Evaluator{
		Evaluator(onemax, options(t)),
		sdk.InProcess(sdk.EvaluatorPlugin{
			Metrics: []engine.Metric{{Name: "accuracy"}, {Name: "ones"}},
			Evaluate: func(job *sdk.Job) (sdk.Result, error) {
				ones := 0
				for k := range job.Len("bits") {
					if job.Bool("bits[" + string(rune('0'+k)) + "]") {
						ones++
					}
				}
				return sdk.Result{Metrics: sdk.Metrics{"accuracy": float64(ones) / 8, "ones": float64(ones)}}, nil
			},
		}),
	} {
		s, _, err := e.Open(within(t), engine.EvaluatorSetup{Space: space, Workers: 1, Files: files})
		if err != nil {
			t.Fatal(err)
		}
		g, err := space.Parse("bits=b01101001")
		if err != nil {
			t.Fatal(err)
		}
		r := &rig{t: t, session: s}
		r.assign(engine.Assignment{Job: &engine.Job{ID: 1, Genome: g, Seed: 1}, Attempt: 1})
		answer := r.answersTo(1)[1]
		wantOK(t, answer)
		for _, v := range answer.Result.Metrics {
			if v.Name != "seconds" {
				got[i] = append(got[i], v)
			}
		}
		r.close(within(t))
	}
	if !slices.Equal(got[0], got[1]) || len(got[0]) != 2 {
		t.Errorf("%v %v", got[0], got[1])
	}
}

func TestStoppedProcess(t *testing.T) {
	t.Parallel()
	r := open(t, testPlugin, options(t), 1, `{}`)
	pid := pidOf(t, r.run("ok"))
	proctest.Stop(t, pid)
	id := r.submit("ok")
	r.session.Kill(id, 1)
	wantLost(t, r.answersTo(id)[id], true, "killed")
	pid = pidOf(t, r.run("ok"))
	proctest.Stop(t, pid)
	ctx, cancel := context.WithCancel(within(t))
	cancel()
	r.close(ctx)
	proctest.Gone(t, pid)
}

// Not in parallel: it counts what the whole process has open.
func TestDescriptors(t *testing.T) {
	count := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	o := options(t)
	cycle := func() {
		r := open(t, testPlugin, o, 2, `{}`)
		wantLost(t, r.run("crash"), true, "out of cheese")
		wantOK(t, r.run("ok"))
		r.close(within(t))
	}
	cycle() // opens the log, and what the runtime keeps
	before := count()
	for range 5 {
		cycle()
	}
	if after := count(); after > before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}
