package genome

import (
	"fmt"
	"math/big"
	"slices"
	"strconv"

	"github.com/nascent-nas/nascent/genome/rng"
)

func init() {
	declaresCell("pairs", func(c cell) cellGene {
		g := &pairs{cell: c, inputs: 2, combine: []string{"add"}}
		g.self = g
		return g
	})
}

// pairs is a cell with two inputs per node (NASNet, DARTS), each one of the
// cell's inputs or a node before it, through an operation. Its codes are for
// each node: combine (if a gene), source and operation of the first input, of
// the second.
type pairs struct {
	cell
	nodes    int // intermediate ones
	inputs   int
	distinct bool
	combine  []string
	combines []string // combine as canonical text has them
}

const pairsForm = "{pairs: [[operation, source, operation, source], ...]}"

func (g *pairs) set(key string, v any, at []string) (bool, *Mistake) {
	var err *Mistake
	switch key {
	case "nodes":
		_, g.nodes, err = nodesFrom(v, at, 1, 32, false)
	case "inputs":
		n, ok := whole(v)
		if !ok || n < 1 || n > 16 {
			return true, fault(at, "write for example inputs: 2", "needs a whole number from 1 to 16, got %s", describe(v))
		}
		g.inputs = int(n)
	case "distinct":
		g.distinct, err = truthOf(v, at)
	case "combine":
		g.combine, err = operations(v, at)
	default:
		return false, nil
	}
	return true, err
}

func (g *pairs) complete(at func(string) []string) *Mistake {
	if g.distinct && g.inputs < 2 {
		return fault(at("inputs"), "write inputs: 2 or distinct: false", "one input leaves the first node no two distinct ones")
	}
	g.combines = quoteOperations(g.combine)
	g.genes = float64(5 * g.nodes)
	return nil
}

func (g *pairs) declared() any {
	m := Map{{"pairs", anyNames(g.ops)}, {"nodes", int64(g.nodes)}}
	if g.inputs != 2 {
		m = append(m, Entry{"inputs", int64(g.inputs)})
	}
	if g.distinct {
		m = append(m, Entry{"distinct", true})
	}
	if len(g.combine) != 1 || g.combine[0] != "add" {
		m = append(m, Entry{"combine", anyNames(g.combine)})
	}
	return Map{{"cell", append(m, g.extra...)}}
}

// width is how many codes a node takes.
func (g *pairs) width() int {
	if g.combined() {
		return 5
	}
	return 4
}

// combined tells whether a node's way to combine is a gene.
func (g *pairs) combined() bool { return len(g.combine) > 1 }

// number is how many codes the cell takes.
func (g *pairs) number() int { return g.nodes * g.width() }

// node returns a node's combine, 0 if that is no gene, and its pair.
func (g *pairs) node(t []uint64, i, node int) (combine uint64, pair []uint64) {
	p := t[i+node*g.width():][:g.width()]
	if g.combined() {
		return p[0], p[1:]
	}
	return 0, p
}

// orderPair brings the two inputs of a node into their one order: the newest
// source first, equal sources by operation. Every reader of a pair adds or
// concatenates, so that the order says nothing.
func orderPair(p []uint64) {
	if p[0] < p[2] || p[0] == p[2] && p[1] > p[3] {
		p[0], p[1], p[2], p[3] = p[2], p[3], p[0], p[1]
	}
}

// size counts two inputs of a node in one order.
func (g *pairs) size(map[gene]magnitude) magnitude {
	ops := int64(len(g.ops))
	n := big.NewInt(1)
	for node := range g.nodes {
		sources := int64(g.inputs + node)
		pairs := sources * ops * (sources*ops + 1) / 2
		if g.distinct {
			pairs = sources * (sources - 1) / 2 * ops * ops
		}
		n.Mul(n, big.NewInt(pairs))
		n.Mul(n, big.NewInt(int64(len(g.combine))))
	}
	return count(n)
}

func (g *pairs) columns(map[gene]float64) float64 {
	n := 0
	for node := range g.nodes {
		n += 2 * (g.inputs + node + len(g.ops))
		if g.combined() {
			n += len(g.combine)
		}
	}
	return float64(n)
}

func (g *pairs) end(_ []uint64, i int) int    { return i + g.number() }
func (g *pairs) leaves([]uint64, int) float64 { return float64(g.number()) }

