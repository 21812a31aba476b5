package evolve_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
	"github.com/nascent-nas/nascent/genome"
)

// plain is a space whose genomes cost next to nothing.
var plain = genome.MustParseSpace(`{"x": {"float": [0, 1]}, "y": {"float": [0, 1]}}`)

func plainly(b *testing.B, name, options string, evaluations int) engine.Config {
	cfg := config(b, name, options, enginetest.Landscape{Seed: 5}, 3, evaluations)
	cfg.Space, cfg.Ledger, cfg.Duplicates = plain, enginetest.Memory(b), engine.Replicate
	return cfg
}

// BenchmarkPopulation is what a result costs with a population of 10,000, by what it
// costs with one of 100, once each is full.
func BenchmarkPopulation(b *testing.B) {
	for _, name := range []string{"aging", "genetic"} {
		b.Run(name, func(b *testing.B) {
			result := func(population int) float64 {
				const full, some = 15_000, 10_000
				cfg := plainly(b, name, fmt.Sprintf(`{"population": %d}`, population), full+some)
				cfg.Order, cfg.Window = engine.Arrival, 64
				if name == "genetic" { // a generation at once
					cfg.Window = max(64, population)
				}
				consumed, from := 0, time.Time{}
				cfg.Observe = func(u engine.Update) {
					if u.Kind == engine.Consumed {
						if consumed++; consumed == full {
							from = time.Now()
						}
					}
				}
				if _, err := engine.Run(b.Context(), cfg); err != nil {
					b.Fatal(err)
				}
				return float64(time.Since(from).Nanoseconds()) / some
			}
			for b.Loop() {
				small, large := result(100), result(10_000)
				b.ReportMetric(small, "small-ns")
				b.ReportMetric(large, "large-ns")
				b.ReportMetric(large/small, "large/small")
			}
		})
	}
}

// BenchmarkTakeOver is how long it takes until the first results of a strategy that
// takes over a search of two fidelities, from a search of 200,000 evaluations and from
// one of 20,000.
func BenchmarkTakeOver(b *testing.B) {
	for _, name := range []string{"aging", "genetic", "nsga2", "random"} {
		b.Run(name, func(b *testing.B) {
			takes := func(n int) float64 {
				cfg := plainly(b, "random", `{}`, n)
				cfg.Fidelities, cfg.Window = twoFidelities, 64
				if _, err := engine.Run(b.Context(), cfg); err != nil {
					b.Fatal(err)
				}
				next := plainly(b, name, `{}`, n+1)
				next.Fidelities, next.Window, next.Ledger, next.ChangeStrategy = twoFidelities, cfg.Window, cfg.Ledger, true
				start := time.Now()
				if _, err := engine.Run(b.Context(), next); err != nil {
					b.Fatal(err)
				}
				return time.Since(start).Seconds()
			}
			for b.Loop() {
				short, long := takes(20_000), takes(200_000)
				b.ReportMetric(long, "s")
				b.ReportMetric(long/short, "long/short")
			}
		})
	}
}
