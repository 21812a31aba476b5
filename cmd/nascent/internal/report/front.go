package report

import (
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/page"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
)

// front is one metric against another: all candidates that have both, and those
// that no other beats in both, the best by x first.
type front struct {
	x, y engine.Objective
	all  []show.Mark
	best []show.Mark
}

// frontsOf sets the first objective against each of the others; where there is
// only one, against the size of the networks, if that is measured.
func frontsOf(v *show.View) []front {
	others := v.Plan.Objectives[min(1, len(v.Plan.Objectives)):]
	if len(others) == 0 {
		others = []engine.Objective{{Metric: "parameters", Goal: engine.Minimize}, {Metric: "macs", Goal: engine.Minimize}}
	}
	fronts := []front{}
	for _, o := range others {
		f := front{x: o, y: v.Objective()}
		if f.x.Metric == f.y.Metric {
			continue
		}
		if f.all, f.best = v.Front(f.x, f.y); len(f.all) > 0 {
			fronts = append(fronts, f)
		}
		if len(fronts) > 0 && len(v.Plan.Objectives) < 2 {
			break // one measure of size is enough
		}
	}
	return fronts
}

// MarshalJSON writes the front, without the candidates that are not on it.
func (f front) MarshalJSON() ([]byte, error) {
	type point struct {
		ID engine.ID `json:"id"`
		X  float64   `json:"x"`
		Y  float64   `json:"y"`
	}
	points := []point{}
	for _, m := range f.best {
		points = append(points, point{m.ID, m.X, m.Y})
	}
	return json.Marshal(struct {
		X      engine.Objective `json:"x"`
		Y      engine.Objective `json:"y"`
		Points []point          `json:"points"`
	}{f.x, f.y, points})
}

// title says what is drawn.
func (f *front) title() string { return f.y.Metric + " against " + f.x.Metric }

// ranges are the parts of both axes that are worth to be seen: all that is on the
// front, and nine tenths of the candidates. A few bad ones must not flatten the
// picture.
func (f *front) ranges() (x, y page.Range) {
	axis := func(o engine.Objective, get func(show.Mark) float64) page.Range {
		var all []float64
		for _, m := range f.all {
			all = append(all, get(m))
		}
		slices.Sort(all)
		r := page.Range{Lo: all[0], Hi: all[len(all)-1]}
		lo, hi := math.Inf(1), math.Inf(-1)
		for _, m := range f.best {
			lo, hi = math.Min(lo, get(m)), math.Max(hi, get(m))
		}
		tenth := (len(all) - 1) / 10
		if o.Goal == engine.Minimize {
			r.Hi = math.Max(hi, all[len(all)-1-tenth])
		} else {
			r.Lo = math.Min(lo, all[tenth])
		}
		return r
	}
	return axis(f.x, func(m show.Mark) float64 { return m.X }), axis(f.y, func(m show.Mark) float64 { return m.Y })
}

// write prints the front as a picture of characters and as a table.
func (f *front) write(out io.Writer, width int) error {
	fmt.Fprintf(out, "\n%s (● the front: no other is better in both, · the others)\n", f.title())
	if _, err := io.WriteString(out, f.scatter(min(72, width-12), 14)); err != nil {
		return err
	}
	t := show.Table{Head: []string{"candidate", f.x.Metric, f.y.Metric}, Right: []bool{true, true, true}}
	for _, m := range thin(f.best, 10) {
		t.Rows = append(t.Rows, []string{m.ID.String(), show.Number(f.x.Metric, m.X), show.Number(f.y.Metric, m.Y)})
	}
	return t.Write(out)
}

// scatter draws the points as text.
func (f *front) scatter(width, height int) string {
	xs, ys := f.ranges()
	grid := make([][]rune, height)
	for i := range grid {
		grid[i] = []rune(strings.Repeat(" ", width))
	}
	put := func(m show.Mark, c rune) {
		if m.X < xs.Lo || m.X > xs.Hi || m.Y < ys.Lo || m.Y > ys.Hi {
			return
		}
		x := int(show.Part(m.X, xs.Lo, xs.Hi) * float64(width-1))
		y := int(show.Part(m.Y, ys.Lo, ys.Hi) * float64(height-1))
		grid[height-1-y][x] = c
	}
	for _, m := range f.all {
		put(m, '·')
	}
	for _, m := range f.best {
		put(m, '●')
	}
	var b strings.Builder
	for i, row := range grid {
		mark := ""
		switch i {
		case 0:
			mark = show.Number(f.y.Metric, ys.Hi)
		case height - 1:
			mark = show.Number(f.y.Metric, ys.Lo)
		}
		fmt.Fprintf(&b, "%9s │%s\n", mark, strings.TrimRight(string(row), " "))
	}
	left, right := show.Number(f.x.Metric, xs.Lo), show.Number(f.x.Metric, xs.Hi)
	fmt.Fprintf(&b, "%9s └%s\n%11s%s%*s\n", "", strings.Repeat("─", width), "", left, max(1, width-len([]rune(left))), right)
	return b.String()
}

// picture draws the front for the page.
func (f *front) picture() picture {
	point := func(m show.Mark) page.Point {
		return page.Point{X: m.X, Y: m.Y, Text: fmt.Sprintf("candidate %s: %s %s, %s %s",
			m.ID, f.y.Metric, show.Number(f.y.Metric, m.Y), f.x.Metric, show.Number(f.x.Metric, m.X))}
	}
	var all, best []page.Point
	for _, m := range thin(f.all, 4000) {
		all = append(all, point(m))
	}
	for _, m := range f.best {
		best = append(best, point(m))
	}
	xs, ys := f.ranges()
	p := page.Plot{X: f.x.Metric, Y: f.y.Metric, Across: &xs, Height: &ys, Series: []page.Series{
		{Name: "candidates", Class: "cloud", Points: all, Dots: true},
		{Name: "front", Class: "s1", Points: best, Step: true},
		{Name: "front", Class: "front", Points: best, Dots: true},
	}}
	return picture{
		Title: capital(f.title()), About: "Every candidate of the highest fidelity that keeps the constraints. On the front, no other is better in both.",
		SVG: template.HTML(p.SVG()), Legend: []legend{{"cloud", "candidates"}, {"s1", "front"}},
	}
}
