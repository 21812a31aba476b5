package schedule

import (
	"fmt"

	"github.com/nascent-nas/nascent/engine"
)

// Wrong is a mistake in an option of a strategy.
func Wrong(key, problem string, args ...any) error {
	return &engine.Mistake{Key: key, Problem: fmt.Sprintf(problem, args...)}
}

// Between refuses an option of a strategy that lies outside of a range.
func Between(key string, x, low, high float64) error {
	if x >= low && x <= high {
		return nil
	}
	return Wrong(key, "%v is no number from %g to %g", x, low, high)
}
