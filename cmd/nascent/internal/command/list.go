package command

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
)

var phases = []engine.Phase{engine.PhaseSearch, engine.PhaseRemeasure, engine.PhaseTest}

func (a *app) listCommand() *cobra.Command {
	var asJSON bool
	var sort string
	var filters, columns []string
	var limit int
	var phase string
	cmd := &cobra.Command{
		Use:   "list [DIR]",
		Short: "List candidates",
		Long: `Lists the candidates of the search in DIR, in the order in which their results
were consumed, or sorted.

` + strings.Join(show.Wrap("Columns are "+strings.Join(show.Columns, ", ")+", every metric by its name "+
			"(metric:NAME where a column above is called so), and single genes as gene:PATH.", 79), "\n") + `
What a job cost is seconds, of the attempt that brought its result, and lost, of
those that brought nothing.`,
		Example: `  nascent list mnist1d --sort -accuracy --limit 10
  nascent list mnist1d --filter 'accuracy>0.95' --filter 'parameters<2000'
  nascent list mnist1d --filter status=failed --columns id,attempts,reason
  nascent list mnist1d --columns id,accuracy,gene:learning_rate,gene:blocks[0].block.channels
  nascent list mnist1d --json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var sel show.Selection
			for _, s := range filters {
				f, err := show.ParseFilter(s)
				if err != nil {
					return wrongInput("--filter: %v", err)
				}
				sel.Filters = append(sel.Filters, f)
			}
			if phase != "" {
				if !slices.Contains(phases, engine.Phase(phase)) {
					return wrongInput("--phase: %q is no phase; use search, remeasure or test", phase)
				}
				f, err := show.ParseFilter("phase=" + phase)
				if err != nil {
					return wrongInput("--phase: %v", err)
				}
				sel.Filters = append(sel.Filters, f)
			}
			if limit < 0 {
				return wrongInput("--limit: %d is negative; leave it out to list all", limit)
			}
			sel.Sort, sel.Limit = sort, limit
			return a.look(cmd.Context(), directory(args), nil, a.out, func(v *show.View) error {
				asked := map[string][]string{"--columns": columns}
				if sort != "" {
					asked["--sort"] = []string{strings.TrimPrefix(sort, "-")}
				}
				for _, f := range sel.Filters {
					asked["--filter"] = append(asked["--filter"], f.Column())
				}
				for _, flag := range []string{"--columns", "--sort", "--filter"} {
					for _, c := range asked[flag] {
						if err := show.Known(v, c); err != nil {
							return wrongInput("%s: %v", flag, err)
						}
					}
				}
				return a.list(v, sel, columns, asJSON)
			})
		},
	}
	f := cmd.Flags()
	f.BoolVar(&asJSON, "json", false, "print one JSON object a line")
	f.StringVar(&sort, "sort", "", "sort by a column; -COLUMN for descending")
	f.StringArrayVar(&filters, "filter", nil, "list only candidates that meet a condition like accuracy>0.9 (several: all of them)")
	f.StringSliceVar(&columns, "columns", nil, "what to print of each candidate")
	f.IntVar(&limit, "limit", 0, "list at most so many (0: all)")
	f.StringVar(&phase, "phase", "", "list only those of one phase: search, remeasure or test")
	return cmd
}

func (a *app) list(v *show.View, sel show.Selection, columns []string, asJSON bool) error {
	found := v.Select(sel)
	if asJSON {
		enc := json.NewEncoder(a.out)
		enc.SetEscapeHTML(false)
		for i := range found {
			var err error
			if len(columns) == 0 {
				err = enc.Encode(show.RecordOf(&found[i]))
			} else {
				row := map[string]any{}
				for _, c := range columns {
					row[c] = show.Column(&found[i], c)
				}
				err = enc.Encode(row)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	if len(columns) == 0 {
		columns = []string{"id", "phase"}
		if slices.ContainsFunc(found, func(c engine.Candidate) bool { return c.Task != engine.Train }) {
			columns = append(columns, "task")
		}
		columns = append(columns, "status")
		for _, o := range slices.Concat(v.Plan.Objectives, v.Plan.Ties) {
			columns = append(columns, show.MetricColumn(o.Metric))
		}
		if size := "parameters"; show.Known(v, size) == nil && !slices.Contains(columns, size) {
			columns = append(columns, size)
		}
		columns = append(columns, "budget", "seconds")
		if slices.ContainsFunc(found, func(c engine.Candidate) bool { return c.Lost > 0 }) {
			columns = append(columns, "lost")
		}
		columns = append(columns, "operator", "parents")
		if slices.ContainsFunc(found, func(c engine.Candidate) bool { return c.Reason != "" }) {
			columns = append(columns, "reason")
		}
		columns = append(columns, "genome")
	}
	t := show.Table{Head: columns, Width: a.width}
	text := []string{"phase", "status", "genome", "hash", "operator", "reason", "tag", "task", "baseline", "parents"}
	for _, c := range columns {
		t.Right = append(t.Right, !slices.Contains(text, c))
	}
	for i := range found {
		var row []string
		for j, c := range columns {
			cell := show.Cell(&found[i], c)
			if c == "reason" && j < len(columns)-1 {
				cell = show.Clip(cell, 40)
			}
			row = append(row, cell)
		}
		t.Rows = append(t.Rows, row)
	}
	return t.Write(a.out)
}
