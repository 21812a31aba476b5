package network

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/rng"
)

var superSpaces = map[string]string{
	"edges": `{"network": {"input": [1, 40], "classes": 10},
		"stack": {"cell": {"cell": {"edges": ["none", "skip_connect", "nor_conv_1", "nor_conv_3", "dil_conv_3", "avg_pool_3", "max_pool_3"], "nodes": 4}},
		"channels": 3, "cells": 3, "reductions": 2}}`,
	"pairs": `{"network": {"input": [3, 8, 8], "classes": 5}, "define": {"cell": {"cell": {"pairs": ["skip_connect", "sep_conv_3x3", "max_pool_3x3"], "nodes": 3, "inputs": 2, "distinct": true}}},
		"stack": {"normal": {"use": "cell"}, "reduction": {"use": "cell"}, "channels": 4, "cells": 4, "reductions": 1}}`,
	"pairs of one input": `{"network": {"input": [1, 16], "classes": 2},
		"stack": {"cell": {"cell": {"pairs": ["skip", "conv3", "none"], "nodes": 2, "inputs": 1}}, "channels": 4, "cells": 2, "reductions": 0}}`,
}

// superSpace reads and binds a space.
func superSpace(t *testing.T, declaration string) *genome.Space {
	t.Helper()
	s, err := genome.ParseSpaceJSON([]byte(declaration))
	if err != nil {
		t.Fatal(err)
	}
	if s, err = Bind(s); err != nil {
		t.Fatal(err)
	}
	return s
}

// The layers that are open on a genome's path are those of its own network, in
// all that they say.
func TestSupernetHoldsEveryNetwork(t *testing.T) {
	t.Parallel()
	for name, declaration := range superSpaces {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := superSpace(t, declaration)
			n, err := ReadSupernet(s)
			if err != nil {
				t.Fatal(err)
			}
			if len(n.Gates) != len(n.Network.Nodes) {
				t.Fatalf("%d gates for %d layers", len(n.Gates), len(n.Network.Nodes))
			}
			r := rng.New(2)
			for range 100 {
				g, err := s.Random(r)
				if err != nil {
					t.Fatal(err)
				}
				alone, err := Read(g)
				if err != nil {
					t.Fatal(err)
				}
				path, err := n.Path(g)
				if err != nil {
					t.Fatal(err)
				}
				if back, err := n.Genome(path); err != nil || back != g {
					t.Fatalf("%s has a path that leads to %s: %v", g.Text(), back.Text(), err)
				}
				want, got := layers(alone.Nodes, nil), layers(n.Network.Nodes, func(i int) (times int) {
					gate := n.Gates[i]
					if gate.Mixture < 0 {
						return 1
					}
					for _, option := range path[n.Mixes[gate.Mixture].Choice] {
						if option == gate.Option {
							times++
						}
					}
					return times
				})
				if !slices.Equal(want, got) {
					t.Fatalf("%s is\n%s\nits path through the supernet\n%s", g.Text(), strings.Join(want, "\n"), strings.Join(got, "\n"))
				}
			}
		})
	}
}

// layers are those that compute, without their names and places, sorted. times
// says how often a layer counts: a genome may have an operation twice where the
// supernet has it once.
func layers(nodes []Node, times func(i int) int) []string {
	var out []string
	for i, n := range nodes {
		switch n.Op {
		case Conv, Norm, MaxPool, AvgPool, Dense:
			count := 1
			if times != nil {
				count = times(i)
			}
			n.Inputs, n.Name = nil, ""
			for range count {
				out = append(out, fmt.Sprintf("%+v", n))
			}
		}
	}
	slices.Sort(out)
	return out
}

func TestSupernetChoices(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"edges":              "stack.cell.edge(0,1) stack.cell.edge(0,2) stack.cell.edge(1,2) stack.cell.edge(0,3) stack.cell.edge(1,3) stack.cell.edge(2,3)",
		"pairs of one input": "stack.cell.node0~0 stack.cell.node1~0 stack.cell.node1~1",
	} {
		n, err := ReadSupernet(superSpace(t, superSpaces[name]))
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, c := range n.Choices {
			names = append(names, c.Name)
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%s: choices %s, want %s", name, got, want)
		}
	}
	n, err := ReadSupernet(superSpace(t, superSpaces["pairs"]))
	if err != nil {
		t.Fatal(err)
	}
	if len(n.Choices) != 2*(2+3+4) || len(n.Mixes) != 4*(2+3+4) {
		t.Errorf("%d choices and %d mixtures", len(n.Choices), len(n.Mixes))
	}
	for _, c := range n.Choices {
		if c.Skip != 0 || c.None != -1 || !c.Pairs || !c.Distinct {
			t.Errorf("a choice is %+v", c)
		}
	}
	if n, err = ReadSupernet(superSpace(t, superSpaces["pairs of one input"])); err != nil || n.Choices[0].Distinct {
		t.Errorf("inputs that may be the same are said to be distinct: %+v %v", n.Choices[0], err)
	}
}

func TestSupernetRefusals(t *testing.T) {
	t.Parallel()
	cell := `{"cell": {"edges": ["skip", "conv3"], "nodes": 3}}`
	for declaration, want := range map[string]string{
		`{"network": {"input": [1, 40], "classes": 10}, "lr": {"float": [0.1, 1]}, "stack": {"cell": ` + cell + `, "channels": 4, "cells": 3}}`: "also searches lr",
		`{"network": {"input": [1, 40], "classes": 10}, "l": {"list": {"block": {"channels": 4}},
			"length": [1, 3]}}`: "also searches the length of l:",
		`{"network": {"input": [1, 40], "classes": 10}, "stack": {"cell": {"cell": {"vertices": ["conv3x3"], "nodes": [3, 5]}}, "channels": 4, "cells": 3}}`:                            "stack.cell.nodes",
		`{"network": {"input": [4, 40], "classes": 10}, "net": [` + cell + `]}`:                                                                                                         "put it into a stack",
		`{"network": {"input": [1, 40], "classes": 10}, "dense": {"units": 4}}`:                                                                                                         "nothing to choose",
		`{"network": {"input": [1, 16], "classes": 2}, "stack": {"cell": {"cell": {"pairs": ["skip", "conv3"], "nodes": 2, "output": "loose"}}, "channels": 4, "cells": 3}}`:            "output: all",
		`{"network": {"input": [1, 16], "classes": 2}, "stack": {"cell": {"cell": {"pairs": ["skip", "conv3"], "nodes": 2, "combine": ["add", "concat"]}}, "channels": 4, "cells": 3}}`: "combine",
		`{"network": {"input": [1, 16], "classes": 2}, "stack": {"cell": {"cell": {"pairs": ["conv3"], "nodes": 2}}, "channels": 4, "cells": 3}}`:                                       "one operation only",
	} {
		_, err := ReadSupernet(superSpace(t, declaration))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v; want it to say %q", declaration, err, want)
		}
	}
}
