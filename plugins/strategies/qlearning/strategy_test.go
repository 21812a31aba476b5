package qlearning

import (
	"context"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/rng"
	"github.com/nascent-nas/nascent/plugins/evaluators/table/tabletest"
)

// measured is an evaluator of a function of the genome's text.
func measured(f func(text string) (float64, error)) engine.Evaluator {
	return engine.Func(func(_ context.Context, job *engine.Job) (map[string]float64, error) {
		x, err := f(job.Genome.Text())
		return map[string]float64{"accuracy": x}, err
	})
}

// chance is an accuracy that follows from the genome.
func chance(text string) (float64, error) {
	return rng.New(rng.Derive(1, text)).Float64(), nil
}

func search(t *testing.T, space, options string, f func(string) (float64, error), more func(*engine.Config)) []engine.Candidate {
	t.Helper()
	cfg := engine.Config{
		Space: genome.MustParseSpace(space), Strategy: &strategy{}, StrategyName: "qlearning", StrategyOptions: json.RawMessage(options),
		Evaluator: measured(f), Seed: 3, Final: engine.Final{Skip: true}, Failures: engine.FailurePolicy{Attempts: 1, PauseAfter: 1000},
	}
	more(&cfg)
	s, err := engine.Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return slices.Collect(s.Candidates())
}

func evaluations(n int) func(*engine.Config) {
	return func(c *engine.Config) { c.Limits.Evaluations = n }
}

// words are the options of a space of 4,096 genomes.
const words = `{"a": {"choice": [1, 2, 3, 4]}, "b": {"choice": [1, 2, 3, 4]}, "c": {"choice": [1, 2, 3, 4]}, "d": {"choice": [1, 2, 3, 4]},
	"e": {"choice": [1, 2, 3, 4]}, "f": {"choice": [1, 2, 3, 4]}}`

// Known-good genomes come first, and are not counted by the schedule. The tags
// tell with which epsilon a network was drawn.
func TestPhasesOfASearch(t *testing.T) {
	t.Parallel()
	s := genome.MustParseSpace(words)
	good, err := s.Parse("a=1 b=2 c=3 d=4 e=1 f=2")
	if err != nil {
		t.Fatal(err)
	}
	var tags []string
	for i, c := range search(t, words, `{"schedule": [[1, 5], [0.5, 3], [0.25, 2]], "budget": 20}`, chance, func(c *engine.Config) {
		c.Space, c.Start, c.Limits.Evaluations = s, []genome.Genome{good}, 24
	}) {
		if i == 0 {
			if c.Operator != engine.OpStart || c.Genome != good {
				t.Errorf("the first candidate is %s by %s", c.Genome, c.Operator)
			}
			continue
		}
		if k := len(tags); k == 0 || !strings.HasPrefix(tags[k-1], c.Tag+" ") {
			tags = append(tags, c.Tag+" ")
		}
		tags[len(tags)-1] += "x"
	}
	if diff := cmp.Diff([]string{"epsilon 1 xxxxxxxxxx", "epsilon 0.5 xxxxxx", "epsilon 0.25 xxxxxxx"}, tags); diff != "" {
		t.Error(diff)
	}
}

// While there are others, no network is measured twice, and the best come more
// often as epsilon falls.
func TestLearnsAndNeverRepeats(t *testing.T) {
	t.Parallel()
	// Of each gene 4 is worth most.
	f := func(text string) (float64, error) {
		return float64(strings.Count(text, "=4"))/6 + float64(strings.Count(text, "=3"))/12, nil
	}
	cs := search(t, words, `{"budget": 300, "learning_rate": 0.1}`, f, evaluations(300))
	seen := map[string]bool{}
	mean := map[string]float64{}
	for _, c := range cs {
		if seen[c.Genome.Text()] || c.Reuse != 0 {
			t.Errorf("%s is proposed twice", c.Genome)
		}
		seen[c.Genome.Text()] = true
		x, _ := c.Metrics.Get("accuracy")
		mean[c.Tag] += x
	}
	if early, late := mean["epsilon 1"]/167, mean["epsilon 0.1"]/17; late < early+0.1 {
		t.Errorf("the mean accuracy is %.3f at epsilon 1 and %.3f at 0.1", early, late)
	}
}

