package serve

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/expression"
)

// evaluation is the column of the place in the order of evaluations: 1, 2, ...
const evaluation = "evaluation"

// maxLabels is how many texts of a column are told apart; the others are one.
const maxLabels = 40

// column is something that candidates have, as numbers: NaN where one has none. Texts
// and truths are numbered.
type column struct {
	name   string
	values []float64
	labels []string // of the numbers 0, 1, ... of texts
	known  map[string]int
	read   expression.Column
	many   bool // some row has several values
}

// filled are columns by their names, up to the last row. An error names one that does
// not exist.
func (s *search) filled(names ...string) ([]*column, error) {
	out := make([]*column, len(names))
	for i, name := range names {
		c, ok := s.columns[name]
		if !ok {
			if c = (&column{name: name}); name != evaluation {
				if err := s.rows.Known(name); err != nil {
					return nil, err
				}
				form, bare := show.SplitColumn(name)
				c.read, _, _ = s.rows.Column(form, bare)
			}
			if s.columns == nil {
				s.columns = map[string]*column{}
			}
			s.columns[name] = c
		}
		out[i] = c
	}
	var buf []expression.Value
	from := s.rows.Len()
	for _, c := range out {
		from = min(from, len(c.values))
	}
	at := 0
	if from < s.rows.Len() && slices.Contains(names, evaluation) {
		at = s.evaluationsBefore(from)
	}
	for row := from; row < s.rows.Len(); row++ { // row by row: a genome is taken apart once
		evaluated := s.evaluated(row)
		if evaluated {
			at++
		}
		for _, c := range out {
			switch {
			case len(c.values) > row:
			case c.name != evaluation:
				buf = c.read.At(row, buf[:0])
				c.values = append(c.values, c.number(buf))
			case evaluated:
				c.values = append(c.values, float64(at))
			default:
				c.values = append(c.values, math.NaN())
			}
		}
	}
	return out, nil
}

// evaluated tells whether a row is one of the search's evaluations.
func (s *search) evaluated(row int) bool {
	job := engine.Job{Operator: s.rows.Operator.At(row)}
	return s.rows.Phase.At(row) == string(engine.PhaseSearch) && job.Origin() != engine.Imported
}

func (s *search) evaluationsBefore(row int) (n int) {
	if c := s.columns[evaluation]; c != nil && len(c.values) >= row {
		for i := row - 1; i >= 0; i-- {
			if x := c.values[i]; !math.IsNaN(x) {
				return int(x)
			}
		}
		return 0
	}
	for i := range row {
		if s.evaluated(i) {
			n++
		}
	}
	return n
}

// number is what stands for the values of one row: of several numbers the mean, of
// several texts the first.
func (c *column) number(values []expression.Value) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	c.many = c.many || len(values) > 1
	switch v := values[0]; v.Kind {
	case expression.Text:
		return c.label(v.Text)
	case expression.Truth:
		return c.label(map[bool]string{false: "no", true: "yes"}[v.Number != 0])
	}
	sum, n := 0.0, 0
	for _, v := range values {
		if v.Kind == expression.Number {
			sum, n = sum+v.Number, n+1
		}
	}
	return sum / float64(n)
}

func (c *column) label(text string) float64 {
	code, ok := c.known[text]
	if !ok {
		if c.known == nil {
			c.known = map[string]int{}
		}
		if code = len(c.labels); code >= maxLabels {
			code, text = maxLabels, "others"
		}
		if len(c.labels) <= maxLabels {
			c.labels = append(c.labels, clip(text, 60))
		}
		c.known[text] = code
	}
	return float64(code)
}

// axis is one side of a picture.
type axis struct {
	Name   string      `json:"name"`
	Title  string      `json:"title"` // with unit and direction
	Lo     number      `json:"lo"`
	Hi     number      `json:"hi"`
	Log    bool        `json:"log,omitempty"`
	Labels []string    `json:"labels,omitempty"`
	Goal   engine.Goal `json:"goal,omitempty"`
	Mean   bool        `json:"mean,omitempty"` // of several values
}

// goal is which direction of a column is better, if any.
func (s *search) goal(name string) (o engine.Objective) {
	form, bare := show.SplitColumn(name)
	if form == "gene" || form == "" && slices.Contains(show.Fields, bare) {
		return o
	}
	plan := &s.archive.Plan
	for _, x := range slices.Concat(plan.Objectives, plan.Ties) {
		if x.Metric == bare {
			return x
		}
	}
	for _, m := range s.archive.Metrics() {
		if m.Name == bare {
			o.Goal = m.Goal
		}
	}
	if o.Goal == "" && (bare == "parameters" || bare == "macs") && s.rows.HasMetric(bare) {
		o.Goal = engine.Minimize
	}
	return o
}

