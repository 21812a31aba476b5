package nn

import (
	"fmt"
	"math"
	"slices"

	G "gorgonia.org/gorgonia"

	"github.com/nascent-nas/nascent/genome/network"
	"github.com/nascent-nas/nascent/plugins/trainer/kernel"
)

// Supernet is a network.Supernet that can be trained: shared weights of all
// networks of a space of cells, and weights of its mixtures. It is not safe for
// concurrent use.
//
// The graph is made once and holds every operation. With Use, only the
// operations of one path are carried out, forward and backward, and a step
// changes only the weights that took part in it. Normalisations use the
// statistics of the batch always, while they are measured too, so that no path
// is judged by the statistics of others.
type Supernet struct {
	model   *Model
	net     *network.Supernet
	choices []*choice
	gates   []*gate // by node of the network
}

// choice is the state of one of the network's Choices.
type choice struct {
	weights []float32 // of the options
	active  []bool    // options that are carried out
	grad    []float64 // of the loss by the weights, over all mixtures of the choice
}

// gate is open while an option of a choice is active.
type gate struct {
	choice *choice
	option int
}

func (g *gate) open() bool { return g.choice.active[g.option] }

// BuildSupernet makes a Supernet with fresh weights, and all operations mixed
// evenly. Without affine, normalisations inside the operations have neither scale
// nor shift, as DARTS has it (Liu et al. 2018, appendix A.1): a scale would
// undo what the weights of a mixture say.
func BuildSupernet(net *network.Supernet, affine bool, o Options) (*Supernet, error) {
	s := &Supernet{net: net}
	for _, c := range net.Choices {
		n := len(c.Options)
		s.choices = append(s.choices, &choice{weights: make([]float32, n), active: make([]bool, n), grad: make([]float64, n)})
	}
	made := map[network.Gate]*gate{}
	layers := &network.Network{Nodes: slices.Clone(net.Network.Nodes)}
	for i, g := range net.Gates {
		if g.Mixture < 0 {
			s.gates = append(s.gates, nil)
			continue
		}
		if made[g] == nil {
			made[g] = &gate{s.choices[net.Mixes[g.Mixture].Choice], g.Option}
		}
		s.gates = append(s.gates, made[g])
		layers.Nodes[i].Affine = layers.Nodes[i].Affine && affine
	}
	var err error
	if s.model, err = build(layers, o, kernel.For(kernel.Best()), true, s); err != nil {
		return nil, err
	}
	s.model.feed.alike = true
	even := make([][]float64, len(s.choices))
	for i, c := range s.choices {
		for range c.weights {
			even[i] = append(even[i], 1/float64(len(c.weights)))
		}
	}
	s.Mix(even)
	return s, nil
}

// gateOf is the gate of a node of the network, or nil.
func (s *Supernet) gateOf(node int) *gate { return s.gates[node] }

// mixtureAt is the choice of the mixture at a node.
func (s *Supernet) mixtureAt(node int) *choice {
	for _, m := range s.net.Mixes {
		if m.Node == node {
			return s.choices[m.Choice]
		}
	}
	return nil
}

var _ = declare(network.Mix, lowerMix[float32], lowerMix[float64])

func lowerMix[E kernel.Float](w *lowering[E], i int, _ *network.Node, in []value) (value, error) {
	if w.super == nil {
		return value{}, fmt.Errorf("a mixture belongs into a supernet")
	}
	return w.mix(in, w.super.mixtureAt(i)), nil
}

// mix adds a weighted sum. Its weights are no node of the graph: the gradient by
// them is summed up as the gradients by its inputs are computed.
func (b *builder[E]) mix(xs []value, c *choice) value {
	v := b.layer("mix", xs[0].positions, xs[0].channels, xs, func(y []E) (func([][]E), func(G.Nodes, *G.Node) G.Nodes) {
		run := func(in [][]E) {
			first := true
			for k, w := range c.weights {
				switch {
				case w == 0 || in[k] == nil:
					continue
				case first:
					b.k.Scale(y, in[k], E(w))
				default:
					b.k.Axpy(y, in[k], E(w))
				}
				first = false
			}
			if first {
				clear(y)
			}
		}
		grad := func(in G.Nodes, dy *G.Node) G.Nodes {
			grads := make(G.Nodes, len(xs))
			for k, x := range xs {
				b.gate = &gate{c, k}
				grads[k] = b.gradient("d mix", x, func(dx []E, in [][]E) {
					b.k.Scale(dx, in[1], E(c.weights[k]))
					c.grad[k] += b.k.Dot(in[0], in[1])
				}, in[k], dy)
				b.gate = nil
			}
			return grads
		}
		return run, grad
	})
	b.partial(v)
	return v
}

// Mix carries out all operations of every choice, weighted.
func (s *Supernet) Mix(weights [][]float64) {
	for i, c := range s.choices {
		for k := range c.weights {
			c.weights[k], c.active[k] = float32(weights[i][k]), true
		}
	}
}

// Use carries out the operations of a path alone: options of each choice, as
// network.Supernet.Path lists them.
func (s *Supernet) Use(path [][]int) {
	for i, c := range s.choices {
		clear(c.weights)
		clear(c.active)
		for _, k := range path[i] {
			c.weights[k]++
			c.active[k] = true
		}
	}
}

