package evolve_test

import (
	"context"
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
	"github.com/nascent-nas/nascent/engine/evolve"
)

func TestRepeatsConformance(t *testing.T) {
	t.Parallel()
	for _, o := range []string{
		`{"after": 4, "share": 0.3}`,
		`{"after": 2, "share": 0.5, "search": {"use": "genetic", "population": 4}}`,
		`{"after": 5, "share": 0.2, "search": {"use": "guided", "candidates": 20, "fit": 5}}`,
		`{"after": 4, "share": 0.3, "search": {"use": "islands", "islands": 2, "every": 4, "search": {"use": "aging", "population": 4, "sample": 2}}}`,
		`{"after": 4, "share": 0.3, "search": {"use": "asha", "eta": 2, "search": {"use": "nsga2", "population": 4}}}`,
		`{"after": 4, "share": 0.3, "search": "local"}`,
	} {
		t.Run(o, func(t *testing.T) {
			t.Parallel()
			enginetest.Strategy(t, func() engine.Strategy { return strategy(t, "repeats") }, enginetest.StrategyOptions{
				Options: json.RawMessage(o),
				Refused: []json.RawMessage{
					json.RawMessage(`{"search": "nobody"}`), json.RawMessage(`{"search": {"use": "aging", "popu": 3}}`),
					json.RawMessage(`{"share": 0}`), json.RawMessage(`{"search": {"use": "repeats"}}`),
					json.RawMessage(`{"search": {"use": "islands", "search": ["random", "repeats"]}}`),
				},
			})
		})
	}
}

// What the strategy within has to say is said.
func TestRepeatsPassRemarksOn(t *testing.T) {
	t.Parallel()
	_, needs, err := strategy(t, "repeats").Open(t.Context(), engine.Setup{
		Space: space, Objectives: []engine.Objective{{Metric: "accuracy", Goal: engine.Maximize}},
		Fidelities: []engine.Fidelity{{Evaluator: "e", Budget: 1}}, Options: json.RawMessage(`{"search": "asha"}`),
	})
	if err != nil || !strings.Contains(needs.Remark, "with one fidelity nobody is promoted") {
		t.Errorf("it remarks %q, %v", needs.Remark, err)
	}
}

// listener is a spy that notes the accuracy of foreign candidates.
type listener struct {
	spy
	heard map[engine.ID]float64
}

func (l *listener) Step(ctx context.Context, state []byte, turn engine.Turn) (engine.Decision, error) {
	d, err := l.spy.Step(ctx, state, turn)
	for _, c := range turn.Results {
		if x, ok := c.Metrics.Get("accuracy"); ok && c.ID < l.first {
			l.heard[c.ID] = x
		}
	}
	return d, err
}

// Repeats take their share, of those near the top at the highest fidelity. The strategy
// within sees each as a foreign candidate with the mean of what was measured by then.
func TestWhatIsRepeated(t *testing.T) {
	t.Parallel()
	for _, order := range []engine.Order{engine.Strict, engine.Arrival} {
		l := &listener{spy{T: t, own: map[engine.ID]bool{}, back: map[engine.ID]bool{}}, map[engine.ID]float64{}}
		s, err := evolve.NewWith("repeats", func(string) (engine.Strategy, error) { return l, nil })
		if err != nil {
			t.Fatal(err)
		}
		land := enginetest.Landscape{Seed: 2, Noise: 0.05, Invalid: 0.1, Failed: 0.05}
		cfg := config(t, "repeats", `{"share": 0.2, "after": 30}`, land, 7, 300)
		cfg.Strategy, cfg.Order = s, order
		all := candidates(run(t, cfg))
		repeats, several := 0, 0
		values := map[string][]float64{}
		for i, c := range all {
			x, ok := c.Metrics.Get("accuracy")
			packed := c.Genome.Packed()
			if ok {
				values[packed] = append(values[packed], x)
			}
			if c.Operator != engine.OpRepeat {
				continue
			}
			repeats++
			if c.ID <= 30 || float64(repeats) > 0.2*float64(i+9) {
				t.Errorf("%s: candidate %s is repeat %d", order, c.ID, repeats)
			}
			if of, err := l.parent(all, c.Parents); err != "" || of.Genome != c.Genome || of.Status != engine.OK {
				t.Errorf("%s: candidate %s repeats %v: %s", order, c.ID, c.Parents, err)
			}
			if !ok {
				continue
			}
			if len(values[packed]) > 2 {
				several++
			}
			mean, _ := engine.Mean(values[packed])
			if heard, told := l.heard[c.ID]; told && math.Abs(heard-mean) > 1e-12 {
				t.Errorf("%s: of candidate %s it hears %v, and the mean of %v is %v", order, c.ID, heard, values[packed], mean)
			}
		}
		if repeats < 45 || several == 0 || len(l.heard) < 40 {
			t.Errorf("%s: %d repeats, %d of the same, %d heard of", order, repeats, several, len(l.heard))
		}
	}
}

