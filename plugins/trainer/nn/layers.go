package nn

import (
	"fmt"
	"math"

	"github.com/chewxy/hm"
	_ "go4.org/unsafe/assume-no-moving-gc" // pinned: an older one stops the process at its start
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/nascent-nas/nascent/genome/rng"
	"github.com/nascent-nas/nascent/plugins/trainer/kernel"
)

// feed is what changes from step to step and is not a tensor of the graph.
type feed[E kernel.Float] struct {
	n         int     // samples, in the first lanes
	training  bool    //
	alike     bool    // normalise by the batch's own statistics always, and keep none
	step      uint64  // optimizer steps taken so far
	labels    []int32 // [lanes]
	mask      []E     // [lanes]: all bits set where there is a sample
	smoothing E       // of labels
	loss      float64 // sum over the samples
	correct   int
}

// builder adds layers to a graph.
type builder[E kernel.Float] struct {
	g     *G.ExprGraph
	k     *kernel.Kernels[E]
	lanes int
	feed  *feed[E]
	seed  uint64
	ops   uint32
	gate  *gate // of the ops that are added now
	fail  error // the first one
}

// value is the output of a layer: an array (positions, channels, lanes).
type value struct {
	node                *G.Node
	positions, channels int
	learns              bool // depends on a parameter
}

// apply adds an op to the graph.
func (b *builder[E]) apply(o *op[E], in ...*G.Node) *G.Node {
	b.ops++
	o.id, o.gate = b.ops, b.gate
	o.in, o.one = make([][]E, len(in)), make([]E, len(in))
	o.args = make([]hm.Type, len(in))
	for i, n := range in {
		if n == nil {
			return nil
		}
		o.args[i] = n.Type()
	}
	if o.diff == nil {
		o.diff = make([]bool, len(in))
	}
	if o.out != nil {
		o.dims = o.out.Shape()
	}
	n, err := G.ApplyOp(o, in...)
	if err != nil && b.fail == nil {
		b.fail = err
	}
	return n
}

// leaf adds a node that has a value from the start.
func (b *builder[E]) leaf(name string, v *tensor.Dense) *G.Node {
	b.ops++
	return G.NewTensor(b.g, dtype[E](), v.Dims(), G.WithShape(v.Shape()...),
		G.WithName(fmt.Sprintf("%s#%d", name, b.ops)), G.WithValue(v))
}

// layer adds an op whose value is an array of activations.
func (b *builder[E]) layer(name string, positions, channels int, in []value, make func(y []E) (run func(in [][]E), grad func(in G.Nodes, grad *G.Node) G.Nodes)) value {
	out := newTensor[E](positions, channels, b.lanes)
	v := value{positions: positions, channels: channels}
	o := &op[E]{name: name, out: out}
	var nodes []*G.Node
	for _, x := range in {
		nodes = append(nodes, x.node)
		o.diff = append(o.diff, x.learns)
		v.learns = v.learns || x.learns
	}
	run, grad := make(numbers[E](out))
	o.run = run
	o.grad = func(in G.Nodes, g *G.Node) (G.Nodes, error) { return grad(in, g), b.fail }
	v.node = b.apply(o, nodes...)
	return v
}

// gradient adds an op that computes a gradient in the shape of a value, or
// nothing where none is wanted.
func (b *builder[E]) gradient(name string, of value, run func(dx []E, in [][]E), in ...*G.Node) *G.Node {
	if !of.learns {
		return nil
	}
	o := &op[E]{name: name, dims: tensor.Shape{of.positions, of.channels, b.lanes}}
	o.run = func(in [][]E) { run(numbers[E](o.out.(*tensor.Dense)), in) }
	return b.apply(o, in...)
}

// parameterGradient adds an op that computes the gradient of a parameter.
func (b *builder[E]) parameterGradient(p *parameter[E], run func(g []E, in [][]E), in ...*G.Node) *G.Node {
	return b.apply(&op[E]{name: "d " + p.Name, out: p.gradient, run: func(in [][]E) { run(p.grad, in) }}, in...)
}

// noted is the run of an op whose value was written along with its input's.
func noted[E kernel.Float]([]E, [][]E) {}

