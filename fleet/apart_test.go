package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
)

// Where host and coordinator go on and cannot reach one another the job is carried out
// elsewhere, as another attempt. What the first host brings when it is back counts for nothing.
func TestBothSidesGoOn(t *testing.T) {
	t.Parallel()
	y := newYardBy(t, 0, 0, Options{Patience: time.Millisecond})
	var apart atomic.Bool
	gates := map[string]chan float64{"one": make(chan float64), "two": make(chan float64)}
	host := func(name string) {
		y.hostBy(ServeOptions{
			Machine: Machine{Name: name, Slots: 1},
			Ticket: func() (Ticket, error) {
				if name == "one" && apart.Load() {
					return Ticket{}, errors.New("there is no way to it")
				}
				return y.keys.Ticket(y.at), nil
			},
			Evaluator: func(Spec) (engine.Evaluator, error) {
				return engine.Func(func(ctx context.Context, j *engine.Job) (map[string]float64, error) {
					select {
					case x := <-gates[name]:
						return map[string]float64{"accuracy": x}, nil
					case <-ctx.Done():
						return nil, ctx.Err()
					}
				}), nil
			},
		})
	}
	host("one")
	s := y.open(engine.Memory())
	job := train(t, 1, 0)
	submit(t, s, job)
	next(t, s, engine.Begun)
	apart.Store(true)
	y.conns.cut(-1)
	next(t, s, engine.Returned)
	host("two")
	y.await("two", func(h Host) bool { return h.Room == 1 })
	if err := s.Submit(engine.Assignment{Job: job, Attempt: 2}); err != nil {
		t.Fatal(err)
	}
	next(t, s, engine.Begun)
	gates["one"] <- 0.25 // it has a result, and nobody to tell
	gates["two"] <- 0.75
	e := next(t, s, engine.Finished)
	if x, _ := e.Result.Metrics.Get("accuracy"); e.Attempt != 2 || x != 0.75 {
		t.Errorf("attempt %d brought %v", e.Attempt, x)
	}
	apart.Store(false)
	y.await("one", func(h Host) bool { return h.Room == 1 && h.Running == 0 })
	submit(t, s, train(t, 2, 0))
	next(t, s, engine.Begun)
	select { // whoever got it
	case gates["one"] <- 1:
	case gates["two"] <- 1:
	}
	if e := next(t, s, engine.Finished); e.ID != 2 {
		t.Errorf("job %s has a second result", e.ID)
	}
	if err := s.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

// shifted is the machine's clock, set wrong by so much.
type shifted time.Duration

func (s shifted) Now() time.Time { return clock{}.Now().Add(time.Duration(s)) }

func (shifted) After(d time.Duration, f func()) (cancel func()) { return clock{}.After(d, f) }

// Clocks that differ by an hour or by decades change nothing. Certificates begin a minute
// before they are made: to whom that is to come they are as good.
func TestClocksDiffer(t *testing.T) {
	t.Parallel()
	local, err := bowl(Spec{Options: json.RawMessage("{}")})
	if err != nil {
		t.Fatal(err)
	}
	want := searched(t, config(local, engine.Strict))
	y := newYardBy(t, 0, 0, Options{Speculative: true})
	for name, by := range map[string]engine.Clock{"past": &enginetest.Clock{}, "slow": shifted(-time.Hour), "now": nil, "fast": shifted(time.Hour)} {
		o := ServeOptions{Machine: Machine{Name: name, Slots: 2}, Evaluator: bowl, clock: by}
		if by != nil {
			o.Until = by.Now().Add(24 * time.Hour)
		}
		y.hostBy(o)
		y.await(name, func(Host) bool { return true })
	}
	began := time.Now()
	cfg := config(y.fleet.Evaluator("e", Program{}), engine.Strict)
	if got := searched(t, cfg); got != want {
		t.Errorf("the digest is %s with clocks that differ, and %s on one machine", got, want)
	}
	for e, err := range cfg.Ledger.Events() {
		if err != nil {
			t.Fatal(err)
		}
		if e.Time.Before(began.Add(-time.Minute)) || e.Time.After(time.Now().Add(time.Minute)) {
			t.Errorf("an event (%s) is of %s", e.Kind, e.Time)
		}
	}
}
