package nn

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/nascent-nas/nascent/plugins/gorgonia/kernel"
)

// program is a part of a graph in the order of its execution. Every op owns
// its value, so the inputs of each are known before the first run.
type program []call

type call struct {
	op   *op
	in   []G.Value
	from []*op // that made the inputs; nil for leaves
}

// compile orders what the roots need, first root first, behind what has
// already been done, and gives values to the gradients. ops are those of the
// nodes that were done. With share, gradients
// whose last reader has run make room for later ones, which halves the memory
// of a Model; a machine that runs the graph in another order needs them apart.
func compile(k *kernel.Kernels, g *G.ExprGraph, done map[*G.Node]G.Value, ops map[*G.Node]*op, share bool, roots ...*G.Node) (program, error) {
	var order []*G.Node
	children, seen := map[*G.Node][]*G.Node{}, map[*G.Node]bool{}
	var visit func(n *G.Node)
	visit = func(n *G.Node) {
		if seen[n] || done[n] != nil {
			return
		}
		seen[n] = true
		for it := g.From(n.ID()); it.Next(); {
			c := it.Node().(*G.Node)
			children[n] = append(children[n], c)
			visit(c)
		}
		order = append(order, n)
	}
	for _, n := range roots {
		visit(n)
	}
	last := map[*G.Node]int{} // reader
	for i, n := range order {
		for _, c := range children[n] {
			last[c] = i
		}
	}
	var p program
	free := map[int][]*tensor.Dense{} // by size
	lent := map[*G.Node]*tensor.Dense{}
	for i, n := range order {
		if len(children[n]) == 0 { // a leaf: input, parameter or constant
			if done[n] = n.Value(); done[n] == nil {
				return nil, fmt.Errorf("nn: %v has no value", n)
			}
			continue
		}
		o, err := operation(k, n)
		if err != nil {
			return nil, err
		}
		if o.out == nil {
			size := o.dims.TotalSize()
			v := newTensor // of one's own
			if old := free[size]; len(old) > 0 {
				free[size] = old[:len(old)-1]
				v = func(shape ...int) *tensor.Dense {
					return tensor.New(tensor.WithShape(shape...), tensor.WithBacking(old[len(old)-1].Float32s()))
				}
			}
			lent[n] = v(o.dims...)
			o.out = lent[n]
		}
		done[n], ops[n] = o.out, o
		c := call{op: o}
		for _, child := range children[n] {
			c.in = append(c.in, done[child])
			c.from = append(c.from, ops[child])
			if v := lent[child]; v != nil && share && last[child] == i {
				free[v.Size()] = append(free[v.Size()], v)
				delete(lent, child)
			}
		}
		p = append(p, c)
	}
	return p, nil
}

// operation returns the op of a node. The only one that is not ours is the
// addition that Gorgonia inserts where the gradients of several uses meet.
func operation(k *kernel.Kernels, n *G.Node) (*op, error) {
	if o, ok := n.Op().(*op); ok {
		return o, nil
	}
	if n.Op().String() != "+ false" || n.Dims() != 3 {
		return nil, fmt.Errorf("nn: unexpected operation %v in the graph", n.Op())
	}
	o := &op{name: "sum", dims: n.Shape(), in: make([][]float32, 2), partial: true}
	o.run = func(in [][]float32) {
		out := o.out.(*tensor.Dense).Float32s()
		switch {
		case in[1] == nil:
			copy(out, in[0])
		case in[0] == nil:
			copy(out, in[1])
		default:
			k.Add(out, in[0], in[1])
		}
	}
	return o, nil
}

func (p program) run() error {
	for i := range p {
		if _, err := p[i].op.Do(p[i].in...); err != nil {
			return err
		}
	}
	return nil
}

// runGated runs what the open gates and the inputs that are there let run.
func (p program) runGated() error {
	for i := range p {
		o := p[i].op
		if o.absent = o.gate != nil && !o.gate.open(); o.absent {
			continue
		}
		missing := 0
		for _, from := range p[i].from {
			if from != nil && from.absent {
				missing++
			}
		}
		if o.absent = missing == len(p[i].from) || missing > 0 && !o.partial; o.absent {
			continue
		}
		if missing == 0 {
			if _, err := o.Do(p[i].in...); err != nil {
				return err
			}
			continue
		}
		for j, from := range p[i].from {
			o.in[j] = nil
			if from == nil || !from.absent {
				o.in[j] = p[i].in[j].(*tensor.Dense).Float32s()
			}
		}
		o.run(o.in)
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
