package evolve_test

import (
	"encoding/json"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
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
				},
			})
		})
	}
}
