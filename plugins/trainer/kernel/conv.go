package kernel

import "unsafe"

// Layer is the shape of a convolution or a fully connected layer.
type Layer struct {
	Geometry
	InChannels, OutChannels, Groups int
	Lanes                           int
}

// Conv computes a convolution or a fully connected layer and its gradients.
// Weights are [out][tap][in of the group].
//
// The output is cut into tiles that fit into registers: some
// output channels times some vectors of lanes at one position. Windows are
// read where they lie, through lists of addresses made once per layer. Weights
// are packed anew for every call, in the order in which a tile reads them.
type Conv[E Float] struct {
	Layer
	forward, backward *direction[E]
	weight            *weightPlan[E]
}

// NewConv prepares the tables of a layer.
func NewConv[E Float](k *Kernels[E], l Layer) *Conv[E] {
	c := &Conv[E]{Layer: l}
	// Forward, an output position gathers from the inputs that its taps read;
	// backward, an input position gathers from the outputs that read it.
	reads, readBy := make([][]tap, l.Out), make([][]tap, l.In)
	for p := range l.Out {
		for t, q := range l.Window(p) {
			if q < 0 {
				continue
			}
			reads[p] = append(reads[p], tap{int(q), t})
			readBy[q] = append(readBy[q], tap{p, t})
		}
	}
	c.forward = newDirection(k, reads, l.Taps, l.InChannels, l.OutChannels, l.Groups, l.Lanes)
	c.backward = newDirection(k, readBy, l.Taps, l.OutChannels, l.InChannels, l.Groups, l.Lanes)
	c.weight = newWeightPlan(k, &c.Layer)
	return c
}

// Forward is y = x * w + b, rectified with slope (1: not at all). b may be nil.
func (c *Conv[E]) Forward(y, x, w, b []E, slope E) {
	d := c.forward
	at := 0
	for g := range c.Groups {
		first := g * d.to
		for _, n := range d.blocks {
			for t := range c.Taps {
				for i := range d.from {
					row := d.packed[at:][:d.block]
					for o := range n {
						row[o] = w[((first+o)*c.Taps+t)*d.from+i]
					}
					at += d.block
				}
			}
			first += n
		}
	}
	if b == nil {
		clear(d.bias)
	}
	copy(d.bias, b)
	d.run(y, x, slope)
}

// InputGradient sets dx from the gradient dz of the unrectified output.
func (c *Conv[E]) InputGradient(dx, dz, w []E) {
	d := c.backward
	at := 0
	for g := range c.Groups {
		first := 0
		for _, n := range d.blocks {
			for t := range c.Taps {
				for o := range d.from {
					copy(d.packed[at:][:n], w[((g*d.from+o)*c.Taps+t)*d.to+first:])
					at += d.block
				}
			}
			first += n
		}
	}
	d.run(dx, dz, 1)
}

// WeightGradient sets dw from the gradient dz of the unrectified output, whose
// unused lanes are zero.
func (c *Conv[E]) WeightGradient(dw, x, dz []E) {
	c.weight.run(dw, x, dz)
}

// tap is a pair of numbers, finally of offsets in bytes: of an input and of
// weights, or of two rows that belong together.
type tap struct{ a, b int }

// tileCall is what a tile of outputs is told. Strides are in bytes.
type tileCall[E Float] struct {
	y, x, w, bias *E
	taps          *tap
	count         int // of taps
	channels      int // of inputs
	yStride       int // between output channels
	xStride       int // between input channels
	wStride       int // between the packed weights of input channels
	slope         E
}

// direction is a gathering of positions with weights: a convolution forward,
// or its transpose backward.
type direction[E Float] struct {
	k                *Kernels[E]
	taps             [][]tap // by output position
	wTaps            int
	from, to, groups int   // input and output channels of a group
	blocks           []int // output channels of the tiles of a group
	block            int   // the most of them
	chunks           []int // vectors of lanes of the tiles
	lanes            int
	packed           []E // [group][block][tap][input channel][block]
	bias             []E
	call             tileCall[E]
}

func newDirection[E Float](k *Kernels[E], taps [][]tap, wTaps, from, to, groups, lanes int) *direction[E] {
	d := &direction[E]{k: k, taps: taps, wTaps: wTaps, from: from / groups, to: to / groups, groups: groups, lanes: lanes,
		blocks: split(to/groups, len(k.tiles)), chunks: split(lanes/k.floats, len(k.tiles[0])), bias: make([]E, to+Vector)}
	d.block = d.blocks[0]
	d.packed = Floats[E](groups*len(d.blocks)*wTaps*d.from*d.block + Vector)
	for _, list := range taps {
		for i := range list {
			list[i].a *= from * lanes * width[E]()
			list[i].b *= d.from * d.block * width[E]()
		}
	}
	d.call.channels = d.from
	d.call.yStride, d.call.xStride, d.call.wStride = lanes*width[E](), lanes*width[E](), d.block*width[E]()
	return d
}

