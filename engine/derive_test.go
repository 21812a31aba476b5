package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
	"github.com/nascent-nas/nascent/engine/evolve"
	"github.com/nascent-nas/nascent/genome"
)

// costly is opposed with a size that may be 0, and a latency that is measured.
func costly(ctx context.Context, j *engine.Job) (map[string]float64, error) {
	m, err := opposed(ctx, j)
	m["size"], m["val/loss"] = math.Round(20*m["cost"]), m["error"]
	m["latency"] = float64(j.ID%7) / 4
	return m, err
}

var costlyMetrics = []engine.Metric{{Name: "cost"}, {Name: "error"}, {Name: "third"}, {Name: "size"}, {Name: "val/loss"}, {Name: "latency", Measured: true}}

// derived is a search that judges by a derived metric.
func derived(t *testing.T, score string) engine.Config {
	t.Helper()
	cfg := front(t, "aging")
	cfg.Evaluators = map[string]engine.EvaluatorRef{"f": {Evaluator: engine.Func(costly, costlyMetrics...)}}
	cfg.Derived = []engine.Derived{{Metric: "score", Expression: score}}
	cfg.Objectives, cfg.Ties = []engine.Objective{{Metric: "score"}}, nil
	return cfg
}

// onlookers see what a strategy sees.
type onlookers struct {
	engine.Strategy
	setup *engine.Setup
	seen  *[]engine.Values
}

func (o onlookers) Open(ctx context.Context, setup engine.Setup) ([]byte, engine.Needs, error) {
	*o.setup = setup
	return o.Strategy.Open(ctx, setup)
}

func (o onlookers) Step(ctx context.Context, state []byte, turn engine.Turn) (engine.Decision, error) {
	for _, c := range turn.Results {
		*o.seen = append(*o.seen, c.Metrics)
	}
	return o.Strategy.Step(ctx, state, turn)
}

func looking(cfg *engine.Config) onlookers {
	o := onlookers{cfg.Strategy, new(engine.Setup), new([]engine.Values)}
	cfg.Strategy = o
	return o
}

func replays(t *testing.T, cfg engine.Config) {
	t.Helper()
	if err := engine.Replay(t.Context(), func(engine.StrategyEvent) (engine.Strategy, error) { return cfg.Strategy, nil }, cfg.Ledger, nil); err != nil {
		t.Error(err)
	}
}

// A derived metric is one like others: the search goes by it, a strategy sees it, so
// does whoever reads the ledger; and how many work at it, or when it was interrupted,
// makes no difference.
func TestDerivedMetric(t *testing.T) {
	t.Parallel()
	const score = `1 - metric("val/loss") - 0.3*log10(1 + size)`
	cfg := derived(t, score)
	cfg.Derived = append(cfg.Derived, engine.Derived{Metric: "double", Expression: "2*score"})
	o := looking(&cfg)
	s := run(t, cfg)
	if !slices.ContainsFunc(o.setup.Metrics, func(m engine.Metric) bool { return m == engine.Metric{Name: "score"} }) {
		t.Errorf("the strategy was told of %v", o.setup.Metrics)
	}
	if len(*o.seen) == 0 {
		t.Error("the strategy saw nothing")
	}
	for _, m := range *o.seen {
		want := 1 - value(m, "val/loss") - 0.3*math.Log10(1+value(m, "size"))
		sorted := slices.IsSortedFunc(m, func(a, b engine.Value) int { return strings.Compare(a.Name, b.Name) })
		if got := value(m, "score"); math.Abs(got-want) > 1e-12 || value(m, "double") != 2*got || !sorted {
			t.Fatalf("it saw %v, want a score of %v", m, want)
		}
	}
	best := math.Inf(-1)
	for c := range s.Candidates() {
		best = max(best, value(c.Metrics, "score"))
	}
	a, err := engine.Read(cfg.Ledger)
	if err != nil {
		t.Fatal(err)
	}
	if got := a.Status().Best[0].Metrics; value(got, "score") != best {
		t.Errorf("the best are %v, the best score %v", got, best)
	}
	if !slices.ContainsFunc(a.Metrics(), func(m engine.Metric) bool { return m.Name == "double" }) {
		t.Errorf("the archive knows of %v", a.Metrics())
	}
	replays(t, cfg)

	again := derived(t, score)
	again.Derived, again.Workers, again.Limits.Evaluations = cfg.Derived, 5, 25
	run(t, again)
	again.Limits.Evaluations = cfg.Limits.Evaluations
	run(t, again)
	if digest(t, cfg.Ledger, -1) != digest(t, again.Ledger, -1) {
		t.Error("the digest depends on workers, or on an interruption")
	}
	again.Derived = []engine.Derived{{Metric: "score", Expression: "1 - error"}, cfg.Derived[1]}
	if _, err := engine.Run(t.Context(), again); err == nil || !strings.Contains(err.Error(), "metrics: the search began with") {
		t.Errorf("another expression in mid-search: %v", err)
	}
	if raw, err := json.Marshal(engine.Plan{}); err != nil || strings.Contains(string(raw), "metrics") || strings.Contains(string(raw), "weight") {
		t.Errorf("plans without any are written as %s, %v", raw, err)
	}
}

