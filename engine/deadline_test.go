package engine_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
)

// Time in these tests is that of a bubble: it passes when everything waits.

func TestDeadlineNeverYieldsAFitness(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		led := enginetest.Memory(t)
		cfg := config(led)
		cfg.Timeout, cfg.Limits.Evaluations, cfg.Final.Skip = time.Hour, 20, true
		cfg.Evaluators = map[string]engine.EvaluatorRef{"f": {Evaluator: engine.Func(func(ctx context.Context, j *engine.Job) (map[string]float64, error) {
			if j.ID == 7 { // hangs until it is cancelled, then answers all the same
				<-ctx.Done()
			}
			return evaluate(ctx, j)
		})}}
		start := time.Now()
		st := run(t, cfg).Status()
		if st.OK != 19 || st.Failed != 1 || st.Retries != 3 {
			t.Errorf("ended as %+v", st)
		}
		if d := time.Since(start); d < 3*time.Hour || d > 3*time.Hour+time.Minute {
			t.Errorf("three deadlines of an hour took %s", d)
		}
		c, err := mustArchive(t, led).Candidate(7)
		if err != nil || c.Status != engine.Failed || !strings.Contains(c.Reason, "deadline of 1h0m0s passed") || len(c.Metrics) != 0 || c.Attempts != 3 {
			t.Errorf("candidate 7 is %+v, %v", c, err)
		}
	})
}

// What is cancelled in vain is killed, and neighbours that come back with it do
// not count.
func TestDeadlineKills(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		stuck := map[engine.ID]engine.Assignment{}
		a := &actor{}
		a.submit = func(s *scene, x engine.Assignment) error {
			s.send(begun(x))
			if x.Job.ID <= 2 && x.Attempt == 1 {
				stuck[x.Job.ID] = x
			} else {
				s.send(good(x))
			}
			return nil
		}
		a.kill = func(s *scene, id engine.ID, attempt int) {
			if id == 2 {
				t.Error("job 2 was to be killed although its deadline had not passed")
			}
			s.send(engine.Event{ID: 1, Attempt: 1, Kind: engine.Lost, Alone: true}, returned(2, 1))
		}
		cfg := acting(t, a)
		cfg.Timeout = time.Minute
		cfg.Window = 3
		inner := a.submit
		a.submit = func(s *scene, x engine.Assignment) error {
			if x.Job.ID == 2 && x.Attempt == 1 { // began later
				go func() {
					time.Sleep(30 * time.Second)
					_ = inner(s, x)
				}()
				return nil
			}
			return inner(s, x)
		}
		run(t, cfg)
		arch := mustArchive(t, cfg.Ledger)
		one, _ := arch.Candidate(1)
		two, _ := arch.Candidate(2)
		if one.Status != engine.OK || one.Attempts != 2 || two.Status != engine.OK || two.Attempts != 1 {
			t.Errorf("candidates 1 and 2 took %d and %d attempts that counted", one.Attempts, two.Attempts)
		}
	})
}

// An evaluator may swallow a job, and not even answer when it is killed.
func TestSwallowedJobFails(t *testing.T) {
	t.Parallel()
	for _, begins := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			a := &actor{}
			a.submit = func(s *scene, x engine.Assignment) error {
				switch {
				case x.Job.ID != 5:
					s.send(begun(x), good(x))
				case begins:
					s.send(begun(x), begun(x)) // twice: must not start a second deadline
				}
				return nil
			}
			cfg := acting(t, a)
			cfg.Timeout = time.Minute
			run(t, cfg)
			c, _ := mustArchive(t, cfg.Ledger).Candidate(5)
			if c.Status != engine.Failed || c.Attempts != 3 || !strings.Contains(c.Reason, "did not answer") {
				t.Errorf("candidate 5 is %+v", c)
			}
			if want := map[bool]string{true: "deadline of 1m0s passed", false: "not begun within"}[begins]; !strings.Contains(c.Reason, want) {
				t.Errorf("candidate 5 failed with %q, want %q", c.Reason, want)
			}
		})
	}
}

