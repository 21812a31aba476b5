package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
	"github.com/nascent-nas/nascent/engine/evolve"
)

// An error is tried again at once, a death after a pause. What fails twice by the
// same fault is not tried again; a process may die of something else.
func TestRetries(t *testing.T) {
	t.Parallel()
	died := func(x engine.Assignment) engine.Event {
		return engine.Event{ID: x.Job.ID, Attempt: x.Attempt, Kind: engine.Lost, Alone: true, Reason: "killed"}
	}
	failed := func(x engine.Assignment, reason, fault string, crashed bool) engine.Event {
		e := finished(x, engine.Result{Status: engine.Failed, Reason: reason})
		e.Fault, e.Crashed = fault, crashed
		return e
	}
	for name, c := range map[string]struct {
		fails    func(engine.Assignment) engine.Event
		attempts int
		wait     time.Duration
	}{
		"equal errors": {func(x engine.Assignment) engine.Event { return failed(x, "no luck", "", false) }, 2, 0},
		"equal faults, other texts": {func(x engine.Assignment) engine.Event {
			return failed(x, fmt.Sprint("loss ", x.Attempt), "line 7", false)
		}, 2, 0},
		"equal texts, other faults": {func(x engine.Assignment) engine.Event {
			return failed(x, "no luck", fmt.Sprint("line ", x.Attempt), false)
		}, 4, 0},
		"other errors":               {func(x engine.Assignment) engine.Event { return failed(x, fmt.Sprint("no luck ", x.Attempt), "", false) }, 4, 0},
		"equal crashes of a worker":  {func(x engine.Assignment) engine.Event { return failed(x, "killed", "", true) }, 4, 70 * time.Second},
		"equal deaths of the plugin": {died, 4, 70 * time.Second},
		"no number":                  {func(x engine.Assignment) engine.Event { return finished(x, engine.Result{Status: engine.OK}) }, 2, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			a := &actor{}
			a.submit = func(s *scene, x engine.Assignment) error {
				if x.Job.ID == 5 {
					s.send(begun(x), c.fails(x))
				} else {
					s.send(begun(x), good(x))
				}
				return nil
			}
			cfg := acting(t, a)
			cfg.Failures = engine.FailurePolicy{Attempts: 4, Backoff: 10 * time.Second}
			start := time.Now()
			st := run(t, cfg).Status()
			five, err := mustArchive(t, cfg.Ledger).Candidate(5)
			if err != nil || five.Status != engine.Failed || five.Attempts != c.attempts || st.Retries != c.attempts {
				t.Errorf("%s: %d retries, candidate 5 is %+v, %v", name, st.Retries, five, err)
			}
			if d := time.Since(start); d != c.wait {
				t.Errorf("%s: waited %s, want %s", name, d, c.wait)
			}
		})
	}
}

// A healthy search in which many genomes fail goes on; so does one with a genome
// that fails again and again.
func TestManyFailuresDoNotPause(t *testing.T) {
	t.Parallel()
	cfg := config(enginetest.Memory(t))
	cfg.Limits.Evaluations, cfg.Final.Skip = 400, true
	cfg.Failures = engine.FailurePolicy{Attempts: 50, PauseAfter: 8}
	var mu sync.Mutex
	tries := map[engine.ID]int{}
	cfg.Evaluators = map[string]engine.EvaluatorRef{"f": {Evaluator: engine.Func(func(ctx context.Context, j *engine.Job) (map[string]float64, error) {
		mu.Lock()
		defer mu.Unlock()
		tries[j.ID]++
		if j.ID%3 == 0 || j.ID%5 == 0 {
			return nil, fmt.Errorf("unlucky for the %d. time", min(tries[j.ID], 40))
		}
		return evaluate(ctx, j)
	})}}
	if st := run(t, cfg).Status(); st.OK+st.Failed != 400 || st.Failed < 150 {
		t.Errorf("ended as %+v", st)
	}
}

