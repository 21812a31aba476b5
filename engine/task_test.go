package engine_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
)

// sharer trains shared weights in turns, scores genomes with them and has the
// last one trained. What it remembers lies in a file.
type sharer struct {
	files engine.Files
	setup engine.Setup
	tasks []engine.Task
}

func (s *sharer) Open(_ context.Context, setup engine.Setup) ([]byte, engine.Needs, error) {
	s.files, s.setup = setup.Files, setup
	return nil, engine.Needs{History: engine.NeedAll, Batch: 4, Tasks: s.tasks}, nil
}

func (s *sharer) Step(_ context.Context, state []byte, turn engine.Turn) (d engine.Decision, err error) {
	var memory []byte
	if len(state) > 0 {
		if len(turn.Files) != 1 || turn.Files[0].Hash != string(state) {
			return d, fmt.Errorf("the turn comes with the files %v, the state says %s", turn.Files, state)
		}
		path, err := s.files.Path(string(state))
		if err != nil {
			return d, err
		}
		if memory, err = os.ReadFile(path); err != nil {
			return d, err
		}
	}
	for _, r := range turn.Results {
		memory = fmt.Appendf(memory, "%s %s %v\n", r.ID, r.Task, r.Metrics)
	}
	path := filepath.Join(s.files.Temp(), "memory")
	if err := os.WriteFile(path, append(memory, '.'), 0o600); err != nil {
		return d, err
	}
	ref, err := s.files.Put(path, "memory")
	if err != nil {
		return d, err
	}
	d.Files, d.State = []engine.FileRef{ref}, []byte(ref.Hash)

	g, err := s.setup.Space.Parse("x=0.5 y=7 z=a")
	if err != nil {
		return d, err
	}
	p := engine.Proposal{Genome: g, Task: engine.Supernet, Budget: 3}
	if n := len(turn.Results); n == 1 {
		last := &turn.Results[0]
		if out, err := turn.History.Output(last.ID); err != nil || string(out) != string(last.Output) {
			return d, fmt.Errorf("the output of %s is %q in Results and %q in History: %v", last.ID, last.Output, out, err)
		}
		switch {
		case last.Task == engine.Supernet && turn.History.Len()%4 == 1:
			p = engine.Proposal{Operator: engine.OpRandom, Task: engine.Score, Inherit: last.ID}
		case last.Task == engine.Supernet:
			p = engine.Proposal{Operator: engine.OpRandom}
		}
	}
	d.Proposals = []engine.Proposal{p}
	return d, nil
}

// shared evaluates tasks of shared weights, and says which it got.
type shared struct {
	engine.Evaluator
	tasks []engine.Task
	name  string
}

func (e shared) Open(ctx context.Context, setup engine.EvaluatorSetup) (engine.Session, engine.Hello, error) {
	session, hello, err := e.Evaluator.Open(ctx, setup)
	hello.Tasks, hello.Name, hello.Identity, hello.Fingerprint = e.tasks, e.name, e.name, e.name
	hello.Metrics = []engine.Metric{{Name: "shared_accuracy", Goal: engine.Maximize}, {Name: "budget"}}
	return session, hello, err
}

func TestTasks(t *testing.T) {
	t.Parallel()
	cfg := func(led engine.Ledger) engine.Config {
		c := config(led)
		c.Strategy = &sharer{tasks: []engine.Task{engine.Supernet, engine.Score}}
		both := engine.Func(func(_ context.Context, j *engine.Job) (map[string]float64, error) {
			if j.Task == engine.Train {
				return nil, errors.New("a training reached the wrong evaluator")
			}
			return map[string]float64{"shared_accuracy": 0.99, "budget": j.Budget}, nil
		})
		c.Evaluators["weights"] = engine.EvaluatorRef{Evaluator: shared{Evaluator: both, tasks: []engine.Task{engine.Supernet, engine.Score}, name: "weights"}}
		c.Fidelities = []engine.Fidelity{{Evaluator: "f", Budget: 10}}
		c.Limits.Evaluations = 30
		return c
	}
	led := enginetest.Memory(t)
	s := run(t, cfg(led))
	seen := map[engine.Task]int{}
	for c := range s.Candidates() {
		if c.Phase != engine.PhaseSearch {
			continue
		}
		seen[c.Task]++
		budget, shared := c.Metrics.Get("budget")
		switch {
		case shared != (c.Task != engine.Train):
			t.Errorf("candidate %s, to %s, has the metrics %v", c.ID, c.Task, c.Metrics)
		case c.Task == engine.Supernet && budget != 3, c.Task == engine.Score && budget != 0:
			t.Errorf("candidate %s, to %s, had the budget %v", c.ID, c.Task, budget)
		}
	}
	if seen[engine.Train] < 5 || seen[engine.Supernet] < 5 || seen[engine.Score] < 5 {
		t.Errorf("tasks %v", seen)
	}
	for _, c := range s.Best(10) {
		if c.Task != engine.Train {
			t.Errorf("candidate %s, to %s, is among the best", c.ID, c.Task)
		}
	}
	if err := engine.Replay(t.Context(), always(&sharer{tasks: []engine.Task{engine.Supernet, engine.Score}}), led, nil); err != nil {
		t.Error(err)
	}

	// Interrupted and gone on with, it is the same.
	want := digest(t, led, -1)
	led = enginetest.Memory(t)
	c := cfg(led)
	c.Limits.Evaluations = 11
	run(t, c)
	c = cfg(led)
	run(t, c)
	if got := digest(t, led, -1); got != want {
		t.Errorf("digest %s, and %s after an interruption", want, got)
	}
}

