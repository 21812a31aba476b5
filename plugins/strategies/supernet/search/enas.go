package search

import (
	"context"
	"fmt"
	"math"
	"os"
	"slices"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/evolve"
	"github.com/nascent-nas/nascent/engine/option"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/network"
	"github.com/nascent-nas/nascent/genome/rng"
	"github.com/nascent-nas/nascent/plugins/supernet/orders"
	"github.com/nascent-nas/nascent/plugins/supernet/schedule"
	"github.com/nascent-nas/nascent/plugins/trainer/controller"
)

// enas is efficient neural architecture search (Pham, Guan, Zoph, Le & Dean: ENAS,
// 2018, arXiv 1802.03268): the shared weights are trained on paths that a
// controller draws, and the controller, by the policy gradient, on how paths
// score with the shared weights. Both take turns. In the end the controller draws
// cells, which are scored, and the best are trained for themselves (section 2.3).
//
// It departs from the paper in the reward's baseline, an exponential moving
// average as there, but with advantages divided by the standard deviation of the
// scores of their batch, and in the controller's learning rate: a search has tens
// of updates here, not thousands.
type enas struct {
	setup engine.Setup
	net   *network.Supernet
	o     enasOptions
	blank *controller.Policy
	cache struct { // of the present turn
		policy *controller.Policy
		hash   string
	}
	schedule.Schedule
	derivation
}

type enasOptions struct {
	method               string // as which the plugin was asked for
	epochs, step         float64
	paths, updates       int
	batch                int
	rate, decay, entropy float64
	hidden               int
	temperature, squash  float64
	finalists, derive    int
	frozen               bool
	promote              evolve.Promotion
}

// Declare declares the options.
func (s *enas) Declare(o *option.Set) {
	e := &s.o
	o.Choice(&e.method, "method", "enas", "as the strategy supernet is told it")
	o.Float(&e.epochs, "epochs", 60, 0.01, 1e6, "of training the supernet")
	o.Float(&e.step, "epochs_a_job", 5, 0.01, 1e6, "of one job, between two rounds of the controller")
	o.Int(&e.paths, "paths", 200, 1, 500, "drawn for one job, used in turn")
	o.Int(&e.updates, "updates", 4, 0, 1000, "of the controller after each job")
	o.Int(&e.batch, "batch", 20, 1, 1000, "scores for one update")
	o.Float(&e.rate, "learning_rate", 0.01, 0, 10, "of the controller (Adam)")
	o.Float(&e.decay, "baseline_decay", 0.9, 0, 1, "what one more score leaves of the moving average")
	o.Float(&e.entropy, "entropy", 0.01, 0, 100, "bonus for uncertainty")
	o.Int(&e.hidden, "hidden", 64, 1, 1024, "units of the LSTM")
	o.Float(&e.temperature, "temperature", 5, 1e-3, 1e3, "logits are divided by it")
	o.Float(&e.squash, "squash", 2.5, 0, 1e3, "and bounded: squash x tanh(logit / temperature); 0 does not")
	o.Int(&e.finalists, "finalists", 100, 1, 100_000, "cells drawn and scored in the end")
	o.Int(&e.derive, "derive", 0, 0, 1_000_000, "of them to be trained; 0: all, and then more, until limits end the search")
	o.Bool(&e.frozen, "frozen", false, "the controller stays as it begins")
	e.promote.Declare(o, 4, 8)
}

// enasState is what is remembered from turn to turn, beside the controller's file.
type enasState struct {
	First engine.ID      `json:"first"`
	File  engine.FileRef `json:"file"` // the controller
	schedule.Progress
	Updates  int         `json:"updates"`          // of the controller since the last job
	Scores   []engine.ID `json:"scores,omitempty"` // of this update: under way and back
	Waiting  int         `json:"waiting"`          // scores under way
	Baseline float64     `json:"baseline"`         // moving average of scores
	Scored   bool        `json:"scored"`           // there is a baseline
	Finals   []engine.ID `json:"finals,omitempty"` // scores of the finalists
	derived
}

