package network

import (
	"fmt"
	"strconv"
)

// Bounds on what a network may hold: far beyond what trains, and small enough
// that no product of them overflows before it is checked.
const (
	maxNodes  = 1 << 16 // layers in one network
	maxExtent = 1 << 20 // channels, features, kernel extents, strides, padding
	maxValues = 1 << 31 // values in one layer's answer
	maxNest   = 200     // sequences inside sequences
)

// LayerError says why a genome is no network: the layer at fault and what is
// wrong with it, in one line.
type LayerError struct {
	Layer   string // where it stands in the genome: "blocks[3].conv"
	Problem string // "kernel 7 does not fit in length 3"
	slip    bool   // of whoever declared the space: a name that is right in no genome
}

// Error returns "layer: problem".
func (e *LayerError) Error() string {
	if e.Layer == "" {
		return "network: " + e.Problem
	}
	return e.Layer + ": " + e.Problem
}

// builder appends nodes and infers their shapes. The first error sticks and
// makes everything after it a no-op, so that layers need not check each step.
type builder struct {
	nodes    []Node
	classes  int
	open     bool   // the last layer was a stack, which leaves the classifier to us
	nest     int    // sequences being read
	path     []byte // where the reader stands
	names    []byte // all node names, one after the other
	slab     []int  // backs the small slices of nodes
	whole    []int  // the slab before anything was taken from it
	err      *LayerError
	ordinary func(path []byte, value any) // is told every gene that is no layer; may be nil
	super    *superReading                // makes a Supernet; nil: a network
}

// reset empties the builder for another network, which takes the memory of the
// last one.
func (b *builder) reset() {
	*b = builder{nodes: b.nodes[:0], path: b.path[:0], names: b.names[:0], slab: b.whole, whole: b.whole}
}

// fail records the first error, at the current path.
func (b *builder) fail(format string, args ...any) {
	if b.err == nil {
		b.err = &LayerError{Layer: string(b.path), Problem: fmt.Sprintf(format, args...)}
	}
}

// slip records a name or word that no layer has, if it is the first error.
func (b *builder) slip(format string, args ...any) {
	if b.err == nil {
		b.fail(format, args...)
		b.err.slip = true
	}
}

// enter extends the path by a name and returns what leave needs.
func (b *builder) enter(name string) int {
	n := len(b.path)
	if n > 0 {
		b.path = append(b.path, '.')
	}
	b.path = append(b.path, name...)
	return n
}

// index extends the path by [i].
func (b *builder) index(i int) int {
	n := len(b.path)
	b.path = append(b.path, '[')
	b.path = strconv.AppendInt(b.path, int64(i), 10)
	b.path = append(b.path, ']')
	return n
}

func (b *builder) leave(n int) { b.path = b.path[:n] }

// under runs make with the path extended by name.
func (b *builder) under(name string, make func() int) int {
	n := b.enter(name)
	id := make()
	b.leave(n)
	return id
}

// ints returns n integers from the slab.
func (b *builder) ints(n int) []int {
	if len(b.slab) < n {
		b.slab = make([]int, 512+n)
		b.whole = b.slab
	}
	s := b.slab[:n:n]
	b.slab = b.slab[n:]
	return s
}

func (b *builder) one(v int) []int {
	s := b.ints(1)
	s[0] = v
	return s
}

// spread returns the first rank extents of p.
func (b *builder) spread(p pair, rank int) []int {
	s := b.ints(rank)
	copy(s, p[:rank])
	return s
}

// flat wraps a shape of one dimension.
func (b *builder) flat(n int) []int { return b.one(n) }

func (b *builder) shape(id int) []int { return b.nodes[id].Shape }
func (b *builder) channels(id int) int {
	return b.nodes[id].Shape[0]
}

// rank is the number of spatial dimensions.
func (b *builder) rank(id int) int { return len(b.nodes[id].Shape) - 1 }

