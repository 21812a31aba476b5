package reinforce

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/rng"
)

// planted has 5 x 3^6 genomes, of which one is best: mish, and conv everywhere.
const planted = `{"act": {"choice": ["relu", "gelu", "tanh", "mish", "none"]}, "cell": {"cell": {"edges": ["none", "skip", "conv"], "nodes": 4}}}`

// worth is the share of choices that are right, 1 for the best genome.
func worth(j *engine.Job) float64 {
	text := j.Genome.Text()
	right := strings.Count(text, "conv")
	if strings.Contains(text, "mish") {
		right++
	}
	return float64(right) / 7
}

func accuracy(x float64) map[string]float64 { return map[string]float64{"accuracy": x, "size": 1} }

// search runs a search to its end, without the final.
func search(t *testing.T, cfg engine.Config, evaluate func(j *engine.Job) (map[string]float64, error)) []engine.Candidate {
	t.Helper()
	cfg.Strategy, cfg.StrategyName = &strategy{}, "reinforce"
	cfg.Evaluator = engine.Func(func(_ context.Context, j *engine.Job) (map[string]float64, error) { return evaluate(j) },
		engine.Metric{Name: "accuracy", Goal: engine.Maximize}, engine.Metric{Name: "size", Goal: engine.Minimize})
	cfg.Final.Skip = true
	cfg.Failures = engine.FailurePolicy{Attempts: 1, PauseAfter: 1000}
	if cfg.Seed == 0 {
		cfg.Seed = 4
	}
	s, err := engine.Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return slices.Collect(s.Candidates())
}

// last are the last n that the controller drew.
func last(cs []engine.Candidate, n int) []engine.Candidate {
	var drawn []engine.Candidate
	for _, c := range cs {
		if c.Operator == engine.OpGiven {
			drawn = append(drawn, c)
		}
	}
	return drawn[len(drawn)-n:]
}

// share tells how many of them are so.
func share(cs []engine.Candidate, so func(*engine.Candidate) bool) float64 {
	n := 0
	for i := range cs {
		if so(&cs[i]) {
			n++
		}
	}
	return float64(n) / float64(len(cs))
}

// It finds what is planted, and in the end proposes little else, in both orders
// and with both losses.
func TestLearnsWhatIsPlanted(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		options string
		order   engine.Order
	}{
		{`{"hidden": 12, "layers": 1, "learning_rate": 0.03}`, engine.Strict},
		{`{"hidden": 12, "layers": 1, "learning_rate": 0.03, "batch": 1}`, engine.Strict},
		{`{"hidden": 12, "layers": 1, "learning_rate": 0.03, "reward": "value"}`, engine.Strict},
		{`{"hidden": 12, "layers": 1, "learning_rate": 0.03}`, engine.Arrival},
		{`{"hidden": 12, "layers": 1, "learning_rate": 0.01, "algorithm": "ppo"}`, engine.Strict},
	} {
		t.Run(string(c.order)+c.options, func(t *testing.T) {
			t.Parallel()
			cs := search(t, engine.Config{
				Space: genome.MustParseSpace(planted), StrategyOptions: json.RawMessage(c.options), Order: c.order, Workers: 3,
				Limits: engine.Limits{Evaluations: 800},
			}, func(j *engine.Job) (map[string]float64, error) { return accuracy(worth(j)), nil })
			if s := share(last(cs, 100), func(c *engine.Candidate) bool { return worth(&c.Job) == 1 }); s < 0.5 {
				t.Errorf("at the end %.0f %% are the best", 100*s)
			}
			if s := share(cs[:40], func(c *engine.Candidate) bool { return worth(&c.Job) == 1 }); s > 0.2 {
				t.Errorf("at the beginning %.0f %% are the best already", 100*s)
			}
		})
	}
}