func (g *pairs) check(t []uint64, i int) (int, *Mistake) {
	if i >= len(t) {
		return i, endsEarly()
	}
	end := i + g.number()
	if end > len(t) {
		return i, badCell("too few operations")
	}
	ops := uint64(len(g.ops))
	for node := range g.nodes {
		combine, p := g.node(t, i, node)
		sources := uint64(g.inputs + node)
		switch {
		case combine >= uint64(len(g.combine)):
			return i, badCell("an unknown way to combine")
		case p[0] >= sources || p[2] >= sources:
			return i, badCell("an input from a later node")
		case p[1] >= ops || p[3] >= ops:
			return i, badCell("an unknown operation")
		case g.distinct && p[0] == p[2]:
			return i, badCell("a node with the same input twice")
		case p[0] < p[2] || p[0] == p[2] && p[1] > p[3]:
			return i, badCell("inputs out of order")
		}
	}
	return end, nil
}

// sample draws the two inputs of a node, every unordered pair of them equally
// likely.
func (g *pairs) sample(codes []uint64, r *rng.Rand) []uint64 {
	for node := range g.nodes {
		if g.combined() {
			codes = append(codes, uint64(r.Intn(len(g.combine))))
		}
		codes = append(codes, 0, 0, 0, 0)
		p := codes[len(codes)-4:]
		ops := len(g.ops)
		inputs := (g.inputs + node) * ops
		for {
			x, y := r.Intn(inputs), r.Intn(inputs+1)
			if y == inputs {
				y = x // so that equal inputs are drawn in two ways, as others are
			}
			if g.distinct && x/ops == y/ops {
				continue
			}
			p[0], p[1], p[2], p[3] = uint64(x/ops), uint64(x%ops), uint64(y/ops), uint64(y%ops)
			orderPair(p)
			break
		}
	}
	return codes
}

func (g *pairs) first(codes []uint64) []uint64 {
	for range g.nodes {
		if g.combined() {
			codes = append(codes, 0)
		}
		if g.inputs > 1 {
			codes = append(codes, 1, 0, 0, 0)
		} else {
			codes = append(codes, 0, 0, 0, 0)
		}
	}
	return codes
}

func (g *pairs) appendText(b []byte, t []uint64, i int) ([]byte, int) {
	for node := range g.nodes {
		if node > 0 {
			b = append(b, '+')
		}
		combine, p := g.node(t, i, node)
		if g.combined() {
			b = append(b, g.combines[combine]...)
			b = append(b, ':')
		}
		b = append(b, '|')
		b = appendInput(b, g.texts[p[1]], p[0])
		b = appendInput(b, g.texts[p[3]], p[2])
	}
	return b, g.end(t, i)
}

func (g *pairs) parse(p *parser, codes []uint64) ([]uint64, *Mistake) {
	err := g.fixedNodes(p, g.nodes, func(int) int { return 2 },
		func(_ int, word string) *Mistake {
			if !g.combined() {
				return nothingToCombine(word)
			}
			code, err := named(g.combine, word)
			codes = append(codes, code)
			return err
		},
		func(k, j int, op uint64, from int) *Mistake {
			if from >= g.inputs+k {
				return fault(nil, "name an input or an earlier node", "%d is no source there", from)
			}
			codes = append(codes, uint64(from), op)
			if j == 0 {
				return nil
			}
			return g.settle(codes[len(codes)-4:])
		})
	return codes, err
}

// settle brings a pair that was read into its order, if it may be one.
func (g *pairs) settle(p []uint64) *Mistake {
	if g.distinct && p[0] == p[2] {
		return fault(nil, "choose two sources", "has the same source twice")
	}
	orderPair(p)
	return nil
}

func (g *pairs) tree(b *treeBuilder, i int) (any, int) {
	pairs := make([]any, g.nodes)
	combines := make([]any, g.nodes)
	for node := range g.nodes {
		combine, p := g.node(b.codes, i, node)
		combines[node] = g.combine[combine]
		pairs[node] = []any{g.ops[p[1]], int64(p[0]), g.ops[p[3]], int64(p[2])}
	}
	m := Map{{"pairs", pairs}, {"combine", combines}}
	if g.inputs != 2 { // readers cannot tell sources apart without it
		m = append(m, Entry{"inputs", int64(g.inputs)})
	}
	return append(m, g.extra...), i + g.number()
}

