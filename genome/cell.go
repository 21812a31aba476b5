package genome

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

func init() {
	declares("cell", nil, (*declarer).cell)
}

// A cell is a small directed acyclic graph, of one of the kinds that cellKinds
// names by the key that holds its operations. Each kind is a file.
type cell struct {
	leaf
	ops   []string
	texts []string // ops as canonical text has them
	extra Map      // constants for whoever reads the cell
}

// cellGene is a kind of cell while it is declared.
type cellGene interface {
	gene
	// set takes a key of the declaration; false: it is not one of the kind's.
	set(key string, v any, at []string) (bool, *Mistake)
	// keep gives it the keys that were not, constants.
	keep(extra Map)
	// complete checks the whole.
	complete(at func(key string) []string) *Mistake
}

// cellKinds makes the kinds of cells, by the word for their operations.
var cellKinds = map[string]func(cell) cellGene{}

// declaresCell adds a kind of cell.
func declaresCell(word string, make func(cell) cellGene) { cellKinds[word] = make }

// isCell tells what a cell gene holds from any other map.
func isCell(m Map) bool {
	return slices.ContainsFunc(m, func(e Entry) bool {
		_, isList := e.Value.([]any)
		return isList && cellKinds[e.Key] != nil
	})
}

func (d *declarer) cell(v any, _ Map, path []string, _ int) (gene, *Mistake) {
	at := func(key string) []string { return child(path, "cell", key) }
	m, ok := v.(Map)
	if !ok || !isCell(m) {
		words := slices.Sorted(maps.Keys(cellKinds))
		return nil, fault(child(path, "cell"), "write for example {edges: [OPERATIONS], nodes: 4}",
			"needs a map with a list of operations under one of %s, got %s", strings.Join(words, ", "), describe(v))
	}
	kind := ""
	c := cell{leaf: leaf{base: base{path: path}}}
	for _, e := range m {
		if cellKinds[e.Key] == nil {
			continue
		}
		if kind != "" {
			return nil, fault(child(path, "cell"), "keep one of them", "has both %s and %s", kind, e.Key)
		}
		kind = e.Key
		var err *Mistake
		if c.ops, err = operations(e.Value, at(kind)); err != nil {
			return nil, err
		}
	}
	c.texts = quoteOperations(c.ops)
	g := cellKinds[kind](c)
	var extra Map
	for _, e := range m {
		if e.Key == kind {
			continue
		}
		known, err := g.set(e.Key, e.Value, at(e.Key))
		if err == nil && !known {
			extra = append(extra, e)
			if err = constantValue(e.Value, at(e.Key)); err == nil {
				err = checkName(e.Key, at(e.Key))
			}
		}
		if err != nil {
			return nil, err
		}
	}
	if _, ok := m.Get("nodes"); !ok {
		return nil, fault(child(path, "cell"), "add for example nodes: 4", "has no nodes")
	}
	g.keep(extra)
	return g, g.complete(at)
}

// keep remembers what is not the kind's.
func (c *cell) keep(extra Map) { c.extra = extra }

// nodesFrom reads how many nodes a cell has.
func nodesFrom(v any, at []string, least, most int64, free bool) (lo, hi int, err *Mistake) {
	a, b, ok := pair(v, whole)
	if one, isOne := whole(v); isOne {
		a, b, ok = one, one, true
	}
	if !ok || a < least || b < a || b > most || !free && a != b {
		example := "write for example nodes: 4"
		if free {
			example = "write for example nodes: [3, 7]"
		}
		return 0, 0, fault(at, example, "needs numbers of nodes from %d to %d, got %s", least, most, describe(v))
	}
	return int(a), int(b), nil
}

// operations reads a list of names.
func operations(v any, path []string) ([]string, *Mistake) {
	list, ok := v.([]any)
	if !ok || len(list) == 0 || len(list) > 1000 {
		return nil, fault(path, "write for example [conv3x3, skip]", "needs a list of names, got %s", describe(v))
	}
	var ops []string
	for i, e := range list {
		p := child(path, strconv.Itoa(i))
		s, ok := e.(string)
		if !ok || s == "" || len(s) > maxName {
			return nil, fault(p, "quote numbers and words like \"none\" or \"no\" if need be",
				"needs a name of 1 to %d bytes, got %s", maxName, describe(e))
		}
		if slices.Contains(ops, s) {
			return nil, fault(p, "remove one", "%s is there twice", describe(s))
		}
		ops = append(ops, s)
	}
	return ops, nil
}

// anyNames makes names data.
func anyNames(names []string) []any {
	out := make([]any, len(names))
	for i, name := range names {
		out[i] = name
	}
	return out
}

// named returns the index of a name.
func named(names []string, v any) (uint64, *Mistake) {
	if s, ok := v.(string); ok {
		if i := slices.Index(names, s); i >= 0 {
			return uint64(i), nil
		}
	}
	return 0, fault(nil, "the names are "+listing(names), "%s is unknown", describe(v))
}

// badCell says that a packed cell is none.
func badCell(what string) *Mistake { return damaged("the packed cell has %s", what) }