// mendedLate wants a search whose evaluator breaks at a job, for all jobs or for those of
// one budget, to pause each time that it is run, and to come to the same as an undisturbed
// one once that is mended.
func mendedLate(t *testing.T, cfg engine.Config, from engine.ID, budget float64, ok int) {
	t.Helper()
	run(t, cfg)
	want := digest(t, cfg.Ledger, -1)
	cfg.Ledger = enginetest.Memory(t)
	const works, broken, mended = 0, 1, 2
	var state atomic.Int32
	cfg.Evaluators = map[string]engine.EvaluatorRef{
		"f": {Evaluator: engine.Func(func(ctx context.Context, j *engine.Job) (map[string]float64, error) {
			if j.ID >= from {
				state.CompareAndSwap(works, broken)
			}
			if state.Load() == broken && (budget == 0 || j.Budget == budget) {
				return nil, errors.New("no data")
			}
			return evaluate(ctx, j)
		})},
	}
	for range 3 {
		_, err := engine.Run(t.Context(), cfg)
		if !errors.Is(err, engine.ErrPaused) || !strings.Contains(err.Error(), "failed and nothing") ||
			!strings.Contains(err.Error(), "no data") {
			t.Fatalf("ended with %v", err)
		}
	}
	state.Store(mended)
	if st := run(t, cfg).Status(); st.State != engine.StateFinished || st.OK != ok {
		t.Errorf("went on to %+v", st)
	}
	if got := digest(t, cfg.Ledger, -1); cfg.Order == engine.Strict && got != want {
		t.Errorf("the digest is %s, undisturbed %s", got, want)
	}
}

// Where nothing succeeds the evaluator is to blame: the search pauses, as often as it is
// run before that is mended, and no candidate is given up for it.
func TestPauseBlamesTheEvaluator(t *testing.T) {
	t.Parallel()
	for _, order := range []engine.Order{engine.Strict, engine.Arrival} {
		for _, window := range []int{1, 3, 8, 20} {
			for _, from := range []engine.ID{1, 2, 21} { // the first job that finds it broken
				t.Run(fmt.Sprintf("%s order, window %d, from %d", order, window, from), func(t *testing.T) {
					t.Parallel()
					cfg := config(enginetest.Memory(t))
					cfg.Order, cfg.Window, cfg.Workers = order, window, 4
					mendedLate(t, cfg, from, 0, 60)
				})
			}
		}
	}
}

// Genomes that are tried where nothing has succeeded have names of their own, and a pause
// says how to go on.
func TestProbesAreNoCandidates(t *testing.T) {
	t.Parallel()
	cfg := config(enginetest.Memory(t))
	cfg.Window, cfg.Failures.Attempts, cfg.Again = 3, 1, "ask again"
	var mu sync.Mutex
	tried := map[string]map[string]bool{}
	cfg.Evaluators = map[string]engine.EvaluatorRef{"f": {Evaluator: engine.Func(func(_ context.Context, j *engine.Job) (map[string]float64, error) {
		mu.Lock()
		defer mu.Unlock()
		if id := j.ID.String(); tried[id] == nil {
			tried[id] = map[string]bool{}
		}
		tried[j.ID.String()][j.Genome.Text()] = true
		return nil, errors.New("no data")
	})}}
	_, err := engine.Run(t.Context(), cfg)
	if want := "12 different genomes failed and nothing succeeded in between, the last time (p9, which was only to tell whether the " +
		"evaluator works): no data; mend the cause and ask again, or raise failures.pause_after, which is 12"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("ended with %v, want %s", err, want)
	}
	ids := slices.Sorted(maps.Keys(tried))
	if want := []string{"1", "2", "3", "p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9"}; !slices.Equal(ids, want) {
		t.Errorf("tried were %v, want %v", ids, want)
	}
	for id, genomes := range tried {
		if back, err := engine.ParseID(id); err != nil || back.String() != id || len(genomes) != 1 {
			t.Errorf("%s is %v: %v, %v", id, slices.Collect(maps.Keys(genomes)), back, err)
		}
	}
}

