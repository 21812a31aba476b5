package genome

import (
	"fmt"
	"math/bits"
	"slices"
	"strconv"

	"github.com/nascent-nas/nascent/genome/rng"
)

func init() {
	declaresCell("vertices", func(c cell) cellGene {
		g := &vertices{cell: c, counts: &vertexCounts{}}
		g.self = g
		return g
	})
}

// maxVertices bounds the nodes of a cell: its graphs are counted.
const maxVertices = 16

// vertices is a cell with operations on nodes (NAS-Bench-101), whose number and
// edges are free; every node lies on a path from input to output. Its codes are
// the number of nodes, the operations of the inner ones, then for each node from
// 1 the set of nodes before it.
type vertices struct {
	cell
	minLen, maxLen int // nodes, with input and output
	maxEdges       int
	counts         *vertexCounts
}

const verticesForm = "{vertices: [input, operation, ..., output], edges: [[from, to], ...]}"

func (g *vertices) set(key string, v any, at []string) (bool, *Mistake) {
	var err *Mistake
	switch key {
	case "nodes":
		g.minLen, g.maxLen, err = nodesFrom(v, at, 2, maxVertices, true)
	case "max_edges":
		n, ok := whole(v)
		if !ok || n < 1 || n > 1000 {
			return true, fault(at, "write for example max_edges: 9", "needs a whole number of at least 1, got %s", describe(v))
		}
		g.maxEdges = int(n)
	default:
		return false, nil
	}
	return true, err
}

func (g *vertices) complete(at func(string) []string) *Mistake {
	if full := g.full(); g.maxEdges == 0 || g.maxEdges > full {
		g.maxEdges = full
	}
	if g.maxEdges < g.maxLen-1 {
		return fault(at("max_edges"), fmt.Sprintf("raise it to %d or lower nodes to %d", g.maxLen-1, g.maxEdges+1),
			"%d edges cannot join %d nodes", g.maxEdges, g.maxLen)
	}
	for _, op := range g.ops {
		if op == "input" || op == "output" {
			return fault(at("vertices"), "rename it", "%q is the name of a node", op)
		}
	}
	g.genes = float64(2 * g.maxLen)
	return nil
}

// full is how many edges there can be.
func (g *vertices) full() int { return g.maxLen * (g.maxLen - 1) / 2 }

func (g *vertices) declared() any {
	m := Map{{"vertices", anyNames(g.ops)}, {"nodes", []any{int64(g.minLen), int64(g.maxLen)}}}
	if g.maxEdges < g.full() {
		m = append(m, Entry{"max_edges", int64(g.maxEdges)})
	}
	return Map{{"cell", append(m, g.extra...)}}
}

func (g *vertices) size(map[gene]magnitude) magnitude {
	g.counts.fill(g)
	return count(g.counts.total)
}

func (g *vertices) columns(map[gene]float64) float64 {
	return float64((g.maxLen-2)*len(g.ops) + g.full())
}

func (g *vertices) end(t []uint64, i int) int        { return i + 2*int(t[i]) - 2 }
func (g *vertices) leaves(t []uint64, i int) float64 { return float64(2*t[i] - 2) }

// split returns the operations of the inner nodes and the sets of earlier nodes
// of all but the first.
func (g *vertices) split(t []uint64, i int) (ops, before []uint64) {
	n := int(t[i])
	return t[i+1 : i+n-1], t[i+n-1 : i+2*n-2]
}

func (g *vertices) check(t []uint64, i int) (int, *Mistake) {
	if i >= len(t) {
		return i, endsEarly()
	}
	n := int(min(t[i], 1000))
	end := i + 2*n - 2
	if n < g.minLen || n > g.maxLen || end > len(t) {
		return i, badCell("a wrong number of nodes")
	}
	ops, before := g.split(t, i)
	for _, op := range ops {
		if op >= uint64(len(g.ops)) {
			return i, badCell("an unknown operation")
		}
	}
	if problem := g.checkGraph(before); problem != "" {
		return i, badCell(problem)
	}
	return end, nil
}

