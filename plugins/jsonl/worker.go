package jsonl

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/nascent-nas/nascent/plugins/sdk"
)

// worker is a process that takes one job after the other, or several at once.
type worker struct {
	*process
	hello *hello

	said  chan struct{} // closed when it has said hello, or refused
	ended chan struct{} // closed when it is gone and everything that it wrote was read

	wake chan struct{} // has room for one: there are lines to write

	mu      sync.Mutex
	lines   []byte // to be written
	number  int
	board   map[int]*ticket // nil once it has ended
	refused error
	broken  string // how it broke the protocol; it was killed for that
	killed  bool   // because a job did not end when it was cancelled
}

// ticket is a job on board. Who takes it off board finishes the job.
type ticket struct {
	id   int // on the wire: a job may come back while its last attempt still runs
	job  *sdk.Job
	left chan struct{} // closed when it is off board; made for who waits for that
}

// startWorker starts a program and waits for its hello.
func startWorker(name string, spawn spawner, open *opening, limit time.Duration) (*worker, error) {
	p, err := launch(name, spawn)
	if err != nil {
		return nil, err
	}
	w := &worker{process: p, wake: make(chan struct{}, 1), board: map[int]*ticket{},
		said: make(chan struct{}), ended: make(chan struct{})}
	w.remember()
	go w.write()
	go w.read()
	w.send(order{Open: open})
	timeout := time.NewTimer(limit)
	defer timeout.Stop()
	select {
	case <-w.said:
	case <-w.ended:
	case <-timeout.C:
		w.kill()
		<-w.gone
		return nil, silent(name, limit, w.process)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.refused != nil:
		w.kill()
		return nil, w.refused
	case w.broken != "":
		return nil, errors.New(w.broken)
	case w.hello == nil:
		return nil, w.early()
	}
	return w, nil
}

// silent is the error of a program that says nothing.
func silent(name string, limit time.Duration, p *process) error {
	return fmt.Errorf("%s said no hello within %v: see docs/exec.md, or raise start_timeout%s", name, limit, quoted(p.last()))
}

func quoted(words string) string {
	if words == "" {
		return ""
	}
	return "; its last words: " + words
}

// send queues an order. A process that is gone gets nothing.
func (w *worker) send(o order) error {
	line, err := json.Marshal(o)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.queue(len(w.lines), append(w.lines, line...))
}

// queue takes lines over, to which one was added after so many bytes, and tells the
// writer. With the lock held.
func (w *worker) queue(before int, lines []byte) error {
	if n := len(lines) - before; n >= maxLine {
		return fmt.Errorf("the job has %d bytes as JSON, at most %d are allowed", n, maxLine)
	}
	w.lines = append(lines, '\n')
	select {
	case w.wake <- struct{}{}:
	default:
	}
	return nil
}

// write passes lines on, those that wait in one piece.
func (w *worker) write() {
	var lines []byte
	for {
		select {
		case <-w.wake:
		case <-w.gone:
			return
		}
		runtime.Gosched() // jobs that come together leave together
		w.mu.Lock()
		lines, w.lines = w.lines, lines[:0]
		w.mu.Unlock()
		if _, err := w.stdin.Write(lines); err != nil {
			return // it has closed its side; reading tells what becomes of it
		}
	}
}

// read takes messages until the process closes its side, which ends it.
func (w *worker) read() {
	defer close(w.ended)
	var m message
	if broken := w.hear(func(line []byte) error {
		if m.plain(line) {
			return w.take(&m)
		}
		return decode(line, (*message).meant, w.take)
	}, answers); broken != "" {
		w.mu.Lock()
		w.broken = broken
		w.mu.Unlock()
		w.kill()
		<-w.gone
	}
}

// take handles a message.
func (w *worker) take(m *message) error {
	if m.Hello != nil || m.Refuse != nil {
		return w.greet(m)
	}
	last := m.last()
	if last && m.ID == 0 {
		return errors.New("it answers without the id of a job")
	}
	w.mu.Lock()
	t := w.board[m.ID]
	if t == nil {
		w.mu.Unlock()
		sdk.Log().Debug("dropped a line about a job that is not on board", "id", m.ID)
		return nil
	}
	if last {
		w.remove(t)
	}
	w.mu.Unlock()
	m.progress(t.job)
	if last {
		t.job.Finish(m.result())
	}
	return nil
}

// greet takes the first message.
func (w *worker) greet(m *message) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.hello != nil || w.refused != nil {
		return errors.New("it says hello twice")
	}
	if w.hello = m.Hello; m.Refuse != nil {
		w.refused = m.Refuse.err()
	}
	close(w.said)
	return nil
}

// begin sends a job, and the paths that it is about. It returns no ticket where the
// process has ended.
func (w *worker) begin(j *sdk.Job, paths [][][]int) (*ticket, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.board == nil {
		return nil, nil
	}
	w.number++
	if len(w.board) == 0 {
		w.unsaid()
	}
	t := &ticket{id: w.number, job: j}
	lines, err := appendJob(append(w.lines, `{"job":`...), j, t.id, paths, nil, w.hello.Brief)
	if err == nil {
		err = w.queue(len(w.lines), append(lines, '}'))
	}
	if err == nil {
		w.board[t.id] = t
	}
	return t, err
}

// remove takes a job off board. With the lock held.
func (w *worker) remove(t *ticket) {
	delete(w.board, t.id)
	if t.left != nil {
		close(t.left)
	}
}

// forget takes a job off board, unless it is by now.
func (w *worker) forget(t *ticket) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.board[t.id] != t {
		return false
	}
	w.remove(t)
	return true
}

// leaving is closed when a job is off board.
func (w *worker) leaving(t *ticket) <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	t.left = make(chan struct{})
	if w.board[t.id] != t {
		close(t.left)
	}
	return t.left
}

// crowd is how many jobs are on board.
func (w *worker) crowd() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.board)
}

// strike kills the process because a job does not end.
func (w *worker) strike() {
	w.mu.Lock()
	w.killed = true
	w.mu.Unlock()
	w.kill()
}

// fate is what became of a process that has ended: why, whether it was killed because
// of a job, and the jobs on board, which are taken off.
func (w *worker) fate() (reason string, killed bool, board []*ticket) {
	<-w.ended
	w.mu.Lock()
	defer w.mu.Unlock()
	if reason = w.broken; reason == "" {
		reason = w.cause()
	}
	for _, t := range w.board {
		board = append(board, t)
		w.remove(t)
	}
	w.board = nil
	return reason, w.killed, board
}
