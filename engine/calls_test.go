package engine

import (
	"runtime"
	"sync"
	"testing"
)

// Who asks is answered one after the other, before the loop, in it and after it.
func TestAsksDoNotOverlap(t *testing.T) {
	t.Parallel()
	for _, state := range []string{"before", "in", "after"} {
		c := newCalls()
		over := make(chan struct{})
		switch state {
		case "in":
			c.begin()
			go func() {
				for {
					select {
					case f := <-c.asks:
						f()
					case <-over:
						return
					}
				}
			}()
		case "after":
			c.begin()
			close(c.gone)
		}
		inside := 0
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				c.ask(func() {
					inside++
					for range 10 {
						runtime.Gosched()
					}
					if inside != 1 {
						t.Errorf("%s the loop %d ask at once", state, inside)
					}
					inside--
				})
			})
		}
		all.Wait()
		close(over)
	}
}
