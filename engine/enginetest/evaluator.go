package enginetest

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/network"
	"github.com/nascent-nas/nascent/genome/rng"
)

// EvaluatorOptions fit the Evaluator suite to what it checks.
type EvaluatorOptions struct {
	Space   *genome.Space     // required: genomes that the evaluator can measure
	Options json.RawMessage   // the evaluator's own options; default {}
	Refused []json.RawMessage // options that Open must refuse; default none
	Invalid []genome.Genome   // genomes that must come back as invalid
	Task    engine.Task       // of each job; default train
	Input   []byte            // of each job; default none
	Budget  float64           // of each job; default 1
	Jobs    int               // sent at once; default 8
	Workers int               // default 2
	// SlowOptions, if set, make jobs long enough (a second, say) to be
	// cancelled and killed while they run. Without them only what holds at any
	// speed is checked.
	SlowOptions json.RawMessage
	// Slow is how long a slow job would take at least if nobody stopped it:
	// a cancelled one must be back well before; default a minute.
	Slow time.Duration
	// Patience is how long the suite waits for any answer; default five minutes,
	// so that no busy machine fails it.
	Patience time.Duration
}

// Evaluator checks that what make returns keeps the contract of
// engine.Evaluator and engine.Session:
//
//   - it says who it is, and declares the metrics that it reports;
//   - every job is answered exactly once, after it has begun, whatever happens:
//     success, cancellation, kill, close;
//   - a deterministic one measures equal jobs equally, alone or beside others;
//   - killing one job leaves the session able to carry out others;
//   - after Close the channel of events is closed and jobs are refused;
//   - refusals and reasons are one line.
func Evaluator(t T, make func() engine.Evaluator, o EvaluatorOptions) {
	t.Helper()
	if o.Space == nil {
		t.Fatalf("EvaluatorOptions.Space: the suite needs a space whose genomes the evaluator can measure")
	}
	if len(o.Options) == 0 {
		o.Options = json.RawMessage("{}")
	}
	if o.Budget == 0 {
		o.Budget = 1
	}
	if o.Jobs == 0 {
		o.Jobs = 8
	}
	if o.Workers == 0 {
		o.Workers = 2
	}
	if o.Slow == 0 {
		o.Slow = time.Minute
	}
	if o.Patience == 0 {
		o.Patience = 5 * time.Minute
	}
	space, err := network.Bind(o.Space)
	if err != nil {
		t.Fatalf("EvaluatorOptions.Space: %v", err)
	}
	o.Space = space
	sub(t, "jobs", func(t T) { checkJobs(t, make, o) })
	sub(t, "invalid genomes", func(t T) { checkInvalid(t, make, o) })
	sub(t, "cancel and kill", func(t T) { checkEnding(t, make, o) })
	sub(t, "close", func(t T) { checkClose(t, make, o) })
	sub(t, "options", func(t T) {
		for _, options := range o.Refused {
			s, _, err := make().Open(context.Background(), o.setup(t, options))
			if err == nil {
				t.Errorf("Open takes the options %s; it must refuse them, saying what is wrong", options)
				end(t, s, o)
				continue
			}
			oneLine(t, "a refusal by Open", err)
		}
	})
}

func (o EvaluatorOptions) setup(t T, options json.RawMessage) engine.EvaluatorSetup {
	t.Helper()
	led := engine.Memory()
	t.Cleanup(func() {
		// A job that Close gave up on may be writing still.
		if err := led.Close(); err != nil {
			t.Logf("some files stay behind: %v", err)
		}
	})
	return engine.EvaluatorSetup{Space: o.Space, Workers: o.Workers, Options: options, Files: led}
}

// job makes the n-th job of the suite.
func (o EvaluatorOptions) job(t T, n int) *engine.Job {
	t.Helper()
	g, err := o.Space.Random(newRand("evaluator", uint64(n)))
	if err != nil {
		t.Fatalf("no genome of the space: %v", err)
	}
	return &engine.Job{
		ID: engine.ID(n), Phase: engine.PhaseSearch, Task: cmp.Or(o.Task, engine.Train), Input: o.Input, Genome: g,
		Operator: engine.OpRandom,
		Budget:   o.Budget, Seed: rng.Derive(3, "job", uint64(n)),
	}
}

// desk keeps the books of one session.
type desk struct {
	t       T
	o       EvaluatorOptions
	files   engine.Files
	session engine.Session
	hello   engine.Hello
	sent    map[ticket]*engine.Assignment
	begun   map[ticket]bool
	answers map[ticket]engine.Event
	closed  bool // the channel of events
}

