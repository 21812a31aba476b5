package network

import (
	"strconv"
	"strings"

	"github.com/nascent-nas/nascent/genome"
)

// Cells are read in one of three ways:
//
//   - edges: operations on the edges of a complete graph, nodes add what comes
//     in (Dong, Yang: NAS-Bench-201, ICLR 2020);
//   - vertices: operations on the nodes of a free graph, the answer joins what
//     flows into it and the channels are divided among those nodes (Ying et
//     al.: NAS-Bench-101, ICML 2019);
//   - pairs: nodes combine two operations each over the two cells before or
//     earlier nodes, the answer joins the nodes (Zoph et al., CVPR 2018; Liu,
//     Simonyan, Yang: DARTS, ICLR 2019).

// motif is what a cell's operation does.
type motif uint8

const (
	noMotif   motif = iota
	nothing         // zeros
	skip            // its input
	preConv         // relu, convolution, norm
	postConv        // convolution, norm, relu
	separable       // twice: relu, depthwise convolution, convolution of kernel 1, norm
	dilated         // relu, depthwise convolution of dilation 2, convolution of kernel 1, norm
	crossed         // relu, convolution [1, k], convolution [k, 1], norm
	maximum         // pool
	average         // pool
)

// motifs in the order in which their prefixes are tried.
var motifs = [...]struct {
	prefix string
	motif  motif
}{
	{"nor_conv", preConv}, {"sep_conv", separable}, {"dil_conv", dilated}, {"conv", postConv},
	{"avg_pool", average}, {"max_pool", maximum}, {"avgpool", average}, {"maxpool", maximum},
	{"average", average}, {"avg", average}, {"max", maximum}, {"sep", separable}, {"dil", dilated},
}

// operation reads an operation's name: a motif and a kernel ("sep_conv_3x3",
// "conv3x3-bn-relu", "max3"; 3 if unsaid).
func operation(name string) (motif, int) {
	switch name {
	case "none", "zero":
		return nothing, 0
	case "skip_connect", "skip", "identity":
		return skip, 0
	case "conv_7x1_1x7", "conv_1x7_7x1":
		return crossed, 7
	}
	for _, m := range motifs {
		rest, ok := strings.CutPrefix(name, m.prefix)
		if !ok {
			continue
		}
		rest = strings.TrimSuffix(strings.TrimPrefix(rest, "_"), "-bn-relu")
		if rest == "" {
			return m.motif, 3
		}
		first, second, two := strings.Cut(rest, "x")
		k, err := strconv.Atoi(first)
		if err != nil || k < 1 || k > maxExtent || (two && second != first) {
			return noMotif, 0
		}
		return m.motif, k
	}
	return noMotif, 0
}

// operate applies a named operation: [c, ...] to [channels, ... / stride].
func (b *builder) operate(name string, in, channels, stride int) int {
	if !b.spatial(in) {
		return 0
	}
	what, k := operation(name)
	if what == noMotif {
		b.slip("%q is no operation of a cell; write none, skip_connect, or conv, nor_conv, sep_conv, dil_conv, avg_pool, max_pool with a kernel, as in sep_conv_3x3", name)
		return 0
	}
	if k%2 == 0 && what > skip {
		b.slip("%q has an even kernel; cells need odd ones, which keep the extent", name)
		return 0
	}
	switch what {
	case nothing:
		return b.under("none", func() int { return b.cropTo(b.zero(in, both(stride)), channels) })
	case skip:
		if stride > 1 {
			return b.reduce(in, channels)
		}
		return b.cropTo(in, channels)
	case preConv:
		return b.reluConvNorm(in, filterOf(channels, k, stride))
	case postConv:
		return b.convNormRelu(in, filterOf(channels, k, stride))
	case separable:
		from := b.channels(in)
		id := b.depthPoint(in, from, k, stride, 1)
		return b.under("again", func() int { return b.depthPoint(id, channels, k, 1, 1) })
	case dilated:
		return b.depthPoint(in, channels, k, stride, 2)
	case crossed:
		if b.rank(in) != 2 {
			b.fail("%q needs [channels, height, width], has %v", name, b.shape(in))
			return 0
		}
		across, down := filterOf(channels, 1, 1), filterOf(channels, 1, 1)
		across.kernel, across.pad, across.stride = pair{1, k}, pair{0, k / 2}, pair{1, stride}
		down.kernel, down.pad, down.stride = pair{k, 1}, pair{k / 2, 0}, pair{stride, 1}
		in = b.under("relu", func() int { return b.act(in, "relu") })
		in = b.under("conv", func() int { return b.conv(in, across) })
		in = b.under("conv2", func() int { return b.conv(in, down) })
		return b.under("norm", func() int { return b.norm(in) })
	}
	op := AvgPool
	if what == maximum {
		op = MaxPool
	}
	id := b.under("pool", func() int { return b.pool(in, op, both(k), both(stride), both(k/2)) })
	return b.cropTo(id, channels)
}

