package genome

import (
	"fmt"
	"math/big"
	"strconv"

	"github.com/nascent-nas/nascent/genome/rng"
)

func init() {
	declares("list", []string{"length"}, (*declarer).list)
}

// list is some elements of one declaration. Its codes are the length, unless
// that is fixed, and those of the elements; a static list has none.
type list struct {
	base
	elem           gene
	minLen, maxLen int
}

func (d *declarer) list(v any, m Map, path []string, depth int) (gene, *Mistake) {
	g := &list{base: base{path: path}}
	at := child(path, "length")
	n, ok := m.Get("length")
	if !ok {
		return nil, fault(path, "add length: [1, 8], or length: 8", "is a list without length")
	}
	lo, hi, isPair := pair(n, whole)
	if one, isOne := whole(n); isOne {
		lo, hi, isPair = one, one, true
	}
	switch {
	case !isPair:
		return nil, fault(at, "write length: [1, 8], or length: 8", "needs [low, high] or one whole number, got %s", describe(n))
	case lo > hi:
		return nil, fault(at, "swap them", "needs [low, high] with low <= high, got %s", describe(n))
	case lo < 0 || hi < 1 || hi > maxValues:
		return nil, fault(at, "write for example length: [1, 8]",
			"needs lengths from 0 (at the high end 1) to %d, got %s", maxValues, describe(n))
	}
	g.minLen, g.maxLen = int(lo), int(hi)
	var err *Mistake
	g.elem, err = d.gene(v, child(path, "list"), depth+1)
	return g, err
}

func (g *list) declared() any {
	m := Map{{"list", g.elem.declared()}, {"length", []any{int64(g.minLen), int64(g.maxLen)}}}
	if g.minLen == g.maxLen {
		m[1].Value = int64(g.minLen)
	}
	return m
}

func (g *list) expand(x *expander, left map[string]int) (gene, *Mistake) {
	out := *g
	e, err := x.gene(g.elem, left)
	if err != nil {
		return nil, err
	}
	same := e == g.elem
	if e == nil {
		if g.minLen > 0 {
			return nil, nil
		}
		// Only the empty list is left.
		out.maxLen = 0
		e = &group{base: base{path: g.elem.about().path, static: true}}
	}
	out.elem = e
	out.genes = float64(out.maxLen) * e.about().genes
	if out.minLen < out.maxLen {
		out.genes++
	}
	out.genes = max(out.genes, float64(out.maxLen)) // a list of constants still has a length
	out.static = out.minLen == out.maxLen && e.about().static || out.maxLen == 0
	if same { // the declared gene itself, completed
		g.genes, g.static = out.genes, out.static
		return g, nil
	}
	return &out, nil
}

func (g *list) inner() []gene                        { return []gene{g.elem} }
func (g *list) leads(names []string, depth int) bool { return leads(g.elem, names, depth+1) }
func (g *list) branches() []branch                   { return []branch{{places: g.maxLen, gene: g.elem}} }

// bits tells a list whose elements are booleans: it is written b0110.
func (g *list) bits() bool {
	_, ok := g.elem.(*boolean)
	return ok
}

func (g *list) fixed() bool { return g.minLen == g.maxLen }

// length returns the length and where the elements begin.
func (g *list) length(t []uint64, i int) (n, at int) {
	if g.static {
		return 0, i // what there is takes no codes
	}
	if g.fixed() {
		return g.minLen, i
	}
	return int(t[i]), i + 1
}

// starts returns the length and where the elements begin.
func (g *list) starts(t []uint64, i int) (int, []int) {
	n, at := g.length(t, i)
	out := make([]int, n)
	for k := range out {
		out[k] = at
		at = g.elem.end(t, at)
	}
	return n, out
}

func (g *list) size(seen map[gene]magnitude) magnitude {
	if g.static {
		return countOf(1)
	}
	elem := sizeOf(g.elem, seen)
	if elem.exact == nil || elem.log*float64(g.maxLen) > 0.6931*maxSizeBits {
		// The longest lists decide: the sum of a geometric series.
		m := magnitude{nil, elem.log * float64(g.maxLen)}
		if g.minLen < g.maxLen {
			m.log -= rng.Log(1 - rng.Exp(-elem.log))
		}
		return m
	}
	// Horner: e^min (1 + e (1 + e (...)))
	sum := big.NewInt(1)
	for range g.maxLen - g.minLen {
		sum.Mul(sum, elem.exact)
		sum.Add(sum, oneInt)
	}
	return count(sum.Mul(sum, new(big.Int).Exp(elem.exact, big.NewInt(int64(g.minLen)), nil)))
}

