package engine

import (
	"cmp"
	"fmt"
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
	owner      owner

	running  int // jobs that evaluators have
	failures int // failed attempts in a row
}

// owner is the loop, as the dispatcher sees it.
type owner interface {
	arrive(*entry, ResultRecord) // the job has its result
	enqueue(*entry)              // the job is to be sent out, again
	closing() bool               // jobs are being called back: how they end does not count
	fail(error)                  // the search cannot go on
	drop([]FileRef)              // nothing refers to these any more
	observe(Update)
}

// submit sends one attempt of a job to its evaluator.
func (d *dispatcher) submit(e *entry) {
	on, err := d.pool.forJob(&e.Job)
	if err != nil {
		d.owner.enqueue(e)
		d.owner.fail(err)
		return
	}
	t := e.attempts
	t.newest++
	t.late, t.ending, t.begun, t.point = false, false, time.Time{}, Point{}
	t.saved = d.stored(t.saved)
	a := Assignment{Job: &e.Job, Attempt: t.newest, Alone: t.alone, Repeat: d.trajectory.repeats(e)}
	switch {
	case len(t.saved) > 0:
		a.Resume, a.Saved = t.saved, true
	case e.Resume != 0:
		a.Resume = d.stored(d.trajectory.filesOf(e.Resume))
	}
	if e.Inherit != 0 {
		a.Inherit = d.stored(d.trajectory.filesOf(e.Inherit))
	}
	e.stage.set(running)
	t.on = on
	on.jobs[e.ID] = e
	d.running++
	if err := on.session.Submit(a); err != nil {
		d.release(e)
		d.owner.enqueue(e)
		d.owner.fail(fmt.Errorf("evaluator %s takes no more jobs: %w", on.key, err))
		return
	}
	if limit := d.cfg.Timeout; limit > 0 { // an evaluator may also swallow a job
		t.cancel = d.later(2*limit+unbegun, e, func() { d.overdue(e) })
	}
	d.owner.observe(Update{Kind: Dispatched, Job: &e.Job, Attempt: t.newest})
}

// unbegun is how long, beyond twice its time, a job with a deadline may wait
// until it begins: programs take a while to start, and one that must be alone
// waits for another.
const unbegun = time.Minute

// stored returns the files if all of them are still there, else none: a part of
// a checkpoint is no checkpoint.
func (d *dispatcher) stored(files []FileRef) []FileRef {
	for _, f := range files {
		if _, err := d.writer.ledger.Path(f.Hash); err != nil {
			return nil
		}
	}
	return files
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
	if e == nil || !e.stage.is(running) || e.attempts.on != ev.from || e.attempts.newest != ev.Attempt {
		return // of an attempt that was given up
	}
	t := e.attempts
	switch ev.Kind {
	case Begun:
		if !t.begun.IsZero() {
			return
		}
		t.begun = d.cfg.Clock.Now()
		if limit := d.cfg.Timeout; limit > 0 && !t.ending {
			t.cancel()
			t.cancel = d.later(limit, e, func() { d.overdue(e) })
		}
	case Progress:
		ev.Point.Metrics = finite(ev.Point.Metrics)
		if !isFinite(ev.Point.Step) {
			return
		}
		t.point = ev.Point
		d.owner.observe(Update{Kind: Progressed, Job: &e.Job, Attempt: t.newest, Point: ev.Point})
	case Saved:
		d.owner.drop(t.saved)
		t.saved = ev.Files
		d.record(e)
	case Finished:
		d.release(e)
		switch {
		case ev.Result == nil:
			d.failed(e, cmp.Or(d.deadline(t), "the evaluator reported an end without a result"))
		case t.late, ev.Result.Status == Failed, d.flaw(e, ev.Result) != "":
			d.owner.drop(ev.Result.Files)
			d.failed(e, cmp.Or(d.deadline(t), d.flaw(e, ev.Result), ev.Result.Reason))
		default:
			d.succeeded(e, ev.from, *ev.Result)
		}
		d.writer.after(func() { ev.from.session.Ack(ev.ID, ev.Attempt) })
	case Returned:
		d.release(e)
		switch {
		case t.late:
			d.failed(e, d.deadline(t))
		default:
			t.returned++
			d.owner.observe(Update{Kind: Retried, Job: &e.Job, Attempt: t.newest, Text: ev.Reason})
			d.retry(e, backoff(t.returned, 100*time.Millisecond))
		}
	case Lost:
		d.release(e)
		switch {
		case d.owner.closing(): // its process was ended by us
			d.owner.enqueue(e)
		case t.late:
			d.failed(e, d.deadline(t))
		case ev.Alone, t.alone:
			d.failed(e, ev.Reason)
		default: // one of several in its process did it; each is tried alone
			t.alone = true
			d.owner.observe(Update{Kind: Retried, Job: &e.Job, Attempt: t.newest, Text: ev.Reason})
			d.owner.enqueue(e)
		}
	}
}

