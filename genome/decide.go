package genome

import (
	"math/bits"
	"slices"
	"strconv"

	"github.com/nascent-nas/nascent/genome/rng"
)

// SiteKind says what is decided at a Site.
type SiteKind uint8

// The kinds of sites.
const (
	SiteValue  SiteKind = iota // a value, an option or an operation
	SiteMore                   // whether a list has one more element: no, yes
	SiteSource                 // which of the cell's inputs and earlier nodes a node reads
	SiteEdge                   // whether a node reads an earlier one: no, yes
)

// Site is a place of a declaration at which genomes decide: a gene, or a part
// of a cell. The elements of a list share their sites.
type Site struct {
	Name    string // "blocks[].kernel", "blocks[]?", "cell.edge(0,2)", "cell.node1.input0~"
	Kind    SiteKind
	Options []string // as canonical text has them, two at least; of a source its number

	gene  *gene
	codes []uint64 // of the options, where they are not 0, 1, 2, ...
}

// Decision is one question on the way to a genome.
type Decision struct {
	Site   int    // index into Space.Sites
	Place  int    // the element in the innermost list, or the node in the cell, from 0
	Closed []bool // options that may not be taken here; nil if all may

	// Anchors belong to SiteSource, one for each option, and to SiteEdge, one:
	// the index of the last decision about the node that would be read, -1 if
	// it is an input of the cell (Zoph & Le 2016, section 3.3, "anchor points").
	Anchors []int
}

// How finely numbers are decided: those with more than fineValues values, and
// floats without step, in coarseValues steps from one end to the other.
const (
	fineValues   = 64
	coarseValues = 16
	maxSites     = 1 << 16
)

// Sites lists all places at which genomes of the space decide, in the order of
// the declaration. Genes that have one value only are no sites. It is nil for a
// space with more than 65,536 sites, which recursive definitions can make.
func (s *Space) Sites() []Site {
	s.askOnce.Do(func() {
		q := &inquiry{}
		root := q.of(s.root, "")
		if !q.over {
			s.ask, s.sites = root, q.sites
		}
	})
	return slices.Clone(s.sites)
}

// Decide makes a genome by asking choose for one option after the other, in the
// order in which the decisions of a genome stand: conditional genes only where
// they exist, a list element by element until it is not to have more, a cell
// node by node. Every sequence of open options gives a genome of right form, and
// every such genome is given by one sequence, but for numbers, of which only
// some steps are reached. The genome may lie outside the limits or be no
// network: see Check. choose answers with the index of an open option; the
// Decision is valid until it returns.
func (s *Space) Decide(choose func(Decision) int) (Genome, error) {
	if len(s.Sites()) == 0 {
		return Genome{}, s.undecidable()
	}
	w := &decider{sites: s.sites, choose: choose}
	w.visit(s.ask, 0)
	if w.err != nil {
		return Genome{}, w.err
	}
	return s.finish(w.out), nil
}

// Decisions returns the questions that Decide asks on the way to g, and the
// answers. A number that Decide does not reach is answered by the closest one.
func (s *Space) Decisions(g Genome) ([]Decision, []int, error) {
	if len(s.Sites()) == 0 {
		return nil, nil, s.undecidable()
	}
	codes, err := s.codes(nil, g)
	if err != nil {
		return nil, nil, err
	}
	w := &decider{sites: s.sites, in: codes, replay: true}
	w.visit(s.ask, 0)
	return w.asked, w.answers, w.err
}

func (s *Space) undecidable() error {
	return fault(nil, "give it genes with several values, or lower the depth of recursion", "the space has nothing to decide, or more than %d places to decide at", maxSites)
}

// question is a gene of the declaration with the sites that belong to it.
// Unlike genes, questions are not shared: each stands at one path.
type question struct {
	gene  *gene
	site  int         // the first of its sites; -1 if it has none
	parts []*question // fields, bodies of options (nil without), or the list's element
}

// inquiry makes the questions of a space.
type inquiry struct {
	sites []Site
	over  bool
}

