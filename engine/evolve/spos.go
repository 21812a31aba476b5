package evolve

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/option"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/network"
	"github.com/nascent-nas/nascent/genome/rng"
)

// sposName is what the strategy is called.
const sposName = "spos"

func init() { register(sposName, false, func(find Find) engine.Strategy { return &spos{find: find} }) }

// spos is single-path one-shot search (Guo, Zhang, Mu, Heng, Liu, Wei & Sun 2020,
// arXiv 1904.00420): the shared weights are trained on paths that are drawn evenly,
// and then a strategy of any kind searches with scores, each of which takes
// milliseconds. What scores best is promoted to training of its own. The paper's
// search is a genetic algorithm; here the default is aging evolution.
//
// It searches by an inner strategy, for which scores are all the trainings that
// there are: see sposView.
type spos struct {
	find      Find
	setup     engine.Setup
	method    string
	with      searcher
	inner     engine.Strategy
	promotion Promotion
	promote   *Promoter
	view      sposView
	Schedule
}

// sposState is what is remembered from turn to turn.
type sposState struct {
	First engine.ID `json:"first"` // of its own jobs; 0 before the first turn
	Progress
	Inner   json.RawMessage `json:"inner"`             // state of the inner strategy
	Begun   bool            `json:"begun"`             // it has had its first turn
	Pending []string        `json:"pending,omitempty"` // genomes whose scores are under way
	Ladder  Ladder          `json:"ladder,omitempty"`
}

// scores stands for the evaluator of the lowest fidelity: no other has its name,
// so that nothing goes on from what was only scored.
const scores = "\x00scores"

// scored are the objectives that scores tell of: the first, in whose place the shared
// accuracy stands, and what the network itself says.
func scored(objectives []engine.Objective) []engine.Objective {
	var out []engine.Objective
	for i, o := range objectives {
		if _, said := ofNetwork[o.Metric]; i == 0 || said {
			out = append(out, o)
		}
	}
	return out
}

// ofNetwork are the metrics that a network says itself.
var ofNetwork = map[string]func(*network.Network) int64{
	"parameters": (*network.Network).Parameters,
	"macs":       (*network.Network).Macs,
}

// redraws bounds how often a genome is bred again that was scored before.
const redraws = 100

// Declare declares the options.
func (s *spos) Declare(o *option.Set) {
	o.Choice(&s.method, "method", sposName, "as the strategy supernet is told it")
	o.Float(&s.Epochs, "epochs", 60, 0.01, 1e6, "of training the supernet")
	o.Float(&s.Schedule.Step, "epochs_a_job", 5, 0.01, 1e6, "of one job")
	o.Value(&s.with, "search", `"aging"`, "a name, a path, or {use: NAME, option: value}", "the strategy that searches with scores")
	s.promotion.Declare(o, 20, 100)
}

// Open reads the options and opens the inner strategy.
func (s *spos) Open(ctx context.Context, setup engine.Setup) ([]byte, engine.Needs, error) {
	needs := engine.Needs{History: engine.NeedMetrics, Tasks: []engine.Task{engine.Supernet, engine.Score}}
	if err := option.Read(setup.Options, s.Declare); err != nil {
		return nil, needs, err
	}
	if s.with.has("promote") {
		return nil, needs, &genome.Mistake{
			Key: "search.promote", Problem: "what is promoted is an option of " + sposName,
			Remedy: "write promote beside search, not in it",
		}
	}
	if _, err := ReadSupernet(setup); err != nil {
		return nil, needs, err
	}
	if p := &s.promotion; setup.Space.Rules() < 1 && p.group.Given("promote") && !p.group.Given("eta") {
		p.Eta = 4 // as it was where promote was given without
	}
	s.setup, s.view = setup, sposView{}
	var err error
	if s.inner, err = s.find(s.with.use); err != nil {
		return nil, needs, option.Within("search", err)
	}
	all := setup
	all.Fidelities = append([]engine.Fidelity{{Evaluator: scores}}, setup.Fidelities...)
	s.promote = s.promotion.Promoter(all)
	seen := all
	seen.Fidelities = all.Fidelities[:1]
	seen.Objectives, seen.Ties, seen.Constraints, seen.Reference = scored(setup.Ranking().Objectives), nil, nil, nil
	s.promote.first = newJudge(seen)
	memory, wants, err := s.with.open(ctx, s.inner, "search", seen, &needs)
	if err != nil {
		return nil, needs, err
	}
	needs.Batch = wants.Batch
	return pack(sposState{Inner: memory}), needs, nil
}

// Close ends the inner strategy's process, if it has one.
func (s *spos) Close(ctx context.Context) error { return closeAll(ctx, s.inner) }

