package host

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
	"github.com/nascent-nas/nascent/engine/evolve"
	"github.com/nascent-nas/nascent/plugins/sdk"
)

// counter looks up how many genes are set, and counts how often it is opened. With
// the option slow a job waits until it is told to end.
func counter(opened *atomic.Int64, lookup bool) engine.Evaluator {
	return sdk.InProcess(sdk.EvaluatorPlugin{
		Name: "counter", SlotsFollowWorkers: true, Lookup: lookup,
		Metrics: []engine.Metric{{Name: "accuracy", Goal: engine.Maximize}},
		Open: func(setup *sdk.Setup) error {
			var o struct {
				Slow bool `json:"slow"`
			}
			if err := setup.Decode(&o); err != nil {
				return err
			}
			opened.Add(1)
			setup.Plugin.Evaluate = func(job *sdk.Job) (sdk.Result, error) {
				if o.Slow {
					<-job.Context().Done()
					return sdk.Result{}, job.Context().Err()
				}
				n := 0
				for _, c := range job.Text {
					if c == 'y' {
						n++
					}
				}
				path := filepath.Join(job.Scratch(), "text")
				if err := os.WriteFile(path, []byte(job.Text), 0o600); err != nil {
					return sdk.Result{}, err
				}
				return sdk.Result{Metrics: sdk.Metrics{"accuracy": float64(n)}, Files: map[string]string{"text": path}}, nil
			}
			return nil
		},
		Evaluate: func(*sdk.Job) (sdk.Result, error) { return sdk.Result{}, errors.New("not open") },
	})
}

func evolution(t *testing.T) engine.Strategy {
	t.Helper()
	s, err := evolve.New("aging")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A search cannot tell a shared evaluator from one of its own.
func TestSharedConformance(t *testing.T) {
	t.Parallel()
	var opened atomic.Int64
	shared := Share(counter(&opened, true), 64)
	t.Cleanup(func() {
		if err := shared.Close(within(t)); err != nil {
			t.Error(err)
		}
	})
	enginetest.Evaluator(t, func() engine.Evaluator { return shared }, enginetest.EvaluatorOptions{
		Space: onemaxSpace, Workers: 3, Options: json.RawMessage(`{}`), SlowOptions: json.RawMessage(`{"slow": true}`),
		Refused: []json.RawMessage{[]byte(`{"slaw": true}`)},
	})
	if n := opened.Load(); n != 2 { // with each options
		t.Errorf("opened %d times", n)
	}
}

// Searches at once, whose jobs have the same ids, get their own results and files.
func TestSharedSearches(t *testing.T) {
	t.Parallel()
	for _, lookup := range []bool{true, false} {
		var opened atomic.Int64
		shared := Share(counter(&opened, lookup), 16)
		var all sync.WaitGroup
		for seed := range 8 {
			all.Go(func() {
				var digests []string
				for _, e := range []engine.Evaluator{counter(new(atomic.Int64), lookup), shared} {
					led := enginetest.Memory(t)
					s, err := engine.Run(within(t), engine.Config{
						Space: onemaxSpace, Strategy: evolution(t), Evaluator: e, Limits: engine.Limits{Evaluations: 60},
						Workers: 2, Seed: uint64(seed), Ledger: led, Final: engine.Final{Skip: true},
					})
					if err != nil {
						t.Error(err)
						return
					}
					digest, err := engine.Digest(led, -1)
					if err != nil {
						t.Error(err)
					}
					digests = append(digests, digest)
					best := s.Best(1)[0]
					path, err := led.Path(best.Files[0].Hash)
					if err != nil {
						t.Errorf("seed %d: %v", seed, err)
					} else if text, err := os.ReadFile(path); err != nil || string(text) != best.Genome.Text() {
						t.Errorf("seed %d: the file of %s says %q; %v", seed, best.Genome.Text(), text, err)
					}
				}
				if digests[0] != digests[1] {
					t.Errorf("seed %d: digest %s alone, %s among others", seed, digests[0], digests[1])
				}
			})
		}
		all.Wait()
		if err := shared.Close(within(t)); err != nil {
			t.Error(err)
		}
		if n := opened.Load(); lookup && n != 1 || !lookup && n != 9 {
			t.Errorf("lookup %v: opened %d times", lookup, n)
		}
	}
}
