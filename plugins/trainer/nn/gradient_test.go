package nn

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/nascent-nas/nascent/genome/network"
	"github.com/nascent-nas/nascent/genome/rng"
	"github.com/nascent-nas/nascent/plugins/trainer/kernel"
)

// everyLayer are networks that show every layer in odd shapes. Layers under
// test stand between layers that learn, so that their gradients count.
func everyLayer() map[string]*net {
	conv := func(n *net, d network.Node) *net {
		d.Op, d.Bias = network.Conv, true
		return n.then(d)
	}
	nets := map[string]*net{
		"conv":    input(2, 9).conv(3, 3, 1, 1).act("tanh").conv(7, 4, 1, 0).op(network.Flatten).dense(3),
		"stride":  input(2, 11).conv(6, 3, 2, 1).act("tanh").conv(4, 2, 3, 0).dense(3),
		"no bias": input(1, 8).then(network.Node{Op: network.Conv, Channels: 3, Kernel: []int{3}}).act("tanh").then(network.Node{Op: network.Dense, Channels: 3}),
		"dilation": conv(conv(input(3, 12), network.Node{Channels: 5, Kernel: []int{3}, Dilation: []int{3}, Pad: []int{3}}).act("tanh"),
			network.Node{Channels: 4, Kernel: []int{2}, Dilation: []int{4}, Stride: []int{2}}).dense(3),
		"circular": conv(conv(input(2, 10), network.Node{Channels: 5, Kernel: []int{5}, Pad: []int{4}, Dilation: []int{2}, Circular: true}).
			act("tanh"), network.Node{Channels: 4, Kernel: []int{3}, Pad: []int{1}, Stride: []int{2}, Circular: true}).dense(3),
		"groups": conv(conv(input(4, 8), network.Node{Channels: 6, Kernel: []int{3}, Groups: 2, Pad: []int{1}}).act("tanh"), network.Node{Channels: 9, Kernel: []int{3}, Groups: 3}).dense(3),
		"depthwise": conv(conv(input(5, 8), network.Node{Channels: 5, Kernel: []int{3}, Groups: 5, Pad: []int{1}}).act("tanh"), network.Node{Channels: 10, Kernel: []int{3}, Groups: 5}).
			conv(3, 1, 1, 0).dense(3),
		"2-D": conv(conv(input(2, 7, 6), network.Node{Channels: 5, Kernel: []int{3, 2}, Stride: []int{2, 1}, Pad: []int{1, 0}}).act("tanh"),
			network.Node{Channels: 4, Kernel: []int{2, 3}, Dilation: []int{2, 1}, Pad: []int{1, 1}, Groups: 1}).
			op(network.Flatten).act("tanh").dense(3),
		"2-D circular": conv(input(1, 5, 6), network.Node{Channels: 4, Kernel: []int{3, 3}, Pad: []int{1, 2}, Dilation: []int{1, 2}, Circular: true}).norm().act("relu").op(network.GlobalAvg).dense(3),
		"relu conv":    input(2, 9).conv(5, 3, 1, 1).act("relu").conv(6, 3, 1, 1).act("leaky_relu").dense(4).act("relu").dense(3),
		"norm":         input(2, 9).norm().conv(5, 3, 1, 1).norm().act("tanh").conv(4, 3, 1, 1).norm().act("relu").conv(4, 3, 1, 0).norm().act("leaky_relu").dense(5).norm().dense(3),
		"norm plain":   input(2, 9).conv(5, 3, 1, 1).then(network.Node{Op: network.Norm}).act("tanh").dense(3),
		"max pool": input(2, 12).conv(5, 3, 1, 1).then(network.Node{Op: network.MaxPool, Kernel: []int{3}, Stride: []int{2},
			Pad: []int{1}}).conv(4, 1, 1, 0).then(network.Node{Op: network.MaxPool, Kernel: []int{2}, Stride: []int{2}}).dense(3),
		"avg pool": input(2, 12).conv(5, 3, 1, 1).then(network.Node{Op: network.AvgPool, Kernel: []int{3}, Stride: []int{2},
			Pad: []int{1}}).conv(4, 1, 1, 0).then(network.Node{Op: network.AvgPool, Kernel: []int{2}, Stride: []int{3}}).dense(3),
		"pools 2-D": input(2, 6, 7).conv(4, 2, 1, 0).then(network.Node{Op: network.MaxPool, Kernel: []int{2, 3}, Stride: []int{1, 2}}).
			then(network.Node{Op: network.AvgPool, Kernel: []int{3, 2}, Stride: []int{1, 1}, Pad: []int{1, 0}}).dense(3),
		"global avg": input(2, 9).conv(5, 3, 1, 1).op(network.GlobalAvg).dense(3),
		"global max": input(2, 9).conv(5, 3, 1, 1).op(network.GlobalMax).dense(3),
		"flat":       input(7).dense(6).act("tanh").norm().op(network.Flatten).op(network.Identity).dense(3),
		"dropout":    input(2, 9).conv(5, 3, 1, 1).then(network.Node{Op: network.Dropout, Rate: 0.3}).act("tanh").dense(4).then(network.Node{Op: network.Dropout, Rate: 0.5}).dense(3),
		"residual": input(2, 9).conv(4, 3, 1, 1).act("tanh").conv(4, 3, 1, 1).then(network.Node{Op: network.Add, Inputs: []int{2, 3}}).act("relu").
			then(network.Node{Op: network.Add, Inputs: []int{2, 3, 5}}).then(network.Node{Op: network.Add, Inputs: []int{6, 6}}).dense(3),
		"concat": input(2, 9).conv(4, 3, 1, 1).act("tanh").conv(3, 3, 1, 1).then(network.Node{Op: network.Concat, Inputs: []int{3, 0, 2}}).
			then(network.Node{Op: network.Identity}).conv(4, 3, 2, 0).op(network.GlobalAvg).
			then(network.Node{Op: network.GlobalMax, Inputs: []int{4}}).then(network.Node{Op: network.Concat, Inputs: []int{7, 8}}).dense(3),
		"crop":     input(2, 9).conv(4, 3, 1, 1).then(network.Node{Op: network.Crop, Channels: 3, Offset: []int{1}}).act("tanh").conv(4, 3, 2, 1).dense(3),
		"crop 2-D": input(2, 4, 5).conv(4, 2, 1, 1).then(network.Node{Op: network.Crop, Channels: 4, Offset: []int{1, 2}}).op(network.Flatten).act("tanh").dense(3),
		"zero": input(2, 9).conv(4, 3, 1, 1).then(network.Node{Op: network.Zero, Inputs: []int{1}}).then(network.Node{Op: network.Concat, Inputs: []int{1, 2}}).act("relu").
			then(network.Node{Op: network.Zero, Stride: []int{2}}).
			then(network.Node{Op: network.AvgPool, Inputs: []int{4}, Kernel: []int{1}, Stride: []int{2}}).
			then(network.Node{Op: network.Add, Inputs: []int{5, 6}}).dense(3),
	}
	for _, f := range []string{"relu", "leaky_relu", "mish", "tanh", "sigmoid", "gelu", "swish", "elu"} {
		nets[f] = input(6).dense(7).then(network.Node{Op: network.Identity}).norm().act(f).act(f).dense(3)
		nets[f+" on pool"] = input(2, 8).conv(4, 3, 1, 1).then(network.Node{Op: network.AvgPool, Kernel: []int{2}, Stride: []int{2}}).act(f).dense(3)
	}
	for _, n := range nets {
		for i := range n.Nodes {
			n.Nodes[i].Name = fmt.Sprintf("%s[%d]", n.Nodes[i].Op, i)
		}
	}
	return nets
}

