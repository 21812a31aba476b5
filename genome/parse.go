package genome

import (
	"fmt"
	"strconv"
	"strings"
)

// Parse reads a genome's text. It takes more than the canonical form: any white
// space between words, and the genes of a group in any order. The error is an
// *Mistake with the path of the gene.
func (s *Space) Parse(text string) (Genome, error) {
	if len(text) > 64<<20 {
		return Genome{}, fault(nil, "shorten it", "the text has %d bytes", len(text))
	}
	p := &parser{text: text}
	codes, err := p.fields(s.root, nil, 0)
	if err != nil {
		return Genome{}, err
	}
	if !p.end() {
		return Genome{}, fault(nil, "remove it", "%s follows the last gene", p.show())
	}
	return s.finish(codes), nil
}

type parser struct {
	text string
	at   int
}

func (p *parser) space() {
	for p.at < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.at]) >= 0 {
		p.at++
	}
}

func (p *parser) end() bool {
	p.space()
	return p.at == len(p.text)
}

// peek returns the next byte after white space, 0 at the end.
func (p *parser) peek() byte {
	if p.end() {
		return 0
	}
	return p.text[p.at]
}

// take steps over c if it comes next.
func (p *parser) take(c byte) bool {
	if p.peek() != c {
		return false
	}
	p.at++
	return true
}

// word reads a bare or quoted word. It may be empty.
func (p *parser) word() (string, *Mistake) {
	if p.peek() == '"' {
		quoted, err := strconv.QuotedPrefix(p.text[p.at:])
		if err == nil {
			var s string
			if s, err = strconv.Unquote(quoted); err == nil {
				p.at += len(quoted)
				return s, nil
			}
		}
		return "", fault(nil, "close the quotes", "%s is no quoted word", p.show())
	}
	from := p.at
	for p.at < len(p.text) && bare(p.text[p.at]) {
		p.at++
	}
	return p.text[from:p.at], nil
}

// show quotes what comes next for an error.
func (p *parser) show() string {
	if p.end() {
		return "the end"
	}
	rest := p.text[p.at:]
	if len(rest) > 20 {
		rest = rest[:20] + "..."
	}
	return strconv.Quote(strings.ToValidUTF8(rest, "?"))
}

func (p *parser) expect(c byte) *Mistake {
	if p.take(c) {
		return nil
	}
	return fault(nil, fmt.Sprintf("write %q there", c), "%s stands where %q belongs", p.show(), c)
}

