package genome

import "strconv"

// Leaf is one scalar of a genome with its path, as [Genome.Gene] takes it.
type Leaf struct {
	Path  string
	Value any // int64, float64, bool or string
}

// Leaves lists all scalars of the tree of a genome, in order: those of genes at any
// depth, of an option with genes its name, of a list its length as
// PATH.length, of a cell what it consists of. Constants and copies are among them.
func (s *Space) Leaves(g Genome) (out []Leaf) {
	f := s.Flat()
	f.Each(g, func(leaf int, v any) { out = append(out, Leaf{f.paths[leaf], v}) })
	return out
}

// Flat lists the Leaves of many genomes of a space: it numbers paths as it meets them, and
// makes no trees. Genomes of other spaces may be among them: equal paths have one number.
// It is not for several goroutines at once.
type Flat struct {
	space  *Space
	top    spot
	paths  []string
	number map[string]int // of paths, from 1 on; nil as long as all genomes are of the space
	tree   treeBuilder
	emit   func(leaf int, v any)
}

// spot is a place in the trees of a space.
type spot struct {
	path   string
	leaf   int     // the number of its path, from 1 on; 0 if it was no leaf yet
	length *spot   // of a list
	below  []*spot // by place: elements, fields, options, entries; nil where none was met
}

// Flat begins without any paths.
func (s *Space) Flat() *Flat { return &Flat{space: s} }

// Paths are those of all leaves so far, by their numbers.
func (f *Flat) Paths() []string { return f.paths }

// Each calls emit with the leaves of a genome of the space, in the order of Leaves, each
// by the number of its path.
func (f *Flat) Each(g Genome, emit func(leaf int, v any)) {
	if g.space == nil {
		return
	}
	if g.space.hash != f.space.hash {
		if f.number == nil {
			f.number = make(map[string]int, len(f.paths))
			for i, path := range f.paths {
				f.number[path] = i + 1
			}
		}
		for _, l := range g.space.Leaves(g) {
			emit(f.numberOf(l.Path)-1, l.Value)
		}
		return
	}
	w := unpacked(g.packed)
	defer w.done()
	f.tree, f.emit = treeBuilder{root: f.space.root, codes: w.codes}, emit
	f.gene(f.space.root, 0, &f.top)
}

// gene lists what the value of a gene at i in the codes holds, and returns where it ends.
func (f *Flat) gene(g gene, i int, at *spot) int {
	switch g := g.(type) {
	case *from:
		original, from := f.tree.find(g)
		f.gene(original, from, at)
		return i
	case *choice:
		code := int(f.tree.codes[i])
		o := &g.options[code]
		f.leaf(at, o.value)
		if o.body == nil {
			return i + 1
		}
		return f.gene(o.body, i+1, at.named(code, o.text))
	case *list:
		n := g.minLen
		if !g.static {
			n, i = g.length(f.tree.codes, i)
		}
		f.long(at, n)
		for k := range n {
			i = f.gene(g.elem, i, at.element(k))
		}
		return i
	case *group:
		if g.tuple {
			f.long(at, len(g.fields))
		}
		for k := range g.fields {
			if g.tuple {
				i = f.gene(g.fields[k].gene, i, at.element(k))
			} else {
				i = f.gene(g.fields[k].gene, i, at.named(k, g.fields[k].name))
			}
		}
		return i
	}
	v, end := g.tree(&f.tree, i)
	f.value(v, at)
	return end
}

// value lists what the value of a gene without genes in it holds.
func (f *Flat) value(v any, at *spot) {
	switch v := v.(type) {
	case Map:
		for k, e := range v {
			f.value(e.Value, at.named(k, e.Key))
		}
	case []any: // as long in all genomes, but for cells
		for k, e := range v {
			f.value(e, at.element(k))
		}
	default:
		f.leaf(at, v)
	}
}

func (f *Flat) leaf(at *spot, v any) {
	if at.leaf == 0 {
		at.leaf = f.numberOf(at.path)
	}
	f.emit(at.leaf-1, v)
}

// numberOf is the number of a path, from 1 on.
func (f *Flat) numberOf(path string) int {
	if n := f.number[path]; n != 0 {
		return n
	}
	f.paths = append(f.paths, path)
	if f.number != nil {
		f.number[path] = len(f.paths)
	}
	return len(f.paths)
}

func (f *Flat) long(at *spot, n int) {
	if at.length == nil {
		at.length = &spot{path: at.path + ".length"}
	}
	f.leaf(at.length, int64(n))
}

// at is the spot at a place below, nil where none was met.
func (s *spot) at(k int) *spot {
	if k < len(s.below) {
		return s.below[k]
	}
	return nil
}

// named is the spot of a name, which is the k-th below.
func (s *spot) named(k int, name string) *spot {
	if to := s.at(k); to != nil {
		return to
	}
	if s.path != "" {
		name = s.path + "." + name
	}
	return s.put(k, name)
}

// element is the spot of a list's k-th element.
func (s *spot) element(k int) *spot {
	if to := s.at(k); to != nil {
		return to
	}
	return s.put(k, s.path+"["+strconv.Itoa(k)+"]")
}

func (s *spot) put(k int, path string) *spot {
	for len(s.below) <= k {
		s.below = append(s.below, nil)
	}
	s.below[k] = &spot{path: path}
	return s.below[k]
}
