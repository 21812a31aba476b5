package torch

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
	"github.com/nascent-nas/nascent/engine/option"
	"github.com/nascent-nas/nascent/genome/network"
	"github.com/nascent-nas/nascent/genome/network/networktest"
	"github.com/nascent-nas/nascent/genome/rng"
	weights "github.com/nascent-nas/nascent/plugins/evaluators/supernet"
	"github.com/nascent-nas/nascent/plugins/host"
	"github.com/nascent-nas/nascent/plugins/supernet/orders"
	"github.com/nascent-nas/nascent/plugins/trainer/nn"
	"github.com/nascent-nas/nascent/plugins/trainer/safetensors"
)

// spaces whose genomes can share weights.
var shared = map[string]string{
	"edges": `{"network": {"input": [1, 24], "classes": 4},
		"stack": {"cell": {"cell": {"edges": ["none", "skip_connect", "nor_conv_1", "nor_conv_3", "dil_conv_3", "avg_pool_3", "max_pool_3"], "nodes": 4}},
		"channels": 3, "cells": 3, "reductions": 2}}`,
	"pairs": `{"network": {"input": [2, 8, 8], "classes": 4}, "define": {"cell": {"cell": {"pairs": ["skip_connect", "sep_conv_3x3", "max_pool_3x3"], "nodes": 3, "distinct": true}}},
		"stack": {"normal": {"use": "cell"}, "reduction": {"use": "cell"}, "channels": 4, "cells": 3, "reductions": 1}}`,
}

// Shared weights are trained by the same options here and in the evaluator
// supernet.
func TestSupernetDefaults(t *testing.T) {
	t.Parallel()
	got := runPython(t, "-c", "import dataclasses, json; from nascent_torch.weights import Recipe; print(json.dumps(dataclasses.asdict(Recipe())))")
	var here weights.Recipe
	if err := json.Unmarshal([]byte(got), &here); err != nil {
		t.Fatal(err)
	}
	var want weights.Recipe
	if err := option.Read(nil, want.Declare); err != nil {
		t.Fatal(err)
	}
	if here != want {
		t.Errorf("the defaults are %+v, those of the evaluator supernet %+v", here, want)
	}
}

// TestSupernetLikeGorgonia: with the same weights, a path and a mixture come to
// the same logits and gradients, by weights and by the weights of the mixtures,
// in torch (float64) and in Gorgonia (float32).
func TestSupernetLikeGorgonia(t *testing.T) {
	t.Parallel()
	needTorch(t)
	const count, trials = 12, 4
	folder := t.TempDir()
	expected := map[string]map[string][]float32{}
	for name, declaration := range shared {
		s := networktest.Space(t, declaration)
		net, err := network.ReadSupernet(s)
		if err != nil {
			t.Fatal(err)
		}
		graph, err := json.Marshal(net)
		if err != nil {
			t.Fatal(err)
		}
		for trial := range trials {
			r := rng.New(uint64(trial))
			affine, mixed := trial%2 == 0, trial >= trials/2
			m, err := nn.BuildSupernet(net, affine, nn.Options{Batch: count, Seed: uint64(trial), Optimizer: "sgd", Momentum: 0.9})
			if err != nil {
				t.Fatal(err)
			}
			features := 1
			for _, d := range net.Network.Nodes[0].Shape {
				features *= d
			}
			x, y, labels := make([]float32, count*features), make([]int32, count), make([]float32, count)
			for i := range x {
				x[i] = float32(r.Normal())
			}
			for i := range y {
				y[i] = int32(r.Intn(4))
				labels[i] = float32(y[i])
			}
			g, err := s.Random(r)
			if err != nil {
				t.Fatal(err)
			}
			path, err := net.Path(g)
			if err != nil {
				t.Fatal(err)
			}
			var table [][]float64
			if m.Use(path); mixed {
				for _, c := range net.Choices {
					row := make([]float64, len(c.Options))
					for k := range row {
						row[k] = r.Float64()
					}
					table = append(table, row)
				}
				m.Mix(table)
			}
			given := []safetensors.Tensor{
				{Name: "x", Shape: append([]int{count}, net.Network.Nodes[0].Shape...), Data: x},
				{Name: "y", Shape: []int{count}, Data: labels},
			}
			for _, w := range m.State() {
				given = append(given, safetensors.Tensor{Name: "weights/" + w.Name, Shape: w.Shape, Data: append([]float32(nil), w.Data...)})
			}
			want := map[string][]float32{}
			// The loss with every sample in one class tells what the logits are.
			for class := range int32(4) {
				all := make([]int32, count)
				for i := range all {
					all[i] = class
				}
				loss, _, err := m.Eval(x, all)
				if err != nil {
					t.Fatal(err)
				}
				want["losses"] = append(want["losses"], float32(loss))
			}
			// The first moment of the first step is the gradient.
			loss, correct, err := m.Train(x, y, 0)
			if err != nil {
				t.Fatal(err)
			}
			want["loss"], want["correct"] = []float32{float32(loss)}, []float32{float32(correct)}
			for _, row := range m.MixGradients() {
				for _, v := range row {
					want["mixtures"] = append(want["mixtures"], float32(v))
				}
			}
			for _, w := range m.State() {
				if name, moment := strings.CutPrefix(w.Name, "optimizer.m/"); moment {
					want["gradient/"+name] = w.Data
				}
			}
			metadata := map[string]string{"supernet": string(graph)}
			for key, v := range map[string]any{"path": path, "mixed": table, "affine": affine} {
				text, err := json.Marshal(v)
				if err != nil {
					t.Fatal(err)
				}
				metadata[key] = string(text)
			}
			title := fmt.Sprintf("%s-%d", name, trial)
			expected[title] = want
			if err := safetensors.WriteFile(filepath.Join(folder, title+".case"), given, metadata); err != nil {
				t.Fatal(err)
			}
		}
	}
	runPython(t, "testdata/superoracle.py", folder)
	compared := 0
	for title, want := range expected {
		tensors, _, err := safetensors.ReadFile[float64](filepath.Join(folder, title+".case.out"))
		if err != nil {
			t.Fatal(err)
		}
		for _, got := range tensors {
			values, ok := want[got.Name]
			if !ok || len(values) != len(got.Data) {
				t.Errorf("%s: %s is nothing that Gorgonia knows in this size", title, got.Name)
				continue
			}
			compared++
			if off, size := distance(got.Data, values); off > 1e-4*size+5e-6 {
				t.Errorf("%s: %s is off by %.2g of %.2g", title, got.Name, off, size)
			}
		}
	}
	if compared < 30*len(expected) {
		t.Errorf("only %d arrays were compared", compared)
	}
}

