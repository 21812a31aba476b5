package network

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/rng"
)

// tree decodes JSON as a tree of genes.
func tree(t testing.TB, json string) genome.Map {
	t.Helper()
	var m genome.Map
	if err := m.UnmarshalJSON([]byte(json)); err != nil {
		t.Fatal(err)
	}
	return m
}

// Each tree over [1, 40] with 10 classes, and its layers.
func TestLayers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		tree   string
		layers []string
		shapes string // of the rows' last nodes
	}{
		"nothing": {`{"lr": 0.1}`, []string{"flatten", "dense 10"}, "40 10"},
		"scalars at the top are genes": {`{"dropout": 0.1, "act": "relu", "pool": "max", "norm": true, "l": [{"conv": 4}]}`,
			[]string{"conv 4 k3", "flatten", "dense 10"}, "4x40 160 10"},
		"conv": {`{"l": [{"conv": {"channels": 4, "kernel": 5, "stride": 2, "norm": true, "act": "mish", "pad_mode": "circular"}}]}`,
			[]string{"conv 4 k5 s2 circular, norm, mish", "flatten", "dense 10"}, "4x20 80 10"},
		"valid": {`{"l": [{"conv": {"channels": 4, "kernel": 5, "dilation": 2, "padding": "valid"}}]}`,
			[]string{"conv 4 k5 d2", "flatten", "dense 10"}, "4x32 128 10"},
		"depthwise": {`{"l": [{"conv": 4}, {"conv": {"depthwise": true}}]}`,
			[]string{"conv 4 k3", "conv 4 k3 g4", "flatten", "dense 10"}, "4x40 4x40 160 10"},
		"block": {`{"l": [{"block": {"channels": 4, "norm": true, "pool": "max", "dropout": 0.1}}]}`,
			[]string{"conv 4 k3, norm, relu", "max pool k2, dropout 0.1", "flatten", "dense 10"}, "4x40 4x20 80 10"},
		"a stride excludes dilation and pool": {`{"l": [{"block": {"channels": 4, "stride": 2, "dilation": 4, "pool": "max"}}]}`,
			[]string{"conv 4 k3 s2, relu", "flatten", "dense 10"}, "4x20 80 10"},
		"residual where shapes match": {`{"l": [{"block": {"channels": 4, "residual": true}}, {"block": {"channels": 4, "residual": true}}]}`,
			[]string{"conv 4 k3, relu", "conv 4 k3, relu", "add", "flatten", "dense 10"}, "4x40 4x40 4x40 160 10"},
		"project": {`{"r": {"residual": {"body": [{"conv": {"channels": 6, "stride": 2}}], "project": true}}}`,
			[]string{"conv 6 k3 s2", "conv 6 k1 s2", "add", "flatten", "dense 10"}, "6x20 6x20 6x20 120 10"},
		"concat": {`{"c": {"concat": {"branches": [[{"conv": 2}], "identity", {"conv": {"channels": 3, "kernel": 1}}]}}}`,
			[]string{"conv 2 k3", "identity", "conv 3 k1", "concat", "flatten", "dense 10"}, "2x40 1x40 3x40 6x40 240 10"},
		"add of named branches": {`{"add": {"branches": {"left": [{"conv": 2}], "conv": {"channels": 2, "kernel": 1}}}}`,
			[]string{"conv 2 k3", "conv 2 k1", "add", "flatten", "dense 10"}, "2x40 2x40 2x40 80 10"},
		"repeat": {`{"r": {"repeat": {"times": 3, "body": [{"pool": {"kind": "average"}}]}}}`,
			[]string{"average pool k2", "average pool k2", "average pool k2", "flatten", "dense 10"}, "1x20 1x10 1x5 5 10"},
		"head": {`{"l": [{"conv": 4}], "head": {"pool": "both", "dropout": 0.2}}`,
			[]string{"conv 4 k3", "global average", "global max", "concat, dropout 0.2", "dense 10"}, "4x40 4 4 8 10"},
		"a group is a sequence": {`{"net": {"conv": 4, "norm": true, "act": "tanh", "pool": "max", "width": 3}, "global_pool": "max"}`,
			[]string{"conv 4 k3, norm, tanh", "max pool k2", "global max", "dense 10"}, "4x40 4x20 4 10"},
		"named options": {`{"l": [{"op": {"conv": {"channels": 4}}}, {"op": "norm"}, {"op": "none"}], "flatten": true, "dense": {"units": 7, "act": "relu", "dropout": 0.5}}`,
			[]string{"conv 4 k3, norm", "flatten", "dense 7, relu, dropout 0.5", "dense 10"}, "4x40 160 7 10"},
		"no": {`{"l": [{"conv": 4, "norm": false, "act": false, "dropout": false, "pool": false, "flatten": false, "identity": false, "zero": false, "global_pool": false}]}`,
			[]string{"conv 4 k3", "flatten", "dense 10"}, "4x40 160 10"},
		"yes": {`{"l": [{"conv": 4, "norm": "batch", "act": "leaky", "dropout": 0.5, "pool": "avg", "identity": true, "global_pool": true}]}`,
			[]string{"conv 4 k3, norm, leaky_relu, dropout 0.5", "average pool k2, identity", "global average", "dense 10"}, "4x40 4x20 4 10"},
		"an answer is kept": {`{"dense": 10}`, []string{"dense 10"}, "10"},
		"zero":              {`{"z": {"zero": {"stride": 2}}}`, []string{"zero s2", "flatten", "dense 10"}, "1x20 20 10"},
		"cell in a sequence": {`{"l": [{"conv": 4}, {"edges": ["nor_conv_3x3", "none", "skip_connect"]}]}`,
			[]string{"conv 4 k3", "relu, conv 4 k3, norm", "flatten", "dense 10"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := must(t, tree(t, c.tree), []int{1, 40}, 10)
			check(t, n, 10)
			got := n.Layers()
			if name == "cell in a sequence" {
				// relu joins the line of the convolution before it.
				c.layers = []string{"conv 4 k3, relu", "conv 4 k3, norm", "flatten", "dense 10"}
			}
			if !slices.Equal(got, c.layers) {
				t.Errorf("layers %q\nwant   %q", got, c.layers)
			}
			var shapes []string
			for _, r := range n.rows()[1:] {
				shapes = append(shapes, shapeText(n.Nodes[r.last].Shape))
			}
			if s := strings.Join(shapes, " "); c.shapes != "" && s != c.shapes {
				t.Errorf("shapes %s, want %s", s, c.shapes)
			}
		})
	}
}

