package show

import (
	"os/exec"
	"testing"
)

// What is quoted comes out of a shell as it was.
func TestQuote(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "plain/path-1.yaml", "two words", "it's", "$HOME `x` \\ \"q\"", "a\nb", "größe", "*?[a]", "~", "#x", "a=b;c|d&e"} {
		out, err := exec.CommandContext(t.Context(), "sh", "-c", "printf %s "+Quote(s)).Output()
		if err != nil || string(out) != s {
			t.Errorf("%q is quoted as %s, and comes out as %q: %v", s, Quote(s), out, err)
		}
	}
}