// States of list elements do not see the elements before. Only with a trace does
// the agent learn what those are worth.
func TestTrace(t *testing.T) {
	t.Parallel()
	ones := func(trace float64) int {
		p, begin := fixture(t, `{"bits": {"list": {"choice": ["a", "b"]}, "length": 12}}`, `{"state": "element"}`)
		a := newAgent(&problem{space: p.space, begin: begin, rates: rates{learning: 0.1, discount: 1, trace: trace}, initial: 0.5, replay: 100})
		r := rng.New(4)
		for range 60 {
			g, err := a.draw(1, r)
			if err != nil {
				t.Fatal(err)
			}
			if err := a.remember(g, float64(strings.Count(strings.TrimPrefix(g.Text(), "bits"), "b"))/12, false); err != nil {
				t.Fatal(err)
			}
			a.study(r)
		}
		g, err := a.draw(0, r)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(strings.TrimPrefix(g.Text(), "bits"), "b")
	}
	if with, without := ones(0.9), ones(0); with < 12 || without > 9 {
		t.Errorf("of 12 decisions %d are right with a trace, %d without", with, without)
	}
}

// Where states forget, there is a trace unless the options say otherwise.
func TestDefaultTrace(t *testing.T) {
	t.Parallel()
	const wide = `{"network": {"input": [1, 40], "classes": 10}, "blocks": {"length": [1, 4], "list": {"block": {"channels": {"int": [1, 32]}, "kernel": {"choice": [3, 5, 7]}}}}}`
	for _, c := range []struct {
		space, options string
		want           float64
	}{
		{words, `{}`, 0}, {words, `{"state": "element"}`, 0}, {paper, `{}`, 0}, {paper, `{"state": "element"}`, 0.9}, {wide, `{}`, 0.9}, {wide, `{"trace": 0}`, 0},
		{`{"bits": {"list": "bool", "length": 12}}`, `{}`, 0.9}, {tabletest.Cells, `{"trace": 0.5}`, 0.5},
	} {
		s := &strategy{}
		_, _, err := s.Open(t.Context(), engine.Setup{Space: genome.MustParseSpace(c.space), Options: json.RawMessage(c.options)})
		if err != nil || s.problem.rates.trace != c.want {
			t.Errorf("%s with %s has the trace %v, want %v: %v", c.space, c.options, s.problem.rates.trace, c.want, err)
		}
	}
}

// A space that is used up does not hang the search.
func TestUsedUpSpace(t *testing.T) {
	t.Parallel()
	cs := search(t, `{"a": {"choice": [1, 2, 3]}, "b": {"bool": true}}`, `{"budget": 10}`, chance, evaluations(20))
	measured := 0
	for _, c := range cs {
		if c.Reuse == 0 {
			measured++
		}
	}
	if len(cs) != 20 || measured != 6 {
		t.Errorf("%d candidates, %d of them measured; want 20 and the 6 there are", len(cs), measured)
	}
}

