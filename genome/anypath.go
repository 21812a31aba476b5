package genome

import "strings"

// Path names genes of a space as [Genome.Gene] does or, where it leaves out the places
// in lists, those of all elements: "blocks.kernel" is that of any block. A last
// ".length" is how long a list is, unless its elements have a gene of that name.
type Path struct {
	Number, Text, Truth bool     // what kinds of values there are; none: only whether there is something
	Words               []string // the texts that there are; nil if they are not known, or none
	Many                bool     // a genome may have several values
	Option              bool     // the values are options, some with genes of their own

	way    []step
	length bool
	genes  []gene // at which it ends
}

// WithoutPlaces leaves the places in lists out of a path: of "blocks[2].kernel" it makes
// "blocks.kernel".
func WithoutPlaces(path string) string {
	short := ""
	for part := range strings.SplitSeq(path, "[") {
		if _, rest, ok := strings.Cut(part, "]"); ok && short != "" {
			part = rest
		}
		short += part
	}
	return short
}

// Path reads a path. It is false where no genome of the space has anything there.
func (s *Space) Path(text string) (*Path, bool) {
	way, ok := steps(text)
	if !ok {
		return nil, false
	}
	p := &Path{way: way}
	found := p.explore(s, s.root, way)
	if last := len(way) - 1; !found && way[last].name == "length" {
		p.way, p.length, p.Number = way[:last], true, true
		found = p.exploreLists(s, s.root, p.way)
	}
	if !found {
		return nil, false
	}
	return p, true
}

// explore finds the genes that a path leads to, and what their values are.
func (p *Path) explore(s *Space, g gene, way []step) bool {
	if copies, ok := g.(*from); ok {
		return p.explore(s, copies.original(s.root), way)
	}
	down := g.branches()
	found := false
	for _, b := range down {
		switch {
		case len(way) > 0 && b.takes(way[0]):
			found = p.explore(s, b.gene, way[1:]) || found
		case b.name == "" && (len(way) == 0 || way[0].name != ""): // any element
			if p.explore(s, b.gene, way) {
				found, p.Many = true, true
			}
		}
	}
	if len(way) == 0 {
		p.ends(s, g)
		return true
	}
	if found || down != nil {
		return found
	}
	// What is within the value of a leaf, such as the operations of a cell, has the same
	// names in all values, and lists are as long in none.
	v, _ := g.tree(&treeBuilder{root: s.root, codes: g.first(nil)}, 0)
	each(v, way, true, func(v any) {
		p.Many, found = true, true
		p.is(v)
	})
	return found
}

// ends notes what the values of a gene are at which the path ends.
func (p *Path) ends(s *Space, g gene) {
	p.genes = append(p.genes, g)
	if c, ok := g.(*choice); ok {
		for _, o := range c.options {
			p.is(o.value)
			if word, ok := o.value.(string); ok {
				p.Words = append(p.Words, word)
			}
			p.Option = p.Option || o.body != nil
		}
		return
	}
	if down := g.branches(); down == nil {
		v, _ := g.tree(&treeBuilder{root: s.root, codes: g.first(nil)}, 0)
		each(v, nil, false, p.is)
	} else if fields, ok := g.(*group); ok && !fields.tuple {
		p.Truth = true // whether it is there
	}
}

// is notes a value.
func (p *Path) is(v any) {
	switch v.(type) {
	case int64, float64:
		p.Number = true
	case bool:
		p.Truth = true
	case string:
		p.Text = true
	}
}

// exploreLists tells whether a path leads to a list.
func (p *Path) exploreLists(s *Space, g gene, way []step) bool {
	if copies, ok := g.(*from); ok {
		return p.exploreLists(s, copies.original(s.root), way)
	}
	found := false
	for _, b := range g.branches() {
		switch {
		case b.name == "" && len(way) == 0:
			return true
		case len(way) > 0 && b.takes(way[0]):
			found = p.exploreLists(s, b.gene, way[1:]) || found
		case b.name == "" && way[0].name != "":
			if p.exploreLists(s, b.gene, way) {
				found, p.Many = true, true
			}
		}
	}
	return found
}

// Each calls f with the values that a genome has at the path: int64, float64, bool or
// string. Of an option with genes of its own that is its name; of a group of genes true.
func (p *Path) Each(g Genome, f func(v any)) {
	if g.IsZero() {
		return
	}
	p.EachOf(g.Tree(), f)
}

// EachOf does so in the tree of a genome.
func (p *Path) EachOf(tree Map, f func(v any)) {
	if p.length {
		lists(tree, p.way, func(n int) { f(int64(n)) })
		return
	}
	each(tree, p.way, false, func(v any) {
		if m, ok := v.(Map); ok {
			if v = any(true); p.Option && len(m) == 1 {
				v = m[0].Key
			}
		}
		f(v)
	})
}

// each calls f with what lies at the end of a path that may leave out places. Where a
// list has as many elements as it likes, its last one stands for those behind it.
func each(v any, way []step, asLong bool, f func(v any)) {
	if list, ok := v.([]any); ok {
		if len(way) > 0 && way[0].name == "" {
			k := way[0].place
			if asLong {
				k = min(k, len(list)-1)
			}
			if k >= 0 && k < len(list) {
				each(list[k], way[1:], asLong, f)
			}
			return
		}
		for _, e := range list {
			each(e, way, asLong, f)
		}
		return
	}
	if len(way) == 0 {
		f(v)
		return
	}
	if m, ok := v.(Map); ok && way[0].name != "" {
		if v, ok := m.Get(way[0].name); ok {
			each(v, way[1:], asLong, f)
		}
	}
}

// lists calls f with the lengths of the lists at the end of a path.
func lists(v any, way []step, f func(n int)) {
	list, isList := v.([]any)
	switch {
	case isList && len(way) == 0:
		f(len(list))
	case isList && way[0].name == "":
		if k := way[0].place; k < len(list) {
			lists(list[k], way[1:], f)
		}
	case isList:
		for _, e := range list {
			lists(e, way, f)
		}
	case len(way) > 0 && way[0].name != "":
		if m, ok := v.(Map); ok {
			if v, ok := m.Get(way[0].name); ok {
				lists(v, way[1:], f)
			}
		}
	}
}
