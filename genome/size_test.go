package genome

import (
	"math"
	"math/big"
	"slices"
	"testing"

	"github.com/nascent-nas/nascent/genome/rng"
	"pgregory.net/rapid"
)

// enumerate lists every value of a gene, independently of how Size counts.
// It stops at most values.
func enumerate(g gene, most int) [][]uint64 {
	join := func(front, back [][]uint64) [][]uint64 {
		var out [][]uint64
		for _, f := range front {
			for _, b := range back {
				if out = append(out, append(slices.Clone(f), b...)); len(out) > most {
					return out
				}
			}
		}
		return out
	}
	none := [][]uint64{{}}
	scalars := func(n int) [][]uint64 {
		var out [][]uint64
		for k := range min(n, most+1) {
			out = append(out, []uint64{uint64(k)})
		}
		return out
	}
	if g.about().static {
		return none
	}
	switch g := g.(type) {
	case *group:
		out := none
		for _, f := range g.fields {
			out = join(out, enumerate(f.gene, most))
		}
		return out
	case *list:
		var out [][]uint64
		for n := g.minLen; n <= g.maxLen; n++ {
			some := none
			if g.minLen < g.maxLen {
				some = [][]uint64{{uint64(n)}}
			}
			for range n {
				some = join(some, enumerate(g.elem, most))
			}
			out = append(out, some...)
		}
		return out
	case *choice:
		var out [][]uint64
		for k, o := range g.options {
			some := [][]uint64{{uint64(k)}}
			if o.body != nil {
				some = join(some, enumerate(o.body, most))
			}
			out = append(out, some...)
		}
		return out
	case *edges:
		out := none
		for range g.number() {
			out = join(out, scalars(len(g.ops)))
		}
		return out
	case *vertices:
		var out [][]uint64
		for n := g.minLen; n <= g.maxLen; n++ {
			edges := n * (n - 1) / 2
			for set := range 1 << edges {
				before := make([]uint64, n-1)
				bit := 0
				for to := 1; to < n; to++ {
					for from := range to {
						before[to-1] |= uint64(set>>bit&1) << from
						bit++
					}
				}
				if !onPaths(before) || popcount(set) > g.maxEdges {
					continue
				}
				some := [][]uint64{{uint64(n)}}
				for range n - 2 {
					some = join(some, scalars(len(g.ops)))
				}
				out = append(out, join(some, [][]uint64{before})...)
				if len(out) > most {
					return out
				}
			}
		}
		return out
	case *pairs:
		out := none
		c := g
		for node := range c.nodes {
			if len(c.combine) > 1 {
				out = join(out, scalars(len(c.combine)))
			}
			var pairs [][]uint64
			for a := range (c.inputs + node) * len(c.ops) {
				for b := range a + 1 {
					p := []uint64{uint64(a / len(c.ops)), uint64(a % len(c.ops)), uint64(b / len(c.ops)), uint64(b % len(c.ops))}
					if !c.distinct || p[0] != p[2] {
						orderPair(p)
						pairs = append(pairs, p)
					}
				}
			}
			out = join(out, pairs)
		}
		return out
	}
	n := int64(2)
	if g, ok := g.(*number); ok {
		n = g.count
	}
	return scalars(int(n))
}

func popcount(n int) (c int) {
	for ; n > 0; n &= n - 1 {
		c++
	}
	return c
}

// onPaths walks from the input and back from the output.
func onPaths(before []uint64) bool {
	n := len(before) + 1
	reach := func(from int, next func(v, w int) bool) int {
		seen := map[int]bool{from: true}
		ahead := []int{from}
		for len(ahead) > 0 {
			v := ahead[0]
			ahead = ahead[1:]
			for w := range n {
				if next(v, w) && !seen[w] {
					seen[w] = true
					ahead = append(ahead, w)
				}
			}
		}
		return len(seen)
	}
	edge := func(v, w int) bool { return w > 0 && before[w-1]>>v&1 == 1 }
	return reach(0, edge) == n && reach(n-1, func(v, w int) bool { return edge(w, v) }) == n
}

func TestSizeCountsEveryGenome(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := anySpace(t)
		size := s.Size()
		if size.Exact == nil || size.Log10 > 4 {
			return
		}
		seen := map[string]bool{}
		for _, codes := range enumerate(s.root, 10000) {
			g, err := s.Unpack(pack(codes))
			if err != nil {
				t.Fatalf("%s: %v: %v", s.JSON(), codes, err)
			}
			seen[g.Text()] = true
		}
		if size.Exact.Cmp(big.NewInt(int64(len(seen)))) != 0 {
			t.Fatalf("%s: size %v, enumerated %d", s.JSON(), size.Exact, len(seen))
		}
		if math.Abs(size.Log10-math.Log10(float64(len(seen)))) > 1e-9 {
			t.Fatalf("10^%v for %v", size.Log10, size.Exact)
		}
	})
}