// oracle returns the naive network with the parameters of m.
func oracle(n *net, m *Model) *naive {
	r := &naive{net: n, params: map[string][]float64{}, training: true, smoothing: m.options.LabelSmoothing,
		seed: m.options.Seed, step: m.feed.step, lanes: len(m.feed.labels)}
	for _, t := range m.State() {
		for _, v := range t.Data {
			r.params[t.Name] = append(r.params[t.Name], float64(v))
		}
	}
	return r
}

func widen(x []float32, n int) [][]float64 {
	out := make([][]float64, n)
	for i, v := range x {
		j := i / (len(x) / n)
		out[j] = append(out[j], float64(v))
	}
	return out
}

// gradients runs forward and backward without a step.
func gradients[E kernel.Float](t *testing.T, m *ModelOf[E], x []E, y []int32) float64 {
	t.Helper()
	m.feed.training = true
	m.load(x, y)
	if err := m.forward.run(); err != nil {
		t.Fatal(err)
	}
	if err := m.backward.run(); err != nil {
		t.Fatal(err)
	}
	return m.feed.loss / float64(len(y))
}

func TestGradientsOfEveryLayer(t *testing.T) {
	t.Parallel()
	for name, n := range everyLayer() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checkGradients(t, n)
		})
	}
}

// TestGradientsOfRandomGraphs joins layers at random: values with several
// users, branches, rectifiers that cannot be fused, dead ends.
func TestGradientsOfRandomGraphs(t *testing.T) {
	t.Parallel()
	functions := []string{"relu", "leaky_relu", "mish", "tanh", "relu", "elu"}
	for seed := range uint64(30) {
		r := rng.New(seed)
		n := input(1+r.Intn(3), 6)
		if r.Bool() {
			n = input(1+r.Intn(2), 3, 4)
		}
		dims := len(n.Nodes[0].Shape) - 1
		for range 3 + r.Intn(8) {
			from := len(n.Nodes) - 1 - r.Intn(min(3, len(n.Nodes)))
			shape := n.Nodes[from].Shape
			if len(shape) == 1 {
				break
			}
			d := network.Node{Inputs: []int{from}}
			switch r.Intn(9) {
			case 0, 1:
				d.Op, d.Channels, d.Bias = network.Conv, shape[0]*(1+r.Intn(2)), r.Bool()
				d.Kernel, d.Pad, d.Circular = repeat(3, dims), repeat(1, dims), r.Bool()
				if r.Bool() {
					d.Groups = shape[0]
				}
			case 2:
				d.Op, d.Affine = network.Norm, r.Bool()
			case 3, 4:
				d.Op, d.Function = network.Activation, functions[r.Intn(len(functions))]
			case 5:
				d.Op = network.Identity
			case 6, 7:
				d.Op = []network.Op{network.Add, network.Concat}[r.Intn(2)]
				for i := range n.Nodes {
					if same := product(n.Nodes[i].Shape) == product(shape) && n.Nodes[i].Shape[0] == shape[0]; same && r.Bool() {
						d.Inputs = append(d.Inputs, i)
					}
				}
			case 8:
				d.Op, d.Kernel, d.Stride, d.Pad = network.AvgPool, repeat(3, dims), repeat(1, dims), repeat(1, dims)
				if r.Bool() {
					d.Op = network.Zero
				}
			}
			n.then(d)
		}
		switch r.Intn(4) {
		case 0:
			n.op(network.Flatten)
		case 1:
			n.op(network.Flatten).act("relu")
		case 2:
			n.op(network.GlobalAvg)
		}
		n.dense(3)
		for i := range n.Nodes {
			n.Nodes[i].Name = string(n.Nodes[i].Op) + itoa(i)
		}
		t.Run(itoa(int(seed)), func(t *testing.T) {
			t.Parallel()
			checkGradients(t, n)
			if t.Failed() {
				for i, d := range n.Nodes {
					t.Logf("%d: %+v", i, d)
				}
			}
		})
	}
}

