package genome

import (
	"encoding/json"
	"errors"
	"math/big"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nascent-nas/nascent/genome/rng"
	"pgregory.net/rapid"
)

// sound verifies everything that holds for every genome that leaves the package.
func sound(t *rapid.T, s *Space, g Genome, what string) {
	t.Helper()
	if err := s.Check(g); err != nil {
		t.Fatalf("%s gives an invalid genome: %v", what, err)
	}
	if h, err := s.Unpack(g.Packed()); err != nil || h != g {
		t.Fatalf("%s: unpacking %q: %v", what, g, err)
	}
	text := g.Text()
	if h, err := s.Parse(text); err != nil || h != g {
		t.Fatalf("%s: parsing %q gives %q: %v", what, text, h, err)
	}
	tree := g.Tree()
	if h, err := s.FromTree(tree); err != nil || h != g {
		t.Fatalf("%s: the tree of %q gives %q: %v", what, text, h, err)
	}
	raw, err := json.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	var back Map
	if err := json.Unmarshal(raw, &back); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(tree, back); d != "" {
		t.Fatalf("%s: the tree changes on its way through JSON: %s", what, d)
	}
	h, lines, err := s.Repair(back)
	if err != nil || h != g || len(lines) > 0 {
		t.Fatalf("%s: repairing the whole %q gives %q: %v %v", what, text, h, lines, err)
	}
}

func TestOperatorsKeepValidity(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := anySpace(t)
		again, err := ParseSpaceJSON(s.JSON())
		if err != nil || again.Hash() != s.Hash() {
			t.Fatalf("%s: declared again: %v", s.JSON(), err)
		}
		r := rng.New(rapid.Uint64Range(0, rng.MaxSeed-1).Draw(t, "seed"))
		a, err := s.Random(r)
		if err != nil {
			t.Fatal(err)
		}
		b, err := s.Random(r)
		if err != nil {
			t.Fatal(err)
		}
		sound(t, s, a, "sampling")
		one := s.Size().Exact != nil && s.Size().Exact.Cmp(big.NewInt(1)) == 0
		for _, g := range []Genome{a, b} {
			m, err := s.Mutate(g, r)
			switch {
			case one:
				if err == nil {
					t.Fatalf("the only genome mutates to %q", m)
				}
				continue
			case err != nil:
				t.Fatalf("%s: %q: %v", s.JSON(), g, err)
			case m == g:
				t.Fatal("mutation changes nothing")
			}
			sound(t, s, m, "mutation of "+g.Text())
		}
		c, err := s.Cross(a, b, r)
		if err != nil {
			t.Fatal(err)
		}
		sound(t, s, c, "crossing "+a.Text()+" and "+b.Text())

		// Distance, diff and encoding.
		for _, p := range [][2]Genome{{a, b}, {a, c}, {b, c}} {
			d := s.Distance(p[0], p[1])
			if d != s.Distance(p[1], p[0]) || d < 0 || d > 1 || (d == 0) != (p[0] == p[1]) {
				t.Fatalf("distance %v between %q and %q, %v back", d, p[0], p[1], s.Distance(p[1], p[0]))
			}
			if lines := Diff(p[0], p[1]); (len(lines) == 0) != (p[0] == p[1]) {
				t.Fatalf("diff of %q and %q: %q", p[0], p[1], lines)
			}
			x, y := s.Encode(p[0]), s.Encode(p[1])
			if n, err := s.Columns(); err != nil || len(x) != len(s.EncodingNames()) || len(x) != len(y) || len(x) != n {
				t.Fatalf("%d and %d columns, %d names, said to be %d: %v", len(x), len(y), len(s.EncodingNames()), n, err)
			}
			if slices.ContainsFunc(x, func(v float64) bool { return !(v >= 0 && v <= 1) }) {
				t.Fatalf("%q encodes to %v", p[0], x)
			}
		}
		names := s.EncodingNames()
		slices.Sort(names)
		if len(slices.Compact(names)) != len(s.EncodingNames()) {
			t.Fatalf("two columns have one name: %q", names)
		}
	})
}