func TestPublishedSizes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, space, want string }{
		{"NAS-Bench-201", `{"cell": {"cell": {"edges": ["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"], "nodes": 4}}}`, "15625"},
		// Every node of a DARTS cell: k(k-1)/2 pairs of inputs, 7*7 operations.
		{"DARTS", `{"cell": {"cell": {"pairs": ["a", "b", "c", "d", "e", "f", "g"], "nodes": 4, "inputs": 2, "distinct": true}}}`, "1037664180"},
		{"bits", `{"x": {"list": "bool", "length": 100}}`, "1267650600228229401496703205376"},
		{"lists", `{"x": {"list": {"int": [1, 3]}, "length": [0, 4]}}`, "121"},
	} {
		s, err := ParseSpaceJSON([]byte(c.space))
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Size().Exact.String(); got != c.want {
			t.Errorf("%s has %s genomes, want %s", c.name, got, c.want)
		}
	}
	// Upper triangular matrices of seven nodes, all on paths, at most 9 edges,
	// by brute force; the 423,624 unique cells of NAS-Bench-101 are their classes.
	s := MustParseSpace(`{"cell": {"cell": {"vertices": ["a", "b", "c"], "nodes": [2, 7], "max_edges": 9}}}`)
	want := new(big.Int)
	for n := 2; n <= 7; n++ {
		graphs := 0
		for set := range 1 << (n * (n - 1) / 2) {
			if popcount(set) > 9 {
				continue
			}
			var used, bit int
			ok := true
			for to := 1; to < n; to++ {
				in := set >> bit & (1<<to - 1)
				ok = ok && in != 0
				used |= in
				bit += to
			}
			if ok && used == 1<<(n-1)-1 {
				graphs++
			}
		}
		ops := new(big.Int).Exp(big.NewInt(3), big.NewInt(int64(n-2)), nil)
		want.Add(want, ops.Mul(ops, big.NewInt(int64(graphs))))
	}
	if got := s.Size().Exact; got.Cmp(want) != 0 {
		t.Errorf("NAS-Bench-101's matrices: %v, want %v", got, want)
	}
}

func TestHugeSizes(t *testing.T) {
	t.Parallel()
	s := MustParseSpace(`{"x": {"list": {"int": [0, 999]}, "length": [0, 100000]}}`)
	if size := s.Size(); size.Exact != nil || math.Abs(size.Log10-300000) > 0.01 {
		t.Errorf("about 10^300000 genomes, said %v", size)
	}
	s = MustParseSpace(`{"lr": {"float": [0, 1]}, "n": {"int": [1, 10]}}`)
	if size := s.Size(); size.Exact != nil || math.Abs(size.Log10-7) > 1e-9 {
		t.Errorf("a million times ten, said %v", size)
	}
}

// Sampling draws every genome alike where every gene is drawn alike: spaces
// without genes that depend on others.
func TestSamplingIsUniform(t *testing.T) {
	t.Parallel()
	for name, space := range map[string]string{
		"scalars":  `{"a": {"int": [-3, 4], "step": 2}, "b": {"bool": true}, "c": {"choice": [1, "x", true]}, "d": {"float": [0, 1], "step": 0.5}}`,
		"edges":    `{"x": {"cell": {"edges": ["a", "b", "c"], "nodes": 3}}}`,
		"vertices": `{"x": {"cell": {"vertices": ["a", "b"], "nodes": [2, 4], "max_edges": 5}}}`,
		"pairs":    `{"x": {"cell": {"pairs": ["a", "b"], "nodes": 2, "inputs": 1}}}`,
		"distinct": `{"x": {"cell": {"pairs": ["a", "b"], "nodes": 2, "distinct": true, "combine": ["add", "concat"]}}}`,
	} {
		s := MustParseSpace(space)
		all := enumerate(s.root, 10000)
		counts := make(map[string]int, len(all))
		r := rng.New(5)
		draws := 100 * len(all)
		for range draws {
			g, err := s.Random(r)
			if err != nil {
				t.Fatal(err)
			}
			counts[g.Packed()]++
		}
		chi := 0.0
		for _, codes := range all {
			d := float64(counts[pack(codes)]) - 100
			chi += d * d / 100
		}
		free := float64(len(all) - 1)
		if z := (chi - free) / math.Sqrt(2*free); math.Abs(z) > 4 {
			t.Errorf("%s: chi squared %.0f with %.0f degrees of freedom", name, chi, free)
		}
	}
}

func TestSamplingFollowsScaleAndWeights(t *testing.T) {
	t.Parallel()
	s := MustParseSpace(`{"lr": {"float": [1e-4, 1], "log": true}, "w": {"int": [1, 1000], "log": true}, "f": {"float": [0, 2]},
		"c": {"choice": ["a", "b", "never"], "weights": [3, 1, 0]}, "l": {"list": "bool", "length": [0, 3]}}`)
	r := rng.New(9)
	const n = 20000
	var low, small, left, a, short float64
	for range n {
		g, err := s.Random(r)
		if err != nil {
			t.Fatal(err)
		}
		get := func(path string) any { v, _ := g.Gene(path); return v }
		if get("lr").(float64) < 1e-2 {
			low++
		}
		if get("w").(int64) <= 31 {
			small++
		}
		if get("f").(float64) < 0.5 {
			left++
		}
		switch get("c") {
		case "a":
			a++
		case "never":
			t.Fatal("an option of weight 0 was drawn")
		}
		if len(get("l").([]any)) == 0 {
			short++
		}
	}
	wLow := (math.Log(31.5) - math.Log(0.5)) / (math.Log(1000.5) - math.Log(0.5))
	for _, c := range []struct {
		name      string
		got, want float64
	}{{"lr", low, 0.5}, {"w", small, wLow}, {"f", left, 0.25}, {"c", a, 0.75}, {"l", short, 0.25}} {
		if got := c.got / n; math.Abs(got-c.want) > 0.02 {
			t.Errorf("%s: a share of %.3f, want %.3f", c.name, got, c.want)
		}
	}
}
