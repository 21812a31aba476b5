package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
)

// final is the built-in strategy that ends a search. First it measures the
// best few again with fresh seeds, because the best of many noisy figures is
// partly luck; then it tests the one with the best mean, and the baselines, on
// data that nothing was chosen by. With several objectives the best few are of the
// front, and those are tested that no other one dominates by what was measured again.
type final struct {
	plan      *Plan
	baselines []Baseline
}

// finalState is its whole memory. It names only candidates of the search.
type finalState struct {
	Stage  Phase `json:"stage"`
	Top    []ID  `json:"top,omitempty"`    // re-measured
	Winner ID    `json:"winner,omitempty"` // 0: nothing was measured
	Front  []ID  `json:"front,omitempty"`  // with several objectives: who is tested, the winner first
}

func (f *final) Open(context.Context, Setup) ([]byte, Needs, error) {
	return nil, Needs{History: NeedMetrics, Batch: math.MaxInt32}, nil
}

func (f *final) Step(_ context.Context, state []byte, t Turn) (Decision, error) {
	var s finalState
	if len(state) > 0 {
		if err := json.Unmarshal(state, &s); err != nil {
			return Decision{}, fmt.Errorf("its state cannot be read: %w", err)
		}
	}
	switch s.Stage {
	case "":
		top := f.top(t.History, cmp.Or(f.plan.Final.Top, f.untried()))
		if len(top) == 0 {
			return f.decide(s, Decision{Note: "nothing was measured, so there is nothing to re-measure", Done: true})
		}
		s.Winner = top[0]
		if f.several() {
			s.Front = top
		}
		if f.plan.Final.Top > 0 && f.plan.Final.Repeats > 0 {
			return f.remeasure(s, top, t.History)
		}
		return f.test(s)
	case PhaseRemeasure:
		front := f.front(s.Top, t)
		w := front[0]
		s.Winner, s.Front = w.ID, nil
		if f.several() {
			for _, c := range front {
				s.Front = append(s.Front, c.ID)
			}
		}
		d, err := f.test(s)
		if f.plan.Rules > 0 && f.plan.Ranking().Violation(w.Metrics) > 0 {
			d.Note = fmt.Sprintf("measured again, no candidate keeps the constraints; candidate %s comes closest", w.ID)
		}
		return d, err
	}
	return f.decide(s, Decision{Done: true})
}

func (f *final) decide(s finalState, d Decision) (Decision, error) {
	b, err := json.Marshal(s)
	d.State = b
	return d, err
}

func (f *final) several() bool { return len(f.plan.Ranking().Objectives) > 1 }

// untried is how many are tested where nobody is measured again.
func (f *final) untried() int {
	if f.several() {
		return defaultTop
	}
	return 1
}

// top lists the n best candidates of the search at the highest fidelity that
// it reached, of different genomes; of a front those that contribute most.
func (f *final) top(h History, n int) (ids []ID) {
	best := f.plan.Leaders(n)
	for c := range All(h) {
		if c.Phase == PhaseSearch {
			best.Add(c)
		}
	}
	for _, c := range best.contributing() {
		ids = append(ids, c.ID)
	}
	return ids
}

func (f *final) remeasure(s finalState, top []ID, h History) (Decision, error) {
	s.Stage, s.Top = PhaseRemeasure, top
	var d Decision
	for range f.plan.Final.Repeats {
		for _, id := range top {
			c, _ := h.Get(id)
			d.Proposals = append(d.Proposals, Proposal{
				Operator: OpSame, Parents: []ID{id}, Fidelity: c.Fidelity, Replicate: true, Phase: PhaseRemeasure,
			})
		}
	}
	d.Note = fmt.Sprintf("re-measure the best %d with %d fresh seeds each", len(top), f.plan.Final.Repeats)
	d.Keep = top
	return f.decide(s, d)
}

