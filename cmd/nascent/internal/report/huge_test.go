package report

import (
	"encoding/json"
	"iter"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/rng"
)

// finished is a search that has ended, as it is reported of.
type finished struct {
	all     []engine.Candidate
	best    []engine.Candidate
	outcome engine.Outcome
	status  engine.Snapshot

	estimates map[engine.ID]map[string]engine.Estimate
}

func (f *finished) Status() engine.Snapshot                { return f.status }
func (f *finished) Candidates() iter.Seq[engine.Candidate] { return slices.Values(f.all) }
func (f *finished) Candidate(id engine.ID) (engine.Candidate, error) {
	return f.all[id-1], nil
}
func (f *finished) Best(n int) []engine.Candidate { return f.best[:min(n, len(f.best))] }
func (f *finished) Estimates(id engine.ID) map[string]engine.Estimate {
	return f.estimates[id]
}
func (f *finished) Outcome() (engine.Outcome, bool) { return f.outcome, true }

// extreme is a search of which everything is as large as numbers are.
func extreme(t *testing.T) *show.View {
	t.Helper()
	const most = math.MaxFloat64
	space := genome.MustParseSpace(`{"x": {"int": [0, 99]}}`)
	f := &finished{status: engine.Snapshot{
		Name: "s", State: engine.StateFinished, Evaluations: 14, OK: 14, Workers: 2, Wall: most, Idle: most, Spent: engine.Spent{Seconds: most},
	}}
	random := rng.New(1)
	for i, y := range []float64{most, -most, 0, 1, most, most, -most, 5e-324, 1e300, -1, most, 2, most, most} {
		g, err := space.Random(random)
		if err != nil {
			t.Fatal(err)
		}
		f.all = append(f.all, engine.Candidate{
			Job: engine.Job{ID: engine.ID(i + 1), Phase: engine.PhaseSearch, Task: engine.Train, Genome: g, Operator: engine.OpRandom},
			Result: engine.Result{Status: engine.OK, Seconds: most, Metrics: engine.Values{
				{Name: "accuracy", Value: y}, {Name: "parameters", Value: most}, {Name: "seconds", Value: -y},
			}, Curve: []engine.Point{
				{Step: 0, Metrics: engine.Values{{Name: "accuracy", Value: -y}}}, {Step: most, Metrics: engine.Values{{Name: "accuracy", Value: y}}},
			}},
		})
	}
	f.best = f.all[:3]
	f.estimates = map[engine.ID]map[string]engine.Estimate{1: {"accuracy": {Mean: most, N: 2, Low: -most, High: most}}}
	fresh := []engine.Result{f.all[0].Result, f.all[1].Result, f.all[4].Result}
	f.outcome = engine.Outcome{
		Winner: 1, Complete: true,
		Remeasured: []engine.Measured{{ID: 1, Results: fresh}, {ID: 2, Results: fresh[:1]}},
		Tested:     []engine.Measured{{ID: 1, Results: fresh[:1]}, {Name: "hand-made", Results: fresh[1:2]}},
	}
	return &show.View{
		Archive: &engine.Archive{},
		Reader:  f, Dir: "s", Space: space, Strategies: []engine.StrategyEvent{{Name: "random"}},
		Plan: engine.Plan{
			Objectives: []engine.Objective{{Metric: "accuracy", Goal: engine.Maximize}, {Metric: "seconds", Goal: engine.Minimize}},
			Fidelities: []engine.Fidelity{{Evaluator: "evaluator", Budget: most}},
		},
	}
}

// no number is written as one that is none, or with the wrong sign.
var nonsense = regexp.MustCompile(`NaN|Inf|9,?223,?372,?036,?854,?77`)

