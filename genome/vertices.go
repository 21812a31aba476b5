package genome

import (
	"math/big"
	"math/bits"
	"sync"

	"github.com/nascent-nas/nascent/genome/rng"
)

// vertexCounts counts the graphs of a cell with operations on nodes: strictly
// upper triangular adjacency matrices where every node but the first has a node
// before it and every node but the last one after it, with limited edges. Nodes
// are joined one after another; a state is (nodes so far, those of them that
// lead nowhere yet, edges left), its count the number of ways to go on.
type vertexCounts struct {
	once  sync.Once
	ways  map[[4]int]*big.Int // by number of nodes and state
	total *big.Int            // all cells, with their operations
	sizes []float64           // cells by number of nodes, from minLen
}

func (v *vertexCounts) fill(g *gene) {
	v.once.Do(func() {
		v.ways = map[[4]int]*big.Int{}
		v.total = new(big.Int)
		for n := g.minLen; n <= g.maxLen; n++ {
			count := new(big.Int).Exp(big.NewInt(int64(len(g.cell.ops))), big.NewInt(int64(n-2)), nil)
			count.Mul(count, v.count(n, 1, 1, g.cell.maxEdges))
			v.total.Add(v.total, count)
			f, _ := new(big.Float).SetInt(count).Float64()
			v.sizes = append(v.sizes, f)
		}
	})
}

// count returns in how many ways a graph of n nodes can be completed when j
// nodes stand, loose of them without successor, and edges are left.
func (v *vertexCounts) count(n, j, loose, edges int) *big.Int {
	if j == n {
		if loose == 1 {
			return oneInt
		}
		return zeroInt
	}
	// Every node to come takes an edge, and so does every loose one.
	if edges < n-j || edges < loose {
		return zeroInt
	}
	// More edges than can be drawn make no difference.
	edges = min(edges, (n*(n-1)-j*(j-1))/2)
	key := [4]int{n, j, loose, edges}
	if c, ok := v.ways[key]; ok {
		return c
	}
	sum := new(big.Int)
	for k := 0; k <= loose; k++ {
		for t := 0; t <= j-loose; t++ {
			if k+t > 0 && k+t <= edges {
				sum.Add(sum, v.step(n, j, loose, edges, k, t))
			}
		}
	}
	v.ways[key] = sum
	return sum
}

// step counts the completions in which node j follows k loose nodes and t
// others.
func (v *vertexCounts) step(n, j, loose, edges, k, t int) *big.Int {
	rest := v.count(n, j+1, loose-k+1, edges-k-t)
	if rest.Sign() == 0 {
		return zeroInt
	}
	c := new(big.Int).Binomial(int64(loose), int64(k))
	c.Mul(c, new(big.Int).Binomial(int64(j-loose), int64(t)))
	return c.Mul(c, rest)
}

var zeroInt, oneInt = new(big.Int), big.NewInt(1)

// sample draws a number of nodes and the sets of earlier nodes of nodes 1, 2,
// ..., every cell equally likely (up to the rounding of a float64).
func (v *vertexCounts) sample(g *gene, r *rng.Rand) (n int, before []uint64) {
	v.fill(g)
	n = g.minLen + r.Weighted(v.sizes)
	var loose uint64 = 1
	edges := g.cell.maxEdges
	var weights []float64
	var choices [][2]int
	for j := 1; j < n; j++ {
		others := (uint64(1)<<j - 1) &^ loose
		l := bits.OnesCount64(loose)
		left := min(edges, (n*(n-1)-j*(j-1))/2)
		weights, choices = weights[:0], choices[:0]
		for k := 0; k <= l; k++ {
			for t := 0; t <= j-l; t++ {
				if k+t > 0 && k+t <= left {
					f, _ := new(big.Float).SetInt(v.peek(n, j, l, left, k, t)).Float64()
					weights = append(weights, f)
					choices = append(choices, [2]int{k, t})
				}
			}
		}
		pick := choices[r.Weighted(weights)]
		set := subset(loose, pick[0], r) | subset(others, pick[1], r)
		before = append(before, set)
		edges -= bits.OnesCount64(set)
		loose = loose&^set | 1<<j
	}
	return n, before
}

// peek is step without writing to the table, which many goroutines share. Every
// state that sampling reaches was counted before.
func (v *vertexCounts) peek(n, j, loose, edges, k, t int) *big.Int {
	rest := zeroInt
	j2, loose2, left := j+1, loose-k+1, edges-k-t
	switch {
	case left < n-j2 || left < loose2 && j2 < n:
	case j2 == n:
		if loose2 == 1 {
			rest = oneInt
		}
	default:
		left = min(left, (n*(n-1)-j2*(j2-1))/2)
		if c, ok := v.ways[[4]int{n, j2, loose2, left}]; ok {
			rest = c
		}
	}
	if rest.Sign() == 0 {
		return zeroInt
	}
	c := new(big.Int).Binomial(int64(loose), int64(k))
	c.Mul(c, new(big.Int).Binomial(int64(j-loose), int64(t)))
	return c.Mul(c, rest)
}

// subset draws k members of a set.
func subset(set uint64, k int, r *rng.Rand) uint64 {
	var out uint64
	for n := bits.OnesCount64(set); set != 0; set &= set - 1 {
		if r.Intn(n) < k {
			out |= set & -set
			k--
		}
		n--
	}
	return out
}

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
func (g *gene) rewirings(q *graph, rules int) [][]uint64 {
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
	if tight := rules >= 1 && g.minLen >= 4 && q.edges() == g.cell.maxEdges; len(out) > 0 && !tight {
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
func (g *gene) repairGraph(q *graph) {
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
	for q.edges() > g.cell.maxEdges {
		if !q.dropEdge() {
			q.remove(len(q.ops)-2, true)
		}
	}
	for len(q.ops) < g.minLen {
		if q.edges() == g.cell.maxEdges && !q.dropEdge() {
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
