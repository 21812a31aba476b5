package nn

import (
	"fmt"
	"hash"

	"github.com/chewxy/hm"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// op is every Op of ours: a function that fills a value which the op owns, and
// a function that says what its gradients are. Since Do always answers with
// the same value, a graph can be carried out in place, without allocating.
type op struct {
	name string
	id   uint32 // unique in its graph, for Gorgonia merges nodes of equal hash
	args []hm.Type
	diff []bool       // which inputs can have a gradient
	dims tensor.Shape // of the value
	out  G.Value      // *tensor.Dense or *G.F32; a gradient gets its own when the graph is put in order
	run  func(in [][]float32)
	grad func(in G.Nodes, grad *G.Node) (G.Nodes, error) // one per input; nil where diff is false

	in  [][]float32
	one []float32 // copies of inputs that are not tensors

	// In a Supernet only:
	gate    *gate // it is run only while this is open; nil: always
	partial bool  // it takes the inputs that are there, and is there if one is
	absent  bool  // it was not run this time
}

func (o *op) Arity() int { return len(o.args) }

func (o *op) Type() hm.Type {
	var t hm.Type = G.Float32
	if len(o.dims) > 0 {
		t = G.TensorType{Dims: len(o.dims), Of: G.Float32}
	}
	return hm.NewFnType(append(append([]hm.Type{}, o.args...), t)...)
}

func (o *op) InferShape(...G.DimSizer) (tensor.Shape, error) { return o.dims.Clone(), nil }

// Do runs the op. Its inputs are float32 tensors, or a float32.
func (o *op) Do(values ...G.Value) (G.Value, error) {
	for i, v := range values {
		switch v := v.(type) {
		case *tensor.Dense:
			o.in[i] = v.Float32s()
		case *G.F32:
			o.one[i] = float32(*v)
			o.in[i] = o.one[i : i+1]
		default:
			return nil, fmt.Errorf("nn: %s cannot take a %T", o.name, v)
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