// checkGradients compares loss and gradients of every kernel set with the
// oracle, on a batch that does not fill the lanes.
func checkGradients(t *testing.T, n *net) {
	t.Helper()
	const batch, count = 20, 19
	x, y := samples(7, n, count)
	wide := widen(x, count)
	var expected map[string][]float64
	var state []Array[float64] // of the first model
	for _, set := range kernel.Available() {
		m, err := build(&n.Network, Options{Batch: batch, Seed: 3, LabelSmoothing: 0.1}, kernel.For(set), true, nil)
		if err != nil {
			t.Fatal(err)
		}
		jitter(m)
		r := oracle(n, m)
		want, _ := r.loss(wide, y)
		if got := gradients(t, m, x, y); math.Abs(got-want) > 1e-5*max(1, want) {
			t.Errorf("%v: loss %v, want %v", set, got, want)
		}
		if expected == nil {
			for _, a := range m.State() {
				state = append(state, Array[float64]{a.Name, a.Shape, r.params[a.Name]})
			}
			expected = map[string][]float64{}
			for _, p := range m.parameters.list {
				expected[p.Name] = r.differences(p.Name, wide, y)
			}
		}
		for _, p := range m.parameters.list {
			got := make([]float32, len(p.grad))
			p.toOuter(got, p.grad)
			var wrong, size float64
			for i, want := range expected[p.Name] {
				wrong += (float64(got[i]) - want) * (float64(got[i]) - want)
				size += want * want
			}
			// Central differences themselves are good for 1e-8 or so.
			if math.Sqrt(wrong) > 2e-5*math.Sqrt(size)+1e-7 {
				t.Errorf("%v: gradient of %s is off by %.2g of %.2g", set, p.Name, math.Sqrt(wrong), math.Sqrt(size))
			}
		}
	}
	checkWide(t, n, state, x, y, expected)
}

// checkWide compares with float64, where only the central differences are not
// exact.
func checkWide(t *testing.T, n *net, state []Array[float64], x []float32, y []int32, expected map[string][]float64) {
	t.Helper()
	m, err := BuildWide(&n.Network, Options{Batch: 20, Seed: 3, LabelSmoothing: 0.1})
	if err == nil {
		err = m.Load(state)
	}
	if err != nil {
		t.Fatal(err)
	}
	gradients(t, m, slices.Concat(widen(x, len(y))...), y)
	for _, p := range m.parameters.list {
		got := make([]float64, len(p.grad))
		p.toOuter(got, p.grad)
		for i, want := range expected[p.Name] {
			if math.Abs(got[i]-want) > 2e-7*max(1, math.Abs(want)) {
				t.Errorf("float64: gradient %d of %s is %v, want %v", i, p.Name, got[i], want)
				break
			}
		}
	}
}

// jitter moves scales and shifts off 1 and 0.
func jitter(m *Model) {
	r := rng.New(5)
	for _, p := range m.parameters.list {
		if p.FanIn == 0 {
			for i := range p.data {
				p.data[i] += float32(0.3 * r.Normal())
			}
		}
	}
}

// differences returns central differences of the loss by one parameter.
func (r *naive) differences(name string, x [][]float64, y []int32) []float64 {
	p := r.params[name]
	d := make([]float64, len(p))
	const h = 1e-6
	for i, v := range p {
		p[i] = v + h
		up, _ := r.loss(x, y)
		p[i] = v - h
		down, _ := r.loss(x, y)
		p[i] = v
		d[i] = (up - down) / (2 * h)
	}
	return d
}
