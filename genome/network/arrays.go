package network

import (
	"fmt"
	"math"
	"slices"

	"github.com/nascent-nas/nascent/genome/rng"
)

// Array is one of the arrays of numbers that a trained network is made of,
// under the name and in the shape that checkpoints give it.
type Array struct {
	Name  string // "blocks[2].conv.weight"
	Shape []int  // weights: [out, in of the group, kernel...] or [out, in]; else [channels]
	FanIn int    // weights and biases: inputs of one output, at least 1; else 0
	Start float32
}

// Size is the number of values.
func (a *Array) Size() int {
	size := 1
	for _, v := range a.Shape {
		size *= v
	}
	return size
}

// Initial returns the values that training starts from: weights and biases
// uniform within 1/sqrt(FanIn), by a seed and the array's name alone; all
// others Start.
func (a *Array) Initial(seed uint64) []float32 {
	values := make([]float32, a.Size())
	if a.FanIn == 0 {
		for i := range values {
			values[i] = a.Start
		}
		return values
	}
	r, bound := rng.New(seed).Split(a.Name), 1/math.Sqrt(float64(a.FanIn))
	for i := range values {
		values[i] = float32(bound * (2*r.Float64() - 1))
	}
	return values
}

// Arrays are those of one node; nil where it has none.
type Arrays struct {
	Weight, Bias   *Array // what is learned; of a Norm: scale and shift
	Mean, Variance *Array // running statistics of a Norm
}

// List returns those that are there, what is learned first.
func (a *Arrays) List() []*Array {
	return slices.DeleteFunc([]*Array{a.Weight, a.Bias, a.Mean, a.Variance}, func(x *Array) bool { return x == nil })
}

// Arrays returns the arrays of every node, dead ones too. A node's arrays are
// named after it; where several nodes with arrays have one name, the second's
// begin with "name#2".
func (n *Network) Arrays() []Arrays {
	all := make([]Arrays, len(n.Nodes))
	used := map[string]bool{}
	for i := range n.Nodes {
		node, a := &n.Nodes[i], &all[i]
		o := node.Op.meaning()
		if o.arrays == nil {
			continue
		}
		*a = o.arrays(node, n.in(node))
		base := node.Name
		if base == "" {
			base = string(node.Op)
		}
		name := base
		for k := 2; used[name]; k++ {
			name = fmt.Sprintf("%s#%d", base, k)
		}
		used[name] = true
		for _, part := range []struct {
			array *Array
			name  string
		}{{a.Weight, "weight"}, {a.Bias, "bias"}, {a.Mean, "running_mean"}, {a.Variance, "running_var"}} {
			if part.array != nil {
				part.array.Name = name + "." + part.name
			}
		}
	}
	return all
}

// weighted is a weight of the shape, [n.Channels, ...], and a bias if the node
// has one.
func weighted(n *Node, shape []int) Arrays {
	a := Arrays{Weight: &Array{Shape: shape}}
	a.Weight.FanIn = a.Weight.Size() / n.Channels
	if n.Bias {
		a.Bias = &Array{Shape: []int{n.Channels}, FanIn: a.Weight.FanIn}
	}
	return a
}
