package controller

import (
	"fmt"
	"hash"

	"github.com/chewxy/hm"
	_ "go4.org/unsafe/assume-no-moving-gc" // pinned: an older one stops the process at its start
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// op is every Op of ours: a function that fills a value which the op owns, and
// a function that says what its gradients are, as in package nn.
type op struct {
	name string
	id   uint32 // unique in its graph, for Gorgonia merges nodes of equal hash
	args []hm.Type
	diff []bool  // which inputs can have a gradient
	out  G.Value // *tensor.Dense or *G.F64
	run  func(in [][]float64)
	grad func(in G.Nodes, grad *G.Node) (G.Nodes, error) // one per input; nil where diff is false

	in  [][]float64
	one []float64 // copies of inputs that are not tensors
}

func (o *op) Arity() int { return len(o.args) }

func (o *op) Type() hm.Type {
	var t hm.Type = G.Float64
	if n := o.out.Shape().Dims(); n > 0 {
		t = G.TensorType{Dims: n, Of: G.Float64}
	}
	return hm.NewFnType(append(append([]hm.Type{}, o.args...), t)...)
}

func (o *op) InferShape(...G.DimSizer) (tensor.Shape, error) { return o.out.Shape().Clone(), nil }

// Do runs the op. Its inputs are float64 tensors, or a float64.
func (o *op) Do(values ...G.Value) (G.Value, error) {
	for i, v := range values {
		switch v := v.(type) {
		case *tensor.Dense:
			o.in[i] = v.Float64s()
		case *G.F64:
			o.one[i] = float64(*v)
			o.in[i] = o.one[i : i+1]
		default:
			return nil, fmt.Errorf("controller: %s cannot take a %T", o.name, v)
		}
	}
	o.run(o.in)
	return o.out, nil
}

func (o *op) ReturnsPtr() bool      { return true }
func (o *op) CallsExtern() bool     { return false }
func (o *op) OverwritesInput() int  { return -1 }
func (o *op) DiffWRT(int) []bool    { return o.diff }
func (o *op) Hashcode() uint32      { return o.id }
func (o *op) WriteHash(h hash.Hash) { fmt.Fprintf(h, "nascent %s %d", o.name, o.id) }
func (o *op) String() string        { return fmt.Sprintf("%s#%d", o.name, o.id) }

// SymDiff adds the nodes of the gradients to the graph.
func (o *op) SymDiff(in G.Nodes, _, grad *G.Node) (G.Nodes, error) { return o.grad(in, grad) }

// builder adds ops to a graph.
type builder struct {
	g    *G.ExprGraph
	ops  uint32
	fail error // the first one
}

// apply adds an op to the graph.
func (b *builder) apply(o *op, in ...*G.Node) *G.Node {
	b.ops++
	o.id = b.ops
	o.in, o.one = make([][]float64, len(in)), make([]float64, len(in))
	for _, n := range in {
		if n == nil {
			return nil
		}
		o.args = append(o.args, n.Type())
	}
	if o.diff == nil {
		o.diff = make([]bool, len(in))
	}
	n, err := G.ApplyOp(o, in...)
	if err != nil && b.fail == nil {
		b.fail = err
	}
	return n
}

// matrix is a tensor over values.
func matrix(rows, cols int, values []float64) *tensor.Dense {
	return tensor.New(tensor.WithShape(rows, cols), tensor.WithBacking(values))
}

// values adds an op that fills a matrix of its own.
func (b *builder) values(name string, rows, cols int, run func(y []float64, in [][]float64), in ...*G.Node) *G.Node {
	return b.into(name, rows, cols, make([]float64, rows*cols), run, in...)
}

// into adds an op that fills given values.
func (b *builder) into(name string, rows, cols int, y []float64, run func(y []float64, in [][]float64), in ...*G.Node) *G.Node {
	return b.apply(&op{name: name, out: matrix(rows, cols, y), run: func(in [][]float64) { run(y, in) }}, in...)
}

// call is an op with its inputs, which are known before the first run since
// every op owns its value.
type call struct {
	op *op
	in []G.Value
}

// program is a part of a graph in the order of its execution.
type program []call

// compile orders what the roots need, first root first, behind what has already
// been done.
func compile(g *G.ExprGraph, done map[*G.Node]G.Value, roots ...*G.Node) (p program, err error) {
	var visit func(n *G.Node)
	visit = func(n *G.Node) {
		if done[n] != nil || err != nil {
			return
		}
		var c call
		for it := g.From(n.ID()); it.Next(); {
			child := it.Node().(*G.Node)
			visit(child)
			c.in = append(c.in, done[child])
		}
		if len(c.in) == 0 { // a leaf: weights or a constant
			if done[n] = n.Value(); done[n] == nil && err == nil {
				err = fmt.Errorf("controller: %v has no value", n)
			}
			return
		}
		if c.op = operation(n); c.op == nil && err == nil {
			err = fmt.Errorf("controller: unexpected operation %v in the graph", n.Op())
		}
		if err == nil {
			done[n] = c.op.out
			p = append(p, c)
		}
	}
	for _, n := range roots {
		visit(n)
	}
	return p, err
}

// operation returns the op of a node; nil if it is not known. The only one that
// is not ours is the addition that Gorgonia inserts where the gradients of
// several uses meet.
func operation(n *G.Node) *op {
	if o, ok := n.Op().(*op); ok {
		return o
	}
	if n.Op().String() != "+ false" || n.Dims() != 2 {
		return nil
	}
	y := make([]float64, n.Shape().TotalSize())
	o := &op{name: "sum", out: matrix(n.Shape()[0], n.Shape()[1], y), in: make([][]float64, 2)}
	o.run = func(in [][]float64) {
		for i := range y {
			y[i] = in[0][i] + in[1][i]
		}
	}
	return o
}

func (p program) run() error {
	for i := range p {
		if _, err := p[i].op.Do(p[i].in...); err != nil {
			return err
		}
	}
	return nil
}
