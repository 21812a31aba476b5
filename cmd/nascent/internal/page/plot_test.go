package page

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"regexp"
	"strconv"
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
			ps = append(ps, Point{X: number.Draw(t, "x"), Y: number.Draw(t, "y")})
			low = append(low, number.Draw(t, "low"))
		}
		p := Plot{X: "x", Y: "y", Series: []Series{
			{Class: "band", Points: ps, Low: low}, {Class: "s0", Points: ps, Step: true}, {Class: "s1", Points: ps},
		}}
		if rapid.Bool().Draw(t, "ranges") {
			p.Height = &Range{math.Inf(-1), number.Draw(t, "hi")}
		}
		p.Log = rapid.Bool().Draw(t, "logarithmic")
		svg := p.SVG()
		if strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") {
			t.Fatalf("%v are drawn as %s", ps, svg)
		}
		dec := xml.NewDecoder(strings.NewReader(svg))
		places := 0 // of the last line
		for {
			token, err := dec.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%v: %s", err, svg)
			}
			if e, ok := token.(xml.StartElement); ok && e.Name.Local == "path" {
				places = strings.Count(e.Attr[1].Value, "M") + strings.Count(e.Attr[1].Value, "L")
			}
		}
		if places != len(ps) {
			t.Fatalf("%d of %d points are drawn", places, len(ps))
		}
	})
}

// No label of the y axis is cut at the picture's edge, nor runs into the axis's name.
func TestLabelsHaveRoom(t *testing.T) {
	t.Parallel()
	for _, top := range []float64{1, 1e4, 9e5, 1.5e6, 2.5e14, 1e15, math.MaxFloat64, -math.MaxFloat64, 1e-7} {
		p := Plot{X: "x", Y: "y", Series: []Series{{Class: "s0", Points: []Point{{X: 0, Y: 0}, {X: 1, Y: top}}}}}
		labels := regexp.MustCompile(`<text class="tick" x="(\d+)" y="[0-9.]+" text-anchor="end">([^<]*)<`).FindAllStringSubmatch(p.SVG(), -1)
		for _, m := range labels {
			if right, _ := strconv.Atoi(m[1]); right-7*len(m[2]) < 20 {
				t.Errorf("%s ends at %d", m[2], right)
			}
		}
		if len(labels) < 2 {
			t.Errorf("up to %g there are the labels %v", top, labels)
		}
	}
	for x, want := range map[float64]string{
		0: "0", 0.25: "0.25", 12000: "12,000", 1.5e6: "1.5M", -2e9: "-2G", 3e12: "3T", 1e15: "1e+15", 1e-7: "1e-07", 999: "999",
	} {
		if got := label(x, 6); got != want {
			t.Errorf("%g is labelled %s, want %s", x, got, want)
		}
	}
}

// Powers of ten stand at equal distances, and what is 0 lies at the lower end.
func TestLogarithmicPlot(t *testing.T) {
	t.Parallel()
	p := Plot{X: "x", Y: "y", Log: true, Series: []Series{{Class: "s0", Points: []Point{{X: 0, Y: 1000}, {X: 1, Y: 1}, {X: 2, Y: 0.001}, {X: 3, Y: 0}}}}}
	svg := p.SVG()
	for _, part := range []string{">0.001</text>", ">1</text>", ">1000</text>", `d="M62.0 12.0L`} {
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
