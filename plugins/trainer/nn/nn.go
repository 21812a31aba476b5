package nn

import (
	"fmt"
	"math"
	"slices"
	"sync"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/nascent-nas/nascent/genome/network"
	"github.com/nascent-nas/nascent/plugins/trainer/kernel"
)

// Options say how a Model is trained. Zero stands for the default where one is
// given.
type Options struct {
	Batch          int     // most samples in one Train; default 100
	Seed           uint64  // of initial weights and dropout
	Optimizer      string  // "adamw" (default), "adam" or "sgd"
	WeightDecay    float64 // of weights, not of biases, scales and shifts: decoupled for adamw, added to the gradient otherwise
	Momentum       float64 // of sgd
	LabelSmoothing float64 // share of the target spread over all classes, 0 <= LabelSmoothing < 1
	Beta1          float64 // of adam and adamw; default 0.9
	Beta2          float64 // of adam and adamw; default 0.999
	Epsilon        float64 // of adam and adamw; default 1e-8
}

func (o *Options) complete() error {
	if o.Batch == 0 {
		o.Batch = 100
	}
	if o.Optimizer == "" {
		o.Optimizer = "adamw"
	}
	if o.Beta1 == 0 {
		o.Beta1 = 0.9
	}
	if o.Beta2 == 0 {
		o.Beta2 = 0.999
	}
	if o.Epsilon == 0 {
		o.Epsilon = 1e-8
	}
	switch {
	case o.Batch < 0:
		return fmt.Errorf("nn: a batch of %d samples is impossible: choose 1 or more", o.Batch)
	case o.Optimizer != "adamw" && o.Optimizer != "adam" && o.Optimizer != "sgd":
		return fmt.Errorf("nn: unknown optimizer %q: choose adamw, adam or sgd", o.Optimizer)
	case o.LabelSmoothing < 0 || o.LabelSmoothing >= 1:
		return fmt.Errorf("nn: label smoothing %v is outside 0 <= smoothing < 1", o.LabelSmoothing)
	}
	return nil
}

// Array is one named array of a Model's state.
type Array[E kernel.Float] struct {
	Name  string
	Shape []int
	Data  []E
}

// Tensor is an array of float32.
type Tensor = Array[float32]

// Model is what trains: float32, with the fastest kernels that there are.
type Model = ModelOf[float32]

// ModelOf is a network.Network that can be trained. It is not safe for
// concurrent use; different Models are independent of each other.
type ModelOf[E kernel.Float] struct {
	options    Options
	k          *kernel.Kernels[E]
	parameters *parameters[E]
	feed       *feed[E]
	features   []int // shape of the input: positions, channels
	classes    int
	input      []E
	logits     []E
	forward    program[E]
	backward   program[E]
	graph      *G.ExprGraph
	loss       *G.Node
	adam       kernel.AdamStep[E] // here, so that a step allocates nothing
}

// building guards Gorgonia's global state, which making a graph touches.
var building sync.Mutex

// Build makes a Model with fresh weights, which depend on the seed and on the
// names of the layers alone. Its error names the layer that cannot be trained
// here.
func Build(net *network.Network, o Options) (*Model, error) {
	return build(net, o, kernel.For(kernel.Best()), true, nil)
}

// BuildWide is Build for float64, with kernels in plain Go: many times slower,
// and exact enough to tell a rounding from a mistake.
func BuildWide(net *network.Network, o Options) (*ModelOf[float64], error) {
	return build(net, o, kernel.Wide(), true, nil)
}