// What fails teaches nothing and is not proposed again; what is invalid or
// breaks a constraint has the reward 0.
func TestRewards(t *testing.T) {
	t.Parallel()
	limit := 0.9
	s := &strategy{setup: engine.Setup{
		Objectives:  []engine.Objective{{Metric: "accuracy", Goal: engine.Maximize}},
		Constraints: []engine.Constraint{{Metric: "size", Max: &limit}},
	}}
	p, begin := fixture(t, words, `{}`)
	s.setup.Space = p.space
	s.problem = &problem{space: p.space, begin: begin, rates: rates{learning: 1, discount: 1}, replay: 1}
	result := func(status engine.Status, accuracy, size float64) engine.Candidate {
		g, err := p.space.Random(rng.New(uint64(1000*accuracy + 10*size)))
		if err != nil {
			t.Fatal(err)
		}
		c := engine.Candidate{Job: engine.Job{Task: engine.Train, Genome: g}, Result: engine.Result{Status: status}}
		if status == engine.OK {
			c.Metrics = engine.Values{{Name: "accuracy", Value: accuracy}, {Name: "size", Value: size}}
		}
		return c
	}
	for _, c := range []struct {
		what    string
		c       engine.Candidate
		learned bool
		reward  float64
	}{
		{"a measured one", result(engine.OK, 0.7, 0.5), true, 0.7},
		{"one that is too large", result(engine.OK, 0.8, 1), true, 0},
		{"an invalid one", result(engine.Invalid, 0.3, 0), true, 0},
		{"a failed one", result(engine.Failed, 0.4, 0), false, 0},
	} {
		a := newAgent(s.problem)
		if err := s.experience(a, &c.c, nil, 1, rng.New(1)); err != nil {
			t.Fatal(err)
		}
		if a.memory[0].barred == c.learned || len(a.sampled) == 0 == c.learned || a.memory[0].reward != c.reward || len(a.table.rows) == 0 == c.learned {
			t.Errorf("%s: memory %+v", c.what, a.memory)
		}
		if g, err := s.design(a, &state{}, 1, rng.New(2)); err != nil || g.Packed() == c.c.Genome.Packed() {
			t.Errorf("%s is proposed again, or %v", c.what, err)
		}
	}
	for _, c := range []engine.Candidate{
		{Job: engine.Job{Task: engine.Train, Fidelity: 1}, Result: engine.Result{Status: engine.OK}},
		{Job: engine.Job{Task: engine.Score}, Result: engine.Result{Status: engine.OK}},
		{Job: engine.Job{Task: engine.Train}, Result: engine.Result{Status: engine.OK, Stopped: true}},
	} {
		a := newAgent(s.problem)
		if err := s.experience(a, &c, nil, 1, rng.New(1)); err != nil || len(a.memory) > 0 {
			t.Errorf("a %s at fidelity %d, stopped is %v: %d in memory, %v", c.Task, c.Fidelity, c.Stopped, len(a.memory), err)
		}
	}
	for _, c := range []struct {
		metric string
		goal   engine.Goal
		value  float64
		want   float64
	}{{"accuracy", engine.Maximize, 0.93, 0.93}, {"score", engine.Maximize, 3, 0.875}, {"loss", engine.Minimize, 3, 0.125}, {"loss", engine.Minimize, 0, 0.5}} {
		s := &strategy{setup: engine.Setup{Objectives: []engine.Objective{{Metric: c.metric, Goal: c.goal}}}}
		x := engine.Candidate{Result: engine.Result{Status: engine.OK, Metrics: engine.Values{{Name: c.metric, Value: c.value}}}}
		if got := s.reward(&x, nil); got != c.want {
			t.Errorf("%s %s of %v has the reward %v, want %v", c.goal, c.metric, c.value, got, c.want)
		}
	}
}

// By several objectives a reward is the share of the History that is worse.
func TestRewardBySeveral(t *testing.T) {
	t.Parallel()
	limit := 5.0
	s := &strategy{setup: engine.Setup{
		Objectives:  []engine.Objective{{Metric: "accuracy", Goal: engine.Maximize}, {Metric: "size", Goal: engine.Minimize}},
		Constraints: []engine.Constraint{{Metric: "size", Max: &limit}},
	}}
	var h enginetest.Rows
	for i, at := range [][2]float64{{0.5, 3}, {0.6, 4}, {0.4, 3}, {0.6, 3}, {0.9, 9}} {
		h = append(h, engine.Candidate{
			Job:    engine.Job{ID: engine.ID(i + 1), Task: engine.Train},
			Result: engine.Result{Status: engine.OK, Metrics: engine.Values{{Name: "accuracy", Value: at[0]}, {Name: "size", Value: at[1]}}},
		})
	}
	for i, want := range []float64{(0.5 + 2.5) / 5, (0.5 + 2) / 5, (0.5 + 1.5) / 5, (0.5 + 4) / 5, 0} {
		if got := s.reward(&h[i], h); got != want {
			t.Errorf("candidate %d has the reward %v, want %v", i+1, got, want)
		}
	}
}

