package evolve_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
	"github.com/nascent-nas/nascent/genome"
)

// zdt is a problem of two objectives whose front is where all genes but the first are
// 0 (ZDT1, Zitzler, Deb & Thiele 2000).
var zdt = genome.MustParseSpace(`{"a": {"float": [0, 1]}, "b": {"float": [0, 1]}, "c": {"float": [0, 1]}, "d": {"float": [0, 1]}}`)

func zdt1(_ context.Context, j *engine.Job) (map[string]float64, error) {
	x := zdt.Encode(j.Genome)
	g := 1 + 3*(x[1]+x[2]+x[3])
	return map[string]float64{"f": x[0], "g": g * (1 - math.Sqrt(x[0]/g))}, nil
}

func twoObjectives(t *testing.T, name, options string, seed uint64) engine.Config {
	t.Helper()
	cfg := config(t, name, options, enginetest.Landscape{}, seed, 200)
	cfg.Space, cfg.Ledger = zdt, enginetest.Memory(t)
	cfg.Evaluators = map[string]engine.EvaluatorRef{"land": {Evaluator: engine.Func(zdt1, engine.Metric{Name: "f"}, engine.Metric{Name: "g"})}}
	cfg.Objectives = []engine.Objective{{Metric: "f", Goal: engine.Minimize}, {Metric: "g", Goal: engine.Minimize}}
	cfg.Reference = engine.Values{{Name: "f", Value: 1.1}, {Name: "g", Value: 5}}
	return cfg
}

// Every strategy that prefers the better ones finds more of a front than random search.
func TestFindsAFront(t *testing.T) {
	t.Parallel()
	volume := func(name, options string, seed uint64) float64 {
		return *run(t, twoObjectives(t, name, options, seed)).Status().Hypervolume
	}
	for _, c := range []struct{ name, options string }{
		{"nsga2", `{}`}, {"nsga2", `{"replacement": "generational"}`}, {"aging", `{}`}, {"genetic", `{}`}, {"genetic", `{"selection": "roulette"}`},
	} {
		t.Run(c.name+c.options, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(3) {
				if best, random := volume(c.name, c.options, seed), volume("random", `{}`, seed); best < random+0.2 {
					t.Errorf("seed %d: the hypervolume is %.3f, by random search %.3f", seed, best, random)
				}
			}
		})
	}
}

// recorder keeps the populations that a strategy leaves behind.
type recorder struct {
	engine.Strategy
	populations [][]engine.ID
	histories   []int
}

func (r *recorder) Step(ctx context.Context, state []byte, turn engine.Turn) (engine.Decision, error) {
	d, err := r.Strategy.Step(ctx, state, turn)
	var st struct{ Population []engine.ID }
	if err == nil {
		err = json.Unmarshal(d.State, &st)
	}
	r.populations, r.histories = append(r.populations, st.Population), append(r.histories, turn.History.Len())
	return d, err
}

// A known-good genome that cannot be measured has a random one in its place, so that a
// population begins with as many as it has.
func TestNSGA2ReplacesWhatCannotBeMeasured(t *testing.T) {
	t.Parallel()
	const size, bad = 6, 3
	cfg := twoObjectives(t, "nsga2", fmt.Sprintf(`{"population": %d}`, size), 5)
	cfg.Limits.Evaluations, cfg.Window = 20, 1
	for i := range bad {
		g, err := zdt.Parse(fmt.Sprintf("a=0.%d b=0 c=0 d=0", i+1))
		if err != nil {
			t.Fatal(err)
		}
		cfg.Start = append(cfg.Start, g)
	}
	cfg.Evaluators = map[string]engine.EvaluatorRef{"land": {Evaluator: engine.Func(func(ctx context.Context, j *engine.Job) (map[string]float64, error) {
		if slices.Contains(cfg.Start, j.Genome) {
			return nil, engine.ErrInvalid
		}
		return zdt1(ctx, j)
	}, engine.Metric{Name: "f"}, engine.Metric{Name: "g"})}}
	operators := map[string]int{}
	for _, c := range candidates(run(t, cfg)) {
		operators[c.Operator]++
	}
	if operators[engine.OpStart] != bad || operators[engine.OpRandom] != size {
		t.Errorf("it began with %v", operators)
	}
}