func (g *list) columns(seen map[gene]float64) float64 {
	n := float64(g.maxLen-g.minLen) + float64(g.maxLen)*columnsOf(g.elem, seen)
	if !g.fixed() {
		n++
	}
	return n
}

func (g *list) end(t []uint64, i int) int {
	n, i := g.length(t, i)
	for range n {
		i = g.elem.end(t, i)
	}
	return i
}

func (g *list) check(t []uint64, i int) (int, *Mistake) {
	if g.static {
		return i, nil
	}
	n := g.minLen
	if !g.fixed() {
		if i >= len(t) {
			return i, endsEarly()
		}
		if t[i] < uint64(g.minLen) || t[i] > uint64(g.maxLen) {
			return i, damaged("has %d elements, needs %d to %d", t[i], g.minLen, g.maxLen)
		}
		n = int(t[i])
		i++
	}
	for k := range n {
		var err *Mistake
		if i, err = g.elem.check(t, i); err != nil {
			return i, err.within(strconv.Itoa(k))
		}
	}
	return i, nil
}

func (g *list) sample(codes []uint64, r *rng.Rand) []uint64 {
	if g.static {
		return codes
	}
	n := g.minLen + r.Intn(g.maxLen-g.minLen+1)
	if !g.fixed() {
		codes = append(codes, uint64(n))
	}
	for range n {
		codes = g.elem.sample(codes, r)
	}
	return codes
}

func (g *list) first(codes []uint64) []uint64 {
	if g.static {
		return codes
	}
	if !g.fixed() {
		codes = append(codes, uint64(g.minLen))
	}
	for range g.minLen {
		codes = g.elem.first(codes)
	}
	return codes
}

func (g *list) samples() [][]uint64 { return [][]uint64{g.first(nil)} }

func (g *list) appendText(b []byte, t []uint64, i int) ([]byte, int) {
	if g.static {
		return append(b, "()"...), i // only an element of a list is written at all
	}
	n, i := g.length(t, i)
	if g.bits() {
		b = append(b, 'b')
		for _, bit := range t[i : i+n] {
			b = append(b, '0'+byte(bit))
		}
		return b, i + n
	}
	b = append(b, '[')
	for k := range n {
		if k > 0 {
			b = append(b, ' ')
		}
		b, i = g.elem.appendText(b, t, i)
	}
	return append(b, ']'), i
}

func (g *list) parse(p *parser, codes []uint64) ([]uint64, *Mistake) {
	if g.static {
		return codes, p.nothing()
	}
	lengthAt := len(codes)
	if !g.fixed() {
		codes = append(codes, 0)
	}
	n := 0
	if g.bits() && p.peek() == 'b' {
		word, _ := p.word()
		for _, c := range word[1:] {
			if c != '0' && c != '1' {
				return nil, fault(nil, "write for example b0110", "%q is no list of bits", shorten(word))
			}
			codes = append(codes, uint64(c-'0'))
		}
		n = len(word) - 1
	} else {
		if err := p.expect('['); err != nil {
			return nil, err
		}
		for c := p.peek(); c != ']' && c != 0 && n <= g.maxLen; c = p.peek() {
			var err *Mistake
			if codes, err = g.elem.parse(p, codes); err != nil {
				return nil, err.within(strconv.Itoa(n))
			}
			n++
		}
		if n <= g.maxLen {
			if err := p.expect(']'); err != nil {
				return nil, err
			}
		}
	}
	if n < g.minLen || n > g.maxLen {
		return nil, g.wrongLength(n)
	}
	if !g.fixed() {
		codes[lengthAt] = uint64(n)
	}
	return codes, nil
}

func (g *list) wrongLength(n int) *Mistake {
	needs := fmt.Sprintf("needs %d to %d", g.minLen, g.maxLen)
	remedy := "add elements"
	if g.fixed() {
		needs = fmt.Sprintf("needs %d", g.minLen)
	}
	has := fmt.Sprintf("has %d", n)
	if n > g.maxLen {
		remedy = "remove elements"
		has = fmt.Sprintf("has more than %d", g.maxLen)
	}
	return fault(nil, remedy, "%s elements, %s", has, needs)
}

func (g *list) tree(b *treeBuilder, i int) (any, int) {
	n := g.minLen
	if !g.static {
		n, i = g.length(b.codes, i)
	}
	out := make([]any, n)
	for k := range out {
		out[k], i = g.elem.tree(b, i)
	}
	return out, i
}

