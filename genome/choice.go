package genome

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/nascent-nas/nascent/genome/rng"
)

func init() {
	declares("choice", []string{"weights", "ordered"}, (*declarer).choice)
}

// choice is one of several options, each a scalar, or a name with genes that
// exist only while it is chosen. Its codes are the index of the option and those
// of the option's genes.
type choice struct {
	base
	options  []option
	ordered  bool
	weighted bool
}

// option is one alternative of a choice.
type option struct {
	value  any    // int64, float64, bool or string; the name if it has genes
	text   string // as canonical text has it
	weight float64
	body   gene // a group; nil for a plain option
}

func (d *declarer) choice(v any, m Map, path []string, depth int) (gene, *Mistake) {
	at := child(path, "choice")
	list, ok := v.([]any)
	if !ok || len(list) == 0 {
		return nil, fault(at, "write for example choice: [relu, mish]", "needs a list of options, got %s", describe(v))
	}
	if len(list) > 100000 {
		return nil, fault(at, "use an int or a float for a range", "has %d options", len(list))
	}
	g := &choice{base: base{path: path}}
	var err *Mistake
	if g.ordered, err = truth(m, "ordered", path); err != nil {
		return nil, err
	}
	seen := make(map[string]bool, len(list))
	plain := true
	for i, e := range list {
		p := child(at, strconv.Itoa(i))
		o, err := d.option(e, p, depth)
		if err != nil {
			return nil, err
		}
		plain = plain && o.body == nil
		key := scalarText(plainNumber(o.value)) // 3 and 3.0 are one
		if seen[key] || seen[o.text] {
			return nil, fault(p, "remove one; use weights to draw an option more often", "%s is there twice", describe(o.value))
		}
		seen[key], seen[o.text] = true, true
		g.options = append(g.options, o)
	}
	if w, ok := m.Get("weights"); ok {
		if err := g.weigh(w, child(path, "weights")); err != nil {
			return nil, err
		}
	}
	if plain {
		var b strings.Builder
		fmt.Fprint(&b, "choice", g.ordered)
		for _, o := range g.options {
			fmt.Fprintf(&b, " %s %T %v", o.text, o.value, o.weight)
		}
		g.sig = b.String()
	}
	return g, nil
}

func (d *declarer) option(v any, path []string, depth int) (option, *Mistake) {
	o := option{weight: 1}
	switch v := v.(type) {
	case Map:
		if len(v) != 1 {
			return o, fault(path, "write {NAME: {its genes}}", "an option with genes needs one name, got %s", describe(v))
		}
		name := v[0].Key
		at := child(path, name)
		if err := checkName(name, at); err != nil {
			return o, err
		}
		body := v[0].Value
		if spec, ok := body.(Map); ok && name == "cell" && isCell(spec) {
			body = Map{{"cell", spec}}
		}
		o.value = name
		var err *Mistake
		if o.body, err = d.gene(body, at, depth+1); err != nil {
			return o, err
		}
		if !namesGenes(o.body) {
			return o, fault(at, "name its genes: {"+name+": {value: GENE}}", "an option's genes need to be a group")
		}
	case nil, []any:
		return o, fault(path, "use scalars or {NAME: {its genes}}; quote words like \"null\"", "%s is no option", describe(v))
	default:
		o.value = v
	}
	if s, ok := o.value.(string); ok && (len(s) > maxName || s == "") {
		return o, fault(path, fmt.Sprintf("use 1 to %d bytes", maxName), "is an option of %d bytes", len(s))
	}
	o.text = scalarText(o.value)
	return o, nil
}

// namesGenes tells a group of named genes, or a use that may become one.
func namesGenes(g gene) bool {
	switch g := g.(type) {
	case *group:
		return !g.tuple
	case *use:
		return true
	}
	return false
}

