package genome

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/nascent-nas/nascent/genome/rng"
)

// open draws an open option.
func open(s *Space, r *rng.Rand) func(Decision) int {
	sites := s.Sites()
	return func(d Decision) int {
		for {
			if k := r.Intn(len(sites[d.Site].Options)); d.Closed == nil || !d.Closed[k] {
				return k
			}
		}
	}
}

// Every sequence of open options gives a genome of right form, and the genome
// gives the sequence.
func TestDecisions(t *testing.T) {
	t.Parallel()
	check := func(t interface{ Fatalf(string, ...any) }, s *Space, seed uint64) {
		if len(s.Sites()) == 0 {
			return // nothing but constants
		}
		var asked []Decision
		var answers []int
		choose := open(s, rng.New(seed))
		g, err := s.Decide(func(d Decision) int {
			if n := len(d.Anchors); n > 0 {
				if kind := s.sites[d.Site].Kind; kind == SiteSource && n != len(s.sites[d.Site].Options) || kind == SiteEdge && n != 1 || kind < SiteSource {
					t.Fatalf("%d anchors at %s", n, s.sites[d.Site].Name)
				}
				if slices.Max(d.Anchors) >= len(asked) {
					t.Fatalf("anchors %v before decision %d", d.Anchors, len(asked))
				}
			}
			k := choose(d)
			asked, answers = append(asked, d), append(answers, k)
			return k
		})
		if err != nil {
			t.Fatalf("%v\n%s", err, s.JSON())
		}
		if err := s.Check(g); err != nil && !strings.Contains(err.Error(), "limits") {
			t.Fatalf("%s is no genome: %v", g.Text(), err)
		}
		if back, err := s.Parse(g.Text()); err != nil || back != g {
			t.Fatalf("%q reads back as %q: %v", g.Text(), back.Text(), err)
		}
		again, replies, err := s.Decisions(g)
		if err != nil {
			t.Fatalf("%v", err)
		}
		if !slices.Equal(replies, answers) || !slices.EqualFunc(again, asked, func(a, b Decision) bool {
			return a.Site == b.Site && a.Place == b.Place && slices.Equal(a.Closed, b.Closed) && slices.Equal(a.Anchors, b.Anchors)
		}) {
			t.Fatalf("%s was decided by %v %v and is replayed by %v %v", g.Text(), asked, answers, again, replies)
		}
	}
	all := MustParseSpace(everything)
	for seed := range uint64(300) {
		check(t, all, seed)
	}
	rapid.Check(t, func(t *rapid.T) { check(t, anySpace(t), rapid.Uint64().Draw(t, "seed")) })
}

// Genomes drawn elsewhere are decided, too: each by its own answers where every
// value can be reached.
func TestDecisionsOfAnyGenome(t *testing.T) {
	t.Parallel()
	s := MustParseSpace(`{"a": {"choice": ["x", {"y": {"k": {"int": [1, 5]}}}]}, "b": {"list": "bool", "length": [0, 4]},
		"c": {"cell": {"vertices": ["p", "q"], "nodes": [2, 6], "max_edges": 7}}, "d": {"cell": {"pairs": ["p", "q"], "nodes": 3, "distinct": true, "combine": ["add", "concat"]}},
		"e": {"cell": {"edges": ["p", "q", "r"], "nodes": 4}}, "f": {"float": [0, 1], "step": 0.125}}`)
	r := rng.New(3)
	for range 500 {
		g, err := s.Random(r)
		if err != nil {
			t.Fatal(err)
		}
		_, answers, err := s.Decisions(g)
		if err != nil {
			t.Fatal(err)
		}
		i := 0
		again, err := s.Decide(func(Decision) int { i++; return answers[i-1] })
		if err != nil || again != g || i != len(answers) {
			t.Fatalf("%s is decided as %s: %v", g.Text(), again.Text(), err)
		}
	}
}

// All cells of a small space are reached, and no other.
func TestDecideReachesEverything(t *testing.T) {
	t.Parallel()
	for _, declaration := range []string{
		`{"c": {"cell": {"vertices": ["p"], "nodes": [2, 5], "max_edges": 6}}}`,
		`{"c": {"cell": {"pairs": ["p", "q"], "nodes": 2, "distinct": true}}}`,
		`{"c": {"cell": {"pairs": ["p", "q"], "nodes": 2, "inputs": 1}}}`,
		`{"c": {"list": {"choice": ["x", "y"]}, "length": [0, 3]}, "n": {"int": [1, 3]}}`,
	} {
		s := MustParseSpace(declaration)
		seen := map[Genome]bool{}
		choose := open(s, rng.New(1))
		for range 20000 {
			g, err := s.Decide(choose)
			if err != nil {
				t.Fatal(err)
			}
			seen[g] = true
		}
		if size := s.Size(); size.Exact.Int64() != int64(len(seen)) {
			t.Errorf("%s has %s genomes; %d were decided", declaration, size, len(seen))
		}
	}
}

func TestSites(t *testing.T) {
	t.Parallel()
	s := MustParseSpace(`{"lr": {"float": [1e-3, 1e-1], "log": true}, "n": {"int": [1, 1000]}, "one": {"choice": ["only"]}, "on": "bool",
		"blocks": {"list": {"op": {"choice": [{"conv": {"kernel": {"choice": [3, 5]}}}, "skip"]}}, "length": [1, 3]},
		"cell": {"edges": ["a", "b"], "nodes": 3}, "two": {"cell": {"pairs": ["a", "b"], "nodes": 1}}}`)
	var names []string
	for _, site := range s.Sites() {
		names = append(names, site.Name+" "+strings.Join(site.Options, ","))
	}
	want := []string{
		"lr 0.001,0.00135936,0.00184785,0.00251189,0.00341455,0.00464159,0.00630957,0.00857696,0.0116591,0.0158489,0.0215443,0.0292864,0.0398107,0.054117,0.0735642,0.1",
		"n 1,68,134,201,267,334,401,467,534,600,667,734,800,867,933,1000", "on no,yes",
		"blocks[]? no,yes", "blocks[].op conv,skip", "blocks[].op.conv.kernel 3,5",
		"cell.edge(0,1) a,b", "cell.edge(0,2) a,b", "cell.edge(1,2) a,b",
		"two.node0.input0~ 0,1", "two.node0.input0 a,b", "two.node0.input1~ 0,1", "two.node0.input1 a,b",
	}
	if !slices.Equal(names, want) {
		t.Errorf("sites are\n%s\nwant\n%s", strings.Join(names, "\n"), strings.Join(want, "\n"))
	}
	if _, err := s.Decide(func(Decision) int { return 99 }); err == nil || !strings.Contains(err.Error(), "lr") {
		t.Errorf("an answer that is none: %v", err)
	}
	if _, err := MustParseSpace(`{"x": 1}`).Decide(func(Decision) int { return 0 }); err == nil {
		t.Error("a space of constants is decided")
	}
}
