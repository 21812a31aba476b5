package engine_test

import (
	"context"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
	"github.com/nascent-nas/nascent/genome"
)

// Two searches are the same up to what first decides otherwise in one of them.
func TestWhereSearchesPart(t *testing.T) {
	t.Parallel()
	cfg := config(enginetest.Memory(t))
	cfg.Final.Skip = true
	run(t, cfg)
	part := func(led engine.Ledger) *engine.Parting {
		t.Helper()
		p, err := engine.WhereParted(cfg.Ledger, led)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	if p := part(cfg.Ledger); p.Turns != 61 || p.Candidates != 60 || p.What != "" {
		t.Errorf("from itself it parts at %+v", p)
	}
	turn := uint64(20)
	happened := func(turn uint64, what string) engine.Parting {
		return engine.Parting{Turns: turn, Candidates: int(turn) - 1, What: "what happened to them", A: "nothing", B: what}
	}
	for what, c := range map[string]struct {
		seed   *uint64
		change *engine.Request
		want   engine.Parting
	}{
		"nothing":   {nil, &engine.Request{Note: "x"}, engine.Parting{Turns: 61, Candidates: 60}},
		"a seed":    {number(uint64(3)), nil, happened(20, "seed 3")},
		"a ban":     {nil, &engine.Request{Ban: "z = c"}, happened(20, "ban z = c")},
		"a window":  {nil, &engine.Request{Set: &engine.Settings{Window: number(9)}}, happened(20, "window 9")},
		"additions": {nil, &engine.Request{Add: &engine.Additions{Genomes: []string{"x=0.5 y=10 z=b"}}}, happened(20, "added 28")},
		"a later":   {nil, &engine.Request{AtTurn: 30, Import: &engine.Imports{Results: known(2)}}, happened(30, "imported 38 39")},
	} {
		to, _ := branched(t, cfg.Ledger, engine.Branching{Turn: &turn, Seed: c.seed, Find: always(climber{})})
		if p := part(to); p.Turns != 20 || p.Candidates != 19 || p.What != "" {
			t.Errorf("%s: a branch parts at %+v", what, p)
		}
		if c.change != nil {
			steered(t, to, *c.change)
		}
		again := cfg
		again.Ledger = to
		run(t, again)
		if p := part(to); *p != c.want {
			t.Errorf("%s: %+v; want %+v", what, p, c.want)
		}
	}
	other := cfg
	other.Ledger, other.Seed = enginetest.Memory(t), 12
	run(t, other)
	if p := part(other.Ledger); p.Turns != 0 || p.What != "the genome of candidate 1" || !strings.Contains(p.A, "x=") || p.A == p.B {
		t.Errorf("another seed: %+v", p)
	}
	measured := cfg
	measured.Ledger = enginetest.Memory(t)
	measured.Evaluators = map[string]engine.EvaluatorRef{"f": {Evaluator: engine.Func(elsewhere)}}
	run(t, measured)
	if p := part(measured.Ledger); p.What != "the result of candidate 7" || p.B != "ok accuracy=0.5" || p.Candidates != 6 {
		t.Errorf("another result: %+v", p)
	}
}

// elsewhere measures one candidate otherwise.
func elsewhere(ctx context.Context, j *engine.Job) (map[string]float64, error) {
	if j.ID == 7 {
		return map[string]float64{"accuracy": 0.5}, nil
	}
	return evaluate(ctx, j)
}

// What a takeover made of the candidates before it, and of their results, does not part a
// search from its branches: the takeover does, by what it declared.
func TestSearchesPartAtATakeover(t *testing.T) {
	t.Parallel()
	cfg := declaring(enginetest.Memory(t))
	cfg.Final.Skip = true
	cfg.Limits.Evaluations = 30
	run(t, cfg)
	cfg.Space = genome.MustParseSpace(`{"x": {"float": [0, 1]}, "y": {"int": [0, 1000]}, "w": {"int": [1, 3]}, "z": {"choice": ["a", "b", "c"]}}`)
	cfg.Was = genome.Map{{Key: "w", Value: int64(2)}}
	cfg.Derived = []engine.Derived{{Metric: "score", Expression: "accuracy - size/1000"}}
	cfg.Constraints = []engine.Constraint{{Metric: "score", Min: number(-5.0)}}
	cfg.TakeOver, cfg.Limits.Evaluations = true, 50
	run(t, cfg)
	turn := uint64(10)
	to, _ := branched(t, cfg.Ledger, engine.Branching{Turn: &turn, Find: always(climber{})})
	again := declaring(to)
	again.Final.Skip = true
	again.Limits.Evaluations = 50
	run(t, again)
	p, err := engine.WhereParted(cfg.Ledger, to)
	if err != nil || p.Turns != 31 || p.Candidates != 30 || p.B != "nothing" ||
		!strings.HasPrefix(p.A, `takeover another space (w: {"int":[1,3]}, was not given) metrics=[{"metric":"score","expression":"accuracy - size/1000"}] constraints=`) {
		t.Errorf("%+v, %v", p, err)
	}
}
