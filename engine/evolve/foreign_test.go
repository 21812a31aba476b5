package evolve_test

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
	"github.com/nascent-nas/nascent/engine/evolve"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/rng"
)

// elsewhere are candidates that were measured elsewhere, where figures are higher by so much.
func elsewhere(t *testing.T, land enginetest.Landscape, n int, offset float64) (out []engine.Known) {
	t.Helper()
	r := rng.New(99)
	for range n {
		g, err := space.Random(r)
		if err != nil {
			t.Fatal(err)
		}
		res := land.Measure(&engine.Job{Task: engine.Train, Phase: engine.PhaseSearch, Genome: g, Budget: 10, Seed: r.Uint64() >> 11})
		x, _ := res.Metrics.Get("accuracy")
		out = append(out, engine.Known{Genome: g, Result: engine.Result{
			Status: engine.OK, Metrics: engine.Values{{Name: "accuracy", Value: x + offset}},
		}})
	}
	return out
}

// A generation has as many proposals as it is to have, whatever is imported or added, and
// those may be parents.
func TestGenerationsCountTheirOwn(t *testing.T) {
	t.Parallel()
	land := enginetest.Landscape{Seed: 3}
	for _, c := range []struct{ name, options string }{
		{"genetic", `{"population": 6}`}, {"nsga2", `{"population": 6, "replacement": "generational"}`},
		{"nsga3", `{"population": 6, "replacement": "generational"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			led := enginetest.Memory(t)
			cfg := config(t, c.name, c.options, land, 1, 60)
			cfg.Ledger, cfg.Turns = led, 2
			run(t, cfg)
			best := elsewhere(t, land, 9, 1)
			if _, err := engine.Import(led, best, "", "a", time.Now()); err != nil {
				t.Fatal(err)
			}
			if _, err := engine.Add(led, []genome.Genome{best[0].Genome, best[1].Genome, best[2].Genome}, 0, "b", time.Now()); err != nil {
				t.Fatal(err)
			}
			cfg.Turns = 0
			s := run(t, cfg)
			children := 0
			for c := range s.Candidates() {
				for _, id := range c.Parents {
					if p, err := s.Candidate(id); err == nil && p.Origin() == engine.Imported {
						children++
					}
				}
			}
			if children == 0 {
				t.Error("what was imported has no child")
			}
			generations := 0
			for turn, err := range led.Turns(engine.PartSearch) {
				if err != nil {
					t.Fatal(err)
				}
				own := 0
				for _, id := range turn.Consumed {
					if c, err := s.Candidate(id); err == nil && c.Origin() == "" {
						own++
					}
				}
				if own > 0 {
					generations++
				}
				if own != 6 && own != 0 || (own == 6) != (turn.Note == fmt.Sprint("generation ", generations)) {
					t.Errorf("turn %d, %q, consumes %v: %d proposals", turn.N, turn.Note, turn.Consumed, own)
				}
			}
		})
	}
}

// Strategies that learn from what was imported find at least as much with it as without,
// also where figures from elsewhere are higher; and what is best there they measure here.
func TestImportedResultsHelp(t *testing.T) {
	t.Parallel()
	land := enginetest.Landscape{Seed: 8}
	for _, name := range []string{"aging", "genetic", "guided", "local", "nsga2"} {
		for _, offset := range []float64{0, 0.4} {
			if name == "local" && offset > 0 {
				continue // nothing here is better than where it stands then
			}
			t.Run(fmt.Sprint(name, " ", offset), func(t *testing.T) {
				t.Parallel()
				best := func(seed uint64, known []engine.Known) float64 {
					led := enginetest.Memory(t)
					options := "{}"
					if name == "guided" { // quicker than by default
						options = `{"candidates": 40, "rounds": 1, "fit": 6, "active": 80}`
					}
					cfg := config(t, name, options, land, seed, 24)
					cfg.Ledger = led
					if len(known) > 0 {
						if err := engine.Begin(t.Context(), cfg); err != nil {
							t.Fatal(err)
						}
						if _, err := engine.Import(led, known, "", "a", time.Now()); err != nil {
							t.Fatal(err)
						}
					}
					s := run(t, cfg)
					if name == "guided" && len(known) > 0 {
						first, best := engine.Candidate{}, slices.MaxFunc(known,
							func(a, b engine.Known) int { return cmp.Compare(a.Metrics[0].Value, b.Metrics[0].Value) })
						for c := range s.Candidates() {
							if first.ID == 0 && c.Origin() == "" {
								first = c
							}
						}
						if first.Genome.Text() != best.Genome.Text() {
							t.Errorf("first measures %s, and the best from elsewhere is %s", first.Genome, best.Genome)
						}
					}
					x, _ := s.Best(1)[0].Metrics.Get("accuracy")
					return x
				}
				known := elsewhere(t, land, 100, offset)
				without, with := 0.0, 0.0
				for seed := range uint64(4) {
					without += best(seed, nil) / 4
					with += best(seed, known) / 4
				}
				t.Logf("without %.4f, with %.4f", without, with)
				if with <= without {
					t.Errorf("found %.4f with what is known and %.4f without", with, without)
				}
			})
		}
	}
}

// An island's strategy sees what was imported, and counts none of it as its own.
func TestIslandsShareWhatIsImported(t *testing.T) {
	t.Parallel()
	land := enginetest.Landscape{Seed: 5}
	for _, options := range []string{
		`{"islands": 3, "search": {"use": "genetic", "population": 5}}`, `{"islands": 2, "search": ["aging", {"use": "guided", "initial": 4, "candidates": 20, "fit": 3}]}`,
	} {
		t.Run(options, func(t *testing.T) {
			t.Parallel()
			led := enginetest.Memory(t)
			cfg := config(t, "islands", options, land, 2, 60)
			cfg.Ledger, cfg.Turns = led, 9
			run(t, cfg)
			ids, err := engine.Import(led, elsewhere(t, land, 8, 1), "", "a", time.Now())
			if err != nil {
				t.Fatal(err)
			}
			cfg.Turns = 0
			tags := map[string]bool{}
			for c := range run(t, cfg).Candidates() {
				if slices.ContainsFunc(c.Parents, func(id engine.ID) bool { return slices.Contains(ids, id) }) {
					tags[c.Tag] = true
				}
			}
			if len(tags) < 2 {
				t.Errorf("children of what was imported are on the islands %v", tags)
			}
			find := func(e engine.StrategyEvent) (engine.Strategy, error) { return evolve.New(e.Name) }
			if err := engine.Replay(t.Context(), find, led, nil); err != nil {
				t.Error(err)
			}
		})
	}
}