func build[E kernel.Float](net *network.Network, o Options, k *kernel.Kernels[E], share bool, super *Supernet) (*ModelOf[E], error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	if len(net.Nodes) == 0 || net.Nodes[0].Op != network.Input || len(net.Nodes[0].Shape) == 0 {
		return nil, fmt.Errorf("nn: the network does not begin with an input")
	}
	answer := &net.Nodes[len(net.Nodes)-1]
	if len(answer.Shape) != 1 {
		return nil, fmt.Errorf("nn: layer %q (%s): the network's answer has shape %v, but a classifier answers [classes]: "+
			"end with a dense layer", answer.Name, answer.Op, answer.Shape)
	}
	building.Lock()
	defer building.Unlock()

	m := &ModelOf[E]{options: o, k: k, graph: G.NewGraph(), classes: answer.Shape[0]}
	lanes := (o.Batch + kernel.Vector - 1) / kernel.Vector * kernel.Vector
	m.feed = &feed[E]{smoothing: E(o.LabelSmoothing), labels: make([]int32, lanes), mask: kernel.Floats[E](lanes)}
	m.parameters = newParameters[E](net, o.Optimizer != "sgd" || o.Momentum != 0, o.Optimizer != "sgd")
	b := &builder[E]{g: m.graph, k: k, lanes: lanes, feed: m.feed, seed: o.Seed}

	shape := net.Nodes[0].Shape
	m.features = []int{product(shape[1:]), shape[0]}
	x := newTensor[E](m.features[0], m.features[1], lanes)
	m.input = numbers[E](x)
	out, err := b.lower(net, m.parameters, b.leaf("input", x), super)
	if err != nil {
		return nil, err
	}
	for _, p := range m.parameters.list {
		p.start(o.Seed)
	}
	m.loss = b.loss(out)
	if b.fail != nil {
		return nil, b.fail
	}

	done, ops := map[*G.Node]G.Value{}, map[*G.Node]*op[E]{}
	if m.forward, err = compile(k, m.graph, done, ops, share, m.loss); err != nil {
		return nil, err
	}
	m.logits = numbers[E](done[out.node].(*tensor.Dense))
	var learned G.Nodes
	var whose []*parameter[E]
	for _, p := range m.parameters.list {
		if p.node != nil {
			learned, whose = append(learned, p.node), append(whose, p)
		}
	}
	if len(learned) > 0 {
		grads, err := G.Grad(m.loss, learned...)
		if err != nil {
			return nil, err
		}
		// Backwards, so that what a layer needs is still in the cache.
		slices.Reverse(grads)
		slices.Reverse(whose)
		if m.backward, err = compile(k, m.graph, done, ops, share, grads...); err != nil {
			return nil, err
		}
		for i, n := range grads {
			whose[i].from = ops[n]
		}
	}
	return m, nil
}

// Train takes one optimizer step on n <= Batch samples.
//
// x holds the samples one after the other, each with its features channel by
// channel; y the classes. rate is the learning rate. It returns the mean loss
// (cross-entropy with label smoothing) and how many samples were classified
// correctly, both before the step.
func (m *ModelOf[E]) Train(x []E, y []int32, rate E) (loss float64, correct int, err error) {
	if err := m.check(x, y); err != nil {
		return 0, 0, err
	}
	if len(y) > m.options.Batch {
		return 0, 0, fmt.Errorf("nn: %d samples in one step: at most the batch of %d", len(y), m.options.Batch)
	}
	m.feed.training = true
	m.load(x, y)
	if err := m.forward.run(); err != nil {
		return 0, 0, err
	}
	if err := m.backward.run(); err != nil {
		return 0, 0, err
	}
	m.update(float64(rate))
	return m.feed.loss / float64(len(y)), m.feed.correct, nil
}

// update takes the optimizer's step.
func (m *ModelOf[E]) update(rate float64) {
	m.feed.step++
	o, p := &m.options, m.parameters
	if o.Optimizer == "sgd" {
		for _, part := range [2]struct {
			from, to int
			decay    float64
		}{{0, p.decayed, o.WeightDecay}, {p.decayed, len(p.data), 0}} {
			w, g := p.data[part.from:part.to], p.grad[part.from:part.to]
			if p.m == nil {
				m.k.Descend(w, g, E(rate), E(part.decay))
			} else {
				m.k.Momentum(w, g, p.m[part.from:part.to], E(rate), E(o.Momentum), E(part.decay))
			}
		}
		return
	}
	t := float64(m.feed.step)
	m.adam = kernel.AdamStep[E]{
		Beta1: E(o.Beta1), Beta2: E(o.Beta2), Epsilon: E(o.Epsilon),
		Rate: E(rate / (1 - math.Pow(o.Beta1, t))),
		Root: E(1 / math.Sqrt(1-math.Pow(o.Beta2, t))),
		Keep: 1,
	}
	n := p.decayed
	m.k.Adam(p.data[n:], p.grad[n:], p.m[n:], p.v[n:], &m.adam)
	if o.Optimizer == "adamw" {
		m.adam.Keep = E(1 - rate*o.WeightDecay)
	} else {
		m.adam.Decay = E(o.WeightDecay)
	}
	m.k.Adam(p.data[:n], p.grad[:n], p.m[:n], p.v[:n], &m.adam)
}

