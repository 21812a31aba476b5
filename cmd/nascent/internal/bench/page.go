package bench

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"math"
	"slices"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/page"
	"github.com/nascent-nas/nascent/engine"
)

//go:embed page.html
var pageText string

var layout = page.Layout("bench", pageText)

type pageData struct {
	page.Frame
	Head     []string
	Rows     [][]string
	Refused  [][2]string
	Legend   []legend
	Pictures []picture
	About    []string
}

type legend struct{ Class, Name string }

type picture struct {
	Title string
	SVG   template.HTML
}

// Page writes the comparison as one HTML file that loads nothing. head and rows
// are the table of the figures.
func (b *Bench) Page(path string, head []string, rows [][]string) error {
	d := &pageData{Frame: framed(b.Search, b.Headline()), Head: head, Rows: rows, About: slices.Concat(b.Notes(), b.About())}
	for i, r := range b.Strategies {
		if r.Refused != "" {
			d.Refused = append(d.Refused, [2]string{r.Name, r.Refused})
		}
		if len(r.Runs) > 0 {
			d.Legend = append(d.Legend, legend{fmt.Sprintf("s%d", i%page.Colours), r.Name})
		}
	}
	for _, axis := range []Axis{Evaluations, Seconds} {
		p := b.plot(axis, func(r *Row) int { return slices.Index(b.Strategies, r) })
		if svg := p.SVG(); svg != "" {
			d.Pictures = append(d.Pictures, picture{"Best so far against " + axis.String(), template.HTML(svg)})
		}
	}
	var out bytes.Buffer
	if err := layout.Execute(&out, d); err != nil {
		return err
	}
	return page.Write(path, out.Bytes())
}

// Headline says what is compared.
func (b *Bench) Headline() string {
	n := 0
	for _, r := range b.Strategies {
		n += len(r.Runs)
	}
	return fmt.Sprintf("%d strategies, %d finished searches, by %s (%s)", len(b.Strategies), n, b.Metric, b.Goal)
}

// Notes say what to know of these figures.
func (b *Bench) Notes() (out []string) {
	n, most := 0, 0.0
	again, all := 0, 0
	for _, r := range b.Strategies {
		for _, x := range r.Runs {
			if all++; x.Trace.Again {
				again++
			}
			if x.Error > 0 {
				n, most = n+1, max(most, x.Error)
			}
		}
	}
	switch {
	case n == 1:
		out = append(out, fmt.Sprintf("One hypervolume is an estimate, with a standard error of %.2g.", most))
	case n > 1:
		out = append(out, fmt.Sprintf("%d of the hypervolumes are estimates, with standard errors of at most %.2g.", n, most))
	}
	if again > 0 && again < all {
		out = append(out, fmt.Sprintf("The best of %d of %d searches is a mean over several "+
			"measurements, that of the others one measurement, "+
			"of which luck is a part: compare these by what the winners' tests came to.", again, all))
	}
	return out
}

// About says how the figures came about.
func (b *Bench) About() []string {
	about := []string{
		"The line is the median over a strategy's seeds, the band the middle half. What is spent counts every job of the search, " +
			"those that train shared weights too; what the final re-measurements and tests took is not counted.",
		"The best is taken over trained candidates at the highest fidelity. " +
			"A search that has none yet counts as the worst, so a line begins where half of the searches have one.",
	}
	if b.Target != nil {
		about = append(about, fmt.Sprintf(
			"The cost to reach %g is the median over the seeds; > stands before it where too few searches came so far.", *b.Target))
	}
	return about
}

// plot draws the strategies' curves against one cost, in the colours of their numbers.
func (b *Bench) plot(axis Axis, number func(*Row) int) page.Plot {
	p := page.Plot{X: axis.String(), Y: b.Metric}
	floor, ceiling := math.Inf(1), math.Inf(-1)
	var bands, lines []page.Series
	for _, r := range b.Strategies {
		i := number(r)
		c := r.Against[axis.String()]
		band := page.Series{Name: r.Name, Class: fmt.Sprintf("b%d", i%page.Colours)}
		line := page.Series{Name: r.Name, Class: fmt.Sprintf("s%d", i%page.Colours), Step: true}
		for k, at := range c.At {
			if c.Median[k] != nil {
				line.Points = append(line.Points, page.Point{X: at, Y: *c.Median[k]})
			}
			if c.Lower[k] != nil && c.Upper[k] != nil {
				band.Points = append(band.Points, page.Point{X: at, Y: *c.Upper[k]})
				band.Low = append(band.Low, *c.Lower[k])
				// What the first few evaluations brought would flatten all that follows.
				if at >= c.At[len(c.At)-1]/20 {
					floor, ceiling = math.Min(floor, *c.Lower[k]), math.Max(ceiling, *c.Upper[k])
				}
			}
		}
		if len(band.Points) > 0 {
			bands = append(bands, band)
		}
		if len(line.Points) > 0 {
			lines = append(lines, line)
		}
	}
	switch {
	case math.IsInf(floor, 1):
	case b.Goal == engine.Minimize:
		p.Height = &page.Range{Lo: math.Inf(-1), Hi: ceiling}
	default:
		p.Height = &page.Range{Lo: floor, Hi: math.Inf(1)}
	}
	p.Series = append(bands, lines...)
	return p
}