// Strategies may go by derived metrics as by others, when they are asked again, too.
func TestDerivedDescriptor(t *testing.T) {
	t.Parallel()
	cfg := derived(t, "error - 0.1*size")
	elites, err := evolve.New("mapelites")
	if err != nil {
		t.Fatal(err)
	}
	cfg.Strategy, cfg.StrategyName = elites, "mapelites"
	cfg.StrategyOptions = json.RawMessage(`{"descriptors": [{"metric": "score", "edges": [-1, 0, 1]}]}`)
	run(t, cfg)
	replays(t, cfg)
}

// What is not finite makes a candidate invalid.
func TestDerivedNotFinite(t *testing.T) {
	t.Parallel()
	for score, value := range map[string]string{"error - log10(size)": "+Inf", "-1/size": "-Inf", "log(size - 1)*error": ""} {
		cfg := derived(t, score)
		s := run(t, cfg)
		invalid := 0
		for c := range s.Candidates() {
			switch c.Status {
			case engine.OK:
			case engine.Invalid:
				invalid++
				if want := "metric score is " + value; !strings.HasPrefix(c.Reason, want) || !strings.Contains(c.Reason, score) ||
					!strings.Contains(c.Reason, ", with ") || len(c.Metrics) > 0 {
					t.Errorf("%s: candidate %s: %q, with %v", score, c.ID, c.Reason, c.Metrics)
				}
			default:
				t.Errorf("%s: candidate %s is %s: %s", score, c.ID, c.Status, c.Reason)
			}
		}
		if st := s.Status(); invalid == 0 || st.Invalid != invalid || st.OK == 0 {
			t.Errorf("%s: %d are invalid, %+v", score, invalid, st)
		}
		replays(t, cfg)
	}
}

