package genome

import (
	"slices"
	"strconv"
)

// FromTree returns the genome that a tree describes. It is strict: a gene that
// is unknown, missing or out of range is an *Mistake with its path. Constants and
// copies may be missing; where they are present they must agree.
func (s *Space) FromTree(tree any) (Genome, error) {
	v, err := normalise(tree)
	if err != nil {
		return Genome{}, err
	}
	codes, err := s.root.read(v, nil)
	if err != nil {
		return Genome{}, err
	}
	g := s.finish(codes)
	if err := s.root.agree(v, g.Tree()); err != nil {
		return Genome{}, err
	}
	return g, nil
}

// read appends the codes of a normalised tree. What is static is not looked at.
func (g *gene) read(v any, codes []uint64) ([]uint64, *Mistake) {
	if g.static {
		return codes, nil
	}
	var err *Mistake
	switch g.kind {
	case kindGroup:
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
			return nil, fault(nil, "write its genes by name: "+g.names(), "needs a map, got %s", describe(v))
		}
		for _, e := range m {
			if !slices.ContainsFunc(g.fields, func(f field) bool { return f.name == e.Key }) {
				return nil, fault([]string{e.Key}, "the genes are "+g.names(), "no gene is named %q", shorten(e.Key))
			}
		}
		for _, f := range g.fields {
			if f.gene.static {
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
	case kindList:
		list, ok := v.([]any)
		if !ok {
			return nil, fault(nil, "write [...]", "needs a list, got %s", describe(v))
		}
		if len(list) < g.minLen || len(list) > g.maxLen {
			return nil, g.wrongLength(len(list))
		}
		if g.minLen != g.maxLen {
			codes = append(codes, uint64(len(list)))
		}
		for k, e := range list {
			if codes, err = g.elem.read(e, codes); err != nil {
				return nil, err.within(strconv.Itoa(k))
			}
		}
		return codes, nil
	case kindChoice:
		i, body := g.optionOf(v)
		if i < 0 {
			return nil, g.unknownOption(describe(v))
		}
		codes = append(codes, uint64(i))
		if o := &g.options[i]; o.body != nil {
			if body == nil && !o.body.static {
				return nil, fault([]string{o.text}, "write {"+o.text+": {its genes}}", "has genes, got %s", describe(v))
			}
			if codes, err = o.body.read(body, codes); err != nil {
				return nil, err.within(o.text)
			}
		}
		return codes, nil
	case kindEdges, kindVertices, kindPairs:
		return g.readCell(v, codes)
	case kindBool:
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
	code, err := g.codeOf(v)
	return append(codes, code), err
}

// optionOf finds the option that a tree value names, -1 if none, and the genes
// it brings.
func (g *gene) optionOf(v any) (int, any) {
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

// sameScalar compares values as a person does: 3 equals 3.0, "3" does not.
func sameScalar(a, b any) bool {
	a, b = plainNumber(a), plainNumber(b)
	switch a.(type) {
	case string, bool, int64, float64:
		return a == b
	}
	return false
}

// plainNumber makes an int64 of a float64 that is one, and leaves the rest.
func plainNumber(v any) any {
	const most = 1 << 63
	if f, ok := v.(float64); ok && f >= -most && f < most && f == float64(int64(f)) {
		return int64(f)
	}
	return v
}

// agree verifies that a tree contradicts no constant and no copy of the genome
// that was read from it, given as its full tree.
func (g *gene) agree(given, full any) *Mistake {
	switch g.kind {
	case kindGroup:
		if g.tuple {
			return agreeEach(given, full, func(i int) *gene { return g.fields[i].gene })
		}
		m, ok := given.(Map)
		if !ok {
			break
		}
		for _, e := range m {
			i := slices.IndexFunc(g.fields, func(f field) bool { return f.name == e.Key })
			if i < 0 {
				return fault([]string{e.Key}, "remove it", "no gene is named %q", shorten(e.Key))
			}
			x, _ := full.(Map).Get(e.Key)
			if err := g.fields[i].gene.agree(e.Value, x); err != nil {
				return err.within(e.Key)
			}
		}
		return nil
	case kindList:
		return agreeEach(given, full, func(int) *gene { return g.elem })
	case kindChoice:
		i, body := g.optionOf(given)
		if i < 0 || body == nil {
			return nil
		}
		x, _ := full.(Map).Get(g.options[i].text)
		if err := g.options[i].body.agree(body, x); err != nil {
			return err.within(g.options[i].text)
		}
		return nil
	case kindEdges, kindVertices, kindPairs:
		m, _ := given.(Map)
		for _, e := range g.cell.extra {
			if x, ok := m.Get(e.Key); ok && !sameTree(x, e.Value) {
				return fault([]string{e.Key}, "write that or leave it out", "is fixed to %s, got %s", describe(e.Value), describe(x))
			}
		}
		return nil
	case kindConst, kindFrom:
		if sameTree(given, full) {
			return nil
		}
	default:
		return nil
	}
	return fault(nil, "write that or leave it out", "is fixed to %s, got %s", describe(full), describe(given))
}

func agreeEach(given, full any, at func(int) *gene) *Mistake {
	list, ok := given.([]any)
	whole := full.([]any)
	if !ok || len(list) != len(whole) {
		return fault(nil, "write that or leave it out", "is fixed to %s, got %s", describe(full), describe(given))
	}
	for i, e := range list {
		if err := at(i).agree(e, whole[i]); err != nil {
			return err.within(strconv.Itoa(i))
		}
	}
	return nil
}

// sameTree compares trees; maps in any order.
func sameTree(a, b any) bool {
	switch a := a.(type) {
	case Map:
		m, ok := b.(Map)
		if !ok || len(a) != len(m) {
			return false
		}
		for _, e := range a {
			if x, ok := m.Get(e.Key); !ok || !sameTree(e.Value, x) {
				return false
			}
		}
		return true
	case []any:
		list, ok := b.([]any)
		return ok && slices.EqualFunc(a, list, sameTree)
	}
	return sameScalar(a, b)
}
