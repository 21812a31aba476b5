// Package mailbox takes messages from many goroutines to one, so that whoever
// sends never waits. Sessions of evaluators hand out their events by it, and both
// sides of a wire gather what they send.
package mailbox

import (
	"runtime"
	"sync"
)

// Mailbox holds messages until somebody reads them, however many wait. It is ready
// to use after New. Messages are read either by Take, from one goroutine, or from
// Out. The other methods may be called from any.
type Mailbox[T any] struct {
	mu     sync.Mutex
	items  []T
	taken  []T           // by the last Take; takes the next items
	wake   chan struct{} // has room for one: "look again"
	closed bool
	out    chan T // nil until it is asked for
}

// New makes an empty mailbox.
func New[T any]() *Mailbox[T] { return &Mailbox[T]{wake: make(chan struct{}, 1)} }

// Put appends messages. After Close it does nothing and returns false.
func (m *Mailbox[T]) Put(items ...T) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return false
	}
	m.items = append(m.items, items...)
	m.signal()
	return true
}

// Close takes no more messages. Those that wait can still be read.
func (m *Mailbox[T]) Close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	m.signal()
}

// Closed tells whether Close was called.
func (m *Mailbox[T]) Closed() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.closed
}

func (m *Mailbox[T]) signal() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// maxKept is how many messages an array may have room for that is used again.
const maxKept = 4096

// Take waits for messages and takes up to limit of them (0: all), so that they gather
// into batches exactly while whoever takes is busy. They are the caller's until the
// next Take. It returns false when the mailbox is closed and empty, or when stop is
// closed first.
func (m *Mailbox[T]) Take(limit int, stop <-chan struct{}) ([]T, bool) {
	for {
		m.mu.Lock()
		if n := len(m.items); n > 0 {
			if limit <= 0 || n <= limit {
				items := m.items
				clear(m.taken) // of what it keeps alive
				if m.items, m.taken = m.taken[:0], items; cap(items) > maxKept {
					m.taken = nil
				}
				m.mu.Unlock()
				return items, true
			}
			items := m.items[:limit:limit]
			m.items = m.items[limit:]
			m.signal()
			m.mu.Unlock()
			return items, true
		}
		closed := m.closed
		m.mu.Unlock()
		if closed {
			return nil, false
		}
		select {
		case <-m.wake:
			runtime.Gosched() // who is about to put something does it first
		case <-stop:
			return nil, false
		}
	}
}

// ahead is how many messages Out may have ready for a reader.
const ahead = 64

// Out delivers the messages one by one, and is closed after Close when none is left.
// Whoever asks for it reads it to its end.
func (m *Mailbox[T]) Out() <-chan T {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.out == nil {
		m.out = make(chan T, ahead)
		go func() {
			defer close(m.out)
			for items, ok := m.Take(0, nil); ok; items, ok = m.Take(0, nil) {
				for _, item := range items {
					m.out <- item
				}
			}
		}()
	}
	return m.out
}