// Strategies see of measured numbers what the search judges by, and no more.
func TestDerivedFromMeasured(t *testing.T) {
	t.Parallel()
	has := func(m engine.Values, name string) bool { _, ok := m.Get(name); return ok }
	for _, c := range []struct {
		name  string
		set   func(cfg *engine.Config)
		score bool // strategies see it
		third bool
	}{
		{"for people alone", func(cfg *engine.Config) { cfg.Objectives[0] = engine.Objective{Metric: "error", Goal: engine.Minimize} }, false, false},
		{"objective", func(cfg *engine.Config) {}, true, false},
		{"tie", func(cfg *engine.Config) {
			cfg.Objectives[0].Metric, cfg.Ties = "error", []engine.Objective{{Metric: "score"}}
		}, true, false},
		{"of another one", func(cfg *engine.Config) {
			cfg.Derived = append(cfg.Derived, engine.Derived{Metric: "further", Expression: "score + 1"})
			cfg.Objectives[0].Metric = "further"
		}, false, false},
		{"soft constraint", func(cfg *engine.Config) {
			cfg.Objectives[0].Metric = "error"
			cfg.Constraints = []engine.Constraint{{Metric: "score", Max: new(float64), Weight: 1}}
		}, true, false},
		{"preference", func(cfg *engine.Config) {
			cfg.Objectives = []engine.Objective{{Metric: "error", Goal: engine.Minimize}, {Metric: "cost", Goal: engine.Minimize}}
			cfg.Prefer = "score - cost"
		}, true, false},
	} {
		cfg := derived(t, "error - latency")
		c.set(&cfg)
		o := looking(&cfg)
		s := run(t, cfg)
		for _, m := range *o.seen {
			if has(m, "latency") || has(m, "score") != c.score {
				t.Fatalf("%s: the strategy saw %v", c.name, m)
			}
		}
		for x := range s.Candidates() {
			if x.Status != engine.OK || !has(x.Metrics, "latency") || !has(x.Metrics, "score") {
				t.Fatalf("%s: people see %+v", c.name, x.Result)
			}
		}
		i := slices.IndexFunc(o.setup.Metrics, func(m engine.Metric) bool { return m.Name == "score" })
		if i < 0 || !o.setup.Metrics[i].Measured {
			t.Errorf("%s: the strategy was told of %v", c.name, o.setup.Metrics)
		}
		replays(t, cfg)
	}
	// One that is for people alone and not finite is left out: it decides nothing.
	cfg := derived(t, "1/latency")
	cfg.Objectives[0] = engine.Objective{Metric: "error", Goal: engine.Minimize}
	plain := derived(t, "error")
	plain.Objectives = cfg.Objectives
	a, b := run(t, cfg), run(t, plain)
	left := 0
	for x := range a.Candidates() {
		if x.Status != engine.OK {
			t.Fatalf("candidate %s is %s: %s", x.ID, x.Status, x.Reason)
		}
		if !has(x.Metrics, "score") {
			left++
		}
	}
	if left == 0 {
		t.Error("nothing was left out")
	}
	if x, y := a.Best(1)[0].ID, b.Best(1)[0].ID; x != y {
		t.Errorf("the best are %s and %s", x, y)
	}
}

// A result that lacks what an objective is computed from has failed, and says so.
func TestDerivedOfWhatIsMissing(t *testing.T) {
	t.Parallel()
	cfg := derived(t, "error - size")
	cfg.Derived = append(cfg.Derived, engine.Derived{Metric: "further", Expression: "2*score"})
	cfg.Objectives[0].Metric = "further"
	cfg.Evaluators["f"] = engine.EvaluatorRef{Evaluator: engine.Func(func(ctx context.Context, j *engine.Job) (map[string]float64, error) {
		m, err := costly(ctx, j)
		if j.ID == 3 {
			delete(m, "size")
		}
		return m, err
	}, costlyMetrics...)}
	cfg.Failures.Attempts = 1
	s := run(t, cfg)
	for c := range s.Candidates() {
		want := ""
		if c.ID == 3 {
			want = "the result has no metric size, from which further is computed"
		}
		if c.Reason != want {
			t.Errorf("candidate %s: %q", c.ID, c.Reason)
		}
	}
}

