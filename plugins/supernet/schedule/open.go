package schedule

import "fmt"

// Between refuses an option of a strategy that lies outside of a range.
func Between(key string, x, low, high float64) error {
	if x >= low && x <= high {
		return nil
	}
	return fmt.Errorf("strategy.%s: %v is no number from %g to %g", key, x, low, high)
}
