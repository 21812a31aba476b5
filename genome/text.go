package genome

import "strconv"

// Text returns the canonical text: one line, one per genome. docs/space.md has
// its grammar. Space.Parse reads it.
func (g Genome) Text() string {
	return string(g.appendText(make([]byte, 0, 256)))
}

func (g Genome) appendText(b []byte) []byte {
	if g.space == nil {
		return b
	}
	var buf [128]uint64
	t := unpack(buf[:0], g.packed)
	b, _ = g.space.root.appendFields(b, t, 0)
	return b
}

// appendFields writes the genes of a group without its parentheses. Constants
// and copies are left out.
func (g *gene) appendFields(b []byte, t []uint64, i int) ([]byte, int) {
	first := true
	for _, f := range g.fields {
		if f.gene.static {
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

// appendText writes one value.
func (g *gene) appendText(b []byte, t []uint64, i int) ([]byte, int) {
	if g.static {
		return append(b, "()"...), i // only an element of a list is written at all
	}
	switch g.kind {
	case kindGroup:
		open, shut := byte('('), byte(')')
		if g.tuple {
			open, shut = '[', ']'
		}
		b, i = g.appendFields(append(b, open), t, i)
		return append(b, shut), i
	case kindList:
		n, i := g.length(t, i)
		if g.plainBits() {
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
	case kindChoice:
		o := &g.options[t[i]]
		b = append(b, o.text...)
		if o.body == nil || o.body.static {
			return b, i + 1
		}
		b = append(b, '(')
		b, i = o.body.appendFields(b, t, i+1)
		return append(b, ')'), i
	case kindEdges, kindVertices, kindPairs:
		return g.appendCell(b, t, i), g.stretch(t, i)
	case kindInt:
		return strconv.AppendInt(b, g.lo+int64(t[i])*g.step, 10), i + 1
	case kindFloat:
		return appendFloat(b, g.number(t[i])), i + 1
	}
	if t[i] == 1 {
		return append(b, "yes"...), i + 1
	}
	return append(b, "no"...), i + 1
}

// scalarText writes an option as text has it.
func scalarText(v any) string {
	switch v := v.(type) {
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return string(appendFloat(nil, v))
	case bool:
		if v {
			return "yes"
		}
		return "no"
	}
	return quote(v.(string))
}

// quote puts a name in quotes if it holds anything but letters, digits and
// _ . + - /.
func quote(s string) string {
	for i := range len(s) {
		if !bare(s[i]) {
			return strconv.Quote(s)
		}
	}
	return s
}

// quoteOperation also quotes what begins with the + that joins nodes.
func quoteOperation(s string) string {
	if s[0] == '+' {
		return strconv.Quote(s)
	}
	return quote(s)
}

func bare(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		c == '_' || c == '.' || c == '+' || c == '-' || c == '/'
}
