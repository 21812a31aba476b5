package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/nascent-nas/nascent/internal/mailbox"
)

// ErrInvalid marks an evaluation that failed through the genome's fault; it is
// not tried again. Wrap it: fmt.Errorf("%w: too deep", engine.ErrInvalid).
var ErrInvalid = errors.New("invalid")

// Func makes an Evaluator of a function in this process. It is called for
// several jobs at once, as many as the search has workers, and should return
// soon after its context ends. An error that wraps ErrInvalid is the genome's
// fault, any other a failure that is retried; so is a panic. It answers metrics that
// are declared here (default accuracy, to be maximized), and may leave out those that
// the search does not judge by.
func Func(f func(ctx context.Context, job *Job) (map[string]float64, error), metrics ...Metric) Evaluator {
	if len(metrics) == 0 {
		metrics = []Metric{{Name: "accuracy", Goal: Maximize}}
	}
	e := &funcEvaluator{f: f, hello: Hello{
		Name: "function", Version: Version, Deterministic: true, Seeded: true, Metrics: metrics, Identity: "function", Fingerprint: "function",
	}}
	for _, m := range metrics {
		e.hello.Optional = append(e.hello.Optional, m.Name)
	}
	return e
}

type funcEvaluator struct {
	f     func(context.Context, *Job) (map[string]float64, error)
	hello Hello
}

func (e *funcEvaluator) Open(_ context.Context, setup EvaluatorSetup) (Session, Hello, error) {
	hello := e.hello
	hello.Slots = setup.Workers
	return &funcSession{f: e.f, events: mailbox.New[Event](), jobs: map[attemptKey]context.CancelFunc{}}, hello, nil
}

type attemptKey struct {
	id      ID
	attempt int
}

type funcSession struct {
	f      func(context.Context, *Job) (map[string]float64, error)
	events *mailbox.Mailbox[Event]
	wg     sync.WaitGroup
	mu     sync.Mutex
	jobs   map[attemptKey]context.CancelFunc
	closed bool
}

func (s *funcSession) Submit(a Assignment) error {
	key := attemptKey{a.Job.ID, a.Attempt}
	ctx, cancel := context.WithCancel(context.Background())
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		cancel()
		return errors.New("the evaluator is closed")
	}
	s.jobs[key] = cancel
	s.wg.Go(func() {
		s.events.Put(Event{ID: key.id, Attempt: key.attempt, Kind: Begun})
		e := s.evaluate(ctx, a.Job)
		e.ID, e.Attempt = key.id, key.attempt
		s.mu.Lock()
		delete(s.jobs, key)
		s.mu.Unlock()
		cancel()
		s.events.Put(e)
	})
	return nil
}

func (s *funcSession) evaluate(ctx context.Context, job *Job) (e Event) {
	failed := func(reason string) Event {
		return Event{Kind: Finished, Result: &Result{Status: Failed, Reason: reason}}
	}
	defer func() {
		if p := recover(); p != nil {
			e = failed(fmt.Sprintf("panic: %v", p))
		}
	}()
	metrics, err := s.f(ctx, job)
	switch {
	case ctx.Err() != nil:
		return Event{Kind: Returned, Reason: "cancelled"}
	case errors.Is(err, ErrInvalid):
		return Event{Kind: Finished, Result: &Result{Status: Invalid, Reason: err.Error()}}
	case err != nil:
		return failed(err.Error())
	}
	r := &Result{Status: OK}
	for name, x := range metrics {
		r.Metrics = append(r.Metrics, Value{name, x})
	}
	return Event{Kind: Finished, Result: r}
}

func (s *funcSession) Cancel(id ID, attempt int, _ bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if cancel := s.jobs[attemptKey{id, attempt}]; cancel != nil {
		cancel()
	}
}

// Kill can only cancel: a goroutine cannot be ended from outside.
func (s *funcSession) Kill(id ID, attempt int) { s.Cancel(id, attempt, false) }
func (s *funcSession) Ack(ID, int)             {}
func (s *funcSession) Events() <-chan Event    { return s.events.Out() }

// Close waits for the functions that still run. One that does not heed its
// context is left behind when ctx ends.
func (s *funcSession) Close(ctx context.Context) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	for _, cancel := range s.jobs {
		cancel()
	}
	s.mu.Unlock()
	home := make(chan struct{})
	go func() {
		s.wg.Wait()
		close(home)
	}()
	var err error
	select {
	case <-home:
	case <-ctx.Done():
		err = errors.New("the evaluator's function does not return although its context has ended; let it look at ctx.Done()")
	}
	s.events.Close()
	return err
}
