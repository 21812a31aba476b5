package page

import (
	"math"
	"slices"
	"strconv"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
)

// axis is one dimension of a plot.
type axis struct {
	log    bool
	lo, hi float64   // its ends
	ticks  []float64 // within them, each to be drawn where at says
}

// newAxis spans all values, or the part of them that is in the range, with about most
// ticks.
func newAxis(values []float64, part *Range, log bool, most int) *axis {
	a := &axis{log: log}
	a.lo, a.hi = part.clip(slices.Min(values), slices.Max(values))
	if !log {
		a.ticks = ticks(a.lo, a.hi, most)
		a.lo, a.hi = math.Min(a.lo, a.ticks[0]), math.Max(a.hi, a.ticks[len(a.ticks)-1])
		return a
	}
	least := math.Inf(1) // the smallest value above 0
	for _, v := range values {
		if v > 0 {
			least = math.Min(least, v)
		}
	}
	if math.IsInf(least, 1) {
		least = 1 // there is nothing above 0
	}
	a.lo, a.hi = math.Max(a.lo, least), math.Max(a.hi, least)
	a.ticks = logTicks(a.lo, a.hi, most)
	room := math.Min(math.Pow(a.hi/a.lo, 0.02), 2)
	if first := a.ticks[0]; first <= a.lo*(1+1e-9) {
		a.lo = math.Min(a.lo, first)
	} else {
		a.lo = math.Max(a.lo/room, math.SmallestNonzeroFloat64)
	}
	if last := a.ticks[len(a.ticks)-1]; last >= a.hi*(1-1e-9) {
		a.hi = math.Max(a.hi, last)
	} else {
		a.hi = within(a.hi * room)
	}
	return a
}

// at is where a value lies: 0 at the lower end, 1 at the upper one.
func (a *axis) at(v float64) float64 {
	switch {
	case !a.log:
		return show.Part(v, a.lo, a.hi)
	case v <= 0:
		return 0
	}
	return show.Part(log10(v), log10(a.lo), log10(a.hi))
}

// labels are what is written at the ticks, with as many digits as tell them apart.
func (a *axis) labels() (out []string) {
	step := math.Inf(1)
	for i, t := range a.ticks[1:] {
		step = math.Min(step, t-a.ticks[i])
	}
	digits := 6
	for ; digits < 15; digits++ {
		if !slices.ContainsFunc(a.ticks, func(t float64) bool {
			written, _ := strconv.ParseFloat(strconv.FormatFloat(t, 'g', digits, 64), 64)
			return math.Abs(written-t) > step/100
		}) {
			break
		}
	}
	for _, t := range a.ticks {
		out = append(out, label(t, digits))
	}
	return out
}

// log10 is right for the smallest numbers, too, which math.Log10 is not everywhere.
func log10(x float64) float64 { return math.Log2(x) * math.Log10(2) }

// logTicks are round numbers of a logarithmic axis: those of decades that lie between lo
// and hi or, where these are fewer than three, as many as a linear axis has, which end
// beyond lo and hi where they are above 0.
func logTicks(lo, hi float64, most int) []float64 {
	all := decades(lo, hi)
	inner := slices.DeleteFunc(slices.Clone(all), func(t float64) bool { return t < lo*(1-1e-9) || t > hi*(1+1e-9) })
	if len(inner) > 2 {
		return inner
	}
	if lo > 1e-290 && hi > lo*(1+1e-12) { // else there is nothing between that a linear axis could tell apart
		return slices.DeleteFunc(ticks(lo, hi, most), func(t float64) bool { return t <= 0 })
	}
	return all
}

// decades are numbers from at most lo to at least hi: powers of ten and, where there
// are few of these, twice and five times them.
func decades(lo, hi float64) []float64 {
	first, last := math.Floor(log10(lo)+1e-9), math.Ceil(log10(hi)-1e-9)
	power := func(e float64) float64 { // the nearest decimal, which math.Pow is not always
		x, _ := strconv.ParseFloat("1e"+strconv.Itoa(int(e)), 64)
		return within(math.Max(x, 5e-324))
	}
	if every := math.Ceil((last - first) / 7); last-first > 3 {
		var out []float64
		for e := first; ; e += every {
			if out = append(out, power(e)); e >= last {
				return out
			}
		}
	}
	var out []float64
	for e := first; e <= last; e++ {
		for _, m := range []float64{1, 2, 5} {
			x := within(m * power(e))
			if x <= lo*(1+1e-9) {
				out = out[:0] // the last one that is below
			}
			out = append(out, x)
			if x >= hi*(1-1e-9) && len(out) > 1 {
				return out
			}
		}
	}
	return out
}

// ticks are round numbers that span lo to hi, about n of them. What lies so close
// together that the numbers between could not be told apart is drawn as equal.
func ticks(lo, hi float64, n int) []float64 {
	size := math.Max(math.Abs(lo), math.Abs(hi))
	if hi/2-lo/2 <= 1e-12*size || hi-lo < 1e-300 {
		pad := math.Max(1e-6, size*0.05)
		lo, hi = within(lo-pad), within(hi+pad)
	}
	raw := hi/float64(n) - lo/float64(n)
	unit := math.Pow(10, math.Floor(math.Log10(raw)))
	step := 10 * unit
	for _, m := range []float64{1, 2, 2.5, 5} {
		if m*unit >= raw {
			step = m * unit
			break
		}
	}
	var out []float64
	for i := math.Floor(lo/step + 1e-9); len(out) < 50; i++ {
		out = append(out, within(i*step))
		if i*step >= hi-1e-9*step {
			break
		}
	}
	return out
}

// within is x, or the largest number there is in its place.
func within(x float64) float64 { return math.Max(-math.MaxFloat64, math.Min(math.MaxFloat64, x)) }

// label writes a number of an axis, in so many digits: 0.25, 12,000, 1.5M.
func label(x float64, digits int) string {
	size := math.Abs(x)
	for _, unit := range []struct {
		of   float64
		name string
	}{{1e12, "T"}, {1e9, "G"}, {1e6, "M"}} {
		if size >= unit.of && size < 1e15 {
			return strconv.FormatFloat(x/unit.of, 'g', digits, 64) + unit.name
		}
	}
	if size >= 1e4 && size < 1e6 && x == math.Trunc(x) {
		return show.Thousands(show.Whole(x))
	}
	return strconv.FormatFloat(x, 'g', digits, 64)
}
