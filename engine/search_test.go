package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/rng"
)

// climber is a small strategy for these tests: random first, then mutants of
// the best of a few; in state only how many it proposed.
type climber struct{ batch int }

func (c climber) Open(context.Context, engine.Setup) ([]byte, engine.Needs, error) {
	return []byte(`0`), engine.Needs{History: engine.NeedMetrics, Batch: c.batch}, nil
}

func (c climber) Step(_ context.Context, state []byte, t engine.Turn) (engine.Decision, error) {
	var n int
	if err := json.Unmarshal(state, &n); err != nil {
		return engine.Decision{}, err
	}
	r := rng.New(t.Seed)
	var d engine.Decision
	for range t.Want {
		p := engine.Proposal{Operator: engine.OpRandom}
		var good []engine.ID
		for c := range engine.All(t.History) {
			if c.Status == engine.OK {
				good = append(good, c.ID)
			}
		}
		if n >= 6 && len(good) > 0 {
			best := good[r.Intn(len(good))]
			for range 3 {
				other := good[r.Intn(len(good))]
				a, _ := t.History.Get(best)
				b, _ := t.History.Get(other)
				if x, _ := a.Metrics.Get("accuracy"); true {
					if y, _ := b.Metrics.Get("accuracy"); y > x {
						best = other
					}
				}
			}
			p = engine.Proposal{Operator: engine.OpMutate, Parents: []engine.ID{best}}
		}
		n++
		d.Proposals = append(d.Proposals, p)
	}
	d.State = fmt.Append(nil, n)
	return d, nil
}

// always is for replays of searches with one strategy.
func always(s engine.Strategy) func(engine.StrategyEvent) (engine.Strategy, error) {
	return func(engine.StrategyEvent) (engine.Strategy, error) { return s, nil }
}

var plainSpace = genome.MustParseSpace(`{"x": {"float": [0, 1]}, "y": {"int": [0, 1000]}, "z": {"choice": ["a", "b", "c"]}}`)

// measure is a deterministic figure of a job, a little noisy by its seed.
func measure(j *engine.Job) float64 {
	x, _ := j.Genome.Gene("x")
	y, _ := j.Genome.Gene("y")
	noise := rng.New(j.Seed).Float64()
	return 0.5*x.(float64) + 0.4*float64(y.(int64))/1000 + 0.01*noise
}

func evaluate(_ context.Context, j *engine.Job) (map[string]float64, error) {
	return map[string]float64{"accuracy": measure(j)}, nil
}

func config(led engine.Ledger) engine.Config {
	return engine.Config{
		Name: "test", Space: plainSpace, Strategy: climber{}, StrategyName: "climber",
		Evaluators: map[string]engine.EvaluatorRef{"f": {Evaluator: engine.Func(evaluate)}},
		Limits:     engine.Limits{Evaluations: 60}, Seed: 11, Ledger: led, Workers: 2,
	}
}

