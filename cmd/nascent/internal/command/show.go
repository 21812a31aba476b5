package command

import (
	"github.com/spf13/cobra"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
)

func (a *app) showCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show DIR [ID]",
		Short: "Show one candidate: its network, figures, curve and family",
		Long: "Shows candidate ID of the search in DIR, by default \"best\", the best: its network drawn as text,\n" +
			"its metrics and learning curve, its parents and what was changed in it.",
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