// conv adds a convolution or fully connected layer, followed by a
// rectification of the given slope (1: none). With still, the gradient of its
// bias is nil by construction, because a normalisation follows.
func (b *builder[E]) conv(x value, l kernel.Layer, weight, bias *parameter[E], slope E, still bool) value {
	l.Lanes = b.lanes
	c := kernel.NewConv(b.k, l)
	y := newTensor[E](l.Out, l.OutChannels, b.lanes)
	out := value{positions: l.Out, channels: l.OutChannels, learns: true}
	o := &op[E]{name: "conv", out: y, diff: []bool{x.learns, true}}
	nodes := []*G.Node{x.node, weight.node}
	if bias != nil {
		nodes, o.diff = append(nodes, bias.node), append(o.diff, true)
	}
	dst := numbers[E](y)
	o.run = func(in [][]E) {
		if bias != nil {
			c.Forward(dst, in[0], in[1], in[2], slope)
		} else {
			c.Forward(dst, in[0], in[1], nil, slope)
		}
	}
	o.grad = func(in G.Nodes, dy *G.Node) (G.Nodes, error) {
		sums := kernel.Floats[E](l.OutChannels * kernel.Vector)
		dz := dy
		if slope != 1 {
			dz = b.gradient("d rectify", out, func(dz []E, in [][]E) {
				clear(sums)
				b.k.LeakyGradient(dz, sums, in[0], in[1], l.OutChannels, b.lanes, slope)
			}, out.node, dy)
		}
		grads := make(G.Nodes, len(in))
		grads[1] = b.parameterGradient(weight, func(dw []E, in [][]E) {
			c.WeightGradient(dw, in[0], in[1])
		}, in[0], dz)
		if bias != nil {
			grads[2] = b.parameterGradient(bias, func(db []E, in [][]E) {
				switch {
				case still:
					return
				case slope == 1:
					clear(sums)
					b.k.RowSums(sums, in[0], l.OutChannels, b.lanes)
				}
				kernel.Sum(db, sums)
			}, dz)
		}
		grads[0] = b.gradient("d conv", x, func(dx []E, in [][]E) {
			c.InputGradient(dx, in[0], in[1])
		}, dz, in[1])
		return grads, b.fail
	}
	out.node = b.apply(o, nodes...)
	return out
}

const (
	normEpsilon  = 1e-5
	normMomentum = 0.1
)

// norm adds a batch normalisation (Ioffe & Szegedy 2015), followed by a
// rectification of the given slope (1: none). The statistics of a batch are
// those of its samples alone, whatever the other lanes carry.
func (b *builder[E]) norm(x value, gain, shift *parameter[E], mean, variance []E, slope E) value {
	positions, channels := x.positions, x.channels
	y := newTensor[E](positions, channels, b.lanes)
	out := value{positions: positions, channels: channels, learns: x.learns || gain != nil}
	o := &op[E]{name: "norm", out: y, diff: []bool{x.learns}}
	nodes := []*G.Node{x.node}
	if gain != nil {
		nodes, o.diff = append(nodes, gain.node, shift.node), append(o.diff, true, true)
	}
	dst := numbers[E](y)
	// The normalised and scaled value is a*x + c.
	var (
		sums   = kernel.Floats[E](2 * channels * kernel.Vector)
		totals = make([]E, 2*channels)
		origin = make([]E, channels) // any value of the channel: keeps the squares small
		center = make([]E, channels)
		spread = make([]E, channels) // 1/sqrt(variance + epsilon)
		a, c   = make([]E, channels), make([]E, channels)
	)
	o.run = func(in [][]E) {
		count := float64(positions * b.feed.n)
		measure := b.feed.training || b.feed.alike
		if measure {
			for i := range origin {
				origin[i] = in[0][i*b.lanes]
			}
			clear(sums)
			b.k.Moments(sums, in[0], origin, b.feed.mask, channels, b.lanes)
			kernel.Sum(totals, sums)
		}
		for i := range channels {
			m, v := mean[i], float64(variance[i])
			if measure {
				first, second := float64(totals[2*i])/count, float64(totals[2*i+1])/count
				m = E(float64(origin[i]) + first)
				v = max(second-first*first, 0)
				if !b.feed.alike {
					mean[i] += normMomentum * (m - mean[i])
					variance[i] += normMomentum * (E(v*count/max(count-1, 1)) - variance[i])
				}
			}
			center[i] = m
			spread[i] = E(1 / math.Sqrt(v+normEpsilon))
			a[i], c[i] = spread[i], 0
			if gain != nil {
				a[i] *= in[1][i]
				c[i] = in[2][i]
			}
			c[i] -= m * a[i]
		}
		b.k.Affine(dst, in[0], a, c, channels, b.lanes, slope)
	}
	o.grad = func(in G.Nodes, dy *G.Node) (G.Nodes, error) {
		kx, k0 := make([]E, channels), make([]E, channels)
		inner := x
		inner.learns = true // the other gradients come along with this one
		dx := b.gradient("d norm", inner, func(dx []E, in [][]E) {
			clear(sums)
			b.k.NormSums(sums, in[0], in[1], a, c, center, channels, b.lanes, slope)
			kernel.Sum(totals, sums)
			count := E(positions * b.feed.n)
			for i := range channels {
				g, gx := totals[2*i], totals[2*i+1]*spread[i]
				if gain != nil {
					gain.grad[i], shift.grad[i] = gx, g
				}
				kx[i] = -a[i] * spread[i] * gx / count
				k0[i] = -a[i]*g/count - kx[i]*center[i]
			}
			if x.learns {
				b.k.NormGradient(dx, in[0], in[1], a, c, kx, k0, b.feed.mask, channels, b.lanes, slope)
			}
		}, in[0], dy)
		grads := G.Nodes{dx}
		if gain != nil {
			grads = append(grads, b.parameterGradient(gain, noted, dx), b.parameterGradient(shift, noted, dx))
		}
		if !x.learns {
			grads[0] = nil
		}
		return grads, b.fail
	}
	out.node = b.apply(o, nodes...)
	return out
}

