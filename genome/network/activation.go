package network

// Activation is an elementwise Function.
const Activation Op = "activation"

var _ = operation{op: Activation, slight: true, text: func(n *Node) string { return n.Function }}.declare()

// act{kind relu}.
var _ = layer{
	name: "act", bare: true, main: "kind",
	read: func(b *builder, a *args, in int) int {
		in = b.act(in, a.function("kind", "relu"))
		a.done()
		return in
	},
}.declare()

// act applies an activation function; "" is none.
func (b *builder) act(in int, function string) int {
	if function == "" {
		return in
	}
	return b.same(in, Node{Op: Activation, Function: function})
}

// normAct appends what many layers may end with.
func (b *builder) normAct(id int, norm bool, function string) int {
	if norm {
		n := b.enter("norm")
		id = b.norm(id)
		b.leave(n)
	}
	if function != "" {
		n := b.enter("act")
		id = b.act(id, function)
		b.leave(n)
	}
	return id
}

// function reads an activation; "" is none.
func (a *args) function(name, standard string) string {
	v := a.get(name)
	switch v {
	case nil:
		return standard
	case false, "none", "identity", "linear":
		return ""
	case "leaky":
		return "leaky_relu"
	case "silu":
		return "swish"
	case "relu", "leaky_relu", "mish", "tanh", "sigmoid", "gelu", "swish", "elu":
		return v.(string)
	}
	a.b.slip("%s is %v; it is one of relu, leaky_relu, mish, tanh, sigmoid, gelu, swish, elu, none", name, v)
	return standard
}
