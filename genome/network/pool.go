package network

// The pools.
const (
	MaxPool Op = "max_pool" // window maximum; padding is never chosen
	AvgPool Op = "avg_pool" // window mean; padding is not counted
)

var (
	_ = operation{op: MaxPool, neutral: onePosition, text: windowText("max pool")}.declare()
	_ = operation{op: AvgPool, neutral: onePosition, text: windowText("average pool")}.declare()
)

// onePosition says whether a pool's windows are one position each.
func onePosition(n *Node, _ []int) bool {
	for d, k := range n.Kernel {
		if k != 1 || n.Stride[d] != 1 || n.Pad[d] != 0 {
			return false
		}
	}
	return true
}

// windowText draws a pool, which strides by its kernel unless said otherwise.
func windowText(title string) func(n *Node) string {
	return func(n *Node) string {
		text := title
		if len(n.Kernel) > 0 {
			text += " k" + extent(n.Kernel)
		}
		if len(n.Stride) > 0 && !equal(n.Stride, n.Kernel) {
			text += " s" + extent(n.Stride)
		}
		return text
	}
}

// pool{kind max, kernel 2, stride kernel, padding 0}.
var _ = layer{
	name: "pool", bare: true, main: "kind",
	read: func(b *builder, a *args, in int) int {
		kind := a.word("kind", "max", "average", "none")
		kernel := a.pair("kernel", both(2), 1)
		stride := a.pair("stride", kernel, 1)
		pad := a.pair("padding", pair{}, 0)
		a.done()
		if kind == "none" {
			return in
		}
		return b.pool(in, poolOp(kind), kernel, stride, pad)
	},
}.declare()

func poolOp(kind string) Op {
	if kind == "max" {
		return MaxPool
	}
	return AvgPool
}

func (b *builder) pool(in int, op Op, kernel, stride, pad pair) int {
	if !b.spatial(in) {
		return 0
	}
	rank := b.rank(in)
	for d := 0; d < rank; d++ {
		if 2*pad[d] > kernel[d] {
			b.fail("padding %d is more than half of kernel %d", pad[d], kernel[d])
			return 0
		}
	}
	shape := b.slide(in, b.channels(in), kernel, stride, both(1), pad)
	return b.append(Node{Op: op, Inputs: b.one(in), Shape: shape,
		Kernel: b.spread(kernel, rank), Stride: b.spread(stride, rank), Pad: b.spread(pad, rank)})
}