// add appends a site unless there is nothing to decide, and returns its index.
func (q *inquiry) add(s Site) int {
	if len(s.Options) < 2 || q.over {
		return -1
	}
	if len(q.sites) == maxSites {
		q.over = true
		return -1
	}
	q.sites = append(q.sites, s)
	return len(q.sites) - 1
}

func (q *inquiry) of(g *gene, path string) *question {
	out := &question{gene: g, site: -1}
	if g.static || q.over {
		return out
	}
	switch g.kind {
	case kindGroup:
		for _, f := range g.fields {
			inner := path + "." + f.name
			if g.tuple {
				inner = path + "[" + f.name + "]"
			} else if path == "" {
				inner = f.name
			}
			out.parts = append(out.parts, q.of(f.gene, inner))
		}
	case kindList:
		if g.minLen < g.maxLen {
			out.site = q.add(Site{Name: path + "[]?", Kind: SiteMore, Options: noYes, gene: g})
		}
		out.parts = []*question{q.of(g.elem, path+"[]")}
	case kindChoice:
		site := Site{Name: path, gene: g}
		for _, o := range g.options {
			site.Options = append(site.Options, o.text)
		}
		out.site = q.add(site)
		for _, o := range g.options {
			var body *question
			if o.body != nil {
				body = q.of(o.body, path+"."+o.text)
			}
			out.parts = append(out.parts, body)
		}
	case kindEdges, kindVertices, kindPairs:
		q.cell(out, path)
	default:
		out.site = q.add(scalarSite(g, path))
	}
	return out
}

var noYes = []string{"no", "yes"}

// scalarSite is the site of an integer, a float or a boolean.
func scalarSite(g *gene, path string) Site {
	s := Site{Name: path, gene: g}
	n := g.values()
	if n == 0 || n > fineValues {
		for k := range coarseValues {
			part := float64(k) / (coarseValues - 1)
			lo, hi := g.flo, g.fhi
			if g.kind == kindInt {
				lo, hi = float64(g.lo), float64(g.hi)
			}
			x := lo + float64(part*(hi-lo))
			if g.curved {
				x = rng.Exp(g.llo + float64(part*g.lspan))
			}
			if c := g.nearest(x); len(s.codes) == 0 || c != s.codes[len(s.codes)-1] {
				s.codes = append(s.codes, c)
			}
		}
		n = int64(len(s.codes))
	}
	for k := range n {
		text, _ := g.appendText(nil, []uint64{s.code(int(k))}, 0)
		s.Options = append(s.Options, string(text))
	}
	return s
}

// code is that of an option.
func (s *Site) code(option int) uint64 {
	if s.codes == nil {
		return uint64(option)
	}
	return s.codes[option]
}

// option is the one closest to a code.
func (s *Site) option(code uint64) int {
	if s.codes == nil {
		return int(code)
	}
	best, at := 2.0, 0
	for k, c := range s.codes {
		if c == code {
			return k
		}
		if d := s.gene.scaled(c) - s.gene.scaled(code); max(d, -d) < best {
			best, at = max(d, -d), k
		}
	}
	return at
}

// cell adds the sites of a cell, in the order in which decider.cell asks.
func (q *inquiry) cell(out *question, path string) {
	g, c := out.gene, out.gene.cell
	first := len(q.sites)
	edge := func(from int, to string) string { return path + ".edge(" + strconv.Itoa(from) + "," + to + ")" }
	node := func(v int) string { return path + ".node" + strconv.Itoa(v) }
	switch g.kind {
	case kindEdges:
		for to := 1; to < c.nodes; to++ {
			for from := range to {
				q.add(Site{Name: edge(from, strconv.Itoa(to)), Options: c.texts, gene: g})
			}
		}
	case kindVertices:
		var sizes []string
		for n := g.minLen; n <= g.maxLen; n++ {
			sizes = append(sizes, strconv.Itoa(n))
		}
		q.add(Site{Name: path + ".nodes", Options: sizes, gene: g})
		for v := 1; v < g.maxLen; v++ {
			to := strconv.Itoa(v)
			if v == g.maxLen-1 {
				to = "output"
			} else {
				q.add(Site{Name: node(v), Options: c.texts, gene: g})
			}
			for from := range v {
				q.add(Site{Name: edge(from, to), Kind: SiteEdge, Options: noYes, gene: g})
			}
		}
	default:
		for v := range c.nodes {
			if len(c.combine) > 1 {
				q.add(Site{Name: node(v) + ".combine", Options: c.combines, gene: g})
			}
			var sources []string
			for from := range c.inputs + v {
				sources = append(sources, strconv.Itoa(from))
			}
			for k := range 2 {
				name := node(v) + ".input" + strconv.Itoa(k)
				q.add(Site{Name: name + "~", Kind: SiteSource, Options: sources, gene: g})
				q.add(Site{Name: name, Options: c.texts, gene: g})
			}
		}
	}
	if len(q.sites) > first {
		out.site = first
	}
}

