package command

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/expression"
)

var phases = []engine.Phase{engine.PhaseSearch, engine.PhaseRemeasure, engine.PhaseTest}

// screenful is how many candidates a terminal is shown if nobody asks for more.
const screenful = 20

func (a *app) listCommand() *cobra.Command {
	var asJSON, arrays bool
	var sorts, conditions, filters, columns []string
	var limit, offset int
	var phase string
	cmd := &cobra.Command{
		Use:   "list [DIR]",
		Short: "List candidates",
		Long: `Lists the candidates of the search in DIR, in the order in which their results
were consumed, or sorted: on a terminal twenty of them, else all.

` + strings.Join(show.Wrap("Columns are "+strings.Join(show.Fields, ", ")+"; what the job took of the machine ("+
			strings.Join(engine.UsageNames, ", ")+"), every metric by its name, and genes at any depth "+
			"by their paths: blocks[0].kernel, or blocks.kernel for those of all blocks, blocks.length. Where a name is another's "+
			"write metric:NAME, gene:PATH or usage:NAME.", 79), "\n") + `

A condition compares them by = != < <= > >= and ~ (a text within another), joined
by and, or, not and parentheses; ok, invalid and failed are conditions. It holds if
it does for any value: not blocks.kernel = 3 where none is 3. What a candidate does
not have compares as nothing. Numbers may be computed, as in log10(parameters) < 4.

What a job cost is seconds, of the attempt that brought its result, and lost, of
those that brought no result.`,
		Example: `  nascent list mnist1d --sort -accuracy --limit 10
  nascent list mnist1d --where 'accuracy > 0.95 and parameters < 2000' --sort parameters,-accuracy
  nascent list mnist1d --where 'failed or blocks.length > 4' --columns id,attempts,reason
  nascent list mnist1d --columns id,accuracy,learning_rate,blocks[0].block.channels
  nascent list mnist1d --sort -id --limit 50 --offset 50
  nascent list mnist1d --json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			sel := show.Selection{Limit: limit, Offset: offset}
			for _, text := range slices.Concat(conditions, filters) {
				c, err := expression.ParseCondition(text)
				if err != nil {
					return wrongInput("--where %s: %v", text, err)
				}
				sel.Where = append(sel.Where, c)
			}
			if phase != "" {
				if !slices.Contains(phases, engine.Phase(phase)) {
					return wrongInput("--phase: %q is no phase; use search, remeasure or test", phase)
				}
				c, err := expression.ParseCondition(fmt.Sprintf("phase = %q", phase))
				if err != nil {
					return err
				}
				sel.Where = append(sel.Where, c)
			}
			for _, key := range sorts {
				sel.Sort = append(sel.Sort, show.ParseKey(key))
			}
			switch {
			case arrays && asJSON:
				return wrongInput("--arrays: it is another form than --json; leave one of them out")
			case arrays && a.width > 0:
				return wrongInput("--arrays: this is for programs, and nothing for a terminal; leave it out")
			case limit < 0:
				return wrongInput("--limit: %d is negative; 0 lists all", limit)
			case offset < 0:
				return wrongInput("--offset: %d is negative; say how many are left out before the first", offset)
			case !cmd.Flags().Changed("limit") && a.width > 0 && !asJSON && !arrays:
				sel.Limit = screenful
			}
			out := a.out
			if arrays {
				out = a.data
			}
			return a.rows(cmd.Context(), directory(args), nil, out, func(r *show.Rows) error {
				for _, k := range sel.Sort {
					if err := r.Known(k.Column); err != nil {
						return wrongInput("--sort: %v", err)
					}
				}
				for _, c := range columns {
					if err := r.Known(c); err != nil {
						return wrongInput("--columns: %v", err)
					}
				}
				if arrays {
					return a.listArrays(r, sel, columns)
				}
				return a.list(r, sel, columns, asJSON)
			})
		},
	}
	f := cmd.Flags()
	f.BoolVar(&asJSON, "json", false, "print one JSON object a line")
	f.BoolVar(&arrays, "arrays", false, "write columns as arrays of numbers, for programs")
	f.StringArrayVar(&conditions, "where", nil, "list only candidates of which a condition holds (several: all of them)")
	f.Var((*names)(&sorts), "sort", "sort by columns, the first before the second; -COLUMN for descending")
	f.Var((*names)(&columns), "columns", "what to print of each candidate")
	f.IntVar(&limit, "limit", 0, "list at most so many; 0: all (default: 20 on a terminal, else all)")
	f.IntVar(&offset, "offset", 0, "leave out so many before the first")
	f.StringVar(&phase, "phase", "", "list only those of one phase: search, remeasure or test")
	f.StringArrayVar(&filters, "filter", nil, "as --where")
	_ = f.MarkHidden("filter")
	return cmd
}

// selected lists the rows of a selection.
func selected(r *show.Rows, sel show.Selection) (found []int, all int, err error) {
	found, all, err = r.Select(sel)
	if err != nil && !errors.Is(err, engine.ErrDamaged) {
		err = wrongInput("--where: %v", err)
	}
	return found, all, err
}

// listArrays writes candidates for programs.
func (a *app) listArrays(r *show.Rows, sel show.Selection, columns []string) error {
	found, _, err := selected(r, sel)
	if err != nil {
		return err
	}
	return show.WriteArrays(a.data, r.Arrays(found, columns), len(found))
}

func (a *app) list(r *show.Rows, sel show.Selection, columns []string, asJSON bool) error {
	found, all, err := selected(r, sel)
	if err != nil {
		return err
	}
	if asJSON {
		return a.listJSON(r, found, columns)
	}
	if len(columns) == 0 {
		columns = r.Usual(found)
	}
	t := show.Table{Head: columns, Width: a.width}
	text := []string{"phase", "status", "genome", "hash", "operator", "reason", "tag", "task", "baseline", "parents", "label", "comment"}
	for _, c := range columns {
		t.Right = append(t.Right, !slices.Contains(text, c))
	}
	for _, row := range found {
		var cells []string
		for j, c := range columns {
			cell := r.Cell(row, c)
			if c == "reason" && j < len(columns)-1 {
				cell = show.Clip(cell, 40)
			}
			cells = append(cells, cell)
		}
		t.Rows = append(t.Rows, cells)
	}
	if err := t.Write(a.out); err != nil {
		return err
	}
	if a.width > 0 && len(found) < all {
		_, err = fmt.Fprintf(a.out, "%s of %s; --limit 0 lists all, --offset %d those that follow\n",
			show.Thousands(int64(len(found))), show.Plural(all, "candidate"), sel.Offset+len(found))
	}
	return err
}

// listJSON prints each candidate whole, or the columns that were named.
func (a *app) listJSON(r *show.Rows, found []int, columns []string) error {
	if len(columns) == 0 {
		return a.listWhole(r, found)
	}
	enc := json.NewEncoder(a.out)
	enc.SetEscapeHTML(false)
	for _, row := range found {
		named := map[string]any{}
		for _, c := range columns {
			named[c] = r.Value(row, c)
		}
		if err := enc.Encode(named); err != nil {
			return err
		}
	}
	return nil
}

// listWhole prints candidates whole. Many are written side by side, a part on each
// processor.
func (a *app) listWhole(r *show.Rows, found []int) error {
	const part = 1000
	workers := min(runtime.GOMAXPROCS(0), 8)
	buffers, errs := make([]bytes.Buffer, workers), make([]error, workers)
	for len(found) > 0 {
		r.Genome(found[0]) // from now on rows may be read side by side
		var wait sync.WaitGroup
		for k := range workers {
			rows := found[:min(part, len(found))]
			found = found[len(rows):]
			wait.Go(func() {
				buffers[k].Reset()
				enc := json.NewEncoder(&buffers[k])
				enc.SetEscapeHTML(false)
				for _, row := range rows {
					if errs[k] = enc.Encode(r.Record(row)); errs[k] != nil {
						return
					}
				}
			})
		}
		wait.Wait()
		for k := range buffers {
			if errs[k] != nil {
				return errs[k]
			}
			if _, err := a.out.Write(buffers[k].Bytes()); err != nil {
				return err
			}
		}
	}
	return nil
}
