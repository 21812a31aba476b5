package nn

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"github.com/nascent-nas/nascent/genome/network"
	"github.com/nascent-nas/nascent/plugins/trainer/kernel"
)

var _ = declare(network.Activation, lowerActivation[float32], lowerActivation[float64])

func lowerActivation[E kernel.Float](w *lowering[E], _ int, n *network.Node, in []value) (value, error) {
	if s, ok := slopes[n.Function]; ok {
		return w.leaky(in[0], E(s)), nil
	}
	f := map[string]func(y, d, x []E){
		"sigmoid": w.k.Sigmoid, "tanh": w.k.Tanh, "swish": w.k.Swish,
		"mish": w.k.Mish, "elu": w.k.Elu, "gelu": w.k.Gelu}[n.Function]
	if f == nil {
		return value{}, fmt.Errorf("unknown function %q: choose relu, leaky_relu, mish, tanh, sigmoid, gelu, swish or elu", n.Function)
	}
	return w.smooth(in[0], n.Function, f), nil
}

// slopes of the rectifiers, which a layer can carry out as it stores.
var slopes = map[string]float64{"relu": 0, "leaky_relu": 0.1}

// rectified returns the slope of the rectifier that follows node i and lets
// done stand for its value; 1 if none follows.
func (w *lowering[E]) rectified(i int) (slope E, follower int) {
	if j, n := w.next(i, network.Activation); n != nil {
		if s, ok := slopes[n.Function]; ok {
			return E(s), j
		}
	}
	return 1, 0
}

// stands lets a value stand for that of the follower, too, if there is one.
func (w *lowering[E]) stands(v value, follower int) value {
	if follower > 0 {
		w.values[follower] = v
	}
	return v
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
