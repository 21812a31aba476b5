package command

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/report"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
)

func (a *app) testCommand() *cobra.Command {
	var m manner
	var c choices
	cmd := &cobra.Command{
		Use:   "test [DIR]",
		Short: "Re-measure the best and test the winner",
		Long: `Measures the best candidates of the search in DIR again with fresh seeds, and
then the winner (with several objectives the front) and the hand-made baselines on
test data. A finished search has
done so already: then its figures are printed and the test data is not looked at
again. One that was stopped is tested as far as it came, and can go on
searching afterwards.`,
		Example: `  nascent test mnist1d
  nascent test mnist1d --json | jq .winner.accuracy.mean`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := directory(args)
			if err := isDir(dir); err != nil {
				return err
			}
			if !begun(dir) {
				return nothingHere(dir)
			}
			t, evaluations, err := a.tested(cmd.Context(), dir)
			if err != nil {
				return notRunning(err, dir)
			}
			if t == nil {
				// The search ends here for now: that is what lets its final part begin.
				c.changed = cmd.Flags().Changed
				at, err := resolve(dir, c)
				if err != nil {
					return err
				}
				quiet := *a
				quiet.out = discard{}
				if err := quiet.run(cmd.Context(), &target{dir: at.dir, doc: at.doc, stored: at.stored, only: evaluations}, m); err != nil {
					return err
				}
				if t, _, err = a.tested(cmd.Context(), dir); err != nil {
					return err
				}
				if t == nil {
					return errors.New("it was stopped before the tests were done; run the same command again")
				}
			}
			if m.json {
				if err := a.writeJSON(t); err != nil {
					return err
				}
			}
			switch {
			case t.Untested != "":
				return errors.New(t.Untested)
			case m.json:
				return nil
			}
			return a.printTest(t)
		},
	}
	m.flags(cmd)
	return cmd
}

type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }

// tested is what was found on test data in a search whose newest results were
// re-measured and tested, or why they cannot be; nil, and how many evaluations there
// are, if they were not.
func (a *app) tested(ctx context.Context, dir string) (*report.Test, int, error) {
	v, done, err := a.inspectSoon(ctx, dir)
	if err != nil {
		return nil, 0, err
	}
	defer done()
	outcome, ok := v.Outcome()
	s := v.Status()
	t := report.Of(v).Test()
	switch {
	case ok && outcome.Complete && s.State == engine.StateFinished:
	case v.Plan.Final.Skip:
		t.Untested = "this search was begun with final.skip: true, so nothing of it is tested; begin one without it in another directory"
	case len(s.Best) == 0:
		t.Untested = "no candidate has been trained and measured yet, so there is nothing to test; go on with: " +
			show.Program() + " run " + quote(dir)
	default:
		return nil, s.Evaluations, nil
	}
	return t, s.Evaluations, nil
}

func (a *app) printTest(t *report.Test) error {
	table := show.Table{Head: []string{"network", "parameters"}, Right: []bool{false, true}}
	measured := t.Winner.Accuracy != nil
	if measured {
		table.Head = append(table.Head, t.Metric+" on test data")
	}
	for _, v := range t.Winner.Report {
		table.Head = append(table.Head, v.Name)
	}
	add := func(name string, x *report.Tested) {
		row := []string{name, "-"}
		if x.Parameters > 0 {
			row[1] = show.Number("", x.Parameters)
		}
		switch {
		case x.Accuracy != nil:
			row = append(row, fmt.Sprintf("%s ± %s (%d)", show.Decimal(x.Accuracy.Mean), show.Decimal(x.Accuracy.SD), x.Accuracy.N))
		case measured:
			row = append(row, "-")
		}
		for _, v := range t.Winner.Report {
			cell := "-"
			if y, ok := x.Report.Get(v.Name); ok {
				cell = show.Number(v.Name, y)
			}
			row = append(row, cell)
		}
		table.Rows = append(table.Rows, row)
	}
	add("candidate "+t.Winner.ID.String()+" (winner)", t.Winner)
	for i := range t.Front {
		if x := &t.Front[i]; x.ID != t.Winner.ID {
			add("candidate "+x.ID.String(), x)
		}
	}
	for i := range t.Baselines {
		add(t.Baselines[i].Name, &t.Baselines[i])
	}
	if err := table.Write(a.out); err != nil {
		return err
	}
	_, err := fmt.Fprintf(a.out, "%s\nThe %s.\n", t.Splits, show.Looks(t.Looks))
	return err
}
