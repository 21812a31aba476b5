package genome

import (
	"slices"
	"strconv"
	"strings"

	"github.com/nascent-nas/nascent/genome/rng"
)

func init() {
	declares("from", nil, func(_ *declarer, v any, _ Map, path []string, _ int) (gene, *Mistake) {
		name, ok := v.(string)
		if !ok {
			return nil, fault(child(path, "from"), "write {from: NAME}", "needs the path of a gene, got %s", describe(v))
		}
		g := &from{name: name}
		g.path, g.static, g.self = path, true, g
		return g, nil
	})
}

// settled is embedded by what is in the tree and nowhere else: it takes no codes.
type settled struct{ leaf }

func (s *settled) size(map[gene]magnitude) magnitude                    { return countOf(1) }
func (s *settled) columns(map[gene]float64) float64                     { return 0 }
func (s *settled) leaves([]uint64, int) float64                         { return 0 }
func (s *settled) end(_ []uint64, i int) int                            { return i }
func (s *settled) check(_ []uint64, i int) (int, *Mistake)              { return i, nil }
func (s *settled) sample(codes []uint64, _ *rng.Rand) []uint64          { return codes }
func (s *settled) first(codes []uint64) []uint64                        { return codes }
func (s *settled) read(_ any, codes []uint64) ([]uint64, *Mistake)      { return codes, nil }
func (s *settled) mend(_ *mender, _ any, codes []uint64) []uint64       { return codes }
func (s *settled) sites(_ *mutant, i int, _ place) int                  { return i }
func (s *settled) cross(*crossing, int, int)                            {}
func (s *settled) between(*distance, int, int) (far, weight float64)    { return 0, 0 }
func (s *settled) encode(*encoder, int, string)                         {}
func (s *settled) ask(*inquiry, string) *question                       { return &question{gene: s.self, site: -1} }
func (s *settled) decide(*decider, *question, int)                      {}
func (s *settled) parse(p *parser, codes []uint64) ([]uint64, *Mistake) { return codes, p.nothing() }

// appendText is only reached for elements of a list.
func (s *settled) appendText(b []byte, _ []uint64, i int) ([]byte, int) { return append(b, "()"...), i }

func (s *settled) agree(given, full any) *Mistake {
	if sameTree(given, full) {
		return nil
	}
	return fixedTo(full, given)
}

// constant is no gene: a value that is in every tree.
type constant struct {
	settled
	value any
}

func newConstant(path []string, value any) *constant {
	g := &constant{value: value}
	g.path, g.static, g.self = path, true, g
	return g
}

func (g *constant) declared() any                         { return g.value }
func (g *constant) tree(_ *treeBuilder, i int) (any, int) { return g.value, i }

// from is no gene: a copy of another gene's value in the tree.
type from struct {
	settled
	name   string
	source []int // places of fields from the top to origin
	origin gene  // what is copied
}

func (g *from) declared() any                         { return Map{{"from", g.name}} }
func (g *from) tree(b *treeBuilder, i int) (any, int) { return b.copyOf(g), i }

// resolve finds the genes that from copies, by their places among the fields of
// groups from the top.
func resolve(root gene) *Mistake {
	var err *Mistake
	walkGrammar(root, func(f gene) {
		g, ok := f.(*from)
		if !ok || err != nil {
			return
		}
		at := root
		g.source = g.source[:0]
		for part := range strings.SplitSeq(g.name, ".") {
			i := -1
			in, isGroup := at.(*group)
			if isGroup {
				i = in.fields.index(part)
			}
			if i < 0 {
				err = fault(child(g.path, "from"), "write the path of a gene through groups from the top, for example act or train.act",
					"no gene is named %q", shorten(g.name))
				return
			}
			g.source = append(g.source, i)
			at = in.fields[i].gene
		}
		walkGrammar(at, func(inner gene) {
			if _, ok := inner.(*from); ok && err == nil {
				err = fault(child(g.path, "from"), "copy the gene itself", "%q holds a from of its own", shorten(g.name))
			}
		})
		g.origin = at
	})
	return err
}

// original is the gene that a from copies.
func (g *from) original(root *group) gene {
	at := gene(root)
	for _, k := range g.source {
		at = at.(*group).fields[k].gene
	}
	return at
}

// copyOf returns the value that a from copies.
func (t *treeBuilder) copyOf(g *from) any {
	if v, ok := t.copies[g.origin]; ok {
		return v
	}
	at, i := t.find(g)
	v, _ := at.tree(t, i)
	if t.copies == nil {
		t.copies = map[gene]any{}
	}
	t.copies[g.origin] = v
	return v
}

// find returns the gene that a from copies, and where its value begins.
func (t *treeBuilder) find(g *from) (gene, int) {
	at, i := gene(t.root), 0
	for _, k := range g.source {
		fields := at.(*group).fields
		for _, f := range fields[:k] {
			i = f.gene.end(t.codes, i)
		}
		at = fields[k].gene
	}
	return at, i
}

// fixedTo says that a tree contradicts what is fixed.
func fixedTo(full, given any) *Mistake {
	return fault(nil, "write that or leave it out", "is fixed to %s, got %s", describe(full), describe(given))
}

// agreeEach compares lists element by element.
func agreeEach(given, full any, at func(int) gene) *Mistake {
	list, ok := given.([]any)
	whole := full.([]any)
	if !ok || len(list) != len(whole) {
		return fixedTo(full, given)
	}
	for i, e := range list {
		if err := at(i).agree(e, whole[i]); err != nil {
			return err.within(strconv.Itoa(i))
		}
	}
	return nil
}

// sameTree compares trees; maps in any order.
func sameTree(a, b any) bool {
	switch a := a.(type) {
	case Map:
		m, ok := b.(Map)
		if !ok || len(a) != len(m) {
			return false
		}
		for _, e := range a {
			if x, ok := m.Get(e.Key); !ok || !sameTree(e.Value, x) {
				return false
			}
		}
		return true
	case []any:
		list, ok := b.([]any)
		return ok && slices.EqualFunc(a, list, sameTree)
	}
	return sameScalar(a, b)
}
