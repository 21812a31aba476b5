package evolve_test

import (
	"context"
	"hash/fnv"
	"math"
	"strconv"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
	"github.com/nascent-nas/nascent/genome"
)

const layered = `{"network": {"input": [1, 40], "classes": 10}, "act": {"choice": ["relu", "tanh"]}, "blocks": {"length": [1, 4], "list": {
	"conv": {"channels": {"choice": [4, 8, 16], "ordered": true}, "kernel": {"choice": [3, 5]}, "act": {"from": "act"}}}}}`

// Decisions were recorded once: they are the same on every machine and in every build.
// Whoever changes what guided decides records them anew, and says so in
// docs/decisions.md once searches of it are out.
func TestGuidedDecides(t *testing.T) {
	t.Parallel()
	limit := 3000.0
	for _, c := range []struct {
		space, want string
		constraints []engine.Constraint
	}{
		{space: enginetest.Conditionals, want: "b4358ac0a7417adc"},
		{space: enginetest.Lists, want: "d211551d8f7925ae"},
		{space: enginetest.VertexCell, want: "1d2db781ca4d3ce", constraints: []engine.Constraint{{Metric: "parameters", Max: &limit}}},
		{space: layered, want: "b0f3d5b8512ec6ee"},
	} {
		cfg := config(t, "guided", `{"initial": 8, "candidates": 100, "active": 30}`, enginetest.Landscape{Seed: 1, Noise: 0.01, Invalid: 0.1}, 2, 60)
		cfg.Space, cfg.Constraints = genome.MustParseSpace(c.space), c.constraints
		h := fnv.New64a()
		for _, c := range candidates(run(t, cfg)) {
			h.Write([]byte(c.Genome.Text() + "\n"))
		}
		if got := strconv.FormatUint(h.Sum64(), 16); got != c.want {
			t.Errorf("in %s it proposes other genomes: %s, recorded were %s", c.space, got, c.want)
		}
	}
}

// With few evaluations it is better than evolution alone.
func TestGuidedBeatsAging(t *testing.T) {
	t.Parallel()
	wins, pairs := 0, 12
	for seed := range uint64(pairs) {
		land := enginetest.Landscape{Seed: seed, Noise: 0.001}
		best := func(name string) float64 {
			s := run(t, config(t, name, `{}`, land, seed, 50))
			return land.Quality(s.Best(1)[0].Genome)
		}
		if best("guided") > best("aging") {
			wins++
		}
	}
	if wins < pairs-3 {
		t.Errorf("better than aging evolution in %d of %d pairs only", wins, pairs)
	}
}

// It finds what keeps a constraint where that is rare, and stays there.
func TestGuidedKeepsConstraints(t *testing.T) {
	t.Parallel()
	limit := 0.2
	kept := func(name string) (n int) {
		cfg := config(t, name, `{}`, enginetest.Landscape{}, 2, 60)
		cfg.Space, cfg.Constraints = genome.MustParseSpace(enginetest.Numbers), []engine.Constraint{{Metric: "cost", Max: &limit}}
		cfg.Evaluators = map[string]engine.EvaluatorRef{"f": {Evaluator: engine.Func(func(_ context.Context, j *engine.Job) (map[string]float64, error) {
			x := j.Genome.Space().Encode(j.Genome)
			return map[string]float64{"accuracy": x[0] + x[1], "cost": math.Abs(x[0]-0.3) + x[2]}, nil
		}, engine.Metric{Name: "accuracy", Goal: engine.Maximize}, engine.Metric{Name: "cost"})}}
		for _, c := range candidates(run(t, cfg)) {
			if x, _ := c.Metrics.Get("cost"); x <= limit {
				n++
			}
		}
		return n
	}
	if guided, random := kept("guided"), kept("random"); guided < 20 || random > 5 {
		t.Errorf("%d of 60 candidates keep the constraint; of random ones %d do", guided, random)
	}
}
