package genome

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Repair returns the genome nearest to what a tree describes, and a line for
// everything that had to be changed, none for a valid tree. Values out of range
// move to the nearest one; missing genes take their first value (the low end,
// the first option); what the space does not know is dropped; a cell's dead
// nodes are pruned; a network outside the limits is changed step by step, each
// time to the closest neighbour. The error says why that leads nowhere, or that
// the tree is no tree.
func (s *Space) Repair(tree any) (Genome, []string, error) {
	v, err := normalise(tree)
	if err != nil {
		return Genome{}, nil, err
	}
	m := mender{}
	codes := m.mend(s.root, v, nil)
	g := s.finish(codes)
	m.constants(s.root, v, g.Tree())
	if far, _ := s.violation(g); far > 0 {
		h, err := s.approach(g)
		if err != nil {
			return Genome{}, m.lines, err
		}
		for _, line := range Diff(g, h) {
			m.lines = append(m.lines, line+" (for the limits)")
		}
		g = h
	}
	return g, m.lines, nil
}

// Carry brings a genome of another version of the space into this one, as
// Repair does, with a line for everything that did not fit.
func (s *Space) Carry(old Genome) (Genome, []string, error) {
	if old.IsZero() {
		return Genome{}, nil, fault(nil, "make one with Random or Parse", "is no genome")
	}
	return s.Repair(old.Tree())
}

// How many neighbours one step towards the limits looks at.
const maxLooked = 5000

// approach changes a genome until it lies within the limits: to the valid
// neighbour closest to it if there is one, else to the neighbour that is least
// outside.
func (s *Space) approach(g Genome) (Genome, error) {
	start := g
	far, why := s.violation(g)
	for range maxRepairSteps {
		if far == 0 {
			return g, nil
		}
		var best, next Genome
		closest, least := 2.0, far
		looked := 0
		for h := range s.structural(g, everySite) {
			if looked++; looked > maxLooked {
				break
			}
			f, reason := s.violation(h)
			if f == 0 {
				if d := s.Distance(start, h); d < closest {
					best, closest = h, d
				}
			} else if f < least {
				next, least, why = h, f, reason
			}
		}
		if !best.IsZero() {
			return best, nil
		}
		if next.IsZero() {
			break
		}
		g, far = next, least
	}
	var e *Mistake
	if errors.As(why, &e) && strings.HasPrefix(e.Key, "limits.") {
		return Genome{}, &Mistake{e.Key, "no genome within it was found; " + e.Problem, "raise the limit or let the space hold smaller networks"}
	}
	return Genome{}, fmt.Errorf("no genome with a valid network was found; the last one fails: %w", why)
}

// mender reads a tree that need not fit.
type mender struct {
	path  []string
	lines []string
}

func (m *mender) note(format string, args ...any) {
	path := joinPath(m.path)
	if path == "" {
		path = "the genome"
	}
	m.lines = append(m.lines, path+": "+fmt.Sprintf(format, args...))
}

func (m *mender) in(key string, do func()) {
	m.path = append(m.path, key)
	do()
	m.path = m.path[:len(m.path)-1]
}

// show writes the codes from at on as the value of g.
func show(g *gene, codes []uint64, at int) string {
	b, _ := g.appendText(nil, codes, at)
	return shorten(string(b))
}

// fresh takes the first value for what is missing or makes no sense.
func (m *mender) fresh(g *gene, v any, codes []uint64) []uint64 {
	at := len(codes)
	codes = g.first(codes)
	if v == nil {
		m.note("is missing; took %s", show(g, codes, at))
	} else {
		m.note("%s does not fit; took %s", describe(v), show(g, codes, at))
	}
	return codes
}

