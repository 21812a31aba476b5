package engine

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestMean(t *testing.T) {
	t.Parallel()
	const most = math.MaxFloat64
	for _, c := range []struct {
		xs       []float64
		mean, sd float64
	}{
		{nil, 0, 0},
		{[]float64{3}, 3, 0},
		{[]float64{1, 2, 3}, 2, 1},
		{[]float64{0.1, 0.1, 0.1}, (0.1 + 0.1 + 0.1) / 3, 0},
		{[]float64{0.7891, 0.7891, 0.7891, 0.7891, 0.7891, 0.7891, 0.7891}, 0.7891, 0},
		{[]float64{0.90133, 0.90133 * (1 + 4e-16), 0.90133}, 0.90133, 0},
		{[]float64{1, 1 + 1e-9}, 1 + 5e-10, 1e-9 / math.Sqrt2},
		{[]float64{most, most, most}, most, 0},
		{[]float64{-most, -most}, -most, 0},
		{[]float64{most, -most}, 0, most},
		{[]float64{most, most / 2}, most * 0.75, most / 4 * math.Sqrt2},
		{[]float64{1e200, 3e200}, 2e200, math.Sqrt2 * 1e200},
	} {
		mean, sd := Mean(c.xs)
		if c.sd == 0 && sd != 0 {
			t.Errorf("%v are equal but for rounding, and have the deviation %v", c.xs, sd)
		}
		near := func(a, b float64) bool { return a == b || math.Abs(a/b-1) < 1e-12 || math.Abs(a-b) < 1e-12 }
		if !near(mean, c.mean) || !near(sd, c.sd) {
			t.Errorf("%v have mean %v and deviation %v; want %v and %v", c.xs, mean, sd, c.mean, c.sd)
		}
	}
}

// Whatever finite numbers there are, their mean lies among them and is as finite
// as its spread.
func TestMeanIsFinite(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		xs := rapid.SliceOfN(rapid.Float64(), 1, 8).Draw(t, "xs")
		mean, sd := Mean(xs)
		if math.IsNaN(mean) || math.IsInf(mean, 0) || math.IsNaN(sd) || math.IsInf(sd, 0) || sd < 0 {
			t.Fatalf("%v have mean %v and deviation %v", xs, mean, sd)
		}
		lo, hi, size := xs[0], xs[0], 0.0
		for _, x := range xs {
			lo, hi, size = min(lo, x), max(hi, x), max(size, math.Abs(x))
		}
		if slack := size * 1e-14; mean < lo-slack || mean > hi && mean-hi > slack {
			t.Fatalf("%v have the mean %v", xs, mean)
		}
	})
}
