package genome

import (
	"slices"
	"sync"

	"github.com/nascent-nas/nascent/genome/rng"
)

// How often an operator tries before it looks at what is left.
const (
	mutateTries = 60
	crossTries  = 20
)

// site is a place in a genome where one kind of mutation applies.
type site struct {
	gene   *gene
	at     int // its first code
	sub    int // cells: which code, or which node
	weight float64
}

// mutant is a genome in work.
type mutant struct {
	rules        int
	codes, spare []uint64
	sites        [mutationKinds][]site
	weights      []float64
}

var mutants = sync.Pool{New: func() any { return &mutant{} }}

// Mutate returns a valid genome that differs from g: as many changes as drawn
// from the space's variation.changes, each of a kind drawn by
// variation.kinds among those that apply anywhere, at a place drawn among those
// where it applies, by variation.weights.
//
// A change gives a scalar another value: an option by its weight (one or two
// steps away if ordered), an integer or float near the old one (see docs/space.md).
// An option with genes brings new ones, except that genes it shares with the old
// option keep their values. The error says that no neighbour is valid.
func (s *Space) Mutate(g Genome, r *rng.Rand) (Genome, error) {
	m := mutants.Get().(*mutant)
	defer mutants.Put(m)
	var err error
	m.rules = s.rules
	for range mutateTries {
		if m.codes, err = s.codes(m.codes[:0], g); err != nil {
			return Genome{}, err
		}
		v := s.decl.variation
		for range v.changes[r.Intn(len(v.changes))] {
			m.step(s, r)
		}
		if h := s.finish(m.codes); h.packed != g.packed && s.valid(h) {
			return h, nil
		}
	}
	return s.anyNeighbour(g, r)
}

// anyNeighbour draws a valid neighbour when mutation found none: one that the
// kinds of mutation allow; if there is none, any in a gene that may mutate.
func (s *Space) anyNeighbour(g Genome, r *rng.Rand) (Genome, error) {
	kinds := s.decl.variation.kinds
	passes := []func(kind int, x site) bool{
		func(kind int, x site) bool { return x.weight > 0 && kinds[kind] > 0 },
		func(_ int, x site) bool { return x.weight > 0 },
	}
	if s.rules < 1 {
		passes = []func(int, site) bool{everySite}
	}
	for _, may := range passes {
		// Up to a bound all of them are listed, so that each may be drawn.
		var all []Genome
		for h := range s.structural(g, may) {
			if all = append(all, h); len(all) == 20000 {
				break
			}
		}
		for n := len(all); n > 0; n-- {
			k := r.Intn(n)
			if s.valid(all[k]) {
				return all[k], nil
			}
			all[k] = all[n-1]
		}
	}
	return Genome{}, fault(nil, "widen the space or its limits, or let more genes mutate (variation.weights)", "no genome of the space lies one change away from %s", shorten(g.Text()))
}

// step makes one change, if any is possible.
func (m *mutant) step(s *Space, r *rng.Rand) {
	m.collect(s)
	kinds := s.decl.variation.kinds
	var weights [mutationKinds]float64
	for k := range weights {
		for _, x := range m.sites[k] {
			if x.weight > 0 {
				weights[k] = kinds[k]
				break
			}
		}
	}
	kind := r.Weighted(weights[:])
	if kind < 0 {
		return
	}
	m.weights = m.weights[:0]
	for _, x := range m.sites[kind] {
		m.weights = append(m.weights, x.weight)
	}
	m.apply(kind, m.sites[kind][r.Weighted(m.weights)], r)
}

// collect lists the sites of all kinds.
func (m *mutant) collect(s *Space) {
	for k := range m.sites {
		m.sites[k] = m.sites[k][:0]
	}
	m.visit(s.root, 0, s.decl.variation.top())
}

func (m *mutant) add(kind int, g *gene, at, sub int, p place) {
	m.sites[kind] = append(m.sites[kind], site{g, at, sub, p.weight})
}

