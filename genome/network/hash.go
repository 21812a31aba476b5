package network

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"github.com/nascent-nas/nascent/genome"
)

// Hash is equal for isomorphic networks: names and the order of nodes do not
// count, nor does the order in which an addition takes its inputs (the order of
// a concatenation does). Before comparing,
//
//   - identities are contracted, and sums of sums (up to 256 terms) are one sum;
//   - zeros are dropped from sums, and a layer that sees only zeros is zero: it
//     learns a constant at most, its bias;
//   - dead layers, on which the answer does not depend, are dropped;
//   - equal layers without weights over the same input are one.
//
// A layer used twice is not two equal layers: those have weights of their own
// each. So two networks of equal hash differ at most in dead layers and
// constants; what is counted as written (Parameters, Macs) may differ by those.
//
// The hash is that of the colours which refinement gives to the graph (Weisfeiler
// and Leman's, along both directions of the edges). Isomorphic graphs always
// agree; that different ones may agree too is possible in theory, for large
// regular graphs that no sequence of layers resembles.
func (n *Network) Hash() genome.Hash {
	g := reduced{seen: map[colour]int32{}}
	g.reduce(n)
	return g.hash()
}

// colour is a 128-bit fingerprint that grows by mixing.
type colour struct{ a, b uint64 }

// mix stirs x into both halves, which differ by their constants (the finishers
// of SplitMix64 and MurmurHash3).
func (c colour) mix(x uint64) colour {
	a := c.a + (x+1)*0x9e3779b97f4a7c15
	a = (a ^ a>>30) * 0xbf58476d1ce4e5b9
	a = (a ^ a>>27) * 0x94d049bb133111eb
	b := (c.b ^ x) + 0xd1b54a32d192ed03
	b = (b ^ b>>33) * 0xff51afd7ed558ccd
	b = (b ^ b>>33) * 0xc4ceb9fe1a85ec53
	return colour{a ^ a>>31, b ^ b>>33}
}

func (c colour) with(d colour) colour { return c.mix(d.a).mix(d.b) }

func (c colour) text(s string) colour {
	c = c.mix(uint64(len(s)))
	for i := 0; i < len(s); i++ {
		c = c.mix(uint64(s[i]))
	}
	return c
}

func (c colour) numbers(s []int) colour {
	c = c.mix(uint64(len(s)))
	for _, v := range s {
		c = c.mix(uint64(v))
	}
	return c
}

func compareColours(x, y colour) int {
	if c := cmp.Compare(x.a, y.a); c != 0 {
		return c
	}
	return cmp.Compare(x.b, y.b)
}

// term is an atom in a sum and how often it is there.
type term struct {
	atom  int32
	count uint64
}

// sum is a value of the reduced graph, sorted by atom; the empty one is zero.
type sum []term

// atom is a layer that does something: no identity, zero or addition.
type atom struct {
	op    Op
	label colour // op and attributes
	parts []sum  // what it reads; several only for Concat, in order
}

// reduced is the canonical graph before it forgets the order of its nodes.
type reduced struct {
	atoms  []atom
	answer sum
	values []sum            // of the nodes that are read already
	parts  []sum            // backs the parts of most atoms
	seen   map[colour]int32 // atoms without weights by label and parts
}

// modulus of counts, a prime, so that none becomes zero by doubling.
const modulus = 1<<61 - 1

// addSums adds two values.
func addSums(x, y sum) sum {
	switch {
	case len(x) == 0:
		return y
	case len(y) == 0:
		return x
	}
	out := make(sum, 0, len(x)+len(y))
	for len(x) > 0 && len(y) > 0 {
		switch {
		case x[0].atom < y[0].atom:
			out, x = append(out, x[0]), x[1:]
		case x[0].atom > y[0].atom:
			out, y = append(out, y[0]), y[1:]
		default:
			out = append(out, term{x[0].atom, (x[0].count + y[0].count) % modulus})
			x, y = x[1:], y[1:]
		}
	}
	return append(append(out, x...), y...)
}

// only returns the atom of a value that is one atom, taken once, of kind op.
func (g *reduced) only(v sum, op Op) (*atom, bool) {
	if len(v) == 1 && v[0].count == 1 && g.atoms[v[0].atom].op == op {
		return &g.atoms[v[0].atom], true
	}
	return nil, false
}

// reduce makes the canonical graph of n.
func (g *reduced) reduce(n *Network) {
	g.atoms = make([]atom, 0, len(n.Nodes))
	g.values = make([]sum, len(n.Nodes))
	g.parts = make([]sum, 0, len(n.Nodes))
	for i := range n.Nodes {
		node := &n.Nodes[i]
		switch o := node.Op.meaning(); {
		case o.value != nil:
			g.values[i] = o.value(g, n, node)
		case o.neutral != nil && o.neutral(node, n.in(node)):
			g.values[i] = g.values[node.Inputs[0]]
		default:
			g.values[i] = g.over(node, g.values[node.Inputs[0]])
		}
	}
	if len(g.values) > 0 {
		g.answer = g.values[len(g.values)-1]
	}
}

