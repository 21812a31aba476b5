package command

import (
	"cmp"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/bench"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/page"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/report"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
)

// compare reads the finished searches and tells what they came to.
func (a *app) compare(all []*contender, runs []*benchRun, f benchFlags) error {
	b := &bench.Bench{}
	if f.changed("target") {
		b.Target = &f.target
	}
	for _, c := range all {
		b.Strategies = append(b.Strategies, c.row)
	}
	var trouble []error
	for _, r := range runs {
		switch {
		case r.err != nil && exitStatus(r.err) == exitInput:
			r.by.row.Refused = oneLine(r.err)
			trouble = append(trouble, wrongInput("%s cannot search this: %s", r.by.name, oneLine(r.err)))
		case r.err != nil:
			trouble = append(trouble, fmt.Errorf("%s seed %d: %w", r.by.name, r.seed, r.err))
		case r.done:
			o, err := r.home.outcome(f.metric)
			if err != nil {
				return err
			}
			b.Add(r.by.row, r.seed, r.home.dir(), o)
		}
	}
	b.Sum()
	if err := a.tell(b, f); err != nil {
		return err
	}
	if len(trouble) > 0 {
		return trouble[0]
	}
	return nil
}

// outcomeOf reads what a finished search came to.
func outcomeOf(v *show.View, metric string) (o *bench.Outcome, err error) {
	first := v.Objective()
	o = &bench.Outcome{Search: v.Status().Name, Metric: first.Metric, Goal: first.Goal}
	if metric != "" && metric != o.Metric {
		if o.Metric, o.Goal, err = measure(v, metric); err != nil {
			return nil, err
		}
	}
	o.Trace = bench.Follow(v.Candidates(), &v.Plan, bench.Measure{Metric: o.Metric, Goal: o.Goal})
	if t, err := report.Of(v).Test(); err == nil {
		for _, v := range t.Winner.Report {
			if o.Report == nil {
				o.Report = map[string]float64{}
			}
			o.Report[v.Name] = v.Value
		}
		if x := t.Winner.Accuracy; x != nil {
			o.Test, o.TestMetric = &x.Mean, t.Metric
		}
	}
	return o, nil
}

// measure finds the direction of a metric.
func measure(v *show.View, metric string) (string, engine.Goal, error) {
	for _, o := range v.Plan.Objectives {
		if o.Metric == metric {
			return metric, o.Goal, nil
		}
	}
	var names []string
	for _, m := range v.Metrics {
		if m.Name == metric {
			return metric, cmp.Or(m.Goal, engine.Maximize), nil
		}
		names = append(names, m.Name)
	}
	return "", "", wrongInput("--metric %s: the evaluators measure no such thing; they measure %s", metric, strings.Join(names, ", "))
}

// tell prints the comparison and writes bench.html and bench.json.
func (a *app) tell(b *bench.Bench, f benchFlags) error {
	some := slices.ContainsFunc(b.Strategies, func(r *bench.Row) bool { return len(r.Runs) > 0 })
	head, rows := b.Table()
	if some {
		text, err := json.MarshalIndent(b, "", "  ")
		if err != nil {
			return err
		}
		if err := page.Write(filepath.Join(f.dir, "bench.json"), append(text, '\n')); err != nil {
			return err
		}
		if err := b.Page(filepath.Join(f.dir, "bench.html"), head, rows); err != nil {
			return err
		}
	}
	if f.json {
		return a.writeJSON(b)
	}
	t := show.Table{Head: head, Rows: rows, Right: make([]bool, len(head))}
	for i := range head {
		t.Right[i] = i > 0
	}
	if err := t.Write(a.out); err != nil {
		return err
	}
	for _, r := range b.Strategies {
		if r.Refused != "" {
			fmt.Fprintf(a.out, "%s cannot search this: %s\n", r.Name, r.Refused)
		}
	}
	if !some {
		return nil
	}
	dir := shortest(f.dir)
	each := "Searches over tables are not kept; --keep keeps them"
	for _, r := range b.Strategies {
		if slices.ContainsFunc(r.Runs, func(x bench.Run) bool { return x.Dir != "" }) {
			each = "Each search: " + show.Program() + " status " + quote(filepath.Join(dir, "STRATEGY-SEED"))
		}
	}
	_, err := fmt.Fprintf(a.out, "Median and quartiles over the seeds. With plots: %s\n%s\n", filepath.Join(dir, "bench.html"), each)
	return err
}
