package command

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/socket"
	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/ledger"
)

// notRunning refuses what needs a search to itself.
func notRunning(err error, dir string) error {
	var locked *ledger.LockedError
	if errors.As(err, &locked) && locked.PID != 0 {
		return fmt.Errorf("%w; this needs it stopped: nascent stop %s", err, quote(dir))
	}
	return err
}

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
		RunE: func(_ *cobra.Command, args []string) error {
			dir := directory(args)
			if err := isDir(dir); err != nil {
				return err
			}
			if !begun(dir) {
				return nothingHere(dir)
			}
			if err := ledger.Check(dir); err != nil {
				return notRunning(err, dir)
			}
			v, done, err := inspect(dir)
			if err != nil {
				return notRunning(err, dir)
			}
			defer done()
			s := v.Status()
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

func (a *app) replayCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "replay [DIR]",
		Short: "Prove every decision of a stopped search again",
		Long: `Asks the strategy for every decision of the search in DIR again, with what the
journal says it knew, and compares. Nothing is evaluated. Exit status 0 when
all are the same; otherwise the first that is not is named (status 3).`,
		Example: `  nascent replay onemax`,
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := directory(args)
			if err := isDir(dir); err != nil {
				return err
			}
			v, done, err := inspect(dir)
			if err != nil {
				return notRunning(err, dir)
			}
			defer done()
			find, end := strategiesOf(dir)
			defer end()
			turns := 0
			if err := engine.Replay(cmd.Context(), find, v.Ledger, func(uint64) { turns++ }); err != nil {
				return err
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

func (a *app) stopCommand() *cobra.Command {
	var asJSON bool
	var patience time.Duration
	cmd := &cobra.Command{
		Use:   "stop [DIR]",
		Short: "Let a running search finish cleanly",
		Long: `Asks the process that runs the search in DIR to finish cleanly, as Ctrl-C there
would, and waits until it has. Running jobs keep their progress.`,
		Example: `  nascent stop mnist1d`,
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if a.stop != nil {
				a.stop()
				return nil
			}
			dir := directory(args)
			if err := isDir(dir); err != nil {
				return err
			}
			if !begun(dir) {
				return nothingHere(dir)
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), patience)
			defer cancel()
			asked := false
			for {
				switch err := socket.Ask(ctx, dir, socket.Request{Args: []string{"stop"}}, a.out); {
				case err == nil:
					asked = true
				case ctx.Err() != nil:
					return fmt.Errorf("the search still finishes after %s; ask again, or kill it: nothing is lost", patience)
				case !errors.Is(err, socket.ErrNobody):
					return err
				}
				v, done, err := inspect(dir)
				var locked *ledger.LockedError
				if errors.As(err, &locked) {
					time.Sleep(20 * time.Millisecond)
					continue
				}
				if err != nil {
					return err
				}
				defer done()
				s := v.Status()
				if asJSON {
					return a.writeJSON(map[string]any{"stopped": asked, "state": s.State})
				}
				text := "it was not running"
				if asked {
					text = "stopped"
				}
				_, err = fmt.Fprintf(a.out, "%s after %s; go on with: nascent run %s\n", text, show.Plural(s.Evaluations, "evaluation"), quote(dir))
				return err
			}
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	cmd.Flags().DurationVar(&patience, "wait", 5*time.Minute, "how long to wait for it")
	return cmd
}

func (a *app) versionCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: `  nascent version --json`,
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if asJSON {
				return a.writeJSON(map[string]any{"version": engine.Version, "go": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH})
			}
			_, err := fmt.Fprintf(a.out, "nascent %s (%s, %s/%s)\n", engine.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}