// Where candidates fail one after the other and the evaluator still works they are to
// blame themselves, however few may be under way at once.
func TestProbeBlamesTheCandidates(t *testing.T) {
	t.Parallel()
	for _, window := range []int{1, 3, 8} {
		cfg := config(enginetest.Memory(t))
		cfg.Window, cfg.Workers, cfg.Final.Skip, cfg.Clock = window, 2, true, &enginetest.Clock{}
		probes, n := map[engine.ID]int{}, 0
		a := &actor{}
		a.submit = func(s *scene, x engine.Assignment) error {
			if x.Probe {
				probes[x.Job.ID]++
				n++
			}
			r := engine.Result{Status: engine.OK, Metrics: engine.Values{{Name: "accuracy", Value: measure(x.Job)}}, Seconds: 1}
			if x.Job.ID%20 >= 10 {
				r = engine.Result{Status: engine.Failed, Reason: fmt.Sprint("too large ", x.Attempt)}
			}
			s.send(begun(x), finished(x, r))
			return nil
		}
		cfg.Evaluators = map[string]engine.EvaluatorRef{"f": {Evaluator: a}}
		st := run(t, cfg).Status()
		if st.OK+st.Failed != 60 || st.Failed != 30 {
			t.Errorf("window %d: ended as %+v", window, st)
		}
		if n == 0 || window == 1 && probes[9] != 10 {
			t.Errorf("window %d: probes %v", window, probes)
		}
		if st.Lost != float64(n) {
			t.Errorf("window %d: %v seconds lost, and %d probes took a second each", window, st.Lost, n)
		}
	}
}

// Searches in which a good share of the genomes fails end, however few may be under way
// at once and whatever fails first: while nothing has succeeded, other genomes tell.
func TestUnluckyBeginnings(t *testing.T) {
	t.Parallel()
	for _, window := range []int{1, 2, 8} {
		for seed := range uint64(12) {
			cfg := config(enginetest.Memory(t))
			cfg.Window, cfg.Seed, cfg.Failures.Backoff = window, seed, -1
			cfg.Evaluators = map[string]engine.EvaluatorRef{"f": {Evaluator: engine.Func(func(ctx context.Context, j *engine.Job) (map[string]float64, error) {
				if h := j.Genome.Hash(); h[0]%10 < 4 {
					return nil, errors.New("no room")
				}
				return evaluate(ctx, j)
			})}}
			if st := run(t, cfg).Status(); st.State != engine.StateFinished || st.Failed == 0 || st.OK+st.Failed != 60 {
				t.Errorf("window %d, seed %d: ended as %+v", window, seed, st)
			}
		}
	}
}

// An outage of one fidelity is its evaluator's fault, whatever succeeds at others.
func TestOutageOfAFidelity(t *testing.T) {
	t.Parallel()
	for _, order := range []engine.Order{engine.Strict, engine.Arrival} {
		for _, window := range []int{1, 8} {
			for _, from := range []engine.ID{1, 60} {
				t.Run(fmt.Sprintf("%s order, window %d, from %d", order, window, from), func(t *testing.T) {
					t.Parallel()
					s, err := evolve.New("aging")
					if err != nil {
						t.Fatal(err)
					}
					cfg := config(enginetest.Memory(t))
					cfg.Strategy, cfg.StrategyName, cfg.StrategyOptions = s, "aging", json.RawMessage(`{"population": 6, "promote": {"eta": 3, "after": 3}}`)
					cfg.Fidelities = []engine.Fidelity{{Evaluator: "f", Budget: 1}, {Evaluator: "f", Budget: 4}}
					cfg.Order, cfg.Window, cfg.Workers, cfg.Limits.Evaluations = order, window, 2, 100
					mendedLate(t, cfg, from, 4, 100)
				})
			}
		}
	}
}

