package network

// Dense is fully connected over the flattened input.
const Dense Op = "dense"

var _ = operation{
	op: Dense, own: true, deep: true,
	parameters: func(n *Node, in []int) int64 { return biased(n, denseWeights(n, in)) },
	macs:       denseWeights,
	arrays:     func(n *Node, in []int) Arrays { return weighted(n, []int{n.Channels, int(size(in))}) },
	value: func(g *reduced, _ *Network, node *Node) sum {
		in := g.values[node.Inputs[0]]
		if flat, ok := g.only(in, Flatten); ok {
			in = flat.parts[0] // it flattens by itself
		}
		return g.over(node, true, in)
	},
}.declare()

func denseWeights(n *Node, in []int) int64 { return times(size(in), int64(n.Channels)) }

// dense{units, act none, norm false, dropout 0, bias}.
var _ = layer{
	name: "dense", firm: true, main: "units", mark: "units",
	read: func(b *builder, a *args, in int) int {
		units := a.need("units")
		norm := a.norm("norm", false)
		function := a.function("act", "")
		rate := a.rate("dropout")
		bias := a.bool("bias", !norm)
		a.done()
		id := b.normAct(b.dense(in, units, bias), norm, function)
		if rate > 0 {
			n := b.enter("dropout")
			id = b.dropout(id, rate)
			b.leave(n)
		}
		return id
	},
}.declare()

func (b *builder) dense(in, units int, bias bool) int {
	if b.err != nil {
		return 0
	}
	return b.append(Node{Op: Dense, Inputs: b.one(in), Shape: b.flat(units), Channels: units, Bias: bias})
}