// sample draws every valid cell of any number of nodes equally likely.
func (g *vertices) sample(codes []uint64, r *rng.Rand) []uint64 {
	n, before := g.counts.sample(g, r)
	codes = append(codes, uint64(n))
	for range n - 2 {
		codes = append(codes, uint64(r.Intn(len(g.ops))))
	}
	return append(codes, before...)
}

// first is a chain of first operations.
func (g *vertices) first(codes []uint64) []uint64 {
	codes = append(codes, uint64(g.minLen))
	codes = append(codes, make([]uint64, g.minLen-2)...)
	for v := 1; v < g.minLen; v++ {
		codes = append(codes, 1<<(v-1))
	}
	return codes
}

func (g *vertices) appendText(b []byte, t []uint64, i int) ([]byte, int) {
	ops, before := g.split(t, i)
	for k, set := range before {
		if k > 0 {
			b = append(b, '+')
		}
		op := "output"
		if k < len(ops) {
			op = g.texts[ops[k]]
		}
		b = append(b, '|')
		b = append(b, op...)
		for ; set != 0; set &= set - 1 {
			b = append(b, '~')
			b = strconv.AppendInt(b, int64(bits.TrailingZeros64(set)), 10)
		}
		b = append(b, '|')
	}
	return b, g.end(t, i)
}

func (g *vertices) parse(p *parser, codes []uint64) ([]uint64, *Mistake) {
	nodes, err := p.cellNodes(func(nodes []cellNode) bool { return nodes[len(nodes)-1].inputs[0].op == "output" })
	if err != nil {
		return nil, err
	}
	problem := func(node int, remedy, text string, args ...any) *Mistake {
		return fault([]string{strconv.Itoa(node)}, remedy, text, args...)
	}
	n := len(nodes) + 1
	if n < g.minLen || n > g.maxLen {
		return nil, g.wrongNumber(nil, n)
	}
	before := make([]uint64, n-1)
	codes = append(codes, uint64(n))
	for k, node := range nodes {
		if len(node.inputs) != 1 || node.combine != "" {
			return nil, problem(k, "write |operation~source~source|", "needs one operation")
		}
		in := node.inputs[0]
		if k < n-2 {
			code, err := named(g.ops, in.op)
			if err != nil {
				return nil, err.within(strconv.Itoa(k))
			}
			codes = append(codes, code)
		} else if in.op != "output" {
			return nil, problem(k, "write |output~source|", "the last node is %q", shorten(in.op))
		}
		for _, from := range in.from {
			if from > k || before[k]>>from&1 == 1 {
				return nil, problem(k, "name each earlier node once", "%d is no source there", from)
			}
			before[k] |= 1 << from
		}
	}
	if problem := g.checkGraph(before); problem != "" {
		return nil, fault(nil, "let every node lie on a path from input to output", "has %s", problem)
	}
	return append(codes, before...), nil
}

func (g *vertices) wrongNumber(path []string, n int) *Mistake {
	return fault(path, "add or remove some", "has %d nodes with input and output, needs %d to %d", n, g.minLen, g.maxLen)
}

func (g *vertices) tree(b *treeBuilder, i int) (any, int) {
	ops, before := g.split(b.codes, i)
	names := []any{"input"}
	for _, op := range ops {
		names = append(names, g.ops[op])
	}
	names = append(names, "output")
	edges := []any{}
	for from := range names {
		for to := from + 1; to < len(names); to++ {
			if before[to-1]>>from&1 == 1 {
				edges = append(edges, []any{int64(from), int64(to)})
			}
		}
	}
	return append(Map{{"vertices", names}, {"edges", edges}}, g.extra...), g.end(b.codes, i)
}

