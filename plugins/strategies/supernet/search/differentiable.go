package search

import (
	"context"
	"fmt"
	"slices"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/evolve"
	"github.com/nascent-nas/nascent/engine/option"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/network"
	"github.com/nascent-nas/nascent/genome/rng"
	"github.com/nascent-nas/nascent/plugins/supernet/orders"
	"github.com/nascent-nas/nascent/plugins/supernet/schedule"
)

// differentiable is a search by gradient descent on alphas: logits of the
// operations of every choice. They are trained along with the shared weights by
// the evaluator; the strategy keeps them, tells how they stand, stops in time,
// and derives cells from them: first the arg max, then cells drawn from
// softmax(alpha).
type differentiable struct {
	method method
	setup  engine.Setup
	net    *network.Supernet
	o      alphaOptions
	schedule.Schedule
	derivation
}

// method is what DARTS and GDAS differ in.
type method interface {
	name() string
	declare(o *alphaOptions, s *option.Set)
	order(o *alphaOptions) orders.Order
}

// alphaOptions are the options of both.
type alphaOptions struct {
	method       string // as which the plugin was asked for
	epochs, step float64
	order        int     // darts
	against      string  // what is done against the collapse to skips
	hot, cold    float64 // gdas
	derive       int
	frozen       bool
	promote      evolve.Promotion
}

// Declare declares the options.
func (s *differentiable) Declare(o *option.Set) {
	a := &s.o
	o.Choice(&a.method, "method", s.method.name(), "as the strategy supernet is told it")
	o.Float(&a.epochs, "epochs", 40, 0.01, 1e6, "of training the supernet; one is a pass over half of the training part")
	o.Float(&a.step, "epochs_a_job", 1, 0.01, 1e6, "of one job")
	s.method.declare(a, o)
	o.Int(&a.derive, "derive", 0, 0, 1_000_000, "cells to train for themselves; 0: until limits end the search")
	o.Bool(&a.frozen, "frozen", false, "the alphas stay as they begin: to see what they are good for")
	a.promote.Declare(o, 4, 8)
}

// alphaState is what is remembered from turn to turn.
type alphaState struct {
	First  engine.ID     `json:"first"` // of its own jobs; 0 before the first turn
	Alphas orders.Alphas `json:"alphas"`
	schedule.Progress
	Ranking [][]int `json:"ranking,omitempty"` // of the options, and
	Stable  int     `json:"stable,omitempty"`  // for how many epochs it has been the same
	derived
}

// Open reads the options, see docs/supernet.md.
func (s *differentiable) Open(_ context.Context, setup engine.Setup) ([]byte, engine.Needs, error) {
	needs := engine.Needs{History: engine.NeedMetrics, Tasks: []engine.Task{engine.Supernet}}
	if err := option.Read(setup.Options, s.Declare); err != nil {
		return nil, needs, err
	}
	net, err := evolve.ReadSupernet(setup)
	if err != nil {
		return nil, needs, err
	}
	*s = differentiable{
		method: s.method, setup: setup, net: net, o: s.o, Schedule: schedule.Of(s.o.epochs, s.o.step),
		derivation: derivation{setup: setup, promote: s.o.promote.Promoter(setup), most: s.o.derive},
	}
	return schedule.Pack(alphaState{}), needs, nil
}

