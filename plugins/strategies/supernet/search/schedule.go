package search

import (
	"fmt"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/plugins/strategies/supernet/orders"
)

// schedule trains the shared weights: one job after the other, each of which goes
// on from the weights that the one before left. A job that the engine gave up is
// tried again as a new one; where that leads nowhere, the engine pauses the search.
type schedule struct {
	epochs float64 // of all jobs
	step   float64 // of one job
}

// progress is the part of a state that a schedule keeps.
type progress struct {
	Epoch   float64   `json:"epoch"`   // trained so far
	Weights engine.ID `json:"weights"` // the job that left the newest; 0 before the first
	Running engine.ID `json:"running"` // the job that is under way; 0: none
	Ended   bool      `json:"ended"`   // before its last epoch
}

// done tells whether the weights are trained.
func (s schedule) done(p *progress) bool { return p.Ended || p.Epoch >= s.epochs }

// learn takes a result in. It tells whether it is a job of the schedule that came
// to its end.
func (s schedule) learn(p *progress, c *engine.Candidate) bool {
	if c.ID != p.Running || p.Running == 0 {
		return false
	}
	p.Running = 0
	if c.Status != engine.OK {
		return false
	}
	p.Weights = c.ID
	p.Epoch = min(p.Epoch+s.step, s.epochs)
	return true
}

// next is the job that trains on. stands says for people what the weights are
// about now.
func (s schedule) next(p *progress, id engine.ID, order orders.Order, stands genome.Genome) (engine.Proposal, error) {
	order.Epoch, order.Epochs = p.Epoch, s.epochs
	input, err := orders.Write(order)
	if err != nil {
		return engine.Proposal{}, fmt.Errorf("the order for the supernet is too long: %w", err)
	}
	p.Running = id
	return engine.Proposal{
		Genome: stands, Task: engine.Supernet, Input: input, Resume: p.Weights, Budget: min(s.step, s.epochs-p.Epoch), Tag: string(order.Method),
	}, nil
}

// keep lists the job whose weights are needed still.
func (p *progress) keep() []engine.ID {
	if p.Weights == 0 {
		return nil
	}
	return []engine.ID{p.Weights}
}
