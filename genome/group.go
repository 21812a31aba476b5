package genome

import (
	"slices"
	"strconv"

	"github.com/nascent-nas/nascent/genome/rng"
)

// group is several genes: named ones, or a tuple, genes in order without names.
// Its codes are theirs; a static group has none.
type group struct {
	base
	fields fields
	tuple  bool
}

// field is a named gene of a group.
type field struct {
	name string
	gene gene
}

type fields []field

// index returns the place of a name.
func (fs fields) index(name string) int {
	return slices.IndexFunc(fs, func(f field) bool { return f.name == name })
}

// names lists the genes for an error.
func (fs fields) names() string {
	var names []string
	for _, f := range fs {
		if !f.gene.about().static {
			names = append(names, f.name)
		}
	}
	return listing(names)
}

// group reads a map without a kind of gene.
func (d *declarer) group(m Map, path []string, depth int) (*group, *Mistake) {
	if !d.recorded {
		if err := d.slip(m, path); err != nil {
			return nil, err
		}
	}
	g := &group{base: base{path: path}}
	for _, e := range m {
		p := child(path, e.Key)
		if err := checkName(e.Key, p); err != nil {
			return nil, err
		}
		v := e.Value
		// {cell: {edges: ...}, cells: 5} is a group with a field "cell".
		if spec, ok := v.(Map); ok && e.Key == "cell" && isCell(spec) {
			v = Map{{"cell", spec}}
		}
		f, err := d.gene(v, p, depth+1)
		if err != nil {
			return nil, err
		}
		g.fields = append(g.fields, field{e.Key, f})
	}
	return g, nil
}

// tuple reads a list in a declaration: constants like kernel: [3, 3], or several
// genes in order like branches: [{conv: ...}, {pool: ...}].
func (d *declarer) tuple(v []any, path []string, depth int) (gene, *Mistake) {
	g := &group{base: base{path: path}, tuple: true}
	plain := true
	for i, e := range v {
		f, err := d.gene(e, child(path, strconv.Itoa(i)), depth+1)
		if err != nil {
			return nil, err
		}
		_, isConstant := f.(*constant)
		plain = plain && isConstant
		g.fields = append(g.fields, field{strconv.Itoa(i), f})
	}
	if plain {
		return newConstant(path, v), nil
	}
	return g, nil
}

func (g *group) declared() any {
	if g.tuple {
		list := make([]any, len(g.fields))
		for i, f := range g.fields {
			list[i] = f.gene.declared()
		}
		return list
	}
	m := Map{}
	for _, f := range g.fields {
		m = append(m, Entry{f.name, f.gene.declared()})
	}
	return m
}

func (g *group) expand(x *expander, left map[string]int) (gene, *Mistake) {
	out := *g
	out.fields = make(fields, 0, len(g.fields))
	out.static, out.genes = true, 0
	same := true
	for _, f := range g.fields {
		e, err := x.gene(f.gene, left)
		if e == nil || err != nil {
			return nil, err
		}
		same = same && e == f.gene
		out.fields = append(out.fields, field{f.name, e})
		out.static = out.static && e.about().static
		out.genes += e.about().genes
	}
	if same { // the declared gene itself, completed
		g.genes, g.static = out.genes, out.static
		return g, nil
	}
	return &out, nil
}

func (g *group) inner() []gene {
	out := make([]gene, len(g.fields))
	for i, f := range g.fields {
		out[i] = f.gene
	}
	return out
}

func (g *group) leads(names []string, depth int) bool {
	for _, f := range g.fields {
		if g.tuple && leads(f.gene, names, depth+1) {
			return true
		}
		if !g.tuple && f.name == names[0] {
			return leads(f.gene, names[1:], depth+1)
		}
	}
	return false
}

func (g *group) branches() []branch {
	out := make([]branch, len(g.fields))
	for i, f := range g.fields {
		if out[i] = (branch{name: f.name, gene: f.gene}); g.tuple {
			out[i] = branch{place: i, places: 1, gene: f.gene}
		}
	}
	return out
}

