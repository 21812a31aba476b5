package network

import (
	"cmp"
	"slices"
)

// Refinement of colours alone does not tell every two graphs apart: those of two
// 4-cycles are those of an 8-cycle. Where it leaves equal colours, the graph is
// taken apart and its parts are given canonical forms: by individualisation and
// refinement (McKay, Piperno: Practical graph isomorphism, II, 2014), pruned by the
// automorphisms that are found.

// link is a directed edge of a piece.
type link struct {
	from, to int32
	kind     colour
}

// piece is a coloured graph.
type piece struct {
	colours []colour // by vertex
	links   []link
}

// canon makes canonical forms, for so much work and no more.
type canon struct {
	left int // vertices and links that may still be looked at
}

// effort is what a network's hash may take, about a second: far more than a cell of
// twenty nodes with symmetries of an unusual kind does in each of twenty places.
const effort = 1 << 22

// absent is the kind of a link that stands for none, where most pairs have one.
var absent = colour{}.text("absent")

// form returns a certificate that isomorphic pieces alone have in common, and the
// vertices in an order in which they correspond to those of an isomorphic piece. It
// is worth nothing once c.left is below 0.
//
// With any, it is one of the piece's forms, not the canonical one: pieces that have
// one in common are isomorphic, but isomorphic pieces need not.
func (c *canon) form(p piece, any bool) (certificate colour, order []int32) {
	if c.left -= len(p.colours) + len(p.links); c.left < 0 {
		return colour{}, nil
	}
	certificate, kept := p.simplify()
	parts := p.split(kept)
	type formed struct {
		certificate colour
		order       []int32
	}
	all := make([]formed, 0, len(parts))
	for _, part := range parts {
		var f formed
		switch {
		case len(part.links) == 0: // vertices that nothing more is to be said of
			slices.SortFunc(part.vertices, func(v, w int32) int { return compareColours(p.colours[v], p.colours[w]) })
			for _, v := range part.vertices {
				certificate = certificate.with(p.colours[v])
			}
			order = append(order, part.vertices...)
			continue
		case part.distinct():
			f.certificate, f.order = part.sorted()
		case len(part.vertices) < len(p.colours):
			f.certificate, f.order = c.form(part.piece, any)
		default:
			f.certificate, f.order = c.individualise(part.piece, any)
		}
		if c.left < 0 {
			return colour{}, nil
		}
		for k, v := range f.order { // to the vertices of p
			f.order[k] = part.vertices[v]
		}
		all = append(all, f)
	}
	slices.SortStableFunc(all, func(x, y formed) int { return compareColours(x.certificate, y.certificate) })
	certificate = certificate.mix(uint64(len(all)))
	for _, f := range all {
		certificate = certificate.with(f.certificate)
		order = append(order, f.order...)
	}
	return certificate, order
}

// simplify leaves out what the colours say already: of all pairs of a vertex of one
// colour with one of another, those that are linked as most are. It says what it
// left out, and answers links for the other pairs. A vertex whose colour no other
// has is linked with all of another colour, or with none.
func (p piece) simplify() (left colour, kept []link) {
	class, size := p.classes()
	var links []link
	for _, l := range p.links {
		if size[class[l.from]] > 1 && size[class[l.to]] > 1 {
			links = append(links, l)
		}
	}
	if len(links) == 0 {
		return left, nil
	}
	slices.SortFunc(links, func(x, y link) int {
		return cmp.Or(cmp.Compare(class[x.from], class[y.from]), cmp.Compare(class[x.to], class[y.to]), compareColours(x.kind, y.kind))
	})
	colourOf := make([]colour, len(size))
	for v, k := range class {
		colourOf[k] = p.colours[v]
	}
	for len(links) > 0 {
		from, to := class[links[0].from], class[links[0].to]
		n := 0
		for n < len(links) && class[links[n].from] == from && class[links[n].to] == to {
			n++
		}
		pairs := size[from] * size[to]
		if from == to {
			pairs -= size[from]
		}
		most, count := absent, pairs-n
		left = left.with(colourOf[from]).with(colourOf[to])
		for group := links[:n]; len(group) > 0; {
			k := 0
			for k < len(group) && group[k].kind == group[0].kind {
				k++
			}
			if left = left.with(group[0].kind).mix(uint64(k)); k > count {
				most, count = group[0].kind, k
			}
			group = group[k:]
		}
		left = left.with(most)
		for _, l := range links[:n] {
			if l.kind != most {
				kept = append(kept, l)
			}
		}
		if most != absent && n < pairs {
			linked := make(map[[2]int32]bool, n)
			for _, l := range links[:n] {
				linked[[2]int32{l.from, l.to}] = true
			}
			for x := range class {
				for y := range class {
					if pair := [2]int32{int32(x), int32(y)}; class[x] == from && class[y] == to && x != y && !linked[pair] {
						kept = append(kept, link{pair[0], pair[1], absent})
					}
				}
			}
		}
		links = links[n:]
	}
	return left, kept
}