type ticket struct {
	id      engine.ID
	attempt int
}

// start opens a session that is closed at the end of the test.
func start(t T, e engine.Evaluator, o EvaluatorOptions, options json.RawMessage) *desk {
	t.Helper()
	if e == nil {
		t.Fatalf("there is no evaluator to check")
	}
	ctx, cancel := context.WithTimeout(context.Background(), o.Patience)
	defer cancel()
	setup := o.setup(t, options)
	s, hello, err := e.Open(ctx, setup)
	if err != nil {
		oneLine(t, "a refusal by Open", err)
		t.Fatalf("Open: %v", err)
	}
	d := &desk{
		t: t, o: o, files: setup.Files, session: s, hello: hello,
		sent: map[ticket]*engine.Assignment{}, begun: map[ticket]bool{}, answers: map[ticket]engine.Event{},
	}
	t.Cleanup(func() { end(t, s, o) })
	return d
}

func end(t T, s engine.Session, o EvaluatorOptions) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), o.Patience)
	defer cancel()
	if err := s.Close(ctx); err != nil {
		t.Errorf("Close: %v", err)
	}
}

func (d *desk) submit(a engine.Assignment) ticket {
	d.t.Helper()
	k := ticket{a.Job.ID, a.Attempt}
	d.sent[k] = &a
	if err := d.session.Submit(a); err != nil {
		d.t.Fatalf("Submit: %v", err)
	}
	return k
}

// read takes one event in and checks that it may come now. It returns false
// when the channel is closed.
func (d *desk) read() bool {
	d.t.Helper()
	timeout := time.NewTimer(d.o.Patience)
	defer timeout.Stop()
	var e engine.Event
	select {
	case ev, ok := <-d.session.Events():
		if !ok {
			d.closed = true
			return false
		}
		e = ev
	case <-timeout.C:
		var open []string
		for k := range d.sent {
			if _, done := d.answers[k]; !done {
				open = append(open, fmt.Sprintf("%s (attempt %d)", k.id, k.attempt))
			}
		}
		slices.Sort(open)
		d.t.Fatalf("nothing came for %v; without an answer are %s", d.o.Patience, strings.Join(open, ", "))
	}
	if e.Kind == engine.Capacity {
		if e.ID != 0 || e.Slots < 0 {
			d.t.Errorf("its capacity is of no job and not negative; this is %d slots of job %s", e.Slots, e.ID)
		}
		return true
	}
	k := ticket{e.ID, e.Attempt}
	a, known := d.sent[k]
	if !known {
		d.t.Errorf("an event about job %s, attempt %d, which was not submitted", e.ID, e.Attempt)
		return true
	}
	if earlier, done := d.answers[k]; done {
		d.t.Errorf("job %s: an event of kind %d after the one of kind %d that had to be the last", e.ID, e.Kind, earlier.Kind)
		return true
	}
	switch e.Kind {
	case engine.Begun:
		if d.begun[k] {
			d.t.Errorf("job %s: has begun twice", e.ID)
		}
		d.begun[k] = true
	case engine.Progress, engine.Saved:
		if !d.begun[k] {
			d.t.Errorf("job %s: an event of kind %d before it has begun", e.ID, e.Kind)
		}
	case engine.Finished:
		if !d.begun[k] {
			d.t.Errorf("job %s: finished and had not begun", e.ID)
		}
		if e.Result == nil {
			d.t.Errorf("job %s: finished without a result", e.ID)
		} else {
			d.result(a.Job, e.Result)
		}
		d.answers[k] = e
		d.session.Ack(e.ID, e.Attempt)
	case engine.Returned, engine.Lost:
		if strings.ContainsAny(e.Reason, "\r\n") {
			d.t.Errorf("job %s: a reason is one line; this is %q", e.ID, e.Reason)
		}
		d.answers[k] = e
	default:
		d.t.Errorf("job %s: an event of unknown kind %d", e.ID, e.Kind)
	}
	return true
}

