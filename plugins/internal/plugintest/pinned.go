package plugintest

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
)

// Pinned wants a search to come to what is pinned to a version of a plugin's results:
// pins has sums by versions. So whoever changes results finds out, and raises the
// version. What is measured (seconds) is left out.
func Pinned(t *testing.T, version string, pins map[string]string, search engine.Config) {
	t.Helper()
	search.Ledger = enginetest.Memory(t)
	s, err := engine.Run(t.Context(), search)
	if err != nil {
		t.Fatal(err)
	}
	sum, n := sha256.New(), 0
	for c := range s.Candidates() {
		fmt.Fprintf(sum, "%s %s %s %v %d %s %s %s %s", c.ID, c.Genome.Text(), c.Operator, c.Parents, c.Fidelity, c.Task,
			c.Input, c.Status, c.Reason)
		for _, v := range c.Metrics {
			if v.Name != "seconds" {
				fmt.Fprintf(sum, " %s=%v", v.Name, v.Value)
			}
		}
		fmt.Fprintln(sum)
		if c.Status == engine.OK {
			n++
		}
	}
	if n < 5 {
		t.Fatalf("only %d candidates were measured", n)
	}
	if got := fmt.Sprintf("%x", sum.Sum(nil))[:16]; got != pins[version] {
		t.Errorf("results of version %q come to %s, and %v is pinned: where they were meant to change, raise "+
			"Results and pin the sum to the new version",
			version, got, slices.Sorted(maps.Values(pins)))
	}
}
