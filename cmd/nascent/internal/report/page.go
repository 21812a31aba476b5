package report

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
)

//go:embed page.html
var pageText string

var page = template.Must(template.New("page").Parse(pageText))

// picture is one plot of the page.
type picture struct {
	Title, About string
	SVG          template.HTML
	Legend       []legend
}

type legend struct{ Class, Name string }

// pageData is what page.html shows.
type pageData struct {
	Name, Headline string
	Cause          string
	Verdict        []string
	Head           []string
	Rows           [][]string
	Honesty        []string
	Pictures       []picture
	Best           []pageBest
	Took           []string
	Plan           [][2]string
	Version        string
}

type pageBest struct {
	Title, Values, Genome, Drawing string
}

// WritePage writes the report as one HTML file that loads nothing.
func (r *Report) WritePage(path string) error {
	var b bytes.Buffer
	if err := page.Execute(&b, r.page()); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "report.html.*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if _, err := f.Write(b.Bytes()); err != nil {
		f.Close()
		return err
	}
	if err := f.Chmod(0o644); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

func (r *Report) page() *pageData {
	s := r.status
	d := &pageData{
		Name: s.Name, Headline: r.headline(), Cause: s.Cause, Verdict: r.verdict(), Honesty: r.honesty(), Took: r.took(), Version: engine.Version,
		Head: []string{"network", "parameters", "multiply-adds", "in the search", "re-measured", "on test data"},
	}
	for i := range r.rows {
		x := &r.rows[i]
		search, name := "-", x.Name
		if x.Search != nil {
			search = r.value(*x.Search)
		}
		if x.Winner {
			name += " (winner)"
		}
		d.Rows = append(d.Rows, []string{name, count(x.Parameters), count(x.Macs), search, r.spread(x.Again), r.spread(x.Test)})
	}
	for _, p := range []func() (picture, bool){r.bestSoFar, r.sizesPlot, r.curves, r.population} {
		if p, ok := p(); ok {
			d.Pictures = append(d.Pictures, p)
		}
	}
	for i := range r.best {
		c := &r.best[i]
		b := pageBest{Title: "Candidate " + c.ID.String(), Values: show.Values(r.view, c.Metrics), Genome: c.Genome.Text()}
		if c.ID == r.outcome.Winner {
			b.Title += " (winner)"
		}
		if net := show.NetworkOf(c.Genome); net != nil {
			b.Drawing = net.String()
		}
		d.Best = append(d.Best, b)
	}
	p := r.view.Plan
	add := func(name, value string) { d.Plan = append(d.Plan, [2]string{name, value}) }
	add("strategy", show.StrategyText(r.view.Strategies))
	var goals []string
	for _, o := range p.Objectives {
		goals = append(goals, string(o.Goal)+" "+o.Metric)
	}
	add("objectives", strings.Join(goals, ", then "))
	for _, c := range p.Constraints {
		bound := c.Metric
		if c.Min != nil {
			bound += fmt.Sprintf(" at least %g", *c.Min)
		}
		if c.Max != nil {
			bound += fmt.Sprintf(" at most %g", *c.Max)
		}
		add("constraint", bound)
	}
	for i, f := range p.Fidelities {
		add(fmt.Sprintf("fidelity %d", i), fmt.Sprintf("%s, budget %g %s", f.Evaluator, f.Budget, r.view.Units))
	}
	add("limits", show.LimitsText(s.Limits))
	add("seed", fmt.Sprint(p.Seed))
	add("order", fmt.Sprintf("%s, window %d", p.Order, p.Window))
	add("size of the space", r.view.Space.Size().String())
	return d
}

func count(n int64) string {
	if n == 0 {
		return "-"
	}
	return show.Thousands(n)
}

// bestSoFar plots the best value against evaluations.
func (r *Report) bestSoFar() (picture, bool) {
	at, best := r.view.BestSoFar()
	if len(at) < 2 {
		return picture{}, false
	}
	var ps []point
	for i := range at {
		if i == 0 || i == len(at)-1 || best[i] != best[i-1] {
			ps = append(ps, point{x: float64(at[i]), y: best[i]})
		}
	}
	p := plot{x: "evaluations", y: r.objective.Metric, floor: math.NaN(), series: []series{{name: "best so far", class: "s0", points: ps, step: true}}}
	return picture{Title: "Best so far", About: "The best " + r.objective.Metric + " that any candidate had shown after so many evaluations, at any fidelity.", SVG: template.HTML(p.SVG())}, true
}

