package sdk

import (
	"encoding/json"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
)

func TestPropose(t *testing.T) {
	t.Parallel()
	enginetest.Strategy(t, func() engine.Strategy {
		return Propose(func(t *Turn) Proposal {
			if t.History.Len() < 5 {
				return Random()
			}
			if t.Rand.Bool() {
				return Cross(t.Tournament(3), t.Tournament(3))
			}
			return Mutate(t.Tournament(3))
		})
	}, enginetest.StrategyOptions{Refused: []json.RawMessage{}}) // options are left to the function
}
