package search

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/evolve"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/network"
	"github.com/nascent-nas/nascent/genome/rng"
	"github.com/nascent-nas/nascent/plugins/sdk"
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
	Epochs   float64         `json:"epochs"`         // of training the supernet
	Step     float64         `json:"epochs_a_job"`   // of one job, between two rounds of the controller
	Paths    int             `json:"paths"`          // drawn for one job
	Updates  int             `json:"updates"`        // of the controller after each job
	Batch    int             `json:"batch"`          // scores for one update
	Rate     float64         `json:"learning_rate"`  // of the controller
	Decay    float64         `json:"baseline_decay"` // of the moving average of scores
	Entropy  float64         `json:"entropy"`        // bonus for it
	Hidden   int             `json:"hidden"`         // units of the controller
	Temper   float64         `json:"temperature"`    // logits are divided by it
	Squash   float64         `json:"squash"`         // and bounded: squash tanh(logit / temperature)
	Finalist int             `json:"finalists"`      // cells drawn and scored in the end
	Derive   int             `json:"derive"`         // of them to be trained; 0: until limits end the search
	Frozen   bool            `json:"frozen"`         // the controller stays as it begins
	Promote  json.RawMessage `json:"promote"`
	Method   string          `json:"method"`
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
	o := enasOptions{
		Epochs: 60, Step: 5, Paths: 200, Updates: 4, Batch: 20, Rate: 0.01, Decay: 0.9, Entropy: 0.01, Hidden: 64,
		Temper: 5, Squash: 2.5, Finalist: 100,
	}
	needs := engine.Needs{History: engine.NeedMetrics, Tasks: []engine.Task{engine.Supernet, engine.Score}}
	if err := sdk.DecodeOptions(setup.Options, &o); err != nil {
		return nil, needs, err
	}
	net, err := evolve.ReadSupernet(setup)
	if err == nil && o.Method != "" && o.Method != "enas" {
		err = schedule.Wrong("method", "%q is not enas", o.Method)
	}
	if err = cmp.Or(err, schedule.Between("epochs", o.Epochs, 0.01, 1e6), schedule.Between("epochs_a_job", o.Step, 0.01, 1e6), schedule.Between("paths", float64(o.Paths), 1, 500),
		schedule.Between("updates", float64(o.Updates), 0, 1000), schedule.Between("batch", float64(o.Batch), 1, 1000), schedule.Between("learning_rate", o.Rate, 0, 10),
		schedule.Between("baseline_decay", o.Decay, 0, 1), schedule.Between("entropy", o.Entropy, 0, 100), schedule.Between("hidden", float64(o.Hidden), 1, 1024),
		schedule.Between("temperature", o.Temper, 1e-3, 1e3), schedule.Between("squash", o.Squash, 0, 1e3), schedule.Between("finalists", float64(o.Finalist), 1, 1e5),
		schedule.Between("derive", float64(o.Derive), 0, 1e6)); err != nil {
		return nil, needs, err
	}
	blank, err := controller.New(setup.Space, o.policy(), 0)
	if err != nil {
		return nil, needs, err
	}
	promote, err := evolve.NewPromoter(setup, o.Promote, 8)
	if err != nil {
		return nil, needs, err
	}
	*s = enas{
		setup: setup, net: net, o: o, blank: blank, Schedule: schedule.Of(o.Epochs, o.Step),
		derivation: derivation{setup: setup, promote: promote, most: o.Derive},
	}
	needs.Batch = o.Batch
	return schedule.Pack(enasState{}), needs, nil
}

func (o *enasOptions) policy() controller.Options {
	return controller.Options{Hidden: o.Hidden, Layers: 1, Temperature: o.Temper, Squash: o.Squash, Rate: o.Rate}
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
	st.Baseline = float64(s.o.Decay*st.Baseline) + float64((1-s.o.Decay)*mean)
	if s.o.Frozen {
		return false, nil
	}
	_, err := s.cache.policy.Update(sequences, advantages, controller.Loss{Entropy: s.o.Entropy})
	return err == nil, err
}

// propose asks for what comes next.
func (s *enas) propose(st *enasState, d *engine.Decision, turn engine.Turn) error {
	r := rng.New(turn.Seed)
	switch {
	case turn.Want == 0 || st.Waiting > 0 || st.Running != 0:
		return nil
	case st.Weights != 0 && st.Updates < s.o.Updates:
		ids, err := s.score(st, d, turn, r, s.o.Batch)
		st.Scores = ids
		return err
	case !s.Schedule.Done(&st.Progress):
		order := orders.Order{Method: orders.Paths}
		var last genome.Genome
		for range s.o.Paths {
			g, err := s.sample(r)
			if err != nil {
				return err
			}
			order.Paths, last = append(order.Paths, g.Text()), g
		}
		p, err := s.Schedule.Next(&st.Progress, turn.FirstID, order, last)
		d.Proposals = append(d.Proposals, p)
		return err
	case len(st.Finals) < s.o.Finalist:
		ids, err := s.score(st, d, turn, r, min(s.o.Batch, s.o.Finalist-len(st.Finals)))
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
		if c.Task == engine.Train && c.Fidelity == 0 {
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
