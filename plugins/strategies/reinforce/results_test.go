package reinforce

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/plugins/internal/plugintest"
)

func TestResults(t *testing.T) {
	t.Parallel()
	plugintest.Pinned(t, fmt.Sprint(Results), map[string]string{"1": "47eb130486840c8a"}, engine.Config{
		Space: genome.MustParseSpace(planted), Strategy: &strategy{}, StrategyName: "reinforce", StrategyOptions: json.RawMessage(`{"hidden": 5, "batch": 4}`),
		Evaluator: engine.Func(func(_ context.Context, j *engine.Job) (map[string]float64, error) {
			return map[string]float64{"accuracy": worth(j)}, nil
		}),
		Limits: engine.Limits{Evaluations: 50}, Seed: 5, Final: engine.Final{Skip: true},
	})
}
