package command

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
)

func (a *app) statusCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status [DIR]",
		Short: "Say where a search stands",
		Long: "Says where the search in DIR (default: the current directory) stands: running or not,\n" +
			"what came of its evaluations, the best so far, what is running.",
		Example: `  nascent status mnist1d
  nascent status mnist1d --json | jq .best[0]`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := directory(args)
			err := a.look(cmd.Context(), dir, nil, a.out, func(v *show.View) error {
				if asJSON {
					return a.writeJSON(v.Told())
				}
				return show.WriteStatus(a.out, v, a.lines())
			})
			var fresh *newError
			if errors.As(err, &fresh) && fresh.described {
				s := engine.Snapshot{State: engine.StateNew, Phase: engine.PhaseSearch, Best: []engine.Best{}}
				if asJSON {
					return a.writeJSON(s)
				}
				fmt.Fprintln(a.out, "state        new; begin it with: "+show.Program()+" run "+quote(dir))
				return nil
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}
