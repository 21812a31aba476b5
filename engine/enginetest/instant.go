package enginetest

import (
	"context"
	"errors"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/internal/mailbox"
)

// Instant is an Evaluator that answers each job at once with what Measure
// returns. Its zero Hello is completed to a deterministic, seeded evaluator of
// the metric accuracy.
type Instant struct {
	Hello   engine.Hello
	Measure func(*engine.Job) engine.Result // called from whoever submits
}

// Instant returns an Evaluator of this landscape.
func (l Landscape) Instant() *Instant {
	return &Instant{
		Hello: engine.Hello{Name: "landscape", Deterministic: true, Seeded: l.Noise > 0 || l.Failed > 0,
			Tests: true, Metrics: l.Metrics()},
		Measure: l.Measure,
	}
}

// Open never fails.
func (e *Instant) Open(_ context.Context, setup engine.EvaluatorSetup) (engine.Session, engine.Hello, error) {
	return &instantSession{measure: e.Measure, events: mailbox.New[engine.Event]()}, complete(e.Hello, setup), nil
}

// complete fills in what a stand-in's Hello leaves open.
func complete(h engine.Hello, setup engine.EvaluatorSetup) engine.Hello {
	if h.Name == "" {
		h.Name, h.Deterministic, h.Seeded = "stand-in", true, true
	}
	if h.Slots == 0 {
		h.Slots = max(1, setup.Workers)
	}
	if len(h.Metrics) == 0 {
		h.Metrics = []engine.Metric{{Name: "accuracy", Goal: engine.Maximize}}
	}
	if h.Fingerprint == "" {
		h.Fingerprint = h.Name
	}
	if h.Budget == 0 {
		h.Budget = 1
	}
	return h
}

type instantSession struct {
	measure func(*engine.Job) engine.Result
	events  *mailbox.Mailbox[engine.Event]
}

func (s *instantSession) Submit(a engine.Assignment) error {
	if s.events.Closed() {
		return errClosed
	}
	r := s.measure(a.Job)
	s.events.Put(
		engine.Event{ID: a.Job.ID, Attempt: a.Attempt, Kind: engine.Begun},
		engine.Event{ID: a.Job.ID, Attempt: a.Attempt, Kind: engine.Finished, Result: &r},
	)
	return nil
}

func (s *instantSession) Cancel(engine.ID, int, bool) {}
func (s *instantSession) Kill(engine.ID, int)         {}
func (s *instantSession) Ack(engine.ID, int)          {}
func (s *instantSession) Events() <-chan engine.Event { return s.events.Out() }

func (s *instantSession) Close(context.Context) error {
	s.events.Close()
	return nil
}

var errClosed = errors.New("the evaluator is closed")
