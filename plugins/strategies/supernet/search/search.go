// Package search is the strategy half of the supernet plugin: DARTS, GDAS, ENAS
// and, in package oneshot, single-path one-shot. Each trains shared weights by jobs
// of the task supernet, one after the other, and then proposes candidates, which
// the ordinary evaluator trains for themselves. What a supernet says of itself is
// never a result.
//
//   - darts.go, gdas.go: alphas, trained along with the weights
//   - enas.go: a controller, trained by scores
//   - alphas.go: what alphas say; derive.go: cells made of them
package search

import (
	"fmt"
	"strings"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/evolve"
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
		return evolve.New(method)
	}
	return nil, fmt.Errorf("there is no method %q; there are %s", method, strings.Join(Names(), ", "))
}