// split cuts n into the fewest parts of at most limit, as equal as can be,
// larger ones first.
func split(n, limit int) []int {
	parts := make([]int, (n+limit-1)/limit)
	for i := range parts {
		parts[i] = (n + len(parts) - 1 - i) / len(parts)
	}
	return parts
}

func (d *direction[E]) run(y, x []E, slope E) {
	c := &d.call
	c.slope = slope
	weights := d.wTaps * d.from * d.block // of a block
	for p, list := range d.taps {
		c.taps, c.count = nil, len(list)
		if len(list) > 0 {
			c.taps = &list[0]
		}
		lane := 0
		for _, vectors := range d.chunks {
			out, block := 0, 0
			for g := range d.groups {
				c.x = &x[g*d.from*d.lanes+lane]
				for _, n := range d.blocks {
					c.y = &y[(p*d.groups*d.to+out)*d.lanes+lane]
					c.w = &d.packed[block*weights]
					c.bias = &d.bias[out]
					d.k.tiles[n-1][vectors-1]((*byte)(unsafe.Pointer(c)))
					out += n
					block++
				}
			}
			lane += vectors * d.k.floats
		}
	}
}

// weightCall is what a tile of weights is told. Strides are in bytes.
type weightCall[E Float] struct {
	dw, z, x         *E
	pairs            *tap
	count            int // of pairs
	vectors          int // of lanes
	zStride, xStride int // between channels
	dwStride         int // between output channels
}

// weightPlan is the order in which the gradient of weights is summed up:
// positions in chunks that the first-level cache holds, so that all taps and
// blocks of channels find them there.
type weightPlan[E Float] struct {
	*Layer
	k      *Kernels[E]
	chunks [][]weightTask
	outs   []int // output channels of the tiles
	call   weightCall[E]
}

// weightTask is a tile's share of a chunk: some neighbouring weights of each
// output channel, whose inputs lie at equal distances. They belong to the
// channels of one tap or, where there is one channel, to several taps.
type weightTask struct {
	first, count int // weights within [tap][in]
	channel      int // of the input, within its group
	stride       int // between the inputs, in bytes
	pairs        []tap
}

func newWeightPlan[E Float](k *Kernels[E], l *Layer) *weightPlan[E] {
	w := &weightPlan[E]{Layer: l, k: k, outs: split(l.OutChannels/l.Groups, len(k.weights))}
	in := l.InChannels / l.Groups
	row := l.Lanes * width[E]() // bytes
	ins := split(in, len(k.weights[0]))
	length := max(1, 16<<10/(w.outs[0]*row)) // 16 KB of each operand
	for from := 0; from < l.Out; from += length {
		var tasks []weightTask
		add := func(p int, t weightTask, q int) {
			pair := tap{p * l.OutChannels * row, q * l.InChannels * row}
			for i := range tasks {
				if o := &tasks[i]; o.first == t.first && o.count == t.count && o.stride == t.stride {
					o.pairs = append(o.pairs, pair)
					return
				}
			}
			t.pairs = []tap{pair}
			tasks = append(tasks, t)
		}
		for p := from; p < min(from+length, l.Out); p++ {
			window := l.Window(p)
			for t := 0; t < len(window); t++ {
				q := int(window[t])
				if q < 0 {
					continue
				}
				if in > 1 {
					channel := 0
					for _, n := range ins {
						add(p, weightTask{first: t*in + channel, count: n, channel: channel, stride: row}, q)
						channel += n
					}
					continue
				}
				n, step := 1, 0
				for t+n < len(window) && n < len(k.weights[0]) && window[t+n] >= 0 {
					d := int(window[t+n] - window[t+n-1])
					if n > 1 && d != step {
						break
					}
					n, step = n+1, d
				}
				add(p, weightTask{first: t, count: n, stride: step * l.InChannels * row}, q)
				t += n - 1
			}
		}
		w.chunks = append(w.chunks, tasks)
	}
	w.call.vectors = l.Lanes / k.floats
	w.call.zStride, w.call.dwStride = row, l.Taps*in*width[E]()
	return w
}

func (w *weightPlan[E]) run(dw, x, dz []E) {
	clear(dw)
	c := &w.call
	in, out := w.InChannels/w.Groups, w.OutChannels/w.Groups
	for _, tasks := range w.chunks {
		for g := range w.Groups {
			o := g * out
			for _, outs := range w.outs {
				c.z = &dz[o*w.Lanes]
				for i := range tasks {
					t := &tasks[i]
					c.x, c.xStride = &x[(g*in+t.channel)*w.Lanes], t.stride
					c.pairs, c.count = &t.pairs[0], len(t.pairs)
					c.dw = &dw[o*w.Taps*in+t.first]
					w.k.weights[outs-1][t.count-1]((*byte)(unsafe.Pointer(c)))
				}
				o += outs
			}
		}
	}
}
