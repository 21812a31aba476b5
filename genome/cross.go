package genome

import (
	"slices"
	"sync"

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
	x := crossings.Get().(*crossing)
	defer crossings.Put(x)
	x.space, x.r = s, r
	var err error
	if x.a, err = s.codes(x.a[:0], a); err != nil {
		return Genome{}, err
	}
	if x.b, err = s.codes(x.b[:0], b); err != nil {
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

var crossings = sync.Pool{New: func() any { return &crossing{} }}

func (x *crossing) child() []uint64 {
	weights := slices.Clone(x.space.decl.variation.cross)
	root := x.space.root
	lists := root.cuts(x, 0, 0, nil)
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
		x.out = append(x.out, x.b[from:g.gene.end(x.b, from)]...)
		x.out = append(x.out, x.a[g.gene.end(x.a, g.at):]...)
	case onePoint:
		x.isCut, x.cutAt = true, lists[x.r.Intn(len(lists))]
		root.cross(x, 0, 0)
	default: // homologous always applies
		root.cross(x, 0, 0)
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

func (x *crossing) take(g gene, i, j int) {
	if x.fromB() {
		x.out = append(x.out, x.b[j:g.end(x.b, j)]...)
	} else {
		x.out = append(x.out, x.a[i:g.end(x.a, i)]...)
	}
}

// graft is a part of a with the like parts of b that differ from it.
type graft struct {
	gene gene
	at   int
	from []int
}

// grafts lists the parts of a that a part of b may replace.
func (x *crossing) grafts() []graft {
	inB := map[gene][]int{}
	x.space.root.parts(x.b, 0, func(g gene, i int) { inB[g] = append(inB[g], i) })
	var out []graft
	x.space.root.parts(x.a, 0, func(g gene, i int) {
		if g == gene(x.space.root) {
			return
		}
		own := x.a[i:g.end(x.a, i)]
		t := graft{gene: g, at: i}
		for _, j := range inB[g] {
			if !slices.Equal(own, x.b[j:g.end(x.b, j)]) {
				t.from = append(t.from, j)
			}
		}
		if len(t.from) > 0 {
			out = append(out, t)
		}
	})
	return out
}
