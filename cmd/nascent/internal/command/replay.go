package command

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/ledger"
)

func (a *app) replayCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "replay [DIR]",
		Short: "Prove every decision of a search again",
		Long: `Asks the strategy for every decision of the search in DIR again, with what the
journal says it knew, and compares; of a search that runs, for those so far. Nothing
is evaluated. Exit status 0 when all are the same; otherwise the first that is not is
named (status 3).`,
		Example: `  nascent replay onemax`,
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := directory(args)
			if err := isDir(dir); err != nil {
				return err
			}
			if err := ledger.Trust(dir); err != nil { // it runs the programs that are named there
				return err
			}
			led, _, err := openAny(cmd.Context(), dir)
			if err != nil {
				return err
			}
			defer led.Close()
			find, end := strategiesOf(dir)
			defer end()
			turns := 0
			if err := engine.Replay(cmd.Context(), find, led, func(uint64) { turns++ }); err != nil {
				return orNothing(err, dir)
			}
			if asJSON {
				return a.writeJSON(map[string]any{"same": true, "turns": turns})
			}
			_, err = fmt.Fprintf(a.out, "all %s decided as the journal says\n", show.Plural(turns, "turn"))
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

// strategiesOf finds the strategies that the search in dir has had, one after the
// other. end closes the last one.
func strategiesOf(dir string) (find func(engine.StrategyEvent) (engine.Strategy, error), end func()) {
	o, dirs := ofSearch(dir)
	var open engine.Strategy
	end = func() {
		if open != nil {
			closeStrategy(open)
		}
	}
	find = func(e engine.StrategyEvent) (engine.Strategy, error) {
		end()
		p := sourced(e)
		if doc, err := readConfig(filepath.Join(dir, configName)); err == nil { // its path may have changed
			if s, err := doc.Read(); err == nil && strategyName(s.Strategy) == e.Name {
				if p.Use = s.Strategy.Use; string(recordedOptions(s.Strategy)) == string(recordedOptions(p)) {
					p.Options = s.Strategy.Options
				}
			}
		}
		strategy, err := findStrategy(p, o, dirs)
		if err != nil {
			return nil, wrongInput("%v", err)
		}
		open = strategy
		return strategy, nil
	}
	return find, end
}
