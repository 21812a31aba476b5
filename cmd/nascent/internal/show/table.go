package show

import (
	"io"
	"strings"
	"unicode/utf8"
)

// Table lines up cells for people.
type Table struct {
	Head  []string
	Right []bool // columns to be flush right
	Rows  [][]string
	Width int // of the terminal; the last column is cut to it. 0: as wide as it gets
}

// Write prints the table.
func (t *Table) Write(out io.Writer) error {
	widths := make([]int, len(t.Head))
	for _, row := range append([][]string{t.Head}, t.Rows...) {
		for i, c := range row {
			c = Clean(c)
			widths[i] = max(widths[i], utf8.RuneCountInString(c))
		}
	}
	var b strings.Builder
	line := func(row []string) {
		at := 0
		var s strings.Builder
		for i, c := range row {
			last := i == len(row)-1
			c = Clean(c)
			if last && t.Width > 0 {
				c = Clip(c, max(8, t.Width-at))
			}
			space := strings.Repeat(" ", max(0, widths[i]-utf8.RuneCountInString(c)))
			if i < len(t.Right) && t.Right[i] {
				s.WriteString(space + c)
			} else if s.WriteString(c); !last {
				s.WriteString(space)
			}
			if !last {
				s.WriteString("  ")
			}
			at += widths[i] + 2
		}
		b.WriteString(strings.TrimRight(s.String(), " ") + "\n")
	}
	line(t.Head)
	for _, row := range t.Rows {
		line(row)
	}
	_, err := io.WriteString(out, b.String())
	return err
}