// decider walks the questions of one genome, asking choose or reading the
// answers from codes.
type decider struct {
	sites   []Site
	choose  func(Decision) int
	replay  bool
	in      []uint64 // the genome that is replayed
	i       int      // read so far
	out     []uint64
	asked   []Decision
	answers []int
	err     error
}

// ask puts one question; known is the answer where one is replayed.
func (w *decider) ask(d Decision, known int) int {
	if w.err != nil {
		return 0
	}
	answer := known
	if !w.replay {
		if answer = w.choose(d); answer < 0 || answer >= len(w.sites[d.Site].Options) || d.Closed != nil && d.Closed[answer] {
			w.err = fault(nil, "answer with an open option", "option %d cannot be chosen at %s", answer, w.sites[d.Site].Name)
			return 0
		}
	}
	w.asked = append(w.asked, d)
	w.answers = append(w.answers, answer)
	return answer
}

// next reads the next code of a replayed genome.
func (w *decider) next() uint64 {
	if !w.replay || w.i >= len(w.in) {
		return 0
	}
	w.i++
	return w.in[w.i-1]
}

func (w *decider) visit(q *question, place int) {
	g := q.gene
	if g.static || w.err != nil {
		return
	}
	switch g.kind {
	case kindGroup:
		for _, part := range q.parts {
			w.visit(part, place)
		}
	case kindList:
		w.list(q)
	case kindEdges, kindVertices, kindPairs:
		w.cell(q)
	default: // a choice or a scalar
		answer, code := 0, w.next()
		if q.site >= 0 {
			s := &w.sites[q.site]
			answer = w.ask(Decision{Site: q.site, Place: place}, s.option(code))
			code = s.code(answer)
		} else if !w.replay {
			code = g.first(nil)[0]
		}
		w.out = append(w.out, code)
		if g.kind == kindChoice && q.parts[code] != nil {
			w.visit(q.parts[code], place)
		}
	}
}

// list decides element by element; the length, which stands before them, is
// known at the end.
func (w *decider) list(q *question) {
	g := q.gene
	length, n := g.minLen, 0
	at := len(w.out)
	if g.minLen < g.maxLen {
		length = int(w.next())
		w.out = append(w.out, 0)
	}
	for ; n < g.maxLen && w.err == nil; n++ {
		if n >= g.minLen {
			more := 0
			if n < length {
				more = 1
			}
			if w.ask(Decision{Site: q.site, Place: n}, more) == 0 {
				break
			}
		}
		w.visit(q.parts[0], n)
	}
	if g.minLen < g.maxLen {
		w.out[at] = uint64(n)
	}
}

func (w *decider) cell(q *question) {
	switch q.gene.kind {
	case kindEdges:
		w.edges(q)
	case kindVertices:
		w.vertices(q)
	default:
		w.pairs(q)
	}
}

func (w *decider) edges(q *question) {
	c, site := q.gene.cell, q.site
	for to := 1; to < c.nodes; to++ {
		for range to {
			op := 0
			if known := int(w.next()); len(c.ops) > 1 {
				op = w.ask(Decision{Site: site, Place: to}, known)
				site++
			}
			w.out = append(w.out, uint64(op))
		}
	}
}

