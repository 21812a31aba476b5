package qlearning

import (
	"math"
	"testing"

	"github.com/nascent-nas/nascent/genome/rng"
)

// near compares with Q-values that were worked out by hand.
func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 1e-12 {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

// Two decisions with two options each, updated by hand with alpha 1/2.
func TestUpdates(t *testing.T) {
	t.Parallel()
	first, second := question{state: 1, options: 2}, question{state: 2, options: 2}
	q := table{rows: map[uint64][]float64{}, initial: 0.5}
	by := rates{learning: 0.5, discount: 1}

	// The last decision comes first: 0.5 + (0.9-0.5)/2, then 0.5 + (0.7-0.5)/2.
	q.learn([]step{{first, 1}, {second, 0}}, 0.9, by)
	near(t, "Q(2, 0)", q.value(2, 0), 0.7)
	near(t, "Q(1, 1)", q.value(1, 1), 0.6)
	near(t, "Q(1, 0), which nobody took", q.value(1, 0), 0.5)

	// A worse way on does not count for the first decision: 0.6 + (0.7-0.6)/2.
	q.learn([]step{{first, 1}, {second, 1}}, 0.1, by)
	near(t, "Q(2, 1)", q.value(2, 1), 0.3)
	near(t, "Q(1, 1)", q.value(1, 1), 0.65)

	// Unless the better one is closed: 0.3 + (0.1-0.3)/2, then 0.65 + (0.2-0.65)/2.
	second.closed = []bool{true, false}
	q.learn([]step{{first, 1}, {second, 1}}, 0.1, by)
	near(t, "Q(2, 1)", q.value(2, 1), 0.2)
	near(t, "Q(1, 1)", q.value(1, 1), 0.425)
	second.closed = nil

	// A discount of 1/2: 0.7 + (0.7-0.7)/2, then 0.425 + (0.35-0.425)/2.
	q.learn([]step{{first, 1}, {second, 0}}, 0.7, rates{learning: 0.5, discount: 0.5})
	near(t, "Q(2, 0)", q.value(2, 0), 0.7)
	near(t, "Q(1, 1)", q.value(1, 1), 0.3875)

	// A trace of 1/2: the first decision looks at (0.45 + 0.2)/2.
	q.rows = map[uint64][]float64{2: {0.7, 0.2}}
	q.learn([]step{{first, 0}, {second, 0}}, 0.2, rates{learning: 0.5, discount: 1, trace: 0.5})
	near(t, "Q(2, 0)", q.value(2, 0), 0.45)
	near(t, "Q(1, 0)", q.value(1, 0), 0.5+0.5*(0.325-0.5))
}

// Equal Q-values are drawn among; closed options never are.
func TestChoice(t *testing.T) {
	t.Parallel()
	q := table{rows: map[uint64][]float64{7: {0.9, 0.6, 0.6, 0.1}}, initial: 0.5}
	asked := question{state: 7, options: 4, closed: []bool{true, false, false, false}, weights: []float64{5, 1, 0, 3}}
	r := rng.New(1)
	var greedy, blind [4]int
	for range 4000 {
		greedy[q.greedy(&asked, r)]++
		blind[random(&asked, r)]++
	}
	if greedy[0]+greedy[3] > 0 || greedy[1] < 1800 || greedy[2] < 1800 {
		t.Errorf("greedy decisions are %v; want half 1, half 2", greedy)
	}
	if blind[0]+blind[2] > 0 || blind[1] < 900 || blind[1] > 1100 {
		t.Errorf("random decisions are %v; want a quarter 1, the rest 3", blind)
	}
}

// After a network as many experiences are drawn as the option says, from all of
// the memory and with replacement. With rewards of 1 Q-values count updates.
func TestReplay(t *testing.T) {
	t.Parallel()
	p, begin := fixture(t, `{"a": {"choice": ["x", "y", "z"]}}`, `{}`)
	a := newAgent(&problem{space: p.space, begin: begin, rates: rates{learning: 0.001, discount: 1}, replay: 3000})
	for i, text := range []string{"a=x", "a=y", "a=x", "a=z"} { // x twice; z was not measured
		g, err := p.space.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if err := a.remember(g, 1, i == 3); err != nil {
			t.Fatal(err)
		}
	}
	a.study(rng.New(1))
	state := a.memory[0].episode[0].state
	updates := func(option int) float64 { return math.Log(1-a.table.value(state, option)) / math.Log(0.999) }
	x, y, z := updates(0), updates(1), updates(2)
	if math.Abs(x+y-3000) > 1e-6 || x < 1900 || x > 2100 || z != 0 {
		t.Errorf("x was learned from %.1f times, y %.1f, z %.1f; want 2000, 1000, 0, and 3000 in all", x, y, z)
	}
}
