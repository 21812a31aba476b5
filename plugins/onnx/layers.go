package onnx

import (
	"fmt"
	"math"

	"github.com/nascent-nas/nascent/genome/network"
)

// layer appends the operators of a node; the last one makes the value out, the
// others values called out/something.
func (g *graph) layer(n *network.Node, arrays *network.Arrays, out string) error {
	in := make([]string, len(n.Inputs))
	for i, k := range n.Inputs {
		in[i] = g.values[k]
	}
	shape := g.net.Nodes[n.Inputs[0]].Shape
	under := func(what string) string { return g.unique(out + "/" + what) }
	switch n.Op {
	case network.Conv:
		x, pad := in[0], around(n.Pad, len(n.Kernel))
		if n.Circular {
			x, pad = g.wrap(out, x, shape, n.Pad), around(nil, len(n.Kernel))
		}
		inputs := []string{x, g.array(arrays.Weight)}
		if n.Bias {
			inputs = append(inputs, g.array(arrays.Bias))
		}
		g.add("Conv", out, inputs, list("kernel_shape", n.Kernel...), list("strides", ones(n.Stride, len(n.Kernel))...),
			list("dilations", ones(n.Dilation, len(n.Kernel))...), list("pads", pad...), integer("group", max(n.Groups, 1)))
	case network.Dense:
		x := in[0]
		if len(shape) > 1 {
			x = g.add("Flatten", under("flatten"), in, integer("axis", 1))
		}
		inputs := []string{x, g.array(arrays.Weight)}
		if n.Bias {
			inputs = append(inputs, g.array(arrays.Bias))
		}
		g.add("Gemm", out, inputs, integer("transB", 1))
	case network.Norm:
		var scale, shift string
		if n.Affine {
			scale, shift = g.array(arrays.Weight), g.array(arrays.Bias)
		} else {
			scale = g.floats(under("scale"), arrays.Mean.Shape, arrays.Variance.Initial(0)) // ones
			shift = g.floats(under("shift"), arrays.Mean.Shape, arrays.Mean.Initial(0))     // zeros
		}
		g.add("BatchNormalization", out, []string{in[0], scale, shift, g.array(arrays.Mean), g.array(arrays.Variance)},
			float("epsilon", 1e-5))
	case network.MaxPool, network.AvgPool:
		attributes := []message{list("kernel_shape", n.Kernel...), list("strides", ones(n.Stride, len(n.Kernel))...),
			list("pads", around(n.Pad, len(n.Kernel))...)}
		if n.Op == network.MaxPool {
			g.add("MaxPool", out, in, attributes...)
		} else {
			g.add("AveragePool", out, in, append(attributes, integer("count_include_pad", 0))...)
		}
	case network.GlobalAvg, network.GlobalMax:
		op := map[network.Op]string{network.GlobalAvg: "GlobalAveragePool", network.GlobalMax: "GlobalMaxPool"}[n.Op]
		if len(shape) == 1 {
			g.add("Identity", out, in)
			break
		}
		g.add("Flatten", out, []string{g.add(op, under("pool"), in)}, integer("axis", 1))
	case network.Activation:
		return g.activation(n.Function, in[0], out, under)
	case network.Add:
		g.add("Sum", out, in)
	case network.Concat:
		g.add("Concat", out, in, integer("axis", 1))
	case network.Identity, network.Dropout:
		g.add("Identity", out, in)
	case network.Flatten:
		g.add("Flatten", out, in, integer("axis", 1))
	case network.Zero:
		batch := g.add("Shape", under("batch"), in, integer("start", 0), integer("end", 1))
		g.add("ConstantOfShape", out, []string{g.add("Concat", under("shape"),
			[]string{batch, g.integers(out+"/sizes", n.Shape...)}, integer("axis", 0))})
	case network.Crop:
		var axes, starts, ends []int
		for d, size := range n.Shape {
			start := 0
			if d > 0 && d <= len(n.Offset) {
				start = n.Offset[d-1]
			}
			axes, starts, ends = append(axes, d+1), append(starts, start), append(ends, start+size)
		}
		g.add("Slice", out, []string{in[0], g.integers(out+"/starts", starts...), g.integers(out+"/ends", ends...),
			g.integers(out+"/axes", axes...)})
	default:
		return fmt.Errorf("there is no way to write this operation")
	}
	return nil
}

// activation appends an elementwise function.
func (g *graph) activation(function, x, out string, under func(string) string) error {
	one := func(op, what string, in ...string) string { return g.add(op, under(what), in) }
	number := func(what string, v float32) string { return g.floats(under(what), nil, []float32{v}) }
	switch function {
	case "relu":
		g.add("Relu", out, []string{x})
	case "leaky_relu":
		g.add("LeakyRelu", out, []string{x}, float("alpha", 0.1))
	case "tanh":
		g.add("Tanh", out, []string{x})
	case "sigmoid":
		g.add("Sigmoid", out, []string{x})
	case "elu":
		g.add("Elu", out, []string{x}, float("alpha", 1))
	case "swish": // x sigmoid(x)
		g.add("Mul", out, []string{x, one("Sigmoid", "sigmoid", x)})
	case "mish": // x tanh(log(1 + exp(x)))
		g.add("Mul", out, []string{x, one("Tanh", "tanh", one("Softplus", "softplus", x))})
	case "gelu": // x (1 + erf(x / sqrt 2)) / 2
		erf := one("Erf", "erf", one("Mul", "scaled", x, number("root", float32(1/math.Sqrt2))))
		half := one("Mul", "half", x, number("factor", 0.5))
		g.add("Mul", out, []string{half, one("Add", "share", erf, number("one", 1))})
	default:
		return fmt.Errorf("there is no way to write the function %q", function)
	}
	return nil
}

// wrap pads every dimension on both sides by the other end, more than once
// where the padding is longer than the data.
func (g *graph) wrap(out, x string, shape, pad []int) string {
	for d, p := range pad {
		if p == 0 {
			continue
		}
		size := shape[d+1]
		from := make([]int, 0, size+2*p)
		for i := -p; i < size+p; i++ {
			from = append(from, (i%size+size)%size)
		}
		x = g.add("Gather", g.unique(out+"/wrap"), []string{x, g.integers(out+"/from", from...)}, integer("axis", d+2))
	}
	return x
}

// ones are extents that are 1 where they are not given.
func ones(v []int, dims int) []int {
	out := make([]int, dims)
	for d := range out {
		out[d] = 1
		if d < len(v) {
			out[d] = v[d]
		}
	}
	return out
}

// around is padding as ONNX has it: in front of every dimension, then behind.
func around(pad []int, dims int) []int {
	out := make([]int, 2*dims)
	copy(out, pad)
	copy(out[dims:], pad)
	return out
}