// A strategy that shares no weights takes over while jobs on them are under way.
func TestTasksOfAnEarlierStrategy(t *testing.T) {
	t.Parallel()
	for n := 10; n < 14; n++ { // one job is under way then, of either task
		led := enginetest.Memory(t)
		c := config(led)
		tasks := []engine.Task{engine.Supernet, engine.Score}
		c.Strategy, c.StrategyName = &sharer{tasks: tasks}, "sharer"
		c.Evaluators["weights"] = engine.EvaluatorRef{Evaluator: shared{Evaluator: engine.Func(func(_ context.Context,
			j *engine.Job) (map[string]float64, error) {
			return map[string]float64{"shared_accuracy": 0.99, "budget": j.Budget}, nil
		}), tasks: tasks, name: "weights"}}
		c.Fidelities = []engine.Fidelity{{Evaluator: "f", Budget: 10}}
		c.Limits.Evaluations = n
		run(t, c)
		c = with(c, "heir")
		c.Limits.Evaluations = 30
		if st := run(t, c).Status(); st.Evaluations != 30 {
			t.Errorf("taken over after %d, it ended with %+v", n, st)
		}
	}
}

func TestTasksThatNobodyDoes(t *testing.T) {
	t.Parallel()
	c := config(enginetest.Memory(t))
	c.Strategy = &sharer{tasks: []engine.Task{engine.Supernet}}
	if _, err := engine.Run(t.Context(), c); !errors.Is(err, engine.ErrConfig) || !strings.Contains(err.Error(), "supernet: {use: supernet}") {
		t.Errorf("refused with %v", err)
	}
	// Nobody is opened who is not needed.
	opened := false
	c = config(enginetest.Memory(t))
	c.Evaluators["other"] = engine.EvaluatorRef{Evaluator: opener(func() { opened = true })}
	c.Fidelities = []engine.Fidelity{{Evaluator: "f"}}
	run(t, c)
	if opened {
		t.Error("an evaluator that no fidelity names was opened")
	}
}

type opener func()

func (o opener) Open(context.Context, engine.EvaluatorSetup) (engine.Session, engine.Hello, error) {
	o()
	return nil, engine.Hello{}, errors.New("not wanted")
}

// What a strategy may not propose is refused, and the search says why.
func TestBadTasks(t *testing.T) {
	t.Parallel()
	g, err := plainSpace.Parse("x=0.5 y=7 z=a")
	if err != nil {
		t.Fatal(err)
	}
	for want, p := range map[string]engine.Proposal{
		"task \"dream\"":          {Genome: g, Task: "dream"},
		"budget 3":                {Genome: g, Budget: 3},
		"which no evaluator does": {Genome: g, Task: engine.Score},
		"did not keep":            {Genome: g, Tag: "file"},
	} {
		c := config(enginetest.Memory(t))
		c.Strategy = once(p)
		if _, err := engine.Run(t.Context(), c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v", p, err)
		}
	}
}

type once engine.Proposal

func (once) Open(context.Context, engine.Setup) ([]byte, engine.Needs, error) {
	return nil, engine.Needs{}, nil
}

func (o once) Step(context.Context, []byte, engine.Turn) (engine.Decision, error) {
	d := engine.Decision{Proposals: []engine.Proposal{engine.Proposal(o)}}
	if o.Tag == "file" {
		d.Files = []engine.FileRef{{Name: "weights", Hash: strings.Repeat("ab", 32)}}
	}
	return d, nil
}
