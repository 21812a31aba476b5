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
	"github.com/nascent-nas/nascent/genome/rng"
)

// two is a finished search of two objectives, whose four best were measured again: one
// stays ahead, one falls behind by little, one by much, and one breaks the constraint.
func two(t *testing.T) *show.View {
	t.Helper()
	space := genome.MustParseSpace(`{"x": {"int": [1, 99]}}`)
	limit := 50.0
	plan := engine.Plan{
		Objectives:  []engine.Objective{{Metric: "accuracy", Goal: engine.Maximize}, {Metric: "latency", Goal: engine.Minimize}},
		Constraints: []engine.Constraint{{Metric: "latency", Max: &limit}},
		Fidelities:  []engine.Fidelity{{Budget: 1}}, Rules: genome.Rules, Order: engine.Strict, Window: 8,
	}
	f := &finished{status: engine.Snapshot{Name: "s", State: engine.StateFinished, Evaluations: 6, OK: 6, Window: 3}} // set since
	measured := func(accuracy, latency float64) engine.Values {
		return engine.Values{{Name: "accuracy", Value: accuracy}, {Name: "latency", Value: latency}}
	}
	leaders := plan.Leaders(5)
	for i, m := range []engine.Values{
		measured(0.5, 30), measured(0.9, 40), measured(0.8, 20), measured(0.7, 10), measured(0.6, 5), measured(0.4, 45),
	} {
		g, err := space.Parse(fmt.Sprintf("x=%d", i+1))
		if err != nil {
			t.Fatal(err)
		}
		c := engine.Candidate{
			Job:    engine.Job{ID: engine.ID(i + 1), Phase: engine.PhaseSearch, Task: engine.Train, Genome: g},
			Result: engine.Result{Status: engine.OK, Metrics: m},
		}
		f.all = append(f.all, c)
		leaders.Add(&f.all[len(f.all)-1])
	}
	for _, c := range leaders.Best() {
		f.best = append(f.best, *c)
	}
	for _, c := range leaders.Front() {
		f.status.Front = append(f.status.Front, engine.Best{ID: c.ID, Metrics: c.Metrics})
	}
	v, _ := leaders.Hypervolume()
	f.status.Hypervolume, f.status.Reference, f.status.Best = &v.Volume, v.Reference, f.status.Front
	again := func(id engine.ID, accuracy, latency, spread float64) engine.Measured {
		m := engine.Measured{ID: id, First: f.all[id-1].Metrics, Judged: measured(accuracy, latency)}
		for _, d := range []float64{-spread, 0, spread} {
			m.Results = append(m.Results, engine.Result{Status: engine.OK, Metrics: measured(accuracy+d, latency)})
		}
		return m
	}
	f.outcome = engine.Outcome{
		Winner: 3, Front: []engine.ID{3}, Complete: true, Judged: measured(0.82, 10),
		Remeasured: []engine.Measured{again(2, 0.9, 60, 0.01), again(3, 0.82, 10, 0.03), again(4, 0.80, 10, 0.03), again(5, 0.2, 20, 0.01)},
		Tested:     []engine.Measured{{ID: 3, Results: []engine.Result{{Status: engine.OK, Metrics: measured(0.81, 10)}}}},
	}
	return &show.View{Reader: f, Plan: plan, Archive: &engine.Archive{Plan: plan}, Space: space, Strategies: []engine.StrategyEvent{{Name: "nsga2"}}, Dir: "s"}
}

