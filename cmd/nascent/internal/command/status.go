package command

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/index"
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
			write := func(v *show.View) error {
				if asJSON {
					return a.writeJSON(v.Told())
				}
				return show.WriteStatus(a.out, v, a.lines())
			}
			err := a.visit(cmd.Context(), dir, nil, a.out, write, func() error {
				v, err := stoodAt(dir)
				if err != nil {
					return err
				}
				return write(v)
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

// stood is a search as it stood when it stopped: a Reader that knows nothing else.
type stood struct {
	show.Reader
	snapshot engine.Snapshot
}

func (s stood) Status() engine.Snapshot { return s.snapshot }

// stoodAt says where a stopped search stands: as the index remembers it, or else as its
// ledger tells, which the index then remembers.
func stoodAt(dir string) (*show.View, error) {
	led, err := openStopped(dir)
	if err != nil {
		return nil, err
	}
	defer led.Close()
	plan, x, err := indexed(led, dir, true)
	if err != nil {
		return nil, err
	}
	var now engine.Snapshot
	if text, ok := x.State(); !ok || json.Unmarshal(text, &now) != nil {
		whole, err := engine.Read(led)
		if err != nil {
			return nil, err
		}
		now = whole.Status()
		remember(x, now)
	}
	return show.Of(plan, stood{snapshot: now}, led, dir), nil
}

// remember has the index keep where a search stands.
func remember(x *index.Index, now engine.Snapshot) {
	if text, err := json.Marshal(now); err == nil { // every number is finite
		x.Remember(text)
	}
}
