package genome

// Genome is one point of a Space, an immutable value. Genomes of one *Space are
// equal if and only if == says so. The zero Genome belongs to no space.
type Genome struct {
	space  *Space
	packed string
}

// IsZero tells the zero Genome.
func (g Genome) IsZero() bool { return g.space == nil }

// Space returns the space that the genome is a point of.
func (g Genome) Space() *Space { return g.space }

// Packed returns the genome's bytes, for [Space.Unpack]. They mean nothing
// without the space.
func (g Genome) Packed() string { return g.packed }

// String returns the canonical text.
func (g Genome) String() string { return g.Text() }

// Hash returns the hash of the canonical text.
func (g Genome) Hash() Hash {
	if g.space == nil {
		return hashOf(nil)
	}
	w := g.written()
	defer w.done()
	return hashOf(w.text)
}

// Gene returns the value of a gene as the tree has it: "lr",
// "blocks[0].channels", "op.conv.kernel". It is false where there is none.
func (g Genome) Gene(path string) (any, bool) {
	if g.space == nil {
		return nil, false
	}
	return g.Tree().At(path)
}

// At returns the value at a path, as [Genome.Gene] does.
func (m Map) At(path string) (any, bool) {
	way, ok := steps(path)
	if !ok {
		return nil, false
	}
	return follow(m, way)
}

// Tree returns the genome as evaluators read it: groups as Map, scalars as
// int64, float64, bool or string, an option with genes as Map{{name, Map{...}}},
// lists as []any. Constants and copies are in it. It must not be changed.
func (g Genome) Tree() Map {
	if g.space == nil {
		return nil
	}
	w := unpacked(g.packed)
	defer w.done()
	w.tree = treeBuilder{root: g.space.root, codes: w.codes}
	m, _ := w.tree.root.tree(&w.tree, 0)
	w.tree = treeBuilder{}
	return m.(Map)
}

type treeBuilder struct {
	root   *group
	codes  []uint64
	copies map[gene]any
}
