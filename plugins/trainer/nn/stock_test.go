package nn

import (
	"math"
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/nascent-nas/nascent/genome/network"
)

// stock is a network made of Gorgonia's own operations, with the parameters
// of a Model: convolution, max pooling, ReLU and dense layers, where
// Gorgonia's gradients are right.
type stock struct {
	graph        *G.ExprGraph
	input, class *G.Node
	loss         G.Value
	names        []string
	learned      G.Nodes
	machine      G.VM
}

func newStock(t testing.TB, n *net, m *Model, batch int) *stock {
	t.Helper()
	building.Lock()
	defer building.Unlock()
	must := func(node *G.Node, err error) *G.Node {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return node
	}
	s := &stock{graph: G.NewGraph()}
	given := map[string]Tensor{}
	for _, p := range m.State() {
		given[p.Name] = p
	}
	learn := func(name string, shape ...int) *G.Node {
		p := G.NewTensor(s.graph, G.Float32, len(shape), G.WithShape(shape...), G.WithName(name),
			G.WithValue(tensor.New(tensor.WithShape(shape...), tensor.WithBacking(given[name].Data))))
		s.names, s.learned = append(s.names, name), append(s.learned, p)
		return p
	}
	// A 1-D network becomes a 2-D one of height 1.
	two := func(v []int, otherwise int) []int {
		switch len(v) {
		case 0:
			return []int{otherwise, otherwise}
		case 1:
			return []int{otherwise, v[0]}
		}
		return v
	}
	shape := append([]int{batch, n.Nodes[0].Shape[0]}, two(n.Nodes[0].Shape[1:], 1)...)
	s.input = G.NewTensor(s.graph, G.Float32, 4, G.WithShape(shape...), G.WithName("x"))
	at := s.input
	for i := range n.Nodes[1:] {
		d := &n.Nodes[i+1]
		in := n.Nodes[d.Inputs[0]].Shape
		switch d.Op {
		case network.Conv:
			k := two(d.Kernel, 1)
			at = must(G.Conv2d(at, learn(d.Name+".weight", d.Channels, in[0], k[0], k[1]), tensor.Shape(k), two(d.Pad, 0),
				two(d.Stride, 1), two(d.Dilation, 1)))
			if d.Bias {
				at = must(G.BroadcastAdd(at, learn(d.Name+".bias", 1, d.Channels, 1, 1), nil, []byte{0, 2, 3}))
			}
		case network.MaxPool:
			at = must(G.MaxPool2D(at, tensor.Shape(two(d.Kernel, 1)), two(d.Pad, 0), two(d.Stride, 1)))
		case network.Activation:
			at = must(G.Rectify(at))
		case network.Dense:
			// Its weights are given as [out, in].
			w := learn(d.Name+".weight", d.Channels, product(in))
			at = must(G.Mul(must(G.Reshape(at, tensor.Shape{batch, product(in)})), must(G.Transpose(w, 1, 0))))
			if d.Bias {
				at = must(G.BroadcastAdd(at, learn(d.Name+".bias", 1, d.Channels), nil, []byte{0}))
			}
		case network.Flatten:
		default:
			t.Fatalf("no stock operation for %s", d.Op)
		}
	}
	classes := n.last().Shape[0]
	s.class = G.NewMatrix(s.graph, G.Float32, G.WithShape(batch, classes), G.WithName("y"))
	mean := must(G.Mean(must(G.HadamardProd(must(G.LogSoftMax(at)), s.class))))
	loss := must(G.Mul(mean, G.NewConstant(float32(-classes))))
	G.Read(loss, &s.loss)
	if _, err := G.Grad(loss, s.learned...); err != nil {
		t.Fatal(err)
	}
	s.machine = G.NewTapeMachine(s.graph, G.BindDualValues(s.learned...))
	t.Cleanup(func() { s.machine.Close() })
	return s
}

func (s *stock) run(t testing.TB, x []float32, y []int32) {
	t.Helper()
	classes := s.class.Shape()[1]
	hot := make([]float32, len(y)*classes)
	for j, c := range y {
		hot[j*classes+int(c)] = 1
	}
	s.machine.Reset()
	if err := G.Let(s.input, tensor.New(tensor.WithShape(s.input.Shape()...), tensor.WithBacking(x))); err != nil {
		t.Fatal(err)
	}
	if err := G.Let(s.class, tensor.New(tensor.WithShape(len(y), classes), tensor.WithBacking(hot))); err != nil {
		t.Fatal(err)
	}
	if err := s.machine.RunAll(); err != nil {
		t.Fatal(err)
	}
}

// name gives every node a name of its own.
func name(n *net) *net {
	for i := range n.Nodes {
		n.Nodes[i].Name = string(n.Nodes[i].Op) + itoa(i)
	}
	return n
}

// TestAgainstStock compares losses and gradients with Gorgonia's operations.
func TestAgainstStock(t *testing.T) {
	t.Parallel()
	pool := func(k int) network.Node {
		return network.Node{Op: network.MaxPool, Kernel: []int{k, k}, Stride: []int{k, k}}
	}
	for what, n := range map[string]*net{
		"handmade": handmade(),
		"2-D":      input(2, 9, 8).conv(4, 3, 1, 1).act("relu").then(pool(2)).conv(5, 3, 2, 1).act("relu").op(network.Flatten).dense(3),
		"dilated": input(3, 8, 8).then(network.Node{Op: network.Conv, Channels: 5, Kernel: []int{3, 3}, Dilation: []int{2, 2},
			Pad: []int{2, 2}, Stride: []int{1, 1}}).act("relu").op(network.Flatten).dense(4),
	} {
		const batch = 11
		name(n)
		m := mustBuild(t, n, Options{Batch: batch, Seed: 6})
		x, y := samples(8, n, batch)
		s := newStock(t, n, m, batch)
		s.run(t, x, y)
		loss := gradients(t, m, x, y)
		if want := float64(s.loss.Data().(float32)); math.Abs(loss-want) > 1e-5 {
			t.Errorf("%s: loss %v, Gorgonia's %v", what, loss, want)
		}
		byName := map[string][]float32{}
		for _, p := range m.parameters.list {
			byName[p.Name] = make([]float32, len(p.grad))
			p.toOuter(byName[p.Name], p.grad)
		}
		for i, node := range s.learned {
			g, err := node.Grad()
			if err != nil {
				t.Fatal(err)
			}
			var wrong, size float64
			for j, want := range g.Data().([]float32) {
				d := float64(byName[s.names[i]][j] - want)
				wrong += d * d
				size += float64(want) * float64(want)
			}
			if !(math.Sqrt(wrong) <= 1e-5*math.Sqrt(size)) {
				t.Errorf("%s: gradient of %s is %.2g of %.2g away from Gorgonia's", what, s.names[i], math.Sqrt(wrong), math.Sqrt(size))
			}
		}
	}
}

// BenchmarkStock is the hand-made CNN in Gorgonia's own operations.
func BenchmarkStock(b *testing.B) {
	n := name(handmade())
	s := newStock(b, n, mustBuild(b, n, Options{}), 100)
	x, y := samples(1, n, 100)
	solver := G.NewAdamSolver(G.WithLearnRate(1e-3))
	for b.Loop() {
		s.run(b, x, y)
		if err := solver.Step(G.NodesToValueGrads(s.learned)); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*100/b.Elapsed().Seconds(), "samples/s")
}