// cropTo makes an operation without weights answer the cell's channels; it can
// only take some away.
func (b *builder) cropTo(in, channels int) int {
	if b.err != nil || b.channels(in) == channels {
		return in
	}
	if b.channels(in) < channels {
		b.fail("cannot make %d channels of %d without weights", channels, b.channels(in))
		return 0
	}
	return b.under("crop", func() int { return b.crop(in, channels, 0) })
}

func (b *builder) reluConvNorm(in int, f filter) int {
	id := b.under("relu", func() int { return b.act(in, "relu") })
	id = b.under("conv", func() int { return b.conv(id, f) })
	return b.under("norm", func() int { return b.norm(id) })
}

func (b *builder) convNormRelu(in int, f filter) int {
	id := b.under("conv", func() int { return b.conv(in, f) })
	id = b.under("norm", func() int { return b.norm(id) })
	return b.under("relu", func() int { return b.act(id, "relu") })
}

// depthPoint is relu, depthwise convolution, convolution of kernel 1, norm.
func (b *builder) depthPoint(in, channels, kernel, stride, dilation int) int {
	if b.err != nil {
		return 0
	}
	f := filterOf(b.channels(in), kernel, stride)
	f.groups, f.dilation, f.pad = f.channels, both(dilation), both(dilation*(kernel-1)/2)
	id := b.under("relu", func() int { return b.act(in, "relu") })
	id = b.under("depthwise", func() int { return b.conv(id, f) })
	id = b.under("pointwise", func() int { return b.conv(id, filterOf(channels, 1, 1)) })
	return b.under("norm", func() int { return b.norm(id) })
}

// reduce halves the extent without losing positions (DARTS's factorized
// reduction): two convolutions of kernel 1 and stride 2, one shifted by a
// position, each half of the channels.
func (b *builder) reduce(in, channels int) int {
	if !b.even(in) {
		return 0
	}
	if channels < 2 {
		b.fail("a reduction needs at least 2 channels")
		return 0
	}
	x := b.under("relu", func() int { return b.act(in, "relu") })
	first := b.under("conv", func() int { return b.conv(x, filterOf(channels/2, 1, 2)) })
	moved := b.under("shift", func() int { return b.crop(x, b.channels(in), 1) })
	second := b.under("conv2", func() int { return b.conv(moved, filterOf(channels-channels/2, 1, 2)) })
	id := b.under("concat", func() int { return b.join([]int{first, second}) })
	return b.under("norm", func() int { return b.norm(id) })
}

// even refuses extents that a reduction cannot halve.
func (b *builder) even(in int) bool {
	if !b.spatial(in) {
		return false
	}
	for d, v := range b.shape(in)[1:] {
		if v%2 != 0 {
			b.fail("cannot halve %s %d; use fewer reductions or an input that divides by 2 for each", extentName(b.rank(in), d), v)
			return false
		}
	}
	return true
}

// cellLayer reads a cell that stands alone in a sequence, once, over in.
func (b *builder) cellLayer(v genome.Map, in int) int {
	if !b.spatial(in) {
		return 0
	}
	channels := b.channels(in)
	if c, ok := v.Get("channels"); ok {
		a := args{b: b}
		if channels, ok = a.bounded("channels", c, 1); !ok {
			return 0
		}
	}
	c, ok := b.readCell(v)
	if !ok {
		return 0
	}
	if c.edges != nil && channels != b.channels(in) {
		n := b.enter("project")
		in = b.reluConvNorm(in, filterOf(channels, 1, 1))
		b.leave(n)
	}
	return b.cell(&c, in, in, channels, false, false)
}