func (g *pairs) read(v any, codes []uint64) ([]uint64, *Mistake) {
	m, err := g.cellMap(v, pairsForm, "pairs", "combine", "inputs")
	if err != nil {
		return nil, err
	}
	if x, given := m.Get("inputs"); given {
		if n, ok := whole(x); !ok || int(n) != g.inputs {
			return nil, fault([]string{"inputs"}, fmt.Sprintf("write %d or leave it out", g.inputs),
				"is %s, the cell has %d", describe(x), g.inputs)
		}
	}
	nodes, err := cellList(m, "pairs", pairsForm)
	if err != nil {
		return nil, err
	}
	if len(nodes) != g.nodes {
		return nil, fault([]string{"pairs"}, "give one pair per node", "has %d pairs, needs %d", len(nodes), g.nodes)
	}
	var combine []any
	if _, given := m.Get("combine"); given || g.combined() {
		if combine, err = cellList(m, "combine", pairsForm); err != nil {
			return nil, err
		}
		if len(combine) != g.nodes {
			return nil, fault([]string{"combine"}, "give one per node", "has %d, needs %d", len(combine), g.nodes)
		}
	}
	for node, e := range nodes {
		at := strconv.Itoa(node)
		if combine != nil {
			code, err := named(g.combine, combine[node])
			if err != nil {
				return nil, err.within(at).within("combine")
			}
			if g.combined() {
				codes = append(codes, code)
			}
		}
		if codes, err = g.readPair(e, node, codes); err != nil {
			return nil, err.within(at).within("pairs")
		}
	}
	return codes, nil
}

func (g *pairs) readPair(v any, node int, codes []uint64) ([]uint64, *Mistake) {
	p, ok := v.([]any)
	if !ok || len(p) != 4 {
		return nil, fault(nil, "write [operation, source, operation, source]", "%s is no pair", describe(v))
	}
	for k := 0; k < 4; k += 2 {
		op, err := named(g.ops, p[k])
		if err != nil {
			return nil, err
		}
		from, ok := whole(p[k+1])
		if !ok || from < 0 || from >= int64(g.inputs+node) {
			return nil, fault(nil, fmt.Sprintf("write a number from 0 to %d", g.inputs+node-1), "%s is no source", describe(p[k+1]))
		}
		codes = append(codes, uint64(from), op)
	}
	return codes, g.settle(codes[len(codes)-4:])
}

func (g *pairs) mend(m *mender, v any, codes []uint64) []uint64 {
	return g.mendCell(m, v, codes, func(given Map, codes []uint64) []uint64 {
		pairs, combine := listIn(given, "pairs"), listIn(given, "combine")
		for node := range g.nodes {
			if g.combined() {
				codes = append(codes, salvageName(g.combine, combine, node))
			}
			var p []any
			if node < len(pairs) {
				p, _ = pairs[node].([]any)
			}
			for k := 0; k < 4; k += 2 {
				last := int64(g.inputs + node - 1)
				from := last
				if k+1 < len(p) {
					if n, ok := whole(p[k+1]); ok {
						from = min(max(n, 0), last)
					}
				}
				codes = append(codes, uint64(from), salvageName(g.ops, p, k))
			}
			q := codes[len(codes)-4:]
			if g.distinct && q[0] == q[2] {
				if q[2] > 0 {
					q[2]--
				} else {
					q[2]++
				}
			}
			orderPair(q)
		}
		return codes
	})
}

func (g *pairs) sites(m *mutant, i int, p place) int {
	for node := range g.nodes {
		at := node * g.width()
		if g.combined() {
			m.add(change, g, i, at, p)
			at++
		}
		// Whether an input could come from elsewhere.
		n := g.inputs + node
		movable := n > 2 || n == 2 && !g.distinct
		for k := at; k < at+4; k += 2 {
			if movable {
				m.add(rewire, g, i, k, p)
			}
			if len(g.ops) > 1 {
				m.add(change, g, i, k+1, p)
			}
		}
	}
	return i + g.number()
}

// isCombine tells whether a code of the cell is a way to combine.
func (g *pairs) isCombine(sub int) bool { return g.combined() && sub%5 == 0 }

// pairAt returns where the pair of a code's node begins.
func (g *pairs) pairAt(x site) int { return x.at + (x.sub/g.width()+1)*g.width() - 4 }

