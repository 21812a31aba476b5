package command

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/bench"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/compare"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
)

func (a *app) compareCommand() *cobra.Command {
	var asJSON bool
	var metric string
	cmd := &cobra.Command{
		Use:   "compare DIR DIR...",
		Short: "Compare searches: settings, best at equal cost, fronts, what each found",
		Long: `Compares searches, those that run as they are now: which of their settings differ; the
best of each when all had spent as much, in evaluations and in evaluator seconds; with
several objectives their fronts, and who is on the front of all together; and the best
that only one of them measured. Searches that differ in nothing but their seeds are taken
together: two such groups are compared by the seeds that both have, with the p value
of Wilcoxon's signed ranks.`,
		Example: `  nascent compare aging guided
  nascent compare aging-1 aging-2 aging-3 guided-1 guided-2 guided-3
  nascent compare a b --metric loss --json`,
		Args: cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			var all []*compare.Search
			for _, dir := range args {
				if err := isDir(dir); err != nil {
					return err
				}
				led, running, err := openAny(cmd.Context(), dir)
				if err != nil {
					return err
				}
				r, err := rowsOf(led, dir, !running)
				if err = errors.Join(err, led.Close()); err != nil {
					return err
				}
				all = append(all, &compare.Search{Dir: dir, Running: running, Rows: r})
			}
			c, err := compare.Of(all, metric)
			if err != nil {
				return err
			}
			if asJSON {
				return a.writeJSON(c)
			}
			return a.writeComparison(c)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	cmd.Flags().StringVar(&metric, "metric", "", "compare by this objective (default: the first of all, or with several the hypervolume)")
	return cmd
}

func (a *app) writeComparison(c *compare.Comparison) error {
	number := func(x *float64) string {
		if x == nil {
			return "-"
		}
		return show.Number(c.Metric, *x)
	}
	several := len(c.Objectives) > 1
	t := show.Table{
		Head: []string{
			"", "search", "evaluations", "seconds", "best",
			"at " + show.Plural(int(c.Cost[bench.Evaluations]), "evaluation"), "at " + show.Seconds(c.Cost[bench.Seconds]),
		},
		Right: []bool{false, false, true, true, true, true, true, true, true},
		Width: a.width,
	}
	if several {
		t.Head = append(t.Head, "front", "of all")
	}
	for _, s := range c.Searches {
		row := []string{
			s.Group, s.Dir, show.Thousands(int64(s.Evaluations)), show.Seconds(s.Seconds),
			number(s.Best), number(s.AtEqual.Evaluations), number(s.AtEqual.Seconds),
		}
		if several {
			front := strconv.Itoa(s.Front)
			if s.FrontPart {
				front += "+"
			}
			row = append(row, front, strconv.Itoa(s.JointFront))
		}
		t.Rows = append(t.Rows, row)
	}
	fmt.Fprintf(a.out, "%s %s\n", c.Goal, show.Clean(c.Metric))
	if err := t.Write(a.out); err != nil {
		return err
	}
	for _, s := range c.Searches {
		if s.Running {
			fmt.Fprintln(a.out, show.Clean(s.Dir)+" runs, and is compared as it is now")
		}
	}
	for _, p := range c.Pairs {
		fmt.Fprintf(a.out, "%s against %s, %d seeds: better %d times, as good %d times; p %.2g (Wilcoxon)\n", p.A, p.B,
			p.Seeds, p.Wins, p.Ties, p.P)
	}
	fmt.Fprintln(a.out)
	if len(c.Settings) == 0 {
		fmt.Fprintln(a.out, "Their settings are the same.")
	} else {
		head := []string{"setting"}
		for _, s := range c.Searches {
			head = append(head, s.Dir)
		}
		t := show.Table{Head: head, Width: a.width}
		for _, d := range c.Settings {
			row := []string{d.Key}
			for _, v := range d.Values {
				row = append(row, show.Clip(v, 40))
			}
			t.Rows = append(t.Rows, row)
		}
		if err := t.Write(a.out); err != nil {
			return err
		}
	}
	fmt.Fprintln(a.out)
	for _, s := range c.Searches {
		line := fmt.Sprintf("%s measured %s, %s of them alone", s.Dir, show.Plural(s.Genomes, "genome"), show.Thousands(int64(s.Alone)))
		if s.AloneBest != nil {
			var values []string
			for _, o := range c.Objectives {
				if x, ok := s.AloneBest.Metrics.Get(o.Metric); ok {
					values = append(values, o.Metric+" "+show.Number(o.Metric, x))
				}
			}
			line += fmt.Sprintf("; the best of these: candidate %s, %s\n  %s", s.AloneBest.ID,
				strings.Join(values, ", "), s.AloneBest.Genome)
		}
		for i, part := range strings.Split(line, "\n") {
			if i > 0 && a.width > 0 {
				part = show.Clip(part, a.width)
			}
			fmt.Fprintln(a.out, show.Clean(part))
		}
	}
	return nil
}
