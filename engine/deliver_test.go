package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
	"github.com/nascent-nas/nascent/engine/evolve"
)

// witness watches what one strategy gets: everything in its first History or in
// exactly one of its Results.
type witness struct {
	engine.Strategy
	got    map[engine.ID]int
	turned bool
}

func (w *witness) Step(ctx context.Context, state []byte, t engine.Turn) (engine.Decision, error) {
	if !w.turned {
		w.turned = true
		for c := range engine.All(t.History) {
			w.got[c.ID]++
		}
	}
	for _, r := range t.Results {
		if c, ok := t.History.Get(r.ID); !ok || c.ID != r.ID {
			return engine.Decision{}, fmt.Errorf("result %s is not in History", r.ID)
		}
		w.got[r.ID]++
	}
	if len(w.got) != t.History.Len() {
		return engine.Decision{}, fmt.Errorf("turn %d: History has %d candidates, %d were delivered", t.N, t.History.Len(), len(w.got))
	}
	return w.Strategy.Step(ctx, state, t)
}

// Whatever cuts batches, extends searches or changes strategies, every result
// reaches a strategy once, and belongs to one turn.
func TestEveryResultIsDeliveredOnce(t *testing.T) {
	t.Parallel()
	names := []string{"genetic", "aging", "random"}
	for _, fidelities := range []int{1, 2} {
		for _, from := range names {
			for _, to := range names {
				for _, limits := range [][3]int{{35, 52, 90}, {40, 60, 80}, {35, 36, 37}, {7, 8, 41}, {61, 0, 75}} {
					t.Run(fmt.Sprint(from, to, limits, fidelities), func(t *testing.T) {
						t.Parallel()
						deliver(t, fidelities, []string{from, to, to}, limits)
					})
				}
			}
		}
	}
}

func deliver(t *testing.T, fidelities int, names []string, limits [3]int) {
	led := enginetest.Memory(t)
	find := func(e engine.StrategyEvent) (engine.Strategy, error) { return evolve.New(e.Name) }
	var w *witness
	last := ""
	for i, limit := range limits {
		if limit == 0 {
			continue // no extension in between
		}
		if names[i] != last {
			last = names[i]
			inner, err := evolve.New(names[i])
			if err != nil {
				t.Fatal(err)
			}
			w = &witness{Strategy: inner, got: map[engine.ID]int{}}
		}
		cfg := config(led)
		cfg.Strategy, cfg.StrategyName, cfg.ChangeStrategy = w, names[i], true
		options := map[string]any{"promote": map[string]int{"after": 0, "eta": 2}}
		if names[i] != "random" {
			options["population"] = 20
		}
		cfg.StrategyOptions, _ = json.Marshal(options)
		cfg.Window, cfg.Final.Skip = 20, true
		cfg.Fidelities = []engine.Fidelity{{Evaluator: "f", Budget: 1}, {Evaluator: "f", Budget: 2}}[:fidelities]
		cfg.Limits.Evaluations = limit
		if st := run(t, cfg).Status(); st.Evaluations != limit {
			t.Fatalf("ended after %d evaluations, not %d", st.Evaluations, limit)
		}
		if err := engine.Replay(t.Context(), find, led, nil); err != nil {
			t.Fatal(err)
		}
	}
	for id, n := range w.got {
		if n != 1 {
			t.Errorf("%s was delivered %d times", id, n)
		}
	}
	turns := map[engine.ID]uint64{}
	for r, err := range led.Turns(engine.PartSearch) {
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range r.Consumed {
			if n, twice := turns[id]; twice {
				t.Errorf("turns %d and %d name %s", n, r.N, id)
			}
			turns[id] = r.N
		}
	}
	promoted := map[engine.ID]engine.ID{}
	for j, err := range led.Jobs() {
		if err != nil {
			t.Fatal(err)
		}
		if j.Fidelity == 0 || j.Operator != engine.OpSame || j.Reuse != 0 {
			continue // what another strategy has under way nobody sees before it is consumed
		}
		if before, twice := promoted[j.Parents[0]]; twice {
			t.Errorf("%s is promoted by %s and by %s", j.Parents[0], before, j.ID)
		}
		promoted[j.Parents[0]] = j.ID
	}
}

