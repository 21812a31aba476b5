package genome

import (
	"fmt"
	"math/bits"
)

// graph is a cell with operations on nodes in work: ops of all nodes, those of
// input and output unused, and the nodes before each.
type graph struct {
	ops    []uint64
	before []uint64
}

// readGraph copies a cell out of codes.
func readGraph(t []uint64, i int) *graph {
	n := int(t[i])
	q := &graph{ops: make([]uint64, n), before: make([]uint64, n)}
	copy(q.ops[1:], t[i+1:i+n-1])
	copy(q.before[1:], t[i+n-1:i+2*n-2])
	return q
}

func (q *graph) append(codes []uint64) []uint64 {
	n := len(q.ops)
	codes = append(codes, uint64(n))
	codes = append(codes, q.ops[1:n-1]...)
	return append(codes, q.before[1:]...)
}

func (q *graph) edges() int {
	n := 0
	for _, set := range q.before {
		n += bits.OnesCount64(set)
	}
	return n
}

// after returns the nodes that follow v.
func (q *graph) after(v int) uint64 {
	var out uint64
	for to, set := range q.before {
		out |= set >> v & 1 << to
	}
	return out
}

// remove takes node v out. With mend, nodes that lose their last neighbour are
// joined across the gap, with no more edges than before.
func (q *graph) remove(v int, mend bool) {
	preds, succs := q.before[v], q.after(v)
	q.before[v] = 0
	for to := v + 1; to < len(q.before); to++ {
		q.before[to] &^= 1 << v
	}
	if mend {
		for to := range q.before {
			if succs>>to&1 == 1 && q.before[to] == 0 {
				q.before[to] = 1 << (bits.Len64(preds) - 1)
			}
		}
		for from := range v {
			if preds>>from&1 == 1 && q.after(from) == 0 {
				q.before[bits.TrailingZeros64(succs)] |= 1 << from
			}
		}
	}
	low := uint64(1)<<v - 1
	for to := range q.before {
		q.before[to] = q.before[to]&low | q.before[to]>>1&^low
	}
	q.before = append(q.before[:v], q.before[v+1:]...)
	q.ops = append(q.ops[:v], q.ops[v+1:]...)
}

// split puts a new node with an operation on the edge between two nodes, just
// before the later one. It adds one edge.
func (q *graph) split(from, to int, op uint64) {
	low := uint64(1)<<to - 1
	for v := to + 1; v < len(q.before); v++ {
		q.before[v] = q.before[v]&low | q.before[v]&^low<<1
	}
	q.before[to] = q.before[to]&^(1<<from) | 1<<to
	q.before = append(q.before[:to], append([]uint64{1 << from}, q.before[to:]...)...)
	q.ops = append(q.ops[:to], append([]uint64{op}, q.ops[to:]...)...)
}

// rewirings lists the graphs that differ by one edge, added or removed. Where none
// of them is valid, it lists those with one edge in another place; also, from
// revision 1 of the rules on, where no edge may be added and cells have four nodes
// or more: there is no way around through smaller cells then.
func (g *vertices) rewirings(q *graph, rules int) [][]uint64 {
	var out [][]uint64
	n := len(q.before)
	try := func() {
		if g.checkGraph(q.before[1:]) == "" {
			out = append(out, append([]uint64(nil), q.before[1:]...))
		}
	}
	for to := 1; to < n; to++ {
		for from := range to {
			q.before[to] ^= 1 << from
			try()
			q.before[to] ^= 1 << from
		}
	}
	if tight := rules >= 1 && g.minLen >= 4 && q.edges() == g.maxEdges; len(out) > 0 && !tight {
		return out
	}
	for to := 1; to < n; to++ {
		for from := range to {
			if q.before[to]>>from&1 == 0 {
				continue
			}
			q.before[to] ^= 1 << from
			for to2 := 1; to2 < n; to2++ {
				for from2 := range to2 {
					if q.before[to2]>>from2&1 == 0 && (from2 != from || to2 != to) {
						q.before[to2] |= 1 << from2
						try()
						q.before[to2] ^= 1 << from2
					}
				}
			}
			q.before[to] ^= 1 << from
		}
	}
	return out
}

// repairGraph makes a graph valid: nodes off every path from input to output go
// first, then edges that nothing depends on, then nodes; missing nodes are put
// on edges.
func (g *vertices) repairGraph(q *graph) {
	n := len(q.ops)
	reach, lead := uint64(1), uint64(1)<<(n-1)
	for v := 1; v < n; v++ {
		if q.before[v]&reach != 0 {
			reach |= 1 << v
		}
	}
	for v := n - 1; v > 0; v-- {
		if lead>>v&1 == 1 {
			lead |= q.before[v]
		}
	}
	for v := n - 2; v > 0; v-- {
		if reach&lead>>v&1 == 0 {
			q.remove(v, false)
		}
	}
	if last := len(q.before) - 1; q.before[last] == 0 {
		q.before[last] = 1 // no path was there, so only input and output are left
	}
	for len(q.ops) > g.maxLen {
		q.remove(len(q.ops)-2, true)
	}
	for q.edges() > g.maxEdges {
		if !q.dropEdge() {
			q.remove(len(q.ops)-2, true)
		}
	}
	for len(q.ops) < g.minLen {
		if q.edges() == g.maxEdges && !q.dropEdge() {
			// Every edge is needed: a chain has the fewest.
			for v := 1; v < len(q.before); v++ {
				q.before[v] = 1 << (v - 1)
			}
		}
		last := len(q.ops) - 1
		q.split(bits.Len64(q.before[last])-1, last, 0)
	}
}

// dropEdge removes the last edge whose ends have others.
func (q *graph) dropEdge() bool {
	for to := len(q.before) - 1; to > 0; to-- {
		if bits.OnesCount64(q.before[to]) < 2 {
			continue
		}
		for set := q.before[to]; set != 0; set &= set - 1 {
			from := bits.TrailingZeros64(set)
			if bits.OnesCount64(q.after(from)) > 1 {
				q.before[to] &^= 1 << from
				return true
			}
		}
	}
	return false
}

// edge returns edge k of a graph in order of the later node.
func (q *graph) edge(k int) (from, to int) {
	for to := 1; to < len(q.before); to++ {
		for from := range to {
			if q.before[to]>>from&1 == 1 {
				if k == 0 {
					return from, to
				}
				k--
			}
		}
	}
	return 0, len(q.before) - 1
}

// checkGraph verifies the sets of earlier nodes of nodes 1, 2, ... Where every
// node but the first has a node before it and every node but the last one
// after it, all lie on paths from input to output.
func (g *vertices) checkGraph(before []uint64) string {
	var used uint64
	edges := 0
	for k, set := range before {
		if set == 0 {
			return "a node without input"
		}
		if set>>(k+1) != 0 {
			return "an edge that runs backwards"
		}
		used |= set
		edges += bits.OnesCount64(set)
	}
	switch {
	case used != 1<<len(before)-1:
		return "a node that leads nowhere"
	case edges > g.maxEdges:
		return fmt.Sprintf("%d edges, more than %d", edges, g.maxEdges)
	}
	return ""
}
