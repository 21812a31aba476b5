package engine

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"time"
)

// loop is the one goroutine that owns the search's state. Everything else
// sends to it.
func (s *Search) loop(ctx context.Context) error {
	s.since = s.cfg.Clock.Now()
	defer s.timers.stop()
	s.watchWall()
	s.watchRoom()
	if s.at.over() == "" && s.at.search.taken == 0 && s.at.search.turns == 0 {
		s.say("search %s begins", s.at.Name)
	}
	s.observe(Update{Kind: PhaseChanged})
	stop, done := s.stop, ctx.Done()
	for {
		if s.stopped(ctx) {
			s.leave("")
		}
		s.raise()
		s.reconsider()
		s.obey()
		s.returning = s.returning && s.jobs.running > 0
		if s.mode != leaving && s.at.paused == nil && s.reopening == nil {
			s.advance(ctx)
		}
		s.dispatch()
		if !s.closing() && s.at.paused == nil && s.stepping == nil && s.writer.idle() {
			s.jobs.decideDoubt()
		}
		s.writer.flush()
		if s.jobs.running == 0 && s.stepping == nil && s.writer.idle() {
			switch {
			case s.mode == leaving:
				return s.conclude()
			case s.reopening != nil:
				return errReopen
			}
		}
		select {
		case e := <-s.pool.events:
			s.account()
			s.heard(e)
			for range len(s.pool.events) { // what came together is handled together
				s.heard(<-s.pool.events)
			}
		case r := <-s.stepped:
			s.account()
			s.decided(r)
		case err := <-s.writer.done:
			s.account()
			if err != nil {
				s.endStep()
				return notWritten(err)
			}
			s.writer.landed()
		case f := <-s.asks:
			s.account()
			f()
		case <-stop:
			stop = nil
			s.account()
		case <-done:
			done = nil
			s.account()
		}
	}
}

func notWritten(err error) error {
	return fmt.Errorf("the ledger could not be written: %w", err)
}

// heard takes one report from an evaluator.
func (s *Search) heard(e sessionEvent) {
	if e.Kind == Broken {
		s.fail(fmt.Errorf("%s: %s, so the search stopped; put it back as it was, or run the same command with "+
			"--accept-evaluator if old results compare with new ones", e.from.place(), e.Reason))
		return
	}
	if e.Kind == Capacity {
		s.fit(e.from, e.Slots)
		return
	}
	s.jobs.handle(e)
	if e.ended && s.mode != leaving {
		s.fail(fmt.Errorf("evaluator %s has ended by itself; to start another, %s", e.from.key, s.cfg.Again))
	}
}

// fit has as many workers as there is room for, where evaluators say how much that is:
// the same machines may serve several.
func (s *Search) fit(x *openEvaluator, slots int) {
	before := s.cfg.Workers
	x.capacity = max(0, slots)
	n := 0
	for _, x := range s.pool.open {
		n = max(n, x.capacity)
	}
	s.cfg.Workers = min(n, MaxWorkers)
	s.at.workers, s.at.elastic = s.cfg.Workers, true
	if w := s.at.Window(); s.cfg.Workers > max(w, before) {
		s.say("there is room for %d jobs at once, and the window of %d leaves %d of them idle; to use all: nascent set DIR window=%d",
			s.cfg.Workers, w, s.cfg.Workers-w, WindowFor(s.at.Plan.Order, s.cfg.Workers))
	}
}

// advance takes the next turn if one can be taken.
func (s *Search) advance(ctx context.Context) {
	search, final := &s.at.search, &s.at.final
	for s.stepping == nil && s.mode != leaving {
		switch s.mode {
		case searching:
			if why := s.at.over(); why != "" {
				s.mode = ending
				s.say("search ends after %d evaluations: %s", search.evaluations(), why)
				s.jobs.endAll()
				s.observe(Update{Kind: PhaseChanged})
				continue
			}
			if err := s.hopeless(); err != nil {
				s.fail(err)
				return
			}
			if t := s.cfg.Turns; t > 0 && search.turns >= t {
				s.leave("")
				return
			}
			ids, ready := s.next(search)
			if !ready {
				return
			}
			if ids == nil && search.begun() {
				continue // a limit cut the batch short; over() sees it now
			}
			s.step(ctx, search, ids)
		case ending:
			if s.jobs.running > 0 {
				return
			}
			if s.goesOn() {
				continue
			}
			if !s.beginFinal() {
				s.finished()
				return
			}
			s.mode, s.finalRun = finishing, true
		case finishing:
			if final.done() {
				if s.goesOn() {
					continue
				}
				s.finished()
				return
			}
			ids, ready := s.next(final)
			if !ready {
				return
			}
			s.step(ctx, final, ids)
		}
	}
}