// over is the value of a layer over its input: zero over zero.
func (g *reduced) over(node *Node, in sum) sum {
	if len(in) == 0 {
		return nil
	}
	g.parts = append(g.parts, in)
	last := len(g.parts)
	return g.atom(node.Op, label(node), g.parts[last-1:last:last])
}

// label is a colour of everything about a layer but its inputs.
func label(node *Node) colour {
	c := colour{}.text(string(node.Op)).mix(uint64(node.Channels)).
		numbers(node.Kernel).numbers(node.Stride).numbers(node.Dilation).numbers(node.Pad).numbers(node.Offset).
		mix(uint64(node.Groups)).text(node.Function).mix(uint64(int64(node.Rate * (1 << 50))))
	for i, set := range [...]bool{node.Circular && slices.Max(node.Pad) > 0, node.Bias, node.Affine} {
		if set {
			c = c.mix(uint64(i) + 1)
		}
	}
	return c
}

// atom adds a layer, or finds the one without weights that does the same.
func (g *reduced) atom(op Op, label colour, parts []sum) sum {
	id := int32(len(g.atoms))
	if !op.meaning().own {
		key := label
		for _, p := range parts {
			key = key.mix(uint64(len(p)))
			for _, t := range p {
				key = key.mix(uint64(t.atom)).mix(t.count)
			}
		}
		if old, ok := g.seen[key]; ok {
			return sum{{old, 1}}
		}
		g.seen[key] = id
	}
	g.atoms = append(g.atoms, atom{op, label, parts})
	return sum{{id, 1}}
}

// use is one reading of an atom by another.
type use struct {
	by   int32
	part int32 // which input of a concatenation; else 0
	term term
}

// hash refines colours until they tell no more layers apart and hashes them.
func (g *reduced) hash() genome.Hash {
	// Live atoms, renumbered; sources come before their readers.
	live := make([]bool, len(g.atoms))
	for _, t := range g.answer {
		live[t.atom] = true
	}
	number := make([]int32, len(g.atoms))
	for i := len(g.atoms) - 1; i >= 0; i-- {
		if live[i] {
			for _, p := range g.atoms[i].parts {
				for _, t := range p {
					live[t.atom] = true
				}
			}
		}
	}
	var atoms []int
	for i := range g.atoms {
		if live[i] {
			number[i] = int32(len(atoms))
			atoms = append(atoms, i)
		}
	}
	n := len(atoms)
	uses := make([][]use, n)
	for k, i := range atoms {
		for p, part := range g.atoms[i].parts {
			for _, t := range part {
				s := number[t.atom]
				uses[s] = append(uses[s], use{int32(k), int32(p), t})
			}
		}
	}

	colours, up, down := make([]colour, n), make([]colour, n), make([]colour, n)
	for k, i := range atoms {
		colours[k] = g.atoms[i].label
	}
	var few []colour
	// fold mixes a multiset of colours.
	fold := func(c colour) colour {
		slices.SortFunc(few, compareColours)
		c = c.mix(uint64(len(few)))
		for _, d := range few {
			c = c.with(d)
		}
		return c
	}
	total := func(c colour, v sum, from []colour) colour {
		few = few[:0]
		for _, t := range v {
			few = append(few, from[number[t.atom]].mix(t.count))
		}
		return fold(c)
	}
	answered := make([]uint64, n)
	for _, t := range g.answer {
		answered[number[t.atom]] = t.count
	}
	sorted := make([]colour, n)
	for classes := 0; ; {
		for k, i := range atoms {
			c := colours[k]
			for _, p := range g.atoms[i].parts {
				c = total(c, p, up)
			}
			up[k] = c
		}
		for k := n - 1; k >= 0; k-- {
			few = few[:0]
			for _, u := range uses[k] {
				few = append(few, down[u.by].mix(uint64(u.part)).mix(u.term.count))
			}
			down[k] = fold(up[k].mix(answered[k]))
		}
		copy(colours, down)
		copy(sorted, down)
		slices.SortFunc(sorted, compareColours)
		distinct := 0
		for k := range sorted {
			if k == 0 || sorted[k] != sorted[k-1] {
				distinct++
			}
		}
		if distinct == n || distinct == classes {
			break
		}
		classes = distinct
	}
	out := make([]byte, 0, 16*(n+1))
	for _, c := range sorted {
		out = binary.LittleEndian.AppendUint64(out, c.a)
		out = binary.LittleEndian.AppendUint64(out, c.b)
	}
	digest := sha256.Sum256(out)
	return genome.Hash(digest[:16])
}
