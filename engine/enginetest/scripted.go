package enginetest

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/internal/mailbox"
)

// Scripted is an Evaluator that does what the test says, when it says so: the
// test takes the submitted jobs with Next and answers each with Begin,
// Progress, Save, Finish, Return or Lose, in any order. Answers to a job that
// is not on board fail with a panic: that is a mistake of the test.
//
// A Scripted may be opened again after its session was closed; jobs that were
// on board then come back as Returned. It is safe for concurrent use.
type Scripted struct {
	Hello engine.Hello // completed as Instant's

	mu       sync.Mutex
	changed  chan struct{}                  // closed and replaced at every change
	events   *mailbox.Mailbox[engine.Event] // of the open session
	board    []engine.Assignment            // submitted and not answered
	unseen   []engine.Assignment            // of those, not yet returned by Next
	setup    engine.EvaluatorSetup
	opened   int
	requests []Request
}

// Request is what the engine asked beside submitting.
type Request struct {
	Kind    RequestKind
	ID      engine.ID
	Attempt int
	Save    bool // of a cancellation
}

// RequestKind says what a Request asks.
type RequestKind string

// What the engine asks beside submitting.
const (
	Cancelled    RequestKind = "cancel"
	Killed       RequestKind = "kill"
	Acknowledged RequestKind = "ack"
)

// Open begins a session.
func (e *Scripted) Open(_ context.Context, setup engine.EvaluatorSetup) (engine.Session, engine.Hello, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.events != nil && !e.events.Closed() {
		return nil, engine.Hello{}, fmt.Errorf("the scripted evaluator is open already; close it first")
	}
	e.events, e.setup = mailbox.New[engine.Event](), setup
	e.board, e.unseen = nil, nil
	e.opened++
	e.change()
	return &scriptedSession{e: e, events: e.events}, complete(e.Hello, setup), nil
}

// change wakes whoever waits. The lock is held.
func (e *Scripted) change() {
	if e.changed != nil {
		close(e.changed)
	}
	e.changed = make(chan struct{})
}

// wait blocks until ready, which is called with the lock held, says true.
func (e *Scripted) wait(ctx context.Context, ready func() bool) error {
	for {
		e.mu.Lock()
		if ready() {
			e.mu.Unlock()
			return nil
		}
		if e.changed == nil {
			e.changed = make(chan struct{})
		}
		c := e.changed
		e.mu.Unlock()
		select {
		case <-c:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Next waits for the next submitted job that it has not returned yet.
func (e *Scripted) Next(ctx context.Context) (a engine.Assignment, err error) {
	err = e.wait(ctx, func() bool {
		if len(e.unseen) == 0 {
			return false
		}
		a = e.unseen[0]
		e.unseen = e.unseen[1:]
		return true
	})
	return a, err
}

// Asked waits for a request of this kind about a job.
func (e *Scripted) Asked(ctx context.Context, kind RequestKind, id engine.ID) (r Request, err error) {
	err = e.wait(ctx, func() bool {
		i := slices.IndexFunc(e.requests, func(r Request) bool { return r.Kind == kind && r.ID == id })
		if i < 0 {
			return false
		}
		r = e.requests[i]
		return true
	})
	return r, err
}

// Requests lists what the engine asked so far, in order.
func (e *Scripted) Requests() []Request {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.requests)
}

// Board lists the jobs that are submitted and not answered.
func (e *Scripted) Board() []engine.Assignment {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.board)
}

// Opened is how often a session began.
func (e *Scripted) Opened() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.opened
}

// Setup is what the newest Open was given.
func (e *Scripted) Setup() engine.EvaluatorSetup {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.setup
}

// tell sends an event about a job on board, and takes it from the board if that
// was the last one.
func (e *Scripted) tell(id engine.ID, ev engine.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	i := slices.IndexFunc(e.board, func(a engine.Assignment) bool { return a.Job.ID == id })
	if i < 0 {
		panic(fmt.Sprintf("enginetest: job %s is not on board", id))
	}
	ev.ID, ev.Attempt = id, e.board[i].Attempt
	if ev.Kind == engine.Finished || ev.Kind == engine.Returned || ev.Kind == engine.Lost {
		e.board = slices.Delete(e.board, i, i+1)
	}
	e.events.Put(ev)
	e.change()
}

// Begin reports that the job started.
func (e *Scripted) Begin(id engine.ID) { e.tell(id, engine.Event{Kind: engine.Begun}) }

// Progress reports a point of the learning curve.
func (e *Scripted) Progress(id engine.ID, p engine.Point) {
	e.tell(id, engine.Event{Kind: engine.Progress, Point: p})
}

// Save reports that the job's progress was kept in these files.
func (e *Scripted) Save(id engine.ID, files ...engine.FileRef) {
	e.tell(id, engine.Event{Kind: engine.Saved, Files: files})
}

// Finish answers the job with a result.
func (e *Scripted) Finish(id engine.ID, r engine.Result) {
	e.tell(id, engine.Event{Kind: engine.Finished, Result: &r})
}

// Score answers the job with one metric, accuracy.
func (e *Scripted) Score(id engine.ID, accuracy float64) {
	e.Finish(id, engine.Result{Status: engine.OK, Metrics: engine.Values{{Name: "accuracy", Value: accuracy}}})
}

// Return answers that the job was not carried out.
func (e *Scripted) Return(id engine.ID, reason string) {
	e.tell(id, engine.Event{Kind: engine.Returned, Reason: reason})
}

// Lose answers that the job's process ended.
func (e *Scripted) Lose(id engine.ID, alone bool, reason string) {
	e.tell(id, engine.Event{Kind: engine.Lost, Alone: alone, Reason: reason})
}

type scriptedSession struct {
	e      *Scripted
	events *mailbox.Mailbox[engine.Event]
}

func (s *scriptedSession) Submit(a engine.Assignment) error {
	s.e.mu.Lock()
	defer s.e.mu.Unlock()
	if s.events.Closed() {
		return errClosed
	}
	s.e.board = append(s.e.board, a)
	s.e.unseen = append(s.e.unseen, a)
	s.e.change()
	return nil
}

func (s *scriptedSession) request(r Request) {
	s.e.mu.Lock()
	defer s.e.mu.Unlock()
	s.e.requests = append(s.e.requests, r)
	s.e.change()
}

func (s *scriptedSession) Cancel(id engine.ID, attempt int, save bool) {
	s.request(Request{Cancelled, id, attempt, save})
}
func (s *scriptedSession) Kill(id engine.ID, attempt int) {
	s.request(Request{Killed, id, attempt, false})
}
func (s *scriptedSession) Ack(id engine.ID, attempt int) {
	s.request(Request{Acknowledged, id, attempt, false})
}
func (s *scriptedSession) Events() <-chan engine.Event { return s.events.Out() }

func (s *scriptedSession) Close(context.Context) error {
	s.e.mu.Lock()
	defer s.e.mu.Unlock()
	for _, a := range s.e.board {
		s.events.Put(engine.Event{ID: a.Job.ID, Attempt: a.Attempt, Kind: engine.Returned, Reason: "closed"})
	}
	s.e.board, s.e.unseen = nil, nil
	s.events.Close()
	s.e.change()
	return nil
}