// goesOn lets a search that had come to its end go on, if its limits were raised since.
func (s *Search) goesOn() bool {
	if s.at.over() != "" {
		return false
	}
	s.mode, s.finalRun = searching, false
	s.say("search goes on: its limits were raised")
	s.observe(Update{Kind: PhaseChanged})
	return true
}

// next says which results the next turn of a sequence consumes, and whether it
// can be taken now. The first turn of a strategy names only what a limit cut off
// from its predecessor, and what was imported. For the search, nil ids after it mean that the results up
// to a limit entered History without a turn.
func (s *Search) next(q *sequence) (ids []ID, ready bool) {
	if !q.begun() {
		ids = s.at.cutBatch(q)
		if q.part == PartSearch {
			ids, s.brought = append(ids, s.brought...), nil
		}
		return ids, true
	}
	if n := min(len(s.brought), mostImported); q.part == PartSearch && n > 0 {
		ids, s.brought = s.brought[:n:n], s.brought[n:]
		return ids, true
	}
	if q.part == PartSearch && s.at.Plan.Order == Arrival {
		return s.arrived()
	}
	taken := q.taken
	if q.part == PartFinal {
		taken = s.at.passTaken()
	}
	n := q.due(taken)
	if n == 0 {
		s.stuck(q)
		return nil, false
	}
	limit := s.at.Limits.Evaluations
	short := q.part == PartSearch && limit > 0 && taken+n > limit
	last := taken + n
	if short {
		last = limit
	}
	for _, e := range q.own[min(taken, last):last] {
		if !e.stage.is(decided) && !e.stage.is(consumed) {
			return nil, false
		}
	}
	if short {
		s.closeBatch(limit)
		return nil, true
	}
	for _, e := range q.own[taken:last] {
		ids = append(ids, e.ID)
	}
	return ids, true
}

// stuck ends a search whose strategy waits for nothing.
func (s *Search) stuck(q *sequence) {
	s.fail(fmt.Errorf("strategy %s proposed nothing in turn %d although nothing is outstanding and it is not done; it can never get another result",
		q.name, q.turns-1))
}

// closeBatch lets results enter History without a turn: those of a batch that
// the limit cuts short, so that the search counts what it paid for.
func (s *Search) closeBatch(limit int) {
	q := &s.at.search
	for _, e := range q.own[q.evaluations():limit] {
		s.writer.consumed(s.at.consumeEarly(e))
		s.observeConsumed(e)
	}
	s.writer.counters(s.at.counters)
}

// arrived lists what has a result and was not consumed, in order of arrival.
func (s *Search) arrived() ([]ID, bool) {
	n, q := len(s.inbox), &s.at.search
	if limit := s.at.Limits.Evaluations; limit > 0 {
		n = min(n, limit-q.evaluations())
	}
	if n > 0 {
		ids := s.inbox[:n:n]
		s.inbox = s.inbox[n:]
		return ids, true
	}
	if len(q.own) == q.taken {
		s.stuck(q)
	}
	return nil, false
}

// passTaken is where the final sequence stands in its jobs: what earlier passes
// left behind is not waited for.
func (a *Archive) passTaken() int {
	first := int(a.pass.FirstID - FinalBase - 1)
	skipped := 0 // jobs of earlier passes that were never consumed
	for _, e := range a.final.jobs[:min(first, len(a.final.jobs))] {
		if !e.stage.is(consumed) {
			skipped++
		}
	}
	return max(first, a.final.taken+skipped)
}

// step lets the strategy decide, beside the loop.
func (s *Search) step(ctx context.Context, q *sequence, ids []ID) {
	want := 1 << 20
	if q.part == PartSearch {
		want = max(0, s.at.Window()-q.undecided(ids))
	}
	t := s.at.begin(q, ids, want, s.at.Limits, s.writer.details)
	for _, r := range t.entered {
		s.observeConsumed(s.at.get(r.ID))
	}
	s.stepping, t.begun = t, s.cfg.Clock.Now()
	s.watchTurn(t, s.turnNotice())
	ctx, t.cancel = context.WithCancel(context.WithoutCancel(ctx))
	stepped := s.stepped
	go func() {
		d, err := t.step(ctx)
		stepped <- stepResult{t, d, err}
	}()
}

// hurry gives a strategy that is deciding while the search leaves the grace to
// do so, then the grace to break off, and goes without it after that: on resume
// the turn is taken again.
func (s *Search) hurry() {
	t := s.stepping
	if t == nil {
		return
	}
	s.timers.after(s.cfg.Grace, func() {
		if s.stepping != t {
			return
		}
		t.cut = true
		t.cancel()
		s.timers.after(s.cfg.Grace, func() {
			if s.stepping == t {
				s.stepping = nil
			}
		})
	})
}

