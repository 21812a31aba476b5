package show

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/engine"
)

// A log whose reader is slow keeps nobody waiting: what finds no room is left out, and
// that is said. What was said before anything ran is printed, too.
func TestLogIsBounded(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	l := NewLog(&out, "s")
	for range logRoom + 7 {
		l.Observe(engine.Update{Kind: engine.Said, Text: "a\x1b[31m"})
	}
	l.Fail(errors.New("trouble"))
	l.Close("")
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != logRoom+1 {
		t.Fatalf("%d lines, want %d and one that says what is left out", len(lines), logRoom)
	}
	var last struct {
		Level, Msg, Search string
		Lines              int
	}
	if err := json.Unmarshal([]byte(lines[logRoom]), &last); err != nil || last.Lines != 8 || last.Level != "WARN" || last.Search != "s" {
		t.Errorf("the last line: %s, %v", lines[logRoom], err)
	}
	if strings.Contains(lines[0], `"a\u001b`) {
		t.Errorf("escapes of a terminal in %s", lines[0])
	}
}
