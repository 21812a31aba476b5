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

// Op names what a Node computes.
type Op string

// The operations. Everything that a space can say is expanded to these.
const (
	Input      Op = "input"      // the sample; always node 0
	Conv       Op = "conv"       // convolution (cross-correlation), 1-D or 2-D by the rank of its input
	Dense      Op = "dense"      // fully connected over the flattened input
	MaxPool    Op = "max_pool"   // window maximum; padding is never chosen
	AvgPool    Op = "avg_pool"   // window mean; padding is not counted
	GlobalAvg  Op = "global_avg" // mean over all positions: [c, ...] -> [c]
	GlobalMax  Op = "global_max" // maximum over all positions: [c, ...] -> [c]
	Norm       Op = "norm"       // batch normalisation with scale and shift, per channel
	Activation Op = "activation" // elementwise Function
	Add        Op = "add"        // elementwise sum of two or more equal shapes
	Concat     Op = "concat"     // along channels (features if flat)
	Identity   Op = "identity"   // its input
	Zero       Op = "zero"       // zeros in the shape of its input, strided by Stride
	Dropout    Op = "dropout"    // inverted dropout with Rate while training
	Flatten    Op = "flatten"    // [c, ...] -> [product], channel-major
	Crop       Op = "crop"       // the first Channels channels, without the first Offset positions
	Mix        Op = "mix"        // weighted sum of equal shapes; only in a Supernet
)

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
