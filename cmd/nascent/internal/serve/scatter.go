package serve

import (
	"cmp"
	"fmt"
	"math"
	"net/url"
	"slices"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
)

const (
	mostPoints = 800 // of a picture; of more their density is drawn
	gridWidth  = 72
	gridHeight = 48
	mostFront  = 300
	bands      = 64 // of a median
)

// point is a candidate in a picture.
type point struct {
	X  number    `json:"x"`
	Y  number    `json:"y"`
	ID engine.ID `json:"id"`

	Beyond bool `json:"beyond,omitempty"` // it breaks a soft constraint, so that the search counted it as worse
}

// bound is where what is wished for ends.
type bound struct {
	Axis string `json:"axis"` // x or y
	At   number `json:"at"`
	Text string `json:"text"`
}

// scatter is one column against another.
type scatter struct {
	X       axis        `json:"x"`
	Y       axis        `json:"y"`
	N       int         `json:"n"`                // candidates that have both
	Outside int         `json:"outside"`          // of them, those beyond the axes
	Points  []point     `json:"points,omitempty"` // all that are within, if they are few
	Grid    []int       `json:"grid,omitempty"`   // else how many lie where, row by row from below
	Width   int         `json:"width,omitempty"`
	Height  int         `json:"height,omitempty"`
	Front   []point     `json:"front,omitempty"`   // those of all that no other one beats in both, if both have a better end
	OnFront int         `json:"onFront,omitempty"` // how many these are, before they were thinned
	Median  [][4]number `json:"median,omitempty"`  // where x is the order of evaluations: x, quartile, median, quartile
	Winner  *point      `json:"winner,omitempty"`
	Target  *[2]number  `json:"target,omitempty"` // where it is a point of these two
	Bounds  []bound     `json:"bounds,omitempty"` // of soft constraints, within the axes
	About   string      `json:"about,omitempty"`  // what is drawn, in a few words
}

// scatter answers /scatter?x=&y=[&where=][&logx=][&logy=][&of=all].
func (s *search) scatter(q url.Values) (any, error) {
	x, y := cmp.Or(q.Get("x"), evaluation), cmp.Or(q.Get("y"), s.view.Objective().Metric)
	columns, err := s.filled(x, y)
	if err != nil {
		return nil, err
	}
	var rows []int
	if q.Get("of") == "all" {
		for row := range s.rows.Len() {
			rows = append(rows, row)
		}
	} else {
		rows = s.full(x != evaluation)
	}
	if rows, err = s.where(q.Get("where"), rows); err != nil {
		return nil, err
	}
	xs, ys := columns[0].values, columns[1].values
	rows = slices.DeleteFunc(rows, func(row int) bool { return math.IsNaN(xs[row]) || math.IsNaN(ys[row]) })
	out := &scatter{X: s.axis(columns[0], rows, q.Get("logx")), Y: s.axis(columns[1], rows, q.Get("logy")), N: len(rows)}
	if out.X.Goal != "" && out.Y.Goal != "" {
		if all := q.Get("of") == "all" || q.Get("where") != ""; all || !out.stated(s, x, y) {
			out.front(s, rows, xs, ys)
		}
	}
	out.asked(s, x, y)
	out.place(s, rows, xs, ys)
	if x == evaluation && len(rows) >= 10 && columns[1].labels == nil {
		out.medians(rows, xs, ys)
	}
	if id := s.winner(); id != 0 {
		if row, ok := s.rows.Find(id); ok && !math.IsNaN(xs[row]) && !math.IsNaN(ys[row]) {
			out.Winner = s.point(row, xs, ys)
		}
	}
	out.about(s)
	return out, nil
}

// point is where a row lies.
func (s *search) point(row int, xs, ys []float64) *point {
	p := &point{X: number(xs[row]), Y: number(ys[row]), ID: s.rows.IDs[row]}
	if ranking := s.view.Plan.Ranking(); len(ranking.Soft) > 0 {
		p.Beyond = ranking.Penalty(s.rows.Index.Candidate(row).Metrics) > 0
	}
	return p
}

// wish is where a soft constraint of a metric ends.
type wish struct {
	Metric string `json:"metric"`
	At     number `json:"at"`
	Text   string `json:"text"`
}

// wishes are those of all soft constraints.
func (s *search) wishes() []wish {
	out := []wish{}
	for _, c := range s.view.Plan.Ranking().Soft {
		for _, end := range []struct {
			at   *float64
			says string
		}{{c.Min, "at least"}, {c.Max, "at most"}} {
			if end.at != nil {
				text := fmt.Sprintf("wished for: %s %s %s", c.Metric, end.says, show.Exactly(c.Metric, *end.at))
				out = append(out, wish{c.Metric, number(*end.at), text})
			}
		}
	}
	return out
}

// metricOf is the metric that a column holds, or "" where it is a gene.
func metricOf(column string) string {
	if form, name := show.SplitColumn(column); form == "" || form == "metric" {
		return name
	}
	return ""
}

// asked adds what somebody asked for: a target that is a point of both, and where soft
// constraints end.
func (p *scatter) asked(s *search, x, y string) {
	x, y = metricOf(x), metricOf(y)
	targets := s.state.Limits.Targets
	if tx, ok := targets.Get(x); ok {
		if ty, ok := targets.Get(y); ok {
			p.Target = &[2]number{number(tx), number(ty)}
			p.X.hold(tx)
			p.Y.hold(ty)
		}
	}
	for _, w := range s.wishes() {
		if w.Metric == x && w.At >= p.X.Lo && w.At <= p.X.Hi {
			p.Bounds = append(p.Bounds, bound{"x", w.At, w.Text})
		}
		if w.Metric == y && w.At >= p.Y.Lo && w.At <= p.Y.Hi {
			p.Bounds = append(p.Bounds, bound{"y", w.At, w.Text})
		}
	}
}

