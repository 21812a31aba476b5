package network

// residual{body, project false}: adds the input to the body's answer where the
// shapes match; with project a 1x1 convolution makes them.
var _ = layer{
	name: "residual", main: "body", mark: "body",
	read: func(b *builder, a *args, in int) int {
		body := a.get("body")
		project := a.bool("project", false)
		a.done()
		if body == nil {
			b.fail("needs a body: a list or group of layers")
		}
		n := b.enter("body")
		id := b.sequence(body, in)
		b.leave(n)
		if b.err != nil {
			return 0
		}
		skip := in
		if !equal(b.shape(id), b.shape(in)) {
			if !project {
				return id
			}
			n = b.enter("project")
			skip = b.project(in, b.shape(id))
			b.leave(n)
		}
		n = b.enter("add")
		ids := [2]int{id, skip}
		id = b.sum(ids[:])
		b.leave(n)
		return id
	},
}.declare()

// project makes a shape of the same rank by a convolution of kernel 1.
func (b *builder) project(in int, shape []int) int {
	if !b.spatial(in) {
		return 0
	}
	from := b.shape(in)
	if len(shape) != len(from) {
		b.fail("cannot project %v to %v; end the body before it is flattened", from, shape)
		return 0
	}
	f := filterOf(shape[0], 1, 1)
	f.bias = true
	for d := range shape[1:] {
		if f.stride[d] = (from[d+1] + shape[d+1] - 1) / shape[d+1]; (from[d+1]-1)/f.stride[d]+1 != shape[d+1] {
			b.fail("cannot project %v to %v by a stride", from, shape)
			return 0
		}
	}
	return b.conv(in, f)
}