// A job in doubt when the run ends is not lost, and not given more attempts than
// others.
func TestStopInDoubt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := &actor{}
		a.submit = func(s *scene, x engine.Assignment) error {
			switch {
			case x.Job.ID == 5:
				s.send(begun(x), finished(x, engine.Result{Status: engine.Failed, Reason: fmt.Sprint(x.Attempt)}))
			case x.Job.ID > 5 && x.Job.ID < 9: // nothing comes back that could end the doubt
				s.send(begun(x))
			default:
				s.send(begun(x), good(x))
			}
			return nil
		}
		cfg := acting(t, a)
		cfg.Workers, cfg.Window = 4, 4
		s, err := engine.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(time.Minute, s.Stop)
		if err := s.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if c, err := mustArchive(t, cfg.Ledger).Candidate(5); err != nil || c.Status != "" {
			t.Fatalf("candidate 5 is %+v, %v", c, err)
		}
		a.submit = func(s *scene, x engine.Assignment) error {
			if x.Job.ID == 5 {
				s.send(begun(x), finished(x, engine.Result{Status: engine.Failed, Reason: "again"}))
			} else {
				s.send(begun(x), good(x))
			}
			return nil
		}
		run(t, cfg)
		if c, err := mustArchive(t, cfg.Ledger).Candidate(5); err != nil || c.Status != engine.Failed || c.Attempts != 3 {
			t.Errorf("candidate 5 is %+v, %v", c, err)
		}
	})
}

// The time of every attempt counts, whatever came of it.
func TestFailuresCost(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(s *scene, x engine.Assignment){
		"errors": func(s *scene, x engine.Assignment) {
			s.send(finished(x, engine.Result{Status: engine.Failed, Reason: fmt.Sprint(x.Attempt)}))
		},
		"errors that tell": func(s *scene, x engine.Assignment) {
			s.send(finished(x, engine.Result{Status: engine.Failed, Reason: fmt.Sprint(x.Attempt), Seconds: 10}))
		},
		"deaths": func(s *scene, x engine.Assignment) {
			s.send(engine.Event{ID: x.Job.ID, Attempt: x.Attempt, Kind: engine.Lost, Alone: true})
		},
		"handed back":     func(s *scene, x engine.Assignment) { s.send(returned(x.Job.ID, x.Attempt)) },
		"wrong numbers":   func(s *scene, x engine.Assignment) { s.send(finished(x, engine.Result{Status: engine.OK})) },
		"passed deadline": nil,
	} {
		synctest.Test(t, func(t *testing.T) {
			a := &actor{}
			a.submit = func(s *scene, x engine.Assignment) error {
				if x.Job.ID%4 == 1 {
					s.send(begun(x), good(x))
					return nil
				}
				go func() {
					s.send(begun(x))
					if end != nil {
						time.Sleep(10 * time.Second)
						end(s, x)
					}
				}()
				return nil
			}
			a.cancel = func(s *scene, id engine.ID, attempt int, _ bool) { s.send(returned(id, attempt)) }
			cfg := acting(t, a)
			cfg.Timeout, cfg.Failures.Backoff, cfg.Failures.PauseAfter = 20*time.Second, time.Millisecond, 1000
			cfg.Limits = engine.Limits{Seconds: 200}
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			s, err := engine.Run(ctx, cfg)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			st := s.Status()
			if st.State != engine.StateFinished || st.Spent.Seconds < 200 || st.Spent.Seconds > 240 || st.Lost < 150 {
				t.Errorf("%s: ended as %+v", name, st)
			}
			arch := mustArchive(t, cfg.Ledger)
			lost := 0.0
			for c := range arch.Candidates() {
				lost += c.Lost
			}
			if again := arch.Status(); again.Lost != st.Lost || lost > st.Lost || name != "handed back" && lost == 0 {
				t.Errorf("%s: %v seconds lost, %v in the ledger, %v of candidates", name, st.Lost, again.Lost, lost)
			}
			time.Sleep(time.Hour) // until the last of the evaluator has ended
		})
	}
}

