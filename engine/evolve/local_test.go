package evolve_test

import (
	"context"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
	"github.com/nascent-nas/nascent/genome"
)

// It climbs to a genome that no neighbour is better than, measures nothing twice on
// the way, and then begins again.
func TestLocalClimbs(t *testing.T) {
	t.Parallel()
	for _, move := range []string{"first", "best"} {
		cfg := config(t, "local", `{"initial": 4, "move": "`+move+`"}`, enginetest.Landscape{}, 3, 150)
		cfg.Space, cfg.Window = genome.MustParseSpace(enginetest.EdgeCell), 1
		worth := func(g genome.Genome) float64 {
			sum := 0.0
			for k, x := range g.Space().Encode(g) {
				sum += x * float64((k*7)%11) // each edge has one best operation
			}
			return sum
		}
		cfg.Evaluators = map[string]engine.EvaluatorRef{"f": {Evaluator: engine.Func(func(_ context.Context, j *engine.Job) (map[string]float64, error) {
			return map[string]float64{"accuracy": worth(j.Genome)}, nil
		})}}
		s := run(t, cfg)
		best := s.Best(1)[0].Genome
		for g := range best.Space().Neighbours(best) {
			if worth(g) > worth(best) {
				t.Errorf("move %s: %s is better than the best, %s", move, g.Text(), best.Text())
			}
		}
		byID, seen := map[engine.ID]engine.Candidate{}, map[string]bool{}
		random, again := 0, 0
		for _, c := range candidates(s) {
			byID[c.ID] = c
			if seen[c.Genome.Text()] {
				again++
			}
			seen[c.Genome.Text()] = true
			if c.Operator == engine.OpRandom {
				random++
				continue
			}
			if d := genome.Diff(byID[c.Parents[0]].Genome, c.Genome); len(d) != 1 {
				t.Errorf("move %s: candidate %s differs from where it stood by %q", move, c.ID, d)
			}
		}
		if again > 0 {
			t.Errorf("move %s: %d genomes are measured twice", move, again)
		}
		if random < 8 {
			t.Errorf("move %s: %d random genomes, so it never began again", move, random)
		}
	}
}

// Where all neighbours are known it begins again, too.
func TestLocalBeginsAgain(t *testing.T) {
	t.Parallel()
	for _, window := range []int{1, 8} {
		cfg := config(t, "local", `{"initial": 1}`, enginetest.Landscape{Seed: 1}, 3, 40)
		cfg.Space, cfg.Window = genome.MustParseSpace(`{"a": {"bool": true}, "b": {"bool": true}}`), window
		if cs := candidates(run(t, cfg)); len(cs) != 40 {
			t.Errorf("window %d: %d of 40 candidates", window, len(cs))
		}
	}
}
