// Package search is the strategy half of the supernet plugin: DARTS, GDAS, ENAS
// and single-path one-shot. Each trains shared weights by jobs of the task
// supernet, one after the other, and then proposes candidates, which the
// ordinary evaluator trains for themselves. What a supernet says of itself is
// never a result.
//
//   - darts.go, gdas.go: alphas, trained along with the weights
//   - enas.go: a controller, trained by scores
//   - spos.go: any built-in strategy, with scores as its lowest fidelity
//   - schedule.go: the jobs that train the weights
//   - alphas.go: what alphas say; derive.go: cells made of them
package search

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/genome/network"
)

// Names lists the methods.
func Names() []string { return []string{"darts", "gdas", "enas", "spos"} }

// New returns the strategy of a method, ready for Open.
func New(method string) (engine.Strategy, error) {
	switch method {
	case "darts":
		return &differentiable{method: darts{}}, nil
	case "gdas":
		return &differentiable{method: gdas{}}, nil
	case "enas":
		return &enas{}, nil
	case "spos":
		return &spos{}, nil
	}
	return nil, fmt.Errorf("there is no method %q; there are %s", method, strings.Join(Names(), ", "))
}

// read opens the space as a supernet.
func read(setup engine.Setup) (*network.Supernet, error) {
	if !network.Has(setup.Space) {
		return nil, fmt.Errorf("weights are shared among the operations of cells, but the space has no layers: give it a stack with a cell")
	}
	return network.ReadSupernet(setup.Space)
}

// pack writes a state; ids and numbers always can be.
func pack(state any) []byte {
	b, err := json.Marshal(state)
	if err != nil {
		panic(err)
	}
	return b
}

// unpack reads the state of an earlier turn.
func unpack(state []byte, into any) error {
	if err := json.Unmarshal(state, into); err != nil {
		return fmt.Errorf("the strategy's state cannot be read: %w", err)
	}
	return nil
}

// between refuses an option outside of a range.
func between(key string, x, low, high float64) error {
	if x >= low && x <= high {
		return nil
	}
	return fmt.Errorf("strategy.%s: %v is no number from %g to %g", key, x, low, high)
}

// first returns the first error.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
