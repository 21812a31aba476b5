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
	w := unpacked("")
	defer w.done()
	w.parser = parser{text: text}
	p := &w.parser
	codes, err := s.root.parseFields(p, w.codes, 0)
	if err != nil {
		return Genome{}, err
	}
	if !p.end() {
		return Genome{}, fault(nil, "remove it", "%s follows the last gene", p.show())
	}
	w.codes = codes
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

// nothing reads what stands for a value that takes none.
func (p *parser) nothing() *Mistake {
	if err := p.expect('('); err != nil {
		return err
	}
	return p.expect(')')
}

// valueWord reads the word that is a value.
func (p *parser) valueWord() (string, *Mistake) {
	word, err := p.word()
	if err == nil && word == "" {
		err = fault(nil, "write a value", "%s stands where a value belongs", p.show())
	}
	return word, err
}
