package genome

import (
	"slices"

	"github.com/nascent-nas/nascent/genome/rng"
)

// Cross returns a valid child of two genomes, by a kind of crossover drawn by
// variation.cross among those that apply:
//
//   - homologous: gene by gene from either parent; options that agree and
//     elements of lists at equal places are crossed in turn, others taken whole;
//   - subtree: a with one part (an option, a list, an element, a group with a
//     choice or a list in it, a cell) replaced by a like part of b from
//     anywhere (Koza 1992);
//   - one_point: a up to a cut in a list that both have, then the end of b's list
//     after a cut of its own, and all that is declared later from b.
//
// Where 20 tries give no genome within the limits, the child is one parent.
func (s *Space) Cross(a, b Genome, r *rng.Rand) (Genome, error) {
	x := crossing{space: s, r: r}
	var err error
	if x.a, err = s.codes(nil, a); err != nil {
		return Genome{}, err
	}
	if x.b, err = s.codes(nil, b); err != nil {
		return Genome{}, err
	}
	for range crossTries {
		g := s.finish(x.child())
		if s.valid(g) {
			return g, nil
		}
	}
	if r.Bool() {
		a = b
	}
	return Genome{s, a.packed}, nil
}

// crossing is the work on one child.
type crossing struct {
	space *Space
	a, b  []uint64
	r     *rng.Rand
	out   []uint64

	// one_point: the list that is cut, by its place in a, and what follows it.
	cutAt int
	isCut bool
	past  bool
}

func (x *crossing) child() []uint64 {
	weights := slices.Clone(x.space.decl.variation.cross)
	root := x.space.root
	lists := x.commonLists(root, 0, 0, nil)
	if len(lists) == 0 {
		weights[onePoint] = 0
	}
	var grafts []graft
	if weights[subtree] > 0 {
		if grafts = x.grafts(); len(grafts) == 0 {
			weights[subtree] = 0
		}
	}
	x.out = x.out[:0]
	x.isCut, x.past = false, false
	switch x.r.Weighted(weights) {
	case subtree:
		g := grafts[x.r.Intn(len(grafts))]
		from := g.from[x.r.Intn(len(g.from))]
		x.out = append(x.out, x.a[:g.at]...)
		x.out = append(x.out, x.b[from:g.gene.stretch(x.b, from)]...)
		x.out = append(x.out, x.a[g.gene.stretch(x.a, g.at):]...)
	case onePoint:
		x.isCut, x.cutAt = true, lists[x.r.Intn(len(lists))]
		x.cross(root, 0, 0)
	default: // homologous always applies
		x.cross(root, 0, 0)
	}
	return x.out
}

// fromB tells which parent the next gene comes from.
func (x *crossing) fromB() bool {
	if x.isCut {
		return x.past
	}
	return x.r.Bool()
}

func (x *crossing) take(g *gene, i, j int) {
	if x.fromB() {
		x.out = append(x.out, x.b[j:g.stretch(x.b, j)]...)
	} else {
		x.out = append(x.out, x.a[i:g.stretch(x.a, i)]...)
	}
}

// cross appends the child of the values at i in a and at j in b, and returns
// where they end.
func (x *crossing) cross(g *gene, i, j int) (int, int) {
	if g.static {
		return i, j
	}
	endA, endB := g.stretch(x.a, i), g.stretch(x.b, j)
	switch g.kind {
	case kindGroup:
		for _, f := range g.fields {
			i, j = x.cross(f.gene, i, j)
		}
	case kindList:
		x.crossList(g, i, j)
	case kindChoice:
		body := g.options[x.a[i]].body
		if x.a[i] != x.b[j] || body == nil {
			x.take(g, i, j)
			break
		}
		x.out = append(x.out, x.a[i])
		x.cross(body, i+1, j+1)
	case kindEdges:
		for k := range endA - i {
			if x.fromB() {
				x.out = append(x.out, x.b[j+k])
			} else {
				x.out = append(x.out, x.a[i+k])
			}
		}
	case kindPairs:
		n := g.cell.nodeCodes()
		for k := 0; k < endA-i; k += n {
			if x.fromB() {
				x.out = append(x.out, x.b[j+k:j+k+n]...)
			} else {
				x.out = append(x.out, x.a[i+k:i+k+n]...)
			}
		}
	case kindVertices:
		if x.a[i] != x.b[j] || x.isCut {
			x.take(g, i, j)
			break
		}
		// The graph from one parent, each operation from either.
		at := len(x.out)
		x.take(g, i, j)
		for k := 1; k < int(x.a[i])-1; k++ {
			x.out[at+k] = x.a[i+k]
			if x.fromB() {
				x.out[at+k] = x.b[j+k]
			}
		}
	default:
		x.take(g, i, j)
	}
	return endA, endB
}

