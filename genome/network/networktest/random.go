// Package networktest draws random networks, for tests of whatever reads them:
// training, export, other implementations.
package networktest

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/network"
	"github.com/nascent-nas/nascent/genome/rng"
)

// spaces whose networks hold every layer that a space can say.
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

// Random draws n networks of each of six spaces, and gives each a name. All
// operations occur if n is 20 or more.
func Random(t testing.TB, n int) (names []string, nets []*network.Network) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(spaces)) {
		s, err := genome.ParseSpaceJSON([]byte(spaces[name]))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if s, err = network.Bind(s); err != nil {
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
	seen := map[network.Op]bool{}
	for _, net := range nets {
		for _, node := range net.Nodes {
			seen[node.Op] = true
		}
	}
	for _, op := range network.Ops() {
		if !seen[op] && n >= 20 && op != network.Mix {
			t.Errorf("no network has a %s", op)
		}
	}
	return names, nets
}
