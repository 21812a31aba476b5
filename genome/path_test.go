package genome

import (
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"github.com/nascent-nas/nascent/genome/rng"
)

func has(s *Space, path string) bool {
	_, ok := s.Path(path)
	return ok
}

// Whatever lies in the tree of a genome, its space has; and its space has nothing
// that is called a little different.
func TestEveryPathOfATreeIsOfTheSpace(t *testing.T) {
	t.Parallel()
	check := func(t rapid.TB, s *Space, g Genome) {
		t.Helper()
		var walk func(v any, path string)
		walk = func(v any, path string) {
			if got, ok := g.Gene(path); path != "" && (!ok || describe(got) != describe(v)) {
				t.Fatalf("%s: %q of %q is %v, %v; want %v", s.JSON(), path, g, got, ok, v)
			}
			if path != "" && !has(s, path) {
				t.Fatalf("%s: no %q, which %q has", s.JSON(), path, g)
			}
			for _, wrong := range []string{path + ".zz", path + "zz", path + "[1000000]", path + "[-1]", path + "]", path + "["} {
				if _, isCell := g.Gene(path + "[0]"); isCell && wrong == path+"[1000000]" {
					continue // lists within a cell are as long in none
				}
				if has(s, wrong) {
					t.Fatalf("%s: has %q", s.JSON(), wrong)
				}
			}
			switch v := v.(type) {
			case Map:
				for _, e := range v {
					at := path + "." + e.Key
					if path == "" {
						at = e.Key
					}
					walk(e.Value, at)
				}
			case []any:
				for i, e := range v {
					walk(e, path+"["+strconv.Itoa(i)+"]")
				}
			}
		}
		walk(g.Tree(), "")
	}
	all := MustParseSpace(everything)
	r := rng.New(3)
	for range 50 {
		g, err := all.Random(r)
		if err != nil {
			t.Fatal(err)
		}
		check(t, all, g)
	}
	rapid.Check(t, func(t *rapid.T) {
		s := anySpace(t)
		g, err := s.Random(rng.New(rapid.Uint64Range(0, rng.MaxSeed-1).Draw(t, "seed")))
		if err != nil {
			t.Fatal(err)
		}
		check(t, s, g)
	})
}

func TestPaths(t *testing.T) {
	t.Parallel()
	s := MustParseSpace(everything)
	for _, path := range []string{
		"lr", "k", "blocks", "blocks[3].channels", "blocks[0].op.conv.kernel", "blocks[2].op.conv.act", "fixed[2]", "same[2].x", "edges", "edges.edges[5]",
		"edges.channels", "nodes.vertices", "pairs", "rec", "branches[0].a", "branches[1]", "bits[7]", "blocks.channels",
	} {
		if !has(s, path) {
			t.Errorf("there is no %s", path)
		}
	}
	for _, path := range []string{
		"", "zz", ".", "lr.x", "lr[0]", "channels", "blocks[4]", "blocks[0].op.skip", "blocks[0].op.conv.zz", "blocks[-1]", "blocks[x]", "blocks[0", "fixed[3]",
		"branches[3]", "edges.zz", "bits[8]", "act.relu", "define", "network",
	} {
		if has(s, path) {
			t.Errorf("there is %q", path)
		}
	}
	paths := s.Paths(1000)
	for _, want := range []string{"lr", "blocks", "blocks[0].channels", "blocks[0].op", "blocks[0].op.conv.kernel", "edges", "branches[0].a", "bits[0]"} {
		if !slices.Contains(paths, want) {
			t.Errorf("%s is not among %q", want, paths)
		}
	}
	for _, path := range paths {
		if !has(s, path) {
			t.Errorf("%s is listed, and not there", path)
		}
	}
	if len(s.Paths(3)) != 3 || slices.Contains(paths, "k") {
		t.Errorf("%q", paths)
	}
}
