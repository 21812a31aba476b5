package page

import (
	"fmt"
	"html"
	"strings"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
)

// Dimension is one axis of a Parallel.
type Dimension struct {
	Name string
	Log  bool
	Down bool // smaller values are better, and so lie above
}

// Line is one thing that has a value in each dimension; Text is shown when the pointer
// rests on it.
type Line struct {
	Values []float64
	Class  string // of the style sheet
	Text   string
}

// Parallel is a picture of parallel coordinates: an axis for each dimension, the better
// end above, and a line across them for each thing.
type Parallel struct {
	Dimensions []Dimension
	Lines      []Line
}

// The sizes of parallel coordinates.
const (
	parallelGap, parallelHeight = 150, 340 // between two axes
	parallelTop, parallelBelow  = 16, 34
	parallelName                = 20 // letters of a name
)

// SVG draws the picture; "" where there is nothing to be drawn.
func (p *Parallel) SVG() string {
	if len(p.Lines) == 0 || len(p.Dimensions) < 2 {
		return ""
	}
	width := parallelGap * len(p.Dimensions)
	var names []string
	axes := make([]*axis, len(p.Dimensions))
	for i, d := range p.Dimensions {
		names = append(names, d.Name)
		values := make([]float64, len(p.Lines))
		for k, l := range p.Lines {
			values[k] = l.Values[i]
		}
		axes[i] = newAxis(values, nil, d.Log, 4)
	}
	px := func(i int) float64 { return parallelGap * (float64(i) + 0.5) }
	py := func(i int, v float64) float64 {
		part := axes[i].at(v)
		if !p.Dimensions[i].Down {
			part = 1 - part
		}
		return parallelTop + part*(parallelHeight-parallelTop-parallelBelow)
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="parallel" style="max-width:%dpx; min-width:%dpx" viewBox="0 0 %d %d" role="img" aria-label="parallel coordinates of %s">`,
		width, width*2/3, width, parallelHeight, html.EscapeString(strings.Join(names, ", ")))
	for _, l := range p.Lines {
		fmt.Fprintf(&b, `<path class="line across %s" d="`, l.Class)
		for i, v := range l.Values {
			fmt.Fprintf(&b, "%s%.1f %.1f", move(i), px(i), py(i, v))
		}
		fmt.Fprintf(&b, `"><title>%s</title></path>`, html.EscapeString(l.Text))
	}
	for i, d := range p.Dimensions {
		x := px(i)
		fmt.Fprintf(&b, `<line class="upright" x1="%.1f" x2="%.1f" y1="%d" y2="%d"/>`, x, x, parallelTop, parallelHeight-parallelBelow)
		for k, l := range axes[i].labels() {
			y := py(i, axes[i].ticks[k])
			fmt.Fprintf(&b, `<line class="upright" x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f"/><text class="tick" x="%.1f" y="%.1f" text-anchor="end">%s</text>`,
				x-4, x, y, y, x-7, y+4, l)
		}
		name := show.Clip(d.Name, parallelName)
		if d.Log {
			name += " (log)"
		}
		fmt.Fprintf(&b, `<text class="axis" x="%.1f" y="%d" text-anchor="middle">%s<title>%s</title></text>`,
			x, parallelHeight-12, html.EscapeString(name), html.EscapeString(d.Name))
	}
	b.WriteString("</svg>")
	return b.String()
}
