package command

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/config"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/socket"
	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/ledger"
)

// steering is what all commands that steer a search have in common.
type steering struct {
	request string
	by      string
	turn    uint64
	json    bool
}

func (s *steering) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&s.request, "request", "", "a text that names this order: given again it changes nothing")
	f.StringVar(&s.by, "by", "command line", "who asks, for the log")
	f.Uint64Var(&s.turn, "at-turn", 0, "not now, but before this turn of the search")
	f.BoolVar(&s.json, "json", false, "print one JSON object")
}

// of is a request as the flags have it.
func (s *steering) of(r engine.Request) engine.Request {
	r.ID, r.By, r.AtTurn = s.request, s.by, s.turn
	return r
}

// Steer has a search carry out a request: in the process that runs it, or here. One
// without a name gets one, so that it may be given again if the answer is lost. It
// implements serve.Source.
func (a *app) Steer(ctx context.Context, dir string, r engine.Request) (engine.Receipt, error) {
	r.ID = cmp.Or(r.ID, rand.Text())
	if a.search != nil {
		return a.search.Steer(r)
	}
	if err := isDir(dir); err != nil {
		return engine.Receipt{}, err
	}
	if !begun(dir) {
		return engine.Receipt{}, nothingHere(dir)
	}
	var rec engine.Receipt
	err := socket.Reach(func() (err error) {
		rec, err = socket.Steer(ctx, dir, r)
		return err
	}, func() error {
		if doc, err := readConfig(filepath.Join(dir, configName)); err == nil && doc.Has("fleet") && r.Set != nil && r.Set.Workers != nil {
			return engine.NoWorkers()
		}
		led, err := ledger.Open(dir, ledger.Options{})
		if err != nil {
			return err
		}
		rec, err = engine.Steer(led, r, time.Now())
		return errors.Join(err, led.Close())
	})
	return rec, err
}

// receipt is what the JSON of a command with an answer of its own says of its request.
type receipt struct {
	Request string `json:"request,omitempty"`
	Seq     uint64 `json:"seq,omitempty"`
	Turn    uint64 `json:"turn,omitempty"`
}

func receiptOf(r engine.Receipt) receipt { return receipt{r.Request, r.Seq, r.Turn} }

// told says what came of a request: as JSON, or in words if it was carried out at once.
func (a *app) told(s steering, rec engine.Receipt, format string, args ...any) error {
	if s.json {
		return a.writeJSON(rec)
	}
	text := fmt.Sprintf(format, args...)
	if rec.Planned {
		text = fmt.Sprintf("planned for turn %d (%s)", rec.Turn, rec.Request)
	}
	if rec.Says != "" {
		text += ": " + rec.Says
	}
	if rec.Hint != "" {
		text += "; " + rec.Hint
	}
	_, err := fmt.Fprintln(a.out, show.Clean(text))
	return err
}

// steeringCommands change a search.
func (a *app) steeringCommands() []*cobra.Command {
	return []*cobra.Command{
		a.setCommand(), a.pauseCommand(), a.resumeCommand(), a.cancelCommand(), a.banCommand(), a.unbanCommand(), a.withdrawCommand(),
		a.pinCommand(), a.noteCommand(), a.labelCommand(), a.steerCommand(),
	}
}

// steeringCommand is one of them. ask reads what follows the directory, and says what to
// tell when it is done.
func (a *app) steeringCommand(cmd *cobra.Command, ask func(args []string) (engine.Request, string, error)) *cobra.Command {
	var s steering
	s.flags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		r, done, err := ask(args[1:])
		if err != nil {
			return err
		}
		rec, err := a.Steer(cmd.Context(), args[0], s.of(r))
		if err != nil {
			return err
		}
		if rec.Seq == 0 && !rec.Planned && !r.DryRun {
			done += "; it was so before, and nothing was changed"
		}
		return a.told(s, rec, "%s", done)
	}
	return cmd
}

// steerCommand carries out a request as programs write it.
func (a *app) steerCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "steer DIR [REQUEST]",
		Short: "Change a search by a request in JSON, for programs",
		Long: `Has the search in DIR carry out REQUEST, by default what standard input says: the
object that a running search takes on its socket, as docs/steering.md has it. Prints
what came of it as JSON.`,
		Example: `  nascent steer mnist1d '{"request": "r-17", "ban": "kernel = 7"}'`,
		Args:    cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			in := a.in
			if len(args) == 2 {
				in = strings.NewReader(args[1])
			}
			r, err := socket.ReadRequest(in)
			if err != nil {
				return err
			}
			r.By = cmp.Or(r.By, "steer")
			rec, err := a.Steer(cmd.Context(), args[0], r)
			if err != nil {
				return err
			}
			return a.writeJSON(rec)
		},
	}
}

