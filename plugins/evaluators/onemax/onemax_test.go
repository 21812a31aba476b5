package onemax

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/evolve"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/plugins/internal/plugintest"
	"github.com/nascent-nas/nascent/plugins/sdk"
)

func TestResults(t *testing.T) {
	t.Parallel()
	strategy, err := evolve.New("random")
	if err != nil {
		t.Fatal(err)
	}
	plugintest.Pinned(t, fmt.Sprint(Results), map[string]string{"1": "2d0a3ccaaef8a1d7"}, engine.Config{
		Space: genome.MustParseSpace(`{"bits": {"list": "bool", "length": [3, 20]}, "flag": "bool"}`), Strategy: strategy, StrategyName: "random", Seed: 7,
		Evaluators: map[string]engine.EvaluatorRef{"ones": {Evaluator: sdk.InProcess(*Plugin()), Options: json.RawMessage(`{"invalid": 0.2}`)}},
		Fidelities: []engine.Fidelity{{Evaluator: "ones"}}, Limits: engine.Limits{Evaluations: 40}, Final: engine.Final{Skip: true},
	})
}