// result checks the form of a result.
func (d *desk) result(j *engine.Job, r *engine.Result) {
	d.t.Helper()
	judged := *r
	if d.hello.Judge(j.Task, &judged); judged.Status != r.Status {
		d.t.Errorf("job %s: a search takes this result for %s: %s", j.ID, judged.Status, judged.Reason)
	}
	if r.Status != engine.OK && (r.Reason == "" || strings.ContainsAny(r.Reason, "\r\n")) {
		d.t.Errorf("job %s: %s with the reason %q; a reason is one line", j.ID, r.Status, r.Reason)
	}
	last := ""
	for _, v := range r.Metrics {
		if v.Name <= last {
			d.t.Errorf("job %s: metric %q after %q; they are sorted by name, each once", j.ID, v.Name, last)
		}
		last = v.Name
	}
	step := math.Inf(-1)
	for _, p := range r.Curve {
		if p.Step < step || math.IsNaN(p.Step) {
			d.t.Errorf("job %s: its curve goes back from step %v to %v", j.ID, step, p.Step)
			break
		}
		step = p.Step
	}
	for _, f := range r.Files {
		path, err := d.files.Path(f.Hash)
		if err != nil {
			d.t.Errorf("job %s: its file %s is not in the store: %v", j.ID, f.Name, err)
			continue
		}
		if info, err := os.Stat(path); err != nil || info.Size() != f.Size {
			d.t.Errorf("job %s: its file %s should have %d bytes (%v)", j.ID, f.Name, f.Size, err)
		}
	}
}

// until reads events until all of these jobs are answered.
func (d *desk) until(keys ...ticket) {
	d.t.Helper()
	for slices.ContainsFunc(keys, func(k ticket) bool { _, done := d.answers[k]; return !done }) {
		if !d.read() {
			d.t.Fatalf("the channel of events was closed before every job was answered")
		}
	}
}

// untilBegun reads events until the job has begun or was answered.
func (d *desk) untilBegun(k ticket) {
	d.t.Helper()
	for !d.begun[k] {
		if _, done := d.answers[k]; done {
			return
		}
		if !d.read() {
			d.t.Fatalf("the channel of events was closed before every job was answered")
		}
	}
}

// exact is the part of a result that is a function of the job.
func (d *desk) exact(r *engine.Result) string {
	measured := func(name string) bool {
		if i := slices.IndexFunc(d.hello.Metrics, func(m engine.Metric) bool { return m.Name == name }); i >= 0 {
			return d.hello.Metrics[i].Measured
		}
		return name == "seconds"
	}
	strip := func(vs engine.Values) (out []string) {
		for _, v := range vs {
			if !measured(v.Name) {
				out = append(out, fmt.Sprintf("%s=%x", v.Name, math.Float64bits(v.Value)))
			}
		}
		return out
	}
	text := fmt.Sprint(r.Status, r.Stopped, strip(r.Metrics))
	for _, p := range r.Curve {
		text += fmt.Sprint(p.Step, strip(p.Metrics))
	}
	return text
}

func checkJobs(t T, make func() engine.Evaluator, o EvaluatorOptions) {
	t.Helper()
	d := start(t, make(), o, o.Options)
	if h := d.hello; h.Name == "" || h.Slots < 1 || len(h.Metrics) == 0 {
		t.Errorf("the hello %+v lacks a name, slots or metrics", h)
	}
	var keys []ticket
	for n := 1; n <= o.Jobs; n++ {
		keys = append(keys, d.submit(engine.Assignment{Job: o.job(t, n), Attempt: 1}))
	}
	d.until(keys...)
	ok := 0
	for _, k := range keys {
		e := d.answers[k]
		switch {
		case e.Kind == engine.Lost:
			t.Errorf("job %s was lost: %s", k.id, e.Reason)
		case e.Kind == engine.Finished && e.Result != nil && e.Result.Status == engine.Failed:
			t.Errorf("job %s failed: %s", k.id, e.Result.Reason)
		case e.Kind == engine.Finished && e.Result != nil && e.Result.Status == engine.OK:
			ok++
		}
	}
	if ok == 0 {
		t.Errorf("not one of %d jobs was measured; EvaluatorOptions.Space should have genomes that can be", o.Jobs)
	}
	if !d.hello.Deterministic || t.Failed() {
		return
	}
	// Once more, each alone, the last first; and in another process.
	other := start(t, make(), o, o.Options)
	for i := len(keys) - 1; i >= 0; i-- {
		for _, d2 := range []*desk{d, other} {
			k := d2.submit(engine.Assignment{Job: o.job(t, int(keys[i].id)), Attempt: 2, Alone: i%2 == 0})
			d2.until(k)
			a, b := d.answers[keys[i]], d2.answers[k]
			if a.Kind != engine.Finished || b.Kind != engine.Finished || a.Result == nil || b.Result == nil {
				continue
			}
			if x, y := d.exact(a.Result), d.exact(b.Result); x != y {
				t.Errorf("job %s: measured again, the same job gives another result (the evaluator says that it is "+
					"deterministic): %s and then %s", k.id, x, y)
				return
			}
		}
	}
}

