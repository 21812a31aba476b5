package network

import (
	"github.com/nascent-nas/nascent/genome"
)

// layerOf is the layer that an entry of a group is for certain, or nil.
func layerOf(key string, v any) *layer {
	l := vocabulary[key]
	if l == nil || l.firm {
		return l
	}
	if _, group := v.(genome.Map); group {
		return l
	}
	return nil
}

// bare is the layer that a name is without parameters, or nil.
func bare(name string) *layer {
	if l := vocabulary[name]; l != nil && l.bare {
		return l
	}
	return nil
}

// holds says whether layers stand anywhere in a value: it is then a sequence.
func holds(v any) bool {
	switch v := v.(type) {
	case genome.Map:
		if isCell(v) {
			return true
		}
		for i := range v {
			if layerOf(v[i].Key, v[i].Value) != nil || holds(v[i].Value) {
				return true
			}
		}
	case []any:
		for _, x := range v {
			switch x := x.(type) {
			case string:
				if bare(x) != nil {
					return true
				}
			case genome.Map, []any:
				if holds(x) {
					return true
				}
			}
		}
	}
	return false
}

// Build reads a tree of genes as a network over samples of shape input
// ([features], [channels, length] or [channels, height, width]) that answers
// one logit per class. It fails with a *LayerError.
//
// A network that does not end in [classes] gets a dense layer to the classes.
func Build(tree genome.Map, input []int, classes int) (*Network, error) {
	return build(tree, input, classes, nil)
}

func build(tree genome.Map, input []int, classes int, ordinary func([]byte, any)) (*Network, error) {
	b := builder{ordinary: ordinary, nodes: make([]Node, 0, 32), path: make([]byte, 0, 64), names: make([]byte, 0, 512)}
	if err := b.read(tree, input, classes); err != nil {
		return nil, err
	}
	b.finish()
	return &Network{Nodes: b.nodes}, nil
}

// read appends all nodes of a tree.
func (b *builder) read(tree genome.Map, input []int, classes int) error {
	b.classes = classes
	if len(input) < 1 || len(input) > 3 {
		b.fail("the input is %v; it needs [features], [channels, length] or [channels, height, width]", input)
	}
	for _, v := range input {
		if v < 1 || v > maxExtent {
			b.fail("the input is %v; extents are 1 to %d", input, maxExtent)
		}
	}
	if classes < 1 || classes > maxExtent {
		b.fail("%d classes; they are 1 to %d", classes, maxExtent)
	}
	id := b.under("input", func() int { return b.append(Node{Op: Input, Shape: b.inputs(input)}) })
	if b.err == nil {
		id = b.top(tree, id)
	}
	if b.err == nil && (b.open || len(b.shape(id)) != 1 || b.shape(id)[0] != classes) {
		id = b.under("answer.flatten", func() int { return b.flatten(id) })
		id = b.under("answer.dense", func() int { return b.dense(id, classes, true) })
	}
	if b.err == nil && id != len(b.nodes)-1 {
		b.under("answer.identity", func() int { return b.same(id, Node{Op: Identity}) })
	}
	if b.err != nil {
		return b.err
	}
	return nil
}

// top reads the tree itself: named layers, sequences and cells in order, and
// ordinary genes between them.
func (b *builder) top(tree genome.Map, in int) int {
	for _, e := range tree {
		n := b.enter(e.Key)
		switch l := layerOf(e.Key, e.Value); {
		case l != nil:
			in = b.layer(l, e.Value, in)
		case holds(e.Value):
			in = b.sequence(e.Value, in)
		default:
			b.gene(e.Value)
		}
		b.leave(n)
	}
	return in
}

// gene passes an ordinary gene on.
func (b *builder) gene(v any) {
	if b.ordinary != nil {
		b.ordinary(b.path, v)
	}
}

// sequence reads layers one after the other.
func (b *builder) sequence(v any, in int) int {
	if b.nest++; b.nest > maxNest {
		b.fail("layers are nested more than %d deep", maxNest)
	}
	defer func() { b.nest-- }()
	if b.err != nil {
		return 0
	}
	switch v := v.(type) {
	case genome.Map:
		if isCell(v) {
			return b.cellLayer(v, in)
		}
		for i := range v {
			in = b.entry(v[i].Key, v[i].Value, in)
		}
	case []any:
		for i, x := range v {
			n := b.index(i)
			in = b.element(x, in)
			b.leave(n)
		}
	case string:
		in = b.word(v, in)
	default:
		b.fail("%v is no layer", v)
	}
	return in
}

// entry reads one field of a group within a sequence.
func (b *builder) entry(key string, v any, in int) int {
	n := b.enter(key)
	defer b.leave(n)
	switch l := vocabulary[key]; {
	case l != nil:
		return b.layer(l, v, in)
	case holds(v):
		return b.sequence(v, in)
	}
	if s, ok := v.(string); ok && bare(s) != nil {
		return b.layer(bare(s), nil, in)
	}
	b.gene(v)
	return in
}

// element reads one element of a list.
func (b *builder) element(v any, in int) int {
	// A single block needs no name of its own in the path: blocks[2].conv.
	if m, ok := v.(genome.Map); ok && len(m) == 1 && m[0].Key == "block" {
		return b.layer(vocabulary["block"], m[0].Value, in)
	}
	return b.sequence(v, in)
}

// word reads a layer written as its bare name.
func (b *builder) word(name string, in int) int {
	if name == "none" {
		return in
	}
	l := bare(name)
	if l == nil {
		if vocabulary[name] != nil {
			b.fail("%s needs parameters", name)
		} else {
			b.slip("%q is no layer", name)
		}
		return 0
	}
	n := b.enter(name)
	in = b.layer(l, nil, in)
	b.leave(n)
	return in
}
