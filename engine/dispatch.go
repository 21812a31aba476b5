package engine

import (
	"container/heap"
	"fmt"
	"math"
	"slices"
	"time"
)

// dispatch gives waiting jobs to evaluators, the smallest ids first, while
// there are workers without one.
func (s *Search) dispatch() {
	var q *idHeap
	switch s.mode {
	case searching:
		q = &s.queue[0]
	case finishing:
		q = &s.queue[1]
	default:
		return
	}
	for s.onBoard < s.cfg.Workers && q.Len() > 0 && s.admits((*q)[0]) {
		s.submit(s.book.get(heap.Pop(q).(ID)))
	}
}

// admits tells whether the limit leaves room for the job: what could never be
// consumed is not sent out.
func (s *Search) admits(id ID) bool {
	limit := s.Limits.Evaluations
	switch {
	case id > FinalBase || limit == 0:
		return true
	case s.Plan.Order == Arrival:
		return len(s.book.history[0])+len(s.inbox)+s.onBoard < limit
	}
	return int(id) <= limit
}

// submit sends one attempt of a job to its evaluator.
func (s *Search) submit(e *entry) {
	seat := s.seatOf(s.Plan.Fidelities[e.Fidelity].Evaluator)
	t := e.try
	t.attempt++
	t.late, t.begun, t.point = false, time.Time{}, Point{}
	a := Assignment{Job: &e.Job, Attempt: t.attempt, Alone: t.alone}
	switch {
	case len(t.saved) > 0:
		a.Resume, a.Saved = t.saved, true
	case e.Resume != 0:
		a.Resume = s.stored(e.Resume)
	}
	if e.Inherit != 0 {
		a.Inherit = s.stored(e.Inherit)
	}
	e.stage.set(running)
	t.on = seat
	seat.on[e.ID] = e
	s.onBoard++
	if err := seat.session.Submit(a); err != nil {
		s.home(e)
		s.fail(fmt.Errorf("evaluator %s takes no more jobs: %w", seat.key, err))
		return
	}
	s.observe(Update{Kind: Dispatched, Job: &e.Job, Attempt: t.attempt})
}

// stored lists the files of a finished job that still exist.
func (s *Search) stored(id ID) []FileRef {
	var out []FileRef
	for _, f := range s.book.get(id).Files {
		if _, err := s.led.Path(f.Hash); err == nil {
			out = append(out, f)
		}
	}
	return out
}

// home takes a job off board.
func (s *Search) home(e *entry) {
	delete(e.try.on.on, e.ID)
	e.try.on = nil
	s.onBoard--
	if e.try.cancel != nil {
		e.try.cancel()
		e.try.cancel = nil
	}
	e.stage.set(waiting)
}

// heard takes one report from an evaluator.
func (s *Search) heard(r seatEvent) {
	ev := r.event
	e := s.book.get(ev.ID)
	if e == nil || !e.stage.is(running) || e.try.on != r.seat || e.try.attempt != ev.Attempt {
		return // of an attempt that was given up
	}
	t := e.try
	switch ev.Kind {
	case Begun:
		t.begun = s.cfg.Clock.Now()
		if d := s.cfg.Timeout; d > 0 {
			t.cancel = s.later(d, e, func() { s.overdue(e) })
		}
	case Progress:
		t.point = ev.Point
		s.observe(Update{Kind: Progressed, Job: &e.Job, Attempt: t.attempt, Point: ev.Point})
	case Saved:
		t.saved = ev.Files
		s.attempted(e)
	case Finished:
		s.home(e)
		switch {
		case t.late:
			s.failed(e, s.deadline())
		case ev.Result == nil:
			s.failed(e, "the evaluator reported an end without a result")
		case ev.Result.Status == Failed:
			s.failed(e, ev.Result.Reason)
		case s.flaw(e, ev.Result) != "":
			s.failed(e, s.flaw(e, ev.Result))
		default:
			s.succeeded(e, r.seat, *ev.Result)
		}
		seat := r.seat
		s.then = append(s.then, func() { seat.session.Ack(ev.ID, ev.Attempt) })
	case Returned:
		s.home(e)
		switch {
		case t.late:
			s.failed(e, s.deadline())
		default:
			t.returned++
			s.again(e, s.pause(t.returned, 100*time.Millisecond))
		}
	case Lost:
		s.home(e)
		switch {
		case s.mode == leaving || s.mode == ending: // its process was ended by us
			s.enqueue(e)
		case t.late:
			s.failed(e, s.deadline())
		case ev.Alone:
			s.failed(e, ev.Reason)
		default: // somebody on board did it; each is tried alone
			t.alone = true
			s.observe(Update{Kind: Retried, Job: &e.Job, Attempt: t.attempt, Text: ev.Reason})
			s.enqueue(e)
		}
	}
}

