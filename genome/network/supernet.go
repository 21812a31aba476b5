package network

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/nascent-nas/nascent/genome"
)

// Supernet is the layer graph of all genomes of a space of cells at once: where
// a genome's cell has one operation, it has all of them, and a Mix of their
// answers. Weights trained in it are shared by all genomes (Pham et al., ENAS,
// 2018, arXiv 1802.03268, section 2; Liu et al., DARTS, 2018, arXiv 1806.09055,
// section 2.2).
//
// A cell that stands in several places of the network has weights of its own in
// each, but one set of Choices.
//
// As JSON it has all that training needs, for evaluators in other languages.
type Supernet struct {
	Network *Network  `json:"network"`
	Choices []Choice  `json:"choices"`
	Mixes   []Mixture `json:"mixes"`
	Gates   []Gate    `json:"gates"` // of each node of the Network

	space *genome.Space
	cells map[string]*superCell // by the path of the cell's gene
	sites []genome.Site
}

// Choice is a place of a cell at which genomes have different operations: an
// edge of a cell of edges, or the way from a source to a node of a cell of
// pairs.
type Choice struct {
	Name     string   `json:"name"`               // "stack.cell.edge(0,1)", "stack.normal.node1~0"
	Cell     string   `json:"cell"`               // the gene: "stack.cell"
	Node     int      `json:"node"`               // that it leads to, from 0; in a cell of pairs the cell's inputs do not count
	Source   int      `json:"source"`             // that it comes from; in a cell of pairs from 0, the cell's inputs first
	Options  []string `json:"options"`            // the operations
	Skip     int      `json:"skip"`               // the option that hands its input on, -1 without one
	None     int      `json:"none"`               // the option that answers zeros, -1 without one
	Pairs    bool     `json:"pairs,omitempty"`    // of a cell of pairs: a node has two of its choices, and one operation of each
	Distinct bool     `json:"distinct,omitempty"` // Pairs: the two are never one and the same
}

// Mixture is a Mix in the Network.
type Mixture struct {
	Choice int `json:"choice"` // index into Choices
	Node   int `json:"node"`   // index into the Network's nodes
}

// Gate says for which option of which mixture a node is there; Mixture is -1
// for nodes that every genome has.
type Gate struct {
	Mixture int `json:"mixture"`
	Option  int `json:"option"`
}

// superCell is a cell with all its operations.
type superCell struct {
	pairs   bool
	ops     []string
	nodes   int
	inputs  int            // pairs
	choices map[[2]int]int // by node and source
}

// superReading is what the builder knows of a Supernet that it makes.
type superReading struct {
	*Supernet
	gate Gate
}

var (
	edgeSite = regexp.MustCompile(`^(.*)\.edge\((\d+),(\d+)\)$`)
	pairSite = regexp.MustCompile(`^(.*)\.node(\d+)\.input[01](~?)$`)
)

// ReadSupernet reads a space as a Supernet. It takes spaces in which genomes
// differ in the cells of one stack alone: cells of edges, or of pairs that are
// added and all joined. Any other is refused with the reason, in one line.
func ReadSupernet(s *genome.Space) (*Supernet, error) {
	input, classes, err := data(s)
	if err != nil {
		return nil, err
	}
	n := &Supernet{space: s, cells: map[string]*superCell{}, sites: s.Sites()}
	if len(n.sites) == 0 {
		return nil, fmt.Errorf("weights are shared among the operations of cells, but the space has " +
			"nothing to choose: give it a stack with a cell")
	}
	if err := n.readSites(); err != nil {
		return nil, err
	}
	g, err := s.Decide(func(d genome.Decision) int {
		if m := pairSite.FindStringSubmatch(n.sites[d.Site].Name); m != nil && len(d.Closed) > 0 && d.Closed[0] {
			n.distinct(m[1]) // where the newer input cannot be the oldest, it is another one
		}
		return max(0, slices.Index(d.Closed, false))
	})
	if err != nil {
		return nil, err
	}
	b := new(builder)
	b.super = &superReading{Supernet: n, gate: Gate{-1, 0}}
	if err := b.read(g.Tree(), input, classes); err != nil {
		return nil, err
	}
	if b.super.used() < len(n.cells) {
		return nil, fmt.Errorf("weights are shared among the operations of the cells of a stack, but a " +
			"cell stands elsewhere: put it into a stack")
	}
	b.finish()
	n.Network = &Network{Nodes: b.nodes}
	return n, nil
}