// front are those that no other one dominates by what was measured again, the winner
// first, with the numbers that they are judged by. Who breaks a constraint stands
// there only if nobody breaks them less.
func (f *final) front(top []ID, t Turn) []*Candidate {
	var judged []*Candidate
	for _, id := range top {
		c, _ := t.History.Get(id)
		var fresh []Result
		for i := range t.Results {
			if r := &t.Results[i]; r.Status == OK && r.Parents[0] == id {
				fresh = append(fresh, r.Result)
			}
		}
		m := *c
		m.Metrics = f.plan.judged(c.Metrics, fresh)
		if len(fresh) == 0 && f.plan.Rules > 0 {
			m.Status = Failed // who could not be measured again is behind those who could
		}
		judged = append(judged, &m)
	}
	front := f.plan.preferred(judged)
	if !f.several() {
		return front[:1]
	}
	return front
}

// judged are the numbers that a candidate is judged by: the means of what was
// measured again, because the best of many figures is partly luck. Without fresh
// results they are the first ones. (Searches from before there were revisions of the
// rules take the first one into the mean.)
func (p *Plan) judged(first Values, fresh []Result) (means Values) {
	for _, v := range first {
		var xs []float64
		if p.Rules < 1 || len(fresh) == 0 {
			xs = append(xs, v.Value)
		}
		for i := range fresh {
			if x, ok := fresh[i].Metrics.Get(v.Name); ok {
				xs = append(xs, x)
			}
		}
		if len(xs) > 0 {
			mean, _ := Mean(xs)
			means = append(means, Value{v.Name, mean})
		}
	}
	return means
}

func (f *final) test(s finalState) (Decision, error) {
	s.Stage = PhaseTest
	tested := []ID{s.Winner}
	d := Decision{Note: fmt.Sprintf("the winner is candidate %s", s.Winner)}
	if len(s.Front) > 0 {
		tested = s.Front
		d.Note += fmt.Sprintf(" of a front of %d", len(s.Front))
	}
	d.Keep = tested
	for range f.plan.Final.Tests {
		// The highest fidelity's evaluator is the one that is asked for tests.
		p := Proposal{Fidelity: len(f.plan.Fidelities) - 1, Replicate: true, Phase: PhaseTest, Budget: f.plan.Final.Budget}
		for _, id := range tested {
			w := p
			w.Operator, w.Parents = OpSame, []ID{id}
			d.Proposals = append(d.Proposals, w)
		}
		for _, b := range f.baselines {
			q := p
			q.Operator, q.Genome = OpBaseline, b.Genome
			d.Proposals = append(d.Proposals, q)
		}
	}
	d.Done = len(d.Proposals) == 0
	return f.decide(s, d)
}

// Outcome is what the newest pass of the final strategy found.
type Outcome struct {
	Complete   bool       // it came to its end
	Winner     ID         // 0: none
	Front      []ID       // with several objectives: the winner, and the others that no other one dominates by these means
	Judged     Values     // the winner's numbers that it was chosen by: the means of what was measured again
	Violation  float64    // by how much these break the constraints; if they do, nobody's keep them
	Remeasured []Measured // the best few, in the order of the search's ranking
	Tested     []Measured // the winner and the baselines, if the evaluator can test
	Splits     string     // in the evaluator's words: what was trained, validated and tested on
	Seeds      int        // measurements of each on test data
	Budget     float64    // of a test
}

// Measured is one network that was measured several times with fresh seeds.
type Measured struct {
	ID      ID       // the search's candidate; 0 for a baseline
	Name    string   // of the baseline
	First   Values   // what the search had measured, for candidates
	Judged  Values   // what it is judged by, of those that were measured again
	Results []Result // the fresh ones, those that are OK
	Failed  int      // how many were not
}

// Mean is the mean and the sample standard deviation of a metric over the n
// fresh results that have it.
func (m *Measured) Mean(metric string) (mean, sd float64, n int) {
	var xs []float64
	for _, r := range m.Results {
		if x, ok := r.Metrics.Get(metric); ok {
			xs = append(xs, x)
		}
	}
	mean, sd = Mean(xs)
	return mean, sd, len(xs)
}