func (g *list) read(v any, codes []uint64) ([]uint64, *Mistake) {
	if g.static {
		return codes, nil
	}
	elements, ok := v.([]any)
	if !ok {
		return nil, fault(nil, "write [...]", "needs a list, got %s", describe(v))
	}
	if len(elements) < g.minLen || len(elements) > g.maxLen {
		return nil, g.wrongLength(len(elements))
	}
	if !g.fixed() {
		codes = append(codes, uint64(len(elements)))
	}
	for k, e := range elements {
		var err *Mistake
		if codes, err = g.elem.read(e, codes); err != nil {
			return nil, err.within(strconv.Itoa(k))
		}
	}
	return codes, nil
}

func (g *list) agree(given, full any) *Mistake {
	return agreeEach(given, full, func(int) gene { return g.elem })
}

func (g *list) contradictions(m *mender, given, full any) {
	m.each(given, full, func(int) gene { return g.elem })
}

func (g *list) mend(m *mender, v any, codes []uint64) []uint64 {
	if g.static {
		return codes
	}
	elements, ok := v.([]any)
	if !ok {
		return m.fresh(g, v, codes)
	}
	n := min(max(len(elements), g.minLen), g.maxLen)
	if n < len(elements) {
		m.note("has %d elements, takes %d; dropped the last %d", len(elements), n, len(elements)-n)
	}
	if n > len(elements) && g.elem.about().static {
		m.note("has %d elements; took %d", len(elements), n)
	}
	if !g.fixed() {
		codes = append(codes, uint64(n))
	}
	for k := range n {
		m.in(strconv.Itoa(k), func() {
			if k < len(elements) {
				codes = g.elem.mend(m, elements[k], codes)
			} else {
				codes = g.elem.mend(m, nil, codes)
			}
		})
	}
	return codes
}

func (g *list) sites(m *mutant, i int, p place) int {
	if g.static {
		return i
	}
	at := i
	n, i := g.length(m.codes, i)
	varied := !g.elem.about().static
	if n < g.maxLen {
		m.add(insert, g, at, n, p)
		if n > 0 && varied {
			m.add(duplicate, g, at, n, p)
		}
	}
	if n > g.minLen {
		m.add(remove, g, at, n, p)
	}
	if n > 1 && varied {
		m.add(swap, g, at, n, p)
	}
	for range n {
		i = g.elem.sites(m, i, p)
	}
	return i
}

func (g *list) mutate(m *mutant, kind int, x site, r *rng.Rand) {
	n := x.sub
	switch kind {
	case insert:
		m.spare = g.elem.sample(m.spare[:0], r)
		g.insert(m, x.at, n, r.Intn(n+1), m.spare)
	case duplicate:
		from, to := g.element(m, x.at, r.Intn(n))
		m.spare = append(m.spare[:0], m.codes[from:to]...)
		g.insert(m, x.at, n, r.Intn(n+1), m.spare)
	case remove:
		g.remove(m, x.at, n, r.Intn(n))
	case swap:
		a, b := r.Intn(n), r.Intn(n-1)
		if b >= a {
			b++
		}
		g.swap(m, x.at, min(a, b), max(a, b))
	}
}

// element returns where element k lies.
func (g *list) element(m *mutant, at, k int) (from, to int) {
	_, i := g.length(m.codes, at)
	for range k {
		i = g.elem.end(m.codes, i)
	}
	return i, g.elem.end(m.codes, i)
}

func (g *list) insert(m *mutant, at, n, k int, codes []uint64) {
	from := at + 1
	if k > 0 {
		_, from = g.element(m, at, k-1)
	}
	m.replace(from, from, codes...)
	m.codes[at] = uint64(n + 1)
}

func (g *list) remove(m *mutant, at, n, k int) {
	from, to := g.element(m, at, k)
	m.replace(from, to)
	m.codes[at] = uint64(n - 1)
}

func (g *list) swap(m *mutant, at, a, b int) {
	from, to := g.element(m, at, a)
	from2, to2 := g.element(m, at, b)
	m.spare = append(m.spare[:0], m.codes[from2:to2]...)
	m.spare = append(m.spare, m.codes[to:from2]...)
	m.spare = append(m.spare, m.codes[from:to]...)
	copy(m.codes[from:], m.spare)
}