func TestErrorsNameTheLayer(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ tree, want string }{
		{`{"blocks": [{"conv": 2}, {"conv": {"channels": 2, "padding": "valid", "kernel": 50}}]}`, "blocks[1].conv: kernel 50 does not fit in length 40"},
		{`{"blocks": [{"block": {"channels": 2, "stride": 40}}, {"block": {"channels": 2, "pool": "max"}}]}`, "blocks[1].pool: kernel 2 does not fit in length 1"},
		{`{"l": [{"conv": {"kernel": 3}}]}`, "l[0].conv: needs channels"},
		{`{"l": [{"conv": {"channels": 2, "kernal": 3}}]}`, `l[0].conv: has no parameter "kernal"; it has depthwise, channels, groups, kernel, stride, dilation, padding, pad_mode, norm, bias, act`},
		{`{"l": [{"conv": {"channels": 0}}]}`, "l[0].conv: channels is 0; it needs a whole number of 1 to 1048576"},
		{`{"l": [{"conv": {"channels": 3, "groups": 2}}]}`, "l[0].conv: 1 channels in and 3 out do not divide into 2 groups"},
		{`{"l": [{"conv": {"channels": 3, "act": "rely"}}]}`, "l[0].conv: act is rely; it is one of relu, leaky_relu, mish, tanh, sigmoid, gelu, swish, elu, none"},
		{`{"l": [{"conv": {"channels": 3, "padding": "sane"}}]}`, "l[0].conv: padding is sane; it is same, valid or a number"},
		{`{"l": [{"dense": 3}, {"conv": 3}]}`, "l[1].conv: needs [channels, length] or [channels, height, width], has [3]; put it before flatten and dense"},
		{`{"l": [{"dropout": {"rate": 1}}]}`, "l[0].dropout: rate is 1; it needs a number from 0 to below 1"},
		{`{"l": [{"norm": {"kind": "layer"}}]}`, "l[0].norm: kind is layer; it is true, batch or false"},
		{`{"a": {"add": {"branches": [{"conv": 2}, "identity"]}}}`, "a.add: cannot add shapes [2 40] and [1 40]; give the branches equal channels and strides"},
		{`{"a": {"concat": {"branches": [{"conv": {"channels": 2, "stride": 2}}, "identity"]}}}`, "a.concat: cannot join shapes [2 20] and [1 40]; give the branches equal strides"},
		{`{"a": {"concat": {}}}`, "a.concat: needs branches: a list or group of sequences"},
		{`{"r": {"repeat": {"times": 3}}}`, "r.repeat: needs a body: a list or group of layers"},
		{`{"r": {"repeat": {"times": 1000000, "body": [{"norm": {}}]}}}`, "r.repeat[65535][0].norm: the network has more than 65536 layers; repeat less"},
		{`{"l": [{"conv": 1000000}, {"conv": 1000000}]}`, ""},
		{`{"l": [{"conv": {"channels": 1048576, "padding": 1000000, "kernel": 1}}]}`, "l[0].conv: answers more than 2^31 values: [1048576 2000040]"},
		{`{"l": ["flatten", "fallten"]}`, `l[1]: "fallten" is no layer`},
		{`{"l": ["flatten", "conv"]}`, "l[1]: conv needs parameters"},
		{`{"l": [{"conv": [1, 2]}]}`, "l[0].conv: needs parameters, not a list"},
		{`{"l": [{"conv": {"channels": 2, "kernel": [1, 2, 3]}}]}`, "l[0].conv: kernel is [1 2 3]; it needs one number or [height, width]"},
		{`{"l": [{"conv": {"channels": 2, "kernel": "x"}}]}`, "l[0].conv: kernel is x; it needs a whole number of 1 to 1048576"},
		{`{"l": [{"conv": {"channels": 2, "kernel": 1.5}}]}`, "l[0].conv: kernel is 1.5; it needs a whole number of 1 to 1048576"},
		{`{"l": [{"conv": {"channels": 2, "bias": 3}}]}`, "l[0].conv: bias is 3; it needs true or false"},
		{`{"l": [{"conv": {"depthwise": true, "groups": 3}}]}`, "l[0].conv: has both depthwise and groups; keep one"},
		{`{"l": [{"pool": {"kind": "median"}}]}`, "l[0].pool: kind is median; it is one of max, average, none"},
		{`{"l": [{"pool": {"padding": 2}}]}`, "l[0].pool: padding 2 is more than half of kernel 2"},
		{`{"l": [{"conv": 2, "dropout": "much"}]}`, "l[0].dropout: rate is much; it needs a number from 0 to below 1"},
		{`{"r": {"residual": {"body": ["flatten"], "project": true}}}`, "r.residual.project: cannot project [1 40] to [40]; end the body before it is flattened"},
		{`{"s": {"stack": {"cell": {"edges": ["skip"]}, "cell2": {"edges": ["skip"]}}}}`, `s.stack: has another cell "cell2"; it takes one, or normal and reduction`},
		{`{"s": {"stack": {"cell": {"edges": ["skip"]}, "reduction": {"edges": ["skip"]}}}}`, "s.stack: takes a reduction cell only for cells of pairs"},
		{`{"s": {"stack": {"cell": {"vertices": ["input", "conv3", "conv3", "output"], "edges": [[0, 1], [0, 2], [1, 3], [2, 3]]},
			"channels": 1}}}`, "s.stack.cells[0]: 1 channels cannot be divided among 2 vertices"},
		{`{"s": {"stack": {"cell": {"vertices": ["input", "conv3", "output"], "edges": [[1, 0]]}}}}`, "s.stack: edge [1 0]; it runs from a vertex to a later one of 3"},
		{`{"l": [{"pairs": [["skip", 0, "conv_7x1_1x7", 1]]}]}`, `l[0][0][1]: "conv_7x1_1x7" needs [channels, height, width], has [1 40]`},
		{`{"l": [{"pairs": [["skip", 0, "skip"]]}]}`, "l[0]: node 0 is [skip 0 skip]; it needs [operation, source, operation, source]"},
		{`{"l": [{"pairs": [["skip", 0, "skip", 1]], "combine": ["mul"]}]}`, "l[0]: combine mul; it is add or concat"},
		{`{"l": [{"pairs": [["skip", 0, "skip", 1]], "output": "none"}]}`, "l[0]: output is none; it is all or loose"},
		{`{"l": [{"pairs": [["skip", 0, "skip", 1]], "inputs": 3}]}`, "l[0]: inputs is 3; a cell sees 1 or 2 cells before it"},
		{`{"stack": {"channels": 4}}`, "stack: needs a cell"},
		{`{"stack": {"cell": {"edges": ["skip_connect", "conv3"]}}}`, "stack: edges is [skip_connect conv3]; it needs the operations of a complete graph: 1, 3, 6, 10, ..."},
		{`{"stack": {"cell": {"edges": ["skop"]}}}`,
			`stack.cells[0][0][1]: "skop" is no operation of a cell; write none, skip_connect, or conv, nor_conv, sep_conv, dil_conv, avg_pool, max_pool with a kernel, as in sep_conv_3x3`},
		{`{"stack": {"cell": {"edges": ["conv4"]}}}`, `stack.cells[0][0][1]: "conv4" has an even kernel; cells need odd ones, which keep the extent`},
		{`{"stack": {"cell": {"edges": ["skip"]}, "cells": 2}}`, "stack: 2 cells are too few for 2 reductions; use at least 3"},
		{`{"stack": {"cell": {"edges": ["skip"]}, "cells": 9, "reductions": 4}}`, "stack.reduction[4]: cannot halve length 5; use fewer reductions or an input that divides by 2 for each"},
		{`{"stack": {"cell": {"vertices": ["input", "conv3", "output"], "edges": [[0, 2]]}}}`, "stack: vertex 1 lies on no path from input to output"},
		{`{"stack": {"cell": {"pairs": [["skip", 0, "skip", 2]]}}}`, "stack: node 0 is [skip 0 skip 2]; its sources are numbers below 2"},
		{`{"stack": {"cell": {"edges": ["skip"], "isomorphic": true}}}`, `stack: has no parameter "isomorphic"; a cell has channels, inputs, output, isomorphism`},
	} {
		n, err := Build(tree(t, c.tree), []int{1, 40}, 10)
		if c.want == "" {
			if err != nil || n.Parameters() <= 0 {
				t.Errorf("%s: %v", c.tree, err)
			}
			continue
		}
		var le *LayerError
		if err == nil || !errors.As(err, &le) || err.Error() != c.want {
			t.Errorf("%s\n got %v\nwant %s", c.tree, err, c.want)
		}
	}
	for _, c := range []struct {
		input   []int
		classes int
	}{{nil, 2}, {[]int{1, 2, 3, 4}, 2}, {[]int{0, 4}, 2}, {[]int{1, 4}, 0}} {
		if _, err := Build(nil, c.input, c.classes); err == nil {
			t.Errorf("input %v, %d classes: no error", c.input, c.classes)
		}
	}
}