// maxPool adds the maximum over the windows of a geometry. The gradient goes
// to the first position that has the maximum.
func (b *builder[E]) maxPool(x value, g kernel.Geometry) value {
	size := x.channels * b.lanes
	return b.layer("max pool", g.Out, x.channels, []value{x}, func(y []E) (func([][]E), func(G.Nodes, *G.Node) G.Nodes) {
		run := func(in [][]E) {
			for p := range g.Out {
				dst, first := y[p*size:][:size], true
				for _, q := range g.Window(p) {
					switch src := in[0][max(0, int(q))*size:][:size]; {
					case q < 0:
					case first:
						copy(dst, src)
						first = false
					default:
						b.k.Maximum(dst, src)
					}
				}
			}
		}
		grad := func(in G.Nodes, dy *G.Node) G.Nodes {
			rest := kernel.Floats[E](size)
			return G.Nodes{b.gradient("d max pool", x, func(dx []E, in [][]E) {
				clear(dx)
				for p := range g.Out {
					copy(rest, in[1][p*size:][:size])
					for _, q := range g.Window(p) {
						if q >= 0 {
							at := int(q) * size
							b.k.MaximumGradient(dx[at:][:size], rest, in[0][at:][:size], y[p*size:][:size])
						}
					}
				}
			}, in[0], dy)}
		}
		return run, grad
	})
}

// avgPool adds the mean over the windows of a geometry, padding not counted.
func (b *builder[E]) avgPool(x value, g kernel.Geometry) value {
	size := x.channels * b.lanes
	share := make([]E, g.Out)
	for p := range share {
		n := 0
		for _, q := range g.Window(p) {
			if q >= 0 {
				n++
			}
		}
		share[p] = 1 / E(max(n, 1))
	}
	return b.layer("avg pool", g.Out, x.channels, []value{x}, func(y []E) (func([][]E), func(G.Nodes, *G.Node) G.Nodes) {
		run := func(in [][]E) {
			for p := range g.Out {
				dst, first := y[p*size:][:size], true
				for _, q := range g.Window(p) {
					if q < 0 {
						continue
					}
					src := in[0][int(q)*size:][:size]
					if first {
						b.k.Scale(dst, src, share[p])
					} else {
						b.k.Axpy(dst, src, share[p])
					}
					first = false
				}
			}
		}
		touched := make([]bool, g.In)
		grad := func(in G.Nodes, dy *G.Node) G.Nodes {
			return G.Nodes{b.gradient("d avg pool", x, func(dx []E, in [][]E) {
				clear(touched)
				for p := range g.Out {
					src := in[0][p*size:][:size]
					for _, q := range g.Window(p) {
						if q < 0 {
							continue
						}
						dst := dx[int(q)*size:][:size]
						if touched[q] {
							b.k.Axpy(dst, src, share[p])
						} else {
							b.k.Scale(dst, src, share[p])
						}
						touched[q] = true
					}
				}
				for q, t := range touched {
					if !t {
						clear(dx[q*size:][:size])
					}
				}
			}, dy)}
		}
		return run, grad
	})
}

