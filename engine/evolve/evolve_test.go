package evolve_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
	"github.com/nascent-nas/nascent/engine/evolve"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/rng"
)

// space is about as large as a search space of small networks.
var space = genome.MustParseSpace(`{
	"blocks": {"list": {"channels": {"choice": [4, 8, 12, 16, 24, 32], "ordered": true}, "kernel": {"choice": [3, 5, 7], "ordered": true},
		"pool": {"choice": ["none", "max", "average"]}, "norm": {"bool": true}}, "length": [2, 6]},
	"act": {"choice": ["relu", "mish", "tanh"]}, "lr": {"float": [1e-3, 3e-2], "log": true}, "decay": {"choice": [0, 1e-3, 1e-2, 1e-1], "ordered": true}}`)

// config is a search of a landscape by a built-in strategy.
func config(t testing.TB, name, options string, land enginetest.Landscape, seed uint64, evaluations int) engine.Config {
	t.Helper()
	return engine.Config{
		Space: space, Strategy: strategy(t, name), StrategyName: name, StrategyOptions: json.RawMessage(options),
		Evaluators: map[string]engine.EvaluatorRef{"land": {Evaluator: land.Instant()}},
		Limits:     engine.Limits{Evaluations: evaluations}, Seed: seed, Final: engine.Final{Skip: true},
		Failures: engine.FailurePolicy{Attempts: 1},
	}
}

var twoFidelities = []engine.Fidelity{{Evaluator: "land", Budget: 10}, {Evaluator: "land", Budget: 20}}

func run(t *testing.T, cfg engine.Config) *engine.Search {
	t.Helper()
	s, err := engine.Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func candidates(s *engine.Search) []engine.Candidate { return slices.Collect(s.Candidates()) }

// Evolution is better than random search at equal cost.
func TestEvolutionBeatsRandomSearch(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, options string }{
		{"aging", `{}`},
		{"genetic", `{}`},
		{"genetic", `{"selection": "truncation"}`},
		{"genetic", `{"selection": "roulette"}`},
		{"genetic", `{"selection": "rank"}`},
	} {
		t.Run(c.name+c.options, func(t *testing.T) {
			t.Parallel()
			wins, pairs := 0, 12
			for seed := range uint64(pairs) {
				land := enginetest.Landscape{Seed: seed, Noise: 0.001}
				best := func(name, options string) float64 {
					s := run(t, config(t, name, options, land, seed, 160))
					return land.Quality(s.Best(1)[0].Genome)
				}
				if best(c.name, c.options) > best("random", `{}`) {
					wins++
				}
			}
			if wins < pairs-2 {
				t.Errorf("better than random search in %d of %d pairs only", wins, pairs)
			}
		})
	}
}

// With the default options a search of 170 evaluations promotes about 30.
func TestPromotion(t *testing.T) {
	t.Parallel()
	for _, name := range evolve.General() {
		if name == "guided" { // goes by cost: see TestGuidedSharesTheCost
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := config(t, name, `{}`, enginetest.Landscape{Seed: 5, Noise: 0.05, Failed: 0.1}, 3, 170)
			cfg.Fidelities = twoFidelities
			cs := candidates(run(t, cfg))
			promoted := map[engine.ID]bool{}
			low := map[engine.ID]engine.Candidate{}
			for _, c := range cs {
				if c.Fidelity == 0 {
					low[c.ID] = c
					continue
				}
				if c.Operator != engine.OpSame || len(c.Parents) != 1 || c.Resume != c.Parents[0] {
					t.Fatalf("candidate %s at fidelity 1: operator %s, parents %v, goes on from %s", c.ID, c.Operator, c.Parents, c.Resume)
				}
				p := low[c.Parents[0]]
				if p.Status != engine.OK || p.Genome != c.Genome {
					t.Errorf("candidate %s is promoted from %s, which is %s", c.ID, p.ID, p.Status)
				}
				if promoted[p.ID] {
					t.Errorf("candidate %s is promoted twice", p.ID)
				}
				promoted[p.ID] = true
			}
			if n := len(promoted); n < 22 || n > 32 {
				t.Errorf("%d of 170 evaluations are promotions; want about 28", n)
			}
			// The best of the lower fidelity were among them, but for the latest: a climber's
			// next ones are better still, and go first.
			ranked := slices.Collect(func(yield func(engine.Candidate) bool) {
				for _, c := range low {
					if c.Status == engine.OK && c.ID < 125 && !yield(c) {
						return
					}
				}
			})
			slices.SortFunc(ranked, func(a, b engine.Candidate) int {
				return (engine.Ranking{Objectives: []engine.Objective{{Metric: "accuracy", Goal: engine.Maximize}}}).Compare(&a, &b)
			})
			for _, c := range ranked[:5] {
				if !promoted[c.ID] {
					t.Errorf("candidate %s, one of the best five, was not promoted", c.ID)
				}
			}
		})
	}
}

