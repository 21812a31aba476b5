package fleet

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/network"
)

// honest says whether an evaluator's equal jobs have equal results.
type honest struct {
	engine.Evaluator
	deterministic bool
}

func (e honest) Open(ctx context.Context, setup engine.EvaluatorSetup) (engine.Session, engine.Hello, error) {
	s, h, err := e.Evaluator.Open(ctx, setup)
	h.Deterministic = e.deterministic
	return s, h, err
}

// probing starts a host whose evaluator comes to this.
func (y *yard) probing(name string, deterministic bool, carry func(j *engine.Job) (map[string]float64, error)) {
	y.host(name, 1, func(Spec) (engine.Evaluator, error) {
		return honest{engine.Func(func(_ context.Context, j *engine.Job) (map[string]float64, error) { return carry(j) }), deterministic}, nil
	})
}

// openWith opens an evaluator whose hosts carry out probe jobs.
func (y *yard) openWith(t *testing.T, p *Probe) engine.Session {
	t.Helper()
	s, _, err := y.fleet.Evaluator("e", Program{Probe: p}).Open(context.Background(), engine.EvaluatorSetup{
		Space: space, Workers: 2, Options: []byte("{}"),
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func exactly(least float64) func(*engine.Job) (map[string]float64, error) {
	return func(j *engine.Job) (map[string]float64, error) {
		return map[string]float64{"accuracy": least + 1e-3*number(j, "x")}, nil
	}
}

func failing(*engine.Job) (map[string]float64, error) {
	return nil, errors.New("CUDA error: no device")
}

// settled waits until a host has opened the evaluator, or is set aside.
func (y *yard) settled(name string) Host {
	return y.await(name, func(h Host) bool { return h.State == "ready" || h.State == "aside" })
}

// Who comes to other results than the first host gets no jobs, and is named with both, in
// later runs of the search as well. Evaluators that are not deterministic have to answer.
func TestProbe(t *testing.T) {
	t.Parallel()
	path := t.TempDir() + "/probes.json"
	y := newYardBy(t, 0, 0, Options{Probes: path})
	y.probing("first", true, exactly(0.5))
	y.openWith(t, &Probe{Budget: 3})
	for name, c := range map[string]struct {
		deterministic bool
		carry         func(*engine.Job) (map[string]float64, error)
		aside         string
	}{
		"same":   {true, exactly(0.5), ""},
		"other":  {true, exactly(0.5 + 1e-15), "and on host first to accuracy "},
		"broken": {true, failing, "its probe job failed and on host first it did not: CUDA error: no device"},
		"picky": {true, func(j *engine.Job) (map[string]float64, error) {
			if j.Budget < 3 {
				return nil, errors.New("too little")
			}
			return exactly(0.5)(j)
		}, "its probe job failed and on host first it did not: too little"},
	} {
		y.probing(name, c.deterministic, c.carry)
		h := y.settled(name)
		if (h.State == "aside") != (c.aside != "") || !strings.Contains(h.Reason, c.aside) {
			t.Errorf("%s is %s: %s", name, h.State, h.Reason)
		}
	}
	y.stop()
	y.fleet.Close(false)
	y.awaitGone("first")

	y.listen(y.at) // another coordinator
	y.probing("other-2", true, exactly(0.7))
	y.probing("same-2", true, exactly(0.5))
	y.openWith(t, &Probe{Budget: 3})
	if h := y.settled("other-2"); h.State != "aside" || !strings.Contains(h.Reason, "on host first to") {
		t.Errorf("after another beginning other-2 is %s: %s", h.State, h.Reason)
	}
}

// What no host can carry out is for the search to judge. Once one can, the others are
// set aside.
func TestProbeThatFailsEverywhere(t *testing.T) {
	t.Parallel()
	y := newYard(t, 0, 0)
	y.probing("one", true, failing)
	y.openWith(t, &Probe{})
	if h := y.settled("one"); h.State != "ready" {
		t.Errorf("the first host is %s: %s", h.State, h.Reason)
	}
	y.probing("two", true, failing)
	if h := y.settled("two"); h.State != "ready" {
		t.Errorf("the second host is %s: %s", h.State, h.Reason)
	}
	y.probing("three", true, exactly(0.5))
	for _, name := range []string{"one", "two"} {
		h := y.await(name, func(h Host) bool { return h.State == "aside" })
		if want := "its probe job failed and on host three it did not: CUDA error: no device"; h.Reason != want {
			t.Errorf("%s is aside: %s", name, h.Reason)
		}
	}
}

// What is not deterministic is not compared, and has to answer.
func TestProbeOfChance(t *testing.T) {
	t.Parallel()
	y := newYard(t, 0, 0)
	y.probing("one", false, exactly(0.5))
	y.openWith(t, &Probe{})
	y.settled("one")
	y.probing("two", false, exactly(0.6))
	if h := y.settled("two"); h.State != "ready" {
		t.Errorf("another result of chance: %s: %s", h.State, h.Reason)
	}
	y.probing("three", false, failing)
	if h := y.settled("three"); h.State != "aside" {
		t.Errorf("one that does not answer is %s", h.State)
	}
}

// A probe job is small: of budget 1, and where that comes to nothing of the cheapest fidelity.
func TestProbeJobs(t *testing.T) {
	t.Parallel()
	var asked []float64
	y := newYard(t, 0, 0)
	y.probing("one", true, func(j *engine.Job) (map[string]float64, error) {
		if asked = append(asked, j.Budget); len(asked) < 3 {
			return nil, errors.New("no")
		}
		return exactly(0.5)(j)
	})
	y.openWith(t, &Probe{Budget: 50})
	y.settled("one")
	if len(asked) != 3 || asked[0] != 1 || asked[1] != 50 || asked[2] != 50 {
		t.Errorf("the budgets are %v", asked)
	}
	layers, err := network.Bind(genome.MustParseSpace(`{"network": {"input": [1, 40], "classes": 10}, "dense": {"units": {"int": [1, 64]}}}`))
	if err != nil {
		t.Fatal(err)
	}
	macs := func(j *engine.Job) int64 {
		cost, err := network.Measure(j.Genome)
		if err != nil {
			t.Error(err)
		}
		return cost.Macs
	}
	jobs, err := probeJobs(layers, &Probe{Budget: 0.5}, &engine.Hello{Budget: 2})
	if err != nil {
		t.Fatal(err)
	}
	again, err := probeJobs(layers, &Probe{Budget: 0.5}, &engine.Hello{Budget: 2})
	if err != nil || len(jobs) != probeGenomes {
		t.Fatalf("%d jobs: %v", len(jobs), err)
	}
	for i, j := range jobs {
		if j.Genome.String() != again[i].Genome.String() || j.Budget != 0.5 || j.ID.String() != "p"+string(rune('1'+i)) {
			t.Errorf("job %s is %s with budget %v, and then %s", j.ID, j.Genome, j.Budget, again[i].Genome)
		}
		if i > 0 && macs(j) < macs(jobs[i-1]) {
			t.Errorf("%s needs less work than the one before", j.Genome)
		}
	}
}

// A host that is to leave gives its probe up.
func TestLeavingWhileProbing(t *testing.T) {
	t.Parallel()
	y := newYard(t, 0, 0)
	y.probing("first", true, exactly(0.5))
	y.openWith(t, &Probe{})
	begun := make(chan struct{})
	var ended atomic.Bool
	stop := y.host("slow", 1, func(Spec) (engine.Evaluator, error) {
		return engine.Func(func(ctx context.Context, _ *engine.Job) (map[string]float64, error) {
			close(begun)
			<-ctx.Done()
			ended.Store(true)
			return nil, ctx.Err()
		}), nil
	})
	<-begun
	stop(errStopped)
	y.awaitGone("slow")
	y.stop()
	if !ended.Load() {
		t.Error("its probe job was not ended")
	}
}

// A probe that another coordinator does not ask for is given up, and is no reason to set
// the host aside.
func TestProbeOfAnotherCoordinator(t *testing.T) {
	t.Parallel()
	y := newYard(t, 0, 0)
	begun := make(chan struct{})
	y.host("one", 1, func(spec Spec) (engine.Evaluator, error) {
		return engine.Func(func(ctx context.Context, j *engine.Job) (map[string]float64, error) {
			if spec.Probe != nil {
				close(begun)
				<-ctx.Done()
			}
			return exactly(0.5)(j)
		}), nil
	})
	ctx, stop := context.WithCancel(context.Background())
	failed := make(chan error)
	go func() {
		_, _, err := y.fleet.Evaluator("e", Program{Probe: &Probe{}}).Open(ctx, engine.EvaluatorSetup{Space: space, Workers: 1, Options: []byte("{}")})
		failed <- err
	}()
	<-begun
	stop()
	if err := <-failed; err == nil {
		t.Error("it was opened before its probe had ended")
	}
	y.fleet.Close(false)
	y.listen(y.at)
	y.openWith(t, nil)
	if h := y.settled("one"); h.State != "ready" {
		t.Errorf("the host is %s: %s", h.State, h.Reason)
	}
}