func TestDerivedMistakes(t *testing.T) {
	t.Parallel()
	type set = func(cfg *engine.Config)
	expression := func(text string) set { return func(cfg *engine.Config) { cfg.Derived[0].Expression = text } }
	prefer := func(text string) set {
		return func(cfg *engine.Config) {
			cfg.Objectives = []engine.Objective{{Metric: "error", Goal: engine.Minimize}, {Metric: "cost", Goal: engine.Minimize}}
			cfg.Prefer = text
		}
	}
	for want, set := range map[string]set{
		"metrics.score: position 9: there is no function lg10; did you mean log10?":     expression("error - lg10(size)"),
		`metrics.score: position 1: there is no metric "eror"; did you mean error?`:     expression("eror - size"),
		`metrics.score: position 9: there is no metric "val"; write metric("val/loss")`: expression("error - val/loss"),
		"metrics.score: position 6: a parenthesis opens and does not close":             expression("log10(size"),
		"metrics.score: it names score, which does not stand above it":                  expression("score + 1"),
		`metrics.score: it names late, which does not stand above it`: func(cfg *engine.Config) {
			cfg.Derived[0].Expression = "late"
			cfg.Derived = append(cfg.Derived, engine.Derived{Metric: "late", Expression: "size"})
		},
		"metrics.score: it stands there twice; keep one of them":                                                                  func(cfg *engine.Config) { cfg.Derived = append(cfg.Derived, cfg.Derived[0]) },
		"metrics.size: an evaluator measures a metric of that name itself; give it another":                                       func(cfg *engine.Config) { cfg.Derived[0].Metric = "size" },
		`metrics.my score: "my score" is no name for a metric`:                                                                    func(cfg *engine.Config) { cfg.Derived[0].Metric = "my score" },
		`objectives[0].metric: no evaluator measures "error - size"; name the expression, as in metrics: {score: "error - size"}`: func(cfg *engine.Config) { cfg.Objectives[0].Metric = "error - size" },
		`objectives[0].metric: no evaluator measures "late"; there are `:                                                          func(cfg *engine.Config) { cfg.Objectives[0].Metric = "late" },
		"an evaluator of yours declares it among its metrics (metrics= in Python)":                                                func(cfg *engine.Config) { cfg.Objectives[0].Metric = "late" },
		"constraints[0].weight: -1 is no weight": func(cfg *engine.Config) {
			cfg.Constraints = []engine.Constraint{{Metric: "size", Max: new(float64), Weight: -1}}
		},
		"prefer: size is no objective; name one (error, cost), or write an expression of which more is better": prefer("size"),
		"prefer: position 7: there is no function log3":                                                        prefer("error*log3(size)"),
		`prefer: position 1: there is no metric "sizes"`:                                                       prefer("sizes + 1"),
		"prefer: there is one objective, so there is no front to choose from":                                  func(cfg *engine.Config) { cfg.Prefer = "error + size" },
	} {
		cfg := derived(t, "error - size")
		set(&cfg)
		_, err := engine.Run(t.Context(), cfg)
		if err == nil || !errors.Is(err, engine.ErrConfig) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nwant %s", err, want)
		}
	}
	// Evaluators do not know derived metrics, so nothing can be stopped by one.
	cfg := derived(t, "error - size")
	cfg.Strategy = stopping{}
	if _, err := engine.Run(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "stop by a metric that is not derived") {
		t.Errorf("a job that is stopped by a derived metric: %v", err)
	}
}

// stopping stops jobs by a derived metric.
type stopping struct{ randomly }

func (stopping) Step(ctx context.Context, state []byte, turn engine.Turn) (engine.Decision, error) {
	d, err := randomly{}.Step(ctx, state, turn)
	for i := range d.Proposals {
		d.Proposals[i].Stop = &engine.StopRule{Metric: "score", Goal: engine.Maximize, Step: 1}
	}
	return d, err
}

// Derived numbers are in learning curves where they can be.
func TestDerivedCurves(t *testing.T) {
	t.Parallel()
	d, err := engine.Derive([]engine.Derived{{Metric: "score", Expression: "1/loss"}})
	if err != nil {
		t.Fatal(err)
	}
	point := func(step float64, name string, x float64) engine.Point {
		return engine.Point{Step: step, Metrics: engine.Values{{Name: name, Value: x}}}
	}
	r := engine.Result{Status: engine.OK, Metrics: engine.Values{{Name: "loss", Value: 4}},
		Curve: []engine.Point{point(1, "loss", 0), point(2, "loss", 2), point(3, "other", 1)}}
	given := fmt.Sprint(r)
	whole := r
	d.Complete(&whole)
	if got := fmt.Sprint(whole.Metrics, whole.Curve); got != "[{loss 4} {score 0.25}] [{1 [{loss 0}]} {2 [{loss 2} {score 0.5}]} {3 [{other 1}]}]" {
		t.Errorf("it became %s", got)
	}
	if fmt.Sprint(r) != given {
		t.Errorf("the caller's became %v", r)
	}
	failed := engine.Result{Status: engine.Failed, Metrics: r.Metrics}
	if d.Complete(&failed); len(failed.Metrics) != 1 || failed.Status != engine.Failed {
		t.Errorf("what failed became %+v", failed)
	}
}