// A report of several objectives says what the front is, who stays on it, and why others
// do not.
func TestReportOfAFront(t *testing.T) {
	t.Parallel()
	r := Of(two(t))
	var text strings.Builder
	if err := r.WriteText(&text, 200, "s", true); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"On the front are 4 candidates: no others that keep the constraints are as good in every objective and better in one.", "hypervolume of", "up to accuracy",
		"Of 4 candidates that were measured again 1 stays on it, and is the winner.",
		"Candidate 4 fell off it by no more than chance explains",
		"candidate 3 (winner)", "candidate 2 (breaks a constraint)", "candidate 4 (dominated)", "candidate 5 (dominated)",
		"accuracy against latency (●",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the report does not say %q:\n%s", want, text.String())
		}
	}
	if !slices.Equal(r.otherNames(), []string{"latency"}) {
		t.Errorf("further columns are %v", r.otherNames())
	}
	for i := range r.rows {
		if x := &r.rows[i]; x.ID == 3 && r.others(x)[0] != "10 (3)" || x.ID == 1 && r.others(x)[0] != "30" {
			t.Errorf("%s has the further figures %v", x.Name, r.others(x))
		}
	}
	raw, err := json.Marshal(r.JSON())
	if err != nil {
		t.Fatal(err)
	}
	var out struct {
		Front        []engine.Best
		Hypervolume  float64
		Hypervolumes []volume
		Networks     []struct {
			ID     engine.ID
			Front  bool
			Judged engine.Values
		}
	}
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	n := len(out.Hypervolumes)
	if len(out.Front) != 4 || n < 3 || out.Hypervolumes[n-1].Hypervolume != out.Hypervolume || out.Hypervolumes[n-1].Evaluations > 6 {
		t.Errorf("the JSON is %s", raw)
	}
	for _, x := range out.Networks {
		if x.Front != (x.ID == 3) || (x.Judged != nil) != (x.ID >= 2 && x.ID <= 5) {
			t.Errorf("candidate %s: %+v", x.ID, x)
		}
	}
	r.status.FrontPart = true
	if text := r.whoseFront(); !strings.HasPrefix(text, "Of more than 1,000 candidates that keep the constraints ") || strings.Contains(text, "no others") {
		t.Errorf("of a front of which a part was kept it says %q", text)
	}
	for _, row := range [][2]string{{"objectives", "maximize accuracy and minimize latency"}, {"order", "strict, window 3 (8 at first)"}} {
		if plan := r.Account().Plan; !slices.Contains(plan, row) {
			t.Errorf("how it searched lacks %q: %q", row, plan)
		}
	}
}

// A hypervolume that is an estimate is called one, with its error.
func TestReportOfAnEstimatedHypervolume(t *testing.T) {
	t.Parallel()
	v := two(t)
	v.Reader.(*finished).status.HypervolumeError = 0.125
	zero := 0.0
	beaten := two(t)
	beaten.Reader.(*finished).status.Hypervolume = &zero
	if text := strings.Join(Of(beaten).front(), " "); !strings.Contains(text, "better in all objectives than the reference, accuracy") {
		t.Errorf("of a front that nothing of beats the reference the report says %q", text)
	}
	r := Of(v)
	if text := strings.Join(r.front(), " "); !strings.Contains(text, " ± 0.12, an estimate, up to accuracy") {
		t.Errorf("the report says %q", text)
	}
}

// All that stayed on the front are tested, the winner is told first.
func TestTestOfAFront(t *testing.T) {
	t.Parallel()
	v := two(t)
	f := v.Reader.(*finished)
	other := f.outcome.Tested[0]
	other.ID = 5
	f.outcome.Front, f.outcome.Tested = []engine.ID{3, 5}, []engine.Measured{other, f.outcome.Tested[0]}
	tested := Of(v).Test()
	if len(tested.Front) != 2 || tested.Front[0].ID != 3 || tested.Front[1].ID != 5 || tested.Winner.ID != 3 {
		t.Errorf("tested were %+v", tested.Front)
	}
	f.outcome.Front = nil // with one objective
	if tested := Of(v).Test(); tested.Front != nil || tested.Winner == nil {
		t.Errorf("with one objective: %+v", tested)
	}
}

