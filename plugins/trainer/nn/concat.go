package nn

import (
	G "gorgonia.org/gorgonia"

	"github.com/nascent-nas/nascent/genome/network"
	"github.com/nascent-nas/nascent/plugins/trainer/kernel"
)

var _ = declare(network.Concat, lowerConcat[float32], lowerConcat[float64])

func lowerConcat[E kernel.Float](w *lowering[E], _ int, _ *network.Node, in []value) (value, error) {
	return w.concat(in), nil
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