// endStep breaks off the turn under way and waits, within the grace, until the
// strategy is at rest.
func (s *Search) endStep() {
	t := s.stepping
	if t == nil {
		return
	}
	t.cancel()
	select {
	case <-s.stepped:
	case <-time.After(s.cfg.Grace):
	}
}

// decided commits a turn.
func (s *Search) decided(r stepResult) {
	t := r.turn
	t.cancel()
	t.unwatch()
	if s.stepping != t {
		return // it came too late
	}
	s.stepping = nil
	s.turns.add(s.cfg.Clock.Now().Sub(t.begun))
	if r.err != nil && t.cut {
		return
	}
	jobs, err := s.finish(r)
	if err != nil {
		// The turn is not committed: on resume it is taken again.
		s.fail(err)
		return
	}
	c := s.writer.next
	c.Turns = append(c.Turns, t.TurnRecord)
	s.writer.consumed(t.entered...)
	s.writer.state(t.Part, t.sequence.state)
	for _, e := range jobs {
		c.Jobs = append(c.Jobs, e.jobRecord())
	}
	s.files.hold(t.Files)
	if t.Part == PartFinal {
		s.files.hold(s.at.filesOfAll(t.Keep))
	}
	s.files.drop(t.gone)
	s.writer.counters(s.at.counters)
	for _, e := range jobs {
		if e.stage.is(decided) { // invalid from the beginning
			s.arrive(e, e.record())
		} else {
			s.writer.after(func() { s.enqueue(e) })
		}
	}
	if t.Note != "" {
		s.say("%s", t.Note)
	}
	s.warn()
}

// warn says once that nothing is better than the declared reference, or that a
// logarithmic scale tells nothing apart, as soon as there is enough to suspect a slip.
func (s *Search) warn() {
	l := s.at.leaders
	if !s.scaled && len(l.estimates.first) >= firstFew && l.several() {
		s.scaled = true
		for _, o := range s.at.Plan.Objectives {
			if l.estimates.alike(o) {
				s.say("none of %d genomes that were measured has a %s above 1e-12, and on a logarithmic scale all such values are alike; "+
					"begin a new search with a linear scale or, of values above 0, in a smaller unit: metrics: {NAME: \"%[2]s*1e12\"}",
					len(l.estimates.first), o.Metric)
			}
		}
	}
	switch {
	case s.beaten || len(s.at.Plan.Reference) == 0 || l.volume == nil:
	case !l.volume.none():
		s.beaten = true
	case len(l.estimates.first) >= firstFew:
		s.beaten = true
		s.say("none of %d genomes that were measured is better than the reference in all objectives, so what the front dominates is nothing; "+
			"if none can be, begin a new search with another reference", len(l.estimates.first))
	}
}

// finish makes jobs of what a strategy decided.
func (s *Search) finish(r stepResult) ([]*entry, error) {
	if r.err != nil {
		return nil, r.err
	}
	for _, f := range r.decision.Files { // from now on the search relies on them
		if _, err := s.at.led.Path(f.Hash); err != nil {
			return nil, fmt.Errorf("strategy %s broke the contract in turn %d: its decision names a file that it did not keep: %w",
				r.turn.sequence.name, r.turn.N, err)
		}
	}
	return s.at.finish(r.turn, r.decision)
}

// enqueue makes a waiting job available to the evaluators, or gives it the result
// that it shares.
func (s *Search) enqueue(e *entry) {
	if e.Reuse == 0 {
		heap.Push(&s.at.sequence(partOf(e.ID)).queue, e.ID)
		return
	}
	if source := s.at.get(e.Reuse); source.stage.is(decided) || source.stage.is(consumed) {
		s.share(e, source)
	} else {
		s.sharers[e.Reuse] = append(s.sharers[e.Reuse], e)
	}
}

// share gives a job the result of another.
func (s *Search) share(e, source *entry) {
	r := ResultRecord{ID: e.ID, Fingerprint: source.Fingerprint, Result: source.share()}
	if all, ok := s.writer.details(source.ID); ok {
		r.Curve, r.Output = all.Curve, all.Output
	}
	if len(s.at.eras) > 1 { // the source may be from before a takeover
		s.at.complete(&e.Job, &r.Result)
	}
	s.at.settle(e, r)
	s.arrive(e, r)
}

