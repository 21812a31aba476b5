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
	spare    []*args                      // for the layers to come
}

// reset empties the builder for another network, which takes the memory of the
// last one.
func (b *builder) reset() {
	*b = builder{nodes: b.nodes[:0], path: b.path[:0], names: b.names[:0], slab: b.whole, whole: b.whole, spare: b.spare}
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

// layer reads a layer whose parameters are v, over node in. The path already ends
// in the layer's name.
func (b *builder) layer(l *layer, v any, in int) int {
	if b.err != nil {
		return 0
	}
	b.open = false
	a := b.lend()
	a.take(b, v, l.main)
	id := l.read(b, a, in)
	b.spare = append(b.spare, a)
	return id
}

// lend returns parameters that nobody uses.
func (b *builder) lend() *args {
	last := len(b.spare) - 1
	if last < 0 {
		return new(args)
	}
	a := b.spare[last]
	b.spare = b.spare[:last]
	a.m, a.n = nil, 0
	return a
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

// same appends an operation that keeps the shape.
func (b *builder) same(in int, n Node) int {
	if b.err != nil {
		return 0
	}
	n.Inputs, n.Shape = b.one(in), b.shape(in)
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
