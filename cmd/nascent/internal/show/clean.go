package show

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Printer writes text for people to a terminal, or to whatever leads to one.
// What comes from outside (reasons, notes, units, genomes, file names) may hold
// characters that command a terminal, turn its writing direction or break its
// lines. A Printer passes on what can be seen, spaces, tabs and ends of lines,
// and writes all other characters as \u001b. Within the strings of JSON that is
// the same character, so JSON stays what it was.
type Printer struct {
	to   io.Writer
	rest []byte // the beginning of a character that is not whole yet
}

// NewPrinter makes a Printer.
func NewPrinter(to io.Writer) *Printer { return &Printer{to: to} }

// Write implements io.Writer.
func (p *Printer) Write(text []byte) (int, error) {
	in := text
	if len(p.rest) > 0 {
		in = append(p.rest, text...)
	}
	whole := len(in)
	for i := 1; i <= min(utf8.UTFMax-1, len(in)); i++ {
		if tail := in[len(in)-i:]; utf8.RuneStart(tail[0]) {
			if !utf8.FullRune(tail) {
				whole = len(in) - i
			}
			break
		}
	}
	p.rest = append([]byte(nil), in[whole:]...)
	if _, err := io.WriteString(p.to, visible(string(in[:whole]))); err != nil {
		return 0, err
	}
	return len(text), nil
}

// Clean is text from outside as one line that can be seen.
func Clean(s string) string {
	return visible(strings.Map(func(r rune) rune {
		if r == '\n' || r == '\r' || r == '\t' {
			return ' '
		}
		return r
	}, s))
}

// visible writes out what cannot be seen, but tabs and ends of lines.
func visible(s string) string {
	seen := func(r rune) bool { return unicode.IsGraphic(r) || r == '\n' || r == '\t' }
	if utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return !seen(r) }) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if seen(r) { // what is no character at all is U+FFFD by now, which can be seen
			b.WriteRune(r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&b, `\u%04x`, unit)
		}
	}
	return b.String()
}