// flaw says what is wrong with a result that claims to be one, or "": numbers
// that are none, or nothing that the search could judge by.
func (s *Search) flaw(e *entry, r *Result) string {
	if r.Status != OK && r.Status != Invalid {
		return fmt.Sprintf("the evaluator answered with the unknown status %q", r.Status)
	}
	for _, m := range r.Metrics {
		if math.IsNaN(m.Value) || math.IsInf(m.Value, 0) {
			return fmt.Sprintf("metric %s is %v", m.Name, m.Value)
		}
	}
	if r.Status == Invalid || r.Stopped || e.Task != Train || e.Phase == PhaseTest {
		return ""
	}
	for _, o := range s.Plan.Objectives {
		if _, ok := r.Metrics.Get(o.Metric); !ok {
			return fmt.Sprintf("the result has no metric %s, which the search is to %s", o.Metric, o.Goal)
		}
	}
	for _, c := range s.Plan.Constraints {
		if _, ok := r.Metrics.Get(c.Metric); !ok {
			return fmt.Sprintf("the result has no metric %s, which a constraint bounds", c.Metric)
		}
	}
	return ""
}

// later runs f in the loop after d, unless the attempt has ended by then.
func (s *Search) later(d time.Duration, e *entry, f func()) (cancel func()) {
	attempt := e.try.attempt
	return s.cfg.Clock.After(d, func() {
		go s.poke(func() {
			if e.stage.is(running) && e.try.attempt == attempt {
				f()
			}
		})
	})
}

func (s *Search) deadline() string { return fmt.Sprintf("deadline of %s passed", s.cfg.Timeout) }

// overdue ends an attempt whose deadline has passed: first it is asked to end,
// then its process is ended.
func (s *Search) overdue(e *entry) {
	e.try.late = true
	s.end(e, false)
}

// end asks a running job to end, and ends its process after the grace.
func (s *Search) end(e *entry, save bool) {
	seat, attempt := e.try.on, e.try.attempt
	seat.session.Cancel(e.ID, attempt, save)
	if e.try.cancel != nil {
		e.try.cancel()
	}
	e.try.cancel = s.later(s.cfg.Grace, e, func() { seat.session.Kill(e.ID, attempt) })
}

// recall ends every running job; their progress is kept.
func (s *Search) recall() {
	for _, seat := range s.seats {
		ids := make([]ID, 0, len(seat.on))
		for id := range seat.on {
			ids = append(ids, id)
		}
		slices.Sort(ids)
		for _, id := range ids {
			s.end(seat.on[id], true)
		}
	}
}

// succeeded takes a result that says something of the genome.
func (s *Search) succeeded(e *entry, seat *seat, r Result) {
	s.failures = 0
	SortValues(r.Metrics)
	rec := ResultRecord{ID: e.ID, Attempt: e.try.attempt, Attempts: e.try.counted + 1, Fingerprint: seat.mark, Result: r}
	s.book.settle(e, rec)
	s.arrive(e, rec)
}

// failed counts an attempt that brought nothing. The job is tried again, or
// has failed for good.
func (s *Search) failed(e *entry, reason string) {
	if s.mode == leaving || s.mode == ending { // it was being ended
		s.enqueue(e)
		return
	}
	t := e.try
	t.counted++
	t.returned = 0
	t.reason = reason
	s.counters.Retries++
	s.failures++
	s.touch()
	if t.counted >= s.cfg.Failures.Attempts {
		rec := ResultRecord{ID: e.ID, Attempt: t.attempt, Attempts: t.counted, Result: Result{Status: Failed, Reason: reason}}
		s.book.settle(e, rec)
		s.arrive(e, rec)
	} else {
		s.attempted(e)
		s.observe(Update{Kind: Retried, Job: &e.Job, Attempt: t.attempt, Text: reason})
		s.again(e, s.pause(t.counted, s.cfg.Failures.Backoff))
	}
	if s.failures >= s.cfg.Failures.PauseAfter && s.trouble == nil {
		s.fail(fmt.Errorf("%w: %d attempts in a row failed, the last one (candidate %s): %s; mend the cause and run the same command again",
			ErrPaused, s.failures, e.ID, reason))
	}
}

// pause is how long to wait after the n-th failure: doubled each time, at most
// a minute.
func (s *Search) pause(n int, first time.Duration) time.Duration {
	d := first
	for ; n > 1 && d < time.Minute; n-- {
		d *= 2
	}
	return min(d, time.Minute)
}

// again makes the job available after a pause.
func (s *Search) again(e *entry, after time.Duration) {
	if s.mode == leaving || s.mode == ending {
		s.enqueue(e)
		return
	}
	e.try.held = true
	s.cfg.Clock.After(after, func() {
		go s.poke(func() {
			e.try.held = false
			s.enqueue(e)
		})
	})
}

// attempted journals what is known of the attempts at a job.
func (s *Search) attempted(e *entry) {
	t := e.try
	s.pending.Attempts = append(s.pending.Attempts, AttemptRecord{ID: e.ID, Started: t.attempt, Counted: t.counted, Reason: t.reason, Saved: t.saved})
}
