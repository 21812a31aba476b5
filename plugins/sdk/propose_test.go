package sdk

import (
	"encoding/json"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
	"github.com/nascent-nas/nascent/genome/rng"
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

// A tournament of several objectives is won by the first in their rank, whose ends go
// before its middle.
func TestTournament(t *testing.T) {
	t.Parallel()
	var h enginetest.Rows
	for i, at := range [][2]float64{{2, 2}, {1, 3}, {1, 1}, {2.5, 1.5}, {3, 1}} {
		c := engine.Candidate{Job: engine.Job{ID: engine.ID(i + 1)}}
		c.Status, c.Metrics = engine.OK, engine.Values{{Name: "a", Value: at[0]}, {Name: "b", Value: at[1]}}
		h = append(h, c)
	}
	setup := &engine.Setup{Objectives: []engine.Objective{{Metric: "a", Goal: engine.Maximize}, {Metric: "b", Goal: engine.Maximize}}}
	turn := &Turn{Turn: engine.Turn{History: h}, Rand: rng.New(1), Setup: setup}
	if got := turn.Tournament(100); got != 2 {
		t.Errorf("of all %d wins, want 2", got)
	}
	setup.Objectives = setup.Objectives[:1]
	if got := turn.Tournament(100); got != 5 {
		t.Errorf("by one objective %d wins, want 5", got)
	}
	if got := (&Turn{Turn: engine.Turn{History: enginetest.Rows{}}, Rand: rng.New(1), Setup: setup}).Tournament(3); got != 0 {
		t.Errorf("of none %d wins", got)
	}
}
