package reinforce

import (
	"context"
	"encoding/json"
	"flag"
	"math"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/plugins/evaluators/table/tabletest"
)

var (
	seeds   = flag.Int("seeds", 20, "how many searches TestPublishedProtocol makes")
	first   = flag.Int("first", 1, "its first seed")
	setting = flag.String("options", "{}", "the strategy's options in it")
)

// protocol is NAS-Bench-201's (Dong and Yang 2020): 12,000 seconds, validation
// after 12 epochs, CIFAR-10. It returns the mean over some seeds of the test
// accuracy, in percent, of the best candidate. Published are 93.85 for REINFORCE
// and 93.70 for random search.
func protocol(t testing.TB, options string, first, seeds int) float64 {
	t.Helper()
	ref, test := tabletest.Bench201(t)
	objectives := []engine.Objective{{Metric: "accuracy", Goal: engine.Maximize}}
	var sum, squares, evaluations float64
	for seed := range seeds {
		ledger := enginetest.Memory(t)
		s, err := engine.Run(context.Background(), engine.Config{
			Space: genome.MustParseSpace(tabletest.Cells), Strategy: &strategy{}, StrategyName: "reinforce", StrategyOptions: json.RawMessage(options),
			Evaluators: map[string]engine.EvaluatorRef{"table": ref}, Limits: engine.Limits{Seconds: 12000}, Seed: uint64(first + seed),
			Final: engine.Final{Skip: true}, Ledger: ledger,
		})
		if err != nil {
			t.Fatal(err)
		}
		// A round is measured to its end, also beyond the limit: that does not count.
		spent, best := 0.0, engine.Candidate{}
		for c := range s.Candidates() {
			if spent += c.Seconds; best.ID == 0 || (engine.Ranking{Objectives: objectives}).Compare(&c, &best) < 0 {
				best = c
			}
			if evaluations++; spent >= 12000 {
				break
			}
		}
		x, ok := test[strings.TrimPrefix(best.Genome.Text(), "arch=")]
		if !ok || spent < 12000 || spent > 13000 {
			t.Fatalf("seed %d: %s after %v seconds", first+seed, best.Genome.Text(), spent)
		}
		sum, squares = sum+x, squares+x*x
		if err := ledger.Close(); err != nil {
			t.Fatal(err)
		}
	}
	n := float64(seeds)
	t.Logf("%s: mean test accuracy %.3f, sd %.2f, over %d seeds of %.0f evaluations", options, sum/n,
		math.Sqrt(max(0, squares/n-sum/n*sum/n)), seeds, evaluations/n)
	return sum / n
}

// A part of the protocol; BenchmarkPublishedProtocol takes all of it.
func TestPublishedProtocol(t *testing.T) {
	t.Parallel()
	if mean := protocol(t, *setting, *first, *seeds); mean < 93.8 || mean > 94.37 {
		t.Errorf("%.2f is reached", mean)
	}
}

// The protocol over 200 seeds, which no option was chosen by.
func BenchmarkPublishedProtocol(b *testing.B) {
	for b.Loop() {
		mean := protocol(b, "{}", 1, 200)
		if b.ReportMetric(mean, "test-accuracy"); mean < 93.85 {
			b.Errorf("%.3f is reached; published are 93.85", mean)
		}
	}
}
