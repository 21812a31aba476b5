package genome

import (
	"fmt"
	"math/bits"
	"slices"
	"strconv"

	"github.com/nascent-nas/nascent/genome/rng"
)

// maxVertices bounds cells with operations on nodes: their number is counted.
const maxVertices = 16

// cellCodes returns how many codes a cell of fixed size takes.
func (g *gene) cellCodes() int {
	if g.kind == kindEdges {
		return g.cell.nodes * (g.cell.nodes - 1) / 2
	}
	return g.cell.nodes * g.cell.nodeCodes()
}

// nodeCodes returns how many codes a node of pairs takes.
func (c *cell) nodeCodes() int {
	if len(c.combine) > 1 {
		return 5
	}
	return 4
}

// orderPair brings the two inputs of a node into their one order: the newest
// source first, equal sources by operation. Every reader of a pair adds or
// concatenates, so that the order says nothing.
func orderPair(p []uint64) {
	if p[0] < p[2] || p[0] == p[2] && p[1] > p[3] {
		p[0], p[1], p[2], p[3] = p[2], p[3], p[0], p[1]
	}
}

func (g *gene) checkCell(t []uint64, i int) (int, *Mistake) {
	c := g.cell
	ops := uint64(len(c.ops))
	bad := func(what string) *Mistake {
		return fault(nil, "take it from a genome of this space", "the packed cell has %s", what)
	}
	if g.kind == kindVertices {
		n := int(min(t[i], 1000))
		end := i + 2*n - 2
		if n < g.minLen || n > g.maxLen || end > len(t) {
			return i, bad("a wrong number of nodes")
		}
		for _, op := range t[i+1 : i+n-1] {
			if op >= ops {
				return i, bad("an unknown operation")
			}
		}
		if problem := g.checkGraph(t[i+n-1 : end]); problem != "" {
			return i, bad(problem)
		}
		return end, nil
	}
	end := i + g.cellCodes()
	if end > len(t) {
		return i, bad("too few operations")
	}
	if g.kind == kindEdges {
		for _, op := range t[i:end] {
			if op >= ops {
				return i, bad("an unknown operation")
			}
		}
		return end, nil
	}
	for node := range c.nodes {
		p := t[i+node*c.nodeCodes():][:c.nodeCodes()]
		if len(p) == 5 {
			if p[0] >= uint64(len(c.combine)) {
				return i, bad("an unknown way to combine")
			}
			p = p[1:]
		}
		sources := uint64(c.inputs + node)
		switch {
		case p[0] >= sources || p[2] >= sources:
			return i, bad("an input from a later node")
		case p[1] >= ops || p[3] >= ops:
			return i, bad("an unknown operation")
		case c.distinct && p[0] == p[2]:
			return i, bad("a node with the same input twice")
		case p[0] < p[2] || p[0] == p[2] && p[1] > p[3]:
			return i, bad("inputs out of order")
		}
	}
	return end, nil
}

// checkGraph verifies the sets of earlier nodes of nodes 1, 2, ... Where every
// node but the first has a node before it and every node but the last one
// after it, all lie on paths from input to output.
func (g *gene) checkGraph(before []uint64) string {
	var used uint64
	edges := 0
	for k, set := range before {
		if set == 0 {
			return "a node without input"
		}
		if set>>(k+1) != 0 {
			return "an edge that runs backwards"
		}
		used |= set
		edges += bits.OnesCount64(set)
	}
	switch {
	case used != 1<<len(before)-1:
		return "a node that leads nowhere"
	case edges > g.cell.maxEdges:
		return fmt.Sprintf("%d edges, more than %d", edges, g.cell.maxEdges)
	}
	return ""
}

