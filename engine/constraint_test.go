package engine_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"sync/atomic"
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

// An evaluator of a later fidelity that does not declare what results are judged by is
// refused before anything is measured.
func TestEveryFidelityMeasuresWhatIsJudged(t *testing.T) {
	t.Parallel()
	most := 1.0
	for _, c := range []struct {
		declares string // at the second fidelity, beside error
		set      func(*engine.Config)
		want     string // "": it searches
	}{
		{"lot", nil, "evaluators.full: it measures at fidelity 1 and does not declare lat, which every fidelity needs for objectives; " +
			"declare it there, next to error, lot, or take lat out of objectives"},
		{"lot", func(cfg *engine.Config) { cfg.Objectives, cfg.Ties = cfg.Objectives[:1], cfg.Objectives[1:] }, "for ties"},
		{"lot", func(cfg *engine.Config) {
			cfg.Objectives, cfg.Constraints = cfg.Objectives[:1], []engine.Constraint{{Metric: "lat", Max: &most}}
		}, "for constraints"},
		{"lot", func(cfg *engine.Config) {
			cfg.Derived = []engine.Derived{{Metric: "half", Expression: "lat/2"}, {Metric: "score", Expression: "half-error"}}
			cfg.Objectives = []engine.Objective{{Metric: "score"}}
		}, "does not declare lat, from which score is computed"},
		{"lot", func(cfg *engine.Config) { cfg.Objectives = cfg.Objectives[:1] }, ""},
		{"lat", nil, ""},
	} {
		var measured atomic.Int64
		evaluator := func(second string) engine.EvaluatorRef {
			return engine.EvaluatorRef{Evaluator: engine.Func(func(context.Context, *engine.Job) (map[string]float64, error) {
				measured.Add(1)
				return map[string]float64{"error": 0.5, second: 0.5}, nil
			}, engine.Metric{Name: "error"}, engine.Metric{Name: second})}
		}
		cfg := config(enginetest.Memory(t))
		cfg.Evaluators = map[string]engine.EvaluatorRef{"quick": evaluator("lat"), "full": evaluator(c.declares)}
		cfg.Fidelities = []engine.Fidelity{{Evaluator: "quick", Budget: 1}, {Evaluator: "full", Budget: 2}}
		cfg.Objectives = []engine.Objective{{Metric: "error", Goal: engine.Minimize}, {Metric: "lat", Goal: engine.Minimize}}
		cfg.Final.Skip = true
		if c.set != nil {
			c.set(&cfg)
		}
		_, err := engine.Run(t.Context(), cfg)
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%v", err)
		case c.want != "" && (!errors.Is(err, engine.ErrConfig) || !strings.Contains(err.Error(), c.want) || measured.Load() > 0):
			t.Errorf("after %d measurements: %v; want %q", measured.Load(), err, c.want)
		}
	}
}
