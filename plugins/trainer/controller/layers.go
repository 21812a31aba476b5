package controller

import (
	"math"

	G "gorgonia.org/gorgonia"

	"github.com/nascent-nas/nascent/genome/rng"
)

// embed adds the inputs of all steps: the embedding of the answer before plus
// that of the site.
func (g *graph) embed() *G.Node {
	w, n, b := g.weights, g.hidden, g.batch
	o := g.fresh("embed", g.rows, n, func(y []float64, in [][]float64) {
		for t := range b.rows() {
			x := y[t*n:][:n]
			copy(x, in[0][b.before[t]*n:][:n])
			add(x, 1, in[1][b.site[t]*n:][:n])
		}
	})
	o.diff = []bool{true, true}
	o.grad = func(_ G.Nodes, dx *G.Node) (G.Nodes, error) {
		gather := func(index *[]int) func([]float64, [][]float64) {
			return func(y []float64, in [][]float64) {
				clear(y)
				for t := range b.rows() {
					add(y[(*index)[t]*n:][:n], 1, in[0][t*n:][:n])
				}
			}
		}
		return G.Nodes{
			g.gradient(w.options, gather(&b.before), dx),
			g.gradient(w.sites, gather(&b.site), dx),
		}, g.fail
	}
	return g.apply(o, g.leaf(w.options), g.leaf(w.sites))
}

// lstm adds a layer over all steps of all sequences.
func (g *graph) lstm(layer int, x *G.Node) *G.Node {
	w, n, b := g.weights, g.hidden, g.batch
	gates, cell, squashed := make([]float64, g.rows*4*n), make([]float64, g.rows*n), make([]float64, g.rows*n)
	row := func(of []float64, t int) []float64 { return of[t*n:][:n] }
	o := g.fresh("lstm", g.rows, n, func(y []float64, in [][]float64) {
		for s := range b.weight {
			var h, c []float64
			for t := b.from[s]; t < b.from[s+1]; t++ {
				lstm(gates[t*4*n:][:4*n], row(cell, t), row(squashed, t), row(y, t), row(in[0], t), h, c, in[1], in[2])
				h, c = row(y, t), row(cell, t)
			}
		}
	})
	o.diff = []bool{true, true, true}
	var h *G.Node
	o.grad = func(in G.Nodes, dh *G.Node) (G.Nodes, error) {
		total, dc := make([]float64, n), make([]float64, n)
		// Before the functions of the gates: back through time.
		dz := g.values("d gates", g.rows, 4*n, func(dz []float64, in [][]float64) {
			for s := range b.weight {
				clear(dc)
				for t := b.from[s+1] - 1; t >= b.from[s]; t-- {
					copy(total, row(in[0], t))
					if t+1 < b.from[s+1] {
						next := dz[(t+1)*4*n:][:4*n]
						for k := range total {
							total[k] += dot(in[1][(n+k)*4*n:][:4*n], next)
						}
					}
					var c []float64
					if t > b.from[s] {
						c = row(cell, t-1)
					}
					lstmBack(dz[t*4*n:][:4*n], dc, total, gates[t*4*n:][:4*n], row(squashed, t), c)
				}
			}
		}, dh, in[1])
		dx := g.values("d lstm", g.rows, n, func(dx []float64, in [][]float64) {
			for t := range b.rows() {
				for k := range n {
					dx[t*n+k] = dot(in[1][k*4*n:][:4*n], in[0][t*4*n:][:4*n])
				}
			}
		}, dz, in[1])
		kernel := g.gradient(w.kernel[layer], func(y []float64, in [][]float64) {
			clear(y)
			for s := range b.weight {
				for t := b.from[s]; t < b.from[s+1]; t++ {
					d := in[0][t*4*n:][:4*n]
					for k, v := range row(in[1], t) {
						add(y[k*4*n:][:4*n], v, d)
					}
					if t > b.from[s] {
						for k, v := range row(in[2], t-1) {
							add(y[(n+k)*4*n:][:4*n], v, d)
						}
					}
				}
			}
		}, dz, in[0], h)
		bias := g.gradient(w.bias[layer], func(y []float64, in [][]float64) {
			clear(y)
			for t := range b.rows() {
				add(y, 1, in[0][t*4*n:][:4*n])
			}
		}, dz)
		return G.Nodes{dx, kernel, bias}, g.fail
	}
	h = g.apply(o, x, g.leaf(w.kernel[layer]), g.leaf(w.bias[layer]))
	return h
}

