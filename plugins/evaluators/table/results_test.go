package table_test

import (
	"fmt"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/evolve"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/plugins/evaluators/table"
	"github.com/nascent-nas/nascent/plugins/internal/plugintest"
	"github.com/nascent-nas/nascent/plugins/sdk"
)

func TestResults(t *testing.T) {
	t.Parallel()
	strategy, err := evolve.New("random")
	if err != nil {
		t.Fatal(err)
	}
	plugintest.Pinned(t, fmt.Sprint(table.Results), map[string]string{"1": "f551b85a6360eab9"}, engine.Config{
		Space: genome.MustParseSpace(scalars), Strategy: strategy, StrategyName: "random", Seed: 7, Duplicates: engine.Replicate,
		Evaluators: map[string]engine.EvaluatorRef{"table": {Evaluator: sdk.InProcess(*table.Plugin()), Options: with(t, small, nil)}},
		Fidelities: []engine.Fidelity{{Evaluator: "table", Budget: 200}}, Limits: engine.Limits{Evaluations: 30}, Final: engine.Final{Skip: true},
	})
}
