package show

import (
	"fmt"
	"time"

	"github.com/nascent-nas/nascent/engine"
)

// OccurrenceText says what happened, on one line.
func OccurrenceText(o engine.Occurrence) string {
	who := ""
	if o.By != "" {
		who = " (" + o.By + ")"
	}
	return Clean(fmt.Sprintf("%s  turn %-6d %-10s %s%s", o.Time.Local().Format(time.DateTime), o.Turn, o.Kind, o.Text, who))
}

// by says who asked for something, and when.
func by(who string, when time.Time) string {
	text := "since " + when.Local().Format(time.DateTime)
	if who != "" {
		text += " by " + who
	}
	return text
}
