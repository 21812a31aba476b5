package genome

import (
	"math/big"
	"strconv"

	"github.com/nascent-nas/nascent/genome/rng"
)

func init() {
	declaresCell("edges", func(c cell) cellGene {
		g := &edges{cell: c}
		g.self = g
		return g
	})
}

// edges is a cell with operations on edges (NAS-Bench-201): every node, the
// input being number 0, is joined to all before it. Its codes are one operation
// per edge: (0,1) (0,2) (1,2) (0,3) ...
type edges struct {
	cell
	nodes int // with the input
}

const edgesForm = "{edges: [operation, ...]}"

func (g *edges) set(key string, v any, at []string) (bool, *Mistake) {
	if key != "nodes" {
		return false, nil
	}
	var err *Mistake
	_, g.nodes, err = nodesFrom(v, at, 2, 32, false)
	return true, err
}

func (g *edges) complete(func(string) []string) *Mistake {
	g.genes = float64(g.number())
	return nil
}

// number is how many edges there are.
func (g *edges) number() int { return g.nodes * (g.nodes - 1) / 2 }

func (g *edges) declared() any {
	return Map{{"cell", append(Map{{"edges", anyNames(g.ops)}, {"nodes", int64(g.nodes)}}, g.extra...)}}
}

func (g *edges) size(map[gene]magnitude) magnitude {
	return count(new(big.Int).Exp(big.NewInt(int64(len(g.ops))), big.NewInt(int64(g.number())), nil))
}

func (g *edges) columns(map[gene]float64) float64 { return float64(g.number() * len(g.ops)) }
func (g *edges) end(_ []uint64, i int) int        { return i + g.number() }
func (g *edges) leaves([]uint64, int) float64     { return float64(g.number()) }
func (g *edges) first(codes []uint64) []uint64    { return append(codes, make([]uint64, g.number())...) }

func (g *edges) check(t []uint64, i int) (int, *Mistake) {
	if i >= len(t) {
		return i, endsEarly()
	}
	end := i + g.number()
	if end > len(t) {
		return i, badCell("too few operations")
	}
	for _, op := range t[i:end] {
		if op >= uint64(len(g.ops)) {
			return i, badCell("an unknown operation")
		}
	}
	return end, nil
}

// sample draws every operation on its own.
func (g *edges) sample(codes []uint64, r *rng.Rand) []uint64 {
	for range g.number() {
		codes = append(codes, uint64(r.Intn(len(g.ops))))
	}
	return codes
}

func (g *edges) appendText(b []byte, t []uint64, i int) ([]byte, int) {
	for node := 1; node < g.nodes; node++ {
		if node > 1 {
			b = append(b, '+')
		}
		b = append(b, '|')
		for from := range node {
			b = appendInput(b, g.texts[t[i]], uint64(from))
			i++
		}
	}
	return b, i
}

func (g *edges) parse(p *parser, codes []uint64) ([]uint64, *Mistake) {
	err := g.fixedNodes(p, g.nodes-1, func(k int) int { return k + 1 }, func(_ int, word string) *Mistake { return nothingToCombine(word) },
		func(_, j int, op uint64, from int) *Mistake {
			if from != j {
				return fault(nil, "name the sources in order: 0, 1, ...", "source %d stands where %d belongs", from, j)
			}
			codes = append(codes, op)
			return nil
		})
	return codes, err
}

func (g *edges) tree(b *treeBuilder, i int) (any, int) {
	ops := make([]any, g.number())
	for k := range ops {
		ops[k] = g.ops[b.codes[i+k]]
	}
	return append(Map{{"edges", ops}}, g.extra...), i + len(ops)
}

func (g *edges) read(v any, codes []uint64) ([]uint64, *Mistake) {
	m, err := g.cellMap(v, edgesForm, "edges")
	if err != nil {
		return nil, err
	}
	ops, err := cellList(m, "edges", edgesForm)
	if err != nil {
		return nil, err
	}
	if len(ops) != g.number() {
		return nil, fault([]string{"edges"}, "give one operation per edge: (0,1) (0,2) (1,2) ...",
			"has %d operations, needs %d", len(ops), g.number())
	}
	for k, op := range ops {
		code, err := named(g.ops, op)
		if err != nil {
			return nil, err.within(strconv.Itoa(k)).within("edges")
		}
		codes = append(codes, code)
	}
	return codes, nil
}

func (g *edges) mend(m *mender, v any, codes []uint64) []uint64 {
	return g.mendCell(m, v, codes, func(given Map, codes []uint64) []uint64 {
		ops := listIn(given, "edges")
		for k := range g.number() {
			codes = append(codes, salvageName(g.ops, ops, k))
		}
		return codes
	})
}

func (g *edges) sites(m *mutant, i int, p place) int {
	if len(g.ops) > 1 {
		for k := range g.number() {
			m.add(change, g, i, k, p)
		}
	}
	return i + g.number()
}

func (g *edges) mutate(m *mutant, _ int, x site, r *rng.Rand) {
	m.another(x.at+x.sub, len(g.ops), r)
}

func (g *edges) alternatives(_ *mutant, _ int, x site, emit func(edit) bool) bool {
	return emitCodes(codesBelow(len(g.ops)), x.at+x.sub, emit)
}

// cross takes each operation from either parent.
func (g *edges) cross(x *crossing, i, j int) {
	for k := range g.number() {
		if x.fromB() {
			x.out = append(x.out, x.b[j+k])
		} else {
			x.out = append(x.out, x.a[i+k])
		}
	}
}

func (g *edges) between(d *distance, i, j int) (far, weight float64) {
	return unequal(d.a[i:i+g.number()], d.b[j:]), float64(g.number())
}

func (g *edges) encode(e *encoder, i int, path string) {
	k := 0
	for to := 1; to < g.nodes; to++ {
		for from := range to {
			e.oneHot(func() string { return edgeName(path, from, strconv.Itoa(to)) }, g.ops, e.there(i), e.at(i, k))
			k++
		}
	}
}

func (g *edges) ask(q *inquiry, path string) *question {
	return q.askCell(g, func() {
		for to := 1; to < g.nodes; to++ {
			for from := range to {
				q.add(Site{Name: edgeName(path, from, strconv.Itoa(to)), Options: g.texts})
			}
		}
	})
}

func (g *edges) decide(w *decider, q *question, _ int) {
	site := q.site
	for to := 1; to < g.nodes; to++ {
		for range to {
			op := 0
			if known := int(w.next()); len(g.ops) > 1 {
				op = w.ask(Decision{Site: site, Place: to}, known)
				site++
			}
			w.out = append(w.out, uint64(op))
		}
	}
}