// Every finite number goes through text, account and JSON.
func TestReportOfHugeNumbers(t *testing.T) {
	t.Parallel()
	v := extreme(t)
	r := Of(v)
	var text strings.Builder
	if err := r.WriteText(&text, 100, "s", true); err != nil {
		t.Fatal(err)
	}
	if next := show.Program() + " show s 1 "; !strings.Contains(text.String(), next) || strings.Contains(text.String(), " nascent ") {
		t.Errorf("what to do next is not written with %s, as the program was called", show.Program())
	}
	account, err := json.Marshal(r.Account())
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]string{"text": text.String(), "account": string(account)} {
		for line := range strings.Lines(s) {
			if nonsense.MatchString(line) {
				t.Errorf("%s: %.300s", name, line)
			}
		}
	}
	js, err := json.Marshal(r.JSON())
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Networks []struct {
			Parameters float64
			Remeasured *Figure
		}
		Fronts []struct {
			X, Y   engine.Objective
			Points []struct{ ID engine.ID }
		}
	}
	if err := json.Unmarshal(js, &got); err != nil {
		t.Fatal(err)
	}
	if f := got.Networks[0].Remeasured; f == nil || f.N != 3 || math.Abs(f.Mean/math.MaxFloat64-1./3) > 1e-9 {
		t.Errorf("the mean of three huge numbers is %+v", f)
	}
	if got.Networks[0].Parameters != math.MaxFloat64 {
		t.Errorf("%g parameters are told as %g", math.MaxFloat64, got.Networks[0].Parameters)
	}
	if len(got.Fronts) != 1 || got.Fronts[0].X.Metric != "seconds" || len(got.Fronts[0].Points) == 0 {
		t.Errorf("the fronts are %+v; want that of accuracy against seconds", got.Fronts)
	}
	if test := r.Test(); test.Untested != "" {
		t.Error(test.Untested)
	} else if _, err := json.Marshal(test); err != nil {
		t.Error(err)
	}
}

// Any two objectives show a front; a search with one shows it against the size of
// its networks.
func TestFrontsOfObjectives(t *testing.T) {
	t.Parallel()
	v := extreme(t)
	for _, c := range []struct {
		objectives []engine.Objective
		want       []string
	}{
		{[]engine.Objective{{Metric: "accuracy", Goal: engine.Maximize}}, []string{"accuracy against parameters"}},
		{[]engine.Objective{{Metric: "parameters", Goal: engine.Minimize}}, nil},
		{[]engine.Objective{{Metric: "accuracy", Goal: engine.Maximize}, {Metric: "missing", Goal: engine.Minimize}}, nil},
		{
			[]engine.Objective{{Metric: "accuracy", Goal: engine.Maximize}, {Metric: "seconds", Goal: engine.Minimize}, {Metric: "parameters", Goal: engine.Minimize}},
			[]string{"accuracy against seconds", "accuracy against parameters", "seconds against parameters"},
		},
	} {
		v.Plan.Objectives = c.objectives
		r := Of(v)
		var got []string
		for i := range r.fronts {
			got = append(got, r.fronts[i].title())
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%v show the fronts %q; want %q", c.objectives, got, c.want)
		}
		var text strings.Builder
		if err := r.WriteText(&text, 100, "s", true); err != nil {
			t.Fatal(err)
		}
		for _, title := range c.want {
			if !strings.Contains(text.String(), "\n"+title+" (●") {
				t.Errorf("the report does not show %s", title)
			}
		}
	}
}

// The best of a metric to be minimized are in the picture, however bad others are.
func TestFrontShowsItsBest(t *testing.T) {
	t.Parallel()
	for _, goal := range []engine.Goal{engine.Minimize, engine.Maximize} {
		f := front{x: engine.Objective{Metric: "a", Goal: goal}, y: engine.Objective{Metric: "b", Goal: goal}}
		sign := 1.0
		if goal == engine.Maximize {
			sign = -1
		}
		for i := range 100 {
			y := float64(i)
			if i > 95 {
				y = 1e300
			}
			f.all = append(f.all, show.Mark{ID: engine.ID(i + 1), X: sign * y, Y: sign * y})
		}
		f.best = f.all[:1]
		if s := strings.Join(f.scatter(51, 12), "\n"); strings.Count(s, "●") != 1 || strings.Count(s, "·") < 20 {
			t.Errorf("%s: the picture is\n%s", goal, s)
		}
	}
}