// pairs asks for the inputs of a node in their one order: the newest source
// first, equal sources by operation.
func (w *decider) pairs(q *question) {
	c, site := q.gene.cell, q.site
	done := make([]int, c.inputs, c.inputs+c.nodes) // last decision about each source
	for i := range done {
		done[i] = -1
	}
	for v := range c.nodes {
		if len(c.combine) > 1 {
			w.out = append(w.out, uint64(w.ask(Decision{Site: site, Place: v}, int(w.next()))))
			site++
		}
		sources := c.inputs + v
		var from, op [2]int
		for k := range 2 {
			known := int(w.next())
			var closed []bool
			for s := range sources {
				if k == 0 && c.distinct && s == 0 || k == 1 && (s > from[0] || c.distinct && s == from[0]) {
					if closed == nil {
						closed = make([]bool, sources)
					}
					closed[s] = true
				}
			}
			if sources > 1 {
				from[k] = w.ask(Decision{Site: site, Place: v, Closed: closed, Anchors: slices.Clone(done)}, known)
				site++
			}
			known = int(w.next())
			closed = nil
			if k == 1 && from[1] == from[0] && op[0] > 0 {
				closed = make([]bool, len(c.ops))
				for o := range op[0] {
					closed[o] = true
				}
			}
			if len(c.ops) > 1 {
				op[k] = w.ask(Decision{Site: site, Place: v, Closed: closed}, known)
				site++
			}
			w.out = append(w.out, uint64(from[k]), uint64(op[k]))
		}
		done = append(done, len(w.asked)-1)
	}
}

// vertices asks node by node for its operation and for the edges into it. An
// edge is closed where the limit on edges would then leave too few for the
// nodes to come and for those that lead nowhere yet, and must be taken where a
// node would have no input, or would lead nowhere.
func (w *decider) vertices(q *question) {
	g, c, site := q.gene, q.gene.cell, q.site
	n := g.minLen
	size := int(w.next())
	if g.minLen < g.maxLen {
		closed := make([]bool, g.maxLen-g.minLen+1)
		for k := range closed {
			closed[k] = g.minLen+k-1 > c.maxEdges
		}
		n += w.ask(Decision{Site: site, Closed: closed}, size-g.minLen)
		site++
	}
	ops, sets := make([]uint64, n-2), make([]uint64, n-1)
	if w.replay && w.i+2*n-3 <= len(w.in) {
		copy(ops, w.in[w.i:])
		copy(sets, w.in[w.i+n-2:])
		w.i += 2*n - 3
	}
	done := []int{-1} // last decision about each node
	loose, edges := uint64(1), 0
	for v := 1; v < n; v++ {
		at := site
		for u := 1; u < v; u++ { // the sites of earlier nodes
			at += u
			if len(c.ops) > 1 {
				at++
			}
		}
		if v == n-1 { // the output has the last node's sites, whatever its number
			at = site
			for u := 1; u < g.maxLen-1; u++ {
				at += u
				if len(c.ops) > 1 {
					at++
				}
			}
		} else if len(c.ops) > 1 {
			ops[v-1] = uint64(w.ask(Decision{Site: at, Place: v}, int(ops[v-1])))
			at++
		}
		known := sets[v-1]
		sets[v-1] = 0
		rest := n - 1 - v // nodes to come
		for u := range v {
			after := bits.OnesCount64(loose &^ (1 << u))
			full := edges+1+rest+after > c.maxEdges
			must := v == n-1 && loose>>u&1 == 1 || u == v-1 && sets[v-1] == 0
			var closed []bool
			if full || must {
				closed = []bool{must, full && !must}
			}
			if w.ask(Decision{Site: at + u, Place: v, Closed: closed, Anchors: done[u : u+1 : u+1]}, int(known>>u&1)) == 1 {
				sets[v-1] |= 1 << u
				loose &^= 1 << u
				edges++
			}
		}
		loose |= 1 << v
		done = append(done, len(w.asked)-1)
	}
	w.out = append(w.out, uint64(n))
	w.out = append(w.out, ops...)
	w.out = append(w.out, sets...)
}