// heads adds the logits of options that have weights of their own.
func (g *graph) heads(p *Policy, h *G.Node) *G.Node {
	w, n, b := g.weights, g.hidden, g.batch
	// each calls f for every logit: its row, its index and its head.
	each := func(f func(t, i, k int)) {
		for t := range b.rows() {
			if k := p.head[b.site[t]]; k >= 0 {
				for i := b.at[t]; i < b.at[t+1]; i++ {
					f(t, i, k+i-b.at[t])
				}
			}
		}
	}
	o := g.fresh("heads", g.logits, 1, func(y []float64, in [][]float64) {
		each(func(t, i, k int) { y[i] = in[2][k] + dot(in[1][k*n:][:n], in[0][t*n:][:n]) })
	})
	o.diff = []bool{true, true, true}
	o.grad = func(in G.Nodes, dz *G.Node) (G.Nodes, error) {
		dh := g.values("d heads", g.rows, n, func(y []float64, in [][]float64) {
			clear(y[:b.rows()*n])
			each(func(t, i, k int) { add(y[t*n:][:n], in[0][i], in[1][k*n:][:n]) })
		}, dz, in[1])
		kernel := g.gradient(w.heads, func(y []float64, in [][]float64) {
			clear(y)
			each(func(t, i, k int) { add(y[k*n:][:n], in[0][i], in[1][t*n:][:n]) })
		}, dz, in[0])
		bias := g.gradient(w.headBias, func(y []float64, in [][]float64) {
			clear(y)
			each(func(_, i, k int) { y[k] += in[0][i] })
		}, dz)
		return G.Nodes{dh, kernel, bias}, g.fail
	}
	return g.apply(o, h, g.leaf(w.heads), g.leaf(w.headBias))
}

// anchors adds the logits of options that stand for an earlier node: v .
// tanh(W1 h_earlier + W2 h_now), where h_earlier is learned for each input of the
// cell. The logit of "no edge" is 0.
func (g *graph) anchors(p *Policy, h *G.Node) *G.Node {
	w, n, b := g.weights, g.hidden, g.batch
	squashed := make([]float64, g.logits*n)
	earlier, inputs, now := make([]float64, g.rows*n), make([]float64, w.list[w.inputs].rows*n), make([]float64, n)
	ready := make([]bool, g.rows) // rows of earlier that are projected
	row := func(of []float64, t int) []float64 { return of[t*n:][:n] }
	// each calls f for every logit that an anchor scores.
	each := func(f func(t, i, anchor int)) {
		for t := range b.rows() {
			for i := b.at[t]; i < b.at[t+1]; i++ {
				if b.anchor[i] != none {
					f(t, i, b.anchor[i])
				}
			}
		}
	}
	o := g.fresh("anchors", g.logits, 1, func(y []float64, in [][]float64) {
		h, w1, w2, v := in[0], in[1], in[2], in[3]
		for k := range w.list[w.inputs].rows {
			project(row(inputs, k), w1, row(in[4], k))
		}
		clear(ready)
		at := -1
		clear(y[:b.logits()])
		each(func(t, i, a int) {
			if at != t {
				project(now, w2, row(h, t))
				at = t
			}
			from := row(inputs, max(0, -1-a))
			if a >= 0 {
				if from = row(earlier, a); !ready[a] {
					project(from, w1, row(h, a))
					ready[a] = true
				}
			}
			y[i] = score(row(squashed, i), v, from, now)
		})
	})
	o.diff = []bool{true, true, true, true, true}
	o.grad = func(in G.Nodes, dz *G.Node) (G.Nodes, error) {
		// Before the tanh, for each logit.
		de := g.values("d anchors", g.logits, n, func(y []float64, in [][]float64) {
			each(func(_, i, _ int) {
				for k, t := range row(squashed, i) {
					y[i*n+k] = float64(in[0][i]*in[1][k]) * (1 - float64(t*t))
				}
			})
		}, dz, in[3])
		dh := g.values("d anchors' states", g.rows, n, func(y []float64, in [][]float64) {
			clear(y[:b.rows()*n])
			each(func(t, i, a int) {
				for k, d := range row(in[0], i) {
					if a >= 0 {
						add(row(y, a), d, row(in[1], k))
					}
					add(row(y, t), d, row(in[2], k))
				}
			})
		}, de, in[1], in[2])
		w1 := g.gradient(w.earlier, func(y []float64, in [][]float64) {
			clear(y)
			each(func(_, i, a int) {
				from := row(in[2], max(0, -1-a))
				if a >= 0 {
					from = row(in[1], a)
				}
				for k, d := range row(in[0], i) {
					add(row(y, k), d, from)
				}
			})
		}, de, in[0], in[4])
		w2 := g.gradient(w.now, func(y []float64, in [][]float64) {
			clear(y)
			each(func(t, i, _ int) {
				for k, d := range row(in[0], i) {
					add(row(y, k), d, row(in[1], t))
				}
			})
		}, de, in[0])
		v := g.gradient(w.score, func(y []float64, in [][]float64) {
			clear(y)
			each(func(_, i, _ int) { add(y, in[0][i], row(squashed, i)) })
		}, dz)
		learned := g.gradient(w.inputs, func(y []float64, in [][]float64) {
			clear(y)
			each(func(_, i, a int) {
				if a < 0 {
					for k, d := range row(in[0], i) {
						add(row(y, -1-a), d, row(in[1], k))
					}
				}
			})
		}, de, in[1])
		return G.Nodes{dh, w1, w2, v, learned}, g.fail
	}
	return g.apply(o, h, g.leaf(w.earlier), g.leaf(w.now), g.leaf(w.score), g.leaf(w.inputs))
}

