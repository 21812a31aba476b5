package network

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/rng"
)

// bipartite is a network of two rows of convolutions: each of the second reads the
// sum of those of the first that its row of times counts, and the answer is over
// the sum of the second. All that tells its layers apart is who reads whom.
func bipartite(times [][]int) *Network {
	conv := Node{Op: Conv, Channels: 1, Shape: []int{1, 4}, Kernel: []int{1}, Stride: []int{1}, Dilation: []int{1}, Pad: []int{0}, Groups: 1}
	n := &Network{Nodes: []Node{{Op: Input, Shape: []int{1, 4}}}}
	append := func(node Node, inputs ...int) int {
		node.Inputs = inputs
		n.Nodes = append(n.Nodes, node)
		return len(n.Nodes) - 1
	}
	var first, second []int
	for range times[0] {
		first = slices.Concat(first, []int{append(conv, 0)})
	}
	for _, row := range times {
		var terms []int
		for k, count := range row {
			terms = slices.Concat(terms, slices.Repeat([]int{first[k]}, count))
		}
		second = slices.Concat(second, []int{append(conv, append(Node{Op: Add, Shape: conv.Shape}, terms...))})
	}
	append(Node{Op: Dense, Channels: 2, Shape: []int{2}}, append(Node{Op: Add, Shape: conv.Shape}, second...))
	return n
}

// doubled is the network of an undirected graph: every vertex stands in both rows,
// reads itself twice and its neighbours once.
func doubled(n int, edges [][2]int) *Network {
	times := make([][]int, n)
	for i := range times {
		times[i] = make([]int, n)
		times[i][i] = 2
	}
	for _, e := range edges {
		times[e[0]][e[1]]++
		times[e[1]][e[0]]++
	}
	return bipartite(times)
}

// leastMatrix is the canonical form of a matrix under permutations of its rows and
// of its columns, by trying all.
func leastMatrix(times [][]int) string {
	best := ""
	columns := make([]int, len(times[0]))
	for i := range columns {
		columns[i] = i
	}
	permute(columns, len(columns), func() {
		rows := make([]string, len(times))
		for i, row := range times {
			for _, c := range columns {
				rows[i] += fmt.Sprint(row[c], " ")
			}
		}
		slices.Sort(rows)
		if s := strings.Join(rows, "|"); best == "" || s < best {
			best = s
		}
	})
	return best
}

// permute calls f with every order of the first n values (Heap's algorithm).
func permute(values []int, n int, f func()) {
	if n <= 1 {
		f()
		return
	}
	for i := range n {
		permute(values, n-1, f)
		j := i
		if n%2 == 1 {
			j = 0
		}
		values[j], values[n-1] = values[n-1], values[j]
	}
}

// Hashes are equal exactly for isomorphic networks, as trying all orders says.
func TestHashIsExact(t *testing.T) {
	t.Parallel()
	r := rng.New(5)
	byForm, byHash := map[string]genome.Hash{}, map[genome.Hash]string{}
	colliding := map[genome.Hash]map[string]bool{} // by revision 0 of the rules
	for i := range 3000 {
		rows, columns := 2+r.Intn(4), 2+r.Intn(4)
		if i%2 == 0 {
			rows, columns = 4, 4
		}
		times := make([][]int, rows)
		for k := range times {
			times[k] = make([]int, columns)
			if i%2 == 0 { // regular ones are hard to tell apart
				for _, c := range []int{0, 1} {
					times[k][(k+c)%columns] = 1
				}
				continue
			}
			for c := range times[k] {
				times[k][c] = r.Intn(2 + i%3/2)
			}
			times[k][r.Intn(columns)] = 1
		}
		if i%2 == 0 { // switchings keep every degree
			for range r.Intn(12) {
				a, b, c, d := r.Intn(rows), r.Intn(rows), r.Intn(columns), r.Intn(columns)
				if times[a][c] > 0 && times[b][d] > 0 && times[a][d] == 0 && times[b][c] == 0 {
					times[a][c], times[b][d], times[a][d], times[b][c] = 0, 0, 1, 1
				}
			}
		}
		n := bipartite(times)
		form, hash := leastMatrix(dropEmpty(times)), n.Hash()
		if old, ok := byForm[form]; ok && old != hash {
			t.Fatalf("%s has two hashes", form)
		}
		if old, ok := byHash[hash]; ok && old != form {
			t.Fatalf("%s and %s have one hash", form, old)
		}
		byForm[form], byHash[hash] = hash, form
		if colliding[n.HashBy(0)] == nil {
			colliding[n.HashBy(0)] = map[string]bool{}
		}
		colliding[n.HashBy(0)][form] = true
	}
	hard := 0
	for _, forms := range colliding {
		if len(forms) > 1 {
			hard++
		}
	}
	if len(byForm) < 200 || hard == 0 {
		t.Errorf("%d networks, %d colours that several have: too easy", len(byForm), hard)
	}
}

