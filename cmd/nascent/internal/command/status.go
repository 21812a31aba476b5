package command

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/serve"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/index"
	"github.com/nascent-nas/nascent/engine/ledger"
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
			live := func(v *show.View) (err error) {
				now := *v
				if now.Events, err = newest(v.Ledger); err != nil {
					return err
				}
				return write(&now)
			}
			err := a.visit(cmd.Context(), dir, nil, a.out, live, func() error {
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

// stoodAt says where a stopped search stands.
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
	now, err := standingOf(led, x)
	if err != nil {
		return nil, err
	}
	v := show.Of(plan, stood{snapshot: now.Snapshot}, led, dir)
	v.Events, err = newest(led)
	return v, err
}

// newest are the last of what happened to a search.
func newest(led engine.Ledger) ([]engine.Occurrence, error) {
	const most = 100
	all, err := engine.Timeline(led)
	return all[max(0, len(all)-most):], err
}

// standing is what the index remembers of a stopped search, which its ledger tells only to
// who reads all of it.
type standing struct {
	engine.Snapshot
	Outcome *engine.Outcome `json:"outcome"` // nil: the final strategy never began
	Version int             `json:"version"` // 0: before there were outcomes
}

// standingOf is what the index remembers, or else what the ledger tells, which the index
// then remembers.
func standingOf(led *ledger.Ledger, x *index.Index) (now standing, err error) {
	if text, ok := x.State(); ok && json.Unmarshal(text, &now) == nil && now.Version == 1 {
		return now, nil
	}
	whole, err := engine.Read(led)
	if err != nil {
		return now, err
	}
	return remember(x, whole), nil
}

// remember has the index keep where a search stands.
func remember(x *index.Index, a *engine.Archive) standing {
	now := standing{Snapshot: a.Status(), Outcome: serve.Told(a.Outcome()), Version: 1}
	if text, err := json.Marshal(now); err == nil { // every number is finite
		x.Remember(text)
	}
	return now
}
