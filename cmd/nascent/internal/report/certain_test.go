package report

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/network"
	"github.com/nascent-nas/nascent/genome/rng"
)

// A report says how far what was measured again can be relied on: intervals in the text,
// the account and the JSON, and who cannot be told apart from the winner.
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
		Archive: &engine.Archive{},
		Reader:  f, Space: space, Strategies: []engine.StrategyEvent{{Name: "repeats"}}, Dir: "s",
		Plan: engine.Plan{
			Objectives: []engine.Objective{{Metric: "accuracy", Goal: engine.Maximize}}, Fidelities: []engine.Fidelity{{Budget: 1}}, Rules: genome.Rules,
		},
	})
	var text strings.Builder
	if err := r.WriteText(&text, 400, "s", true); err != nil {
		t.Fatal(err)
	}
	account, err := json.Marshal(r.Account())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"92.10 % [91.00 93.20] (3)", "the winner has 92.00 % [89.75 94.25] (2); candidate 1 cannot be told apart from it (95 %, all comparisons together).",
	} {
		if !strings.Contains(text.String(), want) || !strings.Contains(string(account), want) {
			t.Errorf("the text or the account lack %q:\n%s", want, text.String())
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
		r := Of(&show.View{Archive: &engine.Archive{}, Reader: f, Space: space, Strategies: []engine.StrategyEvent{{Name: "random"}}, Dir: "s", Plan: engine.Plan{
			Objectives: []engine.Objective{{Metric: metric, Goal: engine.Minimize}}, Fidelities: []engine.Fidelity{{Budget: 1}}, Rules: genome.Rules,
			Derived: []engine.Derived{{Metric: "error", Expression: "1 - accuracy"}, {Metric: "size", Expression: "log10(parameters)"}},
		}})
		if x := r.Test(); x.Winner == nil || x.Winner.Accuracy == nil || x.Winner.Accuracy.Mean != want || x.Winner.Accuracy.N != 2 {
			t.Errorf("%s: %+v", metric, x)
		}
	}
}

// noisy is a finished search of accuracy and latency whose five best were measured again,
// twice each, with a noise of one in both; the winner is the first, the front the first two.
func noisy(t *testing.T, means ...[2]float64) *show.View {
	t.Helper()
	v := searched(t, engine.Plan{}, means...)
	f := v.Reader.(*finished)
	half := math.Sqrt(0.5)
	for i, m := range means {
		again := engine.Measured{ID: engine.ID(i + 1), First: f.all[i].Metrics}
		again.Judged = engine.Values{{Name: "accuracy", Value: m[0]}, {Name: "latency", Value: m[1]}}
		for _, d := range []float64{-half, half} {
			again.Results = append(again.Results, engine.Result{Status: engine.OK, Metrics: engine.Values{
				{Name: "accuracy", Value: m[0] + d}, {Name: "latency", Value: m[1] - d},
			}})
		}
		f.outcome.Remeasured = append(f.outcome.Remeasured, again)
	}
	f.outcome.Winner, f.outcome.Front, f.outcome.Complete = 1, []engine.ID{1, 2}, true
	return v
}

// Of several objectives the report says who cannot be told apart from the winner, on the
// front and behind it, and who was beaten by chance; intervals stand for all objectives.
func TestHowCertainAFrontIs(t *testing.T) {
	t.Parallel()
	// Five degrees of freedom: a mean of two is 1.82 more or less, a difference 2.57; of eight that are looked at together
	// 4.53, of two 3.16.
	r := Of(noisy(t, [2]float64{5, 5}, [2]float64{4, 4}, [2]float64{4, 6}, [2]float64{3, 9.6}, [2]float64{2.6, 4.2}))
	var text strings.Builder
	if err := r.WriteText(&text, 1000, "s", true); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"Candidates 3, 5 fell off it by no more than chance explains: they cannot be told apart from who beats them.",
		"Measured again, the winner has accuracy 5 [3.1823 6.8177] (2) and latency 5 [3.1823 6.8177] (2); " +
			"candidates 2, 3, 5 cannot be told apart from it in any objective (95 %, all comparisons together).",
		"4 [2.1823 5.8177] (2)",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the report does not say %q:\n%s", want, text.String())
		}
	}
	if strings.Contains(text.String(), "±") {
		t.Errorf("there is a standard deviation where the interval is known:\n%s", text.String())
	}
	// What is measured without noise tells everything apart, and nothing of the other objective.
	exact := noisy(t, [2]float64{5, 5}, [2]float64{4, 4}, [2]float64{4, 5}, [2]float64{0, 6})
	for i, latency := range []float64{5, 4, 5, 6} {
		for _, x := range exact.Reader.(*finished).outcome.Remeasured[i].Results {
			x.Metrics[1].Value = latency
		}
	}
	if got, want := Of(exact).certainty(), "Measured again, the winner has accuracy 5 [3.0368 6.9632] (2) and latency 5 (2); "+
		"candidate 3 cannot be told apart from it in any objective; candidate 2 differs from it beyond chance in latency alone "+
		"(95 %, all comparisons together)."; got[len(got)-1] != want {
		t.Errorf("of an exact objective the report says %q, want %q", got, want)
	}
	one := noisy(t, [2]float64{5, 5}, [2]float64{4, 4}, [2]float64{4, 6})
	for i := range 3 { // nothing is known of the noise
		m := &one.Reader.(*finished).outcome.Remeasured[i]
		m.Results = m.Results[:1]
	}
	r = Of(one)
	if got := append(r.certainty(), r.undecided()...); got != nil {
		t.Errorf("with one measurement each the report says %q", got)
	}
}

