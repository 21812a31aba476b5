package enginetest

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Clock is an engine.Clock that moves when the test says so. The zero value is
// ready and stands at the first second of 2000. It is safe for concurrent use.
type Clock struct {
	mu     sync.Mutex
	passed time.Duration
	timers []*timer // those that have not fired, in the order of their making
	more   chan struct{}
}

type timer struct {
	at time.Duration
	f  func()
}

// Now is the time that the test has reached.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Add(c.passed)
}

// After has f called by the Advance that passes d from now.
func (c *Clock) After(d time.Duration, f func()) (cancel func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := &timer{at: c.passed + max(d, 0), f: f}
	c.timers = append(c.timers, t)
	if c.more != nil {
		close(c.more)
		c.more = nil
	}
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.timers = slices.DeleteFunc(c.timers, func(x *timer) bool { return x == t })
	}
}

// Advance moves the time by d and calls what becomes due on the way, in the
// order of time, each at its own; also what these calls set up anew.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	end := c.passed + d
	for {
		var next *timer
		for _, t := range c.timers {
			if t.at <= end && (next == nil || t.at < next.at) {
				next = t
			}
		}
		if next == nil {
			break
		}
		c.timers = slices.DeleteFunc(c.timers, func(x *timer) bool { return x == next })
		c.passed = max(c.passed, next.at)
		c.mu.Unlock()
		next.f()
		c.mu.Lock()
	}
	c.passed = end
	c.mu.Unlock()
}

// Waiting is how many calls are still to come.
func (c *Clock) Waiting() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.timers)
}

// Await returns when at least n calls are to come, or the context ends.
func (c *Clock) Await(ctx context.Context, n int) error {
	for {
		c.mu.Lock()
		if len(c.timers) >= n {
			c.mu.Unlock()
			return nil
		}
		if c.more == nil {
			c.more = make(chan struct{})
		}
		more := c.more
		c.mu.Unlock()
		select {
		case <-more:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
