package evolve

import (
	"context"
	"slices"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/option"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/rng"
)

func init() { register("local", true, func(Find) engine.Strategy { return &local{} }) }

// local is local search (White, Nolen & Savani: Exploring the Loss Landscape in Neural
// Architecture Search, 2020, arXiv 2005.02960). It stands at the best of some random
// genomes and measures its neighbours, which are one change away, in random order. It
// moves to one that is better; where none is, it begins again elsewhere.
//
// The paper moves once all neighbours are measured; `move: best` does so. By default it
// moves to the first that is better, which takes fewer evaluations.
//
// What is under way when it moves is not lost: whatever comes back and is better than
// where it stands is moved to. A search that it takes over puts it on the best, and so does
// what was imported before it begins; what is imported or added later, and better, is
// moved to.
type local struct {
	opener    opener
	promotion Promotion
	promote   *Promoter
	judge     judge
	space     *genome.Space
	initial   int // random genomes before each beginning
	move      string

	// What follows from the state and the History.
	tried  tried
	around []genome.Genome   // the neighbours
	of     localPlace        // of this place
	from   *engine.Candidate // in this History
}

// localPlace is where it stands.
type localPlace struct {
	Current engine.ID `json:"current"` // 0: it is to begin
	Order   uint64    `json:"order"`   // seed of the order in which neighbours are measured
	Known   int       `json:"known"`   // how much of the History there was when it came there
}

type localState struct {
	First   engine.ID `json:"first"`   // of its own candidates; 0 before the first turn
	Started int       `json:"started"` // known-good genomes proposed
	Begun   int       `json:"begun"`   // known-good and random ones proposed for this beginning
	localPlace
	Next    int         `json:"next"`    // neighbours proposed or passed over
	Better  engine.ID   `json:"better"`  // the best that was measured since, if that is better; 0: none
	Waiting []engine.ID `json:"waiting"` // those without a result that decide whether there is a better one
	Ladder  Ladder      `json:"ladder,omitempty"`
}

// mostNeighbours bounds how many neighbours of one genome are looked at.
const mostNeighbours = 10_000

// Declare declares the options.
func (s *local) Declare(o *option.Set) {
	o.Int(&s.initial, "initial", 10, 1, 100_000,
		"random candidates, known-good ones first, of which the best is where it begins, each time")
	o.Choice(&s.move, "move", "first, best", "first: to the first neighbour that is better; best: to the best, once all are measured")
	s.promotion.Declare(o, 4, 20)
}

// Open reads the options.
func (s *local) Open(_ context.Context, setup engine.Setup) ([]byte, engine.Needs, error) {
	err := option.Read(setup.Options, s.Declare)
	s.opener, s.judge, s.promote, s.space = newOpener(setup), newJudge(setup), s.promotion.Promoter(setup), setup.Space
	s.tried, s.from = tried{}, nil
	return pack(localState{}), engine.Needs{History: engine.NeedMetrics}, err
}

// Step moves, and fills the room that there is with promotions, what a beginning needs,
// or neighbours. While it waits for the last of these, room stays free.
func (s *local) Step(_ context.Context, state []byte, turn engine.Turn) (engine.Decision, error) {
	var st localState
	if err := unpack(state, &st); err != nil {
		return engine.Decision{}, err
	}
	if st.First == 0 {
		s.begin(&st, turn)
	}
	if err := s.promote.Learn(&st.Ladder, turn); err != nil {
		return engine.Decision{}, err
	}
	if err := s.learn(&st, turn); err != nil {
		return engine.Decision{}, err
	}
	var d engine.Decision
	for len(d.Proposals) < turn.Want {
		p, ok := s.promote.Propose(st.Ladder)
		if !ok {
			if p, ok = s.next(&st, turn); !ok {
				break
			}
			st.Waiting = append(st.Waiting, turn.FirstID+engine.ID(len(d.Proposals)))
		}
		d.Proposals = append(d.Proposals, p)
	}
	d.State, d.Keep = pack(st), s.promote.Keep(st.Ladder)
	return d, nil
}

// begin takes over what is in the History: it stands on the best.
func (s *local) begin(st *localState, turn engine.Turn) {
	st.First = turn.FirstID
	found := adopted(turn.History)
	if len(found) == 0 {
		return
	}
	best := slices.MinFunc(found, s.judge.Compare)
	st.Started, st.localPlace = s.opener.opened(turn), localPlace{best.ID, turn.Seed, turn.History.Len()}
	s.promote.Adopt(&st.Ladder, turn.History)
}

// learn takes the results in, and moves where there is a better place, or nothing left
// to measure around this one.
func (s *local) learn(st *localState, turn engine.Turn) error {
	for i := range turn.Results {
		c := &turn.Results[i]
		st.Waiting = slices.DeleteFunc(st.Waiting, func(id engine.ID) bool { return id == c.ID })
		if !usable(c) || c.Fidelity != 0 || c.ID < st.First { // of a predecessor
			continue
		}
		best := st.Better
		if best == 0 {
			best = st.Current
		}
		if best == 0 {
			st.Better = c.ID
			continue
		}
		known, err := find(turn.History, []engine.ID{best})
		if err != nil {
			return err
		}
		if s.judge.Compare(c, known[0]) < 0 {
			st.Better = c.ID
		}
	}
	for {
		done := len(st.Waiting) == 0 && s.measured(st, turn.History)
		switch {
		case st.Better != 0 && (done || st.Current != 0 && s.move == "first"):
			st.localPlace = localPlace{st.Better, turn.Seed, turn.History.Len()}
			st.Next, st.Better = 0, 0
			continue // there may be nothing new around it
		case done && st.Current != 0: // nothing around is better
			st.localPlace, st.Next, st.Begun = localPlace{}, 0, 0
		case done:
			st.Begun = 0 // nothing could be measured
		}
		return nil
	}
}

// measured tells whether nothing is left to propose for where it stands.
func (s *local) measured(st *localState, h engine.History) bool {
	if st.Current == 0 {
		return st.Begun >= s.initial && st.Started >= len(s.opener.start)
	}
	return st.Next >= len(s.neighbours(st, h))
}

// next proposes a known-good or random genome, or a neighbour; nothing while results
// are to be waited for.
func (s *local) next(st *localState, turn engine.Turn) (engine.Proposal, bool) {
	if s.measured(st, turn.History) {
		return engine.Proposal{}, false
	}
	if st.Current == 0 {
		st.Begun++
		return s.opener.next(&st.Started), true
	}
	g := s.neighbours(st, turn.History)[st.Next]
	st.Next++
	return engine.Proposal{Operator: engine.OpMutate, Parents: []engine.ID{st.Current}, Genome: g}, true
}

// neighbours are those of where it stands, in the order in which they are measured.
// What was measured when it came there is not among them.
func (s *local) neighbours(st *localState, h engine.History) []genome.Genome {
	c, ok := h.Get(st.Current)
	if !ok || s.of == st.localPlace && s.from == c {
		return s.around
	}
	s.tried.follow(h, func() {}, func(*engine.Candidate) {})
	var around []genome.Genome
	for g := range s.space.Neighbours(c.Genome) {
		if at, ok := s.tried.since[g.Packed()]; !ok || at >= st.Known {
			around = append(around, g)
		}
		if len(around) == mostNeighbours {
			break
		}
	}
	rng.New(st.Order).Shuffle(len(around), func(i, j int) { around[i], around[j] = around[j], around[i] })
	s.around, s.of, s.from = around, st.localPlace, c
	return around
}