// searched is a view of a search that measured these accuracies and latencies, with a
// metric third.
func searched(t *testing.T, plan engine.Plan, points ...[2]float64) *show.View {
	t.Helper()
	space := genome.MustParseSpace(`{"x": {"int": [1, 99]}}`)
	plan.Fidelities, plan.Rules = []engine.Fidelity{{Evaluator: "e"}}, genome.Rules
	if plan.Objectives == nil {
		plan.Objectives = []engine.Objective{{Metric: "accuracy", Goal: engine.Maximize}, {Metric: "latency", Goal: engine.Minimize}}
	}
	f := &finished{status: engine.Snapshot{Name: "s", State: engine.StateFinished, Evaluations: len(points), OK: len(points)}}
	leaders := plan.Leaders(5)
	for i, p := range points {
		g, err := space.Parse(fmt.Sprintf("x=%d", i+1))
		if err != nil {
			t.Fatal(err)
		}
		f.all = append(f.all, engine.Candidate{
			Job: engine.Job{ID: engine.ID(i + 1), Phase: engine.PhaseSearch, Task: engine.Train, Genome: g},
			Result: engine.Result{Status: engine.OK, Metrics: engine.Values{
				{Name: "accuracy", Value: p[0]}, {Name: "latency", Value: p[1]}, {Name: "third", Value: 3},
			}},
		})
	}
	for i := range f.all {
		leaders.Add(&f.all[i])
	}
	for _, c := range leaders.Best() {
		f.best = append(f.best, *c)
	}
	for _, c := range leaders.Front() {
		f.status.Front = append(f.status.Front, engine.Best{ID: c.ID, Metrics: c.Metrics})
	}
	f.status.Best = f.status.Front
	return &show.View{Reader: f, Plan: plan, Archive: &engine.Archive{Plan: plan}, Space: space, Strategies: []engine.StrategyEvent{{Name: "nsga2"}}, Dir: "s"}
}

// What is said of a front is so, also where nobody keeps the constraints or all are equal.
func TestWhoseFront(t *testing.T) {
	t.Parallel()
	bound := func(most float64) engine.Plan {
		return engine.Plan{Constraints: []engine.Constraint{{Metric: "latency", Max: &most}}}
	}
	for _, c := range []struct {
		plan   engine.Plan
		points [][2]float64
		want   string
	}{
		{engine.Plan{}, [][2]float64{{1, 1}, {2, 2}, {1, 2}}, "On the front are 2 candidates: no others are as good in every objective and better in one."},
		{engine.Plan{}, [][2]float64{{1, 2}, {2, 1}}, "The front is one candidate: it is at least as good as all others in every objective."},
		{engine.Plan{}, [][2]float64{{1, 2}, {1, 2}, {1, 3}}, "The front is one point, which 2 candidates share: " +
			"they are equal in every objective, and at least as good as all others."},
		{engine.Plan{}, [][2]float64{{1, 1}, {2, 2}, {2, 2}}, "On the front are 3 candidates: no others are as good"},
		{bound(5), [][2]float64{{9, 9}, {2, 2}}, "The front is one candidate: it is at least as good as all others that keep the constraints in every objective."},
		{bound(0), [][2]float64{{9, 9}, {2, 2}}, "No candidate keeps the constraints. The front is the one that breaks them least, whatever its objectives."},
		{bound(0), [][2]float64{{9, 2}, {2, 2}, {2, 3}}, "No candidate keeps the constraints. The front "},
	} {
		v := searched(t, c.plan, c.points...)
		v.Reader.(*finished).status.Hypervolume = new(float64)
		r := Of(v)
		if got := strings.Join(r.front(), " "); !strings.HasPrefix(got, c.want) {
			t.Errorf("%v: %s; want %s", c.points, got, c.want)
		} else if broken := strings.HasPrefix(got, "No candidate keeps"); strings.Contains(got, "hypervolume") == broken {
			t.Errorf("%v: %s", c.points, got)
		}
	}
}

// A target that is a point is named, with who reaches it; ties have a column, scales
// their axes, and an evaluator's own budget is told.
func TestReportNamesWhatWasAsked(t *testing.T) {
	t.Parallel()
	plan := engine.Plan{
		Objectives: []engine.Objective{
			{Metric: "accuracy", Goal: engine.Maximize}, {Metric: "latency", Goal: engine.Minimize, Scale: engine.LogScale},
		},
		Ties: []engine.Objective{{Metric: "third", Goal: engine.Minimize}},
	}
	v := searched(t, plan, [2]float64{0.9, 1000}, [2]float64{0.5, 1})
	v.Budgets, v.Units = []float64{3}, "epochs"
	f := v.Reader.(*finished)
	for reached, want := range map[engine.ID]string{
		1: "The target, accuracy 0.8000 with latency 2,000, is reached by candidate 1.",
		0: "The target, accuracy 0.8000 with latency 2,000, was not reached.",
	} {
		f.status.Limits.Targets = engine.Values{{Name: "accuracy", Value: 0.8}, {Name: "latency", Value: 2000}}
		f.status.Reached = reached
		if got := strings.Join(Of(v).verdict(), " "); !strings.Contains(got, want) {
			t.Errorf("the report does not say %q: %s", want, got)
		}
	}
	r := Of(v)
	d := r.Account()
	if !slices.Equal(d.Head, []string{"network", "parameters", "in the search", "re-measured", "on test data", "latency", "third"}) ||
		len(d.Rows) < 2 || d.Rows[0][6] != "3" {
		t.Errorf("the figures are %v %v", d.Head, d.Rows)
	}
	if !slices.Contains(d.Plan, [2]string{"fidelity 0", "e, budget 3 epochs"}) {
		t.Errorf("the search is described by %v", d.Plan)
	}
	var text strings.Builder
	if err := r.WriteText(&text, 200, "s", true); err != nil || !strings.Contains(text.String(), "accuracy against latency, latency logarithmic (●") {
		t.Errorf("%v, the report says %s", err, text.String())
	}
}

