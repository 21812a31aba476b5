package network

import "github.com/nascent-nas/nascent/genome"

// layer reads the layer called name, whose parameters are v, over node in. The
// path already ends in the layer's name.
func (b *builder) layer(name string, v any, in int) int {
	if b.err != nil {
		return 0
	}
	b.open = false
	switch name {
	case "conv":
		return b.convLayer(v, in)
	case "block":
		return b.blockLayer(v, in)
	case "dense":
		return b.denseLayer(v, in)
	case "pool":
		return b.poolLayer(v, in)
	case "stack":
		return b.stackLayer(v, in)
	case "concat", "add":
		return b.branchesLayer(name, v, in)
	case "repeat":
		return b.repeatLayer(v, in)
	case "residual":
		return b.residualLayer(v, in)
	case "head":
		return b.headLayer(v, in)
	}
	var a args
	switch name {
	case "global_pool":
		a.take(b, v, "kind")
		if kind := a.word("kind", "average", "max", "both", "none"); kind != "none" {
			in = b.global(in, kind)
		}
	case "norm":
		a.take(b, v, "kind")
		if a.norm("kind", true) {
			in = b.norm(in)
		}
	case "act":
		a.take(b, v, "kind")
		in = b.act(in, a.function("kind", "relu"))
	case "dropout":
		a.take(b, v, "rate")
		in = b.dropout(in, a.rate("rate"))
	case "flatten":
		a.take(b, v, "on")
		if a.bool("on", true) {
			in = b.flatten(in)
		}
	case "identity":
		a.take(b, v, "on")
		if a.bool("on", true) {
			in = b.same(in, Node{Op: Identity})
		}
	case "zero":
		a.take(b, v, "on")
		stride := a.pair("stride", both(1), 1)
		if a.bool("on", true) {
			in = b.zero(in, stride)
		}
	}
	a.done()
	return in
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
	f.circular = a.padMode()
}

func (a *args) padMode() bool { return a.word("pad_mode", "zero", "circular") == "circular" }

// convLayer: conv{channels, kernel 3, stride 1, dilation 1, groups 1 |
// depthwise, padding same, pad_mode zero, bias, norm false, act none}. The bias
// is off by default next to a norm, which has a shift of its own.
func (b *builder) convLayer(v any, in int) int {
	var a args
	a.take(b, v, "channels")
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
	id := b.conv(in, f)
	return b.normAct(id, norm, function)
}

func (b *builder) normAct(id int, norm bool, function string) int {
	if norm {
		n := b.enter("norm")
		id = b.norm(id)
		b.leave(n)
	}
	if function != "" {
		n := b.enter("act")
		id = b.act(id, function)
		b.leave(n)
	}
	return id
}

// blockLayer: block{channels, kernel 3, stride 1, dilation 1, norm false, act
// relu, pool none, residual false, dropout 0, pad_mode zero, groups 1}:
// convolution, norm, activation, its input added where the shapes match, pool
// of width 2, dropout. A stride above 1 excludes dilation and pooling.
func (b *builder) blockLayer(v any, in int) int {
	var a args
	a.take(b, v, "channels")
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
}

func poolOp(kind string) Op {
	if kind == "max" {
		return MaxPool
	}
	return AvgPool
}

// denseLayer: dense{units, act none, norm false, dropout 0, bias}.
func (b *builder) denseLayer(v any, in int) int {
	var a args
	a.take(b, v, "units")
	units := a.need("units")
	norm := a.norm("norm", false)
	function := a.function("act", "")
	rate := a.rate("dropout")
	bias := a.bool("bias", !norm)
	a.done()
	id := b.normAct(b.dense(in, units, bias), norm, function)
	if rate > 0 {
		n := b.enter("dropout")
		id = b.dropout(id, rate)
		b.leave(n)
	}
	return id
}

// poolLayer: pool{kind max, kernel 2, stride kernel, padding 0}.
func (b *builder) poolLayer(v any, in int) int {
	var a args
	a.take(b, v, "kind")
	kind := a.word("kind", "max", "average", "none")
	kernel := a.pair("kernel", both(2), 1)
	stride := a.pair("stride", kernel, 1)
	pad := a.pair("padding", pair{}, 0)
	a.done()
	if kind == "none" {
		return in
	}
	return b.pool(in, poolOp(kind), kernel, stride, pad)
}

// headLayer: head{pool flatten, dropout 0}: pooling, dropout, dense to the
// classes.
func (b *builder) headLayer(v any, in int) int {
	var a args
	a.take(b, v, "pool")
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
}

// residualLayer: residual{body, project false}: adds the input to the body's
// answer where the shapes match; with project a 1x1 convolution makes them.
func (b *builder) residualLayer(v any, in int) int {
	var a args
	a.take(b, v, "body")
	body := a.get("body")
	project := a.bool("project", false)
	a.done()
	if body == nil {
		b.fail("needs a body: a list or group of layers")
	}
	n := b.enter("body")
	id := b.sequence(body, in)
	b.leave(n)
	if b.err != nil {
		return 0
	}
	skip := in
	if !equal(b.shape(id), b.shape(in)) {
		if !project {
			return id
		}
		n = b.enter("project")
		skip = b.project(in, b.shape(id))
		b.leave(n)
	}
	n = b.enter("add")
	ids := [2]int{id, skip}
	id = b.sum(ids[:])
	b.leave(n)
	return id
}

// project makes a shape of the same rank by a convolution of kernel 1.
func (b *builder) project(in int, shape []int) int {
	if !b.spatial(in) {
		return 0
	}
	from := b.shape(in)
	if len(shape) != len(from) {
		b.fail("cannot project %v to %v; end the body before it is flattened", from, shape)
		return 0
	}
	f := filterOf(shape[0], 1, 1)
	f.bias = true
	for d := range shape[1:] {
		if f.stride[d] = (from[d+1] + shape[d+1] - 1) / shape[d+1]; (from[d+1]-1)/f.stride[d]+1 != shape[d+1] {
			b.fail("cannot project %v to %v by a stride", from, shape)
			return 0
		}
	}
	return b.conv(in, f)
}

// branchesLayer: concat or add{branches}: each branch is a sequence over the
// same input.
func (b *builder) branchesLayer(name string, v any, in int) int {
	var a args
	a.take(b, v, "branches")
	branches := a.get("branches")
	a.done()
	var few [8]int
	ids := few[:0]
	n := b.enter("branches")
	switch v := branches.(type) {
	case []any:
		for i, x := range v {
			m := b.index(i)
			ids = append(ids, b.sequence(x, in))
			b.leave(m)
		}
	case genome.Map:
		for _, e := range v {
			m := b.enter(e.Key)
			// A branch may be named like the layer that it is.
			if vocabulary(e.Key) != notLayer {
				ids = append(ids, b.layer(e.Key, e.Value, in))
			} else {
				ids = append(ids, b.sequence(e.Value, in))
			}
			b.leave(m)
		}
	}
	b.leave(n)
	if len(ids) == 0 {
		b.fail("needs branches: a list or group of sequences")
		return 0
	}
	if name == "add" {
		return b.sum(ids)
	}
	return b.join(ids)
}

// repeatLayer: repeat{times, body}: the body again and again, each time with
// weights of its own.
func (b *builder) repeatLayer(v any, in int) int {
	var a args
	a.take(b, v, "times")
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
}
