package genome

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// everything is a space with every kind of gene.
const everything = `{
"network": {"input": [1, 40], "classes": 10},
"limits": {"parameters": 5210},
"define": {"motif": {"choice": ["conv", "pool", {"seq": {"parts": {"list": {"use": "motif"}, "length": [1, 3]}}}]}},
"variation": {"changes": [1, 1, 2], "weights": {"blocks": 2, "blocks.op.conv": 0.5}},
"lr": {"float": [1e-4, 1e-1], "log": true}, "wd": {"float": [0, 1], "step": 0.1}, "mix": {"float": [-0.5, 0.5]},
"n": {"int": [2, 10], "step": 2}, "width": {"int": [1, 1000], "log": true},
"act": {"choice": ["relu", "mish", "a b"], "weights": [2, 1, 1]}, "on": {"bool": true}, "k": 3,
"bits": {"list": "bool", "length": [4, 8]},
"blocks": {"list": {"channels": {"choice": [4, 8, 12, 16], "ordered": true},
  "op": {"choice": [{"conv": {"kernel": {"int": [1, 9]}, "pad": "same", "act": {"from": "act"}}}, {"sep": {"kernel": {"int": [1, 9]}}}, "skip", {"same": {"x": 1}}]}}, "length": [1, 4]},
"fixed": {"list": {"int": [0, 3]}, "length": 3},
"same": {"list": {"x": 1}, "length": [0, 3]},
"edges": {"cell": {"edges": ["none", "skip", "+x"], "nodes": 4, "channels": 16}},
"nodes": {"cell": {"vertices": ["c3", "c1", "mp"], "nodes": [3, 7], "max_edges": 9}},
"pairs": {"cell": {"pairs": ["sep", "dil"], "nodes": 3, "combine": ["add", "concat"]}},
"stack": {"cell": {"pairs": ["sep", "dil"], "nodes": 2, "distinct": true}, "cells": 5},
"rec": {"use": "motif", "depth": 2},
"branches": [{"a": {"int": [0, 3]}}, 5, "bool"]}`

// anySpace draws a declaration.
func anySpace(t *rapid.T) *Space {
	n := 0
	tree := Map{}
	for range rapid.IntRange(1, 4).Draw(t, "genes") {
		tree = append(tree, Entry{fmt.Sprintf("g%d", n), anyGene(t, 0)})
		n++
	}
	if rapid.Bool().Draw(t, "recursion") {
		tree = append(tree,
			Entry{"define", Map{{"d", Map{{"choice", []any{"leaf",
				Map{{"node", Map{{"x", anyGene(t, 3)}, {"sub", Map{{"list", Map{{"use", "d"}}}, {"length", []any{0, 2}}}}}}}}}}}}},
			Entry{"r", Map{{"use", "d"}, {"depth", rapid.IntRange(0, 2).Draw(t, "depth")}}})
	}
	if rapid.Bool().Draw(t, "copy") {
		tree = append(tree, Entry{"copy", Map{{"from", "g0"}}})
	}
	tree = append(tree, Entry{"variation", Map{{"changes", []any{1, 2}}}})
	s, err := ParseSpace(tree)
	if err != nil {
		t.Fatalf("a good declaration is refused: %v\n%s", err, describe(tree))
	}
	return s
}

func anyGene(t *rapid.T, depth int) any {
	most := 10
	if depth >= 3 {
		most = 5
	}
	pick := rapid.IntRange(0, most).Draw(t, "kind")
	flag := func(name string) bool { return rapid.Bool().Draw(t, name) }
	number := func(name string, lo, hi int) int { return rapid.IntRange(lo, hi).Draw(t, name) }
	switch pick {
	case 0:
		lo := number("lo", -5, 100)
		log := lo > 0 && flag("log")
		return Map{{"int", []any{lo, lo + number("span", 0, 200)}}, {"step", number("step", 1, 3)}, {"log", log}}
	case 1:
		if flag("log") {
			return Map{{"float", []any{1e-4, 0.3}}, {"log", true}}
		}
		return Map{{"float", []any{-1.5, number("hi", 0, 9)}}}
	case 2:
		return Map{{"float", []any{0, 2}}, {"step", 0.25}}
	case 3:
		return "bool"
	case 4:
		ops := []any{"relu", 3, 0.001, true, "odd name~|", "x/y"}
		return Map{{"choice", ops[:number("options", 1, len(ops))]}, {"ordered", flag("ordered")}}
	case 5:
		return number("constant", 0, 9)
	case 6:
		m := Map{}
		for i := range number("fields", 1, 3) {
			m = append(m, Entry{fmt.Sprintf("f%d", i), anyGene(t, depth+1)})
		}
		return m
	case 7:
		lo := number("lo", 0, 2)
		return Map{{"list", anyGene(t, depth+1)}, {"length", []any{lo, lo + number("span", 1, 3)}}}
	case 8:
		return Map{{"choice", []any{"none", Map{{"a", Map{{"x", anyGene(t, depth+1)}}}},
			Map{{"b", Map{{"x", Map{{"int", []any{1, 5}}}}, {"y", anyGene(t, depth+1)}}}}}}}
	case 9:
		return []any{anyGene(t, depth+1), anyGene(t, depth+1)}
	}
	switch number("cell", 0, 2) {
	case 0:
		return Map{{"cell", Map{{"edges", []any{"none", "skip", "conv 3"}}, {"nodes", number("nodes", 2, 4)}}}}
	case 1:
		hi := number("nodes", 2, 6)
		full := hi * (hi - 1) / 2
		return Map{{"cell", Map{{"vertices", []any{"c3", "c1"}}, {"nodes", []any{number("low", 2, hi), hi}}, {"max_edges", number("edges", hi-1, full)}}}}
	}
	combine := []any{"add", "concat"}
	return Map{{"cell", Map{{"pairs", []any{"sep", "+dil"}[:number("ops", 1, 2)]}, {"nodes", number("nodes", 1, 3)},
		{"distinct", flag("distinct")}, {"combine", combine[:number("combine", 1, 2)]}}}}
}

func mustParse(t testing.TB, s *Space, text string) Genome {
	t.Helper()
	g, err := s.Parse(text)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return g
}
