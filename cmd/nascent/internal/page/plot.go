// Package page is what the pages of benches share: how they look, their
// plots, and how they are written. A page loads nothing from elsewhere.
package page

import (
	"fmt"
	"html"
	"math"
	"strings"
)

// Point is one place of a plot.
type Point struct{ X, Y float64 }

// Series is one line or band of a plot.
type Series struct {
	Name   string
	Class  string // of the style sheet
	Points []Point
	Low    []float64 // with it: a band between Low and the points' ys
	Step   bool
}

// Plot is one picture.
type Plot struct {
	X, Y   string // what the axes show
	Series []Series
	Height *Range // what of the y axis is shown; nil: as the points ask for
	Log    bool   // the y axis is logarithmic; what is not above 0 lies at its lower end
}

// Range is a part of an axis.
type Range struct{ Lo, Hi float64 }

// clip leaves of lo to hi what lies in the range.
func (r *Range) clip(lo, hi float64) (float64, float64) {
	if r == nil || r.Lo >= hi || r.Hi <= lo {
		return lo, hi
	}
	return math.Max(lo, r.Lo), math.Min(hi, r.Hi)
}

// The picture's size, and the least that is left free around what is drawn: at the left
// there is more where the labels are long.
const (
	plotWidth, plotHeight   = 640, 320
	left, right, top, below = 62, 28, 12, 44
)

// axes are those of the plot; nil where it has no points.
func (p *Plot) axes() (x, y *axis) {
	var xs, ys []float64
	for _, s := range p.Series {
		for _, q := range s.Points {
			xs, ys = append(xs, q.X), append(ys, q.Y)
		}
		ys = append(ys, s.Low...)
	}
	if len(xs) == 0 {
		return nil, nil
	}
	return newAxis(xs, nil, false, 7), newAxis(ys, p.Height, p.Log, 6)
}

// SVG draws the plot.
func (p *Plot) SVG() string {
	x, y := p.axes()
	if x == nil {
		return ""
	}
	left := left
	names := y.labels()
	for _, l := range names {
		left = max(left, 22+8*len([]rune(l)))
	}
	px := func(v float64) float64 { return float64(left) + x.at(v)*float64(plotWidth-left-right) }
	py := func(v float64) float64 { return plotHeight - below - y.at(v)*(plotHeight-top-below) }

	// Plots of one page that share one are clipped alike.
	clip := fmt.Sprintf("plot-%d", left)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg viewBox="0 0 %d %d" role="img" aria-label="%s against %s">`,
		plotWidth, plotHeight, html.EscapeString(p.Y), html.EscapeString(p.X))
	fmt.Fprintf(&b, `<clipPath id="%s"><rect x="%d" y="%d" width="%d" height="%d"/></clipPath>`,
		clip, left-4, top-6, plotWidth-left-right+12, plotHeight-top-below+12)
	for i, l := range x.labels() {
		t := x.ticks[i]
		fmt.Fprintf(&b, `<line class="grid" x1="%.1f" x2="%.1f" y1="%d" y2="%d"/><text class="tick" x="%.1f" y="%d" text-anchor="middle">%s</text>`,
			px(t), px(t), top, plotHeight-below, px(t), plotHeight-below+16, l)
	}
	for i, l := range names {
		t := y.ticks[i]
		fmt.Fprintf(&b, `<line class="grid" x1="%d" x2="%d" y1="%.1f" y2="%.1f"/><text class="tick" x="%d" y="%.1f" text-anchor="end">%s</text>`,
			left, plotWidth-right, py(t), py(t), left-6, py(t)+4, l)
	}
	fmt.Fprintf(&b, `<text class="axis" x="%d" y="%d" text-anchor="middle">%s</text>`, (left+plotWidth-right)/2, plotHeight-8, html.EscapeString(p.X))
	name := p.Y
	if p.Log {
		name += " (logarithmic)"
	}
	fmt.Fprintf(&b, `<text class="axis" transform="translate(14 %d) rotate(-90)" text-anchor="middle">%s</text>`,
		(top+plotHeight-below)/2, html.EscapeString(name))
	fmt.Fprintf(&b, `<g clip-path="url(#%s)">`, clip)
	for _, s := range p.Series {
		s.draw(&b, px, py)
	}
	b.WriteString("</g></svg>")
	return b.String()
}

// draw writes the series; px and py are where values lie.
func (s *Series) draw(b *strings.Builder, px, py func(float64) float64) {
	switch {
	case s.Low != nil:
		var d strings.Builder
		for i, q := range s.Points {
			fmt.Fprintf(&d, "%s%.1f %.1f", move(i), px(q.X), py(q.Y))
		}
		for i := len(s.Points) - 1; i >= 0; i-- {
			fmt.Fprintf(&d, "L%.1f %.1f", px(s.Points[i].X), py(s.Low[i]))
		}
		fmt.Fprintf(b, `<path class="%s" d="%sZ"/>`, s.Class, d.String())
	default:
		var d strings.Builder
		for i, q := range s.Points {
			if i > 0 && s.Step {
				fmt.Fprintf(&d, "H%.1fV%.1f", px(q.X), py(q.Y))
			} else {
				fmt.Fprintf(&d, "%s%.1f %.1f", move(i), px(q.X), py(q.Y))
			}
		}
		fmt.Fprintf(b, `<path class="line %s" d="%s"><title>%s</title></path>`, s.Class, d.String(), html.EscapeString(s.Name))
	}
}

func move(i int) string {
	if i == 0 {
		return "M"
	}
	return "L"
}
