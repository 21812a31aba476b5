package search

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/evolve"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/network"
	"github.com/nascent-nas/nascent/genome/rng"
	"github.com/nascent-nas/nascent/plugins/sdk"
	"github.com/nascent-nas/nascent/plugins/strategies/supernet/orders"
)

// spos is single-path one-shot search (Guo, Zhang, Mu, Heng, Liu, Wei & Sun 2020,
// arXiv 1904.00420): the shared weights are trained on paths that are drawn
// evenly, and then any built-in strategy searches with scores as its lowest
// fidelity: a score takes milliseconds, and what scores best is promoted to
// training of its own by the strategy's own promotion. The paper's search is a
// genetic algorithm; here the default is aging evolution.
//
// The inner strategy sees the search through a view: score jobs are trainings of
// fidelity 0, with the score as first objective, and the search's own fidelities
// come above it.
type spos struct {
	setup engine.Setup
	net   *network.Supernet
	o     sposOptions
	inner engine.Strategy
	schedule
}

type sposOptions struct {
	Epochs float64         `json:"epochs"`       // of training the supernet
	Step   float64         `json:"epochs_a_job"` // of one job
	Search json.RawMessage `json:"search"`       // the strategy that searches with scores: a name, or {use: name, option: value}
	Method string          `json:"method"`
}

// sposState is what is remembered from turn to turn.
type sposState struct {
	First engine.ID `json:"first"` // of its own jobs; 0 before the first turn
	progress
	Inner json.RawMessage `json:"inner"` // state of the inner strategy
	Begun bool            `json:"begun"` // it has had its first turn

	Pending []string `json:"pending,omitempty"` // genomes whose scores are under way
}

// Open reads the options, see docs/supernet.md.
func (s *spos) Open(ctx context.Context, setup engine.Setup) ([]byte, engine.Needs, error) {
	o := sposOptions{Epochs: 60, Step: 5, Search: json.RawMessage(`"aging"`)}
	needs := engine.Needs{History: engine.NeedMetrics, Tasks: []engine.Task{engine.Supernet, engine.Score}}
	if err := sdk.DecodeOptions(setup.Options, &o); err != nil {
		return nil, needs, err
	}
	net, err := read(setup)
	if err == nil && o.Method != "" && o.Method != "spos" {
		err = fmt.Errorf("strategy.method: %q is not spos", o.Method)
	}
	if err = first(err, between("epochs", o.Epochs, 0.01, 1e6), between("epochs_a_job", o.Step, 0.01, 1e6)); err != nil {
		return nil, needs, err
	}
	name, options, err := innerOptions(o.Search)
	if err != nil {
		return nil, needs, err
	}
	inner, err := evolve.New(name)
	if err != nil {
		return nil, needs, fmt.Errorf("strategy.search: %w", err)
	}
	seen := setup
	seen.Options = options
	seen.Fidelities = append([]engine.Fidelity{{Evaluator: "\x00scores"}}, setup.Fidelities...)
	state, wants, err := inner.Open(ctx, seen)
	if err != nil {
		return nil, needs, fmt.Errorf("strategy.search: %w", err)
	}
	*s = spos{setup: setup, net: net, o: o, inner: inner, schedule: schedule{epochs: o.Epochs, step: o.Step}}
	needs.Batch = wants.Batch
	return pack(sposState{Inner: state}), needs, nil
}

// innerOptions reads the name of the inner strategy and its options. Without
// options of its own it promotes one of 20 scored cells after the first 100.
func innerOptions(raw json.RawMessage) (name string, options json.RawMessage, err error) {
	all := map[string]json.RawMessage{}
	if json.Unmarshal(raw, &name) != nil {
		if err := json.Unmarshal(raw, &all); err != nil {
			return "", nil, fmt.Errorf("strategy.search: %s is neither a strategy's name nor {use: name, option: value}", raw)
		}
		if json.Unmarshal(all["use"], &name) != nil {
			return "", nil, fmt.Errorf("strategy.search: say which strategy: {use: aging}")
		}
		delete(all, "use")
	}
	if _, given := all["promote"]; !given {
		all["promote"] = json.RawMessage(`{"eta": 20, "after": 100}`)
	}
	options, err = json.Marshal(all)
	return name, options, err
}

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
		if s.schedule.learn(&st.progress, c) {
			loss, _ := c.Metrics.Get(orders.SupernetLoss)
			d.Note = fmt.Sprintf("spos: epoch %g of %g, loss %.3f", st.Epoch, s.epochs, loss)
		}
	}
	if s.schedule.done(&st.progress) {
		return s.search(ctx, &st, d, turn)
	}
	if st.Running == 0 && turn.Want > 0 {
		g, err := stands(s.net, fresh(s.net, 0).Logits)
		if err != nil {
			return d, err
		}
		p, err := s.schedule.next(&st.progress, turn.FirstID, orders.Order{Method: orders.Uniform}, g)
		if err != nil {
			return d, err
		}
		d.Proposals = append(d.Proposals, p)
	}
	d.State, d.Keep = pack(st), st.progress.keep()
	return d, nil
}

