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

func everySite(int, site) bool { return true }

// structural lists neighbours without measuring them, those by changes at the
// sites that may.
func (s *Space) structural(g Genome, may func(kind int, x site) bool) iter.Seq[Genome] {
	return func(yield func(Genome) bool) {
		old, err := s.codes(nil, g)
		if err != nil {
			return
		}
		m := &mutant{rules: s.rules, codes: old}
		m.collect(s)
		seen := map[string]bool{g.packed: true}
		// emit yields what edit makes of g.
		emit := func(edit func(m *mutant)) bool {
			w := &mutant{codes: append([]uint64(nil), old...)}
			edit(w)
			h := s.finish(w.codes)
			if seen[h.packed] {
				return true
			}
			seen[h.packed] = true
			return yield(h)
		}
		for kind := range m.sites {
			for _, x := range m.sites[kind] {
				if may(kind, x) && !m.alternatives(kind, x, emit) {
					return
				}
			}
		}
	}
}

// alternatives emits every outcome of one kind of mutation at one site.
func (m *mutant) alternatives(kind int, x site, emit func(func(*mutant)) bool) bool {
	g, at, n := x.gene, x.at, x.sub
	switch kind {
	case change:
		return m.otherValues(x, emit)
	case insert:
		if g.kind == kindVertices {
			edges := readGraph(m.codes, at).edges()
			if edges >= g.cell.maxEdges {
				return true
			}
			for k := range edges {
				for op := range g.cell.ops {
					if !emit(func(w *mutant) {
						q := readGraph(w.codes, at)
						from, to := q.edge(k)
						q.split(from, to, uint64(op))
						w.replaceGraph(at, q)
					}) {
						return false
					}
				}
			}
			return true
		}
		for _, value := range g.elem.samples() {
			for k := range n + 1 {
				if !emit(func(w *mutant) { w.insertElement(g, at, n, k, value) }) {
					return false
				}
			}
		}
	case remove:
		if g.kind == kindVertices {
			return emit(func(w *mutant) {
				q := readGraph(w.codes, at)
				q.remove(n, true)
				w.replaceGraph(at, q)
			})
		}
		for k := range n {
			if !emit(func(w *mutant) { w.removeElement(g, at, n, k) }) {
				return false
			}
		}
	case swap:
		for a := range n {
			for b := a + 1; b < n; b++ {
				if !emit(func(w *mutant) { w.swapElements(g, at, a, b) }) {
					return false
				}
			}
		}
	case duplicate:
		for from := range n {
			for k := range n + 1 {
				if !emit(func(w *mutant) {
					lo, hi := w.element(g, at, from)
					w.insertElement(g, at, n, k, append([]uint64(nil), w.codes[lo:hi]...))
				}) {
					return false
				}
			}
		}
	case rewire:
		if g.kind == kindVertices {
			q := readGraph(m.codes, at)
			for _, before := range g.rewirings(q, m.rules) {
				if !emit(func(w *mutant) { copy(w.codes[at+len(q.ops)-1:], before) }) {
					return false
				}
			}
			return true
		}
		c := g.cell
		node := x.sub / c.nodeCodes()
		first := at + (node+1)*c.nodeCodes() - 4
		for from := range c.inputs + node {
			if !emit(func(w *mutant) {
				w.codes[at+x.sub] = uint64(from)
				if c.distinct && w.codes[first] == w.codes[first+2] {
					w.codes[at+x.sub] = m.codes[at+x.sub]
				}
				orderPair(w.codes[first : first+4])
			}) {
				return false
			}
		}
	}
	return true
}

func (m *mutant) otherValues(x site, emit func(func(*mutant)) bool) bool {
	g, at := x.gene, x.at
	switch g.kind {
	case kindChoice:
		for k := range g.options {
			if k != int(m.codes[at]) && !emit(func(w *mutant) { w.choose(g, at, k, nil) }) {
				return false
			}
		}
		return true
	case kindBool, kindInt, kindFloat:
		for _, code := range g.otherCodes(m.codes[at]) {
			if !emit(func(w *mutant) { w.codes[at] = code }) {
				return false
			}
		}
		return true
	}
	n := len(g.cell.ops)
	if g.kind == kindPairs && g.cell.nodeCodes() == 5 && x.sub%5 == 0 {
		n = len(g.cell.combine)
	}
	for code := range n {
		if !emit(func(w *mutant) {
			w.codes[at+x.sub] = uint64(code)
			if g.kind == kindPairs {
				first := at + (x.sub/g.cell.nodeCodes()+1)*g.cell.nodeCodes() - 4
				orderPair(w.codes[first : first+4])
			}
		}) {
			return false
		}
	}
	return true
}

// otherCodes lists the neighbouring values of a boolean, an int or a float.
func (g *gene) otherCodes(old uint64) []uint64 {
	var out []uint64
	switch {
	case g.kind == kindBool:
		return []uint64{1 - old}
	case g.continuous():
		x := g.number(old)
		if g.curved {
			for _, f := range []float64{1.1, 1.5, 3} {
				out = append(out, g.nearest(x/f), g.nearest(float64(x*f)))
			}
		} else {
			for _, f := range []float64{0.01, 0.05, 0.2} {
				d := float64(f * (g.fhi - g.flo))
				out = append(out, g.nearest(x-d), g.nearest(x+d))
			}
		}
		return append(out, g.nearest(g.flo), g.nearest(g.fhi))
	case g.count <= maxListed:
		for code := range uint64(g.count) {
			out = append(out, code)
		}
		return out
	}
	last := uint64(g.count - 1)
	for d := uint64(1); d <= last; d *= 2 {
		if d <= old {
			out = append(out, old-d)
		}
		if old+d <= last {
			out = append(out, old+d)
		}
	}
	return append(out, 0, last)
}

// samples lists typical values of a gene: all of a scalar with few of them,
// every option of a choice, else the first.
func (g *gene) samples() [][]uint64 {
	switch {
	case g.kind == kindChoice:
		var out [][]uint64
		for k, o := range g.options {
			codes := []uint64{uint64(k)}
			if o.body != nil {
				codes = o.body.first(codes)
			}
			out = append(out, codes)
		}
		return out
	case g.kind == kindBool || (g.kind == kindInt || g.kind == kindFloat) && g.count > 0 && g.count <= maxListed:
		var out [][]uint64
		for code := range uint64(g.values()) {
			out = append(out, []uint64{code})
		}
		return out
	}
	return [][]uint64{g.first(nil)}
}
