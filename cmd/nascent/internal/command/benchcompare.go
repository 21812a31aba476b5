package command

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/bench"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/page"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/report"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
)

// gather reads what the finished searches came to. trouble is why some did not finish.
func gather(c *contest) (b *bench.Bench, trouble, err error) {
	b = &bench.Bench{}
	if c.flags.changed("target") {
		b.Target = &c.flags.target
	}
	for _, by := range c.all {
		b.Strategies = append(b.Strategies, by.row)
	}
	for _, r := range c.runs {
		switch {
		case r.err != nil && exitStatus(r.err) == exitInput:
			r.by.row.Refused = oneLine(r.err)
			trouble = cmp.Or(trouble, wrongInput("%s cannot search this: %s", r.by.name, oneLine(r.err)))
		case r.err != nil:
			trouble = cmp.Or(trouble, fmt.Errorf("%s seed %d: %w", r.by.name, r.seed, r.err))
		case r.done:
			o, err := r.storage.outcome(c.flags.metric, c.flags.goal)
			if err != nil {
				return nil, nil, err
			}
			b.Add(r.by.row, r.seed, r.storage.dir(), o)
		}
	}
	b.Sum()
	return b, trouble, nil
}

// outcomeOf reads what a finished search came to.
// goal is which way the metric is better where nobody else says so.
func outcomeOf(v *show.View, metric string, goal engine.Goal) (*bench.Outcome, error) {
	first := v.Objective()
	o := &bench.Outcome{Search: v.Status().Name, Metric: first.Metric, Goal: first.Goal}
	if metric != "" && metric != o.Metric {
		known, wrong := direction(metric, &engine.Setup{
			Objectives: v.Plan.Ranking().Objectives, Reference: v.Plan.Reference, Metrics: v.Metrics,
		})
		if wrong != nil {
			return nil, ofFlag(wrong, metric)
		}
		o.Metric, o.Goal = metric, cmp.Or(known, goal, engine.Maximize)
	}
	o.Trace = bench.Follow(v.Candidates(), &v.Plan, bench.Measure{Metric: o.Metric, Goal: o.Goal})
	if t := report.Of(v).Test(); t.Winner != nil {
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

// keepBench writes bench.html and bench.json, if there is anything to be written.
func (a *app) keepBench(b *bench.Bench, f benchFlags) error {
	if !slices.ContainsFunc(b.Strategies, func(r *bench.Row) bool { return len(r.Runs) > 0 }) {
		return nil
	}
	text, err := json.MarshalIndent(b, "", "  ")
	if err == nil {
		err = os.MkdirAll(f.dir, 0o755) // where only others have searched
	}
	if err != nil {
		return err
	}
	if err := page.Write(filepath.Join(f.dir, "bench.json"), append(text, '\n')); err != nil {
		return err
	}
	head, rows := b.Table()
	return b.Page(filepath.Join(f.dir, "bench.html"), head, rows)
}

// tell prints the comparison and writes bench.html and bench.json.
func (a *app) tell(b *bench.Bench, f benchFlags) error {
	some := slices.ContainsFunc(b.Strategies, func(r *bench.Row) bool { return len(r.Runs) > 0 })
	if err := a.keepBench(b, f); err != nil {
		return err
	}
	head, rows := b.Table()
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
	for _, note := range b.Notes() {
		fmt.Fprintln(a.out, note)
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
