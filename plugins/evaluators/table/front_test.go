package table_test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/evolve"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/benchdata"
	"github.com/nascent-nas/nascent/plugins/evaluators/table"
	"github.com/nascent-nas/nascent/plugins/sdk"
)

// On NAS-Bench-201, by accuracy after 12 epochs and multiply-adds, NSGA-II leaves half as
// much of the exact front's hypervolume as random search does, or less.
func TestFrontOfNASBench201(t *testing.T) {
	t.Parallel()
	const seeds, evaluations = 3, 300
	objectives := []engine.Objective{{Metric: "accuracy", Goal: engine.Maximize}, {Metric: "mflops", Goal: engine.Minimize}}
	reference := engine.Values{{Name: "accuracy", Value: 72.803}, {Name: "mflops", Value: 167.821952}} // the front's worst and a tenth
	plan := engine.Plan{Objectives: objectives, Reference: reference, Rules: genome.Rules}
	exact := plan.Leaders(1)
	columns, rows := benchdata.Table(t, "nasbench201.csv.gz")
	at := map[string]int{}
	for i, name := range columns {
		at[name] = i
	}
	each := genome.MustParseSpace(fmt.Sprintf(`{"row": {"int": [0, %d]}}`, len(rows)))
	for i, row := range rows {
		g, err := each.Parse(fmt.Sprintf("row=%d", i)) // measurements of one genome would be one
		if err != nil {
			t.Fatal(err)
		}
		accuracy, errA := strconv.ParseFloat(row[at["c10_val12"]], 64)
		mflops, errB := strconv.ParseFloat(row[at["c10_flops_M"]], 64)
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		exact.Add(&engine.Candidate{
			Job:    engine.Job{ID: engine.ID(i + 1), Genome: g, Task: engine.Train},
			Result: engine.Result{Status: engine.OK, Metrics: engine.Values{{Name: "accuracy", Value: accuracy}, {Name: "mflops", Value: mflops}}},
		})
	}
	volume, ok := exact.Hypervolume()
	whole := volume.Volume
	if !ok || whole < 1630 || whole > 1631 {
		t.Fatalf("the exact front dominates %v", whole)
	}
	space := genome.MustParseSpace(`{"network": {"input": [3, 32, 32], "classes": 10}, "stack": {"cell": {"cell": {
		"edges": ["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"], "nodes": 4}}, "channels": 16, "cells": 15}}`)
	options := fmt.Sprintf(`{"file": %q, "key": "arch", "metrics": {"accuracy": {"12": "c10_val12"}, "mflops": {"12": "c10_flops_M"}}}`,
		benchdata.Path(t, "nasbench201.csv.gz"))
	gap := func(name, strategyOptions string) (mean float64) {
		for seed := range uint64(seeds) {
			s, err := evolve.New(name)
			if err != nil {
				t.Fatal(err)
			}
			search, err := engine.Run(t.Context(), engine.Config{
				Space: space, Strategy: s, StrategyName: name, StrategyOptions: json.RawMessage(strategyOptions),
				Evaluators: map[string]engine.EvaluatorRef{"table": {Evaluator: sdk.InProcess(*table.Plugin()), Options: json.RawMessage(options)}},
				Fidelities: []engine.Fidelity{{Evaluator: "table", Budget: 12}}, Objectives: objectives, Reference: reference,
				Limits: engine.Limits{Evaluations: evaluations}, Seed: 100 + seed, Final: engine.Final{Skip: true},
			})
			if err != nil {
				t.Fatal(err)
			}
			mean += (1 - *search.Status().Hypervolume/whole) / seeds
		}
		return mean
	}
	random := gap("random", `{}`)
	for _, options := range []string{`{}`, `{"replacement": "generational"}`} {
		if g := gap("nsga2", options); g > random/2 {
			t.Errorf("nsga2 %s leaves %.4f of the hypervolume, random search %.4f", options, g, random)
		}
	}
}
