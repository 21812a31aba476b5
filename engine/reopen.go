package engine

import (
	"context"
	"errors"
	"strings"
)

// reopening is a takeover of a search that runs.
type reopening struct {
	*Request
	answer func(Receipt, error) // it is durable, or refused
	plan   bool                 // it was planned for its turn
	lapsed int                  // of the genomes to start with, those that do not fit
	came   Receipt              // once it is journaled
}

// errReopen says that the loop has come to rest for a takeover.
var errReopen = errors.New("a takeover")

// anew forgets what Run has made of the configuration.
func (s *Search) anew() {
	s.cfg = s.given
	s.timers = &timers{clock: s.cfg.Clock, poke: s.poke, running: map[int]func(){}}
	s.pool = &pool{cfg: &s.cfg, events: make(chan sessionEvent, 256), gone: s.gone}
	s.stepped = make(chan stepResult, 1)
	s.inbox, s.brought, s.sharers, s.stepping = nil, nil, map[ID][]*entry{}, nil
	s.mode, s.returning, s.finalRun, s.scaled, s.beaten = searching, false, false, false, false
}

// await has a search that runs take over as soon as no job is under way: those that are keep
// what they can save and come back.
func (s *Search) await(r *reopening) {
	s.reopening = r
	s.jobs.endAll()
}

// reconsider forgets a takeover that waits if it was withdrawn since.
func (s *Search) reconsider() {
	if r := s.reopening; r != nil && r.plan && s.at.plannedAs(r.ID) == nil {
		s.reopening = nil
	}
}

// reopen opens evaluators and strategy anew with what the takeover declares. If one of them
// refuses that, everything goes on as before.
func (s *Search) reopen(ctx context.Context) error {
	r := s.reopening
	s.reopening, s.takeover = nil, r
	err := s.pool.close()
	if err != nil {
		return err
	}
	s.anew()
	refused := s.openUnlessStopped(ctx)
	s.takeover = nil
	if refused == nil {
		s.writer.after(func() { r.answer(r.came, nil) })
		return nil
	}
	s.writer.next, s.writer.then = &Change{}, nil // of what is not to hold
	if s.stopped(ctx) {
		refused = ErrLate
	}
	if err := s.pool.close(); err != nil {
		return err
	}
	s.anew()
	if err := s.open(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	r.answer(Receipt{}, refused)
	return nil
}

// redeclared lets what was declared in the search go before what it is configured with,
// if that is as it was before; and what a takeover declares before both.
func (s *Search) redeclared() error {
	t, err := readPlan(s.cfg.Ledger, nil)
	if errors.Is(err, ErrEmpty) {
		return nil
	}
	if err != nil {
		return err
	}
	if r := s.takeover; r != nil {
		e, err := r.Takeover.do(t, r.Request)
		if err != nil {
			return err
		}
		next, changes := e.data.(*takeoverEvent)
		if !changes {
			return nil
		}
		r.lapsed = next.Lapsed
		return s.cfg.declare(next.Declarations, t)
	}
	mine := s.cfg.plan(0, false, false)
	as, err := differences(mine, mine.with(t.configuredAs()))
	if err != nil || len(as) > 0 {
		return err
	}
	now, err := differences(mine, mine.with(t.Plan.declarations()))
	if err != nil || len(now) == 0 {
		return err
	}
	s.say("%s as they were set hold, not those of the configuration", strings.Join(keysOf(now), ", "))
	return s.cfg.declare(t.Plan.declarations(), t)
}

// declare lets a configuration declare something else.
func (c *Config) declare(d Declarations, t *trajectory) error {
	c.Objectives, c.Ties, c.Derived, c.Reference, c.Prefer, c.Constraints = d.Objectives, d.Ties, d.Derived, d.Reference, d.Prefer, d.Constraints
	if sameJSON(d.Space, c.Space.JSON()) {
		return nil
	}
	var err error
	if c.Space, err = t.recordedSpace(d.Space); err != nil {
		return err
	}
	c.Start = nil
	for _, text := range d.Start {
		g, err := c.Space.Parse(text)
		if err != nil {
			return damaged("start genome %s: %v", text, err)
		}
		c.Start = append(c.Start, g)
	}
	return nil
}

// takeOver lets a search whose ledger was read go on with other declarations, if they are.
func (s *Search) takeOver(t *trajectory, d Declarations) error {
	was := s.cfg.Was
	if s.takeover != nil {
		was = s.takeover.Takeover.Was
	}
	e, err := t.takeover(d, was)
	if err != nil || e == nil {
		return err
	}
	if err := t.checkWas(was, s.cfg.Space, !sameJSON(d.Space, t.Plan.Space)); err != nil {
		return err
	}
	if r := s.takeover; r != nil {
		e.asked, e.Lapsed = r.asked(), r.lapsed
	} else {
		e.Configured = true
	}
	derived, err := Derive(d.Derived)
	if err != nil {
		return err
	}
	for _, check := range []func() error{s.cfg.vain, func() error { return s.eachJudged(derived) }} {
		if err := check(); err != nil {
			return err
		}
	}
	s.say("%s", t.tells(e))
	event := t.event(eventTakeover, e, s.cfg.Clock.Now())
	s.writer.next.Events = append(s.writer.next.Events, event)
	if r := s.takeover; r != nil {
		r.came = Receipt{Request: r.ID, Seq: event.Seq, Turn: event.Turn, Says: e.Fit.String()}
	}
	if err := t.happened(event); err != nil {
		return err
	}
	return t.takeOver(t.era())
}