// appendCell writes a cell in the manner of NAS-Bench-201: nodes joined by +,
// inputs between bars as operation~source.
func (g *gene) appendCell(b []byte, t []uint64, i int) []byte {
	c := g.cell
	input := func(op string, from uint64) {
		b = append(b, op...)
		b = append(b, '~')
		b = strconv.AppendUint(b, from, 10)
		b = append(b, '|')
	}
	switch g.kind {
	case kindEdges:
		for node := 1; node < c.nodes; node++ {
			if node > 1 {
				b = append(b, '+')
			}
			b = append(b, '|')
			for from := range node {
				input(c.texts[t[i]], uint64(from))
				i++
			}
		}
	case kindVertices:
		n := int(t[i])
		for node := 1; node < n; node++ {
			if node > 1 {
				b = append(b, '+')
			}
			op := "output"
			if node < n-1 {
				op = c.texts[t[i+node]]
			}
			b = append(b, '|')
			b = append(b, op...)
			for set := t[i+n-2+node]; set != 0; set &= set - 1 {
				b = append(b, '~')
				b = strconv.AppendInt(b, int64(bits.TrailingZeros64(set)), 10)
			}
			b = append(b, '|')
		}
	default:
		for node := range c.nodes {
			if node > 0 {
				b = append(b, '+')
			}
			p := t[i+node*c.nodeCodes():][:c.nodeCodes()]
			if len(p) == 5 {
				b = append(b, c.combines[p[0]]...)
				b = append(b, ':')
				p = p[1:]
			}
			b = append(b, '|')
			input(c.texts[p[1]], p[0])
			input(c.texts[p[3]], p[2])
		}
	}
	return b
}

// cellTree returns a cell as evaluators read it; docs/space.md has the forms.
func (g *gene) cellTree(t []uint64, i int) Map {
	c := g.cell
	var m Map
	switch g.kind {
	case kindEdges:
		ops := make([]any, g.cellCodes())
		for k := range ops {
			ops[k] = c.ops[t[i+k]]
		}
		m = Map{{"edges", ops}}
	case kindVertices:
		n := int(t[i])
		names := []any{"input"}
		for _, op := range t[i+1 : i+n-1] {
			names = append(names, c.ops[op])
		}
		names = append(names, "output")
		edges := []any{}
		for from := range n {
			for to := from + 1; to < n; to++ {
				if t[i+n-2+to]>>from&1 == 1 {
					edges = append(edges, []any{int64(from), int64(to)})
				}
			}
		}
		m = Map{{"vertices", names}, {"edges", edges}}
	default:
		pairs := make([]any, c.nodes)
		combine := make([]any, c.nodes)
		for node := range c.nodes {
			p := t[i+node*c.nodeCodes():][:c.nodeCodes()]
			combine[node] = c.combine[0]
			if len(p) == 5 {
				combine[node] = c.combine[p[0]]
				p = p[1:]
			}
			pairs[node] = []any{c.ops[p[1]], int64(p[0]), c.ops[p[3]], int64(p[2])}
		}
		m = Map{{"pairs", pairs}, {"combine", combine}}
		if c.inputs != 2 { // readers cannot tell sources apart without it
			m = append(m, Entry{"inputs", int64(c.inputs)})
		}
	}
	return append(m, c.extra...)
}

