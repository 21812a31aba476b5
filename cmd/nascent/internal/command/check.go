package command

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/ledger"
)

func (a *app) checkCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "check [DIR]",
		Short: "See whether a stopped search is whole",
		Long: `Reads everything that the search in DIR keeps (every page, every record with its
checksum, every file) and names the first thing that is not whole. Exit status
0 when all is, 3 when something is damaged.`,
		Example: `  nascent check mnist1d`,
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := directory(args)
			if err := isDir(dir); err != nil {
				return err
			}
			if !begun(dir) {
				return nothingHere(dir)
			}
			var led *ledger.Ledger
			if err := a.wait(cmd.Context(), dir, func() (err error) { // who runs it may be ending
				led, err = openStopped(dir)
				return err
			}); err != nil {
				return notRunning(err, dir)
			}
			defer led.Close()
			if err := led.Check(); err != nil {
				return err
			}
			archive, err := engine.Read(led)
			if err != nil {
				return orNothing(err, dir)
			}
			s := archive.Status()
			if asJSON {
				return a.writeJSON(map[string]any{"whole": true, "evaluations": s.Evaluations, "turns": s.Turns})
			}
			_, err = fmt.Fprintf(a.out, "whole: %s, %s\n", show.Plural(s.Evaluations, "evaluation"), show.Plural(int(s.Turns), "turn"))
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}
