package network

import (
	"errors"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/rng"
)

// mnist1d is a space like the one that the first search uses.
const mnist1d = `{
	"network": {"input": [1, 40], "classes": 10},
	"limits": {"parameters": 5210, "macs": 130000},
	"blocks": {"list": {"block": {
		"channels": {"choice": [4, 6, 8, 10, 12, 14, 16, 20, 24, 28, 32], "ordered": true},
		"kernel": {"choice": [3, 5, 7], "ordered": true},
		"stride": {"choice": [1, 2], "weights": [2, 1]},
		"dilation": {"choice": [1, 2, 4], "ordered": true},
		"pool": {"choice": ["none", "max", "average"]},
		"norm": {"bool": true}, "residual": {"bool": true},
		"act": {"from": "act"}, "pad_mode": {"from": "pad_mode"}}}, "length": [2, 6]},
	"head": {"pool": {"choice": ["flatten", "average", "max", "both"]}, "dropout": {"choice": [0, 0.1, 0.2]}},
	"act": {"choice": ["relu", "leaky_relu", "mish", "tanh"]},
	"pad_mode": {"choice": ["zero", "circular"]},
	"lr": {"float": [1e-3, 3e-2], "log": true}}`

// spaces with layers, one of each kind.
var spaces = map[string]string{
	"mnist1d": mnist1d,
	"options": `{"network": {"input": [3, 16, 16], "classes": 5}, "limits": {"depth": 6},
		"define": {"seq": {"list": {"choice": [
			{"conv": {"channels": {"int": [2, 8]}, "kernel": {"choice": [1, 3]}}}, "norm", {"act": {"kind": {"choice": ["relu", "elu"]}}}, "identity",
			{"residual": {"body": {"use": "seq"}, "project": true}}, {"concat": {"branches": {"a": {"use": "seq"}, "b": {"use": "seq"}}}}]},
			"length": [1, 3]}},
		"body": {"use": "seq", "depth": 2}, "batch": {"choice": [16, 32]}}`,
	"edges": `{"network": {"input": [3, 16, 16], "classes": 10},
		"stack": {"cell": {"cell": {"edges": ["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"], "nodes": 4}}, "cells": 3, "channels": 4}}`,
	"vertices": `{"network": {"input": [3, 16, 16], "classes": 10},
		"stack": {"body": {"cell": {"vertices": ["conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3"], "nodes": [3, 7], "max_edges": 9}}, "cells": 3, "channels": 12}}`,
	"pairs": `{"network": {"input": [3, 16, 16], "classes": 10},
		"stack": {"normal": {"cell": {"pairs": ["sep_conv_3x3", "dil_conv_3x3", "skip_connect", "max_pool_3x3"], "nodes": 3}},
			"reduction": {"cell": {"pairs": ["sep_conv_3x3", "avg_pool_3x3", "none"], "nodes": 2, "combine": ["add", "concat"]}}, "cells": 4, "channels": 4}}`,
	"one input": `{"network": {"input": [3, 16, 16], "classes": 10},
		"tail": {"cell": {"pairs": ["sep_conv_3x3", "skip_connect"], "nodes": 3, "inputs": 1, "output": "loose"}}}`,
}

func bound(t testing.TB, json string) *genome.Space {
	t.Helper()
	s, err := Bind(genome.MustParseSpace(json))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Everything a bound space draws is a network within its limits, measured as it
// reads.
func TestMeasureAgreesWithRead(t *testing.T) {
	t.Parallel()
	for name, json := range spaces {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := bound(t, json)
			r := rng.New(11)
			limits := s.Limits()
			var last genome.Genome
			for i := 0; i < 100; i++ {
				g, err := s.Random(r)
				if i > 0 && i%2 == 0 {
					g, err = s.Mutate(last, r)
				}
				if err != nil {
					t.Fatal(err)
				}
				last = g
				n, err := Read(g)
				if err != nil {
					t.Fatalf("%s: %v", g.Text(), err)
				}
				check(t, n, n.Nodes[len(n.Nodes)-1].Shape[0])
				cost, err := measure(g)
				if want := (genome.Cost{Parameters: n.Parameters(), Macs: n.Macs(), Depth: n.Depth()}); err != nil || cost != want {
					t.Fatalf("%s: measured %+v %v, read %+v", g.Text(), cost, err, want)
				}
				if limits.Parameters > 0 && cost.Parameters > limits.Parameters || limits.Macs > 0 && cost.Macs > limits.Macs ||
					limits.Depth > 0 && cost.Depth > limits.Depth {
					t.Fatalf("%s: %+v is above %+v", g.Text(), cost, limits)
				}
				again, err := s.Parse(g.Text())
				if err != nil || Key(again) != Key(g) {
					t.Fatalf("%s: another key after parsing: %v", g.Text(), err)
				}
			}
		})
	}
}