func (g *choice) weigh(v any, path []string) *Mistake {
	weights, ok := v.([]any)
	if !ok || len(weights) != len(g.options) {
		return fault(path, "write one number for each option", "needs a list of %d numbers, got %s", len(g.options), describe(v))
	}
	total := 0.0
	for i, e := range weights {
		x, ok := real(e)
		if !ok || !(x >= 0) || x > 1e9 {
			return fault(child(path, strconv.Itoa(i)), "write 0 for an option that is never drawn",
				"needs a number from 0 to 1e9, got %s", describe(e))
		}
		g.options[i].weight = x
		total += x
	}
	if total <= 0 {
		return fault(path, "make at least one positive", "are all zero")
	}
	g.weighted = true
	return nil
}

func (g *choice) declared() any {
	options := make([]any, len(g.options))
	weights := make([]any, len(g.options))
	for i, o := range g.options {
		options[i], weights[i] = o.value, o.weight
		if o.body != nil {
			options[i] = Map{{o.value.(string), o.body.declared()}}
		}
	}
	m := Map{{"choice", options}}
	if g.weighted {
		m = append(m, Entry{"weights", weights})
	}
	if g.ordered {
		m = append(m, Entry{"ordered", true})
	}
	return m
}

func (g *choice) expand(x *expander, left map[string]int) (gene, *Mistake) {
	out := *g
	out.options = make([]option, 0, len(g.options))
	out.genes = 1
	same := true
	total := 0.0
	for _, o := range g.options {
		if o.body != nil {
			e, err := x.gene(o.body, left)
			if err != nil {
				return nil, err
			}
			if e == nil {
				same = false
				continue
			}
			if body, ok := e.(*group); !ok || body.tuple {
				return nil, fault(o.body.about().path, "wrap it: {NAME: {value: {use: ...}}}",
					"an option's genes need to be a group, and its definition is none")
			}
			same = same && e == o.body
			o.body = e
			out.genes = max(out.genes, 1+e.about().genes)
		}
		total += o.weight
		out.options = append(out.options, o)
	}
	if len(out.options) == 0 {
		return nil, nil
	}
	if total == 0 { // the weighted ones were those that recurse
		for i := range out.options {
			out.options[i].weight = 1
		}
	}
	if same {
		g.genes = out.genes
		return g, nil
	}
	return &out, nil
}

func (g *choice) inner() []gene {
	var out []gene
	for _, o := range g.options {
		if o.body != nil {
			out = append(out, o.body)
		}
	}
	return out
}

func (g *choice) leads(names []string, depth int) bool {
	for _, o := range g.options {
		if o.body != nil && o.value == names[0] {
			return leads(o.body, names[1:], depth+1)
		}
	}
	return false
}

func (g *choice) branches() []branch {
	var out []branch
	for _, o := range g.options {
		if o.body != nil {
			out = append(out, branch{name: o.text, gene: o.body})
		}
	}
	return out
}

func (g *choice) size(seen map[gene]magnitude) magnitude {
	var sum magnitude
	for i, o := range g.options {
		m := countOf(1)
		if o.body != nil {
			m = sizeOf(o.body, seen)
		}
		if i == 0 {
			sum = m
		} else {
			sum = sum.plus(m)
		}
	}
	return sum
}

func (g *choice) columns(seen map[gene]float64) float64 {
	n := float64(len(g.options))
	if g.ordered {
		n = 1
	}
	for _, o := range g.options {
		if o.body != nil {
			n += columnsOf(o.body, seen)
		}
		if o.body != nil && g.ordered {
			n++
		}
	}
	return n
}

func (g *choice) end(t []uint64, i int) int {
	if body := g.options[t[i]].body; body != nil {
		return body.end(t, i+1)
	}
	return i + 1
}

func (g *choice) check(t []uint64, i int) (int, *Mistake) {
	if i >= len(t) {
		return i, endsEarly()
	}
	if t[i] >= uint64(len(g.options)) {
		return i, damaged("the packed option is %d, at most %d", t[i], len(g.options)-1)
	}
	o := &g.options[t[i]]
	if o.body == nil {
		return i + 1, nil
	}
	end, err := o.body.check(t, i+1)
	if err != nil {
		return end, err.within(o.text)
	}
	return end, nil
}

func (g *choice) sample(codes []uint64, r *rng.Rand) []uint64 {
	i := g.draw(r, -1)
	codes = append(codes, uint64(i))
	if body := g.options[i].body; body != nil {
		codes = body.sample(codes, r)
	}
	return codes
}