// Eval returns the sum of the losses (cross-entropy without label smoothing)
// and the number of samples classified correctly. It takes any number of
// samples, uses running statistics and no dropout, and changes no state.
func (m *ModelOf[E]) Eval(x []E, y []int32) (lossSum float64, correct int, err error) {
	if err := m.check(x, y); err != nil {
		return 0, 0, err
	}
	size := len(x) / len(y)
	for len(y) > 0 {
		n := min(len(y), m.options.Batch)
		if err := m.evaluate(x[:n*size], y[:n]); err != nil {
			return 0, 0, err
		}
		lossSum += m.feed.loss
		correct += m.feed.correct
		x, y = x[n*size:], y[n:]
	}
	return lossSum, correct, nil
}

// Logits returns the network's answers, sample-major: [samples][classes]. It
// takes any number of samples and changes no state.
func (m *ModelOf[E]) Logits(x []E) ([]E, error) {
	size := product(m.features)
	if len(x) == 0 || len(x)%size != 0 {
		return nil, fmt.Errorf("nn: %d values are not whole samples of %d features", len(x), size)
	}
	out := make([]E, 0, len(x)/size*m.classes)
	labels := make([]int32, m.options.Batch)
	for len(x) > 0 {
		n := min(len(x)/size, m.options.Batch)
		if err := m.evaluate(x[:n*size], labels[:n]); err != nil {
			return nil, err
		}
		for j := range n {
			for c := range m.classes {
				out = append(out, m.logits[c*len(m.feed.labels)+j])
			}
		}
		x = x[n*size:]
	}
	return out, nil
}

func (m *ModelOf[E]) evaluate(x []E, y []int32) error {
	m.feed.training = false
	m.load(x, y)
	return m.forward.run()
}

func (m *ModelOf[E]) check(x []E, y []int32) error {
	if size := product(m.features); len(y) == 0 || len(x) != len(y)*size {
		return fmt.Errorf("nn: %d values are not %d samples of %d features", len(x), len(y), size)
	}
	for _, label := range y {
		if label < 0 || int(label) >= m.classes {
			return fmt.Errorf("nn: class %d is not one of the network's %d classes", label, m.classes)
		}
	}
	return nil
}

// load puts samples into the first lanes and zeros into the others.
func (m *ModelOf[E]) load(x []E, y []int32) {
	positions, channels, lanes, n := m.features[0], m.features[1], len(m.feed.labels), len(y)
	size := positions * channels
	copy(m.feed.labels, y)
	if m.feed.n != n {
		m.feed.n = n
		for j := range m.feed.mask {
			m.feed.mask[j] = 0
			if j < n {
				m.feed.mask[j] = E(math.Float32frombits(math.MaxUint32))
			}
		}
	}
	for from := 0; from < lanes; from += kernel.Vector {
		for c := range channels {
			for p := range positions {
				row := m.input[(p*channels+c)*lanes+from:][:kernel.Vector]
				for j := range row {
					row[j] = 0
					if s := from + j; s < n {
						row[j] = x[s*size+c*positions+p]
					}
				}
			}
		}
	}
}

// Parameters returns the number of trainable parameters.
func (m *ModelOf[E]) Parameters() int { return m.parameters.count }

// KernelSet names the kernels that this process uses: "avx512", "avx2" or "go".
func KernelSet() string { return kernel.Best().String() }
