package nn

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"github.com/nascent-nas/nascent/genome/network"
	"github.com/nascent-nas/nascent/plugins/trainer/kernel"
)

var (
	_ = declare(network.Conv, lowerConv[float32], lowerConv[float64])
	_ = declare(network.Dense, lowerDense[float32], lowerDense[float64])
)

func lowerConv[E kernel.Float](w *lowering[E], i int, n *network.Node, in []value) (value, error) {
	g, err := window(n, w.shape(n))
	if err != nil {
		return value{}, err
	}
	l := kernel.Layer{Geometry: g, InChannels: in[0].channels, OutChannels: n.Channels, Groups: max(n.Groups, 1)}
	if l.InChannels%l.Groups != 0 || l.OutChannels%l.Groups != 0 {
		return value{}, fmt.Errorf("%d groups divide neither %d nor %d channels: choose a common divisor", l.Groups,
			l.InChannels, l.OutChannels)
	}
	return w.weighted(i, n, in[0], l), nil
}

// lowerDense is a convolution whose one window is the whole input.
func lowerDense[E kernel.Float](w *lowering[E], i int, n *network.Node, in []value) (value, error) {
	l := kernel.Layer{Geometry: kernel.Whole(in[0].positions), InChannels: in[0].channels, OutChannels: n.Channels, Groups: 1}
	return w.weighted(i, n, in[0], l), nil
}

// weighted adds a layer with a weight, and the rectification that follows it.
func (w *lowering[E]) weighted(i int, n *network.Node, in value, l kernel.Layer) value {
	p := w.params.layers[i]
	slope, follower := w.rectified(i)
	_, norm := w.next(i, network.Norm)
	v := w.conv(in, l, w.parameter(p.weight, n.Channels, l.Taps, l.InChannels/l.Groups),
		w.parameter(p.bias, n.Channels), slope, norm != nil)
	return w.stands(v, follower)
}

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
