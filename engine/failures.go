package engine

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/nascent-nas/nascent/genome"
)

// failure is why an attempt brought nothing.
type failure struct {
	reason string
	fault  string // equal for failures of one cause; "" means reason
	died   bool   // its process ended
	late   bool   // its deadline passed
}

// again tells whether the same happened before, so that trying once more would be
// in vain. A process may die of its neighbours, and time be short on a busy machine.
func (f failure) again(before failure) bool {
	return !f.died && !f.late && f.cause() == before.cause()
}

func (f failure) cause() string { return cmp.Or(f.fault, f.reason) }

// streak is what failed since something succeeded. Where much of it is different,
// the evaluator is to blame rather than the genomes.
type streak struct {
	genomes map[genome.Genome]bool
	doubted []*entry // have used up their attempts; not believed yet
}

// manyFailures is the default of FailurePolicy.PauseAfter.
const manyFailures = 12

// failed counts an attempt that brought nothing. The job is tried again, or has
// failed for good.
func (d *dispatcher) failed(e *entry, f failure) {
	if d.owner.closing() { // it was being ended
		d.enqueue(e)
		return
	}
	t := e.attempts
	final := t.counted+1 >= d.cfg.Failures.Attempts || t.counted > 0 && f.again(t.last)
	t.counted++
	t.returned = 0
	t.last = f
	if t.probe {
		if final {
			d.endProbe(&f)
		} else {
			d.again(e, f)
		}
		return
	}
	d.trajectory.counters.Retries++
	d.writer.counters(d.trajectory.counters)
	d.record(e)
	d.streak.genomes[e.Genome] = true
	if final {
		d.streak.doubted = append(d.streak.doubted, e)
	} else {
		d.owner.observe(Update{Kind: Retried, Job: &e.Job, Attempt: t.newest, Text: f.reason})
		d.again(e, f)
	}
	if n := len(d.streak.genomes); n >= cmp.Or(d.cfg.Failures.PauseAfter, manyFailures) && !d.owner.closing() {
		d.pauseFor(e)
	}
}

// again tries a job once more, after a death not at once.
func (d *dispatcher) again(e *entry, f failure) {
	wait := time.Duration(0)
	if f.died {
		wait = backoff(e.attempts.counted, d.cfg.Failures.Backoff)
	}
	d.retry(e, wait)
}

// pauseFor ends the run because too much failed, e the last.
func (d *dispatcher) pauseFor(e *entry) {
	what := fmt.Sprintf("candidate %s failed and nothing has succeeded", e.ID)
	if n := len(d.streak.genomes); n > 1 {
		what = fmt.Sprintf("%d different candidates failed and nothing succeeded in between, the last one (candidate %s)", n, e.ID)
	}
	d.pause("%s: %s; mend the cause and run the same command again, or set failures.pause_after higher if that many may fail",
		what, e.attempts.last.reason)
}

// pause ends the run because the evaluator is to blame.
func (d *dispatcher) pause(format string, args ...any) {
	d.forgive()
	d.owner.fail(fmt.Errorf("%w: "+format, append([]any{ErrPaused}, args...)...))
}

// giveUp gives a job that used up its attempts the result that it failed.
func (d *dispatcher) giveUp(e *entry) {
	if e.attempts != nil { // not cancelled meanwhile
		d.giveUpFor(e, e.attempts.last.reason)
	}
}

func (d *dispatcher) giveUpFor(e *entry, reason string) {
	t := e.attempts
	d.settle(e, ResultRecord{Attempt: t.newest, Attempts: t.counted, Result: Result{Status: Failed, Reason: reason}})
}

// trust ends a streak: something succeeded, so those that failed did so by
// themselves.
func (d *dispatcher) trust() {
	clear(d.streak.genomes)
	for _, e := range d.streak.doubted {
		d.giveUp(e)
	}
	d.streak.doubted = nil
}

// decideDoubt finds out who is to blame where the search waits for jobs in doubt and
// nothing else. What succeeded before tells, if it is run again. While nothing has
// succeeded it is the evaluator, unless more failures than these are said to be
// normal: then the oldest job is given up.
func (d *dispatcher) decideDoubt() {
	if len(d.streak.doubted) == 0 || d.running > 0 || d.resting > 0 || d.probe != nil {
		return
	}
	e := slices.MinFunc(d.streak.doubted, func(a, b *entry) int { return cmp.Compare(a.ID, b.ID) })
	switch {
	case d.beginProbe(e):
	case d.cfg.Failures.PauseAfter == 0:
		d.pauseFor(e)
	default:
		d.streak.doubted = slices.DeleteFunc(d.streak.doubted, func(x *entry) bool { return x == e })
		d.giveUp(e)
	}
}

// forgive gives every unfinished job all its attempts back. A pause means that
// the cause was likely not in the genomes; when it is mended, what failed
// through it must not count.
func (d *dispatcher) forgive() {
	d.streak.doubted = nil
	for e := range d.trajectory.jobs() {
		if e.attempts != nil && e.attempts.counted > 0 {
			e.attempts.counted = 0
			d.record(e)
		}
	}
}

// retry makes the job available after a while.
func (d *dispatcher) retry(e *entry, after time.Duration) {
	if d.owner.closing() || after == 0 {
		d.enqueue(e)
		return
	}
	d.resting++
	d.timers.after(after, func() {
		d.resting--
		d.enqueue(e)
	})
}

// enqueue makes the job available to the evaluators.
func (d *dispatcher) enqueue(e *entry) {
	switch {
	case !e.attempts.probe:
		d.owner.enqueue(e)
	case d.owner.closing():
		d.endProbe(nil)
	default:
		d.submit(e)
	}
}

// backoff is how long to wait after the n-th failure: doubled each time, up to a
// minute; a longer first wait stays as it is.
func backoff(n int, first time.Duration) time.Duration {
	wait := first
	for ; n > 1 && wait < time.Minute; n-- {
		wait = min(2*wait, time.Minute)
	}
	return wait
}
