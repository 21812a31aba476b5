package command

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
)

func (a *app) labelCommand() *cobra.Command {
	var remove bool
	var comment string
	var s steering
	cmd := &cobra.Command{
		Use:   "label DIR ID... LABEL",
		Short: "Give candidates a label, or a comment",
		Long: `Gives candidates of the search in DIR a label, to find them again: list has a
column "label" and takes it in conditions, and so do exports. With --comment they get
a line of text instead, in place of the one that they had. Both are kept in the
ledger, for people: a search decides nothing by them, and has the digest that it had.`,
		Example: `  nascent label mnist1d 12 57 promising
  nascent list mnist1d --where 'label = promising'
  nascent label mnist1d 57 --comment "diverges with a larger batch"
  nascent label mnist1d 12 promising --remove`,
		Args: cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			var l engine.Labelling
			ids := args[1:]
			if cmd.Flags().Changed("comment") {
				if remove {
					return wrongInput(`--remove: it takes away a label; --comment "" takes away a comment`)
				}
				l.Comment = &comment
			} else {
				last := ids[len(ids)-1]
				switch ids = ids[:len(ids)-1]; {
				case last == "":
					return wrongInput(`the label is empty: write one after the candidates; to take one away, name it with --remove`)
				case len(ids) == 0:
					return wrongInput("%s: name one candidate or more, and then the label", last)
				}
				if l.Add = last; remove {
					l.Add, l.Remove = "", last
				}
			}
			for _, arg := range ids {
				id, err := engine.ParseID(arg)
				if err != nil {
					return wrongInput("%v; a label of several words stands in quotation marks", err)
				}
				l.IDs = append(l.IDs, id)
			}
			rec, err := a.Steer(cmd.Context(), args[0], s.of(engine.Request{Label: &l}))
			switch {
			case err != nil:
				return err
			case rec.Planned:
				return a.told(s, rec, "")
			}
			return a.labelled(l, rec, s.json)
		},
	}
	cmd.Flags().BoolVar(&remove, "remove", false, "take the label away")
	cmd.Flags().StringVar(&comment, "comment", "", `a line of text in place of a label; "" takes away the one that was`)
	s.flags(cmd)
	return cmd
}

// labelled says what was said of candidates.
func (a *app) labelled(l engine.Labelling, rec engine.Receipt, asJSON bool) error {
	if asJSON {
		return a.writeJSON(struct {
			engine.Labelling
			receipt
		}{l, receiptOf(rec)})
	}
	what := "is labelled " + l.Add
	switch {
	case l.Comment != nil && *l.Comment == "":
		what = "has no comment any more"
	case l.Comment != nil:
		what = "has the comment: " + *l.Comment
	case l.Remove != "":
		what = "is not labelled " + l.Remove + " any more"
	}
	for _, id := range slices.Compact(l.IDs) {
		if _, err := fmt.Fprintln(a.out, show.Clean(fmt.Sprintf("candidate %s %s", id, what))); err != nil {
			return err
		}
	}
	return nil
}