// TestSupernetConformance trains shared weights as a search does: the job of
// every method, found by the evaluator's name and driven over pipes.
func TestSupernetConformance(t *testing.T) {
	t.Parallel()
	python, p := needTorch(t), plugin(t)
	s := networktest.Space(t, `{"network": {"input": [1, 40], "classes": 10}, "stack": {"cell": {"cell": {"edges": ["none", "skip_connect", "nor_conv_3"], "nodes": 3}},
		"channels": 2, "cells": 3, "reductions": 2}}`)
	net, err := network.ReadSupernet(s)
	if err != nil {
		t.Fatal(err)
	}
	var alphas orders.Alphas
	for _, c := range net.Choices {
		for _, list := range []*[][]float64{&alphas.Logits, &alphas.First, &alphas.Second} {
			*list = append(*list, make([]float64, len(c.Options)))
		}
	}
	var paths []string
	for i := range 3 {
		g, err := s.Random(rng.New(uint64(i)))
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, g.Text())
	}
	noise, err := filepath.Abs("testdata/noise.py")
	if err != nil {
		t.Fatal(err)
	}
	o := host.Options{LogDir: t.TempDir(), SearchID: t.Name()}
	for name, order := range map[string]orders.Order{
		"paths": {Method: orders.Paths, Epochs: 2, Paths: paths},
		"darts": {Method: orders.Mixed, Epochs: 2, Order: 2, Auxiliary: 1, Alphas: alphas},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			input, err := orders.Write(order)
			if err != nil {
				t.Fatal(err)
			}
			options := func(more string) json.RawMessage {
				return json.RawMessage(fmt.Sprintf(`{"python": %q, %s}`, python, more))
			}
			enginetest.Evaluator(t, func() engine.Evaluator { return host.Evaluator(p, o) }, enginetest.EvaluatorOptions{
				Space: s, Options: options(`"data": {"samples": 120, "test": 20}`), Task: engine.Supernet, Input: input, Jobs: 3,
				SlowOptions: options(fmt.Sprintf(`"data": %q, "supernet": {"batch": 1}`, noise)),
				Refused:     []json.RawMessage{options(`"supernet": {"bach": 1}`), options(`"supernet": {"learning_rate": 0}`), options(`"supernet": 3`)},
			})
		})
	}
}
