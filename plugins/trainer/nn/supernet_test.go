package nn

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/network"
	"github.com/nascent-nas/nascent/genome/network/networktest"
	"github.com/nascent-nas/nascent/genome/rng"
)

var superSpaces = map[string]string{
	"edges": `{"network": {"input": [1, 24], "classes": 4},
		"stack": {"cell": {"cell": {"edges": ["none", "skip_connect", "nor_conv_1", "nor_conv_3", "dil_conv_3", "avg_pool_3", "max_pool_3"], "nodes": 4}},
		"channels": 3, "cells": 3, "reductions": 2}}`,
	"pairs": `{"network": {"input": [2, 8, 8], "classes": 4}, "define": {"cell": {"cell": {"pairs": ["skip_connect", "sep_conv_3x3", "max_pool_3x3"], "nodes": 3, "distinct": true}}},
		"stack": {"normal": {"use": "cell"}, "reduction": {"use": "cell"}, "channels": 4, "cells": 3, "reductions": 1}}`,
}

func superSpace(t testing.TB, name string) (*genome.Space, *network.Supernet) {
	t.Helper()
	s := networktest.Space(t, superSpaces[name])
	n, err := network.ReadSupernet(s)
	if err != nil {
		t.Fatal(err)
	}
	return s, n
}

// someSamples draws n samples for a network.
func someSamples(net *network.Network, n int) (x []float32, y []int32) {
	r := rng.New(8)
	for range n * product(net.Nodes[0].Shape) {
		x = append(x, float32(r.Normal()))
	}
	for range n {
		y = append(y, int32(r.Intn(4)))
	}
	return x, y
}

// alone is the stand-alone model of a genome with the weights of a supernet.
func alone(t testing.TB, s *Supernet, net *network.Supernet, path [][]int, g genome.Genome) *Model {
	t.Helper()
	single, err := network.Read(g)
	if err != nil {
		t.Fatal(err)
	}
	m, err := Build(single, Options{Batch: 20, Optimizer: "sgd"})
	if err != nil {
		t.Fatal(err)
	}
	m.feed.alike = true
	given := map[string]*parameter[float32]{}
	for i, l := range s.model.parameters.layers {
		if l == nil {
			continue
		}
		name := net.Network.Nodes[i].Name
		if gate := net.Gates[i]; gate.Mixture >= 0 {
			c := net.Mixes[gate.Mixture].Choice
			if !slices.Contains(path[c], gate.Option) {
				continue
			}
			// The operation stands in the name: cells[0][0][1].nor_conv_3.conv.
			name = strings.Replace(name, "."+net.Choices[c].Options[gate.Option]+".", ".", 1)
			if net.Choices[c].Pairs { // one's own counts a node's inputs, the supernet its sources
				continue
			}
		}
		for _, p := range []*parameter[float32]{l.weight, l.bias} {
			if p != nil {
				given[name+p.Name[strings.LastIndexByte(p.Name, '.'):]] = p
			}
		}
	}
	for _, p := range m.parameters.list {
		from := given[p.Name]
		if from == nil {
			t.Fatalf("the supernet has no %s", p.Name)
		}
		copy(p.data, from.data)
	}
	return m
}

// A path through the supernet computes what the network of its own computes with
// the same weights, and the same gradients, bit by bit.
func TestSupernetPathIsTheNetworkAlone(t *testing.T) {
	t.Parallel()
	space, net := superSpace(t, "edges")
	s, err := BuildSupernet(net, true, Options{Batch: 20, Seed: 3, Optimizer: "sgd"})
	if err != nil {
		t.Fatal(err)
	}
	x, y := someSamples(net.Network, 20)
	r := rng.New(4)
	for range 25 {
		g, err := space.Random(r)
		if err != nil {
			t.Fatal(err)
		}
		path, err := net.Path(g)
		if err != nil {
			t.Fatal(err)
		}
		m := alone(t, s, net, path, g)
		s.Use(path)
		loss, correct, err := s.Gradients(x, y)
		if err != nil {
			t.Fatal(err)
		}
		want, right, err := m.Train(x, y, 0)
		if err != nil {
			t.Fatal(err)
		}
		if loss != want || correct != right {
			t.Fatalf("%s: loss %v and %d correct; alone %v and %d", g.Text(), loss, correct, want, right)
		}
		var sum, sumAlone float64
		for _, p := range s.model.parameters.list {
			if p.from != nil && !p.from.absent {
				for _, v := range p.grad {
					sum += math.Abs(float64(v))
				}
			}
		}
		for _, p := range m.parameters.list {
			for _, v := range p.grad {
				sumAlone += math.Abs(float64(v))
			}
		}
		if math.Abs(sum-sumAlone) > 1e-5*sumAlone || sum == 0 {
			t.Fatalf("%s: gradients of %v in all; alone %v", g.Text(), sum, sumAlone)
		}
		if lossEval, _, err := s.Eval(x, y); err != nil || math.Abs(lossEval/20-loss) > 1e-6 {
			t.Fatalf("measured, its loss is %v; trained %v: %v", lossEval/20, loss, err)
		}
		if _, _, err := s.Train(x, y, 0.05); err != nil { // so that the next one has other weights
			t.Fatal(err)
		}
	}
}