func (g *list) alternatives(m *mutant, kind int, x site, emit func(edit) bool) bool {
	at, n := x.at, x.sub
	switch kind {
	case insert:
		for _, value := range g.elem.samples() {
			for k := range n + 1 {
				if !emit(func(w *mutant) { g.insert(w, at, n, k, value) }) {
					return false
				}
			}
		}
	case remove:
		for k := range n {
			if !emit(func(w *mutant) { g.remove(w, at, n, k) }) {
				return false
			}
		}
	case swap:
		for a := range n {
			for b := a + 1; b < n; b++ {
				if !emit(func(w *mutant) { g.swap(w, at, a, b) }) {
					return false
				}
			}
		}
	case duplicate:
		for from := range n {
			for k := range n + 1 {
				if !emit(func(w *mutant) {
					lo, hi := g.element(w, at, from)
					g.insert(w, at, n, k, append([]uint64(nil), w.codes[lo:hi]...))
				}) {
					return false
				}
			}
		}
	}
	return true
}

func (g *list) cross(x *crossing, i, j int) {
	if g.static {
		return
	}
	cut := x.isCut && i == x.cutAt && !x.past
	n, atA := g.length(x.a, i)
	m, atB := g.length(x.b, j)
	length := n
	headA, tailB := n, m // elements of a before the cut, of b from the cut on
	switch {
	case cut && g.fixed():
		// Between two elements where there are some.
		headA = x.r.Intn(n + 1)
		if n > 1 {
			headA = 1 + x.r.Intn(n-1)
		}
		tailB = headA
	case cut:
		for {
			headA, tailB = x.r.Intn(n+1), x.r.Intn(m+1)
			if length = headA + m - tailB; length >= g.minLen && length <= g.maxLen {
				break
			}
		}
	case x.fromB():
		length = m
	}
	if !g.fixed() {
		x.out = append(x.out, uint64(length))
	}
	if cut {
		for k := range n {
			end := g.elem.end(x.a, atA)
			if k < headA {
				x.out = append(x.out, x.a[atA:end]...)
			}
			atA = end
		}
		for k := range m {
			end := g.elem.end(x.b, atB)
			if k >= tailB {
				x.out = append(x.out, x.b[atB:end]...)
			}
			atB = end
		}
		x.past = true
		return
	}
	for k := range length {
		endA, endB := atA, atB
		if k < n {
			endA = g.elem.end(x.a, atA)
		}
		if k < m {
			endB = g.elem.end(x.b, atB)
		}
		switch {
		case k >= n:
			x.out = append(x.out, x.b[atB:endB]...)
		case k >= m:
			x.out = append(x.out, x.a[atA:endA]...)
		default:
			g.elem.cross(x, atA, atB)
		}
		atA, atB = endA, endB
	}
}

func (g *list) cuts(x *crossing, i, j int, out []int) []int {
	n, _ := g.length(x.a, i)
	m, _ := g.length(x.b, j)
	if n+m > 1 {
		out = append(out, i)
	}
	return out
}

func (g *list) parts(t []uint64, i int, visit func(gene, int)) int {
	if g.end(t, i)-i > 1 {
		visit(g, i)
	}
	n, i := g.length(t, i)
	for range n {
		i = g.elem.parts(t, i, visit)
	}
	return i
}

func (g *list) between(d *distance, i, j int) (far, weight float64) {
	if g.static {
		return 0, 0
	}
	weight = max(g.leaves(d.a, i), g.leaves(d.b, j))
	far, _ = g.align(d, i, j, false)
	return min(far, weight), weight
}

func (g *list) leaves(t []uint64, i int) float64 {
	if g.static {
		return 0
	}
	sum := 1.0 // the length
	n, i := g.length(t, i)
	for range n {
		sum += max(g.elem.leaves(t, i), 1)
		i = g.elem.end(t, i)
	}
	return sum
}

// pairing is one step of an alignment: an element of a, of b, or of both; -1
// where there is none.
type pairing struct{ i, j int }