// It learns to keep a constraint that the best in the objective breaks, to leave
// alone what is invalid, and to minimize.
func TestLearnsFromTrouble(t *testing.T) {
	t.Parallel()
	limit := 3.0
	for name, c := range map[string]struct {
		cfg      engine.Config
		evaluate func(j *engine.Job) (map[string]float64, error)
		good     func(c *engine.Candidate) bool
	}{
		"constraint": {
			engine.Config{Constraints: []engine.Constraint{{Metric: "size", Max: &limit}}},
			func(j *engine.Job) (map[string]float64, error) {
				return map[string]float64{"accuracy": worth(j), "size": float64(strings.Count(j.Genome.Text(), "conv"))}, nil
			},
			func(c *engine.Candidate) bool { return strings.Count(c.Genome.Text(), "conv") == 3 },
		},
		"invalid": {
			engine.Config{},
			func(j *engine.Job) (map[string]float64, error) {
				if strings.Contains(j.Genome.Text(), "skip") {
					return nil, engine.ErrInvalid
				}
				return accuracy(0.5), nil
			},
			func(c *engine.Candidate) bool { return c.Status == engine.OK },
		},
		"minimize": {
			engine.Config{Objectives: []engine.Objective{{Metric: "size", Goal: engine.Minimize}}},
			func(j *engine.Job) (map[string]float64, error) {
				return map[string]float64{"accuracy": 0, "size": 1e6 * (1 - worth(j))}, nil
			},
			func(c *engine.Candidate) bool { return worth(&c.Job) == 1 },
		},
	} {
		for _, reward := range []string{"rank", "value"} {
			t.Run(name+" by "+reward, func(t *testing.T) {
				t.Parallel()
				cfg := c.cfg
				cfg.Space, cfg.Limits.Evaluations = genome.MustParseSpace(planted), 1000
				cfg.StrategyOptions = json.RawMessage(`{"hidden": 12, "layers": 1, "learning_rate": 0.03, "reward": "` + reward + `"}`)
				cs := search(t, cfg, c.evaluate)
				if s := share(last(cs, 100), c.good); s < 0.5 {
					t.Errorf("at the end %.0f %% are good", 100*s)
				}
			})
		}
	}
}

// What failed for no fault of its genome teaches nothing: the controller stays
// as it was.
func TestFailuresTeachNothing(t *testing.T) {
	t.Parallel()
	d := &drive{t: t, setup: setup(planted, `{"batch": 4}`)}
	first := d.turn(nil)
	var failed []engine.Candidate
	for _, c := range d.proposed(first) {
		c.Result = engine.Result{Status: engine.Failed, Reason: "no room"}
		failed = append(failed, c)
	}
	second := d.turn(failed)
	if d.file(second) != d.file(first) {
		t.Error("the controller learned from failures")
	}
	if len(second.Proposals) != 4 {
		t.Errorf("%d proposals follow, want a round of 4", len(second.Proposals))
	}
	var fine []engine.Candidate
	for i, c := range d.proposed(second) {
		c.Result = engine.Result{Status: engine.OK, Metrics: engine.Values{{Name: "accuracy", Value: float64(i)}}}
		fine = append(fine, c)
	}
	if third := d.turn(fine); d.file(third) == d.file(second) || third.Note == "" {
		t.Error("the controller did not learn from results")
	}
}

// Candidates of another strategy make the baseline and nothing else.
func TestForeignCandidates(t *testing.T) {
	t.Parallel()
	d := &drive{t: t, setup: setup(planted, `{"batch": 2, "baseline_decay": 0.5, "reward": "value"}`)}
	for i, x := range []float64{0.2, 0.4, 0.6} {
		d.history = append(d.history, engine.Candidate{
			Job:    engine.Job{ID: engine.ID(i + 1), Task: engine.Train, Operator: engine.OpGiven, Genome: d.any()},
			Result: engine.Result{Status: engine.OK, Metrics: engine.Values{{Name: "accuracy", Value: x}}},
		})
	}
	late := d.history[2]
	d.history, d.next = d.history[:2], 4 // the third is still outstanding
	first := d.turn(nil)
	if b := d.state.Scale.Baseline; math.Abs(b-(0.5*0.2+0.5*0.4)) > 1e-15 {
		t.Errorf("the baseline is %v", b)
	}
	second := d.turn([]engine.Candidate{late})
	if d.file(second) != d.file(first) {
		t.Error("the controller learned from a foreign candidate")
	}
	if b := d.state.Scale.Baseline; math.Abs(b-(0.5*0.3+0.5*0.6)) > 1e-15 {
		t.Errorf("then the baseline is %v", b)
	}
	if st := d.state; st.Back != 0 || st.Sent != 2 {
		t.Errorf("the foreign candidate counts in the round: %+v", st)
	}
}

