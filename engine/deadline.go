package engine

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// AutoTimeout as Config.Timeout gives each attempt 20 times the median that jobs of
// its fidelity took, at least a minute, once ten of them are back.
const AutoTimeout time.Duration = -1

// Deadlines run from the moment when a job began. They decide whether an attempt
// counts as failed, never what it measures.
const (
	unbegun     = time.Minute     // beyond twice its time a job may wait until it begins: programs start, and may have to be alone
	autoFactor  = 20              // of the median, for AutoTimeout
	autoLeast   = time.Minute     // for AutoTimeout
	autoKnown   = 10              // jobs that must be back before AutoTimeout ends any
	slowFactor  = 10              // of the median: people are told
	slowLeast   = 5 * time.Second // but not before
	slowUnknown = 5 * time.Minute // where the median is not known yet
	slowKnown   = 3               // jobs that must be back for that
	asleep      = time.Second     // a timer that rings so much later tells that this process was stopped, or the machine
	remembered  = 100             // of so many jobs the median is known
)

// class is what jobs are alike in that take about the same time.
type class struct {
	task     Task
	fidelity int
}

// durations are how long the newest jobs of a class took.
type durations struct {
	last  []time.Duration
	count int
}

func (d *durations) add(x time.Duration) {
	if len(d.last) < remembered {
		d.last = append(d.last, x)
	} else {
		d.last[d.count%remembered] = x
	}
	d.count++
}

// median is 0 where nothing is known.
func (d *durations) median() time.Duration {
	if d == nil || len(d.last) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(d.last))
	return sorted[len(sorted)/2]
}

func (d *durations) known() int {
	if d == nil {
		return 0
	}
	return d.count
}

// took remembers how long a job took.
func (d *dispatcher) took(e *entry, seconds float64) {
	c := class{e.Task, e.Fidelity}
	if d.durations[c] == nil {
		d.durations[c] = &durations{}
	}
	d.durations[c].add(time.Duration(min(seconds, 1e9) * float64(time.Second)))
}

// limit is how long an attempt may take now; 0 means for ever.
func (d *dispatcher) limit(e *entry) time.Duration {
	if d.cfg.Timeout != AutoTimeout {
		return d.cfg.Timeout
	}
	of := d.durations[class{e.Task, e.Fidelity}]
	if of.known() < autoKnown {
		return 0
	}
	return max(autoLeast, autoFactor*of.median())
}

// noticed is after how long people are told that an attempt takes long.
func (d *dispatcher) noticed(e *entry) time.Duration {
	of := d.durations[class{e.Task, e.Fidelity}]
	if of.known() < slowKnown {
		return slowUnknown
	}
	return max(slowLeast, slowFactor*of.median())
}

// expectBegin ends an attempt that an evaluator swallows without beginning it.
func (d *dispatcher) expectBegin(e *entry) {
	if d.cfg.Timeout <= 0 || e.attempts.on.hello.Waits {
		return
	}
	after := time.Duration(math.MaxInt64)
	if d.cfg.Timeout < (after-unbegun)/2 {
		after = 2*d.cfg.Timeout + unbegun
	}
	d.ring(e, after, func() {
		d.overdue(e, fmt.Sprintf("it was not begun within %s", after))
	})
}

// watch follows an attempt that has begun: people are told once it takes long,
// and it is ended when its deadline passes.
func (d *dispatcher) watch(e *entry) {
	t := e.attempts
	if t.ending {
		return
	}
	elapsed, limit, notice := d.cfg.Clock.Now().Sub(t.begun), d.limit(e), d.noticed(e)
	if limit > 0 && elapsed >= limit {
		reason := fmt.Sprintf("deadline of %s passed", limit)
		if d.cfg.Timeout == AutoTimeout {
			reason += fmt.Sprintf(" (timeout: auto; the median is %s)", d.durations[class{e.Task, e.Fidelity}].median().Round(time.Millisecond))
		}
		d.overdue(e, reason)
		return
	}
	if !t.slow && elapsed >= notice {
		t.slow = true
		d.owner.say("%s", d.slowness(e, elapsed))
	}
	next := time.Duration(math.MaxInt64)
	for _, at := range []time.Duration{limit, notice} {
		if at > elapsed {
			next = min(next, at)
		}
	}
	if d.durations[class{e.Task, e.Fidelity}].known() < autoKnown { // what is known may change soon
		next = min(next, elapsed+min(max(slowLeast, elapsed), time.Hour))
	}
	if next < math.MaxInt64 {
		d.ring(e, next-elapsed, func() { d.watch(e) })
	}
}

// slowness says in one line how long an attempt has been running.
func (d *dispatcher) slowness(e *entry, elapsed time.Duration) string {
	text := fmt.Sprintf("candidate %s has been running for %s", e.ID, elapsed.Round(time.Second))
	if m := d.durations[class{e.Task, e.Fidelity}].median(); m > 0 {
		text += fmt.Sprintf(", others took %s", m.Round(time.Millisecond))
	}
	text += "; nascent cancel ends it"
	if d.cfg.Timeout == 0 {
		text += ", and timeout: auto in search.yaml such ones by itself"
	}
	return text
}

// turnNotice is after how long people are told that a strategy takes long.
func (s *Search) turnNotice() time.Duration {
	if s.turns.known() < slowKnown {
		return time.Minute
	}
	return max(slowLeast, slowFactor*s.turns.median())
}

// watchTurn tells people of a turn that takes long. Ending it is for whoever runs
// the strategy's process: here nothing could.
func (s *Search) watchTurn(t *turn, after time.Duration) {
	t.unwatch = s.timers.after(after, func() {
		if s.stepping != t {
			return
		}
		t.slow = true
		text := fmt.Sprintf("strategy %s has been deciding turn %d for %s", t.sequence.name, t.N, s.cfg.Clock.Now().Sub(t.begun).Round(time.Second))
		if m := s.turns.median(); m > 0 {
			text += fmt.Sprintf(", others took %s", m.Round(time.Millisecond))
		}
		s.say("%s; plugins.turn_timeout in search.yaml ends and repeats such turns sooner", text)
	})
}

// ring runs f in the loop after a while, unless the attempt has ended by then. An
// attempt has one such timer. Where it rings much too late this process was
// stopped, or the machine, and what the job did meanwhile has yet to be read: it
// gets the time back.
func (d *dispatcher) ring(e *entry, after time.Duration, f func()) {
	t := e.attempts
	if t.cancel != nil {
		t.cancel()
	}
	attempt, due := t.newest, d.cfg.Clock.Now().Add(after)
	t.cancel = d.timers.after(after, func() {
		if !e.stage.is(running) || t.newest != attempt {
			return
		}
		t.cancel = nil
		if missed := d.cfg.Clock.Now().Sub(due); missed > asleep && !t.ending {
			if !t.begun.IsZero() {
				t.begun = t.begun.Add(missed)
			}
			d.ring(e, asleep, f)
			return
		}
		f()
	})
}

// overdue ends an attempt whose deadline has passed: first it is asked to end,
// then its process is ended.
func (d *dispatcher) overdue(e *entry, reason string) {
	e.attempts.late = reason
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
	d.ring(e, d.cfg.Grace, func() {
		on.session.Kill(e.ID, attempt)
		d.ring(e, d.cfg.Grace, func() {
			const silent = "; the evaluator did not answer, even when its process was to be ended"
			if t.late != "" {
				t.late += silent
			}
			d.release(e)
			d.nothing(e, d.elapsed(e), failure{reason: "it was cancelled" + silent, died: true})
		})
	})
}