// Who breaks soft constraints counts as worse in every objective, and is admissible.
func TestSoftConstraints(t *testing.T) {
	t.Parallel()
	ten, zero := 10.0, 0.0
	setup := func(goal engine.Goal, constraints ...engine.Constraint) engine.Ranking {
		s := engine.Setup{Objectives: []engine.Objective{{Metric: "x", Goal: goal}}, Constraints: constraints}
		return s.Ranking()
	}
	half := engine.Constraint{Metric: "latency", Max: &ten, Weight: 0.5}
	for i, c := range []struct {
		ranking    engine.Ranking
		x, latency float64
		want       float64
	}{
		{setup(engine.Maximize, half), 0.9, 10, 0.9},
		{setup(engine.Maximize, half), 0.9, 11, 0.9 / 1.05},
		{setup(engine.Maximize, half), 90, 11, 90 / 1.05}, // whatever the unit
		{setup(engine.Maximize, half), 0.9, 100, 0.9 / 5.5},
		{setup(engine.Maximize, half), -2, 11, -2.1},
		{setup(engine.Minimize, half), 200, 11, -210},
		{setup(engine.Minimize, half), -200, 11, 200 / 1.05},
		{setup(engine.Maximize, half), 0, 11, 0},
		{setup(engine.Maximize, engine.Constraint{Metric: "latency", Min: &ten, Weight: 2}), 1, 5, 0.5},
		{setup(engine.Maximize, engine.Constraint{Metric: "latency", Max: &zero, Weight: 2}), 1, 5, 1. / 11}, // no share of 0
		{setup(engine.Maximize, half, engine.Constraint{Metric: "x", Min: &ten, Weight: 1}), 5, 20, 2.5},
		{setup(engine.Maximize, half, engine.Constraint{Metric: "x", Max: &ten}), 5, 20, 5 / 1.5}, // beside a hard one
		{setup(engine.Minimize, half), math.MaxFloat64, 100, -math.MaxFloat64},
	} {
		m := engine.Values{{Name: "latency", Value: c.latency}, {Name: "x", Value: c.x}}
		if got := c.ranking.Worth(c.ranking.Objectives[0], m); engine.Key(got) != engine.Key(c.want) {
			t.Errorf("%d: %v counts as %v, want %v", i, m, got, c.want)
		}
		if v := c.ranking.Violation(m); v != 0 {
			t.Errorf("%d: %v is taken for inadmissible: %v", i, m, v)
		}
	}
	r := setup(engine.Maximize, half)
	if got := r.Worth(r.Objectives[0], engine.Values{{Name: "x", Value: 1}}); !math.IsInf(got, -1) {
		t.Errorf("without the constraint's metric it is worth %v", got)
	}
	// A larger value never counts for less, whatever the penalty.
	order := []float64{-3, -1, -0.5, 0, 0.1, 2, 50}
	for _, latency := range []float64{5, 11, 1e3, 1e9} {
		last := math.Inf(-1)
		for _, x := range order {
			w := r.Worth(r.Objectives[0], engine.Values{{Name: "latency", Value: latency}, {Name: "x", Value: x}})
			if w < last {
				t.Errorf("at latency %v, %v counts as %v and less than smaller ones", latency, x, w)
			}
			last = w
		}
	}
	if !r.Reaches(engine.Values{{Name: "latency", Value: 99}, {Name: "x", Value: 0.9}}, engine.Values{{Name: "x", Value: 0.9}}) {
		t.Error("a soft constraint keeps a target from being reached")
	}
}

