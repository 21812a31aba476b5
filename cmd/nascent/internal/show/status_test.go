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