// used is how many of the cells have a mixture.
func (r *superReading) used() int {
	seen := map[string]bool{}
	for _, m := range r.Mixes {
		seen[r.Choices[m.Choice].Cell] = true
	}
	return len(seen)
}

// readSites finds the cells and their choices in what the space decides.
func (n *Supernet) readSites() error {
	for _, site := range n.sites {
		if m := edgeSite.FindStringSubmatch(site.Name); m != nil && site.Kind == genome.SiteValue {
			from, _ := strconv.Atoi(m[2])
			to, _ := strconv.Atoi(m[3])
			c := n.cell(m[1], false)
			c.ops, c.nodes = site.Options, to+1
			n.add(c, Choice{Name: site.Name, Cell: m[1], Node: to, Source: from, Options: site.Options})
			continue
		}
		if m := pairSite.FindStringSubmatch(site.Name); m != nil {
			node, _ := strconv.Atoi(m[2])
			c := n.cell(m[1], true)
			if c.nodes = max(c.nodes, node+1); m[3] == "" {
				c.ops = site.Options
			} else {
				c.inputs = len(site.Options) - node
			}
			continue
		}
		what := site.Name
		if list, ok := strings.CutSuffix(what, "[]?"); ok {
			what = "the length of " + list
		}
		return fmt.Errorf("weights are shared among the operations of cells of edges or pairs, but the space also "+
			"searches %s: make it a constant, or choose a strategy that trains every candidate", what)
	}
	for _, site := range n.sites { // in the order of the declaration
		m := pairSite.FindStringSubmatch(site.Name)
		if m == nil {
			continue
		}
		c := n.cells[m[1]]
		c.inputs = max(1, c.inputs)
		if len(c.ops) == 0 {
			return fmt.Errorf("the cell %s has one operation only, so there are no weights to share: give it more", m[1])
		}
		if len(c.choices) > 0 {
			continue
		}
		for node := range c.nodes {
			for source := range c.inputs + node {
				n.add(c, Choice{Name: fmt.Sprintf("%s.node%d~%d", m[1], node, source), Cell: m[1], Node: node, Source: source,
					Options: c.ops, Pairs: true})
			}
		}
	}
	return nil
}

func (n *Supernet) cell(path string, pairs bool) *superCell {
	c := n.cells[path]
	if c == nil {
		c = &superCell{pairs: pairs, choices: map[[2]int]int{}}
		n.cells[path] = c
	}
	return c
}

func (n *Supernet) add(c *superCell, choice Choice) {
	choice.Skip, choice.None = -1, -1
	for i, name := range choice.Options {
		switch {
		case answersInput(name):
			choice.Skip = i
		case answersZeros(name):
			choice.None = i
		}
	}
	c.choices[[2]int{choice.Node, choice.Source}] = len(n.Choices)
	n.Choices = append(n.Choices, choice)
}

// distinct notes of a cell of pairs that both inputs of a node are never the
// same.
func (n *Supernet) distinct(cell string) {
	for i := range n.Choices {
		n.Choices[i].Distinct = n.Choices[i].Distinct || n.Choices[i].Cell == cell
	}
}

// Path lists the options that a genome has at each of the Choices: one in a cell
// of edges, none to two in a cell of pairs. A node of pairs that has one operation
// twice over one source has it twice here: its weights are then the same.
func (n *Supernet) Path(g genome.Genome) ([][]int, error) {
	asked, answers, err := n.space.Decisions(g)
	if err != nil {
		return nil, err
	}
	path := make([][]int, len(n.Choices))
	for k := range path {
		path[k] = []int{} // a list in JSON, too
	}
	source := 0
	for i, d := range asked {
		name := n.sites[d.Site].Name
		if m := edgeSite.FindStringSubmatch(name); m != nil {
			from, _ := strconv.Atoi(m[2])
			to, _ := strconv.Atoi(m[3])
			k := n.cells[m[1]].choices[[2]int{to, from}]
			path[k] = append(path[k], answers[i])
			continue
		}
		m := pairSite.FindStringSubmatch(name)
		node, _ := strconv.Atoi(m[2])
		if c := n.cells[m[1]]; m[3] != "" {
			source = answers[i]
		} else {
			if c.inputs+node == 1 { // there is nothing to ask
				source = 0
			}
			k := c.choices[[2]int{node, source}]
			path[k] = append(path[k], answers[i])
		}
	}
	return path, nil
}

