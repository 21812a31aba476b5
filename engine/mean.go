package engine

import "math"

// Mean is the mean of xs and their sample standard deviation, 0 for fewer than
// two. A deviation beyond the 12 digits by which numbers are compared (Key) is rounding,
// and 0. Both are finite for any finite numbers: what would be larger than a
// float64 can hold is the largest there is.
func Mean(xs []float64) (mean, sd float64) {
	if len(xs) == 0 {
		return 0, 0
	}
	n := float64(len(xs))
	for _, x := range xs {
		mean += x
	}
	if mean /= n; math.IsInf(mean, 0) { // the sum is too large, the mean is not
		mean = 0
		for _, x := range xs {
			mean += x / n
		}
		mean = max(-math.MaxFloat64, min(math.MaxFloat64, mean))
	}
	if len(xs) == 1 {
		return mean, 0
	}
	for _, x := range xs {
		sd += float64((x - mean) * (x - mean))
	}
	if sd = math.Sqrt(sd / (n - 1)); math.IsInf(sd, 0) { // so may the squares be
		largest := 0.0
		for _, x := range xs {
			largest = max(largest, math.Abs(x/2-mean/2))
		}
		for sd = 0; len(xs) > 0; xs = xs[1:] {
			part := (xs[0]/2 - mean/2) / largest
			sd += float64(part * part)
		}
		sd = min(math.MaxFloat64, 2*math.Sqrt(sd/(n-1))*largest)
	}
	if sd <= 1e-12*math.Abs(mean) {
		sd = 0
	}
	return mean, sd
}

// sum adds two finite numbers; what would be larger than a float64 can hold is the
// largest there is.
func sum(a, b float64) float64 { return max(-math.MaxFloat64, min(math.MaxFloat64, a+b)) }
