package show

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"

	"github.com/nascent-nas/nascent/engine"
)

// WriteTimeline prints what happened, a line each, in columns. On a terminal so many wide
// what is told is folded in its own column.
func WriteTimeline(out io.Writer, all []engine.Occurrence, width int) error {
	var turn, kind int
	for _, o := range all {
		turn, kind = max(turn, len(strconv.FormatUint(o.Turn, 10))), max(kind, len(o.Kind))
	}
	var b strings.Builder
	for _, o := range all {
		head := Clean(fmt.Sprintf("%s  turn %-*d  %-*s  ", o.Time.Local().Format(time.DateTime), turn, o.Turn, kind, o.Kind))
		text := Clean(o.Text)
		if o.By != "" {
			text += Clean(" (" + o.By + ")")
		}
		lines := []string{text}
		if room := width - utf8.RuneCountInString(head); width > 0 && utf8.RuneCountInString(text) > room {
			lines = strings.Split(ansi.Wrap(text, max(room, 20), ""), "\n")
		}
		for i, line := range lines {
			if i > 0 {
				head = strings.Repeat(" ", len(head))
			}
			b.WriteString(strings.TrimRight(head+line, " ") + "\n")
		}
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// by says who asked for something, and when.
func by(who string, when time.Time) string {
	text := "since " + when.Local().Format(time.DateTime)
	if who != "" {
		text += " by " + who
	}
	return text
}