func (a *app) setCommand() *cobra.Command {
	var dry bool
	var was []string
	cmd := a.steeringCommand(&cobra.Command{
		Use:   "set DIR KEY=VALUE...",
		Short: "Change limits, workers, the window or the hosts of a search",
		Long: `Changes the search in DIR, while it runs and while it does not: limits.evaluations,
limits.wall, limits.seconds, limits.target, workers, window and fleet.hosts, with values
as in a search.yaml; none takes a limit away. They hold until a run is started with others
than the last one was. A search that had ended goes on by: nascent run DIR.

What a search declares is changed by a command of its own: space, objectives, ties,
constraints, prefer, reference, and further metrics. A value may be @FILE, which holds
it or is a whole search.yaml. From the next turn on the strategy begins anew with the
candidates that fit; who does is said, with --dry-run before anything is changed. Where
the space has a gene more, --was says what it was in the candidates that there are:
without it none of them fits.`,
		Example: `  nascent set mnist1d limits.evaluations=500 workers=4
  nascent set mnist1d window=16 --at-turn 200
  nascent set mnist1d limits.wall=none
  nascent set mnist1d fleet.hosts=8
  nascent set mnist1d 'constraints=[{metric: parameters, max: 5000}]'
  nascent set mnist1d space=@wider.yaml --dry-run
  nascent set mnist1d space=@wider.yaml --at-turn 300
  nascent set mnist1d space=@dropout.yaml --was dropout=0`,
		Args: cobra.MinimumNArgs(2),
	}, func(args []string) (r engine.Request, done string, err error) {
		var declare, settings []string
		for _, arg := range args {
			if key, _, _ := strings.Cut(arg, "="); slices.Contains(config.Declaring, key) {
				declare = append(declare, arg)
			} else {
				settings = append(settings, arg)
			}
		}
		switch {
		case len(declare) == 0 && len(was) > 0:
			err = wrongInput("--was says what genes were that another space adds: give that, too, as space=@FILE")
		case len(declare) == 0:
			r.Set, err = config.Settings(settings)
		case len(settings) == 0:
			if r.Takeover, err = config.Takeover(declare); err == nil {
				r.Takeover.Was, err = config.Was(was)
			}
		default:
			err = wrongInput("%s: what a search declares is set by a command of its own; leave %s out", declare[0], settings[0])
		}
		if r.DryRun = dry; dry {
			return r, "nothing is changed yet", err
		}
		return r, "set " + strings.Join(args, " "), err
	})
	cmd.Flags().BoolVar(&dry, "dry-run", false, "say who would fit what the search is to declare, and change nothing")
	cmd.Flags().StringArrayVar(&was, "was", nil, wasUsage)
	return cmd
}

// wasUsage is that of --was.
const wasUsage = "what a gene that the space adds was in the candidates that there are: GENE=VALUE (may be repeated)"

func (a *app) pauseCommand() *cobra.Command {
	var now bool
	cmd := a.steeringCommand(&cobra.Command{
		Use:   "pause DIR",
		Short: "Let a search start nothing new",
		Long: `Lets the search in DIR start neither jobs nor turns until it is told to resume; jobs
that run are finished. It stays paused when it is stopped and run again.`,
		Example: `  nascent pause mnist1d
  nascent pause mnist1d --now         running jobs keep their progress and come back`,
		Args: cobra.ExactArgs(1),
	}, func([]string) (engine.Request, string, error) {
		return engine.Request{Pause: &engine.Pause{Now: now}}, "paused", nil
	})
	cmd.Flags().BoolVar(&now, "now", false, "call running jobs back, with what they can save")
	return cmd
}

func (a *app) resumeCommand() *cobra.Command {
	return a.steeringCommand(&cobra.Command{
		Use:   "resume DIR",
		Short: "Let a paused search go on",
		Long: `Ends the pause of the search in DIR. If nobody runs it, nascent run DIR does. It
cannot be planned: a paused search takes no turns, so its turn would not come.`,
		Example: `  nascent resume mnist1d`,
		Args:    cobra.ExactArgs(1),
	}, func([]string) (engine.Request, string, error) {
		return engine.Request{Resume: true}, "not paused any more", nil
	})
}

func (a *app) banCommand() *cobra.Command {
	return a.steeringCommand(&cobra.Command{
		Use:   "ban DIR CONDITION",
		Short: "Do not propose genomes of which a condition holds",
		Long: `From the next turn on the search in DIR proposes no genomes of which CONDITION holds:
one on genes, in the language of list --where. Jobs that were proposed before go on.
What a strategy gives in whole is invalid where the condition holds of it, and so is
what 32 draws do not keep clear of it. A ban that leaves nothing to draw is refused.`,
		Example: `  nascent ban mnist1d 'kernel = 7 and not norm'
  nascent ban mnist1d 'blocks.length > 6' --at-turn 300`,
		Args: cobra.ExactArgs(2),
	}, func(args []string) (engine.Request, string, error) {
		condition := strings.TrimSpace(args[0])
		if condition == "" {
			return engine.Request{}, "", wrongInput("there is no condition; write one, as in 'kernel = 7 and not norm'")
		}
		return engine.Request{Ban: condition}, "banned: " + condition, nil
	})
}

