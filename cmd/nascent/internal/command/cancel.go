package command

import (
	"crypto/rand"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/socket"
	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/ledger"
)

func (a *app) cancelCommand() *cobra.Command {
	var request string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "cancel DIR ID...",
		Short: "End jobs that have no result yet: they fail, at their place",
		Long: `Ends the jobs of candidates in DIR that run or wait. They fail and are not tried
again; the search goes on without them. That is journaled, so the search can still
be replayed. In a search that is not running its next run finds them cancelled.`,
		Example: `  nascent cancel mnist1d 57`,
		Args:    cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			var ids []engine.ID
			for _, arg := range args[1:] {
				id, err := engine.ParseID(arg)
				if err != nil {
					return wrongInput("%v", err)
				}
				ids = append(ids, id)
			}
			if request == "" {
				request = rand.Text()
			}
			if a.live != nil {
				return a.cancelEach(ids, asJSON, func(id engine.ID) error { return a.cancel(id, requestFor(request, id)) })
			}
			ask := slices.Concat([]string{"cancel"}, args, []string{"--request", request, fmt.Sprintf("--json=%t", asJSON)})
			return a.order(cmd.Context(), args[0], socket.Request{Args: ask}, func(led *ledger.Ledger) error {
				return a.cancelEach(ids, asJSON,
					func(id engine.ID) error { return engine.Cancel(led, id, requestFor(request, id), time.Now()) })
			})
		},
	}
	cmd.Flags().StringVar(&request, "request", "", "a text that names this order: given again it changes nothing")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object a line")
	return cmd
}

func requestFor(request string, id engine.ID) string { return fmt.Sprintf("%s %s", request, id) }

func (a *app) cancelEach(ids []engine.ID, asJSON bool, cancel func(engine.ID) error) error {
	for _, id := range ids {
		if err := cancel(id); err != nil {
			return err
		}
		if asJSON {
			if err := a.writeJSON(map[string]engine.ID{"cancelled": id}); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(a.out, "candidate %s is cancelled\n", id)
	}
	return nil
}
