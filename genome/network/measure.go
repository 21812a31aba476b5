package network

import (
	"math"
	"math/bits"
)

// Parameters counts what training may change in the network as written: dead
// layers too. Convolution and dense: weights and biases; normalisation: scale
// and shift (its running statistics are no parameters). A count beyond int64
// reads as the largest int64.
func (n *Network) Parameters() int64 {
	var total int64
	for i := range n.Nodes {
		total = plus(total, n.parameters(i))
	}
	return total
}

// parameters of node i.
func (n *Network) parameters(i int) int64 {
	node := &n.Nodes[i]
	if o := node.Op.meaning(); o.parameters != nil {
		return o.parameters(node, n.in(node))
	}
	return 0
}

// in is the shape of a node's first input.
func (n *Network) in(node *Node) []int {
	if len(node.Inputs) == 0 {
		return nil
	}
	return n.Nodes[node.Inputs[0]].Shape
}

// biased adds a node's biases to its weights.
func biased(n *Node, weights int64) int64 {
	if n.Bias {
		return plus(weights, int64(n.Channels))
	}
	return weights
}

// Macs counts the multiply-adds of one sample through the network as written:
// those of convolutions and dense layers. Biases, normalisation, activations,
// pooling and additions are not counted, padding is.
func (n *Network) Macs() int64 {
	var total int64
	for i := range n.Nodes {
		node := &n.Nodes[i]
		if o := node.Op.meaning(); o.macs != nil {
			total = plus(total, o.macs(node, n.in(node)))
		}
	}
	return total
}

// Depth is the largest number of convolutions and dense layers on one path to
// the answer.
func (n *Network) Depth() int64 {
	if len(n.Nodes) == 0 {
		return 0
	}
	depth := make([]int64, len(n.Nodes))
	for i := range n.Nodes {
		node := &n.Nodes[i]
		for _, in := range node.Inputs {
			depth[i] = max(depth[i], depth[in])
		}
		if node.Op.meaning().deep {
			depth[i]++
		}
	}
	return depth[len(depth)-1]
}

// Trains says why a network cannot be trained in steps of so many samples, the
// fewest that any step has: with a *LayerError, or nil if it can.
func (n *Network) Trains(samples int) error {
	live := n.Live()
	for i := range n.Nodes {
		node := &n.Nodes[i]
		if o := node.Op.meaning(); live[i] && o.trains != nil {
			if problem := o.trains(node, samples); problem != "" {
				return &LayerError{Layer: node.Name, Problem: problem}
			}
		}
	}
	return nil
}

// Live says of every node whether the answer depends on it.
func (n *Network) Live() []bool {
	live := make([]bool, len(n.Nodes))
	if len(live) == 0 {
		return live
	}
	live[len(live)-1] = true
	for i := len(live) - 1; i >= 0; i-- {
		if live[i] {
			for _, in := range n.Nodes[i].Inputs {
				live[in] = true
			}
		}
	}
	return live
}

func size(shape []int) int64 {
	s := int64(1)
	for _, v := range shape {
		s = times(s, int64(v))
	}
	return s
}

// plus and times stay at the largest int64 instead of wrapping around; their
// arguments are never negative.
func plus(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

func times(a, b int64) int64 {
	high, low := bits.Mul64(uint64(a), uint64(b))
	if high != 0 || low > math.MaxInt64 {
		return math.MaxInt64
	}
	return int64(low)
}