// Sizes that differ much are drawn on a logarithmic axis, if they can be.
func TestScaled(t *testing.T) {
	t.Parallel()
	size, other := engine.Objective{Metric: "parameters"}, engine.Objective{Metric: "latency"}
	log := engine.Objective{Metric: "latency", Scale: engine.LogScale}
	for _, c := range []struct {
		o    engine.Objective
		r    span
		want bool
	}{
		{size, span{Lo: 1, Hi: 1000}, true}, {size, span{Lo: 1, Hi: 50}, false}, {size, span{Lo: 0, Hi: 1e9}, false},
		{other, span{Lo: 1, Hi: 1000}, false}, {log, span{Lo: 1, Hi: 2}, true},
	} {
		if got := scaled(c.o, c.r); got != c.want {
			t.Errorf("%+v from %v to %v: %v", c.o, c.r.Lo, c.r.Hi, got)
		}
	}
}

// What breaks a soft constraint stands where it was measured, marked.
func TestBeyondSoftBounds(t *testing.T) {
	t.Parallel()
	most := 3.0
	plan := engine.Plan{Constraints: []engine.Constraint{{Metric: "latency", Max: &most, Weight: 0.1}}}
	r := Of(searched(t, plan, [2]float64{0.5, 1}, [2]float64{0.9, 5}, [2]float64{0.7, 4.5}, [2]float64{0.4, 2}))
	var text strings.Builder
	if err := r.WriteText(&text, 100, "s", true); err != nil {
		t.Fatal(err)
	}
	if s := text.String(); !strings.Contains(s, "○ such a one beyond a soft constraint") || strings.Count(s, "○") != 3 {
		t.Errorf("the text does not mark both: %s", s)
	}
}

// The table of a front says of how many it has ten.
func TestTableOfFront(t *testing.T) {
	t.Parallel()
	var all [][2]float64
	for i := range 10 {
		all = append(all, [2]float64{0.1 * float64(i), 1 + float64(i)})
	}
	for n, want := range map[int]bool{10: false, 11: true} {
		var text strings.Builder
		if err := Of(searched(t, engine.Plan{}, append(all, [2]float64{0.95, 20})[:n]...)).WriteText(&text, 100, "s", true); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(text.String(), "\n10 of the 11 candidates on the front:\ncandidate "); got != want {
			t.Errorf("of a front of %d it says\n%s", n, text.String())
		}
	}
}

