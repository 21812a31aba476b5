package nn

import (
	"slices"

	G "gorgonia.org/gorgonia"

	"github.com/nascent-nas/nascent/genome/network"
	"github.com/nascent-nas/nascent/plugins/trainer/kernel"
)

var _ = declare(network.Flatten, lowerFlatten[float32], lowerFlatten[float64])

func lowerFlatten[E kernel.Float](w *lowering[E], i int, _ *network.Node, in []value) (value, error) {
	elsewhere := slices.ContainsFunc(w.users[i], func(j int) bool { return w.net.Nodes[j].Op != network.Dense })
	if in[0].positions == 1 || len(w.users[i]) > 0 && !elsewhere {
		return in[0], nil // a fully connected layer reads its input in any order
	}
	return w.flatten(in[0]), nil
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