// draw draws an option by weight, never the one at index except. If only
// weights of zero are left, those options are alike.
func (g *choice) draw(r *rng.Rand, except int) int {
	n := len(g.options)
	if !g.weighted {
		if except < 0 {
			return r.Intn(n)
		}
		if i := r.Intn(n - 1); i < except {
			return i
		} else {
			return i + 1
		}
	}
	var buf [32]float64
	weights := buf[:0]
	for i, o := range g.options {
		if i == except {
			o.weight = 0
		}
		weights = append(weights, o.weight)
	}
	if i := r.Weighted(weights); i >= 0 {
		return i
	}
	for i := range weights {
		weights[i] = 1
	}
	if except >= 0 {
		weights[except] = 0
	}
	return r.Weighted(weights)
}

func (g *choice) first(codes []uint64) []uint64 {
	codes = append(codes, 0)
	if body := g.options[0].body; body != nil {
		codes = body.first(codes)
	}
	return codes
}

func (g *choice) samples() [][]uint64 {
	var out [][]uint64
	for k, o := range g.options {
		codes := []uint64{uint64(k)}
		if o.body != nil {
			codes = o.body.first(codes)
		}
		out = append(out, codes)
	}
	return out
}

func (g *choice) appendText(b []byte, t []uint64, i int) ([]byte, int) {
	o := &g.options[t[i]]
	b = append(b, o.text...)
	if o.body == nil || o.body.about().static {
		return b, i + 1
	}
	b = append(b, '(')
	b, i = o.body.(*group).appendFields(b, t, i+1)
	return append(b, ')'), i
}

func (g *choice) parse(p *parser, codes []uint64) ([]uint64, *Mistake) {
	word, err := p.valueWord()
	if err != nil {
		return nil, err
	}
	i := g.named(word)
	if i < 0 {
		return nil, g.unknown(strconv.Quote(shorten(word)))
	}
	codes = append(codes, uint64(i))
	body := g.options[i].body
	if body == nil {
		return codes, nil
	}
	if body.about().static {
		// At once: after white space ( begins the next value.
		if p.at < len(p.text) && p.text[p.at] == '(' {
			p.at++
			err = p.expect(')')
		}
		return codes, err
	}
	if codes, err = body.parse(p, codes); err != nil {
		return nil, err.within(word)
	}
	return codes, nil
}

// named returns the index of the option that a word names, or -1.
func (g *choice) named(word string) int {
	for i := range g.options {
		o := &g.options[i]
		if s, ok := o.value.(string); ok {
			if s == word {
				return i
			}
		} else if o.text == word {
			return i
		}
	}
	// Numbers may be written in another way: 1e-3 for 0.001, true for yes.
	for i := range g.options {
		switch v := g.options[i].value.(type) {
		case int64, float64:
			if x, err := numberOf(word); err == nil && sameScalar(v, x) {
				return i
			}
		case bool:
			if word == strconv.FormatBool(v) {
				return i
			}
		}
	}
	return -1
}

func (g *choice) unknown(shown string) *Mistake {
	var names []string
	for _, o := range g.options {
		names = append(names, o.text)
	}
	return fault(nil, "the options are "+listing(names), "%s is no option", shown)
}

func (g *choice) tree(b *treeBuilder, i int) (any, int) {
	o := &g.options[b.codes[i]]
	if o.body == nil {
		return o.value, i + 1
	}
	m, end := o.body.tree(b, i+1)
	return Map{{o.value.(string), m}}, end
}

func (g *choice) read(v any, codes []uint64) ([]uint64, *Mistake) {
	i, body := g.chosen(v)
	if i < 0 {
		return nil, g.unknown(describe(v))
	}
	codes = append(codes, uint64(i))
	o := &g.options[i]
	if o.body == nil {
		return codes, nil
	}
	if body == nil && !o.body.about().static {
		return nil, fault([]string{o.text}, "write {"+o.text+": {its genes}}", "has genes, got %s", describe(v))
	}
	codes, err := o.body.read(body, codes)
	if err != nil {
		return nil, err.within(o.text)
	}
	return codes, nil
}

