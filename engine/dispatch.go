package engine

import (
	"cmp"
	"container/heap"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"
)

// dispatch gives waiting jobs to evaluators, the smallest ids first, while
// there are workers without one.
func (s *Search) dispatch() {
	for s.onBoard < s.cfg.Workers {
		var q *idHeap
		switch s.mode { // a seat that breaks changes it
		case searching:
			q = &s.queue[0]
		case finishing:
			q = &s.queue[1]
		default:
			return
		}
		if q.Len() == 0 || !s.admits((*q)[0]) {
			return
		}
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
	seat, err := s.seatFor(&e.Job)
	if err != nil {
		s.enqueue(e)
		s.fail(err)
		return
	}
	t := e.try
	t.attempt++
	t.late, t.ending, t.begun, t.point = false, false, time.Time{}, Point{}
	t.saved = s.there(t.saved)
	a := Assignment{Job: &e.Job, Attempt: t.attempt, Alone: t.alone, Repeat: s.repeats(e)}
	switch {
	case len(t.saved) > 0:
		a.Resume, a.Saved = t.saved, true
	case e.Resume != 0:
		a.Resume = s.there(s.book.files(e.Resume))
	}
	if e.Inherit != 0 {
		a.Inherit = s.there(s.book.files(e.Inherit))
	}
	e.stage.set(running)
	t.on = seat
	seat.on[e.ID] = e
	s.onBoard++
	if err := seat.session.Submit(a); err != nil {
		s.home(e)
		s.enqueue(e)
		s.fail(fmt.Errorf("evaluator %s takes no more jobs: %w", seat.key, err))
		return
	}
	if d := s.cfg.Timeout; d > 0 { // an evaluator may also swallow a job
		t.cancel = s.later(2*d+unbegun, e, func() { s.overdue(e) })
	}
	s.observe(Update{Kind: Dispatched, Job: &e.Job, Attempt: t.attempt})
}

// unbegun is how long, beyond twice its time, a job with a deadline may wait on
// board until it begins: programs take a while to start, and one that must be
// alone waits for another.
const unbegun = time.Minute

// there returns the files if all of them are still stored, else none: a part of
// a checkpoint is no checkpoint.
func (s *Search) there(files []FileRef) []FileRef {
	for _, f := range files {
		if _, err := s.led.Path(f.Hash); err != nil {
			return nil
		}
	}
	return files
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
	if r.ended {
		s.lose(r.seat)
		return
	}
	ev := r.event
	e := s.book.get(ev.ID)
	if e == nil || !e.stage.is(running) || e.try.on != r.seat || e.try.attempt != ev.Attempt {
		return // of an attempt that was given up
	}
	t := e.try
	switch ev.Kind {
	case Begun:
		if !t.begun.IsZero() {
			return
		}
		t.begun = s.cfg.Clock.Now()
		if d := s.cfg.Timeout; d > 0 && !t.ending {
			t.cancel()
			t.cancel = s.later(d, e, func() { s.overdue(e) })
		}
	case Progress:
		ev.Point.Metrics = finite(ev.Point.Metrics)
		if !isFinite(ev.Point.Step) {
			return
		}
		t.point = ev.Point
		s.observe(Update{Kind: Progressed, Job: &e.Job, Attempt: t.attempt, Point: ev.Point})
	case Saved:
		s.drop(t.saved)
		t.saved = ev.Files
		s.attempted(e)
	case Finished:
		s.home(e)
		switch {
		case ev.Result == nil:
			s.failed(e, cmp.Or(s.deadline(t), "the evaluator reported an end without a result"))
		case t.late, ev.Result.Status == Failed, s.flaw(e, ev.Result) != "":
			s.drop(ev.Result.Files)
			s.failed(e, cmp.Or(s.deadline(t), s.flaw(e, ev.Result), ev.Result.Reason))
		default:
			s.succeeded(e, r.seat, *ev.Result)
		}
		seat := r.seat
		s.then = append(s.then, func() { seat.session.Ack(ev.ID, ev.Attempt) })
	case Returned:
		s.home(e)
		switch {
		case t.late:
			s.failed(e, s.deadline(t))
		default:
			t.returned++
			s.observe(Update{Kind: Retried, Job: &e.Job, Attempt: t.attempt, Text: ev.Reason})
			s.again(e, s.pause(t.returned, 100*time.Millisecond))
		}
	case Lost:
		s.home(e)
		switch {
		case s.mode == leaving || s.mode == ending: // its process was ended by us
			s.enqueue(e)
		case t.late:
			s.failed(e, s.deadline(t))
		case ev.Alone, t.alone:
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
	return s.after(d, func() {
		if e.stage.is(running) && e.try.attempt == attempt {
			f()
		}
	})
}

// deadline says why an attempt is late, or "" if it is not.
func (s *Search) deadline(t *try) string {
	switch {
	case !t.late:
		return ""
	case t.begun.IsZero():
		return fmt.Sprintf("it was not begun within %s", 2*s.cfg.Timeout+unbegun)
	}
	return fmt.Sprintf("deadline of %s passed", s.cfg.Timeout)
}

// overdue ends an attempt whose deadline has passed: first it is asked to end,
// then its process is ended.
func (s *Search) overdue(e *entry) {
	e.try.late = true
	s.end(e, false)
}

// end asks a running job to end, ends its process after the grace, and after
// another gives the attempt up: an evaluator that answers nothing must not keep
// the search waiting.
func (s *Search) end(e *entry, save bool) {
	t := e.try
	seat, attempt := t.on, t.attempt
	t.ending = true
	seat.session.Cancel(e.ID, attempt, save)
	if t.cancel != nil {
		t.cancel()
	}
	t.cancel = s.later(s.cfg.Grace, e, func() {
		seat.session.Kill(e.ID, attempt)
		t.cancel = s.later(s.cfg.Grace, e, func() {
			s.home(e)
			s.failed(e, cmp.Or(s.deadline(t), "it was cancelled")+"; the evaluator did not answer, even when its process was to be ended")
		})
	})
}

// lose follows a session that says no more: what it had on board comes home
// uncounted, and the search cannot go on.
func (s *Search) lose(seat *seat) {
	for _, id := range slices.Sorted(maps.Keys(seat.on)) {
		e := seat.on[id]
		s.home(e)
		s.enqueue(e)
	}
	if s.mode != leaving {
		s.fail(fmt.Errorf("evaluator %s has ended by itself; run the same command to start it again", seat.key))
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

// recall ends every running job; their progress is kept.
func (s *Search) recall() {
	for _, seat := range s.seats {
		for _, id := range slices.Sorted(maps.Keys(seat.on)) {
			s.end(seat.on[id], true)
		}
	}
}

// succeeded takes a result that says something of the genome.
func (s *Search) succeeded(e *entry, seat *seat, r Result) {
	s.failures = 0
	if r.Status == Invalid { // whatever was measured on the way is no measure of the genome
		r.Metrics, r.Curve = nil, nil
		s.drop(r.Files)
		r.Files = nil
	}
	r.Metrics = slices.Clone(r.Metrics)
	SortValues(r.Metrics)
	r.Curve = slices.DeleteFunc(slices.Clone(r.Curve), func(p Point) bool { return !isFinite(p.Step) })
	for i := range r.Curve {
		r.Curve[i].Metrics = finite(r.Curve[i].Metrics)
	}
	s.outgrow(e)
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
		s.outgrow(e)
		rec := ResultRecord{ID: e.ID, Attempt: t.attempt, Attempts: t.counted, Result: Result{Status: Failed, Reason: reason}}
		s.book.settle(e, rec)
		s.arrive(e, rec)
	} else {
		s.attempted(e)
		s.observe(Update{Kind: Retried, Job: &e.Job, Attempt: t.attempt, Text: reason})
		s.again(e, s.pause(t.counted, s.cfg.Failures.Backoff))
	}
	if s.failures >= s.cfg.Failures.PauseAfter && s.trouble == nil {
		s.forgive()
		s.fail(fmt.Errorf("%w: %d attempts in a row failed, the last one (candidate %s): %s; mend the cause and run the same command again",
			ErrPaused, s.failures, e.ID, reason))
	}
}

// forgive gives every unfinished job all its attempts back. A pause means that
// the cause was likely not in the genomes; when it is mended, what failed
// through it must not count.
func (s *Search) forgive() {
	for _, list := range [][]*entry{s.book.search, s.book.final} {
		for _, e := range list {
			if e.try != nil && e.try.counted > 0 {
				e.try.counted = 0
				s.attempted(e)
			}
		}
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
	s.after(after, func() { s.enqueue(e) })
}

// outgrow lets go of the progress kept for a job that needs no further attempt.
// The ledger must not name it any more either: its files will be removed.
func (s *Search) outgrow(e *entry) {
	if t := e.try; len(t.saved) > 0 {
		s.drop(t.saved)
		t.saved = nil
		s.attempted(e)
	}
}

// attempted journals what is known of the attempts at a job.
func (s *Search) attempted(e *entry) {
	t := e.try
	s.pending.Attempts = append(s.pending.Attempts, AttemptRecord{ID: e.ID, Started: t.attempt, Counted: t.counted, Reason: t.reason, Saved: t.saved})
}
