package genome

import (
	"strconv"
	"strings"
)

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
	var buf [1024]byte
	return hashOf(g.appendText(buf[:0]))
}

// Gene returns the value of a gene as the tree has it: "lr",
// "blocks[0].channels", "op.conv.kernel". It is false where there is none.
func (g Genome) Gene(path string) (any, bool) {
	if g.space == nil {
		return nil, false
	}
	var v any = g.Tree()
	for part := range strings.SplitSeq(path, ".") {
		name, rest, indexed := strings.Cut(part, "[")
		if name != "" {
			m, ok := v.(Map)
			if !ok {
				return nil, false
			}
			if v, ok = m.Get(name); !ok {
				// A plain option is its own scalar.
				return nil, false
			}
		}
		for indexed {
			var number string
			number, rest, indexed = strings.Cut(rest, "[")
			number, ok := strings.CutSuffix(number, "]")
			list, isList := v.([]any)
			i, err := strconv.Atoi(number)
			if !ok || !isList || err != nil || i < 0 || i >= len(list) {
				return nil, false
			}
			v = list[i]
		}
	}
	return v, true
}

// Tree returns the genome as evaluators read it: groups as Map, scalars as
// int64, float64, bool or string, an option with genes as Map{{name, Map{...}}},
// lists as []any. Constants and copies are in it. It must not be changed.
func (g Genome) Tree() Map {
	if g.space == nil {
		return nil
	}
	var buf [128]uint64
	t := treeBuilder{root: g.space.root, codes: unpack(buf[:0], g.packed)}
	m, _ := t.build(t.root, 0)
	return m.(Map)
}

type treeBuilder struct {
	root   *gene
	codes  []uint64
	copies map[*gene]any
}

// build returns the value at i and where it ends.
func (t *treeBuilder) build(g *gene, i int) (any, int) {
	switch g.kind {
	case kindGroup:
		if g.tuple {
			out := make([]any, len(g.fields))
			for k, f := range g.fields {
				out[k], i = t.build(f.gene, i)
			}
			return out, i
		}
		m := make(Map, len(g.fields))
		for k, f := range g.fields {
			m[k].Key = f.name
			m[k].Value, i = t.build(f.gene, i)
		}
		return m, i
	case kindList:
		n := g.minLen
		if !g.static {
			n, i = g.length(t.codes, i)
		}
		out := make([]any, n)
		for k := range out {
			out[k], i = t.build(g.elem, i)
		}
		return out, i
	case kindChoice:
		o := &g.options[t.codes[i]]
		if o.body == nil {
			return o.value, i + 1
		}
		m, end := t.build(o.body, i+1)
		return Map{{o.value.(string), m}}, end
	case kindEdges, kindVertices, kindPairs:
		return g.cellTree(t.codes, i), g.stretch(t.codes, i)
	case kindConst:
		return g.value, i
	case kindFrom:
		return t.copyOf(g), i
	case kindInt:
		return g.lo + int64(t.codes[i])*g.step, i + 1
	case kindFloat:
		return g.number(t.codes[i]), i + 1
	}
	return t.codes[i] == 1, i + 1 // kindBool
}

// copyOf returns the value that a from copies.
func (t *treeBuilder) copyOf(g *gene) any {
	if v, ok := t.copies[g.origin]; ok {
		return v
	}
	at, i := t.root, 0
	for _, k := range g.source {
		for _, f := range at.fields[:k] {
			i = f.gene.stretch(t.codes, i)
		}
		at = at.fields[k].gene
	}
	v, _ := t.build(at, i)
	if t.copies == nil {
		t.copies = map[*gene]any{}
	}
	t.copies[g.origin] = v
	return v
}
