package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
)

func (a *app) statusCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status [DIR]",
		Short: "Say where a search stands",
		Long:  "Says where the search in DIR (default: the current directory) stands: running or not,\nwhat came of its evaluations, the best so far, what is running.",
		Example: `  nascent status mnist1d
  nascent status mnist1d --json | jq .best[0]`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := directory(args)
			err := a.look(cmd.Context(), dir, nil, a.out, func(v *show.View) error {
				if asJSON {
					return a.writeJSON(v.Status())
				}
				return show.WriteStatus(a.out, v, a.lines())
			})
			var fresh *newError
			if errors.As(err, &fresh) && fresh.described {
				s := engine.Snapshot{State: engine.StateNew, Phase: engine.PhaseSearch, Best: []engine.Best{}}
				if asJSON {
					return a.writeJSON(s)
				}
				fmt.Fprintln(a.out, "state        new; begin it with: nascent run "+quote(dir))
				return nil
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

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

Columns are id, phase, status, genome, hash, parents, operator, seed, fidelity,
budget, attempts, reason, seconds, stopped, task, tag, resume, inherit, reuse,
baseline, every metric by its name, and single genes as gene:PATH.`,
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
				asked := slices.Clone(columns)
				if sort != "" {
					asked = append(asked, strings.TrimPrefix(sort, "-"))
				}
				for _, f := range sel.Filters {
					asked = append(asked, f.Column())
				}
				for _, c := range asked {
					if err := show.Known(v, c); err != nil {
						return wrongInput("%v", err)
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
		for _, o := range v.Plan.Objectives {
			columns = append(columns, o.Metric)
		}
		for _, m := range []string{"parameters"} {
			if show.Known(v, m) == nil && !slices.Contains(columns, m) {
				columns = append(columns, m)
			}
		}
		columns = append(columns, "budget", "seconds", "operator", "parents")
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

func (a *app) showCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show DIR [ID]",
		Short: "Show one candidate: its network, figures, curve and family",
		Long:  "Shows candidate ID of the search in DIR, by default \"best\", the best: its network drawn as text,\nits metrics and learning curve, its parents and what was changed in it.",
		Example: `  nascent show mnist1d         the best
  nascent show mnist1d 42
  nascent show mnist1d f3      the third of the re-measured and tested ones
  nascent show mnist1d 42 --json`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			var id engine.ID
			if len(args) == 2 {
				var err error
				if id, err = readID(args[1]); err != nil {
					return err
				}
			}
			return a.look(cmd.Context(), args[0], nil, a.out, func(v *show.View) error {
				c, err := pick(v, id)
				if err != nil {
					return err
				}
				if asJSON {
					return a.writeJSON(v.CandidateOf(&c))
				}
				return show.WriteCandidate(a.out, v, &c, a.lines())
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

// best is how the command line names the best candidate.
const best = "best"

// readID reads the name of a candidate; that of the best is 0.
func readID(name string) (engine.ID, error) {
	if name == best {
		return 0, nil
	}
	id, err := engine.ParseID(name)
	if err != nil {
		return 0, wrongInput("%v, or %s", err, best)
	}
	return id, nil
}

// pick finds a candidate, the best for 0: the winner, once there is one, for the
// best figure of a search is partly luck.
func pick(v *show.View, id engine.ID) (engine.Candidate, error) {
	if o, ok := v.Outcome(); ok && id == 0 {
		id = o.Winner
	}
	if id == 0 {
		best := v.Best(1)
		if len(best) == 0 {
			return engine.Candidate{}, errors.New("nothing has been measured yet, so there is no best; name a candidate")
		}
		id = best[0].ID
	}
	return v.Candidate(id)
}

func (a *app) digestCommand() *cobra.Command {
	var asJSON bool
	var turns int
	cmd := &cobra.Command{
		Use:   "digest [DIR]",
		Short: "Print one line that is equal for equal trajectories",
		Long: `Prints one hex line over configuration, seed, events, jobs, decisions and exact
results of the search in DIR. Two searches have the same line if and only if
they did the same. With --turns it covers only the first N turns.`,
		Example: `  nascent digest onemax
  nascent digest onemax --turns 100`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("turns") && turns < 0 {
				return wrongInput("--turns: %d is negative; leave it out to cover all", turns)
			}
			return a.look(cmd.Context(), directory(args), nil, a.out, func(v *show.View) error {
				line, err := digestOf(v, turns)
				if err != nil {
					return err
				}
				if asJSON {
					return a.writeJSON(map[string]any{"digest": line, "turns": turns})
				}
				_, err = fmt.Fprintln(a.out, line)
				return err
			})
		},
	}
	cmd.Flags().IntVar(&turns, "turns", -1, "cover only the first N turns (default: all)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}
