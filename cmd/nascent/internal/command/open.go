package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/socket"
	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/index"
	"github.com/nascent-nas/nascent/engine/ledger"
)

// patience is how long to wait for a process that is just beginning or ending.
const patience = 5 * time.Second

// look has f look at the search in dir: here, if it is stopped, or in the
// process that runs it, which then carries out args (this invocation's, if
// there are none) and prints to out.
func (a *app) look(ctx context.Context, dir string, args []string, out io.Writer, f func(*show.View) error) error {
	return a.visit(ctx, dir, args, out, f, func() error {
		v, done, err := inspect(dir)
		if err != nil {
			return err
		}
		defer done()
		return f(v)
	})
}

// rows has f look at the consumed candidates of the search in dir, as look does.
func (a *app) rows(ctx context.Context, dir string, args []string, out io.Writer, f func(*show.Rows) error) error {
	live := func(v *show.View) error {
		led, ok := v.Ledger.(*ledger.Ledger)
		if !ok {
			return errors.New("this search is kept in memory alone, and has no list")
		}
		x, err := index.Open(dir, led, false)
		if err != nil {
			return err
		}
		x.Add(v.Candidates())
		labels, err := engine.ReadLabels(led)
		if err != nil {
			return err
		}
		return f(show.RowsOf(x, v.Archive, v.Metrics, labels, dir))
	}
	return a.visit(ctx, dir, args, out, live, func() error {
		led, err := openStopped(dir)
		if err != nil {
			return err
		}
		defer led.Close()
		r, err := rowsOf(led, dir, true)
		if err != nil {
			return err
		}
		return f(r)
	})
}

// rowsOf reads those that are consumed, from a copy of a search's ledger. keep tells
// whether the index is to be kept.
func rowsOf(led *ledger.Ledger, dir string, keep bool) (*show.Rows, error) {
	plan, x, err := indexed(led, dir, keep)
	if err != nil {
		return nil, err
	}
	labels, err := engine.ReadLabels(led)
	if err != nil {
		return nil, err
	}
	return show.RowsOf(x, plan, plan.Metrics(), labels, dir), nil
}

// indexed reads what a search is, and its index.
func indexed(led *ledger.Ledger, dir string, keep bool) (*engine.Archive, *index.Index, error) {
	plan, err := engine.ReadPlan(led)
	if err != nil {
		return nil, nil, orNothing(err, dir)
	}
	x, err := index.Open(dir, led, keep)
	return plan, x, err
}

// visit has live look at a search that this process runs; else asks the process that
// runs it, as look does, or has stopped look at what lies in dir.
func (a *app) visit(ctx context.Context, dir string, args []string, out io.Writer, live func(*show.View) error,
	stopped func() error) error {
	if a.live != nil {
		v, err := a.live()
		if err != nil {
			return err
		}
		return live(v)
	}
	if err := isDir(dir); err != nil {
		return err
	}
	if args == nil {
		args = a.args
	}
	return socket.Reach(func() error {
		return socket.Ask(ctx, dir, socket.Request{Args: args, Width: a.width, Colour: a.colour}, out)
	}, stopped)
}

// openStopped reads the ledger of a stopped search.
func openStopped(dir string) (*ledger.Ledger, error) {
	led, err := ledger.Inspect(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nothingHere(dir)
	}
	return led, err
}

// openAny reads the ledger of a search, whether it runs or not.
func openAny(ctx context.Context, dir string) (led *ledger.Ledger, running bool, err error) {
	led, running, err = socket.Inspect(ctx, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nothingHere(dir)
	}
	return led, running, err
}

// orNothing is the error of reading a ledger.
func orNothing(err error, dir string) error {
	if errors.Is(err, engine.ErrEmpty) {
		return nothingHere(dir)
	}
	return err
}

// inspect opens a stopped search for reading.
func inspect(dir string) (*show.View, func(), error) {
	led, err := openStopped(dir)
	if err != nil {
		return nil, nil, err
	}
	archive, err := engine.Read(led)
	if err != nil {
		led.Close()
		return nil, nil, orNothing(err, dir)
	}
	return show.Of(archive, archive, led, dir), func() { led.Close() }, nil
}

// newError says that no search has begun in a directory.
type newError struct {
	dir       string
	described bool // a search.yaml is there
}

func (e *newError) Error() string {
	if e.described {
		return "no search has begun in " + e.dir + "; begin it with: " + show.Program() + " run " + quote(e.dir)
	}
	return e.dir + " is no search directory (it holds neither ledger.db nor search.yaml); name the directory that a search was run in"
}

func (e *newError) Unwrap() error { return engine.ErrEmpty }

func nothingHere(dir string) error {
	_, err := os.Stat(filepath.Join(dir, configName))
	return &newError{dir: dir, described: err == nil}
}

// isDir refuses what is no directory, and what cannot be a search's (see
// ledger.Vet), before anything in it is opened.
func isDir(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return wrongInput("%s: there is no such directory; name the directory that a search was run in", dir)
	case err != nil:
		return wrongInput("%s: %v", dir, errors.Unwrap(err))
	case !info.IsDir():
		return wrongInput("%s is no directory; name the directory that a search was run in", dir)
	}
	return ledger.Vet(dir)
}

// directory is the argument that names a search directory, by default the
// current one.
func directory(args []string) string {
	if len(args) == 0 {
		return "."
	}
	return args[0]
}

// writeJSON prints a value as one line, or indented where people look.
func (a *app) writeJSON(v any) error {
	enc := json.NewEncoder(a.out)
	enc.SetEscapeHTML(false)
	if a.width > 0 {
		enc.SetIndent("", "  ")
	}
	return enc.Encode(v)
}

// lines is the width to print for.
func (a *app) lines() int {
	if a.width == 0 {
		return 100
	}
	return a.width
}

// notRunning refuses what needs a search to itself.
func notRunning(err error, dir string) error {
	var locked *ledger.LockedError
	if errors.As(err, &locked) && locked.PID != 0 && locked.Host == "" {
		return fmt.Errorf("%w; this needs it stopped: %s stop %s", err, show.Program(), quote(dir))
	}
	return err
}

// quote makes a path safe to paste into a shell.
func quote(s string) string { return show.Quote(s) }
