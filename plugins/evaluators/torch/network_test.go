package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/network"
	"github.com/nascent-nas/nascent/genome/rng"
	"github.com/nascent-nas/nascent/plugins/gorgonia/nn"
	"github.com/nascent-nas/nascent/plugins/gorgonia/safetensors"
)

// spaces whose random networks hold every layer that a space can say.
var spaces = map[string]string{
	"blocks": `{"network": {"input": [1, 40], "classes": 10}, "act": {"choice": ["relu", "leaky_relu", "mish", "tanh", "sigmoid", "gelu", "swish", "elu"]},
		"blocks": {"length": [1, 4], "list": {"block": {"channels": {"choice": [4, 6, 8]}, "kernel": {"choice": [2, 3, 5]}, "stride": {"choice": [1, 2]},
			"dilation": {"choice": [1, 2, 4]}, "pool": {"choice": ["none", "max", "average"]}, "norm": "bool", "residual": "bool",
			"pad_mode": {"choice": ["zero", "circular"]}, "act": {"from": "act"}}}},
		"head": {"pool": {"choice": ["flatten", "average", "max", "both"]}}}`,
	"layers": `{"network": {"input": [4, 9, 8], "classes": 3}, "body": {"length": [1, 5], "list": {"choice": [
			{"conv": {"channels": {"choice": [4, 8]}, "kernel": {"choice": [1, 2, 3]}, "groups": {"choice": [1, 2, 4]}, "padding": {"choice": ["same", 2]}, "pad_mode": {"choice": ["zero", "circular"]}}},
			{"deep": {"conv": {"depthwise": true, "kernel": [3, 1], "dilation": {"choice": [1, 2]}}}},
			{"pool": {"kind": {"choice": ["max", "average"]}, "kernel": {"choice": [2, 3]}, "stride": {"choice": [1, 2]}, "padding": {"choice": [0, 1]}}},
			"norm", {"act": {"kind": {"choice": ["relu", "gelu", "elu"]}}}, {"dropout": {"rate": 0.3}}, "identity",
			{"residual": {"project": true, "body": {"conv": {"channels": 6}}}},
			{"concat": {"branches": {"a": {"conv": {"channels": 2}}, "b": {"identity": {}}, "c": {"zero": {}}}}},
			{"add": {"branches": {"a": {"conv": {"channels": 4}}, "b": {"conv": {"channels": 4, "kernel": 1}}}}}]}},
		"tail": {"choice": ["flatten", {"global_pool": {"kind": {"choice": ["average", "max", "both"]}}}, {"dense": {"units": {"choice": [5]}, "act": "tanh"}}]}}`,
	"edges": `{"network": {"input": [3, 8, 8], "classes": 10},
		"stack": {"cell": {"cell": {"edges": ["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"], "nodes": 4}}, "cells": 3, "channels": 4}}`,
	"vertices": `{"network": {"input": [3, 8, 8], "classes": 10},
		"stack": {"body": {"cell": {"vertices": ["conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3"], "nodes": [3, 7], "max_edges": 9}}, "cells": 3, "channels": 12}}`,
	"pairs": `{"network": {"input": [3, 8, 8], "classes": 10},
		"stack": {"normal": {"cell": {"pairs": ["sep_conv_3x3", "dil_conv_3x3", "skip_connect", "max_pool_3x3"], "nodes": 3}},
			"reduction": {"cell": {"pairs": ["sep_conv_3x3", "avg_pool_3x3", "none", "skip_connect", "conv_7x1_1x7"], "nodes": 2, "combine": ["add", "concat"]}}, "cells": 4, "channels": 4}}`,
	"series": `{"network": {"input": [2, 16], "classes": 4}, "start": {"list": {"choice": [{"conv": {"channels": 5}}, "norm"]}, "length": [1, 2]},
		"tail": {"cell": {"pairs": ["sep_conv_3x3", "skip_connect", "avg_pool_3x3"], "nodes": 3, "inputs": 1, "output": "loose"}}}`,
}

// randomNetworks draws n networks of each space.
func randomNetworks(t *testing.T, n int) (names []string, nets []*network.Network) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(spaces)) {
		s, err := genome.ParseSpaceJSON([]byte(spaces[name]))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := network.Bind(s); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for i := range n {
			g, err := s.Random(rng.New(uint64(i)))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			net, err := network.Read(g)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			names, nets = append(names, fmt.Sprintf("%s-%02d", name, i)), append(nets, net)
		}
	}
	return names, nets
}

