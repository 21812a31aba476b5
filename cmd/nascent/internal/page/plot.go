// Package page is what all of Nascent's HTML pages share: how they look, their
// plots, and how they are written. A page loads nothing from elsewhere.
package page

import (
	"fmt"
	"html"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
)

// Point is one place of a plot; Text is shown when the pointer rests on it.
type Point struct {
	X, Y float64
	Text string
}

// Series is one line, cloud or band of a plot.
type Series struct {
	Name   string
	Class  string // of the style sheet
	Points []Point
	Low    []float64 // with it: a band between Low and the points' ys
	Dots   bool
	Step   bool
}

// Plot is one picture.
type Plot struct {
	X, Y           string // what the axes show
	Series         []Series
	Across, Height *Range // what of the x and the y axis is shown; nil: as the points ask for
	Log            bool   // the y axis is logarithmic; what is not above 0 lies at its lower end
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

const (
	plotWidth, plotHeight   = 640, 320
	left, right, top, below = 62, 28, 12, 44
)

// logarithmic is the plot with decimal logarithms for ys.
func (p *Plot) logarithmic() *Plot {
	least := math.Inf(1)
	each := func(f func(y float64) float64) []Series {
		var out []Series
		for _, s := range p.Series {
			s.Points, s.Low = slices.Clone(s.Points), slices.Clone(s.Low)
			for i := range s.Points {
				s.Points[i].Y = f(s.Points[i].Y)
			}
			for i := range s.Low {
				s.Low[i] = f(s.Low[i])
			}
			out = append(out, s)
		}
		return out
	}
	each(func(y float64) float64 {
		if y > 0 {
			least = math.Min(least, y)
		}
		return y
	})
	if math.IsInf(least, 1) {
		least = 1 // there is nothing above 0
	}
	own := *p
	own.Series = each(func(y float64) float64 { return math.Log10(math.Max(y, least)) })
	return &own
}

// SVG draws the plot.
func (p *Plot) SVG() string {
	name := label
	if p.Log {
		p, name = p.logarithmic(), func(y float64) string { return strconv.FormatFloat(math.Pow(10, y), 'g', 3, 64) }
	}
	lox, hix, loy, hiy := math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)
	for _, s := range p.Series {
		for i, q := range s.Points {
			lox, hix = math.Min(lox, q.X), math.Max(hix, q.X)
			loy, hiy = math.Min(loy, q.Y), math.Max(hiy, q.Y)
			if s.Low != nil {
				loy = math.Min(loy, s.Low[i])
			}
		}
	}
	if math.IsInf(lox, 0) {
		return ""
	}
	lox, hix = p.Across.clip(lox, hix)
	loy, hiy = p.Height.clip(loy, hiy)
	xs, ys := ticks(lox, hix, 7), ticks(loy, hiy, 6)
	if p.Log && hiy-loy >= 2 {
		ys = ys[:0]
		for y := math.Floor(loy); y < math.Ceil(hiy)+0.5; y++ { // powers of ten
			ys = append(ys, y)
		}
	}
	lox, hix = math.Min(lox, xs[0]), math.Max(hix, xs[len(xs)-1])
	loy, hiy = math.Min(loy, ys[0]), math.Max(hiy, ys[len(ys)-1])
	px := func(x float64) float64 { return left + show.Part(x, lox, hix)*(plotWidth-left-right) }
	py := func(y float64) float64 { return plotHeight - below - show.Part(y, loy, hiy)*(plotHeight-top-below) }

	clip := "plot-" + strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' {
			return r
		}
		return '-'
	}, strings.ToLower(p.X+"-"+p.Y+"-"+string(rune('a'+len(p.Series)%26))))
	var b strings.Builder
	fmt.Fprintf(&b, `<svg viewBox="0 0 %d %d" role="img" aria-label="%s against %s">`,
		plotWidth, plotHeight, html.EscapeString(p.Y), html.EscapeString(p.X))
	fmt.Fprintf(&b, `<clipPath id="%s"><rect x="%d" y="%d" width="%d" height="%d"/></clipPath>`,
		clip, left, top-6, plotWidth-left-right+8, plotHeight-top-below+12)
	for _, x := range xs {
		fmt.Fprintf(&b, `<line class="grid" x1="%.1f" x2="%.1f" y1="%d" y2="%d"/><text class="tick" x="%.1f" y="%d" text-anchor="middle">%s</text>`,
			px(x), px(x), top, plotHeight-below, px(x), plotHeight-below+16, label(x))
	}
	for _, y := range ys {
		fmt.Fprintf(&b, `<line class="grid" x1="%d" x2="%d" y1="%.1f" y2="%.1f"/><text class="tick" x="%d" y="%.1f" text-anchor="end">%s</text>`,
			left, plotWidth-right, py(y), py(y), left-6, py(y)+4, name(y))
	}
	fmt.Fprintf(&b, `<text class="axis" x="%d" y="%d" text-anchor="middle">%s</text>`, (left+plotWidth-right)/2, plotHeight-8, html.EscapeString(p.X))
	fmt.Fprintf(&b, `<text class="axis" transform="translate(14 %d) rotate(-90)" text-anchor="middle">%s</text>`, (top+plotHeight-below)/2, html.EscapeString(p.Y))
	fmt.Fprintf(&b, `<g clip-path="url(#%s)">`, clip)
	for _, s := range p.Series {
		switch {
		case s.Dots:
			for _, q := range s.Points {
				title := ""
				if q.Text != "" {
					title = "<title>" + html.EscapeString(q.Text) + "</title>"
				}
				fmt.Fprintf(&b, `<circle class="%s" cx="%.1f" cy="%.1f" r="%s">%s</circle>`, s.Class, px(q.X), py(q.Y), radius(s), title)
			}
		case s.Low != nil:
			var d strings.Builder
			for i, q := range s.Points {
				fmt.Fprintf(&d, "%s%.1f %.1f", move(i), px(q.X), py(q.Y))
			}
			for i := len(s.Points) - 1; i >= 0; i-- {
				fmt.Fprintf(&d, "L%.1f %.1f", px(s.Points[i].X), py(s.Low[i]))
			}
			fmt.Fprintf(&b, `<path class="%s" d="%sZ"/>`, s.Class, d.String())
		default:
			var d strings.Builder
			for i, q := range s.Points {
				if i > 0 && s.Step {
					fmt.Fprintf(&d, "H%.1fV%.1f", px(q.X), py(q.Y))
				} else {
					fmt.Fprintf(&d, "%s%.1f %.1f", move(i), px(q.X), py(q.Y))
				}
			}
			fmt.Fprintf(&b, `<path class="line %s" d="%s"><title>%s</title></path>`, s.Class, d.String(), html.EscapeString(s.Name))
		}
	}
	b.WriteString("</g></svg>")
	return b.String()
}

func radius(s Series) string {
	if strings.Contains(s.Class, "front") {
		return "4"
	}
	return "2.5"
}

func move(i int) string {
	if i == 0 {
		return "M"
	}
	return "L"
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

func label(x float64) string {
	if size := math.Abs(x); size >= 1e4 && size < 1e15 {
		return show.Thousands(show.Whole(x))
	}
	return strconv.FormatFloat(x, 'g', 6, 64)
}
