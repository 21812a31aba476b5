package engine

import (
	"cmp"
	"iter"
	"math"
	"slices"
	"strconv"

	"github.com/nascent-nas/nascent/engine/expression"
	"github.com/nascent-nas/nascent/genome"
)

// Ranking says which of several candidates are better. Everything that compares uses
// it: strategies, kept checkpoints, the best, targets, the final strategy, reports.
type Ranking struct {
	Objectives  []Objective // equal in rank
	Ties        []Objective // decide, in their order, what the objectives do not
	Constraints []Constraint
	Soft        []Constraint // with a weight
	Rules       int          // before revision 1 numbers are compared as they are, else by their Key

	prefer *expression.Expression // what the only objective is, where that is no metric
}

// newRanking is a search's ranking by its revision of the rules: before revision 2
// the first objective decided, and the others were ties.
func newRanking(objectives, ties []Objective, constraints []Constraint, rules int) Ranking {
	if rules < 2 && len(objectives) > 1 {
		objectives, ties = objectives[:1], slices.Concat(objectives[1:], ties)
	}
	r := Ranking{Objectives: objectives, Ties: ties, Constraints: constraints, Rules: rules}
	if soft := func(c Constraint) bool { return c.Weight > 0 }; slices.ContainsFunc(constraints, soft) {
		r.Constraints = nil
		for _, c := range constraints {
			if soft(c) {
				r.Soft = append(r.Soft, c)
			} else {
				r.Constraints = append(r.Constraints, c)
			}
		}
	}
	return r
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

// Worth is the objective's metric turned so that more is better, and worse by the
// penalty of the soft constraints; minus infinity where it is missing.
func (r Ranking) Worth(o Objective, metrics Values) float64 {
	return penalized(r.worth(o, metrics), r.Penalty(metrics))
}

// worth is the objective's metric turned so that more is better; minus infinity where
// it is missing.
func (r *Ranking) worth(o Objective, metrics Values) float64 {
	x, ok := metrics.Get(o.Metric)
	if r.prefer != nil && o.Metric == r.prefer.String() {
		x, ok = valueOf(r.prefer, metrics)
	}
	switch {
	case !ok || math.IsNaN(x):
		return math.Inf(-1)
	case o.Goal == Minimize:
		return -x
	}
	return x
}

// penalized is a worth that a penalty makes worse: a share of what it is, so that it
// weighs the same whatever the objective's unit.
func penalized(worth, penalty float64) float64 {
	switch {
	case penalty == 0:
		return worth
	case math.IsInf(penalty, 1):
		return math.Inf(-1)
	case worth > 0:
		return worth / (1 + penalty)
	case math.IsInf(worth, -1):
		return worth
	}
	return max(-math.MaxFloat64, worth*(1+penalty))
}

// Penalty is how much worse who has these metrics counts in every objective because
// of the soft constraints: the sum over all of them of their weight, times the distance
// to the bound relative to the bound (to 1 where that is 0). With a weight of 0.5, who
// exceeds a bound by a tenth of it has a penalty of 0.05: an objective that is to be
// minimized counts 1.05 times as much, one to be maximized 1/1.05 times, and of
// negative values the other way round. 0 means that all are kept; a missing metric
// counts as infinitely far off. (Tan et al. 2019 multiply by a power of the ratio.)
func (r Ranking) Penalty(metrics Values) float64 {
	total := 0.0
	for _, c := range r.Soft {
		total += float64(c.Weight * r.broken(c, metrics, func(bound float64) float64 { return cmp.Or(math.Abs(bound), 1) }))
	}
	return r.key(total)
}

// Violation is by how much metrics break the constraints: the sum over all of
// them of the distance to the bound, relative to the bound where that is not
// smaller than one. 0 means that all are kept; a missing metric counts as
// infinitely far off. Soft ones are none of these.
func (r Ranking) Violation(metrics Values) float64 {
	total := 0.0
	for _, c := range r.Constraints {
		total += r.broken(c, metrics, func(bound float64) float64 { return math.Max(1, math.Abs(bound)) })
	}
	return r.key(total)
}

// broken is how far beyond a bound of the constraint the metric is, in units that the
// bound says; 0 where both are kept, infinite where it is missing.
func (r *Ranking) broken(c Constraint, metrics Values, unit func(bound float64) float64) (total float64) {
	x, ok := metrics.Get(c.Metric)
	if !ok {
		return math.Inf(1)
	}
	add := func(excess, bound float64) {
		if excess > 0 {
			total += excess / unit(bound)
		}
	}
	if c.Max != nil {
		add(r.key(x)-r.key(*c.Max), r.key(*c.Max))
	}
	if c.Min != nil {
		add(r.key(*c.Min)-r.key(x), r.key(*c.Min))
	}
	return total
}

// Reaches tells whether metrics are as good as all targets, each of an objective.
func (r Ranking) Reaches(metrics, targets Values) bool {
	for _, o := range r.Objectives {
		x, measured := metrics.Get(o.Metric)
		y, asked := targets.Get(o.Metric)
		if x, y = r.key(x), r.key(y); asked && (!measured || x != y && (x < y) != (o.Goal == Minimize)) {
			return false
		}
	}
	return true
}
