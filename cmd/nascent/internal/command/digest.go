package command

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
)

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

// digestOf retries: beside a running search a reading may fall between two
// commits, and then misses what belongs together.
func digestOf(v *show.View, turns int) (line string, err error) {
	for try := range 10 {
		line, err = engine.Digest(v.Ledger, turns)
		if !v.Live || !errors.Is(err, engine.ErrDamaged) {
			break
		}
		time.Sleep(time.Duration(try) * 20 * time.Millisecond)
	}
	return line, err
}