// dropEmpty leaves out columns that nobody reads: dead layers.
func dropEmpty(times [][]int) [][]int {
	out := make([][]int, len(times))
	for c := range times[0] {
		used := slices.ContainsFunc(times, func(row []int) bool { return row[c] > 0 })
		for k := range times {
			if used {
				out[k] = append(out[k], times[k][c])
			}
		}
	}
	return out
}

// cycles are the edges of cycles of such lengths.
func cycles(lengths ...int) (n int, edges [][2]int) {
	for _, l := range lengths {
		for i := range l {
			edges = append(edges, [2]int{n + i, n + (i+1)%l})
		}
		n += l
	}
	return n, edges
}

// cfi are the graphs of Cai, Fürer and Immerman (1992) over a base graph of degree
// 3: a gadget for each vertex, and one edge twisted or not. Refinement of colours,
// even of tuples, does not tell the two apart.
func cfi(base [][2]int, vertices int, twisted bool) (n int, edges [][2]int) {
	ends := map[[3]int]int{} // vertex, edge, 0 or 1
	for e, b := range base {
		for _, v := range b {
			for bit := range 2 {
				ends[[3]int{v, e, bit}] = n
				n++
			}
		}
	}
	for v := range vertices {
		var at []int
		for e, b := range base {
			if b[0] == v || b[1] == v {
				at = append(at, e)
			}
		}
		for set := range 1 << len(at) {
			odd := 0
			for k := range at {
				odd ^= set >> k & 1
			}
			if odd == 1 {
				continue
			}
			for k, e := range at {
				edges = append(edges, [2]int{n, ends[[3]int{v, e, set >> k & 1}]})
			}
			n++
		}
	}
	for e, b := range base {
		for bit := range 2 {
			other := bit
			if twisted && e == 0 {
				other = 1 - bit
			}
			edges = append(edges, [2]int{ends[[3]int{b[0], e, bit}], ends[[3]int{b[1], e, other}]})
		}
	}
	return n, edges
}

// renumbered is the graph with its vertices in another order.
func renumbered(n int, edges [][2]int, r *rng.Rand) *Network {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	r.Shuffle(n, func(a, b int) { order[a], order[b] = order[b], order[a] })
	out := make([][2]int, len(edges))
	for i, e := range edges {
		out[i] = [2]int{order[e[0]], order[e[1]]}
	}
	return doubled(n, out)
}