// classes numbers the colours, in their order, and counts the vertices of each.
func (p piece) classes() (class []int32, size []int) {
	order := make([]int32, len(p.colours))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(x, y int32) int { return compareColours(p.colours[x], p.colours[y]) })
	class = make([]int32, len(order))
	for i, v := range order {
		if i == 0 || p.colours[v] != p.colours[order[i-1]] {
			size = append(size, 0)
		}
		class[v] = int32(len(size) - 1)
		size[len(size)-1]++
	}
	return class, size
}

// sets joins what belongs together.
type sets []int32

func newSets(n int) sets {
	s := make(sets, n)
	for i := range s {
		s[i] = int32(i)
	}
	return s
}

func (s sets) find(v int32) int32 {
	for s[v] != v {
		s[v] = s[s[v]]
		v = s[v]
	}
	return v
}

func (s sets) join(v, w int32) { s[s.find(v)] = s.find(w) }

// component is a part of a piece.
type component struct {
	vertices []int32 // of the piece, by vertex
	piece
}

// split cuts along links: the first component has the vertices without any, and no
// links.
func (p piece) split(links []link) []component {
	s := newSets(len(p.colours))
	linked := make([]bool, len(p.colours))
	for _, l := range links {
		linked[l.from], linked[l.to] = true, true
		s.join(l.from, l.to)
	}
	parts := make([]component, 1)
	at := make([]int32, len(p.colours))     // by root: its component
	number := make([]int32, len(p.colours)) // in the component
	for v := range s {
		k := &at[s.find(int32(v))]
		if linked[v] && *k == 0 {
			*k = int32(len(parts))
			parts = append(parts, component{})
		}
		c := &parts[*k]
		number[v] = int32(len(c.vertices))
		c.vertices = append(c.vertices, int32(v))
		if *k > 0 {
			c.colours = append(c.colours, p.colours[v])
		}
	}
	for _, l := range links {
		c := &parts[at[s.find(l.from)]]
		c.links = append(c.links, link{number[l.from], number[l.to], l.kind})
	}
	return parts
}

// distinct says whether no two vertices have one colour.
func (p piece) distinct() bool {
	if len(p.colours) > 8 {
		_, size := p.classes()
		return len(size) == len(p.colours)
	}
	for i, c := range p.colours {
		if slices.Contains(p.colours[:i], c) {
			return false
		}
	}
	return true
}

// determined says whether the colours determine the piece: it falls apart into
// components that have a colour once each, and so are all alike.
func (p piece) determined() bool {
	_, kept := p.simplify()
	if len(kept) == 0 {
		return true
	}
	for _, part := range p.split(kept) {
		if len(part.links) > 0 && !part.distinct() {
			return false
		}
	}
	return true
}

