// Package queue is an unbounded queue whose reader takes all that waits at
// once, so that messages gather into batches exactly while the other side is
// busy.
package queue

import (
	"runtime"
	"sync"
)

// Queue is ready to use after New. Its methods may be called from any
// goroutine, Take from one.
type Queue[T any] struct {
	mu     sync.Mutex
	items  []T
	taken  []T           // by the last Take; takes the next items
	wake   chan struct{} // has room for one: "look again"
	closed bool
}

// New makes an empty queue.
func New[T any]() *Queue[T] { return &Queue[T]{wake: make(chan struct{}, 1)} }

// Put appends items. After Close it does nothing and returns false.
func (q *Queue[T]) Put(items ...T) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	q.items = append(q.items, items...)
	q.signal()
	return true
}

// Close ends the queue. What is in it can still be taken.
func (q *Queue[T]) Close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.signal()
}

func (q *Queue[T]) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// maxKept is how many items an array may have room for that is used again.
const maxKept = 4096

// Take waits for items and takes up to limit of them (0: all). They are the
// caller's until the next Take. It returns false when the queue is closed and
// empty, or when stop is closed first.
func (q *Queue[T]) Take(limit int, stop <-chan struct{}) ([]T, bool) {
	for {
		q.mu.Lock()
		if n := len(q.items); n > 0 {
			if limit <= 0 || n <= limit {
				items := q.items
				clear(q.taken) // of what it keeps alive
				if q.items, q.taken = q.taken[:0], items; cap(items) > maxKept {
					q.taken = nil
				}
				q.mu.Unlock()
				return items, true
			}
			items := q.items[:limit:limit]
			q.items = q.items[limit:]
			q.signal()
			q.mu.Unlock()
			return items, true
		}
		closed := q.closed
		q.mu.Unlock()
		if closed {
			return nil, false
		}
		select {
		case <-q.wake:
			runtime.Gosched() // who is about to put something does it first
		case <-stop:
			return nil, false
		}
	}
}