// flaw says what is wrong with a result that claims to be one, or "": numbers
// that are none, or nothing that the search could judge by.
func (d *dispatcher) flaw(e *entry, r *Result) string {
	if r.Status == Failed {
		return ""
	}
	if r.Status != OK && r.Status != Invalid {
		return fmt.Sprintf("the evaluator answered with the unknown status %q", r.Status)
	}
	for _, m := range r.Metrics {
		if !isFinite(m.Value) {
			return fmt.Sprintf("metric %s is %v", m.Name, m.Value)
		}
	}
	if !isFinite(r.Seconds) || r.Seconds < 0 {
		return fmt.Sprintf("the result says that it took %v seconds", r.Seconds)
	}
	if len(r.Output) > maxInput {
		return fmt.Sprintf("an output of %d bytes; at most %d", len(r.Output), maxInput)
	}
	if r.Status == Invalid || r.Stopped || e.Task != Train || e.Phase == PhaseTest {
		return ""
	}
	for _, o := range d.trajectory.Plan.Objectives {
		if _, ok := r.Metrics.Get(o.Metric); !ok {
			return fmt.Sprintf("the result has no metric %s, which the search is to %s", o.Metric, o.Goal)
		}
	}
	for _, c := range d.trajectory.Plan.Constraints {
		if _, ok := r.Metrics.Get(c.Metric); !ok {
			return fmt.Sprintf("the result has no metric %s, which a constraint bounds", c.Metric)
		}
	}
	return ""
}

// later runs f in the loop after a while, unless the attempt has ended by then.
func (d *dispatcher) later(after time.Duration, e *entry, f func()) (cancel func()) {
	attempt := e.attempts.newest
	return d.timers.after(after, func() {
		if e.stage.is(running) && e.attempts.newest == attempt {
			f()
		}
	})
}

// deadline says why an attempt is late, or "" if it is not.
func (d *dispatcher) deadline(t *attempts) string {
	switch {
	case !t.late:
		return ""
	case t.begun.IsZero():
		return fmt.Sprintf("it was not begun within %s", 2*d.cfg.Timeout+unbegun)
	}
	return fmt.Sprintf("deadline of %s passed", d.cfg.Timeout)
}

// overdue ends an attempt whose deadline has passed: first it is asked to end,
// then its process is ended.
func (d *dispatcher) overdue(e *entry) {
	e.attempts.late = true
	d.end(e, false)
}

// end asks a running job to end, ends its process after the grace, and after
// another gives the attempt up: an evaluator that answers nothing must not keep
// the search waiting.
func (d *dispatcher) end(e *entry, save bool) {
	t := e.attempts
	on, attempt := t.on, t.newest
	t.ending = true
	on.session.Cancel(e.ID, attempt, save)
	if t.cancel != nil {
		t.cancel()
	}
	t.cancel = d.later(d.cfg.Grace, e, func() {
		on.session.Kill(e.ID, attempt)
		t.cancel = d.later(d.cfg.Grace, e, func() {
			d.release(e)
			d.failed(e, cmp.Or(d.deadline(t), "it was cancelled")+"; the evaluator did not answer, even when its process was to be ended")
		})
	})
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
		d.owner.enqueue(e)
	}
}