// How often jobs are tried may change in mid-search, which is journaled; what the
// search began with stays recorded.
func TestAttemptsChange(t *testing.T) {
	t.Parallel()
	led := enginetest.Memory(t)
	cfg := config(led)
	cfg.Final.Skip = true
	cfg.Limits.Evaluations = 20
	cfg.Evaluators = map[string]engine.EvaluatorRef{"f": {Evaluator: engine.Func(func(ctx context.Context, j *engine.Job) (map[string]float64, error) {
		if j.ID == 12 || j.ID == 30 {
			return nil, fmt.Errorf("no luck at %s", time.Now())
		}
		return evaluate(ctx, j)
	})}}
	run(t, cfg)
	begun := digest(t, led, 10)
	cfg.Failures.Attempts, cfg.Limits.Evaluations = 5, 40
	run(t, cfg)
	arch := mustArchive(t, led)
	for id, want := range map[engine.ID]int{12: 3, 30: 5} {
		if c, err := arch.Candidate(id); err != nil || c.Attempts != want {
			t.Errorf("candidate %s had %d attempts, want %d, %v", id, c.Attempts, want, err)
		}
	}
	if arch.Plan.Attempts != 3 || digest(t, led, 10) != begun {
		t.Errorf("what the search began with has changed: %d attempts", arch.Plan.Attempts)
	}
	events := 0
	for e := range led.Events() {
		if e.Kind == "attempts" {
			events++
		}
	}
	if events != 1 {
		t.Errorf("%d events", events)
	}
}

// The pause before another attempt doubles, up to a minute. A longer one is taken as it
// is given.
func TestBackoffIsBounded(t *testing.T) {
	t.Parallel()
	for first, want := range map[time.Duration]time.Duration{
		25 * time.Second: (25 + 50 + 60 + 60) * time.Second,
		60 * time.Second: 4 * 60 * time.Second,
		5 * time.Minute:  4 * 5 * time.Minute,
	} {
		t.Run(first.String(), func(t *testing.T) { testBackoff(t, first, want) })
	}
}

func testBackoff(t *testing.T, first, want time.Duration) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := &actor{}
		a.submit = func(s *scene, x engine.Assignment) error {
			if x.Job.ID == 5 {
				s.send(begun(x), engine.Event{ID: x.Job.ID, Attempt: x.Attempt, Kind: engine.Lost, Alone: true, Reason: "killed"})
			} else {
				s.send(begun(x), good(x))
			}
			return nil
		}
		cfg := acting(t, a)
		cfg.Failures = engine.FailurePolicy{Attempts: 5, Backoff: first}
		start := time.Now()
		run(t, cfg)
		if d := time.Since(start); d != want {
			t.Errorf("five attempts waited %s, want %s", d, want)
		}
	})
}

// What an attempt that failed says it took is charged, in place of what it took of the clock.
func TestFailuresAreChargedAsTheySay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := &actor{}
		a.submit = func(s *scene, x engine.Assignment) error {
			if x.Job.ID == 5 {
				s.send(begun(x), finished(x, engine.Result{Status: engine.Failed, Reason: "no luck", Seconds: 7}))
			} else {
				s.send(begun(x), good(x))
			}
			return nil
		}
		cfg := acting(t, a)
		st := run(t, cfg).Status()
		c, err := mustArchive(t, cfg.Ledger).Candidate(5)
		if err != nil || c.Attempts < 2 || c.Lost != 7*float64(c.Attempts) || st.Lost != c.Lost || st.Spent.Seconds != c.Lost+2*float64(st.OK) {
			t.Errorf("%d attempts of 7 s cost %v, and all of them %v (%v lost); %v", c.Attempts, c.Lost, st.Spent.Seconds, st.Lost, err)
		}
	})
}
