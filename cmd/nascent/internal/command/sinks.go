package command

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/config"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/follow"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/ledger"
)

// announcing is a ledger that says when something was committed.
type announcing struct {
	*ledger.Ledger
	news func()
}

// Commit implements engine.Ledger.
func (l *announcing) Commit(c *engine.Change) error {
	err := l.Ledger.Commit(c)
	if err == nil && l.news != nil {
		l.news()
	}
	return err
}

// leftAtTheEnd is how long a run that has ended waits for those who are told of it.
const leftAtTheEnd = 30 * time.Second

// to has sinks told of what the ledger is to hold, until done is called. That waits for
// them, but not once a signal comes, and returns what they are still to be told.
func (l *announcing) to(
	sinks []follow.Sink, dir string, live show.Live, say func(string), signals <-chan os.Signal,
) (done func() error, err error) {
	if len(sinks) == 0 {
		return func() error { return nil }, nil
	}
	f, err := follow.Follow(dir, l.Ledger, func() (*follow.Search, error) {
		v, err := live()
		if err != nil {
			return nil, err
		}
		return &follow.Search{Ledger: l.Ledger, Name: v.Status().Name, Dir: dir}, nil
	}, sinks, say)
	if err != nil {
		return nil, err
	}
	l.news = f.News
	return func() error {
		ctx, cancel := context.WithTimeout(context.Background(), leftAtTheEnd)
		defer cancel()
		go func() {
			select {
			case <-signals:
				cancel()
			case <-ctx.Done():
			}
		}()
		return f.Close(ctx)
	}, nil
}

// tellLeft has the sinks of a search that has ended told what they are still to be told.
func (a *app) tellLeft(s *config.Search, v *show.View) error {
	led, ok := v.Ledger.(*ledger.Ledger)
	if !ok {
		return nil
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	left := &announcing{Ledger: led}
	tell, err := left.to(sinksOf(s), v.Dir, func() (*show.View, error) { return v, nil }, func(string) {}, signals)
	if err == nil {
		a.untold(tell(), v.Dir)
	}
	return err
}

// sinksOf are those who are told what a search commits.
func sinksOf(s *config.Search) (all []follow.Sink) {
	for _, h := range s.Hooks {
		hook := &follow.Hook{Command: h.Command, Folder: s.PluginFolder, Timeout: h.Timeout}
		for _, e := range h.On {
			hook.On = append(hook.On, follow.Event(e))
		}
		all = append(all, hook)
	}
	if s.TensorBoard != "" {
		all = append(all, &follow.TensorBoard{Dir: s.TensorBoard})
	}
	if s.MLflow != "" {
		all = append(all, &follow.MLflow{URI: s.MLflow})
	}
	return all
}

// untold says what somebody is still to be told, one line each.
func (a *app) untold(err error, dir string) {
	if err == nil {
		return
	}
	for line := range strings.Lines(err.Error()) {
		fmt.Fprintf(a.err, "nascent: %s; it is told again by: %s run %s\n", strings.TrimSpace(line), show.Program(), quote(shortest(dir)))
	}
}
