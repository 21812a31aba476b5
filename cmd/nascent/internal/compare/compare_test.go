package compare

import (
	"fmt"
	"testing"

	"github.com/nascent-nas/nascent/engine"
)

// Groups are Search by the seeds that both have, in the direction of the metric, at
// equal cost; a seed without a best, or of one group alone, says nothing.
func TestPairs(t *testing.T) {
	t.Parallel()
	value := func(x float64) *float64 { return &x }
	for _, test := range []struct {
		goal engine.Goal
		want string
	}{
		{engine.Maximize, "[{A B 5 4 1 0.125}]"},
		{engine.Minimize, "[{A B 5 0 1 0.125}]"},
	} {
		c := &Comparison{Goal: test.goal}
		add := func(group string, seed uint64, x *float64) {
			c.Searches = append(c.Searches, &Search{Group: group, Seed: seed, AtEqual: AtEqual{Evaluations: x}})
		}
		for seed := range uint64(4) {
			add("A", seed, value(0.9+float64(seed)/100))
			add("B", seed, value(0.8))
		}
		add("A", 4, value(0.1+0.2))
		add("B", 4, value(0.3)) // as good, but for rounding
		add("A", 5, value(1))
		add("B", 6, value(1))
		add("A", 7, nil)
		add("B", 7, value(1))
		add("C", 0, value(1)) // one seed is no Pair
		c.pairUp()
		if got := fmt.Sprint(c.Pairs); got != test.want {
			t.Errorf("%s: %s, want %s", test.goal, got, test.want)
		}
	}
}
