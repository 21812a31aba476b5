package page

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// tick is a place on an axis, in pixels, and the number that is written there.
type tick struct{ at, value float64 }

// drawn reads the ticks of both axes, and the places of a line's points, from a plot.
func drawn(t interface{ Fatalf(string, ...any) }, svg string) (x, y []tick, points [][2]float64) {
	number := func(s string) float64 {
		unit := 1.0
		for suffix, of := range map[string]float64{"T": 1e12, "G": 1e9, "M": 1e6} {
			if cut, ok := strings.CutSuffix(s, suffix); ok {
				s, unit = cut, of
			}
		}
		v, err := strconv.ParseFloat(strings.ReplaceAll(s, ",", ""), 64)
		if err != nil {
			t.Fatalf("the label %s is no number", s)
		}
		return v * unit
	}
	for _, m := range regexp.MustCompile(`<text class="tick" x="([0-9.]+)" y="([0-9.]+)" text-anchor="(middle|end)">([^<]*)<`).FindAllStringSubmatch(svg, -1) {
		if m[3] == "middle" {
			x = append(x, tick{number(m[1]), number(m[4])})
		} else {
			y = append(y, tick{number(m[2]) - 4, number(m[4])})
		}
	}
	line := regexp.MustCompile(`<path class="line s0" d="([^"]*)"`).FindStringSubmatch(svg)
	for _, m := range regexp.MustCompile(`[ML]([-0-9.]+) ([-0-9.]+)`).FindAllStringSubmatch(line[1], -1) {
		points = append(points, [2]float64{number(m[1]), number(m[2])})
	}
	return x, y, points
}

// checkTicks compares where ticks stand with where the points of lo and hi do, by the
// numbers at the ticks.
func checkTicks(t interface{ Fatalf(string, ...any) }, ticks []tick, lo, hi, atLo, atHi float64, log bool) {
	scale := func(v float64) float64 { return v }
	if log {
		scale = log10
	}
	if len(ticks) < 3 || len(ticks) > 12 {
		t.Fatalf("from %g to %g (logarithmic: %v) there are the ticks %v", lo, hi, log, ticks)
	}
	for i, tick := range ticks {
		part := (scale(tick.value) - scale(lo)) / (scale(hi) - scale(lo))
		if want := atLo + part*(atHi-atLo); math.Abs(tick.at-want) > 1.5 {
			t.Fatalf("from %g to %g (logarithmic: %v) the tick %g stands at %g, its place is %g", lo, hi, log, tick.value, tick.at, want)
		}
		if i > 0 && (tick.value <= ticks[i-1].value || math.Abs(tick.at-ticks[i-1].at) < 12) {
			t.Fatalf("from %g to %g (logarithmic: %v) there are the ticks %v", lo, hi, log, ticks)
		}
	}
}

// Every label stands where its number is, on linear and logarithmic axes of any range.
func TestLabelsStandAtTheirNumbers(t *testing.T) {
	t.Parallel()
	check := func(t interface{ Fatalf(string, ...any) }, lo, hi float64, log bool) {
		p := Plot{X: "x", Y: "y", Log: log, Series: []Series{{Class: "s0", Points: []Point{{X: lo, Y: lo}, {X: hi, Y: hi}}}}}
		x, y, points := drawn(t, p.SVG())
		checkTicks(t, x, lo, hi, points[0][0], points[1][0], false)
		checkTicks(t, y, lo, hi, points[0][1], points[1][1], log)
	}
	for _, r := range [][2]float64{
		{3.66, 6.8}, {3.7, 3.9}, {1, 9.9}, {1.01, 9.9}, {1.9, 10.1}, {0.02, 0.3}, {0.21, 0.23}, {0.004, 0.0051}, {1e-12, 3e-12}, {2.5e-7, 8e-2},
		{12000.5, 12003}, {1234567, 1234569}, {1e9, 1.0001e9}, {1e14, 3e15}, {1e-300, 1e300}, {1e-200, 7e-200}, {6e200, 7e200}, {0.99999, 0.999993},
	} {
		check(t, r[0], r[1], true)
		check(t, r[0], r[1], false)
	}
	rapid.Check(t, func(t *rapid.T) {
		lo := math.Pow(10, rapid.Float64Range(-250, 250).Draw(t, "exponent of lo"))
		ratio := math.Pow(10, math.Pow(10, rapid.Float64Range(-5, 1.5).Draw(t, "exponent of decades")))
		check(t, lo, lo*ratio, rapid.Bool().Draw(t, "logarithmic"))
	})
}

// A tick of a logarithmic axis lies beyond the values only where the axis does.
func TestClippedLogarithmicAxis(t *testing.T) {
	t.Parallel()
	for _, r := range []Range{{3.66, 6.8}, {0.5, 2}, {2, 1000}, {-1, 7}} {
		a := newAxis([]float64{0.004, 3.66, 5, 6.8, 4e6}, &r, true, 6)
		if a.lo <= 0 || len(a.ticks) < 3 || a.at(a.ticks[0]) < 0 || a.at(a.ticks[len(a.ticks)-1]) > 1 {
			t.Errorf("of %v there are the ticks %v from %g to %g", r, a.ticks, a.lo, a.hi)
		}
		if a.at(a.lo/2) >= 0 || a.at(a.hi*2) <= 1 || a.at(0) != 0 || a.at(-3) != 0 {
			t.Errorf("of %v what is outside is drawn inside, or what is not above 0 not at the lower end", r)
		}
	}
}

func TestTicks(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ lo, hi float64 }{{0, 1}, {0.2, 0.21}, {-3, 7000}, {5, 5}, {0, 0}, {-math.MaxFloat64, math.MaxFloat64}, {1e15, 1e15 + 0.125}} {
		ts := ticks(c.lo, c.hi, 6)
		if len(ts) < 2 || len(ts) > 12 || !slices.IsSorted(ts) || ts[0] > c.lo || ts[len(ts)-1] < c.hi-1e-9*math.Abs(c.hi) {
			t.Errorf("from %v to %v there are the ticks %v", c.lo, c.hi, ts)
		}
	}
}

func TestDecades(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		lo, hi float64
		want   []float64
	}{
		{1, 1000, []float64{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000}},
		{128, 1.8e6, []float64{100, 1000, 1e4, 1e5, 1e6, 1e7}},
		{3, 4, []float64{2, 5}},
		{5, 5, []float64{5, 10}},
		{1, 1, []float64{1, 2}},
		{0.02, 0.3, []float64{0.02, 0.05, 0.1, 0.2, 0.5}},
		{1e-12, 1e9, []float64{1e-12, 1e-9, 1e-6, 1e-3, 1, 1e3, 1e6, 1e9}},
	} {
		if got := decades(c.lo, c.hi); !slices.Equal(got, c.want) {
			t.Errorf("from %v to %v there are the ticks %v, want %v", c.lo, c.hi, got, c.want)
		}
	}
	for _, c := range []struct{ lo, hi float64 }{{5e-324, math.MaxFloat64}, {5e-324, 5e-324}, {math.MaxFloat64, math.MaxFloat64}, {1e307, 1.7e308}} {
		if ts := decades(c.lo, c.hi); len(ts) < 1 || len(ts) > 12 || !slices.IsSorted(ts) || ts[0] > c.lo || ts[len(ts)-1] < c.hi*(1-1e-9) {
			t.Errorf("from %v to %v there are the ticks %v", c.lo, c.hi, ts)
		}
	}
}
