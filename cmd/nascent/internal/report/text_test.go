package report

import (
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/engine"
)

// What was found is told as it is where nothing was trained for itself, too.
func TestVerdictOfNothing(t *testing.T) {
	t.Parallel()
	for want, s := range map[string]engine.Snapshot{
		"Nothing was measured yet.": {},
		"No candidate was trained":  {Evaluations: 5, OK: 4, Failed: 1, Supernet: 3, Score: 2},
		"every evaluation was inva": {Evaluations: 5, Invalid: 2, Failed: 3},
	} {
		if got := (&Report{status: s}).verdict(); len(got) != 1 || !strings.Contains(got[0], want) {
			t.Errorf("%+v: %q, want %q", s, got, want)
		}
	}
}
