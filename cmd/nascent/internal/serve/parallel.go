package serve

import (
	"cmp"
	"math"
	"net/url"
	"slices"
	"strings"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/importance"
	"github.com/nascent-nas/nascent/engine"
)

const (
	mostAxes  = 10
	bins      = 24
	mostDrawn = 120
)

// parallel are parallel coordinates: how many candidates go from where to where between
// each two axes, and the best as lines of their own. Who lacks a column is on the other axes
// alone.
type parallel struct {
	Axes  []axis         `json:"axes"`
	Bins  int            `json:"bins"`
	N     int            `json:"n"`
	Links [][][3]int     `json:"links"` // between axis i and the next: from, to, how many
	Lines []parallelLine `json:"lines"` // the best
}

type parallelLine struct {
	ID     engine.ID `json:"id"`
	At     []number  `json:"at"` // where it crosses each axis: 0 below, 1 above; null where it does not
	Values []number  `json:"values"`
}

// parallel answers /parallel[?columns=][&where=].
func (s *search) parallel(q url.Values) (any, error) {
	rows, err := s.where(q.Get("where"), s.full(true))
	if err != nil {
		return nil, err
	}
	names := slices.DeleteFunc(strings.Split(q.Get("columns"), ","), func(c string) bool { return c == "" })
	if len(names) == 0 {
		names = s.telling(rows)
	}
	names = names[:min(len(names), mostAxes)]
	columns, err := s.filled(names...)
	if err != nil {
		return nil, err
	}
	has := func(i, row int) bool { return !math.IsNaN(columns[i].values[row]) }
	rows = slices.DeleteFunc(rows, func(row int) bool {
		for i := range len(columns) - 1 {
			if has(i, row) && has(i+1, row) {
				return false
			}
		}
		return true
	})
	out := &parallel{Axes: []axis{}, Bins: bins, N: len(rows), Links: [][][3]int{}, Lines: []parallelLine{}}
	for _, c := range columns {
		a := s.axis(c, rows, "")
		out.Axes = append(out.Axes, a)
	}
	bin := func(i, row int) int {
		if n := len(out.Axes[i].Labels); n > 0 {
			return int((out.Axes[i].at(columns[i].values[row])) * float64(n) * bins / float64(n))
		}
		return max(0, min(bins-1, int(out.Axes[i].at(columns[i].values[row])*bins)))
	}
	for i := range len(columns) - 1 {
		counts := [bins][bins]int{}
		for _, row := range rows {
			if !has(i, row) || !has(i+1, row) {
				continue
			}
			counts[min(bins-1, bin(i, row))][min(bins-1, bin(i+1, row))]++
		}
		links := [][3]int{}
		for a := range counts {
			for b, n := range counts[a] {
				if n > 0 {
					links = append(links, [3]int{a, b, n})
				}
			}
		}
		slices.SortFunc(links, func(a, b [3]int) int {
			return cmp.Or(cmp.Compare(a[2], b[2]), cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1]))
		})
		if i < len(out.Axes)-1 && len(links) > 300 { // the thinnest are not to be seen
			links = links[len(links)-300:]
		}
		out.Links = append(out.Links, links)
	}
	for _, row := range s.best(rows, mostDrawn) {
		l := parallelLine{ID: s.rows.IDs[row]}
		for i, c := range columns {
			at := math.NaN()
			if has(i, row) {
				at = math.Round(1000*max(0, min(1, out.Axes[i].at(c.values[row])))) / 1000
			}
			l.At = append(l.At, number(at))
			l.Values = append(l.Values, number(c.values[row]))
		}
		out.Lines = append(out.Lines, l)
	}
	return out, nil
}

// across are the objectives as columns, where they are too many for pictures of two at a
// time to tell of the front; else "".
func (s *search) across() string {
	var names []string
	for _, o := range s.archive.Plan.Objectives {
		names = append(names, "metric:"+o.Metric)
	}
	if len(names) < 4 {
		return ""
	}
	return strings.Join(names[:min(len(names), mostAxes)], ",")
}

// telling are columns worth to be looked at together: the genes that matter most, then the
// objectives.
func (s *search) telling(rows []int) (names []string) {
	o := s.view.Objective()
	if study, err := importance.Among(s.rows, o, rows, 0.1, &importance.Population{}); err == nil {
		for _, g := range study.Genes {
			if name := "gene:" + g.Gene; len(names) < 6 && g.Active > 0.5 && s.rows.Known(name) == nil {
				names = append(names, name)
			}
		}
	} else {
		for _, g := range plain(s.rows.Names("gene"))[:min(6, len(s.rows.Genes()))] {
			names = append(names, g)
		}
	}
	for _, o := range s.archive.Plan.Objectives[:min(4, len(s.archive.Plan.Objectives))] {
		names = append(names, "metric:"+o.Metric)
	}
	return names
}

// best are the best rows by the objective, or those of the front.
func (s *search) best(rows []int, most int) (out []int) {
	if len(s.archive.Plan.Objectives) > 1 {
		among := make([]bool, s.rows.Len())
		for _, row := range rows {
			among[row] = true
		}
		for _, b := range s.state.Front {
			if row, ok := s.rows.Find(b.ID); ok && among[row] && len(out) < most {
				out = append(out, row)
			}
		}
		return out
	}
	o := s.view.Objective()
	values := s.rows.Metric(o.Metric)
	if values == nil {
		return nil
	}
	sorted := slices.Clone(rows)
	sorted = slices.DeleteFunc(sorted, func(row int) bool { return math.IsNaN(values[row]) })
	slices.SortStableFunc(sorted, func(a, b int) int {
		if o.Goal == engine.Minimize {
			return cmp.Compare(values[a], values[b])
		}
		return cmp.Compare(values[b], values[a])
	})
	return sorted[:min(len(sorted), most)]
}
