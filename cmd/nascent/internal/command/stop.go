package command

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/socket"
	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/ledger"
)

func (a *app) stopCommand() *cobra.Command {
	var s steering
	var patience time.Duration
	cmd := &cobra.Command{
		Use:   "stop [DIR]",
		Short: "Let a running search finish cleanly",
		Long: `Asks the process that runs the search in DIR to finish cleanly, as Ctrl-C there
would, and waits until it has. Running jobs keep their progress.`,
		Example: `  nascent stop mnist1d`,
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if a.search != nil {
				_, err := a.search.Steer(s.of(engine.Request{Stop: true}))
				return err
			}
			dir := directory(args)
			if s.turn > 0 {
				rec, err := a.Steer(cmd.Context(), dir, s.of(engine.Request{Stop: true}))
				if err != nil {
					return err
				}
				return a.told(s, rec, "stopped")
			}
			s.request = cmp.Or(s.request, rand.Text())
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
				switch _, err := socket.Steer(ctx, dir, s.of(engine.Request{Stop: true})); {
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
				if none := (*newError)(nil); asked && errors.As(err, &none) { // it waited for hosts, say
					if s.json {
						return a.writeJSON(map[string]any{"stopped": true, "state": engine.StateNew})
					}
					_, err = fmt.Fprintf(a.out, "stopped before the search began; begin it with: %s run %s\n", show.Program(), quote(dir))
					return err
				}
				if err != nil {
					return err
				}
				defer done()
				st := v.Status()
				if s.json {
					return a.writeJSON(map[string]any{"stopped": asked, "state": st.State})
				}
				text := "it was not running"
				if asked {
					text = "stopped"
				}
				_, err = fmt.Fprintf(a.out, "%s after %s; go on with: %s run %s\n",
					text, show.Plural(st.Evaluations, "evaluation"), show.Program(), quote(dir))
				return err
			}
		},
	}
	s.flags(cmd)
	cmd.Flags().DurationVar(&patience, "wait", 5*time.Minute, "how long to wait for it")
	return cmd
}
