package nn

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/nascent-nas/nascent/genome/network"
	"github.com/nascent-nas/nascent/plugins/trainer/kernel"
)

// lowering turns the nodes of a network into layers.
type lowering[E kernel.Float] struct {
	*builder[E]
	net    *network.Network
	params *parameters[E]
	source []int   // the node that an identity hands on; other nodes themselves
	users  [][]int // by node: live nodes that take its value, as often as they take it
	values []value
	super  *Supernet // that is made; nil: a Model
}

// lower adds the whole network to the graph and returns its answer.
func (b *builder[E]) lower(net *network.Network, params *parameters[E], input *G.Node, super *Supernet) (value, error) {
	w := &lowering[E]{builder: b, net: net, params: params, super: super,
		source: make([]int, len(net.Nodes)), users: make([][]int, len(net.Nodes)), values: make([]value, len(net.Nodes))}
	live := w.trace()
	for i := range net.Nodes {
		n := &net.Nodes[i]
		if !live[i] || w.source[i] != i || w.values[i].node != nil {
			continue
		}
		if i == 0 {
			w.values[i] = value{node: input, positions: product(n.Shape[1:]), channels: n.Shape[0]}
			continue
		}
		if super != nil {
			b.gate = super.gateOf(i)
		}
		v, err := w.layer(i, n)
		b.gate = nil
		if err == nil {
			err = b.fail
		}
		if err != nil {
			return value{}, fmt.Errorf("nn: layer %q (%s): %w", n.Name, n.Op, err)
		}
		if v.channels*v.positions != product(n.Shape) {
			return value{}, fmt.Errorf("nn: layer %q (%s): computes %d values, but the network says shape %v", n.Name, n.Op,
				v.channels*v.positions, n.Shape)
		}
		w.values[i] = v
	}
	return w.values[w.source[len(net.Nodes)-1]], nil
}

// trace looks through identities and finds the nodes that the answer depends
// on; behind a zero there are none.
func (w *lowering[E]) trace() (live []bool) {
	live = make([]bool, len(w.net.Nodes))
	for i, n := range w.net.Nodes {
		w.source[i] = i
		if n.Op == network.Identity {
			w.source[i] = w.source[n.Inputs[0]]
		}
	}
	live[w.source[len(live)-1]] = true
	for i := len(live) - 1; i > 0; i-- {
		n := &w.net.Nodes[i]
		if !live[i] || n.Op == network.Zero || n.Op == network.Identity {
			continue
		}
		for _, j := range n.Inputs {
			live[w.source[j]] = true
			w.users[w.source[j]] = append(w.users[w.source[j]], i)
		}
	}
	return live
}

// next returns the only node that takes the value of node i if it has the
// operation op, or nil.
func (w *lowering[E]) next(i int, op network.Op) (int, *network.Node) {
	last := w.source[len(w.net.Nodes)-1]
	if len(w.users[i]) != 1 || i == last {
		return 0, nil
	}
	if j := w.users[i][0]; w.net.Nodes[j].Op == op {
		return j, &w.net.Nodes[j]
	}
	return 0, nil
}

// lower adds the layer of node i, an n, over the values of its inputs.
type lower[E kernel.Float] func(w *lowering[E], i int, n *network.Node, in []value) (value, error)

// lowers are the layers that can be trained here, by operation; each stands in a
// file of its own.
type lowers[E kernel.Float] map[network.Op]lower[E]

var narrow, wide = lowers[float32]{}, lowers[float64]{}

// declare adds a layer, in both widths.
func declare(op network.Op, of32 lower[float32], of64 lower[float64]) network.Op {
	narrow[op], wide[op] = of32, of64
	return op
}

func (w *lowering[E]) layer(i int, n *network.Node) (value, error) {
	in := make([]value, len(n.Inputs))
	if n.Op != network.Zero {
		for j, k := range n.Inputs {
			in[j] = w.values[w.source[k]]
		}
	}
	known, ok := any(narrow).(lowers[E])
	if !ok {
		known = any(wide).(lowers[E])
	}
	f := known[n.Op]
	if f == nil {
		return value{}, fmt.Errorf("unknown operation")
	}
	return f(w, i, n, in)
}

// shape is that of a node's first input.
func (w *lowering[E]) shape(n *network.Node) []int { return w.net.Nodes[n.Inputs[0]].Shape }

// window returns the geometry of a convolution or pool.
func window(n *network.Node, shape []int) (kernel.Geometry, error) {
	dims := len(shape) - 1
	if dims < 1 || len(n.Kernel) != dims {
		return kernel.Geometry{}, fmt.Errorf("a kernel %v does not fit an input of shape %v", n.Kernel, shape)
	}
	g, out := kernel.NewGeometry(shape[1:], n.Kernel, n.Stride, n.Dilation, n.Pad, n.Circular)
	for _, s := range out {
		if s < 1 {
			return kernel.Geometry{}, fmt.Errorf("a kernel %v is larger than its input of shape %v", n.Kernel, shape)
		}
	}
	return g, nil
}

// parameter gives a parameter its node and the shape that its layer uses.
func (b *builder[E]) parameter(p *parameter[E], inner ...int) *parameter[E] {
	if p != nil {
		p.inner = inner
		p.gradient = tensor.New(tensor.WithShape(p.inner...), tensor.WithBacking(p.grad))
		p.node = b.leaf(p.Name, tensor.New(tensor.WithShape(p.inner...), tensor.WithBacking(p.data)))
	}
	return p
}