// cell is the reading of a cell's gene; one of edges, vertices and pairs is set.
type cell struct {
	edges    []string // operations of (0,1), (0,2), (1,2), (0,3), ...
	nodes    int      // edges: how many nodes, the input included
	vertices []string // operations; first and last are the input and the answer
	to       [][]bool // vertices: to[i][j] is an edge from i to j, i < j
	pairs    []combination
	inputs   int        // pairs: how many cells before it a cell sees: 1 or 2
	loose    bool       // pairs: the answer joins only nodes that no other node uses
	super    *superCell // all its operations, where a Supernet is made
}

// combination is one node of a pairs cell.
type combination struct {
	op   [2]string
	from [2]int
	join bool // combine by concat and a projection instead of add
}

// readCell reads a cell's gene.
func (b *builder) readCell(v genome.Map) (c cell, ok bool) {
	for _, e := range v {
		switch e.Key {
		case "edges", "vertices", "pairs", "combine", "channels", "inputs", "output":
		case "isomorphism":
			if e.Value != "exact" && e.Value != "published" {
				b.fail("isomorphism is %v; it is exact or published", e.Value)
				return c, false
			}
		default:
			b.slip("has no parameter %q; a cell has channels, inputs, output, isomorphism", e.Key)
			return c, false
		}
	}
	if x, ok := v.Get("vertices"); ok {
		edges, _ := v.Get("edges")
		return c, b.readVertices(&c, x, edges)
	}
	if x, ok := v.Get("pairs"); ok {
		return c, b.readPairs(&c, x, v)
	}
	x, _ := v.Get("edges")
	c.edges, ok = words(x)
	for c.nodes = 1; c.nodes*(c.nodes-1)/2 < len(c.edges); c.nodes++ {
	}
	if !ok || len(c.edges) == 0 || c.nodes*(c.nodes-1)/2 != len(c.edges) {
		b.fail("edges is %v; it needs the operations of a complete graph: 1, 3, 6, 10, ...", x)
		return c, false
	}
	return c, true
}

// words converts a list of strings.
func words(v any) ([]string, bool) {
	list, ok := v.([]any)
	if !ok {
		return nil, false
	}
	out := make([]string, len(list))
	for i, x := range list {
		if out[i], ok = x.(string); !ok {
			return nil, false
		}
	}
	return out, true
}

func (b *builder) readVertices(c *cell, names, edges any) bool {
	var ok bool
	if c.vertices, ok = words(names); !ok || len(c.vertices) < 2 {
		b.fail("vertices is %v; it needs names, from input to output", names)
		return false
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
		return false
	}
	into, from := make([]bool, n), make([]bool, n)
	for _, e := range list {
		ends, _ := e.([]any)
		if len(ends) != 2 {
			b.fail("edge %v; it needs two vertices", e)
			return false
		}
		i, ok1 := whole(ends[0])
		j, ok2 := whole(ends[1])
		if !ok1 || !ok2 || i < 0 || j >= n || i >= j {
			b.fail("edge %v; it runs from a vertex to a later one of %d", e, n)
			return false
		}
		c.to[i][j], from[i], into[j] = true, true, true
	}
	for i := range c.vertices {
		if (i > 0 && !into[i]) || (i < n-1 && !from[i]) {
			b.fail("vertex %d lies on no path from input to output", i)
			return false
		}
	}
	return true
}