// Gradients computes the gradients of one batch, as Train does, and takes no
// step. It returns the mean loss and how many samples were classified correctly.
func (s *Supernet) Gradients(x []float32, y []int32) (loss float64, correct int, err error) {
	m := s.model
	if err := m.check(x, y); err != nil {
		return 0, 0, err
	}
	if len(y) > m.options.Batch {
		return 0, 0, fmt.Errorf("nn: %d samples in one step: at most the batch of %d", len(y), m.options.Batch)
	}
	for _, c := range s.choices {
		clear(c.grad)
	}
	m.feed.training = true
	m.load(x, y)
	if err := m.forward.runGated(); err != nil {
		return 0, 0, err
	}
	if err := m.backward.runGated(); err != nil {
		return 0, 0, err
	}
	return m.feed.loss / float64(len(y)), m.feed.correct, nil
}

// MixGradients are the gradients of the last batch's mean loss by the weights of
// the choices; 0 for operations that were not carried out.
func (s *Supernet) MixGradients() [][]float64 {
	out := make([][]float64, len(s.choices))
	for i, c := range s.choices {
		out[i] = slices.Clone(c.grad)
	}
	return out
}

// Train takes one optimizer step on n <= Batch samples, with the weights that
// took part in it.
func (s *Supernet) Train(x []float32, y []int32, rate float32) (loss float64, correct int, err error) {
	if loss, correct, err = s.Gradients(x, y); err == nil {
		s.step(float64(rate))
	}
	return loss, correct, err
}

// step takes the optimizer's step, each parameter by its own count of steps.
func (s *Supernet) step(rate float64) {
	m := s.model
	m.feed.step++
	o, all := &m.options, m.parameters
	for _, p := range all.list {
		if p.from == nil || p.from.absent {
			continue
		}
		p.steps++
		cut := func(list []float32) []float32 {
			if list == nil {
				return nil
			}
			return list[p.at:][:p.room]
		}
		w, g, first, second := cut(all.data), cut(all.grad), cut(all.m), cut(all.v)
		decay := 0.0
		if p.at < all.decayed {
			decay = o.WeightDecay
		}
		switch {
		case o.Optimizer == "sgd" && first == nil:
			m.k.Descend(w, g, float32(rate), float32(decay))
		case o.Optimizer == "sgd":
			m.k.Momentum(w, g, first, float32(rate), float32(o.Momentum), float32(decay))
		default:
			t := float64(p.steps)
			m.adam = kernel.AdamStep[float32]{
				Beta1: float32(o.Beta1), Beta2: float32(o.Beta2), Epsilon: float32(o.Epsilon),
				Rate: float32(rate / (1 - math.Pow(o.Beta1, t))),
				Root: float32(1 / math.Sqrt(1-math.Pow(o.Beta2, t))),
				Keep: 1,
			}
			if o.Optimizer == "adamw" {
				m.adam.Keep = float32(1 - rate*decay)
			} else {
				m.adam.Decay = float32(decay)
			}
			m.k.Adam(w, g, first, second, &m.adam)
		}
	}
}

// Eval is Model.Eval for the path or mixture that is set.
func (s *Supernet) Eval(x []float32, y []int32) (lossSum float64, correct int, err error) {
	m := s.model
	if err := m.check(x, y); err != nil {
		return 0, 0, err
	}
	m.feed.training = false
	size := len(x) / len(y)
	for len(y) > 0 {
		n := min(len(y), m.options.Batch)
		m.load(x[:n*size], y[:n])
		if err := m.forward.runGated(); err != nil {
			return 0, 0, err
		}
		lossSum += m.feed.loss
		correct += m.feed.correct
		x, y = x[n*size:], y[n:]
	}
	return lossSum, correct, nil
}

// Weights are all trainable numbers, with padding between the parameters, and
// WeightGradients the gradients of the last batch by them, for methods that move
// in the direction of a gradient. Both are the Supernet's own: writing to
// Weights changes it.
func (s *Supernet) Weights() []float32 { return s.model.parameters.data }

// WeightGradients see Weights. Those of operations that were not carried out
// are left over from earlier batches.
func (s *Supernet) WeightGradients() []float32 { return s.model.parameters.grad }

// State is Model.State, and under "optimizer.steps" how many steps each
// parameter has taken.
func (s *Supernet) State() []Tensor {
	list := s.model.parameters.list
	steps := make([]float32, len(list))
	for i, p := range list {
		steps[i] = float32(p.steps)
	}
	return append(s.model.State(), Tensor{Name: "optimizer.steps", Shape: []int{len(list)}, Data: steps})
}

// Load takes over a State of a Supernet of the same space and optimizer. On an
// error the Supernet is as before.
func (s *Supernet) Load(state []Tensor) error {
	list := s.model.parameters.list
	i := slices.IndexFunc(state, func(t Tensor) bool { return t.Name == "optimizer.steps" })
	if i < 0 || len(state[i].Data) != len(list) {
		return fmt.Errorf("nn: the state is none of this supernet: it does not say how many steps its %d parameters have taken", len(list))
	}
	if err := s.model.Load(state); err != nil {
		return err
	}
	for k, p := range list {
		p.steps = uint64(state[i].Data[k])
	}
	return nil
}
