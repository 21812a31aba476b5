package search

import (
	"cmp"
	"math"
	"slices"

	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/network"
	"github.com/nascent-nas/nascent/genome/rng"
	"github.com/nascent-nas/nascent/plugins/supernet/orders"
)

// fresh are the alphas of the beginning: nearly equal, with a little noise (Liu
// et al. 2018 draw them with a standard deviation of 0.001).
func fresh(n *network.Supernet, seed uint64) orders.Alphas {
	var a orders.Alphas
	r := rng.New(seed).Split("alphas")
	for _, c := range n.Choices {
		row := make([]float64, len(c.Options))
		for k := range row {
			row[k] = 1e-3 * r.Normal()
		}
		a.Logits = append(a.Logits, row)
		a.First = append(a.First, make([]float64, len(row)))
		a.Second = append(a.Second, make([]float64, len(row)))
	}
	return a
}

// weigh is the softmax of logits without the option none (-1: with all), which
// gets 0.
func weigh(logits []float64, none int) []float64 {
	if none >= 0 {
		logits = slices.Clone(logits)
		logits[none] = math.Inf(-1)
	}
	return orders.Softmax(logits, 1)
}

// skips is how much of a cell hands its input on: the share of the operations of
// the arg max cells, and the mean softmax weight over all choices.
func skips(n *network.Supernet, logits [][]float64) (share, mass float64) {
	of, count := 0, 0
	for i, options := range arg(n, logits) {
		for _, k := range options {
			count++
			if k == n.Choices[i].Skip {
				of++
			}
		}
		if s := n.Choices[i].Skip; s >= 0 {
			mass += weigh(logits[i], -1)[s]
		}
	}
	return float64(of) / float64(max(count, 1)), mass / float64(len(logits))
}

// arg is the path of the largest alphas, as the paper derives it (Liu et al.
// 2018, section 2.4): none does not take part; in a cell of pairs each node keeps
// the two sources whose strongest operations are strongest.
func arg(n *network.Supernet, logits [][]float64) [][]int {
	return derive(n, logits, orders.Largest)
}

// derive makes a path. pick chooses one of several by weights.
func derive(n *network.Supernet, logits [][]float64, pick func(weights []float64) int) [][]int {
	path := make([][]int, len(logits))
	type node struct {
		cell string
		node int
	}
	var order []node
	sources := map[node][]int{} // choices
	for i, c := range n.Choices {
		if !c.Pairs {
			path[i] = []int{pick(weigh(logits[i], c.None))}
			continue
		}
		at := node{c.Cell, c.Node}
		if sources[at] == nil {
			order = append(order, at)
		}
		sources[at] = append(sources[at], i)
	}
	for _, at := range order {
		left := slices.Clone(sources[at])
		for range min(2, len(left)) {
			weights := make([]float64, len(left))
			for j, i := range left {
				weights[j] = slices.Max(weigh(logits[i], n.Choices[i].None))
			}
			j := pick(weights)
			i := left[j]
			path[i] = append(path[i], pick(weigh(logits[i], n.Choices[i].None)))
			left = slices.Delete(left, j, j+1)
		}
		if len(sources[at]) == 1 { // one source for both inputs
			i := sources[at][0]
			path[i] = append(path[i], pick(weigh(logits[i], n.Choices[i].None)))
		}
	}
	return path
}

// stands is the genome of the largest alphas.
func stands(n *network.Supernet, logits [][]float64) (genome.Genome, error) {
	return n.Genome(arg(n, logits))
}

// ranking lists the options of every choice, the strongest first.
func ranking(logits [][]float64) [][]int {
	out := make([][]int, len(logits))
	for i, row := range logits {
		for k := range row {
			out[i] = append(out[i], k)
		}
		slices.SortStableFunc(out[i], func(a, b int) int { return cmp.Compare(row[b], row[a]) })
	}
	return out
}