// One that was drawn again while it was measured counts as often as it was drawn.
func TestDrawnAgain(t *testing.T) {
	t.Parallel()
	s := &strategy{setup: engine.Setup{
		Space: genome.MustParseSpace(words), Files: enginetest.Memory(t),
		Objectives: []engine.Objective{{Metric: "accuracy", Goal: engine.Maximize}},
	}}
	_, _, err := s.Open(t.Context(), s.setup)
	if err != nil {
		t.Fatal(err)
	}
	a := newAgent(s.problem)
	g, err := a.draw(1, rng.New(1))
	if err != nil {
		t.Fatal(err)
	}
	st := state{Begun: true, Waiting: []waiting{{ID: 7, Packed: []byte(g.Packed())}}}
	e, err := s.problem.episode(g)
	if err != nil {
		t.Fatal(err)
	}
	// Without randomness the agent draws this one until it gets bolder.
	a.table.learn(e, 1, rates{learning: 0.5, discount: 1})
	if other, err := s.design(a, &st, 0, rng.New(1)); err != nil || other.IsZero() || other == g || st.Waiting[0].Again < redraws/2 {
		t.Fatalf("drew %v, and %+v: %v", other, st.Waiting, err)
	}
	again := st.Waiting[0].Again
	turn := engine.Turn{Results: []engine.Candidate{{Job: engine.Job{ID: 7, Task: engine.Train, Genome: g}, Result: engine.Result{
		Status: engine.OK, Metrics: engine.Values{{Name: "accuracy", Value: 0.6}}}}}}
	if err := s.consume(a, &st, turn, rng.New(1)); err != nil {
		t.Fatal(err)
	}
	if len(a.memory) != 1+again || len(st.Waiting) != 0 {
		t.Errorf("%d in memory, %d waiting; want %d and none", len(a.memory), len(st.Waiting), 1+again)
	}
	// Now that it is measured, drawing it again teaches at once.
	if _, err := s.design(a, &st, 0, rng.New(2)); err != nil || len(a.memory) < 1+again+redraws/2 {
		t.Errorf("%d in memory, want %d at least: %v", len(a.memory), 1+again+redraws/2, err)
	}
}

