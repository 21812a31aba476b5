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
	s := Scale{floor: median - float64(3*math.Sqrt(square/float64(n-n/2))), sd: 1}
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
	return s
}

// Of is a value on the scale.
func (s Scale) Of(x float64) float64 { return s.Beyond(max(x, s.floor)) }

// Beyond is a value on the scale, however bad it is.
func (s Scale) Beyond(x float64) float64 { return (x - s.mean) / s.sd }

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
	var x, z float64
	for i, v := range values {
		x += max(v, s.floor) / n
		z += belowScale.Of(below[i]) / n
	}
	const shrink = 2
	var xs, zs float64
	for i, v := range values {
		d, e := max(v, s.floor)-x, belowScale.Of(below[i])-z
		xs += float64(d * d)
		zs += float64(e * e)
	}
	usual := float64(belowScale.sd * belowScale.sd)
	ratio := math.Sqrt((xs + float64(shrink*usual)) / (zs + shrink))
	if !(ratio > 0) {
		return s
	}
	return Scale{s.floor, x - float64(z*ratio), ratio}
}