// visit lists the sites within one value and returns where it ends.
func (m *mutant) visit(g *gene, i int, p place) int {
	if g.static {
		return i
	}
	switch g.kind {
	case kindGroup:
		for _, f := range g.fields {
			q := p
			if !g.tuple {
				q = p.step(f.name)
			}
			i = m.visit(f.gene, i, q)
		}
		return i
	case kindList:
		at := i
		n, i := g.length(m.codes, i)
		if n < g.maxLen {
			m.add(insert, g, at, n, p)
			if n > 0 && !g.elem.static {
				m.add(duplicate, g, at, n, p)
			}
		}
		if n > g.minLen {
			m.add(remove, g, at, n, p)
		}
		if n > 1 && !g.elem.static {
			m.add(swap, g, at, n, p)
		}
		for range n {
			i = m.visit(g.elem, i, p)
		}
		return i
	case kindChoice:
		if len(g.options) > 1 {
			m.add(change, g, i, 0, p)
		}
		o := &g.options[m.codes[i]]
		if o.body == nil {
			return i + 1
		}
		if p.node != nil {
			p = p.step(o.value.(string))
		}
		return m.visit(o.body, i+1, p)
	case kindEdges:
		if len(g.cell.ops) > 1 {
			for k := range g.cellCodes() {
				m.add(change, g, i, k, p)
			}
		}
		return i + g.cellCodes()
	case kindVertices:
		n := int(m.codes[i])
		if len(g.cell.ops) > 1 {
			for k := 1; k < n-1; k++ {
				m.add(change, g, i, k, p)
			}
		}
		if n < g.maxLen {
			m.add(insert, g, i, n, p)
		}
		if n > g.minLen {
			for v := 1; v < n-1; v++ {
				m.add(remove, g, i, v, p)
			}
		}
		if n > 2 {
			m.add(rewire, g, i, n, p)
		}
		return i + 2*n - 2
	case kindPairs:
		c := g.cell
		for node := range c.nodes {
			at := node * c.nodeCodes()
			if c.nodeCodes() == 5 {
				m.add(change, g, i, at, p)
				at++
			}
			for k := at; k < at+4; k += 2 {
				if c.sourcesLeft(node) {
					m.add(rewire, g, i, k, p)
				}
				if len(c.ops) > 1 {
					m.add(change, g, i, k+1, p)
				}
			}
		}
		return i + g.cellCodes()
	}
	if g.continuous() || g.values() > 1 {
		m.add(change, g, i, 0, p)
	}
	return i + 1
}

// sourcesLeft tells whether an input of a node could come from elsewhere.
func (c *cell) sourcesLeft(node int) bool {
	n := c.inputs + node
	return n > 2 || n == 2 && !c.distinct
}

// replace puts codes in the place of those from at to end.
func (m *mutant) replace(at, end int, with ...uint64) {
	m.codes = slices.Replace(m.codes, at, end, with...)
}

// element returns where element k of a list lies.
func (m *mutant) element(g *gene, at, k int) (from, to int) {
	_, i := g.length(m.codes, at)
	for range k {
		i = g.elem.stretch(m.codes, i)
	}
	return i, g.elem.stretch(m.codes, i)
}

func (m *mutant) apply(kind int, x site, r *rng.Rand) {
	g, at := x.gene, x.at
	switch kind {
	case change:
		m.change(x, r)
	case rewire:
		if g.kind == kindPairs {
			m.rewirePair(x, r)
			return
		}
		q := readGraph(m.codes, at)
		if ways := g.rewirings(q, m.rules); len(ways) > 0 {
			copy(m.codes[at+len(q.ops)-1:], ways[r.Intn(len(ways))])
		}
	case insert:
		if g.kind == kindVertices {
			q := readGraph(m.codes, at)
			if q.edges() < g.cell.maxEdges {
				from, to := q.edge(r.Intn(q.edges()))
				q.split(from, to, uint64(r.Intn(len(g.cell.ops))))
				m.replaceGraph(at, q)
			}
			return
		}
		m.spare = g.elem.sample(m.spare[:0], r)
		m.insertElement(g, at, x.sub, r.Intn(x.sub+1), m.spare)
	case duplicate:
		from, to := m.element(g, at, r.Intn(x.sub))
		m.spare = append(m.spare[:0], m.codes[from:to]...)
		m.insertElement(g, at, x.sub, r.Intn(x.sub+1), m.spare)
	case remove:
		if g.kind == kindVertices {
			q := readGraph(m.codes, at)
			q.remove(x.sub, true)
			m.replaceGraph(at, q)
			return
		}
		m.removeElement(g, at, x.sub, r.Intn(x.sub))
	case swap:
		a, b := r.Intn(x.sub), r.Intn(x.sub-1)
		if b >= a {
			b++
		}
		m.swapElements(g, at, min(a, b), max(a, b))
	}
}

func (m *mutant) insertElement(g *gene, at, n, k int, codes []uint64) {
	from := at + 1
	if k > 0 {
		_, from = m.element(g, at, k-1)
	}
	m.replace(from, from, codes...)
	m.codes[at] = uint64(n + 1)
}

func (m *mutant) removeElement(g *gene, at, n, k int) {
	from, to := m.element(g, at, k)
	m.replace(from, to)
	m.codes[at] = uint64(n - 1)
}

func (m *mutant) swapElements(g *gene, at, a, b int) {
	from, to := m.element(g, at, a)
	from2, to2 := m.element(g, at, b)
	m.spare = append(m.spare[:0], m.codes[from2:to2]...)
	m.spare = append(m.spare, m.codes[to:from2]...)
	m.spare = append(m.spare, m.codes[from:to]...)
	copy(m.codes[from:], m.spare)
}

// replaceGraph puts a graph in the place of the one at its code.
func (m *mutant) replaceGraph(at int, q *graph) {
	m.spare = q.append(m.spare[:0])
	m.replace(at, at+2*int(m.codes[at])-2, m.spare...)
}

