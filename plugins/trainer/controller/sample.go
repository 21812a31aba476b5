package controller

import (
	"slices"

	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/rng"
)

// Sample draws a genome, with how likely each answer was. The genome may lie
// outside the limits of the space, see [genome.Space.Check].
func (p *Policy) Sample(r *rng.Rand) (Sequence, error) {
	var s Sequence
	w := p.walk
	w.begin(p)
	g, err := p.space.Decide(func(d genome.Decision) int {
		d.Closed, d.Anchors = slices.Clone(d.Closed), slices.Clone(d.Anchors) // valid for this call only
		s.Entropy += w.step(p, &d)
		k := r.Weighted(w.share)
		w.take(p, &d, k)
		s.Decisions, s.Answers, s.LogProbs = append(s.Decisions, d), append(s.Answers, k), append(s.LogProbs, w.log[k])
		return k
	})
	s.Genome = g
	return s, err
}

// Recall fills in how likely the Policy would now answer so.
func (p *Policy) Recall(s *Sequence) {
	w := p.walk
	w.begin(p)
	s.LogProbs, s.Entropy = make([]float64, len(s.Answers)), 0
	for i := range s.Decisions {
		d := &s.Decisions[i]
		s.Entropy += w.step(p, d)
		s.LogProbs[i] = w.log[s.Answers[i]]
		w.take(p, d, s.Answers[i])
	}
}

// walk goes through one sequence, step by step. It has the bits of the graph.
type walk struct {
	before  int       // the answer before, a row of the embeddings of options
	rows    int       // steps so far
	h, c    []float64 // of each layer
	next    []float64
	gates   []float64
	x       []float64 // what a layer reads
	cell    []float64
	hidden  []float64 // the last layer's h of all steps
	earlier []float64 // of all steps that were anchors: projected
	ready   []bool    // steps whose projection is there
	inputs  []float64 // of the cell: projected
	now     []float64
	tanh    []float64

	logits, share, log []float64 // of the question
	options            [3][]float64
}

func newWalk(p *Policy) *walk {
	n, most := p.o.Hidden, 0
	for _, s := range p.sites {
		most = max(most, len(s.Options))
	}
	w := &walk{
		h: make([]float64, p.o.Layers*n), c: make([]float64, p.o.Layers*n), next: make([]float64, n), gates: make([]float64, 4*n),
		x: make([]float64, n), cell: make([]float64, n), now: make([]float64, n), tanh: make([]float64, n),
	}
	for i := range w.options {
		w.options[i] = make([]float64, most)
	}
	if p.weights.inputs >= 0 {
		w.inputs = make([]float64, p.weights.list[p.weights.inputs].rows*n)
	}
	return w
}

func (w *walk) begin(p *Policy) {
	w.before, w.rows = 0, 0
	w.hidden, w.earlier, w.ready = w.hidden[:0], w.earlier[:0], w.ready[:0]
	for k := 0; k < len(w.inputs); k += p.o.Hidden {
		project(w.inputs[k:][:p.o.Hidden], p.weights.array(p.weights.earlier), p.weights.array(p.weights.inputs)[k:][:p.o.Hidden])
	}
}

// step asks a question: it fills the probabilities of the options and their
// logarithms, and returns the entropy.
func (w *walk) step(p *Policy, d *genome.Decision) (entropy float64) {
	n := p.o.Hidden
	copy(w.x, p.weights.array(p.weights.options)[w.before*n:][:n])
	add(w.x, 1, p.weights.array(p.weights.sites)[d.Site*n:][:n])
	for l := range p.o.Layers {
		h, c := w.h[l*n:][:n], w.c[l*n:][:n]
		kernel, bias := p.weights.array(p.weights.kernel[l]), p.weights.array(p.weights.bias[l])
		if w.rows == 0 {
			lstm(w.gates, w.cell, w.tanh, w.next, w.x, nil, nil, kernel, bias)
		} else {
			lstm(w.gates, w.cell, w.tanh, w.next, w.x, h, c, kernel, bias)
		}
		copy(h, w.next)
		copy(c, w.cell)
		copy(w.x, w.next)
	}
	w.rows++
	w.hidden = append(w.hidden, w.x...)
	w.earlier = append(w.earlier, w.x...) // room
	w.ready = append(w.ready, false)

	options := len(p.sites[d.Site].Options)
	w.logits, w.share, w.log = w.options[0][:options], w.options[1][:options], w.options[2][:options]
	if head := p.head[d.Site]; head >= 0 {
		kernel, bias := p.weights.array(p.weights.heads), p.weights.array(p.weights.headBias)
		for k := range w.logits {
			w.logits[k] = bias[head+k] + dot(kernel[(head+k)*n:][:n], w.x)
		}
	} else {
		w.anchored(p, d)
	}
	return p.o.distribution(w.share, w.log, w.logits, d.Closed)
}

// anchored fills the logits of a question about earlier nodes.
func (w *walk) anchored(p *Policy, d *genome.Decision) {
	n := p.o.Hidden
	w1, w2, v := p.weights.array(p.weights.earlier), p.weights.array(p.weights.now), p.weights.array(p.weights.score)
	project(w.now, w2, w.x)
	for k := range w.logits {
		a := p.anchor(d, k)
		switch {
		case a == none:
			w.logits[k] = 0
		case a < 0:
			w.logits[k] = score(w.tanh, v, w.inputs[(-1-a)*n:][:n], w.now)
		default:
			from := w.earlier[a*n:][:n]
			if !w.ready[a] {
				project(from, w1, w.hidden[a*n:][:n])
				w.ready[a] = true
			}
			w.logits[k] = score(w.tanh, v, from, w.now)
		}
	}
}

// take notes the answer.
func (w *walk) take(p *Policy, d *genome.Decision, answer int) { w.before = p.option[d.Site] + answer }
