package supernet

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
	"github.com/nascent-nas/nascent/genome/network/networktest"
	"github.com/nascent-nas/nascent/plugins/internal/plugintest"
	"github.com/nascent-nas/nascent/plugins/sdk"
	"github.com/nascent-nas/nascent/plugins/strategies/supernet/search"
	"github.com/nascent-nas/nascent/plugins/supernet/orders"
)

// The space of the example mnist1d-cells.
const exampleSpace = `{"network": {"input": [1, 40], "classes": 10}, "stack": {"cell": {"cell": {
	"edges": ["none", "skip_connect", "nor_conv_1", "nor_conv_3", "dil_conv_3", "avg_pool_3", "max_pool_3"], "nodes": 4}},
	"channels": 5, "cells": 3, "reductions": 1}}`

func TestMain(m *testing.M) { plugintest.Main(m, func(name string) { sdk.Serve(Plugin(name)) }) }

// answer is what comes of a job for shared weights: alphas as they are given,
// and a score that is a function of the genome.
func answer(j *engine.Job) engine.Result {
	r := engine.Result{Status: engine.OK, Seconds: 1, Metrics: engine.Values{{Name: orders.SupernetLoss, Value: 1}}}
	if j.Task == engine.Score {
		r.Metrics = engine.Values{{Name: orders.SharedAccuracy, Value: float64(j.Genome.Hash()[0]) / 256}}
		return r
	}
	var o orders.Order
	err := orders.Read(j.Input, &o)
	if err == nil {
		r.Output, err = orders.Write(orders.Answer{Alphas: o.Alphas})
	}
	if err != nil {
		return engine.Result{Status: engine.Failed, Reason: err.Error()}
	}
	return r
}

// Each strategy keeps its contract by its own name, and as the one that is told the
// method.
func TestConformanceInAProcess(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, options string }{
		{"darts", `{"epochs": 3}`},
		{"gdas", `{"epochs": 3}`},
		{"enas", `{"epochs": 2, "epochs_a_job": 1, "paths": 5, "updates": 2, "batch": 4, "finalists": 8, "hidden": 5}`},
		{"spos", `{"epochs": 2, "epochs_a_job": 1, "search": {"use": "aging", "population": 5, "sample": 2}, "promote": {"eta": 3, "after": 4}}`},
		{"supernet", `{"method": "gdas", "epochs": 3}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			enginetest.Strategy(t, plugintest.Process(t, plugintest.Strategy(t, c.name)), enginetest.StrategyOptions{
				Remote: true, Turns: 6, Options: json.RawMessage(c.options), Answer: answer,
				Setup: func(s *engine.Setup) {
					s.Space, s.Start = networktest.Space(t, exampleSpace), nil
				},
				Refused: []json.RawMessage{json.RawMessage(`{"epochs": 0}`), json.RawMessage(`{"method": "magic"}`), json.RawMessage(`{"epoch": 3}`)},
			})
		})
	}
}

func TestResults(t *testing.T) {
	t.Parallel()
	options := map[string]string{
		"darts": `{"epochs": 3, "order": 1}`, "gdas": `{"epochs": 3}`,
		"enas": `{"epochs": 2, "epochs_a_job": 1, "paths": 5, "updates": 2, "batch": 4, "finalists": 8, "hidden": 5}`,
	}
	for method, sum := range map[string]string{"darts": "4d4b69888b63f402", "gdas": "157c248b2d6b2181", "enas": "fe62315177e19be5"} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			strategy, err := search.New(method)
			if err != nil {
				t.Fatal(err)
			}
			weights := &enginetest.Instant{Measure: answer, Hello: engine.Hello{
				Name: "weights", Tasks: []engine.Task{engine.Supernet, engine.Score}, Deterministic: true,
				Metrics: []engine.Metric{{Name: orders.SharedAccuracy}, {Name: orders.SupernetLoss}},
			}}
			plugintest.Pinned(t, fmt.Sprint(Results), map[string]string{"1": sum}, engine.Config{
				Space: networktest.Space(t, exampleSpace), Strategy: strategy, StrategyName: method, StrategyOptions: json.RawMessage(options[method]),
				Evaluators: map[string]engine.EvaluatorRef{"land": {Evaluator: enginetest.Landscape{}.Instant()}, "weights": {Evaluator: weights}},
				Fidelities: []engine.Fidelity{{Evaluator: "land"}}, Limits: engine.Limits{Evaluations: 12}, Seed: 7, Final: engine.Final{Skip: true},
			})
		})
	}
}
