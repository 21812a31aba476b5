package qlearning

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

func TestConformanceInAProcess(t *testing.T) {
	t.Parallel()
	enginetest.Strategy(t, plugintest.Process(t, plugintest.Strategy(t, "qlearning")), enginetest.StrategyOptions{
		Remote: true, Options: json.RawMessage(`{"budget": 30, "replay": 20}`),
	})
}

func TestKilledProcess(t *testing.T) {
	t.Parallel()
	plugintest.SameWhenKilled(t, plugintest.Strategy(t, "qlearning"), engine.Config{
		Space: genome.MustParseSpace(paper), Strategy: &strategy{}, StrategyName: "qlearning", StrategyOptions: json.RawMessage(`{"budget": 40}`),
		Limits: engine.Limits{Evaluations: 50}, Seed: 5, Final: engine.Final{Skip: true},
	}, func(j *engine.Job) float64 {
		x, _ := chance(j.Genome.Text())
		return x
	})
}