// mend appends the codes nearest to a tree's value. nil stands for a missing one.
func (m *mender) mend(g *gene, v any, codes []uint64) []uint64 {
	if g.static {
		return codes
	}
	switch g.kind {
	case kindGroup:
		if g.tuple {
			list, ok := v.([]any)
			if !ok {
				return m.fresh(g, v, codes)
			}
			for k, f := range g.fields {
				m.in(f.name, func() {
					if k < len(list) {
						codes = m.mend(f.gene, list[k], codes)
					} else {
						codes = m.mend(f.gene, nil, codes)
					}
				})
			}
			if len(list) > len(g.fields) {
				m.note("has %d values, takes %d; dropped the last %d", len(list), len(g.fields), len(list)-len(g.fields))
			}
			return codes
		}
		fields, ok := v.(Map)
		if !ok && len(m.path) > 0 {
			return m.fresh(g, v, codes)
		}
		for _, f := range g.fields {
			m.in(f.name, func() {
				x, _ := fields.Get(f.name)
				codes = m.mend(f.gene, x, codes)
			})
		}
		for _, e := range fields {
			if !slices.ContainsFunc(g.fields, func(f field) bool { return f.name == e.Key }) {
				m.in(e.Key, func() { m.note("is no gene of the space; dropped %s", describe(e.Value)) })
			}
		}
		return codes
	case kindList:
		list, ok := v.([]any)
		if !ok {
			return m.fresh(g, v, codes)
		}
		n := min(max(len(list), g.minLen), g.maxLen)
		if n < len(list) {
			m.note("has %d elements, takes %d; dropped the last %d", len(list), n, len(list)-n)
		}
		if n > len(list) && g.elem.static {
			m.note("has %d elements; took %d", len(list), n)
		}
		if g.minLen != g.maxLen {
			codes = append(codes, uint64(n))
		}
		for k := range n {
			m.in(strconv.Itoa(k), func() {
				if k < len(list) {
					codes = m.mend(g.elem, list[k], codes)
				} else {
					codes = m.mend(g.elem, nil, codes)
				}
			})
		}
		return codes
	case kindChoice:
		return m.mendChoice(g, v, codes)
	case kindEdges, kindVertices, kindPairs:
		return m.mendCell(g, v, codes)
	case kindBool:
		switch v {
		case true, int64(1), "yes", "true":
			codes = append(codes, 1)
		case false, int64(0), "no", "false":
			codes = append(codes, 0)
		default:
			return m.fresh(g, v, codes)
		}
		if _, ok := v.(bool); !ok {
			m.note("%s is no boolean; took %s", describe(v), show(g, codes, len(codes)-1))
		}
		return codes
	}
	x, ok := real(v)
	if s, isText := v.(string); isText {
		n, err := number(s)
		if x, ok = real(n); err != nil {
			ok = false
		}
	}
	if !ok {
		return m.fresh(g, v, codes)
	}
	code, off := g.codeOf(v)
	if off != nil {
		code = g.nearest(x)
	}
	codes = append(codes, code)
	took := g.number(codes[len(codes)-1])
	if _, isText := v.(string); isText {
		m.note("%s is no number; took %s", describe(v), describe(took))
	} else if took != x {
		m.note("%s does not fit; took the nearest, %s", describe(v), describe(took))
	}
	return codes
}