// TestLikeGorgonia: the same network with the same weights answers the same
// logits and gradients, and comes to the same statistics, in torch (float64,
// alone and as one of several copies) and in Gorgonia (float32).
func TestLikeGorgonia(t *testing.T) {
	t.Parallel()
	if path, reason := interpreter(); path == "" {
		t.Skip(reason)
	}
	folder := t.TempDir()
	names, nets := randomNetworks(t, 20)
	seen := map[network.Op]bool{}
	expected := map[string]map[string][]float32{}
	for i, net := range nets {
		for _, n := range net.Nodes {
			seen[n.Op] = true
		}
		expected[names[i]] = gorgonia(t, net, uint64(i), filepath.Join(folder, names[i]+".case"))
	}
	for _, op := range []network.Op{network.Input, network.Conv, network.Dense, network.MaxPool, network.AvgPool, network.GlobalAvg, network.GlobalMax,
		network.Norm, network.Activation, network.Add, network.Concat, network.Identity, network.Zero, network.Dropout, network.Flatten, network.Crop} {
		if !seen[op] {
			t.Errorf("no network has a %s", op)
		}
	}
	runPython(t, "testdata/oracle.py", folder)
	compared := 0
	for i, name := range names {
		tensors, _, err := safetensors.ReadFile[float64](filepath.Join(folder, name+".case.out"))
		if err != nil {
			t.Fatal(err)
		}
		drops := slices.ContainsFunc(nets[i].Nodes, func(n network.Node) bool { return n.Op == network.Dropout && n.Rate > 0 })
		for _, got := range tensors {
			if got.Name == "counts" {
				if int64(got.Data[0]) != nets[i].Parameters() || int64(got.Data[1]) != nets[i].Macs() {
					t.Errorf("%s: %v parameters and multiply-adds, want %d and %d", name, got.Data, nets[i].Parameters(), nets[i].Macs())
				}
				continue
			}
			if drops && got.Name != "logits" {
				continue // what is dropped differs
			}
			want, ok := expected[name][strings.TrimPrefix(got.Name, "fused/")]
			if !ok || len(want) != len(got.Data) {
				t.Errorf("%s: %s is nothing that Gorgonia knows in this size", name, got.Name)
				continue
			}
			compared++
			if off, size := distance(got.Data, want); off > 1e-4*size+5e-6 { // some gradients are 0 but for rounding
				t.Errorf("%s: %s is off by %.2g of %.2g\n%s", name, got.Name, off, size, nets[i])
			}
		}
	}
	if compared < 20*len(names) {
		t.Errorf("only %d arrays were compared", compared)
	}
}

// distance returns the largest difference, and the largest value.
func distance(got []float64, want []float32) (off, size float64) {
	for i, v := range want {
		d := math.Abs(got[i] - float64(v))
		if math.IsNaN(d) {
			return math.Inf(1), 0
		}
		off, size = max(off, d), max(size, math.Abs(float64(v)))
	}
	return off, size
}

// gorgonia takes one step of rate 0 and answers what it came to by the names
// of testdata/oracle.py; what that needs is written to a file.
func gorgonia(t *testing.T, net *network.Network, seed uint64, path string) map[string][]float32 {
	t.Helper()
	const count = 12
	// The first moment of the first step is the gradient.
	m, err := nn.Build(net, nn.Options{Batch: count, Seed: seed, Optimizer: "sgd", Momentum: 0.9, LabelSmoothing: 0.1})
	if err != nil {
		t.Fatal(err)
	}
	r := rng.New(seed)
	before := m.State()
	for _, s := range before {
		if s.Name == "step" || strings.HasPrefix(s.Name, "optimizer.") || strings.Contains(s.Name, ".running_") {
			continue
		}
		for i := range s.Data { // moves scales and shifts off 1 and 0
			s.Data[i] += float32(0.05 * r.Normal())
		}
	}
	if err := m.Load(before); err != nil {
		t.Fatal(err)
	}
	features := 1
	for _, d := range net.Nodes[0].Shape {
		features *= d
	}
	x, y := make([]float32, count*features), make([]int32, count)
	labels := make([]float32, count)
	for i := range x {
		x[i] = float32(r.Normal())
	}
	for i := range y {
		y[i] = int32(r.Intn(net.Nodes[len(net.Nodes)-1].Shape[0]))
		labels[i] = float32(y[i])
	}
	loss, _, err := m.Train(x, y, 0)
	if err != nil {
		t.Fatal(err)
	}
	after := m.State()
	logits, err := m.Logits(x)
	if err != nil {
		t.Fatal(err)
	}
	given := []safetensors.Tensor{
		{Name: "x", Shape: append([]int{count}, net.Nodes[0].Shape...), Data: x},
		{Name: "y", Shape: []int{count}, Data: labels},
	}
	want := map[string][]float32{"loss": {float32(loss)}, "logits": logits}
	for i, s := range after {
		if name, moment := strings.CutPrefix(s.Name, "optimizer.m/"); moment {
			want["gradient/"+name] = s.Data
			continue
		}
		want["after/"+s.Name] = s.Data
		given = append(given, safetensors.Tensor{Name: "before/" + s.Name, Shape: s.Shape, Data: before[i].Data},
			safetensors.Tensor{Name: "after/" + s.Name, Shape: s.Shape, Data: s.Data})
	}
	text, err := json.Marshal(net)
	if err != nil {
		t.Fatal(err)
	}
	if err := safetensors.WriteFile(path, given, map[string]string{"network": string(text)}); err != nil {
		t.Fatal(err)
	}
	return want
}
