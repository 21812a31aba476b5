package search

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/evolve"
	"github.com/nascent-nas/nascent/genome/network"
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
	v := &view{strategy: s, History: turn.History}
	v.index(turn.History)
	seen := turn
	seen.History, seen.Results, seen.Files = v, nil, nil
	if st.Begun {
		for i := range turn.Results {
			if c, ok := v.seen(&turn.Results[i]); ok {
				seen.Results = append(seen.Results, *c)
			}
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
	for _, p := range decided.Proposals {
		switch {
		case p.Fidelity > 0: // a training of its own
			p.Fidelity--
			if p.Fidelity == 0 {
				p.Resume = 0
			}
		default:
			p.Task, p.Inherit = engine.Score, st.Weights
		}
		d.Proposals = append(d.Proposals, p)
	}
	d.State = pack(st)
	d.Keep = append(slices.Clone(decided.Keep), st.progress.keep()...)
	d.Done = decided.Done
	return d, nil
}

// view is the History as the inner strategy sees it: what was scored, as trained
// at fidelity 0, and what was trained, one fidelity higher.
type view struct {
	engine.History
	strategy *spos
	rows     []*engine.Candidate
	byID     map[engine.ID]*engine.Candidate
}

func (v *view) index(h engine.History) {
	v.byID = map[engine.ID]*engine.Candidate{}
	for c := range engine.All(h) {
		if seen, ok := v.seen(c); ok {
			v.rows = append(v.rows, seen)
			v.byID[c.ID] = seen
		}
	}
}

// seen is a candidate as the inner strategy sees it, if it does.
func (v *view) seen(c *engine.Candidate) (*engine.Candidate, bool) {
	out := *c
	switch c.Task {
	case engine.Train:
		out.Fidelity++
	case engine.Score:
		x, ok := c.Metrics.Get(orders.SharedAccuracy)
		if o := v.strategy.setup.Objectives; ok && len(o) > 0 {
			if o[0].Goal == engine.Minimize {
				x = 1 - x
			}
			out.Metrics = engine.Values{{Name: o[0].Metric, Value: x}}
		}
		out.Task, out.Fidelity = engine.Train, 0
	default:
		return nil, false
	}
	return &out, true
}

// Len implements engine.History.
func (v *view) Len() int { return len(v.rows) }

// At implements engine.History.
func (v *view) At(i int) *engine.Candidate { return v.rows[i] }

// Get implements engine.History.
func (v *view) Get(id engine.ID) (*engine.Candidate, bool) {
	c, ok := v.byID[id]
	return c, ok
}
