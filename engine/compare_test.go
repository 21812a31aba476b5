package engine_test

import (
	"context"
	"math"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
	"github.com/nascent-nas/nascent/genome"
)

func TestKey(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ x, want float64 }{
		{sum(0.1, 0.1, 0.1) / 3, 0.1}, {sum(0.1, 0.2), 0.3}, {0.9009999999999999, 0.901}, {0, 0}, {-1.0000000000001, -1}, {1.00000000001, 1.00000000001},
		{123456789012345, 123456789012000}, {5e-324, 5e-324}, {math.MaxFloat64, 1.79769313486e308}, {math.Inf(-1), math.Inf(-1)},
	} {
		if got := engine.Key(c.x); got != c.want {
			t.Errorf("the key of %v is %v, want %v", c.x, got, c.want)
		}
	}
	if !math.IsNaN(engine.Key(math.NaN())) {
		t.Error("NaN has a key")
	}
}

// sum adds at run time; constants are added exactly.
func sum(xs ...float64) (total float64) {
	for _, x := range xs {
		total += x
	}
	return total
}

func TestRankingRounds(t *testing.T) {
	t.Parallel()
	third := sum(0.1, 0.1, 0.1) / 3 // a little more than 0.1
	bound, least := 0.1, third
	candidate := func(accuracy, size float64) *engine.Candidate {
		return &engine.Candidate{Result: engine.Result{Status: engine.OK,
			Metrics: engine.Values{{Name: "accuracy", Value: accuracy}, {Name: "size", Value: size}}}}
	}
	for rules := range genome.Rules + 1 {
		r := engine.Ranking{
			Objectives:  []engine.Objective{{Metric: "accuracy", Goal: engine.Maximize}, {Metric: "size", Goal: engine.Minimize}},
			Constraints: []engine.Constraint{{Metric: "size", Max: &bound}}, Rules: rules,
		}
		if keeps := r.Violation(candidate(1, third).Metrics) == 0; keeps != (rules > 0) {
			t.Errorf("rules %d: a mean of 0.1 keeps max 0.1: %v", rules, keeps)
		}
		r.Constraints = []engine.Constraint{{Metric: "size", Min: &least}}
		if keeps := r.Violation(candidate(1, 0.1).Metrics) == 0; keeps != (rules > 0) {
			t.Errorf("rules %d: 0.1 keeps a min of a mean of 0.1: %v", rules, keeps)
		}
		r.Constraints = nil
		// What is equal in the first objective is decided by the second.
		if second := r.Compare(candidate(sum(0.1, 0.2), 2), candidate(0.3, 1)) > 0; second != (rules > 0) {
			t.Errorf("rules %d: 0.1+0.2 ties with 0.3: %v", rules, second)
		}
		if reaches := r.Reaches(candidate(0.9009999999999999, 1).Metrics, engine.Values{{Name: "accuracy", Value: 0.901}}); reaches != (rules > 0) {
			t.Errorf("rules %d: 90.1 %% reaches 0.901: %v", rules, reaches)
		}
	}
	if v := (engine.Ranking{Constraints: []engine.Constraint{{Metric: "size", Max: &bound}}, Rules: 1}).Violation(candidate(1, 0.1+1e-9).Metrics); v == 0 {
		t.Error("what differs in the tenth digit keeps the bound")
	}
}

// judged has an evaluator whose latency is another in the search than when it is
// measured again.
func judged(t *testing.T, latency func(*engine.Job) float64) (engine.Outcome, engine.Ledger) {
	t.Helper()
	led := enginetest.Memory(t)
	most := 1.0
	cfg := config(led)
	cfg.Strategy, cfg.Final = randomly{}, engine.Final{Top: 4, Repeats: 3}
	cfg.Constraints = []engine.Constraint{{Metric: "latency", Max: &most}}
	cfg.Evaluators = map[string]engine.EvaluatorRef{"f": {Evaluator: engine.Func(func(_ context.Context, j *engine.Job) (map[string]float64, error) {
		return map[string]float64{"accuracy": measure(j), "latency": latency(j)}, nil
	}, engine.Metric{Name: "accuracy"}, engine.Metric{Name: "latency", Measured: true})}}
	o, ok := run(t, cfg).Outcome()
	if !ok || !o.Complete || len(o.Remeasured) != 4 {
		t.Fatalf("the outcome is %+v", o)
	}
	return o, led
}

func TestTheWinnerKeepsTheConstraintsWhenMeasuredAgain(t *testing.T) {
	t.Parallel()
	o, _ := judged(t, func(j *engine.Job) float64 {
		if j.Phase == engine.PhaseSearch {
			return 0.001 // so small that the mean over all measurements would keep the bound
		}
		if j.Parents[0]%2 == 1 {
			return 1.2
		}
		return 1
	})
	best, odd := o.Remeasured[0].ID, 0
	for _, m := range o.Remeasured {
		odd += int(m.ID % 2)
	}
	if best%2 == 0 || odd == 4 {
		t.Fatalf("the best of the search keeps the bound, or nobody does: choose another seed (%d, %d)", best, odd)
	}
	if o.Winner%2 == 1 || o.Violation != 0 {
		t.Errorf("the winner is %s, whose latency is 1.2 by what was measured again: %+v", o.Winner, o)
	}
	if x, _ := o.Judged.Get("latency"); x != 1 {
		t.Errorf("it is judged by %v", o.Judged)
	}
}

func TestIfNobodyKeepsTheConstraintsItSaysSo(t *testing.T) {
	t.Parallel()
	o, led := judged(t, func(j *engine.Job) float64 {
		if j.Phase == engine.PhaseSearch {
			return 0.57
		}
		return 59 + float64(j.Parents[0])
	})
	if o.Violation <= 0 {
		t.Errorf("a winner with latency 59 where 1 is allowed is said to keep it: %+v", o)
	}
	smallest := o.Winner
	for _, m := range o.Remeasured {
		smallest = min(smallest, m.ID)
	}
	if o.Winner != smallest {
		t.Errorf("the winner is %s, closest comes %s", o.Winner, smallest)
	}
	note := ""
	for turn, err := range led.Turns(engine.PartFinal) {
		if err != nil {
			t.Fatal(err)
		}
		note += turn.Note + "\n"
	}
	if !strings.Contains(note, "no candidate keeps the constraints") {
		t.Errorf("its notes are %s", note)
	}
}
