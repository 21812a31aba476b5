package reinforce

import (
	"encoding/json"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/plugins/internal/plugintest"
	"github.com/nascent-nas/nascent/plugins/sdk"
)

func TestMain(m *testing.M) { plugintest.Main(m, func(string) { sdk.Serve(Plugin()) }) }

func TestConformance(t *testing.T) {
	t.Parallel()
	for _, o := range []string{
		`{"hidden": 4, "batch": 3}`,
		`{"hidden": 3, "layers": 1, "algorithm": "ppo", "epochs": 2, "clip": 0.1, "batch": 5, "promote": {"eta": 2, "after": 4}}`,
		`{"hidden": 3, "batch": 1, "reward": "value", "temperature": 5, "squash": 2.5, "max_norm": 1, "promote": false}`,
	} {
		t.Run(o, func(t *testing.T) {
			t.Parallel()
			enginetest.Strategy(t, func() engine.Strategy { return &strategy{} }, enginetest.StrategyOptions{
				Options: json.RawMessage(o),
				Refused: []json.RawMessage{
					json.RawMessage(`{"lerning_rate": 0.1}`), json.RawMessage(`[]`), json.RawMessage(`{"algorithm": "a3c"}`),
					json.RawMessage(`{"clip": 0.1}`), json.RawMessage(`{"algorithm": "ppo", "epochs": 0}`), json.RawMessage(`{"hidden": 0}`),
					json.RawMessage(`{"baseline_decay": 1}`), json.RawMessage(`{"promote": {"ate": 1}}`), json.RawMessage(`{"batch": 0}`),
				},
			})
		})
	}
}

func TestConformanceInAProcess(t *testing.T) {
	t.Parallel()
	enginetest.Strategy(t, plugintest.Process(t, plugintest.Strategy(t, "reinforce")), enginetest.StrategyOptions{
		Remote: true, Options: json.RawMessage(`{"hidden": 4, "batch": 4}`),
	})
}

func TestKilledProcess(t *testing.T) {
	t.Parallel()
	plugintest.SameWhenKilled(t, plugintest.Strategy(t, "reinforce"), engine.Config{
		Space: genome.MustParseSpace(planted), Strategy: &strategy{}, StrategyName: "reinforce", StrategyOptions: json.RawMessage(`{"hidden": 5, "batch": 4}`),
		Limits: engine.Limits{Evaluations: 50}, Seed: 5, Final: engine.Final{Skip: true},
	}, worth)
}
