package network

import (
	"strconv"
	"strings"
)

// cellOperation is an operation of a cell: what a genome says on an edge or vertex.
type cellOperation struct {
	names  []string // without a kernel
	before []string // what stands before a kernel: "sep_conv" in "sep_conv_3x3"
	kernel int      // of the names
	zero   bool     // answers zeros
	skip   bool     // answers its input
	apply  func(b *builder, name string, in, k, channels, stride int) int
}

// cellOperations in the order in which what stands before a kernel is tried.
var cellOperations = []*cellOperation{
	{names: []string{"none", "zero"}, zero: true,
		apply: func(b *builder, _ string, in, _, channels, stride int) int {
			return b.under("none", func() int { return b.cropTo(b.zero(in, both(stride)), channels) })
		}},
	{names: []string{"skip_connect", "skip", "identity"}, skip: true,
		apply: func(b *builder, _ string, in, _, channels, stride int) int {
			if stride > 1 {
				return b.reduce(in, channels)
			}
			return b.cropTo(in, channels)
		}},
	// relu, convolution [1, k], convolution [k, 1], norm
	{names: []string{"conv_7x1_1x7", "conv_1x7_7x1"}, kernel: 7, apply: (*builder).crossed},
	// relu, convolution, norm
	{before: []string{"nor_conv"},
		apply: func(b *builder, _ string, in, k, channels, stride int) int {
			return b.reluConvNorm(in, filterOf(channels, k, stride))
		}},
	// twice: relu, depthwise convolution, convolution of kernel 1, norm
	{before: []string{"sep_conv", "sep"},
		apply: func(b *builder, _ string, in, k, channels, stride int) int {
			id := b.depthPoint(in, b.channels(in), k, stride, 1)
			return b.under("again", func() int { return b.depthPoint(id, channels, k, 1, 1) })
		}},
	// relu, depthwise convolution of dilation 2, convolution of kernel 1, norm
	{before: []string{"dil_conv", "dil"},
		apply: func(b *builder, _ string, in, k, channels, stride int) int {
			return b.depthPoint(in, channels, k, stride, 2)
		}},
	// convolution, norm, relu
	{before: []string{"conv"},
		apply: func(b *builder, _ string, in, k, channels, stride int) int {
			return b.convNormRelu(in, filterOf(channels, k, stride))
		}},
	{before: []string{"avg_pool", "avgpool", "average", "avg"}, apply: window(AvgPool)},
	{before: []string{"max_pool", "maxpool", "max"}, apply: window(MaxPool)},
}

// window pools and keeps the extent.
func window(op Op) func(b *builder, name string, in, k, channels, stride int) int {
	return func(b *builder, _ string, in, k, channels, stride int) int {
		id := b.under("pool", func() int { return b.pool(in, op, both(k), both(stride), both(k/2)) })
		return b.cropTo(id, channels)
	}
}

func (b *builder) crossed(name string, in, k, channels, stride int) int {
	if b.rank(in) != 2 {
		b.fail("%q needs [channels, height, width], has %v", name, b.shape(in))
		return 0
	}
	across, down := filterOf(channels, 1, 1), filterOf(channels, 1, 1)
	across.kernel, across.pad, across.stride = pair{1, k}, pair{0, k / 2}, pair{1, stride}
	down.kernel, down.pad, down.stride = pair{k, 1}, pair{k / 2, 0}, pair{stride, 1}
	in = b.under("relu", func() int { return b.act(in, "relu") })
	in = b.under("conv", func() int { return b.conv(in, across) })
	in = b.under("conv2", func() int { return b.conv(in, down) })
	return b.under("norm", func() int { return b.norm(in) })
}

// findCellOperation reads an operation's name with its kernel ("sep_conv_3x3",
// "conv3x3-bn-relu", "max3"; 3 if unsaid); nil if it is none.
func findCellOperation(name string) (*cellOperation, int) {
	for _, o := range cellOperations {
		for _, n := range o.names {
			if n == name {
				return o, o.kernel
			}
		}
	}
	for _, o := range cellOperations {
		for _, before := range o.before {
			rest, ok := strings.CutPrefix(name, before)
			if !ok {
				continue
			}
			rest = strings.TrimSuffix(strings.TrimPrefix(rest, "_"), "-bn-relu")
			if rest == "" {
				return o, 3
			}
			first, second, two := strings.Cut(rest, "x")
			k, err := strconv.Atoi(first)
			if err != nil || k < 1 || k > maxExtent || (two && second != first) {
				return nil, 0
			}
			return o, k
		}
	}
	return nil, 0
}

