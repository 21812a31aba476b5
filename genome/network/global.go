package network

// The global pools: [c, ...] -> [c].
const (
	GlobalAvg Op = "global_avg" // mean over all positions
	GlobalMax Op = "global_max" // maximum over all positions
)

var (
	_ = operation{op: GlobalAvg, title: "global average"}.declare()
	_ = operation{op: GlobalMax, title: "global max"}.declare()
)

// global_pool{kind average}.
var _ = layer{
	name: "global_pool", firm: true, bare: true, main: "kind",
	read: func(b *builder, a *args, in int) int {
		kind := a.word("kind", "average", "max", "both", "none")
		if kind != "none" {
			in = b.global(in, kind)
		}
		a.done()
		return in
	},
}.declare()

// global pools over all positions: op for each, joined when there are several.
// A flat input is its own pool.
func (b *builder) global(in int, kind string) int {
	if b.err != nil || b.rank(in) == 0 {
		return in
	}
	one := func(op Op) int { return b.append(Node{Op: op, Inputs: b.one(in), Shape: b.flat(b.channels(in))}) }
	switch kind {
	case "average":
		return one(GlobalAvg)
	case "max":
		return one(GlobalMax)
	}
	avg := b.under("average", func() int { return one(GlobalAvg) })
	top := b.under("max", func() int { return one(GlobalMax) })
	return b.under("concat", func() int { return b.join([]int{avg, top}) })
}
