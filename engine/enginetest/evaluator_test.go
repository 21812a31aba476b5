package enginetest_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
	"github.com/nascent-nas/nascent/genome"
)

var numbers = genome.MustParseSpace(enginetest.Numbers)

func TestInstantConforms(t *testing.T) {
	t.Parallel()
	land := enginetest.Landscape{Seed: 3, Noise: 0.1, Points: 5}
	enginetest.Evaluator(t, func() engine.Evaluator { return land.Instant() }, enginetest.EvaluatorOptions{Space: numbers})
}

func TestInvalidGenomes(t *testing.T) {
	t.Parallel()
	g, err := numbers.Parse("x=1 y=0.01 n=3 b=yes")
	if err != nil {
		t.Fatal(err)
	}
	picky := &enginetest.Instant{Measure: func(j *engine.Job) engine.Result {
		if j.Genome == g {
			return engine.Result{Status: engine.Invalid, Reason: "not this one"}
		}
		return enginetest.Landscape{}.Measure(j)
	}}
	picky.Hello.Metrics = enginetest.Landscape{}.Metrics()
	o := enginetest.EvaluatorOptions{Space: numbers, Invalid: []genome.Genome{g}}
	enginetest.Evaluator(t, func() engine.Evaluator { return picky }, o)
}

// waiting is an evaluator of functions that, with the option slow, take until
// they are cancelled.
type waiting struct{}

func (waiting) Open(ctx context.Context, setup engine.EvaluatorSetup) (engine.Session, engine.Hello, error) {
	slow := string(setup.Options) == `{"slow": true}`
	if !slow && string(setup.Options) != "{}" {
		return nil, engine.Hello{}, errors.New("evaluator: the only option is slow; leave the others out")
	}
	return engine.Func(func(ctx context.Context, j *engine.Job) (map[string]float64, error) {
		if slow {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return map[string]float64{"accuracy": enginetest.Landscape{}.Quality(j.Genome)}, nil
	}).Open(ctx, setup)
}

func TestFunctionsConform(t *testing.T) {
	t.Parallel()
	enginetest.Evaluator(t, func() engine.Evaluator { return waiting{} }, enginetest.EvaluatorOptions{
		Space: numbers, SlowOptions: json.RawMessage(`{"slow": true}`), Refused: []json.RawMessage{json.RawMessage(`{"slwo": true}`)},
	})
}

// rude is a session with a planted fault.
type rude struct {
	engine.Session
	fault  string
	events chan engine.Event
}

type rudeEvaluator struct{ fault string }

var runs atomic.Int64

func (e rudeEvaluator) Open(ctx context.Context, setup engine.EvaluatorSetup) (engine.Session, engine.Hello, error) {
	land := enginetest.Landscape{Seed: 1}
	inner := land.Instant()
	measure := inner.Measure
	inner.Measure = func(j *engine.Job) engine.Result {
		r := measure(j)
		switch e.fault {
		case "random":
			r.Metrics[0].Value += float64(runs.Add(1))
		case "not a number":
			r.Metrics[0].Value = math.NaN()
		case "undeclared metric":
			r.Metrics = engine.Values{{Name: "speed", Value: 1}}
		case "failure of two lines":
			return engine.Result{Status: engine.Failed, Reason: "a\nb"}
		case "no such file":
			r.Files = []engine.FileRef{{Name: "checkpoint", Hash: strings.Repeat("0", 64), Size: 1}}
		}
		return r
	}
	session, hello, err := inner.Open(ctx, setup)
	s := &rude{Session: session, fault: e.fault, events: make(chan engine.Event, 1000)}
	go s.forward()
	return s, hello, err
}

func (s *rude) forward() {
	for e := range s.Session.Events() {
		switch {
		case s.fault == "never begins" && e.Kind == engine.Begun:
			continue
		case s.fault == "answers twice" && e.Kind == engine.Finished:
			s.events <- e
		case s.fault == "wrong attempt":
			e.Attempt += 3
		case s.fault == "forgets one" && e.ID == 2 && e.Kind == engine.Finished:
			continue
		}
		s.events <- e
	}
	close(s.events)
}

func (s *rude) Events() <-chan engine.Event { return s.events }

func (s *rude) Submit(a engine.Assignment) error {
	err := s.Session.Submit(a)
	if s.fault == "takes jobs after close" {
		return nil
	}
	return err
}

func TestSuiteFindsRudeEvaluators(t *testing.T) {
	t.Parallel()
	for _, fault := range []string{
		"random", "not a number", "undeclared metric", "failure of two lines", "no such file",
		"never begins", "answers twice", "wrong attempt", "forgets one", "takes jobs after close",
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			found := enginetest.Record(t, func(r enginetest.T) {
				enginetest.Evaluator(r, func() engine.Evaluator { return rudeEvaluator{fault} }, enginetest.EvaluatorOptions{
					Space: numbers, Patience: 100 * time.Millisecond,
				})
			})
			if len(found) == 0 {
				t.Fatal("the suite passes an evaluator with this fault")
			}
			t.Log(found[0])
		})
	}
}

