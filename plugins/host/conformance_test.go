package host

import (
	"encoding/json"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	t.Run("onemax", func(t *testing.T) {
		t.Parallel()
		enginetest.Evaluator(t, func() engine.Evaluator { return Evaluator(onemax, options(t)) }, enginetest.EvaluatorOptions{
			Space: onemaxSpace, Workers: 3, Options: json.RawMessage(`{}`),
			Refused:     []json.RawMessage{[]byte(`{"delya": "5ms"}`), []byte(`{"fail": 2}`), []byte(`{"delay": "soon"}`)},
			SlowOptions: json.RawMessage(`{"delay": "10m"}`),
		})
	})
	t.Run("one slot", func(t *testing.T) {
		t.Parallel()
		enginetest.Evaluator(t, func() engine.Evaluator { return Evaluator(onemax, options(t)) }, enginetest.EvaluatorOptions{
			Space: onemaxSpace, Workers: 3, Options: json.RawMessage(`{"slots": 1}`), SlowOptions: json.RawMessage(`{"slots": 1, "delay": "10m"}`),
		})
	})
	t.Run("strategy", func(t *testing.T) {
		t.Parallel()
		enginetest.Strategy(t, func() engine.Strategy { return Strategy(testPlugin, options(t)) },
			enginetest.StrategyOptions{Remote: true, Options: json.RawMessage(`{"need": "all", "diary": true}`)})
	})
}