func (m *mender) mendChoice(g *gene, v any, codes []uint64) []uint64 {
	i, body := g.optionOf(v)
	if i < 0 {
		i = g.likeOption(v)
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
	m.in(o.text, func() { codes = m.mend(o.body, body, codes) })
	return codes
}

// likeOption finds the option that is written alike, or the nearest number.
func (g *gene) likeOption(v any) int {
	switch v := v.(type) {
	case nil, []any:
		return -1
	case Map:
		if len(v) != 1 {
			return -1
		}
		return g.optionNamed(v[0].Key)
	}
	if i := g.optionNamed(scalarWord(v)); i >= 0 {
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

// scalarWord writes a scalar as a word of text, strings without quotes.
func scalarWord(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	return scalarText(v)
}

func (m *mender) mendCell(g *gene, v any, codes []uint64) []uint64 {
	at := len(codes)
	if exact, err := g.readCell(v, codes); err == nil {
		return exact
	}
	codes = codes[:at]
	given, ok := v.(Map)
	if !ok {
		return m.fresh(g, v, codes)
	}
	c := g.cell
	list := func(key string) []any {
		x, _ := given.Get(key)
		l, _ := x.([]any)
		return l
	}
	// op returns the code of a name, the first operation's for an unknown one.
	op := func(names []string, l []any, k int) uint64 {
		if k < len(l) {
			if code, err := named(names, l[k]); err == nil {
				return code
			}
		}
		return 0
	}
	switch g.kind {
	case kindEdges:
		ops := list("edges")
		for k := range g.cellCodes() {
			codes = append(codes, op(c.ops, ops, k))
		}
	case kindVertices:
		codes = m.mendGraph(g, list("vertices"), list("edges"), codes)
	default:
		pairs, combine := list("pairs"), list("combine")
		for node := range c.nodes {
			if c.nodeCodes() == 5 {
				codes = append(codes, op(c.combine, combine, node))
			}
			var p []any
			if node < len(pairs) {
				p, _ = pairs[node].([]any)
			}
			for k := 0; k < 4; k += 2 {
				last := int64(c.inputs + node - 1)
				from := last
				if k+1 < len(p) {
					if n, ok := whole(p[k+1]); ok {
						from = min(max(n, 0), last)
					}
				}
				codes = append(codes, uint64(from), op(c.ops, p, k))
			}
			q := codes[len(codes)-4:]
			if c.distinct && q[0] == q[2] {
				if q[2] > 0 {
					q[2]--
				} else {
					q[2]++
				}
			}
			orderPair(q)
		}
	}
	m.note("is no cell of this kind; took %s", show(g, codes, at))
	return codes
}

// mendGraph reads names and edges as far as they make sense and repairs the graph.
func (m *mender) mendGraph(g *gene, names, edges []any, codes []uint64) []uint64 {
	n := min(max(len(names), 2), 64)
	q := &graph{ops: make([]uint64, n), before: make([]uint64, n)}
	for k := 1; k < n-1; k++ {
		if code, err := named(g.cell.ops, names[k]); err == nil {
			q.ops[k] = code
		}
	}
	for _, e := range edges {
		if from, to, ok := pair(e, whole); ok && from >= 0 && from < to && to < int64(n) {
			q.before[to] |= 1 << from
		}
	}
	g.repairGraph(q)
	return q.append(codes)
}

// constants notes where a tree contradicts what the space has fixed.
func (m *mender) constants(g *gene, given, full any) {
	if g.static {
		if err := g.agree(given, full); err != nil {
			m.in(err.Key, func() { m.note("%s; dropped that", err.Problem) })
		}
		return
	}
	switch g.kind {
	case kindGroup:
		if g.tuple {
			m.each(given, full, func(k int) *gene { return g.fields[k].gene })
			return
		}
		fields, _ := given.(Map)
		for _, f := range g.fields {
			if x, ok := fields.Get(f.name); ok {
				y, _ := full.(Map).Get(f.name)
				m.in(f.name, func() { m.constants(f.gene, x, y) })
			}
		}
	case kindList:
		m.each(given, full, func(int) *gene { return g.elem })
	case kindChoice:
		if i, body := g.optionOf(given); body != nil {
			o := &g.options[i]
			if whole, ok := full.(Map); ok {
				if x, ok := whole.Get(o.text); ok {
					m.in(o.text, func() { m.constants(o.body, body, x) })
				}
			}
		}
	}
}

func (m *mender) each(given, full any, at func(int) *gene) {
	x, _ := given.([]any)
	y, _ := full.([]any)
	for k := range min(len(x), len(y)) {
		m.in(strconv.Itoa(k), func() { m.constants(at(k), x[k], y[k]) })
	}
}