// A search against a scripted evaluator: the engine waits for what the test
// decides.
func TestScripted(t *testing.T) {
	t.Parallel()
	e := &enginetest.Scripted{}
	clock := &enginetest.Clock{}
	cfg := engine.Config{
		Space: numbers, Strategy: faulty(t, "none")(), Evaluators: map[string]engine.EvaluatorRef{"e": {Evaluator: e}},
		Limits: engine.Limits{Evaluations: 3}, Workers: 3, Clock: clock, Final: engine.Final{Skip: true}, Window: 3,
	}
	s, err := engine.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := s.Run(t.Context()); err != nil {
			t.Error(err)
		}
	})
	next := func() engine.ID {
		a, err := e.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return a.Job.ID
	}
	one, two, three := next(), next(), next()
	e.Begin(two)
	e.Score(two, 0.5) // the second before the first
	e.Begin(one)
	e.Progress(one, engine.Point{Step: 1})
	e.Score(one, 0.25)
	e.Begin(three)
	e.Return(three, "no room")
	// It comes again after a pause.
	if err := clock.Await(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	clock.Advance(time.Minute)
	for next() != three {
	}
	e.Begin(three)
	e.Score(three, 0.75)
	for n := 0; n < 3; n++ {
		if _, err := e.Asked(t.Context(), enginetest.Acknowledged, engine.ID(n+1)); err != nil {
			t.Fatal(err)
		}
	}
	// What goes beyond the limit is not waited for.
	wg.Wait()
	var order []engine.ID
	for c := range s.Candidates() {
		order = append(order, c.ID)
	}
	if len(order) != 3 || order[0] != 1 || order[1] != 2 || order[2] != 3 {
		t.Errorf("consumed %v; strict order consumes 1, 2, 3", order)
	}
}

func TestClock(t *testing.T) {
	t.Parallel()
	var c enginetest.Clock
	var log []string
	begin := c.Now()
	c.After(2*time.Second, func() {
		log = append(log, "two")
		c.After(time.Second, func() { log = append(log, "three at "+c.Now().Sub(begin).String()) })
	})
	c.After(time.Second, func() { log = append(log, "one at "+c.Now().Sub(begin).String()) })
	c.After(time.Minute, func() { log = append(log, "late") })
	c.After(time.Second, func() { log = append(log, "cancelled") })()
	c.Advance(5 * time.Second)
	if got, want := strings.Join(log, ", "), "one at 1s, two, three at 3s"; got != want {
		t.Errorf("fired %s; want %s", got, want)
	}
	if c.Now().Sub(begin) != 5*time.Second || c.Waiting() != 1 {
		t.Errorf("now %v with %d waiting; want 5s and 1", c.Now().Sub(begin), c.Waiting())
	}
}