func TestHas(t *testing.T) {
	t.Parallel()
	for json, want := range map[string]bool{
		mnist1d: true,
		`{"a": {"int": [0, 100]}, "lr": {"float": [1e-4, 1e-1], "log": true}, "act": {"choice": ["relu", "mish"]}}`: false,
		`{"dropout": {"float": [0, 0.5]}, "conv": {"int": [1, 3]}, "block": {"choice": [{"channels": {"x": 3}}]}}`:  false,
		`{"l": {"list": {"conv": {"channels": {"int": [1, 3]}}}, "length": 2}}`:                                     true,
	} {
		if s := genome.MustParseSpace(json); Has(s) != want {
			t.Errorf("%s: %v, want %v", json, Has(s), want)
		}
	}
}

func TestBindRefuses(t *testing.T) {
	t.Parallel()
	for json, want := range map[string]string{
		`{"l": {"list": {"conv": {"channels": {"int": [1, 3]}}}, "length": 2}}`:                                                                  "network: missing, but the space has layers",
		`{"network": {"input": [1, 40]}, "l": {"list": {"conv": {"channels": {"int": [1, 3]}}}, "length": 2}}`:                                   "network.classes: missing",
		`{"network": {"input": [1, 0], "classes": 3}, "dense": {"int": [1, 3]}}`:                                                                 "network.input: needs whole numbers",
		`{"network": {"input": [1], "classes": 3, "output": 3}, "dense": {"int": [1, 3]}}`:                                                       "network.output: unknown key",
		`{"network": {"input": [1, 40], "classes": 3}, "l": {"list": {"conv": {"channels": {"int": [1, 3]}, "kernal": 3}}, "length": 2}}`:        `l[0].conv: has no parameter "kernal"`,
		`{"network": {"input": [16], "classes": 3}, "l": {"list": {"block": {"channels": {"int": [1, 3]}}}, "length": 2}}`:                       "l[0]: needs [channels, length]",
		`{"network": {"input": [1, 40], "classes": 3}, "stack": {"cells": {"int": [1, 3]}, "channels": 4, "reductions": 0}}`:                     "stack: needs a cell",
		`{"network": {"input": [1, 40], "classes": 3}, "c": {"cell": {"edges": ["skip", "conv3"], "nodes": 3, "isomorphism": "approximately"}}}`: "isomorphism is approximately",
		`{"model": [{"block": {"channels": 3, "depth": {"int": [1, 3]}}}]}`: `network: missing, but the space has layers: "block" with "channels" is one; ` +
			`write network: {input: [1, 40], classes: 10}, or give a gene that is no layer another name`,
		// What is wrong in some genomes only would otherwise never be drawn.
		`{"network": {"input": [1, 40], "classes": 3}, "stack": {"cell": {"cell": {"edges": ["none", "skip", "c3"], "nodes": 3}},
			"channels": 4, "reductions": 0, "cells": 2}}`: `"c3" is no operation of a cell`,
		`{"network": {"input": [1, 40], "classes": 3}, "l": {"list": {"conv": {"channels": 4, "act": {"choice": ["relu", "mihs"]}}}, "length": 2}}`: "act is mihs; it is one of",
	} {
		_, err := Bind(genome.MustParseSpace(json))
		var e *genome.Mistake
		if err == nil || !errors.As(err, &e) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s\n got %v\nwant %s", json, err, want)
		}
	}
	if _, err := Bind(genome.MustParseSpace(`{"act": {"choice": ["relu", "mish"]}}`)); err != nil {
		t.Error(err)
	}
}

