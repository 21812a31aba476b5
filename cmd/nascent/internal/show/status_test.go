package show

import (
	"math"
	"testing"

	"github.com/nascent-nas/nascent/engine"
)

// What is left is the time to the limit that is reached first; what is done, the
// share of that which is used most.
func TestProgress(t *testing.T) {
	t.Parallel()
	half := engine.Snapshot{Evaluations: 50, Wall: 10, Spent: engine.Spent{Seconds: 20}}
	for _, c := range []struct {
		limits     engine.Limits
		part, left float64
	}{
		{engine.Limits{Evaluations: 100}, 0.5, 10},
		{engine.Limits{Evaluations: 100, Wall: 40}, 0.5, 10},
		{engine.Limits{Evaluations: 100, Wall: 12.5}, 0.8, 2.5},
		{engine.Limits{Evaluations: 500, Wall: 100, Seconds: 80}, 0.25, 30},
		{engine.Limits{}, math.NaN(), math.NaN()},
	} {
		s := half
		s.Limits = c.limits
		part, left := Progress(s, 5)
		if !same(part, c.part) || !same(left, c.left) {
			t.Errorf("%+v: %v is done and %v s are left; want %v and %v", c.limits, part, left, c.part, c.left)
		}
	}
}

func same(a, b float64) bool { return math.Abs(a-b) < 1e-9 || math.IsNaN(a) && math.IsNaN(b) }

// Of what few jobs took it is said of how many it is known.
func TestTaken(t *testing.T) {
	t.Parallel()
	usage := engine.Usage{CPU: 2, Memory: 1 << 20}
	for _, c := range []struct {
		of, reused, used int
		want             string
	}{
		{10, 0, 10, "2.0s of processors, 1.0 MiB of memory"},
		{20, 10, 10, "2.0s of processors, 1.0 MiB of memory"},
		{10, 0, 14, "2.0s of processors, 1.0 MiB of memory"}, // re-measurements are known, too
		{120_000, 0, 2, "2.0s of processors, 1.0 MiB of memory, known of 2 of 120,000 jobs"},
	} {
		if got := taken(engine.Snapshot{Evaluations: c.of, Reused: c.reused, Used: c.used, Usage: usage}); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
	if got := taken(engine.Snapshot{Evaluations: 10}); got != "" {
		t.Errorf("of nothing: %s", got)
	}
}
