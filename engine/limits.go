package engine

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// over says which limit phase search has reached, or "".
func (a *Archive) over() string {
	l, n := a.Limits, a.search.evaluations()
	switch {
	case a.search.done():
		return "the strategy is done"
	case l.Evaluations > 0 && n >= l.Evaluations:
		return fmt.Sprintf("%d evaluations", l.Evaluations)
	case l.Seconds > 0 && a.counters.spent() >= l.Seconds:
		return fmt.Sprintf("%g evaluator seconds", l.Seconds)
	case l.Wall > 0 && a.counters.Wall >= l.Wall:
		return fmt.Sprintf("%g seconds of running", l.Wall)
	case l.aims() && a.reached(l):
		return l.aim()
	case l.Evaluations == 0 && l.Wall == 0 && a.fruitless():
		return fmt.Sprintf("the last %d found nothing that was not known", a.patience())
	}
	return ""
}

// patience is after how many evaluations in a row that cost nothing a search is
// over that has no limit of evaluations or time: it would never end. A window may
// be a whole round of a strategy's, after which it looks elsewhere.
func (a *Archive) patience() int { return max(1000, 10*a.Window()) }

// fruitless tells whether patience is at its end: the latest evaluations all
// shared earlier results, or found no row in a table. Those that were proposed
// before the newest limits, or by an earlier strategy, do not count.
func (a *Archive) fruitless() bool {
	n := a.patience()
	if a.search.evaluations() < n {
		return false
	}
	from := max(a.limited, a.search.since)
	for e := range a.search.latest() {
		if n--; n < 0 {
			break
		}
		if e.turn < from || e.seconds > 0 || e.Reuse == 0 && e.Status != Invalid {
			return false
		}
	}
	return true
}

// hopeless is why a search pauses in which nothing can be measured, or nil: all that
// was ever tried is invalid, and of that a hundred candidates, or five windows if they
// are more, in this run. So whoever runs it again gets another try.
func (s *Search) hopeless() error {
	a := s.at
	n := a.search.evaluations()
	if a.tally.invalid < n || n-s.before < max(100, 5*a.Window()) {
		return nil
	}
	var last *entry
	for e := range a.search.latest() {
		last = e
		break
	}
	return fmt.Errorf("%w: all %d candidates so far are invalid, the last one (candidate %s): %s; mend the space or "+
		"the evaluator in a new search, or %s to try some more",
		ErrPaused, n, last.ID, last.Reason, s.cfg.Again)
}

// aims tells whether there is a target.
func (l *Limits) aims() bool { return l.Target != nil || len(l.Targets) > 0 }

// aim says what the target is.
func (l *Limits) aim() string {
	if l.Target != nil {
		return fmt.Sprintf("target %g", *l.Target)
	}
	var all []string
	for _, v := range l.Targets {
		all = append(all, fmt.Sprintf("%s %g", v.Name, v.Value))
	}
	return "target " + strings.Join(all, ", ")
}

// reached tells whether one of the leaders has the target, at the highest fidelity of all.
func (a *Archive) reached(l Limits) bool {
	return slices.ContainsFunc(a.leaders.rank.first(), func(c *Candidate) bool { return a.hits(c, l) })
}

// hits tells whether a leader has the target.
func (a *Archive) hits(c *Candidate, l Limits) bool {
	if !l.aims() || a.leaders.fidelity != len(a.Plan.Fidelities)-1 {
		return false
	}
	targets := l.Targets
	if l.Target != nil {
		targets = Values{{a.leaders.rank.ranking.Objectives[0].Metric, *l.Target}}
	}
	return a.leaders.reaches(c, targets)
}

// Extend raises the limit of evaluations, if there is one below n, as the next run with
// a higher limit would. It may be called from any goroutine and tells whether so many
// will be consumed: false says that the search is not under way or about to end, and
// that its next run is to be asked.
func (s *Search) Extend(n int) (ok bool) {
	s.ask(func() {
		if s.at == nil {
			return
		}
		limit := s.at.Limits.Evaluations
		if ok = limit == 0 || n <= limit; !ok && s.mode == searching {
			s.aim, ok = max(s.aim, n), true
		}
	})
	return ok
}

// raise carries out what Extend was asked for: between two turns, for each has one set
// of limits.
func (s *Search) raise() {
	if s.aim == 0 || s.stepping != nil || s.mode != searching {
		return
	}
	aim := s.aim
	s.aim = 0
	if limit := s.at.Limits.Evaluations; limit == 0 || limit >= aim {
		return
	}
	if _, err := s.carryOut(&Request{By: "client", Set: &Settings{Evaluations: &aim}}); err != nil {
		s.fail(err)
	}
}

func sameLimits(a, b Limits) bool { return reflect.DeepEqual(a, b) }

// watchWall wakes the loop when the wall limit is reached.
func (s *Search) watchWall() {
	left := s.at.Limits.Wall - s.at.counters.Wall
	if s.at.Limits.Wall <= 0 || left <= 0 || s.mode != searching {
		return
	}
	d := time.Hour // longer ones in steps: a limit may be more than a Duration can hold
	if left < d.Seconds() {
		d = time.Duration(left*float64(time.Second)) + time.Millisecond // sums of floats may lack a little
	}
	s.timers.after(d, s.watchWall)
}

// account brings wall time and idle worker time up to now.
func (s *Search) account() {
	now := s.cfg.Clock.Now()
	d := now.Sub(s.since).Seconds()
	s.since = now
	if d <= 0 || s.only || s.at.paused != nil && s.jobs.running == 0 {
		return
	}
	if !s.finalRun { // limits are for phase search
		s.at.counters.Wall += d
	}
	if s.mode == searching && !s.pool.waits() {
		s.at.counters.Idle += d * float64(max(0, s.cfg.Workers-s.jobs.running))
	}
}