func TestKey(t *testing.T) {
	t.Parallel()
	s := bound(t, mnist1d)
	parse := func(s *genome.Space, text string) genome.Genome {
		t.Helper()
		g, err := s.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	const (
		base = "blocks=[block(channels=8 kernel=5 stride=2 dilation=1 pool=none norm=yes residual=no) " +
			"block(channels=6 kernel=3 stride=1 dilation=1 pool=none norm=yes residual=no)] head=(pool=average dropout=0.1) act=relu pad_mode=zero lr=0.01"
		unread = "blocks=[block(channels=8 kernel=5 stride=2 dilation=4 pool=max norm=yes residual=yes) " +
			"block(channels=6 kernel=3 stride=1 dilation=1 pool=none norm=yes residual=no)] head=(pool=average dropout=0.1) act=relu pad_mode=zero lr=0.01"
	)
	form := func(text string) string { // elements of the list are groups of one layer
		return strings.NewReplacer("block(", "(block=(", "=no) ", "=no)) ", "=yes) ", "=yes)) ", "=no)]", "=no))]").Replace(text)
	}
	a := parse(s, form(base))
	if b := parse(s, form(unread)); a == b || Key(a) != Key(b) {
		t.Error("genes that a stride excludes make another key")
	}
	for _, change := range [][2]string{{"lr=0.01", "lr=0.02"}, {"kernel=3", "kernel=5"}, {"dropout=0.1", "dropout=0.2"}, {"norm=yes", "norm=no"}} {
		if b := parse(s, form(strings.Replace(base, change[0], change[1], 1))); Key(a) == Key(b) {
			t.Errorf("%s -> %s makes no other key", change[0], change[1])
		}
	}
	plain := genome.MustParseSpace(`{"a": {"int": [0, 9]}}`)
	if g := parse(plain, "a=3"); Key(g) != g.Hash() {
		t.Error("a genome without layers has another key than its hash")
	}
}

// Sources count from the cell's inputs, however many it has.
func TestCellOfOneInput(t *testing.T) {
	t.Parallel()
	g, err := bound(t, spaces["one input"]).Parse("tail=|sep_conv_3x3~0|skip_connect~0|+|skip_connect~1|sep_conv_3x3~0|+|skip_connect~2|skip_connect~1|")
	if err != nil {
		t.Fatal(err)
	}
	n, err := Read(g)
	if err != nil {
		t.Fatal(err)
	}
	projections := 0
	for _, node := range n.Nodes {
		if strings.HasPrefix(node.Name, "tail.input") && node.Op == Conv {
			projections++
		}
	}
	// The last node adds both others and nobody reads it: it is the answer.
	if last := n.Nodes[len(n.Nodes)-3]; projections != 1 || last.Op != Add || last.Name != "tail[2].add" {
		t.Errorf("%d projections, ends in %s:\n%s", projections, last.Name, n)
	}
}

// A space may ask for the equivalence that NAS-Bench-201 published.
func TestKeyAsPublished(t *testing.T) {
	t.Parallel()
	space := func(constant string) *genome.Space {
		return bound(t, `{"network": {"input": [3, 32, 32], "classes": 10}, "stack": {"channels": 16, "cells": 15,
			"cell": {"cell": {"edges": ["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"], "nodes": 4`+constant+`}}}}`)
	}
	published, exact := space(`, "isomorphism": "published"`), space("")
	keys := func(s *genome.Space, cell string) genome.Hash {
		g, err := s.Parse("stack=(cell=" + cell + ")")
		if err != nil {
			t.Fatal(err)
		}
		return Key(g)
	}
	// One convolution used twice, and two convolutions: twice the parameters.
	const twice = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|skip_connect~1|skip_connect~2|"
	const two = "|nor_conv_3x3~0|+|nor_conv_3x3~0|none~1|+|none~0|skip_connect~1|skip_connect~2|"
	if keys(exact, twice) == keys(exact, two) {
		t.Error("one convolution is two")
	}
	var published201, want []string
	for _, row := range table(t, "nasbench201.csv.gz") {
		published201, want = append(published201, keys(published, row["arch"]).String()), append(want, row["iso_class"])
	}
	if n, same := partition(published201, want); n != 6466 || !same {
		t.Errorf("%d keys, the published partition: %v; want 6466, true", n, same)
	}
}

func BenchmarkRead(b *testing.B) {
	s := bound(b, strings.Replace(mnist1d, `[2, 6]`, `6`, 1))
	g, err := s.Random(rng.New(1))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		n, err := Read(g)
		if err != nil || n.Parameters() == 0 {
			b.Fatal(err)
		}
	}
}