// The population is the best of what it was and of the young, in both replacements.
func TestNSGA2Selects(t *testing.T) {
	t.Parallel()
	const size = 12
	for _, way := range []string{"steady", "generational"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			cfg := twoObjectives(t, "nsga2", fmt.Sprintf(`{"population": %d, "replacement": %q}`, size, way), 4)
			r := &recorder{Strategy: cfg.Strategy}
			cfg.Strategy = r
			if way == "steady" {
				cfg.Window = 3
			}
			all := candidates(run(t, cfg))
			ranking := engine.Ranking{Objectives: cfg.Objectives, Rules: genome.Rules}
			var want []engine.ID // in no order
			consumed, changed := 0, 0
			for i, got := range r.populations {
				if way == "generational" && len(got) == 0 || slices.Equal(slices.Sorted(slices.Values(got)), want) && consumed == r.histories[i] {
					continue
				}
				var union []*engine.Candidate
				for k := range all {
					if slices.Contains(want, all[k].ID) || k >= consumed && k < r.histories[i] {
						union = append(union, &all[k])
					}
				}
				ranking.Sort(union)
				want, consumed = nil, r.histories[i]
				for _, c := range union[:min(size, len(union))] {
					want = append(want, c.ID)
				}
				slices.Sort(want)
				if now := slices.Sorted(slices.Values(got)); !slices.Equal(now, want) {
					t.Fatalf("turn %d: the population is %v, want %v", i, now, want)
				}
				changed++
			}
			if changed < 200/size-2 {
				t.Errorf("the population changed %d times", changed)
			}
		})
	}
}

// dtlz is a problem of m objectives whose front is a part of a sphere (DTLZ2, Deb,
// Thiele, Laumanns & Zitzler 2002).
func dtlz2(m int) (*genome.Space, func(context.Context, *engine.Job) (map[string]float64, error), []engine.Objective) {
	genes := genome.Map{}
	var objectives []engine.Objective
	for i := range m + 2 {
		genes = append(genes, genome.Entry{Key: fmt.Sprintf("x%d", i), Value: genome.Map{{Key: "float", Value: []any{0.0, 1.0}}}})
	}
	for i := range m {
		objectives = append(objectives, engine.Objective{Metric: fmt.Sprintf("f%d", i), Goal: engine.Minimize})
	}
	space, err := genome.ParseSpace(genes)
	if err != nil {
		panic(err)
	}
	return space, func(_ context.Context, j *engine.Job) (map[string]float64, error) {
		x := space.Encode(j.Genome)
		radius := 1.0
		for _, y := range x[m-1:] {
			radius += (y - 0.5) * (y - 0.5)
		}
		out := map[string]float64{}
		for i := range m {
			f := radius
			for k := range m - 1 - i {
				f *= math.Cos(x[k] * math.Pi / 2)
			}
			if i > 0 {
				f *= math.Sin(x[m-1-i] * math.Pi / 2)
			}
			out[fmt.Sprintf("f%d", i)] = f
		}
		return out, nil
	}, objectives
}

// With four objectives nsga3 finds more of the front than random search.
func TestFindsAFrontOfMany(t *testing.T) {
	t.Parallel()
	const m = 4
	space, measure, objectives := dtlz2(m)
	var metrics []engine.Metric
	var reference engine.Values
	for _, o := range objectives {
		metrics, reference = append(metrics, engine.Metric{Name: o.Metric}), append(reference, engine.Value{Name: o.Metric, Value: 2})
	}
	volume := func(name, options string, seed uint64) float64 {
		cfg := twoObjectives(t, name, options, seed)
		cfg.Space, cfg.Objectives, cfg.Reference, cfg.Limits.Evaluations = space, objectives, reference, 400
		cfg.Evaluators = map[string]engine.EvaluatorRef{"land": {Evaluator: engine.Func(measure, metrics...)}}
		return *run(t, cfg).Status().Hypervolume
	}
	for _, c := range []struct{ name, options string }{{"nsga3", `{}`}, {"nsga3", `{"replacement": "generational"}`}} {
		t.Run(c.name+c.options, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(3) {
				if best, random := volume(c.name, c.options, seed), volume("random", `{}`, seed); best < random+0.1 {
					t.Errorf("seed %d: the hypervolume is %.3f, by random search %.3f", seed, best, random)
				}
			}
		})
	}
}
