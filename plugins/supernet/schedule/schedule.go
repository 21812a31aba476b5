// Package schedule is how every searcher of the supernet plugin begins: the space
// read as a supernet, and its weights trained by one job after the other, as far
// as the searcher's state says.
package schedule

import (
	"fmt"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/plugins/supernet/orders"
)

// Schedule trains the shared weights: one job after the other, each of which goes
// on from the weights that the one before left. A job that the engine gave up is
// tried again as a new one; where that leads nowhere, the engine pauses the search.
type Schedule struct {
	Epochs float64 // of all jobs
	Step   float64 // of one job
}

// Progress is the part of a state that a Schedule keeps.
type Progress struct {
	Epoch   float64   `json:"epoch"`   // trained so far
	Weights engine.ID `json:"weights"` // the job that left the newest; 0 before the first
	Running engine.ID `json:"running"` // the job that is under way; 0: none
	Ended   bool      `json:"ended"`   // before its last epoch
}

// Done tells whether the weights are trained.
func (s Schedule) Done(p *Progress) bool { return p.Ended || p.Epoch >= s.Epochs }

// Learn takes a result in. It tells whether it is a job of the schedule that came
// to its end.
func (s Schedule) Learn(p *Progress, c *engine.Candidate) bool {
	if c.ID != p.Running || p.Running == 0 {
		return false
	}
	p.Running = 0
	if c.Status != engine.OK {
		return false
	}
	p.Weights = c.ID
	p.Epoch = min(p.Epoch+s.Step, s.Epochs)
	return true
}

// Next is the job that trains on. stands says for people what the weights are
// about now.
func (s Schedule) Next(p *Progress, id engine.ID, order orders.Order, stands genome.Genome) (engine.Proposal, error) {
	order.Epoch, order.Epochs = p.Epoch, s.Epochs
	input, err := orders.Write(order)
	if err != nil {
		return engine.Proposal{}, fmt.Errorf("the order for the supernet is too long: %w", err)
	}
	p.Running = id
	return engine.Proposal{
		Genome: stands, Task: engine.Supernet, Input: input, Resume: p.Weights, Budget: min(s.Step, s.Epochs-p.Epoch), Tag: string(order.Method),
	}, nil
}

// Keep lists the job whose weights are needed still.
func (p *Progress) Keep() []engine.ID {
	if p.Weights == 0 {
		return nil
	}
	return []engine.ID{p.Weights}
}