// chosen finds the option that a tree value names, -1 if none, and the genes it
// brings.
func (g *choice) chosen(v any) (int, any) {
	if m, ok := v.(Map); ok {
		if len(m) == 1 {
			for i := range g.options {
				if o := &g.options[i]; o.body != nil && o.value == m[0].Key {
					return i, m[0].Value
				}
			}
		}
		return -1, nil
	}
	for i := range g.options {
		if sameScalar(g.options[i].value, v) {
			return i, nil
		}
	}
	return -1, nil
}

func (g *choice) agree(given, full any) *Mistake {
	i, body := g.chosen(given)
	if i < 0 || body == nil {
		return nil
	}
	x, _ := full.(Map).Get(g.options[i].text)
	if err := g.options[i].body.agree(body, x); err != nil {
		return err.within(g.options[i].text)
	}
	return nil
}

func (g *choice) contradictions(m *mender, given, full any) {
	if i, body := g.chosen(given); body != nil {
		o := &g.options[i]
		if whole, ok := full.(Map); ok {
			if x, ok := whole.Get(o.text); ok {
				m.in(o.text, func() { m.contradictions(o.body, body, x) })
			}
		}
	}
}

func (g *choice) mend(m *mender, v any, codes []uint64) []uint64 {
	i, body := g.chosen(v)
	if i < 0 {
		i = g.like(v)
		if i < 0 {
			return m.fresh(g, v, codes)
		}
		if given, ok := v.(Map); ok {
			body = given[0].Value
		}
		m.note("%s is no option; took %s", describe(v), g.options[i].text)
	}
	codes = append(codes, uint64(i))
	o := &g.options[i]
	if o.body == nil {
		return codes
	}
	if body == nil {
		body = Map{}
	}
	m.in(o.text, func() { codes = o.body.mend(m, body, codes) })
	return codes
}

// like finds the option that is written alike, or the nearest number.
func (g *choice) like(v any) int {
	switch v := v.(type) {
	case nil, []any:
		return -1
	case Map:
		if len(v) != 1 {
			return -1
		}
		return g.named(v[0].Key)
	}
	if i := g.named(scalarWord(v)); i >= 0 {
		return i
	}
	x, ok := real(v)
	if !ok {
		return -1
	}
	best, least := -1, 0.0
	for i, o := range g.options {
		if y, ok := real(o.value); ok {
			if d := max(x-y, y-x); best < 0 || d < least {
				best, least = i, d
			}
		}
	}
	return best
}

func (g *choice) sites(m *mutant, i int, p place) int {
	if len(g.options) > 1 {
		m.add(change, g, i, 0, p)
	}
	o := &g.options[m.codes[i]]
	if o.body == nil {
		return i + 1
	}
	if p.node != nil {
		p = p.step(o.value.(string))
	}
	return o.body.sites(m, i+1, p)
}

func (g *choice) mutate(m *mutant, _ int, x site, r *rng.Rand) {
	g.choose(m, x.at, g.other(int(m.codes[x.at]), r), r)
}

// other draws another option; of an ordered choice one that is one or two steps
// away.
func (g *choice) other(old int, r *rng.Rand) int {
	if !g.ordered {
		return g.draw(r, old)
	}
	var near []int
	for k := max(old-2, 0); k <= min(old+2, len(g.options)-1); k++ {
		if k != old {
			near = append(near, k)
		}
	}
	return near[r.Intn(len(near))]
}

// choose makes an option the value. Its genes are drawn (or the first values,
// without r), except those that the old option has too.
func (g *choice) choose(m *mutant, at, pick int, r *rng.Rand) {
	old, body := g.options[m.codes[at]].body, g.options[pick].body
	end := g.end(m.codes, at)
	m.spare = append(m.spare[:0], uint64(pick))
	if body != nil {
		for _, f := range body.(*group).fields {
			if from, to, ok := kept(m.codes, old, at+1, f); ok {
				m.spare = append(m.spare, m.codes[from:to]...)
			} else if r != nil {
				m.spare = f.gene.sample(m.spare, r)
			} else {
				m.spare = f.gene.first(m.spare)
			}
		}
	}
	m.replace(at, end, m.spare...)
}

