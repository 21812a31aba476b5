package network

import "github.com/nascent-nas/nascent/genome"

// cellOfEdges is operations on the edges of a complete graph, whose nodes add what
// comes in (Dong, Yang: NAS-Bench-201, ICLR 2020). Its stack: a stem convolution of
// 16 channels and norm; 15 cells in three stages; a residual block of stride 2
// between stages; norm, relu.
var cellOfEdges = cellKind{
	gene: "edges", narrow: true, read: readEdges,
	stacked: skeleton{
		cells: 15, channels: 16, stem: (*builder).convNorm, reduction: (*builder).residualReduction,
		end: func(b *builder, in int) int {
			in = b.under("norm", func() int { return b.norm(in) })
			return b.under("relu", func() int { return b.act(in, "relu") })
		},
	},
}

func init() { addCell(&cellOfEdges) }

type edgesCell struct {
	edges []string // operations of (0,1), (0,2), (1,2), (0,3), ...
	nodes int      // how many, the input included
}

func readEdges(b *builder, v genome.Map) (cell, bool) {
	x, _ := v.Get("edges")
	edges, ok := words(x)
	nodes := 1
	for nodes*(nodes-1)/2 < len(edges) {
		nodes++
	}
	if !ok || len(edges) == 0 || nodes*(nodes-1)/2 != len(edges) {
		b.fail("edges is %v; it needs the operations of a complete graph: 1, 3, 6, 10, ...", x)
		return nil, false
	}
	return &edgesCell{edges, nodes}, true
}

// build lets every node add its incoming edges. Skips add the node itself and
// absent edges nothing, without nodes of their own.
func (c *edgesCell) build(b *builder, at place) int {
	in := at.last
	if at.super != nil {
		return b.super.edges(b, at.super, in)
	}
	channels := b.channels(in)
	value := make([]int, c.nodes)
	value[0] = in
	terms := make([]int, 0, c.nodes)
	edge := 0
	for to := 1; to < c.nodes; to++ {
		terms = terms[:0]
		for from := 0; from < to; from++ {
			name := c.edges[edge]
			edge++
			if answersZeros(name) {
				continue
			}
			n := b.index(from)
			m := b.index(to)
			terms = append(terms, b.operate(name, value[from], channels, 1))
			b.leave(m)
			b.leave(n)
		}
		n := b.index(to)
		if len(terms) == 0 {
			value[to] = b.under("none", func() int { return b.zero(in, both(1)) })
		} else {
			value[to] = b.under("add", func() int { return b.sum(terms) })
		}
		b.leave(n)
		if b.err != nil {
			return 0
		}
	}
	return value[c.nodes-1]
}

// residualReduction is the block between the stages of NAS-Bench-201: two
// convolutions, the first of stride 2, beside an average pool and a convolution
// of kernel 1.
func (b *builder) residualReduction(in, channels int) int {
	if !b.even(in) {
		return 0
	}
	x := b.under("first", func() int { return b.reluConvNorm(in, filterOf(channels, 3, 2)) })
	x = b.under("second", func() int { return b.reluConvNorm(x, filterOf(channels, 3, 1)) })
	y := b.under("shortcut.pool", func() int { return b.pool(in, AvgPool, both(2), both(2), pair{}) })
	y = b.under("shortcut.conv", func() int { return b.conv(y, filterOf(channels, 1, 1)) })
	return b.under("add", func() int { return b.sum([]int{y, x}) })
}
