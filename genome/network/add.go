package network

// Add is the elementwise sum of two or more equal shapes.
const Add Op = "add"

var _ = operation{op: Add, value: (*reduced).add}.declare()

// add{branches}: each branch is a sequence over the same input.
var _ = layer{
	name: "add", main: "branches",
	read: func(b *builder, a *args, in int) int { return b.branches(a, in, b.sum) },
}.declare()

// sum adds equal shapes; of one it is that one.
func (b *builder) sum(ids []int) int {
	if b.err != nil {
		return 0
	}
	for _, id := range ids[1:] {
		if !equal(b.shape(id), b.shape(ids[0])) {
			b.fail("cannot add shapes %v and %v; give the branches equal channels and strides", b.shape(ids[0]), b.shape(id))
			return 0
		}
	}
	if len(ids) == 1 {
		return ids[0]
	}
	return b.append(Node{Op: Add, Inputs: b.inputs(ids), Shape: b.shape(ids[0])})
}

// widest is how many terms a sum may have before the sums it adds are left as
// they are: very long chains of residual layers would need memory by the square
// of their length.
const widest = 256

// add makes one sum of all inputs.
func (g *reduced) add(_ *Network, node *Node) sum {
	terms := 0
	for _, in := range node.Inputs {
		terms += len(g.values[in])
	}
	var total sum
	for _, in := range node.Inputs {
		v := g.values[in]
		if terms > widest && len(v) > 1 {
			v = g.atom(Add, colour{}.text(string(Add)), false, []sum{v})
		}
		total = g.plus(total, v)
	}
	return total
}
