package network

import "github.com/nascent-nas/nascent/genome"

// Concat joins along channels (features if flat).
const Concat Op = "concat"

var _ = operation{op: Concat, value: (*reduced).concat}.declare()

// concat{branches}: each branch is a sequence over the same input.
var _ = layer{
	name: "concat", main: "branches",
	read: func(b *builder, a *args, in int) int { return b.branches(a, in, b.join) },
}.declare()

// branches reads sequences over one input, for what puts them together.
func (b *builder) branches(a *args, in int, together func(ids []int) int) int {
	branches := a.get("branches")
	a.done()
	var few [8]int
	ids := few[:0]
	n := b.enter("branches")
	switch v := branches.(type) {
	case []any:
		for i, x := range v {
			m := b.index(i)
			ids = append(ids, b.sequence(x, in))
			b.leave(m)
		}
	case genome.Map:
		for _, e := range v {
			m := b.enter(e.Key)
			// A branch may be named like the layer that it is.
			if l := vocabulary[e.Key]; l != nil {
				ids = append(ids, b.layer(l, e.Value, in))
			} else {
				ids = append(ids, b.sequence(e.Value, in))
			}
			b.leave(m)
		}
	}
	b.leave(n)
	if len(ids) == 0 {
		b.fail("needs branches: a list or group of sequences")
		return 0
	}
	return together(ids)
}

// join concatenates along channels; of one it is that one.
func (b *builder) join(ids []int) int {
	if b.err != nil {
		return 0
	}
	channels := 0
	for _, id := range ids {
		if !equal(b.shape(id)[1:], b.shape(ids[0])[1:]) {
			b.fail("cannot join shapes %v and %v; give the branches equal strides", b.shape(ids[0]), b.shape(id))
			return 0
		}
		channels += b.channels(id)
	}
	if len(ids) == 1 {
		return ids[0]
	}
	shape := b.inputs(b.shape(ids[0]))
	shape[0] = channels
	return b.append(Node{Op: Concat, Inputs: b.inputs(ids), Shape: shape})
}

// concat keeps the order of what it joins. Joins of joins are one, and so are zeros
// side by side, which have a width here.
func (g *reduced) concat(n *Network, node *Node) sum {
	if len(node.Inputs) == 1 {
		return g.values[node.Inputs[0]]
	}
	if g.rules == 0 {
		return g.concat0(n, node)
	}
	var parts []sum
	zeros, something := 0, false
	join := func(v sum) {
		if z, ok := g.only(v, Zero); ok {
			zeros += z.width
			return
		}
		if zeros > 0 {
			parts = append(parts, g.zeros(zeros))
		}
		parts, zeros, something = append(parts, v), 0, true
	}
	for _, in := range node.Inputs {
		switch inner, ok := g.only(g.values[in], Concat); {
		case ok:
			for _, v := range inner.parts {
				join(v)
			}
		case len(g.values[in]) == 0:
			zeros += n.Nodes[in].Shape[0]
		default:
			join(g.values[in])
		}
	}
	if !something {
		return nil
	}
	if zeros > 0 {
		parts = append(parts, g.zeros(zeros))
	}
	return g.atom(Concat, colour{}.text(string(Concat)), false, parts)
}

// zeros is a part of a join.
func (g *reduced) zeros(width int) sum {
	v := g.atom(Zero, colour{}.text(string(Zero)).mix(uint64(width)), false, nil)
	g.atoms[v[0].atom].width = width
	return v
}

// concat0 is concat by revision 0 of the rules, by which zeros in a join within a
// join lose their width.
func (g *reduced) concat0(n *Network, node *Node) sum {
	c := colour{}.text(string(Concat))
	var parts []sum
	dead := true
	for _, in := range node.Inputs {
		v := g.values[in]
		dead = dead && len(v) == 0
		if inner, ok := g.only(v, Concat); ok {
			parts = append(parts, inner.parts...)
			continue
		}
		if len(v) == 0 { // zeros have a width here
			c = c.mix(uint64(len(parts))).mix(uint64(n.Nodes[in].Shape[0]))
		}
		parts = append(parts, v)
	}
	if dead {
		return nil
	}
	return g.atom(Concat, c, false, parts)
}
