package nn

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/nascent-nas/nascent/plugins/trainer/kernel"
)

// program is a part of a graph in the order of its execution. Every op owns
// its value, so the inputs of each are known before the first run.
type program[E kernel.Float] []call[E]

type call[E kernel.Float] struct {
	op   *op[E]
	in   []G.Value
	from []*op[E] // that made the inputs; nil for leaves
}

// compile orders what the roots need, first root first, behind what has
// already been done, and gives values to the gradients. ops are those of the
// nodes that were done. With share, gradients
// whose last reader has run make room for later ones, which halves the memory
// of a Model; a machine that runs the graph in another order needs them apart.
func compile[E kernel.Float](k *kernel.Kernels[E], g *G.ExprGraph, done map[*G.Node]G.Value, ops map[*G.Node]*op[E], share bool,
	roots ...*G.Node) (program[E], error) {
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
	var p program[E]
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
			v := newTensor[E] // of one's own
			if old := free[size]; len(old) > 0 {
				free[size] = old[:len(old)-1]
				v = func(shape ...int) *tensor.Dense {
					return tensor.New(tensor.WithShape(shape...), tensor.WithBacking(numbers[E](old[len(old)-1])))
				}
			}
			lent[n] = v(o.dims...)
			o.out = lent[n]
		}
		done[n], ops[n] = o.out, o
		c := call[E]{op: o}
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
func operation[E kernel.Float](k *kernel.Kernels[E], n *G.Node) (*op[E], error) {
	if o, ok := n.Op().(*op[E]); ok {
		return o, nil
	}
	if n.Op().String() != "+ false" || n.Dims() != 3 {
		return nil, fmt.Errorf("nn: unexpected operation %v in the graph", n.Op())
	}
	o := &op[E]{name: "sum", dims: n.Shape(), in: make([][]E, 2), partial: true}
	o.run = func(in [][]E) {
		out := numbers[E](o.out.(*tensor.Dense))
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

func (p program[E]) run() error {
	for i := range p {
		if _, err := p[i].op.Do(p[i].in...); err != nil {
			return err
		}
	}
	return nil
}

// runGated runs what the open gates and the inputs that are there let run.
func (p program[E]) runGated() error {
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
				o.in[j] = numbers[E](p[i].in[j].(*tensor.Dense))
			}
		}
		o.run(o.in)
	}
	return nil
}

// newTensor returns zeros that begin on a cache line.
func newTensor[E kernel.Float](shape ...int) *tensor.Dense {
	return tensor.New(tensor.WithShape(shape...), tensor.WithBacking(kernel.Floats[E](product(shape))))
}

// numbers are the values of a tensor, not a copy of them.
func numbers[E kernel.Float](t *tensor.Dense) (s []E) {
	switch s := any(&s).(type) { // a pointer needs no allocation
	case *[]float32:
		*s = t.Float32s()
	case *[]float64:
		*s = t.Float64s()
	}
	return s
}

// dtype is E as Gorgonia calls it.
func dtype[E kernel.Float]() tensor.Dtype {
	if _, wide := any(E(0)).(float64); wide {
		return G.Float64
	}
	return G.Float32
}

// number is a value of a graph that is a single number, and what sets it.
func number[E kernel.Float]() (v G.Value, set func(float64)) {
	if dtype[E]() == G.Float64 {
		wide := new(G.F64)
		return wide, func(x float64) { *wide = G.F64(x) }
	}
	narrow := new(G.F32)
	return narrow, func(x float64) { *narrow = G.F32(x) }
}
