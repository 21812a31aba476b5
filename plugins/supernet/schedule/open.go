package schedule

import (
	"errors"
	"fmt"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/genome/network"
)

// Read reads the space of a search as a supernet.
func Read(setup engine.Setup) (*network.Supernet, error) {
	if !network.Has(setup.Space) {
		return nil, errors.New("weights are shared among the operations of cells, but the space has no layers: give it a stack with a cell")
	}
	return network.ReadSupernet(setup.Space)
}

// Between refuses an option of a strategy that lies outside of a range.
func Between(key string, x, low, high float64) error {
	if x >= low && x <= high {
		return nil
	}
	return fmt.Errorf("strategy.%s: %v is no number from %g to %g", key, x, low, high)
}
