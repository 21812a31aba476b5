package command

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/importance"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/expression"
	"github.com/nascent-nas/nascent/genome"
)

// fewest candidates tell something of importance.
const fewest = 20

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
the share of the best that do. Importances of all genes are 1 together.`,
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
				var all []studied
				var of population
				for _, o := range goals {
					s, err := study(r, o, where, share, &of)
					if err != nil {
						return err
					}
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

// studied is what genes mean to one metric.
type studied struct {
	Metric     string              `json:"metric"`
	Goal       engine.Goal         `json:"goal"`
	Candidates int                 `json:"candidates"` // that were looked at
	Best       int                 `json:"best"`       // of them
	Genes      []importance.Effect `json:"genes"`      // the most important first
}

// population are the genes of some rows, for who needs those of the same ones again.
type population struct {
	rows  []int
	genes []importance.Gene
}

func (p *population) of(r *show.Rows, rows []int) []importance.Gene {
	if p.genes == nil || !slices.Equal(p.rows, rows) {
		p.rows, p.genes = rows, genesOf(r, rows)
	}
	return p.genes
}

// study finds out what genes mean to a metric, among the trained candidates of the search
// that reached the highest fidelity.
func study(r *show.Rows, o engine.Objective, where []*expression.Condition, share float64, of *population) (studied, error) {
	found, _, err := r.Select(show.Selection{Where: where})
	if err != nil {
		return studied{}, wrongInput("--where: %v", err)
	}
	column := r.Metric(o.Metric)
	fits := func(row int) bool {
		return column != nil && !math.IsNaN(column[row]) && r.Phase.At(row) == string(engine.PhaseSearch) &&
			r.Status.At(row) == string(engine.OK) &&
			r.Task.At(row) == string(engine.Train) && !r.Stopped[row] && r.Baseline.At(row) == ""
	}
	highest := 0
	for _, row := range found {
		if fits(row) {
			highest = max(highest, r.Fidelity[row])
		}
	}
	var rows []int
	var scores []float64
	for _, row := range found {
		if fits(row) && r.Fidelity[row] == highest {
			rows = append(rows, row)
			x := engine.Key(column[row])
			if o.Goal == engine.Minimize {
				x = -x
			}
			scores = append(scores, x)
		}
	}
	if len(rows) < fewest {
		return studied{}, fmt.Errorf("%s: only %s were measured at the highest fidelity; importance needs at least %d",
			o.Metric, show.Plural(len(rows), "candidate"), fewest)
	}
	best := importance.Best(scores, share)
	s := studied{Metric: o.Metric, Goal: o.Goal, Candidates: len(rows)}
	for _, yes := range best {
		if yes {
			s.Best++
		}
	}
	s.Genes = importance.Of(of.of(r, rows), best)
	return s, nil
}

// genesOf are the values of all genes in some rows: those of a list together, those of a
// cell by their places.
func genesOf(r *show.Rows, rows []int) []importance.Gene {
	space := r.Archive.Space
	var names []string
	var paths []*genome.Path
	add := func(name string) {
		if p, ok := space.Path(name); ok && (p.Number || p.Text || p.Truth) && !slices.Contains(names, name) {
			names, paths = append(names, name), append(paths, p)
		}
	}
	for _, name := range r.Genes() {
		p, _ := space.Path(name)
		if p.Number || p.Text || p.Truth {
			add(name)
			continue
		}
		for _, row := range rows[:min(100, len(rows))] { // what a cell consists of
			for _, l := range space.Leaves(r.Genome(row)) {
				if strings.HasPrefix(l.Path, name+".") && !strings.HasSuffix(l.Path, ".length") {
					add(l.Path)
				}
			}
			if !p.Many { // the others are alike
				break
			}
		}
	}
	parts := make([][]importance.Gene, min(runtime.GOMAXPROCS(0), 8))
	var wait sync.WaitGroup
	r.Genome(rows[0]) // from now on rows may be read side by side
	for k := range parts {
		wait.Go(func() { parts[k] = valuesOf(r, rows[k*len(rows)/len(parts):(k+1)*len(rows)/len(parts)], names, paths) })
	}
	wait.Wait()
	out := parts[0]
	for _, more := range parts[1:] {
		for i := range out {
			out[i].Append(&more[i])
		}
	}
	return slices.DeleteFunc(out, func(g importance.Gene) bool { return g.Constant() })
}

// valuesOf are the values of genes in some rows.
func valuesOf(r *show.Rows, rows []int, names []string, paths []*genome.Path) []importance.Gene {
	out := make([]importance.Gene, len(paths))
	for i, name := range names {
		out[i].Name = name
	}
	for _, row := range rows {
		tree := r.Genome(row).Tree()
		for i, p := range paths {
			g := &out[i]
			p.EachOf(tree, func(v any) {
				switch v := v.(type) {
				case int64:
					g.Number(float64(v))
				case float64:
					g.Number(v)
				case string:
					g.Text(v)
				case bool:
					g.Text(map[bool]string{false: "no", true: "yes"}[v])
				}
			})
			g.Next()
		}
	}
	return out
}

func (a *app) writeImportance(all []studied, share float64) error {
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
	}
	return nil
}
