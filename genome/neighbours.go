package genome

import (
	"iter"
)

// Ints and floats with more values than this have only some of them as
// neighbours.
const maxListed = 64

// Neighbours lists the valid genomes one change away from g, each once, in a
// fixed order: changes, insertions, deletions, swaps, duplications, rewirings,
// each from the front. Of an integer or a stepped float all other values, or
// with more than 64 those 1, 2, 4, 8, ... steps away and the ends; of a float
// without step the steps of 1, 5 and 20 percent of its range (factors 1.1, 1.5,
// 3 with log) and the ends. An option with genes, and a new element of a list,
// comes with its first values (the low end, the first option), and a new
// element also once for each value of a choice, a boolean or a short range.
// For a genome of another space the sequence is empty.
func (s *Space) Neighbours(g Genome) iter.Seq[Genome] {
	return func(yield func(Genome) bool) {
		for h := range s.structural(g, everySite) {
			if s.valid(h) && !yield(h) {
				return
			}
		}
	}
}

func everySite(int, float64) bool { return true }

// structural lists neighbours without measuring them, those by changes at the
// sites that may.
func (s *Space) structural(g Genome, may func(kind int, weight float64) bool) iter.Seq[Genome] {
	return func(yield func(Genome) bool) {
		old, err := s.codes(nil, g)
		if err != nil {
			return
		}
		m := &mutant{rules: s.rules, codes: old}
		m.collect(s)
		seen := map[string]bool{g.packed: true}
		// emit yields what edit makes of g.
		emit := func(change edit) bool {
			w := &mutant{codes: append([]uint64(nil), old...)}
			change(w)
			h := s.finish(w.codes)
			if seen[h.packed] {
				return true
			}
			seen[h.packed] = true
			return yield(h)
		}
		for kind := range m.sites {
			for k, x := range m.sites[kind] {
				if may(kind, m.weights[kind][k]) && !x.gene.alternatives(m, kind, x, emit) {
					return
				}
			}
		}
	}
}

// codesBelow lists the codes below n.
func codesBelow(n int) []uint64 {
	out := make([]uint64, n)
	for code := range out {
		out[code] = uint64(code)
	}
	return out
}
