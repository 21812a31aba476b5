package network

import "slices"

// Op names what a Node computes. Everything that a space can say is expanded to
// the operations of this package; each of them, and the layer of the vocabulary
// that is called like it, stands in a file of its own.
type Op string

// operation is what an Op means. An operation without a function of these costs,
// learns and is drawn like a layer without weights. n is a node of the operation
// and in the shape of its first input.
type operation struct {
	op         Op
	parameters func(n *Node, in []int) int64                // that training may change
	macs       func(n *Node, in []int) int64                // multiply-adds of one sample
	arrays     func(n *Node, in []int) Arrays               // what its parameters and statistics are, without names
	trains     func(n *Node, samples int) string            // why it cannot be trained on batches of so many samples; "" if it can
	deep       bool                                         // counts in the depth of a network
	slight     bool                                         // drawn on the line of the layer beside it
	title      string                                       // in drawings; the Op if empty
	text       func(n *Node) string                         // in drawings, instead of title and attributes
	own        bool                                         // two of them over the same input are not one: each has weights, or draws, of its own
	neutral    func(n *Node, in []int) bool                 // whether the node answers its input
	value      func(g *reduced, n *Network, node *Node) sum // how the hash reads the node; nil: as an atom over its input
}

// operations by their Op. A file's operation is declared by a variable, before
// anything is read.
var operations = map[Op]*operation{}

func (o operation) declare() Op {
	operations[o.op] = &o
	return o.op
}

// layerless is what is asked for a node of an unknown operation: it counts nothing.
var layerless operation

// of returns what a node's operation means.
func (op Op) meaning() *operation {
	if o := operations[op]; o != nil {
		return o
	}
	return &layerless
}

// Ops lists all operations by name; the Networks of genomes have them all but Mix.
func Ops() []Op {
	ops := make([]Op, 0, len(operations))
	for op := range operations {
		ops = append(ops, op)
	}
	slices.Sort(ops)
	return ops
}

// layer is a word of the vocabulary: what a genome may say.
type layer struct {
	name string
	// A layer's name with a scalar value is a layer only among other layers, because
	// hyper-parameters are called like this too ("dropout: 0.1"); that of a firm one
	// is a layer whatever its value.
	firm bool
	bare bool   // is a layer without parameters, as an option or element may be
	main string // the parameter that a scalar is; "" takes none
	mark string // the parameter by which its declaration is known for one; "" where a gene may look the same
	read func(b *builder, a *args, in int) int
}

// vocabulary is all layers by name.
var vocabulary = map[string]*layer{}

func (l layer) declare() *layer {
	vocabulary[l.name] = &l
	return &l
}