// check holds a network to what every reader of it may rely on.
func check(t testing.TB, n *Network, classes int) {
	t.Helper()
	names := map[string]bool{}
	for _, node := range n.Nodes {
		if names[node.Name] {
			t.Fatalf("two nodes are called %s", node.Name)
		}
		names[node.Name] = true
	}
	shapes(t, n, classes)
}

// shapes checks everything but names, which an odd tree can make collide (a
// layer called "answer.dense", a key twice).
func shapes(t testing.TB, n *Network, classes int) {
	t.Helper()
	last := n.Nodes[len(n.Nodes)-1]
	if !slices.Equal(last.Shape, []int{classes}) {
		t.Fatalf("the answer's shape is %v", last.Shape)
	}
	for i, node := range n.Nodes {
		if (node.Op == Input) != (i == 0) || (i > 0) != (len(node.Inputs) > 0) {
			t.Fatalf("node %d: %+v", i, node)
		}
		for _, in := range node.Inputs {
			if in < 0 || in >= i {
				t.Fatalf("node %d reads %d", i, in)
			}
		}
		for _, v := range node.Shape {
			if v < 1 {
				t.Fatalf("node %d has shape %v", i, node.Shape)
			}
		}
		var first []int
		if i > 0 {
			first = n.Nodes[node.Inputs[0]].Shape
		}
		rank := len(first) - 1
		switch node.Op {
		case Conv:
			if first[0]%node.Groups != 0 || node.Channels%node.Groups != 0 || len(node.Kernel) != rank ||
				len(node.Stride) != rank || len(node.Dilation) != rank || len(node.Pad) != rank || node.Shape[0] != node.Channels {
				t.Fatalf("node %d: %+v", i, node)
			}
			for d := range node.Kernel {
				want := (first[d+1]+2*node.Pad[d]-node.Dilation[d]*(node.Kernel[d]-1)-1)/node.Stride[d] + 1
				if node.Shape[d+1] != want {
					t.Fatalf("node %d: extent %d, want %d", i, node.Shape[d+1], want)
				}
			}
		case Norm, Activation, Dropout, Identity:
			if !slices.Equal(first, node.Shape) {
				t.Fatalf("node %d changes its shape", i)
			}
		case Add:
			for _, in := range node.Inputs {
				if len(node.Inputs) < 2 || !slices.Equal(n.Nodes[in].Shape, node.Shape) {
					t.Fatalf("node %d adds %v", i, node)
				}
			}
		case Concat:
			sum := 0
			for _, in := range node.Inputs {
				sum += n.Nodes[in].Shape[0]
			}
			if sum != node.Shape[0] {
				t.Fatalf("node %d joins to %v", i, node.Shape)
			}
		}
	}
	if n.Parameters() < 0 || n.Macs() < 0 || n.Depth() < 0 {
		t.Fatalf("negative cost")
	}
	n.Layers()
}

