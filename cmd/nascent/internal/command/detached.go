package command

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"sync/atomic"
	"time"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/socket"
	"github.com/nascent-nas/nascent/engine/ledger"
	"github.com/nascent-nas/nascent/internal/safe"
)

// logName is the log of a search that nobody watches, among those of its plugins.
const logName = "nascent.log"

// runDetached runs a search for the client that starts it. Where another process runs
// it, which the client then finds, there is nothing to do; one that is just beginning or
// ending is waited for.
func (a *app) runDetached(ctx context.Context, path string, c choices, t *target, m manner) error {
	a.err = &logged{Writer: a.err}
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		err := a.run(ctx, t, m)
		var locked *ledger.LockedError
		if !errors.As(err, &locked) {
			return err
		}
		if socket.Ask(ctx, t.dir, socket.Request{Args: []string{"status", "--json"}}, io.Discard) == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return err
		}
		if t, err = resolve(path, c); err != nil {
			return err
		}
	}
}

// logged is standard error, and a log as soon as there is one.
type logged struct {
	io.Writer
	log atomic.Pointer[os.File]
}

func (l *logged) Write(b []byte) (int, error) {
	if log := l.log.Load(); log != nil {
		log.Write(b) // as good as it can
	}
	return l.Writer.Write(b)
}

// keepLog writes what goes to standard error into the log of a search, too.
func (a *app) keepLog(dir string) (close func(), err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	const logs = "logs"
	if err := root.Mkdir(logs, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	folder, err := safe.Folder(root, logs)
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	log, err := safe.OpenFile(folder, logName, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	a.err.(*logged).log.Store(log)
	return func() {
		a.err.(*logged).log.Store(nil)
		log.Close()
	}, nil
}