// Proposals lie in the pool, by the controller where it finds some, else at
// random.
func TestPool(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		members int
		want    string
	}{{600, engine.OpGiven}, {1, engine.OpRandom}} {
		d := &drive{t: t, setup: setup(planted, `{"batch": 8}`)}
		var pool [][]byte
		for r := rng.New(1); len(pool) < c.members; {
			g, err := d.setup.Space.Random(r)
			if err != nil {
				t.Fatal(err)
			}
			if packed := []byte(g.Packed()); !slices.ContainsFunc(pool, func(b []byte) bool { return string(b) == string(packed) }) {
				pool = append(pool, packed)
			}
		}
		space, err := d.setup.Space.Pool(pool)
		if err != nil {
			t.Fatal(err)
		}
		d.setup.Space = space
		for _, p := range d.turn(nil).Proposals {
			if p.Operator != c.want {
				t.Errorf("of a pool of %d: %s, want %s", c.members, p.Operator, c.want)
			}
			if p.Operator == engine.OpGiven {
				if err := d.setup.Space.Check(p.Genome); err != nil {
					t.Error(err)
				}
			}
		}
	}
}

// A controller that is sure of itself has something random measured now and
// then, so that a search by seconds ends.
func TestSureControllerLooksElsewhere(t *testing.T) {
	t.Parallel()
	cs := search(t, engine.Config{
		Space: genome.MustParseSpace(planted), StrategyOptions: json.RawMessage(`{"hidden": 12, "layers": 1, "learning_rate": 0.1, "batch": 5, "entropy": 0}`),
		Limits: engine.Limits{Evaluations: 600},
	}, func(j *engine.Job) (map[string]float64, error) { return accuracy(worth(j)), nil })
	known, longest := 0, 0
	for _, c := range cs {
		if known++; c.Reuse == 0 {
			known = 0
		}
		longest = max(longest, known)
	}
	random := share(cs, func(c *engine.Candidate) bool { return c.Operator == engine.OpRandom && c.Reuse == 0 })
	if longest > 15 || random == 0 || random > 0.2 {
		t.Errorf("%d known ones in a row; %.0f %% are random", longest, 100*random)
	}
}

