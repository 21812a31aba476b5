package report

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"math"
	"slices"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/page"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
)

//go:embed page.html
var pageText string

var layout = page.Layout("page", pageText)

// picture is one plot of the page.
type picture struct {
	Title, About string
	SVG          template.HTML
	Legend       []legend
	Whole        bool // it takes the whole width
}

type legend struct{ Class, Name string }

// pageData is what page.html shows.
type pageData struct {
	page.Frame
	Verdict  []string
	Head     []string
	Rows     [][]string
	Honesty  []string
	Pictures []picture
	Best     []pageBest
	Took     []string
	Plan     [][2]string
}

type pageBest struct {
	Title, Values, Genome, Drawing string
}

// WritePage writes the report as one HTML file that loads nothing.
func (r *Report) WritePage(path string) error {
	var b bytes.Buffer
	if err := layout.Execute(&b, r.page()); err != nil {
		return err
	}
	return page.Write(path, b.Bytes())
}

func (r *Report) page() *pageData {
	s, a := r.status, r.Account()
	d := &pageData{
		Frame: page.Frame{
			Title: s.Name + ": a search by Nascent", Name: s.Name, Headline: r.headline(), Cause: s.Cause, Version: engine.Version,
		},
		Verdict: a.Verdict, Honesty: a.Honesty, Took: a.Took, Head: a.Head, Rows: a.Rows, Plan: a.Plan,
	}
	if p, ok := r.across(); ok {
		d.Pictures = append(d.Pictures, p)
	}
	for i := range r.fronts {
		d.Pictures = append(d.Pictures, r.picture(&r.fronts[i]))
	}
	for _, p := range []func() (picture, bool){r.volumes, r.bestSoFar, r.curves, r.population} {
		if p, ok := p(); ok {
			d.Pictures = append(d.Pictures, p)
		}
	}
	for i := range r.best {
		c := &r.best[i]
		b := pageBest{Title: "Candidate " + c.ID.String(), Values: show.Estimated(r.view, c.Metrics, r.view.Estimates(c.ID)), Genome: c.Genome.Text()}
		if c.ID == r.outcome.Winner {
			b.Title += " (winner)"
		}
		if net := show.NetworkOf(c.Genome); net != nil {
			b.Drawing = net.String()
		}
		d.Best = append(d.Best, b)
	}
	return d
}

// count writes how many there are of what a network has; 0: nobody says.
func count(n float64) string {
	if n == 0 {
		return "-"
	}
	if n >= 100 {
		n = math.Min(math.Round(n), math.MaxFloat64)
	}
	return show.Number("", n)
}

// bestSoFar plots the best value against evaluations.
func (r *Report) bestSoFar() (picture, bool) {
	at, best := r.view.BestSoFar()
	if len(at) < 2 {
		return picture{}, false
	}
	var ps []page.Point
	for i := range at {
		if i == 0 || i == len(at)-1 || best[i] != best[i-1] {
			ps = append(ps, page.Point{X: float64(at[i]), Y: best[i]})
		}
	}
	p := page.Plot{X: "evaluations", Y: r.objective.Metric, Series: []page.Series{{Name: "best so far", Class: "s0", Points: ps, Step: true}}}
	return picture{
		Title: "Best so far", SVG: template.HTML(p.SVG()),
		About: "The " + r.objective.Metric + " of what was the best after so many evaluations: at the highest fidelity reached by then, " +
			"and by the mean where something was measured again.",
	}, true
}

// curves plots the learning curves of the best.
func (r *Report) curves() (picture, bool) {
	p := page.Plot{X: "training", Y: r.objective.Metric}
	if r.view.Units != "" {
		p.X = r.view.Units
	}
	pic := picture{Title: "Learning curves of the best"}
	for i := range r.best {
		c := &r.best[i]
		var ps []page.Point
		for _, q := range c.Curve {
			if y, ok := q.Metrics.Get(r.objective.Metric); ok {
				ps = append(ps, page.Point{X: q.Step, Y: y})
			}
		}
		if len(ps) > 1 {
			class := fmt.Sprintf("s%d", i)
			p.Series = append(p.Series, page.Series{Name: "candidate " + c.ID.String(), Class: class, Points: ps})
			pic.Legend = append(pic.Legend, legend{class, "candidate " + c.ID.String()})
		}
	}
	if len(p.Series) == 0 {
		return picture{}, false
	}
	pic.SVG = template.HTML(p.SVG())
	return pic, true
}

// windowSize is over how many candidates the population's spread is taken.
const windowSize = 50

// population plots every candidate in the order of its evaluation, with the
// median and the quartiles of the most recent ones.
func (r *Report) population() (picture, bool) {
	var ps []page.Point
	n := 0
	for c := range r.view.Candidates() {
		if c.Phase != engine.PhaseSearch {
			break
		}
		if c.Origin() == engine.Imported {
			continue
		}
		n++
		if y, ok := c.Metrics.Get(r.objective.Metric); ok && c.Status == engine.OK && !c.Stopped {
			ps = append(ps, page.Point{X: float64(n), Y: y, Text: "candidate " + c.ID.String() + ": " + show.Number(r.objective.Metric, y)})
		}
	}
	if len(ps) < 10 {
		return picture{}, false
	}
	var median, upper []page.Point
	var lower []float64
	every := max(1, len(ps)/400)
	for i := 4; i < len(ps); i += every {
		from := max(0, i+1-windowSize)
		ys := make([]float64, 0, windowSize)
		for _, q := range ps[from : i+1] {
			ys = append(ys, q.Y)
		}
		slices.Sort(ys)
		at := func(q float64) float64 { return ys[int(q*float64(len(ys)-1))] }
		median = append(median, page.Point{X: ps[i].X, Y: at(0.5)})
		upper = append(upper, page.Point{X: ps[i].X, Y: at(0.75)})
		lower = append(lower, at(0.25))
	}
	p := page.Plot{X: "evaluations", Y: r.objective.Metric, Series: []page.Series{
		{Name: "quartiles", Class: "band", Points: upper, Low: lower},
		{Name: "candidates", Class: "cloud", Points: thin(ps, mostDots), Dots: true},
		{Name: "median", Class: "s0", Points: median},
	}}
	return picture{
		Title: "The population over time",
		About: fmt.Sprintf("Every measured candidate; the line is the median of the newest %d, the band their middle half.", windowSize),
		SVG:   template.HTML(p.SVG()), Legend: []legend{{"s0", "median"}, {"band", "middle half"}, {"cloud", "candidates"}},
	}, true
}