func (a *app) unbanCommand() *cobra.Command {
	return a.steeringCommand(&cobra.Command{
		Use:     "unban DIR CONDITION",
		Short:   "End a ban, named in the same words",
		Long:    `Ends a ban of the search in DIR, from the next turn on. status has the bans.`,
		Example: `  nascent unban mnist1d 'kernel = 7 and not norm'`,
		Args:    cobra.ExactArgs(2),
	}, func(args []string) (engine.Request, string, error) {
		condition := strings.TrimSpace(args[0])
		if condition == "" {
			return engine.Request{}, "", wrongInput("there is no condition; status has the bans")
		}
		return engine.Request{Unban: condition}, "not banned any more: " + condition, nil
	})
}

func (a *app) withdrawCommand() *cobra.Command {
	return a.steeringCommand(&cobra.Command{
		Use:   "withdraw DIR NAME",
		Short: "Take back what is planned for a later turn",
		Long: `Has the search in DIR not do what was ordered with --at-turn, if its turn has not come.
NAME is what --request called it; status has the names of all that is planned.`,
		Example: `  nascent pause mnist1d --at-turn 300 --request halt
  nascent withdraw mnist1d halt`,
		Args: cobra.ExactArgs(2),
	}, func(args []string) (engine.Request, string, error) {
		if args[0] == "" {
			return engine.Request{}, "", wrongInput("there is no name; status has those of what is planned")
		}
		return engine.Request{Withdraw: args[0]}, "not planned any more: " + args[0], nil
	})
}

func (a *app) pinCommand() *cobra.Command {
	var remove bool
	cmd := a.steeringCommand(&cobra.Command{
		Use:   "pin DIR ID...",
		Short: "Keep the files of candidates",
		Long: `Keeps what candidates of the search in DIR left, such as checkpoints, for as long as
the search, however good others are. What jobs go on from is decided as without it.`,
		Example: `  nascent pin mnist1d 57
  nascent pin mnist1d 57 --remove`,
		Args: cobra.MinimumNArgs(2),
	}, func(args []string) (engine.Request, string, error) {
		ids, err := parseIDs(args)
		if remove {
			return engine.Request{Unpin: ids}, "not pinned any more: " + strings.Join(args, " "), err
		}
		return engine.Request{Pin: ids}, "pinned: " + strings.Join(args, " "), err
	})
	cmd.Flags().BoolVar(&remove, "remove", false, "let the files go as if they had not been pinned")
	return cmd
}

func (a *app) noteCommand() *cobra.Command {
	return a.steeringCommand(&cobra.Command{
		Use:     "note DIR TEXT",
		Short:   "Write a line into a search's log",
		Long:    `Writes a line of text, up to 1,000 bytes, into the log of the search in DIR.`,
		Example: `  nascent note mnist1d 'moved to the other machine'`,
		Args:    cobra.ExactArgs(2),
	}, func(args []string) (engine.Request, string, error) {
		if strings.TrimSpace(args[0]) == "" {
			return engine.Request{}, "", wrongInput("there is no text in the note")
		}
		return engine.Request{Note: args[0]}, "noted", nil
	})
}

func (a *app) cancelCommand() *cobra.Command {
	var s steering
	cmd := &cobra.Command{
		Use:   "cancel DIR ID...",
		Short: "End jobs that have no result yet: they fail, at their place",
		Long: `Ends the jobs of candidates in DIR that run or wait, all or none. They fail and are
not tried again; the search goes on without them, and what was to share their results
is measured itself. That is journaled, so the search can still be replayed. In a
search that is not running its next run finds them cancelled.`,
		Example: `  nascent cancel mnist1d 57`,
		Args:    cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			ids, err := parseIDs(args[1:])
			if err != nil {
				return err
			}
			rec, err := a.Steer(cmd.Context(), args[0], s.of(engine.Request{Cancel: ids}))
			if err != nil {
				return err
			}
			if rec.Planned {
				return a.told(s, rec, "")
			}
			for _, id := range ids {
				if s.json {
					err = a.writeJSON(struct {
						Cancelled engine.ID `json:"cancelled"`
						receipt
					}{id, receiptOf(rec)})
				} else {
					_, err = fmt.Fprintf(a.out, "candidate %s is cancelled\n", id)
				}
				if err != nil {
					return err
				}
			}
			return nil
		},
	}
	s.flags(cmd)
	return cmd
}

// parseIDs reads candidates, each of them once.
func parseIDs(args []string) (ids []engine.ID, err error) {
	for _, arg := range args {
		id, err := engine.ParseID(arg)
		if err != nil {
			return nil, wrongInput("%v", err)
		}
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids, nil
}