// readCell reads the form of cellTree.
func (g *gene) readCell(v any, codes []uint64) ([]uint64, *Mistake) {
	c := g.cell
	m, ok := v.(Map)
	if !ok {
		return nil, fault(nil, "write the cell as "+g.cellForm(), "needs a map, got %s", describe(v))
	}
	known := map[geneKind][]string{kindEdges: {"edges"}, kindVertices: {"vertices", "edges"}, kindPairs: {"pairs", "combine", "inputs"}}[g.kind]
	for _, e := range m {
		if _, extra := c.extra.Get(e.Key); !extra && !slices.Contains(known, e.Key) {
			return nil, fault([]string{e.Key}, "write the cell as "+g.cellForm(), "is no part of the cell")
		}
	}
	if x, given := m.Get("inputs"); given && g.kind == kindPairs {
		if n, ok := whole(x); !ok || int(n) != c.inputs {
			return nil, fault([]string{"inputs"}, fmt.Sprintf("write %d or leave it out", c.inputs), "is %s, the cell has %d", describe(x), c.inputs)
		}
	}
	list := func(key string) ([]any, *Mistake) {
		x, _ := m.Get(key)
		l, ok := x.([]any)
		if !ok {
			return nil, fault([]string{key}, "write the cell as "+g.cellForm(), "needs a list, got %s", describe(x))
		}
		return l, nil
	}
	switch g.kind {
	case kindEdges:
		ops, err := list("edges")
		if err != nil {
			return nil, err
		}
		if len(ops) != g.cellCodes() {
			return nil, fault([]string{"edges"}, "give one operation per edge: (0,1) (0,2) (1,2) ...", "has %d operations, needs %d", len(ops), g.cellCodes())
		}
		for k, op := range ops {
			code, err := named(c.ops, op)
			if err != nil {
				return nil, err.within(strconv.Itoa(k)).within("edges")
			}
			codes = append(codes, code)
		}
		return codes, nil
	case kindVertices:
		names, err := list("vertices")
		if err != nil {
			return nil, err
		}
		n := len(names)
		if n < g.minLen || n > g.maxLen {
			return nil, fault([]string{"vertices"}, "add or remove some", "has %d nodes with input and output, needs %d to %d", n, g.minLen, g.maxLen)
		}
		codes = append(codes, uint64(n))
		for k, name := range names {
			switch {
			case k == 0 && name != "input" || k == n-1 && name != "output":
				return nil, fault([]string{"vertices", strconv.Itoa(k)}, "begin with input and end with output", "%s stands there", describe(name))
			case k > 0 && k < n-1:
				code, err := named(c.ops, name)
				if err != nil {
					return nil, err.within(strconv.Itoa(k)).within("vertices")
				}
				codes = append(codes, code)
			}
		}
		edges, err := list("edges")
		if err != nil {
			return nil, err
		}
		before := make([]uint64, n-1)
		for k, e := range edges {
			from, to, ok := pair(e, whole)
			if !ok || from < 0 || to <= from || to >= int64(n) {
				return nil, fault([]string{"edges", strconv.Itoa(k)}, "write [from, to] with from < to", "%s is no edge", describe(e))
			}
			if before[to-1]>>from&1 == 1 {
				return nil, fault([]string{"edges", strconv.Itoa(k)}, "remove one", "%s is there twice", describe(e))
			}
			before[to-1] |= 1 << from
		}
		if problem := g.checkGraph(before); problem != "" {
			return nil, fault([]string{"edges"}, "let every node lie on a path from input to output", "has %s", problem)
		}
		return append(codes, before...), nil
	}
	pairs, err := list("pairs")
	if err != nil {
		return nil, err
	}
	if len(pairs) != c.nodes {
		return nil, fault([]string{"pairs"}, "give one pair per node", "has %d pairs, needs %d", len(pairs), c.nodes)
	}
	var combine []any
	if _, given := m.Get("combine"); given || len(c.combine) > 1 {
		if combine, err = list("combine"); err != nil {
			return nil, err
		}
		if len(combine) != c.nodes {
			return nil, fault([]string{"combine"}, "give one per node", "has %d, needs %d", len(combine), c.nodes)
		}
	}
	for node, e := range pairs {
		at := strconv.Itoa(node)
		if combine != nil {
			code, err := named(c.combine, combine[node])
			if err != nil {
				return nil, err.within(at).within("combine")
			}
			if len(c.combine) > 1 {
				codes = append(codes, code)
			}
		}
		p, ok := e.([]any)
		if !ok || len(p) != 4 {
			return nil, fault([]string{"pairs", at}, "write [operation, source, operation, source]", "%s is no pair", describe(e))
		}
		for k := 0; k < 4; k += 2 {
			op, err := named(c.ops, p[k])
			if err != nil {
				return nil, err.within(at).within("pairs")
			}
			from, ok := whole(p[k+1])
			if !ok || from < 0 || from >= int64(c.inputs+node) {
				return nil, fault([]string{"pairs", at}, fmt.Sprintf("write a number from 0 to %d", c.inputs+node-1), "%s is no source", describe(p[k+1]))
			}
			codes = append(codes, uint64(from), op)
		}
		q := codes[len(codes)-4:]
		if c.distinct && q[0] == q[2] {
			return nil, fault([]string{"pairs", at}, "choose two sources", "has the same source twice")
		}
		orderPair(q)
	}
	return codes, nil
}

