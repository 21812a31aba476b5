package ledger_test

import (
	"context"
	"errors"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/evolve"
	"github.com/nascent-nas/nascent/engine/ledger"
	"github.com/nascent-nas/nascent/genome"
)

// fragile fails its n-th commit, before or after it was done.
type fragile struct {
	engine.Ledger
	left  int
	after bool
}

var errGone = errors.New("gone")

func (f *fragile) Commit(c *engine.Change) error {
	if f.left--; f.left != 0 {
		return f.Ledger.Commit(c)
	}
	if f.after {
		if err := f.Ledger.Commit(c); err != nil {
			return err
		}
	}
	return errGone
}

// TestSearchInAFile runs searches in ledger files, broken off at every n-th
// commit, and wants the trajectory of an undisturbed one, a whole file, and
// every decision proved by replay.
func TestSearchInAFile(t *testing.T) {
	t.Parallel()
	for _, name := range evolve.General() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			space := genome.MustParseSpace(`{"x": {"float": [0, 1]}, "l": {"list": {"choice": ["a", "b", {"c": {"n": {"int": [1, 9]}}}]}, "length": [1, 5]}}`)
			run := func(dir string, commits int) error {
				led, err := ledger.Open(dir, ledger.Options{})
				if err != nil {
					t.Fatal(err)
				}
				defer led.Close()
				strategy, err := evolve.New(name)
				if err != nil {
					t.Fatal(err)
				}
				_, err = engine.Run(t.Context(), engine.Config{
					Space: space, Strategy: strategy, StrategyName: name, Seed: 3, Workers: 2,
					Ledger: &fragile{led, commits, commits%2 == 0},
					Evaluator: engine.Func(func(_ context.Context, j *engine.Job) (map[string]float64, error) {
						x, _ := j.Genome.Gene("x")
						return map[string]float64{"accuracy": x.(float64) + float64(j.Seed%7)/100}, nil
					}),
					Limits: engine.Limits{Evaluations: 50},
				})
				return err
			}
			digest := func(dir string) string {
				led, err := ledger.Inspect(dir)
				if err != nil {
					t.Fatal(err)
				}
				defer led.Close()
				d, err := engine.Digest(led, -1)
				if err != nil {
					t.Fatal(err)
				}
				strategy, _ := evolve.New(name)
				if err := engine.Replay(t.Context(), func(engine.StrategyEvent) (engine.Strategy, error) { return strategy, nil }, led, nil); err != nil {
					t.Fatal(err)
				}
				return d
			}
			whole := t.TempDir()
			if err := run(whole, -1); err != nil {
				t.Fatal(err)
			}
			want := digest(whole)
			for _, commits := range []int{3, 4, 9} {
				dir := t.TempDir()
				for i := 0; ; i++ {
					err := run(dir, commits)
					if err == nil {
						break
					}
					if !errors.Is(err, errGone) || i > 300 {
						t.Fatal(err)
					}
				}
				if err := ledger.Check(dir); err != nil {
					t.Error(err)
				}
				if got := digest(dir); got != want {
					t.Errorf("broken off at every %d. commit, the search takes another way", commits)
				}
			}
		})
	}
}