// edges builds a cell of edges with a mixture on every edge.
func (r *superReading) edges(b *builder, c *superCell, in int) int {
	channels := b.channels(in)
	value := []int{in}
	for to := 1; to < c.nodes; to++ {
		var terms []int
		for from := range to {
			n := b.index(from)
			m := b.index(to)
			terms = append(terms, r.mix(b, c, to, from, value[from], channels, 1))
			b.leave(m)
			b.leave(n)
		}
		n := b.index(to)
		value = append(value, b.under("add", func() int { return b.sum(terms) }))
		b.leave(n)
		if b.err != nil {
			return 0
		}
	}
	return value[len(value)-1]
}

// pairs builds a cell of pairs whose nodes add mixtures of all their sources.
// value holds the cell's inputs.
func (r *superReading) pairs(b *builder, c *pairsCell, at place, value []int) int {
	if c.loose || slices.ContainsFunc(c.pairs, func(p combination) bool { return p.join }) {
		b.fail("weights cannot be shared in a cell that joins loose nodes or combines by concat: write output: all and combine: [add]")
		return 0
	}
	for node := range at.super.nodes {
		n := b.index(node)
		var terms []int
		for source := range value {
			m := b.index(source)
			stride := 1
			if at.reduces && source < at.super.inputs {
				stride = 2
			}
			terms = append(terms, r.mix(b, at.super, node, source, value[source], at.channels, stride))
			b.leave(m)
		}
		value = append(value, b.under("add", func() int { return b.sum(terms) }))
		b.leave(n)
		if b.err != nil {
			return 0
		}
	}
	return b.under("concat", func() int { return b.join(value[at.super.inputs:]) })
}

// mix builds all operations over in, and their mixture.
func (r *superReading) mix(b *builder, c *superCell, node, source, in, channels, stride int) int {
	place := len(r.Mixes)
	r.Mixes = append(r.Mixes, Mixture{Choice: c.choices[[2]int{node, source}]})
	var ins []int
	for i, op := range c.ops {
		r.gate = Gate{place, i}
		ins = append(ins, b.under(op, func() int { return b.operate(op, in, channels, stride) }))
	}
	r.gate = Gate{-1, 0}
	if b.err != nil {
		return 0
	}
	id := b.under("mix", func() int { return b.append(Node{Op: Mix, Inputs: b.inputs(ins), Shape: b.shape(ins[0])}) })
	r.Mixes[place].Node = id
	return id
}

// Genome is the genome of a path: the inverse of Path. A path of a cell of pairs
// has two operations at each node, of different sources where the cell says so.
func (n *Supernet) Genome(path [][]int) (genome.Genome, error) {
	type input struct{ source, option int }
	inputs := map[string][]input{} // of nodes of pairs, the newest source first
	for k, c := range n.Choices {
		if c.Pairs {
			name := fmt.Sprintf("%s.node%d", c.Cell, c.Node)
			for _, option := range path[k] {
				inputs[name] = append(inputs[name], input{c.Source, option})
			}
			slices.SortFunc(inputs[name], func(a, b input) int {
				return cmp.Or(cmp.Compare(b.source, a.source), cmp.Compare(a.option, b.option))
			})
		}
	}
	return n.space.Decide(func(d genome.Decision) int {
		name := n.sites[d.Site].Name
		if m := edgeSite.FindStringSubmatch(name); m != nil {
			from, _ := strconv.Atoi(m[2])
			to, _ := strconv.Atoi(m[3])
			if options := path[n.cells[m[1]].choices[[2]int{to, from}]]; len(options) == 1 {
				return options[0]
			}
			return -1
		}
		m := pairSite.FindStringSubmatch(name)
		both := inputs[m[1]+".node"+m[2]]
		if len(both) != 2 {
			return -1
		}
		in := both[0]
		if strings.TrimSuffix(name, "~")[len(name)-len(m[3])-1] == '1' {
			in = both[1]
		}
		if m[3] != "" {
			return in.source
		}
		return in.option
	})
}