// A search that it takes over teaches it: the History at once, jobs in flight
// when they are back.
func TestForeignCandidates(t *testing.T) {
	t.Parallel()
	files := enginetest.Memory(t)
	s := &strategy{}
	space := genome.MustParseSpace(words)
	packed, _, err := s.Open(t.Context(), engine.Setup{
		Space: space, Files: files, Objectives: []engine.Objective{{Metric: "accuracy", Goal: engine.Maximize}},
		Fidelities: []engine.Fidelity{{}}, Options: json.RawMessage(`{"schedule": [[1, 10]], "learning_rate": 0.1, "replay": 1000}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	foreign := func(id engine.ID, text string, accuracy float64) engine.Candidate {
		g, err := space.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		return engine.Candidate{Job: engine.Job{ID: id, Task: engine.Train, Genome: g, Operator: engine.OpMutate}, Result: engine.Result{
			Status: engine.OK, Metrics: engine.Values{{Name: "accuracy", Value: accuracy}}}}
	}
	past := candidates{foreign(1, "a=1 b=1 c=1 d=1 e=1 f=1", 0.6), foreign(2, "a=2 b=2 c=2 d=2 e=2 f=2", 0.7)}
	d, err := s.Step(t.Context(), packed, engine.Turn{N: 30, Seed: 1, FirstID: 4, Want: 1, History: past})
	if err != nil {
		t.Fatal(err)
	}
	if e := s.cached.memory; len(e) < 2 || e[0].reward != 0.6 || e[1].reward != 0.7 {
		t.Fatalf("the History is not in the memory: %+v", e)
	}
	best := foreign(3, "a=3 b=3 c=3 d=3 e=3 f=3", 0.9)
	d, err = s.Step(t.Context(), d.State, engine.Turn{N: 31, Seed: 2, FirstID: 5, Want: 0, History: append(past, best),
		Results: []engine.Candidate{best}, Files: d.Files})
	if err != nil {
		t.Fatal(err)
	}
	g, err := s.cached.draw(0, rng.New(1))
	if err != nil || g.Packed() != best.Genome.Packed() {
		t.Errorf("after the best result of another strategy it designs %s: %v", g, err)
	}
}

type candidates []engine.Candidate

func (c candidates) Len() int                                { return len(c) }
func (c candidates) At(i int) *engine.Candidate              { return &c[i] }
func (c candidates) Curve(engine.ID) ([]engine.Point, error) { return nil, nil }
func (c candidates) Output(engine.ID) ([]byte, error)        { return nil, nil }
func (c candidates) Get(id engine.ID) (*engine.Candidate, bool) {
	i := slices.IndexFunc(c, func(x engine.Candidate) bool { return x.ID == id })
	if i < 0 {
		return nil, false
	}
	return &c[i], true
}

// Genomes outside the limits are not proposed; where there is hardly one inside,
// the engine draws.
func TestLimits(t *testing.T) {
	t.Parallel()
	pool := genome.MustParseSpace(words)
	var members [][]byte
	r := rng.New(1)
	for range 300 {
		g, err := pool.Random(r)
		if err != nil {
			t.Fatal(err)
		}
		members = append(members, []byte(g.Packed()))
	}
	for name, n := range map[string]int{"many": 300, "few": 2} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			space, err := genome.MustParseSpace(words).Pool(members[:n])
			if err != nil {
				t.Fatal(err)
			}
			drawn := 0
			for _, c := range search(t, words, `{"budget": 40}`, chance, func(c *engine.Config) { c.Space, c.Limits.Evaluations = space, 40 }) {
				if c.Status != engine.OK {
					t.Errorf("candidate %s is %s: %s", c.ID, c.Status, c.Reason)
				}
				if c.Operator == engine.OpRandom {
					drawn++
				}
			}
			if drawn > 5 && n > 2 || drawn < 30 && n <= 2 {
				t.Errorf("the engine drew %d of 40", drawn)
			}
		})
	}
}

// The file has the same bytes whenever it is written, and gives the agent back.
func TestFile(t *testing.T) {
	t.Parallel()
	p, begin := fixture(t, words, `{}`)
	problem := &problem{space: p.space, begin: begin, rates: rates{learning: 0.1, discount: 1}, initial: 0.5, replay: 10}
	a, r := newAgent(problem), rng.New(1)
	for i := range 50 {
		g, err := a.draw(0.5, r)
		if err != nil {
			t.Fatal(err)
		}
		if err := a.remember(g, r.Float64(), i%7 == 3); err != nil {
			t.Fatal(err)
		}
		a.study(r)
	}
	text := a.encode()
	b, err := decode(problem, text)
	if err != nil {
		t.Fatal(err)
	}
	if string(b.encode()) != string(text) || string(a.encode()) != string(text) {
		t.Error("read and written again, the file differs")
	}
	if diff := cmp.Diff(a, b, cmp.AllowUnexported(agent{}, table{}, experience{}, step{}, question{}), cmp.FilterPath(func(p cmp.Path) bool {
		return strings.HasSuffix(p.String(), "problem")
	}, cmp.Ignore())); diff != "" {
		t.Errorf("the agent that was read differs: %s", diff)
	}
	for n := range len(text) {
		if _, err := decode(problem, text[:n]); err == nil {
			t.Fatalf("%d of %d bytes are taken for a file", n, len(text))
		}
	}
	path := t.TempDir() + "/q"
	if err := os.WriteFile(path, []byte("something else"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := load(problem, path); err == nil || strings.Contains(err.Error(), "\n") {
		t.Errorf("another file is answered with %v", err)
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ options, part string }{
		{`{"lerning_rate": 1}`, "learning_rate"},
		{`{"budget": 0}`, "budget: "},
		{`{"trace": 2}`, "trace: "},
		{`{"bins": [4, 8]}`, "bins[1]: "},
		{`{"state": "whole"}`, "state: "},
		{`{"schedule": [[1]]}`, "schedule[0]: "},
	} {
		_, err := readOptions(json.RawMessage(c.options))
		if err == nil || !strings.Contains(err.Error(), c.part) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s is answered with %v; want one line about %s", c.options, err, c.part)
		}
	}
	s := &strategy{}
	for space, part := range map[string]string{`{"a": 1}`: "no options", words: "list of layers"} {
		_, _, err := s.Open(t.Context(), engine.Setup{Space: genome.MustParseSpace(space), Options: json.RawMessage(`{"state": "layers"}`)})
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%s is answered with %v; want %q", space, err, part)
		}
	}
}
