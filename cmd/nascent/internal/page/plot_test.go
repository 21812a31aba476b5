package page

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// A plot of any finite numbers is well-formed and has a place for each of them.
func TestPlotFiniteNumbers(t *testing.T) {
	t.Parallel()
	number := rapid.OneOf(rapid.Float64(), rapid.SampledFrom([]float64{
		0, 1, 0.1, 1e15, 1e15 + 0.125, 5e-324, 1e-310, math.MaxFloat64, -math.MaxFloat64, math.MaxFloat64 / 3,
	}))
	rapid.Check(t, func(t *rapid.T) {
		var ps []Point
		var low []float64
		for range rapid.IntRange(1, 20).Draw(t, "points") {
			ps = append(ps, Point{X: number.Draw(t, "x"), Y: number.Draw(t, "y"), Text: "p"})
			low = append(low, number.Draw(t, "low"))
		}
		p := Plot{X: "x", Y: "y", Series: []Series{
			{Class: "band", Points: ps, Low: low}, {Class: "cloud", Points: ps, Dots: true}, {Class: "s0", Points: ps, Step: true}, {Class: "s1", Points: ps},
		}}
		if rapid.Bool().Draw(t, "ranges") {
			p.Across, p.Height = &Range{number.Draw(t, "lo"), math.Inf(1)}, &Range{math.Inf(-1), number.Draw(t, "hi")}
		}
		svg := p.SVG()
		if strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") {
			t.Fatalf("%v are drawn as %s", ps, svg)
		}
		dec := xml.NewDecoder(strings.NewReader(svg))
		dots := 0
		for {
			token, err := dec.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%v: %s", err, svg)
			}
			if e, ok := token.(xml.StartElement); ok && e.Name.Local == "circle" {
				dots++
			}
		}
		if dots != len(ps) {
			t.Fatalf("%d of %d points are drawn", dots, len(ps))
		}
	})
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

// Powers of ten stand at equal distances, and what is 0 lies at the lower end.
func TestLogarithmicPlot(t *testing.T) {
	t.Parallel()
	p := Plot{X: "x", Y: "y", Log: true, Series: []Series{{Class: "s0", Points: []Point{{X: 0, Y: 1000}, {X: 1, Y: 1}, {X: 2, Y: 0.001}, {X: 3, Y: 0}}}}}
	svg := p.SVG()
	for _, part := range []string{">0.001</text>", ">1</text>", ">1e+03</text>", `d="M62.0 12.0L`} {
		if !strings.Contains(svg, part) {
			t.Errorf("there is no %s in %s", part, svg)
		}
	}
	if p.Series[0].Points[0].Y != 1000 {
		t.Error("drawing changes what is drawn")
	}
	p.Series[0].Points = []Point{{X: 0, Y: 0}, {X: 1, Y: 0}}
	if svg := p.SVG(); strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") {
		t.Errorf("of nothing but zeros: %s", svg)
	}
}
