package genome

import "github.com/nascent-nas/nascent/genome/rng"

// gene is one gene of a declaration, of any kind. Each kind is a type in a file
// of its own with all that it means; the operators walk genes through these
// methods and know no kinds. After expansion genes form a directed acyclic
// graph: equal parts are shared, so that the same pointer means the same
// declaration.
//
// t are the codes of a genome and i is where the gene's value begins in them;
// what returns an int returns where it ends. Codes that are given have been
// checked, but for check. docs/extending.md shows how a kind is added; leaf has
// most of it for one that holds no other genes.
type gene interface {
	about() *base
	declarable
	coded
	written
	variable
	compared
	decidable
}

// declarable is what a gene is in a declaration.
type declarable interface {
	declared() any                                            // as data, defaults left out
	expand(x *expander, left map[string]int) (gene, *Mistake) // without uses; nil if the depth is used up
	inner() []gene                                            // the genes in it
	leads(names []string, depth int) bool                     // whether a path of names leads to a gene
	branches() []branch                                       // how the tree goes on below its value; nil for leaves
	size(seen map[gene]magnitude) magnitude                   // how many values it has
}

// coded is how values are packed.
type coded interface {
	end(t []uint64, i int) int
	check(t []uint64, i int) (int, *Mistake)     // of any codes
	sample(codes []uint64, r *rng.Rand) []uint64 // appends a random value
	first(codes []uint64) []uint64               // appends the first value: the low end, the first option
	samples() [][]uint64                         // typical values, for neighbours
}

// written is how values are written and read.
type written interface {
	appendText(b []byte, t []uint64, i int) ([]byte, int)
	parse(p *parser, codes []uint64) ([]uint64, *Mistake) // appends what a text says
	tree(b *treeBuilder, i int) (any, int)                // the value as evaluators read it
	read(v any, codes []uint64) ([]uint64, *Mistake)      // appends what a tree says; strict
	agree(given, full any) *Mistake                       // whether a tree contradicts what is fixed
	mend(m *mender, v any, codes []uint64) []uint64       // appends what is nearest to a tree; nil is missing
	contradictions(m *mender, given, full any)            // notes them, as agree finds them
}

// variable is how a value becomes another one.
type variable interface {
	sites(m *mutant, i int, p place) int             // lists where it can mutate
	mutate(m *mutant, kind int, x site, r *rng.Rand) // does so at a site of its own
	// alternatives emits all outcomes of that, until emit says no.
	alternatives(m *mutant, kind int, x site, emit func(edit) bool) bool
	cross(x *crossing, i, j int)                        // appends the child of two values
	cuts(x *crossing, i, j int, out []int) []int        // where both parents have a list
	parts(t []uint64, i int, visit func(gene, int)) int // its parts of more than one code
}

// compared is how values are set against others.
type compared interface {
	between(d *distance, i, j int) (far, weight float64) // how unlike two values are, from 0 to weight
	leaves(t []uint64, i int) float64                    // how many genes the value holds
	diff(d *differ, i, j int, path string)               // the differences of unequal values in words
	form(f *former, i int) int                           // what does not depend on numbering
	encode(e *encoder, i int, path string)               // the value as numbers; i below 0: absent
	columns(seen map[gene]float64) float64               // how many numbers that makes
}

// decidable is how a value is made by one decision after the other.
type decidable interface {
	ask(q *inquiry, path string) *question     // the places at which it decides
	decide(w *decider, q *question, place int) // a value by decisions, or the decisions of one
}

// base is what genes of all kinds have.
type base struct {
	path   []string // of the declaration
	sig    string   // of genes without parts: equal declarations have equal sig
	genes  float64  // how many numbers the largest value takes
	static bool     // takes none: constants, copies and what holds only those
}

func (b *base) about() *base { return b }

// edit changes a genome in work.
type edit = func(*mutant)

// leaf is embedded by kinds that hold no other genes. self is the kind.
type leaf struct {
	base
	self gene
}

func (l *leaf) expand(*expander, map[string]int) (gene, *Mistake) {
	if l.genes == 0 && !l.static {
		l.genes = 1
	}
	return l.self, nil
}

func (l *leaf) inner() []gene                                         { return nil }
func (l *leaf) leads([]string, int) bool                              { return false }
func (l *leaf) branches() []branch                                    { return nil }
func (l *leaf) agree(any, any) *Mistake                               { return nil }
func (l *leaf) contradictions(*mender, any, any)                      {}
func (l *leaf) samples() [][]uint64                                   { return [][]uint64{l.self.first(nil)} }
func (l *leaf) cuts(_ *crossing, _, _ int, out []int) []int           { return out }
func (l *leaf) cross(x *crossing, i, j int)                           { x.take(l.self, i, j) }
func (l *leaf) columns(map[gene]float64) float64                      { return 1 }
func (l *leaf) leaves(t []uint64, i int) float64                      { return 1 }
func (l *leaf) end(_ []uint64, i int) int                             { return i + 1 }
func (l *leaf) mutate(*mutant, int, site, *rng.Rand)                  {}
func (l *leaf) form(f *former, i int) int                             { return f.copy(i, l.self.end(f.codes, i)) }
func (l *leaf) alternatives(*mutant, int, site, func(edit) bool) bool { return true }

func (l *leaf) parts(t []uint64, i int, visit func(gene, int)) int {
	end := l.self.end(t, i)
	if end-i > 1 {
		visit(l.self, i)
	}
	return end
}

func (l *leaf) diff(d *differ, i, j int, path string) { d.whole(l.self, i, j, path) }

// values is embedded by kinds of leaves whose value is one code below count, or,
// where count is 0, any of the kind's own.
type values struct {
	leaf
	count int64
}

func (v *values) sites(m *mutant, i int, p place) int {
	if v.count != 1 {
		m.add(change, v.self, i, 0, p)
	}
	return i + 1
}

func (v *values) check(t []uint64, i int) (int, *Mistake) {
	if i >= len(t) {
		return i, endsEarly()
	}
	if t[i] >= uint64(v.count) {
		return i, damaged("the packed value is %d, at most %d", t[i], v.count-1)
	}
	return i + 1, nil
}

// decide asks for the value, or takes the only one.
func (v *values) decide(w *decider, q *question, place int) { w.value(v.self, q, place) }

// emitCodes emits the genomes with other codes in the place of a value of one.
func emitCodes(codes []uint64, at int, emit func(edit) bool) bool {
	for _, code := range codes {
		if !emit(func(w *mutant) { w.codes[at] = code }) {
			return false
		}
	}
	return true
}

func endsEarly() *Mistake { return damaged("the packed genome ends too early") }

// damaged says that a packed genome is none.
func damaged(problem string, args ...any) *Mistake {
	return fault(nil, "take it from a genome of this space", problem, args...)
}

// alike tells whether a value of one gene is a value of the other: those without
// parts that are declared alike, and the same gene.
func alike(a, b gene) bool {
	return a == b || a.about().sig != "" && a.about().sig == b.about().sig
}