// What a network counts of its own parameters and what was measured under that name are
// told apart.
func TestMeasuredParameters(t *testing.T) {
	t.Parallel()
	space, err := network.Bind(genome.MustParseSpace(`{"network": {"input": [1, 4], "classes": 2}, "dense": {"units": {"int": [2, 2]}}}`))
	if err != nil {
		t.Fatal(err)
	}
	g, err := space.Random(rng.New(1))
	if err != nil {
		t.Fatal(err)
	}
	own := float64(show.NetworkOf(g).Parameters())
	for measured, want := range map[float64][]string{
		own: {"reaches accuracy 90.00 %" + fmt.Sprintf(" with %g parameters.", own)},
		586: {fmt.Sprintf(" with %g parameters in its network, and parameters 586 as measured.", own), "the network's parameters", "latency  parameters"},
	} {
		v := searched(t, engine.Plan{Objectives: []engine.Objective{
			{Metric: "accuracy", Goal: engine.Maximize}, {Metric: "latency", Goal: engine.Minimize}, {Metric: "parameters", Goal: engine.Minimize},
		}}, [2]float64{0.9, 5})
		f := v.Reader.(*finished)
		f.all[0].Genome = g
		f.all[0].Metrics = append(engine.Values{{Name: "parameters", Value: measured}}, f.all[0].Metrics...)
		f.best, f.status.Front = f.all, nil
		var text strings.Builder
		r := Of(v)
		if err := r.WriteText(&text, 400, "s", true); err != nil {
			t.Fatal(err)
		}
		for _, part := range want {
			if !strings.Contains(text.String(), part) {
				t.Errorf("parameters %g: the report does not say %q:\n%s", measured, part, text.String())
			}
		}
		differ := measured != own
		head := slices.Contains(r.Account().Head, "the network's parameters")
		if head != differ || slices.Contains(r.otherNames(), "parameters") != differ {
			t.Errorf("parameters %g: the columns are %q", measured, r.Account().Head)
		}
	}
}

// Numbers that somebody set are written as they were set, and in the order of the objectives.
func TestWhatWasSet(t *testing.T) {
	t.Parallel()
	plan := engine.Plan{Objectives: []engine.Objective{{Metric: "latency", Goal: engine.Minimize}, {Metric: "accuracy", Goal: engine.Maximize}}}
	v := searched(t, plan, [2]float64{0.5, 1}, [2]float64{0.25, 1})
	f := v.Reader.(*finished)
	zero := 0.0
	f.status.Hypervolume, f.status.Reference = &zero, engine.Values{{Name: "accuracy", Value: 0.75}, {Name: "latency", Value: 0.5}}
	f.status.Limits.Targets = engine.Values{{Name: "accuracy", Value: 0.999999}, {Name: "latency", Value: 2000}}
	r := Of(v)
	text := strings.Join(r.verdict(), " ")
	for _, want := range []string{"the reference, latency 0.5000 and accuracy 0.7500:", "The target, latency 2,000 with accuracy 0.999999, was not reached."} {
		if !strings.Contains(text, want) {
			t.Errorf("the report does not say %q: %s", want, text)
		}
	}
	if title := r.fronts[0].title(); title != "latency against accuracy" {
		t.Errorf("the picture is called %q", title)
	}
	if got := count(11017.96); got != "11,018" {
		t.Errorf("11017.96 parameters are written as %s", got)
	}
}
