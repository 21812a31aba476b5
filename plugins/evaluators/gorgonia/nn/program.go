package nn

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/nascent-nas/nascent/plugins/evaluators/gorgonia/kernel"
)

// program is a part of a graph in the order of its execution. Every op owns
// its value, so the inputs of each are known before the first run.
type program []call

type call struct {
	op *op
	in []G.Value
}

// compile orders what the roots need, first root first, behind what has
// already been done.
func compile(k *kernel.Kernels, g *G.ExprGraph, done map[*G.Node]G.Value, roots ...*G.Node) (program, error) {
	var p program
	var visit func(n *G.Node) (G.Value, error)
	visit = func(n *G.Node) (G.Value, error) {
		if v, ok := done[n]; ok {
			return v, nil
		}
		var in []G.Value
		for it := g.From(n.ID()); it.Next(); {
			v, err := visit(it.Node().(*G.Node))
			if err != nil {
				return nil, err
			}
			in = append(in, v)
		}
		if len(in) == 0 { // a leaf: input, parameter or constant
			v := n.Value()
			if v == nil {
				return nil, fmt.Errorf("nn: %v has no value", n)
			}
			done[n] = v
			return v, nil
		}
		o, ok := n.Op().(*op)
		if !ok {
			// The only Op that is not ours is the addition that Gorgonia
			// inserts where the gradients of several uses meet.
			a, okA := in[0].(*tensor.Dense)
			if n.Op().String() != "+ false" || len(in) != 2 || !okA {
				return nil, fmt.Errorf("nn: unexpected operation %v in the graph", n.Op())
			}
			sum := newTensor(a.Shape()...)
			y := sum.Float32s()
			o = &op{name: "sum", out: sum, in: make([][]float32, 2), run: func(in [][]float32) { k.Add(y, in[0], in[1]) }}
		}
		p = append(p, call{o, in})
		done[n] = o.out
		return o.out, nil
	}
	for _, n := range roots {
		if _, err := visit(n); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func (p program) run() error {
	for i := range p {
		if _, err := p[i].op.Do(p[i].in...); err != nil {
			return err
		}
	}
	return nil
}

// newTensor returns zeros that begin on a cache line.
func newTensor(shape ...int) *tensor.Dense {
	size := 1
	for _, s := range shape {
		size *= s
	}
	return tensor.New(tensor.WithShape(shape...), tensor.WithBacking(kernel.Floats(size)))
}