// Stop ends Run within a few graces whatever the evaluator does, and nothing is
// counted.
func TestStopEndsWhateverTheEvaluatorDoes(t *testing.T) {
	t.Parallel()
	for name, a := range map[string]*actor{
		"answers nothing": {},
		"does not close": {close: func(s *scene, _ context.Context) error {
			go func() { time.Sleep(24 * time.Hour); s.end() }()
			time.Sleep(24 * time.Hour)
			return nil
		}},
		"begins late": {cancel: func(s *scene, id engine.ID, attempt int, _ bool) {
			s.send(engine.Event{ID: id, Attempt: attempt, Kind: engine.Begun})
		}},
	} {
		synctest.Test(t, func(t *testing.T) {
			a.submit = func(s *scene, x engine.Assignment) error {
				if x.Job.ID < 10 {
					s.send(begun(x), good(x))
				}
				return nil
			}
			cfg := acting(t, a)
			cfg.Timeout = 1000 * time.Hour
			s, err := engine.New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			var stopped time.Time
			go func() {
				time.Sleep(time.Minute)
				stopped = time.Now()
				s.Stop()
				s.Stop()
			}()
			err = s.Run(t.Context())
			if d := time.Since(stopped); d > 4*5*time.Second {
				t.Errorf("%s: it took %s to stop", name, d)
			}
			if (err != nil) != (name == "does not close") {
				t.Errorf("%s: ended with %v", name, err)
			}
			if st := mustArchive(t, cfg.Ledger).Status(); st.State != engine.StateStopped || st.Evaluations != 9 || st.Retries != 0 {
				t.Errorf("%s: stopped as %+v", name, st)
			}
			time.Sleep(48 * time.Hour) // until the last of it has ended
		})
	}
}

// A function that does not heed its context must not keep the search from
// ending.
func TestDeafFunction(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cfg := config(enginetest.Memory(t))
		release := make(chan struct{})
		defer close(release)
		cfg.Evaluators = map[string]engine.EvaluatorRef{"f": {Evaluator: engine.Func(func(ctx context.Context, j *engine.Job) (map[string]float64, error) {
			if j.ID == 5 {
				<-release
			}
			return evaluate(ctx, j)
		})}}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		if _, err := engine.Run(ctx, cfg); err == nil || !strings.Contains(err.Error(), "ctx.Done()") {
			t.Errorf("ended with %v", err)
		}
		if d := time.Since(start); d > 2*time.Minute {
			t.Errorf("took %s", d)
		}
	})
}

// slow is a strategy that hangs in one turn until its context ends, or for ever.
type slow struct {
	climber
	turn    uint64
	deaf    bool
	release chan struct{}
	fail    error
}

func (s *slow) Step(ctx context.Context, state []byte, t engine.Turn) (engine.Decision, error) {
	if t.N == s.turn {
		switch {
		case s.fail != nil:
			return engine.Decision{}, s.fail
		case s.deaf:
			<-s.release
		default:
			<-ctx.Done()
			return engine.Decision{}, ctx.Err()
		}
	}
	return s.climber.Step(ctx, state, t)
}

// A strategy that is stuck does not keep the search from stopping; its turn is
// taken again, and nothing is counted twice.
func TestStopDuringAStuckTurn(t *testing.T) {
	t.Parallel()
	for name, stuck := range map[string]*slow{
		"heeds its context": {turn: 4},
		"deaf":              {turn: 4, deaf: true},
		"fails":             {turn: 4, fail: errors.New("confused")},
	} {
		synctest.Test(t, func(t *testing.T) {
			stuck.release = make(chan struct{})
			defer close(stuck.release)
			cfg := acting(t, &actor{})
			whole := cfg
			whole.Ledger = enginetest.Memory(t)
			run(t, whole)

			cfg.Strategy = stuck
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			start := time.Now()
			s, err := engine.Run(ctx, cfg)
			if (err != nil) != (stuck.fail != nil) {
				t.Errorf("%s: %v", name, err)
			}
			if d := time.Since(start); d > time.Hour+time.Minute {
				t.Errorf("%s: took %s", name, d)
			}
			if st := mustArchive(t, cfg.Ledger).Status(); st.State != engine.StateStopped || (st.Cause != "") != (err != nil) ||
				st.Spent.Seconds != 2*float64(st.Evaluations) {
				t.Errorf("%s: stopped as %+v", name, st)
			}
			_ = s.Status()
			cfg.Strategy = climber{}
			if st := run(t, cfg).Status(); st.Spent.Seconds != 60 || st.Cause != "" {
				t.Errorf("%s: ended as %+v", name, st)
			}
			if digest(t, cfg.Ledger, -1) != digest(t, whole.Ledger, -1) {
				t.Errorf("%s: another trajectory", name)
			}
			if err := engine.Replay(t.Context(), always(climber{}), cfg.Ledger, nil); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
}

// The wall limit is of phase search alone, is reached to the moment, and counts
// over all runs.
func TestWallLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := &actor{hello: engine.Hello{Seeded: true, Tests: true}}
		a.submit = func(s *scene, x engine.Assignment) error {
			go func() {
				s.send(begun(x))
				time.Sleep(7*time.Second + time.Duration(x.Job.ID))
				s.send(good(x))
			}()
			return nil
		}
		a.cancel = func(s *scene, id engine.ID, attempt int, _ bool) { s.send(returned(id, attempt)) }
		cfg := acting(t, a)
		cfg.Final.Skip = false
		for _, wall := range []float64{60, 60, 100.1, 1e18} {
			cfg.Limits = engine.Limits{Wall: wall}
			if wall == 1e18 {
				cfg.Limits.Evaluations = 40
			}
			st := run(t, cfg).Status()
			if wall < 1e18 && (st.Wall < wall || st.Wall > wall+0.1) {
				t.Errorf("a limit of %g seconds ended at %v", wall, st.Wall)
			}
			if st.State != engine.StateFinished || st.FinalDone == 0 {
				t.Errorf("ended as %+v", st)
			}
			time.Sleep(time.Hour)
		}
	})
}

