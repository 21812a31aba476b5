package orders

import (
	"slices"

	"github.com/nascent-nas/nascent/genome/rng"
)

// Softmax turns logits, over a temperature, into weights that sum to 1. An option
// whose logit is negative infinity gets 0.
func Softmax(logits []float64, temperature float64) []float64 {
	top := slices.Max(logits)
	out := make([]float64, len(logits))
	sum := 0.0
	for k, x := range logits {
		out[k] = rng.Exp((x - top) / temperature)
		sum += out[k]
	}
	for k := range out {
		out[k] /= sum
	}
	return out
}

// Largest is the index of the largest number, the first of equals.
func Largest(x []float64) int {
	best := 0
	for k, v := range x {
		if v > x[best] {
			best = k
		}
	}
	return best
}
