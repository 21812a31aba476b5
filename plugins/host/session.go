package host

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/internal/mailbox"
	"github.com/nascent-nas/nascent/plugins/proto"
)

// key names one attempt.
type key struct {
	id      engine.ID
	attempt int
}

// job is one attempt that has not been answered.
type job struct {
	assignment engine.Assignment
	sent       bool // handed to a process
	begun      time.Time
	taken      taken
	curve      []engine.Point
	saved      []engine.FileRef
}

// session is an engine.Session over plugin processes. One lock guards all of
// its state; nothing waits while holding it.
type session struct {
	plugin  Plugin
	options Options
	setup   engine.EvaluatorSetup
	request *proto.OpenEvaluator
	then    *engine.Hello // what the evaluator must still be; nil: whatever it is
	slots   int           // jobs at once in one process
	want    int           // processes for all workers
	hello   engine.Hello

	events *mailbox.Mailbox[engine.Event]
	forced chan struct{} // closed when Close has lost its patience
	wg     sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	workers []*worker // the first `want` stay, others come and go for jobs that must be alone
	acks    map[key]*link
}

// Events implements engine.Session.
func (s *session) Events() <-chan engine.Event { return s.events.Out() }

// emit sends an event about an attempt.
func (s *session) emit(k key, e engine.Event) {
	e.ID, e.Attempt = k.id, k.attempt
	s.events.Put(e)
}

// Submit implements engine.Session.
func (s *session) Submit(a engine.Assignment) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errClosed
	}
	k := key{a.Job.ID, a.Attempt}
	if s.find(k) != nil {
		return fmt.Errorf("job %s, attempt %d is already on board", k.id, k.attempt)
	}
	w := s.place(a.Alone)
	w.exclusive = a.Alone
	j := &job{assignment: a}
	w.jobs[k] = j
	w.forward(k, j)
	return nil
}

// place chooses the worker for a job: the least loaded one with room, the
// first of equals; if there is none, a new one.
func (s *session) place(alone bool) *worker {
	var best *worker
	for _, w := range s.workers {
		if w.exclusive || w.retired || len(w.jobs) >= s.slots || alone && len(w.jobs) > 0 {
			continue
		}
		if best == nil || len(w.jobs) < len(best.jobs) {
			best = w
		}
	}
	if best == nil {
		best = newWorker(s)
	}
	return best
}

// find returns the worker that has the attempt on board.
func (s *session) find(k key) *worker {
	for _, w := range s.workers {
		if w.jobs[k] != nil {
			return w
		}
	}
	return nil
}

// Resize implements engine.Resizer: processes that are too many end when they have no job.
func (s *session) Resize(workers int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.want = s.processes(workers)
	for _, w := range slices.Clone(s.workers[min(s.want, len(s.workers)):]) {
		if len(w.jobs) == 0 && !s.closed {
			w.leave()
		}
	}
}

// processes is how many there are for so many workers.
func (s *session) processes(workers int) int { return max(1, (workers+s.slots-1)/s.slots) }

// Cancel implements engine.Session.
func (s *session) Cancel(id engine.ID, attempt int, save bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := key{id, attempt}
	w := s.find(k)
	if w == nil {
		return
	}
	if !w.jobs[k].sent {
		w.drop(k)
		s.emit(k, engine.Event{Kind: engine.Returned, Reason: "cancelled before it began"})
		return
	}
	w.link.out.Put(order{cancel: &proto.Cancel{Id: uint64(id), Attempt: int64(attempt), Save: save}})
}

// Kill implements engine.Session.
func (s *session) Kill(id engine.ID, attempt int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := key{id, attempt}
	w := s.find(k)
	if w == nil {
		return
	}
	if w.killed == nil {
		w.killed = map[key]bool{}
	}
	w.killed[k] = true
	w.abort()
}

// Ack implements engine.Session.
func (s *session) Ack(id engine.ID, attempt int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := key{id, attempt}
	if l := s.acks[k]; l != nil {
		delete(s.acks, k)
		l.out.Put(order{ack: &proto.Attempt{Id: uint64(id), Attempt: int64(attempt)}})
	}
}

// Close implements engine.Session.
func (s *session) Close(ctx context.Context) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	for _, w := range s.workers {
		w.close()
	}
	s.mu.Unlock()

	done := make(chan struct{})
	go func() {
		s.wg.Wait()
		close(done)
	}()
	var err error
	select {
	case <-done:
	case <-ctx.Done():
		s.mu.Lock()
		close(s.forced)
		for _, w := range s.workers {
			w.abort()
		}
		s.mu.Unlock()
		select {
		case <-done:
		case <-time.After(10 * time.Second):
			err = errors.New("a process of " + s.plugin.Name + " does not end, not even when killed: it is stuck in the kernel")
		}
	}
	s.events.Close()
	return err
}

// unsendable answers a job that cannot be put into a message.
func (s *session) unsendable(l *link, k key, cause error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w := s.find(k); w != nil && w.link == l {
		w.drop(k)
		s.emit(k, engine.Event{Kind: engine.Finished, Result: &engine.Result{
			Status: engine.Failed, Reason: engine.OneLine(cause.Error())}})
	}
}
