package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
	"github.com/nascent-nas/nascent/engine/evolve"
	"github.com/nascent-nas/nascent/genome"
)

// measuring is a search whose evaluator measures accuracy and another metric.
func measuring(t *testing.T, name string, led engine.Ledger) error {
	t.Helper()
	strategy, err := evolve.New("random")
	if err != nil {
		t.Fatal(err)
	}
	e := &enginetest.Instant{
		Hello: engine.Hello{Name: "e", Deterministic: true, Metrics: []engine.Metric{{Name: "accuracy", Goal: engine.Maximize}, {Name: name}}},
		Measure: func(*engine.Job) engine.Result {
			return engine.Result{Status: engine.OK, Metrics: engine.Values{{Name: "accuracy", Value: 1}, {Name: name, Value: 2}}}
		},
	}
	search, err := engine.New(engine.Config{
		Space: genome.MustParseSpace(enginetest.Numbers), Strategy: strategy, StrategyName: "random", Ledger: led,
		Evaluators: map[string]engine.EvaluatorRef{"e": {Evaluator: e}}, Limits: engine.Limits{Evaluations: 3}, Final: engine.Final{Skip: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	return search.Run(t.Context())
}

func TestNamesOfMetrics(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"loss", "F1", "top-5", "val/accuracy", "test.accuracy", "_x", "9", "seconds", "fidelity", strings.Repeat("a", 100)} {
		if err := measuring(t, name, enginetest.Memory(t)); err != nil {
			t.Errorf("%q is refused: %v", name, err)
		}
	}
	for name, better := range map[string]string{
		"gene:x": "gene_x", "top 1": "top_1", "loss\n": "loss_", "a\x07b": "a_b", "\x1b[31m": "__31m", "größe": "gr__e", "-x": "call it x", "": "call it",
		"accuracy": "twice", "a,b": "a_b", `say "x"`: "say__x_", "\xff": "call it _", strings.Repeat("a", 101): "letters", "100%": "100_",
	} {
		err := measuring(t, name, enginetest.Memory(t))
		if !errors.Is(err, engine.ErrConfig) || !strings.Contains(err.Error(), better) || strings.ContainsAny(err.Error(), "\x07\x1b\n") {
			t.Errorf("%q: %v; want a refusal that says %q, on one line that can be printed", name, err, better)
		}
	}
}

func TestGoalsOfMetrics(t *testing.T) {
	t.Parallel()
	for goal, right := range map[engine.Goal]bool{"": true, engine.Maximize: true, engine.Minimize: true, "up": false} {
		search, err := engine.New(engine.Config{
			Space: plainSpace, Strategy: climber{}, Limits: engine.Limits{Evaluations: 3}, Final: engine.Final{Skip: true},
			Objectives: []engine.Objective{{Metric: "accuracy", Goal: engine.Maximize}},
			Evaluator: engine.Func(func(context.Context, *engine.Job) (map[string]float64, error) {
				return map[string]float64{"accuracy": 1, "size": 2}, nil
			}, engine.Metric{Name: "accuracy"}, engine.Metric{Name: "size", Goal: goal}),
		})
		if err != nil {
			t.Fatal(err)
		}
		err = search.Run(t.Context())
		if right && err != nil || !right && (!errors.Is(err, engine.ErrConfig) || !strings.Contains(err.Error(), `size with the goal "up"`)) {
			t.Errorf("the goal %q: %v", goal, err)
		}
	}
}

// older is a ledger whose search was begun when metrics could have any name.
type older struct {
	engine.Ledger
	data json.RawMessage
}

func (o older) Events() iter.Seq2[engine.EventRecord, error] {
	return func(yield func(engine.EventRecord, error) bool) {
		if !yield(engine.EventRecord{Kind: "evaluator", Data: o.data}, nil) {
			return
		}
		o.Ledger.Events()(yield)
	}
}

// A search that has recorded a name goes on with it.
func TestRecordedNamesOfMetrics(t *testing.T) {
	t.Parallel()
	data, err := json.Marshal(engine.EvaluatorEvent{Key: "e", Hello: engine.Hello{Metrics: []engine.Metric{{Name: "top 1"}}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := measuring(t, "top 1", older{enginetest.Memory(t), data}); err != nil {
		t.Error(err)
	}
	if err := measuring(t, "top 5", older{enginetest.Memory(t), data}); err == nil {
		t.Error("a name that is not recorded is accepted")
	}
}

// Metrics are an object of JSON whatever they are called.
func TestValuesAreJSON(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"a\x07b", "\x1b", `"`, `\`, "<&>", "\u2028", "\x7f"})).Draw(t, "name")
		text, err := json.Marshal(engine.Values{{Name: name, Value: 2}})
		if err != nil {
			t.Fatal(err)
		}
		var got map[string]float64
		if err := json.Unmarshal(text, &got); err != nil || got[name] != 2 {
			t.Fatalf("%q became %s: %v", name, text, err)
		}
	})
}

// What evaluators spent stays a number, however much it is where it is exact; what is
// said to be measured is held to the clock.
func TestHugeCosts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		measured        bool
		seconds         float64
		status          engine.Status // of every second job
		limit           float64
		ok              int
		atLeast, atMost float64 // what was spent
	}{
		{false, math.MaxFloat64, engine.OK, 0, 4, math.MaxFloat64, math.MaxFloat64},
		{true, 3600, engine.OK, 0, 4, 4 * 3600, 4 * 3600},
		{true, 3600, engine.OK, 5000, 2, 2 * 3600, 2 * 3600},
		{true, 1e300, engine.OK, 5000, 2, 0, 4000},
		{true, 1e300, engine.Invalid, 5000, 2, 0, 4000},
		{true, 1e300, engine.Failed, 5000, 2, 0, 4000},
		{true, 1e6, engine.OK, 5000, 2, 0, 4000},
	} {
		search, err := engine.New(engine.Config{
			Space: plainSpace, Strategy: climber{}, Limits: engine.Limits{Evaluations: 4, Seconds: c.limit}, Final: engine.Final{Skip: true},
			Evaluator: &enginetest.Instant{
				Hello: engine.Hello{Name: "e", Deterministic: true, Metrics: []engine.Metric{{Name: "accuracy"}, {Name: "seconds", Measured: c.measured}}},
				Measure: func(j *engine.Job) engine.Result {
					r := engine.Result{Status: engine.OK, Seconds: c.seconds, Reason: "why", Metrics: engine.Values{
						{Name: "accuracy", Value: math.MaxFloat64}, {Name: "seconds", Value: c.seconds},
					}}
					switch {
					case j.ID%2 == 0:
						r.Status = c.status
					case c.seconds > freeSeconds && c.measured:
						r.Seconds = 0
					}
					return r
				}},
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := search.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		s := search.Status()
		if _, err := json.Marshal(s); err != nil || s.OK != c.ok || s.Spent.Seconds < c.atLeast || s.Spent.Seconds > c.atMost {
			t.Errorf("%+v: %d ok, %v evaluator seconds: %v", c, s.OK, s.Spent.Seconds, err)
		}
		for e := range search.Candidates() {
			overstated := c.measured && c.seconds > freeSeconds && e.ID%2 == 0 && c.status != engine.Failed
			if got := strings.Contains(e.Reason, " seconds, which is more than a day and 1000 times as long as the attempt took: "); got != overstated {
				t.Errorf("%+v: candidate %s is %s: %q", c, e.ID, e.Status, e.Reason)
			}
		}
	}
}

// freeSeconds is what is believed of any attempt.
const freeSeconds = 24 * 3600
