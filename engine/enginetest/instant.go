package enginetest

import (
	"context"
	"errors"
	"sync"

	"github.com/nascent-nas/nascent/engine"
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
		Hello:   engine.Hello{Name: "landscape", Deterministic: true, Seeded: l.Noise > 0 || l.Failed > 0, Tests: true, Metrics: l.Metrics()},
		Measure: l.Measure,
	}
}

// Open never fails.
func (e *Instant) Open(_ context.Context, setup engine.EvaluatorSetup) (engine.Session, engine.Hello, error) {
	return &instantSession{measure: e.Measure, mail: newMailbox()}, complete(e.Hello, setup), nil
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
	mail    *mailbox
}

func (s *instantSession) Submit(a engine.Assignment) error {
	if s.mail.isClosed() {
		return errClosed
	}
	r := s.measure(a.Job)
	s.mail.send(
		engine.Event{ID: a.Job.ID, Attempt: a.Attempt, Kind: engine.Begun},
		engine.Event{ID: a.Job.ID, Attempt: a.Attempt, Kind: engine.Finished, Result: &r},
	)
	return nil
}

func (s *instantSession) Cancel(engine.ID, int, bool)     {}
func (s *instantSession) Kill(engine.ID, int)             {}
func (s *instantSession) Ack(engine.ID, int)              {}
func (s *instantSession) Events() <-chan engine.Event     { return s.mail.out }
func (s *instantSession) Close(ctx context.Context) error { return s.mail.close(ctx) }

var errClosed = errors.New("the evaluator is closed")

// mailbox hands events on in order, however many wait, so that whoever sends
// never does. When it is closed it delivers what waits, then closes out.
type mailbox struct {
	out    chan engine.Event
	mu     sync.Mutex
	queue  []engine.Event
	closed bool
	wake   chan struct{}
	gone   chan struct{} // nobody reads any more
	once   sync.Once
	ended  chan struct{}
}

func newMailbox() *mailbox {
	m := &mailbox{out: make(chan engine.Event), wake: make(chan struct{}, 1), gone: make(chan struct{}), ended: make(chan struct{})}
	go m.deliver()
	return m
}

func (m *mailbox) deliver() {
	defer close(m.ended)
	defer close(m.out)
	for {
		m.mu.Lock()
		queue, closed := m.queue, m.closed
		m.queue = nil
		m.mu.Unlock()
		for _, e := range queue {
			select {
			case m.out <- e:
			case <-m.gone:
				return
			}
		}
		if len(queue) > 0 {
			continue
		}
		if closed {
			return
		}
		<-m.wake
	}
}

func (m *mailbox) isClosed() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.closed
}

// send queues events; after close it drops them.
func (m *mailbox) send(events ...engine.Event) {
	m.mu.Lock()
	if !m.closed {
		m.queue = append(m.queue, events...)
	}
	m.mu.Unlock()
	m.nudge()
}

func (m *mailbox) nudge() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// close ends the mailbox and waits until all was delivered or the context ends.
func (m *mailbox) close(ctx context.Context) error {
	m.mu.Lock()
	m.closed = true
	m.mu.Unlock()
	m.nudge()
	select {
	case <-m.ended:
	case <-ctx.Done():
		m.once.Do(func() { close(m.gone) })
		<-m.ended
	}
	return nil
}