// Another evaluator does not go on from the first one's checkpoint.
func TestPromotionToAnotherEvaluator(t *testing.T) {
	t.Parallel()
	land := enginetest.Landscape{Seed: 5}
	cfg := config(t, "aging", `{"promote": {"eta": 2, "after": 0}}`, land, 3, 60)
	cfg.Evaluators["proxy"] = engine.EvaluatorRef{Evaluator: land.Instant()}
	cfg.Fidelities = []engine.Fidelity{{Evaluator: "proxy"}, {Evaluator: "land"}, {Evaluator: "land", Budget: 2}}
	seen := [3]int{}
	for _, c := range candidates(run(t, cfg)) {
		seen[c.Fidelity]++
		if want := c.Fidelity == 2; (c.Resume != 0) != want {
			t.Errorf("candidate %s at fidelity %d goes on from %s", c.ID, c.Fidelity, c.Resume)
		}
	}
	if seen[0] == 0 || seen[1] < seen[0]/4 || seen[2] < seen[1]/4 {
		t.Errorf("%v candidates at the three fidelities", seen)
	}
}

func TestPromotionOff(t *testing.T) {
	t.Parallel()
	cfg := config(t, "aging", `{"promote": false}`, enginetest.Landscape{}, 3, 60)
	cfg.Fidelities = twoFidelities
	for _, c := range candidates(run(t, cfg)) {
		if c.Fidelity != 0 {
			t.Fatalf("candidate %s is at fidelity %d", c.ID, c.Fidelity)
		}
	}
}

// Known-good genomes come first, then random ones up to the initial number.
func TestStart(t *testing.T) {
	t.Parallel()
	good := candidates(run(t, config(t, "random", `{}`, enginetest.Landscape{}, 9, 3)))
	for _, name := range evolve.General() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			options := map[string]string{"guided": `{"initial": 6}`, "local": `{"initial": 6}`, "random": `{}`}[name]
			cfg := config(t, name, cmp.Or(options, `{"population": 6}`), enginetest.Landscape{}, 3, 20)
			for _, g := range good {
				cfg.Start = append(cfg.Start, g.Genome)
			}
			cs := candidates(run(t, cfg))
			for i, c := range cs {
				want := engine.OpRandom
				if i < len(good) {
					want = engine.OpStart
					if c.Genome != good[i].Genome {
						t.Errorf("candidate %d is not the known-good genome %d", i, i)
					}
				}
				if i < 6 && c.Operator != want {
					t.Errorf("candidate %d has operator %s, want %s", i, c.Operator, want)
				}
				if late := i >= 14; late && name != "random" && c.Operator == engine.OpRandom {
					t.Errorf("candidate %d is random still", i)
				}
			}
		})
	}
}

// Whatever fails at the beginning, the search goes on, and no parent is one
// that was not measured.
func TestGoesOnAfterFailures(t *testing.T) {
	t.Parallel()
	for _, name := range evolve.General() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := config(t, name, `{}`, enginetest.Landscape{}, 3, 150)
			cfg.Fidelities = []engine.Fidelity{{Evaluator: "f"}}
			cfg.Evaluators = map[string]engine.EvaluatorRef{"f": {Evaluator: engine.Func(func(_ context.Context, j *engine.Job) (map[string]float64, error) {
				if j.ID <= 60 || j.ID%3 == 0 {
					return nil, errors.Join(engine.ErrInvalid)
				}
				return map[string]float64{"accuracy": enginetest.Landscape{}.Quality(j.Genome)}, nil
			})}}
			cs := candidates(run(t, cfg))
			status := map[engine.ID]engine.Status{}
			children := 0
			for _, c := range cs {
				status[c.ID] = c.Status
				for _, p := range c.Parents {
					children++
					if status[p] != engine.OK {
						t.Errorf("candidate %s has the parent %s, which is %s", c.ID, p, status[p])
					}
				}
			}
			if len(cs) != 150 || name != "random" && children < 20 {
				t.Errorf("%d candidates with %d parents", len(cs), children)
			}
		})
	}
}

