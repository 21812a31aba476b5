package network

// Zero is zeros in the shape of its input, strided by Stride.
const Zero Op = "zero"

var _ = operation{op: Zero, value: func(*reduced, *Network, *Node) sum { return nil }}.declare()

// zero{stride 1, on yes}.
var _ = layer{
	name: "zero", bare: true, main: "on",
	read: func(b *builder, a *args, in int) int {
		stride := a.pair("stride", both(1), 1)
		if a.bool("on", true) {
			in = b.zero(in, stride)
		}
		a.done()
		return in
	},
}.declare()

// zero answers zeros, strided.
func (b *builder) zero(in int, stride pair) int {
	if b.err != nil {
		return 0
	}
	if b.rank(in) == 0 {
		return b.same(in, Node{Op: Zero})
	}
	rank := b.rank(in)
	shape := b.ints(rank + 1)
	shape[0] = b.channels(in)
	for d := 0; d < rank; d++ {
		shape[d+1] = (b.shape(in)[d+1]-1)/stride[d] + 1
	}
	return b.append(Node{Op: Zero, Inputs: b.one(in), Shape: shape, Stride: b.spread(stride, rank)})
}