// Step trains the supernet on, or lets the inner strategy take a turn.
func (s *spos) Step(ctx context.Context, packed []byte, turn engine.Turn) (engine.Decision, error) {
	var d engine.Decision
	var st sposState
	if err := unpack(packed, &st); err != nil {
		return d, err
	}
	if st.First == 0 {
		st.First = turn.FirstID
	}
	for i := range turn.Results {
		c := &turn.Results[i]
		if s.Schedule.Learn(&st.Progress, c) {
			loss, _ := c.Metrics.Get(SupernetLoss)
			d.Note = fmt.Sprintf("%s: epoch %g of %g, loss %.3f", sposName, st.Epoch, s.Epochs, loss)
		}
	}
	if s.Schedule.Done(&st.Progress) {
		return s.search(ctx, &st, d, turn)
	}
	if st.Running == 0 && turn.Want > 0 {
		g, err := s.setup.Space.Random(rng.New(turn.Seed)) // one path stands for all
		if err != nil {
			return d, err
		}
		p, err := s.Schedule.Next(&st.Progress, turn.FirstID, uniform, g, evenly)
		if err != nil {
			return d, err
		}
		d.Proposals = append(d.Proposals, p)
	}
	d.State, d.Keep = pack(st), st.Progress.Keep()
	return d, nil
}

// search promotes what is due, and lets the inner strategy fill the room that is
// left.
func (s *spos) search(ctx context.Context, st *sposState, d engine.Decision, turn engine.Turn) (engine.Decision, error) {
	s.view.follow(turn.History, scored(s.setup.Ranking().Objectives), st.First)
	if err := s.learn(st, turn); err != nil {
		return d, err
	}
	for len(d.Proposals) < turn.Want {
		p, ok := s.promote.Propose(st.Ladder)
		if !ok {
			break
		}
		p.Fidelity-- // the inner strategy's lowest is none of the search's
		d.Proposals = append(d.Proposals, p)
	}
	seen := turn
	seen.History, seen.Results = &s.view, nil
	seen.FirstID, seen.Want = turn.FirstID+engine.ID(len(d.Proposals)), turn.Want-len(d.Proposals)
	for i := range turn.Results {
		c := &turn.Results[i]
		if k := slices.Index(st.Pending, c.Genome.Text()); c.Task == engine.Score && k >= 0 {
			st.Pending = slices.Delete(st.Pending, k, k+1)
		}
		if st.Begun && s.view.shows(c) {
			seen.Results = append(seen.Results, *s.view.as(c))
		}
	}
	st.Begun = true
	decided, err := s.inner.Step(ctx, st.Inner, seen)
	if err != nil {
		return d, err
	}
	if st.Inner = decided.State; d.Note == "" {
		d.Note = decided.Note
	}
	r := rng.New(turn.Seed).Split("scores")
	for _, p := range decided.Proposals {
		if p.Task != "" && p.Task != engine.Train || p.Fidelity != 0 {
			return d, fmt.Errorf("the strategy that searches with scores proposes a job of task %q at fidelity %d: there "+
				"are only trainings at fidelity 0", p.Task, p.Fidelity)
		}
		if err := s.breed(&p, st.Pending, r); err != nil {
			return d, err
		}
		p.Task, p.Inherit, p.Resume = engine.Score, st.Weights, 0
		st.Pending = append(st.Pending, p.Genome.Text())
		d.Proposals = append(d.Proposals, p)
	}
	d.State, d.Files, d.Done = pack(st), decided.Files, decided.Done
	d.Keep = slices.Concat(decided.Keep, s.promote.Keep(st.Ladder), st.Progress.Keep())
	return d, nil
}

// learn takes a turn's results in for promotion, to which scores are the lowest
// fidelity.
func (s *spos) learn(st *sposState, turn engine.Turn) error {
	seen := turn
	seen.History, seen.Results = sposLadder{&s.view}, nil
	for i := range turn.Results {
		if c := (sposLadder{&s.view}).as(&turn.Results[i]); c != nil {
			seen.Results = append(seen.Results, *c)
		}
	}
	return s.promote.Learn(&st.Ladder, seen)
}

// breed makes the genome of a proposal to score, as the engine would for one to
// train: it knows no duplicates among scores. One that was scored before is bred
// again, as far as the redraws go.
func (s *spos) breed(p *engine.Proposal, pending []string, r *rng.Rand) error {
	if !p.Genome.IsZero() {
		return nil
	}
	var parents []genome.Genome
	for _, id := range p.Parents {
		c, ok := s.view.Get(id)
		if !ok {
			return fmt.Errorf("the strategy that searches with scores names candidate %s, which its history lacks", id)
		}
		parents = append(parents, c.Genome)
	}
	for range redraws {
		g, err := s.child(p.Operator, parents, r)
		if err != nil {
			return err
		}
		if p.Genome = g; !s.view.scored[g.Packed()] && !slices.Contains(pending, g.Text()) {
			break
		}
	}
	return nil
}

// child applies an operator once. A genome that has no neighbour, or no
// offspring, stands for its child, as in the engine.
func (s *spos) child(operator string, parents []genome.Genome, r *rng.Rand) (genome.Genome, error) {
	if len(parents) == 0 {
		return s.setup.Space.Random(r)
	}
	g := parents[0]
	if (operator == engine.OpCross || operator == engine.OpCrossMutate) && len(parents) > 1 {
		if x, err := s.setup.Space.Cross(g, parents[1], r); err == nil {
			g = x
		}
	}
	if operator == engine.OpMutate || operator == engine.OpCrossMutate {
		if x, err := s.setup.Space.Mutate(g, r); err == nil {
			g = x
		}
	}
	return g, nil
}