func checkInvalid(t T, make func() engine.Evaluator, o EvaluatorOptions) {
	t.Helper()
	if len(o.Invalid) == 0 {
		t.Logf("EvaluatorOptions.Invalid names no genome to check")
		return
	}
	d := start(t, make(), o, o.Options)
	for i, g := range o.Invalid {
		j := o.job(t, i+1)
		j.Genome = g
		k := d.submit(engine.Assignment{Job: j, Attempt: 1})
		d.until(k)
		if e := d.answers[k]; e.Kind != engine.Finished || e.Result == nil || e.Result.Status != engine.Invalid {
			t.Errorf("%s must be invalid; the answer was of kind %d, %+v", g.Text(), e.Kind, e.Result)
		}
	}
}

func checkEnding(t T, make func() engine.Evaluator, o EvaluatorOptions) {
	t.Helper()
	options := o.Options
	if len(o.SlowOptions) > 0 {
		options = o.SlowOptions
	}
	d := start(t, make(), o, options)
	n := 0
	send := func() ticket {
		n++
		return d.submit(engine.Assignment{Job: o.job(t, n), Attempt: 1})
	}
	// Nothing of the kind is on board: nothing happens.
	d.session.Cancel(1<<40, 1, false)
	d.session.Kill(1<<40, 1)
	d.session.Ack(1<<40, 1)

	cancel := func(k ticket, what string, save bool) {
		begin := time.Now()
		d.session.Cancel(k.id, k.attempt, save)
		d.session.Cancel(k.id, k.attempt, save) // twice is once
		d.until(k)
		if e := d.answers[k]; e.Kind == engine.Lost {
			t.Errorf("job %s was lost when it was cancelled %s: %s", k.id, what, e.Reason)
		}
		if took := time.Since(begin); len(o.SlowOptions) > 0 && took > o.Slow/2 {
			t.Errorf("job %s went on for %v after it was cancelled %s", k.id, took, what)
		}
	}
	k := send()
	d.untilBegun(k)
	cancel(k, "while it ran", false)
	cancel(send(), "at once", false)
	k = send()
	d.untilBegun(k)
	cancel(k, "with its progress to be saved", true)

	victim, neighbour := send(), send()
	d.untilBegun(victim)
	d.session.Kill(victim.id, victim.attempt)
	if len(o.SlowOptions) > 0 {
		d.until(victim)
		d.session.Cancel(neighbour.id, neighbour.attempt, false)
	}
	d.until(victim, neighbour)
	if e := d.answers[neighbour]; e.Kind == engine.Lost && e.Alone {
		t.Errorf("job %s was killed beside another and counts as lost alone", neighbour.id)
	}
	// The session goes on.
	k = send()
	if len(o.SlowOptions) > 0 {
		d.untilBegun(k)
		d.session.Cancel(k.id, k.attempt, false)
	}
	d.until(k)
	if len(o.SlowOptions) == 0 && d.answers[k].Kind == engine.Lost {
		t.Errorf("job %s, submitted after a kill, was lost: %s", k.id, d.answers[k].Reason)
	}
}

func checkClose(t T, make func() engine.Evaluator, o EvaluatorOptions) {
	t.Helper()
	for _, forced := range []bool{false, true} {
		options := o.Options
		if len(o.SlowOptions) > 0 {
			options = o.SlowOptions
		}
		d := start(t, make(), o, options)
		d.submit(engine.Assignment{Job: o.job(t, 1), Attempt: 1})
		d.untilBegun(ticket{1, 1})
		for n := range o.Workers {
			d.submit(engine.Assignment{Job: o.job(t, n+2), Attempt: 1})
		}
		ctx, cancel := context.WithTimeout(context.Background(), o.Slow/2)
		if forced {
			cancel()
		}
		ended := beside(func() error { return d.session.Close(ctx) })
		for d.read() {
		}
		select {
		case err := <-ended:
			if err != nil && !forced {
				t.Errorf("Close: %v", err)
			}
		case <-time.After(o.Patience):
			t.Fatalf("Close did not return within %v", o.Patience)
		}
		cancel()
		if !forced {
			for k := range d.sent {
				if _, done := d.answers[k]; !done {
					t.Errorf("job %s was not answered before the channel of events was closed", k.id)
				}
			}
		}
		if err := d.session.Submit(engine.Assignment{Job: o.job(t, 99), Attempt: 1}); err == nil {
			t.Errorf("Submit takes a job after Close; it must refuse")
		}
		d.session.Cancel(1, 1, false)
		d.session.Kill(1, 1)
		d.session.Ack(1, 1)
	}
}

// beside runs f beside the caller and delivers what it returns.
func beside(f func() error) <-chan error {
	c := make(chan error, 1)
	go func() { c <- f() }()
	return c
}
