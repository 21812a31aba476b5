package network

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"math"
	"slices"
	"sync"

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
// and Leman's, along both directions of the edges) and, where these leave several
// graphs possible, of a canonical form. For a graph whose symmetries are too many
// for that, it is the hash of the graph as it is written: then isomorphic networks
// may have several hashes, but never different ones the same.
func (n *Network) Hash() genome.Hash { return n.HashBy(genome.Rules) }

// HashBy is the Hash by a revision of the rules. By revision 0 the hash is that of
// the colours alone, which some different networks have in common; zeros that are
// joined in a join of joins have no width; and dilation counts where the kernel is 1.
func (n *Network) HashBy(rules int) genome.Hash { return n.hash(rules, effort) }

func (n *Network) hash(rules, effort int) genome.Hash {
	g := hashers.Get().(*reduced)
	defer hashers.Put(g)
	g.rules, g.effort, g.modulus = rules, effort, modulus
	if rules == 0 {
		g.modulus = modulus0
	}
	g.reduce(n)
	return g.hash()
}

// hashers are used again and again: every candidate is hashed.
var hashers = sync.Pool{New: func() any { return &reduced{seen: map[colour]int32{}} }}

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
	width int    // of zeros within a Concat: channels
}

// reduced is the canonical graph before it forgets the order of its nodes.
type reduced struct {
	rules   int
	effort  int    // for canonical forms
	modulus uint64 // of counts

	atoms  []atom
	answer sum
	values []sum            // of the nodes that are read already
	parts  []sum            // backs the parts of most atoms
	terms  []term           // backs their sums
	seen   map[colour]int32 // atoms without weights by label and parts
}

// Counts of a term are residues by a prime of which 2 is a primitive root, so that
// no number of doublings is another.
const (
	modulus  = 1<<62 - 10565
	modulus0 = 1<<61 - 1 // by which 61 doublings are none
)

// plus adds two values.
func (g *reduced) plus(x, y sum) sum {
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
			out = append(out, term{x[0].atom, (x[0].count + y[0].count) % g.modulus})
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
	g.atoms, g.answer = slices.Grow(g.atoms[:0], len(n.Nodes)), nil
	g.values = slices.Grow(g.values[:0], len(n.Nodes))[:len(n.Nodes)]
	g.parts = slices.Grow(g.parts[:0], len(n.Nodes))
	g.terms = slices.Grow(g.terms[:0], len(n.Nodes))
	clear(g.seen)
	for i := range n.Nodes {
		node := &n.Nodes[i]
		switch o := node.Op.meaning(); {
		case o.value != nil:
			g.values[i] = o.value(g, n, node)
		case o.neutral != nil && o.neutral(node, n.in(node)):
			g.values[i] = g.values[node.Inputs[0]]
		default:
			g.values[i] = g.over(node, o.own, g.values[node.Inputs[0]])
		}
	}
	if len(g.values) > 0 {
		g.answer = g.values[len(g.values)-1]
	}
}

// over is the value of a layer over its input: zero over zero. Two layers with
// something of their own are two.
func (g *reduced) over(node *Node, own bool, in sum) sum {
	if len(in) == 0 {
		return nil
	}
	g.parts = append(g.parts, in)
	last := len(g.parts)
	return g.atom(node.Op, g.label(node), own, g.parts[last-1:last:last])
}

// label is a colour of everything about a layer but its inputs.
func (g *reduced) label(node *Node) colour {
	dilation, rate := node.Dilation, uint64(int64(node.Rate*(1<<50)))
	if g.rules > 0 {
		if rate = math.Float64bits(node.Rate); slices.Contains(node.Kernel, 1) && len(dilation) == len(node.Kernel) {
			dilation = slices.Clone(dilation)
			for d, k := range node.Kernel {
				if k == 1 { // there is nothing to dilate
					dilation[d] = 1
				}
			}
		}
	}
	c := colour{}.text(string(node.Op)).mix(uint64(node.Channels)).
		numbers(node.Kernel).numbers(node.Stride).numbers(dilation).numbers(node.Pad).numbers(node.Offset).
		mix(uint64(node.Groups)).text(node.Function).mix(rate)
	for i, set := range [...]bool{node.Circular && slices.Max(node.Pad) > 0, node.Bias, node.Affine} {
		if set {
			c = c.mix(uint64(i) + 1)
		}
	}
	return c
}

// atom adds a layer; or, where it has nothing of its own, finds the one that does
// the same.
func (g *reduced) atom(op Op, label colour, own bool, parts []sum) sum {
	id := int32(len(g.atoms))
	if !own {
		key := label
		for _, p := range parts {
			key = key.mix(uint64(len(p)))
			for _, t := range p {
				key = key.mix(uint64(t.atom)).mix(t.count)
			}
		}
		if old, ok := g.seen[key]; ok {
			return g.once(old)
		}
		g.seen[key] = id
	}
	g.atoms = append(g.atoms, atom{op: op, label: label, parts: parts})
	return g.once(id)
}

// once is the value of one atom.
func (g *reduced) once(id int32) sum {
	g.terms = append(g.terms, term{id, 1})
	last := len(g.terms)
	return g.terms[last-1 : last : last]
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
	distinct := 0
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
		distinct = 0
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
	if g.rules > 0 && distinct < n {
		sorted = g.exactly(colours, sorted, atoms, number)
	}
	out := make([]byte, 0, 16*(n+1))
	for _, c := range sorted {
		out = binary.LittleEndian.AppendUint64(out, c.a)
		out = binary.LittleEndian.AppendUint64(out, c.b)
	}
	digest := sha256.Sum256(out)
	return genome.Hash(digest[:16])
}

// exactly adds to the sorted colours of the atoms what they leave open.
func (g *reduced) exactly(colours, sorted []colour, atoms []int, number []int32) []colour {
	p := g.shared(colours, atoms, number)
	if p.determined() {
		return sorted
	}
	c := canon{left: g.effort}
	certificate, _ := c.form(p, false)
	if c.left < 0 { // as it is written
		certificate = colour{}.text("as written")
		for _, d := range p.colours {
			certificate = certificate.with(d)
		}
		for _, l := range p.links {
			certificate = certificate.mix(uint64(l.from)).mix(uint64(l.to)).with(l.kind)
		}
	}
	return append(sorted, certificate)
}

// shared is the piece of the atoms whose colour others have, too. An atom that has
// its colour alone is linked with all atoms of another colour, or with none.
func (g *reduced) shared(colours []colour, atoms []int, number []int32) (p piece) {
	class, size := piece{colours: colours}.classes()
	at := make([]int32, len(atoms))
	for k, c := range class {
		at[k] = -1
		if size[c] > 1 {
			at[k] = int32(len(p.colours))
			p.colours = append(p.colours, colours[k])
		}
	}
	for k, i := range atoms {
		begin := len(p.links)
		for part, v := range g.atoms[i].parts {
			for _, t := range v {
				if from := at[number[t.atom]]; from >= 0 && at[k] >= 0 {
					p.links = append(p.links, link{from, at[k], colour{}.mix(uint64(part)).mix(t.count)})
				}
			}
		}
		// One link for all that an atom reads of another.
		own := p.links[begin:]
		slices.SortStableFunc(own, func(x, y link) int { return cmp.Compare(x.from, y.from) })
		p.links = p.links[:begin]
		for _, l := range own {
			if last := len(p.links) - 1; last >= begin && p.links[last].from == l.from {
				p.links[last].kind = p.links[last].kind.with(l.kind)
			} else {
				p.links = append(p.links, l)
			}
		}
	}
	return p
}
