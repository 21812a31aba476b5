package engine_test

import (
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
)

// processor is the processor time that this process has taken so far: unlike the
// time on the wall it does not depend on what else runs.
func processor(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkMillion is the engine's own cost of an evaluation among the last tenth of a
// million by that among the first tenth. It takes the median over thousands, in which
// the garbage collector's rounds, fewer the more there is, weigh nothing.
func BenchmarkMillion(b *testing.B) {
	for _, order := range []engine.Order{engine.Strict, engine.Arrival} {
		b.Run(string(order), func(b *testing.B) {
			const n, thousand, tenth = 1_000_000, 1000, 100
			for b.Loop() {
				cfg := config(enginetest.Memory(b))
				cfg.Strategy, cfg.Window, cfg.Order = randomly{}, 64, order
				cfg.Limits.Evaluations, cfg.Final.Skip, cfg.Duplicates = n, true, engine.Replicate
				var took []time.Duration // by each thousand
				consumed, last := 0, processor(b)
				cfg.Observe = func(u engine.Update) {
					if u.Kind != engine.Consumed {
						return
					}
					if consumed++; consumed%thousand == 0 {
						now := processor(b)
						took, last = append(took, now-last), now
					}
				}
				if _, err := engine.Run(b.Context(), cfg); err != nil {
					b.Fatal(err)
				}
				median := func(took []time.Duration) float64 {
					return float64(slices.Sorted(slices.Values(took))[len(took)/2].Nanoseconds()) / thousand
				}
				early, late := median(took[:tenth]), median(took[len(took)-tenth:])
				b.ReportMetric(early, "early-ns")
				b.ReportMetric(late, "late-ns")
				b.ReportMetric(late/early, "late/early")
			}
		})
	}
}
