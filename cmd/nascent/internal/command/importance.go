package command

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/importance"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/expression"
)

func (a *app) importanceCommand() *cobra.Command {
	var asJSON bool
	var metrics, conditions []string
	var share float64
	cmd := &cobra.Command{
		Use:   "importance [DIR]",
		Short: "Say which genes the objectives depend on",
		Long: `Says how much each gene matters to the objectives of the search in DIR: how
differently its values are distributed among the best tenth of all candidates than
among all of them (PED-ANOVA, Watanabe, Bansal & Hutter 2023). Genes of a list are taken
together, conditional ones are judged among the candidates that have them and count by
the share of the best that do. Importances of all genes are 1 together. What stands out
from chance is said, by drawing the best at random.`,
		Example: `  nascent importance mnist1d
  nascent importance mnist1d --metric parameters --top 0.05
  nascent importance mnist1d --where 'accuracy > 0.9'
  nascent importance mnist1d --json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !(share > 0 && share < 1) {
				return wrongInput("--top: %v is no share of the candidates; use one between 0 and 1, such as 0.1", share)
			}
			var where []*expression.Condition
			for _, text := range conditions {
				c, err := expression.ParseCondition(text)
				if err != nil {
					return wrongInput("--where %s: %v", text, err)
				}
				where = append(where, c)
			}
			return a.rows(cmd.Context(), directory(args), nil, a.out, func(r *show.Rows) error {
				goals, err := goalsOf(r, metrics)
				if err != nil {
					return err
				}
				found, _, err := r.Select(show.Selection{Where: where})
				if err != nil {
					return wrongInput("--where: %v", err)
				}
				var all []importance.Study
				var of importance.Population
				for _, o := range goals {
					s, err := importance.Among(r, o, found, share, &of)
					if err != nil {
						return err
					}
					of.Weigh(&s)
					all = append(all, s)
				}
				if asJSON {
					return a.writeJSON(map[string]any{"metrics": all})
				}
				return a.writeImportance(all, share)
			})
		},
	}
	f := cmd.Flags()
	f.BoolVar(&asJSON, "json", false, "print one JSON object")
	f.StringSliceVar(&metrics, "metric", nil, "importance for these metrics (default: the objectives); -METRIC where less is better")
	f.StringArrayVar(&conditions, "where", nil, "look only at candidates of which a condition holds, as list has it")
	f.Float64Var(&share, "top", 0.1, "share of the candidates that are the best")
	return cmd
}

// goalsOf are the metrics that are asked for, by default the objectives, with their
// directions.
func goalsOf(r *show.Rows, metrics []string) ([]engine.Objective, error) {
	if len(metrics) == 0 {
		return r.Archive.Plan.Objectives, nil
	}
	var out []engine.Objective
	for _, text := range metrics {
		name, less := strings.CutPrefix(text, "-")
		if !r.HasMetric(name) {
			return nil, wrongInput("--metric: %v", r.Known("metric:"+name))
		}
		o := engine.Objective{Metric: name, Goal: engine.Maximize}
		for _, m := range r.Archive.Metrics() {
			if m.Name == name && m.Goal != "" {
				o.Goal = m.Goal
			}
		}
		for _, known := range slices.Concat(r.Archive.Plan.Objectives, r.Archive.Plan.Ties) {
			if known.Metric == name {
				o.Goal = known.Goal
			}
		}
		if less {
			o.Goal = engine.Minimize
		}
		out = append(out, o)
	}
	return out, nil
}

func (a *app) writeImportance(all []importance.Study, share float64) error {
	percent := func(x float64) string { return fmt.Sprintf("%.0f %%", 100*x) }
	for i, s := range all {
		if i > 0 {
			fmt.Fprintln(a.out)
		}
		fmt.Fprintf(a.out, "%s: the best %s of %s\n", show.Clean(s.Metric), show.Thousands(int64(s.Best)),
			show.Plural(s.Candidates, "candidate"))
		t := show.Table{
			Head:  []string{"importance", "gene", "active", "more often among the best", "there", "in all"},
			Right: []bool{true, false, true, false, true, true}, Width: a.width,
		}
		for _, g := range s.Genes {
			row := []string{percent(g.Importance), g.Gene, percent(g.Active), "-", "-", "-"}
			if g.Favoured != "" {
				row[3], row[4], row[5] = g.Favoured, percent(g.Among), percent(g.Of)
			}
			t.Rows = append(t.Rows, row)
		}
		if err := t.Write(a.out); err != nil {
			return err
		}
		if text := standsOut(s.Genes); text != "" {
			fmt.Fprintln(a.out, show.Clean(text))
		}
	}
	return nil
}

// standsOut says which genes look more important than chance would have them; nothing
// where all do.
func standsOut(genes []importance.Effect) string {
	var beyond []string
	for _, g := range genes {
		if g.Chance <= importance.Beyond {
			beyond = append(beyond, g.Gene)
		}
	}
	switch {
	case len(genes) == 0 || len(beyond) == len(genes):
		return ""
	case len(beyond) > 0:
		return "beyond chance: " + strings.Join(beyond, ", ")
	}
	least := slices.MinFunc(genes, func(a, b importance.Effect) int { return cmp.Compare(a.Chance, b.Chance) })
	return fmt.Sprintf("nothing stands out: were the best drawn at random, a gene would look as important as %s here in %.0f of 100 draws",
		least.Gene, 100*least.Chance)
}
