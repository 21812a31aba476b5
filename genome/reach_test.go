package genome

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/genome/rng"
)

// graphsOf lists the packed forms of all cells of one operation that a space
// with nothing else holds, by trying all sets of edges.
func graphsOf(s *Space) map[string]bool {
	g := s.root.fields[0].gene.(*vertices)
	out := map[string]bool{}
	for n := g.minLen; n <= g.maxLen; n++ {
		for edges := range uint64(1) << (n * (n - 1) / 2) {
			if k := bits.OnesCount64(edges); k < n-1 || k > g.maxEdges {
				continue
			}
			codes := append([]uint64{uint64(n)}, make([]uint64, n-2)...)
			for k, at := 1, 0; k < n; at, k = at+k, k+1 {
				codes = append(codes, edges>>at&(1<<k-1))
			}
			if _, err := s.Unpack(pack(codes)); err == nil {
				out[pack(codes)] = true
			}
		}
	}
	return out
}

// Every cell is reached from every other by steps to neighbours, however tight
// the number of edges is; and what is one step away can be mutated into.
func TestEveryGraphIsReached(t *testing.T) {
	t.Parallel()
	sizes := [][3]int{{6, 6, 6}, {6, 6, 7}, {5, 6, 6}, {6, 7, 7}, {7, 7, 8}}
	for hi := 2; hi <= 5; hi++ {
		for lo := 2; lo <= hi; lo++ {
			for edges := hi - 1; edges <= hi*(hi-1)/2; edges++ {
				sizes = append(sizes, [3]int{lo, hi, edges})
			}
		}
	}
	for _, c := range sizes {
		s := MustParseSpace(fmt.Sprintf(`{"c": {"cell": {"vertices": ["a"], "nodes": [%d, %d], "max_edges": %d}}}`, c[0], c[1], c[2]))
		left := graphsOf(s)
		n := len(left)
		if size := s.Size().Exact.Int64(); size != int64(n) {
			t.Errorf("%v: the size is %d, there are %d", c, size, n)
		}
		g, err := s.Random(rng.New(1))
		if err != nil {
			t.Fatal(err)
		}
		delete(left, g.packed)
		for queue := []Genome{g}; len(queue) > 0; queue = queue[1:] {
			for h := range s.Neighbours(queue[0]) {
				if left[h.packed] {
					delete(left, h.packed)
					queue = append(queue, h)
				}
			}
		}
		if len(left) > 0 {
			t.Errorf("%v: %d of %d cells are never reached", c, len(left), n)
		}
		if n < 60 && n > 1 {
			r := rng.New(2)
			seen := map[Genome]bool{g: true}
			list := []Genome{g}
			for range 60000 {
				h, err := s.Mutate(list[r.Intn(len(list))], r)
				if err != nil {
					t.Fatal(err)
				}
				if !seen[h] {
					seen[h], list = true, append(list, h)
				}
				if len(list) == n {
					break
				}
			}
			if len(list) < n {
				t.Errorf("%v: mutation finds %d of %d", c, len(list), n)
			}
		}
	}
}

// What has weight 0 in variation.weights keeps its value, and kinds that are
// left out happen only where no other kind leads anywhere.
func TestFrozenGenesStay(t *testing.T) {
	t.Parallel()
	s := MustParseSpace(`{"a": "bool", "b": {"choice": ["x"]}, "variation": {"weights": {"a": 0}}}`)
	g := mustParse(t, s, "a=no b=x")
	if h, err := s.Mutate(g, rng.New(1)); err == nil {
		t.Errorf("the only gene that could mutate may not, and %s becomes %s", g, h)
	}
	if _, err := s.ByRules(0).Mutate(g, rng.New(1)); err != nil {
		t.Errorf("by the first rules it did: %v", err)
	}
	s = MustParseSpace(`{"a": "bool", "b": {"list": "bool", "length": [0, 2]}, "variation": {"weights": {"a": 0}, "kinds": {"insert": 1}}}`)
	for _, c := range []struct {
		before string
		after  []string
	}{
		{"a=no b=b1", []string{"a=no b=b01", "a=no b=b10", "a=no b=b11"}},
		{"a=no b=b11", []string{"a=no b=b01", "a=no b=b1", "a=no b=b10"}},
	} {
		var seen []string
		for seed := range uint64(60) {
			h, err := s.Mutate(mustParse(t, s, c.before), rng.New(seed))
			if err != nil {
				t.Fatal(err)
			}
			seen = append(seen, h.Text())
		}
		slices.Sort(seen)
		if seen = slices.Compact(seen); !slices.Equal(seen, c.after) {
			t.Errorf("%s becomes %q, want %q", c.before, seen, c.after)
		}
	}
	s = MustParseSpace(`{"c": {"choice": ["x", "y", "z"], "weights": [1, 1, 0]}}`)
	g = mustParse(t, s, "c=x")
	for seed := range uint64(200) {
		h, err := s.Mutate(g, rng.New(seed))
		if err != nil || h.Text() != "c=y" {
			t.Fatalf("an option of weight 0 is drawn: %s, %v", h, err)
		}
	}
}

// Encodings are bounded: recursion would make millions of columns.
func TestEncodingsAreBounded(t *testing.T) {
	t.Parallel()
	var options []string
	for k := range 10 {
		options = append(options, fmt.Sprintf(`{"o%d": {"m": {"use": "m"}}}`, k))
	}
	s := MustParseSpace(`{"define": {"m": {"choice": ["a", ` + strings.Join(options, ", ") + `]}}, "r": {"use": "m", "depth": 7}}`)
	if n, err := s.Columns(); err == nil {
		t.Errorf("%d columns", n)
	}
	g, err := s.Random(rng.New(1))
	if err != nil {
		t.Fatal(err)
	}
	if s.Encode(g) != nil || s.EncodingNames() != nil {
		t.Error("there is an encoding all the same")
	}
}
