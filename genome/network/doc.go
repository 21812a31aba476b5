// Package network reads an architecture genome as a layer graph.
//
// A Network is a list of Nodes in topological order. It says what every layer
// computes, the shape it answers, how many parameters it has and how many
// multiply-adds one sample costs. Evaluators train it; limits are checked
// against it; two genomes whose Networks are isomorphic have the same Hash.
//
// Shapes are channels first and without the batch: [channels, length] for 1-D
// data, [channels, height, width] for 2-D data, [features] for flat data.
package network

// Node is one layer. Fields that its Op does not use are zero.
type Node struct {
	Name     string  `json:"name"`               // where it stands in the genome: "blocks[2].conv"
	Op       Op      `json:"op"`                 //
	Inputs   []int   `json:"inputs,omitempty"`   // indexes of earlier nodes, in order
	Shape    []int   `json:"shape"`              // what it answers, without the batch
	Channels int     `json:"channels,omitempty"` // Conv: output channels; Dense: output features; Crop: channels kept
	Kernel   []int   `json:"kernel,omitempty"`   // Conv, pools: one extent per spatial dimension
	Stride   []int   `json:"stride,omitempty"`   // Conv, pools, Zero: likewise, default 1
	Dilation []int   `json:"dilation,omitempty"` // Conv: likewise, default 1
	Pad      []int   `json:"pad,omitempty"`      // Conv, pools: likewise, on both sides
	Offset   []int   `json:"offset,omitempty"`   // Crop: positions dropped at the front, one per spatial dimension
	Circular bool    `json:"circular,omitempty"` // Conv: padding wraps around (more than once where it is longer than the data) instead of being zero
	Groups   int     `json:"groups,omitempty"`   // Conv: default 1; equal to the input channels for depthwise
	Bias     bool    `json:"bias,omitempty"`     // Conv, Dense
	Function string  `json:"function,omitempty"` // Activation: relu, leaky_relu (slope 0.1), mish, tanh, sigmoid, gelu, swish, elu
	Rate     float64 `json:"rate,omitempty"`     // Dropout: share of values dropped, 0 <= Rate < 1
	Affine   bool    `json:"affine,omitempty"`   // Norm: has scale and shift
}

// Network is the layer graph of one genome. The last node is its answer: the
// logits [classes] of a classifier. A node on which the answer does not depend
// is dead (see Live): it counts in Parameters and Macs, but need not be run.
// The slices inside nodes share memory: read them, do not append to them.
type Network struct {
	Nodes []Node `json:"nodes"`
}