// sizesPlot plots the objective against what the networks cost.
func (r *Report) sizesPlot() (picture, bool) {
	if len(r.front) == 0 {
		return picture{}, false
	}
	text := func(m show.Mark) point {
		return point{m.X, m.Y, fmt.Sprintf("candidate %s: %s %s, %s %s", m.ID, r.objective.Metric, show.Number(r.objective.Metric, m.Y), r.sizes, show.Thousands(int64(m.X)))}
	}
	var all, front []point
	for _, m := range thin(r.all, 4000) {
		all = append(all, text(m))
	}
	for _, m := range r.front {
		front = append(front, text(m))
	}
	floor := math.NaN()
	if r.objective.Goal == engine.Maximize {
		floor = math.Min(quantile(r.all, 0.1), r.front[0].Y)
	}
	p := plot{x: r.sizes, y: r.objective.Metric, floor: floor, series: []series{
		{name: "candidates", class: "cloud", points: all, dots: true},
		{name: "front", class: "s1", points: front, step: true},
		{name: "front", class: "front", points: front, dots: true},
	}}
	return picture{
		Title: capital(r.objective.Metric) + " against " + r.sizes, About: "Every candidate of the highest fidelity. On the front, no smaller one is better.",
		SVG: template.HTML(p.SVG()), Legend: []legend{{"cloud", "candidates"}, {"s1", "front"}},
	}, true
}

// curves plots the learning curves of the best.
func (r *Report) curves() (picture, bool) {
	p := plot{x: "training", y: r.objective.Metric, floor: math.NaN()}
	if r.view.Units != "" {
		p.x = r.view.Units
	}
	pic := picture{Title: "Learning curves of the best"}
	for i := range r.best {
		c := &r.best[i]
		var ps []point
		for _, q := range c.Curve {
			if y, ok := q.Metrics.Get(r.objective.Metric); ok {
				ps = append(ps, point{x: q.Step, y: y})
			}
		}
		if len(ps) > 1 {
			class := fmt.Sprintf("s%d", i)
			p.series = append(p.series, series{name: "candidate " + c.ID.String(), class: class, points: ps})
			pic.Legend = append(pic.Legend, legend{class, "candidate " + c.ID.String()})
		}
	}
	if len(p.series) == 0 {
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
	var ps []point
	n := 0
	for c := range r.view.Candidates() {
		if c.Phase != engine.PhaseSearch {
			break
		}
		n++
		if y, ok := c.Metrics.Get(r.objective.Metric); ok && c.Status == engine.OK && !c.Stopped {
			ps = append(ps, point{float64(n), y, "candidate " + c.ID.String() + ": " + show.Number(r.objective.Metric, y)})
		}
	}
	if len(ps) < 10 {
		return picture{}, false
	}
	var median, upper []point
	var lower []float64
	every := max(1, len(ps)/400)
	for i := 4; i < len(ps); i += every {
		from := max(0, i+1-windowSize)
		ys := make([]float64, 0, windowSize)
		for _, q := range ps[from : i+1] {
			ys = append(ys, q.y)
		}
		slices.Sort(ys)
		at := func(q float64) float64 { return ys[int(q*float64(len(ys)-1))] }
		median = append(median, point{x: ps[i].x, y: at(0.5)})
		upper = append(upper, point{x: ps[i].x, y: at(0.75)})
		lower = append(lower, at(0.25))
	}
	p := plot{x: "evaluations", y: r.objective.Metric, floor: math.NaN(), series: []series{
		{name: "quartiles", class: "band", points: upper, low: lower},
		{name: "candidates", class: "cloud", points: thin(ps, 4000), dots: true},
		{name: "median", class: "s0", points: median},
	}}
	return picture{
		Title: "The population over time", About: fmt.Sprintf("Every measured candidate; the line is the median of the newest %d, the band their middle half.", windowSize),
		SVG: template.HTML(p.SVG()), Legend: []legend{{"s0", "median"}, {"band", "middle half"}, {"cloud", "candidates"}},
	}, true
}
