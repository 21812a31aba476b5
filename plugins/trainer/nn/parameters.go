package nn

import (
	"fmt"
	"slices"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/nascent-nas/nascent/genome/network"
	"github.com/nascent-nas/nascent/plugins/trainer/kernel"
)

// parameter is one trainable array. Its slices are windows into the arrays of
// its parameters, which the optimizer runs over in one go.
type parameter[E kernel.Float] struct {
	network.Array
	inner []int // shape as the layer has it: [out, taps, in of the group] or [channels]

	data, grad, m, v []E
	node             *G.Node
	gradient         *tensor.Dense
	from             *op[E] // that computes the gradient; nil if nothing depends on the parameter
	at, room         int    // where it stands in the arrays, with its padding
	steps            uint64 // taken with this parameter; in a Supernet
}

// layerParameters are what one node of a network learns and, for a
// normalisation, the statistics that it keeps.
type layerParameters[E kernel.Float] struct {
	weight, bias   *parameter[E] // of a normalisation: scale and shift, or nil
	mean, variance statistics[E] // of a normalisation
}

// statistics are kept, not learned.
type statistics[E kernel.Float] struct {
	network.Array
	data []E
}

// parameters are all that a Model learns.
type parameters[E kernel.Float] struct {
	layers           []*layerParameters[E] // by node of the network; nil where it has none
	list             []*parameter[E]       // in the order of the network
	count            int
	decayed          int // weights stand first, up to here
	data, grad, m, v []E
}

func product(s []int) int {
	p := 1
	for _, v := range s {
		p *= v
	}
	return p
}

// inner is the shape that a layer over an input of shape in has of an array:
// weights are [out, taps, in of the group], and those of two dimensions read their
// whole input. All others are as they are.
func inner(a *network.Array, in []int) []int {
	switch len(a.Shape) {
	case 1:
		return a.Shape
	case 2:
		return []int{a.Shape[0], product(in[1:]), in[0]}
	}
	return []int{a.Shape[0], product(a.Shape[2:]), a.Shape[1]}
}

// newParameters allocates what the nodes learn, with first moments if velocity
// and second ones if square is set.
func newParameters[E kernel.Float](net *network.Network, velocity, square bool) *parameters[E] {
	ps := &parameters[E]{layers: make([]*layerParameters[E], len(net.Nodes))}
	for i, arrays := range net.Arrays() {
		list := arrays.List()
		if len(list) == 0 {
			continue
		}
		l := &layerParameters[E]{}
		ps.layers[i] = l
		for _, p := range []struct {
			to    **parameter[E]
			array *network.Array
		}{{&l.weight, arrays.Weight}, {&l.bias, arrays.Bias}} {
			if p.array != nil {
				*p.to = &parameter[E]{Array: *p.array, inner: inner(p.array, net.Nodes[net.Nodes[i].Inputs[0]].Shape)}
				ps.list = append(ps.list, *p.to)
			}
		}
		if arrays.Mean != nil {
			l.mean, l.variance = statistics[E]{*arrays.Mean, initial[E](arrays.Mean, 0)}, statistics[E]{*arrays.Variance,
				initial[E](arrays.Variance, 0)}
		}
	}

	padded := func(p *parameter[E]) int {
		return (product(p.inner) + kernel.Vector - 1) / kernel.Vector * kernel.Vector
	}
	size := 0
	for _, p := range ps.list {
		size += padded(p)
		ps.count += product(p.inner)
	}
	ps.data, ps.grad = kernel.Floats[E](size), kernel.Floats[E](size)
	if velocity {
		ps.m = kernel.Floats[E](size)
	}
	if square {
		ps.v = kernel.Floats[E](size)
	}
	at := 0
	for _, weights := range []bool{true, false} {
		for _, p := range ps.list {
			if (len(p.inner) == 3) != weights {
				continue
			}
			n := product(p.inner)
			cut := func(s []E) []E {
				if s == nil {
					return nil
				}
				return s[at : at+n : at+n]
			}
			p.data, p.grad, p.m, p.v = cut(ps.data), cut(ps.grad), cut(ps.m), cut(ps.v)
			p.at, p.room = at, padded(p)
			at += p.room
		}
		if weights {
			ps.decayed = at
		}
	}
	return ps
}

