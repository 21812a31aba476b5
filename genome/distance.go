package genome

import "sync"

// Distance says how unlike two genomes of this space are: 0 if and only if they
// are equal, at most 1, symmetric. Scalars differ by their share of the range
// (of its logarithm with log), ordered options by their steps, others by 1;
// lists by the cheapest way to edit one into the other. Every gene counts
// alike. Genomes of other spaces are at distance 1.
func (s *Space) Distance(a, b Genome) float64 {
	if a.packed == b.packed && !a.IsZero() && !b.IsZero() {
		return 0
	}
	d := distances.Get().(*distance)
	defer distances.Put(d)
	var err error
	if d.a, err = s.codes(d.a[:0], a); err != nil {
		return 1
	}
	if d.b, err = s.codes(d.b[:0], b); err != nil {
		return 1
	}
	far, weight := s.root.between(d, 0, 0)
	// Rounding must not make unequal genomes equal.
	return min(max(far/weight, 1e-12), 1)
}

// distance compares codes.
type distance struct{ a, b []uint64 }

var distances = sync.Pool{New: func() any { return &distance{} }}

// Lists longer than this are compared place by place.
const maxAligned = 200

// unequal counts the codes of one value that differ from another's.
func unequal(a, b []uint64) float64 {
	n := 0.0
	for k := range a {
		if a[k] != b[k] {
			n++
		}
	}
	return n
}