// run runs a search to its end.
func run(t *testing.T, cfg engine.Config) *engine.Search {
	t.Helper()
	s, err := engine.Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func digest(t *testing.T, led engine.Ledger, turns int) string {
	t.Helper()
	d, err := engine.Digest(led, turns)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDigestDoesNotDependOnWorkers(t *testing.T) {
	t.Parallel()
	for _, batch := range []int{1, 5} {
		want := ""
		for _, workers := range []int{1, 2, 8} {
			led := enginetest.Memory(t)
			cfg := config(led)
			cfg.Workers, cfg.Strategy = workers, climber{batch: batch}
			st := run(t, cfg).Status()
			if st.State != engine.StateFinished || st.Evaluations != 60 || st.OK != 60 || st.FinalDone != 6 {
				t.Errorf("batch %d, %d workers: ended as %+v", batch, workers, st)
			}
			if d := digest(t, led, -1); want == "" {
				want = d
			} else if d != want {
				t.Errorf("batch %d: %d workers give another digest than 1", batch, workers)
			}
		}
	}
}

// brittle is a Ledger whose n-th commit fails, before or after it was done.
type brittle struct {
	engine.Ledger
	left  int
	after bool
}

var errPower = errors.New("the power went out")

func (b *brittle) Commit(c *engine.Change) error {
	if b.left--; b.left != 0 {
		return b.Ledger.Commit(c)
	}
	if b.after {
		if err := b.Ledger.Commit(c); err != nil {
			return err
		}
	}
	return errPower
}

func TestResumesAfterEveryCommit(t *testing.T) {
	t.Parallel()
	for _, batch := range []int{1, 5} {
		whole := enginetest.Memory(t)
		cfg := config(whole)
		cfg.Strategy = climber{batch: batch}
		cfg.Limits.Evaluations = 33
		run(t, cfg)
		want := digest(t, whole, -1)
		broken := 0
		for n := 1; ; n++ {
			led := enginetest.Memory(t)
			finished := false
			for i := range 200 { // crash at every n-th commit, again and again
				cfg.Ledger = &brittle{led, n, (n+i)%2 == 0}
				_, err := engine.Run(t.Context(), cfg)
				if err == nil {
					finished = true
					break
				}
				if !errors.Is(err, errPower) {
					t.Fatal(err)
				}
				broken++
			}
			if n <= 2 && !finished {
				continue // too brittle to get anywhere
			}
			if !finished {
				t.Fatalf("no end although only every %d. commit fails", n)
			}
			if got := digest(t, led, -1); got != want {
				t.Fatalf("batch %d: after crashes at every %d. commit the digest differs", batch, n)
			}
			if n > 2 && cfg.Ledger.(*brittle).left > 0 && n > 40 {
				break
			}
		}
		if broken < 50 {
			t.Errorf("only %d crashes", broken)
		}
	}
}

func TestLongerSearchHasShorterAsPrefix(t *testing.T) {
	t.Parallel()
	for _, batch := range []int{1, 7} {
		straight, extended := enginetest.Memory(t), enginetest.Memory(t)
		cfg := config(straight)
		cfg.Strategy = climber{batch: batch}
		run(t, cfg)
		cfg.Ledger, cfg.Limits.Evaluations = extended, 25
		run(t, cfg)
		if n := len(slices.Collect(mustArchive(t, extended).Candidates())); n != 25+6 {
			t.Errorf("batch %d: %d candidates, want 25 and 6 re-measured", batch, n)
		}
		if a, b := digest(t, straight, 3), digest(t, extended, 3); a != b {
			t.Errorf("batch %d: the first turns differ", batch)
		}
		cfg.Limits.Evaluations = 60
		run(t, cfg)
		if a, b := digest(t, straight, -1), digest(t, extended, -1); a != b {
			t.Errorf("batch %d: extending a search gives another trajectory than running it straight", batch)
		}
	}
}

func mustArchive(t *testing.T, led engine.Ledger) *engine.Archive {
	t.Helper()
	a, err := engine.Read(led)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestReplayProvesDecisions(t *testing.T) {
	t.Parallel()
	for _, order := range []engine.Order{engine.Strict, engine.Arrival} {
		led := enginetest.Memory(t)
		cfg := config(led)
		cfg.Order, cfg.Workers = order, 4
		cfg.Limits.Evaluations = 20
		run(t, cfg)
		cfg.Limits.Evaluations = 50 // stopped and gone on with
		run(t, cfg)
		if err := engine.Replay(t.Context(), always(climber{}), led, nil); err != nil {
			t.Errorf("%s: %v", order, err)
		}
		err := engine.Replay(t.Context(), always(climber{}), &altered{led}, nil)
		if !errors.Is(err, engine.ErrDamaged) || !strings.Contains(err.Error(), "turn 7") {
			t.Errorf("%s: one altered decision gives %v", order, err)
		}
	}
}

// thrifty decides by its limits.
type thrifty struct{ climber }

func (s thrifty) Step(ctx context.Context, state []byte, t engine.Turn) (engine.Decision, error) {
	d, err := s.climber.Step(ctx, state, t)
	for i := range d.Proposals {
		d.Proposals[i].Tag = fmt.Sprint(t.Limits.Evaluations)
	}
	return d, err
}

// Every turn is replayed with the limits that held when it was taken.
func TestReplayKnowsTheLimitsOfEveryTurn(t *testing.T) {
	t.Parallel()
	for _, order := range []engine.Order{engine.Strict, engine.Arrival} {
		led := enginetest.Memory(t)
		cfg := config(led)
		cfg.Strategy, cfg.Order = thrifty{}, order
		tags := map[string]bool{}
		for _, n := range []int{20, 30, 45} {
			cfg.Limits.Evaluations = n
			run(t, cfg)
		}
		for c := range mustArchive(t, led).Candidates() {
			tags[c.Tag] = true
		}
		if len(tags) < 3 {
			t.Errorf("%s: the limits %v were seen", order, tags)
		}
		if err := engine.Replay(t.Context(), always(thrifty{}), led, nil); err != nil {
			t.Errorf("%s: %v", order, err)
		}
	}
}

// altered is a Ledger with another decision in turn 7.
type altered struct{ engine.Ledger }

func (a *altered) Turns(p engine.Part) iter.Seq2[engine.TurnRecord, error] {
	return func(yield func(engine.TurnRecord, error) bool) {
		for t, err := range a.Ledger.Turns(p) {
			if t.N == 7 {
				t.Decision[3] ^= 1
			}
			if !yield(t, err) {
				return
			}
		}
	}
}

func TestFailuresAreRetriedAndNeverAFitness(t *testing.T) {
	t.Parallel()
	led := enginetest.Memory(t)
	cfg := config(led)
	cfg.Failures.Backoff = time.Nanosecond
	cfg.Limits.Evaluations = 30
	var mu sync.Mutex
	tries := map[engine.ID]int{}
	cfg.Evaluators = map[string]engine.EvaluatorRef{"f": {Evaluator: engine.Func(func(ctx context.Context, j *engine.Job) (map[string]float64, error) {
		mu.Lock()
		tries[j.ID]++
		n := tries[j.ID]
		mu.Unlock()
		switch {
		case j.ID == 5: // always, and for another reason each time
			return nil, fmt.Errorf("out of luck in try %d", n)
		case j.ID == 9: // always the same
			return nil, errors.New("out of luck")
		case j.ID == 6:
			return nil, fmt.Errorf("%w: too deep", engine.ErrInvalid)
		case j.ID%4 == 0 && n == 1:
			panic("once")
		}
		return evaluate(ctx, j)
	})}}
	st := run(t, cfg).Status()
	if st.OK != 27 || st.Invalid != 1 || st.Failed != 2 || st.Retries < 5 {
		t.Errorf("ended as %+v", st)
	}
	if tries[5] != 3 || tries[6] != 1 || tries[8] != 2 || tries[9] != 2 {
		t.Errorf("tried job 5 %d times, 6 %d times, 8 %d times, 9 %d times", tries[5], tries[6], tries[8], tries[9])
	}
	a := mustArchive(t, led)
	c, err := a.Candidate(5)
	if err != nil || c.Status != engine.Failed || c.Attempts != 3 || c.Reason != "out of luck in try 3" || len(c.Metrics) != 0 {
		t.Errorf("candidate 5 is %+v, %v", c, err)
	}
}

func TestResultsWithoutUsableNumbersFail(t *testing.T) {
	t.Parallel()
	for want, metrics := range map[string]map[string]float64{
		"has no metric accuracy": {"loss": 1},
		"accuracy is NaN":        {"accuracy": math.NaN()},
		"loss is +Inf":           {"accuracy": 1, "loss": math.Inf(1)},
		"has no metrics":         {},
		"metric beauty is not declared: add it to the evaluator's metrics, next to accuracy, loss": {"accuracy": 1, "beauty": 1},
	} {
		led := enginetest.Memory(t)
		cfg := config(led)
		cfg.Failures = engine.FailurePolicy{Attempts: 2, Backoff: time.Nanosecond}
		cfg.Limits.Evaluations, cfg.Final.Skip = 10, true
		cfg.Evaluators = map[string]engine.EvaluatorRef{"f": {Evaluator: engine.Func(func(ctx context.Context, j *engine.Job) (map[string]float64, error) {
			if j.ID == 3 {
				return metrics, nil
			}
			return evaluate(ctx, j)
		}, engine.Metric{Name: "accuracy", Goal: engine.Maximize}, engine.Metric{Name: "loss"})}}
		run(t, cfg)
		c, err := mustArchive(t, led).Candidate(3)
		if err != nil || c.Status != engine.Failed || !strings.Contains(c.Reason, want) || c.Attempts != 2 {
			t.Errorf("%v gives %+v, %v", metrics, c, err)
		}
	}
}

func TestPausesWhenEverythingFails(t *testing.T) {
	t.Parallel()
	led := enginetest.Memory(t)
	cfg := config(led)
	cfg.Failures.Backoff = time.Nanosecond
	var broken atomic.Bool
	broken.Store(true)
	cfg.Evaluators = map[string]engine.EvaluatorRef{"f": {Evaluator: engine.Func(func(ctx context.Context, j *engine.Job) (map[string]float64, error) {
		if broken.Load() {
			return nil, errors.New("no data")
		}
		return evaluate(ctx, j)
	})}}
	_, err := engine.Run(t.Context(), cfg)
	if !errors.Is(err, engine.ErrPaused) || !strings.Contains(err.Error(), "no data") {
		t.Fatalf("ended with %v", err)
	}
	if st := mustArchive(t, led).Status(); st.State != engine.StateStopped || !strings.Contains(st.Cause, "no data") {
		t.Errorf("paused as %+v", st)
	}
	broken.Store(false)
	if st := run(t, cfg).Status(); st.State != engine.StateFinished || st.Evaluations != 60 || st.Cause != "" {
		t.Errorf("went on to %+v", st)
	}
}

// A search in which nothing can be measured pauses, says why, and tries as much again
// when it is run again. One valid candidate is enough for it to go on.
func TestPausesWhenEverythingIsInvalid(t *testing.T) {
	t.Parallel()
	led := enginetest.Memory(t)
	cfg := config(led)
	cfg.Limits.Evaluations, cfg.Strategy = 100_000, randomly{}
	var valid atomic.Int64
	cfg.Evaluators = map[string]engine.EvaluatorRef{"f": {Evaluator: engine.Func(func(ctx context.Context, j *engine.Job) (map[string]float64, error) {
		if int64(j.ID) == valid.Load() {
			return evaluate(ctx, j)
		}
		return nil, fmt.Errorf("%w: too deep", engine.ErrInvalid)
	})}}
	for i := range 2 {
		_, err := engine.Run(t.Context(), cfg)
		if !errors.Is(err, engine.ErrPaused) || !strings.Contains(err.Error(), "invalid") || !strings.Contains(err.Error(), "too deep") {
			t.Fatalf("ended with %v", err)
		}
		if st := mustArchive(t, led).Status(); st.State != engine.StateStopped || st.Evaluations != 100*(i+1) || !strings.Contains(st.Cause, "too deep") {
			t.Errorf("paused as %+v", st)
		}
	}
	valid.Store(230)
	cfg.Limits.Evaluations = 600
	if st := run(t, cfg).Status(); st.State != engine.StateFinished || st.OK != 1 || st.Evaluations != 600 {
		t.Errorf("went on to %+v", st)
	}
}

func TestStopKeepsEverythingAndGoesOn(t *testing.T) {
	t.Parallel()
	whole := enginetest.Memory(t)
	run(t, config(whole))
	led := enginetest.Memory(t)
	stops := 0
	for {
		cfg := config(led)
		var s *engine.Search
		seen := 0
		cfg.Observe = func(u engine.Update) {
			if u.Kind == engine.Consumed {
				if seen++; seen == 9 {
					s.Stop()
				}
			}
		}
		s, err := engine.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if s.Status().State == engine.StateFinished {
			break
		}
		stops++
	}
	if stops < 3 {
		t.Errorf("stopped %d times", stops)
	}
	if digest(t, led, -1) != digest(t, whole, -1) {
		t.Error("a search that was stopped takes another way")
	}
}

func TestDuplicates(t *testing.T) {
	t.Parallel()
	small := genome.MustParseSpace(`{"a": {"choice": ["p", "q", "r"]}, "b": {"bool": true}}`)
	for _, policy := range []engine.Duplicates{engine.Reject, engine.Reuse, engine.Replicate} {
		for _, order := range []engine.Order{engine.Strict, engine.Arrival} {
			var calls atomic.Int32
			cfg := config(enginetest.Memory(t))
			cfg.Space, cfg.Duplicates, cfg.Order = small, policy, order
			cfg.Final.Skip = true
			cfg.Limits.Evaluations = 40
			cfg.Evaluators = map[string]engine.EvaluatorRef{"f": {Evaluator: engine.Func(func(context.Context, *engine.Job) (map[string]float64, error) {
				calls.Add(1)
				return map[string]float64{"accuracy": 1}, nil
			})}}
			st := run(t, cfg).Status()
			want := int32(6)
			if policy == engine.Replicate {
				want = 40
			}
			if st.Evaluations != 40 || calls.Load() > want || st.OK != 40 || int32(st.Reused) != 40-calls.Load() {
				t.Errorf("%s, %s: %d evaluations, %d reused, %d calls; want at most %d calls", policy, order, st.Evaluations, st.Reused, calls.Load(), want)
			}
		}
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	target := 0.6
	cfg := config(enginetest.Memory(t))
	cfg.Limits = engine.Limits{Target: &target}
	s := run(t, cfg)
	if best := s.Best(1); len(best) == 0 || best[0].Metrics[0].Value < target {
		t.Errorf("ended below its target with %v", best)
	}
	cfg = config(enginetest.Memory(t))
	cfg.Limits = engine.Limits{Seconds: 10}
	cfg.Evaluators = map[string]engine.EvaluatorRef{"f": {Evaluator: priced{engine.Func(evaluate,
		engine.Metric{Name: "accuracy"}, engine.Metric{Name: "seconds"})}}}
	if st := run(t, cfg).Status(); math.Abs(st.Spent.Seconds-st.Lost-10) > 1e-9 || st.Evaluations != 5 {
		t.Errorf("10 seconds at 2 each end as %+v, %v of it lost", st.Spent, st.Lost)
	}
}

// A small space holds less than the limit: such a search ends, at the same place
// if it was stopped on its way. Higher limits and other strategies get another try.
func TestLimitsOfASmallSpace(t *testing.T) {
	t.Parallel()
	small := genome.MustParseSpace(`{"a": {"choice": ["p", "q", "r"]}, "b": {"bool": true}}`)
	target := 2.0
	begin := func(led engine.Ledger, l engine.Limits) engine.Config {
		cfg := config(led)
		cfg.Space, cfg.Limits, cfg.Final.Skip = small, l, true
		cfg.Evaluators = map[string]engine.EvaluatorRef{"f": {Evaluator: priced{engine.Func(func(context.Context, *engine.Job) (map[string]float64, error) {
			return map[string]float64{"accuracy": 1}, nil
		}, engine.Metric{Name: "accuracy"}, engine.Metric{Name: "seconds"})}}}
		return cfg
	}
	whole := enginetest.Memory(t)
	st := run(t, begin(whole, engine.Limits{Seconds: 1e6})).Status()
	if st.State != engine.StateFinished || st.Spent.Seconds != 12 || st.Evaluations < 1006 || st.Reused != st.Evaluations-6 {
		t.Errorf("ended with %+v", st)
	}
	if st := run(t, begin(enginetest.Memory(t), engine.Limits{Target: &target})).Status(); st.State != engine.StateFinished || st.Reused < 1000 {
		t.Errorf("a target out of reach ends with %+v", st)
	}
	if st := run(t, begin(enginetest.Memory(t), engine.Limits{})).Status(); st.State != engine.StateFinished || st.Reused < 1000 {
		t.Errorf("without limits it ends with %+v", st)
	}

	led := enginetest.Memory(t)
	cfg := begin(led, engine.Limits{Seconds: 1e6})
	cfg.Turns = 700
	if st := run(t, cfg).Status(); st.State != engine.StateStopped {
		t.Errorf("after 700 turns it is %+v", st)
	}
	again := run(t, begin(led, engine.Limits{Seconds: 1e6})).Status()
	if again.Evaluations != st.Evaluations || digest(t, led, -1) != digest(t, whole, -1) {
		t.Errorf("a search that was stopped ends after %d evaluations, a whole one after %d", again.Evaluations, st.Evaluations)
	}
	more := run(t, begin(led, engine.Limits{Seconds: 2e6})).Status()
	if n := more.Evaluations - again.Evaluations; n < 1000 {
		t.Errorf("with a higher limit it tried %d times more", n)
	}
	if other := run(t, with(begin(led, engine.Limits{Seconds: 2e6}), "heir")).Status(); other.Evaluations < more.Evaluations+1000 {
		t.Errorf("another strategy tried %d times", other.Evaluations-more.Evaluations)
	}
}

// A search that only seconds or a target could end is over where nothing but what is
// invalid, and costs nothing, is found any more.
func TestSearchThatFindsOnlyWhatIsInvalidEnds(t *testing.T) {
	t.Parallel()
	a := &actor{}
	a.submit = func(s *scene, x engine.Assignment) error {
		if x.Job.ID <= 3 {
			s.send(begun(x), good(x))
		} else {
			s.send(begun(x), finished(x, engine.Result{Status: engine.Invalid, Reason: "too deep"}))
		}
		return nil
	}
	cfg := acting(t, a)
	cfg.Strategy, cfg.Limits, cfg.Turns = randomly{}, engine.Limits{Seconds: 1e6}, 3000
	if st := run(t, cfg).Status(); st.State != engine.StateFinished || st.OK != 3 || st.Invalid < 1000 || st.Invalid > 1100 {
		t.Errorf("ended as %+v", st)
	}
}

// priced makes every evaluation cost two seconds.
type priced struct{ engine.Evaluator }

func (p priced) Open(ctx context.Context, setup engine.EvaluatorSetup) (engine.Session, engine.Hello, error) {
	s, h, err := p.Evaluator.Open(ctx, setup)
	return &pricedSession{Session: s, events: make(chan engine.Event)}, h, err
}

type pricedSession struct {
	engine.Session
	events chan engine.Event
	once   sync.Once
}

func (p *pricedSession) Events() <-chan engine.Event {
	p.once.Do(func() {
		go func() {
			defer close(p.events)
			for e := range p.Session.Events() {
				if e.Result != nil {
					e.Result.Seconds = 2
				}
				p.events <- e
			}
		}()
	})
	return p.events
}

func TestWrongConfigurations(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*engine.Config){
		"no space":        func(c *engine.Config) { c.Space = nil },
		"no evaluator":    func(c *engine.Config) { c.Evaluators = nil },
		"seed":            func(c *engine.Config) { c.Seed = 1 << 53 },
		"order":           func(c *engine.Config) { c.Order = "sorted" },
		"unknown metric":  func(c *engine.Config) { c.Objectives = []engine.Objective{{Metric: "beauty"}} },
		"goal":            func(c *engine.Config) { c.Objectives = []engine.Objective{{Metric: "accuracy", Goal: "up"}} },
		"window":          func(c *engine.Config) { c.Window = 2; c.Strategy = climber{batch: 5} },
		"evaluator name":  func(c *engine.Config) { c.Fidelities = []engine.Fidelity{{Evaluator: "g"}} },
		"negative limits": func(c *engine.Config) { c.Limits.Evaluations = -1 },
		"empty bounds":    func(c *engine.Config) { c.Constraints = []engine.Constraint{{Metric: "accuracy"}} },
	} {
		led := enginetest.Memory(t)
		cfg := config(led)
		spoil(&cfg)
		_, err := engine.Run(t.Context(), cfg)
		if !errors.Is(err, engine.ErrConfig) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
		if name == "window" && err != nil && !strings.Contains(err.Error(), "--set window=5") {
			t.Errorf("no remedy: %v", err)
		}
		if _, begun, _ := led.Header(); begun {
			t.Errorf("%s: left something behind", name)
		}
	}
}

func TestChangedConfigurationIsRefused(t *testing.T) {
	t.Parallel()
	led := enginetest.Memory(t)
	run(t, config(led))
	cfg := config(led)
	cfg.Seed = 12
	if _, err := engine.Run(t.Context(), cfg); !errors.Is(err, engine.ErrConfig) || !strings.Contains(err.Error(), "seed") {
		t.Errorf("another seed gives %v", err)
	}
	cfg = config(led)
	cfg.Objectives, cfg.Prefer = []engine.Objective{{Metric: "accuracy", Goal: engine.Maximize}}, "accuracy"
	var m *engine.Mistake
	if _, err := engine.Run(t.Context(), cfg); !errors.As(err, &m) || m.Key != "prefer" {
		t.Errorf("another preference gives %v", err)
	}
}

// A logarithmic scale has no place for a reference that is not above 0.
func TestReferenceOnALogarithmicScale(t *testing.T) {
	t.Parallel()
	cfg := config(enginetest.Memory(t))
	cfg.Objectives = []engine.Objective{{Metric: "accuracy", Goal: engine.Maximize}, {Metric: "parameters", Goal: engine.Minimize, Scale: engine.LogScale}}
	cfg.Reference = engine.Values{{Name: "accuracy", Value: 0}, {Name: "parameters", Value: 0}}
	var m *engine.Mistake
	if _, err := engine.Run(t.Context(), cfg); !errors.As(err, &m) || m.Key != "reference.parameters" {
		t.Errorf("a reference of 0 gives %v", err)
	}
}

// randomly proposes random genomes and looks at nothing.
type randomly struct{}

func (randomly) Open(context.Context, engine.Setup) ([]byte, engine.Needs, error) {
	return nil, engine.Needs{History: engine.NeedNone}, nil
}

func (randomly) Step(_ context.Context, _ []byte, t engine.Turn) (engine.Decision, error) {
	d := engine.Decision{Proposals: make([]engine.Proposal, t.Want)}
	for i := range d.Proposals {
		d.Proposals[i].Operator = engine.OpRandom
	}
	return d, nil
}

// What was stopped early is not compared with what was trained to the end: it is
// neither the best nor does it reach a target.
func TestStoppedCandidatesAreNotCompared(t *testing.T) {
	t.Parallel()
	target := 2.0
	a := &actor{}
	a.submit = func(s *scene, x engine.Assignment) error {
		e := good(x)
		if x.Job.ID%3 == 0 {
			e.Result.Stopped, e.Result.Metrics[0].Value = true, 5
		}
		s.send(begun(x), e)
		return nil
	}
	cfg := acting(t, a)
	cfg.Limits.Target = &target
	s := run(t, cfg)
	if st := s.Status(); st.OK != 30 {
		t.Errorf("ended as %+v", st)
	}
	best := s.Best(10)
	for _, c := range best {
		if c.Stopped {
			t.Errorf("candidate %s, which was stopped early, is among the best", c.ID)
		}
	}
	if len(best) != 10 {
		t.Errorf("%d are the best", len(best))
	}
}

// The winner and the baselines are tested at the highest fidelity, whatever the
// search has reached.
func TestTestsAreOfTheHighestFidelity(t *testing.T) {
	t.Parallel()
	cfg := acting(t, &actor{hello: engine.Hello{Tests: true}})
	cfg.Final = engine.Final{Top: 2, Repeats: 2, Tests: 2}
	cfg.Fidelities = []engine.Fidelity{{Evaluator: "f", Budget: 1}, {Evaluator: "f", Budget: 3}}
	s := run(t, cfg)
	tests := 0
	for c := range s.Candidates() {
		switch {
		case c.Phase == engine.PhaseTest:
			if tests++; c.Fidelity != 1 || c.Budget != 3 {
				t.Errorf("test %s is of fidelity %d, budget %v", c.ID, c.Fidelity, c.Budget)
			}
		case c.Fidelity != 0 || c.Budget != 1:
			t.Errorf("%s of phase %s is of fidelity %d, budget %v", c.ID, c.Phase, c.Fidelity, c.Budget)
		}
	}
	if o, ok := s.Outcome(); !ok || !o.Complete || tests != 2 || len(o.Tested) != 1 || len(o.Tested[0].Results) != 2 {
		t.Errorf("%d tests, and the outcome is %+v", tests, o)
	}
}

// dozing takes a second for each turn.
type dozing struct{ randomly }

func (s dozing) Step(ctx context.Context, state []byte, t engine.Turn) (engine.Decision, error) {
	time.Sleep(time.Second)
	return s.randomly.Step(ctx, state, t)
}

// What the limit has no place for is not sent out, however far the strategy lags
// behind.
func TestNoJobIsSentOutBeyondTheLimit(t *testing.T) {
	t.Parallel()
	for _, order := range []engine.Order{engine.Strict, engine.Arrival} {
		synctest.Test(t, func(t *testing.T) {
			a := &actor{}
			cfg := acting(t, a)
			cfg.Strategy, cfg.Order, cfg.Window, cfg.Limits.Evaluations = dozing{}, order, 16, 6
			if st := run(t, cfg).Status(); st.Evaluations != 6 {
				t.Errorf("%s: ended as %+v", order, st)
			}
			if n := len(a.scenes[0].assignments()); n != 6 {
				t.Errorf("%s: %d jobs were sent out", order, n)
			}
		})
	}
}