func TestNeighboursAreValidAndDistinct(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := anySpace(t)
		g, err := s.Random(rng.New(rapid.Uint64Range(0, 1<<30).Draw(t, "seed")))
		if err != nil {
			t.Fatal(err)
		}
		seen := map[Genome]bool{g: true}
		var order []Genome
		for h := range s.Neighbours(g) {
			if err := s.Check(h); err != nil {
				t.Fatalf("neighbour %q: %v", h, err)
			}
			if seen[h] {
				t.Fatalf("%q comes twice", h)
			}
			seen[h] = true
			if order = append(order, h); len(order) == 300 {
				break
			}
		}
		k := 0
		for h := range s.Neighbours(g) {
			if k == len(order) {
				break
			}
			if h != order[k] {
				t.Fatal("the order of neighbours is not fixed")
			}
			k++
		}
	})
}

// anyTree draws a tree that has little to do with any space.
func anyTree(t *rapid.T, depth int) any {
	switch k := rapid.IntRange(0, 7).Draw(t, "value"); {
	case k == 0:
		return nil
	case k == 1:
		return rapid.IntRange(-100, 100).Draw(t, "int")
	case k == 2:
		return rapid.Float64Range(-10, 10).Draw(t, "float")
	case k == 3:
		return rapid.Bool().Draw(t, "bool")
	case k == 4:
		return rapid.SampledFrom([]string{"relu", "a", "none", "skip", "conv", "0.5", ""}).Draw(t, "word")
	case depth > 3:
		return "deep"
	case k == 5:
		list := []any{}
		for range rapid.IntRange(0, 5).Draw(t, "length") {
			list = append(list, anyTree(t, depth+1))
		}
		return list
	default:
		m := map[string]any{}
		for range rapid.IntRange(0, 5).Draw(t, "keys") {
			key := rapid.SampledFrom([]string{"g0", "g1", "f0", "a", "b", "x", "edges", "vertices", "pairs", "combine", "r"}).Draw(t, "key")
			m[key] = anyTree(t, depth+1)
		}
		return m
	}
}

// damage replaces one part of a tree.
func damage(t *rapid.T, v any) any {
	if rapid.IntRange(0, 3).Draw(t, "here") == 0 {
		return anyTree(t, 2)
	}
	switch v := v.(type) {
	case Map:
		if len(v) > 0 {
			v = slices.Clone(v)
			k := rapid.IntRange(0, len(v)-1).Draw(t, "entry")
			v[k].Value = damage(t, v[k].Value)
		}
		return v
	case []any:
		if len(v) > 0 {
			v = slices.Clone(v)
			k := rapid.IntRange(0, len(v)-1).Draw(t, "element")
			v[k] = damage(t, v[k])
		}
		return v
	}
	return anyTree(t, 2)
}

func TestRepairMakesAnythingWhole(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := anySpace(t)
		g, err := s.Random(rng.New(rapid.Uint64Range(0, 1<<30).Draw(t, "seed")))
		if err != nil {
			t.Fatal(err)
		}
		tree := damage(t, g.Tree())
		h, lines, err := s.Repair(tree)
		if err != nil {
			t.Fatalf("%v: %v", tree, err)
		}
		sound(t, s, h, "repair")
		strict, err := s.FromTree(tree)
		var e *Mistake
		if err != nil && !errors.As(err, &e) {
			t.Fatalf("%T: %v", err, err)
		}
		if err == nil && strict != h {
			t.Fatalf("repair changes the valid %q to %q: %q", strict, h, lines)
		}
		if h != g && len(lines) == 0 && err != nil {
			t.Fatalf("%v became %q without a word; strictly: %v", tree, h, err)
		}
	})
}

// holds tells whether a tree has all that is in part.
func holds(tree, part any) bool {
	switch part := part.(type) {
	case Map:
		m, ok := tree.(Map)
		for _, e := range part {
			x, has := m.Get(e.Key)
			ok = ok && has && holds(x, e.Value)
		}
		return ok
	case []any:
		list, ok := tree.([]any)
		return ok && slices.EqualFunc(list, part, holds)
	}
	return sameTree(tree, part)
}

func TestCarryReports(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		old, now := anySpace(t), anySpace(t)
		g, err := old.Random(rng.New(rapid.Uint64Range(0, 1<<30).Draw(t, "seed")))
		if err != nil {
			t.Fatal(err)
		}
		h, lines, err := now.Carry(g)
		if err != nil {
			t.Fatal(err)
		}
		sound(t, now, h, "carrying over")
		if old.Hash() == now.Hash() && (h.Text() != g.Text() || len(lines) > 0) {
			t.Fatalf("%q became %q in an equal space: %q", g, h, lines)
		}
		if !holds(h.Tree(), g.Tree()) && len(lines) == 0 {
			t.Fatalf("%q became %q without a word", g, h)
		}
	})
}
