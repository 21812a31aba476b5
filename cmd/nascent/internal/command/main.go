// Package command is nascent's command line: one file for each command, the
// shared ground in main.go (what everything starts from), open.go (looking at
// a search), target.go (which search), plugins.go (which programs).
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/config"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/socket"
	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/ledger"
	"github.com/nascent-nas/nascent/fleet"
)

// Exit statuses.
const (
	exitOK      = 0 // finished, or stopped cleanly
	exitTrouble = 1 // anything else
	exitInput   = 2 // wrong input; nothing was changed
	exitDamaged = 3 // the ledger is not what was written
	exitPaused  = 4 // evaluations kept failing
)

// app is one invocation.
type app struct {
	args   []string // as given
	in     io.Reader
	out    io.Writer // what people read, and JSON
	err    io.Writer
	data   io.Writer // where out leads, for files of other programs
	screen *os.File  // where err leads, if that is a terminal
	paper  *os.File  // where out leads, likewise
	width  int       // of the terminal that out leads to, 0 if there is none
	colour bool      // it can show colours

	live   func() (*show.View, error) // set where the invocation comes from another process: the running search
	search *engine.Search             // likewise: itself
	hosts  *fleet.Fleet               // likewise: who carries its jobs out; nil: this machine

	began bool // the command line was understood
}

// Main runs nascent and returns its exit status.
func Main(args []string, in io.Reader, out, stderr io.Writer) int {
	a := &app{args: args, in: in, out: show.NewPrinter(out), err: show.NewPrinter(stderr), data: out}
	if a.width, a.colour = terminal(out); a.width > 0 {
		a.data, a.paper = a.out, out.(*os.File)
	}
	if width, colour := terminal(stderr); width > 0 && colour {
		a.screen = stderr.(*os.File)
	}
	err := a.execute(context.Background())
	var known *reported
	if err != nil && !errors.As(err, &known) {
		fmt.Fprintln(a.err, "nascent: "+oneLine(err))
	}
	return exitStatus(err)
}

// reported is an error that the user has been told of.
type reported struct{ error }

func (r *reported) Unwrap() error { return r.error }

// execute carries the command out.
func (a *app) execute(ctx context.Context) error {
	root := a.root()
	root.SetArgs(a.args)
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	err := root.ExecuteContext(ctx)
	var usage *usageError
	if err != nil && !a.began && !errors.As(err, &usage) {
		return &usageError{err}
	}
	return err
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "nascent",
		Short: "Search for neural-network architectures by evolution",
		Long: `Nascent searches for neural-network architectures (or anything else that a
search.yaml declares) by evolution, for days if need be, and forgets nothing.

A search lives in a directory of its own. "run" starts it and goes on with it;
all other commands look at it, while it runs and afterwards.`,
		Example: `  nascent run mnist1d                 evolve a network on MNIST-1D
  nascent run search.yaml --dir s     a search of your own, kept in s
  nascent status s                    where it stands
  nascent list s --sort -accuracy     its candidates, best first
  nascent init mine --evaluator       begin an evaluator of your own in Go

Exit status: 0 finished or stopped cleanly, 1 trouble, 2 wrong input,
3 damaged ledger, 4 paused by repeated failures.`,
		SilenceErrors:    true,
		SilenceUsage:     true,
		PersistentPreRun: func(*cobra.Command, []string) { a.began = true },
		Args:             cobra.NoArgs,
		RunE:             func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.CompletionOptions.HiddenDefaultCmd = false
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &usageError{flagError(err)} })
	looking := []*cobra.Command{
		a.statusCommand(), a.listCommand(), a.showCommand(), a.exportCommand(), a.digestCommand(), a.stopCommand(),
		a.logCommand(), a.importanceCommand(), a.reportCommand(), a.feedCommand(), a.fleetCommand(),
	}
	looking = append(looking, a.steeringCommands()...)
	root.AddCommand(looking...)
	root.AddCommand(a.importCommand(), a.addCommand())
	if a.live == nil {
		root.AddCommand(a.initCommand(), a.runCommand(), a.benchCommand(), a.compareCommand(), a.serveCommand(), a.watchCommand(),
			a.hostCommand(),
			a.branchCommand(), a.rewindCommand(), a.mergeCommand(), a.diffCommand(),
			a.testCommand(), a.checkCommand(), a.replayCommand(),
			a.sampleCommand(), a.spaceCommand(), a.evaluateCommand(), a.pluginsCommand(), a.manCommand(), a.versionCommand())
	}
	return root
}

// flagError says what a flag takes in place of what a reader of Go's made of it.
func flagError(err error) error {
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) {
		if n := unknown.GetSpecifiedShortnames(); n != "" && strings.Trim(n, "0123456789.") == "" {
			return fmt.Errorf("-%s is taken for a flag, and there is none of that name", n)
		}
	}
	var wrong *pflag.InvalidValueError
	if !errors.As(err, &wrong) {
		return err
	}
	takes := map[string]string{
		"int": "a whole number", "int64": "a whole number", "uint64": "a whole number from 0 on", "float64": "a number",
		"bool": "true or false, or stands alone", "duration": "a duration such as 90s or 2h",
	}
	flag := wrong.GetFlag()
	what, ok := takes[flag.Value.Type()]
	if !ok {
		return err
	}
	return fmt.Errorf("--%s %s: it takes %s", flag.Name, wrong.GetValue(), what)
}

// usageError is a command line that was not understood.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() + "; see nascent --help" }
func (e *usageError) Unwrap() error { return e.err }

// inputError is wrong input that is not in a search.yaml.
type inputError struct{ text string }

func (e *inputError) Error() string { return e.text }

func wrongInput(format string, args ...any) error { return &inputError{fmt.Sprintf(format, args...)} }

// exitStatus is the status that an error stands for.
func exitStatus(err error) int {
	var remote *socket.RemoteError
	var locked *ledger.LockedError
	var bad *config.Error
	var usage *usageError
	var input *inputError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &remote):
		return remote.Exit
	case errors.As(err, &locked):
		return exitTrouble
	case errors.Is(err, engine.ErrPaused):
		return exitPaused
	case errors.Is(err, engine.ErrDamaged):
		return exitDamaged
	case errors.As(err, &bad), errors.As(err, &usage), errors.As(err, &input),
		errors.Is(err, engine.ErrConfig), errors.Is(err, engine.ErrEmpty):
		return exitInput
	}
	return exitTrouble
}

// oneLine is an error's text on one line, without what its exit status says.
func oneLine(err error) string {
	text := strings.TrimPrefix(err.Error(), engine.ErrConfig.Error()+": ")
	return strings.Join(strings.Fields(text), " ")
}

// terminal tells how wide the terminal is that w leads to, and whether it shows
// colours; 0 if it is none.
func terminal(w io.Writer) (width int, colour bool) {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0, false
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil || width <= 0 {
		width = 80
	}
	return width, os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}