// Open reads the options, see docs/supernet.md.
func (s *enas) Open(_ context.Context, setup engine.Setup) ([]byte, engine.Needs, error) {
	needs := engine.Needs{History: engine.NeedMetrics, Tasks: []engine.Task{engine.Supernet, engine.Score}}
	if err := option.Read(setup.Options, s.Declare); err != nil {
		return nil, needs, err
	}
	o := s.o
	net, err := evolve.ReadSupernet(setup)
	if err != nil {
		return nil, needs, err
	}
	blank, err := controller.New(setup.Space, o.policy(), 0)
	if err != nil {
		return nil, needs, err
	}
	*s = enas{
		setup: setup, net: net, o: o, blank: blank, Schedule: schedule.Of(o.epochs, o.step),
		derivation: derivation{setup: setup, promote: o.promote.Promoter(setup), most: o.derive},
	}
	needs.Batch = o.batch
	return schedule.Pack(enasState{}), needs, nil
}

func (o *enasOptions) policy() controller.Options {
	return controller.Options{Hidden: o.hidden, Layers: 1, Temperature: o.temperature, Squash: o.squash, Rate: o.rate}
}

// Step trains the supernet, or the controller, or derives.
func (s *enas) Step(_ context.Context, packed []byte, turn engine.Turn) (engine.Decision, error) {
	var d engine.Decision
	var st enasState
	if err := schedule.Unpack(packed, &st); err != nil {
		return d, err
	}
	changed := st.First == 0
	if st.First == 0 {
		st.First = turn.FirstID
		p, err := controller.New(s.setup.Space, s.o.policy(), turn.Seed)
		if err != nil {
			return d, err
		}
		s.cache.policy, s.cache.hash = p, ""
		if turn.FirstID > 1 {
			s.promote.Adopt(&st.Ladder, turn.History)
		}
	} else if err := s.recall(st.File.Hash); err != nil {
		return d, err
	}
	if err := s.promote.Learn(&st.Ladder, turn); err != nil {
		return d, err
	}
	for i := range turn.Results {
		c := &turn.Results[i]
		s.derivation.learn(&st.derived, c)
		if s.Schedule.Learn(&st.Progress, c) {
			loss, _ := c.Metrics.Get(orders.SupernetLoss)
			d.Note = fmt.Sprintf("enas: epoch %g of %g, loss %.3f", st.Epoch, s.Epochs, loss)
			st.Updates = 0
		}
		if c.Task == engine.Score && c.ID >= st.First {
			st.Waiting--
		}
	}
	learned, err := s.learn(&st, turn.History)
	if err != nil {
		return d, err
	}
	if err := s.propose(&st, &d, turn); err != nil {
		return d, err
	}
	if changed || learned {
		if st.File, err = s.remember(); err != nil {
			return d, err
		}
	}
	d.Files, d.State = []engine.FileRef{st.File}, schedule.Pack(st)
	d.Keep = append(s.promote.Keep(st.Ladder), st.Progress.Keep()...)
	return d, nil
}

// learn updates the controller when the scores of an update are back.
func (s *enas) learn(st *enasState, h engine.History) (bool, error) {
	if st.Waiting > 0 || len(st.Scores) == 0 {
		return false, nil
	}
	var sequences []controller.Sequence
	var rewards []float64
	for _, id := range st.Scores {
		c, ok := h.Get(id)
		if !ok {
			return false, fmt.Errorf("the strategy's state names candidate %s, which the history lacks", id)
		}
		x, measured := c.Metrics.Get(orders.SharedAccuracy)
		if c.Status != engine.OK || !measured {
			continue
		}
		q, err := s.cache.policy.Sequence(c.Genome)
		if err != nil {
			return false, err
		}
		sequences, rewards = append(sequences, q), append(rewards, x)
	}
	st.Scores = nil
	st.Updates++
	if len(rewards) == 0 {
		return false, nil
	}
	mean, square := 0.0, 0.0
	for _, x := range rewards {
		mean += x / float64(len(rewards))
	}
	for _, x := range rewards {
		square += float64((x - mean) * (x - mean))
	}
	if !st.Scored {
		st.Baseline, st.Scored = mean, true
	}
	spread := max(math.Sqrt(square/float64(len(rewards))), 1e-3)
	advantages := make([]float64, len(rewards))
	for i, x := range rewards {
		advantages[i] = (x - st.Baseline) / spread
	}
	st.Baseline = float64(s.o.decay*st.Baseline) + float64((1-s.o.decay)*mean)
	if s.o.frozen {
		return false, nil
	}
	_, err := s.cache.policy.Update(sequences, advantages, controller.Loss{Entropy: s.o.entropy})
	return err == nil, err
}