// cellMap reads the map of a cell's tree, in which only some keys and the
// cell's constants may be.
func (c *cell) cellMap(v any, form string, known ...string) (Map, *Mistake) {
	m, ok := v.(Map)
	if !ok {
		return nil, fault(nil, "write the cell as "+form, "needs a map, got %s", describe(v))
	}
	for _, e := range m {
		if _, extra := c.extra.Get(e.Key); !extra && !slices.Contains(known, e.Key) {
			return nil, fault([]string{e.Key}, "write the cell as "+form, "is no part of the cell")
		}
	}
	return m, nil
}

// cellList reads a list in it.
func cellList(m Map, key, form string) ([]any, *Mistake) {
	x, _ := m.Get(key)
	l, ok := x.([]any)
	if !ok {
		return nil, fault([]string{key}, "write the cell as "+form, "needs a list, got %s", describe(x))
	}
	return l, nil
}

// agree verifies the cell's constants.
func (c *cell) agree(given, _ any) *Mistake {
	m, _ := given.(Map)
	for _, e := range c.extra {
		if x, ok := m.Get(e.Key); ok && !sameTree(x, e.Value) {
			return fault([]string{e.Key}, "write that or leave it out", "is fixed to %s, got %s", describe(e.Value), describe(x))
		}
	}
	return nil
}

// mendCell reads a cell strictly, and what cannot be read so by salvage.
func (c *cell) mendCell(m *mender, v any, codes []uint64, salvage func(given Map, codes []uint64) []uint64) []uint64 {
	at := len(codes)
	if exact, err := c.self.read(v, codes); err == nil {
		return exact
	}
	codes = codes[:at]
	given, ok := v.(Map)
	if !ok {
		return m.fresh(c.self, v, codes)
	}
	codes = salvage(given, codes)
	m.note("is no cell of this kind; took %s", show(c.self, codes, at))
	return codes
}

// listIn returns a list of a map, nil if there is none.
func listIn(m Map, key string) []any {
	x, _ := m.Get(key)
	l, _ := x.([]any)
	return l
}

// salvageName returns the code of name k of a list, the first one's for an
// unknown one.
func salvageName(names []string, l []any, k int) uint64 {
	if k < len(l) {
		if code, err := named(names, l[k]); err == nil {
			return code
		}
	}
	return 0
}

// cellNode is a node of a cell's text.
type cellNode struct {
	combine string
	inputs  []cellInput
}

type cellInput struct {
	op   string
	from []int
}

// cellNodes reads combine:|op~source|...|+|...| without regard to what it means,
// in the manner of NAS-Bench-201. Where the nodes make a whole cell, a + after
// white space is what comes next.
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

// fixedNodes reads a cell of n nodes, of which node k has inputs(k) inputs with
// one source each; each takes an input's operation and source.
func (c *cell) fixedNodes(p *parser, n int, inputs func(k int) int, combine func(k int, word string) *Mistake,
	each func(k, j int, op uint64, from int) *Mistake) *Mistake {
	nodes, err := p.cellNodes(func(nodes []cellNode) bool { return len(nodes) == n })
	if err != nil {
		return err
	}
	if len(nodes) != n {
		return fault(nil, "join the nodes by +", "has %d nodes, needs %d", len(nodes), n)
	}
	for k, node := range nodes {
		at := strconv.Itoa(k)
		if len(node.inputs) != inputs(k) {
			return fault([]string{at}, "write |operation~source|operation~source|", "has %d inputs, needs %d", len(node.inputs), inputs(k))
		}
		if err := combine(k, node.combine); err != nil {
			return err.within(at)
		}
		for j, in := range node.inputs {
			code, err := named(c.ops, in.op)
			if err != nil {
				return err.within(at)
			}
			if len(in.from) != 1 {
				return fault([]string{at}, "write operation~source", "needs one source each")
			}
			if err := each(k, j, code, in.from[0]); err != nil {
				return err.within(at)
			}
		}
	}
	return nil
}

// nothingToCombine refuses the word before a node that has one way to combine.
func nothingToCombine(word string) *Mistake {
	if word == "" {
		return nil
	}
	return fault(nil, "remove it", "%q combines nothing there", shorten(word))
}

// appendInput writes operation~source| in the manner of NAS-Bench-201.
func appendInput(b []byte, op string, from uint64) []byte {
	b = append(b, op...)
	b = append(b, '~')
	b = strconv.AppendUint(b, from, 10)
	return append(b, '|')
}

// edgeName and nodeName name the parts of a cell.
func edgeName(path string, from int, to string) string {
	return path + ".edge(" + strconv.Itoa(from) + "," + to + ")"
}

func nodeName(path string, node int) string { return path + ".node" + strconv.Itoa(node) }

// askCell makes the question of a cell, whose sites add adds.
func (q *inquiry) askCell(g gene, add func()) *question {
	first := len(q.sites)
	add()
	if len(q.sites) == first {
		first = -1
	}
	return &question{gene: g, site: first}
}
