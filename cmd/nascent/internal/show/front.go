package show

import (
	"cmp"
	"math"
	"slices"

	"github.com/nascent-nas/nascent/engine"
)

// Mark is one point of the front of two metrics.
type Mark struct {
	ID     engine.ID
	X, Y   float64
	Beyond bool // it breaks a soft constraint, so that the search counts it as worse
}

// FrontText says how many candidates are on the front.
func FrontText(s engine.Snapshot) string {
	text := Plural(len(s.Front), "candidate")
	if s.FrontPart {
		text += " and more"
	}
	return text
}

// Front lists the genomes that the search measured with both metrics, and those of them
// that no other beats in both, the best by x first: at the highest fidelity that was
// reached, of those that keep the constraints. A genome that was measured several times
// lies at the means. Of a search of these two objectives the front is that of its status:
// where the noise is known all are compared by the means less their standard errors.
func (v *View) Front(x, y engine.Objective) (all, front []Mark) {
	ranking, plan := v.Plan.Ranking(), v.Plan
	plan.Objectives, plan.Ties, plan.Prefer, plan.Reference = []engine.Objective{x, y}, nil, "", nil
	plan.Rules = max(2, plan.Rules) // before, there were no fronts
	leaders := plan.Leaders(1)
	for c := range v.Candidates() {
		if c.Phase == engine.PhaseSearch {
			leaders.Add(&c)
		}
	}
	mark := func(c *engine.Candidate) (Mark, bool) {
		judged, ok := leaders.Stands(c)
		px, okx := judged.Metrics.Get(x.Metric)
		py, oky := judged.Metrics.Get(y.Metric)
		if !ok || !okx || !oky || c.Phase != engine.PhaseSearch || ranking.Violation(judged.Metrics) > 0 {
			return Mark{}, false
		}
		return Mark{c.ID, px, py, ranking.Penalty(judged.Metrics) > 0}, true
	}
	for c := range v.Candidates() {
		if m, ok := mark(&c); ok {
			all = append(all, m)
		}
	}
	for _, c := range leaders.Front() {
		if m, ok := mark(c); ok {
			front = append(front, m)
		}
	}
	slices.SortFunc(front, func(a, b Mark) int {
		return cmp.Or(order(x, a.X, b.X), order(y, a.Y, b.Y), cmp.Compare(a.ID, b.ID))
	})
	return all, front
}

// order compares two values, the better one first.
func order(o engine.Objective, a, b float64) int {
	switch {
	case Better(o, a, b):
		return -1
	case Better(o, b, a):
		return 1
	}
	return 0
}

// BestSoFar is, after each evaluation of the search, the first objective of what was the
// best by then: see Leading. It begins with the first that there was; at says after how
// many evaluations.
func (v *View) BestSoFar() (at []int, best []float64) {
	at, best, _, _ = v.follow()
	return at, best
}

// follow also returns the last evaluation, 0 if there is none, and what goes on from it.
func (v *View) follow() (at []int, best []float64, last engine.ID, l *Leading) {
	n := 0
	l = NewLeading(v)
	for c := range v.Candidates() {
		if c.Phase != engine.PhaseSearch {
			break
		}
		if c.Origin() == engine.Imported {
			continue
		}
		n++
		last = c.ID
		if y := l.Add(&c); !math.IsNaN(y) {
			at, best = append(at, n), append(best, y)
		}
	}
	return at, best, last, l
}

// Leading follows what status calls the best while candidates come: at the highest
// fidelity reached by then, and by the mean where a genome was measured again. So it
// falls where the best was luck, or where another fidelity begins.
type Leading struct {
	Leaders *engine.Leaders

	view *View
	now  float64 // NaN: nobody has kept the constraints yet
}

// NewLeading begins before the first candidate of a search.
func NewLeading(v *View) *Leading { return &Leading{v.Plan.Leaders(1), v, math.NaN()} }

// Add takes a candidate in and returns the first objective of the best; NaN if there is
// none.
func (l *Leading) Add(c *engine.Candidate) float64 {
	if !l.Leaders.Add(c) {
		return l.now
	}
	best := l.Leaders.Best()[0]
	y, ok := best.Metrics.Get(l.view.Objective().Metric)
	if !ok || l.view.Plan.Ranking().Violation(best.Metrics) > 0 {
		y = math.NaN()
	}
	l.now = y
	return y
}

// Better tells whether a is better than b.
func Better(o engine.Objective, a, b float64) bool {
	if o.Goal == engine.Minimize {
		return a < b
	}
	return a > b
}