// Known-good genomes come first, and once.
func TestStart(t *testing.T) {
	t.Parallel()
	s := genome.MustParseSpace(planted)
	d := &drive{t: t, setup: setup(planted, `{"batch": 2}`)}
	d.setup.Space = s
	for g := range s.Neighbours(d.any()) {
		if len(d.setup.Start) < 3 {
			d.setup.Start = append(d.setup.Start, g)
		}
	}
	var operators []string
	var results []engine.Candidate
	for range 3 {
		decision := d.turn(results)
		results = nil
		for _, c := range d.proposed(decision) {
			operators = append(operators, c.Operator)
			c.Result = engine.Result{Status: engine.OK, Metrics: engine.Values{{Name: "accuracy", Value: 0.5}}}
			results = append(results, c)
		}
	}
	if want := []string{"start", "start", "start", "given", "given", "given"}; !slices.Equal(operators, want) {
		t.Errorf("%v, want %v", operators, want)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ space, options, want string }{
		{`{"x": {"choice": [1]}}`, `{}`, "nothing to decide"},
		{planted, `{"learnin_rate": 1}`, "there is no such option; did you mean learning_rate?"},
		{planted, `{"reward": "accuracy"}`, "none of rank, value"},
		{planted, `{"clip": 0.1}`, "clip: it is for algorithm: ppo; leave it out"},
		{planted, `{"temperature": 0}`, "temperature: 0 is no number from 0.001 to 1000"},
		{planted, `{"promote": {"ate": 1}}`, "there are after, eta"},
	} {
		_, _, err := (&strategy{}).Open(t.Context(), setup(c.space, c.options))
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: want %q, got %v", c.options, c.want, err)
		}
	}
	none := setup(planted, `{}`)
	none.Objectives = nil
	if _, _, err := (&strategy{}).Open(t.Context(), none); err == nil {
		t.Error("it searches for nothing")
	}
	several := setup(planted, `{"reward": "value"}`)
	several.Objectives = append(several.Objectives, engine.Objective{Metric: "size", Goal: engine.Minimize})
	if _, _, err := (&strategy{}).Open(t.Context(), several); err == nil || !strings.Contains(err.Error(), "write rank") {
		t.Errorf("reward by value of two objectives: %v", err)
	}
}

// measured is a candidate with a loss and a size.
func measured(id engine.ID, loss, size float64) engine.Candidate {
	return engine.Candidate{Job: engine.Job{ID: id, Task: engine.Train}, Result: engine.Result{
		Status: engine.OK, Metrics: engine.Values{{Name: "loss", Value: loss}, {Name: "size", Value: size}},
	}}
}

// Rewards by value, before and after the first that keeps the constraints.
func TestRewardByValue(t *testing.T) {
	t.Parallel()
	limit := 1.0
	j := judge{decay: 0.5, Ranking: engine.Ranking{
		Objectives: []engine.Objective{{Metric: "loss", Goal: engine.Minimize}}, Constraints: []engine.Constraint{{Metric: "size", Max: &limit}},
	}}
	invalid := engine.Candidate{Job: engine.Job{Task: engine.Train}, Result: engine.Result{Status: engine.Invalid}}
	var s scale
	rewards := func(cs ...engine.Candidate) (out []float64) {
		for i := range cs {
			out = append(out, j.reward(&s, nil, &cs[i]))
		}
		return out
	}
	if r := rewards(measured(1, 1, 2), measured(2, 1, 4), invalid); !slices.Equal(r, []float64{-0.5, -0.75, -1}) {
		t.Errorf("before anything keeps the constraints: %v", r)
	}
	j.average(&s, -0.5, -1)
	j.note(&s, &invalid)
	if !s.Begun || s.Baseline != -0.75 || s.Count != 0 {
		t.Errorf("%+v", s)
	}
	for _, c := range []engine.Candidate{measured(3, 10, 1), measured(4, 14, 1)} {
		j.note(&s, &c)
	}
	if s.Begun || s.Count != 2 || s.Worst != -14 || j.unit(&s) != 2 {
		t.Errorf("%+v, unit %v", s, j.unit(&s))
	}
	if r := rewards(measured(5, 10, 1), measured(6, 1, 2), invalid); !slices.Equal(r, []float64{-10, -15, -16}) {
		t.Errorf("afterwards: %v", r)
	}
	j.average(&s, -10)
	j.average(&s, -14, -10)
	if s.Baseline != -11 {
		t.Errorf("the baseline is %v", s.Baseline)
	}
}