func isFinite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// finite leaves out what is no number: a curve may show how training diverged,
// but neither JSON nor a plot can.
func finite(vs Values) Values {
	if !slices.ContainsFunc(vs, func(v Value) bool { return !isFinite(v.Value) }) {
		return vs
	}
	return slices.DeleteFunc(slices.Clone(vs), func(v Value) bool { return !isFinite(v.Value) })
}

// succeeded takes a result that says something of the genome.
func (d *dispatcher) succeeded(e *entry, by *openEvaluator, r Result) {
	d.failures = 0
	if r.Status == Invalid { // whatever was measured on the way is no measure of the genome
		r.Metrics, r.Curve = nil, nil
		d.owner.drop(r.Files)
		r.Files = nil
	}
	r.Metrics = slices.Clone(r.Metrics)
	SortValues(r.Metrics)
	r.Curve = slices.DeleteFunc(slices.Clone(r.Curve), func(p Point) bool { return !isFinite(p.Step) })
	for i := range r.Curve {
		r.Curve[i].Metrics = finite(r.Curve[i].Metrics)
	}
	d.settle(e, ResultRecord{Attempt: e.attempts.newest, Attempts: e.attempts.counted + 1, Fingerprint: by.fingerprint, Result: r})
}

// settle gives a job its result. Progress that was kept for a further attempt is
// let go, and the ledger must not name it any more either.
func (d *dispatcher) settle(e *entry, r ResultRecord) {
	if t := e.attempts; len(t.saved) > 0 {
		d.owner.drop(t.saved)
		t.saved = nil
		d.record(e)
	}
	r.ID = e.ID
	d.trajectory.settle(e, r)
	d.owner.arrive(e, r)
}

// failed counts an attempt that brought nothing. The job is tried again, or
// has failed for good.
func (d *dispatcher) failed(e *entry, reason string) {
	if d.owner.closing() { // it was being ended
		d.owner.enqueue(e)
		return
	}
	t := e.attempts
	t.counted++
	t.returned = 0
	t.reason = reason
	d.trajectory.counters.Retries++
	d.writer.counters(d.trajectory.counters)
	d.failures++
	if t.counted >= d.cfg.Failures.Attempts {
		d.settle(e, ResultRecord{Attempt: t.newest, Attempts: t.counted, Result: Result{Status: Failed, Reason: reason}})
	} else {
		d.record(e)
		d.owner.observe(Update{Kind: Retried, Job: &e.Job, Attempt: t.newest, Text: reason})
		d.retry(e, backoff(t.counted, d.cfg.Failures.Backoff))
	}
	if d.failures >= d.cfg.Failures.PauseAfter && !d.owner.closing() {
		d.forgive()
		d.owner.fail(fmt.Errorf("%w: %d attempts in a row failed, the last one (candidate %s): %s; mend the cause and run the same command again",
			ErrPaused, d.failures, e.ID, reason))
	}
}

// forgive gives every unfinished job all its attempts back. A pause means that
// the cause was likely not in the genomes; when it is mended, what failed
// through it must not count.
func (d *dispatcher) forgive() {
	for e := range d.trajectory.jobs() {
		if e.attempts != nil && e.attempts.counted > 0 {
			e.attempts.counted = 0
			d.record(e)
		}
	}
}

// retry makes the job available after a while.
func (d *dispatcher) retry(e *entry, after time.Duration) {
	if d.owner.closing() {
		d.owner.enqueue(e)
		return
	}
	d.timers.after(after, func() { d.owner.enqueue(e) })
}

// backoff is how long to wait after the n-th failure: doubled each time, at most
// a minute.
func backoff(n int, first time.Duration) time.Duration {
	wait := first
	for ; n > 1 && wait < time.Minute; n-- {
		wait *= 2
	}
	return min(wait, time.Minute)
}

// record journals what is known of the attempts at a job.
func (d *dispatcher) record(e *entry) {
	t := e.attempts
	d.writer.next.Attempts = append(d.writer.next.Attempts,
		AttemptRecord{ID: e.ID, Started: t.newest, Counted: t.counted, Reason: t.reason, Saved: t.saved})
}
