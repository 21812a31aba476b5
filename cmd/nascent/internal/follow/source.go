package follow

import (
	"iter"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/ledger"
)

// source reads the records of a search from where it is.
type source struct {
	search      *Search
	archive     *engine.Archive // what the search declares
	declared    int             // how often it has declared something else
	position    int             // in the History
	evaluations int
	ends        int // of runs, that were passed
	leaders     *engine.Leaders
	best        *engine.Candidate // the leader now
}

func newSource(s *Search) *source { return &source{search: s} }

// declare reads what the search declares, if it declares something else since: who leads
// is found out anew by that.
func (s *source) declare(takeovers int) error {
	if s.archive != nil && s.declared == takeovers {
		return nil
	}
	archive, err := engine.ReadPlan(s.search)
	if err == nil {
		*s = source{search: s.search, archive: archive, declared: takeovers, leaders: archive.Plan.Leaders(1)}
	}
	return err
}

// records is how many a ledger holds.
func records(led Ledger) (uint64, error) {
	m, err := led.Mark()
	n := m.History
	if err != nil {
		return 0, err
	}
	for e, err := range led.Events() {
		if err != nil {
			return 0, err
		}
		if _, ok := e.Ended(); ok {
			n++
		}
	}
	return n, nil
}

// records are those that come next. Who breaks off goes on with the one after the last.
func (s *source) records() iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		var ends []Ended
		takeovers := 0
		for e, err := range s.search.Events() { // before the entries, so that no end is missed which comes before one of them
			if err != nil {
				yield(Record{}, err)
				return
			}
			if end, ok := e.Ended(); ok {
				ends = append(ends, Ended{end, e.Time})
			}
			if e.IsTakeover() {
				takeovers++
			}
		}
		if err := s.declare(takeovers); err != nil {
			yield(Record{}, err)
			return
		}
		pass := func() bool { // the ends of runs that come here
			for s.ends < len(ends) && ends[s.ends].History <= s.position {
				end := &ends[s.ends]
				s.ends++
				if !yield(Record{Number: s.number(), Evaluations: s.evaluations, Best: s.best, Ended: end}, nil) {
					return false
				}
			}
			return true
		}
		if !pass() {
			return
		}
		for e, err := range s.search.Entries(uint64(s.position)) {
			var r Record
			if err == nil {
				r, err = s.candidate(&e)
			}
			if !yield(r, err) || err != nil || !pass() {
				return
			}
		}
	}
}

// number is that of the record that was passed last.
func (s *source) number() uint64 { return uint64(s.position + s.ends) }

// candidate is the record of an entry of the History, the one at the source's position.
func (s *source) candidate(e *ledger.Entry) (Record, error) {
	c := &engine.Candidate{Job: e.Job.Job, Result: e.Result.Result, Attempts: e.Result.Attempts, Lost: e.Result.Lost,
		Fingerprint: e.Result.Fingerprint}
	if c.Baseline == "" {
		g, err := s.archive.Genome(&e.Job)
		if err != nil {
			return Record{}, err
		}
		c.Genome, c.Outside = g, s.archive.Outside(c.ID)
	}
	s.position++
	r := Record{Candidate: c}
	if c.Phase == engine.PhaseSearch && c.Origin() != engine.Imported {
		s.evaluations++
		r.Leads, r.Before = s.lead(c)
	}
	r.Number, r.Evaluations, r.Best = s.number(), s.evaluations, s.best
	return r, nil
}

// lead tells whether a candidate changes who leads: the best or, with several
// objectives, the front.
func (s *source) lead(c *engine.Candidate) (changed bool, before *engine.Candidate) {
	if !s.leaders.Add(c) {
		return false, nil
	}
	before = s.best
	if best := s.leaders.Best(); len(best) > 0 {
		s.best = best[0]
	}
	several := len(s.archive.Plan.Objectives) > 1
	return s.best != nil && (several || before == nil || s.best.ID != before.ID), before
}