func (g *gene) cellForm() string {
	return map[geneKind]string{
		kindEdges:    "{edges: [operation, ...]}",
		kindVertices: "{vertices: [input, operation, ..., output], edges: [[from, to], ...]}",
		kindPairs:    "{pairs: [[operation, source, operation, source], ...]}",
	}[g.kind]
}

func named(names []string, v any) (uint64, *Mistake) {
	if s, ok := v.(string); ok {
		if i := slices.Index(names, s); i >= 0 {
			return uint64(i), nil
		}
	}
	return 0, fault(nil, "the names are "+listing(names), "%s is unknown", describe(v))
}

// cell reads a cell's text.
func (p *parser) cell(g *gene, codes []uint64) ([]uint64, *Mistake) {
	c := g.cell
	nodes, err := p.cellNodes(func(nodes []cellNode) bool {
		switch g.kind {
		case kindEdges:
			return len(nodes) == c.nodes-1
		case kindPairs:
			return len(nodes) == c.nodes
		}
		return nodes[len(nodes)-1].inputs[0].op == "output"
	})
	if err != nil {
		return nil, err
	}
	problem := func(node int, remedy, text string, args ...any) *Mistake {
		return fault([]string{strconv.Itoa(node)}, remedy, text, args...)
	}
	if g.kind == kindVertices {
		n := len(nodes) + 1
		if n < g.minLen || n > g.maxLen {
			return nil, fault(nil, "add or remove some", "has %d nodes with input and output, needs %d to %d", n, g.minLen, g.maxLen)
		}
		before := make([]uint64, n-1)
		codes = append(codes, uint64(n))
		for k, node := range nodes {
			if len(node.inputs) != 1 || node.combine != "" {
				return nil, problem(k, "write |operation~source~source|", "needs one operation")
			}
			in := node.inputs[0]
			if k < n-2 {
				code, err := named(c.ops, in.op)
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
	want := c.nodes
	if g.kind == kindEdges {
		want--
	}
	if len(nodes) != want {
		return nil, fault(nil, "join the nodes by +", "has %d nodes, needs %d", len(nodes), want)
	}
	for k, node := range nodes {
		inputs := 2
		if g.kind == kindEdges {
			inputs = k + 1
		}
		if len(node.inputs) != inputs {
			return nil, problem(k, "write |operation~source|operation~source|", "has %d inputs, needs %d", len(node.inputs), inputs)
		}
		if g.kind == kindPairs && len(c.combine) > 1 {
			code, err := named(c.combine, node.combine)
			if err != nil {
				return nil, err.within(strconv.Itoa(k))
			}
			codes = append(codes, code)
		} else if node.combine != "" {
			return nil, problem(k, "remove it", "%q combines nothing there", shorten(node.combine))
		}
		for j, in := range node.inputs {
			code, err := named(c.ops, in.op)
			if err != nil {
				return nil, err.within(strconv.Itoa(k))
			}
			if len(in.from) != 1 {
				return nil, problem(k, "write operation~source", "needs one source each")
			}
			if g.kind == kindEdges {
				if in.from[0] != j {
					return nil, problem(k, "name the sources in order: 0, 1, ...", "source %d stands where %d belongs", in.from[0], j)
				}
				codes = append(codes, code)
				continue
			}
			if in.from[0] >= c.inputs+k {
				return nil, problem(k, "name an input or an earlier node", "%d is no source there", in.from[0])
			}
			codes = append(codes, uint64(in.from[0]), code)
		}
		if g.kind == kindPairs {
			q := codes[len(codes)-4:]
			if c.distinct && q[0] == q[2] {
				return nil, problem(k, "choose two sources", "has the same source twice")
			}
			orderPair(q)
		}
	}
	return codes, nil
}

type cellNode struct {
	combine string
	inputs  []cellInput
}

type cellInput struct {
	op   string
	from []int
}

// cellNodes reads combine:|op~source|...|+|...| without regard to what it means.
// Where the nodes make a whole cell, a + after white space is what comes next.
func (p *parser) cellNodes(whole func([]cellNode) bool) ([]cellNode, *Mistake) {
	var nodes []cellNode
	for len(nodes) < 100 {
		var node cellNode
		if p.peek() != '|' {
			word, err := p.word()
			if err != nil {
				return nil, err
			}
			if word == "" {
				return nil, fault(nil, "write |operation~source|...", "%s stands where a cell belongs", p.show())
			}
			node.combine = word
			if err := p.expect(':'); err != nil {
				return nil, err
			}
		}
		if err := p.expect('|'); err != nil {
			return nil, err
		}
		for len(node.inputs) < 100 {
			op, err := p.word()
			if err != nil {
				return nil, err
			}
			in := cellInput{op: op}
			for p.take('~') && len(in.from) < 100 {
				word, _ := p.word()
				n, err := strconv.Atoi(word)
				if err != nil || n < 0 || n > 63 {
					return nil, fault(nil, "write operation~source", "%q is no source", shorten(word))
				}
				in.from = append(in.from, n)
			}
			node.inputs = append(node.inputs, in)
			if err := p.expect('|'); err != nil {
				return nil, err
			}
			// Another input follows its bar at once; after white space comes the
			// next gene.
			if c := p.peek(); c == '+' || !bare(c) && c != '"' || p.text[p.at-1] != '|' {
				break
			}
		}
		nodes = append(nodes, node)
		if spaced := p.text[p.at-1] != '|'; p.peek() != '+' || spaced && whole(nodes) {
			break
		}
		p.at++
	}
	return nodes, nil
}

// sampleCell appends a random cell: every operation of edges on its own; pairs
// with every pair of inputs equally likely; vertices with every valid cell of
// any number of nodes equally likely.
func (g *gene) sampleCell(codes []uint64, r *rng.Rand) []uint64 {
	c := g.cell
	switch g.kind {
	case kindEdges:
		for range g.cellCodes() {
			codes = append(codes, uint64(r.Intn(len(c.ops))))
		}
	case kindVertices:
		n, before := c.counts.sample(g, r)
		codes = append(codes, uint64(n))
		for range n - 2 {
			codes = append(codes, uint64(r.Intn(len(c.ops))))
		}
		codes = append(codes, before...)
	default:
		for node := range c.nodes {
			if len(c.combine) > 1 {
				codes = append(codes, uint64(r.Intn(len(c.combine))))
			}
			codes = append(codes, 0, 0, 0, 0)
			c.samplePair(codes[len(codes)-4:], node, r)
		}
	}
	return codes
}

// samplePair draws the two inputs of a node, every unordered pair of them
// equally likely.
func (c *cell) samplePair(p []uint64, node int, r *rng.Rand) {
	ops := len(c.ops)
	inputs := (c.inputs + node) * ops
	for {
		x, y := r.Intn(inputs), r.Intn(inputs+1)
		if y == inputs {
			y = x // so that equal inputs are drawn in two ways, as others are
		}
		if c.distinct && x/ops == y/ops {
			continue
		}
		p[0], p[1], p[2], p[3] = uint64(x/ops), uint64(x%ops), uint64(y/ops), uint64(y%ops)
		orderPair(p)
		return
	}
}