// axis spans the values of a column in some rows. The worst tenth of what has a better end
// is left out where it would squeeze the rest.
func (s *search) axis(c *column, rows []int, log string) axis {
	o := s.goal(c.name)
	a := axis{Name: c.name, Title: s.title(c.name), Labels: c.labels, Goal: o.Goal, Mean: c.many && c.labels == nil}
	if c.labels != nil {
		if c.many {
			a.Title = "first of " + a.Title
		}
		a.Lo, a.Hi = -0.5, number(float64(len(c.labels))-0.5)
		return a
	}
	values := make([]float64, 0, len(rows))
	for _, row := range rows {
		if x := c.values[row]; !math.IsNaN(x) {
			values = append(values, x)
		}
	}
	if len(values) == 0 {
		a.Lo, a.Hi = 0, 1
		return a
	}
	slices.Sort(values)
	lo, hi := values[0], values[len(values)-1]
	if n := len(values); n >= 20 {
		switch tenth := (n - 1) / 10; {
		case o.Goal == engine.Minimize && hi-values[n-1-tenth] > 0.5*(hi-lo):
			hi = values[n-1-tenth]
		case o.Goal == engine.Maximize && values[tenth]-lo > 0.5*(hi-lo):
			lo = values[tenth]
		}
	}
	switch {
	case log == "1":
		a.Log = hi > 0
	case log == "0":
	default:
		a.Log = lo > 0 && (o.Scale == engine.LogScale || hi/lo >= 100 && o.Goal != engine.Maximize && c.name != evaluation)
	}
	if a.Log && lo <= 0 {
		if i, _ := slices.BinarySearch(values, math.SmallestNonzeroFloat64); i < len(values) {
			lo = values[i]
		}
	}
	if lo == hi {
		switch pad := math.Abs(lo) * 0.05; {
		case a.Log:
			lo, hi = lo/1.05, hi*1.05
		case pad == 0:
			lo, hi = -1, 1
		default:
			lo, hi = lo-pad, hi+pad
		}
	}
	a.Lo, a.Hi = number(lo), number(hi)
	return a
}

// hold has the axis span a value as well.
func (a *axis) hold(x float64) { a.Lo, a.Hi = min(a.Lo, number(x)), max(a.Hi, number(x)) }

// at is where a value lies on the axis, from 0 to 1 where it is within.
func (a *axis) at(x float64) float64 {
	lo, hi := float64(a.Lo), float64(a.Hi)
	if a.Log {
		if x <= 0 {
			return -1
		}
		x, lo, hi = math.Log(x), math.Log(lo), math.Log(hi)
	}
	return show.Part(x, lo, hi)
}

// title is what is written at an axis.
func (s *search) title(name string) string {
	form, bare := show.SplitColumn(name)
	unit := ""
	for _, m := range s.archive.Metrics() {
		if m.Name == bare && form != "gene" {
			unit = m.Unit
		}
	}
	switch {
	case unit != "":
		return fmt.Sprintf("%s (%s)", bare, unit)
	case bare == "seconds" || bare == "lost":
		return bare + " (s)"
	}
	return bare
}

// full are the rows that may be compared: measured in full at the highest fidelity that
// was reached, within the constraints.
func (s *search) full(keep bool) (rows []int) {
	top := 0
	fits := func(row int) bool {
		return s.evaluated(row) && s.rows.Status.At(row) == string(engine.OK) && !s.rows.Stopped[row] && s.rows.Task.At(row) == string(engine.Train)
	}
	for row := range s.rows.Len() {
		if fits(row) {
			top = max(top, s.rows.Fidelity[row])
		}
	}
	ranking := s.archive.Plan.Ranking()
	bounds := len(ranking.Constraints) > 0 && keep
	for row := range s.rows.Len() {
		if !fits(row) || s.rows.Fidelity[row] != top {
			continue
		}
		if bounds {
			c := s.rows.Index.Candidate(row)
			if ranking.Violation(c.Metrics) > 0 {
				continue
			}
		}
		rows = append(rows, row)
	}
	return rows
}

// where are the rows of which conditions hold; all of them where text is empty.
func (s *search) where(text string, rows []int) ([]int, error) {
	if strings.TrimSpace(text) == "" {
		return rows, nil
	}
	c, err := expression.ParseCondition(text)
	if err != nil {
		return nil, err
	}
	holds, err := c.Bind(s.rows)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(rows), func(row int) bool { return !holds(row) }), nil
}
