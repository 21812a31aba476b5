package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
	"github.com/nascent-nas/nascent/engine/evolve"
	"github.com/nascent-nas/nascent/genome"
)

var unitSquare = genome.MustParseSpace(`{"x": {"float": [0, 1], "step": 0.05}, "y": {"float": [0, 1], "step": 0.05}}`)

// opposed are two metrics of which neither is best where the other is (ZDT1, Zitzler,
// Deb & Thiele 2000), and one that nothing else depends on.
func opposed(_ context.Context, j *engine.Job) (map[string]float64, error) {
	x := unitSquare.Encode(j.Genome)
	g := 1 + 9*x[1]
	return map[string]float64{"cost": x[0], "error": g * (1 - math.Sqrt(x[0]/g)), "third": math.Round(2 * x[1])}, nil
}

// front is a search for the front of opposed.
func front(t *testing.T, strategy string) engine.Config {
	t.Helper()
	s, err := evolve.New(strategy)
	if err != nil {
		t.Fatal(err)
	}
	cfg := config(enginetest.Memory(t))
	cfg.Space, cfg.Strategy, cfg.StrategyName = unitSquare, s, strategy
	cfg.Evaluators = map[string]engine.EvaluatorRef{"f": {Evaluator: engine.Func(opposed,
		engine.Metric{Name: "cost"}, engine.Metric{Name: "error"}, engine.Metric{Name: "third"})}}
	cfg.Objectives = []engine.Objective{{Metric: "error", Goal: engine.Minimize}, {Metric: "cost", Goal: engine.Minimize}}
	cfg.Ties = []engine.Objective{{Metric: "third"}}
	return cfg
}

func value(c engine.Values, metric string) float64 {
	x, _ := c.Get(metric)
	return x
}

// The front of a search is what nobody dominates, and the same after its process ended.
func TestFrontOfASearch(t *testing.T) {
	t.Parallel()
	cfg := front(t, "aging")
	said := ""
	cfg.Log = func(format string, args ...any) { said += fmt.Sprintf(format, args...) + "\n" }
	s := run(t, cfg)
	dominates := func(a, b engine.Values) bool {
		better := value(a, "cost") < value(b, "cost") || value(a, "error") < value(b, "error")
		return better && value(a, "cost") <= value(b, "cost") && value(a, "error") <= value(b, "error")
	}
	want := map[string]bool{}
	all := slices.Collect(s.Candidates())
	for _, c := range all {
		if c.Phase == engine.PhaseSearch && !slices.ContainsFunc(all, func(d engine.Candidate) bool { return dominates(d.Metrics, c.Metrics) }) {
			want[c.Genome.Text()] = true
		}
	}
	a, err := engine.Read(cfg.Ledger)
	if err != nil {
		t.Fatal(err)
	}
	for _, st := range []engine.Snapshot{s.Status(), a.Status()} {
		if len(st.Front) != len(want) || len(want) < 3 {
			t.Fatalf("the front has %d, want %d", len(st.Front), len(want))
		}
		for i, b := range st.Front {
			if !want[b.Genome] {
				t.Errorf("%s is dominated", b.Genome)
			}
			if i > 0 && value(b.Metrics, "error") <= value(st.Front[i-1].Metrics, "error") {
				t.Errorf("the front is not in the order of the first objective: %+v", st.Front)
			}
		}
		if st.Best[0].ID != st.Front[0].ID || len(st.Best) != min(5, len(want)) {
			t.Errorf("the best are %+v", st.Best)
		}
	}
	if got := len(s.Archive().Front()); got != len(want) {
		t.Errorf("the archive of a running search has a front of %d", got)
	}
	plan := a.Plan
	if raw, err := json.Marshal(plan); err != nil || !strings.Contains(string(raw), `"ties":[{"metric":"third","goal":"maximize"}]`) {
		t.Errorf("the plan is %s, %v", raw, err)
	}
}

// A target of a front is reached by any candidate on it.
func TestTargetOfAFront(t *testing.T) {
	t.Parallel()
	cfg := front(t, "random")
	target := 0.7
	cfg.Limits.Target, cfg.Limits.Evaluations = &target, 400
	s := run(t, cfg)
	if st := s.Status(); st.Evaluations == 400 ||
		!slices.ContainsFunc(st.Front, func(b engine.Best) bool { return b.ID == st.Reached && value(b.Metrics, "error") <= target }) {
		t.Errorf("after %d evaluations its front is %+v", st.Evaluations, st.Front)
	}
}