// propose asks for what comes next.
func (s *enas) propose(st *enasState, d *engine.Decision, turn engine.Turn) error {
	r := rng.New(turn.Seed)
	switch {
	case turn.Want == 0 || st.Waiting > 0 || st.Running != 0:
		return nil
	case st.Weights != 0 && st.Updates < s.o.updates:
		ids, err := s.score(st, d, turn, r, s.o.batch)
		st.Scores = ids
		return err
	case !s.Schedule.Done(&st.Progress):
		order := orders.Order{Method: orders.Paths}
		var last genome.Genome
		for range s.o.paths {
			g, err := s.sample(r)
			if err != nil {
				return err
			}
			order.Paths, last = append(order.Paths, g.Text()), g
		}
		p, err := s.Schedule.Next(&st.Progress, turn.FirstID, order, last)
		d.Proposals = append(d.Proposals, p)
		return err
	case len(st.Finals) < s.o.finalists:
		ids, err := s.score(st, d, turn, r, min(s.o.batch, s.o.finalists-len(st.Finals)))
		st.Finals = append(st.Finals, ids...)
		return err
	}
	s.fill(&st.derived, d, turn, s.finalists(st, turn.History))
	return nil
}

// sample draws a path from the controller.
func (s *enas) sample(r *rng.Rand) (genome.Genome, error) {
	q, err := s.cache.policy.Sample(r)
	return q.Genome, err
}

// score proposes to score cells that the controller draws.
func (s *enas) score(st *enasState, d *engine.Decision, turn engine.Turn, r *rng.Rand, n int) (ids []engine.ID, err error) {
	for range min(n, turn.Want) {
		var g genome.Genome
		for range redraws {
			if g, err = s.sample(r); err != nil {
				return nil, err
			}
			if s.setup.Space.Check(g) == nil {
				break
			}
		}
		ids = append(ids, turn.FirstID+engine.ID(len(d.Proposals)))
		d.Proposals = append(d.Proposals, engine.Proposal{Genome: g, Task: engine.Score, Inherit: st.Weights})
	}
	st.Waiting += len(ids)
	return ids, nil
}

// finalists hands out the scored cells, the best first, then cells that the
// controller draws.
func (s *enas) finalists(st *enasState, h engine.History) func(r *rng.Rand) (genome.Genome, bool) {
	type scored struct {
		g genome.Genome
		x float64
	}
	var list []scored
	for _, id := range st.Finals {
		if c, ok := h.Get(id); ok && c.Status == engine.OK {
			x, _ := c.Metrics.Get(orders.SharedAccuracy)
			list = append(list, scored{c.Genome, x})
		}
	}
	tried := map[string]bool{} // they must not use up the draws for a new one
	for c := range engine.All(h) {
		if c.Task == engine.Train && c.Fidelity == 0 && c.Origin() != engine.Imported {
			tried[c.Genome.Text()] = true
		}
	}
	list = slices.DeleteFunc(list, func(c scored) bool { return tried[c.g.Text()] })
	slices.SortStableFunc(list, func(a, b scored) int {
		switch {
		case a.x > b.x:
			return -1
		case a.x < b.x:
			return 1
		}
		return 0
	})
	return func(r *rng.Rand) (genome.Genome, bool) {
		if len(list) > 0 {
			g := list[0].g
			list = list[1:]
			return g, true
		}
		g, err := s.sample(r)
		return g, err == nil
	}
}

// recall makes the controller equal to a file.
func (s *enas) recall(hash string) error {
	if s.cache.policy != nil && s.cache.hash == hash && hash != "" {
		return nil
	}
	path, err := s.setup.Files.Path(hash)
	if err != nil {
		return err
	}
	s.cache.policy, s.cache.hash = s.blank.Clone(), ""
	if err := s.cache.policy.Load(path); err != nil {
		return err
	}
	s.cache.hash = hash
	return nil
}

// remember puts the controller into a file.
func (s *enas) remember() (engine.FileRef, error) {
	f, err := os.CreateTemp(s.setup.Files.Temp(), "controller-")
	if err == nil {
		defer os.Remove(f.Name()) // where it was not taken over
		if err = f.Close(); err == nil {
			err = s.cache.policy.Save(f.Name())
		}
	}
	if err != nil {
		return engine.FileRef{}, fmt.Errorf("cannot keep the controller: %w", err)
	}
	ref, err := s.setup.Files.Put(f.Name(), "controller")
	s.cache.hash = ref.Hash
	return ref, err
}
