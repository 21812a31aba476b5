package network

// Identity is its input.
const Identity Op = "identity"

var _ = operation{op: Identity, slight: true, neutral: func(*Node, []int) bool { return true }}.declare()

// identity{on yes}.
var _ = layer{
	name: "identity", bare: true, main: "on",
	read: func(b *builder, a *args, in int) int {
		if a.bool("on", true) {
			in = b.same(in, Node{Op: Identity})
		}
		a.done()
		return in
	},
}.declare()