// A search with a lower limit is the beginning of one with a higher, and a
// window other than the default's changes nothing of this.
func TestLimitsCutOnly(t *testing.T) {
	t.Parallel()
	for _, name := range evolve.General() {
		for _, window := range []int{0, 33} {
			cfg := config(t, name, `{}`, enginetest.Landscape{Seed: 2, Noise: 0.1}, 8, 75)
			cfg.Fidelities, cfg.Window = twoFidelities, window
			short := candidates(run(t, cfg))
			cfg.Limits.Evaluations = 130
			cfg.Strategy = strategy(t, name)
			long := candidates(run(t, cfg))
			for i := range short {
				if short[i].ID != long[i].ID || short[i].Genome.Text() != long[i].Genome.Text() || short[i].Fidelity != long[i].Fidelity {
					t.Fatalf("%s, window %d: candidate %d differs", name, window, i)
				}
			}
		}
	}
}

// Aging: whoever is a parent is one of the youngest.
func TestAgingParentsAreYoung(t *testing.T) {
	t.Parallel()
	cs := candidates(run(t, config(t, "aging", `{"population": 10, "sample": 3}`, enginetest.Landscape{Seed: 1}, 4, 200)))
	crossed := 0
	for i, c := range cs {
		for _, p := range c.Parents {
			// At most 8 were proposed before it and are consumed after its turn.
			if age := i - int(p); age > 10+8 {
				t.Errorf("candidate %s has a parent %d candidates older", c.ID, age)
			}
		}
		if len(c.Parents) == 2 {
			crossed++
		}
	}
	if crossed < 8 || crossed > 50 {
		t.Errorf("%d of 190 children have two parents; the share is 0.15", crossed)
	}
}

// Genetic: generations are whole, and the elite keeps the best.
func TestGenerations(t *testing.T) {
	t.Parallel()
	const size = 12
	cs := candidates(run(t, config(t, "genetic", `{"population": 12, "elite": 1, "selection": "truncation", "truncation": 0}`, enginetest.Landscape{Seed: 1}, 4, 8*size)))
	best := cs[0]
	for i, c := range cs {
		generation := i / size
		for _, p := range c.Parents {
			if int(p-1)/size >= generation {
				t.Errorf("candidate %s of generation %d has the parent %s of the same", c.ID, generation, p)
			}
		}
		// Truncation to nobody but the best: that is the parent of all.
		if i%size == 0 && generation > 0 {
			for _, d := range cs[:i] {
				if (engine.Ranking{Objectives: []engine.Objective{{Metric: "accuracy", Goal: engine.Maximize}}}).Compare(&d, &best) < 0 {
					best = d
				}
			}
		}
		if generation > 0 && (len(c.Parents) == 0 || c.Parents[0] != best.ID) {
			t.Fatalf("candidate %s of generation %d has the parents %v; the best was %s", c.ID, generation, c.Parents, best.ID)
		}
	}
}

func TestOptionErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, options, want string }{
		{"aging", `{"popluation": 3}`, "popluation: there is no such option; did you mean population?"},
		{"aging", `{"members": 3}`, "members: there is no such option; there are crossover, initial, population, promote, sample"},
		{"aging", `{"population": 0}`, "population: 0 is no whole number from 1 to 100000"},
		{"aging", `{"population": 2.5}`, "population: 2.5 is no whole number from 1 to 100000"},
		{"aging", `{"population": "many"}`, `population: "many" is no whole number from 1 to 100000`},
		{"aging", `{"population": 4, "sample": 5}`, "sample: 5 is no whole number from 1 to 4"},
		{"aging", `{"crossover": 1.5}`, "crossover: 1.5 is no number from 0 to 1"},
		{"aging", `{"promote": {"eta": 0}}`, "promote.eta: 0 is no whole number from 1 to 1000"},
		{"aging", `{"promote": {"ate": 1}}`, "promote.ate: there is no such option; there are after, eta"},
		{"aging", `{"promote": "no"}`, `promote: "no" are no options; write keys with values`},
		{"genetic", `{"selection": "lottery"}`, `selection: "lottery" is none of tournament, truncation, roulette, rank`},
		{"genetic", `{"population": 1}`, "population: 1 is no whole number from 2 to 100000"},
		{"genetic", `{"population": 4, "elite": 4}`, "elite: 4 is no whole number from 0 to 3"},
		{"genetic", `{"pressure": 3}`, "pressure: 3 is no number from 1 to 2"},
		{"random", `{"population": 3}`, "population: there is no such option; there are promote"},
		{"mapelites", `{"descriptors": [{}, {"edge": [1]}]}`, "descriptors[1].edge: there is no such key; did you mean edges?"},
		{"mapelites", `{"descriptors": [3]}`, "descriptors[0]: 3 is not a group of options"},
		{"islands", `{"search": ["aging", 3]}`, "search[1]: 3 is neither a strategy's name nor {use: name, option: value}"},
		{"islands", `{"search": ["aging", {"use": "genetic", "elites": 3}]}`, "search[1].elites: there is no such option; did you mean elite?"},
		{"islands", `{"search": {"ues": "aging"}}`, "search: say which strategy; write {use: aging}"},
		{"islands", `{"search": []}`, "search: there are none; write aging, or [aging, genetic]"},
		{"asha", `{"search": 3}`, "search: 3 is neither a strategy's name nor {use: name, option: value}"},
		{"random", `7`, "7 are no options; write keys with values"},
	} {
		_, _, err := strategy(t, c.name).Open(t.Context(), engine.Setup{Space: space, Options: json.RawMessage(c.options)})
		if m := new(genome.Mistake); !errors.As(err, &m) || err.Error() != c.want {
			t.Errorf("%s %s: %v; want the mistake %s", c.name, c.options, err, c.want)
		}
	}
	if _, err := evolve.New("agin"); err == nil || !strings.Contains(err.Error(), strings.Join(evolve.Names(), ", ")) {
		t.Errorf("an unknown strategy: %v", err)
	}
	if _, err := strategy(t, "aging").Step(t.Context(), []byte("x"), engine.Turn{}); err == nil {
		t.Error("Step takes a state that is none")
	}
}

// Whoever takes a search over builds on what it finds, and repeats nothing.
func TestTakingOver(t *testing.T) {
	t.Parallel()
	for _, name := range evolve.General() {
		if name == "guided" { // see TestGuidedTakesOver
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			land := enginetest.Landscape{Seed: 5, Noise: 0.01}
			cfg := config(t, "random", `{}`, land, 3, 80)
			cfg.Fidelities, cfg.Ledger = twoFidelities, enginetest.Memory(t)
			for range 3 {
				g, err := space.Random(rng.New(9))
				if err != nil {
					t.Fatal(err)
				}
				cfg.Start = append(cfg.Start, g)
			}
			first := candidates(run(t, cfg))
			next := config(t, name, `{"promote": {"eta": 4, "after": 0}}`, land, 3, 140)
			next.Fidelities, next.Ledger, next.Start, next.ChangeStrategy = twoFidelities, cfg.Ledger, cfg.Start, true
			all := candidates(run(t, next))
			promoted, twice := map[string]bool{}, 0
			for _, c := range all {
				if c.Fidelity == 1 {
					if promoted[c.Genome.Text()] {
						twice++
					}
					promoted[c.Genome.Text()] = true
				}
			}
			if twice > 2 { // those that were under way when it took over
				t.Errorf("%d are promoted twice", twice)
			}
			if len(promoted) < 25 {
				t.Errorf("only %d of %d were promoted", len(promoted), len(all))
			}
			children := 0
			for _, c := range all[len(first)+8:] {
				switch c.Operator {
				case engine.OpStart:
					t.Error("known-good genomes are tried again")
				case engine.OpRandom:
					if name != "random" {
						t.Errorf("candidate %s is random although there was a population", c.ID)
					}
				case engine.OpMutate, engine.OpCross, engine.OpCrossMutate:
					children++
				}
			}
			if (children > 20) != (name != "random") {
				t.Errorf("%d children", children)
			}
		})
	}
}
