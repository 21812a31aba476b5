package engine

import (
	"context"
	"sync"
)

// mailbox is how other goroutines reach the loop.
type mailbox struct {
	asks chan func()
	stop chan struct{} // closed by Stop
	once sync.Once
	gone chan struct{} // closed when Run has returned

	mu  sync.Mutex // guards ran
	ran bool
}

func newMailbox() *mailbox {
	return &mailbox{asks: make(chan func()), stop: make(chan struct{}), gone: make(chan struct{})}
}

// begin is true the first time.
func (m *mailbox) begin() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	first := !m.ran
	m.ran = true
	return first
}

// ask runs f in the loop, or at once where no loop is running.
func (m *mailbox) ask(f func()) {
	m.mu.Lock()
	if !m.ran {
		defer m.mu.Unlock() // Run waits for f
		f()
		return
	}
	m.mu.Unlock()
	done := make(chan struct{})
	select {
	case m.asks <- func() { f(); close(done) }:
		<-done
	case <-m.gone:
		f()
	}
}

// poke runs f in the loop and does not wait for it.
func (m *mailbox) poke(f func()) {
	select {
	case m.asks <- f:
	case <-m.gone:
	}
}

// stopped tells whether Stop was called or the context has ended.
func (m *mailbox) stopped(ctx context.Context) bool {
	select {
	case <-m.stop:
		return true
	default:
		return ctx.Err() != nil
	}
}
