package show

import (
	"strings"
	"testing"
	"time"

	"github.com/nascent-nas/nascent/engine"
)

// What happened stands in columns as wide as what is in them; on a terminal what is long is
// folded in its own, also where it has no spaces.
func TestTimelineStandsInColumns(t *testing.T) {
	t.Parallel()
	at := time.Date(2030, 1, 2, 3, 4, 5, 0, time.Local)
	all := []engine.Occurrence{
		{Turn: 7, Kind: "set", Time: at, Text: "4 workers", By: "page"},
		{Turn: 12345678, Kind: "checkpoints", Time: at, Text: "one two " + strings.Repeat("x", 30)},
	}
	for width, want := range map[int]string{
		0: "2030-01-02 03:04:05  turn 7         set          4 workers (page)\n" +
			"2030-01-02 03:04:05  turn 12345678  checkpoints  one two xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n",
		70: "2030-01-02 03:04:05  turn 7         set          4 workers (page)\n" +
			"2030-01-02 03:04:05  turn 12345678  checkpoints  one two\n" +
			strings.Repeat(" ", 49) + strings.Repeat("x", 21) + "\n" +
			strings.Repeat(" ", 49) + strings.Repeat("x", 9) + "\n",
	} {
		var b strings.Builder
		if err := WriteTimeline(&b, all, width); err != nil || b.String() != want {
			t.Errorf("%d wide:\n%s\nwant\n%s", width, b.String(), want)
		}
	}
}
