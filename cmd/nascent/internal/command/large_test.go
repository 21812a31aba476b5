package command

import (
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/evolve"
	"github.com/nascent-nas/nascent/engine/index"
	"github.com/nascent-nas/nascent/engine/ledger"
	"github.com/nascent-nas/nascent/genome"
)

// largeSearch makes a finished search of n candidates in dir: layers, genes that are
// conditional, two metrics, a curve of ten points, some that fail.
func largeSearch(tb testing.TB, dir string, n int) {
	tb.Helper()
	led, err := ledger.Open(dir, ledger.Options{NoSync: true})
	if err != nil {
		tb.Fatal(err)
	}
	space := genome.MustParseSpace(`{
		"lr": {"float": [1e-4, 1e-1], "log": true},
		"blocks": {"list": {
			"channels": {"choice": [8, 16, 24, 32], "ordered": true}, "kernel": {"choice": [3, 5, 7]},
			"op": {"choice": [{"conv": {"act": {"choice": ["relu", "mish"]}, "norm": "bool"}}, {"pool": {"kind": {"choice": ["max", "average"]}}}, "skip"]}
		}, "length": [1, 6]},
		"optimizer": {"choice": ["adam", {"sgd": {"momentum": {"float": [0, 0.99]}}}]}
	}`)
	strategy, err := evolve.New("random")
	if err != nil {
		tb.Fatal(err)
	}
	_, err = engine.Run(context.Background(), engine.Config{
		Name: "large", Space: space, Strategy: strategy, StrategyName: "random", Order: engine.Arrival, Window: 256, Workers: 64,
		Ledger: led, Final: engine.Final{Skip: true}, Limits: engine.Limits{Evaluations: n},
		Evaluator: engine.Func(func(_ context.Context, job *engine.Job) (map[string]float64, error) {
			lr, _ := job.Genome.Gene("lr")
			blocks, _ := job.Genome.Gene("blocks")
			sum := 0.0
			for _, b := range blocks.([]any) {
				c, _ := b.(genome.Map).Get("channels")
				k, _ := b.(genome.Map).Get("kernel")
				sum += float64(c.(int64) * k.(int64))
			}
			if job.ID%50 == 7 {
				return nil, fmt.Errorf("%w: too deep", engine.ErrInvalid)
			}
			x := math.Log10(lr.(float64)) + 2.3
			return map[string]float64{"accuracy": 1/(1+x*x) - 20/(100+sum), "parameters": 100 + sum}, nil
		}, engine.Metric{Name: "accuracy", Goal: engine.Maximize}, engine.Metric{Name: "parameters", Goal: engine.Minimize}),
		Objectives: []engine.Objective{{Metric: "accuracy", Goal: engine.Maximize}, {Metric: "parameters", Goal: engine.Minimize}},
	})
	if err != nil {
		tb.Fatal(err)
	}
	if err := led.Close(); err != nil {
		tb.Fatal(err)
	}
}

// BenchmarkLarge are whole commands over 100,000 candidates, with the index and without.
func BenchmarkLarge(b *testing.B) {
	dir := b.TempDir()
	largeSearch(b, dir, 100_000)
	for _, args := range [][]string{
		{"status", dir},
		{"importance", dir},
		{"list", dir, "--where", "accuracy > 0.9 and blocks.length < 3", "--sort", "-accuracy", "--limit", "20"},
		{"list", dir, "--where", "accuracy > 0.9", "--json"},
		{"list", dir, "--arrays"},
	} {
		name := strings.Join(slices.Delete(slices.Clone(args), 1, 2), " ")
		look := func(b *testing.B) {
			if Main(args, nil, io.Discard, os.Stderr) != exitOK {
				b.Fatal("it failed")
			}
		}
		b.Run(name+"/without", func(b *testing.B) {
			for b.Loop() {
				if err := os.Truncate(filepath.Join(dir, index.FileName), 0); err != nil && !os.IsNotExist(err) {
					b.Fatal(err)
				}
				look(b)
			}
		})
		b.Run(name+"/with", func(b *testing.B) {
			for b.Loop() {
				look(b)
			}
		})
	}
}