// shuffled is an isomorphic network: nodes in another topological order with
// other names, additions in another order.
func shuffled(n *Network, r *rng.Rand) *Network {
	size := len(n.Nodes)
	place := make([]int, size)
	done := make([]bool, size)
	out := &Network{}
	for len(out.Nodes) < size {
		var ready []int
		for i := range n.Nodes {
			ok := !done[i] && (i != size-1 || len(out.Nodes) == size-1)
			for _, in := range n.Nodes[i].Inputs {
				ok = ok && done[in]
			}
			if ok {
				ready = append(ready, i)
			}
		}
		i := ready[r.Intn(len(ready))]
		done[i], place[i] = true, len(out.Nodes)
		node := n.Nodes[i]
		node.Name = fmt.Sprint("x", r.Intn(1000))
		node.Inputs = slices.Clone(node.Inputs)
		for k, in := range node.Inputs {
			node.Inputs[k] = place[in]
		}
		if node.Op == Add {
			r.Shuffle(len(node.Inputs), func(a, b int) {
				node.Inputs[a], node.Inputs[b] = node.Inputs[b], node.Inputs[a]
			})
		}
		out.Nodes = append(out.Nodes, node)
	}
	return out
}

// samples are networks of every kind.
func samples(t testing.TB) map[string]*Network {
	return map[string]*Network{
		"hand-made": must(t, handMade(), []int{1, 40}, 10),
		"base":      must(t, blocks(8, "residual", true), []int{1, 40}, 10),
		"edges": must(t, bench201("|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2|", "cells", 3),
			[]int{3, 16, 16}, 10),
		"vertices": must(t, tree(t, `{"stack": {"cells": 3, "channels": 10, "cell": {"vertices": ["input", "conv3", "conv1", "max", "conv3", "output"],
			"edges": [[0,1],[0,2],[1,3],[2,3],[2,4],[1,4],[3,5],[4,5],[0,5]]}}}`), []int{3, 16, 16}, 10),
		"pairs": must(t, tree(t, `{"stack": {"cells": 3, "channels": 6,
			"cell": {"pairs": [["sep_conv_3x3", 0, "dil_conv_5x5", 1], ["skip_connect", 0, "sep_conv_3x3", 2], ["none", 1, "avg_pool_3x3", 3]],
			"output": "loose"}}}`), []int{2, 32}, 5),
	}
}

func TestHashOfIsomorphicNetworks(t *testing.T) {
	t.Parallel()
	r := rng.New(7)
	seen := map[genome.Hash]string{}
	for name, n := range samples(t) {
		check(t, n, n.Nodes[len(n.Nodes)-1].Shape[0])
		want := n.Hash()
		if other, ok := seen[want]; ok {
			t.Errorf("%s and %s have one hash", name, other)
		}
		seen[want] = name
		for i := 0; i < 20; i++ {
			m := shuffled(n, r)
			if m.Hash() != want {
				t.Errorf("%s: another order, another hash", name)
			}
			if m.Parameters() != n.Parameters() || m.Macs() != n.Macs() || m.Depth() != n.Depth() {
				t.Errorf("%s: another order, another cost", name)
			}
		}
	}
}