func (g *group) size(seen map[gene]magnitude) magnitude {
	n := countOf(1)
	for _, f := range g.fields {
		n = n.times(sizeOf(f.gene, seen))
	}
	return n
}

func (g *group) columns(seen map[gene]float64) float64 {
	n := 0.0
	for _, f := range g.fields {
		n += columnsOf(f.gene, seen)
	}
	return n
}

func (g *group) end(t []uint64, i int) int {
	if g.static {
		return i
	}
	for _, f := range g.fields {
		i = f.gene.end(t, i)
	}
	return i
}

func (g *group) check(t []uint64, i int) (int, *Mistake) {
	for _, f := range g.fields {
		var err *Mistake
		if i, err = f.gene.check(t, i); err != nil {
			return i, err.within(f.name)
		}
	}
	return i, nil
}

func (g *group) sample(codes []uint64, r *rng.Rand) []uint64 {
	for _, f := range g.fields {
		codes = f.gene.sample(codes, r)
	}
	return codes
}

func (g *group) first(codes []uint64) []uint64 {
	for _, f := range g.fields {
		codes = f.gene.first(codes)
	}
	return codes
}

func (g *group) samples() [][]uint64 { return [][]uint64{g.first(nil)} }

// brackets are those around the genes in a text.
func (g *group) brackets() (open, shut byte) {
	if g.tuple && !g.static {
		return '[', ']'
	}
	return '(', ')'
}

func (g *group) appendText(b []byte, t []uint64, i int) ([]byte, int) {
	open, shut := g.brackets()
	b, i = g.appendFields(append(b, open), t, i)
	return append(b, shut), i
}

// appendFields writes the genes without what is around them. Constants and
// copies are left out.
func (g *group) appendFields(b []byte, t []uint64, i int) ([]byte, int) {
	first := true
	for _, f := range g.fields {
		if f.gene.about().static {
			continue
		}
		if !first {
			b = append(b, ' ')
		}
		first = false
		if !g.tuple {
			b = append(b, f.name...)
			b = append(b, '=')
		}
		b, i = f.gene.appendText(b, t, i)
	}
	return b, i
}

func (g *group) parse(p *parser, codes []uint64) ([]uint64, *Mistake) {
	open, shut := g.brackets()
	err := p.expect(open)
	if err == nil && !g.static {
		codes, err = g.parseFields(p, codes, shut)
	}
	if err == nil {
		err = p.expect(shut)
	}
	return codes, err
}

// parseFields reads the genes up to shut (0: the end of the text).
func (g *group) parseFields(p *parser, codes []uint64, shut byte) ([]uint64, *Mistake) {
	if g.tuple {
		var err *Mistake
		for _, f := range g.fields {
			if f.gene.about().static {
				continue
			}
			if codes, err = f.gene.parse(p, codes); err != nil {
				return nil, err.within(f.name)
			}
		}
		return codes, nil
	}
	// Canonical text is in order and goes straight into codes; what is not is
	// put aside until its turn.
	var aside map[string][]uint64
	next := 0
	skip := func() {
		for next < len(g.fields) && g.fields[next].gene.about().static {
			next++
		}
	}
	skip()
	for c := p.peek(); c != 0 && c != shut; c = p.peek() {
		name, err := p.word()
		if err != nil {
			return nil, err
		}
		if name == "" {
			return nil, fault(nil, "write NAME=VALUE", "%s stands where a gene's name belongs", p.show())
		}
		if next < len(g.fields) && g.fields[next].name == name && aside == nil {
			if err = p.expect('='); err == nil {
				codes, err = g.fields[next].gene.parse(p, codes)
			}
			if err != nil {
				return nil, err.within(name)
			}
			next++
			skip()
			continue
		}
		at := -1
		for k, f := range g.fields {
			if f.name == name && !f.gene.about().static {
				at = k
			}
		}
		if _, twice := aside[name]; twice || at >= 0 && at < next {
			return nil, fault([]string{name}, "keep one of them", "appears twice")
		}
		if at < 0 {
			return nil, fault([]string{name}, "the genes are "+g.fields.names(), "no gene is named %q", shorten(name))
		}
		if err = p.expect('='); err != nil {
			return nil, err.within(name)
		}
		value, err := g.fields[at].gene.parse(p, nil)
		if err != nil {
			return nil, err.within(name)
		}
		if aside == nil {
			aside = map[string][]uint64{}
		}
		aside[name] = value
	}
	for ; next < len(g.fields); next++ {
		f := g.fields[next]
		if f.gene.about().static {
			continue
		}
		value, ok := aside[f.name]
		if !ok {
			return nil, fault([]string{f.name}, "add "+f.name+"=VALUE", "is missing")
		}
		codes = append(codes, value...)
	}
	return codes, nil
}

