package engine

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"slices"
	"time"
)

// dispatcher sends jobs to evaluators and follows each attempt to its end:
// deadlines, retries, cancelling. The loop alone uses it.
type dispatcher struct {
	cfg        *Config
	trajectory *trajectory
	pool       *pool
	writer     *writer
	timers     *timers
	files      *holds
	owner      owner

	running   int // jobs that evaluators have
	resting   int // jobs that wait for a while before they are tried again
	streaks   map[class]*streak
	probe     *probe // runs, or nil
	probes    int    // of this run
	durations map[class]*durations
}

func newDispatcher(cfg *Config, t *trajectory, p *pool, w *writer, timers *timers, files *holds, o owner) *dispatcher {
	d := &dispatcher{
		cfg: cfg, trajectory: t, pool: p, writer: w, timers: timers, files: files, owner: o,
		streaks: map[class]*streak{}, durations: map[class]*durations{},
	}
	for e := range t.jobs() {
		if e.attempts != nil { // one that was in doubt when the last run ended is tried once more
			e.attempts.counted = min(e.attempts.counted, cfg.Failures.Attempts-1)
		} else if e.Status == OK && e.seconds > 0 && !t.exact {
			d.took(e, e.seconds)
		}
	}
	return d
}

// owner is the loop, as the dispatcher sees it.
type owner interface {
	arrive(*entry, ResultRecord) // the job has its result
	enqueue(*entry)              // the job is to be sent out, again
	closing() bool               // jobs are being called back: how they end does not count
	fail(error)                  // the search cannot go on
	observe(Update)
	say(format string, args ...any) // tells people something
}

// submit sends one attempt of a job to its evaluator.
func (d *dispatcher) submit(e *entry) {
	on, err := d.pool.forJob(&e.Job)
	if err != nil {
		d.owner.fail(err)
		d.enqueue(e)
		return
	}
	from, err := d.origin(e)
	if err != nil {
		d.owner.fail(err)
		d.enqueue(e)
		return
	}
	t := e.attempts
	t.newest++
	t.late, t.ending, t.slow, t.begun, t.point = "", false, false, time.Time{}, Point{}
	a := Assignment{
		Job: &e.Job, Attempt: t.newest, Alone: t.alone, Probe: t.probe, Place: e.place, Repeat: d.repeat(e),
		Resume: from.resume, Inherit: from.inherit,
	}
	if d.hasSaved(e) {
		a.Resume, a.Saved = t.saved, true
	}
	e.stage.set(running)
	t.on = on
	on.jobs[e.ID] = e
	d.running++
	if err := on.session.Submit(a); err != nil {
		d.release(e)
		d.owner.fail(fmt.Errorf("evaluator %s takes no more jobs: %w", on.key, err))
		d.enqueue(e)
		return
	}
	d.expectBegin(e)
	d.owner.observe(Update{Kind: Dispatched, Job: &e.Job, Attempt: t.newest})
}

// repeat is how many jobs with smaller ids measure the same. A probe is no new one.
func (d *dispatcher) repeat(e *entry) int {
	if e.attempts.probe {
		return e.repeat
	}
	return d.trajectory.repeats(e)
}

// origin is what a job goes on from.
type origin struct{ resume, inherit []FileRef }

// origin finds the files that a job goes on from. That they are there is part of
// what the job is, so it is an error if they are not, or not as they were.
func (d *dispatcher) origin(e *entry) (from origin, err error) {
	find := func(id ID) []FileRef {
		files := d.trajectory.filesOf(id)
		f, e2 := d.stored(files)
		switch {
		case e2 == nil:
			return files
		case d.trajectory.Plan.Rules < 1 && errors.Is(e2, fs.ErrNotExist):
			return nil // such searches collected files that jobs were to go on from
		}
		err = cmp.Or(err, fmt.Errorf("candidate %s goes on from what candidate %s left, its file %s, and that is not what it "+
			"was: %w; put files/%s back from a copy and %s, or begin a new search",
			e.ID, id, f.Name, e2, f.Hash, d.cfg.Again))
		return nil
	}
	return origin{find(e.Resume), find(e.Inherit)}, err
}

// stored returns the first file that is not stored as it was, with the reason.
func (d *dispatcher) stored(files []FileRef) (FileRef, error) {
	for _, f := range files {
		if _, err := d.writer.ledger.Path(f.Hash); err != nil {
			return f, err
		}
	}
	return FileRef{}, nil
}