func TestHashSeesEveryAttribute(t *testing.T) {
	t.Parallel()
	for name, n := range samples(t) {
		want := n.Hash()
		live := n.Live()
		for i := range n.Nodes {
			if !live[i] || i == 0 {
				continue
			}
			try := func(what string, change func(*Node)) {
				m := &Network{Nodes: slices.Clone(n.Nodes)}
				node := &m.Nodes[i]
				for _, ints := range []*[]int{&node.Inputs, &node.Kernel, &node.Stride, &node.Dilation, &node.Pad} {
					*ints = slices.Clone(*ints)
				}
				change(node)
				counts := what != "dilation" || n.Nodes[i].Kernel[0] > 1 // one position has no gaps
				if (m.Hash() != want) != (counts && !dead(n, i)) {
					t.Errorf("%s: %s of node %d (%s) does not count, or counts for nothing", name, what, i, node.Op)
				}
			}
			switch n.Nodes[i].Op {
			case Conv:
				try("channels", func(n *Node) { n.Channels++ })
				try("kernel", func(n *Node) { n.Kernel[0] += 2 })
				try("stride", func(n *Node) { n.Stride[0]++ })
				try("dilation", func(n *Node) { n.Dilation[0]++ })
				try("pad", func(n *Node) { n.Pad[0]++ })
				try("groups", func(n *Node) { n.Groups++ })
				try("bias", func(n *Node) { n.Bias = !n.Bias })
				try("circular", func(n *Node) { n.Circular = n.Pad[0] > 0; n.Bias = n.Bias != (n.Pad[0] == 0) })
			case Dense:
				try("channels", func(n *Node) { n.Channels++ })
				try("bias", func(n *Node) { n.Bias = !n.Bias })
			case Norm:
				try("scale and shift", func(n *Node) { n.Affine = !n.Affine })
			case Activation:
				try("function", func(n *Node) { n.Function = "elu" })
			case MaxPool, AvgPool:
				try("kernel", func(n *Node) { n.Kernel[0]++ })
			case Concat:
				try("order", func(n *Node) { slices.Reverse(n.Inputs) })
			}
		}
	}
}

// dead says whether a node sees only zeros.
func dead(n *Network, i int) bool {
	node := &n.Nodes[i]
	if node.Op == Zero || node.Op == Input {
		return node.Op == Zero
	}
	for _, in := range node.Inputs {
		if !dead(n, in) {
			return false
		}
	}
	return true
}