// A target may be a point, which one candidate reaches in all objectives.
func TestTargets(t *testing.T) {
	t.Parallel()
	cfg := front(t, "random")
	targets := engine.Values{{Name: "cost", Value: 0.5}, {Name: "error", Value: 1.2}}
	cfg.Limits.Targets, cfg.Limits.Evaluations = targets, 400
	s := run(t, cfg)
	both := func(c engine.Candidate) bool {
		return value(c.Metrics, "error") <= 1.2 && value(c.Metrics, "cost") <= 0.5
	}
	all := slices.Collect(s.Candidates())
	if n := s.Status().Evaluations; n == 400 || s.Status().Reached != all[n-1].ID || !both(all[n-1]) || slices.ContainsFunc(all[:n-1], both) {
		t.Errorf("it ends after %d evaluations: %+v", n, all[n-1].Metrics)
	}
	one := func(metric string, most float64) bool {
		return slices.ContainsFunc(all[:len(all)-1], func(c engine.Candidate) bool { return value(c.Metrics, metric) <= most })
	}
	if !one("cost", 0.5) || !one("error", 1.2) {
		t.Error("nobody reached one of both before: choose another seed")
	}
	a, err := engine.Read(cfg.Ledger)
	if err != nil || !slices.Equal(a.Limits.Targets, targets) {
		t.Errorf("recorded is %+v, %v", a.Limits, err)
	}
	cfg.Limits.Targets = engine.Values{{Name: "cost", Value: 0}, {Name: "error", Value: 0}}
	cfg.Limits.Evaluations += 30
	if st := run(t, cfg).Status(); st.Evaluations != 430 || st.Reached != 0 {
		t.Errorf("with another target it has %d evaluations", st.Evaluations)
	}
}

// Of a reference that nothing is better than there is a word, once.
func TestReferenceOutOfReachIsSaid(t *testing.T) {
	t.Parallel()
	const word = "is better than the reference in all objectives"
	for reference, want := range map[float64]int{-1: 1, 0.9: 0} {
		cfg, said := front(t, "random"), ""
		cfg.Reference = engine.Values{{Name: "cost", Value: reference}, {Name: "error", Value: 2}}
		cfg.Limits.Evaluations = 60
		cfg.Log = func(format string, args ...any) { said += fmt.Sprintf(format, args...) + "\n" }
		s := run(t, cfg)
		if n := strings.Count(said, word); n != want || (*s.Status().Hypervolume == 0) != (want == 1) {
			t.Errorf("with cost %v it is said %d times, want %d: %s", reference, n, want, said)
		}
	}
}

// Of a logarithmic scale on which all is alike there is a word, once.
func TestScaleThatTellsNothingApartIsSaid(t *testing.T) {
	t.Parallel()
	for unit, want := range map[string]int{"1e-13": 1, "0": 1, "-1": 1, "1": 0} {
		cfg, said := front(t, "random"), ""
		cfg.Derived = []engine.Derived{{Metric: "shown", Expression: "(cost + 0.001) * " + unit}}
		cfg.Objectives[0] = engine.Objective{Metric: "shown", Goal: engine.Minimize, Scale: engine.LogScale}
		cfg.Limits.Evaluations = 60
		cfg.Log = func(format string, args ...any) { said += fmt.Sprintf(format, args...) + "\n" }
		run(t, cfg)
		if n := strings.Count(said, "none of 20 genomes that were measured has a shown above 1e-12"); n != want {
			t.Errorf("times %s it is said %d times, want %d: %s", unit, n, want, said)
		}
	}
}

// The hypervolume is what the front dominates, against what was declared or what the
// first candidates were.
func TestHypervolumeOfASearch(t *testing.T) {
	t.Parallel()
	area := func(cs []engine.Candidate, x0, y0 float64) (area float64) {
		for i := len(cs) - 1; i >= 0; i-- { // cost rises
			right := x0
			if i > 0 {
				right = min(x0, value(cs[i-1].Metrics, "cost"))
			}
			if e := value(cs[i].Metrics, "error"); e < y0 && value(cs[i].Metrics, "cost") < right {
				area += (right - value(cs[i].Metrics, "cost")) * (y0 - e)
			}
		}
		return area
	}
	for _, declared := range []bool{true, false} {
		cfg := front(t, "random")
		cost, err := 0.9, 2.0
		if declared {
			cfg.Reference = engine.Values{{Name: "cost", Value: cost}, {Name: "error", Value: err}}
		}
		s := run(t, cfg)
		if !declared {
			lo, hi := [2]float64{9, 9}, [2]float64{}
			n := 0
			for c := range s.Candidates() {
				if n++; n > 20 {
					break
				}
				for i, x := range []float64{value(c.Metrics, "cost"), value(c.Metrics, "error")} {
					lo[i], hi[i] = min(lo[i], x), max(hi[i], x)
				}
			}
			cost, err = hi[0]+(hi[0]-lo[0])/10, hi[1]+(hi[1]-lo[1])/10
		}
		st := s.Status()
		if st.Hypervolume == nil || math.Abs(*st.Hypervolume-area(s.Archive().Front(), cost, err)) > 1e-9 {
			t.Errorf("declared is %v: %v, want %v", declared, st.Hypervolume, area(s.Archive().Front(), cost, err))
		}
		if math.Abs(value(st.Reference, "cost")-cost) > 1e-9 || math.Abs(value(st.Reference, "error")-err) > 1e-9 {
			t.Errorf("declared is %v: the reference is %v, want %v and %v", declared, st.Reference, cost, err)
		}
	}
	one := front(t, "random")
	one.Objectives = one.Objectives[:1]
	if st := run(t, one).Status(); st.Hypervolume != nil || st.Reference != nil {
		t.Errorf("one objective has the hypervolume %v", *st.Hypervolume)
	}
}