// align returns the cost of editing the list at i in a into that at j in b, by
// replacing, inserting and deleting elements (Levenshtein), and if wanted the
// steps.
func (g *list) align(d *distance, i, j int, want bool) (float64, []pairing) {
	n, atA := g.starts(d.a, i)
	m, atB := g.starts(d.b, j)
	size := func(t []uint64, at int) float64 { return max(g.elem.leaves(t, at), 1) }
	if n > maxAligned || m > maxAligned || !want && n == m && g.bits() {
		far := 0.0
		var steps []pairing
		for k := range max(n, m) {
			switch {
			case k >= n:
				far += size(d.b, atB[k])
				steps = append(steps, pairing{-1, k})
			case k >= m:
				far += size(d.a, atA[k])
				steps = append(steps, pairing{k, -1})
			default:
				x, _ := g.elem.between(d, atA[k], atB[k])
				far += x
				steps = append(steps, pairing{k, k})
			}
		}
		return far, steps
	}
	// cost[k][l]: the first k elements of a into the first l of b.
	cost := make([][]float64, n+1)
	cells := make([]float64, (n+1)*(m+1))
	both := make([]float64, (n+1)*(m+1))
	for k := range cost {
		cost[k] = cells[k*(m+1) : (k+1)*(m+1)]
	}
	for k := 0; k <= n; k++ {
		for l := 0; l <= m; l++ {
			switch {
			case k == 0 && l == 0:
			case k == 0:
				cost[0][l] = cost[0][l-1] + size(d.b, atB[l-1])
			case l == 0:
				cost[k][0] = cost[k-1][0] + size(d.a, atA[k-1])
			default:
				x, _ := g.elem.between(d, atA[k-1], atB[l-1])
				both[k*(m+1)+l] = x
				cost[k][l] = min(cost[k-1][l-1]+x, cost[k-1][l]+size(d.a, atA[k-1]), cost[k][l-1]+size(d.b, atB[l-1]))
			}
		}
	}
	if !want {
		return cost[n][m], nil
	}
	var steps []pairing
	for k, l := n, m; k > 0 || l > 0; {
		switch {
		case k > 0 && l > 0 && cost[k][l] == cost[k-1][l-1]+both[k*(m+1)+l]:
			k, l = k-1, l-1
			steps = append(steps, pairing{k, l})
		case l > 0 && cost[k][l] == cost[k][l-1]+size(d.b, atB[l-1]):
			l--
			steps = append(steps, pairing{-1, l})
		default:
			k--
			steps = append(steps, pairing{k, -1})
		}
	}
	for x, y := 0, len(steps)-1; x < y; x, y = x+1, y-1 {
		steps[x], steps[y] = steps[y], steps[x]
	}
	return cost[n][m], steps
}

func (g *list) diff(d *differ, i, j int, path string) {
	if g.bits() {
		d.whole(g, i, j, path)
		return
	}
	_, atA := g.starts(d.a, i)
	_, atB := g.starts(d.b, j)
	_, steps := g.align(&d.distance, i, j, true)
	for _, p := range steps {
		switch {
		case p.i < 0:
			d.lines = append(d.lines, path+"["+strconv.Itoa(p.j)+"]: + "+d.text(g.elem, d.b, atB[p.j]))
		case p.j < 0:
			d.lines = append(d.lines, path+"["+strconv.Itoa(p.i)+"]: - "+d.text(g.elem, d.a, atA[p.i]))
		default:
			d.compare(g.elem, atA[p.i], atB[p.j], path+"["+strconv.Itoa(p.j)+"]")
		}
	}
}

func (g *list) form(f *former, i int) int {
	n, at := g.length(f.codes, i)
	f.copy(i, at)
	for range n {
		at = g.elem.form(f, at)
	}
	return at
}

func (g *list) encode(e *encoder, i int, path string) {
	if g.static {
		return
	}
	n := 0
	if e.there(i) {
		n, i = g.length(e.codes, i)
	}
	if !g.fixed() {
		e.put(float64(n)/float64(g.maxLen), func() string { return path + ".length" })
	}
	for k := range g.maxLen {
		at := path
		if e.naming {
			at = path + "[" + strconv.Itoa(k) + "]"
		}
		if k >= g.minLen {
			e.put(unit(k < n), func() string { return at + "?" })
		}
		if k < n {
			g.elem.encode(e, i, at)
			i = e.end(g.elem, i)
		} else {
			g.elem.encode(e, -1, at)
		}
	}
}

func (g *list) ask(q *inquiry, path string) *question {
	out := &question{gene: g, site: -1}
	if !g.fixed() {
		out.site = q.add(Site{Name: path + "[]?", Kind: SiteMore, Options: noYes})
	}
	out.parts = []*question{q.of(g.elem, path+"[]")}
	return out
}

// decide decides element by element; the length, which stands before them, is
// known at the end.
func (g *list) decide(w *decider, q *question, _ int) {
	length, n := g.minLen, 0
	at := len(w.out)
	if !g.fixed() {
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
	if !g.fixed() {
		w.out[at] = uint64(n)
	}
}
