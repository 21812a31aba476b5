package table_test

import (
	"compress/gzip"
	"context"
	"encoding/csv"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/evolve"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/plugins/evaluators/table/table"
	"github.com/nascent-nas/nascent/plugins/sdk"
)

// benchTable is the path of a benchmark table, or skips the test.
func benchTable(t testing.TB, name string) string {
	t.Helper()
	dir := os.Getenv("NASCENT_BENCH_DATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "..", "..", "shared", "bench")
	}
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("the benchmark table %s is not here; set NASCENT_BENCH_DATA to its folder", name)
	}
	return path
}

// rows reads some columns of a benchmark table.
func rows(t testing.TB, path string, columns ...string) [][]string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	all, err := csv.NewReader(z).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var out [][]string
	for _, row := range all[1:] {
		var some []string
		for _, c := range columns {
			some = append(some, row[slices.Index(all[0], c)])
		}
		out = append(out, some)
	}
	return out
}

func number(t testing.TB, s string) float64 {
	t.Helper()
	x, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// write makes a table.
func write(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "table.csv")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// cells is NAS-Bench-201's space without its skeleton: a table needs no layers,
// and without them a search of a hundred evaluations takes milliseconds.
const cells = `{"arch": {"cell": {"edges": ["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"], "nodes": 4}}}`

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
	path := benchTable(t, "nasbench201.csv.gz")
	// Hundreds of searches open the table: these columns are read faster.
	columns := []string{"arch", "c10_val12", "c10_train_s12", "c10_test200"}
	test := map[string]float64{}
	lines := []string{strings.Join(columns, ",")}
	for _, row := range rows(t, path, columns...) {
		test[row[0]] = number(t, row[3])
		lines = append(lines, strings.Join(row, ","))
	}
	path = write(t, strings.Join(lines, "\n"))
	seeds := 100
	if testing.Short() {
		seeds = 20
	}
	evaluator := sdk.InProcess(*table.Plugin())
	options, err := json.Marshal(map[string]any{
		"file": path, "key": "arch", "metrics": map[string]any{"accuracy": map[string]any{"12": "c10_val12"}},
		"cost": map[string]any{"12": "c10_train_s12"}, "scale": map[string]any{"accuracy": 0.01}, "report": []string{"c10_test200"},
	})
	if err != nil {
		t.Fatal(err)
	}
	means := map[string]float64{}
	for _, c := range []struct{ name, options string }{
		{"random", `{}`},
		{"aging", `{"population": 10, "sample": 3, "crossover": 0}`},
	} {
		var sum, squares, evaluations float64
		for seed := range seeds {
			s, err := engine.Run(context.Background(), engine.Config{
				Space: genome.MustParseSpace(cells), Strategy: strategy(t, c.name), StrategyOptions: json.RawMessage(c.options),
				Evaluators: map[string]engine.EvaluatorRef{"table": {Evaluator: evaluator, Options: options}},
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
		t.Logf("%s: mean test accuracy %.2f, sd %.2f, over %d seeds of %.0f evaluations", c.name, sum/n, math.Sqrt(max(0, squares/n-sum/n*sum/n)), seeds, evaluations/n)
	}
	if r := means["random"]; r < 93.4 || r > 94.0 {
		t.Errorf("random search reaches %.2f; published are 93.70 to 93.76", r)
	}
	if a := means["aging"]; a < means["random"] || a > 94.37 {
		t.Errorf("aging evolution reaches %.2f and random search %.2f; published are 93.9 to 94.15", a, means["random"])
	}
}
