package evolve

import (
	"context"
	"fmt"
	"slices"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/option"
	"github.com/nascent-nas/nascent/genome/rng"
)

func init() { register("nsga2", true, func(Find) engine.Strategy { return &nsga2{} }) }

// nsga2 is NSGA-II (Deb, Pratap, Agarwal, Meyarivan: A Fast and Elitist Multiobjective
// Genetic Algorithm, 2002, IEEE Transactions on Evolutionary Computation 6(2)): the
// population is the best of old and young together, by fronts and within the last one
// by crowding distance, and a parent is the better of two draws.
//
// In the paper a population is followed by as many children, and then the best half of
// both lives on. That is the replacement generational; with steady each child
// competes as soon as it is measured, and the worst leaves (Durillo, Nebro, Luna & Alba
// 2009), which never waits for a generation's last.
//
// It begins with known-good genomes and random ones. A generation counts promotions, as
// genetic does; a search that it takes over gives it its best candidates. With one
// objective it is an elitist genetic algorithm.
type nsga2 struct {
	opener    opener
	promotion Promotion
	promote   *Promoter
	judge     judge
	breeder
	size   int // of the population, and of a generation
	way    string
	steady bool
	memo   memo[nsga2State]

	// leave chooses those of the ranked ones that are too many.
	leave func(rank *engine.Rank, n int, r *rng.Rand) []*engine.Candidate
}

type nsga2State struct {
	generations // steady: Sent are initial jobs, less those that could not be measured

	ranked *engine.Rank // the population, if it was looked up
}

// Declare declares the options.
func (s *nsga2) Declare(o *option.Set) {
	o.Int(&s.size, "population", 20, 2, 10_000, "members, and jobs of a generation")
	o.Choice(&s.way, "replacement", "steady, generational",
		"when children compete with the population: each at once, or a generation together, as in the paper")
	s.breeder.declare(o, 0.5, 0.9)
	s.promotion.Declare(o, 4, 20).Like("population")
}

// Open reads the options.
func (s *nsga2) Open(_ context.Context, setup engine.Setup) ([]byte, engine.Needs, error) {
	err := option.Read(setup.Options, s.Declare)
	s.opener, s.judge, s.promote = newOpener(setup), newJudge(setup), s.promotion.Promoter(setup)
	s.pick, s.steady = tournament(2), s.way == "steady"
	s.leave = func(rank *engine.Rank, n int, _ *rng.Rand) []*engine.Candidate { return slices.Clone(rank.List()[n:]) }
	needs := engine.Needs{History: engine.NeedMetrics}
	if !s.steady {
		needs.Batch = s.size
	}
	return new(nsga2State).pack(), needs, err
}

// Step takes the results in and fills the room that there is.
func (s *nsga2) Step(_ context.Context, state []byte, turn engine.Turn) (engine.Decision, error) {
	st, err := s.memo.read(state)
	if err != nil {
		return engine.Decision{}, err
	}
	if st.First == 0 {
		if st.begin(turn, s.size, s.judge, s.opener, s.promote) && s.steady {
			st.Sent = s.size
		}
	}
	if err := s.promote.Learn(&st.Ladder, turn); err != nil {
		return engine.Decision{}, err
	}
	if st.ranked == nil || st.ranked.Len() == 0 || !has(turn.History, st.ranked.List()[0]) {
		all, err := find(turn.History, st.Population.ids)
		if err != nil {
			return engine.Decision{}, err
		}
		st.ranked = s.judge.Rank(all...)
	}
	var d engine.Decision
	if d.Note, err = s.succeed(st, turn); err != nil {
		return engine.Decision{}, err
	}
	r, parents := rng.New(turn.Seed), st.ranked.List()
	for len(d.Proposals) < turn.Want && (s.steady || st.Sent < s.size) {
		p, promoted := s.promote.Propose(st.Ladder)
		opening := len(parents) == 0 || st.Started < len(s.opener.start) || s.steady && st.Sent < s.size
		switch {
		case promoted:
		case opening:
			p = s.opener.next(&st.Started)
		default:
			p = s.child(r, parents)
		}
		d.Proposals = append(d.Proposals, p)
		if !s.steady || opening && !promoted {
			st.Sent++
		}
	}
	d.State, d.Keep = s.memo.keep(st.pack(), st), s.promote.Keep(st.Ladder)
	return d, nil
}

// succeed lets results compete with the population: at once, or those of a generation
// with its last one.
func (s *nsga2) succeed(st *nsga2State, turn engine.Turn) (note string, err error) {
	for i := range turn.Results {
		c := &turn.Results[i]
		own := !c.Foreign(st.First) // others are no part of the generation, but may enter the population
		switch {
		case usable(c) && c.Fidelity == 0:
			st.Children.add(c.ID)
		case s.steady && own && c.Fidelity == 0 && (c.Operator == engine.OpRandom || c.Operator == engine.OpStart):
			st.Sent-- // another one in its place
		}
		if own && !s.steady {
			st.Back++
		}
	}
	if s.steady && len(st.Children.ids) == 0 || !s.steady && st.Back < s.size {
		return "", nil
	}
	young, err := find(turn.History, st.Children.ids)
	if err != nil {
		return "", err
	}
	for _, c := range young {
		st.ranked.Add(c)
	}
	if st.ranked.Len() > s.size {
		for _, c := range s.leave(st.ranked, s.size, rng.New(turn.Seed).Split("who leaves")) {
			st.ranked.Remove(c)
		}
	}
	st.Population, st.Children = roll{}, roll{}
	for _, c := range st.ranked.List() {
		st.Population.add(c.ID)
	}
	if s.steady {
		return "", nil
	}
	st.Generation++
	st.Sent, st.Back = 0, 0
	return fmt.Sprintf("generation %d", st.Generation), nil
}
