package nn

import (
	"math"

	G "gorgonia.org/gorgonia"

	"github.com/nascent-nas/nascent/genome/network"
	"github.com/nascent-nas/nascent/plugins/trainer/kernel"
)

var _ = declare(network.Norm, lowerNorm[float32], lowerNorm[float64])

func lowerNorm[E kernel.Float](w *lowering[E], i int, _ *network.Node, in []value) (value, error) {
	p := w.params.layers[i]
	slope, follower := w.rectified(i)
	scale, shift := w.parameter(p.weight, in[0].channels), w.parameter(p.bias, in[0].channels)
	return w.stands(w.norm(in[0], scale, shift, p.mean.data, p.variance.data, slope), follower), nil
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

// noted is the run of an op whose value was written along with its input's.
func noted[E kernel.Float]([]E, [][]E) {}