// append adds a node named by the current path, or by the path and a role.
func (b *builder) append(n Node) int {
	if b.err != nil {
		return 0
	}
	size := 1
	for _, v := range n.Shape {
		if v > maxValues/size {
			b.fail("answers more than 2^31 values: %v", n.Shape)
			return 0
		}
		size *= v
	}
	if len(b.nodes) >= maxNodes {
		b.fail("the network has more than %d layers; repeat less", maxNodes)
		return 0
	}
	b.nodes = append(b.nodes, n)
	if b.super != nil {
		b.super.Gates = append(b.super.Gates, b.super.gate)
	}
	b.names = append(b.names, b.path...)
	b.names = append(b.names, 0)
	return len(b.nodes) - 1
}

// finish names the nodes.
func (b *builder) finish() {
	all := string(b.names)
	from := 0
	for i := range b.nodes {
		to := from
		for all[to] != 0 {
			to++
		}
		b.nodes[i].Name = all[from:to]
		from = to + 1
	}
}

// pair is an extent for up to two spatial dimensions.
type pair [2]int

func both(v int) pair { return pair{v, v} }

// filter is what a convolution needs to know.
type filter struct {
	channels int
	kernel   pair
	stride   pair
	dilation pair
	pad      pair
	groups   int
	circular bool
	bias     bool
}

// filterOf is the common case: stride, padding that keeps the extent of odd
// kernels, nothing else.
func filterOf(channels, kernel, stride int) filter {
	return filter{channels: channels, kernel: both(kernel), stride: both(stride), dilation: both(1), pad: both((kernel - 1) / 2), groups: 1}
}

// extents names the spatial dimension d of an input for error messages.
func extentName(rank, d int) string {
	if rank == 1 {
		return "length"
	}
	return [2]string{"height", "width"}[d]
}

// slide infers the spatial shape of a window that slides over in.
func (b *builder) slide(in int, channels int, kernel, stride, dilation, pad pair) []int {
	shape := b.shape(in)
	rank := len(shape) - 1
	out := b.ints(rank + 1)
	out[0] = channels
	for d := 0; d < rank; d++ {
		reach := dilation[d]*(kernel[d]-1) + 1
		room := shape[d+1] + 2*pad[d] - reach
		if room < 0 {
			what := "kernel " + strconv.Itoa(kernel[d])
			if dilation[d] > 1 {
				what += " with dilation " + strconv.Itoa(dilation[d])
			}
			b.fail("%s does not fit in %s %d", what, extentName(rank, d), shape[d+1]+2*pad[d])
			return out
		}
		out[d+1] = room/stride[d] + 1
	}
	return out
}

// spatial refuses inputs without positions.
func (b *builder) spatial(in int) bool {
	if b.err != nil {
		return false
	}
	if r := b.rank(in); r < 1 || r > 2 {
		b.fail("needs [channels, length] or [channels, height, width], has %v; put it before flatten and dense", b.shape(in))
		return false
	}
	return true
}

func (b *builder) conv(in int, f filter) int {
	if !b.spatial(in) {
		return 0
	}
	from, rank := b.channels(in), b.rank(in)
	if from%f.groups != 0 || f.channels%f.groups != 0 {
		b.fail("%d channels in and %d out do not divide into %d groups", from, f.channels, f.groups)
		return 0
	}
	shape := b.slide(in, f.channels, f.kernel, f.stride, f.dilation, f.pad)
	return b.append(Node{Op: Conv, Inputs: b.one(in), Shape: shape, Channels: f.channels,
		Kernel: b.spread(f.kernel, rank), Stride: b.spread(f.stride, rank), Dilation: b.spread(f.dilation, rank),
		Pad: b.spread(f.pad, rank), Circular: f.circular, Groups: f.groups, Bias: f.bias})
}

func (b *builder) dense(in, units int, bias bool) int {
	if b.err != nil {
		return 0
	}
	return b.append(Node{Op: Dense, Inputs: b.one(in), Shape: b.flat(units), Channels: units, Bias: bias})
}