func (l *listener) parent(all []engine.Candidate, ids []engine.ID) (*engine.Candidate, string) {
	for i := range all {
		if len(ids) == 1 && all[i].ID == ids[0] {
			return &all[i], ""
		}
	}
	return &engine.Candidate{}, "there is no such parent"
}

// Where measuring again tells nothing, nothing is measured again: because the evaluator
// says so, or because the first repeat does.
func TestNothingToRepeat(t *testing.T) {
	t.Parallel()
	for _, seeded := range []bool{false, true} {
		land := enginetest.Landscape{Seed: 2}
		search := func(name, options string) (texts []string, said string) {
			cfg := config(t, name, options, land, 7, 120)
			cfg.Evaluators["land"] = engine.EvaluatorRef{Evaluator: claims{land.Instant(), seeded}}
			cfg.Log = func(format string, args ...any) {
				if text, ok := args[0].(string); ok && strings.Contains(text, "measured again") {
					said += text
				}
			}
			for _, c := range candidates(run(t, cfg)) {
				if c.Operator != engine.OpRepeat {
					texts = append(texts, c.Genome.Text())
				} else {
					texts = append(texts, "again")
				}
			}
			return texts, said
		}
		plain, _ := search("aging", "{}")
		again, said := search("repeats", "{}")
		same := strings.Join(plain, "\n") == strings.Join(again, "\n")
		n := strings.Count(strings.Join(again, "\n"), "again")
		switch {
		case !seeded && (!same || !strings.Contains(said, "the evaluator says")):
			t.Errorf("not seeded: the same %v, and it says %q", same, said)
		case seeded && (n < 1 || n > 8 || !strings.Contains(said, "was as before")): // a window may be under way
			t.Errorf("always the same: %d repeats, and it says %q", n, said)
		}
	}
}

// claims says whether its results depend on the seed.
type claims struct {
	engine.Evaluator
	seeded bool
}

func (c claims) Open(ctx context.Context, setup engine.EvaluatorSetup) (engine.Session, engine.Hello, error) {
	session, hello, err := c.Evaluator.Open(ctx, setup)
	hello.Seeded = c.seeded
	return session, hello, err
}

// With several objectives the front is measured again; a metric without noise does no harm.
func TestRepeatsOfAFront(t *testing.T) {
	t.Parallel()
	cfg := config(t, "repeats", `{"share": 0.2, "search": "nsga2"}`, enginetest.Landscape{Seed: 2, Noise: 0.05}, 7, 300)
	cfg.Objectives = []engine.Objective{{Metric: "accuracy", Goal: engine.Maximize}, {Metric: "parameters", Goal: engine.Minimize}}
	s := run(t, cfg)
	again := map[engine.ID]bool{}
	for c := range s.Candidates() {
		if c.Operator == engine.OpRepeat {
			again[c.Parents[0]] = true
		}
	}
	front := 0
	for _, b := range s.Status().Front {
		e, of := b.Estimates["accuracy"], s.Estimates(b.ID)["accuracy"]
		if e != of || e.N == 0 || e.High <= e.Low || again[b.ID] != (e.N > 1) {
			t.Errorf("of candidate %s the accuracy is %+v, and by itself %+v", b.ID, e, of)
		}
		if x := b.Estimates["parameters"]; x.Low != x.High {
			t.Errorf("of candidate %s the parameters are %+v", b.ID, x)
		}
		if again[b.ID] {
			front++
		}
	}
	if n := len(s.Status().Front); len(again) < 5 || 2*front < n {
		t.Errorf("%d were measured again, %d of a front of %d", len(again), front, n)
	}
}