// crowd is a finished search of so many objectives a, b, c ... with candidates of random
// values; all of the front is told.
func crowd(t *testing.T, objectives, candidates int) *show.View {
	t.Helper()
	space := genome.MustParseSpace(`{"x": {"int": [1, 9999]}}`)
	plan := engine.Plan{Fidelities: []engine.Fidelity{{Budget: 1}}, Rules: genome.Rules}
	for i := range objectives {
		plan.Objectives = append(plan.Objectives, engine.Objective{
			Metric: string(rune('a' + i)), Goal: []engine.Goal{engine.Maximize, engine.Minimize}[i%2],
		})
	}
	f := &finished{status: engine.Snapshot{Name: "s", State: engine.StateFinished, Evaluations: candidates, OK: candidates}}
	leaders := plan.Leaders(5)
	r := rng.New(1)
	for id := range candidates {
		g, err := space.Parse(fmt.Sprintf("x=%d", id+1))
		if err != nil {
			t.Fatal(err)
		}
		var m engine.Values
		for _, o := range plan.Objectives {
			x := math.Log(1 - r.Float64()) // a few are far behind
			if o.Goal == engine.Minimize {
				x = -x
			}
			m = append(m, engine.Value{Name: o.Metric, Value: x})
		}
		f.all = append(f.all, engine.Candidate{
			Job:    engine.Job{ID: engine.ID(id + 1), Phase: engine.PhaseSearch, Task: engine.Train, Genome: g},
			Result: engine.Result{Status: engine.OK, Metrics: m},
		})
		leaders.Add(&f.all[id])
	}
	for _, c := range leaders.Best() {
		f.best = append(f.best, *c)
	}
	for _, c := range leaders.Front() {
		f.status.Front = append(f.status.Front, engine.Best{ID: c.ID, Metrics: c.Metrics})
	}
	f.status.Best = f.status.Front
	return &show.View{Reader: f, Plan: plan, Archive: &engine.Archive{Plan: plan}, Space: space, Strategies: []engine.StrategyEvent{{Name: "nsga2"}}, Dir: "s"}
}

// How many candidates lie outside of a picture is said: exactly those of which no dot is to
// be seen.
func TestPicturesTellWhoIsOutside(t *testing.T) {
	t.Parallel()
	r := Of(crowd(t, 2, 300))
	f := &r.fronts[0]
	xs, ys := f.ranges()
	outside := 0
	for _, m := range f.all {
		if m.X < xs.Lo || m.X > xs.Hi || m.Y < ys.Lo || m.Y > ys.Hi {
			outside++
		}
	}
	var text strings.Builder
	if err := f.write(&text, 80); err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("; %d, worse than what is shown, outside)", outside); outside == 0 || !strings.Contains(text.String(), want) {
		t.Errorf("of 300 candidates %d are outside; the terminal says\n%s", outside, text.String())
	}
}

// A front of many objectives is one table and one picture on a terminal; what is left out is
// said.
func TestManyObjectives(t *testing.T) {
	t.Parallel()
	for objectives, pairs := range map[int]int{3: 3, 4: 6, 8: 28} {
		r := Of(crowd(t, objectives, 120))
		var text strings.Builder
		if err := r.WriteText(&text, 100, "s", true); err != nil {
			t.Fatal(err)
		}
		out := text.String()
		pictures := strings.Count(out, "(● the front")
		note := fmt.Sprintf("s/report.html has pictures of %d other pairs of objectives, too.", min(pairs, MostPairs)-1)
		switch many := many(objectives); {
		case len(r.fronts) != pairs:
			t.Errorf("of %d objectives there are %d pairs", objectives, len(r.fronts))
		case many && (pictures != 1 || !strings.Contains(out, note) || !strings.Contains(out, "\nThe front") || strings.Count(out, "\n") > 75):
			t.Errorf("of %d objectives the report has %d pictures:\n%s", objectives, pictures, out)
		case !many && (pictures != pairs || strings.Contains(out, "other pairs")):
			t.Errorf("of %d objectives the report has %d pictures", objectives, pictures)
		}
		text.Reset()
		if err := r.WriteText(&text, 100, "s", false); err != nil || strings.Contains(text.String(), "report.html") ||
			many(objectives) != strings.Contains(text.String(), " report s writes has pictures of ") {
			t.Errorf("without a page it says (%v)\n%s", err, text.String())
		}
	}
}

func many(objectives int) bool { return objectives > 3 }

// What nobody has a value of decided nothing, which is said.
func TestPreferenceWithoutValues(t *testing.T) {
	t.Parallel()
	for prefer, want := range map[string]string{
		"":          "The best of them by a is",
		"b":         "The best of them by b is",
		"a - b":     "The best of them by a - b is",
		"1/(a - a)": "The best of them by a (of 1/(a - a) none has a value) is",
	} {
		v := crowd(t, 2, 100)
		v.Plan.Prefer = prefer
		if got := strings.Join(Of(v).front(), " "); !strings.Contains(got, want) {
			t.Errorf("prefer %q: the report says %q; want %q", prefer, got, want)
		}
	}
}