// search lets the inner strategy take a turn.
func (s *spos) search(ctx context.Context, st *sposState, d engine.Decision, turn engine.Turn) (engine.Decision, error) {
	v := &view{History: turn.History, objectives: s.setup.Objectives, first: st.First}
	seen := turn
	seen.History, seen.Results, seen.Files = v, nil, nil
	for i := range turn.Results {
		c := &turn.Results[i]
		if k := slices.Index(st.Pending, c.Genome.Text()); c.Task == engine.Score && k >= 0 {
			st.Pending = slices.Delete(st.Pending, k, k+1)
		}
		if x, ok := v.seen(c); ok && st.Begun {
			seen.Results = append(seen.Results, *x)
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
		if p.Fidelity > 0 { // a training of its own
			p.Fidelity--
		} else {
			if err := s.breed(&p, st, turn.History, r); err != nil {
				return d, err
			}
			p.Task, p.Inherit = engine.Score, st.Weights
			st.Pending = append(st.Pending, p.Genome.Text())
		}
		d.Proposals = append(d.Proposals, p)
	}
	d.State = pack(st)
	d.Keep = append(slices.Clone(decided.Keep), st.progress.keep()...)
	d.Done = decided.Done
	return d, nil
}

// breed makes the genome of a proposal to score, one that was not scored yet as
// far as the redraws find one: the engine knows no duplicates among scores.
func (s *spos) breed(p *engine.Proposal, st *sposState, h engine.History, r *rng.Rand) error {
	if !p.Genome.IsZero() {
		return nil
	}
	var parents []genome.Genome
	for _, id := range p.Parents {
		c, ok := h.Get(id)
		if !ok {
			return fmt.Errorf("the strategy's state names candidate %s, which the history lacks", id)
		}
		parents = append(parents, c.Genome)
	}
	for range redraws {
		g, err := s.child(p.Operator, parents, r)
		if err != nil {
			return err
		}
		if p.Genome = g; !slices.Contains(st.Pending, g.Text()) && !scored(h, st.First, g) {
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
	if operator == engine.OpCross || operator == engine.OpCrossMutate {
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

// scored tells whether a genome has a score among the jobs from first on.
func scored(h engine.History, first engine.ID, g genome.Genome) bool {
	for c := range engine.All(h) {
		if c.Task == engine.Score && c.ID >= first && c.Status == engine.OK && c.Genome.Packed() == g.Packed() {
			return true
		}
	}
	return false
}

// view is the History as the inner strategy sees it: what was scored, as trained
// at fidelity 0, and what was trained, one fidelity higher. Scores from before
// first are of other weights, and left out.
type view struct {
	engine.History
	objectives []engine.Objective
	first      engine.ID
	rows       []*engine.Candidate // made when they are asked for
}

// seen is a candidate as the inner strategy sees it, if it does.
func (v *view) seen(c *engine.Candidate) (*engine.Candidate, bool) {
	out := *c
	switch {
	case c.Task == engine.Train:
		out.Fidelity++
	case c.Task == engine.Score && c.ID >= v.first:
		if x, ok := c.Metrics.Get(orders.SharedAccuracy); ok && len(v.objectives) > 0 {
			if v.objectives[0].Goal == engine.Minimize {
				x = 1 - x
			}
			out.Metrics = engine.Values{{Name: v.objectives[0].Metric, Value: x}}
		}
		out.Task, out.Fidelity = engine.Train, 0
	default:
		return nil, false
	}
	return &out, true
}

// index makes all rows.
func (v *view) index() {
	if v.rows != nil {
		return
	}
	v.rows = []*engine.Candidate{}
	for c := range engine.All(v.History) {
		if seen, ok := v.seen(c); ok {
			v.rows = append(v.rows, seen)
		}
	}
}

// Len implements engine.History.
func (v *view) Len() int {
	v.index()
	return len(v.rows)
}

// At implements engine.History.
func (v *view) At(i int) *engine.Candidate {
	v.index()
	return v.rows[i]
}

// Get implements engine.History.
func (v *view) Get(id engine.ID) (*engine.Candidate, bool) {
	c, ok := v.History.Get(id)
	if !ok {
		return nil, false
	}
	return v.seen(c)
}