// crawling answers jobs after a second, and those in stuck never.
func crawling(stuck ...engine.ID) *actor {
	a := &actor{}
	a.submit = func(s *scene, x engine.Assignment) error {
		go func() {
			s.send(begun(x))
			if slices.Contains(stuck, x.Job.ID) {
				return
			}
			time.Sleep(time.Second)
			s.send(good(x))
		}()
		return nil
	}
	a.cancel = func(s *scene, id engine.ID, attempt int, _ bool) { s.send(returned(id, attempt)) }
	return a
}

// People are told of a job that takes ten times as long as most.
func TestSlowJobIsNamed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cfg := acting(t, crawling(20))
		cfg.Workers = 2
		var said []string
		start := time.Now()
		cfg.Log = func(format string, args ...any) {
			said = append(said, fmt.Sprintf("%s: ", time.Since(start).Round(time.Second))+fmt.Sprintf(format, args...))
		}
		s, err := engine.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(time.Hour, func() {
			if st := s.Status(); len(st.Jobs) != 1 || !st.Jobs[0].Slow || st.Jobs[0].ID != 20 {
				t.Errorf("the status is %+v", st.Jobs)
			}
			s.Stop()
		})
		if err := s.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		var about []string
		for _, line := range said {
			if strings.Contains(line, "has been running") {
				about = append(about, line)
			}
		}
		want := "19s: candidate 20 has been running for 10s, others took 1s; nascent cancel ends it, and timeout: auto in search.yaml such ones by itself"
		if len(about) != 1 || about[0] != want {
			t.Errorf("said %q, want %q", about, want)
		}
	})
}

// AutoTimeout ends what takes twenty times as long as most, and at least a minute,
// but only once ten jobs tell how long that is.
func TestAutoTimeout(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		stuck engine.ID
		order engine.Order
	}{{20, engine.Strict}, {3, engine.Arrival}} {
		synctest.Test(t, func(t *testing.T) {
			cfg := acting(t, crawling(c.stuck))
			cfg.Timeout, cfg.Failures.Attempts, cfg.Workers = engine.AutoTimeout, 1, 2
			cfg.Order = c.order
			start := time.Now()
			st := run(t, cfg).Status()
			five, err := mustArchive(t, cfg.Ledger).Candidate(c.stuck)
			if err != nil || five.Status != engine.Failed || !strings.Contains(five.Reason, "deadline of 1m0s passed (timeout: auto; the median is 1s)") {
				t.Errorf("candidate %s is %+v, %v", c.stuck, five, err)
			}
			if d := time.Since(start); d < time.Minute || d > 3*time.Minute || st.Retries != 1 {
				t.Errorf("took %s, ended as %+v", d, st)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) { // all are as slow: none is ended
		a := &actor{}
		a.submit = func(s *scene, x engine.Assignment) error {
			go func() {
				s.send(begun(x))
				time.Sleep(10*time.Minute + time.Duration(x.Job.ID)*time.Second)
				s.send(good(x))
			}()
			return nil
		}
		cfg := acting(t, a)
		cfg.Timeout = engine.AutoTimeout
		if st := run(t, cfg).Status(); st.OK != 30 || st.Retries != 0 {
			t.Errorf("ended as %+v", st)
		}
	})
}

// sleepy is a clock that jumps ahead without its timers: so it looks to a process
// that was stopped, or whose machine was.
type sleepy struct {
	mu     sync.Mutex
	missed time.Duration
}

func (c *sleepy) jump(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.missed += d
}

func (c *sleepy) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.missed)
}

func (c *sleepy) After(d time.Duration, f func()) func() {
	t := time.AfterFunc(d, f)
	return func() { t.Stop() }
}

// What came back while the engine was stopped is read before a deadline counts.
func TestDeadlineAfterAPause(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		clock := &sleepy{}
		a := &actor{}
		a.submit = func(s *scene, x engine.Assignment) error {
			go func() {
				s.send(begun(x))
				if x.Job.ID == 5 {
					time.Sleep(30 * time.Second)
					clock.jump(time.Hour)
					time.Sleep(30*time.Second + time.Millisecond) // the deadline's timer rings first
				}
				s.send(good(x))
			}()
			return nil
		}
		a.cancel = func(s *scene, id engine.ID, attempt int, _ bool) { t.Errorf("candidate %s was cancelled", id) }
		cfg := acting(t, a)
		cfg.Timeout, cfg.Clock = time.Minute, clock
		if st := run(t, cfg).Status(); st.OK != 30 || st.Retries != 0 {
			t.Errorf("ended as %+v", st)
		}
	})
}