// fields reads the genes of a group up to shut (0: the end of the text).
func (p *parser) fields(g *gene, codes []uint64, shut byte) ([]uint64, *Mistake) {
	if g.tuple {
		var err *Mistake
		for _, f := range g.fields {
			if f.gene.static {
				continue
			}
			if codes, err = p.value(f.gene, codes); err != nil {
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
		for next < len(g.fields) && g.fields[next].gene.static {
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
				codes, err = p.value(g.fields[next].gene, codes)
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
			if f.name == name && !f.gene.static {
				at = k
			}
		}
		if _, twice := aside[name]; twice || at >= 0 && at < next {
			return nil, fault([]string{name}, "keep one of them", "appears twice")
		}
		if at < 0 {
			return nil, fault([]string{name}, "the genes are "+g.names(), "no gene is named %q", shorten(name))
		}
		if err = p.expect('='); err != nil {
			return nil, err.within(name)
		}
		value, err := p.value(g.fields[at].gene, nil)
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
		if f.gene.static {
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

// names lists the genes of a group for an error.
func (g *gene) names() string {
	var names []string
	for _, f := range g.fields {
		if !f.gene.static {
			names = append(names, f.name)
		}
	}
	return listing(names)
}

// listing joins at most a dozen names.
func listing(names []string) string {
	if len(names) > 12 {
		names = append(append([]string(nil), names[:12]...), "...")
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

func (p *parser) value(g *gene, codes []uint64) ([]uint64, *Mistake) {
	if g.static {
		if err := p.expect('('); err != nil {
			return nil, err
		}
		return codes, p.expect(')')
	}
	switch g.kind {
	case kindGroup:
		open, shut := byte('('), byte(')')
		if g.tuple {
			open, shut = '[', ']'
		}
		err := p.expect(open)
		if err == nil {
			if codes, err = p.fields(g, codes, shut); err == nil {
				err = p.expect(shut)
			}
		}
		return codes, err
	case kindList:
		return p.list(g, codes)
	case kindEdges, kindVertices, kindPairs:
		return p.cell(g, codes)
	}
	word, err := p.word()
	if err != nil {
		return nil, err
	}
	if word == "" {
		return nil, fault(nil, "write a value", "%s stands where a value belongs", p.show())
	}
	switch g.kind {
	case kindChoice:
		i := g.optionNamed(word)
		if i < 0 {
			return nil, g.unknownOption(strconv.Quote(shorten(word)))
		}
		codes = append(codes, uint64(i))
		body := g.options[i].body
		if body == nil {
			return codes, nil
		}
		if body.static {
			// At once: after white space ( begins the next value.
			if p.at < len(p.text) && p.text[p.at] == '(' {
				p.at++
				err = p.expect(')')
			}
			return codes, err
		}
		if err = p.expect('('); err == nil {
			if codes, err = p.fields(body, codes, ')'); err == nil {
				err = p.expect(')')
			}
		}
		if err != nil {
			return nil, err.within(word)
		}
		return codes, nil
	case kindBool:
		switch word {
		case "yes", "true":
			return append(codes, 1), nil
		case "no", "false":
			return append(codes, 0), nil
		}
		return nil, fault(nil, "write yes or no", "%q is no boolean", shorten(word))
	}
	v, e := number(word)
	if e != nil {
		return nil, fault(nil, g.rangeRemedy(), "%s", e.(*Mistake).Problem)
	}
	code, err := g.codeOf(v)
	return append(codes, code), err
}

func (p *parser) list(g *gene, codes []uint64) ([]uint64, *Mistake) {
	lengthAt := len(codes)
	if g.minLen != g.maxLen {
		codes = append(codes, 0)
	}
	n := 0
	if g.plainBits() && p.peek() == 'b' {
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
			if codes, err = p.value(g.elem, codes); err != nil {
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
	if g.minLen != g.maxLen {
		codes[lengthAt] = uint64(n)
	}
	return codes, nil
}

func (g *gene) wrongLength(n int) *Mistake {
	needs := fmt.Sprintf("needs %d to %d", g.minLen, g.maxLen)
	remedy := "add elements"
	if g.minLen == g.maxLen {
		needs = fmt.Sprintf("needs %d", g.minLen)
	}
	has := fmt.Sprintf("has %d", n)
	if n > g.maxLen {
		remedy = "remove elements"
		has = fmt.Sprintf("has more than %d", g.maxLen)
	}
	return fault(nil, remedy, "%s elements, %s", has, needs)
}

// optionNamed returns the index of the option that a word names, or -1.
func (g *gene) optionNamed(word string) int {
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
			if x, err := number(word); err == nil && sameScalar(v, x) {
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

func (g *gene) unknownOption(shown string) *Mistake {
	var names []string
	for _, o := range g.options {
		names = append(names, o.text)
	}
	return fault(nil, "the options are "+listing(names), "%s is no option", shown)
}

// rangeRemedy says which numbers a gene takes.
func (g *gene) rangeRemedy() string {
	lo, hi := g.flo, g.fhi
	if g.kind == kindInt {
		lo, hi = float64(g.lo), float64(g.hi)
	}
	s := "write a number from " + describe(lo) + " to " + describe(hi)
	switch {
	case g.kind == kindInt && g.step > 1:
		s += " in steps of " + strconv.FormatInt(g.step, 10)
	case g.stepSet:
		s += " in steps of " + describe(g.fstep)
	}
	return s
}

// codeOf returns the code of a number in an int or a float.
func (g *gene) codeOf(v any) (uint64, *Mistake) {
	x, ok := real(v)
	if !ok {
		return 0, fault(nil, g.rangeRemedy(), "%s is no number", describe(v))
	}
	lo, hi := g.flo, g.fhi
	if g.kind == kindInt {
		lo, hi = float64(g.lo), float64(g.hi)
	}
	if x < lo || x > hi {
		return 0, fault(nil, g.rangeRemedy(), "%s is outside the range", describe(v))
	}
	if g.kind == kindInt {
		n, ok := whole(v)
		if !ok {
			return 0, fault(nil, g.rangeRemedy(), "%s is no whole number", describe(v))
		}
		if (n-g.lo)%g.step != 0 {
			return 0, fault(nil, g.rangeRemedy(), "%s lies between the steps", describe(v))
		}
		return uint64((n - g.lo) / g.step), nil
	}
	code := g.nearest(x)
	if g.number(code) != x {
		if g.stepSet {
			return 0, fault(nil, g.rangeRemedy(), "%s lies between the steps", describe(v))
		}
		return 0, fault(nil, "round it to "+describe(g.number(code)), "%s has more than 6 significant digits", describe(v))
	}
	return code, nil
}
