package show

import (
	"cmp"
	"slices"

	"github.com/nascent-nas/nascent/engine"
)

// Mark is one point of the front of two metrics.
type Mark struct {
	ID   engine.ID
	X, Y float64
}

// Front lists the measured candidates of the search with both metrics, and those
// of them that no other beats in both, the best by x first. Only the highest
// fidelity that was reached counts, and only who keeps the constraints.
func (v *View) Front(x, y engine.Objective) (all, front []Mark) {
	top := 0
	for c := range v.Candidates() {
		if c.Phase == engine.PhaseSearch && c.Status == engine.OK && !c.Stopped {
			top = max(top, c.Fidelity)
		}
	}
	for c := range v.Candidates() {
		if c.Phase != engine.PhaseSearch || c.Status != engine.OK || c.Stopped || c.Fidelity != top {
			continue
		}
		if v.Plan.Ranking().Violation(c.Metrics) > 0 {
			continue
		}
		px, okx := c.Metrics.Get(x.Metric)
		py, oky := c.Metrics.Get(y.Metric)
		if okx && oky {
			all = append(all, Mark{c.ID, px, py})
		}
	}
	order := func(o engine.Objective, a, b float64) int {
		switch {
		case Better(o, a, b):
			return -1
		case Better(o, b, a):
			return 1
		}
		return 0
	}
	sorted := slices.Clone(all)
	slices.SortFunc(sorted, func(a, b Mark) int {
		return cmp.Or(order(x, a.X, b.X), order(y, a.Y, b.Y), cmp.Compare(a.ID, b.ID))
	})
	for _, m := range sorted {
		if n := len(front); n == 0 || Better(y, m.Y, front[n-1].Y) {
			front = append(front, m)
		}
	}
	return all, front
}

// BestSoFar is, after each evaluation of the search, the best value of the
// first objective so far: all fidelities together, constraints kept. It begins
// with the first measured one; at says after how many evaluations. With one fidelity
// and one objective it is the mean of who leads, which falls when that was luck.
func (v *View) BestSoFar() (at []int, best []float64) {
	o := v.Objective()
	n := 0
	var leaders *engine.Leaders
	if len(v.Plan.Fidelities) == 1 && len(v.Plan.Ranking().Objectives) == 1 {
		leaders = v.Plan.Leaders(1)
	}
	for c := range v.Candidates() {
		if c.Phase != engine.PhaseSearch {
			break
		}
		n++
		if y, ok := Worth(v, &c, o); ok {
			if leaders != nil {
				leaders.Add(&c)
				y, _ = leaders.Best()[0].Metrics.Get(o.Metric)
			} else if k := len(best); k > 0 && !Better(o, y, best[k-1]) {
				y = best[k-1]
			}
			at, best = append(at, n), append(best, y)
		}
	}
	return at, best
}

// Worth is the objective of a candidate that counts: measured in full, with
// its constraints kept.
func Worth(v *View, c *engine.Candidate, o engine.Objective) (float64, bool) {
	if c.Task != engine.Train || c.Status != engine.OK || c.Stopped || v.Plan.Ranking().Violation(c.Metrics) > 0 {
		return 0, false
	}
	return c.Metrics.Get(o.Metric)
}

// Better tells whether a is better than b.
func Better(o engine.Objective, a, b float64) bool {
	if o.Goal == engine.Minimize {
		return a < b
	}
	return a > b
}
