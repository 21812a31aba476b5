package nn

import (
	"math"

	G "gorgonia.org/gorgonia"

	"github.com/nascent-nas/nascent/plugins/trainer/kernel"
)

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
