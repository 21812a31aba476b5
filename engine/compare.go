package engine

import (
	"math"
	"strconv"

	"github.com/nascent-nas/nascent/genome"
)

// Ranking says which of two candidates is better. Everything that compares uses
// it: strategies, kept checkpoints, the best, targets, the final strategy, reports.
type Ranking struct {
	Objectives  []Objective
	Constraints []Constraint
	Rules       int // before revision 1 numbers are compared as they are, else by their Key
}

// Ranking is the search's.
func (p *Plan) Ranking() Ranking { return Ranking{p.Objectives, p.Constraints, p.Rules} }

// Ranking is the search's.
func (s *Setup) Ranking() Ranking {
	r := Ranking{s.Objectives, s.Constraints, genome.Rules}
	if s.Space != nil {
		r.Rules = s.Space.Rules()
	}
	return r
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
// smaller id). What was not measured is worst. Among the measured, keeping all
// constraints beats violating any, and a smaller violation beats a larger
// (Deb 2000); then the objectives decide, in their order.
func (r Ranking) Compare(a, b *Candidate) int {
	if (a.Status == OK) != (b.Status == OK) {
		return sign(a.Status == OK)
	}
	if a.Status != OK {
		return 0
	}
	if va, vb := r.Violation(a.Metrics), r.Violation(b.Metrics); va != vb {
		return sign(va < vb)
	}
	for _, o := range r.Objectives {
		x, y := r.key(Worth(o, a.Metrics)), r.key(Worth(o, b.Metrics))
		if x != y {
			return sign(x > y)
		}
	}
	return 0
}

// sign is -1 when the first is better.
func sign(first bool) int {
	if first {
		return -1
	}
	return 1
}

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

// Reaches tells whether a value of the first objective is as good as a target.
func (r Ranking) Reaches(x, target float64) bool {
	x, target = r.key(x), r.key(target)
	if len(r.Objectives) > 0 && r.Objectives[0].Goal == Minimize {
		return x <= target
	}
	return x >= target
}
