package qlearning

import (
	"encoding/json"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	for _, o := range []string{
		`{}`,
		`{"budget": 12, "state": "element", "trace": 0.5, "batch": 4}`,
		`{"schedule": [[1, 3], [0, 1]], "state": "prefix", "learning_rate": 0.5}`,
	} {
		t.Run(o, func(t *testing.T) {
			t.Parallel()
			enginetest.Strategy(t, func() engine.Strategy { return &strategy{} }, enginetest.StrategyOptions{
				Options: json.RawMessage(o),
				Refused: []json.RawMessage{
					json.RawMessage(`{"lerning_rate": 0.1}`), json.RawMessage(`[]`), json.RawMessage(`{"schedule": [[2, 10]]}`),
					json.RawMessage(`{"schedule": []}`), json.RawMessage(`{"state": "layers"}`), json.RawMessage(`{"bins": []}`),
				},
			})
		})
	}
}
