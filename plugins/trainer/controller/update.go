package controller

import (
	"fmt"
	"math"
)

// Loss is what Update descends on: the mean over the batch of
//
//   - advantage x log p(sequence) - Entropy x entropy(sequence),
//
// the policy gradient (Williams 1992, REINFORCE); or with Clip, for each answer,
//
//   - min(ratio x advantage, clip(ratio, 1 - Clip, 1 + Clip) x advantage)
//
// in place of the first part, the clipped surrogate of PPO (Schulman et al.
// 2017, section 3), where ratio is the answer's probability divided by the one in
// the sequence's LogProbs. The entropy is that of all answers, given those
// before.
type Loss struct {
	Entropy float64
	Clip    float64
	Epochs  int // steps on the batch; default 1
}

// Stats says what an Update did.
type Stats struct {
	Loss    float64 // before the first step
	Entropy float64 // mean over the batch, before the first step, in nats
	Norm    float64 // of the last gradient, before it was shortened
}

// Update takes steps of Adam on a batch of sequences, with the advantage of each.
// Without Clip their LogProbs are not read.
func (p *Policy) Update(sequences []Sequence, advantages []float64, loss Loss) (Stats, error) {
	if len(sequences) == 0 || len(sequences) != len(advantages) {
		return Stats{}, fmt.Errorf("controller: a batch of %d sequences and %d advantages", len(sequences), len(advantages))
	}
	if err := p.load(sequences, advantages, loss); err != nil {
		return Stats{}, err
	}
	var stats Stats
	for epoch := range max(1, loss.Epochs) {
		if err := p.differentiate(); err != nil {
			return Stats{}, err
		}
		if epoch == 0 {
			stats.Loss = float64(*p.graph.loss)
			for t := range p.batch.rows() {
				stats.Entropy += p.graph.chosen[2*t+1]
			}
			stats.Entropy /= float64(len(sequences))
		}
		stats.Norm = math.Sqrt(dot(p.weights.grad, p.weights.grad))
		if math.IsNaN(stats.Norm) || math.IsInf(stats.Norm, 0) {
			return Stats{}, fmt.Errorf("controller: the gradient is not finite: choose a smaller learning rate")
		}
		p.descend(stats.Norm)
	}
	return stats, nil
}

// load makes the batch.
func (p *Policy) load(sequences []Sequence, advantages []float64, loss Loss) error {
	p.batch.clear()
	p.batch.loss = loss
	for i := range sequences {
		s := &sequences[i]
		if math.IsNaN(advantages[i]) || math.IsInf(advantages[i], 0) {
			return fmt.Errorf("controller: the advantage %v is not finite", advantages[i])
		}
		if err := p.add(&p.batch, s, advantages[i]); err != nil {
			return err
		}
		if loss.Clip > 0 {
			if len(s.LogProbs) != len(s.Answers) {
				return fmt.Errorf("controller: the clipped loss needs the probabilities before; call Recall")
			}
			p.batch.old = append(p.batch.old, s.LogProbs...)
		}
	}
	return p.fit()
}

// differentiate computes the loss of the batch and its gradient.
func (p *Policy) differentiate() error {
	if err := p.graph.forward.run(); err != nil {
		return err
	}
	return p.graph.backward.run()
}

// descend takes a step of Adam.
func (p *Policy) descend(norm float64) {
	shrink := 1.0
	if p.o.MaxNorm > 0 && norm > p.o.MaxNorm {
		shrink = p.o.MaxNorm / norm
	}
	p.steps++
	p.power1, p.power2 = float64(p.power1*beta1), float64(p.power2*beta2)
	w := &p.weights
	for i, g := range w.grad {
		g = float64(g * shrink)
		w.m[i] = float64(beta1*w.m[i]) + float64((1-beta1)*g)
		w.v[i] = float64(beta2*w.v[i]) + float64((1-beta2)*float64(g*g))
		m, v := w.m[i]/(1-p.power1), w.v[i]/(1-p.power2)
		w.data[i] -= float64(p.o.Rate*m) / (math.Sqrt(v) + epsilon)
	}
}
