package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
)

// picky is an evaluator that fails on some genomes wherever it is.
func picky(j *engine.Job) (map[string]float64, error) {
	n, _ := j.Genome.Gene("n")
	if n == int64(9) {
		return nil, errNines
	}
	return map[string]float64{"accuracy": number(j, "x")}, nil
}

var errNines = errors.New("it does not like nines")

// byFunc opens an evaluator of one function.
func byFunc(f func(*engine.Job) (map[string]float64, error)) func(Spec) (engine.Evaluator, error) {
	return func(Spec) (engine.Evaluator, error) {
		return engine.Func(func(_ context.Context, j *engine.Job) (map[string]float64, error) { return f(j) }), nil
	}
}

var errBroken = errors.New("CUDA error: no device")

// Hosts on which everything fails are set aside and named, and no candidate suffers from
// them; candidates that fail by themselves set nobody aside.
func TestBrokenHostsAreSetAside(t *testing.T) {
	t.Parallel()
	local, err := byFunc(picky)(Spec{})
	if err != nil {
		t.Fatal(err)
	}
	want := searched(t, config(local, engine.Strict))
	y := newYard(t, 0, 0)
	for _, name := range []string{"bad", "worse"} {
		y.host(name, 2, byFunc(func(*engine.Job) (map[string]float64, error) { return nil, errBroken }))
	}
	for _, name := range []string{"good", "better"} {
		y.host(name, 2, byFunc(picky))
	}
	for _, name := range []string{"bad", "worse", "good", "better"} {
		y.await(name, func(Host) bool { return true })
	}
	cfg := config(y.fleet.Evaluator("e", Program{}), engine.Strict)
	if got := searched(t, cfg); got != want {
		t.Errorf("the digest is %s on hosts of which two are broken, and %s on one machine", got, want)
	}
	for _, h := range y.fleet.Hosts() {
		broken := h.Name == "bad" || h.Name == "worse"
		if (h.State == "aside") != broken || broken && !strings.HasSuffix(h.Reason, "of them came to something elsewhere; the last: "+errBroken.Error()) {
			t.Errorf("%+v", h)
		}
		if broken && (len(h.Failures) != 1 || h.Failures[0] != Failure{errBroken.Error(), h.Failed}) {
			t.Errorf("%s failed because of %+v", h.Name, h.Failures)
		}
		if slices.ContainsFunc(h.Failures, func(x Failure) bool { return !broken && x.Reason != errNines.Error() }) {
			t.Errorf("%s failed because of %+v", h.Name, h.Failures)
		}
	}
}

// A host that was set aside and is mended takes jobs again when somebody says so; one that
// has another evaluator does not.
func TestAccept(t *testing.T) {
	t.Parallel()
	y := newYard(t, 0, 0)
	var mended atomic.Bool
	y.host("good", 1, byFunc(picky))
	y.await("good", func(Host) bool { return true })
	cfg := config(y.fleet.Evaluator("e", Program{}), engine.Arrival)
	cfg.Limits.Evaluations, cfg.Workers = 1_000_000, 2
	s, err := engine.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Run(context.Background()) }()
	y.await("good", func(h Host) bool { return h.State == "ready" })
	y.host("mended", 1, byFunc(func(j *engine.Job) (map[string]float64, error) {
		if !mended.Load() {
			return nil, errBroken
		}
		return picky(j)
	}))
	y.host("odd", 1, keeper)
	y.await("mended", func(h Host) bool { return h.State == "aside" })
	y.await("odd", func(h Host) bool { return h.State == "aside" })
	mended.Store(true)
	if n, odd := y.fleet.Accept("mended"), y.fleet.Accept("odd"); n != 1 || odd != 0 {
		t.Errorf("%d and %d hosts are taken back", n, odd)
	}
	y.await("mended", func(h Host) bool { return h.State == "ready" && h.Finished > h.Failed })
	s.Stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// A job that takes long is begun on an idle host as well. The first result counts, once, and
