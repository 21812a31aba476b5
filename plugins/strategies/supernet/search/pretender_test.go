package search

import (
	"context"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/internal/mailbox"
	"github.com/nascent-nas/nascent/plugins/supernet/orders"
)

// pretender is an evaluator of shared weights that answers at once, see pretend.
type pretender struct{}

func (pretender) Open(_ context.Context, setup engine.EvaluatorSetup) (engine.Session, engine.Hello, error) {
	hello := engine.Hello{
		Name: "pretender", Slots: setup.Workers, Tasks: []engine.Task{engine.Supernet, engine.Score}, Deterministic: true,
		Metrics:  []engine.Metric{{Name: orders.SharedAccuracy}, {Name: orders.SharedLoss}, {Name: orders.SupernetLoss}},
		Identity: "pretender", Fingerprint: "pretender",
	}
	return &pretence{events: mailbox.New[engine.Event]()}, hello, nil
}

type pretence struct {
	events *mailbox.Mailbox[engine.Event]
}

func (p *pretence) Submit(a engine.Assignment) error {
	r := pretend(a.Job)
	p.events.Put(
		engine.Event{ID: a.Job.ID, Attempt: a.Attempt, Kind: engine.Begun},
		engine.Event{ID: a.Job.ID, Attempt: a.Attempt, Kind: engine.Finished, Result: &r},
	)
	return nil
}

func (p *pretence) Cancel(engine.ID, int, bool) {}
func (p *pretence) Kill(engine.ID, int)         {}
func (p *pretence) Ack(engine.ID, int)          {}
func (p *pretence) Events() <-chan engine.Event { return p.events.Out() }
func (p *pretence) Close(context.Context) error { p.events.Close(); return nil }