// about says of a front what it is.
func (p *scatter) about(s *search) {
	ranking := s.view.Plan.Ranking()
	if p.Front == nil {
		return
	}
	p.About = "The candidates of the highest fidelity"
	if len(ranking.Constraints) > 0 {
		p.About += " within the constraints"
	}
	p.About += ", as the search measured them. On the front no other is better in both"
	if slices.ContainsFunc(s.state.Front, func(b engine.Best) bool { return b.Estimates != nil }) {
		p.About += ", if each counts by its mean less the standard error; it is drawn at the means"
	}
	p.About += "."
	beyond := func(q point) bool { return q.Beyond }
	if slices.ContainsFunc(p.Points, beyond) || slices.ContainsFunc(p.Front, beyond) {
		p.About += " What is beyond a soft constraint stands where it was measured; the search counted it as worse."
	}
}

// place puts rows where they lie.
func (p *scatter) place(s *search, rows []int, xs, ys []float64) {
	in := func(part float64) bool { return part >= 0 && part <= 1 }
	if len(rows) > mostPoints {
		p.Width, p.Height = gridWidth, gridHeight
		for _, a := range []struct {
			axis *axis
			n    *int
		}{{&p.X, &p.Width}, {&p.Y, &p.Height}} {
			if a.axis.Labels != nil {
				*a.n = len(a.axis.Labels)
			}
		}
		p.Grid = make([]int, p.Width*p.Height)
	}
	for _, row := range rows {
		x, y := p.X.at(xs[row]), p.Y.at(ys[row])
		switch {
		case !in(x) || !in(y):
			p.Outside++
		case p.Grid == nil:
			p.Points = append(p.Points, *s.point(row, xs, ys))
		default:
			i, j := min(int(x*float64(p.Width)), p.Width-1), min(int(y*float64(p.Height)), p.Height-1)
			p.Grid[j*p.Width+i]++
		}
	}
}

// front finds who is not beaten in both.
func (p *scatter) front(s *search, rows []int, xs, ys []float64) {
	worth := func(goal engine.Goal, x float64) float64 {
		if goal == engine.Minimize {
			return -x
		}
		return x
	}
	sorted := slices.Clone(rows)
	slices.SortFunc(sorted, func(a, b int) int {
		return cmp.Or(-cmp.Compare(worth(p.X.Goal, xs[a]), worth(p.X.Goal, xs[b])), -cmp.Compare(worth(p.Y.Goal, ys[a]), worth(p.Y.Goal, ys[b])),
			cmp.Compare(a, b))
	})
	best := math.Inf(-1)
	var all []point
	for _, row := range sorted {
		if y := worth(p.Y.Goal, ys[row]); y > best {
			best = y
			all = append(all, *s.point(row, xs, ys))
		}
	}
	p.setFront(all)
}

// stated takes the front of a search of just these two objectives as the search states it:
// where something was measured again, by the means.
func (p *scatter) stated(s *search, x, y string) bool {
	x, y = metricOf(x), metricOf(y)
	objectives := s.view.Plan.Ranking().Objectives
	is := func(name string) bool {
		return slices.ContainsFunc(objectives, func(o engine.Objective) bool { return o.Metric == name })
	}
	if len(objectives) != 2 || x == y || !is(x) || !is(y) {
		return false
	}
	var all []point
	for _, b := range s.state.Front {
		means := b.Means()
		px, okX := means.Get(x)
		py, okY := means.Get(y)
		if okX && okY && s.view.Plan.Ranking().Violation(means) == 0 {
			all = append(all, point{number(px), number(py), b.ID, s.view.Plan.Ranking().Penalty(means) > 0})
		}
	}
	slices.SortFunc(all, func(a, b point) int {
		order := cmp.Compare(a.X, b.X)
		if p.X.Goal != engine.Minimize {
			order = -order
		}
		return cmp.Or(order, cmp.Compare(a.ID, b.ID))
	})
	p.setFront(all)
	return true
}

func (p *scatter) setFront(all []point) {
	p.OnFront, p.Front = len(all), thin(all, mostFront)
	for _, q := range all { // all of it is to be seen
		p.X.hold(float64(q.X))
		p.Y.hold(float64(q.Y))
	}
}

// medians are of as many rows one after the other.
func (p *scatter) medians(rows []int, xs, ys []float64) {
	n := min(bands, len(rows)/5)
	for k := range n {
		part := rows[k*len(rows)/n : (k+1)*len(rows)/n]
		values := make([]float64, len(part))
		for i, row := range part {
			values[i] = ys[row]
		}
		slices.Sort(values)
		at := func(q float64) number { // between two of them in proportion
			place := q * float64(len(values)-1)
			i := int(place)
			return number(values[i] + (place-float64(i))*(values[min(i+1, len(values)-1)]-values[i]))
		}
		p.Median = append(p.Median, [4]number{number(xs[part[len(part)/2]]), at(0.25), at(0.5), at(0.75)})
	}
}

// thin leaves at most so many, evenly, the first and the last among them.
func thin[T any](all []T, most int) []T {
	if len(all) <= most {
		return all
	}
	out := make([]T, most)
	for i := range out {
		out[i] = all[i*(len(all)-1)/(most-1)]
	}
	return out
}
