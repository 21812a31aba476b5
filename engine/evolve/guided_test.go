package evolve_test

import (
	"context"
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/rng"
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
		{space: enginetest.Conditionals, want: "e3d1e593c36ab2b7"},
		{space: enginetest.Lists, want: "8450d635dc8a1796"},
		{space: enginetest.VertexCell, want: "e9ecaeb2cac6e52f", constraints: []engine.Constraint{{Metric: "parameters", Max: &limit}}},
		{space: layered, want: "9671ac140e1f531d"},
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

// The same with several objectives: exactly and in directions, at two
// fidelities and up to a reference.
func TestGuidedDecidesOfSeveral(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		want       string
		objectives int
		change     func(*engine.Config)
	}{
		{want: "ca856020213bfa9a", objectives: 2, change: func(cfg *engine.Config) {
			cfg.Reference = engine.Values{{Name: "f0", Value: 1.8}, {Name: "f1", Value: 1.8}}
		}},
		{want: "bda008620492b527", objectives: 3, change: func(cfg *engine.Config) {
			cfg.Fidelities = []engine.Fidelity{{Evaluator: "land", Budget: 1}, {Evaluator: "land", Budget: 4}}
		}},
		{want: "44ecfff13d65199d", objectives: 4, change: func(cfg *engine.Config) { cfg.Objectives[1].Scale, cfg.Window = engine.LogScale, 4 }},
	} {
		cfg := config(t, "guided", `{"initial": 8, "candidates": 60, "active": 30}`, enginetest.Landscape{}, 2, 50)
		cfg.Space, cfg.Objectives = zdt, nil
		var metrics []engine.Metric
		for i := range c.objectives {
			name := fmt.Sprintf("f%d", i)
			cfg.Objectives = append(cfg.Objectives, engine.Objective{Metric: name, Goal: engine.Minimize})
			metrics = append(metrics, engine.Metric{Name: name, Goal: engine.Minimize})
		}
		cfg.Evaluators = map[string]engine.EvaluatorRef{"land": {Evaluator: engine.Func(func(_ context.Context, j *engine.Job) (map[string]float64, error) {
			out := map[string]float64{} // distances from different corners
			for i := range c.objectives {
				for k, x := range zdt.Encode(j.Genome) {
					if k == i {
						x = 1 - x
					}
					out[metrics[i].Name] += float64(x * x)
				}
			}
			return out, nil
		}, metrics...)}}
		c.change(&cfg)
		h := fnv.New64a()
		for _, c := range candidates(run(t, cfg)) {
			h.Write([]byte(c.Genome.Text() + "\n"))
		}
		if got := strconv.FormatUint(h.Sum64(), 16); got != c.want {
			t.Errorf("with %d objectives it proposes other genomes: %s, recorded were %s", c.objectives, got, c.want)
		}
	}
}

// With few evaluations it finds more of a front than evolution with many.
func TestGuidedFindsAFront(t *testing.T) {
	t.Parallel()
	for seed := range uint64(2) {
		cfg := twoObjectives(t, "guided", `{"candidates": 100}`, seed)
		cfg.Limits.Evaluations, cfg.Window = 60, 8
		guided := run(t, cfg)
		evolved := *run(t, twoObjectives(t, "nsga2", `{}`, seed)).Status().Hypervolume
		if v := *guided.Status().Hypervolume; v < evolved {
			t.Errorf("seed %d: the hypervolume is %.3f after 60 evaluations, by evolution after 200 %.3f", seed, v, evolved)
		}
	}
}

// A reference that nothing is better than does not lead it: it searches as without one.
func TestGuidedWithAReferenceOutOfReach(t *testing.T) {
	t.Parallel()
	search := func(reference engine.Values) (out []string) {
		cfg := twoObjectives(t, "guided", `{"candidates": 50}`, 3)
		cfg.Limits.Evaluations, cfg.Window, cfg.Reference = 40, 8, reference
		for _, c := range candidates(run(t, cfg)) {
			out = append(out, c.Genome.Text())
		}
		return out
	}
	exchanged := search(engine.Values{{Name: "f", Value: -5}, {Name: "g", Value: -1.1}})
	if none := search(nil); !slices.Equal(exchanged, none) {
		t.Errorf("it proposes %q, without a reference %q", exchanged, none)
	}
	if within := search(engine.Values{{Name: "f", Value: 0.3}, {Name: "g", Value: 5}}); slices.Equal(exchanged, within) {
		t.Error("one within reach makes no difference")
	}
}