// leaky adds a rectification that stands alone.
func (b *builder[E]) leaky(x value, slope E) value {
	return b.layer("rectify", x.positions, x.channels, []value{x}, func(y []E) (func([][]E), func(G.Nodes, *G.Node) G.Nodes) {
		run := func(in [][]E) { b.k.Leaky(y, in[0], slope) }
		grad := func(in G.Nodes, dy *G.Node) G.Nodes {
			sums := kernel.Floats[E](x.channels * kernel.Vector)
			return G.Nodes{b.gradient("d rectify", x, func(dx []E, in [][]E) {
				b.k.LeakyGradient(dx, sums, y, in[0], x.channels, b.lanes, slope)
			}, dy)}
		}
		return run, grad
	})
}

// smooth adds an activation whose kernel gives value and derivative.
func (b *builder[E]) smooth(x value, name string, f func(y, d, x []E)) value {
	slope := kernel.Floats[E](x.positions * x.channels * b.lanes)
	return b.layer(name, x.positions, x.channels, []value{x}, func(y []E) (func([][]E), func(G.Nodes, *G.Node) G.Nodes) {
		run := func(in [][]E) { f(y, slope, in[0]) }
		grad := func(in G.Nodes, dy *G.Node) G.Nodes {
			return G.Nodes{b.gradient("d "+name, x, func(dx []E, in [][]E) { b.k.Mul(dx, in[0], slope) }, dy)}
		}
		return run, grad
	})
}

// add adds a sum of equal shapes; in a Supernet, of those that are there.
func (b *builder[E]) add(xs []value) value {
	v := b.layer("add", xs[0].positions, xs[0].channels, xs, func(y []E) (func([][]E), func(G.Nodes, *G.Node) G.Nodes) {
		there := make([][]E, 0, len(xs))
		run := func(in [][]E) {
			there = there[:0]
			for _, x := range in {
				if x != nil {
					there = append(there, x)
				}
			}
			if len(there) == 1 {
				copy(y, there[0])
				return
			}
			b.k.Add(y, there[0], there[1])
			for _, x := range there[2:] {
				b.k.Add(y, y, x)
			}
		}
		grad := func(in G.Nodes, dy *G.Node) G.Nodes {
			grads := make(G.Nodes, len(in))
			for i := range grads {
				grads[i] = dy
			}
			return grads
		}
		return run, grad
	})
	b.partial(v)
	return v
}

// partial lets a value be there when only some of its inputs are.
func (b *builder[E]) partial(v value) {
	if v.node != nil {
		v.node.Op().(*op[E]).partial = true
	}
}

// concat adds a concatenation along channels.
func (b *builder[E]) concat(xs []value) value {
	channels := 0
	for _, x := range xs {
		channels += x.channels
	}
	row := channels * b.lanes
	return b.layer("concat", xs[0].positions, channels, xs, func(y []E) (func([][]E), func(G.Nodes, *G.Node) G.Nodes) {
		run := func(in [][]E) {
			at := 0
			for i, x := range xs {
				size := x.channels * b.lanes
				for p := range x.positions {
					copy(y[p*row+at:][:size], in[i][p*size:])
				}
				at += size
			}
		}
		grad := func(in G.Nodes, dy *G.Node) G.Nodes {
			grads, at := make(G.Nodes, len(xs)), 0
			for i, x := range xs {
				from, size := at, x.channels*b.lanes
				grads[i] = b.gradient("d concat", x, func(dx []E, in [][]E) {
					for p := range x.positions {
						copy(dx[p*size:][:size], in[0][p*row+from:])
					}
				}, dy)
				at += size
			}
			return grads
		}
		return run, grad
	})
}

// crop keeps the first channels of some positions: position p of the output
// is position from[p] of the input.
func (b *builder[E]) crop(x value, from []int, channels int) value {
	size, row := channels*b.lanes, x.channels*b.lanes
	return b.layer("crop", len(from), channels, []value{x}, func(y []E) (func([][]E), func(G.Nodes, *G.Node) G.Nodes) {
		run := func(in [][]E) {
			for p, q := range from {
				copy(y[p*size:][:size], in[0][q*row:])
			}
		}
		grad := func(in G.Nodes, dy *G.Node) G.Nodes {
			return G.Nodes{b.gradient("d crop", x, func(dx []E, in [][]E) {
				clear(dx)
				for p, q := range from {
					copy(dx[q*row:], in[0][p*size:][:size])
				}
			}, dy)}
		}
		return run, grad
	})
}