// A search with a soft constraint chooses what it should, and goes on after it was
// interrupted as if it had not been; a hard one beside it stays hard.
func TestSoftConstraintOfASearch(t *testing.T) {
	t.Parallel()
	three, sixteen := 3.0, 16.0
	best := map[float64]float64{}
	for _, weight := range []float64{1e-6, 0.015, 1e6} {
		cfg := derived(t, "10 - error")
		cfg.Constraints = []engine.Constraint{{Metric: "size", Max: &three, Weight: weight}, {Metric: "size", Max: &sixteen}}
		cfg.Limits.Evaluations = 200
		s := run(t, cfg)
		worth := func(m engine.Values) float64 {
			if value(m, "size") > 16 {
				return value(m, "score") - 1e9
			}
			return value(m, "score") / (1 + weight*max(0, value(m, "size")-3)/3)
		}
		most := math.Inf(-1)
		for c := range s.Candidates() {
			most = max(most, worth(c.Metrics))
		}
		got := s.Status().Best[0].Metrics
		if math.Abs(worth(got)-most) > 1e-9 {
			t.Errorf("weight %v: the best are %v, worth %v of %v", weight, got, worth(got), most)
		}
		best[weight] = value(got, "size")
		again := derived(t, "10 - error")
		again.Constraints, again.Workers, again.Limits.Evaluations = cfg.Constraints, 3, 77
		run(t, again)
		again.Limits.Evaluations = 200
		run(t, again)
		if digest(t, cfg.Ledger, -1) != digest(t, again.Ledger, -1) {
			t.Errorf("weight %v: the digest depends on workers, or on an interruption", weight)
		}
		again.Constraints = []engine.Constraint{{Metric: "size", Max: &three, Weight: 3}, cfg.Constraints[1]}
		if _, err := engine.Run(t.Context(), again); err == nil || !strings.Contains(err.Error(), "constraints: the search began with") {
			t.Errorf("another weight in mid-search: %v", err)
		}
		replays(t, cfg)
	}
	if best[1e-6] <= best[0.015] || best[0.015] <= best[1e6] || best[1e6] > 3 || best[1e-6] > 16 {
		t.Errorf("by weight, the sizes of the best are %v", maps.Clone(best))
	}
}

// With several objectives each counts as worse.
func TestSoftConstraintOfAFront(t *testing.T) {
	t.Parallel()
	cfg := front(t, "nsga2")
	bound := 0.3
	cfg.Constraints = []engine.Constraint{{Metric: "cost", Min: &bound, Weight: 4}}
	cfg.Limits.Evaluations = 200
	s := run(t, cfg)
	at := func(m engine.Values) []float64 {
		p := 1 + 4*max(0, 0.3-value(m, "cost"))/0.3
		return []float64{p * value(m, "cost"), p * value(m, "error")}
	}
	all := slices.Collect(s.Candidates())
	st := s.Status()
	if len(st.Front) < 3 {
		t.Fatalf("the front is %+v", st.Front)
	}
	for _, b := range st.Front {
		x := at(b.Metrics)
		for _, c := range all {
			if y := at(c.Metrics); c.Phase == engine.PhaseSearch && y[0] <= x[0] && y[1] <= x[1] && y[0]+y[1] < x[0]+x[1]-1e-9 {
				t.Errorf("candidate %s is on the front, and %s dominates it", b.ID, c.ID)
			}
		}
	}
	replays(t, cfg)
}

// A winner may be chosen by an expression, of which more is better.
func TestPreferAnExpression(t *testing.T) {
	t.Parallel()
	for prefer, of := range map[string]func(m engine.Values) float64{
		"1 - error*cost":             func(m engine.Values) float64 { return 1 - value(m, "error")*value(m, "cost") },
		"-abs(cost - 0.5)":           func(m engine.Values) float64 { return -math.Abs(value(m, "cost") - 0.5) },
		"low":                        func(m engine.Values) float64 { return -value(m, "cost") },
		"min(log(cost - 0.2), -0.5)": nil,
	} {
		cfg := front(t, "aging")
		cfg.Derived = []engine.Derived{{Metric: "low", Expression: "-cost"}}
		cfg.Prefer = prefer
		s := run(t, cfg)
		front := s.Status().Front
		if len(front) < 3 {
			t.Fatalf("%s: the front is %+v", prefer, front)
		}
		if of == nil { // what is no number comes last, in the order of the first objective
			of = func(m engine.Values) float64 {
				if x := math.Log(value(m, "cost") - 0.2); !math.IsNaN(x) {
					return min(x, -0.5)
				}
				return math.Inf(-1)
			}
		}
		for i := 1; i < len(front); i++ {
			a, b := engine.Key(of(front[i-1].Metrics)), engine.Key(of(front[i].Metrics))
			if a < b || a == b && value(front[i-1].Metrics, "error") > value(front[i].Metrics, "error") {
				t.Errorf("%s: %v comes before %v", prefer, front[i-1].Metrics, front[i].Metrics)
			}
		}
		a, err := engine.Read(cfg.Ledger)
		if err != nil || a.Front()[0].ID != front[0].ID || s.Best(1)[0].ID != front[0].ID {
			t.Errorf("%s: the best is %s, the front begins with %s and, read again, with %s (%v)", prefer, s.Best(1)[0].ID, front[0].ID, a.Front()[0].ID, err)
		}
		if o, ok := s.Outcome(); !ok || o.Winner != front[0].ID {
			t.Errorf("%s: the winner is %s, the front begins with %s", prefer, o.Winner, front[0].ID)
		}
		replays(t, cfg)
		cfg.Prefer = "-cost"
		if _, err := engine.Run(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "prefer: the search began with") {
			t.Errorf("another preference in mid-search: %v", err)
		}
	}
}

