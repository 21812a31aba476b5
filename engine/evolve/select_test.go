package evolve

import (
	"math"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/genome/rng"
)

// ranked makes candidates with these accuracies, which are sorted already.
func ranked(accuracies ...float64) []*engine.Candidate {
	var cs []*engine.Candidate
	for i, x := range accuracies {
		cs = append(cs, &engine.Candidate{
			Job:    engine.Job{ID: engine.ID(i + 1)},
			Result: engine.Result{Status: engine.OK, Metrics: engine.Values{{Name: "accuracy", Value: x}, {Name: "size", Value: 10 - x}}},
		})
	}
	return cs
}

// shares draws often and returns how often each candidate was picked.
func shares(pick selector, cs []*engine.Candidate) []float64 {
	const draws = 40_000
	r := rng.New(1)
	out := make([]float64, len(cs))
	for range draws {
		out[pick(r, cs).ID-1] += 1.0 / draws
	}
	return out
}

func TestSelectors(t *testing.T) {
	t.Parallel()
	j := judge{engine.Ranking{Objectives: []engine.Objective{{Metric: "accuracy", Goal: engine.Maximize}}}}
	limit := 5.0
	bound := judge{engine.Ranking{Objectives: j.Objectives, Constraints: []engine.Constraint{{Metric: "size", Max: &limit}}}}
	for _, c := range []struct {
		name string
		pick selector
		cs   []*engine.Candidate
		want []float64
	}{
		{"tournament of 1", tournament(1), ranked(4, 3, 2, 1), []float64{.25, .25, .25, .25}},
		{"tournament of 2", tournament(2), ranked(4, 3, 2, 1), []float64{7. / 16, 5. / 16, 3. / 16, 1. / 16}},
		{"half", truncation(0.5), ranked(4, 3, 2, 1), []float64{.5, .5, 0, 0}},
		{"nobody but the best", truncation(0), ranked(4, 3, 2, 1), []float64{1, 0, 0, 0}},
		{"a third of 4", truncation(1. / 3), ranked(4, 3, 2, 1), []float64{.5, .5, 0, 0}},
		{"rank, steepest", ranking(2), ranked(9, 3, 2), []float64{2. / 3, 1. / 3, 0}},
		{"rank, flat", ranking(1), ranked(9, 3, 2, 1), []float64{.25, .25, .25, .25}},
		{"rank of one", ranking(2), ranked(9), []float64{1}},
		{"roulette", j.roulette, ranked(4, 2, 0), []float64{(1 + 1./3) / 2.5, (.5 + 1./3) / 2.5, (1. / 3) / 2.5}},
		{"roulette of equals", j.roulette, ranked(2, 2), []float64{.5, .5}},
		{"roulette of huge numbers", j.roulette, ranked(math.MaxFloat64, -math.MaxFloat64), []float64{.75, .25}},
		{"roulette within a constraint", bound.roulette, ranked(9, 7, 1), []float64{.75, .25, 0}},
		{"roulette without the metric", judge{engine.Ranking{Objectives: []engine.Objective{{Metric: "loss"}}}}.roulette, ranked(2, 1), []float64{.5, .5}},
		{"roulette without objectives", judge{}.roulette, ranked(2, 1), []float64{.5, .5}},
	} {
		got := shares(c.pick, c.cs)
		for i := range got {
			if math.Abs(got[i]-c.want[i]) > 0.012 {
				t.Errorf("%s: picks in shares %.3f, want %.3f", c.name, got, c.want)
				break
			}
		}
	}
}

// The rule of promotion, at its edges.
func TestDue(t *testing.T) {
	t.Parallel()
	p := Promoter{eta: 4, after: 20}
	for _, c := range []struct{ fidelity, measured, want int }{
		{0, 0, 0}, {0, 20, 0}, {0, 23, 0}, {0, 24, 1}, {0, 140, 30}, {1, 3, 0}, {1, 4, 1}, {1, 30, 7},
	} {
		if got := p.due(rung{Measured: c.measured}, c.fidelity); got != c.want {
			t.Errorf("%d measured at fidelity %d: %d may go on, want %d", c.measured, c.fidelity, got, c.want)
		}
	}
}