// Pairs of trees over [4, 8] that are the same network, or are not.
func TestHashEquivalences(t *testing.T) {
	t.Parallel()
	const conv = `{"conv": {"channels": 4}}`
	for name, c := range map[string]struct {
		a, b string
		same bool
	}{
		"identity":                   {`[` + conv + `, "identity"]`, `[` + conv + `]`, true},
		"dropout of 0":               {`[{"dropout": {"rate": 0}}, ` + conv + `]`, `[` + conv + `]`, true},
		"pool of 1":                  {`[{"pool": {"kernel": 1}}, ` + conv + `]`, `[` + conv + `]`, true},
		"flatten before dense":       {`["flatten", {"dense": 3}]`, `[{"dense": 3}]`, true},
		"zero added":                 {`[{"add": {"branches": [` + conv + `, "zero"]}}]`, `[` + conv + `]`, true},
		"convolution of zeros added": {`[{"add": {"branches": ["identity", ["zero", ` + conv + `]]}}, ` + conv + `]`, `[` + conv + `]`, true},
		"zeros of several widths": {`[{"concat": {"branches": [{"concat": {"branches": ["zero", "identity"]}},
			{"concat": {"branches": [["zero", {"conv": {"channels": 8}}], "norm"]}}]}}, {"conv": {"channels": 4, "groups": 4}}]`,
			`[{"concat": {"branches": [{"concat": {"branches": [["zero", {"conv": {"channels": 8}}], "identity"]}},
			{"concat": {"branches": ["zero", "norm"]}}]}}, {"conv": {"channels": 4, "groups": 4}}]`, false},
		"zeros joined in a join": {`[{"concat": {"branches": [{"concat": {"branches": ["zero", "identity"]}}, "norm"]}}]`, `[{"concat": {"branches": ["zero", "identity", "norm"]}}]`, true},
		"zeros side by side":     {`[{"concat": {"branches": ["zero", "zero", "identity"]}}]`, `[{"concat": {"branches": [["zero", {"conv": {"channels": 8}}], "identity"]}}]`, true},
		"dilation of nothing":    {`[{"conv": {"channels": 4, "kernel": 1, "dilation": 3}}]`, `[{"conv": {"channels": 4, "kernel": 1}}]`, true},
		"61 doublings":           {`{"repeat": {"times": 61, "body": [{"add": {"branches": ["identity", "identity"]}}]}}`, `["identity"]`, false},
		"zeros joined count":     {`[{"concat": {"branches": ["identity", "zero"]}}, ` + conv + `]`, `[` + conv + `]`, false},
		"order of addition":      {`[{"add": {"branches": [` + conv + `, "norm"]}}]`, `[{"add": {"branches": ["norm", ` + conv + `]}}]`, true},
		"order of joining":       {`[{"concat": {"branches": [` + conv + `, "norm"]}}]`, `[{"concat": {"branches": ["norm", ` + conv + `]}}]`, false},
		"sums of sums": {`[{"add": {"branches": ["norm", {"add": {"branches": [` + conv + `, "identity"]}}]}}]`,
			`[{"add": {"branches": [{"add": {"branches": ["norm", "identity"]}}, ` + conv + `]}}]`, true},
		"joins of joins": {`[{"concat": {"branches": ["norm", {"concat": {"branches": [` + conv + `, "identity"]}}]}}]`,
			`[{"concat": {"branches": [{"concat": {"branches": ["norm", ` + conv + `]}}, "identity"]}}]`, true},
		"once and twice":            {`[{"add": {"branches": ["identity", "identity"]}}]`, `["identity"]`, false},
		"a layer twice, two layers": {`[{"add": {"branches": [` + conv + `, ` + conv + `]}}]`, `[` + conv + `, {"add": {"branches": ["identity", "identity"]}}]`, false},
		"a pool twice, two pools":   {`[{"add": {"branches": ["pool", "pool"]}}]`, `["pool", {"add": {"branches": ["identity", "identity"]}}]`, true},
		"a dropout twice, two": {`[{"add": {"branches": [{"dropout": {"rate": 0.1}}, {"dropout": {"rate": 0.1}}]}}]`,
			`[{"dropout": {"rate": 0.1}}, {"add": {"branches": ["identity", "identity"]}}]`, false},
		"two layers of one name each": {`[{"conv": {"channels": 4, "kernel": 3}}, {"act": {"kind": "relu"}}]`, `[{"conv": {"channels": 4, "act": "relu"}}]`, true},
		"block without extras":        {`[{"block": {"channels": 4}}]`, `[{"conv": {"channels": 4, "act": "relu"}}]`, true},
		"cropped channels": {`[{"vertices": ["input", "conv3", "conv3", "max", "output"],
			"edges": [[0, 1], [1, 2], [1, 3], [2, 4], [3, 4]], "channels": 5}]`,
			`[{"vertices": ["input", "conv3", "max", "conv3", "output"], "edges": [[0, 1], [1, 2], [1, 3], [2, 4], [3, 4]], "channels": 5}]`, false},
		"nothing but zeros": {`["zero", ` + conv + `]`, `["zero"]`, true},
	} {
		a := must(t, tree(t, `{"l": `+c.a+`}`), []int{4, 8}, 3)
		b := must(t, tree(t, `{"l": `+c.b+`}`), []int{4, 8}, 3)
		if same := a.Hash() == b.Hash(); same != c.same {
			t.Errorf("%s: equal hashes %v, want %v\n%s\n%s", name, same, c.same, a, b)
		}
	}
	// Many doublings are no trouble and not nothing.
	l := `{"r": {"repeat": {"times": 200, "body": [{"add": {"branches": ["identity", "identity"]}}]}}}`
	a, b := must(t, tree(t, l), []int{4, 8}, 3), must(t, tree(t, strings.Replace(l, "200", "199", 1)), []int{4, 8}, 3)
	if a.Hash() == b.Hash() {
		t.Error("200 doublings are 199")
	}
}

// Counts of cell operations, by hand.
func TestOperations(t *testing.T) {
	t.Parallel()
	const c = 4
	for op, want := range map[string]int64{
		"none": 0, "skip_connect": 0, "avg_pool_3x3": 0, "max5": 0,
		"nor_conv_3x3": 9*c*c + 2*c, "conv1x1-bn-relu": c*c + 2*c, "conv5": 25*c*c + 2*c,
		"sep_conv_5x5": 2 * (25*c + c*c + 2*c), "dil3": 9*c + c*c + 2*c, "conv_7x1_1x7": 2*7*c*c + 2*c,
	} {
		n := must(t, group("cell", group("edges", list(op))), []int{c, 6, 6}, 2)
		check(t, n, 2)
		if got := n.Parameters() - (c*36*2 + 2); got != want {
			t.Errorf("%s: %d parameters, want %d", op, got, want)
		}
	}
}

func TestCountsDoNotWrapAround(t *testing.T) {
	t.Parallel()
	n := must(t, tree(t, `{"l": [{"conv": {"channels": 1048576, "kernel": 1048575}}, {"conv": {"channels": 1048576, "kernel": 1048575}}]}`), []int{1, 1, 1}, 2)
	if n.Parameters() != math.MaxInt64 || n.Macs() != math.MaxInt64 {
		t.Errorf("%d parameters, %d multiply-adds", n.Parameters(), n.Macs())
	}
}

// Thousands of residual layers are hashed without their square of terms.
func TestHashOfLongChains(t *testing.T) {
	t.Parallel()
	long := func(times int) *Network {
		return must(t, group("r", group("repeat", group("times", times, "body", list(group("residual", group("body", list("norm"))))))), []int{4, 8}, 3)
	}
	n, m := long(1500), long(1500)
	for i := range m.Nodes {
		slices.Reverse(m.Nodes[i].Inputs)
	}
	if n.Hash() != m.Hash() || n.Hash() == long(1499).Hash() {
		t.Error("wrong hashes of long chains")
	}
}

