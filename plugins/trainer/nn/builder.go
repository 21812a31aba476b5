package nn

import (
	"fmt"

	"github.com/chewxy/hm"
	_ "go4.org/unsafe/assume-no-moving-gc" // pinned: an older one stops the process at its start
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/nascent-nas/nascent/plugins/trainer/kernel"
)

// feed is what changes from step to step and is not a tensor of the graph.
type feed[E kernel.Float] struct {
	n         int     // samples, in the first lanes
	training  bool    //
	alike     bool    // normalise by the batch's own statistics always, and keep none
	step      uint64  // optimizer steps taken so far
	labels    []int32 // [lanes]
	mask      []E     // [lanes]: all bits set where there is a sample
	smoothing E       // of labels
	loss      float64 // sum over the samples
	correct   int
}

// builder adds layers to a graph.
type builder[E kernel.Float] struct {
	g     *G.ExprGraph
	k     *kernel.Kernels[E]
	lanes int
	feed  *feed[E]
	seed  uint64
	ops   uint32
	gate  *gate // of the ops that are added now
	fail  error // the first one
}

// value is the output of a layer: an array (positions, channels, lanes).
type value struct {
	node                *G.Node
	positions, channels int
	learns              bool // depends on a parameter
}

// apply adds an op to the graph.
func (b *builder[E]) apply(o *op[E], in ...*G.Node) *G.Node {
	b.ops++
	o.id, o.gate = b.ops, b.gate
	o.in, o.one = make([][]E, len(in)), make([]E, len(in))
	o.args = make([]hm.Type, len(in))
	for i, n := range in {
		if n == nil {
			return nil
		}
		o.args[i] = n.Type()
	}
	if o.diff == nil {
		o.diff = make([]bool, len(in))
	}
	if o.out != nil {
		o.dims = o.out.Shape()
	}
	n, err := G.ApplyOp(o, in...)
	if err != nil && b.fail == nil {
		b.fail = err
	}
	return n
}

// leaf adds a node that has a value from the start.
func (b *builder[E]) leaf(name string, v *tensor.Dense) *G.Node {
	b.ops++
	return G.NewTensor(b.g, dtype[E](), v.Dims(), G.WithShape(v.Shape()...),
		G.WithName(fmt.Sprintf("%s#%d", name, b.ops)), G.WithValue(v))
}

// layer adds an op whose value is an array of activations.
func (b *builder[E]) layer(name string, positions, channels int, in []value,
	make func(y []E) (run func(in [][]E), grad func(in G.Nodes, grad *G.Node) G.Nodes)) value {
	out := newTensor[E](positions, channels, b.lanes)
	v := value{positions: positions, channels: channels}
	o := &op[E]{name: name, out: out}
	var nodes []*G.Node
	for _, x := range in {
		nodes = append(nodes, x.node)
		o.diff = append(o.diff, x.learns)
		v.learns = v.learns || x.learns
	}
	run, grad := make(numbers[E](out))
	o.run = run
	o.grad = func(in G.Nodes, g *G.Node) (G.Nodes, error) { return grad(in, g), b.fail }
	v.node = b.apply(o, nodes...)
	return v
}

// gradient adds an op that computes a gradient in the shape of a value, or
// nothing where none is wanted.
func (b *builder[E]) gradient(name string, of value, run func(dx []E, in [][]E), in ...*G.Node) *G.Node {
	if !of.learns {
		return nil
	}
	o := &op[E]{name: name, dims: tensor.Shape{of.positions, of.channels, b.lanes}}
	o.run = func(in [][]E) { run(numbers[E](o.out.(*tensor.Dense)), in) }
	return b.apply(o, in...)
}

// parameterGradient adds an op that computes the gradient of a parameter.
func (b *builder[E]) parameterGradient(p *parameter[E], run func(g []E, in [][]E), in ...*G.Node) *G.Node {
	return b.apply(&op[E]{name: "d " + p.Name, out: p.gradient, run: func(in [][]E) { run(p.grad, in) }}, in...)
}

// partial lets a value be there when only some of its inputs are.
func (b *builder[E]) partial(v value) {
	if v.node != nil {
		v.node.Op().(*op[E]).partial = true
	}
}
