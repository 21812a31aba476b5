package evolve

import (
	"encoding/json"
	"fmt"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/network"
)

// Metrics of jobs for shared weights. None is called as a trained candidate's is:
// shared weights only rank.
const (
	SharedAccuracy = "shared_accuracy" // of a genome, on the validation part
	SupernetLoss   = "supernet_loss"   // of training the shared weights: mean over the steps of the last epoch
)

// ReadSupernet reads the space of a search as a supernet.
func ReadSupernet(setup engine.Setup) (*network.Supernet, error) {
	if !network.Has(setup.Space) {
		return nil, &engine.Mistake{
			Problem: "weights are shared among the operations of cells, but the space has no layers", Remedy: "give it a stack with a cell",
		}
	}
	return network.ReadSupernet(setup.Space)
}

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

// Next is the job that trains on. It orders what input says, for a job that begins
// at an epoch of so many; tag says how, and stands, for people, what the weights
// are about now.
func (s Schedule) Next(
	p *Progress, id engine.ID, tag string, stands genome.Genome, input func(epoch, epochs float64) ([]byte, error),
) (engine.Proposal, error) {
	order, err := input(p.Epoch, s.Epochs)
	if err != nil {
		return engine.Proposal{}, fmt.Errorf("the order for the supernet is too long: %w", err)
	}
	p.Running = id
	return engine.Proposal{
		Genome: stands, Task: engine.Supernet, Input: order, Resume: p.Weights, Budget: min(s.Step, s.Epochs-p.Epoch), Tag: tag,
	}, nil
}

// evenly orders training on paths that are drawn evenly: the beginning of what
// plugins/supernet/orders has in full.
func evenly(epoch, epochs float64) ([]byte, error) {
	return json.Marshal(struct {
		Method string  `json:"method"`
		Epoch  float64 `json:"epoch"`
		Epochs float64 `json:"epochs"`
	}{uniform, epoch, epochs})
}

// uniform is the method of evenly.
const uniform = "uniform"

// Keep lists the job whose weights are needed still.
func (p *Progress) Keep() []engine.ID {
	if p.Weights == 0 {
		return nil
	}
	return []engine.ID{p.Weights}
}
