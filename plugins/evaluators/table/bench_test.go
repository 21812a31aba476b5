package table_test

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/evolve"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/plugins/evaluators/table/tabletest"
)

// write makes a table.
func write(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "table.csv")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// strategy makes an evolutionary strategy.
func strategy(t testing.TB, name string) engine.Strategy {
	t.Helper()
	s, err := evolve.New(name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// NAS-Bench-201's protocol (Dong and Yang 2020): 12,000 seconds, validation
// after 12 epochs, CIFAR-10. Published mean test accuracies are 93.70 to 93.76
// for random search and 93.9 to 94.15 for aging evolution with 10 and 3.
func TestPublishedSearches(t *testing.T) {
	t.Parallel()
	evaluator, test := tabletest.Bench201(t)
	seeds := 100
	if testing.Short() {
		seeds = 20
	}
	means := map[string]float64{}
	for _, c := range []struct{ name, options string }{
		{"random", `{}`},
		{"aging", `{"population": 10, "sample": 3, "crossover": 0}`},
	} {
		var sum, squares, evaluations float64
		for seed := range seeds {
			s, err := engine.Run(context.Background(), engine.Config{
				Space: genome.MustParseSpace(tabletest.Cells), Strategy: strategy(t, c.name), StrategyOptions: json.RawMessage(c.options),
				Evaluators: map[string]engine.EvaluatorRef{"table": evaluator},
				Limits:     engine.Limits{Seconds: 12000}, Window: 1, Seed: uint64(seed + 1), Final: engine.Final{Skip: true},
			})
			if err != nil {
				t.Fatal(err)
			}
			x, ok := test[strings.TrimPrefix(s.Best(1)[0].Genome.Text(), "arch=")]
			if !ok {
				t.Fatal("the table has no row for ", s.Best(1)[0].Genome.Text())
			}
			sum, squares, evaluations = sum+x, squares+x*x, evaluations+float64(s.Status().Evaluations)
			if spent := s.Status().Spent.Seconds; spent < 12000 || spent > 13000 {
				t.Fatalf("seed %d: ended after %v seconds", seed, spent)
			}
		}
		n := float64(seeds)
		means[c.name] = sum / n
		t.Logf("%s: mean test accuracy %.2f, sd %.2f, over %d seeds of %.0f evaluations", c.name, sum/n,
			math.Sqrt(max(0, squares/n-sum/n*sum/n)), seeds, evaluations/n)
	}
	if r := means["random"]; r < 93.4 || r > 94.0 {
		t.Errorf("random search reaches %.2f; published are 93.70 to 93.76", r)
	}
	if a := means["aging"]; a < means["random"] || a > 94.37 {
		t.Errorf("aging evolution reaches %.2f and random search %.2f; published are 93.9 to 94.15", a, means["random"])
	}
}