// The winner of what was measured again is chosen by an expression, too.
func TestFinalByAnExpression(t *testing.T) {
	t.Parallel()
	cfg := config(enginetest.Memory(t))
	cfg.Strategy, cfg.Prefer = randomly{}, "accuracy - 0.1*log10(parameters)"
	cfg.Evaluators = map[string]engine.EvaluatorRef{"f": {Evaluator: enginetest.Landscape{Seed: 3, Noise: 0.1}.Instant()}}
	cfg.Objectives = []engine.Objective{{Metric: "accuracy"}, {Metric: "parameters", Goal: engine.Minimize}}
	cfg.Final = engine.Final{Top: 6, Repeats: 2}
	s := run(t, cfg)
	o, ok := s.Outcome()
	if !ok || len(o.Remeasured) < 4 || len(o.Front) < 2 {
		t.Fatalf("the outcome is %+v", o)
	}
	best, bestID := math.Inf(-1), engine.ID(0)
	for _, m := range o.Remeasured {
		if x := value(m.Judged, "accuracy") - 0.1*math.Log10(value(m.Judged, "parameters")); slices.Contains(o.Front, m.ID) && x > best {
			best, bestID = x, m.ID
		}
	}
	if o.Winner != bestID {
		t.Errorf("the winner is %s, want %s of %v", o.Winner, bestID, o.Front)
	}
}

// What can decide nothing is refused when a search begins.
func TestWhatDecidesNothing(t *testing.T) {
	t.Parallel()
	for want, set := range map[string]func(*engine.Config){
		"metrics.score: 1/0 is no finite number, whatever is measured":      func(cfg *engine.Config) { cfg.Derived[0].Expression = "1/0" },
		"metrics.score: size/(error-error) is no finite number":             func(cfg *engine.Config) { cfg.Derived[0].Expression = "size/(error-error)" },
		"metrics.score: 3 is the same for all candidates, and an objective": func(cfg *engine.Config) { cfg.Derived[0].Expression = "3" },
		"prefer: 3 is the same for all candidates; name a metric in it":     preferring("3"),
		"prefer: 1/(size-size) is no finite number":                         preferring("1/(size-size)"),
		"space.limits: the space has no layers, so there is nothing to be counted": func(cfg *engine.Config) {
			cfg.Space = genome.MustParseSpace(`{"x": {"float": [0, 1]}, "limits": {"parameters": 3}}`)
		},
		"": func(cfg *engine.Config) {
			cfg.Derived = append(cfg.Derived, engine.Derived{Metric: "most", Expression: "100"}, engine.Derived{Metric: "rest", Expression: "most-size"})
		},
	} {
		cfg := derived(t, "error - size")
		set(&cfg)
		cfg.Final.Skip = true
		_, err := engine.Run(t.Context(), cfg)
		if (want == "") != (err == nil) || err != nil && (!errors.Is(err, engine.ErrConfig) || !strings.Contains(err.Error(), want)) {
			t.Errorf("%v; want %q", err, want)
		}
	}
}

func preferring(text string) func(*engine.Config) {
	return func(cfg *engine.Config) {
		cfg.Objectives = append(cfg.Objectives, engine.Objective{Metric: "size", Goal: engine.Minimize})
		cfg.Prefer = text
	}
}