// hasSaved tells whether an earlier attempt's progress is there to go on from.
// Without it an attempt takes longer and brings the same.
func (d *dispatcher) hasSaved(e *entry) bool {
	t := e.attempts
	if f, err := d.stored(t.saved); err != nil {
		d.owner.say("candidate %s begins anew: the %s that it had saved is not what it was: %v", e.ID, f.Name, err)
		d.files.drop(t.saved)
		t.saved = nil
		d.record(e)
	}
	return len(t.saved) > 0
}

// release takes a job from its evaluator.
func (d *dispatcher) release(e *entry) {
	t := e.attempts
	delete(t.on.jobs, e.ID)
	t.on = nil
	d.running--
	if t.cancel != nil {
		t.cancel()
		t.cancel = nil
	}
	e.stage.set(waiting)
}

// handle takes one report from an evaluator.
func (d *dispatcher) handle(ev sessionEvent) {
	if ev.ended {
		d.sessionEnded(ev.from)
		return
	}
	e := d.trajectory.get(ev.ID)
	if d.probe != nil && d.probe.ID == ev.ID {
		e = d.probe.entry
	}
	if e == nil || !e.stage.is(running) || e.attempts.on != ev.from || e.attempts.newest != ev.Attempt {
		d.files.discard(ev.Files) // of an attempt that was given up
		if ev.Result != nil {
			d.files.discard(ev.Result.Files)
		}
		return
	}
	t := e.attempts
	switch ev.Kind {
	case Begun:
		if !t.begun.IsZero() {
			return
		}
		t.begun = d.cfg.Clock.Now()
		d.watch(e)
	case Progress:
		ev.Point.Metrics = finite(ev.Point.Metrics)
		if !isFinite(ev.Point.Step) {
			return
		}
		t.point = ev.Point
		d.owner.observe(Update{Kind: Progressed, Job: &e.Job, Attempt: t.newest, Point: ev.Point})
	case Saved:
		d.files.hold(ev.Files)
		d.files.drop(t.saved)
		t.saved = ev.Files
		d.record(e)
	case Finished:
		d.release(e)
		d.finished(e, ev)
		d.writer.after(func() { ev.from.session.Ack(ev.ID, ev.Attempt) })
	case Returned:
		d.release(e)
		if t.late != "" || t.cancelled {
			d.nothing(e, d.elapsed(e), failure{})
			return
		}
		d.countLost(e, d.elapsed(e))
		t.returned++
		d.owner.observe(Update{Kind: Retried, Job: &e.Job, Attempt: t.newest, Text: ev.Reason})
		d.retry(e, backoff(t.returned, 100*time.Millisecond))
	case Lost:
		d.release(e)
		if d.owner.closing() || t.late != "" || t.cancelled || ev.Alone || t.alone {
			d.nothing(e, d.elapsed(e), failure{reason: ev.Reason, died: true})
			return
		}
		// One of several in its process did it; each is tried alone.
		d.countLost(e, d.elapsed(e))
		t.alone = true
		d.owner.observe(Update{Kind: Retried, Job: &e.Job, Attempt: t.newest, Text: ev.Reason})
		d.enqueue(e)
	}
}

// finished takes the result of an attempt.
func (d *dispatcher) finished(e *entry, ev sessionEvent) {
	if ev.Result == nil {
		d.nothing(e, d.elapsed(e), failure{reason: "the evaluator reported an end without a result"})
		return
	}
	r := *ev.Result
	d.judge(e, ev.from, &r)
	seconds := d.elapsed(e)
	if r.Seconds > 0 {
		seconds = r.Seconds
	}
	if r.Status != Failed && e.attempts.late == "" && !e.attempts.cancelled {
		if e.attempts.probe {
			d.files.discard(r.Files)
			d.countLost(e, seconds)
			d.endProbe(nil)
			return
		}
		d.succeeded(e, ev.from, r)
		return
	}
	d.files.discard(r.Files)
	d.nothing(e, seconds, failure{reason: r.Reason, fault: ev.Fault, died: ev.Crashed})
}