// the other host gives it up; where one brings nothing the other goes on.
func TestSpeculative(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"the second is faster", "the first ends after all", "the second fails", "the first host is lost", "it is cancelled"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			now := &enginetest.Clock{}
			y := newYardBy(t, 0, 0, Options{clock: now, Speculative: true})
			gates := map[string]chan error{"one": make(chan error), "two": make(chan error)}
			given := make(chan string, 2)
			host := func(name string) context.CancelCauseFunc {
				return y.host(name, 1, func(Spec) (engine.Evaluator, error) {
					return engine.Func(func(ctx context.Context, j *engine.Job) (map[string]float64, error) {
						select {
						case err := <-gates[name]:
							return map[string]float64{"accuracy": 1}, err
						case <-ctx.Done():
							given <- name
							return nil, ctx.Err()
						}
					}), nil
				})
			}
			stop := host("one")
			s := y.open(engine.Memory())
			for id := engine.ID(1); id <= known; id++ {
				submit(t, s, train(t, id, 0))
				next(t, s, engine.Begun)
				now.Advance(time.Minute)
				gates["one"] <- nil
				next(t, s, engine.Finished)
			}
			submit(t, s, train(t, 99, 0))
			next(t, s, engine.Begun)
			host("two")
			y.await("two", func(h Host) bool { return h.Room == 1 })
			now.Advance(slow*time.Minute - 1)
			if h := y.await("two", func(Host) bool { return true }); h.Running != 0 {
				t.Errorf("it is begun a second time too early: %+v", h)
			}
			now.Advance(1)
			y.await("two", func(h Host) bool { return h.Running == 1 })
			kind := engine.Finished
			switch how {
			case "the second is faster":
				gates["two"] <- nil
			case "the first ends after all":
				gates["one"] <- nil
			case "the second fails":
				gates["two"] <- errBroken
				y.await("two", func(h Host) bool { return h.Failed == 1 })
				gates["one"] <- nil
			case "the first host is lost":
				stop(errStopped) // it hands back what it has
				y.awaitGone("one")
				gates["two"] <- nil
			case "it is cancelled":
				s.Cancel(99, 1, false)
				kind = engine.Returned
			}
			e := <-s.Events()
			for e.Kind == engine.Capacity {
				e = <-s.Events()
			}
			if e.Kind == engine.Finished && e.Result.Status == engine.Failed { // as functions end that are cancelled
				kind = engine.Finished
			}
			if e.Kind != kind || e.ID != 99 || e.Attempt != 1 {
				t.Errorf("it ended so: %+v", e)
			}
			s.Ack(e.ID, e.Attempt)
			for _, h := range y.fleet.Hosts() {
				y.await(h.Name, func(h Host) bool { return h.Running == 0 })
			}
			switch how {
			case "the second is faster":
				if name := <-given; name != "one" {
					t.Errorf("%s gave it up", name)
				}
			case "the first ends after all":
				if name := <-given; name != "two" {
					t.Errorf("%s gave it up", name)
				}
			case "it is cancelled":
				<-given
				<-given
			}
			if err := s.Close(context.Background()); err != nil {
				t.Error(err)
			}
			for e := range s.Events() {
				if e.Kind != engine.Capacity {
					t.Errorf("there is another answer: %+v", e)
				}
			}
		})
	}
}

// With hosts of which some are slow a search comes to the same, whoever is first.
func TestSpeculativeDigest(t *testing.T) {
	t.Parallel()
	local, err := bowl(Spec{Options: json.RawMessage("{}")})
	if err != nil {
		t.Fatal(err)
	}
	want := searched(t, config(local, engine.Strict))
	y := newYardBy(t, 0, 0, Options{Speculative: true})
	for _, name := range []string{"one", "two", "slow"} {
		y.host(name, 2, func(spec Spec) (engine.Evaluator, error) {
			e, err := bowl(spec)
			if name != "slow" || err != nil {
				return e, err
			}
			return engine.Func(func(ctx context.Context, j *engine.Job) (map[string]float64, error) {
				select {
				case <-ctx.Done():
					return nil, ctx.Err()
				case <-time.After(50 * time.Millisecond):
				}
				x, y := number(j, "x"), number(j, "y")
				return bowlAt(x, y), nil
			}), nil
		})
	}
	cfg := config(y.fleet.Evaluator("e", Program{}), engine.Strict)
	cfg.Limits.Evaluations = 400
	if got := searched(t, cfg); got != want {
		t.Errorf("the digest is %s with second runs and %s on one machine", got, want)
	}
}
