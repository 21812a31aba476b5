package surrogate

import (
	"math"
	"slices"
)

// Scale makes values of which more is better comparable: those that are bad beyond
// doubt are all alike, then the mean is 0 and the variance 1. A model that has to tell
// bad from very bad has less left for what is good.
type Scale struct{ floor, mean, sd float64 }

// newScale is the scale of these values. Minus infinity is as bad as the worst of the
// others; what is not worse than least is told apart.
func newScale(values []float64, least float64) Scale {
	unit := unitOf(values)
	values, least = within(values, unit), least/unit
	var sorted []float64
	for _, x := range values {
		if !math.IsInf(x, 0) {
			sorted = append(sorted, x)
		}
	}
	slices.Sort(sorted)
	n := len(sorted)
	if n == 0 {
		return Scale{0, 0, 1}
	}
	median := sorted[n/2]
	square := 0.0
	for _, x := range sorted[n/2:] {
		square += float64((x - median) * (x - median))
	}
	s := Scale{floor: median - float64(3*math.Sqrt(square/float64(n-n/2))), sd: 1 / unit}
	if s.floor = max(s.floor, sorted[0]); s.floor == median { // more than half are equal
		s.floor = sorted[0]
	}
	s.floor = min(s.floor, least)
	sum := 0.0
	for _, x := range values {
		sum += max(x, s.floor)
	}
	s.mean = sum / float64(len(values))
	square = 0
	for _, x := range values {
		d := max(x, s.floor) - s.mean
		square += float64(d * d)
	}
	if square > 0 {
		s.sd = math.Sqrt(square / float64(len(values)))
	}
	return Scale{s.floor * unit, s.mean * unit, s.sd * unit}
}

// unitOf is a power of two near the largest of some values. In such a unit nothing is
// rounded otherwise, and squares of values neither overflow nor vanish.
func unitOf(values []float64) float64 {
	largest := 0.0
	for _, x := range values {
		if x = math.Abs(x); !math.IsInf(x, 0) {
			largest = max(largest, x)
		}
	}
	if largest == 0 {
		return 1
	}
	_, e := math.Frexp(largest)
	return math.Ldexp(1, min(max(e, -1021), 1023))
}

// within is values in a unit.
func within(values []float64, unit float64) []float64 {
	out := make([]float64, len(values))
	for i, x := range values {
		out[i] = x / unit
	}
	return out
}

// Of is a value on the scale.
func (s Scale) Of(x float64) float64 { return s.Beyond(max(x, s.floor)) }

// Beyond is a value on the scale, however bad it is.
func (s Scale) Beyond(x float64) float64 {
	if d := x - s.mean; !math.IsInf(d, 0) || math.IsInf(x, 0) {
		return d / s.sd
	}
	return (float64(x/2) - float64(s.mean/2)) / (s.sd / 2)
}

// Step is the difference of values that is 1 on the scale.
func (s Scale) Step() float64 { return s.sd }

// above is the scale of values at one level by those of the same genomes at the level
// below: what they are on its scale, they are on this one, in the mean and in their
// spread. While there are few, a step on the scale below is one here.
func (s Scale) above(values, below []float64, belowScale Scale) Scale {
	n := float64(len(values))
	if n == 0 {
		return s
	}
	unit := max(unitOf(values), unitOf([]float64{belowScale.sd}))
	values, floor := within(values, unit), s.floor/unit
	var x, z float64
	for i, v := range values {
		x += max(v, floor) / n
		z += belowScale.Of(below[i]) / n
	}
	const shrink = 2
	var xs, zs float64
	for i, v := range values {
		d, e := max(v, floor)-x, belowScale.Of(below[i])-z
		xs += float64(d * d)
		zs += float64(e * e)
	}
	usual := float64(belowScale.sd / unit * (belowScale.sd / unit))
	ratio := math.Sqrt((xs + float64(shrink*usual)) / (zs + shrink))
	if !(ratio > 0) {
		return s
	}
	return Scale{s.floor, (x - float64(z*ratio)) * unit, ratio * unit}
}
