package engine

import (
	"cmp"
	"container/heap"
	"context"
	"fmt"
	"slices"
	"time"
)

// loop is the one goroutine that owns the search's state. Everything else
// sends to it.
func (s *Search) loop(ctx context.Context) error {
	s.since = s.cfg.Clock.Now()
	defer s.hush()
	s.watchWall()
	if s.over() == "" && s.lines[0].taken == 0 && s.lines[0].turns == 0 {
		s.say("search %s begins", s.Name)
	}
	stop, done := s.stop, ctx.Done()
	for {
		if s.stopped(ctx) {
			s.leave("")
		}
		if s.mode != leaving {
			s.advance(ctx)
		}
		s.dispatch()
		s.flush()
		if s.mode == leaving && s.idle() {
			return s.conclude()
		}
		select {
		case e := <-s.events:
			s.account()
			s.heard(e)
			for range len(s.events) { // what came together is handled together
				s.heard(<-s.events)
			}
		case r := <-s.stepped:
			s.account()
			s.decided(r)
		case err := <-s.committed:
			s.account()
			if err != nil {
				s.endStep()
				return fmt.Errorf("the ledger could not be written (run the same command again to go on from the last commit): %w", err)
			}
			s.durable()
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

// poke runs f in the loop, from a timer's goroutine.
func (s *Search) poke(f func()) {
	select {
	case s.asks <- f:
	case <-s.gone:
	}
}

// after runs f in the loop once d has passed, unless it is cancelled or the loop
// has ended by then.
func (s *Search) after(d time.Duration, f func()) (cancel func()) {
	s.timer++
	n := s.timer
	off := s.cfg.Clock.After(d, func() {
		go s.poke(func() {
			if s.timers[n] != nil {
				delete(s.timers, n)
				f()
			}
		})
	})
	s.timers[n] = off
	return func() {
		off()
		delete(s.timers, n)
	}
}

// hush cancels all timers.
func (s *Search) hush() {
	for _, off := range s.timers {
		off()
	}
	clear(s.timers)
}

// watchWall wakes the loop when the wall limit is reached.
func (s *Search) watchWall() {
	left := s.Limits.Wall - s.counters.Wall
	if s.Limits.Wall <= 0 || left <= 0 || s.mode != searching {
		return
	}
	d := time.Hour // longer ones in steps: a limit may be more than a Duration can hold
	if left < d.Seconds() {
		d = time.Duration(left*float64(time.Second)) + time.Millisecond // sums of floats may lack a little
	}
	s.after(d, s.watchWall)
}

// account brings wall time and idle worker time up to now.
func (s *Search) account() {
	now := s.cfg.Clock.Now()
	d := now.Sub(s.since).Seconds()
	s.since = now
	if d <= 0 {
		return
	}
	if !s.finalRun { // limits are for phase search
		s.counters.Wall += d
	}
	if s.mode == searching {
		s.counters.Idle += d * float64(max(0, s.cfg.Workers-s.onBoard))
	}
}

// idle tells that nothing is under way.
func (s *Search) idle() bool {
	return s.onBoard == 0 && s.stepping == nil && !s.committing && s.pending.Empty() && len(s.then) == 0
}

// over says which limit phase search has reached, or "".
func (s *Search) over() string {
	l, n := s.Limits, len(s.book.history[0])
	switch {
	case s.lines[0].done:
		return "the strategy is done"
	case l.Evaluations > 0 && n >= l.Evaluations:
		return fmt.Sprintf("%d evaluations", l.Evaluations)
	case l.Seconds > 0 && s.counters.Seconds >= l.Seconds:
		return fmt.Sprintf("%g evaluator seconds", l.Seconds)
	case l.Wall > 0 && s.counters.Wall >= l.Wall:
		return fmt.Sprintf("%g seconds of running", l.Wall)
	case l.Target != nil && s.reached(*l.Target):
		return fmt.Sprintf("target %g", *l.Target)
	case (l.Seconds > 0 || l.Target != nil) && l.Evaluations == 0 && l.Wall == 0 && s.fruitless():
		return fmt.Sprintf("the last %d found nothing that was not known", s.patience())
	}
	return ""
}

// patience is after how many evaluations in a row that cost nothing a search is
// over that only costs or a target could end: it would never end. A window may
// be a whole round of a strategy's, after which it looks elsewhere.
func (s *Search) patience() int { return max(1000, 10*s.now().Window) }

// fruitless tells whether patience is at its end: the latest evaluations all
// shared earlier results, or found no row in a table. Those that were proposed
// before the newest limits, or by an earlier strategy, do not count.
func (s *Search) fruitless() bool {
	h, n := s.book.history[0], s.patience()
	if len(h) < n {
		return false
	}
	from := max(s.limited, s.lines[0].since)
	for i := range n {
		e := s.book.get(h[len(h)-1-i])
		if e.turn < from || e.seconds > 0 || e.Reuse == 0 && e.Status != Invalid {
			return false
		}
	}
	return true
}

// reached tells whether the best candidate at the highest fidelity of all has
// the target.
func (s *Search) reached(target float64) bool {
	if len(s.book.best) == 0 {
		return false
	}
	e := s.book.best[0]
	if e.Fidelity != len(s.Plan.Fidelities)-1 || Violation(s.Plan.Constraints, e.Metrics) > 0 {
		return false
	}
	o := s.Plan.Objectives[0]
	x, ok := e.Metrics.Get(o.Metric)
	return ok && (o.Goal == Minimize && x <= target || o.Goal != Minimize && x >= target)
}

// advance takes the next turn if one can be taken.
func (s *Search) advance(ctx context.Context) {
	for s.stepping == nil && s.mode != leaving {
		switch s.mode {
		case searching:
			if why := s.over(); why != "" {
				s.mode = ending
				s.say("search ends after %d evaluations: %s", len(s.book.history[0]), why)
				s.recall()
				s.observe(Update{Kind: PhaseChanged})
				continue
			}
			if t := s.cfg.Turns; t > 0 && s.lines[0].turns >= t {
				s.leave("")
				return
			}
			ids, ready := s.next(s.lines[0])
			if !ready {
				return
			}
			if ids == nil && s.lines[0].turns > s.lines[0].since {
				continue // a limit cut the batch short; over() sees it now
			}
			s.step(ctx, s.lines[0], ids)
		case ending:
			if s.onBoard > 0 {
				return
			}
			if !s.beginFinal() {
				s.leave("")
				s.counters.State = StateFinished
				return
			}
			s.mode, s.finalRun = finishing, true
		case finishing:
			if s.lines[1].done {
				s.leave("")
				s.counters.State = StateFinished
				return
			}
			ids, ready := s.next(s.lines[1])
			if !ready {
				return
			}
			s.step(ctx, s.lines[1], ids)
		}
	}
}

// next says which results the line's next turn consumes, and whether it can be
// taken now. The first turn of a strategy consumes none. For the search's line,
// nil ids after it mean that the results up to a limit entered History without a
// turn.
func (s *Search) next(l *line) (ids []ID, ready bool) {
	list, base := *s.book.list(l.part), ID(0)
	taken := l.taken
	if l.part == PartFinal {
		base = FinalBase
		taken = s.passTaken()
	}
	if l.turns == l.since {
		return nil, true
	}
	if l.part == PartSearch && s.Plan.Order == Arrival {
		return s.arrived()
	}
	n := min(l.batch, len(list)-taken)
	if n == 0 {
		s.fail(fmt.Errorf("strategy %s proposed nothing in turn %d although nothing is outstanding and it is not done; it can never get another result", l.name, l.turns-1))
		return nil, false
	}
	limit := s.Limits.Evaluations
	short := l.part == PartSearch && limit > 0 && taken+n > limit
	last := taken + n
	if short {
		last = limit
	}
	for i := taken; i < last; i++ {
		if e := list[i]; !e.stage.is(decided) && !e.stage.is(consumed) {
			return nil, false
		}
	}
	if short {
		s.closeBatch(list, limit)
		return nil, true
	}
	for i := range n {
		ids = append(ids, base+ID(taken+i)+1)
	}
	return ids, true
}

// closeBatch lets results enter History without a turn: those of a batch that
// the limit cuts short, so that the search counts what it paid for.
func (s *Search) closeBatch(list []*entry, limit int) {
	for i := len(s.book.history[0]); i < limit; i++ {
		r := s.consume(list[i])
		seconds, looks := cost(list[i])
		s.counters.Seconds += seconds
		s.counters.TestLooks += looks
		s.pending.Consumed = append(s.pending.Consumed, r)
		s.keepFresh(r)
		s.observeConsumed(list[i])
	}
	s.touch()
}

// arrived lists what has a result and was not consumed, in order of arrival.
func (s *Search) arrived() ([]ID, bool) {
	n := len(s.inbox)
	if limit := s.Limits.Evaluations; limit > 0 {
		n = min(n, limit-len(s.book.history[0]))
	}
	if n > 0 {
		ids := s.inbox[:n:n]
		s.inbox = s.inbox[n:]
		return ids, true
	}
	if len(s.book.search) == s.lines[0].taken {
		s.fail(fmt.Errorf("strategy %s proposed nothing in turn %d although nothing is outstanding and it is not done; it can never get another result", s.lines[0].name, s.lines[0].turns-1))
	}
	return nil, false
}

// passTaken is where the final line stands in its jobs: what earlier passes
// left behind is not waited for.
func (s *Search) passTaken() int {
	first := int(s.pass.FirstID - FinalBase - 1)
	return max(first, s.lines[1].taken+s.skipped())
}

// skipped is how many jobs of earlier passes were never consumed.
func (s *Search) skipped() int {
	n := 0
	for _, e := range s.book.final[:min(int(s.pass.FirstID-FinalBase-1), len(s.book.final))] {
		if !e.stage.is(consumed) {
			n++
		}
	}
	return n
}

// step lets the strategy decide, beside the loop.
func (s *Search) step(ctx context.Context, l *line, ids []ID) {
	want := 1 << 20
	if l.part == PartSearch {
		want = max(0, s.now().Window-(len(s.book.search)-l.taken-len(ids)))
	}
	t := s.begin(l, ids, want, s.Limits, s.whole)
	for _, r := range t.fresh {
		s.keepFresh(r)
		s.observeConsumed(s.book.get(r.ID))
	}
	s.stepping = t
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
	s.after(s.cfg.Grace, func() {
		if s.stepping != t {
			return
		}
		t.cut = true
		t.cancel()
		s.after(s.cfg.Grace, func() {
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
	if s.stepping != t {
		return // it came too late
	}
	s.stepping = nil
	err := r.err
	if err != nil && t.cut {
		return
	}
	var jobs []*entry
	if err == nil {
		err = s.stored(t.line, r.decision.Files)
	}
	if err == nil {
		jobs, err = s.finish(t, r.decision, s.budget)
	}
	if err != nil {
		// The turn is not committed: on resume it is taken again.
		s.fail(err)
		return
	}
	c := s.pending
	c.Inbox = slices.DeleteFunc(c.Inbox, func(r ResultRecord) bool { // it goes straight into History
		return slices.ContainsFunc(t.fresh, func(f ResultRecord) bool { return f.ID == r.ID })
	})
	c.Turns = append(c.Turns, t.TurnRecord)
	c.Consumed = append(c.Consumed, t.fresh...)
	if c.State == nil {
		c.State = map[Part][]byte{}
	}
	c.State[t.Part] = t.line.state
	for _, e := range jobs {
		c.Jobs = append(c.Jobs, JobRecord{Job: e.Job, Packed: e.Genome.Packed(), Turn: e.turn})
	}
	part := partIndex(t.Part)
	s.drop(s.kept[part].Files)
	s.kept[part] = t.TurnRecord
	s.touch()
	for _, e := range jobs {
		if e.stage.is(decided) { // invalid from the beginning
			s.arrive(e, e.record())
		} else {
			s.then = append(s.then, func() { s.enqueue(e) })
		}
	}
	if t.Note != "" {
		s.say("%s", t.Note)
	}
	s.uncared += len(t.Consumed)
	if s.uncared >= 64 {
		s.uncared = 0
		s.collect()
	}
}

// stored makes sure that the files of a decision are there: from now on the
// search relies on them.
func (s *Search) stored(l *line, files []FileRef) error {
	for _, f := range files {
		if _, err := s.led.Path(f.Hash); err != nil {
			return fmt.Errorf("strategy %s broke the contract in turn %d: its decision names a file that it did not keep: %w", l.name, l.turns, err)
		}
	}
	return nil
}

// enqueue makes a waiting job available to the evaluators.
func (s *Search) enqueue(e *entry) {
	if e.Reuse != 0 {
		if source := s.book.get(e.Reuse); source.stage.is(decided) || source.stage.is(consumed) {
			s.reuse(e, source)
		} else {
			s.sharers[e.Reuse] = append(s.sharers[e.Reuse], e)
		}
		return
	}
	heap.Push(&s.queue[partIndex(partOf(e.ID))], e.ID)
}

// reuse gives a job the result of another.
func (s *Search) reuse(e, source *entry) {
	r := ResultRecord{ID: e.ID, Fingerprint: source.Fingerprint, Result: share(source)}
	if whole, ok := s.whole(source.ID); ok {
		r.Curve, r.Output = whole.Curve, whole.Output
	}
	s.book.settle(e, r)
	s.arrive(e, r)
}

// arrive puts a result into the inbox, and lets those share it who wait for it.
func (s *Search) arrive(e *entry, r ResultRecord) {
	s.pending.Inbox = append(s.pending.Inbox, r)
	s.keepFresh(r)
	if len(r.Files) > 0 {
		s.holders[e.ID] = e
	}
	if partOf(e.ID) == PartSearch && s.Plan.Order == Arrival {
		s.inbox = append(s.inbox, e.ID)
	}
	waiters := s.sharers[e.ID]
	delete(s.sharers, e.ID)
	for _, w := range waiters {
		s.reuse(w, e)
	}
}

// flush hands what is pending to the committer, if that has nothing to do.
func (s *Search) flush() {
	if s.committing || s.pending.Empty() && len(s.then) == 0 {
		return
	}
	c := s.pending
	s.pending = &Change{}
	s.landing, s.then = s.then, nil
	s.carried = c
	s.committing = true
	s.commits <- c
}

// committer writes changes, one at a time: what gathers meanwhile shares the
// next transaction.
func (s *Search) committer() {
	for c := range s.commits {
		if c.Empty() {
			s.committed <- nil
			continue
		}
		s.committed <- s.led.Commit(c)
	}
}

// durable follows a commit: jobs may leave and results be acknowledged.
func (s *Search) durable() {
	s.committing = false
	s.freshMu.Lock()
	for _, list := range [][]ResultRecord{s.carried.Inbox, s.carried.Consumed} {
		for _, r := range list {
			delete(s.fresh, r.ID)
		}
	}
	for _, list := range [][]ResultRecord{s.pending.Inbox, s.pending.Consumed} {
		for _, r := range list { // also part of what comes next
			s.fresh[r.ID] = r
		}
	}
	s.freshMu.Unlock()
	s.carried = nil
	landing := s.landing
	s.landing = nil
	for _, f := range landing {
		f()
	}
}

// keepFresh remembers a result until it can be read from the ledger.
func (s *Search) keepFresh(r ResultRecord) {
	s.freshMu.Lock()
	s.fresh[r.ID] = r
	s.freshMu.Unlock()
}

// whole returns a result with its curve and output. It may be called from any
// goroutine.
func (s *Search) whole(id ID) (ResultRecord, bool) {
	s.freshMu.Lock()
	r, ok := s.fresh[id]
	s.freshMu.Unlock()
	if ok {
		return r, true
	}
	r, ok, err := s.led.Result(id)
	return r, ok && err == nil
}

// beginFinal starts or goes on with a pass of the final strategy; false if
// there is nothing for it to do.
func (s *Search) beginFinal() bool {
	l := s.lines[1]
	if s.Plan.Final.Skip || s.book.tally.ok == 0 {
		return false
	}
	if s.passes > 0 && s.pass.Evaluations == len(s.book.history[0]) {
		return true // the pass that a crash or a stop interrupted, or that is complete
	}
	s.pass = FinalEvent{FirstID: s.book.nextID(PartFinal), FirstTurn: l.turns, Evaluations: len(s.book.history[0])}
	s.passes++
	l.state, l.files, l.done, l.since = nil, nil, false, l.turns
	s.done[1] = false
	s.queue[1] = nil
	s.journal(EventFinal, s.pass)
	return true
}

// leave ends the run: nothing new is started and running jobs come home.
func (s *Search) leave(cause string) {
	if s.mode == leaving {
		return
	}
	s.mode = leaving
	s.counters.State = StateStopped
	s.counters.Cause = cause
	s.recall()
	s.hurry()
}

// fail ends the run with trouble.
func (s *Search) fail(err error) {
	if s.trouble == nil {
		s.trouble = err
		s.leave("")
		s.counters.State, s.counters.Cause = StateStopped, err.Error()
	}
}

// conclude writes the last state. The first call finds something to write, the
// second that it is durable.
func (s *Search) conclude() error {
	s.account()
	s.journal(EventEnded, EndedEvent{State: s.counters.State, Cause: s.counters.Cause})
	s.touch()
	if err := s.led.Commit(s.pending); err != nil {
		return fmt.Errorf("the ledger could not be written (run the same command again to go on from the last commit): %w", err)
	}
	s.pending = &Change{}
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
		s.cfg.Observe(u)
	}
}

func (s *Search) observeConsumed(e *entry) {
	if s.cfg.Observe != nil {
		c := e.full()
		s.cfg.Observe(Update{Kind: Consumed, Candidate: &c, Job: &c.Job})
	}
}

// idHeap is a queue of jobs, the smallest id first.
type idHeap []ID

func (h idHeap) Len() int           { return len(h) }
func (h idHeap) Less(i, j int) bool { return cmp.Less(h[i], h[j]) }
func (h idHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *idHeap) Push(x any)        { *h = append(*h, x.(ID)) }
func (h *idHeap) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}
