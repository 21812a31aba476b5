package nn

import (
	"fmt"
	"math"

	G "gorgonia.org/gorgonia"

	"github.com/nascent-nas/nascent/genome/network"
	"github.com/nascent-nas/nascent/genome/rng"
	"github.com/nascent-nas/nascent/plugins/trainer/kernel"
)

var _ = declare(network.Dropout, lowerDropout[float32], lowerDropout[float64])

func lowerDropout[E kernel.Float](w *lowering[E], i int, n *network.Node, in []value) (value, error) {
	if n.Rate < 0 || n.Rate >= 1 {
		return value{}, fmt.Errorf("a dropout rate of %v is outside 0 <= rate < 1", n.Rate)
	}
	return w.dropout(in[0], fmt.Sprintf("%s@%d", n.Name, i), n.Rate), nil
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
