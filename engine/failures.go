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

// failed counts an attempt that brought nothing. The job is tried again, or has
// failed for good.
func (d *dispatcher) failed(e *entry, f failure) {
	if d.owner.closing() { // it was being ended
		d.owner.enqueue(e)
		return
	}
	t := e.attempts
	final := t.counted+1 >= d.cfg.Failures.Attempts || t.counted > 0 && f.again(t.last)
	t.counted++
	t.returned = 0
	t.last = f
	d.trajectory.counters.Retries++
	d.writer.counters(d.trajectory.counters)
	d.record(e)
	d.streak.genomes[e.Genome] = true
	if final {
		d.streak.doubted = append(d.streak.doubted, e)
	} else {
		d.owner.observe(Update{Kind: Retried, Job: &e.Job, Attempt: t.newest, Text: f.reason})
		wait := time.Duration(0)
		if f.died {
			wait = backoff(t.counted, d.cfg.Failures.Backoff)
		}
		d.retry(e, wait)
	}
	if n := len(d.streak.genomes); n >= d.cfg.Failures.PauseAfter && !d.owner.closing() {
		d.forgive()
		d.owner.fail(fmt.Errorf("%w: %d different candidates failed and nothing succeeded in between, the last one "+
			"(candidate %s): %s; mend the cause and run the same command again, or raise failures.pause_after if that many may fail",
			ErrPaused, n, e.ID, f.reason))
	}
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

// yield gives up the oldest job in doubt, where the search waits for nothing else.
func (d *dispatcher) yield() {
	if len(d.streak.doubted) == 0 || d.running > 0 || d.resting > 0 {
		return
	}
	i := 0
	for k, e := range d.streak.doubted {
		if e.ID < d.streak.doubted[i].ID {
			i = k
		}
	}
	e := d.streak.doubted[i]
	d.streak.doubted = slices.Delete(d.streak.doubted, i, i+1)
	d.giveUp(e)
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
		d.owner.enqueue(e)
		return
	}
	d.resting++
	d.timers.after(after, func() {
		d.resting--
		d.owner.enqueue(e)
	})
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
