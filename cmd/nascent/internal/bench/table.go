package bench

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
)

// Table is the figures as people read them, a row for each strategy. Best, costs
// and what was spent are medians, with quartiles in brackets.
func (b *Bench) Table() (head []string, rows [][]string) {
	head = []string{"strategy", "seeds", "evaluations", "evaluator seconds", "best " + b.Metric}
	tests := false
	var reports []string
	for _, r := range b.Strategies {
		tests = tests || r.Test != nil
		for name := range r.Report {
			if !slices.Contains(reports, name) {
				reports = append(reports, name)
			}
		}
	}
	slices.Sort(reports)
	if tests {
		head = append(head, "test "+b.TestMetric)
	}
	head = append(head, reports...)
	if b.Target != nil {
		to := fmt.Sprintf("to %g", *b.Target)
		head = append(head, "seconds "+to, "evaluations "+to, "seeds "+to)
	}
	number := func(x *float64) string {
		if x == nil {
			return "none"
		}
		return show.Number(b.Metric, *x)
	}
	for _, r := range b.Strategies {
		n := len(r.Runs)
		row := []string{r.Name, fmt.Sprint(n)}
		if len(r.followed()) == 0 {
			for len(row) < len(head) {
				row = append(row, "-")
			}
			rows = append(rows, row)
			continue
		}
		row = append(row, half(*r.Evaluations.Median), show.Seconds(*r.Seconds.Median),
			fmt.Sprintf("%s [%s, %s]", number(r.Best.Median), number(r.Best.Lower), number(r.Best.Upper)))
		switch {
		case tests && r.Test != nil:
			row = append(row, fmt.Sprintf("%s ± %s", show.Decimal(r.Test.Mean), show.Decimal(r.Test.SD)))
		case tests:
			row = append(row, "-")
		}
		for _, name := range reports {
			cell := "-"
			if m := r.Report[name]; m != nil {
				cell = show.Spread(name, m.Mean, m.SD)
			}
			row = append(row, cell)
		}
		if c := r.Reached; c != nil {
			row = append(row, bound(c.Seconds, show.Seconds(c.Seconds.Median)),
				bound(c.Evaluations, half(c.Evaluations.Median)), fmt.Sprintf("%d of %d", c.Runs, n))
		}
		rows = append(rows, row)
	}
	return head, rows
}

// bound writes a median, or what it is larger than.
func bound(x Bounded, text string) string {
	if x.More {
		return ">" + text
	}
	return text
}

// half writes a median of whole numbers: 120, 7.5.
func half(x float64) string {
	if x == math.Trunc(x) && x < 1e15 {
		return show.Thousands(int64(x))
	}
	return strconv.FormatFloat(x, 'f', 1, 64)
}
