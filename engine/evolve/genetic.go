package evolve

import (
	"context"
	"fmt"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/option"
	"github.com/nascent-nas/nascent/genome/rng"
)

func init() { register("genetic", true, func(Find) engine.Strategy { return &genetic{} }) }

// genetic is a generational genetic algorithm (Holland 1975; Goldberg 1989,
// Genetic Algorithms in Search, Optimization and Machine Learning).
//
// A generation is as many jobs as the population has members: promotions that
// are due, then children. When all of them are back, the next population is
// made: the elite, that is the best few of the old one, then the best of the
// children; places that are still free (children that could not be measured,
// promotions) go to the best of the rest of the old one. So every generation
// has the same number of jobs, and in strict order a turn is a generation. In
// arrival order, or where a window leaves less room, a generation takes several
// turns and ends with its last result.
//
// The first generation is the known-good genomes and random ones; known-good
// genomes that it has no room for open the next. A generation of which nothing
// could be measured is followed by another random one. A search that it takes
// over gives it its best candidates as first population.
type genetic struct {
	opener    opener
	promotion Promotion
	promote   *Promoter
	judge     judge
	breeder
	size      int // of the population, and of a generation
	elite     int
	selection struct {
		way        string
		tournament int     // draws of which the best is a parent
		truncation float64 // share of the best
		pressure   float64 // of the best, in expected draws
	}
	memo memo[geneticState]
}

type geneticState struct {
	generations
	parents []*engine.Candidate // the population, if it was looked up
}

// Declare declares the options.
func (s *genetic) Declare(o *option.Set) {
	o.Int(&s.size, "population", 20, 2, 100_000, "members, and jobs of a generation")
	o.Int(&s.elite, "elite", 2, 0, 100_000, "members that always stay").Below("population")
	s.breeder.declare(o, 0.5, 0.9)
	o.Choice(&s.selection.way, "selection", "tournament, truncation, roulette, rank", "how parents are drawn")
	o.Int(&s.selection.tournament, "tournament", 3, 1, 100_000, "selection tournament: the best of that many draws").AtMost("population")
	o.Float(&s.selection.truncation, "truncation", 0.5, 0, 1, "selection truncation: evenly among that share of the best")
	o.Float(&s.selection.pressure, "pressure", 1.8, 1, 2, "selection rank: the best is drawn that many times as often as the average")
	s.promotion.Declare(o, 4, 20).Like("population")
}

// Open reads the options.
func (s *genetic) Open(_ context.Context, setup engine.Setup) ([]byte, engine.Needs, error) {
	err := option.Read(setup.Options, s.Declare)
	s.opener, s.judge, s.promote = newOpener(setup), newJudge(setup), s.promotion.Promoter(setup)
	switch s.selection.way {
	case "tournament":
		s.pick = tournament(s.selection.tournament)
	case "truncation":
		s.pick = truncation(s.selection.truncation)
	case "roulette":
		s.pick = s.judge.roulette
	case "rank":
		s.pick = ranking(s.selection.pressure)
	}
	return new(geneticState).pack(), engine.Needs{History: engine.NeedMetrics, Batch: s.size}, err
}

// Step takes the results in, ends the generation if they were its last, and
// proposes what is missing of the present one.
func (s *genetic) Step(_ context.Context, state []byte, turn engine.Turn) (engine.Decision, error) {
	st, err := s.memo.read(state)
	if err != nil {
		return engine.Decision{}, err
	}
	if st.First == 0 {
		st.begin(turn, s.size, s.judge, s.opener, s.promote)
	}
	if err := s.promote.Learn(&st.Ladder, turn); err != nil {
		return engine.Decision{}, err
	}
	for i := range turn.Results {
		c := &turn.Results[i]
		if !c.Foreign(st.First) { // others are no part of the generation, but may enter the population
			st.Back++
		}
		if usable(c) && c.Fidelity == 0 {
			st.Children.add(c.ID)
		}
	}
	var d engine.Decision
	if st.Back >= s.size {
		if err := s.succeed(st, turn.History); err != nil {
			return engine.Decision{}, err
		}
		d.Note = fmt.Sprintf("generation %d", st.Generation)
	}
	if len(st.parents) == 0 || !has(turn.History, st.parents[0]) {
		if st.parents, err = find(turn.History, st.Population.ids); err != nil {
			return engine.Decision{}, err
		}
	}
	r := rng.New(turn.Seed)
	for len(d.Proposals) < turn.Want && st.Sent < s.size {
		p, ok := s.promote.Propose(st.Ladder)
		switch {
		case ok:
		case len(st.parents) == 0 || st.Started < len(s.opener.start):
			p = s.opener.next(&st.Started)
		default:
			p = s.child(r, st.parents)
		}
		d.Proposals = append(d.Proposals, p)
		st.Sent++
	}
	d.State, d.Keep = s.memo.keep(st.pack(), st), s.promote.Keep(st.Ladder)
	return d, nil
}

// succeed makes the next population and begins its generation.
func (s *genetic) succeed(st *geneticState, h engine.History) error {
	old, err := find(h, st.Population.ids) // ranked already
	if err != nil {
		return err
	}
	young, err := find(h, st.Children.ids)
	if err != nil {
		return err
	}
	s.judge.Sort(young)
	elite := min(s.elite, len(old))
	young = young[:min(len(young), s.size-elite)]
	stay := min(len(old), s.size-len(young)) // the elite, and who fills up
	next := append(old[:stay:stay], young...)
	s.judge.Sort(next)
	st.Population, st.parents = roll{}, next
	for _, c := range next {
		st.Population.add(c.ID)
	}
	st.Generation++
	st.Sent, st.Back, st.Children = 0, 0, roll{}
	return nil
}
