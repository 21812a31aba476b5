package engine_test

import (
	"context"
	"maps"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
)

// again proposes the same few genomes over and over.
type again struct{}

func (again) Open(context.Context, engine.Setup) ([]byte, engine.Needs, error) {
	return nil, engine.Needs{History: engine.NeedNone}, nil
}

func (again) Step(_ context.Context, _ []byte, t engine.Turn) (d engine.Decision, err error) {
	for i := range t.Want {
		g, err := plainSpace.Parse("x=0.5 y=7 z=a")
		if err != nil {
			return d, err
		}
		p := engine.Proposal{Genome: g, Replicate: true}
		switch t.FirstID + engine.ID(i) {
		case 1, 4:
			p.Replicate = false // 4 shares the result of 1
		case 3:
			if p.Genome, err = plainSpace.Parse("x=0.4 y=7 z=a"); err != nil {
				return d, err
			}
		case 6:
			p.Stop = &engine.StopRule{Metric: "accuracy", Goal: engine.Maximize, Step: 1}
		}
		d.Proposals = append(d.Proposals, p)
	}
	return d, nil
}

// counting notes how often each job was said to repeat others.
type counting struct {
	engine.Evaluator
	mu   *sync.Mutex
	seen map[string]int
}

func (e counting) Open(ctx context.Context, setup engine.EvaluatorSetup) (engine.Session, engine.Hello, error) {
	session, hello, err := e.Evaluator.Open(ctx, setup)
	hello.Seeded, hello.Tests = true, true
	return countingSession{session, e}, hello, err
}

type countingSession struct {
	engine.Session
	of counting
}

func (s countingSession) Submit(a engine.Assignment) error {
	s.of.mu.Lock()
	x, _ := a.Job.Genome.Gene("x")
	id := a.Job.ID.String()
	if a.Job.Phase == engine.PhaseRemeasure {
		id += map[any]string{0.5: " of x=0.5", 0.4: " of x=0.4"}[x]
	}
	s.of.seen[id] = a.Repeat
	s.of.mu.Unlock()
	return s.Session.Submit(a)
}

func TestRepeatsAreCounted(t *testing.T) {
	t.Parallel()
	led := enginetest.Memory(t)
	search := func(evaluations int) map[string]int {
		e := counting{engine.Func(evaluate), &sync.Mutex{}, map[string]int{}}
		cfg := config(led)
		cfg.Strategy = again{}
		cfg.Evaluators = map[string]engine.EvaluatorRef{"f": {Evaluator: e}}
		cfg.Limits.Evaluations = evaluations
		cfg.Final = engine.Final{Top: 2, Repeats: 2, Tests: 2}
		run(t, cfg)
		return maps.Clone(e.seen)
	}
	first := search(5)
	want := map[string]int{
		"1": 0, "2": 1, "3": 0, "5": 2,
		"f1 of x=0.5": 3, "f2 of x=0.4": 1, "f3 of x=0.5": 4, "f4 of x=0.4": 2,
		"f5": 0, "f6": 1, // tests measure something else
	}
	if diff := cmp.Diff(want, first); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	// Neither the re-measurements before nor the interruption count.
	further := search(7)
	want = map[string]int{
		"6": 3, "7": 4,
		"f7 of x=0.5": 5, "f8 of x=0.4": 1, "f9 of x=0.5": 6, "f10 of x=0.4": 2,
		"f11": 0, "f12": 1,
	}
	if diff := cmp.Diff(want, further); diff != "" {
		t.Errorf("further, -want +got:\n%s", diff)
	}
}
