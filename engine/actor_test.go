package engine_test

import (
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
	"github.com/nascent-nas/nascent/internal/mailbox"
)

// actor is an Evaluator whose every move a test writes down. Moves are made in
// the caller's goroutine and must not wait; a nil one does nothing.
type actor struct {
	hello  engine.Hello
	submit func(*scene, engine.Assignment) error
	cancel func(s *scene, id engine.ID, attempt int, save bool)
	kill   func(s *scene, id engine.ID, attempt int)
	ack    func(id engine.ID, attempt int)
	close  func(*scene, context.Context) error // nil: end at once

	mu     sync.Mutex
	scenes []*scene
}

// scene is a session of an actor.
type scene struct {
	*actor
	files  engine.Files
	events *mailbox.Mailbox[engine.Event]
	mu     sync.Mutex
	seen   []engine.Assignment
	acked  map[engine.ID]int
}

func (a *actor) Open(_ context.Context, setup engine.EvaluatorSetup) (engine.Session, engine.Hello, error) {
	s := &scene{actor: a, files: setup.Files, events: mailbox.New[engine.Event](), acked: map[engine.ID]int{}}
	a.mu.Lock()
	a.scenes = append(a.scenes, s)
	a.mu.Unlock()
	h := a.hello
	if h.Metrics == nil {
		h.Metrics, h.Optional = []engine.Metric{{Name: "accuracy"}, {Name: "seconds"}}, []string{"seconds"}
	}
	h.Slots = setup.Workers
	return s, h, nil
}

// send sends events; after the end of the scene nothing.
func (s *scene) send(events ...engine.Event) { s.events.Put(events...) }

// end closes the channel of events.
func (s *scene) end() { s.events.Close() }

func (s *scene) assignments() []engine.Assignment {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.seen)
}

func (s *scene) Submit(a engine.Assignment) error {
	s.mu.Lock()
	s.seen = append(s.seen, a)
	s.mu.Unlock()
	return s.actor.submit(s, a)
}

func (s *scene) Cancel(id engine.ID, attempt int, save bool) {
	if s.actor.cancel != nil {
		s.actor.cancel(s, id, attempt, save)
	}
}

func (s *scene) Kill(id engine.ID, attempt int) {
	if s.actor.kill != nil {
		s.actor.kill(s, id, attempt)
	}
}

func (s *scene) Ack(id engine.ID, attempt int) {
	s.mu.Lock()
	s.acked[id]++
	s.mu.Unlock()
	if s.actor.ack != nil {
		s.actor.ack(id, attempt)
	}
}

func (s *scene) Events() <-chan engine.Event { return s.events.Out() }

func (s *scene) Close(ctx context.Context) error {
	if s.actor.close != nil {
		return s.actor.close(s, ctx)
	}
	s.end()
	return nil
}

// begun, good, returned and so on are the events of an assignment.
func begun(a engine.Assignment) engine.Event {
	return engine.Event{ID: a.Job.ID, Attempt: a.Attempt, Kind: engine.Begun}
}

func finished(a engine.Assignment, r engine.Result) engine.Event {
	return engine.Event{ID: a.Job.ID, Attempt: a.Attempt, Kind: engine.Finished, Result: &r}
}

func good(a engine.Assignment) engine.Event {
	return finished(a, engine.Result{Status: engine.OK, Metrics: engine.Values{{Name: "accuracy", Value: measure(a.Job)}}, Seconds: 2})
}

func returned(id engine.ID, attempt int) engine.Event {
	return engine.Event{ID: id, Attempt: attempt, Kind: engine.Returned, Reason: "cancelled"}
}

// acting is a configuration with an actor that answers every job at once,
// unless its moves say otherwise.
func acting(t *testing.T, a *actor) engine.Config {
	t.Helper()
	if a.submit == nil {
		a.submit = func(s *scene, x engine.Assignment) error {
			s.send(begun(x), good(x))
			return nil
		}
	}
	led := enginetest.Memory(t)
	cfg := config(led)
	cfg.Evaluators = map[string]engine.EvaluatorRef{"f": {Evaluator: a}}
	cfg.Final.Skip = true
	cfg.Limits.Evaluations = 30
	return cfg
}
