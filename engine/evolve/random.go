package evolve

import (
	"context"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/option"
)

func init() { register("random", true, func(Find) engine.Strategy { return &random{} }) }

// random draws every candidate afresh: the control that any other strategy has
// to beat at equal cost.
type random struct {
	opener    opener
	promotion Promotion
	promote   *Promoter
}

type randomState struct {
	First   engine.ID `json:"first"`   // of its own candidates; 0 before the first turn
	Started int       `json:"started"` // known-good genomes proposed
	Ladder  Ladder    `json:"ladder,omitempty"`
}

// Declare declares the options.
func (s *random) Declare(o *option.Set) { s.promotion.Declare(o, 4, 20) }

// Open reads the options.
func (s *random) Open(_ context.Context, setup engine.Setup) ([]byte, engine.Needs, error) {
	err := option.Read(setup.Options, s.Declare)
	s.opener, s.promote = newOpener(setup), s.promotion.Promoter(setup)
	needs := engine.Needs{History: engine.NeedNone}
	if s.promote.on {
		needs.History = engine.NeedMetrics
	}
	return pack(randomState{}), needs, err
}

// Step fills the room that there is.
func (s *random) Step(_ context.Context, state []byte, turn engine.Turn) (engine.Decision, error) {
	var st randomState
	if err := unpack(state, &st); err != nil {
		return engine.Decision{}, err
	}
	if st.First == 0 {
		st.First = turn.FirstID
		if st.Started = s.opener.opened(turn); turn.FirstID > 1 {
			s.promote.Adopt(&st.Ladder, turn.History)
		}
	}
	if err := s.promote.Learn(&st.Ladder, turn); err != nil {
		return engine.Decision{}, err
	}
	var d engine.Decision
	for len(d.Proposals) < turn.Want {
		p, ok := s.promote.Propose(st.Ladder)
		if !ok {
			p = s.opener.next(&st.Started)
		}
		d.Proposals = append(d.Proposals, p)
	}
	d.State, d.Keep = pack(st), s.promote.Keep(st.Ladder)
	return d, nil
}
