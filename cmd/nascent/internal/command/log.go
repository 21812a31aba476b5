package command

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
)

func (a *app) logCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "log [DIR]",
		Short: "What happened to a search, and who asked for it",
		Long: `Lists what happened to the search in DIR (default: the current directory), in order:
its runs, every change from outside with the turn from which it holds and who asked
for it, strategies that took over, notes.`,
		Example: `  nascent log mnist1d`,
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := directory(args)
			live := func(v *show.View) error {
				all, err := engine.Timeline(v.Ledger)
				if err != nil {
					return err
				}
				return a.writeLog(all, asJSON)
			}
			return a.visit(cmd.Context(), dir, nil, a.out, live, func() error {
				led, err := openStopped(dir)
				if err != nil {
					return err
				}
				all, err := engine.Timeline(led)
				if err = errors.Join(err, led.Close()); err != nil {
					return err
				}
				return a.writeLog(all, asJSON)
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object a line")
	return cmd
}

func (a *app) writeLog(all []engine.Occurrence, asJSON bool) error {
	if !asJSON {
		return show.WriteTimeline(a.out, all, a.width)
	}
	for _, o := range all {
		if err := a.writeJSON(o); err != nil {
			return err
		}
	}
	return nil
}