func (x *crossing) crossList(g *gene, i, j int) {
	fixed := g.minLen == g.maxLen
	cut := x.isCut && i == x.cutAt && !x.past
	n, atA := g.length(x.a, i)
	m, atB := g.length(x.b, j)
	length := n
	headA, tailB := n, m // elements of a before the cut, of b from the cut on
	switch {
	case cut && fixed:
		// Between two elements where there are some.
		headA = x.r.Intn(n + 1)
		if n > 1 {
			headA = 1 + x.r.Intn(n-1)
		}
		tailB = headA
	case cut:
		for {
			headA, tailB = x.r.Intn(n+1), x.r.Intn(m+1)
			if length = headA + m - tailB; length >= g.minLen && length <= g.maxLen {
				break
			}
		}
	case x.fromB():
		length = m
	}
	if !fixed {
		x.out = append(x.out, uint64(length))
	}
	if cut {
		for k := range n {
			end := g.elem.stretch(x.a, atA)
			if k < headA {
				x.out = append(x.out, x.a[atA:end]...)
			}
			atA = end
		}
		for k := range m {
			end := g.elem.stretch(x.b, atB)
			if k >= tailB {
				x.out = append(x.out, x.b[atB:end]...)
			}
			atB = end
		}
		x.past = true
		return
	}
	for k := range length {
		switch {
		case k >= n:
			end := g.elem.stretch(x.b, atB)
			x.out = append(x.out, x.b[atB:end]...)
			atB = end
		case k >= m:
			end := g.elem.stretch(x.a, atA)
			x.out = append(x.out, x.a[atA:end]...)
			atA = end
		default:
			atA, atB = x.cross(g.elem, atA, atB)
		}
	}
}

// commonLists returns where in a the lists with codes lie that b has at the same
// path, lists within elements of lists left out.
func (x *crossing) commonLists(g *gene, i, j int, out []int) []int {
	switch g.kind {
	case kindGroup:
		for _, f := range g.fields {
			out = x.commonLists(f.gene, i, j, out)
			i, j = f.gene.stretch(x.a, i), f.gene.stretch(x.b, j)
		}
	case kindList:
		if !g.static {
			n, _ := g.length(x.a, i)
			m, _ := g.length(x.b, j)
			if n+m > 1 {
				out = append(out, i)
			}
		}
	case kindChoice:
		if body := g.options[x.a[i]].body; body != nil && x.a[i] == x.b[j] {
			out = x.commonLists(body, i+1, j+1, out)
		}
	}
	return out
}

// graft is a part of a with the like parts of b that differ from it.
type graft struct {
	gene *gene
	at   int
	from []int
}

// grafts lists the parts of a that a part of b may replace.
func (x *crossing) grafts() []graft {
	inB := map[*gene][]int{}
	x.space.root.parts(x.b, 0, func(g *gene, i int) { inB[g] = append(inB[g], i) })
	var out []graft
	x.space.root.parts(x.a, 0, func(g *gene, i int) {
		if g == x.space.root {
			return
		}
		own := x.a[i:g.stretch(x.a, i)]
		t := graft{gene: g, at: i}
		for _, j := range inB[g] {
			if !slices.Equal(own, x.b[j:g.stretch(x.b, j)]) {
				t.from = append(t.from, j)
			}
		}
		if len(t.from) > 0 {
			out = append(out, t)
		}
	})
	return out
}

// parts visits the parts of a value that hold more than one code: options with
// genes, lists, groups and cells.
func (g *gene) parts(t []uint64, i int, visit func(*gene, int)) int {
	if g.static {
		return i
	}
	if end := g.stretch(t, i); end-i > 1 {
		visit(g, i)
	}
	switch g.kind {
	case kindGroup:
		for _, f := range g.fields {
			i = f.gene.parts(t, i, visit)
		}
		return i
	case kindList:
		n, i := g.length(t, i)
		for range n {
			i = g.elem.parts(t, i, visit)
		}
		return i
	case kindChoice:
		if body := g.options[t[i]].body; body != nil {
			return body.parts(t, i+1, visit)
		}
	}
	return g.stretch(t, i)
}