// Estimates are what the fresh results tell of a metric of each of those that were
// measured again, in their order; N is 0 where there is none. It is false if nobody has
// two, and so nothing is known of the noise.
func (o *Outcome) Estimates(metric string) (out []Estimate, ok bool) {
	var z noise
	for i := range o.Remeasured {
		if _, sd, n := o.Remeasured[i].Mean(metric); n > 1 {
			z.square, z.freedom = min(math.MaxFloat64, z.square+float64(sd*sd*float64(n-1))), z.freedom+n-1
		}
	}
	if z.freedom == 0 {
		return nil, false
	}
	for i := range o.Remeasured {
		var e Estimate
		if mean, _, n := o.Remeasured[i].Mean(metric); n > 0 {
			e = z.estimate(mean, n)
		}
		out = append(out, e)
	}
	return out, true
}

// Overtaken tells whether the search went on after the newest pass of the final strategy, and
// has found its best, or somebody on its front, since.
func (a *Archive) Overtaken() bool {
	since := a.search.evaluations() - a.pass.Evaluations
	if !a.holds() || since == 0 {
		return false
	}
	leading := a.leaders.Front()
	if len(leading) == 0 {
		leading = a.leaders.Best()
		leading = leading[:min(1, len(leading))]
	}
	for e := range a.search.latest() {
		if since == 0 {
			break
		}
		since--
		if slices.ContainsFunc(leading, func(c *Candidate) bool { return c.ID == e.ID }) {
			return true
		}
	}
	return false
}

// Outcome tells what the final strategy found, or false if it never began, or the search
// has found somebody since whom it did not measure and who is its best, or on its front.
func (a *Archive) Outcome() (Outcome, bool) {
	if !a.holds() || a.Overtaken() {
		return Outcome{}, false
	}
	highest := len(a.Plan.Fidelities) - 1
	o := Outcome{Complete: a.final.done(), Seeds: a.Plan.Final.Tests, Budget: cmp.Or(a.Plan.Final.Budget, a.budget(highest))}
	for _, e := range a.Evaluators {
		if e.Key == a.Plan.Fidelities[highest].Evaluator {
			o.Splits = e.Hello.Splits // of the newest
		}
	}
	if raw, err := a.led.State(PartFinal); a.final.begun() && err == nil && len(raw) > 0 {
		var s finalState
		if json.Unmarshal(raw, &s) == nil {
			o.Winner, o.Front = s.Winner, s.Front
		}
	}
	group := func(list []Measured, e *entry) []Measured {
		id := ID(0)
		if e.Baseline == "" && len(e.Parents) > 0 {
			id = e.Parents[0]
		}
		i := slices.IndexFunc(list, func(m Measured) bool { return m.ID == id && m.Name == e.Baseline })
		if i < 0 {
			m := Measured{ID: id, Name: e.Baseline}
			if first := a.get(id); id != 0 && first != nil {
				m.First = first.full().Metrics
			}
			i, list = len(list), append(list, m)
		}
		if e.Status == OK {
			list[i].Results = append(list[i].Results, e.full().Result)
		} else {
			list[i].Failed++
		}
		return list
	}
	for _, id := range a.final.history {
		e := a.get(id)
		switch {
		case id < a.pass.FirstID:
		case e.Phase == PhaseRemeasure:
			o.Remeasured = group(o.Remeasured, e)
		case e.Phase == PhaseTest:
			o.Tested = group(o.Tested, e)
		}
	}
	if e := a.get(o.Winner); e != nil && o.Winner != 0 {
		o.Judged = a.Plan.judged(e.full().Metrics, nil)
	}
	for i := range o.Remeasured {
		m := &o.Remeasured[i]
		m.Judged = a.Plan.judged(m.First, m.Results)
		if m.ID == o.Winner {
			o.Judged = m.Judged
		}
	}
	if o.Winner != 0 {
		o.Violation = a.Plan.Ranking().Violation(o.Judged)
	}
	return o, true
}