// edge returns edge k of a graph in order of the later node.
func (q *graph) edge(k int) (from, to int) {
	for to := 1; to < len(q.before); to++ {
		for from := range to {
			if q.before[to]>>from&1 == 1 {
				if k == 0 {
					return from, to
				}
				k--
			}
		}
	}
	return 0, len(q.before) - 1
}

func (m *mutant) rewirePair(x site, r *rng.Rand) {
	c := x.gene.cell
	node := x.sub / c.nodeCodes()
	k := x.at + x.sub
	first := x.at + (node+1)*c.nodeCodes() - 4
	other := first
	if k == first {
		other = first + 2
	}
	for {
		from := uint64(r.Intn(c.inputs + node))
		if from != m.codes[k] && !(c.distinct && from == m.codes[other]) {
			m.codes[k] = from
			break
		}
	}
	orderPair(m.codes[first : first+4])
}

// change gives a scalar gene, or one operation of a cell, another value.
func (m *mutant) change(x site, r *rng.Rand) {
	g := x.gene
	old := m.codes[x.at]
	switch g.kind {
	case kindChoice:
		m.choose(g, x.at, g.otherOption(int(old), r), r)
	case kindBool:
		m.codes[x.at] = 1 - old
	case kindInt, kindFloat:
		m.codes[x.at] = g.near(old, r)
	default:
		n := len(g.cell.ops)
		k := x.at + x.sub
		if g.kind == kindPairs && g.cell.nodeCodes() == 5 && x.sub%5 == 0 {
			n = len(g.cell.combine)
		}
		m.codes[k] = (m.codes[k] + 1 + uint64(r.Intn(n-1))) % uint64(n)
		if g.kind == kindPairs {
			first := x.at + (x.sub/g.cell.nodeCodes()+1)*g.cell.nodeCodes() - 4
			orderPair(m.codes[first : first+4])
		}
	}
}

// otherOption draws another option; of an ordered choice one that is one or two
// steps away.
func (g *gene) otherOption(old int, r *rng.Rand) int {
	if !g.ordered {
		return g.drawOption(r, old)
	}
	var near []int
	for k := max(old-2, 0); k <= min(old+2, len(g.options)-1); k++ {
		if k != old {
			near = append(near, k)
		}
	}
	return near[r.Intn(len(near))]
}

// choose makes option the value of a choice. Its genes are drawn (or the first
// values, without r), except those that the old option has too.
func (m *mutant) choose(g *gene, at, pick int, r *rng.Rand) {
	old, body := g.options[m.codes[at]].body, g.options[pick].body
	end := g.stretch(m.codes, at)
	m.spare = append(m.spare[:0], uint64(pick))
	if body != nil {
		for _, f := range body.fields {
			if from, to, ok := m.kept(old, at+1, f); ok {
				m.spare = append(m.spare, m.codes[from:to]...)
			} else if r != nil {
				m.spare = f.gene.sample(m.spare, r)
			} else {
				m.spare = f.gene.first(m.spare)
			}
		}
	}
	m.replace(at, end, m.spare...)
}

// kept finds the value of a gene of the old option that the new one declares
// alike.
func (m *mutant) kept(old *gene, i int, f field) (from, to int, ok bool) {
	if old == nil {
		return 0, 0, false
	}
	for _, o := range old.fields {
		end := o.gene.stretch(m.codes, i)
		if o.name == f.name {
			alike := o.gene == f.gene || o.gene.sig != "" && o.gene.sig == f.gene.sig
			return i, end, alike
		}
		i = end
	}
	return 0, 0, false
}

// near draws another value of an int or a float. With log: the old one times
// exp N(0, 0.6). Otherwise one time in ten any value, else the old one plus a
// normal step with a sixth of the range as its deviation.
func (g *gene) near(old uint64, r *rng.Rand) uint64 {
	if !g.continuous() && g.count <= 4 {
		return (old + 1 + uint64(r.Intn(int(g.count-1)))) % uint64(g.count)
	}
	x := g.number(old)
	lo, hi := g.flo, g.fhi
	if g.kind == kindInt {
		lo, hi = float64(g.lo), float64(g.hi)
	}
	for range 20 {
		var code uint64
		switch {
		case g.curved:
			code = g.nearest(float64(x * rng.Exp(float64(0.6*r.Normal()))))
		case r.Intn(10) == 0:
			code = g.draw(r)
		default:
			code = g.nearest(x + float64(r.Normal()*float64((hi-lo)/6)))
		}
		if code != old {
			return code
		}
	}
	// The steps are too coarse for the draw, or the old value is at an end:
	// the value next to it.
	if g.continuous() {
		return g.nearest(g.flo + float64(0.5*(g.fhi-g.flo)))
	}
	if old+1 < uint64(g.count) && (old == 0 || r.Bool()) {
		return old + 1
	}
	return old - 1
}
