// Package orders is what the two halves of the supernet plugin say to each
// other: the strategies in a job's Input, the evaluator in its Output. Both are
// JSON, at most 64 KiB.
//
// Softmax and Largest say what alphas mean, to both.
//
// The evaluator holds the shared weights, in a file that one job leaves and the
// next resumes. What decides about architectures, the alphas or a controller, is
// the strategy's.
package orders

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/evolve"
)

// WeightsFile is the name of the file that a supernet job leaves.
const WeightsFile = "weights"

// Metrics that the jobs report. None is called as a trained candidate's is:
// shared weights only rank.
const (
	SharedAccuracy = evolve.SharedAccuracy // score
	SharedLoss     = "shared_loss"         // score: likewise
	SupernetLoss   = evolve.SupernetLoss   // supernet
	AlphaLoss      = "alpha_loss"          // supernet, darts and gdas: likewise, over the steps of the alphas
)

// Method says how shared weights are trained.
type Method string

// The methods.
const (
	Uniform Method = "uniform" // a path drawn evenly in each step (Guo et al. 2020, arXiv 1904.00420)
	Paths   Method = "paths"   // the given paths, one in each step
	Mixed   Method = "darts"   // all operations, weighted by softmax(alpha) (Liu et al. 2018, arXiv 1806.09055)
	Gumbel  Method = "gdas"    // a path drawn by Gumbel-softmax in each step (Dong & Yang 2019, arXiv 1910.04465)
)

// Order is the Input of a supernet job, which trains for the job's budget of
// epochs.
type Order struct {
	Method Method  `json:"method"`
	Epoch  float64 `json:"epoch"`  // where this job begins
	Epochs float64 `json:"epochs"` // of the whole schedule: the learning rate falls to 0 over these

	Paths []string `json:"paths,omitempty"` // paths: genomes, used in turn

	Alphas    Alphas  `json:"alphas,omitzero"`     // darts, gdas
	Order     int     `json:"order,omitempty"`     // darts: 1 or 2
	Frozen    bool    `json:"frozen,omitempty"`    // the alphas stay as they are
	Hot       float64 `json:"hot,omitempty"`       // gdas: temperature at the beginning of the schedule
	Cold      float64 `json:"cold,omitempty"`      // gdas: and at its end
	Auxiliary float64 `json:"auxiliary,omitempty"` // darts: weight of an auxiliary skip at the beginning; it falls to 0 (Chu et al. 2021, arXiv 2009.01027)
}

// Alphas are logits of the options of each choice, in the order of
// network.Supernet's Choices, with the moments of their optimizer.
type Alphas struct {
	Logits [][]float64 `json:"logits"`
	First  [][]float64 `json:"first"`  // moment
	Second [][]float64 `json:"second"` // moment
	Steps  int         `json:"steps"`
}

// IsZero tells whether there are none.
func (a Alphas) IsZero() bool { return len(a.Logits) == 0 }

// Answer is the Output of a supernet job.
type Answer struct {
	Alphas Alphas `json:"alphas,omitzero"` // darts, gdas
}

// Read reads an Input or an Output.
func Read(raw []byte, into any) error {
	if len(raw) == 0 {
		return errors.New("there is no order: a supernet job is proposed by the strategies darts, gdas, enas and spos")
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("the order cannot be read: %w", err)
	}
	return nil
}

// Write is the inverse of Read.
func Write(from any) ([]byte, error) {
	raw, err := json.Marshal(from)
	if err == nil && len(raw) > engine.MaxInput {
		err = fmt.Errorf("%d bytes, more than the 64 KiB that a job carries: choose smaller cells, or fewer paths a job", len(raw))
	}
	return raw, err
}

// Check finds what makes no sense; shape is how many options each choice has.
func (o *Order) Check(shape []int) error {
	switch {
	case !(o.Epochs > 0) || o.Epoch < 0 || o.Epoch >= o.Epochs || math.IsInf(o.Epochs, 0):
		return fmt.Errorf("epoch %v of %v: a schedule has more than its beginning", o.Epoch, o.Epochs)
	case o.Method == Paths && len(o.Paths) == 0:
		return errors.New("no paths to train")
	case o.Method == Mixed || o.Method == Gumbel:
		for _, list := range [][][]float64{o.Alphas.Logits, o.Alphas.First, o.Alphas.Second} {
			if !shaped(list, shape) {
				return fmt.Errorf("alphas for other choices than the space's %d", len(shape))
			}
		}
		if o.Method == Mixed && o.Order != 1 && o.Order != 2 {
			return fmt.Errorf("order %d: it is 1 or 2", o.Order)
		}
		if o.Method == Gumbel && (!(o.Hot > 0) || !(o.Cold > 0)) {
			return fmt.Errorf("temperatures %v to %v: they are above 0", o.Hot, o.Cold)
		}
	case o.Method != Uniform && o.Method != Paths:
		return fmt.Errorf("method %q: known are uniform, paths, darts and gdas", o.Method)
	}
	return nil
}

func shaped(list [][]float64, shape []int) bool {
	if len(list) != len(shape) {
		return false
	}
	for i, row := range list {
		if len(row) != shape[i] {
			return false
		}
		for _, x := range row {
			if math.IsNaN(x) || math.IsInf(x, 0) {
				return false
			}
		}
	}
	return true
}
