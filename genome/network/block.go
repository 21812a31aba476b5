package network

// block{channels, kernel 3, stride 1, dilation 1, norm false, act relu, pool
// none, residual false, dropout 0, pad_mode zero, groups 1}: convolution, norm,
// activation, its input added where the shapes match, pool of width 2, dropout. A
// stride above 1 excludes dilation and pooling.
var _ = layer{
	name: "block", firm: true, main: "channels", mark: "channels",
	read: func(b *builder, a *args, in int) int {
		if !b.spatial(in) {
			return 0
		}
		f := filter{
			channels: a.need("channels"),
			kernel:   a.pair("kernel", both(3), 1),
			stride:   a.pair("stride", both(1), 1),
			dilation: a.pair("dilation", both(1), 1),
			groups:   a.int("groups", 1, 1),
		}
		norm := a.norm("norm", false)
		function := a.function("act", "relu")
		pool := a.word("pool", "none", "max", "average")
		residual := a.bool("residual", false)
		rate := a.rate("dropout")
		if f.stride[0] > 1 || f.stride[1] > 1 {
			f.dilation, pool = both(1), "none"
		}
		a.padding(&f)
		f.bias = a.bool("bias", !norm)
		a.done()

		n := b.enter("conv")
		id := b.conv(in, f)
		b.leave(n)
		id = b.normAct(id, norm, function)
		if residual && b.err == nil && equal(b.shape(id), b.shape(in)) {
			n = b.enter("add")
			ids := [2]int{id, in}
			id = b.sum(ids[:])
			b.leave(n)
		}
		if pool != "none" {
			n = b.enter("pool")
			id = b.pool(id, poolOp(pool), both(2), both(2), pair{})
			b.leave(n)
		}
		if rate > 0 {
			n = b.enter("dropout")
			id = b.dropout(id, rate)
			b.leave(n)
		}
		return id
	},
}.declare()
