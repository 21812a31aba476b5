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

// streak is what failed since something of its kind succeeded: of the same task at the
// same fidelity, for the evaluator of another may be whole. Where much of it is
// different, the evaluator is to blame rather than the genomes.
type streak struct {
	genomes map[genome.Genome]bool
	doubted []*entry // have used up their attempts; not believed yet
	probed  bool     // people were told that others are tried
}

// streakOf is the streak of jobs like this one.
func (d *dispatcher) streakOf(e *entry) *streak {
	c := class{e.Task, e.Fidelity}
	if d.streaks[c] == nil {
		d.streaks[c] = &streak{genomes: map[genome.Genome]bool{}}
	}
	return d.streaks[c]
}

// what says what failed.
func (s *streak) what() string {
	if n := len(s.genomes); n > 1 {
		return fmt.Sprintf("%d different genomes failed and nothing succeeded in between", n)
	}
	return "a candidate failed and nothing succeeded"
}

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
	s := d.streakOf(e)
	s.genomes[e.Genome] = true
	if final {
		s.doubted = append(s.doubted, e)
	} else {
		d.owner.observe(Update{Kind: Retried, Job: &e.Job, Attempt: t.newest, Text: f.reason})
		d.again(e, f)
	}
	d.pauseAfter(s, e, f.reason)
}

// again tries a job once more, after a death not at once.
func (d *dispatcher) again(e *entry, f failure) {
	wait := time.Duration(0)
	if f.died {
		wait = backoff(e.attempts.counted, d.cfg.Failures.Backoff)
	}
	d.retry(e, wait)
}

// pauseAfter ends the run if too much failed, e the last.
func (d *dispatcher) pauseAfter(s *streak, e *entry, reason string) {
	if len(s.genomes) >= d.cfg.Failures.PauseAfter && !d.owner.closing() {
		d.pauseFor(s, e, reason)
	}
}

func (d *dispatcher) pauseFor(s *streak, e *entry, reason string) {
	last := "candidate " + e.ID.String()
	if e.attempts.probe {
		last = e.ID.String() + ", which was only to tell whether the evaluator works"
	}
	d.pause("%s, the last time (%s): %s; mend the cause and %s, or raise failures.pause_after, "+
		"which is %d, if that many may fail", s.what(), last, reason, d.cfg.Again, d.cfg.Failures.PauseAfter)
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
func (d *dispatcher) trust(s *streak) {
	clear(s.genomes)
	for _, e := range s.doubted {
		d.giveUp(e)
	}
	s.doubted, s.probed = nil, false
}

// decideDoubt finds out who is to blame where the search waits for jobs in doubt and
// nothing else. Where nothing can tell, a success in the past speaks for the evaluator.
func (d *dispatcher) decideDoubt() {
	if d.running > 0 || d.resting > 0 || d.probe != nil {
		return
	}
	var oldest *entry
	for _, s := range d.streaks {
		s.doubted = slices.DeleteFunc(s.doubted, func(e *entry) bool { return e.attempts == nil }) // cancelled meanwhile
		for _, e := range s.doubted {
			if oldest == nil || e.ID < oldest.ID {
				oldest = e
			}
		}
	}
	if oldest == nil {
		return
	}
	s := d.streakOf(oldest)
	switch {
	case d.beginProbe(oldest, s):
	case oldest.Phase == PhaseSearch && !d.succeededEver(oldest):
		d.pauseFor(s, oldest, oldest.attempts.last.reason)
	default:
		s.doubted = slices.DeleteFunc(s.doubted, func(x *entry) bool { return x == oldest })
		d.giveUp(oldest)
	}
}

// succeededEver tells whether a job of the same task and fidelity has succeeded.
func (d *dispatcher) succeededEver(x *entry) bool {
	return slices.ContainsFunc(d.trajectory.search.own, func(e *entry) bool { return e.Status == OK && e.Task == x.Task && e.Fidelity == x.Fidelity })
}

// forgive gives every unfinished job all its attempts back. A pause means that
// the cause was likely not in the genomes; when it is mended, what failed
// through it must not count.
func (d *dispatcher) forgive() {
	clear(d.streaks)
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
