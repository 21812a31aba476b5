package nn

import (
	"fmt"
	"hash"

	"github.com/chewxy/hm"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/nascent-nas/nascent/plugins/trainer/kernel"
)

// op is every Op of ours: a function that fills a value which the op owns, and
// a function that says what its gradients are. Since Do always answers with
// the same value, a graph can be carried out in place, without allocating.
type op[E kernel.Float] struct {
	name string
	id   uint32 // unique in its graph, for Gorgonia merges nodes of equal hash
	args []hm.Type
	diff []bool       // which inputs can have a gradient
	dims tensor.Shape // of the value
	out  G.Value      // *tensor.Dense, or *G.F32 or *G.F64; a gradient gets its own when the graph is put in order
	run  func(in [][]E)
	grad func(in G.Nodes, grad *G.Node) (G.Nodes, error) // one per input; nil where diff is false

	in  [][]E
	one []E // copies of inputs that are not tensors

	// In a Supernet only:
	gate    *gate // it is run only while this is open; nil: always
	partial bool  // it takes the inputs that are there, and is there if one is
	absent  bool  // it was not run this time
}

func (o *op[E]) Arity() int { return len(o.args) }

func (o *op[E]) Type() hm.Type {
	var t hm.Type = dtype[E]()
	if len(o.dims) > 0 {
		t = G.TensorType{Dims: len(o.dims), Of: dtype[E]()}
	}
	return hm.NewFnType(append(append([]hm.Type{}, o.args...), t)...)
}

func (o *op[E]) InferShape(...G.DimSizer) (tensor.Shape, error) { return o.dims.Clone(), nil }

// Do runs the op. Its inputs are tensors, or a number.
func (o *op[E]) Do(values ...G.Value) (G.Value, error) {
	for i, v := range values {
		switch v := v.(type) {
		case *tensor.Dense:
			o.in[i] = numbers[E](v)
		case *G.F32:
			o.one[i] = E(*v)
			o.in[i] = o.one[i : i+1]
		case *G.F64:
			o.one[i] = E(*v)
			o.in[i] = o.one[i : i+1]
		default:
			return nil, fmt.Errorf("nn: %s cannot take a %T", o.name, v)
		}
	}
	o.run(o.in)
	return o.out, nil
}

func (o *op[E]) ReturnsPtr() bool      { return true }
func (o *op[E]) CallsExtern() bool     { return false }
func (o *op[E]) OverwritesInput() int  { return -1 }
func (o *op[E]) DiffWRT(int) []bool    { return o.diff }
func (o *op[E]) Hashcode() uint32      { return o.id }
func (o *op[E]) WriteHash(h hash.Hash) { fmt.Fprintf(h, "nascent %s %d", o.name, o.id) }
func (o *op[E]) String() string        { return fmt.Sprintf("%s#%d", o.name, o.id) }

// SymDiff adds the nodes of the gradients to the graph.
func (o *op[E]) SymDiff(in G.Nodes, _, grad *G.Node) (G.Nodes, error) { return o.grad(in, grad) }
