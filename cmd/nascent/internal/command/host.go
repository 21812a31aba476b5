package command

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/fleet"
	"github.com/nascent-nas/nascent/plugins/host"
)

func (a *app) hostCommand() *cobra.Command {
	o := fleet.ServeOptions{Machine: fleet.Machine{Cores: runtime.NumCPU(), Memory: memory(), Instance: rand.Text()}}
	o.Machine.Name, _ = os.Hostname()
	cmd := &cobra.Command{
		Use:   "host PATH",
		Short: "Carry out jobs of a search that runs on another machine",
		Long: `Joins the search in the directory PATH, or of the ticket in the file PATH, and
carries out its jobs until the search has come to its end. The search's
search.yaml says fleet: {on: manual}.

The ticket is DIR/fleet/ticket.json. Whoever has it can take part in the search.
The host must run the same version of nascent, and find the evaluator and its
data where the search's machine finds them.

Ctrl-C or SIGTERM: jobs save their progress, and go on elsewhere. While the
coordinator is away the host goes on with what it has, and keeps the results.`,
		Example: `  nascent host /shared/mnist1d
  nascent host ticket.json --slots 4 --name gpu-7`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			path := args[0]
			if info, err := os.Stat(path); err == nil && info.IsDir() {
				path = filepath.Join(path, fleetName, ticketName)
			}
			switch _, err := fleet.ReadTicket(path); {
			case errors.Is(err, fs.ErrNotExist):
				return wrongInput("%s has no ticket for hosts: run the search with fleet: {on: manual} in its search.yaml", args[0])
			case err != nil:
				return &inputError{err.Error()}
			}
			o.Ticket = func() (fleet.Ticket, error) { return fleet.ReadTicket(path) }
			return a.host(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	f.IntVar(&o.Machine.Slots, "slots", 0, "jobs at once (default: fleet.slots of the search, or what a process of the evaluator takes)")
	f.StringVar(&o.Machine.Name, "name", o.Machine.Name, "what the search calls this host")
	f.DurationVar(&o.Gone, "gone", 10*time.Minute, "end when the search's machine has been away for so long")
	f.DurationVar(&o.Grace, "grace", 30*time.Second, "how long jobs may take to save their progress at the end")
	f.StringVar(&o.Dir, "dir", "", "directory for files and logs (default: a temporary one)")
	return cmd
}

// host carries out jobs until the search, a signal or the coordinator's absence ends that.
func (a *app) host(ctx context.Context, o fleet.ServeOptions) error {
	if o.Machine.Slots < 0 || o.Machine.Slots > engine.MaxWorkers {
		return wrongInput("--slots %d: it takes a number from 1 to %d", o.Machine.Slots, engine.MaxWorkers)
	}
	dir, err := os.MkdirTemp(o.Dir, "nascent-host-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	logs := filepath.Join(dir, "logs")
	if o.Dir != "" {
		logs = filepath.Join(o.Dir, "logs")
	}
	o.Dir = dir
	o.Log = func(format string, args ...any) {
		fmt.Fprintln(a.err, time.Now().Format(time.TimeOnly), fmt.Sprintf(format, args...))
	}
	o.Evaluator = func(s fleet.Spec) (engine.Evaluator, error) {
		var p placed
		if err := json.Unmarshal(s.Use, &p); err != nil {
			return nil, err
		}
		found, err := host.Find(host.KindEvaluator, p.Use, p.Dirs...)
		if err != nil {
			return nil, fmt.Errorf("%w, on this host; hosts find programs where the search's machine does", err)
		}
		return host.Evaluator(found, host.Options{
			Folder: p.Folder, LogDir: logs, Level: hclog.LevelFromString(p.Level), Plaintext: p.Plaintext, Env: p.Env, SearchID: o.Machine.Instance,
		}), nil
	}
	defer outlive()()
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	ended := context.AfterFunc(ctx, func() {
		stop() // once more ends it at once
		o.Log("leaving: jobs have %s to save their progress", o.Grace)
	})
	defer ended()
	err = fleet.Serve(ctx, o)
	if ctx.Err() != nil && (err == nil || errors.Is(err, context.Cause(ctx))) {
		return nil
	}
	return err
}

// memory is how much this machine has, in bytes; 0 if it does not say.
func memory() int64 {
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) != nil {
		return 0
	}
	return int64(info.Totalram) * int64(info.Unit)
}
