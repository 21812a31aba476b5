package reinforce

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/evolve"
	"github.com/nascent-nas/nascent/engine/option"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/rng"
	"github.com/nascent-nas/nascent/plugins/trainer/controller"
)

// redraws bounds how often a genome that lies outside the limits or the pool is
// drawn again; then a random one is proposed.
const redraws = 100

// memory is how many of the candidates that others measured make the first
// baseline.
const memory = 100

// strategy is reinforcement learning as an engine.Strategy.
//
// A round is as many of its jobs as the option batch says: promotions that are
// due, known-good genomes, and genomes that the controller draws. When that many
// results are back, the controller learns from those that it drew. In strict
// order the next round begins only then; in arrival order there is always
// something to do, and the controller learns from genomes that it drew a little
// earlier, as the paper's parallel replicas do.
type strategy struct {
	setup   engine.Setup
	o       options
	judge   judge
	promote *evolve.Promoter
	keeper  keeper
}

// state is what is remembered from turn to turn, beside the file of the
// controller.
type state struct {
	First   engine.ID      `json:"first"`           // of its own jobs; 0 before the first turn
	File    engine.FileRef `json:"file"`            // the controller
	Started int            `json:"started"`         // known-good genomes proposed
	Sent    int            `json:"sent"`            // jobs of this round
	Back    int            `json:"back"`            // results of this round
	Drawn   []engine.ID    `json:"drawn,omitempty"` // of them, those to learn from
	Updates int            `json:"updates"`
	Known   int            `json:"known"` // drawn genomes in a row whose result was known already
	Scale   scale          `json:"scale"`
	Ladder  evolve.Ladder  `json:"ladder,omitempty"`
}

// Declare declares the options.
func (s *strategy) Declare(o *option.Set) { new(options).declare(o) }

// Open reads the options, see docs/reinforce.md.
func (s *strategy) Open(_ context.Context, setup engine.Setup) ([]byte, engine.Needs, error) {
	needs := engine.Needs{History: engine.NeedMetrics}
	o, err := readOptions(setup.Options)
	if err != nil {
		return nil, needs, err
	}
	if len(setup.Objectives) == 0 {
		return nil, needs, errors.New("reinforce has nothing to reward: give the search an objective")
	}
	if o.reward == "value" && len(setup.Ranking().Objectives) > 1 {
		return nil, needs, &genome.Mistake{
			Key: "reward", Problem: "no value says how good a candidate is by several objectives", Remedy: "write rank, or leave it out",
		}
	}
	blank, err := controller.New(setup.Space, o.policy(), 0)
	if err != nil {
		return nil, needs, err
	}
	*s = strategy{
		setup: setup, o: o, promote: o.promote.Promoter(setup),
		judge:  judge{Ranking: setup.Ranking(), rank: o.reward == "rank", decay: o.decay},
		keeper: keeper{files: setup.Files, blank: blank},
	}
	needs.Batch = o.batch
	return pack(state{}), needs, nil
}

// Step learns from the turn's results, at the end of a round, and proposes.
func (s *strategy) Step(_ context.Context, packed []byte, turn engine.Turn) (engine.Decision, error) {
	var d engine.Decision
	var st state
	if err := json.Unmarshal(packed, &st); err != nil {
		return d, fmt.Errorf("the strategy's state cannot be read: %w", err)
	}
	fresh := st.First == 0
	if fresh {
		if err := s.begin(&st, turn); err != nil {
			return d, err
		}
	} else if err := s.keeper.load(st.File.Hash); err != nil {
		return d, err
	}
	if err := s.promote.Learn(&st.Ladder, turn); err != nil {
		return d, err
	}
	s.consume(&st, turn)
	if st.Back >= s.o.batch {
		learned, note, err := s.learn(&st, turn.History)
		if err != nil {
			return d, err
		}
		fresh, d.Note = fresh || learned, note
	}
	if err := s.propose(&st, &d, turn); err != nil {
		return d, err
	}
	if fresh {
		var err error
		if st.File, err = s.keeper.save(); err != nil {
			return d, err
		}
	}
	d.Files = []engine.FileRef{st.File}
	d.State, d.Keep = pack(st), s.promote.Keep(st.Ladder)
	return d, nil
}

