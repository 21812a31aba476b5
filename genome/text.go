package genome

import "strconv"

// Text returns the canonical text: one line, one per genome. docs/space.md has
// its grammar. Space.Parse reads it.
func (g Genome) Text() string {
	if g.space == nil {
		return ""
	}
	w := g.written()
	defer w.done()
	return string(w.text)
}

// written returns the genome's text in memory to give back.
func (g Genome) written() *scratch {
	w := unpacked(g.packed)
	w.text, _ = g.space.root.appendFields(w.text[:0], w.codes, 0)
	return w
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

// quoteOperations also quotes what begins with the + that joins nodes.
func quoteOperations(names []string) []string {
	out := make([]string, len(names))
	for i, s := range names {
		if out[i] = quote(s); s[0] == '+' {
			out[i] = strconv.Quote(s)
		}
	}
	return out
}

func bare(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		c == '_' || c == '.' || c == '+' || c == '-' || c == '/'
}
