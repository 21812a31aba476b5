package evolve

import "github.com/nascent-nas/nascent/engine"

// sposView is the History as the inner strategy sees it: what was scored with the
// present weights, as trained at fidelity 0, with the score as the objective. It
// grows with the History and is otherwise a function of it.
type sposView struct {
	engine.History
	objectives []engine.Objective
	first      engine.ID // scores of jobs before it are of other weights

	read   int               // candidates of the History that were looked at
	last   *engine.Candidate // the last of them
	rows   []*engine.Candidate
	byID   map[engine.ID]*engine.Candidate
	scored map[string]bool // genomes, packed
}

// follow takes in what the History has gained. What was read of another History
// is forgotten.
func (v *sposView) follow(h engine.History, objectives []engine.Objective, first engine.ID) {
	if v.first != first || v.read > h.Len() || v.read > 0 && h.At(v.read-1) != v.last {
		*v = sposView{}
	}
	v.History, v.objectives, v.first = h, objectives, first
	if v.byID == nil {
		v.byID, v.scored = map[engine.ID]*engine.Candidate{}, map[string]bool{}
	}
	for ; v.read < h.Len(); v.read++ {
		v.last = h.At(v.read)
		if !v.shows(v.last) {
			continue
		}
		c := v.as(v.last)
		v.rows = append(v.rows, c)
		v.byID[c.ID] = c
		if c.Status == engine.OK {
			v.scored[c.Genome.Packed()] = true
		}
	}
}

// shows tells whether the inner strategy sees a candidate.
func (v *sposView) shows(c *engine.Candidate) bool { return c.Task == engine.Score && c.ID >= v.first }

// as is a scored candidate as the inner strategy sees it.
func (v *sposView) as(c *engine.Candidate) *engine.Candidate {
	out := *c
	out.Task, out.Fidelity, out.Metrics = engine.Train, 0, nil
	x, ok := c.Metrics.Get(SharedAccuracy)
	if !ok || len(v.objectives) == 0 {
		return &out
	}
	if v.objectives[0].Goal == engine.Minimize {
		x = 1 - x
	}
	out.Metrics = engine.Values{{Name: v.objectives[0].Metric, Value: x}}
	for _, o := range v.objectives[1:] {
		if net, err := c.Network(); err == nil && net != nil {
			out.Metrics = append(out.Metrics, engine.Value{Name: o.Metric, Value: float64(ofNetwork[o.Metric](net))})
		}
	}
	engine.SortValues(out.Metrics)
	return &out
}

// Len implements engine.History.
func (v *sposView) Len() int { return len(v.rows) }

// At implements engine.History.
func (v *sposView) At(i int) *engine.Candidate { return v.rows[i] }

// Get implements engine.History.
func (v *sposView) Get(id engine.ID) (*engine.Candidate, bool) {
	c, ok := v.byID[id]
	return c, ok
}

// sposLadder is the History as promotion sees it: scored candidates as those of
// fidelity 0, trained ones a fidelity higher than they are.
type sposLadder struct{ *sposView }

// as is a candidate as promotion sees it; nil if it does not.
func (l sposLadder) as(c *engine.Candidate) *engine.Candidate {
	switch {
	case l.shows(c):
		return l.sposView.as(c)
	case c.Task == engine.Train:
		out := *c
		out.Fidelity++
		return &out
	}
	return nil
}

// Get implements engine.History.
func (l sposLadder) Get(id engine.ID) (*engine.Candidate, bool) {
	c, ok := l.History.Get(id)
	if !ok {
		return nil, false
	}
	c = l.as(c)
	return c, c != nil
}