// Rewards by rank: what keeps the constraints before what does not, what was
// measured before what is invalid, and failures, repetitions and other
// fidelities aside.
func TestRewardByRank(t *testing.T) {
	t.Parallel()
	limit := 1.0
	j := judge{rank: true, Ranking: engine.Ranking{
		Objectives: []engine.Objective{{Metric: "loss", Goal: engine.Minimize}}, Constraints: []engine.Constraint{{Metric: "size", Max: &limit}},
	}}
	h := list{measured(1, 3, 1), measured(2, 2, 1), measured(3, 2, 1), measured(4, 1, 5), measured(5, 0, 1), measured(6, 0, 1),
		measured(7, 0, 1), measured(8, 2, 1)}
	h[4].Result = engine.Result{Status: engine.Invalid}
	h[5].Result = engine.Result{Status: engine.Failed}
	h[6].Fidelity = 1
	h[7].Reuse = 2
	var got []float64
	for _, i := range []int{0, 1, 2, 3, 4, 7} {
		got = append(got, 5*j.reward(nil, h, &h[i]))
	}
	if want := []float64{2.5, 4, 4, 1.5, 0.5, 4}; !slices.Equal(got, want) {
		t.Errorf("%v fifths, want %v", got, want)
	}
	one := list{measured(1, 3, 1)}
	if r := j.reward(nil, one, &one[0]); r != 0.5 {
		t.Errorf("the first one has the reward %v", r)
	}
}

// setup is what Open gets to know.
func setup(space, options string) engine.Setup {
	return engine.Setup{
		Space: genome.MustParseSpace(space), Objectives: []engine.Objective{{Metric: "accuracy", Goal: engine.Maximize}},
		Fidelities: []engine.Fidelity{{Budget: 1}}, Order: engine.Strict, Options: json.RawMessage(options),
	}
}

// drive takes a strategy through turns by hand.
type drive struct {
	t       *testing.T
	setup   engine.Setup
	s       *strategy
	packed  []byte
	state   state
	files   []engine.FileRef
	history list
	next    engine.ID
	turns   uint64
}

func (d *drive) turn(results []engine.Candidate) engine.Decision {
	d.t.Helper()
	if d.s == nil {
		d.s, d.setup.Files = &strategy{}, enginetest.Memory(d.t)
		d.next = max(d.next, 1)
		var err error
		if d.packed, _, err = d.s.Open(d.t.Context(), d.setup); err != nil {
			d.t.Fatal(err)
		}
	}
	d.history = append(d.history, results...)
	decision, err := d.s.Step(d.t.Context(), d.packed, engine.Turn{
		N: d.turns, Seed: 77 + d.turns, FirstID: d.next, Want: 8, Results: results, Files: d.files, History: d.history,
	})
	if err != nil {
		d.t.Fatal(err)
	}
	d.packed, d.files, d.turns = decision.State, decision.Files, d.turns+1
	d.state = state{}
	if err := json.Unmarshal(d.packed, &d.state); err != nil {
		d.t.Fatal(err)
	}
	return decision
}

// proposed are the jobs of the newest decision.
func (d *drive) proposed(decision engine.Decision) (out []engine.Candidate) {
	for _, p := range decision.Proposals {
		out = append(out, engine.Candidate{Job: engine.Job{ID: d.next, Task: engine.Train, Operator: p.Operator, Genome: p.Genome}})
		d.next++
	}
	return out
}

// file is the controller's hash.
func (d *drive) file(decision engine.Decision) string { return decision.Files[0].Hash }

// any is a genome of the space.
func (d *drive) any() genome.Genome {
	g, err := d.setup.Space.Decide(func(genome.Decision) int { return 0 })
	if err != nil {
		d.t.Fatal(err)
	}
	return g
}

// list is a History.
type list []engine.Candidate

func (l list) Len() int                   { return len(l) }
func (l list) At(i int) *engine.Candidate { return &l[i] }
func (l list) Get(id engine.ID) (*engine.Candidate, bool) {
	i := slices.IndexFunc(l, func(c engine.Candidate) bool { return c.ID == id })
	return &l[max(0, i)], i >= 0
}
func (l list) Curve(engine.ID) ([]engine.Point, error) { return nil, errors.New("not asked for") }
func (l list) Output(engine.ID) ([]byte, error)        { return nil, errors.New("not asked for") }
