package network

import "github.com/nascent-nas/nascent/genome"

// cellOfPairs is nodes that combine two operations each over the two cells before
// or earlier nodes; the answer joins the nodes (Zoph et al., CVPR 2018; Liu,
// Simonyan, Yang: DARTS, ICLR 2019). Its stack: a stem convolution of three times
// 16 channels and norm; 8 cells, of which those at 1/3 and 2/3 are reduction cells.
var cellOfPairs = cellKind{
	gene: "pairs", more: []string{"combine", "inputs", "output"}, read: readPairs,
	stacked: skeleton{cells: 8, channels: 16, multiplier: 3, stem: (*builder).convNorm},
}

func init() { addCell(&cellOfPairs) }

type pairsCell struct {
	pairs  []combination
	inputs int  // how many cells before it a cell sees: 1 or 2
	loose  bool // the answer joins only nodes that no other node uses
}

// combination is one node of a cell of pairs.
type combination struct {
	op   [2]string
	from [2]int
	join bool // combine by concat and a projection instead of add
}

func readPairs(b *builder, v genome.Map) (cell, bool) {
	c := &pairsCell{inputs: 2}
	if x, ok := v.Get("inputs"); ok {
		if c.inputs, ok = whole(x); !ok || c.inputs < 1 || c.inputs > 2 {
			b.fail("inputs is %v; a cell sees 1 or 2 cells before it", x)
			return nil, false
		}
	}
	switch x, _ := v.Get("output"); x {
	case nil, "all":
	case "loose":
		c.loose = true
	default:
		b.fail("output is %v; it is all or loose", x)
		return nil, false
	}
	pairs, _ := v.Get("pairs")
	combine, _ := v.Get("combine")
	how, _ := combine.([]any)
	list, ok := pairs.([]any)
	if !ok || len(list) == 0 {
		b.fail("pairs is %v; it needs [operation, source, operation, source] per node", pairs)
		return nil, false
	}
	for i, p := range list {
		node, ok := p.([]any)
		if !ok || len(node) != 4 {
			b.fail("node %d is %v; it needs [operation, source, operation, source]", i, p)
			return nil, false
		}
		var n combination
		for k := 0; k < 2; k++ {
			n.op[k], ok = node[2*k].(string)
			from, number := whole(node[2*k+1])
			if !ok || !number || from < 0 || from >= c.inputs+i {
				b.fail("node %d is %v; its sources are numbers below %d", i, p, c.inputs+i)
				return nil, false
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
				return nil, false
			}
		}
		c.pairs = append(c.pairs, n)
	}
	return c, true
}

// build follows DARTS: both inputs are brought to the cell's channels (and
// the older one to the newer one's extent), every node combines two operations,
// the answer joins the nodes. In a reduction, operations on the inputs stride.
func (c *pairsCell) build(b *builder, at place) int {
	channels := at.channels
	value := make([]int, 0, c.inputs+len(c.pairs))
	bring := func(i, x int) {
		n := b.enter("input")
		m := b.index(i)
		if c.inputs == 2 && i == 0 && at.reduced {
			x = b.reduce(x, channels)
		} else {
			x = b.reluConvNorm(x, filterOf(channels, 1, 1))
		}
		b.leave(m)
		b.leave(n)
		value = append(value, x)
	}
	if c.inputs == 2 {
		bring(0, at.before)
	}
	bring(c.inputs-1, at.last)
	if at.super != nil {
		return b.super.pairs(b, c, at, value)
	}
	used := make([]bool, c.inputs+len(c.pairs))
	for i := range c.pairs {
		p := &c.pairs[i]
		n := b.index(i)
		var terms [2]int
		for k := range terms {
			m := b.index(k)
			stride := 1
			if at.reduces && p.from[k] < c.inputs {
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