// The gradient by the weights of the mixtures is what the loss does when they
// change.
func TestSupernetMixGradients(t *testing.T) {
	t.Parallel()
	for name := range superSpaces {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, net := superSpace(t, name)
			s, err := BuildSupernet(net, false, Options{Batch: 20, Seed: 3})
			if err != nil {
				t.Fatal(err)
			}
			x, y := someSamples(net.Network, 20)
			r := rng.New(5)
			weights := make([][]float64, len(net.Choices))
			for i, c := range net.Choices {
				for range c.Options {
					weights[i] = append(weights[i], 0.1+0.4*r.Float64())
				}
			}
			s.Mix(weights)
			if _, _, err := s.Gradients(x, y); err != nil {
				t.Fatal(err)
			}
			got := s.MixGradients()
			loss := func() float64 {
				s.Mix(weights)
				l, _, err := s.Eval(x, y)
				if err != nil {
					t.Fatal(err)
				}
				return l / 20
			}
			// Differences in float32 are coarse and the rectifiers have kinks: judge
			// the whole vector.
			var dots, squares, wants float64
			for i := range weights {
				for k := range weights[i] {
					const h = 1e-3
					old := weights[i][k]
					weights[i][k] = old + h
					up := loss()
					weights[i][k] = old - h
					down := loss()
					weights[i][k] = old
					want := (up - down) / (2 * h)
					dots += want * got[i][k]
					squares += got[i][k] * got[i][k]
					wants += want * want
				}
			}
			if cosine, ratio := dots/math.Sqrt(squares*wants), math.Sqrt(squares/wants); cosine < 0.999 || math.Abs(ratio-1) > 0.02 {
				t.Errorf("the gradient and the differences have the cosine %v and lengths in the ratio %v", cosine, ratio)
			}
		})
	}
}

// A step changes the weights on the path and no others, and a state goes on
// where it was taken.
func TestSupernetSteps(t *testing.T) {
	t.Parallel()
	for name := range superSpaces {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			space, net := superSpace(t, name)
			o := Options{Batch: 20, Seed: 3}
			build := func() *Supernet {
				s, err := BuildSupernet(net, true, o)
				if err != nil {
					t.Fatal(err)
				}
				return s
			}
			s := build()
			x, y := someSamples(net.Network, 20)
			train := func(s *Supernet, seed uint64) {
				g, err := space.Random(rng.New(seed))
				if err != nil {
					t.Fatal(err)
				}
				path, err := net.Path(g)
				if err != nil {
					t.Fatal(err)
				}
				before := map[string][]float32{}
				for _, p := range s.model.parameters.list {
					before[p.Name] = slices.Clone(p.data)
				}
				s.Use(path)
				if _, _, err := s.Train(x, y, 0.01); err != nil {
					t.Fatal(err)
				}
				changed := 0
				for i, l := range s.model.parameters.layers {
					if l == nil {
						continue
					}
					gate := net.Gates[i]
					on := gate.Mixture < 0 || slices.Contains(path[net.Mixes[gate.Mixture].Choice], gate.Option)
					for _, p := range []*parameter[float32]{l.weight, l.bias} {
						if p == nil {
							continue
						}
						same := slices.Equal(before[p.Name], p.data)
						if !on && !same {
							t.Errorf("%s changes although it is not on the path", p.Name)
						}
						if on && !same {
							changed++
						}
					}
				}
				if changed < 5 {
					t.Errorf("only %d parameters changed", changed)
				}
			}
			for seed := range uint64(6) {
				train(s, seed)
			}
			again := build()
			if err := again.Load(s.State()); err != nil {
				t.Fatal(err)
			}
			for seed := range uint64(3) {
				train(s, 10+seed)
				train(again, 10+seed)
			}
			if !slices.Equal(s.Weights(), again.Weights()) {
				t.Error("a state that was taken over goes on in another way")
			}
			if err := again.Load(nil); err == nil {
				t.Error("takes over nothing")
			}
		})
	}
}
