package nn

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"github.com/nascent-nas/nascent/genome/network"
	"github.com/nascent-nas/nascent/plugins/trainer/kernel"
)

var _ = declare(network.Crop, lowerCrop[float32], lowerCrop[float64])

func lowerCrop[E kernel.Float](w *lowering[E], _ int, n *network.Node, in []value) (value, error) {
	shape := w.shape(n)
	from := make([]int, product(n.Shape[1:]))
	for p := range from {
		rest, size := p, 1
		for d := len(shape) - 1; d > 0; d-- {
			offset := 0
			if d <= len(n.Offset) {
				offset = n.Offset[d-1]
			}
			q := rest%n.Shape[d] + offset
			if q >= shape[d] {
				return value{}, fmt.Errorf("a crop to shape %v reaches beyond its input of shape %v", n.Shape, shape)
			}
			from[p] += q * size
			rest /= n.Shape[d]
			size *= shape[d]
		}
	}
	return w.crop(in[0], from, n.Shape[0]), nil
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
