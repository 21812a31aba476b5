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
	LogX, Log      bool   // the x axis, and the y axis, is logarithmic; what is not above 0 lies at its lower end
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

// axis is one dimension of a plot.
type axis struct {
	log    bool
	least  float64   // the smallest value above 0, where it is logarithmic
	lo, hi float64   // its ends
	ticks  []float64 // with both ends
}

// newAxis spans all values, or the part of them that is in the range.
func newAxis(values []float64, part *Range, log bool, most int) *axis {
	a := &axis{log: log, least: math.Inf(1)}
	for _, v := range values {
		if v > 0 {
			a.least = math.Min(a.least, v)
		}
	}
	if math.IsInf(a.least, 1) {
		a.least = 1 // there is nothing above 0
	}
	if a.lo, a.hi = part.clip(slices.Min(values), slices.Max(values)); log {
		a.lo, a.hi = math.Max(a.lo, a.least), math.Max(a.hi, a.least)
		a.ticks = logTicks(a.lo, a.hi)
	} else {
		a.ticks = ticks(a.lo, a.hi, most)
	}
	if log && a.trim() {
		return a
	}
	a.lo, a.hi = math.Min(a.lo, a.ticks[0]), math.Max(a.hi, a.ticks[len(a.ticks)-1])
	return a
}

// trim leaves out the ticks of a logarithmic axis beyond the values, with which it may
// end far behind them; false where fewer than three would be left.
func (a *axis) trim() bool {
	inner := slices.DeleteFunc(slices.Clone(a.ticks), func(t float64) bool { return t < a.lo*(1-1e-9) || t > a.hi*(1+1e-9) })
	if len(inner) < 3 {
		return false
	}
	a.ticks = inner
	room := math.Pow(a.hi/a.lo, 0.02)
	if math.IsInf(room, 0) {
		room = 1
	}
	if a.lo < inner[0]*(1-1e-9) {
		a.lo /= room
	}
	if a.hi > inner[len(inner)-1]*(1+1e-9) {
		a.hi = within(a.hi * room)
	}
	return true
}

// at is where a value lies: 0 at the lower end, 1 at the upper one.
func (a *axis) at(v float64) float64 {
	if a.log {
		return show.Part(log10(math.Max(v, a.least)), log10(a.lo), log10(a.hi))
	}
	return show.Part(v, a.lo, a.hi)
}

// log10 is right for the smallest numbers, too, which math.Log10 is not everywhere.
func log10(x float64) float64 { return math.Log2(x) * math.Log10(2) }

// logTicks are numbers from at most lo to at least hi: powers of ten and, where there
// are few of these, twice and five times them.
func logTicks(lo, hi float64) []float64 {
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

// SVG draws the plot.
func (p *Plot) SVG() string {
	var xs, ys []float64
	for _, s := range p.Series {
		for _, q := range s.Points {
			xs, ys = append(xs, q.X), append(ys, q.Y)
		}
		ys = append(ys, s.Low...)
	}
	if len(xs) == 0 {
		return ""
	}
	x, y := newAxis(xs, p.Across, p.LogX, 7), newAxis(ys, p.Height, p.Log, 6)
	left := left
	for _, t := range y.ticks {
		left = max(left, 22+8*len([]rune(label(t))))
	}
	px := func(v float64) float64 { return float64(left) + x.at(v)*float64(plotWidth-left-right) }
	py := func(v float64) float64 { return plotHeight - below - y.at(v)*(plotHeight-top-below) }

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
		clip, left-4, top-6, plotWidth-left-right+12, plotHeight-top-below+12)
	for _, t := range x.ticks {
		fmt.Fprintf(&b, `<line class="grid" x1="%.1f" x2="%.1f" y1="%d" y2="%d"/><text class="tick" x="%.1f" y="%d" text-anchor="middle">%s</text>`,
			px(t), px(t), top, plotHeight-below, px(t), plotHeight-below+16, label(t))
	}
	for _, t := range y.ticks {
		fmt.Fprintf(&b, `<line class="grid" x1="%d" x2="%d" y1="%.1f" y2="%.1f"/><text class="tick" x="%d" y="%.1f" text-anchor="end">%s</text>`,
			left, plotWidth-right, py(t), py(t), left-6, py(t)+4, label(t))
	}
	named := func(name string, log bool) string {
		if log {
			name += " (logarithmic)"
		}
		return html.EscapeString(name)
	}
	fmt.Fprintf(&b, `<text class="axis" x="%d" y="%d" text-anchor="middle">%s</text>`, (left+plotWidth-right)/2, plotHeight-8, named(p.X, p.LogX))
	fmt.Fprintf(&b, `<text class="axis" transform="translate(14 %d) rotate(-90)" text-anchor="middle">%s</text>`,
		(top+plotHeight-below)/2, named(p.Y, p.Log))
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
	case s.Dots:
		for _, q := range s.Points {
			title := ""
			if q.Text != "" {
				title = "<title>" + html.EscapeString(q.Text) + "</title>"
			}
			fmt.Fprintf(b, `<circle class="%s" cx="%.1f" cy="%.1f" r="%s">%s</circle>`, s.Class, px(q.X), py(q.Y), radius(*s), title)
		}
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

func radius(s Series) string {
	switch {
	case strings.Contains(s.Class, "front"):
		return "4"
	case s.Class == "winner" || s.Class == "target":
		return "7"
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

// label writes a number of an axis: 0.25, 12,000, 1.5M.
func label(x float64) string {
	size := math.Abs(x)
	for _, unit := range []struct {
		of   float64
		name string
	}{{1e12, "T"}, {1e9, "G"}, {1e6, "M"}} {
		if size >= unit.of && size < 1e15 {
			return strconv.FormatFloat(x/unit.of, 'g', 6, 64) + unit.name
		}
	}
	if size >= 1e4 && size < 1e6 {
		return show.Thousands(show.Whole(x))
	}
	return strconv.FormatFloat(x, 'g', 6, 64)
}