// arrive puts a result into the inbox, and lets those share it who wait for it.
func (s *Search) arrive(e *entry, r ResultRecord) {
	s.writer.arrived(r)
	s.files.hold(e.Files)
	if partOf(e.ID) == PartSearch && s.at.Plan.Order == Arrival {
		s.inbox = append(s.inbox, e.ID)
	}
	waiters := s.sharers[e.ID]
	delete(s.sharers, e.ID)
	if s.at.pinned[e.ID] {
		s.files.hold(s.at.filesOf(e.ID))
	}
	for _, w := range waiters {
		switch {
		case !w.stage.is(waiting): // cancelled meanwhile
		case w.Reuse == 0: // e was
			s.enqueue(w)
		default:
			s.share(w, e)
		}
	}
}

// dispatch gives waiting jobs to evaluators, the smallest ids first, while
// there are workers without one.
func (s *Search) dispatch() {
	if s.at.paused != nil || s.returning || s.reopening != nil {
		return
	}
	for s.jobs.running < s.cfg.Workers {
		var q *sequence
		switch s.mode { // an evaluator that breaks changes it
		case searching:
			q = &s.at.search
		case finishing:
			q = &s.at.final
		default:
			return
		}
		if len(q.queue) == 0 || !s.admits(q.queue[0]) {
			return
		}
		if e := q.get(heap.Pop(&q.queue).(ID)); e.stage.is(waiting) { // not cancelled meanwhile
			s.jobs.submit(e)
		}
	}
}

// admits tells whether the limit leaves room for the job: what could never be
// consumed is not sent out.
func (s *Search) admits(id ID) bool {
	limit := s.at.Limits.Evaluations
	switch {
	case id > FinalBase || limit == 0:
		return true
	case s.at.Plan.Order == Arrival:
		return s.at.search.evaluations()+len(s.inbox)+s.jobs.running < limit
	}
	return s.at.get(id).place < limit
}

// beginFinal starts or goes on with a pass of the final strategy; false if
// there is nothing for it to do.
func (s *Search) beginFinal() bool {
	a := s.at
	if a.Plan.Final.Skip || a.tally.ok == 0 {
		return false
	}
	if a.measuredUp() {
		return true // the pass that a crash or a stop interrupted, or that is complete
	}
	q := &a.final
	a.pass = finalEvent{FirstID: q.nextID(), FirstTurn: q.turns, Evaluations: a.search.evaluations()}
	a.passes++
	q.since, q.state, q.queue = q.turns, nil, nil
	s.journal(a, eventFinal, a.pass)
	return true
}

// closing tells that jobs are being called back.
func (s *Search) closing() bool {
	return s.mode == ending || s.mode == leaving || s.returning || s.reopening != nil
}

// leave ends the run: nothing new is started and running jobs end.
func (s *Search) leave(cause string) {
	if s.mode == leaving {
		return
	}
	s.mode = leaving
	s.at.counters.State = StateStopped
	s.at.counters.Cause = cause
	s.jobs.endAll()
	s.hurry()
}

// finished ends the run of a search that has come to its end.
func (s *Search) finished() {
	s.leave("")
	s.at.counters.State = StateFinished
}

// fail ends the run with trouble.
func (s *Search) fail(err error) {
	if s.trouble == nil {
		s.trouble = err
		s.leave("")
		s.at.counters.State, s.at.counters.Cause = StateStopped, err.Error()
	}
}

// conclude writes the last state.
func (s *Search) conclude() error {
	s.account()
	if s.at.counters.State == StateFinished && s.at.over() == "" {
		s.at.counters.State = StateStopped // its limits were raised at the last moment
	}
	s.journal(s.at, eventEnded, Ended{
		State: s.at.counters.State, Cause: s.at.counters.Cause, Paused: errors.Is(s.trouble, ErrPaused),
		History: len(s.at.search.history) + len(s.at.final.history),
	})
	s.writer.counters(s.at.counters)
	if err := s.writer.finish(); err != nil {
		return notWritten(err)
	}
	s.observe(Update{Kind: PhaseChanged})
	return s.trouble
}

// say tells people something.
func (s *Search) say(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if s.cfg.Log != nil {
		s.cfg.Log("%s", text)
	}
	s.observe(Update{Kind: Said, Text: text})
}

func (s *Search) observe(u Update) {
	if s.cfg.Observe != nil {
		if s.at != nil {
			u.Evaluations, u.Limit = s.at.search.evaluations(), s.at.Limits.Evaluations
		}
		s.cfg.Observe(u)
	}
}

func (s *Search) observeConsumed(e *entry) {
	if s.cfg.Observe != nil {
		c := e.full()
		s.observe(Update{Kind: Consumed, Candidate: &c, Job: &c.Job})
	}
}
