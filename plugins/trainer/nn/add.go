package nn

import (
	G "gorgonia.org/gorgonia"

	"github.com/nascent-nas/nascent/genome/network"
	"github.com/nascent-nas/nascent/plugins/trainer/kernel"
)

var _ = declare(network.Add, lowerAdd[float32], lowerAdd[float64])

func lowerAdd[E kernel.Float](w *lowering[E], _ int, _ *network.Node, in []value) (value, error) {
	if len(in) == 1 {
		return in[0], nil
	}
	return w.add(in), nil
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