func (b *builder) readPairs(c *cell, pairs any, v genome.Map) bool {
	c.inputs = 2
	if x, ok := v.Get("inputs"); ok {
		if c.inputs, ok = whole(x); !ok || c.inputs < 1 || c.inputs > 2 {
			b.fail("inputs is %v; a cell sees 1 or 2 cells before it", x)
			return false
		}
	}
	switch x, _ := v.Get("output"); x {
	case nil, "all":
	case "loose":
		c.loose = true
	default:
		b.fail("output is %v; it is all or loose", x)
		return false
	}
	combine, _ := v.Get("combine")
	how, _ := combine.([]any)
	list, ok := pairs.([]any)
	if !ok || len(list) == 0 {
		b.fail("pairs is %v; it needs [operation, source, operation, source] per node", pairs)
		return false
	}
	for i, p := range list {
		node, ok := p.([]any)
		if !ok || len(node) != 4 {
			b.fail("node %d is %v; it needs [operation, source, operation, source]", i, p)
			return false
		}
		var n combination
		for k := 0; k < 2; k++ {
			n.op[k], ok = node[2*k].(string)
			from, number := whole(node[2*k+1])
			if !ok || !number || from < 0 || from >= c.inputs+i {
				b.fail("node %d is %v; its sources are numbers below %d", i, p, c.inputs+i)
				return false
			}
			n.from[k] = from
		}
		if i < len(how) {
			switch how[i] {
			case "concat":
				n.join = true
			case "add":
			default:
				b.fail("combine %v; it is add or concat", how[i])
				return false
			}
		}
		c.pairs = append(c.pairs, n)
	}
	return true
}

// cell builds one cell over the two before it. A pairs cell that reduces halves
// the extent; reduced says that the cell before did, so that the one before
// that is twice as large.
func (b *builder) cell(c *cell, before, last, channels int, reduces, reduced bool) int {
	switch {
	case b.err != nil:
		return 0
	case c.edges != nil && c.super != nil:
		return b.super.edges(b, c, last)
	case c.edges != nil:
		return b.edgesCell(c, last)
	case c.vertices != nil:
		return b.verticesCell(c, last, channels)
	}
	return b.pairsCell(c, before, last, channels, reduces, reduced)
}

// edgesCell: every node adds its incoming edges. Skips add the node itself and
// absent edges nothing, without nodes of their own.
func (b *builder) edgesCell(c *cell, in int) int {
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
			if what, _ := operation(name); what == nothing {
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

// verticesCell follows NAS-Bench-101: the channels are divided among the
// vertices that flow into the answer (the first ones get the remainder), the
// others have as many as the widest vertex they feed; the cell's input is
// projected by a convolution of kernel 1 wherever it enters, other inputs are
// cropped; the input adds to the answer.
func (b *builder) verticesCell(c *cell, in, channels int) int {
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

// pairsCell follows DARTS: both inputs are brought to the cell's channels (and
// the older one to the newer one's extent), every node combines two operations,
// the answer joins the nodes. In a reduction, operations on the inputs stride.
func (b *builder) pairsCell(c *cell, before, last, channels int, reduces, reduced bool) int {
	value := make([]int, 0, c.inputs+len(c.pairs))
	bring := func(i, x int) {
		n := b.enter("input")
		m := b.index(i)
		if c.inputs == 2 && i == 0 && reduced {
			x = b.reduce(x, channels)
		} else {
			x = b.reluConvNorm(x, filterOf(channels, 1, 1))
		}
		b.leave(m)
		b.leave(n)
		value = append(value, x)
	}
	if c.inputs == 2 {
		bring(0, before)
	}
	bring(c.inputs-1, last)
	if c.super != nil {
		return b.super.pairs(b, c, value, channels, reduces)
	}
	used := make([]bool, c.inputs+len(c.pairs))
	for i := range c.pairs {
		p := &c.pairs[i]
		n := b.index(i)
		var terms [2]int
		for k := range terms {
			m := b.index(k)
			stride := 1
			if reduces && p.from[k] < c.inputs {
				stride = 2
			}
			used[p.from[k]] = true
			terms[k] = b.operate(p.op[k], value[p.from[k]], channels, stride)
			b.leave(m)
		}
		var x int
		if p.join {
			x = b.under("concat", func() int { return b.join(terms[:]) })
			m := b.enter("project")
			x = b.reluConvNorm(x, filterOf(channels, 1, 1))
			b.leave(m)
		} else {
			x = b.under("add", func() int { return b.sum(terms[:]) })
		}
		b.leave(n)
		if b.err != nil {
			return 0
		}
		value = append(value, x)
	}
	var answer []int
	for i := range c.pairs {
		if !c.loose || !used[c.inputs+i] {
			answer = append(answer, value[c.inputs+i])
		}
	}
	return b.under("concat", func() int { return b.join(answer) })
}