// A search that began when the first objective decided goes on so; it is the search
// with one objective and ties that can be begun now, to the digest.
func TestObjectivesByRevision(t *testing.T) {
	t.Parallel()
	for _, strategy := range []string{"aging", "genetic"} {
		var digests [3]string
		for i, c := range []struct {
			rules, objectives int
		}{{1, 2}, {2, 1}, {2, 2}} {
			cfg := front(t, strategy)
			both := cfg.Objectives
			cfg.Space, cfg.Ties, cfg.Objectives = unitSquare.ByRules(c.rules), both[c.objectives:], both[:c.objectives]
			if strategy == "aging" && c.rules > 1 {
				cfg.StrategyOptions = json.RawMessage(`{"sample": 5}`) // the default before
			}
			s := run(t, cfg)
			digests[i] = digest(t, cfg.Ledger, -1)
			again := func(engine.StrategyEvent) (engine.Strategy, error) { return evolve.New(strategy) }
			if err := engine.Replay(t.Context(), again, cfg.Ledger, nil); err != nil {
				t.Errorf("%s: rules %d and %d objectives: %v", strategy, c.rules, c.objectives, err)
			}
			if got := len(s.Status().Front); (got > 0) != (i == 2) {
				t.Errorf("%s: rules %d and %d objectives have a front of %d", strategy, c.rules, c.objectives, got)
			}
			cfg.Limits.Evaluations += 20
			said := ""
			cfg.Log = func(format string, args ...any) { said += fmt.Sprintf(format, args...) + "\n" }
			cfg.Space = unitSquare // as it is declared today
			run(t, cfg)
			if strings.Contains(said, "the first objective decides") != (i == 0) {
				t.Errorf("%s: rules %d and %d objectives: going on it says %q", strategy, c.rules, c.objectives, said)
			}
			if a, err := engine.Read(cfg.Ledger); err != nil || a.Plan.Rules != c.rules {
				t.Errorf("%s: it goes on by rules %d, %v", strategy, a.Plan.Rules, err)
			}
		}
		if digests[0] != digests[1] {
			t.Errorf("%s: two objectives of before and one with a tie differ", strategy)
		}
		if digests[1] == digests[2] {
			t.Errorf("%s: a second objective is but a tie", strategy)
		}
	}
}

// Ties decide between equals, in the search and when it is replayed.
func TestTiesDecide(t *testing.T) {
	t.Parallel()
	var tried [2]string
	for i, ties := range [][]engine.Objective{nil, {{Metric: "cost", Goal: engine.Minimize}}} {
		cfg := front(t, "genetic")
		cfg.Objectives, cfg.Ties = []engine.Objective{{Metric: "third", Goal: engine.Minimize}}, ties
		s := run(t, cfg)
		for c := range s.Candidates() {
			tried[i] += c.Genome.Text() + "\n"
		}
		find := func(engine.StrategyEvent) (engine.Strategy, error) { return evolve.New("genetic") }
		if err := engine.Replay(t.Context(), find, cfg.Ledger, nil); err != nil {
			t.Error(err)
		}
		if best := s.Best(1)[0]; ties != nil && value(best.Metrics, "cost") != 0 {
			t.Errorf("the best is %v, and no other of its value is cheaper", best.Metrics)
		}
	}
	if tried[0] == tried[1] {
		t.Error("with a tie and without the same is tried")
	}
}

