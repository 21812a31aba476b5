package nn

import (
	G "gorgonia.org/gorgonia"

	"github.com/nascent-nas/nascent/genome/network"
	"github.com/nascent-nas/nascent/plugins/trainer/kernel"
)

var (
	_ = declare(network.MaxPool, lowerPool((*builder[float32]).maxPool), lowerPool((*builder[float64]).maxPool))
	_ = declare(network.AvgPool, lowerPool((*builder[float32]).avgPool), lowerPool((*builder[float64]).avgPool))
	_ = declare(network.GlobalMax, lowerGlobal((*builder[float32]).maxPool), lowerGlobal((*builder[float64]).maxPool))
	_ = declare(network.GlobalAvg, lowerGlobal((*builder[float32]).avgPool), lowerGlobal((*builder[float64]).avgPool))
)

// lowerPool adds a pool of windows, lowerGlobal one of the whole input.
func lowerPool[E kernel.Float](pool func(b *builder[E], x value, g kernel.Geometry) value) lower[E] {
	return func(w *lowering[E], _ int, n *network.Node, in []value) (value, error) {
		g, err := window(n, w.shape(n))
		if err != nil {
			return value{}, err
		}
		return pool(w.builder, in[0], g), nil
	}
}

func lowerGlobal[E kernel.Float](pool func(b *builder[E], x value, g kernel.Geometry) value) lower[E] {
	return func(w *lowering[E], _ int, _ *network.Node, in []value) (value, error) {
		return pool(w.builder, in[0], kernel.Whole(in[0].positions)), nil
	}
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
