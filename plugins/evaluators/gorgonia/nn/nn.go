package nn

import (
	"errors"

	"github.com/nascent-nas/nascent/genome/network"
	"github.com/nascent-nas/nascent/plugins/evaluators/gorgonia/kernel"
)

// Options say how a Model is trained. The zero value of a field means its
// default, except where zero is a meaning of its own.
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

// Tensor is one named array of a Model's state.
type Tensor struct {
	Name  string
	Shape []int
	Data  []float32
}

// Model is a network.Network that can be trained. It is not safe for
// concurrent use; different Models are independent of each other.
type Model struct {
	parameters int
}

// Build makes a Model with fresh weights. Its error names the layer that
// cannot be trained here.
func Build(net *network.Network, o Options) (*Model, error) {
	return nil, errors.New("nn: no layers yet")
}

// Train takes one optimizer step on n <= Batch samples.
//
// x holds the samples one after the other, each with its features channel by
// channel; y the classes. rate is the learning rate. It returns the mean loss
// (cross-entropy with label smoothing) and how many samples were classified
// correctly, both before the step.
func (m *Model) Train(x []float32, y []int32, rate float32) (loss float64, correct int, err error) {
	return 0, 0, nil
}

// Eval returns the sum of the losses (cross-entropy without label smoothing)
// and the number of samples classified correctly. It takes any number of
// samples, uses running statistics and no dropout, and changes no state.
func (m *Model) Eval(x []float32, y []int32) (lossSum float64, correct int, err error) {
	return 0, 0, nil
}

// Logits returns the network's answers, sample-major: [samples][classes].
func (m *Model) Logits(x []float32) ([]float32, error) { return nil, nil }

// State returns copies of everything that training goes on from.
func (m *Model) State() []Tensor { return nil }

// Load takes over a State of a Model of the same network and optimizer.
func (m *Model) Load(state []Tensor) error { return nil }

// Parameters returns the number of trainable parameters.
func (m *Model) Parameters() int { return m.parameters }

// KernelSet names the kernels that this process uses: "avx512", "avx2" or "go".
func KernelSet() string { return kernel.Best().String() }
