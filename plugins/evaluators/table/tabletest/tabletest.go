// Package tabletest makes evaluators of published tables, for tests of strategies.
package tabletest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/genome/benchdata"
	"github.com/nascent-nas/nascent/plugins/evaluators/table"
	"github.com/nascent-nas/nascent/plugins/sdk"
)

// Cells is NAS-Bench-201's space without its skeleton: a table needs no layers, and
// without them a search of a hundred evaluations takes milliseconds.
const Cells = `{"arch": {"cell": {"edges": ["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"], "nodes": 4}}}`

// Bench201 is NAS-Bench-201 (Dong & Yang 2020) by its protocol on CIFAR-10: an
// evaluator of the validation accuracy after 12 epochs, with the seconds that they
// took, and the test accuracy in percent of each cell after 200. Where the table is
// not, the test is skipped.
func Bench201(t testing.TB) (evaluator engine.EvaluatorRef, test map[string]float64) {
	t.Helper()
	columns, rows := benchdata.Table(t, "nasbench201.csv.gz")
	// Hundreds of searches open the table: these columns are read faster.
	some := []string{"arch", "c10_val12", "c10_train_s12", "c10_test200"}
	lines := []string{strings.Join(some, ",")}
	test = map[string]float64{}
	for _, row := range rows {
		var cells []string
		for _, c := range some {
			cells = append(cells, row[slices.Index(columns, c)])
		}
		lines = append(lines, strings.Join(cells, ","))
		var err error
		if test[cells[0]], err = strconv.ParseFloat(cells[3], 64); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "table.csv")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	options, err := json.Marshal(map[string]any{
		"file": path, "key": "arch", "metrics": map[string]any{"accuracy": map[string]any{"12": "c10_val12"}},
		"cost": map[string]any{"12": "c10_train_s12"}, "scale": map[string]any{"accuracy": 0.01}, "report": []string{"c10_test200"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return engine.EvaluatorRef{Evaluator: sdk.InProcess(*table.Plugin()), Options: options}, test
}