// answersZeros and answersInput say so of an operation's name.
func answersZeros(name string) bool { o, _ := findCellOperation(name); return o != nil && o.zero }
func answersInput(name string) bool { o, _ := findCellOperation(name); return o != nil && o.skip }

// operate applies a named operation: [c, ...] to [channels, ... / stride].
func (b *builder) operate(name string, in, channels, stride int) int {
	if !b.spatial(in) {
		return 0
	}
	o, k := findCellOperation(name)
	if o == nil {
		b.slip("%q is no operation of a cell; write none, skip_connect, or "+
			"conv, nor_conv, sep_conv, dil_conv, avg_pool, max_pool with a kernel, as in sep_conv_3x3", name)
		return 0
	}
	if k > 0 && k%2 == 0 {
		b.slip("%q has an even kernel; cells need odd ones, which keep the extent", name)
		return 0
	}
	return o.apply(b, name, in, k, channels, stride)
}

// cropTo makes an operation without weights answer the cell's channels; it can
// only take some away.
func (b *builder) cropTo(in, channels int) int {
	if b.err != nil || b.channels(in) == channels {
		return in
	}
	if b.channels(in) < channels {
		b.fail("cannot make %d channels of %d without weights", channels, b.channels(in))
		return 0
	}
	return b.under("crop", func() int { return b.crop(in, channels, 0) })
}

func (b *builder) reluConvNorm(in int, f filter) int {
	id := b.under("relu", func() int { return b.act(in, "relu") })
	id = b.under("conv", func() int { return b.conv(id, f) })
	return b.under("norm", func() int { return b.norm(id) })
}

// convNorm is a stem.
func (b *builder) convNorm(in, channels int) int {
	in = b.under("conv", func() int { return b.conv(in, filterOf(channels, 3, 1)) })
	return b.under("norm", func() int { return b.norm(in) })
}

func (b *builder) convNormRelu(in int, f filter) int {
	id := b.under("conv", func() int { return b.conv(in, f) })
	id = b.under("norm", func() int { return b.norm(id) })
	return b.under("relu", func() int { return b.act(id, "relu") })
}

// depthPoint is relu, depthwise convolution, convolution of kernel 1, norm.
func (b *builder) depthPoint(in, channels, kernel, stride, dilation int) int {
	if b.err != nil {
		return 0
	}
	f := filterOf(b.channels(in), kernel, stride)
	f.groups, f.dilation, f.pad = f.channels, both(dilation), both(dilation*(kernel-1)/2)
	id := b.under("relu", func() int { return b.act(in, "relu") })
	id = b.under("depthwise", func() int { return b.conv(id, f) })
	id = b.under("pointwise", func() int { return b.conv(id, filterOf(channels, 1, 1)) })
	return b.under("norm", func() int { return b.norm(id) })
}

// reduce halves the extent without losing positions (DARTS's factorized
// reduction): two convolutions of kernel 1 and stride 2, one shifted by a
// position, each half of the channels.
func (b *builder) reduce(in, channels int) int {
	if !b.even(in) {
		return 0
	}
	if channels < 2 {
		b.fail("a reduction needs at least 2 channels")
		return 0
	}
	x := b.under("relu", func() int { return b.act(in, "relu") })
	first := b.under("conv", func() int { return b.conv(x, filterOf(channels/2, 1, 2)) })
	moved := b.under("shift", func() int { return b.crop(x, b.channels(in), 1) })
	second := b.under("conv2", func() int { return b.conv(moved, filterOf(channels-channels/2, 1, 2)) })
	id := b.under("concat", func() int { return b.join([]int{first, second}) })
	return b.under("norm", func() int { return b.norm(id) })
}

// even refuses extents that a reduction cannot halve.
func (b *builder) even(in int) bool {
	if !b.spatial(in) {
		return false
	}
	for d, v := range b.shape(in)[1:] {
		if v%2 != 0 {
			b.fail("cannot halve %s %d; use fewer reductions or an input that divides by 2 for each", extentName(b.rank(in), d), v)
			return false
		}
	}
	return true
}
