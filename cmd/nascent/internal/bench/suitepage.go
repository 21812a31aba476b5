package bench

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"math"
	"strconv"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/page"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
)

//go:embed suite.html
var suiteText string

var suiteLayout = page.Layout("suite", suiteText)

// Judged is what a problem's searches are judged by, in words.
func (p *Problem) Judged() string {
	switch p.By {
	case "best":
		return "best " + p.Metric
	case "test":
		return "test " + p.TestMetric
	case "evaluations", "seconds":
		return p.By + " to " + figure(*p.Target) + " of " + p.Metric
	}
	return p.By
}

// Title says what a problem is.
func (p *Problem) Title() string { return fmt.Sprintf("%s: %s (%s)", p.Name, p.Judged(), p.Goal) }

// figure writes a number so that what tells strategies apart can be seen.
func figure(x float64) string {
	switch size := math.Abs(x); {
	case x == 0:
		return "0"
	case size < 0.1 || size >= 1e6:
		return strconv.FormatFloat(x, 'g', 4, 64)
	case size < 1:
		return strconv.FormatFloat(x, 'f', 5, 64)
	case size < 100:
		return strconv.FormatFloat(x, 'f', 3, 64)
	}
	return strconv.FormatFloat(x, 'f', 1, 64)
}

func optional(x *float64, write func(float64) string) string {
	if x == nil {
		return "-"
	}
	return write(*x)
}

// chance writes a p value.
func chance(p float64) string {
	if p < 0.0001 {
		return "<0.0001"
	}
	return strconv.FormatFloat(p, 'f', 4, 64)
}

// Table is one problem's figures, a row for each strategy and each published figure.
func (p *Problem) Table(reference string) (head []string, rows [][]string) {
	head = []string{"strategy", "searches", "median", "quartiles", "mean"}
	if p.Optimum != nil {
		head = append(head, "regret")
	}
	head = append(head, "rank", "against "+reference, "p")
	if p.Target != nil {
		to := " to " + figure(*p.Target)
		head = append(head, "evaluations"+to, "seconds"+to, "searches"+to)
	}
	for i, x := range p.Scores {
		r := p.Strategies[i]
		row := []string{x.Strategy, fmt.Sprint(len(r.Runs))}
		if len(r.Runs) == 0 {
			for len(row) < len(head) {
				row = append(row, "-")
			}
			rows = append(rows, row)
			continue
		}
		mean := optional(x.Mean, figure)
		if x.Error != nil {
			mean += " ± " + strconv.FormatFloat(*x.Error, 'g', 2, 64)
		}
		row = append(row, optional(x.Median, figure), optional(x.Lower, figure)+" to "+optional(x.Upper, figure), mean)
		if p.Optimum != nil {
			row = append(row, optional(x.Regret, func(r float64) string { return strconv.FormatFloat(r, 'g', 3, 64) }))
		}
		against := "-"
		if x.P != nil {
			against = fmt.Sprintf("%d better, %d worse", x.Better, x.Worse)
		}
		row = append(row, strconv.FormatFloat(x.Rank, 'f', 2, 64), against, optional(x.P, chance))
		if c := r.Reached; c != nil {
			row = append(row, bound(c.Evaluations, half(c.Evaluations.Median)), bound(c.Seconds, show.Seconds(c.Seconds.Median)),
				fmt.Sprintf("%d of %d", c.Runs, len(r.Runs)))
		} else if p.Target != nil {
			row = append(row, "-", "-", "-")
		}
		rows = append(rows, row)
	}
	for _, f := range p.Published {
		row := []string{f.Name + ", published", "", "", "", figure(f.Value)}
		for len(row) < len(head) {
			row = append(row, "")
		}
		rows = append(rows, row)
	}
	return head, rows
}

// Notes say what to know of these figures.
func (p *Problem) Notes() []string {
	out := p.Bench.Notes()
	if p.Optimum == nil {
		return out
	}
	n, most := 0, *p.Optimum
	for _, x := range p.Scores {
		for _, y := range x.values {
			if p.gain(engine.Key(y), engine.Key(*p.Optimum)) > 0 {
				n++
				if p.gain(y, most) > 0 {
					most = y
				}
			}
		}
	}
	if n > 0 {
		out = append(out, fmt.Sprintf("Beyond the optimum %s came %s, the furthest to %s: it is not the optimum, or noise helped.",
			figure(*p.Optimum), plural(n, "search", "searches"), figure(most)))
	}
	return out
}

