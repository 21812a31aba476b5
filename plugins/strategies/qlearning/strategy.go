package qlearning

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/evolve"
	"github.com/nascent-nas/nascent/engine/option"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/rng"
	"github.com/nascent-nas/nascent/plugins/sdk"
)

// redraws bounds how often a network is drawn again in one proposal: because it
// lies outside the limits or the pool, or was drawn before.
const redraws = 100

// strategy is Q-learning as an engine.Strategy.
type strategy struct {
	setup    engine.Setup
	problem  *problem
	schedule schedule
	promote  *evolve.Promoter
	cached   *agent // what the file with this hash keeps
	hash     string
}

// state is what is remembered from turn to turn, beside the file of Q-values.
type state struct {
	Begun   bool          `json:"begun"`
	Table   string        `json:"table"`   // hash of the file; "" before there is one
	Started int           `json:"started"` // known-good genomes proposed
	Drawn   int           `json:"drawn"`   // networks proposed since: the schedule's clock
	Waiting []waiting     `json:"waiting,omitempty"`
	Ladder  evolve.Ladder `json:"ladder,omitempty"`
}

// waiting is a network whose result is not there yet.
type waiting struct {
	ID     engine.ID `json:"id"`
	Packed []byte    `json:"packed"`          // genome
	Again  int       `json:"again,omitempty"` // how often it was drawn again meanwhile
	key    genome.Hash
}

// Declare declares the options.
func (s *strategy) Declare(o *option.Set) { new(options).declare(o) }

// Open reads the options, see docs/qlearning.md.
func (s *strategy) Open(_ context.Context, setup engine.Setup) ([]byte, engine.Needs, error) {
	needs := engine.Needs{History: engine.NeedMetrics}
	o, err := readOptions(setup.Options)
	if err != nil {
		return nil, needs, err
	}
	p := newPlaces(setup.Space)
	if len(p.sites) == 0 {
		return nil, needs, errors.New("qlearning decides a genome option by option, and this space has no options, or too many: " +
			"give it genes with several values, or lower the depth of recursion")
	}
	begin, forgetful, err := states(p, o.state, o.legal)
	if err != nil {
		return nil, needs, err
	}
	s.promote = o.promote.Promoter(setup)
	s.setup, s.schedule, s.cached, s.hash = setup, o.schedule, nil, ""
	s.problem = &problem{
		space: setup.Space, begin: begin, rates: o.rates(forgetful), initial: o.initial, replay: o.replay,
	}
	needs.Batch = o.batch
	return pack(state{}), needs, nil
}

// states is how the agent sees the decisions of a space: as it is told, else as
// layers where there are lists of layers, by list elements where there are other
// lists, and by all that was decided where there are none. It tells whether such
// states forget more than the paper's.
func states(p *places, name string, rules legal) (begin func() walk, forgetful bool, err error) {
	l := newLayers(p, rules)
	lists := slices.ContainsFunc(p.units, func(unit string) bool { return unit != "" })
	if name == automatic {
		switch {
		case l != nil:
			name = "layers"
		case lists:
			name = "element"
		default:
			name = "prefix"
		}
	}
	switch {
	case name == "prefix":
		return func() walk { return &recall{element: newElement(p), whole: true} }, false, nil
	case name == "element":
		return func() walk { return &recall{element: newElement(p)} }, lists, nil
	case l == nil:
		return nil, false, sdk.BadOption("state", "the space has no list of layers (%s) over data with positions: use element or prefix",
			strings.Join(layerTypes, ", "))
	}
	return l.walk, l.forgetful(), nil
}

// Step learns from the turn's results, in their order, and designs networks.
func (s *strategy) Step(_ context.Context, packed []byte, turn engine.Turn) (engine.Decision, error) {
	var st state
	if err := json.Unmarshal(packed, &st); err != nil {
		return engine.Decision{}, fmt.Errorf("the strategy's state cannot be read: %w", err)
	}
	a, err := s.agent(st.Table)
	if err != nil {
		return engine.Decision{}, err
	}
	s.cached = nil // until it is what a file keeps again
	r := rng.New(turn.Seed)
	before := len(a.memory)
	var d engine.Decision
	if !st.Begun { // whoever searches for less should know
		d.Note = fmt.Sprintf("epsilon falls over %d networks; the option budget says over how many", s.schedule.total())
	}
	if err := s.consume(a, &st, turn, r); err != nil {
		return engine.Decision{}, err
	}
	if err := s.promote.Learn(&st.Ladder, turn); err != nil {
		return engine.Decision{}, err
	}
	for len(d.Proposals) < turn.Want {
		p, ok := s.promote.Propose(st.Ladder)
		if !ok {
			if p, err = s.propose(a, &st, turn.FirstID+engine.ID(len(d.Proposals)), r); err != nil {
				return d, err
			}
		}
		d.Proposals = append(d.Proposals, p)
	}
	if st.Table != "" {
		d.Files = turn.Files
	}
	if len(a.memory) > before {
		ref, err := a.save(s.setup.Files)
		if err != nil {
			return d, err
		}
		st.Table, d.Files = ref.Hash, []engine.FileRef{ref}
	}
	s.cached, s.hash = a, st.Table
	d.State, d.Keep = pack(st), s.promote.Keep(st.Ladder)
	return d, nil
}

// agent is what the file with a hash keeps; a new one without.
func (s *strategy) agent(hash string) (*agent, error) {
	if s.cached != nil && s.hash == hash {
		return s.cached, nil
	}
	if hash == "" {
		return newAgent(s.problem), nil
	}
	path, err := s.setup.Files.Path(hash)
	if err != nil {
		return nil, err
	}
	return load(s.problem, path)
}

