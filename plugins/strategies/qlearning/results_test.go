package qlearning

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
	plugintest.Pinned(t, fmt.Sprint(Results), map[string]string{"1": "514535dfe963aa7d"}, engine.Config{
		Space: genome.MustParseSpace(paper), Strategy: &strategy{}, StrategyName: "qlearning", StrategyOptions: json.RawMessage(`{"budget": 40}`),
		Evaluator: engine.Func(func(_ context.Context, j *engine.Job) (map[string]float64, error) {
			x, _ := chance(j.Genome.Text())
			return map[string]float64{"accuracy": x}, nil
		}),
		Limits: engine.Limits{Evaluations: 50}, Seed: 5, Final: engine.Final{Skip: true},
	})
}
