package engine_test

import (
	"context"
	"math"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
)

// What breaks a constraint is not the best, however good it is, and does not end a search
// by reaching its target.
func TestConstraintsBindTarget(t *testing.T) {
	t.Parallel()
	least, most := 0.25, 0.75
	for name, constraint := range map[string]engine.Constraint{
		"min": {Metric: "x", Min: &least}, "max": {Metric: "x", Max: &most}, "both": {Metric: "x", Min: &least, Max: &most},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := config(enginetest.Memory(t))
			target := 0.99
			cfg.Constraints, cfg.Limits = []engine.Constraint{constraint}, engine.Limits{Evaluations: 400, Target: &target}
			cfg.Final.Skip = true
			// What breaks the constraint looks best.
			breaks := func(x float64) bool {
				return constraint.Min != nil && x < least || constraint.Max != nil && x > most
			}
			accuracy := func(x float64) float64 {
				if breaks(x) {
					return 2
				}
				return 1 - math.Abs(x-0.7)
			}
			measure := func(_ context.Context, j *engine.Job) (map[string]float64, error) {
				x, _ := j.Genome.Gene("x")
				return map[string]float64{"accuracy": accuracy(x.(float64)), "x": x.(float64)}, nil
			}
			cfg.Evaluators = map[string]engine.EvaluatorRef{"f": {
				Evaluator: engine.Func(measure, engine.Metric{Name: "accuracy"}, engine.Metric{Name: "x"})}}
			run(t, cfg)
			broken := 0
			a := mustArchive(t, cfg.Ledger)
			for c := range a.Candidates() {
				if x, _ := c.Metrics.Get("x"); breaks(x) {
					broken++
				} else if accuracy(x) >= target && int(c.ID) != a.Status().Evaluations {
					t.Errorf("candidate %s reaches the target, and the search ended after %d", c.ID, a.Status().Evaluations)
				}
			}
			best := a.Best(1)[0]
			if x, _ := best.Metrics.Get("x"); breaks(x) || accuracy(x) < target {
				t.Errorf("the best is %+v", best)
			}
			if broken == 0 {
				t.Error("nothing broke the constraint before")
			}
		})
	}
}