// Table is how the strategies stand over all problems.
func (s *Suite) Table() (head []string, rows [][]string) {
	head = []string{"strategy", "mean rank", "wins", "better than " + s.Reference, "worse"}
	ratios := false
	for _, x := range s.Overall {
		ratios = ratios || x.Ratio != nil
	}
	if ratios {
		head = append(head, "regret / "+s.Reference)
	}
	for _, x := range s.Overall {
		of := func(n int) string { return fmt.Sprintf("%d of %d", n, x.Problems) }
		if x.Problems == 0 {
			row := []string{x.Strategy}
			for len(row) < len(head) {
				row = append(row, "-")
			}
			rows = append(rows, row)
			continue
		}
		row := []string{x.Strategy, strconv.FormatFloat(x.Rank, 'f', 2, 64), of(x.Wins)}
		if x.Strategy == s.Reference {
			row = append(row, "-", "-")
		} else {
			row = append(row, of(x.Better), of(x.Worse))
		}
		if ratios {
			row = append(row, optional(x.Ratio, func(r float64) string { return strconv.FormatFloat(r, 'g', 3, 64) }))
		}
		rows = append(rows, row)
	}
	return head, rows
}

// About says how the figures came about.
func (s *Suite) About() string {
	return fmt.Sprintf("Means with their standard errors. Ranks are among the strategies with the same "+
		"seed; a win is a mean that no other beats. "+
		"p: Wilcoxon's signed ranks against %s over the seeds, two-sided, corrected by Holm over all "+
		"comparisons here; better and worse count below %g.",
		s.Reference, significant)
}

// Headline says what is compared.
func (s *Suite) Headline() string {
	n := 0
	for _, p := range s.Problems {
		for _, r := range p.Strategies {
			n += len(r.Runs)
		}
	}
	return fmt.Sprintf("%s, %s, %s", show.Plural(len(s.Problems), "problem"), plural(len(s.Overall), "strategy", "strategies"),
		plural(n, "search", "searches"))
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return show.Thousands(int64(n)) + " " + many
}

type suiteData struct {
	page.Frame
	About    string
	Legend   []legend
	Head     []string
	Rows     [][]string
	Problems []problemData
}

type problemData struct {
	Title   string
	Head    []string
	Rows    [][]string
	Plots   []picture
	Best    map[int]bool // rows that no mean beats
	Notes   []string
	Refused [][2]string
}

// regrets is a plot of how far the best is from the optimum.
func (p *Problem) regrets(plot page.Plot) page.Plot {
	far := func(y float64) float64 {
		y = max(0, p.gain(*p.Optimum, y)) // beyond it there is no place on the axis
		if p.Relative {
			y /= math.Abs(*p.Optimum)
		}
		return y
	}
	for i := range plot.Series {
		s := &plot.Series[i]
		for k := range s.Points {
			s.Points[k].Y = far(s.Points[k].Y)
		}
		for k := range s.Low {
			s.Low[k] = far(s.Low[k])
		}
	}
	plot.Y, plot.Height, plot.Log = "regret", nil, true
	return plot
}

// framed is the frame of a page that compares strategies.
func framed(name, headline string) page.Frame {
	title := name + ": strategies compared"
	return page.Frame{Title: title + " by Nascent", Name: title, Headline: headline, Version: engine.Version}
}

// Page writes the suite as one HTML file that loads nothing.
func (s *Suite) Page(path string) error {
	d := suiteData{Frame: framed(s.Name, s.Headline()), About: s.About()}
	colour := map[string]int{} // the same for a strategy everywhere
	for i, x := range s.Overall {
		colour[x.Strategy] = i
		d.Legend = append(d.Legend, legend{fmt.Sprintf("s%d", i%page.Colours), x.Strategy})
	}
	if len(s.Problems) > 1 {
		d.Head, d.Rows = s.Table()
	}
	for _, p := range s.Problems {
		x := problemData{Title: p.Title(), Best: map[int]bool{}, Notes: p.Notes()}
		x.Head, x.Rows = p.Table(s.Reference)
		for i, score := range p.Scores {
			best := score.Mean != nil
			for _, other := range p.Scores {
				best = best && (other.Mean == nil || p.gain(engine.Key(*other.Mean), engine.Key(*score.Mean)) <= 0)
			}
			x.Best[i] = best
		}
		for _, r := range p.Strategies {
			if r.Refused != "" {
				x.Refused = append(x.Refused, [2]string{r.Name, r.Refused})
			}
		}
		for _, axis := range []Axis{Evaluations, Seconds} {
			plot := p.plot(axis, func(r *Row) int { return colour[r.Name] })
			title := "Best so far against "
			if p.Optimum != nil && p.By == "best" {
				plot, title = p.regrets(plot), "Regret against "
			}
			if svg := plot.SVG(); svg != "" {
				x.Plots = append(x.Plots, picture{title + axis.String(), template.HTML(svg)})
			}
		}
		d.Problems = append(d.Problems, x)
	}
	var out bytes.Buffer
	if err := suiteLayout.Execute(&out, d); err != nil {
		return err
	}
	return page.Write(path, out.Bytes())
}