// random makes a tree over the vocabulary, with some nonsense in it.
func random(r *rng.Rand, depth int) any {
	small := func() any {
		return []any{int64(1), int64(2), int64(3), int64(4), int64(7), int64(0), int64(-1), "x", true, 1.5,
			list(2, 3)}[r.Weighted([]float64{4, 4, 4, 4, 2, .1, .1, .05, .1, .05, .3})]
	}
	word := func(w ...any) any { return w[r.Intn(len(w))] }
	params := func(m genome.Map) genome.Map {
		out := genome.Map{}
		for _, e := range m {
			if e.Key == "channels" || e.Key == "body" || e.Key == "branches" || e.Key == "units" || r.Bool() {
				out = append(out, e)
			}
		}
		return out
	}
	sequence := func() any {
		if depth == 0 {
			return list("identity")
		}
		l := list()
		for i := r.Intn(4); i >= 0; i-- {
			l = append(l, random(r, depth-1))
		}
		return l
	}
	operation := func() any {
		return word("none", "skip_connect", "nor_conv_3x3", "conv1x1-bn-relu", "sep_conv_3x3", "dil_conv_5x5", "avg_pool_3x3", "max3")
	}
	switch r.Intn(16) {
	case 0, 1, 2:
		return group("conv", params(group("channels", small(), "kernel", small(), "stride", small(), "dilation", small(), "padding",
			word("same", "valid", 1), "pad_mode", word("zero", "circular"), "groups", small(), "bias", r.Bool(), "norm", r.Bool(), "act",
			word("relu", "none"))))
	case 3, 4, 5:
		return group("block", params(group("channels", small(), "kernel", small(), "stride", small(), "dilation", small(), "norm", r.Bool(),
			"residual", r.Bool(), "pool", word("none", "max", "average"), "dropout", word(0, 0.1))))
	case 6:
		return group("dense", params(group("units", small(), "act", "mish")))
	case 7:
		return group("pool", params(group("kind", word("max", "average"), "kernel", small(), "stride", small(), "padding", small())))
	case 8:
		return word("flatten", "identity", "zero", "norm", "global_pool", "pool", "head", "act")
	case 9:
		return group("residual", params(group("body", sequence(), "project", true)))
	case 10:
		return group(word("add", "concat").(string), group("branches", list(sequence(), sequence())))
	case 11:
		return group("repeat", params(group("times", small(), "body", sequence())))
	case 12:
		return group("stack", params(group("channels", small(), "cells", small(), "reductions", small(), "cell",
			group("edges", list(operation(), operation(), operation())), "body", group("edges", list(operation())))))
	case 13:
		return group("edges", list(operation(), operation(), operation()), "channels", small())
	case 14:
		return group("vertices", list("input", operation(), operation(), "output"), "edges",
			list(list(0, 1), list(1, 2), list(word(0, 1, 2), 3), list(2, 3)), "channels", small())
	default:
		return group("pairs", list(list(operation(), r.Intn(2), operation(), r.Intn(2)),
			list(operation(), r.Intn(3), operation(), r.Intn(3))), "channels", small(), "combine", list(word("add", "concat"), "add"))
	}
}

func TestRandomTrees(t *testing.T) {
	t.Parallel()
	r := rng.New(3)
	good := 0
	for i := 0; i < 6000; i++ {
		l := list()
		for k := r.Intn(5); k >= 0; k-- {
			l = append(l, random(r, 2))
		}
		input := [][]int{{2, 16}, {3, 16, 16}, {8}, {1, 1}}[r.Weighted([]float64{5, 5, 1, 1})]
		g := group("lr", 0.1, "l", l)
		n, err := Build(g, input, 3)
		if err != nil {
			if s := err.Error(); strings.ContainsAny(s, "\n") || !strings.Contains(s, ": ") {
				t.Errorf("the error %q", s)
			}
			continue
		}
		good++
		check(t, n, 3)
		_ = n.String()
		m, err := Build(g, input, 3)
		if err != nil || !reflect.DeepEqual(n, m) {
			t.Fatal("the same tree twice, two networks")
		}
		if len(n.Nodes) < 200 && n.Hash() != shuffled(n, r).Hash() {
			t.Fatalf("another order, another hash:\n%s", n)
		}
	}
	if good < 1000 {
		t.Errorf("only %d of 6000 random trees are networks", good)
	}
}

func TestDrawing(t *testing.T) {
	t.Parallel()
	n := must(t, tree(t, `{"blocks": [{"block": {"channels": 4, "norm": true}}, {"block": {"channels": 4, "kernel": 5, "residual": true}},
		{"add": {"branches": {"a": [{"conv": 4}], "b": ["zero"]}}}], "head": {"pool": "both"}}`), []int{1, 40}, 10)
	const want = `
      0  input                             input                  1x40
  ╭─  1  blocks[0].conv                    conv 4 k3, norm, relu  4x40  20
  │   2  blocks[1].conv                    conv 4 k5, relu        4x40  84
  ├▶  3  blocks[1].add                     add of 1, 2            4x40
╭─┼─  4  blocks[2].add.branches.a[0].conv  conv 4 k3              4x40  52
│ ╰▶  5  blocks[2].add.branches.b[0].zero  zero of 3              4x40
╰─┬▶  6  blocks[2].add                     add of 4, 5            4x40
╭─┼─  7  head.both.average                 global average            4
│ ╰▶  8  head.both.max                     global max of 6           4
╰──▶  9  head.both.concat                  concat of 7, 8            8
     10  head.dense                        dense 10                 10  90
246 parameters, 5,680 multiply-adds, depth 4
`
	if got := "\n" + n.String(); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	// A chain needs no lines beside it.
	if got := must(t, handMade(), []int{1, 40}, 10).String(); strings.ContainsAny(got, "─│▶") || !strings.HasPrefix(got, "0  input") {
		t.Errorf("got %s", got)
	}
}

