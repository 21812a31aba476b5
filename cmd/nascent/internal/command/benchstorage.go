package command

import (
	"context"
	"path/filepath"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/bench"
	"github.com/nascent-nas/nascent/engine"
)

// inDirectory is an ordinary search.
type inDirectory struct{ target *target }

func (h *inDirectory) finished() bool {
	if !begun(h.target.dir) {
		return false
	}
	s, err := h.target.doc.Read()
	if err != nil {
		return false
	}
	v, done, err := inspect(h.target.dir)
	if err != nil {
		return false // whoever runs it says why
	}
	defer done()
	status := v.Status()
	return status.State == engine.StateFinished && !further(status, s.Engine.Limits)
}

func (h *inDirectory) run(ctx context.Context, a *app, accept bool, among func(*engine.Search)) error {
	return a.run(ctx, h.target, manner{quiet: true, accept: accept, among: among})
}

func (h *inDirectory) outcome(metric string, goal engine.Goal) (*bench.Outcome, error) {
	v, done, err := inspect(h.target.dir)
	if err != nil {
		return nil, err
	}
	defer done()
	o, err := outcomeOf(v, metric, goal)
	if err == nil {
		o.Digest, err = digestOf(v, -1)
	}
	return o, err
}

func (h *inDirectory) dir() string { return filepath.Base(h.target.dir) }
