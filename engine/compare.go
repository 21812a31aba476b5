package engine

import "math"

// Compare orders two candidates of one fidelity: negative when a is better,
// positive when b is, 0 when nothing tells them apart (callers then prefer the
// smaller id). What was not measured is worst. Among the measured, keeping all
// constraints beats violating any, and a smaller violation beats a larger
// (Deb 2000); then the objectives decide, in their order.
func Compare(objectives []Objective, constraints []Constraint, a, b *Candidate) int {
	if (a.Status == OK) != (b.Status == OK) {
		return sign(a.Status == OK)
	}
	if a.Status != OK {
		return 0
	}
	if va, vb := Violation(constraints, a.Metrics), Violation(constraints, b.Metrics); va != vb {
		return sign(va < vb)
	}
	for _, o := range objectives {
		x, y := Worth(o, a.Metrics), Worth(o, b.Metrics)
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
func Violation(constraints []Constraint, metrics Values) float64 {
	total := 0.0
	add := func(excess, bound float64) {
		if excess > 0 {
			total += excess / math.Max(1, math.Abs(bound))
		}
	}
	for _, c := range constraints {
		x, ok := metrics.Get(c.Metric)
		if !ok {
			return math.Inf(1)
		}
		if c.Max != nil {
			add(x-*c.Max, *c.Max)
		}
		if c.Min != nil {
			add(*c.Min-x, *c.Min)
		}
	}
	return total
}
