package report

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/genome"
)

// A report says how far what was measured again can be relied on: intervals in the text,
// the page and the JSON, and who cannot be told apart from the winner.
func TestHowCertain(t *testing.T) {
	t.Parallel()
	space := genome.MustParseSpace(`{"x": {"int": [1, 99]}}`)
	f := &finished{status: engine.Snapshot{Name: "s", State: engine.StateFinished, Evaluations: 3, OK: 3}}
	accuracy := func(x float64) engine.Values { return engine.Values{{Name: "accuracy", Value: x}} }
	for i, x := range []float64{0.95, 0.94, 0.93} {
		g, err := space.Parse(fmt.Sprintf("x=%d", i+1))
		if err != nil {
			t.Fatal(err)
		}
		f.all = append(f.all, engine.Candidate{
			Job:    engine.Job{ID: engine.ID(i + 1), Phase: engine.PhaseSearch, Task: engine.Train, Genome: g},
			Result: engine.Result{Status: engine.OK, Metrics: accuracy(x)},
		})
	}
	f.best = f.all
	f.estimates = map[engine.ID]map[string]engine.Estimate{2: {"accuracy": {Mean: 0.921, N: 3, Low: 0.91, High: 0.932}}}
	again := func(id engine.ID, xs ...float64) engine.Measured {
		m := engine.Measured{ID: id, First: f.all[id-1].Metrics}
		for _, x := range xs {
			m.Results = append(m.Results, engine.Result{Status: engine.OK, Metrics: accuracy(x)})
		}
		return m
	}
	// The noise is 0.01, of three degrees of freedom, so a mean of two is 0.0225 more or less.
	f.outcome = engine.Outcome{
		Winner: 2, Complete: true, Judged: accuracy(0.92),
		Remeasured: []engine.Measured{
			again(1, 0.91-0.01/1.4142135623730951, 0.91+0.01/1.4142135623730951),
			again(2, 0.92-0.01/1.4142135623730951, 0.92+0.01/1.4142135623730951),
			again(3, 0.85-0.01/1.4142135623730951, 0.85+0.01/1.4142135623730951),
		},
	}
	r := Of(&show.View{
		Reader: f, Space: space, Strategies: []engine.StrategyEvent{{Name: "repeats"}}, Dir: "s",
		Plan: engine.Plan{
			Objectives: []engine.Objective{{Metric: "accuracy", Goal: engine.Maximize}}, Fidelities: []engine.Fidelity{{Budget: 1}}, Rules: genome.Rules,
		},
	})
	var text strings.Builder
	if err := r.WriteText(&text, 400, "s"); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "report.html")
	if err := r.WritePage(path); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"92.10 % [91.00 93.20] (3)", "the winner has 92.00 % [89.75 94.25] (2); candidate 1 cannot be told apart from it (95 % interval).",
	} {
		if !strings.Contains(text.String(), want) || !strings.Contains(string(page), want) {
			t.Errorf("the text or the page lack %q:\n%s", want, text.String())
		}
	}
	b, err := json.Marshal(r.JSON())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"estimate":{"mean":0.921,"n":3,"low":0.91,"high":0.932}`, `"n":2,"low":0.89749`} {
		if !strings.Contains(string(b), want) {
			t.Errorf("the JSON lacks %s: %s", want, b)
		}
	}
}

// What derives from a metric derives from the same on test data, too.
func TestDerivedOnTestData(t *testing.T) {
	t.Parallel()
	space := genome.MustParseSpace(`{"x": {"int": [1, 99]}}`)
	g, err := space.Parse("x=1")
	if err != nil {
		t.Fatal(err)
	}
	value := func(name string, x float64) engine.Value { return engine.Value{Name: name, Value: x} }
	one := engine.Candidate{
		Job:    engine.Job{ID: 1, Phase: engine.PhaseSearch, Task: engine.Train, Genome: g},
		Result: engine.Result{Status: engine.OK, Metrics: engine.Values{value("accuracy", 0.75), value("error", 0.25), value("size", 3)}},
	}
	test := func(accuracy float64) engine.Result {
		return engine.Result{Status: engine.OK, Metrics: engine.Values{value("parameters", 1000), value("size", 3), value("test_accuracy", accuracy)}}
	}
	f := &finished{
		status: engine.Snapshot{Name: "s", State: engine.StateFinished, Evaluations: 1, OK: 1}, all: []engine.Candidate{one}, best: []engine.Candidate{one},
		outcome: engine.Outcome{Winner: 1, Complete: true, Tested: []engine.Measured{{ID: 1, Results: []engine.Result{test(0.5), test(0.25)}}}},
	}
	for metric, want := range map[string]float64{"error": 0.625, "size": 3} {
		r := Of(&show.View{Reader: f, Space: space, Strategies: []engine.StrategyEvent{{Name: "random"}}, Dir: "s", Plan: engine.Plan{
			Objectives: []engine.Objective{{Metric: metric, Goal: engine.Minimize}}, Fidelities: []engine.Fidelity{{Budget: 1}}, Rules: genome.Rules,
			Derived: []engine.Derived{{Metric: "error", Expression: "1 - accuracy"}, {Metric: "size", Expression: "log10(parameters)"}},
		}})
		if x := r.Test(); x.Winner == nil || x.Winner.Accuracy == nil || x.Winner.Accuracy.Mean != want || x.Winner.Accuracy.N != 2 {
			t.Errorf("%s: %+v", metric, x)
		}
	}
}