// nothing takes an attempt that brought nothing after so many seconds, because of f
// unless it was ended by us.
func (d *dispatcher) nothing(e *entry, seconds float64, f failure) {
	t := e.attempts
	d.countLost(e, seconds)
	if t.cancelled {
		d.giveUpFor(e, cancelled)
		return
	}
	if t.late != "" {
		f = failure{reason: t.late, late: true}
	}
	d.failed(e, f)
}

// countLost counts the time of an attempt that brought nothing.
func (d *dispatcher) countLost(e *entry, seconds float64) {
	if seconds <= 0 {
		return
	}
	e.lost += seconds
	if e.Phase == PhaseSearch {
		d.trajectory.counters.Lost += seconds
		d.writer.counters(d.trajectory.counters)
	}
	d.record(e)
}

// elapsed is for how many seconds the newest attempt has been running.
func (d *dispatcher) elapsed(e *entry) float64 {
	if e.attempts.begun.IsZero() {
		return 0
	}
	return max(0, d.cfg.Clock.Now().Sub(e.attempts.begun).Seconds())
}

// judge holds a result to what its evaluator declared and to what the search judges
// by.
func (d *dispatcher) judge(e *entry, by *openEvaluator, r *Result) {
	by.hello.Judge(e.Task, r)
	by.hello.judgeSeconds(r, d.elapsed(e))
	d.trajectory.complete(&e.Job, r)
}

// complete adds what is derived to a result, and holds it to what the search judges by.
func (t *trajectory) complete(j *Job, r *Result) {
	t.derived.complete(r, t.measured)
	if r.Status != OK || r.Stopped || j.Task != Train || j.Phase == PhaseTest {
		return
	}
	lacks := func(metric, use string) {
		if _, has := r.Metrics.Get(metric); r.Status == OK && !has {
			if of := t.derived.lacks(metric, r.Metrics); of != "" {
				metric, use = of, "from which "+metric+" is computed"
			}
			r.Status, r.Reason = Failed, fmt.Sprintf("the result has no metric %s, %s", metric, use)
		}
	}
	for _, o := range slices.Concat(t.Plan.Objectives, t.Plan.Ties) {
		lacks(o.Metric, "which the search is to "+string(o.Goal))
	}
	for _, c := range t.Plan.Constraints {
		lacks(c.Metric, "which a constraint bounds")
	}
}

// endAll ends every running job; their progress is kept.
func (d *dispatcher) endAll() {
	for _, x := range d.pool.open {
		for _, id := range slices.Sorted(maps.Keys(x.jobs)) {
			d.end(x.jobs[id], true)
		}
	}
}

// sessionEnded follows a session that says no more: the jobs that it had wait
// again, uncounted.
func (d *dispatcher) sessionEnded(x *openEvaluator) {
	for _, id := range slices.Sorted(maps.Keys(x.jobs)) {
		e := x.jobs[id]
		d.release(e)
		d.enqueue(e)
	}
}

func isFinite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// succeeded takes a result that says something of the genome.
func (d *dispatcher) succeeded(e *entry, by *openEvaluator, r Result) {
	d.took(e, d.elapsed(e))
	if r.Status == Invalid { // whatever was measured on the way is no measure of the genome
		r.Metrics, r.Curve = nil, nil
		d.files.discard(r.Files)
		r.Files = nil
	}
	r.Metrics = slices.Clone(r.Metrics)
	d.settle(e, ResultRecord{Attempt: e.attempts.newest, Attempts: e.attempts.counted + 1, Fingerprint: by.fingerprint, Result: r})
	d.trust(d.streakOf(e))
}

// settle gives a job its result. Progress that was kept for a further attempt is
// let go, and the ledger must not name it any more either.
func (d *dispatcher) settle(e *entry, r ResultRecord) {
	if t := e.attempts; len(t.saved) > 0 {
		d.files.drop(t.saved)
		t.saved = nil
		d.record(e)
	}
	r.ID, r.Lost = e.ID, e.lost
	d.trajectory.settle(e, r)
	d.owner.arrive(e, r)
}

// record journals what is known of the attempts at a job.
func (d *dispatcher) record(e *entry) {
	t := e.attempts
	if t.probe {
		return
	}
	d.writer.next.Attempts = append(d.writer.next.Attempts,
		AttemptRecord{ID: e.ID, Started: t.newest, Counted: t.counted, Reason: t.last.reason, Saved: t.saved, Lost: e.lost})
}