func (g *group) tree(b *treeBuilder, i int) (any, int) {
	if g.tuple {
		out := make([]any, len(g.fields))
		for k, f := range g.fields {
			out[k], i = f.gene.tree(b, i)
		}
		return out, i
	}
	m := make(Map, len(g.fields))
	for k, f := range g.fields {
		m[k].Key = f.name
		m[k].Value, i = f.gene.tree(b, i)
	}
	return m, i
}

func (g *group) read(v any, codes []uint64) ([]uint64, *Mistake) {
	if g.static {
		return codes, nil
	}
	var err *Mistake
	if g.tuple {
		list, ok := v.([]any)
		if !ok || len(list) != len(g.fields) {
			return nil, fault(nil, "write one value for each", "needs a list of %d values, got %s", len(g.fields), describe(v))
		}
		for k, f := range g.fields {
			if codes, err = f.gene.read(list[k], codes); err != nil {
				return nil, err.within(f.name)
			}
		}
		return codes, nil
	}
	m, ok := v.(Map)
	if !ok {
		return nil, fault(nil, "write its genes by name: "+g.fields.names(), "needs a map, got %s", describe(v))
	}
	for _, e := range m {
		if g.fields.index(e.Key) < 0 {
			return nil, fault([]string{e.Key}, "the genes are "+g.fields.names(), "no gene is named %q", shorten(e.Key))
		}
	}
	for _, f := range g.fields {
		if f.gene.about().static {
			continue
		}
		x, ok := m.Get(f.name)
		if !ok {
			return nil, fault([]string{f.name}, "give it a value", "is missing")
		}
		if codes, err = f.gene.read(x, codes); err != nil {
			return nil, err.within(f.name)
		}
	}
	return codes, nil
}

func (g *group) agree(given, full any) *Mistake {
	if g.tuple {
		return agreeEach(given, full, func(i int) gene { return g.fields[i].gene })
	}
	m, ok := given.(Map)
	if !ok {
		return fixedTo(full, given)
	}
	for _, e := range m {
		i := g.fields.index(e.Key)
		if i < 0 {
			return fault([]string{e.Key}, "remove it", "no gene is named %q", shorten(e.Key))
		}
		x, _ := full.(Map).Get(e.Key)
		if err := g.fields[i].gene.agree(e.Value, x); err != nil {
			return err.within(e.Key)
		}
	}
	return nil
}

func (g *group) contradictions(m *mender, given, full any) {
	if g.tuple {
		m.each(given, full, func(k int) gene { return g.fields[k].gene })
		return
	}
	fields, _ := given.(Map)
	for _, f := range g.fields {
		if x, ok := fields.Get(f.name); ok {
			y, _ := full.(Map).Get(f.name)
			m.in(f.name, func() { m.contradictions(f.gene, x, y) })
		}
	}
}

