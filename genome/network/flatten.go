package network

// Flatten is [c, ...] -> [product], channel-major.
const Flatten Op = "flatten"

var _ = operation{op: Flatten, neutral: func(_ *Node, in []int) bool { return len(in) == 1 }}.declare()

// flatten{on yes}.
var _ = layer{
	name: "flatten", firm: true, bare: true, main: "on",
	read: func(b *builder, a *args, in int) int {
		if a.bool("on", true) {
			in = b.flatten(in)
		}
		a.done()
		return in
	},
}.declare()

func (b *builder) flatten(in int) int {
	if b.err != nil || b.rank(in) == 0 {
		return in
	}
	size := 1
	for _, v := range b.shape(in) {
		size *= v
	}
	return b.append(Node{Op: Flatten, Inputs: b.one(in), Shape: b.flat(size)})
}