func (b *builder) pool(in int, op Op, kernel, stride, pad pair) int {
	if !b.spatial(in) {
		return 0
	}
	rank := b.rank(in)
	for d := 0; d < rank; d++ {
		if 2*pad[d] > kernel[d] {
			b.fail("padding %d is more than half of kernel %d", pad[d], kernel[d])
			return 0
		}
	}
	shape := b.slide(in, b.channels(in), kernel, stride, both(1), pad)
	return b.append(Node{Op: op, Inputs: b.one(in), Shape: shape,
		Kernel: b.spread(kernel, rank), Stride: b.spread(stride, rank), Pad: b.spread(pad, rank)})
}

// global pools over all positions: op for each, joined when there are several.
// A flat input is its own pool.
func (b *builder) global(in int, kind string) int {
	if b.err != nil || b.rank(in) == 0 {
		return in
	}
	one := func(op Op) int { return b.append(Node{Op: op, Inputs: b.one(in), Shape: b.flat(b.channels(in))}) }
	switch kind {
	case "average":
		return one(GlobalAvg)
	case "max":
		return one(GlobalMax)
	}
	avg := b.under("average", func() int { return one(GlobalAvg) })
	top := b.under("max", func() int { return one(GlobalMax) })
	return b.under("concat", func() int { return b.join([]int{avg, top}) })
}

// same appends an operation that keeps the shape.
func (b *builder) same(in int, n Node) int {
	if b.err != nil {
		return 0
	}
	n.Inputs, n.Shape = b.one(in), b.shape(in)
	return b.append(n)
}

func (b *builder) norm(in int) int { return b.same(in, Node{Op: Norm, Affine: true}) }

// act applies an activation function; "" is none.
func (b *builder) act(in int, function string) int {
	if function == "" {
		return in
	}
	return b.same(in, Node{Op: Activation, Function: function})
}

func (b *builder) dropout(in int, rate float64) int {
	if rate == 0 {
		return in
	}
	return b.same(in, Node{Op: Dropout, Rate: rate})
}

func (b *builder) flatten(in int) int {
	if b.err != nil || b.rank(in) == 0 {
		return in
	}
	size := 1
	for _, v := range b.shape(in) {
		size *= v
	}
	return b.append(Node{Op: Flatten, Inputs: b.one(in), Shape: b.flat(size)})
}

// zero answers zeros, strided.
func (b *builder) zero(in int, stride pair) int {
	if b.err != nil {
		return 0
	}
	if b.rank(in) == 0 {
		return b.same(in, Node{Op: Zero})
	}
	rank := b.rank(in)
	shape := b.ints(rank + 1)
	shape[0] = b.channels(in)
	for d := 0; d < rank; d++ {
		shape[d+1] = (b.shape(in)[d+1]-1)/stride[d] + 1
	}
	return b.append(Node{Op: Zero, Inputs: b.one(in), Shape: shape, Stride: b.spread(stride, rank)})
}

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

func equal(a, b []int) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func (b *builder) inputs(ids []int) []int {
	s := b.ints(len(ids))
	copy(s, ids)
	return s
}

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

// join concatenates along channels; of one it is that one.
func (b *builder) join(ids []int) int {
	if b.err != nil {
		return 0
	}
	channels := 0
	for _, id := range ids {
		if !equal(b.shape(id)[1:], b.shape(ids[0])[1:]) {
			b.fail("cannot join shapes %v and %v; give the branches equal strides", b.shape(ids[0]), b.shape(id))
			return 0
		}
		channels += b.channels(id)
	}
	if len(ids) == 1 {
		return ids[0]
	}
	shape := b.inputs(b.shape(ids[0]))
	shape[0] = channels
	return b.append(Node{Op: Concat, Inputs: b.inputs(ids), Shape: shape})
}