func TestObjectivesAreChecked(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*engine.Config){
		"ties[0].metric":       func(c *engine.Config) { c.Ties = []engine.Objective{{Metric: "cost"}} },
		"ties[0].goal":         func(c *engine.Config) { c.Ties[0].Goal = "up" },
		"objectives[1].metric": func(c *engine.Config) { c.Objectives[1].Metric = "error" },
		"objectives[0].scale":  func(c *engine.Config) { c.Objectives[0].Scale = "ln" },
		"reference": func(c *engine.Config) {
			c.Reference = engine.Values{{Name: "cost", Value: 1}}
		},
		"limits.target": func(c *engine.Config) { c.Limits.Targets = engine.Values{{Name: "third", Value: 1}} },
		"objectives":    func(c *engine.Config) { c.Objectives = make([]engine.Objective, engine.MaxObjectives+1) },
	} {
		cfg := front(t, "random")
		change(&cfg)
		var m *engine.Mistake
		if _, err := engine.New(cfg); !errors.As(err, &m) || m.Key != name {
			t.Errorf("%s: %v", name, err)
		}
	}
	cfg := front(t, "random")
	cfg.Ties[0].Metric = "nobody"
	if _, err := engine.Run(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "ties[0].metric") {
		t.Errorf("a tie that nobody measures: %v", err)
	}
}

// The final strategy measures the best of the front again, and tests those that stay on
// it; the winner is the best by the preferred objective.
func TestFinalOfAFront(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		prefer string
		noise  float64
		most   float64 // parameters allowed
	}{{"", 0.1, 0}, {"parameters", 0.1, 0}, {"", 0.1, 3000}, {"", 0, 0}} {
		land := enginetest.Landscape{Seed: 5, Noise: c.noise}
		cfg := config(enginetest.Memory(t))
		cfg.Strategy, cfg.Prefer = randomly{}, c.prefer
		cfg.Evaluators = map[string]engine.EvaluatorRef{"f": {Evaluator: land.Instant()}}
		cfg.Objectives = []engine.Objective{{Metric: "accuracy"}, {Metric: "parameters", Goal: engine.Minimize}}
		if c.most > 0 {
			cfg.Constraints = []engine.Constraint{{Metric: "parameters", Max: &c.most}}
		}
		cfg.Final = engine.Final{Top: 6, Repeats: 2, Tests: 2}
		s := run(t, cfg)
		o, ok := s.Outcome()
		if !ok || !o.Complete || len(o.Front) == 0 || o.Front[0] != o.Winner {
			t.Fatalf("%+v: the outcome is %+v", c, o)
		}
		if c.noise == 0 { // nothing is measured again
			if len(o.Remeasured) != 0 || len(o.Front) != 3 || len(o.Tested) != 3 {
				t.Errorf("%+v: the outcome is %+v", c, o)
			}
			continue
		}
		if len(o.Remeasured) != min(6, len(s.Status().Front)) || len(o.Remeasured) < 4 {
			t.Fatalf("%+v: %d measured again, of a front of %d", c, len(o.Remeasured), len(s.Status().Front))
		}
		goal := map[string]float64{"accuracy": 1, "parameters": -1}
		best, bestID := math.Inf(-1), engine.ID(0)
		var want []engine.ID
		for _, a := range o.Remeasured {
			mean, _, _ := a.Mean("accuracy")
			if got := value(a.Judged, "accuracy"); got != mean {
				t.Errorf("%+v: candidate %s is judged by %v, its mean is %v", c, a.ID, got, mean)
			}
			if slices.ContainsFunc(o.Remeasured, func(b engine.Measured) bool {
				x, y := value(b.Judged, "accuracy")-mean, value(a.Judged, "parameters")-value(b.Judged, "parameters")
				return x >= 0 && y >= 0 && x+y > 0
			}) {
				continue
			}
			want = append(want, a.ID)
			metric := c.prefer
			if metric == "" {
				metric = "accuracy"
			}
			if x := goal[metric] * value(a.Judged, metric); x > best {
				best, bestID = x, a.ID
			}
		}
		slices.Sort(want)
		if got := slices.Sorted(slices.Values(o.Front)); !slices.Equal(got, want) || o.Winner != bestID {
			t.Errorf("%+v: the front is %v and the winner %s; want %v and %s", c, got, o.Winner, want, bestID)
		}
		if len(o.Front) == len(o.Remeasured) && c.prefer == "" && c.most == 0 {
			t.Errorf("%+v: nobody fell off the front: choose another seed", c)
		}
		var tested []engine.ID
		for _, m := range o.Tested {
			if tested = append(tested, m.ID); len(m.Results) != 2 {
				t.Errorf("%+v: candidate %s was tested %d times", c, m.ID, len(m.Results))
			}
		}
		if !slices.Equal(tested, o.Front) {
			t.Errorf("%+v: tested are %v, on the front %v", c, tested, o.Front)
		}
		if c.most > 0 && (o.Violation != 0 ||
			slices.ContainsFunc(s.Status().Front, func(b engine.Best) bool { return value(b.Metrics, "parameters") > c.most })) {
			t.Errorf("%+v: what breaks the constraint is on a front", c)
		}
		if err := engine.Replay(t.Context(), func(engine.StrategyEvent) (engine.Strategy, error) { return randomly{}, nil }, cfg.Ledger, nil); err != nil {
			t.Error(err)
		}
	}
}
