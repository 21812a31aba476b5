package engine_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
)

// BenchmarkEvaluation is the engine's own cost of one evaluation: an instant
// evaluator in this process, the ledger in memory.
func BenchmarkEvaluation(b *testing.B) {
	cfg := config(enginetest.Memory(b))
	cfg.Strategy, cfg.Window = randomly{}, 64
	cfg.Limits.Evaluations, cfg.Final.Skip, cfg.Duplicates = b.N, true, engine.Replicate
	b.ReportAllocs()
	if _, err := engine.Run(b.Context(), cfg); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkExceptions is what one failing genome in ten costs, with jobs of 50 ms: the
// time of such a search by that of one without failures.
func BenchmarkExceptions(b *testing.B) {
	took := func(failing bool) float64 {
		cfg := config(enginetest.Memory(b))
		cfg.Strategy, cfg.Workers = randomly{}, 2
		cfg.Limits.Evaluations, cfg.Final.Skip, cfg.Duplicates = 100, true, engine.Replicate
		cfg.Evaluators = map[string]engine.EvaluatorRef{"f": {Evaluator: engine.Func(func(ctx context.Context, j *engine.Job) (map[string]float64, error) {
			time.Sleep(50 * time.Millisecond)
			if failing && j.ID%10 == 3 {
				return nil, errors.New("unlucky")
			}
			return evaluate(ctx, j)
		})}}
		start := time.Now()
		if _, err := engine.Run(b.Context(), cfg); err != nil {
			b.Fatal(err)
		}
		return time.Since(start).Seconds()
	}
	var with, without float64
	for b.Loop() {
		with += took(true)
		without += took(false)
	}
	b.ReportMetric(with/without, "times")
}
