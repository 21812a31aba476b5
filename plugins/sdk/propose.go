package sdk

import (
	"context"
	"slices"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/genome/rng"
)

// Propose makes a strategy of a function that proposes one candidate: for
// strategies that need no memory but the History. It is called as often as
// there is room in a turn.
//
//	func main() {
//		sdk.ServeStrategy(sdk.Propose(func(t *sdk.Turn) sdk.Proposal {
//			if t.History.Len() < 20 {
//				return sdk.Random()
//			}
//			return sdk.Mutate(t.Tournament(5))
//		}))
//	}
func Propose(f func(t *Turn) Proposal) engine.Strategy { return &proposer{f: f} }

// Proposal is what a strategy wants tried.
type Proposal = engine.Proposal

// Turn is what the function given to Propose knows.
type Turn struct {
	engine.Turn
	Rand  *rng.Rand // the turn's random numbers; take them from nowhere else
	Setup *engine.Setup
}

// Random proposes a random genome.
func Random() Proposal { return Proposal{Operator: engine.OpRandom} }

// Mutate proposes a mutant of a candidate; a random genome if that is 0.
func Mutate(parent engine.ID) Proposal {
	if parent == 0 {
		return Random()
	}
	return Proposal{Operator: engine.OpMutate, Parents: []engine.ID{parent}}
}

// Cross proposes a child of two candidates; a random genome if one is 0.
func Cross(a, b engine.ID) Proposal {
	if a == 0 || b == 0 {
		return Random()
	}
	return Proposal{Operator: engine.OpCross, Parents: []engine.ID{a, b}}
}

// Tournament draws n candidates of the History, with replacement, and returns
// the best of them that was measured; 0 if none was.
func (t *Turn) Tournament(n int) engine.ID {
	var drawn []*engine.Candidate
	for range n {
		if t.History.Len() == 0 {
			break
		}
		c := t.History.At(t.Rand.Intn(t.History.Len()))
		if c.Status == engine.OK && !c.Stopped && !slices.ContainsFunc(drawn, func(x *engine.Candidate) bool { return x.ID == c.ID }) {
			drawn = append(drawn, c)
		}
	}
	if len(drawn) == 0 {
		return 0
	}
	ranking := t.Setup.Ranking()
	if len(ranking.Objectives) > 1 {
		return ranking.Rank(drawn...).List()[0].ID
	}
	return slices.MinFunc(drawn, ranking.Compare).ID // of equals the first drawn
}

// proposer is a strategy without a state of its own.
type proposer struct {
	f     func(*Turn) Proposal
	setup engine.Setup // the same whenever it is opened
}

func (p *proposer) Open(_ context.Context, setup engine.Setup) ([]byte, engine.Needs, error) {
	p.setup = setup
	return nil, engine.Needs{History: engine.NeedMetrics}, nil
}

func (p *proposer) Step(_ context.Context, _ []byte, turn engine.Turn) (engine.Decision, error) {
	t := &Turn{Turn: turn, Rand: rng.New(turn.Seed), Setup: &p.setup}
	var d engine.Decision
	for range turn.Want {
		d.Proposals = append(d.Proposals, p.f(t))
	}
	return d, nil
}
