package engine_test

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
)

// A limit that is raised while a search runs is as one of its next run: it goes on to
// there, and replays.
func TestExtend(t *testing.T) {
	t.Parallel()
	led := enginetest.Memory(t)
	cfg := config(led)
	cfg.Limits.Evaluations, cfg.Final.Skip = 20, true
	var s *engine.Search
	extend := func(n int, want bool) {
		if got := s.Extend(n); got != want {
			t.Errorf("Extend(%d) is %v, want %v", n, got, want)
		}
	}
	cfg.Evaluators = map[string]engine.EvaluatorRef{"f": {Evaluator: engine.Func(func(ctx context.Context, j *engine.Job) (map[string]float64, error) {
		switch j.ID {
		case 12:
			extend(35, true)
		case 13:
			extend(15, true)
		}
		return evaluate(ctx, j)
	})}}
	s, err := engine.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	extend(100, false) // nothing runs yet
	if err := s.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	extend(35, true)
	extend(36, false) // its end has come
	if st := s.Status(); st.Evaluations != 35 || st.Limits.Evaluations != 35 {
		t.Errorf("ended as %+v", st)
	}
	if err := engine.Replay(t.Context(), always(cfg.Strategy), led, nil); err != nil {
		t.Error(err)
	}
	whole := config(enginetest.Memory(t))
	whole.Limits.Evaluations, whole.Final.Skip = 35, true
	run(t, whole)
	if a, b := digest(t, led, -1), digest(t, whole.Ledger, -1); a != b {
		t.Errorf("it came to %s, and a search with that limit from the beginning to %s", a, b)
	}
}

// A search that was measured again and goes on is searching, and says so, until it is
// measured again.
func TestPhaseOfWhatGoesOn(t *testing.T) {
	t.Parallel()
	cfg := config(enginetest.Memory(t))
	cfg.Limits.Evaluations = 20
	run(t, cfg)
	cfg.Limits.Evaluations = 40
	var s *engine.Search
	phases := map[engine.Phase][]engine.Phase{} // that it said, while a job of a phase ran
	var mu sync.Mutex
	cfg.Evaluators = map[string]engine.EvaluatorRef{"f": {Evaluator: engine.Func(func(ctx context.Context, j *engine.Job) (map[string]float64, error) {
		if st := s.Status(); st.Evaluations > 20 {
			mu.Lock()
			defer mu.Unlock()
			phases[j.Phase] = append(phases[j.Phase], st.Phase)
		}
		return evaluate(ctx, j)
	})}}
	s, err := engine.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, phase := range []engine.Phase{engine.PhaseSearch, engine.PhaseRemeasure} {
		if said := slices.Compact(phases[phase]); !slices.Equal(said, []engine.Phase{phase}) {
			t.Errorf("while jobs of phase %s ran it was said to be in %s", phase, said)
		}
	}
	if st := s.Status(); st.Evaluations != 40 || st.Phase == engine.PhaseSearch {
		t.Errorf("it ended as %+v", st)
	}
}

// Who won the final phase is the winner until the search, which goes on, finds its best, or
// somebody on its front, whom nobody measured again.
func TestWinnerIsOvertaken(t *testing.T) {
	t.Parallel()
	for name, objectives := range map[string][]engine.Objective{
		"one": {{Metric: "accuracy"}}, "two": {{Metric: "accuracy"}, {Metric: "cost", Goal: engine.Minimize}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := config(enginetest.Memory(t))
			cfg.Strategy, cfg.Workers, cfg.Objectives, cfg.Final = randomly{}, 1, objectives, engine.Final{Top: 3, Repeats: 1}
			cfg.Limits.Evaluations = 20
			better := map[string]float64{"accuracy": 2, "cost": 5}
			if name == "two" {
				better = map[string]float64{"accuracy": 0.5, "cost": 0.5}
			}
			var s *engine.Search
			stop := engine.ID(0)
			cfg.Evaluators = map[string]engine.EvaluatorRef{"f": {Evaluator: engine.Func(func(_ context.Context, j *engine.Job) (map[string]float64, error) {
				id := j.ID
				if j.Phase != engine.PhaseSearch {
					id = j.Parents[0]
				}
				if id == stop {
					for s.Status().Evaluations < int(stop)-2 {
						runtime.Gosched() // what was measured before may still be on its way
					}
					s.Stop()
				}
				switch {
				case id == 7:
					return map[string]float64{"accuracy": 1, "cost": 1}, nil
				case id == 30:
					return better, nil
				}
				return map[string]float64{"accuracy": 0.1, "cost": 9}, nil
			}, engine.Metric{Name: "accuracy"}, engine.Metric{Name: "cost", Goal: engine.Minimize})}}
			for _, x := range []struct {
				limit     int
				stop      engine.ID
				winner    engine.ID // 0: none
				overtaken bool
			}{{20, 0, 7, false}, {60, 28, 7, false}, {60, 34, 0, true}, {60, 0, map[string]engine.ID{"one": 30, "two": 7}[name], false}} {
				cfg.Limits.Evaluations, stop = x.limit, x.stop
				var err error
				if s, err = engine.New(cfg); err != nil {
					t.Fatal(err)
				}
				if err := s.Run(t.Context()); err != nil {
					t.Fatal(err)
				}
				a, err := engine.Read(cfg.Ledger)
				if err != nil {
					t.Fatal(err)
				}
				o, ok := a.Outcome()
				if ok != (x.winner != 0) || o.Winner != x.winner || a.Status().Overtaken != x.overtaken {
					t.Errorf("after %d evaluations the winner is %s, %v, and overtaken %v; want %+v", a.Status().Evaluations, o.Winner, ok, a.Status().Overtaken, x)
				}
			}
		})
	}
}

// Jobs may wait for somebody who carries them out as long as they like: no deadline runs,
// and none of them is said to run.
func TestJobsThatWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var at *scene
		var waiting []engine.Assignment
		a := &actor{hello: engine.Hello{Waits: true}}
		a.submit = func(s *scene, x engine.Assignment) error {
			at, waiting = s, append(waiting, x)
			return nil
		}
		cfg := acting(t, a)
		cfg.Timeout, cfg.Limits.Evaluations, cfg.Final.Skip, cfg.Workers, cfg.Fill = time.Minute, 8, true, 1, true
		s, err := engine.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error)
		go func() { ended <- s.Run(t.Context()) }()
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		if st := s.Status(); len(waiting) != 8 || st.Running != 0 || st.Waiting != 8 || st.Workers != 8 || st.Failed != 0 || len(st.Jobs) != 0 {
			t.Errorf("after a day %d jobs wait: %+v", len(waiting), st)
		}
		for _, x := range waiting {
			at.send(begun(x))
		}
		synctest.Wait()
		if st := s.Status(); st.Running != 8 || st.Waiting != 0 {
			t.Errorf("once they have begun: %+v", st)
		}
		for _, x := range waiting {
			at.send(good(x))
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if st := s.Status(); st.OK != 8 || st.Idle != 0 {
			t.Errorf("ended as %+v", st)
		}
	})
}