// sorted is the form of a piece whose colours are distinct.
func (p piece) sorted() (colour, []int32) {
	class, _ := p.classes()
	order := make([]int32, len(class))
	for v, k := range class {
		order[k] = int32(v)
	}
	links := slices.Clone(p.links)
	slices.SortFunc(links, func(x, y link) int {
		return cmp.Or(cmp.Compare(class[x.from], class[y.from]), cmp.Compare(class[x.to], class[y.to]))
	})
	c := colour{}
	for _, v := range order {
		c = c.with(p.colours[v])
	}
	for _, l := range links {
		c = c.mix(uint64(class[l.from])).mix(uint64(class[l.to])).with(l.kind)
	}
	return c, order
}

// individualise is the form of a connected piece with equal colours: the least of
// those that it has when one vertex of a colour gets a colour of its own.
func (c *canon) individualise(p piece, any bool) (colour, []int32) {
	if c.refine(&p) {
		return c.form(p, any)
	}
	class, size := p.classes()
	target, fewest := int32(-1), 0
	for k, n := range size {
		if n > 1 && (target < 0 || n < fewest) {
			target, fewest = int32(k), n
		}
	}
	// Of the vertices, those whose refined colours are least.
	type child struct {
		piece
		vertex int32
		sum    colour
	}
	var children []child
	for v, k := range class {
		if k != target {
			continue
		}
		q := child{piece: piece{slices.Clone(p.colours), p.links}, vertex: int32(v)}
		q.colours[v] = q.colours[v].mix(1)
		c.refine(&q.piece)
		if c.left < 0 {
			return colour{}, nil
		}
		sorted := slices.Clone(q.colours)
		slices.SortFunc(sorted, compareColours)
		for _, d := range sorted {
			q.sum = q.sum.with(d)
		}
		switch {
		case len(children) == 0:
		case compareColours(q.sum, children[0].sum) < 0:
			children = children[:0]
		case q.sum != children[0].sum:
			continue
		}
		children = append(children, q)
	}
	if any {
		certificate, order := c.form(children[0].piece, true)
		return colour{}.mix(1).with(certificate), order
	}
	type tried struct {
		vertex      int32
		certificate colour // of any of its forms
		order       []int32
	}
	var all []tried
	var best colour
	var first []int32 // the order of best
	orbits := newSets(len(p.colours))
	orbit := func(order, other []int32) { // an automorphism
		for i, v := range order {
			orbits.join(v, other[i])
		}
	}
next:
	for _, q := range children {
		for _, t := range all {
			if orbits.find(t.vertex) == orbits.find(q.vertex) {
				continue next
			}
		}
		certificate, order := c.form(q.piece, true)
		for _, t := range all {
			if c.left >= 0 && t.certificate == certificate {
				orbit(t.order, order)
				continue next
			}
		}
		all = append(all, tried{q.vertex, certificate, order})
		certificate, order = c.form(q.piece, false)
		if c.left < 0 {
			return colour{}, nil
		}
		switch {
		case first == nil || compareColours(certificate, best) < 0:
			best, first = certificate, order
		case certificate == best:
			orbit(first, order)
		}
	}
	return colour{}.mix(1).with(best), first
}

// refine tells vertices apart by their links, and says whether it told any that
// had one colour.
func (c *canon) refine(p *piece) bool {
	_, size := p.classes()
	before, classes := len(size), len(size)
	type end struct {
		at     int32
		colour colour
	}
	ends := make([]end, 0, 2*len(p.links))
	for {
		if c.left -= len(p.colours) + len(p.links); c.left < 0 {
			return false
		}
		ends = ends[:0]
		for _, l := range p.links {
			ends = append(ends, end{l.from, l.kind.mix(1).with(p.colours[l.to])}, end{l.to, l.kind.mix(2).with(p.colours[l.from])})
		}
		slices.SortFunc(ends, func(x, y end) int { return cmp.Or(cmp.Compare(x.at, y.at), compareColours(x.colour, y.colour)) })
		fresh := make([]colour, len(p.colours))
		for v := range fresh {
			fresh[v] = p.colours[v].mix(0)
		}
		for _, e := range ends {
			fresh[e.at] = fresh[e.at].with(e.colour)
		}
		next := piece{fresh, p.links}
		if _, size = next.classes(); len(size) == classes {
			return classes > before
		}
		p.colours, classes = fresh, len(size)
	}
}