func BenchmarkBuild(b *testing.B) {
	g := group("blocks", append(blocks(8)[0].Value.([]any), blocks(8)[0].Value.([]any)[0]), "head", group("pool", "average"))
	for b.Loop() {
		n, err := Build(g, []int{1, 40}, 10)
		if err != nil || n.Parameters() == 0 {
			b.Fatal(err)
		}
	}
}

func BenchmarkMeasure(b *testing.B) {
	g := group("blocks", append(blocks(8)[0].Value.([]any), blocks(8)[0].Value.([]any)[0]), "head", group("pool", "average"))
	var w builder
	for b.Loop() {
		w.reset()
		if err := w.read(g, []int{1, 40}, 10); err != nil {
			b.Fatal(err)
		}
		n := Network{Nodes: w.nodes}
		if n.Parameters()+n.Macs()+n.Depth() == 0 {
			b.Fatal("costs nothing")
		}
	}
}

func BenchmarkHash(b *testing.B) {
	n := must(b, blocks(8), []int{1, 40}, 10)
	for b.Loop() {
		n.Hash()
	}
}

func BenchmarkHashDARTS(b *testing.B) {
	n := must(b, darts(), []int{3, 32, 32}, 10)
	for b.Loop() {
		n.Hash()
	}
}

func TestExport(t *testing.T) {
	t.Parallel()
	n := must(t, tree(t, `{"l": [{"block": {"channels": 1, "residual": true}}, {"dense": 2}]}`), []int{1, 8}, 2)
	const mermaid = `flowchart TD
  n0["input<br>1x8"]
  n1["conv 1 k3, relu<br>1x8<br>4 parameters"]
  n2["add<br>1x8"]
  n3["dense 2<br>2<br>18 parameters"]
  n0 --> n1
  n0 --> n2
  n1 --> n2
  n2 --> n3
`
	if got := n.Mermaid(); got != mermaid {
		t.Errorf("got %s", got)
	}
	const dot = `digraph network {
	node [shape=box, fontname="sans-serif"];
	n0 [label="input\n1x8"];
	n1 [label="conv 1 k3, relu\n1x8\n4 parameters"];
	n2 [label="add\n1x8"];
	n3 [label="dense 2\n2\n18 parameters"];
	n0 -> n1;
	n0 -> n2;
	n1 -> n2;
	n2 -> n3;
}
`
	if got := n.Dot(); got != dot {
		t.Errorf("got %s", got)
	}
}

// The words yes and no are what true and false are.
func TestYesAndNo(t *testing.T) {
	t.Parallel()
	build := func(norm, act string) *Network {
		space, err := genome.ParseSpaceJSON([]byte(`{"network": {"input": [1, 8], "classes": 2}, "layers": [{"conv": {"channels": 4, "norm": ` + norm + `, "bias": ` + act + `}}]}`))
		if err != nil {
			t.Fatal(err)
		}
		if space, err = Bind(space); err != nil {
			t.Fatal(err)
		}
		g, err := space.Random(rng.New(1))
		if err != nil {
			t.Fatal(err)
		}
		n, err := Read(g)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if a, b := build("true", "false"), build(`"yes"`, `"no"`); a.Hash() != b.Hash() || a.String() != b.String() {
		t.Errorf("yes and no give\n%s\ntrue and false\n%s", b, a)
	}
	if a, b := build("false", "true"), build(`"no"`, `"yes"`); a.Hash() != b.Hash() {
		t.Errorf("no and yes give\n%s\nfalse and true\n%s", b, a)
	}
}

// A norm needs two values for each channel.
func TestTrains(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		tree    string
		input   []int
		samples int
		fault   string
	}{
		"a norm of features": {`{"h": {"dense": {"units": 4, "norm": true}}}`, []int{2}, 1, "h.dense.norm: normalises over one value"},
		"of two samples":     {`{"h": {"dense": {"units": 4, "norm": true}}}`, []int{2}, 2, ""},
		"of one position":    {`{"l": [{"conv": {"channels": 4, "stride": 4, "norm": true}}]}`, []int{1, 3, 3}, 1, "l[0].conv.norm: normalises over one value"},
		"of two positions":   {`{"l": [{"conv": {"channels": 4, "norm": true}}]}`, []int{1, 2, 1}, 1, ""},
		"none":               {`{"h": {"dense": 4}}`, []int{2}, 1, ""},
	} {
		err := must(t, tree(t, c.tree), c.input, 3).Trains(c.samples)
		if (err != nil) != (c.fault != "") || err != nil && !strings.HasPrefix(err.Error(), c.fault) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
