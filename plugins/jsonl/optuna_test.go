package jsonl

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/plugins/host"
)

// A search by a sampler of Optuna is the same when it is interrupted and gone on with by
// another process, and all of its decisions are proven again; so with several
// objectives and constraints. What Optuna cannot search is refused.
func TestOptunaStrategy(t *testing.T) {
	t.Parallel()
	needPython(t)
	python := os.Getenv("NASCENT_OPTUNA_PYTHON")
	if python == "" {
		python = "python3"
	}
	if exec.Command(python, "-c", "import optuna, cmaes").Run() != nil {
		t.Skip("no python3 here can import optuna and cmaes: pip install optuna cmaes, or name one that can with $NASCENT_OPTUNA_PYTHON")
	}
	p, err := host.Find(host.KindStrategy, "../python/examples/optuna_strategy.py", plugins(t))
	if err != nil {
		t.Fatal(err)
	}
	o := host.Options{LogDir: t.TempDir(), SearchID: t.Name()}
	options := func(sampler string) json.RawMessage {
		b, _ := json.Marshal(map[string]string{"sampler": sampler, "python": python})
		return b
	}
	small := 3000.0
	land := enginetest.Landscape{Seed: 3, Invalid: 0.1}.Instant()
	for name, c := range map[string]struct {
		sampler     string
		objectives  []engine.Objective
		constraints []engine.Constraint
	}{
		"tpe":   {"tpe", []engine.Objective{{Metric: "accuracy", Goal: engine.Maximize}}, []engine.Constraint{{Metric: "parameters", Max: &small}}},
		"cmaes": {"cmaes", []engine.Objective{{Metric: "loss", Goal: engine.Minimize}}, nil},
		"two":   {"tpe", []engine.Objective{{Metric: "loss", Goal: engine.Minimize}, {Metric: "parameters", Goal: engine.Minimize}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			search := func(led engine.Ledger, evaluations int) {
				t.Helper()
				s := host.Strategy(p, o)
				defer s.Close(context.WithoutCancel(t.Context()))
				_, err := engine.Run(t.Context(), engine.Config{
					Space: genome.MustParseSpace(enginetest.Conditionals), Strategy: s, StrategyName: "optuna", StrategyOptions: options(c.sampler),
					Objectives: c.objectives, Constraints: c.constraints, Evaluator: land, Limits: engine.Limits{Evaluations: evaluations},
					Ledger: led, Seed: 5, Workers: 3, Window: 4, Final: engine.Final{Skip: true},
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			whole, parts := enginetest.Memory(t), enginetest.Memory(t)
			search(whole, 24)
			search(parts, 9)
			search(parts, 24)
			want, err := engine.Digest(whole, -1)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := engine.Digest(parts, -1); err != nil || got != want {
				t.Errorf("digest %s, %v; uninterrupted %s", got, err, want)
			}
			err = engine.Replay(t.Context(), func(engine.StrategyEvent) (engine.Strategy, error) { return host.Strategy(p, o), nil }, whole, nil)
			if err != nil {
				t.Error(err)
			}
		})
	}
	s := host.Strategy(p, o)
	defer s.Close(context.WithoutCancel(t.Context()))
	_, _, err = s.Open(t.Context(), engine.Setup{
		Space: genome.MustParseSpace(enginetest.EdgeCell), Objectives: []engine.Objective{{Metric: "accuracy", Goal: engine.Maximize}},
		Fidelities: []engine.Fidelity{{Evaluator: "e", Budget: 1}}, Order: engine.Strict, Options: options("tpe"),
	})
	if err == nil || !strings.Contains(err.Error(), "ops: the example for Optuna knows no genes like") {
		t.Errorf("a space of cells: %v", err)
	}
}