// begin makes a controller. A search that it takes over tells it what to expect:
// the baseline is made from what others measured, but nothing is learned from
// genomes that it did not draw.
func (s *strategy) begin(st *state, turn engine.Turn) error {
	st.First = turn.FirstID
	if turn.N > 0 { // those before it tried the known-good genomes
		st.Started = len(s.setup.Start)
	}
	if turn.FirstID > 1 {
		s.promote.Adopt(&st.Ladder, turn.History)
		for i := range turn.History.Len() {
			c := turn.History.At(i)
			s.judge.note(&st.Scale, c)
			if i >= turn.History.Len()-memory {
				s.foreign(&st.Scale, turn.History, c)
			}
		}
	}
	return s.keeper.begin(&s.o, s.setup, turn.Seed)
}

// foreign lets the reward of a candidate that the controller did not draw enter
// the baseline.
func (s *strategy) foreign(scale *scale, h engine.History, c *engine.Candidate) {
	if tells(c) && c.Reuse == 0 {
		s.judge.average(scale, s.judge.reward(scale, h, c))
	}
}

// consume sorts a turn's results.
func (s *strategy) consume(st *state, turn engine.Turn) {
	for i := range turn.Results {
		c := &turn.Results[i]
		s.judge.note(&st.Scale, c)
		own := !c.Foreign(st.First)
		if own {
			st.Back++
		}
		switch {
		case !own || c.Operator != engine.OpGiven:
			s.foreign(&st.Scale, turn.History, c)
		case tells(c):
			st.Drawn = append(st.Drawn, c.ID)
			if st.Known++; c.Reuse == 0 {
				st.Known = 0
			}
		}
	}
}

// learn ends a round: it takes a step of learning from the genomes that were
// drawn and measured, if there are any. What failed for no fault of its genome
// is left out.
func (s *strategy) learn(st *state, h engine.History) (learned bool, note string, err error) {
	drawn := st.Drawn
	st.Sent, st.Back, st.Drawn = max(0, st.Sent-st.Back), 0, nil
	if len(drawn) == 0 {
		return false, "", nil
	}
	var batch []controller.Sequence
	var rewards []float64
	for _, id := range drawn {
		c, ok := h.Get(id)
		if !ok {
			return false, "", fmt.Errorf("the strategy's state names candidate %s, which the history lacks", id)
		}
		q, err := s.keeper.policy.Sequence(c.Genome)
		if err != nil {
			return false, "", err
		}
		s.keeper.policy.Recall(&q)
		batch, rewards = append(batch, q), append(rewards, s.judge.reward(&st.Scale, h, c))
	}
	before := st.Scale
	if !before.Begun { // the first round is compared to itself
		s.judge.average(&before, rewards...)
	}
	advantages := make([]float64, len(rewards))
	for i, r := range rewards {
		advantages[i] = (r - before.Baseline) / s.judge.unit(&before)
	}
	s.judge.average(&st.Scale, rewards...)
	s.keeper.hash = "" // the policy is that of no file, until it is saved
	stats, err := s.keeper.policy.Update(batch, advantages, s.o.loss())
	if err != nil {
		return false, "", err
	}
	st.Updates++
	return true, fmt.Sprintf("update %d: baseline %.4g, entropy %.3g nats", st.Updates, st.Scale.Baseline, stats.Entropy), nil
}

// propose fills the room that there is.
func (s *strategy) propose(st *state, d *engine.Decision, turn engine.Turn) error {
	r := rng.New(turn.Seed)
	for len(d.Proposals) < turn.Want && (st.Sent < s.o.batch || s.setup.Order == engine.Arrival) {
		p, ok := s.promote.Propose(st.Ladder)
		switch {
		case ok:
		case st.Started < len(s.setup.Start):
			p = engine.Proposal{Operator: engine.OpStart, Genome: s.setup.Start[st.Started]}
			st.Started++
		case st.Known >= s.o.batch: // sure of itself: look elsewhere, which also costs something
			p = engine.Proposal{Operator: engine.OpRandom}
			st.Known = 0
		default:
			var err error
			if p, err = s.draw(r); err != nil {
				return err
			}
		}
		d.Proposals = append(d.Proposals, p)
		st.Sent++
	}
	return nil
}

// draw lets the controller propose a genome within the limits and the pool.
func (s *strategy) draw(r *rng.Rand) (engine.Proposal, error) {
	for range redraws {
		q, err := s.keeper.policy.Sample(r)
		if err != nil {
			return engine.Proposal{}, err
		}
		if s.setup.Space.Check(q.Genome) == nil {
			return engine.Proposal{Operator: engine.OpGiven, Genome: q.Genome}, nil
		}
	}
	return engine.Proposal{Operator: engine.OpRandom}, nil
}

// pack writes a state; ids and numbers always can be.
func pack(st state) []byte {
	b, err := json.Marshal(st)
	if err != nil {
		panic(err)
	}
	return b
}
