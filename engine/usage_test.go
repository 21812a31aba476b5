package engine_test

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
	"github.com/nascent-nas/nascent/genome"
)

// blind is randomly, and fails where it sees what a job took of the machine.
type blind struct{ randomly }

func (blind) Open(context.Context, engine.Setup) ([]byte, engine.Needs, error) {
	return nil, engine.Needs{History: engine.NeedAll}, nil
}

func (b blind) Step(ctx context.Context, state []byte, t engine.Turn) (engine.Decision, error) {
	for _, c := range t.Results {
		if c.Usage != (engine.Usage{}) {
			return engine.Decision{}, fmt.Errorf("result %s shows %+v", c.ID, c.Usage)
		}
	}
	for c := range engine.All(t.History) {
		if c.Usage != (engine.Usage{}) {
			return engine.Decision{}, fmt.Errorf("candidate %s shows %+v", c.ID, c.Usage)
		}
	}
	return b.randomly.Step(ctx, state, t)
}

// What a job took of the machine is kept with its result, read again, and left out of
// what is shared; strategies and the digest know nothing of it.
func TestUsageDecidesNothing(t *testing.T) {
	t.Parallel()
	took := func(id engine.ID) engine.Usage {
		return engine.Usage{CPU: float64(id) / 8, Memory: int64(id) << 20, GPUMemory: int64(id%3) << 30}
	}
	search := func(say bool) (engine.Ledger, []engine.Candidate) {
		led := enginetest.Memory(t)
		cfg := config(led)
		cfg.Strategy, cfg.Duplicates, cfg.Evaluators = blind{}, engine.Reuse, nil
		cfg.Space = genome.MustParseSpace(`{"n": {"int": [1, 40]}}`)
		cfg.Evaluator = &enginetest.Instant{
			Hello: engine.Hello{Name: "instant", Deterministic: true, Metrics: []engine.Metric{{Name: "accuracy", Goal: engine.Maximize}}},
			Measure: func(j *engine.Job) engine.Result {
				r := engine.Result{Status: engine.OK, Metrics: engine.Values{{Name: "accuracy", Value: float64(len(j.Genome.Text()))}}}
				if say {
					r.Usage = took(j.ID)
				}
				return r
			},
		}
		for _, n := range []int{30, 60} { // the second goes on with what the ledger has of the first
			cfg.Limits.Evaluations = n
			run(t, cfg)
		}
		a, err := engine.Read(led)
		if err != nil {
			t.Fatal(err)
		}
		var all []engine.Candidate
		for c := range a.Candidates() {
			all = append(all, c)
		}
		return led, all
	}
	silent, _ := search(false)
	led, all := search(true)
	if digest(t, led, -1) != digest(t, silent, -1) {
		t.Error("the digest depends on what jobs took of the machine")
	}
	shared := 0
	for _, c := range all {
		want := took(c.ID)
		if c.Reuse != 0 {
			want, shared = engine.Usage{}, shared+1
		}
		if c.Usage != want {
			t.Errorf("candidate %s has %+v, want %+v", c.ID, c.Usage, want)
		}
	}
	if used := mustArchive(t, led).Status().Used; used != len(all)-shared {
		t.Errorf("of %d of %d it is said that it is known", used, len(all)-shared)
	}
	if len(all) < 60 || shared == 0 {
		t.Errorf("%d candidates, of which %d share a result: that tests little", len(all), shared)
	}
	find := func(engine.StrategyEvent) (engine.Strategy, error) { return blind{}, nil }
	if err := engine.Replay(t.Context(), find, led, nil); err != nil {
		t.Errorf("replay: %v", err)
	}
}

// No evaluator makes a machine give time or memory back.
func TestJudgeUsage(t *testing.T) {
	t.Parallel()
	hello := engine.Hello{Metrics: []engine.Metric{{Name: "accuracy"}}}
	for _, c := range []struct{ said, want engine.Usage }{
		{engine.Usage{CPU: 1.5, Memory: 3, GPUMemory: 4}, engine.Usage{CPU: 1.5, Memory: 3, GPUMemory: 4}},
		{engine.Usage{CPU: -1, Memory: -3, GPUMemory: -4}, engine.Usage{}},
		{engine.Usage{CPU: math.NaN(), Memory: 3}, engine.Usage{Memory: 3}},
		{engine.Usage{CPU: math.Inf(1), GPUMemory: 1}, engine.Usage{GPUMemory: 1}},
	} {
		r := engine.Result{Status: engine.OK, Metrics: engine.Values{{Name: "accuracy", Value: 1}}, Usage: c.said}
		if hello.Judge(engine.Train, &r); r.Status != engine.OK || r.Usage != c.want {
			t.Errorf("%+v becomes %+v, want %+v (%s %s)", c.said, r.Usage, c.want, r.Status, r.Reason)
		}
	}
}

// An event whose kind only a later nascent knows may order something: the search is
// not gone on with, and not shown, as if it were not there.
func TestEventsOfLaterKindsAreRefused(t *testing.T) {
	t.Parallel()
	led := enginetest.Memory(t)
	cfg := config(led)
	run(t, cfg)
	events := 0
	for _, err := range led.Events() {
		if events++; err != nil {
			t.Fatal(err)
		}
	}
	if err := led.Commit(&engine.Change{Events: []engine.EventRecord{{Seq: uint64(events) + 1, Kind: "turn\nround"}}}); err != nil {
		t.Fatal(err)
	}
	_, reading := engine.Read(led)
	cfg.Limits.Evaluations = 70
	_, going := engine.Run(t.Context(), cfg)
	for _, err := range []error{reading, going} {
		if err == nil || !strings.Contains(err.Error(), "newer nascent") || !strings.Contains(err.Error(), "turn round") ||
			strings.Contains(err.Error(), "\n") {
			t.Errorf("an event of an unknown kind gives %v", err)
		}
	}
}