// What passed while the engine was stopped does not count towards a deadline that was
// far away.
func TestDeadlineLeavesOutAPause(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		clock := &sleepy{}
		a := &actor{}
		a.submit = func(s *scene, x engine.Assignment) error {
			go func() {
				s.send(begun(x))
				if x.Job.ID == 5 {
					time.Sleep(time.Second)
					clock.jump(2 * time.Hour)
					time.Sleep(20 * time.Minute)
				}
				s.send(good(x))
			}()
			return nil
		}
		a.cancel = func(s *scene, id engine.ID, attempt int, _ bool) {
			t.Errorf("candidate %s was cancelled", id)
			s.send(returned(id, attempt))
		}
		cfg := acting(t, a)
		cfg.Timeout, cfg.Clock = time.Hour, clock
		if st := run(t, cfg).Status(); st.OK != 30 || st.Retries != 0 {
			t.Errorf("ended as %+v", st)
		}
		time.Sleep(time.Hour) // until the last of the evaluator has ended
	})
}

// A cancelled job fails at its place, once for each request, also where it waits or
// the search does not run; the search can be replayed.
func TestCancel(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := crawling(5, 6, 7, 8, 9)
		cfg := acting(t, a)
		cfg.Workers, cfg.Window = 2, 8
		s, err := engine.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			time.Sleep(time.Minute) // 5 and 6 hang, 7 and more wait
			for _, id := range []engine.ID{5, 8} {
				for range 2 {
					if _, err := s.Steer(engine.Request{ID: fmt.Sprint("request ", id), Cancel: []engine.ID{id}}); err != nil {
						t.Errorf("candidate %s: %v", id, err)
					}
				}
			}
			for id, want := range map[engine.ID]string{1: "has its result already (ok)", 99: "there is no candidate 99"} {
				if _, err := s.Steer(engine.Request{ID: "another", Cancel: []engine.ID{id}}); err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("candidate %s: %v", id, err)
				}
			}
			time.Sleep(time.Minute)
			s.Stop()
		}()
		if err := s.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, id := range []engine.ID{6, 7, 9} {
			if _, err := engine.Steer(cfg.Ledger, engine.Request{ID: fmt.Sprint("request ", id), Cancel: []engine.ID{id}}, time.Now()); err != nil {
				t.Errorf("candidate %s: %v", id, err)
			}
		}
		st := run(t, cfg).Status()
		if st.Failed != 5 || st.OK != 25 || st.Retries != 0 {
			t.Errorf("ended as %+v", st)
		}
		for id := engine.ID(5); id <= 9; id++ {
			if c, err := mustArchive(t, cfg.Ledger).Candidate(id); err != nil || c.Status != engine.Failed || c.Reason != "it was cancelled on request" {
				t.Errorf("candidate %s is %+v, %v", id, c, err)
			}
		}
		events := 0
		for e := range cfg.Ledger.Events() {
			if e.Kind == "cancel" {
				events++
			}
		}
		if events != 5 {
			t.Errorf("%d events", events)
		}
		for _, id := range []engine.ID{5, 6} { // asked again, of what was carried out long ago
			if _, err := engine.Steer(cfg.Ledger, engine.Request{ID: fmt.Sprint("request ", id), Cancel: []engine.ID{id}}, time.Now()); err != nil {
				t.Errorf("candidate %s: %v", id, err)
			}
		}
		if _, err := engine.Steer(cfg.Ledger, engine.Request{ID: "late", Cancel: []engine.ID{5}}, time.Now()); err == nil {
			t.Error("cancelled what has failed")
		}
		if err := engine.Replay(t.Context(), always(climber{}), cfg.Ledger, nil); err != nil {
			t.Error(err)
		}
	})
}

// People are told of a strategy that takes long over a turn.
func TestSlowTurnIsNamed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cfg := acting(t, &actor{})
		stuck := &slow{turn: 9}
		cfg.Strategy = stuck
		var said []string
		cfg.Log = func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) }
		s, err := engine.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(time.Hour, func() {
			if st := s.Status(); st.Deciding != 3600 {
				t.Errorf("deciding for %v seconds", st.Deciding)
			}
			s.Stop()
		})
		if err := s.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if text := strings.Join(said, "\n"); strings.Count(text, "strategy climber has been deciding turn 9 for 5s;") != 1 {
			t.Errorf("said %s", text)
		}
	})
}
