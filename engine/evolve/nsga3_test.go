package evolve

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/genome/rng"
)

func TestDirections(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ m, n, want int }{{3, 91, 91}, {3, 100, 91}, {2, 20, 20}, {4, 20, 20}, {8, 20, 8}, {8, 2, 8}, {5, 70, 70}} {
		all := directions(c.m, c.n)
		if len(all) != c.want {
			t.Errorf("%d directions of %d objectives where %d are wanted, want %d", len(all), c.m, c.n, c.want)
		}
		for i, w := range all {
			sum := 0.0
			for _, x := range w {
				sum += x
			}
			if math.Abs(sum-1) > 1e-12 || len(w) != c.m || i > 0 && slices.Equal(w, all[i-1]) {
				t.Errorf("%d objectives: direction %v", c.m, w)
			}
		}
	}
}

func TestSolve(t *testing.T) {
	t.Parallel()
	if x := solve([][]float64{{0, 2, 0}, {4, 0, 0}, {0, 0, 5}}); !slices.Equal(x, []float64{0.25, 0.5, 0.2}) {
		t.Errorf("solved to %v", x)
	}
	if x := solve([][]float64{{1, 2}, {2, 4}}); x != nil && !math.IsInf(x[0], 0) && !math.IsNaN(x[0]) {
		t.Errorf("what has no solution is solved to %v", x)
	}
}

// Of a front that has no room for all, every direction keeps somebody, however crowded
// another one is; who is dominated leaves first; who lacks an objective leaves in order.
func TestWhoLeaves(t *testing.T) {
	t.Parallel()
	j := judge{engine.Ranking{Rules: 2}}
	for k := range 3 {
		j.Objectives = append(j.Objectives, engine.Objective{Metric: fmt.Sprintf("f%d", k), Goal: engine.Minimize})
	}
	candidate := func(id int, f ...float64) *engine.Candidate {
		c := &engine.Candidate{Job: engine.Job{ID: engine.ID(id)}, Result: engine.Result{Status: engine.OK}}
		for k, x := range f {
			c.Metrics = append(c.Metrics, engine.Value{Name: fmt.Sprintf("f%d", k), Value: x})
		}
		return c
	}
	all := []*engine.Candidate{candidate(1, 0, 1, 0), candidate(2, 0, 0, 1), candidate(3, 1, 0, 0), candidate(20, 2, 2, 2)}
	for i := range 6 { // a crowd beside the third
		x := 0.01 * float64(i+1)
		all = append(all, candidate(10+i, 1-x, x, 0.001*float64(7-i)))
	}
	s := niches{j, directions(3, 3)}
	for seed := range uint64(20) {
		left := s.leave(j.Rank(all...), 4, rng.New(seed))
		gone := map[engine.ID]bool{}
		for _, c := range left {
			gone[c.ID] = true
		}
		if len(left) != len(all)-4 || gone[1] || gone[2] || !gone[20] {
			t.Errorf("seed %d: %v leave", seed, gone)
		}
	}
	if left := s.leave(j.Rank(all...), len(all), rng.New(1)); len(left) != 0 {
		t.Errorf("%d leave where there is room for all", len(left))
	}
	lacking := []*engine.Candidate{candidate(1, 1), candidate(2, 1), candidate(3, 1)}
	if left := s.leave(j.Rank(lacking...), 2, rng.New(1)); len(left) != 1 || left[0].ID != 3 {
		t.Errorf("of those that lack objectives %v leave", left)
	}
}