// Graphs that refinement of colours does not tell apart have hashes of their own,
// the same in every order.
func TestHashOfRegularGraphs(t *testing.T) {
	t.Parallel()
	type graph struct {
		n     int
		edges [][2]int
	}
	families := map[string]map[string]graph{"cycles": {}, "strongly regular": {}, "cfi": {}}
	for _, lengths := range [][]int{{12}, {3, 9}, {4, 8}, {5, 7}, {6, 6}, {3, 3, 6}, {3, 4, 5}, {4, 4, 4}, {3, 3, 3, 3}} {
		n, edges := cycles(lengths...)
		families["cycles"][fmt.Sprint(lengths)] = graph{n, edges}
	}
	// The 4x4 rook's graph, and Shrikhande's (1959): both are (16, 6, 2, 2).
	rook, shrikhande := graph{n: 16}, graph{n: 16}
	for a := range 16 {
		for b := range a {
			x, y := (a/4-b/4+4)%4, (a%4-b%4+4)%4
			if x == 0 || y == 0 {
				rook.edges = append(rook.edges, [2]int{a, b})
			}
			if slices.Contains([][2]int{{0, 1}, {0, 3}, {1, 0}, {3, 0}, {1, 1}, {3, 3}}, [2]int{x, y}) {
				shrikhande.edges = append(shrikhande.edges, [2]int{a, b})
			}
		}
	}
	families["strongly regular"]["rook"], families["strongly regular"]["shrikhande"] = rook, shrikhande
	k4 := [][2]int{{0, 1}, {0, 2}, {0, 3}, {1, 2}, {1, 3}, {2, 3}}
	for _, twisted := range []bool{false, true} {
		n, edges := cfi(k4, 4, twisted)
		families["cfi"][fmt.Sprint("twisted ", twisted)] = graph{n, edges}
	}
	for family, graphs := range families {
		t.Run(family, func(t *testing.T) {
			t.Parallel()
			r := rng.New(9)
			hashes, old := map[genome.Hash]string{}, map[genome.Hash]bool{}
			for name, g := range graphs {
				h := doubled(g.n, g.edges).Hash()
				if other, ok := hashes[h]; ok {
					t.Errorf("%s and %s have one hash", name, other)
				}
				hashes[h] = name
				old[doubled(g.n, g.edges).HashBy(0)] = true
				for range 3 {
					if renumbered(g.n, g.edges, r).Hash() != h {
						t.Errorf("%s: another order, another hash", name)
					}
				}
			}
			if len(old) == len(graphs) {
				t.Error("colours tell these apart")
			}
		})
	}
}

// Cells of ten nodes in which what is added twice makes an 8-cycle, or two
// 4-cycles.
func TestHashOfCyclesInCells(t *testing.T) {
	t.Parallel()
	cell := func(from map[int][]int, order []int) *Network {
		var edges []any
		for to := 1; to < 10; to++ {
			for source := range to {
				what := "none"
				switch {
				case source == 0 && to <= 4:
					what = "nor_conv_3x3"
				case to > 4 && to < 9 && slices.Contains(from[to], order[max(source, 1)-1]) && source > 0 && source <= 4:
					what = "skip_connect"
				case to == 9 && source > 4:
					what = "conv_1x1"
				}
				edges = append(edges, what)
			}
		}
		return must(t, group("stack", group("cells", 3, "channels", 4, "cell", group("edges", edges))), []int{3, 8, 8}, 10)
	}
	eight := map[int][]int{5: {1, 2}, 6: {2, 3}, 7: {3, 4}, 8: {4, 1}}
	fours := map[int][]int{5: {1, 2}, 6: {1, 2}, 7: {3, 4}, 8: {3, 4}}
	order := []int{1, 2, 3, 4, 0, 0, 0, 0, 0}
	a, b := cell(eight, order), cell(fours, order)
	if a.HashBy(0) != b.HashBy(0) {
		t.Error("colours tell them apart")
	}
	if a.Hash() == b.Hash() {
		t.Error("an 8-cycle has the hash of two 4-cycles")
	}
	if other := []int{3, 1, 4, 2, 0, 0, 0, 0, 0}; cell(eight, other).Hash() != a.Hash() || cell(fours, other).Hash() != b.Hash() {
		t.Error("another order, another hash")
	}
}

// A graph that is too much work is hashed as it is written: it has the same hash
// every time, and not that of another.
func TestHashOfTooMuch(t *testing.T) {
	t.Parallel()
	n, eight := cycles(8)
	_, fours := cycles(4, 4)
	a, b := doubled(n, eight), doubled(n, fours)
	for effort := 0; effort < 3000; effort += 100 {
		if a.hash(1, effort) != a.hash(1, effort) || a.hash(1, effort) == b.hash(1, effort) {
			t.Fatalf("with an effort of %d: two hashes, or one for both", effort)
		}
	}
	r := rng.New(3)
	hashes := map[genome.Hash]bool{}
	for range 10 {
		hashes[renumbered(n, fours, r).hash(1, 10)] = true
	}
	if len(hashes) == 1 {
		t.Error("an effort of 10 suffices for two 4-cycles, so that nothing was tried here")
	}
}

func BenchmarkHashTwins(b *testing.B) {
	n := must(b, bench201("|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|", "cells", 15), []int{3, 32, 32}, 10)
	for b.Loop() {
		n.Hash()
	}
}
