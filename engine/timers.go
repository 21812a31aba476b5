package engine

import "time"

// timers ring in the loop.
type timers struct {
	clock   Clock
	poke    func(func()) // runs a function in the loop
	running map[int]func()
	newest  int
}

// after runs f in the loop once d has passed, unless it is cancelled or the loop
// has ended by then.
func (t *timers) after(d time.Duration, f func()) (cancel func()) {
	t.newest++
	n := t.newest
	off := t.clock.After(d, func() {
		go t.poke(func() {
			if t.running[n] != nil {
				delete(t.running, n)
				f()
			}
		})
	})
	t.running[n] = off
	return func() {
		off()
		delete(t.running, n)
	}
}

// stop cancels all.
func (t *timers) stop() {
	for _, off := range t.running {
		off()
	}
	clear(t.running)
}