// The digest covers what a batch was cut to, also where another strategy took over.
func TestCutBatchIsPartOfTheDigest(t *testing.T) {
	t.Parallel()
	var digests []string
	for _, low := range []float64{0, 1e-9} {
		led := enginetest.Memory(t)
		cfg := config(led)
		cfg.Strategy, cfg.StrategyName, cfg.Window, cfg.Final.Skip = heir{batch: 20}, "wide", 20, true
		cfg.Limits.Evaluations = 30
		cfg.Evaluators = map[string]engine.EvaluatorRef{"f": {Evaluator: engine.Func(func(ctx context.Context, j *engine.Job) (map[string]float64, error) {
			m, err := evaluate(ctx, j)
			if j.ID == 25 { // behind the cut
				m["accuracy"] += low
			}
			return m, err
		})}}
		run(t, cfg)
		cfg.Limits.Evaluations = 60
		run(t, with(cfg, "heir"))
		digests = append(digests, digest(t, led, -1))
	}
	if digests[0] == digests[1] {
		t.Error("a result that was cut off is not in the digest")
	}
}

// keeper keeps the files of a candidate.
type keeper struct {
	randomly
	id engine.ID
}

func (k keeper) Step(ctx context.Context, state []byte, t engine.Turn) (engine.Decision, error) {
	d, err := k.randomly.Step(ctx, state, t)
	if t.N > 0 {
		d.Keep = []engine.ID{k.id}
	}
	return d, err
}

func TestKeepingWhatThereIsNotIsRefused(t *testing.T) {
	t.Parallel()
	for id, want := range map[engine.ID]string{0: "candidate 0", 99999: "candidate 99999", engine.FinalBase + 1: "candidate f1", 1: ""} {
		led := enginetest.Memory(t)
		cfg := config(led)
		cfg.Strategy, cfg.Final.Skip = keeper{id: id}, true
		_, err := engine.Run(t.Context(), cfg)
		if want == "" && err != nil || want != "" &&
			(err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "broke the contract")) {
			t.Errorf("keep %s: %v", id, err)
		}
		for r, err := range led.Turns(engine.PartSearch) {
			if err != nil || want != "" && len(r.Keep) > 0 {
				t.Errorf("keep %s: turn %d is written with %v, %v", id, r.N, r.Keep, err)
			}
		}
	}
}

func TestNumbersAreTakenAsTheyAre(t *testing.T) {
	t.Parallel()
	led := enginetest.Memory(t)
	cfg := config(led)
	cfg.Strategy, cfg.Limits.Evaluations, cfg.Final.Top = randomly{}, 100, 25
	o, _ := run(t, cfg).Outcome()
	if len(o.Remeasured) != 25 {
		t.Errorf("asked to measure 25 again, it measured %d", len(o.Remeasured))
	}
	cfg = config(enginetest.Memory(t))
	cfg.Limits.Evaluations, cfg.Timeout = 20, math.MaxInt64-1
	if st := run(t, cfg).Status(); st.OK != 20 || st.Retries != 0 {
		t.Errorf("a timeout of 292 years ends as %+v", st)
	}
	for name, spoil := range map[string]func(*engine.Config){
		"fidelities[1].budget": func(c *engine.Config) {
			c.Fidelities = []engine.Fidelity{{Evaluator: "f", Budget: 3}, {Evaluator: "f", Budget: 1}}
		},
		"fidelities[1]: it has the evaluator and the budget of fidelities[0], 2": func(c *engine.Config) {
			c.Fidelities = []engine.Fidelity{{Evaluator: "f", Budget: 2}, {Evaluator: "f", Budget: 2}}
		},
		"final.top":         func(c *engine.Config) { c.Final.Top = -1 },
		"final.budget":      func(c *engine.Config) { c.Final.Budget = -1 },
		"failures.attempts": func(c *engine.Config) { c.Failures.Attempts = -2 },
		"checkpoints.keep":  func(c *engine.Config) { c.Keep = -2 },
	} {
		led := enginetest.Memory(t)
		cfg := config(led)
		spoil(&cfg)
		if _, err := engine.Run(t.Context(), cfg); !errors.Is(err, engine.ErrConfig) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
		if _, begun, _ := led.Header(); begun {
			t.Errorf("%s: left something behind", name)
		}
	}
}

// Without a back-off a job whose process died is tried again at once: no timer is
// set for it.
func TestNoBackoffIsNone(t *testing.T) {
	t.Parallel()
	a := &actor{submit: func(s *scene, x engine.Assignment) error {
		if x.Attempt == 1 {
			s.send(begun(x), engine.Event{ID: x.Job.ID, Attempt: x.Attempt, Kind: engine.Lost, Reason: "it died", Alone: true})
		} else {
			s.send(begun(x), good(x))
		}
		return nil
	}}
	cfg := acting(t, a)
	cfg.Clock, cfg.Failures.Backoff, cfg.Failures.PauseAfter, cfg.Workers = &enginetest.Clock{}, -1, 1000, 1
	if st := run(t, cfg).Status(); st.OK != 30 || st.Retries != 30 {
		t.Errorf("ended as %+v", st)
	}
}
