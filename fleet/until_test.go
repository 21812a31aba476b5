package fleet

import (
	"context"
	"testing"
	"time"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
	"github.com/nascent-nas/nascent/genome/rng"
)

// train is a job to train something.
func train(t *testing.T, id engine.ID, fidelity int) *engine.Job {
	t.Helper()
	g, err := space.Random(rng.New(uint64(id)))
	if err != nil {
		t.Fatal(err)
	}
	return &engine.Job{ID: id, Phase: engine.PhaseSearch, Task: engine.Train, Genome: g, Fidelity: fidelity, Budget: 1, Seed: uint64(id)}
}

// submit sends jobs out.
func submit(t *testing.T, s engine.Session, all ...*engine.Job) {
	t.Helper()
	for _, j := range all {
		if err := s.Submit(engine.Assignment{Job: j, Attempt: 1}); err != nil {
			t.Fatal(err)
		}
	}
}

// next is the next event of a kind, for any job; results are acknowledged.
func next(t *testing.T, s engine.Session, kind engine.EventKind) engine.Event {
	t.Helper()
	for e := range s.Events() {
		switch {
		case e.Kind == kind:
			if kind == engine.Finished {
				s.Ack(e.ID, e.Attempt)
			}
			return e
		case e.Kind == engine.Finished || e.Kind == engine.Returned || e.Kind == engine.Lost:
			t.Fatalf("job %s: an event of kind %d (%s) and not %d", e.ID, e.Kind, e.Reason, kind)
		}
	}
	t.Fatal("there are no more events")
	return engine.Event{}
}

// gated is an evaluator whose jobs end when the test says so.
func gated(gate <-chan struct{}) func(Spec) (engine.Evaluator, error) {
	return func(Spec) (engine.Evaluator, error) {
		return engine.Func(func(ctx context.Context, j *engine.Job) (map[string]float64, error) {
			select {
			case <-gate:
				return map[string]float64{"accuracy": 1}, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}), nil
	}
}

// A host gets no job that would not end before its own end, as far as is known how long such
// jobs take; shorter ones pass. What takes longer than any host lasts is begun all the same.
func TestJobsEndBeforeTheirHost(t *testing.T) {
	t.Parallel()
	now := &enginetest.Clock{}
	y := newYardBy(t, 0, 0, Options{clock: now})
	gate := make(chan struct{})
	host := func(name string, left time.Duration) context.CancelCauseFunc {
		o := ServeOptions{Machine: Machine{Name: name, Slots: 1}, Evaluator: gated(gate), clock: now}
		if left > 0 {
			o.Until = now.Now().Add(left + 5*time.Second/2) // what its grace of 2 s takes
		}
		return y.hostBy(o)
	}
	stop := host("first", 0)
	s := y.open(engine.Memory())
	takes := func(id engine.ID, fidelity int, long time.Duration) {
		submit(t, s, train(t, id, fidelity))
		next(t, s, engine.Begun)
		now.Advance(long)
		gate <- struct{}{}
		next(t, s, engine.Finished)
	}
	takes(1, 0, time.Minute) // not known before, so it is begun
	takes(2, 1, time.Hour)
	takes(3, 1, 10*time.Minute)
	stop(errStopped)
	host("whole", 12*time.Hour)
	y.await("whole", func(h Host) bool { return h.Room == 1 })
	submit(t, s, train(t, 4, 1)) // keeps it busy
	next(t, s, engine.Begun)
	host("half", 30*time.Minute)
	y.await("half", func(h Host) bool { return h.Room == 1 })

	submit(t, s, train(t, 5, 1), train(t, 6, 1), train(t, 7, 0))
	if e := next(t, s, engine.Begun); e.ID != 7 {
		t.Errorf("job %s began on a host of half an hour, and jobs of its sort took up to an hour", e.ID)
	}
	now.Advance(time.Minute)
	gate <- struct{}{}
	gate <- struct{}{}
	ended, begun := map[engine.ID]bool{}, engine.ID(0)
	for len(ended) < 2 || begun == 0 {
		switch e := <-s.Events(); e.Kind {
		case engine.Finished:
			s.Ack(e.ID, e.Attempt)
			ended[e.ID] = true
		case engine.Begun:
			begun = e.ID
		}
	}
	if !ended[4] || !ended[7] || begun != 5 {
		t.Errorf("ended are %v, and job %s took the place of one", ended, begun)
	}
	if h := y.await("half", func(Host) bool { return true }); h.Running != 0 || h.Finished != 1 {
		t.Errorf("the host of half an hour: %+v", h)
	}
	y.fleet.Drain("whole") // and with it the only one that lasts long enough
	gate <- struct{}{}
	next(t, s, engine.Finished)
	if e := next(t, s, engine.Begun); e.ID != 6 {
		t.Errorf("job %s began in the end", e.ID)
	}
	gate <- struct{}{}
	next(t, s, engine.Finished)
	if err := s.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

// A host leaves in time before it is ended: what its jobs have comes back, and goes on
// elsewhere.
func TestLeavesBeforeItsEnd(t *testing.T) {
	t.Parallel()
	now := &enginetest.Clock{}
	y := newYardBy(t, 0, 0, Options{clock: now})
	gate := make(chan struct{})
	y.hostBy(ServeOptions{
		Machine: Machine{Name: "short", Slots: 1}, Evaluator: gated(gate), clock: now, Until: now.Now().Add(time.Hour),
	})
	s := y.open(engine.Memory())
	submit(t, s, train(t, 1, 0))
	next(t, s, engine.Begun)
	now.Advance(time.Hour - 3*time.Second)
	if h := y.await("short", func(Host) bool { return true }); h.Running != 1 {
		t.Errorf("before its grace begins: %+v", h)
	}
	now.Advance(time.Second)
	if e := next(t, s, engine.Returned); e.ID != 1 {
		t.Errorf("job %s came back", e.ID)
	}
	y.host("other", 1, gated(gate))
	submit(t, s, train(t, 2, 0))
	next(t, s, engine.Begun)
	gate <- struct{}{}
	next(t, s, engine.Finished)
	if err := s.Close(context.Background()); err != nil {
		t.Error(err)
	}
}
