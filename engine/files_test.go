package engine_test

import (
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/engine"
)

func TestCheckFileName(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"checkpoint", "model.bin", "best weights", "größe", ".hidden", "a..b", "...", strings.Repeat("x", 200)} {
		if err := engine.CheckFileName(name); err != nil {
			t.Error(err)
		}
	}
	for _, name := range []string{
		"", ".", "..", "../evil", "/etc/passwd", "a/b", `a\b`, "two\nlines", "\x1b[31mred", "bell\a", "a\x00b", "\u202egnp", "\xff", strings.Repeat("x", 201),
	} {
		err := engine.CheckFileName(name)
		if err == nil {
			t.Errorf("%q is accepted", name)
		} else if text := err.Error(); text != engine.OneLine(text) || !strings.Contains(text, "no / or") {
			t.Errorf("%q is refused by %q: not in one line that says what is allowed", name, text)
		}
	}
}
