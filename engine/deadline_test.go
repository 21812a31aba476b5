package engine_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nascent-nas/nascent/engine"
)

// handClock is time that only a test moves.
type handClock struct {
	mu     sync.Mutex
	now    time.Time
	alarms []*alarm
}

type alarm struct {
	at   time.Time
	ring func()
	off  bool
}

func (c *handClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *handClock) After(d time.Duration, f func()) func() {
	c.mu.Lock()
	defer c.mu.Unlock()
	a := &alarm{at: c.now.Add(d), ring: f}
	c.alarms = append(c.alarms, a)
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		a.off = true
	}
}

// next moves time to the next alarm and rings it; false if there is none.
func (c *handClock) next() bool {
	c.mu.Lock()
	var first *alarm
	for _, a := range c.alarms {
		if !a.off && (first == nil || a.at.Before(first.at)) {
			first = a
		}
	}
	if first == nil {
		c.mu.Unlock()
		return false
	}
	first.off = true
	if first.at.After(c.now) {
		c.now = first.at
	}
	c.mu.Unlock()
	first.ring()
	return true
}

func TestDeadlineNeverYieldsAFitness(t *testing.T) {
	t.Parallel()
	clock := &handClock{now: time.Unix(1e9, 0)}
	led := engine.Memory()
	cfg := config(led)
	cfg.Clock, cfg.Timeout, cfg.Limits.Evaluations, cfg.Final.Skip = clock, time.Hour, 20, true
	cfg.Evaluators = map[string]engine.EvaluatorRef{"f": {Evaluator: engine.Func(func(ctx context.Context, j *engine.Job) (map[string]float64, error) {
		if j.ID == 7 { // hangs until it is cancelled, then answers all the same
			<-ctx.Done()
		}
		return evaluate(ctx, j)
	})}}
	done := make(chan struct{})
	defer func() { <-done }()
	ended := make(chan struct{})
	go func() { // time passes whenever the search waits for it
		defer close(done)
		for {
			select {
			case <-ended:
				return
			default:
				clock.next()
			}
		}
	}()
	st := run(t, cfg).Status()
	close(ended)
	if st.OK != 19 || st.Failed != 1 {
		t.Errorf("ended as %+v", st)
	}
	c, err := mustArchive(t, led).Candidate(7)
	if err != nil || c.Status != engine.Failed || !strings.Contains(c.Reason, "deadline of 1h0m0s passed") || len(c.Metrics) != 0 || c.Attempts != 3 {
		t.Errorf("candidate 7 is %+v, %v", c, err)
	}
}

func TestWallLimit(t *testing.T) {
	t.Parallel()
	clock := &handClock{now: time.Unix(1e9, 0)}
	cfg := config(engine.Memory())
	cfg.Clock, cfg.Final.Skip = clock, true
	cfg.Limits = engine.Limits{Wall: 3600}
	var once sync.Once
	cfg.Observe = func(u engine.Update) {
		if u.Kind == engine.Consumed && u.Candidate.ID == 30 {
			once.Do(func() { go clock.next() })
		}
	}
	st := run(t, cfg).Status()
	if st.State != engine.StateFinished || st.Wall < 3600 || st.Evaluations < 30 {
		t.Errorf("ended as %+v", st)
	}
}
