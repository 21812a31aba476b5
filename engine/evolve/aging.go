package evolve

import (
	"context"
	"fmt"
	"slices"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/option"
	"github.com/nascent-nas/nascent/genome/rng"
)

func init() { register("aging", true, func(Find) engine.Strategy { return &aging{} }) }

// aging is aging evolution, also called regularized evolution (Real, Aggarwal,
// Huang, Le: Regularized Evolution for Image Classifier Architecture Search,
// 2019, arXiv 1802.01548). The population is a queue: a child enters at its
// end, and the oldest leaves, however good it is. A parent is the best of a
// sample drawn with replacement.
//
// The paper mutates only. Here a share of the children has two parents, each
// the best of a sample of its own, and is mutated afterwards, because in a
// population of close relatives a crossover alone often repeats one of them.
//
// A search that it takes over gives it its youngest candidates as population. Of what is
// imported the best enter, half a population at most at a time, or a whole one before it
// begins: a flood must not make all others leave.
//
// Proposals do not wait for results: while some are outstanding, parents come
// from those that are back. Initial candidates that could not be measured are
// replaced by fresh random ones.
type aging struct {
	opener    opener
	promotion Promotion
	promote   *Promoter
	judge     judge
	pick      selector
	size      int     // of the population
	sample    int     // draws of which the best is a parent
	initial   int     // candidates before the first child
	crossover float64 // share of children with two parents
	memo      memo[agingState]
}

type agingState struct {
	First      engine.ID `json:"first"`      // of its own candidates; 0 before the first turn
	Started    int       `json:"started"`    // known-good genomes proposed
	Initial    int       `json:"initial"`    // initial candidates proposed, less those that could not be measured
	Population roll      `json:"population"` // oldest first
	Ladder     Ladder    `json:"ladder,omitempty"`

	ranked *engine.Rank // the population, if its order is known
}

// pack writes the state as JSON.
func (st *agingState) pack() []byte {
	b := make([]byte, 0, len(st.Population.text)+256)
	b = fmt.Appendf(b, `{"first":%d,"started":%d,"initial":%d`, st.First, st.Started, st.Initial)
	b = st.Ladder.appendTo(st.Population.appendTo(b, "population"))
	return append(b, '}')
}

// Declare declares the options.
func (s *aging) Declare(o *option.Set) {
	o.Int(&s.size, "population", 20, 1, 100_000, "how many candidates are alive")
	o.Int(&s.sample, "sample", 10, 1, 100_000, "the parent is the best of that many draws, with replacement").AtMost("population")
	o.Int(&s.initial, "initial", 20, 1, 1_000_000, "known-good and random candidates before the first child; who cannot "+
		"be measured is replaced").Like("population")
	o.Float(&s.crossover, "crossover", 0.15, 0, 1,
		"share of children with two parents, which are crossed and then mutated; the paper has 0")
	s.promotion.Declare(o, 4, 20).Like("initial")
}

// Open reads the options.
func (s *aging) Open(_ context.Context, setup engine.Setup) ([]byte, engine.Needs, error) {
	var o option.Set
	s.Declare(&o)
	err := o.Read(setup.Options)
	if setup.Space.Rules() < 2 && !o.Given("sample") {
		s.sample = min(5, s.size) // the default when these searches began
	}
	s.opener, s.judge, s.promote = newOpener(setup), newJudge(setup), s.promotion.Promoter(setup)
	s.pick = tournament(s.sample)
	return new(agingState).pack(), engine.Needs{History: engine.NeedMetrics}, err
}

// Step ages the population by the turn's results, and fills the room that
// there is with promotions, initial candidates or children, in this order.
func (s *aging) Step(_ context.Context, state []byte, turn engine.Turn) (engine.Decision, error) {
	st, err := s.memo.read(state)
	if err != nil {
		return engine.Decision{}, err
	}
	if st.First == 0 {
		s.begin(st, turn)
	}
	if err := s.promote.Learn(&st.Ladder, turn); err != nil {
		return engine.Decision{}, err
	}
	joined, left := s.age(st, turn.Results)
	if err := s.rank(st, turn.History, joined, left); err != nil {
		return engine.Decision{}, err
	}
	ranked := st.ranked.List()

	var d engine.Decision
	r := rng.New(turn.Seed)
	for len(d.Proposals) < turn.Want {
		p, ok := s.promote.Propose(st.Ladder)
		switch {
		case ok:
		case len(ranked) == 0 || st.Initial < s.initial || st.Started < len(s.opener.start):
			p = s.opener.next(&st.Started)
			st.Initial++
		default:
			p = s.child(r, ranked)
		}
		d.Proposals = append(d.Proposals, p)
	}
	d.State, d.Keep = s.memo.keep(st.pack(), st), s.promote.Keep(st.Ladder)
	return d, nil
}

// begin takes over what is in the History: its youngest are the population.
func (s *aging) begin(st *agingState, turn engine.Turn) {
	st.First = turn.FirstID
	found := adopted(turn.History)
	if len(found) == 0 {
		return
	}
	st.Started, st.Initial = s.opener.opened(turn), s.initial
	if turn.N == 0 {
		found = s.best(found, s.size)
	}
	for _, c := range found[max(0, len(found)-s.size):] {
		st.Population.add(c.ID)
	}
	s.promote.Adopt(&st.Ladder, turn.History)
}

// age lets results of the lowest fidelity enter the population, and as many of
// the oldest leave. It lists both.
func (s *aging) age(st *agingState, results []engine.Candidate) (joined, left []engine.ID) {
	var foreign []*engine.Candidate
	for i := range results {
		c := &results[i]
		switch {
		case c.Fidelity != 0:
		case usable(c) && imported(c):
			foreign = append(foreign, c)
		case usable(c):
			joined = append(joined, c.ID)
		case !c.Foreign(st.First) && (c.Operator == engine.OpRandom || c.Operator == engine.OpStart):
			st.Initial--
		}
	}
	for _, c := range s.best(foreign, (s.size+1)/2) {
		joined = append(joined, c.ID)
	}
	st.Population.add(joined...)
	return joined, st.Population.shorten(s.size)
}

// best are the n best, the best of them last: as a population it is the youngest.
func (s *aging) best(all []*engine.Candidate, n int) []*engine.Candidate {
	s.judge.Sort(all)
	all = all[:min(n, len(all))]
	slices.Reverse(all)
	return all
}

// rank puts the population in order. Where its order before the turn is known, it is
// kept, but for who joined and left.
func (s *aging) rank(st *agingState, h engine.History, joined, left []engine.ID) error {
	if st.ranked == nil || st.ranked.Len() == 0 || !has(h, st.ranked.List()[0]) {
		all, err := find(h, st.Population.ids)
		st.ranked = s.judge.Rank(all...)
		return err
	}
	came, err := find(h, joined)
	if err != nil {
		return err
	}
	went, err := find(h, left)
	if err != nil {
		return err
	}
	for _, c := range came {
		st.ranked.Add(c)
	}
	for _, c := range went {
		st.ranked.Remove(c)
	}
	return nil
}

// child proposes offspring of ranked candidates.
func (s *aging) child(r *rng.Rand, ranked []*engine.Candidate) engine.Proposal {
	a := s.pick(r, ranked)
	if r.Float64() < s.crossover {
		if b := s.pick(r, ranked); b.Genome.Packed() != a.Genome.Packed() {
			return engine.Proposal{Operator: engine.OpCrossMutate, Parents: []engine.ID{a.ID, b.ID}}
		}
	}
	return engine.Proposal{Operator: engine.OpMutate, Parents: []engine.ID{a.ID}}
}