func (g *group) mend(m *mender, v any, codes []uint64) []uint64 {
	if g.static {
		return codes
	}
	if g.tuple {
		list, ok := v.([]any)
		if !ok {
			return m.fresh(g, v, codes)
		}
		for k, f := range g.fields {
			m.in(f.name, func() {
				if k < len(list) {
					codes = f.gene.mend(m, list[k], codes)
				} else {
					codes = f.gene.mend(m, nil, codes)
				}
			})
		}
		if len(list) > len(g.fields) {
			m.note("has %d values, takes %d; dropped the last %d", len(list), len(g.fields), len(list)-len(g.fields))
		}
		return codes
	}
	given, ok := v.(Map)
	if !ok && len(m.path) > 0 {
		return m.fresh(g, v, codes)
	}
	for _, f := range g.fields {
		m.in(f.name, func() {
			x, _ := given.Get(f.name)
			codes = f.gene.mend(m, x, codes)
		})
	}
	for _, e := range given {
		if g.fields.index(e.Key) < 0 {
			m.in(e.Key, func() { m.note("is no gene of the space; dropped %s", describe(e.Value)) })
		}
	}
	return codes
}

func (g *group) sites(m *mutant, i int, p place) int {
	for _, f := range g.fields {
		q := p
		if !g.tuple {
			q = p.step(f.name)
		}
		i = f.gene.sites(m, i, q)
	}
	return i
}

// A group has no mutations of its own.
func (g *group) mutate(*mutant, int, site, *rng.Rand)                  {}
func (g *group) alternatives(*mutant, int, site, func(edit) bool) bool { return true }

func (g *group) cross(x *crossing, i, j int) {
	for _, f := range g.fields {
		f.gene.cross(x, i, j)
		i, j = f.gene.end(x.a, i), f.gene.end(x.b, j)
	}
}

func (g *group) cuts(x *crossing, i, j int, out []int) []int {
	for _, f := range g.fields {
		out = f.gene.cuts(x, i, j, out)
		i, j = f.gene.end(x.a, i), f.gene.end(x.b, j)
	}
	return out
}

func (g *group) parts(t []uint64, i int, visit func(gene, int)) int {
	if g.end(t, i)-i > 1 {
		visit(g, i)
	}
	for _, f := range g.fields {
		i = f.gene.parts(t, i, visit)
	}
	return i
}

func (g *group) between(d *distance, i, j int) (far, weight float64) {
	for _, f := range g.fields {
		x, w := f.gene.between(d, i, j)
		far += x
		weight += w
		i, j = f.gene.end(d.a, i), f.gene.end(d.b, j)
	}
	return far, weight
}

func (g *group) leaves(t []uint64, i int) float64 {
	sum := 0.0
	for _, f := range g.fields {
		sum += f.gene.leaves(t, i)
		i = f.gene.end(t, i)
	}
	return sum
}

// below returns the path of one of the genes.
func (g *group) below(path, name string) string {
	switch {
	case g.tuple:
		return path + "[" + name + "]"
	case path == "":
		return name
	}
	return path + "." + name
}

func (g *group) diff(d *differ, i, j int, path string) {
	for _, f := range g.fields {
		d.compare(f.gene, i, j, g.below(path, f.name))
		i, j = f.gene.end(d.a, i), f.gene.end(d.b, j)
	}
}

func (g *group) form(f *former, i int) int {
	for _, inner := range g.fields {
		i = inner.gene.form(f, i)
	}
	return i
}

func (g *group) encode(e *encoder, i int, path string) {
	if g.static {
		return
	}
	for _, f := range g.fields {
		inner := path
		if e.naming {
			inner = g.below(path, f.name)
		}
		f.gene.encode(e, i, inner)
		i = e.end(f.gene, i)
	}
}

func (g *group) ask(q *inquiry, path string) *question {
	out := &question{gene: g, site: -1}
	for _, f := range g.fields {
		out.parts = append(out.parts, q.of(f.gene, g.below(path, f.name)))
	}
	return out
}

func (g *group) decide(w *decider, q *question, place int) {
	for _, part := range q.parts {
		w.visit(part, place)
	}
}
