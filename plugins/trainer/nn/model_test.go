package nn

import (
	"bytes"
	"encoding/binary"
	"math"
	"runtime"
	"strings"
	"sync"
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/nascent-nas/nascent/genome/network"
	"github.com/nascent-nas/nascent/plugins/trainer/kernel"
)

// everything is a small network with most layers, a residual branch and
// dropout.
func everything() *net {
	n := input(2, 12).conv(5, 3, 1, 1).norm().act("relu").then(network.Node{Op: network.Dropout, Rate: 0.2}).conv(5, 3, 1, 1).act("mish")
	n.then(network.Node{Op: network.Add, Inputs: []int{3, 6}}).norm().then(network.Node{Op: network.MaxPool, Kernel: []int{2}, Stride: []int{2}})
	return n.conv(4, 3, 1, 0).act("tanh").op(network.Flatten).dense(3)
}

func mustBuild(t testing.TB, n *net, o Options) *Model {
	t.Helper()
	m, err := Build(&n.Network, o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func mustTrain(t testing.TB, m *Model, x []float32, y []int32) float64 {
	t.Helper()
	loss, _, err := m.Train(x, y, 0.01)
	if err != nil {
		t.Fatal(err)
	}
	return loss
}

// bits is a Model's whole state.
func bits(t testing.TB, m *Model) []byte {
	t.Helper()
	var b bytes.Buffer
	for _, s := range m.State() {
		b.WriteString(s.Name)
		if err := binary.Write(&b, binary.LittleEndian, s.Data); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

// TestTapeMachine: Gorgonia's own machine computes the same bits.
func TestTapeMachine(t *testing.T) {
	t.Parallel()
	for _, n := range []*net{everything(), handmade(), base()} {
		o := Options{Batch: 20, LabelSmoothing: 0.1}
		m, err := build(&n.Network, o, kernel.For(kernel.Best()), false, nil)
		if err != nil {
			t.Fatal(err)
		}
		x, y := samples(1, n, 19)
		loss := gradients(t, m, x, y)
		want := append([]float32{}, m.parameters.grad...)
		clear(m.parameters.grad)
		building.Lock()
		machine := G.NewTapeMachine(m.graph)
		building.Unlock()
		if err := machine.RunAll(); err != nil {
			t.Fatal(err)
		}
		if got := m.feed.loss / float64(len(y)); got != loss {
			t.Errorf("loss %v, want %v", got, loss)
		}
		for i, g := range m.parameters.grad {
			if g != want[i] {
				t.Fatalf("gradient %d is %v, want %v", i, g, want[i])
			}
		}
		machine.Close()
		shared := mustBuild(t, n, o)
		gradients(t, shared, x, y)
		for i, g := range shared.parameters.grad {
			if g != want[i] {
				t.Fatalf("gradient %d is %v with shared memory, want %v", i, g, want[i])
			}
		}
	}
}

func TestLearns(t *testing.T) {
	t.Parallel()
	for _, o := range []Options{{}, {Optimizer: "adam", WeightDecay: 1e-4}, {Optimizer: "sgd"}, {Optimizer: "sgd", Momentum: 0.9, WeightDecay: 1e-4}} {
		n := everything()
		o.Batch, o.Seed = 50, 2
		m := mustBuild(t, n, o)
		x, y := samples(3, n, 50)
		rate := float32(0.01)
		if o.Optimizer == "sgd" {
			rate = 0.05
		}
		for range 300 {
			if _, _, err := m.Train(x, y, rate); err != nil {
				t.Fatal(err)
			}
		}
		if _, correct, _ := m.Eval(x, y); correct < 40 {
			t.Errorf("%+v: %d of 50 samples learned by heart", o, correct)
		}
	}
}

// TestOptimizers compares steps with the optimizers' definitions in float64: Kingma
// & Ba 2015, Loshchilov & Hutter 2019.
func TestOptimizers(t *testing.T) {
	t.Parallel()
	n := input(6).dense(5).act("tanh").dense(3)
	for _, o := range []Options{
		{WeightDecay: 0.1}, {Optimizer: "adam", WeightDecay: 0.1, Beta1: 0.8, Beta2: 0.95, Epsilon: 1e-4},
		{Optimizer: "sgd", WeightDecay: 0.1}, {Optimizer: "sgd", Momentum: 0.7, WeightDecay: 0.1},
	} {
		o.Batch = 16
		m := mustBuild(t, n, o)
		o = m.options
		p := m.parameters
		size := len(p.data)
		w, first, second := make([]float64, size), make([]float64, size), make([]float64, size)
		for i, v := range p.data {
			w[i] = float64(v)
		}
		x, y := samples(1, n, 16)
		const rate = 0.01
		for step := 1; step <= 5; step++ {
			mustTrain(t, m, x, y)
			for i := range w {
				g, decay := float64(p.grad[i]), 0.0
				if i < p.decayed {
					decay = o.WeightDecay
				}
				if o.Optimizer != "adamw" {
					g += decay * w[i]
				}
				if o.Optimizer == "sgd" {
					first[i] = o.Momentum*first[i] + g
					w[i] -= rate * first[i]
					continue
				}
				if o.Optimizer == "adamw" {
					w[i] -= rate * decay * w[i]
				}
				first[i] = o.Beta1*first[i] + (1-o.Beta1)*g
				second[i] = o.Beta2*second[i] + (1-o.Beta2)*g*g
				w[i] -= rate * first[i] / (1 - math.Pow(o.Beta1, float64(step))) / (math.Sqrt(second[i]/(1-math.Pow(o.Beta2, float64(step)))) + o.Epsilon)
			}
		}
		for i := range w {
			if math.Abs(w[i]-float64(p.data[i])) > 2e-6 {
				t.Fatalf("%+v: parameter %d is %v, want %v", o, i, p.data[i], w[i])
			}
		}
	}
}

// TestGoesOn: a Model that loads a state goes on to the bit.
func TestGoesOn(t *testing.T) {
	t.Parallel()
	for _, o := range []Options{{Batch: 20, Seed: 1}, {Batch: 20, Seed: 1, Optimizer: "sgd", Momentum: 0.9}} {
		n := everything()
		x, y := samples(1, n, 20)
		a := mustBuild(t, n, o)
		for range 5 {
			mustTrain(t, a, x, y)
		}
		b := mustBuild(t, n, o)
		if err := b.Load(a.State()); err != nil {
			t.Fatal(err)
		}
		for range 5 {
			if la, lb := mustTrain(t, a, x, y), mustTrain(t, b, x, y); la != lb {
				t.Fatalf("losses %v and %v", la, lb)
			}
		}
		if !bytes.Equal(bits(t, a), bits(t, b)) {
			t.Error("states differ")
		}
	}
}

func TestLoadRefuses(t *testing.T) {
	t.Parallel()
	m := mustBuild(t, everything(), Options{Batch: 16})
	before := bits(t, m)
	other := mustBuild(t, handmade(), Options{Batch: 16})
	state := m.State()
	short := append([]Tensor{}, state...)
	short[0].Shape = []int{1}
	for _, s := range [][]Tensor{nil, other.State(), state[:len(state)-1], short} {
		if err := m.Load(s); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("Load answered %v", err)
		}
	}
	if !bytes.Equal(before, bits(t, m)) {
		t.Error("a refused state changed the model")
	}
}

// TestConventionalLayout: weights come out as [out, in, kernel] and in the
// order of the flattened input.
func TestConventionalLayout(t *testing.T) {
	t.Parallel()
	n := input(2, 4).conv(3, 2, 1, 0).op(network.Flatten).dense(2)
	m := mustBuild(t, n, Options{Batch: 1})
	shapes := map[string][]int{"conv.weight": {3, 2, 2}, "conv.bias": {3}, "dense.weight": {2, 9}, "dense.bias": {2}}
	state := m.State()
	var conv, dense []float32
	for i := range state {
		if want, ok := shapes[state[i].Name]; ok {
			if len(want) != len(state[i].Shape) || want[0] != state[i].Shape[0] || want[len(want)-1] != state[i].Shape[len(want)-1] {
				t.Errorf("%s has shape %v, want %v", state[i].Name, state[i].Shape, want)
			}
			clear(state[i].Data)
			delete(shapes, state[i].Name)
		}
		switch state[i].Name {
		case "conv.weight":
			conv = state[i].Data
		case "dense.weight":
			dense = state[i].Data
		}
	}
	if len(shapes) > 0 {
		t.Fatalf("missing: %v", shapes)
	}
	conv[(2*2+1)*2+0] = 1 // channel 2 = input channel 1, first tap
	dense[1*9+2*3+1] = 1  // class 1 = channel 2, position 1
	if err := m.Load(state); err != nil {
		t.Fatal(err)
	}
	logits, err := m.Logits([]float32{0, 1, 2, 3, 4, 5, 6, 7})
	if err != nil || logits[0] != 0 || logits[1] != 5 {
		t.Errorf("logits %v, %v; want 0 and 5", logits, err)
	}
}

// TestSideBySide: what runs beside a Model does not change its bits.
func TestSideBySide(t *testing.T) {
	t.Parallel()
	nets := []*net{everything(), base(), everything(), handmade()}
	train := func(i int) []byte {
		m := mustBuild(t, nets[i], Options{Batch: 30, Seed: uint64(i)})
		x, y := samples(uint64(i), nets[i], 30)
		for range 10 {
			mustTrain(t, m, x, y)
			if _, _, err := m.Eval(x, y); err != nil {
				t.Error(err)
			}
		}
		return bits(t, m)
	}
	alone, together := make([][]byte, len(nets)), make([][]byte, len(nets))
	for i := range nets {
		alone[i] = train(i)
	}
	var all sync.WaitGroup
	for i := range nets {
		all.Go(func() { together[i] = train(i) })
	}
	all.Wait()
	for i := range nets {
		if !bytes.Equal(alone[i], together[i]) {
			t.Errorf("network %d: other bits in company", i)
		}
	}
	if bytes.Equal(alone[0], alone[2]) {
		t.Error("the seed has no effect")
	}
}

// TestUnusedLanes: a batch's result does not depend on what the unused lanes
// held before, nor on how large a batch the Model could take.
func TestUnusedLanes(t *testing.T) {
	t.Parallel()
	n := base()
	x, y := samples(1, n, 30)
	few := 7
	a, b := mustBuild(t, n, Options{Batch: 30}), mustBuild(t, n, Options{Batch: 30})
	start := a.State()
	mustTrain(t, a, x, y)
	if err := a.Load(start); err != nil {
		t.Fatal(err)
	}
	for _, m := range []*Model{a, b} {
		mustTrain(t, m, x[:few*40], y[:few])
	}
	if !bytes.Equal(bits(t, a), bits(t, b)) {
		t.Error("the samples of an earlier step show")
	}
	c := mustBuild(t, n, Options{Batch: few})
	mustTrain(t, c, x[:few*40], y[:few])
	la, err := a.Logits(x)
	if err != nil {
		t.Fatal(err)
	}
	lc, err := c.Logits(x)
	if err != nil {
		t.Fatal(err)
	}
	for i := range la {
		if math.Abs(float64(la[i]-lc[i])) > 1e-3 {
			t.Fatalf("logit %d is %v or %v", i, la[i], lc[i])
		}
	}
}

// TestEval compares Eval and Logits with the oracle, over several batches and
// after the statistics have moved, and checks that they change nothing.
func TestEval(t *testing.T) {
	t.Parallel()
	n := everything()
	for i := range n.Nodes {
		n.Nodes[i].Name = string(n.Nodes[i].Op) + itoa(i)
	}
	m := mustBuild(t, n, Options{Batch: 20, LabelSmoothing: 0.2})
	x, y := samples(4, n, 47)
	for range 20 {
		mustTrain(t, m, x[:20*24], y[:20])
	}
	before := bits(t, m)
	sum, correct, err := m.Eval(x, y)
	if err != nil {
		t.Fatal(err)
	}
	logits, err := m.Logits(x)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(before, bits(t, m)) {
		t.Error("evaluation changed the state")
	}
	r := oracle(n, m)
	r.training, r.smoothing = false, 0
	loss, want := r.loss(widen(x, 47), y)
	if math.Abs(sum/47-loss) > 1e-5 {
		t.Errorf("mean loss %v, want %v", sum/47, loss)
	}
	right := 0
	for j, z := range want {
		best := 0
		for c, v := range z {
			if v > z[best] {
				best = c
			}
			if math.Abs(v-float64(logits[j*3+c])) > 1e-4 {
				t.Fatalf("logit %d of sample %d is %v, want %v", c, j, logits[j*3+c], v)
			}
		}
		if best == int(y[j]) {
			right++
		}
	}
	if correct != right {
		t.Errorf("%d correct, want %d", correct, right)
	}
}

// TestRunningStatistics follows PyTorch: momentum 0.1, the variance that is
// kept is the unbiased one.
func TestRunningStatistics(t *testing.T) {
	t.Parallel()
	n := input(1, 2).norm().op(network.Flatten).dense(2)
	m := mustBuild(t, n, Options{Batch: 4})
	mustTrain(t, m, []float32{1, 2, 3, 4, 5, 6}, []int32{0, 1, 0})
	l := m.parameters.layers[1]
	if mean, variance := float64(l.mean.data[0]), float64(l.variance.data[0]); math.Abs(mean-0.35) > 1e-6 || math.Abs(variance-(0.9+0.1*3.5)) > 1e-6 {
		t.Errorf("mean %v and variance %v, want 0.35 and 1.25", mean, variance)
	}
}

func TestNothingToLearn(t *testing.T) {
	t.Parallel()
	for _, n := range []*net{
		input(2, 5).op(network.GlobalAvg),
		input(2, 5).conv(3, 3, 1, 1).then(network.Node{Op: network.Zero}).op(network.GlobalAvg).act("tanh"),
		input(2, 5).conv(3, 3, 1, 1).op(network.GlobalAvg).then(network.Node{Op: network.Zero}),
	} {
		m := mustBuild(t, n, Options{Batch: 5})
		x, y := samples(1, n, 5)
		if loss := mustTrain(t, m, x, y); math.IsNaN(loss) {
			t.Error("no loss")
		}
	}
}

func TestParametersCount(t *testing.T) {
	t.Parallel()
	for want, n := range map[int]*net{5210: handmade(), 3482: base()} {
		if got := mustBuild(t, n, Options{}).Parameters(); got != want || int64(got) != n.Network.Parameters() {
			t.Errorf("%d parameters, want %d; the network says %d", got, want, n.Network.Parameters())
		}
	}
}

func TestErrorsNameTheLayer(t *testing.T) {
	t.Parallel()
	named := func(n *net) *net { n.last().Name = "blocks[2]"; return n }
	for _, n := range []*net{
		named(input(1, 8).act("cosine")).op(network.GlobalAvg),
		named(input(1, 8).then(network.Node{Op: "fold"})).op(network.GlobalAvg),
		named(input(3, 8).then(network.Node{Op: network.Conv, Channels: 4, Groups: 2, Kernel: []int{1}})).op(network.GlobalAvg),
		named(input(3, 2).then(network.Node{Op: network.MaxPool, Kernel: []int{5}})).op(network.GlobalAvg),
		named(input(3, 2).then(network.Node{Op: network.Dropout, Rate: 1})).op(network.GlobalAvg),
		named(input(3, 8).conv(2, 3, 1, 1)),
	} {
		_, err := Build(&n.Network, Options{})
		if err == nil || !strings.Contains(err.Error(), `"blocks[2]"`) || strings.Contains(err.Error(), "\n") {
			t.Errorf("the error is %v", err)
		}
	}
	for _, o := range []Options{{Batch: -1}, {Optimizer: "lion"}, {LabelSmoothing: 1}} {
		if _, err := Build(&handmade().Network, o); err == nil {
			t.Errorf("%+v was accepted", o)
		}
	}
	m := mustBuild(t, handmade(), Options{Batch: 2})
	x, y := samples(1, handmade(), 3)
	for _, bad := range []func() error{
		func() error { _, _, err := m.Train(x, y, 1); return err },
		func() error { _, _, err := m.Train(x[:80], y[:1], 1); return err },
		func() error { _, _, err := m.Train(x[:80], []int32{0, 10}, 1); return err },
		func() error { _, _, err := m.Eval(nil, nil); return err },
		func() error { _, err := m.Logits(x[:41]); return err },
	} {
		if bad() == nil {
			t.Error("wrong data was accepted")
		}
	}
}

// TestNotANumber: a diverged training shows in the loss and does not crash.
func TestNotANumber(t *testing.T) {
	t.Parallel()
	n := everything()
	m := mustBuild(t, n, Options{Batch: 10})
	x, y := samples(1, n, 10)
	x[5] = float32(math.NaN())
	for range 2 {
		if loss := mustTrain(t, m, x, y); !math.IsNaN(loss) {
			t.Errorf("loss %v", loss)
		}
	}
}

// TestNoAllocation is not parallel: it counts all that is allocated.
func TestNoAllocation(t *testing.T) {
	for _, n := range []*net{everything(), handmade(), base()} {
		for _, o := range []Options{{Batch: 20}, {Batch: 20, Optimizer: "sgd", Momentum: 0.9}} {
			m := mustBuild(t, n, o)
			x, y := samples(1, n, 20)
			if a := testing.AllocsPerRun(10, func() { mustTrain(t, m, x, y) }); a > 0 {
				t.Errorf("%v allocations in a training step", a)
			}
			if a := testing.AllocsPerRun(10, func() { _, _, _ = m.Eval(x, y) }); a > 0 {
				t.Errorf("%v allocations in an evaluation", a)
			}
		}
	}
}

// TestKernelSets: whole trainings agree between the sets up to rounding.
func TestKernelSets(t *testing.T) {
	t.Parallel()
	n := everything()
	x, y := samples(1, n, 25)
	var first float64
	for i, set := range kernel.Available() {
		m, err := build(&n.Network, Options{Batch: 25, Seed: 4}, kernel.For(set), true, nil)
		if err != nil {
			t.Fatal(err)
		}
		var loss float64
		for range 10 {
			loss = mustTrain(t, m, x, y)
		}
		if i == 0 {
			first = loss
		}
		if math.Abs(loss-first) > 1e-3 {
			t.Errorf("%v: loss %v, others %v", set, loss, first)
		}
	}
	if len(kernel.Available()) < 3 {
		t.Logf("this machine (%s) runs only the kernels %v", runtime.GOARCH, kernel.Available())
	}
}

// TestSameBitsEveryTime: a value with many users gets its gradients added up
// in one order, however the graph was made.
func TestSameBitsEveryTime(t *testing.T) {
	t.Parallel()
	n := input(2, 8).conv(4, 3, 1, 1)
	sum := network.Node{Op: network.Add}
	for range 6 {
		n.then(network.Node{Op: network.Conv, Inputs: []int{1}, Channels: 4, Kernel: []int{3}, Pad: []int{1}}).act("tanh")
		sum.Inputs = append(sum.Inputs, len(n.Nodes)-1, 1)
	}
	n.then(sum).dense(3)
	x, y := samples(1, n, 10)
	var first []byte
	for range 8 {
		m := mustBuild(t, n, Options{Batch: 10})
		mustTrain(t, m, x, y)
		if first == nil {
			first = bits(t, m)
		}
		if !bytes.Equal(first, bits(t, m)) {
			t.Fatal("other bits")
		}
	}
}
