package command

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/fleet"
	"github.com/nascent-nas/nascent/fleet/place"
	"github.com/nascent-nas/nascent/plugins/host"
	"github.com/nascent-nas/nascent/plugins/trainer/isa"
)

func (a *app) hostCommand() *cobra.Command {
	o := fleet.ServeOptions{Machine: fleet.Machine{Cores: runtime.NumCPU(), Memory: memory(), Instance: rand.Text()}}
	o.Machine.Name, _ = os.Hostname()
	var until string
	var prepared bool
	cmd := &cobra.Command{
		Use:   "host PATH",
		Short: "Carry out jobs of a search that runs on another machine",
		Long: `Joins the search in the directory PATH, or of the ticket in the file PATH (- for
one whose text is in the environment, as NASCENT_TICKET), and carries out its
jobs until the search has come to its end. The search's search.yaml says
fleet: {on: manual}.

The ticket is DIR/fleet/ticket.json. Whoever has it can take part in the search.
The host must run the same version of nascent, and have the data and the packages
that the evaluator needs; the evaluator itself comes from the search. fleet.setup
of the search, lines for bash, comes first: where one of them fails the host is
not started.

Ctrl-C or SIGTERM: jobs save their progress, and go on elsewhere. The same in
time before --until (default: NASCENT_UNTIL, in Unix seconds), when whoever
started the host will end it; no job is begun that takes longer, as far as is
known. While the coordinator is away the host goes on with what it has, and
keeps the results.`,
		Example: `  nascent host /shared/mnist1d
  nascent host ticket.json --slots 4 --name gpu-7 --until 12h`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("slots") && o.Machine.Slots == 0 {
				return wrongInput("--slots 0: it takes a number from 1 to %d, or leave it out", engine.MaxWorkers)
			}
			if err := prepare(args[0], prepared); err != nil {
				return err
			}
			var err error
			if o.Ticket, err = ticketAt(args[0]); err != nil {
				return err
			}
			if o.Until, err = untilOf(until, time.Now()); err != nil {
				return err
			}
			return a.host(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	f.IntVar(&o.Machine.Slots, "slots", 0, "jobs at once (default: fleet.slots of the search, or what a process of the evaluator takes)")
	f.StringVar(&o.Machine.Name, "name", o.Machine.Name, "what the search calls this host")
	f.StringVar(&o.Machine.Kind, "kind", "", "of which kind it is, for searches that take one kind only: fleet.kind")
	f.DurationVar(&o.Gone, "gone", 10*time.Minute, "end when the search's machine has been away for so long")
	f.DurationVar(&o.Grace, "grace", 30*time.Second, "how long jobs may take to save their progress at the end")
	f.StringVar(&until, "until", "", "when whoever started this host ends it: a duration from now, or a time (default: none)")
	f.BoolVar(&prepared, "prepared", false, "fleet.setup of the search has been carried out")
	f.MarkHidden("prepared")
	f.StringVar(&o.Dir, "dir", "", "directory for files and logs (default: a temporary one)")
	return cmd
}

// prepare has a shell carry out what the search says that comes before a host, which then
// becomes this host again.
func prepare(path string, prepared bool) error {
	ticket, err := ticketOf(path)
	if prepared || err != nil || ticket.Setup == "" { // what is wrong is said by who needs it
		return nil
	}
	shell, err := exec.LookPath("bash")
	if err != nil {
		return fmt.Errorf("fleet.setup in the search's search.yaml is for bash, which is not here: %w", err)
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	const failed = `trap 'echo "nascent: a line of fleet.setup in search.yaml has failed, so this host is not started" >&2' EXIT` + "\n"
	args := append([]string{"bash", "-lc", failed + place.Before(ticket.Setup) + `exec "$0" "$@"`, program}, os.Args[1:]...)
	return unix.Exec(shell, append(args, "--prepared"), os.Environ())
}

// ticketOf reads the ticket once.
func ticketOf(path string) (fleet.Ticket, error) {
	if path == "-" {
		return fleet.ParseTicket(ticketVariable, []byte(os.Getenv(ticketVariable)))
	}
	return fleet.ReadTicket(ticketFile(path))
}

// ticketFile is where the ticket lies: below the directory of its search, or there.
func ticketFile(path string) string {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return filepath.Join(path, fleetName, ticketName)
	}
	return path
}

// ticketVariable has the text of a ticket, for hosts that share no directory with the
// search. Whatever a host starts does not get it.
const ticketVariable = "NASCENT_TICKET"

// ticketAt is how a host comes by its ticket, each time that it looks for the search.
func ticketAt(path string) (func() (fleet.Ticket, error), error) {
	if path == "-" {
		text, given := os.LookupEnv(ticketVariable)
		if !given {
			return nil, wrongInput("-: there is no %s in the environment; set it to what DIR/%s/%s holds", ticketVariable, fleetName, ticketName)
		}
		os.Unsetenv(ticketVariable)
		ticket, err := fleet.ParseTicket(ticketVariable, []byte(text))
		if err != nil {
			return nil, &inputError{err.Error()}
		}
		return func() (fleet.Ticket, error) { return ticket, nil }, nil
	}
	at := ticketFile(path)
	switch _, err := fleet.ReadTicket(at); {
	case errors.Is(err, fs.ErrNotExist):
		return nil, wrongInput("%s has no ticket for hosts: run the search with fleet: {on: manual} in its search.yaml", path)
	case err != nil:
		return nil, &inputError{err.Error()}
	}
	return func() (fleet.Ticket, error) { return fleet.ReadTicket(at) }, nil
}

// untilVariable says when a host is ended by whoever started it, in Unix seconds.
const untilVariable = "NASCENT_UNTIL"

// untilOf is when a host is ended by whoever started it; zero if nobody says.
func untilOf(flag string, now time.Time) (time.Time, error) {
	what, text := "--until", flag
	if text == "" {
		if what, text = untilVariable, os.Getenv(untilVariable); text == "" {
			return time.Time{}, nil
		}
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return time.Unix(n, 0), nil
	}
	if d, err := time.ParseDuration(text); err == nil && d > 0 {
		return now.Add(d), nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", time.DateTime, "2006-01-02 15:04"} {
		if t, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			return t, nil
		}
	}
	return time.Time{}, wrongInput("%s %s: it takes a duration from now, such as 12h, a time, such as %s, or Unix seconds",
		what, text, now.Add(12*time.Hour).Format("2006-01-02T15:04:05"))
}

// host carries out jobs until the search, a signal or the coordinator's absence ends that.
func (a *app) host(ctx context.Context, o fleet.ServeOptions) error {
	if o.Machine.Slots < 0 || o.Machine.Slots > engine.MaxWorkers {
		return wrongInput("--slots %d: it takes a number from 1 to %d", o.Machine.Slots, engine.MaxWorkers)
	}
	if strings.TrimSpace(o.Machine.Name) == "" || show.Clean(o.Machine.Name) != o.Machine.Name {
		return wrongInput("--name %q: it takes a word, such as gpu-7", o.Machine.Name)
	}
	if o.Gone <= 0 {
		return wrongInput("--gone %s: it takes a duration above 0, such as 10m", o.Gone)
	}
	if o.Grace < 0 {
		return wrongInput("--grace %s: it takes a duration, such as 30s", o.Grace)
	}
	if info, err := os.Stat(o.Dir); o.Dir != "" && (err != nil || !info.IsDir()) {
		return wrongInput("--dir %s: there is no such directory: make it, or leave it out", o.Dir)
	}
	switch left := time.Until(o.Until); {
	case o.Until.IsZero():
	case left <= 0:
		return wrongInput("this host was to end at %s, and that is over: say another time by --until or %s", o.Until.Format(time.DateTime), untilVariable)
	case left < 2*o.Grace:
		return wrongInput("this host is to end at %s, %s from now: jobs may take %s to save their progress (--grace), so none is begun",
			o.Until.Format(time.DateTime), left.Round(time.Second), o.Grace)
	}
	o.Log = func(format string, args ...any) {
		fmt.Fprintln(a.err, time.Now().Format(time.TimeOnly), fmt.Sprintf(format, args...))
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	ended := context.AfterFunc(ctx, func() {
		stop() // once more ends it at once
		o.Log("leaving: jobs have %s to save their progress", o.Grace)
	})
	defer ended()
	dir, leave, err := workIn(cmp.Or(o.Dir, os.TempDir()))
	if err != nil {
		return err
	}
	defer leave()
	logs := filepath.Join(dir, "logs")
	if o.Dir != "" {
		logs = filepath.Join(o.Dir, "logs")
	}
	o.Dir = dir
	o.Machine.Kernels, o.Machine.GPUs = kernels(), gpus(ctx)
	ticket, err := o.Ticket()
	if err != nil {
		return err
	}
	o.Evaluator = opening(logs, "hosts of "+ticket.Search) // what those left that were killed is ended
	defer outlive()()
	err = fleet.Serve(ctx, o)
	if errors.Is(err, fleet.ErrEnds) || ctx.Err() != nil && (err == nil || errors.Is(err, context.Cause(ctx))) {
		return nil
	}
	return err
}

// kernels are the sets that this machine may compute with, the fastest last.
func kernels() (names []string) {
	wish := os.Getenv(host.EnvKernels)
	for _, set := range isa.Available() {
		if names = append(names, set.String()); set.String() == wish {
			return []string{wish}
		}
	}
	return names
}

// gpus are the names of those that this process may use, as far as nvidia-smi tells.
func gpus(ctx context.Context) []string {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	text, err := exec.CommandContext(ctx, "nvidia-smi", "--query-gpu=index,uuid,name", "--format=csv,noheader").Output()
	if err != nil {
		return nil
	}
	visible, limited := os.LookupEnv("CUDA_VISIBLE_DEVICES")
	return gpusOf(string(text), visible, limited)
}

// gpusOf are the names of those in nvidia-smi's list that CUDA_VISIBLE_DEVICES leaves, if
// that is set: by number, or by UUID or its beginning.
func gpusOf(list, visible string, limited bool) (names []string) {
	for line := range strings.Lines(list) {
		f := strings.SplitN(strings.TrimSpace(line), ", ", 3)
		if len(f) < 3 {
			continue
		}
		seen := func(word string) bool {
			word = strings.TrimSpace(word)
			return word == f[0] || strings.HasPrefix(word, "GPU-") && strings.HasPrefix(f[1], word)
		}
		if !limited || slices.ContainsFunc(strings.Split(visible, ","), seen) {
			names = append(names, f[2])
		}
	}
	return names
}

// memory is how much this machine has, in bytes; 0 if it does not say.
func memory() int64 {
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) != nil {
		return 0
	}
	return int64(info.Totalram) * int64(info.Unit)
}
