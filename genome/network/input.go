package network

// Input is the sample; always node 0.
const Input Op = "input"

var _ = operation{
	op: Input,
	value: func(g *reduced, _ *Network, node *Node) sum {
		return g.atom(Input, colour{}.text(string(Input)).numbers(node.Shape), false, nil)
	},
}.declare()
