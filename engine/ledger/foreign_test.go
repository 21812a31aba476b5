package ledger_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/evolve"
	"github.com/nascent-nas/nascent/engine/ledger"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/rng"
)

// stingy turns a ledger's jobs into others, as somebody does who edits it.
type stingy struct {
	engine.Ledger
	turn uint64
}

func (s stingy) Commit(c *engine.Change) error {
	for i := range c.Jobs {
		if c.Jobs[i].Origin() != "" {
			c.Jobs[i].Turn = s.turn
		}
	}
	return s.Ledger.Commit(c)
}

// Check knows who came from outside: before any turn, before one that makes no jobs, and
// after the last; not one that stands elsewhere than it says.
func TestCheckKnowsForeignJobs(t *testing.T) {
	t.Parallel()
	space := genome.MustParseSpace(`{"x": {"float": [0, 1]}}`)
	search := func(dir string, wrong bool) {
		led, err := ledger.Open(dir, ledger.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer led.Close()
		strategy, err := evolve.New("genetic")
		if err != nil {
			t.Fatal(err)
		}
		cfg := engine.Config{
			Space: space, Strategy: strategy, StrategyName: "genetic", StrategyOptions: []byte(`{"population": 4}`), Ledger: led,
			Evaluator: engine.Func(func(_ context.Context, j *engine.Job) (map[string]float64, error) {
				x, _ := j.Genome.Gene("x")
				return map[string]float64{"accuracy": x.(float64)}, nil
			}),
			Limits: engine.Limits{Evaluations: 22}, Final: engine.Final{Skip: true},
		}
		r := rng.New(1)
		bring := func(request string) {
			g, _ := space.Random(r)
			known := []engine.Known{{Genome: g, Result: engine.Result{Status: engine.OK, Metrics: engine.Values{{Name: "accuracy", Value: 2}}}}}
			if _, err := engine.Import(led, known, "", request, time.Now()); err != nil {
				t.Fatal(err)
			}
			var to engine.Ledger = led
			if wrong {
				to = stingy{led, 0}
			}
			if _, err := engine.Add(to, []genome.Genome{g}, 0, request+" too", time.Now()); err != nil {
				t.Fatal(err)
			}
		}
		if err := engine.Begin(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
		bring("a")
		for _, turns := range []uint64{2, 3, 4, 0} {
			cfg.Turns = turns
			if _, err := engine.Run(t.Context(), cfg); err != nil {
				t.Fatal(err)
			}
			bring(string(rune('b' + turns)))
		}
	}
	dir := t.TempDir()
	search(dir, false)
	if err := ledger.Check(dir); err != nil {
		t.Error(err)
	}
	dir = t.TempDir()
	search(dir, true)
	if err := ledger.Check(dir); !errors.Is(err, engine.ErrDamaged) {
		t.Errorf("of jobs that came at another time than is recorded: %v", err)
	}
}