// choose adds what the logits come to: for each row the logarithm of the
// answer's probability, and the entropy. Each row has its logits in the one of
// the sources that its site's kind belongs to; nil where there is none.
func (g *graph) choose(p *Policy, heads, anchors *G.Node) *G.Node {
	b := g.batch
	share, log := make([]float64, g.logits), make([]float64, g.logits)
	var sources []*G.Node
	for _, s := range []*G.Node{heads, anchors} {
		if s != nil {
			sources = append(sources, s)
		}
	}
	source := func(t int) int {
		if heads == nil || p.head[b.site[t]] >= 0 {
			return 0
		}
		return len(sources) - 1
	}
	o := g.fresh("choose", g.rows, 2, func(y []float64, in [][]float64) {
		for t := range b.rows() {
			from, to := b.at[t], b.at[t+1]
			entropy := p.o.distribution(share[from:to], log[from:to], in[source(t)][from:to], b.closed[t])
			y[2*t], y[2*t+1] = log[from+b.answer[t]], entropy
		}
	})
	var chosen *G.Node
	o.grad = func(in G.Nodes, dy *G.Node) (G.Nodes, error) {
		var out G.Nodes
		for k := range in {
			out = append(out, g.values("d choose", g.logits, 1, func(dz []float64, in [][]float64) {
				for t := range b.rows() {
					if source(t) != k {
						clear(dz[b.at[t]:b.at[t+1]])
						continue
					}
					entropy, dLog, dEntropy := in[2][2*t+1], in[1][2*t], in[1][2*t+1]
					for i := b.at[t]; i < b.at[t+1]; i++ {
						dz[i] = 0
						if share[i] == 0 {
							continue
						}
						d := -float64(dLog * share[i])
						if i == b.at[t]+b.answer[t] {
							d += dLog
						}
						d -= float64(float64(dEntropy*share[i]) * (log[i] + entropy))
						dz[i] = float64(d * p.o.slope(in[0][i]))
					}
				}
			}, in[k], dy, chosen))
		}
		return out, g.fail
	}
	for range sources {
		o.diff = append(o.diff, true)
	}
	chosen = g.apply(o, sources...)
	return chosen
}

// cost adds the loss, see Loss.
func (g *graph) cost(chosen *G.Node) *G.Node {
	b := g.batch
	mean := new(G.F64)
	o := &op{name: "loss", out: mean, diff: []bool{true}}
	o.run = func(in [][]float64) {
		sum := 0.0
		for s, weight := range b.weight {
			for t := b.from[s]; t < b.from[s+1]; t++ {
				gain, _ := b.gain(weight, in[0][2*t], t)
				sum -= gain + float64(b.loss.Entropy*in[0][2*t+1])
			}
		}
		*mean = G.F64(sum / float64(len(b.weight)))
	}
	o.grad = func(in G.Nodes, up *G.Node) (G.Nodes, error) {
		return G.Nodes{g.values("d loss", g.rows, 2, func(y []float64, in [][]float64) {
			factor := -in[1][0] / float64(len(b.weight))
			for s, weight := range b.weight {
				for t := b.from[s]; t < b.from[s+1]; t++ {
					_, slope := b.gain(weight, in[0][2*t], t)
					y[2*t], y[2*t+1] = float64(factor*slope), float64(factor*b.loss.Entropy)
				}
			}
		}, in[0], up)}, g.fail
	}
	return g.apply(o, chosen)
}

// gain is what one answer adds to the objective, and its derivative for the
// logarithm of the answer's probability.
func (b *batch) gain(weight, log float64, row int) (gain, slope float64) {
	if b.loss.Clip == 0 {
		return float64(weight * log), weight
	}
	ratio := rng.Exp(log - b.old[row])
	free := float64(weight * ratio)
	held := float64(weight * math.Min(math.Max(ratio, 1-b.loss.Clip), 1+b.loss.Clip))
	if held < free {
		return held, 0
	}
	return free, free
}