func (g *vertices) read(v any, codes []uint64) ([]uint64, *Mistake) {
	m, err := g.cellMap(v, verticesForm, "vertices", "edges")
	if err != nil {
		return nil, err
	}
	names, err := cellList(m, "vertices", verticesForm)
	if err != nil {
		return nil, err
	}
	n := len(names)
	if n < g.minLen || n > g.maxLen {
		return nil, g.wrongNumber([]string{"vertices"}, n)
	}
	codes = append(codes, uint64(n))
	for k, name := range names {
		switch {
		case k == 0 && name != "input" || k == n-1 && name != "output":
			return nil, fault([]string{"vertices", strconv.Itoa(k)}, "begin with input and end with output",
				"%s stands there", describe(name))
		case k > 0 && k < n-1:
			code, err := named(g.ops, name)
			if err != nil {
				return nil, err.within(strconv.Itoa(k)).within("vertices")
			}
			codes = append(codes, code)
		}
	}
	edges, err := cellList(m, "edges", verticesForm)
	if err != nil {
		return nil, err
	}
	before := make([]uint64, n-1)
	for k, e := range edges {
		at := []string{"edges", strconv.Itoa(k)}
		from, to, ok := pair(e, whole)
		if !ok || from < 0 || to <= from || to >= int64(n) {
			return nil, fault(at, "write [from, to] with from < to", "%s is no edge", describe(e))
		}
		if before[to-1]>>from&1 == 1 {
			return nil, fault(at, "remove one", "%s is there twice", describe(e))
		}
		before[to-1] |= 1 << from
	}
	if problem := g.checkGraph(before); problem != "" {
		return nil, fault([]string{"edges"}, "let every node lie on a path from input to output", "has %s", problem)
	}
	return append(codes, before...), nil
}

// mend reads names and edges as far as they make sense and repairs the graph.
func (g *vertices) mend(m *mender, v any, codes []uint64) []uint64 {
	return g.mendCell(m, v, codes, func(given Map, codes []uint64) []uint64 {
		names := listIn(given, "vertices")
		n := min(max(len(names), 2), 64)
		q := &graph{ops: make([]uint64, n), before: make([]uint64, n)}
		for k := 1; k < n-1; k++ {
			q.ops[k] = salvageName(g.ops, names, k)
		}
		for _, e := range listIn(given, "edges") {
			if from, to, ok := pair(e, whole); ok && from >= 0 && from < to && to < int64(n) {
				q.before[to] |= 1 << from
			}
		}
		g.repairGraph(q)
		return q.append(codes)
	})
}