// Step trains the supernet on, or derives.
func (s *differentiable) Step(_ context.Context, packed []byte, turn engine.Turn) (engine.Decision, error) {
	var d engine.Decision
	var st alphaState
	if err := schedule.Unpack(packed, &st); err != nil {
		return d, err
	}
	if st.First == 0 {
		st.First = turn.FirstID
		st.Alphas = fresh(s.net, turn.Seed)
		if turn.FirstID > 1 {
			s.promote.Adopt(&st.Ladder, turn.History)
		}
	}
	if err := s.promote.Learn(&st.Ladder, turn); err != nil {
		return d, err
	}
	for i := range turn.Results {
		c := &turn.Results[i]
		s.derivation.learn(&st.derived, c)
		if s.Schedule.Learn(&st.Progress, c) {
			var err error
			if d.Note, err = s.trained(&st, c); err != nil {
				return d, err
			}
		}
	}
	switch {
	case !s.Schedule.Done(&st.Progress):
		if st.Running == 0 && turn.Want > 0 {
			g, err := stands(s.net, st.Alphas.Logits)
			if err != nil {
				return d, err
			}
			order := s.method.order(&s.o)
			order.Alphas, order.Frozen = st.Alphas, s.o.frozen
			p, err := s.Schedule.Next(&st.Progress, turn.FirstID, order, g)
			if err != nil {
				return d, err
			}
			d.Proposals = append(d.Proposals, p)
		}
	default:
		s.fill(&st.derived, &d, turn, s.draw(&st))
	}
	d.State = schedule.Pack(st)
	d.Keep = append(s.promote.Keep(st.Ladder), st.Progress.Keep()...)
	return d, nil
}

// trained takes new alphas in and says how they stand.
func (s *differentiable) trained(st *alphaState, c *engine.Candidate) (string, error) {
	var answer orders.Answer
	if err := orders.Read(c.Output, &answer); err != nil {
		return "", fmt.Errorf("job %s: %w", c.ID, err)
	}
	if len(answer.Alphas.Logits) != len(s.net.Choices) {
		return "", fmt.Errorf("job %s answers alphas of %d choices, the space has %d", c.ID, len(answer.Alphas.Logits), len(s.net.Choices))
	}
	before := st.Alphas
	st.Alphas = answer.Alphas
	share, mass := skips(s.net, st.Alphas.Logits)
	note := fmt.Sprintf("%s: epoch %g of %g, skips are %.0f%% of the arg max cell and %.0f%% of "+
		"softmax(alpha)", s.method.name(), st.Epoch, s.Epochs, 100*share, 100*mass)
	if s.o.against == "early_stop" {
		if why := s.collapsing(st); why != "" {
			st.Ended = true
			if why == skipping { // those before had not collapsed yet
				st.Alphas = before
			}
			note += "; stopped early: " + why
		}
	}
	return note, nil
}

const skipping = "two skips in a cell"

// collapsing finds the signs at which DARTS+ stops (Liang et al. 2019, arXiv
// 1909.06035, section 3.2): two or more skips in the cell that would be derived,
// once a quarter of the schedule is over, or the ranking of the operations
// unchanged for ten epochs.
func (s *differentiable) collapsing(st *alphaState) string {
	count := map[string]int{}
	for i, options := range arg(s.net, st.Alphas.Logits) {
		if st.Epoch < s.Epochs/4 { // what is largest by chance means nothing
			break
		}
		for _, k := range options {
			if c := s.net.Choices[i]; k == c.Skip {
				if count[c.Cell]++; count[c.Cell] == 2 {
					return skipping
				}
			}
		}
	}
	now := ranking(st.Alphas.Logits)
	if !slices.EqualFunc(now, st.Ranking, slices.Equal[[]int]) {
		st.Ranking, st.Stable = now, 0
		return ""
	}
	if st.Stable++; st.Stable >= 10 {
		return "the ranking of the operations is stable"
	}
	return ""
}

// draw makes the arg max first, then cells drawn from softmax(alpha).
func (s *differentiable) draw(st *alphaState) func(r *rng.Rand) (genome.Genome, bool) {
	best := st.Proposed == 0
	return func(r *rng.Rand) (genome.Genome, bool) {
		pick := func(weights []float64) int { return r.Weighted(weights) }
		if best {
			pick, best = orders.Largest, false
		}
		g, err := s.net.Genome(derive(s.net, st.Alphas.Logits, pick))
		return g, err == nil
	}
}