// flatten adds a change of order: feature channel*positions + position.
func (b *builder[E]) flatten(x value) value {
	move := func(dst, src []E, back bool) {
		for p := range x.positions {
			for c := range x.channels {
				i, j := (c*x.positions+p)*b.lanes, (p*x.channels+c)*b.lanes
				if back {
					i, j = j, i
				}
				copy(dst[i:][:b.lanes], src[j:])
			}
		}
	}
	return b.layer("flatten", 1, x.positions*x.channels, []value{x}, func(y []E) (func([][]E), func(G.Nodes, *G.Node) G.Nodes) {
		run := func(in [][]E) { move(y, in[0], false) }
		grad := func(in G.Nodes, dy *G.Node) G.Nodes {
			return G.Nodes{b.gradient("d flatten", x, func(dx []E, in [][]E) { move(dx, in[0], true) }, dy)}
		}
		return run, grad
	})
}

// dropout adds inverted dropout (Srivastava et al. 2014). Which values are
// dropped is a function of seed, name and step.
func (b *builder[E]) dropout(x value, name string, rate float64) value {
	keep := kernel.Floats[E](x.positions * x.channels * b.lanes)
	bound := uint64(math.Round(rate * (1 << 32)))
	factor := E(1 / (1 - rate))
	return b.layer("dropout", x.positions, x.channels, []value{x}, func(y []E) (func([][]E), func(G.Nodes, *G.Node) G.Nodes) {
		run := func(in [][]E) {
			if !b.feed.training {
				copy(y, in[0])
				return
			}
			r := *rng.New(rng.Derive(b.seed, name, b.feed.step))
			for i := 0; i < len(keep); i += 2 { // two values from one number
				bits := r.Uint64()
				keep[i], keep[i+1] = factor, factor
				if bits>>32 < bound {
					keep[i] = 0
				}
				if bits&(1<<32-1) < bound {
					keep[i+1] = 0
				}
			}
			b.k.Mul(y, in[0], keep)
		}
		grad := func(in G.Nodes, dy *G.Node) G.Nodes {
			return G.Nodes{b.gradient("d dropout", x, func(dx []E, in [][]E) { b.k.Mul(dx, in[0], keep) }, dy)}
		}
		return run, grad
	})
}

// loss adds the mean cross-entropy of the softmax of logits, with label
// smoothing (Szegedy et al. 2016) while training.
func (b *builder[E]) loss(x value) *G.Node {
	n, f := b.lanes, b.feed
	shares := kernel.Floats[E](x.channels * n) // softmax
	highest, total := kernel.Floats[E](n), kernel.Floats[E](n)
	mean, set := number[E]()
	smoothing := func() float64 {
		if f.training {
			return float64(f.smoothing)
		}
		return 0
	}
	o := &op[E]{name: "loss", out: mean, diff: []bool{x.learns}}
	o.run = func(in [][]E) {
		z := in[0]
		copy(highest, z)
		for c := 1; c < x.channels; c++ {
			b.k.Maximum(highest, z[c*n:][:n])
		}
		for c := range x.channels {
			row := shares[c*n:][:n]
			for j := range row {
				row[j] = z[c*n+j] - highest[j]
			}
		}
		b.k.Exp(shares, shares)
		clear(total)
		for c := range x.channels {
			b.k.Add(total, total, shares[c*n:][:n])
		}
		s := smoothing()
		f.loss, f.correct = 0, 0
		for j := range f.n {
			label := int(f.labels[j])
			logTotal := math.Log(float64(total[j])) + float64(highest[j])
			f.loss += (1 - s) * (logTotal - float64(z[label*n+j]))
			if s > 0 {
				for c := range x.channels {
					f.loss += s / float64(x.channels) * (logTotal - float64(z[c*n+j]))
				}
			}
			best := 0
			for c := 1; c < x.channels; c++ {
				if z[c*n+j] > z[best*n+j] {
					best = c
				}
			}
			if best == label {
				f.correct++
			}
		}
		for j := range total {
			total[j] = 1 / total[j]
		}
		for c := range x.channels {
			b.k.Mul(shares[c*n:][:n], shares[c*n:][:n], total)
		}
		set(f.loss / float64(f.n))
	}
	var node *G.Node
	o.grad = func(in G.Nodes, up *G.Node) (G.Nodes, error) {
		return G.Nodes{b.gradient("d loss", x, func(dz []E, in [][]E) {
			s := E(smoothing())
			factor := in[1][0] / E(f.n)
			b.k.Scale(dz, shares, factor)
			for c := range x.channels {
				row := dz[c*n:][:n]
				if s > 0 {
					for j := range row {
						row[j] -= factor * s / E(x.channels)
					}
				}
				clear(row[f.n:])
			}
			for j := range f.n {
				dz[int(f.labels[j])*n+j] -= factor * (1 - s)
			}
		}, node, up)}, b.fail
	}
	node = b.apply(o, x.node)
	return node
}