// initial are the values that an array starts with.
func initial[E kernel.Float](a *network.Array, seed uint64) []E {
	drawn := a.Initial(seed)
	values := make([]E, len(drawn))
	for i, v := range drawn {
		values[i] = E(v)
	}
	return values
}

// start gives the parameter the values that training starts from.
func (p *parameter[E]) start(seed uint64) { p.fromOuter(p.data, initial[E](&p.Array, seed)) }

// toOuter copies an array of the parameter into its conventional order, and
// fromOuter back.
func (p *parameter[E]) toOuter(dst, src []E) { p.reorder(dst, src, false) }

func (p *parameter[E]) fromOuter(dst, src []E) { p.reorder(dst, src, true) }

func (p *parameter[E]) reorder(dst, src []E, back bool) {
	if len(p.inner) != 3 {
		copy(dst, src)
		return
	}
	taps, in := p.inner[1], p.inner[2]
	for o := range p.inner[0] {
		for t := range taps {
			for i := range in {
				outer, inner := (o*in+i)*taps+t, (o*taps+t)*in+i
				if back {
					dst[inner] = src[outer]
				} else {
					dst[outer] = src[inner]
				}
			}
		}
	}
}

// State returns copies of everything that training goes on from: parameters
// under their names (weights as [out, in, kernel...]), their moments under
// "optimizer.m/" and "optimizer.v/" and the name, running statistics, and the
// number of steps taken, as four 16-bit digits, lowest first, under "step".
func (m *ModelOf[E]) State() []Array[E] {
	var state []Array[E]
	m.arrays(func(name string, p *parameter[E], data []E) {
		t := Array[E]{Name: name, Shape: []int{len(data)}, Data: slices.Clone(data)}
		if p != nil {
			t.Shape = slices.Clone(p.Shape)
			p.toOuter(t.Data, data)
		}
		state = append(state, t)
	})
	return append(state, Array[E]{Name: "step", Shape: []int{4}, Data: []E{
		E(m.feed.step & 0xffff), E(m.feed.step >> 16 & 0xffff),
		E(m.feed.step >> 32 & 0xffff), E(m.feed.step >> 48)}})
}

// Load takes over a State of a Model of the same network and optimizer. On an
// error the Model is as before.
func (m *ModelOf[E]) Load(state []Array[E]) error {
	given := map[string]*Array[E]{}
	for i := range state {
		given[state[i].Name] = &state[i]
	}
	find := func(name string, shape []int) error {
		t, ok := given[name]
		if !ok {
			return fmt.Errorf("nn: the state has no tensor %q: it belongs to another network or optimizer", name)
		}
		if !slices.Equal(t.Shape, shape) || len(t.Data) != product(shape) {
			return fmt.Errorf("nn: the state's %q has shape %v, but this network needs %v", name, t.Shape, shape)
		}
		return nil
	}
	err := find("step", []int{4})
	m.arrays(func(name string, p *parameter[E], data []E) {
		shape := []int{len(data)}
		if p != nil {
			shape = p.Shape
		}
		if err == nil {
			err = find(name, shape)
		}
	})
	if err != nil {
		return err
	}
	m.arrays(func(name string, p *parameter[E], data []E) {
		if p != nil {
			p.fromOuter(data, given[name].Data)
		} else {
			copy(data, given[name].Data)
		}
	})
	m.feed.step = 0
	for i, digit := range given["step"].Data {
		m.feed.step |= uint64(digit) << (16 * i)
	}
	return nil
}

// arrays calls f for every array of the state, in a fixed order; p is nil for
// running statistics.
func (m *ModelOf[E]) arrays(f func(name string, p *parameter[E], data []E)) {
	for _, p := range m.parameters.list {
		f(p.Name, p, p.data)
	}
	for _, l := range m.parameters.layers {
		if l != nil && l.mean.data != nil {
			f(l.mean.Name, nil, l.mean.data)
			f(l.variance.Name, nil, l.variance.data)
		}
	}
	for _, p := range m.parameters.list {
		if p.m != nil {
			f("optimizer.m/"+p.Name, p, p.m)
		}
		if p.v != nil {
			f("optimizer.v/"+p.Name, p, p.v)
		}
	}
}
