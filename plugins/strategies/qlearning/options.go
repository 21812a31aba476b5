package qlearning

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"github.com/nascent-nas/nascent/engine/evolve"
	"github.com/nascent-nas/nascent/engine/option"
	"github.com/nascent-nas/nascent/genome"
)

// options are those of the strategy; docs/qlearning.md describes them.
type options struct {
	state             string // automatic chooses by the space
	schedule          schedule
	budget            int // below 1: that of the schedule
	learning, initial float64
	discount, trace   float64 // a trace below 0: by the states
	replay, batch     int
	promote           evolve.Promotion
	legal
}

// automatic is the state that follows from the space.
const automatic = "automatic"

// maxWhole bounds options that are whole numbers.
const maxWhole = 1_000_000

func (o *options) declare(s *option.Set) {
	s.Int(&o.budget, "budget", -1, 1, maxWhole, "networks that the schedule is scaled to").Said("that of the schedule")
	s.Value(&o.schedule, "schedule", published().text(), "pairs of an epsilon from 0 to 1 and a number of networks",
		"with which probability a decision is made at random, and for how many networks")
	s.Choice(&o.state, "state", automatic+", layers, element, prefix", "what the agent sees when it decides; automatic: as suits the space")
	s.Float(&o.learning, "learning_rate", 0.01, 0, 1, "alpha")
	s.Float(&o.discount, "discount", 1, 0, 1, "gamma")
	s.Float(&o.trace, "trace", -1, 0, 1, "lambda: how far a reward reaches back").Said("0; 0.9 with states that forget most")
	s.Int(&o.replay, "replay", 100, 1, maxWhole, "networks learned from after each new one")
	s.Float(&o.initial, "initial", 0.5, -math.MaxFloat64, math.MaxFloat64, "Q-values of what was never tried")
	s.Int(&o.batch, "batch", 1, 1, maxWhole, "strict order: results a turn")
	o.promote.Declare(s, 4, 20)
	o.legal.declare(s)
}

// readOptions reads a JSON object. What it leaves out is as in the paper.
func readOptions(raw json.RawMessage) (o options, err error) {
	if err := option.Read(raw, o.declare); err != nil {
		return o, err
	}
	if o.budget < 1 {
		o.budget = o.schedule.total()
	}
	o.schedule = o.schedule.scaled(o.budget)
	return o, nil
}

// forgetfulTrace is the trace for states that forget most of what was decided.
const forgetfulTrace = 0.9

// rates are the constants of learning. The paper has no trace.
func (o *options) rates(forgetful bool) rates {
	r := rates{learning: o.learning, discount: o.discount, trace: o.trace}
	switch {
	case o.trace >= 0:
	case forgetful:
		r.trace = forgetfulTrace
	default:
		r.trace = 0
	}
	return r
}

// sizes fall, down to 1 at least.
type sizes []int

// UnmarshalJSON reads a list of whole numbers.
func (s *sizes) UnmarshalJSON(b []byte) error {
	const remedy = "write falling sizes of at least 1: [8, 4, 1]"
	var given []int
	var m *genome.Mistake
	if err := option.Decode(b, &given); errors.As(err, &m) {
		m.Remedy = remedy
		return m
	}
	for i, n := range given {
		if n < 1 || i > 0 && n >= given[i-1] {
			return &genome.Mistake{Key: fmt.Sprintf("[%d]", i),
				Problem: fmt.Sprintf("%d is below 1, or not below the one before it", n), Remedy: remedy}
		}
	}
	if len(given) == 0 {
		return &genome.Mistake{Problem: "there are none", Remedy: remedy}
	}
	*s = given
	return nil
}
