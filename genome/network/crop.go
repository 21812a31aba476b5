package network

// Crop is the first Channels channels, without the first Offset positions. No
// space says it: cells need it.
const Crop Op = "crop"

var _ = operation{op: Crop, neutral: func(n *Node, in []int) bool { return equal(in, n.Shape) }}.declare()

// crop keeps the first channels and drops the first positions.
func (b *builder) crop(in, channels, offset int) int {
	if b.err != nil || (channels == b.channels(in) && offset == 0) {
		return in
	}
	rank := b.rank(in)
	shape := b.ints(rank + 1)
	shape[0] = channels
	for d := 1; d <= rank; d++ {
		if shape[d] = b.shape(in)[d] - offset; shape[d] < 1 {
			b.fail("nothing is left of %v without its first %d positions", b.shape(in), offset)
			return 0
		}
	}
	n := Node{Op: Crop, Inputs: b.one(in), Shape: shape, Channels: channels}
	if offset > 0 {
		n.Offset = b.spread(both(offset), rank)
	}
	return b.append(n)
}
