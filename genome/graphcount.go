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

func (v *vertexCounts) fill(g *vertices) {
	v.once.Do(func() {
		v.ways = map[[4]int]*big.Int{}
		v.total = new(big.Int)
		for n := g.minLen; n <= g.maxLen; n++ {
			count := new(big.Int).Exp(big.NewInt(int64(len(g.ops))), big.NewInt(int64(n-2)), nil)
			count.Mul(count, v.count(n, 1, 1, g.maxEdges))
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
func (v *vertexCounts) sample(g *vertices, r *rng.Rand) (n int, before []uint64) {
	v.fill(g)
	n = g.minLen + r.Weighted(v.sizes)
	var loose uint64 = 1
	edges := g.maxEdges
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
