package network

// head{pool flatten, dropout 0}: pooling, dropout, dense to the classes.
var _ = layer{
	name: "head", firm: true, bare: true, main: "pool",
	read: func(b *builder, a *args, in int) int {
		pool := a.word("pool", "flatten", "average", "max", "both")
		rate := a.rate("dropout")
		a.done()
		n := b.enter(pool)
		if pool == "flatten" {
			in = b.flatten(in)
		} else {
			in = b.global(in, pool)
		}
		b.leave(n)
		n = b.enter("dropout")
		in = b.dropout(in, rate)
		b.leave(n)
		n = b.enter("dense")
		in = b.dense(in, b.classes, true)
		b.leave(n)
		return in
	},
}.declare()
