package engine

import (
	"iter"
	"math"
	"slices"
	"strconv"

	"github.com/nascent-nas/nascent/genome"
)

// Ranking says which of several candidates are better. Everything that compares uses
// it: strategies, kept checkpoints, the best, targets, the final strategy, reports.
type Ranking struct {
	Objectives  []Objective // equal in rank
	Ties        []Objective // decide, in their order, what the objectives do not
	Constraints []Constraint
	Rules       int // before revision 1 numbers are compared as they are, else by their Key
}

// newRanking is a search's ranking by its revision of the rules: before revision 2
// the first objective decided, and the others were ties.
func newRanking(objectives, ties []Objective, constraints []Constraint, rules int) Ranking {
	if rules < 2 && len(objectives) > 1 {
		objectives, ties = objectives[:1], slices.Concat(objectives[1:], ties)
	}
	return Ranking{objectives, ties, constraints, rules}
}

// Ranking is the search's.
func (p *Plan) Ranking() Ranking { return newRanking(p.Objectives, p.Ties, p.Constraints, p.Rules) }

// Ranking is the search's.
func (s *Setup) Ranking() Ranking {
	rules := genome.Rules
	if s.Space != nil {
		rules = s.Space.Rules()
	}
	return newRanking(s.Objectives, s.Ties, s.Constraints, rules)
}

// Key is a number as it is compared: rounded to 12 significant digits, so that what
// differs only by the rounding of a computation is equal. 0.1 measured three times
// has a mean of 0.1.
func Key(x float64) float64 {
	if x == 0 || !isFinite(x) {
		return x
	}
	var b [32]byte
	y, err := strconv.ParseFloat(string(strconv.AppendFloat(b[:0], x, 'e', 11, 64)), 64)
	if err != nil {
		return x
	}
	return y
}

func (r *Ranking) key(x float64) float64 {
	if r.Rules < 1 {
		return x
	}
	return Key(x)
}

// Compare orders two candidates of one fidelity: negative when a is better,
// positive when b is, 0 when nothing tells them apart (callers then prefer the
// smaller id) or, with several objectives, when each is better in one of them. So only
// with one objective is it an order by which candidates can be sorted: a Rank sorts.
// What was not measured is worst. Among the measured, keeping all constraints beats
// violating any, and a smaller violation beats a larger (Deb 2000); then the
// objectives decide; between equals in all of them the ties, in their order.
func (r Ranking) Compare(a, b *Candidate) int {
	return r.member(a).compare(r.member(b))
}

// Better is how many of n others a candidate is better than. One that nothing tells
// it apart from counts half, and with several objectives so does one that is better in
// one of them and worse in another.
func (r Ranking) Better(c *Candidate, others iter.Seq[*Candidate]) (better float64, n int) {
	m := r.member(c)
	for x := range others {
		n++
		switch order := m.compare(r.member(x)); {
		case order < 0:
			better++
		case order == 0:
			better += 0.5
		}
	}
	return better, n
}

// Place is where a candidate lies: its worth by each objective, on the objective's
// scale, rounded as it is compared. Who lacks an objective lies at minus infinity.
func (r Ranking) Place(c *Candidate) []float64 { return slices.Clone(r.member(c).place) }

// Worth is the objective's metric turned so that more is better; minus
// infinity where it is missing.
func Worth(o Objective, metrics Values) float64 {
	x, ok := metrics.Get(o.Metric)
	switch {
	case !ok || math.IsNaN(x):
		return math.Inf(-1)
	case o.Goal == Minimize:
		return -x
	}
	return x
}

// Violation is by how much metrics break the constraints: the sum over all of
// them of the distance to the bound, relative to the bound where that is not
// smaller than one. 0 means that all are kept; a missing metric counts as
// infinitely far off.
func (r Ranking) Violation(metrics Values) float64 {
	total := 0.0
	add := func(excess, bound float64) {
		if excess > 0 {
			total += excess / math.Max(1, math.Abs(bound))
		}
	}
	for _, c := range r.Constraints {
		x, ok := metrics.Get(c.Metric)
		if !ok {
			return math.Inf(1)
		}
		if c.Max != nil {
			add(r.key(x)-r.key(*c.Max), r.key(*c.Max))
		}
		if c.Min != nil {
			add(r.key(*c.Min)-r.key(x), r.key(*c.Min))
		}
	}
	return r.key(total)
}

// Reaches tells whether metrics keep the constraints and are as good as all targets,
// each of an objective.
func (r Ranking) Reaches(metrics, targets Values) bool {
	for _, o := range r.Objectives {
		x, measured := metrics.Get(o.Metric)
		y, asked := targets.Get(o.Metric)
		if x, y = r.key(x), r.key(y); asked && (!measured || x != y && (x < y) != (o.Goal == Minimize)) {
			return false
		}
	}
	return r.Violation(metrics) == 0
}
