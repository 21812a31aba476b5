package nn

import (
	"github.com/nascent-nas/nascent/genome/network"
	"github.com/nascent-nas/nascent/genome/rng"
)

// net builds networks layer by layer.
type net struct{ network.Network }

func input(shape ...int) *net {
	return &net{network.Network{Nodes: []network.Node{{Name: "input", Op: network.Input, Shape: shape}}}}
}

func (n *net) last() *network.Node { return &n.Nodes[len(n.Nodes)-1] }

// then appends a node that takes the last one, unless it names its inputs,
// and works out its shape.
func (n *net) then(d network.Node) *net {
	if d.Inputs == nil {
		d.Inputs = []int{len(n.Nodes) - 1}
	}
	in := n.Nodes[d.Inputs[0]].Shape
	spatial := func(channels int) []int {
		out := []int{channels}
		for i, s := range in[1:] {
			at := func(v []int, otherwise int) int {
				if i < len(v) {
					return v[i]
				}
				return otherwise
			}
			out = append(out, (s+2*at(d.Pad, 0)-at(d.Dilation, 1)*(at(d.Kernel, 1)-1)-1)/at(d.Stride, 1)+1)
		}
		return out
	}
	switch d.Op {
	case network.Conv:
		d.Shape, d.Groups = spatial(d.Channels), max(d.Groups, 1)
	case network.Dense:
		d.Shape = []int{d.Channels}
	case network.MaxPool, network.AvgPool, network.Zero:
		d.Shape = spatial(in[0])
	case network.Crop:
		d.Shape = []int{d.Channels}
		for i, s := range in[1:] {
			d.Shape = append(d.Shape, s-d.Offset[i])
		}
	case network.GlobalAvg, network.GlobalMax:
		d.Shape = in[:1]
	case network.Flatten:
		d.Shape = []int{product(in)}
	case network.Concat:
		d.Shape = append([]int{}, in...)
		for _, j := range d.Inputs[1:] {
			d.Shape[0] += n.Nodes[j].Shape[0]
		}
	default:
		d.Shape = in
	}
	n.Nodes = append(n.Nodes, d)
	return n
}

func (n *net) conv(channels, kernel, stride, pad int) *net {
	return n.then(network.Node{Op: network.Conv, Channels: channels, Bias: true,
		Kernel: repeat(kernel, len(n.last().Shape)-1), Stride: repeat(stride, len(n.last().Shape)-1), Pad: repeat(pad, len(n.last().Shape)-1)})
}

func (n *net) act(f string) *net {
	return n.then(network.Node{Op: network.Activation, Function: f})
}

func (n *net) norm() *net { return n.then(network.Node{Op: network.Norm, Affine: true}) }

func (n *net) dense(features int) *net {
	return n.then(network.Node{Op: network.Dense, Channels: features, Bias: true})
}

func (n *net) op(o network.Op) *net { return n.then(network.Node{Op: o}) }

func repeat(v, n int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = v
	}
	return s
}

// handmade is the CNN of the MNIST-1D paper.
func handmade() *net {
	return input(1, 40).conv(25, 5, 2, 1).act("relu").conv(25, 3, 2, 1).act("relu").conv(25, 3, 2, 1).act("relu").op(network.Flatten).dense(10)
}

// base is five blocks of convolution, normalisation and ReLU.
func base() *net { return blocks(16, "relu") }

func blocks(channels int, function string) *net {
	n := input(1, 40)
	for i, dilation := range []int{1, 1, 2, 4, 4} {
		k := 3
		if i == 0 {
			k = 5
		}
		n.then(network.Node{Op: network.Conv, Channels: channels, Kernel: []int{k}, Dilation: []int{dilation}, Pad: []int{dilation * (k - 1) / 2}})
		n.norm().act(function)
	}
	return n.op(network.GlobalAvg).dense(10)
}

// image is a small 2-D network.
func image() *net {
	pool := network.Node{Op: network.MaxPool, Kernel: []int{2, 2}, Stride: []int{2, 2}}
	return input(1, 28, 28).conv(16, 3, 1, 1).act("relu").then(pool).conv(32, 3, 1, 1).act("relu").then(pool).op(network.Flatten).dense(10)
}

// samples draws n standard normal samples with classes.
func samples(seed uint64, n *net, count int) ([]float32, []int32) {
	r := rng.New(seed)
	x, y := make([]float32, count*product(n.Nodes[0].Shape)), make([]int32, count)
	for i := range x {
		x[i] = float32(r.Normal())
	}
	for i := range y {
		y[i] = int32(r.Intn(n.last().Shape[0]))
	}
	return x, y
}
