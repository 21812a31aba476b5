package network

import "strconv"

// Dropout is inverted dropout with Rate while training.
const Dropout Op = "dropout"

var _ = operation{
	op: Dropout, own: true, slight: true,
	neutral: func(n *Node, _ []int) bool { return n.Rate == 0 },
	text:    func(n *Node) string { return "dropout " + strconv.FormatFloat(n.Rate, 'g', -1, 64) },
}.declare()

// dropout{rate 0}.
var _ = layer{
	name: "dropout", main: "rate",
	read: func(b *builder, a *args, in int) int {
		in = b.dropout(in, a.rate("rate"))
		a.done()
		return in
	},
}.declare()

func (b *builder) dropout(in int, rate float64) int {
	if rate == 0 {
		return in
	}
	return b.same(in, Node{Op: Dropout, Rate: rate})
}
