package engine_test

import (
	"testing"

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