// consume learns from the turn's results; in the first turn from all that is
// there, whoever proposed it: Q-learning learns from any behaviour.
func (s *strategy) consume(a *agent, st *state, turn engine.Turn, r *rng.Rand) error {
	if !st.Begun {
		st.Begun = true
		s.promote.Adopt(&st.Ladder, turn.History)
		if turn.N > 0 && turn.History.Len() > 0 { // the known-good genomes have had their turn
			st.Started = len(s.setup.Start)
		}
		for c := range engine.All(turn.History) {
			if err := s.experience(a, c, turn.History, 1, r); err != nil {
				return err
			}
		}
		return nil
	}
	for i := range turn.Results {
		c := &turn.Results[i]
		times := 1
		if k := slices.IndexFunc(st.Waiting, func(w waiting) bool { return w.ID == c.ID }); k >= 0 {
			times += st.Waiting[k].Again
			st.Waiting = slices.Delete(st.Waiting, k, k+1)
		}
		if err := s.experience(a, c, turn.History, times, r); err != nil {
			return err
		}
	}
	return nil
}

// experience takes a result into the memory and learns, as often as its network
// was drawn. What was stopped early or is of another fidelity teaches nothing,
// as its figures do not compare; an invalid network has the reward 0.
func (s *strategy) experience(a *agent, c *engine.Candidate, h engine.History, times int, r *rng.Rand) error {
	if c.Task != engine.Train || c.Fidelity != 0 || c.Stopped {
		return nil
	}
	reward := 0.0
	if c.Status == engine.OK {
		reward = s.reward(c, h)
	}
	for range times {
		if err := a.remember(c.Genome, reward, c.Status == engine.Failed); err != nil {
			return err
		}
		if c.Status != engine.Failed {
			a.study(r)
		}
	}
	return nil
}

// newest is how many candidates a reward by several objectives looks back.
const newest = 1000

// reward is between 0 and 1. By one objective it is an accuracy as it is, of another
// figure x (1 + x/(1+|x|))/2, turned where less is better. By several it is the share
// of the newest candidates in the History that this one is better than. A candidate
// that breaks a constraint has 0.
func (s *strategy) reward(c *engine.Candidate, h engine.History) float64 {
	ranking := s.setup.Ranking()
	if ranking.Violation(c.Metrics) > 0 {
		return 0
	}
	if len(ranking.Objectives) > 1 {
		better, n := ranking.Better(c, func(yield func(*engine.Candidate) bool) {
			for i := max(0, h.Len()-newest); i < h.Len(); i++ {
				x := h.At(i)
				if x.Status == engine.OK && x.Task == engine.Train && x.Fidelity == 0 && !x.Stopped && x.ID != c.ID && !yield(x) {
					return
				}
			}
		})
		return (0.5 + better) / float64(n+1)
	}
	o := ranking.Objectives[0]
	x := ranking.Worth(o, c.Metrics)
	switch {
	case math.IsInf(x, -1):
		return 0
	case o.Metric == "accuracy" && o.Goal == engine.Maximize:
		return x
	}
	return 0.5 * (1 + x/(1+math.Abs(x)))
}

// propose goes through the known-good genomes and then designs networks.
func (s *strategy) propose(a *agent, st *state, id engine.ID, r *rng.Rand) (engine.Proposal, error) {
	if st.Started < len(s.setup.Start) {
		g := s.setup.Start[st.Started]
		st.Started++
		st.Waiting = append(st.Waiting, waiting{ID: id, Packed: []byte(g.Packed())})
		return engine.Proposal{Operator: engine.OpStart, Genome: g}, nil
	}
	epsilon := s.schedule.at(st.Drawn)
	st.Drawn++
	g, err := s.design(a, st, epsilon, r)
	if err != nil || g.IsZero() {
		return engine.Proposal{Operator: engine.OpRandom, Tag: tag(epsilon)}, err
	}
	st.Waiting = append(st.Waiting, waiting{ID: id, Packed: []byte(g.Packed())})
	return engine.Proposal{Genome: g, Tag: tag(epsilon)}, nil
}

// design draws networks until one is new. One that was measured before is not
// measured again: its reward counts once more (section 4.3), and so it does for
// one that is being measured, when that is done. Nothing is learned from one that
// may not be proposed. Without success the genome is zero.
func (s *strategy) design(a *agent, st *state, epsilon float64, r *rng.Rand) (genome.Genome, error) {
	for n := range redraws {
		// The second half gets bolder, up to random networks.
		if bold := float64(2*n-redraws) / redraws; bold > epsilon {
			epsilon = bold
		}
		g, err := a.draw(epsilon, r)
		if err != nil {
			return g, err
		}
		if s.setup.Space.Check(g) != nil {
			continue
		}
		key := a.key(g)
		if i, ok := a.known[key]; ok {
			if e := a.memory[i]; !e.barred {
				if err := a.remember(g, e.reward, false); err != nil {
					return g, err
				}
				a.study(r)
			}
			continue
		}
		i, err := s.underway(a, st, key)
		if err != nil || i < 0 {
			return g, err
		}
		st.Waiting[i].Again++
	}
	return genome.Genome{}, nil
}

// underway is the index of a network among those that are being measured, -1 if
// it is none of them.
func (s *strategy) underway(a *agent, st *state, key genome.Hash) (int, error) {
	for i := range st.Waiting {
		w := &st.Waiting[i]
		if w.key.IsZero() {
			g, err := s.setup.Space.Unpack(string(w.Packed))
			if err != nil {
				return -1, err
			}
			w.key = a.key(g)
		}
		if w.key == key {
			return i, nil
		}
	}
	return -1, nil
}

// pack writes a state; ids and numbers always can be.
func pack(st state) []byte {
	b, err := json.Marshal(st)
	if err != nil {
		panic(err)
	}
	return b
}