func (g *pairs) mutate(m *mutant, kind int, x site, r *rng.Rand) {
	at, first := x.at+x.sub, g.pairAt(x)
	if kind == change {
		n := len(g.ops)
		if g.isCombine(x.sub) {
			n = len(g.combine)
		}
		m.another(at, n, r)
	} else {
		other := first
		if at == first {
			other = first + 2
		}
		for {
			from := uint64(r.Intn(g.inputs + x.sub/g.width()))
			if from != m.codes[at] && !(g.distinct && from == m.codes[other]) {
				m.codes[at] = from
				break
			}
		}
	}
	orderPair(m.codes[first : first+4])
}

func (g *pairs) alternatives(m *mutant, kind int, x site, emit func(edit) bool) bool {
	at, first := x.at+x.sub, g.pairAt(x)
	n := len(g.ops)
	switch {
	case kind == rewire:
		n = g.inputs + x.sub/g.width()
	case g.isCombine(x.sub):
		n = len(g.combine)
	}
	for code := range n {
		if !emit(func(w *mutant) {
			w.codes[at] = uint64(code)
			if kind == rewire && g.distinct && w.codes[first] == w.codes[first+2] {
				w.codes[at] = m.codes[at]
			}
			orderPair(w.codes[first : first+4])
		}) {
			return false
		}
	}
	return true
}

// cross takes each node from either parent.
func (g *pairs) cross(x *crossing, i, j int) {
	n := g.width()
	for k := 0; k < g.number(); k += n {
		if x.fromB() {
			x.out = append(x.out, x.b[j+k:j+k+n]...)
		} else {
			x.out = append(x.out, x.a[i+k:i+k+n]...)
		}
	}
}

func (g *pairs) between(d *distance, i, j int) (far, weight float64) {
	return unequal(d.a[i:i+g.number()], d.b[j:]), float64(g.number())
}

func (g *pairs) encode(e *encoder, i int, path string) {
	there := e.there(i)
	for node := range g.nodes {
		k := node * g.width()
		if g.combined() {
			e.oneHot(func() string { return nodeName(path, node) + ".combine" }, g.combine, there, e.at(i, k))
			k++
		}
		for input := range 2 {
			in := func() string { return nodeName(path, node) + ".input" + strconv.Itoa(input) }
			for from := range g.inputs + node {
				e.put(unit(there && e.at(i, k) == uint64(from)), func() string { return in() + "~" + strconv.Itoa(from) })
			}
			e.oneHot(in, g.ops, there, e.at(i, k+1))
			k += 2
		}
	}
}

func (g *pairs) ask(q *inquiry, path string) *question {
	return q.askCell(g, func() {
		for v := range g.nodes {
			if g.combined() {
				q.add(Site{Name: nodeName(path, v) + ".combine", Options: g.combines})
			}
			var sources []string
			for from := range g.inputs + v {
				sources = append(sources, strconv.Itoa(from))
			}
			for k := range 2 {
				name := nodeName(path, v) + ".input" + strconv.Itoa(k)
				q.add(Site{Name: name + "~", Kind: SiteSource, Options: sources})
				q.add(Site{Name: name, Options: g.texts})
			}
		}
	})
}

// decide asks for the inputs of a node in their one order: the newest source
// first, equal sources by operation.
func (g *pairs) decide(w *decider, q *question, _ int) {
	site := q.site
	done := make([]int, g.inputs, g.inputs+g.nodes) // last decision about each source
	for i := range done {
		done[i] = -1
	}
	for v := range g.nodes {
		if g.combined() {
			w.out = append(w.out, uint64(w.ask(Decision{Site: site, Place: v}, int(w.next()))))
			site++
		}
		sources := g.inputs + v
		var from, op [2]int
		for k := range 2 {
			known := int(w.next())
			var closed []bool
			for s := range sources {
				if k == 0 && g.distinct && s == 0 || k == 1 && (s > from[0] || g.distinct && s == from[0]) {
					if closed == nil {
						closed = make([]bool, sources)
					}
					closed[s] = true
				}
			}
			if sources > 1 {
				from[k] = w.ask(Decision{Site: site, Place: v, Closed: closed, Anchors: slices.Clone(done)}, known)
				site++
			}
			known = int(w.next())
			closed = nil
			if k == 1 && from[1] == from[0] && op[0] > 0 {
				closed = make([]bool, len(g.ops))
				for o := range op[0] {
					closed[o] = true
				}
			}
			if len(g.ops) > 1 {
				op[k] = w.ask(Decision{Site: site, Place: v, Closed: closed}, known)
				site++
			}
			w.out = append(w.out, uint64(from[k]), uint64(op[k]))
		}
		done = append(done, len(w.asked)-1)
	}
}
