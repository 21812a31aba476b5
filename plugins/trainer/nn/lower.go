package nn

import (
	"fmt"
	"slices"

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
			return value{}, fmt.Errorf("nn: layer %q (%s): computes %d values, but the network says shape %v", n.Name, n.Op, v.channels*v.positions, n.Shape)
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

// slopes of the rectifiers, which a layer can carry out as it stores.
var slopes = map[string]float64{"relu": 0, "leaky_relu": 0.1}

// rectified returns the slope of the rectifier that follows node i and lets
// done stand for its value; 1 if none follows.
func (w *lowering[E]) rectified(i int) (slope E, follower int) {
	if j, n := w.next(i, network.Activation); n != nil {
		if s, ok := slopes[n.Function]; ok {
			return E(s), j
		}
	}
	return 1, 0
}

func (w *lowering[E]) layer(i int, n *network.Node) (value, error) {
	in := make([]value, len(n.Inputs))
	if n.Op != network.Zero {
		for j, k := range n.Inputs {
			in[j] = w.values[w.source[k]]
		}
	}
	shape := w.net.Nodes[n.Inputs[0]].Shape
	p := w.params.layers[i]
	finish := func(v value, follower int) (value, error) {
		if follower > 0 {
			w.values[follower] = v
		}
		return v, nil
	}
	switch n.Op {
	case network.Conv, network.Dense:
		l := kernel.Layer{Geometry: kernel.Whole(in[0].positions), InChannels: in[0].channels, OutChannels: n.Channels, Groups: 1}
		if n.Op == network.Conv {
			l.Groups = max(n.Groups, 1)
			if l.InChannels%l.Groups != 0 || l.OutChannels%l.Groups != 0 {
				return value{}, fmt.Errorf("%d groups divide neither %d nor %d channels: choose a common divisor", l.Groups, l.InChannels, l.OutChannels)
			}
			var err error
			if l.Geometry, err = window(n, shape); err != nil {
				return value{}, err
			}
		}
		slope, follower := w.rectified(i)
		_, norm := w.next(i, network.Norm)
		return finish(w.conv(in[0], l, w.parameter(p.weight, n.Channels, l.Taps, l.InChannels/l.Groups), w.parameter(p.bias, n.Channels), slope, norm != nil), follower)
	case network.Norm:
		slope, follower := w.rectified(i)
		return finish(w.norm(in[0], w.parameter(p.weight, in[0].channels), w.parameter(p.bias, in[0].channels), p.mean.data, p.variance.data, slope), follower)
	case network.MaxPool, network.AvgPool:
		g, err := window(n, shape)
		if err != nil {
			return value{}, err
		}
		if n.Op == network.MaxPool {
			return w.maxPool(in[0], g), nil
		}
		return w.avgPool(in[0], g), nil
	case network.GlobalAvg:
		return w.avgPool(in[0], kernel.Whole(in[0].positions)), nil
	case network.GlobalMax:
		return w.maxPool(in[0], kernel.Whole(in[0].positions)), nil
	case network.Activation:
		if s, ok := slopes[n.Function]; ok {
			return w.leaky(in[0], E(s)), nil
		}
		f := map[string]func(y, d, x []E){
			"sigmoid": w.k.Sigmoid, "tanh": w.k.Tanh, "swish": w.k.Swish,
			"mish": w.k.Mish, "elu": w.k.Elu, "gelu": w.k.Gelu}[n.Function]
		if f == nil {
			return value{}, fmt.Errorf("unknown function %q: choose relu, leaky_relu, mish, tanh, sigmoid, gelu, swish or elu", n.Function)
		}
		return w.smooth(in[0], n.Function, f), nil
	case network.Add:
		if len(in) == 1 {
			return in[0], nil
		}
		return w.add(in), nil
	case network.Concat:
		return w.concat(in), nil
	case network.Mix:
		if w.super == nil {
			return value{}, fmt.Errorf("a mixture belongs into a supernet")
		}
		return w.mix(in, w.super.mixtureAt(i)), nil
	case network.Zero:
		v := value{channels: n.Shape[0], positions: product(n.Shape[1:])}
		v.node = w.leaf("zero", newTensor[E](v.positions, v.channels, w.lanes))
		return v, nil
	case network.Crop:
		from := make([]int, product(n.Shape[1:]))
		for p := range from {
			rest, size := p, 1
			for d := len(shape) - 1; d > 0; d-- {
				offset := 0
				if d <= len(n.Offset) {
					offset = n.Offset[d-1]
				}
				q := rest%n.Shape[d] + offset
				if q >= shape[d] {
					return value{}, fmt.Errorf("a crop to shape %v reaches beyond its input of shape %v", n.Shape, shape)
				}
				from[p] += q * size
				rest /= n.Shape[d]
				size *= shape[d]
			}
		}
		return w.crop(in[0], from, n.Shape[0]), nil
	case network.Dropout:
		if n.Rate < 0 || n.Rate >= 1 {
			return value{}, fmt.Errorf("a dropout rate of %v is outside 0 <= rate < 1", n.Rate)
		}
		return w.dropout(in[0], fmt.Sprintf("%s@%d", n.Name, i), n.Rate), nil
	case network.Flatten:
		elsewhere := slices.ContainsFunc(w.users[i], func(j int) bool { return w.net.Nodes[j].Op != network.Dense })
		if in[0].positions == 1 || len(w.users[i]) > 0 && !elsewhere {
			return in[0], nil // a fully connected layer reads its input in any order
		}
		return w.flatten(in[0]), nil
	}
	return value{}, fmt.Errorf("unknown operation")
}

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
