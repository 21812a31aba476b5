package network

import "github.com/nascent-nas/nascent/genome"

// cellOfVertices is operations on the vertices of a free graph; the answer joins
// what flows into it, and the channels are divided among those vertices (Ying et
// al.: NAS-Bench-101, ICML 2019). Its stack: a stem convolution of 128 channels,
// norm, relu; 9 cells in three stages; a max pool of 2 between stages.
var cellOfVertices = cellKind{
	gene: "vertices", more: []string{"edges"}, read: readVertices,
	stacked: skeleton{
		cells: 9, channels: 128,
		stem:      func(b *builder, in, channels int) int { return b.convNormRelu(in, filterOf(channels, 3, 1)) },
		reduction: func(b *builder, in, _ int) int { return b.pool(in, MaxPool, both(2), both(2), pair{}) },
	},
}

func init() { addCell(&cellOfVertices) }

type verticesCell struct {
	vertices []string // operations; first and last are the input and the answer
	to       [][]bool // to[i][j] is an edge from i to j, i < j
}

func readVertices(b *builder, v genome.Map) (cell, bool) {
	names, _ := v.Get("vertices")
	edges, _ := v.Get("edges")
	c, ok := &verticesCell{}, false
	if c.vertices, ok = words(names); !ok || len(c.vertices) < 2 {
		b.fail("vertices is %v; it needs names, from input to output", names)
		return nil, false
	}
	n := len(c.vertices)
	c.to = make([][]bool, n)
	cells := make([]bool, n*n)
	for i := range c.to {
		c.to[i] = cells[i*n : (i+1)*n]
	}
	list, ok := edges.([]any)
	if !ok {
		b.fail("edges is %v; it needs pairs of vertices", edges)
		return nil, false
	}
	into, from := make([]bool, n), make([]bool, n)
	for _, e := range list {
		ends, _ := e.([]any)
		if len(ends) != 2 {
			b.fail("edge %v; it needs two vertices", e)
			return nil, false
		}
		i, ok1 := whole(ends[0])
		j, ok2 := whole(ends[1])
		if !ok1 || !ok2 || i < 0 || j >= n || i >= j {
			b.fail("edge %v; it runs from a vertex to a later one of %d", e, n)
			return nil, false
		}
		c.to[i][j], from[i], into[j] = true, true, true
	}
	for i := range c.vertices {
		if (i > 0 && !into[i]) || (i < n-1 && !from[i]) {
			b.fail("vertex %d lies on no path from input to output", i)
			return nil, false
		}
	}
	return c, true
}

// build follows NAS-Bench-101: the channels are divided among the
// vertices that flow into the answer (the first ones get the remainder), the
// others have as many as the widest vertex they feed; the cell's input is
// projected by a convolution of kernel 1 wherever it enters, other inputs are
// cropped; the input adds to the answer.
func (c *verticesCell) build(b *builder, at place) int {
	in, channels := at.last, at.channels
	n := len(c.vertices)
	last := n - 1
	width := make([]int, n)
	into := 0
	for v := 1; v < last; v++ {
		if c.to[v][last] {
			into++
		}
	}
	project := func(width int) int {
		return b.under("project", func() int { return b.convNormRelu(in, filterOf(width, 1, 1)) })
	}
	if into == 0 {
		return project(channels)
	}
	if channels < into {
		b.fail("%d channels cannot be divided among %d vertices", channels, into)
		return 0
	}
	remainder := channels % into
	for v := 1; v < last; v++ {
		if c.to[v][last] {
			width[v] = channels / into
			if remainder > 0 {
				width[v]++
				remainder--
			}
		}
	}
	for v := last - 1; v > 0; v-- {
		if !c.to[v][last] {
			for w := v + 1; w < last; w++ {
				if c.to[v][w] {
					width[v] = max(width[v], width[w])
				}
			}
		}
	}
	value := make([]int, n)
	var answer []int
	for v := 1; v < last && b.err == nil; v++ {
		m := b.index(v)
		var terms []int
		for u := 1; u < v; u++ {
			if c.to[u][v] {
				terms = append(terms, b.cropTo(value[u], width[v]))
			}
		}
		if c.to[0][v] {
			terms = append(terms, project(width[v]))
		}
		x := b.under("add", func() int { return b.sum(terms) })
		value[v] = b.operate(c.vertices[v], x, width[v], 1)
		b.leave(m)
		if c.to[v][last] {
			answer = append(answer, value[v])
		}
	}
	if b.err != nil {
		return 0
	}
	m := b.enter("output")
	id := b.under("concat", func() int { return b.join(answer) })
	if c.to[0][last] {
		p := project(channels)
		id = b.under("add", func() int { return b.sum([]int{id, p}) })
	}
	b.leave(m)
	return id
}