// kept finds the value of a gene of the old option that the new one declares
// alike.
func kept(codes []uint64, old gene, i int, f field) (from, to int, ok bool) {
	if old == nil {
		return 0, 0, false
	}
	for _, o := range old.(*group).fields {
		end := o.gene.end(codes, i)
		if o.name == f.name {
			return i, end, alike(o.gene, f.gene)
		}
		i = end
	}
	return 0, 0, false
}

func (g *choice) alternatives(m *mutant, _ int, x site, emit func(edit) bool) bool {
	for k := range g.options {
		if k != int(m.codes[x.at]) && !emit(func(w *mutant) { g.choose(w, x.at, k, nil) }) {
			return false
		}
	}
	return true
}

func (g *choice) cross(x *crossing, i, j int) {
	body := g.options[x.a[i]].body
	if x.a[i] != x.b[j] || body == nil {
		x.take(g, i, j)
		return
	}
	x.out = append(x.out, x.a[i])
	body.cross(x, i+1, j+1)
}

func (g *choice) cuts(x *crossing, i, j int, out []int) []int {
	if body := g.options[x.a[i]].body; body != nil && x.a[i] == x.b[j] {
		out = body.cuts(x, i+1, j+1, out)
	}
	return out
}

func (g *choice) parts(t []uint64, i int, visit func(gene, int)) int {
	end := g.end(t, i)
	if end-i > 1 {
		visit(g, i)
	}
	if body := g.options[t[i]].body; body != nil {
		body.parts(t, i+1, visit)
	}
	return end
}

func (g *choice) between(d *distance, i, j int) (far, weight float64) {
	weight = max(g.leaves(d.a, i), g.leaves(d.b, j))
	k, l := d.a[i], d.b[j]
	body := g.options[k].body
	switch {
	case k == l && body == nil:
		return 0, weight
	case k == l:
		far, weight = body.between(d, i+1, j+1)
		return far, weight + 1
	case g.ordered && weight == 1:
		return float64(max(k, l)-min(k, l)) / float64(len(g.options)-1), 1
	}
	return weight, weight
}

func (g *choice) leaves(t []uint64, i int) float64 {
	if body := g.options[t[i]].body; body != nil {
		return 1 + body.leaves(t, i+1)
	}
	return 1
}

func (g *choice) diff(d *differ, i, j int, path string) {
	if o := g.options[d.a[i]]; d.a[i] == d.b[j] && o.body != nil {
		d.compare(o.body, i+1, j+1, path+"."+o.value.(string))
		return
	}
	d.whole(g, i, j, path)
}

func (g *choice) form(f *former, i int) int {
	f.copy(i, i+1)
	if body := g.options[f.codes[i]].body; body != nil {
		return body.form(f, i+1)
	}
	return i + 1
}

func (g *choice) encode(e *encoder, i int, path string) {
	there := e.there(i)
	var code uint64
	if there {
		code = e.codes[i]
	}
	if g.ordered {
		v := 0.0
		if len(g.options) > 1 {
			v = float64(code) / float64(len(g.options)-1)
		}
		e.put(v, func() string { return path })
	}
	for k, o := range g.options {
		if !g.ordered || o.body != nil {
			e.put(unit(there && uint64(k) == code), func() string { return path + "=" + o.text })
		}
	}
	for k, o := range g.options {
		if o.body == nil {
			continue
		}
		at := -1
		if there && uint64(k) == code {
			at = i + 1
		}
		inner := path
		if e.naming {
			inner = path + "." + o.text
		}
		o.body.encode(e, at, inner)
	}
}

func (g *choice) ask(q *inquiry, path string) *question {
	s := Site{Name: path}
	for _, o := range g.options {
		s.Options = append(s.Options, o.text)
	}
	out := &question{gene: g, site: q.add(s)}
	for _, o := range g.options {
		var body *question
		if o.body != nil {
			body = q.of(o.body, path+"."+o.text)
		}
		out.parts = append(out.parts, body)
	}
	return out
}

func (g *choice) decide(w *decider, q *question, place int) {
	if part := q.parts[w.value(g, q, place)]; part != nil {
		w.visit(part, place)
	}
}