func (g *vertices) sites(m *mutant, i int, p place) int {
	n := int(m.codes[i])
	if len(g.ops) > 1 {
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
}

func (g *vertices) mutate(m *mutant, kind int, x site, r *rng.Rand) {
	switch kind {
	case change:
		m.another(x.at+x.sub, len(g.ops), r)
	case insert:
		q := readGraph(m.codes, x.at)
		if q.edges() < g.maxEdges {
			from, to := q.edge(r.Intn(q.edges()))
			q.split(from, to, uint64(r.Intn(len(g.ops))))
			g.replace(m, x.at, q)
		}
	case remove:
		q := readGraph(m.codes, x.at)
		q.remove(x.sub, true)
		g.replace(m, x.at, q)
	case rewire:
		q := readGraph(m.codes, x.at)
		if ways := g.rewirings(q, m.rules); len(ways) > 0 {
			copy(m.codes[x.at+len(q.ops)-1:], ways[r.Intn(len(ways))])
		}
	}
}

// replace puts a graph in the place of the one at its code.
func (g *vertices) replace(m *mutant, at int, q *graph) {
	m.spare = q.append(m.spare[:0])
	m.replace(at, g.end(m.codes, at), m.spare...)
}

func (g *vertices) alternatives(m *mutant, kind int, x site, emit func(edit) bool) bool {
	at := x.at
	switch kind {
	case change:
		return emitCodes(codesBelow(len(g.ops)), at+x.sub, emit)
	case insert:
		edges := readGraph(m.codes, at).edges()
		if edges >= g.maxEdges {
			return true
		}
		for k := range edges {
			for op := range g.ops {
				if !emit(func(w *mutant) {
					q := readGraph(w.codes, at)
					from, to := q.edge(k)
					q.split(from, to, uint64(op))
					g.replace(w, at, q)
				}) {
					return false
				}
			}
		}
	case remove:
		return emit(func(w *mutant) {
			q := readGraph(w.codes, at)
			q.remove(x.sub, true)
			g.replace(w, at, q)
		})
	case rewire:
		q := readGraph(m.codes, at)
		for _, before := range g.rewirings(q, m.rules) {
			if !emit(func(w *mutant) { copy(w.codes[at+len(q.ops)-1:], before) }) {
				return false
			}
		}
	}
	return true
}

// cross takes the graph from one parent, each operation from either.
func (g *vertices) cross(x *crossing, i, j int) {
	if x.a[i] != x.b[j] || x.isCut {
		x.take(g, i, j)
		return
	}
	at := len(x.out)
	x.take(g, i, j)
	for k := 1; k < int(x.a[i])-1; k++ {
		x.out[at+k] = x.a[i+k]
		if x.fromB() {
			x.out[at+k] = x.b[j+k]
		}
	}
}

// between compares node by node, from the input, and the outputs with each other.
func (g *vertices) between(d *distance, i, j int) (far, weight float64) {
	weight = max(g.leaves(d.a, i), g.leaves(d.b, j))
	p, q := readGraph(d.a, i), readGraph(d.b, j)
	if len(p.ops) > len(q.ops) {
		p, q = q, p
	}
	n, m := len(p.ops), len(q.ops)
	far = float64(2 * (m - n))
	for v := 1; v < n; v++ {
		w := v
		if v == n-1 {
			w = m - 1
		} else if p.ops[v] != q.ops[v] {
			far++
		}
		if p.before[v] != q.before[w] {
			far++
		}
	}
	return min(far, float64(2*m-2)), weight
}

// form holds what does not depend on how the vertices are numbered.
func (g *vertices) form(f *former, i int) int {
	ops, before := g.split(f.codes, i)
	f.copy(i, i+1)
	f.words(colours(ops, before))
	return g.end(f.codes, i)
}

// colours are those of a cell's vertices after as many rounds of refinement
// (Weisfeiler and Leman) as it has vertices, sorted: NAS-Bench-101 tells its
// graphs apart in the same way. ops are those of the inner vertices, before the
// sets of earlier vertices of all but the first.
func colours(ops, before []uint64) []uint64 {
	n := len(ops) + 2
	now, next := make([]uint64, n), make([]uint64, n)
	now[n-1] = 1
	for v, op := range ops {
		now[v+1] = op + 2
	}
	var in, out []uint64
	for range n {
		for v := range n {
			in, out = in[:0], out[:0]
			if v > 0 {
				for set := before[v-1]; set != 0; set &= set - 1 {
					in = append(in, now[bits.TrailingZeros64(set)])
				}
			}
			for w := v + 1; w < n; w++ {
				if before[w-1]>>v&1 == 1 {
					out = append(out, now[w])
				}
			}
			slices.Sort(in)
			slices.Sort(out)
			c := stir(now[v]+1, uint64(len(in)))
			for _, x := range in {
				c = stir(c, x)
			}
			c = stir(c, uint64(len(out)))
			for _, x := range out {
				c = stir(c, x)
			}
			next[v] = c
		}
		now, next = next, now
	}
	slices.Sort(now)
	return now
}

// stir mixes x into c (the finisher of SplitMix64).
func stir(c, x uint64) uint64 {
	c = (c ^ x) + 0x9e3779b97f4a7c15
	c = (c ^ c>>30) * 0xbf58476d1ce4e5b9
	c = (c ^ c>>27) * 0x94d049bb133111eb
	return c ^ c>>31
}

// encode keeps inner nodes in their places; the output is always the last one.
func (g *vertices) encode(e *encoder, i int, path string) {
	n, last := 0, g.maxLen-1
	if e.there(i) {
		n = int(e.at(i, 0))
	}
	for v := 1; v < last; v++ {
		inside := v < n-1
		var op uint64
		if inside {
			op = e.at(i, v)
		}
		e.oneHot(func() string { return nodeName(path, v) }, g.ops, inside, op)
	}
	for to := 1; to <= last; to++ {
		var set uint64
		switch {
		case to < n-1:
			set = e.at(i, n-2+to)
		case to == last && n > 0:
			set = e.at(i, 2*n-3)
		}
		for from := range to {
			e.put(unit(set>>from&1 == 1), func() string { return edgeName(path, from, strconv.Itoa(to)) })
		}
	}
}

func (g *vertices) ask(q *inquiry, path string) *question {
	return q.askCell(g, func() {
		var sizes []string
		for n := g.minLen; n <= g.maxLen; n++ {
			sizes = append(sizes, strconv.Itoa(n))
		}
		q.add(Site{Name: path + ".nodes", Options: sizes})
		for v := 1; v < g.maxLen; v++ {
			to := strconv.Itoa(v)
			if v == g.maxLen-1 {
				to = "output"
			} else {
				q.add(Site{Name: nodeName(path, v), Options: g.texts})
			}
			for from := range v {
				q.add(Site{Name: edgeName(path, from, to), Kind: SiteEdge, Options: noYes})
			}
		}
	})
}

// decide asks node by node for its operation and for the edges into it. An
// edge is closed where the limit on edges would then leave too few for the
// nodes to come and for those that lead nowhere yet, and must be taken where a
// node would have no input, or would lead nowhere.
func (g *vertices) decide(w *decider, q *question, _ int) {
	site := q.site
	n := g.minLen
	size := int(w.next())
	if g.minLen < g.maxLen {
		closed := make([]bool, g.maxLen-g.minLen+1)
		for k := range closed {
			closed[k] = g.minLen+k-1 > g.maxEdges
		}
		n += w.ask(Decision{Site: site, Closed: closed}, size-g.minLen)
		site++
	}
	ops, sets := make([]uint64, n-2), make([]uint64, n-1)
	if w.replay && w.i+2*n-3 <= len(w.in) {
		copy(ops, w.in[w.i:])
		copy(sets, w.in[w.i+n-2:])
		w.i += 2*n - 3
	}
	done := []int{-1} // last decision about each node
	loose, edges := uint64(1), 0
	for v := 1; v < n; v++ {
		at := site
		for u := 1; u < v; u++ { // the sites of earlier nodes
			at += u
			if len(g.ops) > 1 {
				at++
			}
		}
		if v == n-1 { // the output has the last node's sites, whatever its number
			at = site
			for u := 1; u < g.maxLen-1; u++ {
				at += u
				if len(g.ops) > 1 {
					at++
				}
			}
		} else if len(g.ops) > 1 {
			ops[v-1] = uint64(w.ask(Decision{Site: at, Place: v}, int(ops[v-1])))
			at++
		}
		known := sets[v-1]
		sets[v-1] = 0
		rest := n - 1 - v // nodes to come
		for u := range v {
			after := bits.OnesCount64(loose &^ (1 << u))
			full := edges+1+rest+after > g.maxEdges
			must := v == n-1 && loose>>u&1 == 1 || u == v-1 && sets[v-1] == 0
			var closed []bool
			if full || must {
				closed = []bool{must, full && !must}
			}
			if w.ask(Decision{Site: at + u, Place: v, Closed: closed, Anchors: done[u : u+1 : u+1]}, int(known>>u&1)) == 1 {
				sets[v-1] |= 1 << u
				loose &^= 1 << u
				edges++
			}
		}
		loose |= 1 << v
		done = append(done, len(w.asked)-1)
	}
	w.out = append(w.out, uint64(n))
	w.out = append(w.out, ops...)
	w.out = append(w.out, sets...)
}
