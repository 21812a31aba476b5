package network

// Conv is a convolution (cross-correlation), 1-D or 2-D by the rank of its input.
const Conv Op = "conv"

var _ = operation{
	op: Conv, own: true, deep: true,
	parameters: func(n *Node, in []int) int64 { return biased(n, convWeights(n, in)) },
	macs:       func(n *Node, in []int) int64 { return times(convWeights(n, in), size(n.Shape[1:])) },
	arrays: func(n *Node, in []int) Arrays {
		return weighted(n, append([]int{n.Channels, in[0] / max(n.Groups, 1)}, n.Kernel...))
	},
}.declare()

// convWeights counts what one position of the answer multiplies.
func convWeights(n *Node, in []int) int64 {
	w := times(int64(in[0]/n.Groups), int64(n.Channels))
	for _, k := range n.Kernel {
		w = times(w, int64(k))
	}
	return w
}

// conv{channels, kernel 3, stride 1, dilation 1, groups 1 | depthwise, padding
// same, pad_mode zero, bias, norm false, act none}. The bias is off by default
// next to a norm, which has a shift of its own.
var _ = layer{
	name: "conv", firm: true, main: "channels", mark: "channels",
	read: func(b *builder, a *args, in int) int {
		if !b.spatial(in) {
			return 0
		}
		f := filter{}
		depthwise := a.bool("depthwise", false)
		if depthwise {
			f.channels = a.int("channels", b.channels(in), 1)
			f.groups = b.channels(in)
			if a.get("groups") != nil {
				b.fail("has both depthwise and groups; keep one")
			}
		} else {
			f.channels = a.need("channels")
			f.groups = a.int("groups", 1, 1)
		}
		f.kernel = a.pair("kernel", both(3), 1)
		f.stride = a.pair("stride", both(1), 1)
		f.dilation = a.pair("dilation", both(1), 1)
		a.padding(&f)
		norm := a.norm("norm", false)
		f.bias = a.bool("bias", !norm)
		function := a.function("act", "")
		a.done()
		return b.normAct(b.conv(in, f), norm, function)
	},
}.declare()

// filter is what a convolution needs to know.
type filter struct {
	channels int
	kernel   pair
	stride   pair
	dilation pair
	pad      pair
	groups   int
	circular bool
	bias     bool
}

// filterOf is the common case: stride, padding that keeps the extent of odd
// kernels, nothing else.
func filterOf(channels, kernel, stride int) filter {
	return filter{channels: channels, kernel: both(kernel), stride: both(stride), dilation: both(1), pad: both((kernel - 1) / 2), groups: 1}
}

func (b *builder) conv(in int, f filter) int {
	if !b.spatial(in) {
		return 0
	}
	from, rank := b.channels(in), b.rank(in)
	if from%f.groups != 0 || f.channels%f.groups != 0 {
		b.fail("%d channels in and %d out do not divide into %d groups", from, f.channels, f.groups)
		return 0
	}
	shape := b.slide(in, f.channels, f.kernel, f.stride, f.dilation, f.pad)
	return b.append(Node{Op: Conv, Inputs: b.one(in), Shape: shape, Channels: f.channels,
		Kernel: b.spread(f.kernel, rank), Stride: b.spread(f.stride, rank), Dilation: b.spread(f.dilation, rank),
		Pad: b.spread(f.pad, rank), Circular: f.circular, Groups: f.groups, Bias: f.bias})
}

// padding reads `padding` and `pad_mode` for a filter. "same" keeps the extent
// at stride 1 for odd kernels (even ones lose one position, because padding is
// the same on both sides).
func (a *args) padding(f *filter) {
	switch v := a.get("padding"); v {
	case nil, "same":
		for d := range f.pad {
			f.pad[d] = f.dilation[d] * (f.kernel[d] - 1) / 2
		}
	case "valid":
		f.pad = pair{}
	default:
		if _, word := v.(string); word {
			a.b.fail("padding is %v; it is same, valid or a number", v)
			return
		}
		f.pad = a.pair("padding", pair{}, 0)
	}
	f.circular = a.word("pad_mode", "zero", "circular") == "circular"
}
