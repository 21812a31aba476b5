package watch

import (
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
)

// style is how a piece of text looks. What colours say is said in words, too: a terminal
// may have none, and people may not tell them apart.
type style uint8

const plain style = 0
const (
	bold style = 1 << iota
	faint
	reverse
	good // cyan
	bad  // yellow
)

// piece is text of one style. It may come from a plugin: whatever a terminal would take for
// more than text is written out when it is drawn.
type piece struct {
	text  string
	style style
}

// line is one of the screen.
type line struct {
	pieces []piece
	open   func() // what Enter does on it; nil: nothing
	about  any    // what the keys of a view mean while it is chosen
}

func ln(pieces ...piece) line { return line{pieces: pieces} }

// t is plain text.
func t(text string) piece            { return piece{text, plain} }
func in(s style, text string) piece  { return piece{text, s} }
func (l line) opens(f func()) line   { l.open = f; return l }
func (l line) concerns(v any) line   { l.about = v; return l }
func (l *line) add(pieces ...piece)  { l.pieces = append(l.pieces, pieces...) }
func (l *line) fill(to int, s style) { l.add(in(s, strings.Repeat(" ", max(0, to-l.width())))) }

// width is how many columns a line takes.
func (l *line) width() (n int) {
	for _, p := range l.pieces {
		n += cells(p.text)
	}
	return n
}

// cells is how many columns texts take one after the other.
func cells(parts ...string) (n int) {
	for _, p := range parts {
		n += ansi.StringWidth(show.Clean(p))
	}
	return n
}

// clip shortens a text to so many columns; … stands for the rest.
func clip(text string, columns int) string {
	if columns <= 0 {
		return ""
	}
	return ansi.Truncate(show.Clean(text), columns, "…")
}

// pad fills a text up to so many columns, or clips it.
func pad(text string, columns int) string {
	text = clip(text, columns)
	return text + strings.Repeat(" ", max(0, columns-cells(text)))
}

// right puts a text at the right end of so many columns.
func right(text string, columns int) string {
	text = clip(text, columns)
	return strings.Repeat(" ", max(0, columns-cells(text))) + text
}

// wrap breaks a text into lines of so many columns, at spaces where there are some.
func wrap(text string, columns int) []string {
	return strings.Split(ansi.Wrap(show.Clean(text), max(1, columns), ""), "\n")
}

// paint writes a line into so many columns for a terminal. A chosen one stands out.
func paint(l *line, columns int, chosen, colour bool) string {
	var b strings.Builder
	rest := columns
	for _, p := range l.pieces {
		text := clip(p.text, rest)
		rest -= cells(text)
		s := p.style
		if chosen {
			s = s&^(faint|reverse) | reverse
		}
		sgr(&b, text, s, colour)
	}
	if chosen {
		sgr(&b, strings.Repeat(" ", max(0, rest)), reverse, colour)
	}
	return b.String()
}

// sgr writes a text with the codes of its style.
func sgr(b *strings.Builder, text string, s style, colour bool) {
	var codes []string
	for _, c := range []struct {
		style  style
		code   string
		colour bool
	}{{bold, "1", false}, {faint, "2", false}, {reverse, "7", false}, {good, "36", true}, {bad, "33", true}} {
		if s&c.style != 0 && (colour || !c.colour) {
			codes = append(codes, c.code)
		}
	}
	if text == "" || len(codes) == 0 {
		b.WriteString(text)
		return
	}
	b.WriteString("\x1b[" + strings.Join(codes, ";") + "m" + text + "\x1b[m")
}
