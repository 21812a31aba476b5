package genome

import (
	"github.com/nascent-nas/nascent/genome/rng"
)

func init() {
	declares("bool", nil, func(_ *declarer, _ any, _ Map, path []string, _ int) (gene, *Mistake) { return newBoolean(path), nil })
}

// boolean is yes (1) or no (0).
type boolean struct{ values }

func newBoolean(path []string) *boolean {
	g := &boolean{}
	g.path, g.sig, g.count, g.self = path, "bool", 2, g
	return g
}

func (g *boolean) declared() any                                { return Map{{"bool", true}} }
func (g *boolean) size(map[gene]magnitude) magnitude            { return countOf(2) }
func (g *boolean) sample(codes []uint64, r *rng.Rand) []uint64  { return append(codes, r.Uint64()>>63) }
func (g *boolean) first(codes []uint64) []uint64                { return append(codes, 0) }
func (g *boolean) samples() [][]uint64                          { return [][]uint64{{0}, {1}} }
func (g *boolean) tree(b *treeBuilder, i int) (any, int)        { return b.codes[i] == 1, i + 1 }
func (g *boolean) mutate(m *mutant, _ int, x site, _ *rng.Rand) { m.codes[x.at] = 1 - m.codes[x.at] }

func (g *boolean) alternatives(m *mutant, _ int, x site, emit func(edit) bool) bool {
	return emitCodes([]uint64{1 - m.codes[x.at]}, x.at, emit)
}

func (g *boolean) check(t []uint64, i int) (int, *Mistake) {
	if i < len(t) && t[i] > 1 {
		return i, damaged("the packed boolean is %d, at most 1", t[i])
	}
	return g.values.check(t, i)
}

func (g *boolean) appendText(b []byte, t []uint64, i int) ([]byte, int) {
	if t[i] == 1 {
		return append(b, "yes"...), i + 1
	}
	return append(b, "no"...), i + 1
}

func (g *boolean) parse(p *parser, codes []uint64) ([]uint64, *Mistake) {
	word, err := p.valueWord()
	if err != nil {
		return nil, err
	}
	switch word {
	case "yes", "true":
		return append(codes, 1), nil
	case "no", "false":
		return append(codes, 0), nil
	}
	return nil, fault(nil, "write yes or no", "%q is no boolean", shorten(word))
}

func (g *boolean) read(v any, codes []uint64) ([]uint64, *Mistake) {
	b, ok := v.(bool)
	if word, text := v.(string); text { // as a genome's text has it
		b, ok = word == "yes", word == "yes" || word == "no"
	}
	if !ok {
		return nil, fault(nil, "write true or false", "%s is no boolean", describe(v))
	}
	if b {
		return append(codes, 1), nil
	}
	return append(codes, 0), nil
}

func (g *boolean) mend(m *mender, v any, codes []uint64) []uint64 {
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

func (g *boolean) between(d *distance, i, j int) (far, weight float64) {
	if d.a[i] == d.b[j] {
		return 0, 1
	}
	return 1, 1
}

func (g *boolean) encode(e *encoder, i int, path string) {
	v := 0.0
	if e.there(i) {
		v = float64(e.codes[i])
	}
	e.put(v, func() string { return path })
}

func (g *boolean) ask(q *inquiry, path string) *question {
	return &question{gene: g, site: q.add(Site{Name: path, Options: noYes})}
}