// What is proposed at once lies here and there on the front. A reference is free of
// what soft constraints cost.
func TestGuidedSpreads(t *testing.T) {
	t.Parallel()
	cfg := twoObjectives(t, "guided", `{}`, 1)
	cfg.Limits.Evaluations = 30
	var h past
	for _, c := range candidates(run(t, cfg)) {
		c.Metrics = append(engine.Values{{Name: "cost", Value: 1}}, c.Metrics...)
		h = append(h, &c)
	}
	limit := 2.0
	s := strategy(t, "guided")
	state, _, err := s.Open(t.Context(), engine.Setup{
		Space: zdt, Objectives: cfg.Objectives, Reference: cfg.Reference, Constraints: []engine.Constraint{{Metric: "cost", Max: &limit, Weight: 0.1}},
	})
	if err != nil {
		t.Fatal(err)
	}
	d, err := s.Step(t.Context(), state, engine.Turn{N: 1, Seed: 7, FirstID: 31, Want: 8, History: h})
	if err != nil {
		t.Fatal(err)
	}
	var at []float64
	for _, p := range d.Proposals {
		at = append(at, zdt.Encode(p.Genome)[0]) // the first objective
	}
	slices.Sort(at)
	if at[7]-at[0] < 0.3 || at[4]-at[0] < 0.03 || at[7]-at[3] < 0.03 {
		t.Errorf("eight proposals lie close together: %.2f", at)
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

// Of the cost, a share goes to the lowest fidelity; those that go on are the best, and
// go on from what they left.
func TestGuidedSharesTheCost(t *testing.T) {
	t.Parallel()
	cfg := config(t, "guided", `{"share": 0.3}`, enginetest.Landscape{Seed: 5, Noise: 0.02, Failed: 0.1}, 3, 120)
	cfg.Fidelities = []engine.Fidelity{{Evaluator: "land", Budget: 1}, {Evaluator: "land", Budget: 10}}
	counts, low, high := [2]float64{}, 0.0, 0.0
	land, byID := enginetest.Landscape{Seed: 5}, map[engine.ID]engine.Candidate{}
	for _, c := range candidates(run(t, cfg)) {
		byID[c.ID] = c
		counts[c.Fidelity]++
		if c.Fidelity == 0 {
			low += land.Quality(c.Genome)
			continue
		}
		high += land.Quality(c.Genome)
		p := byID[c.Parents[0]]
		if c.Operator != engine.OpSame || c.Genome != p.Genome || c.Replicate != (p.Fidelity == 1) || c.Resume != p.ID && !c.Replicate {
			t.Errorf("candidate %s at the higher fidelity: %s of %s at fidelity %d, goes on from %s", c.ID, c.Operator, p.ID, p.Fidelity, c.Resume)
		}
	}
	if share := counts[0] / (counts[0] + 10*counts[1]); share < 0.28 || share > 0.34 {
		t.Errorf("%.2f of the cost went to the lowest fidelity: %v measurements", share, counts)
	}
	if high/counts[1] <= low/counts[0] {
		t.Errorf("what went on is worth %.3f in the mean, all are worth %.3f", high/counts[1], low/counts[0])
	}
}

// Each fidelity below the highest has its share of what those below it leave.
func TestGuidedSharesTheCostOfThree(t *testing.T) {
	t.Parallel()
	cfg := config(t, "guided", `{"share": 0.3, "candidates": 50, "fit": 5}`, enginetest.Landscape{Seed: 5, Noise: 0.02}, 3, 200)
	budgets := []float64{1, 4, 16}
	for _, budget := range budgets {
		cfg.Fidelities = append(cfg.Fidelities, engine.Fidelity{Evaluator: "land", Budget: budget})
	}
	var costs [3]float64
	for _, c := range candidates(run(t, cfg)) {
		costs[c.Fidelity] += budgets[c.Fidelity]
	}
	rest := costs[0] + costs[1] + costs[2]
	for i, cost := range costs[:2] {
		if share := cost / rest; share < 0.26 || share > 0.36 {
			t.Errorf("%.2f of what was left went to fidelity %d: the costs are %v", share, i, costs)
		}
		rest -= cost
	}
}

// What went on does not go on again, and what turned out to be known is not proposed in
// yet another form, though the model may no longer look at it: that would cost nothing,
// and so for ever.
func TestGuidedGoesOnOnce(t *testing.T) {
	t.Parallel()
	cfg := config(t, "guided", `{"active": 10, "share": 0.5, "candidates": 50}`, enginetest.Landscape{Seed: 3}, 4, 300)
	cfg.Space = genome.MustParseSpace(`{"network": {"input": [3, 8, 8], "classes": 10}, "stack": {"channels": 4, "cells": 3, "cell": {"cell": {
		"edges": ["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3"], "nodes": 4}}}}`)
	cfg.Fidelities = []engine.Fidelity{{Evaluator: "land", Budget: 1}, {Evaluator: "land", Budget: 2}}
	known := map[engine.ID]int{}
	for _, c := range candidates(run(t, cfg)) {
		if c.Reuse == 0 {
			continue
		}
		if known[c.Reuse]++; c.Fidelity == 1 || known[c.Reuse] > 1 {
			t.Errorf("candidate %s, %s at fidelity %d, is known from %s", c.ID, c.Operator, c.Fidelity, c.Reuse)
		}
	}
}

// Measured again is what may be lucky, if measuring again tells anything.
func TestGuidedMeasuresAgain(t *testing.T) {
	t.Parallel()
	for _, noise := range []float64{0, 0.2} {
		cfg := config(t, "guided", `{}`, enginetest.Landscape{Seed: 4, Noise: noise}, 6, 80)
		cfg.Space = genome.MustParseSpace(enginetest.Conditionals)
		again := 0
		for _, c := range candidates(run(t, cfg)) {
			if c.Replicate {
				again++
			}
		}
		if noise == 0 && again > 8 || noise > 0 && (again == 0 || again > 40) {
			t.Errorf("with noise of %v, %d of 80 measure again", noise, again)
		}
	}
}

// It learns from what another strategy measured, and measures none of it again as if
// it were new.
func TestGuidedTakesOver(t *testing.T) {
	t.Parallel()
	land := enginetest.Landscape{Seed: 5, Noise: 0.01}
	cfg := config(t, "random", `{}`, land, 3, 60)
	cfg.Ledger = enginetest.Memory(t)
	before := candidates(run(t, cfg))
	next := config(t, "guided", `{}`, land, 3, 100)
	next.Ledger, next.ChangeStrategy = cfg.Ledger, true
	tried, mean := map[string]bool{}, 0.0
	for _, c := range before {
		tried[c.Genome.Text()] = true
		mean += land.Quality(c.Genome) / float64(len(before))
	}
	better := 0
	for _, c := range candidates(run(t, next))[len(before)+8:] {
		if tried[c.Genome.Text()] && !c.Replicate {
			t.Errorf("candidate %s was measured before", c.ID)
		}
		if land.Quality(c.Genome) > mean {
			better++
		}
	}
	if better < 24 {
		t.Errorf("%d of 32 are better than the mean of what it found", better)
	}
}

// past is a History of made-up measurements.
type past []*engine.Candidate

func (p past) Len() int                                { return len(p) }
func (p past) At(i int) *engine.Candidate              { return p[i] }
func (p past) Curve(engine.ID) ([]engine.Point, error) { return nil, nil }
func (p past) Output(engine.ID) ([]byte, error)        { return nil, nil }
func (p past) Get(id engine.ID) (*engine.Candidate, bool) {
	if id < 1 || int(id) > len(p) {
		return nil, false
	}
	return p[id-1], true
}

// BenchmarkGuided is what a proposal costs, made in eights, after so many observations
// of networks, and how long a turn takes that begins without having seen them.
func BenchmarkGuided(b *testing.B) {
	const eight = 8
	land, r := enginetest.Landscape{Seed: 3}, rng.New(5)
	metrics := []string{"accuracy", "parameters", "latency", "memory"}
	var all past
	for id := engine.ID(1); id <= 100_000+100*eight; id++ {
		g, err := space.Random(r)
		if err != nil {
			b.Fatal(err)
		}
		c := &engine.Candidate{Job: engine.Job{ID: id, Task: engine.Train, Genome: g, Operator: engine.OpRandom}}
		c.Status, c.Metrics = engine.OK, engine.Values{{Name: metrics[0], Value: land.Quality(g)}}
		for i, name := range metrics[1:] {
			c.Metrics = append(c.Metrics, engine.Value{Name: name, Value: enginetest.Landscape{Seed: uint64(i)}.Quality(g)})
		}
		all = append(all, c)
	}
	for _, c := range []struct{ observations, objectives int }{
		{100, 1}, {500, 1}, {2_000, 1}, {100_000, 1}, {100, 2}, {500, 2}, {2_000, 2}, {100_000, 2}, {500, 3}, {500, 4},
	} {
		setup := engine.Setup{Space: space}
		for _, name := range metrics[:c.objectives] {
			setup.Objectives = append(setup.Objectives, engine.Objective{Metric: name, Goal: engine.Maximize})
		}
		b.Run(fmt.Sprintf("observations=%d/objectives=%d", c.observations, c.objectives), func(b *testing.B) {
			s := strategy(b, "guided")
			state, _, err := s.Open(b.Context(), setup)
			if err != nil {
				b.Fatal(err)
			}
			step := func(n int) {
				h := all[:n]
				turn := engine.Turn{N: 1, Seed: 7, FirstID: h[n-1].ID + 1, Want: eight, History: h}
				if _, err := s.Step(b.Context(), state, turn); err != nil {
					b.Fatal(err)
				}
			}
			begun := time.Now()
			step(c.observations)
			cold, at := time.Since(begun).Seconds(), c.observations
			begun = time.Now()
			for b.Loop() {
				if at += eight; at > len(all) {
					at = c.observations + eight
				}
				step(at)
			}
			b.ReportMetric(cold, "cold-s")
			b.ReportMetric(float64(time.Since(begun).Microseconds())/1000/eight/float64(b.N), "ms/proposal")
		})
	}
}
