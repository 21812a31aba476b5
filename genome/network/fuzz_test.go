package network

import (
	"testing"

	"github.com/nascent-nas/nascent/genome"
)

// No tree whatever may panic or make a network that breaks its promises.
func FuzzBuild(f *testing.F) {
	for _, s := range []string{
		`{"l": [{"conv": 4}, {"block": {"channels": 4, "pool": "max", "residual": true}}, "norm"], "head": {"pool": "both"}}`,
		`{"r": {"residual": {"body": [{"conv": {"channels": 6, "stride": 2}}], "project": true}}}`,
		`{"c": {"concat": {"branches": [[{"conv": 2}], "identity", {"zero": {"stride": 1}}]}}}`,
		`{"r": {"repeat": {"times": 3, "body": [{"pool": {"kind": "average"}}]}}}`,
		`{"stack": {"cell": {"edges": ["nor_conv_3x3", "none", "skip_connect"]}, "cells": 3}}`,
		`{"stack": {"cell": {"vertices": ["input", "conv3", "output"], "edges": [[0, 1], [1, 2], [0, 2]]}, "cells": 3, "channels": 8}}`,
		`{"stack": {"cell": {"pairs": [["sep3", 0, "max3", 1], ["skip", 2, "dil5", 0]], "output": "loose"}, "cells": 3, "stem": "none"}}`,
	} {
		f.Add([]byte(s), 1, 16, 0)
		f.Add([]byte(s), 3, 16, 16)
	}
	f.Fuzz(func(t *testing.T, text []byte, channels, height, width int) {
		var m genome.Map
		if m.UnmarshalJSON(text) != nil {
			t.Skip("no tree")
		}
		input := []int{channels % 64}
		for _, v := range []int{height, width} {
			if v != 0 {
				input = append(input, v%64)
			}
		}
		n, err := Build(m, input, 3)
		if err != nil || len(n.Nodes) > 500 {
			return
		}
		shapes(t, n, 3)
		n.Hash()
		_ = n.String()
	})
}
