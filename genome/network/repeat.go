package network

// repeat{times, body}: the body again and again, each time with weights of its
// own.
var _ = layer{
	name: "repeat", main: "times", mark: "body",
	read: func(b *builder, a *args, in int) int {
		times := a.int("times", 1, 0)
		body := a.get("body")
		a.done()
		if body == nil {
			b.fail("needs a body: a list or group of layers")
		}
		for i := 0; i < times && b.err == nil; i++ {
			before := len(b.nodes)
			n := b.index(i)
			in = b.sequence(body, in)
			b.leave(n)
			if len(b.nodes) == before {
				break // an empty body
			}
		}
		return in
	},
}.declare()
