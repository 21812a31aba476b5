package engine

import (
	"context"
	"sync"
)

// calls is how other goroutines reach the loop.
type calls struct {
	asks   chan func()
	stop   chan struct{} // closed by Stop
	once   sync.Once
	gone   chan struct{} // closed when Run has returned
	opened chan struct{} // closed when evaluators are open and the loop begins

	mu  sync.Mutex // guards ran, and held by who asks while no loop is running
	ran bool
}

func newCalls() *calls {
	return &calls{asks: make(chan func()), stop: make(chan struct{}), gone: make(chan struct{}), opened: make(chan struct{})}
}

// begin is true the first time.
func (c *calls) begin() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	first := !c.ran
	c.ran = true
	return first
}

// ask runs f in the loop, or at once where no loop is running: one after the other in
// any case, for who only reads may change what is kept for the next reader. f does not ask.
func (c *calls) ask(f func()) {
	c.mu.Lock()
	if !c.ran {
		defer c.mu.Unlock() // Run waits for f
		f()
		return
	}
	c.mu.Unlock()
	done := make(chan struct{})
	select {
	case c.asks <- func() { f(); close(done) }:
		<-done
	case <-c.gone:
		c.mu.Lock()
		defer c.mu.Unlock()
		f()
	}
}

// poke runs f in the loop and does not wait for it.
func (c *calls) poke(f func()) {
	select {
	case c.asks <- f:
	case <-c.gone:
	}
}

// stopped tells whether Stop was called or the context has ended.
func (c *calls) stopped(ctx context.Context) bool {
	select {
	case <-c.stop:
		return true
	default:
		return ctx.Err() != nil
	}
}
