package genome

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nascent-nas/nascent/genome/rng"
)

// chain measures lists of layers with channels: parameters are the sum of
// products of neighbouring channels; an even first layer is no valid network.
func chain(g Genome) (Cost, error) {
	v, _ := g.Gene("layers")
	var c Cost
	before := int64(3)
	for i, e := range v.([]any) {
		n := e.(int64)
		if i == 0 && n%2 == 0 {
			return Cost{}, errors.New("layers[0]: an even number of channels")
		}
		c.Parameters += before * n
		c.Macs += 100 * before * n
		c.Depth++
		before = n
	}
	return c, nil
}

func chainSpace(t *testing.T, limits string) *Space {
	t.Helper()
	s, err := ParseSpaceJSON(fmt.Appendf(nil, `{"limits": %s, "lr": {"float": [0, 1]}, "layers": {"list": {"int": [1, 64]}, "length": [1, 12]}}`, limits))
	if err != nil {
		t.Fatal(err)
	}
	return s.Bind(chain)
}

func TestOperatorsKeepLimits(t *testing.T) {
	t.Parallel()
	// The second is met by about one draw in 100,000: repair has to find it.
	for _, limits := range []string{`{"parameters": 2000, "depth": 6}`, `{"parameters": 9, "macs": 800}`} {
		s := chainSpace(t, limits)
		r := rng.New(1)
		var last Genome
		for i := range 60 {
			g, err := s.Random(r)
			if err != nil {
				t.Fatal(err)
			}
			for _, h := range mutations(t, s, g, r) {
				if err := s.Check(h); err != nil {
					t.Fatalf("%s: %q: %v", limits, h, err)
				}
			}
			if i > 0 {
				h, err := s.Cross(last, g, r)
				if err != nil || s.Check(h) != nil {
					t.Fatalf("%s: %q: %v %v", limits, h, err, s.Check(h))
				}
			}
			last = g
		}
		for h := range s.Neighbours(last) {
			if err := s.Check(h); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func mutations(t *testing.T, s *Space, g Genome, r *rng.Rand) []Genome {
	t.Helper()
	out := []Genome{g}
	for range 5 {
		h, err := s.Mutate(g, r)
		if err != nil || h == g {
			t.Fatalf("%q: %v", g, err)
		}
		out = append(out, h)
	}
	return out
}

func TestImpossibleLimitsAreNamed(t *testing.T) {
	t.Parallel()
	s := chainSpace(t, `{"parameters": 2}`)
	_, err := s.Random(rng.New(1))
	if want := "limits.parameters: no genome within it was found; the network has 3, the limit is 2; raise the limit or let the space " +
		"hold smaller networks"; err == nil || err.Error() != want {
		t.Errorf("%v, want\n%s", err, want)
	}
	s = MustParseSpace(`{"layers": {"list": {"int": [2, 4], "step": 2}, "length": 1}}`).Bind(chain)
	if _, err := s.Random(rng.New(1)); err == nil || !strings.Contains(err.Error(), "layers[0]: an even number of channels") {
		t.Error(err)
	}
}

func TestRepairTowardsLimits(t *testing.T) {
	t.Parallel()
	s := chainSpace(t, `{"parameters": 100}`)
	g, lines, err := s.Repair(Map{{"lr", 0.5}, {"layers", []any{3, 8, 16, 4}}})
	if err != nil || s.Check(g) != nil {
		t.Fatal(err)
	}
	want := []string{"layers[1]: 8 -> 1 (for the limits)"}
	if d := cmp.Diff(want, lines); d != "" {
		t.Errorf("%s", d)
	}
}

func TestRepairAndCarryReport(t *testing.T) {
	t.Parallel()
	old := MustParseSpace(`{"lr": {"float": [1e-4, 1]}, "gone": {"int": [1, 3]}, "act": {"choice": ["relu", "elu"]}, "k": {"choice": [3, 5, 9]},
		"blocks": {"list": {"op": {"choice": [{"conv": {"kernel": {"int": [1, 9]}}}, "skip"]}}, "length": [1, 4]}}`)
	now := MustParseSpace(`{"lr": {"float": [1e-4, 0.1]}, "act": {"choice": ["relu", "mish"]}, "k": {"choice": [3, 5, 7]}, "fresh": {"choice": ["a", "b"]},
		"blocks": {"list": {"op": {"choice": [{"conv": {"kernel": {"int": [1, 7]}, "norm": "bool"}}, "skip"]}}, "length": [1, 2]}}`)
	g, lines, err := now.Carry(mustParse(t, old, "lr=0.5 gone=2 act=elu k=9 blocks=[(op=conv(kernel=9)) (op=skip) (op=skip)]"))
	if err != nil {
		t.Fatal(err)
	}
	if want := "lr=0.1 act=relu k=7 fresh=a blocks=[(op=conv(kernel=7 norm=no)) (op=skip)]"; g.Text() != want {
		t.Errorf("%s, want\n%s", g, want)
	}
	want := []string{
		"lr: 0.5 does not fit; took the nearest, 0.1",
		`act: "elu" does not fit; took relu`,
		"k: 9 is no option; took 7",
		"fresh: is missing; took a",
		"blocks: has 3 elements, takes 2; dropped the last 1",
		"blocks[0].op.conv.kernel: 9 does not fit; took the nearest, 7",
		"blocks[0].op.conv.norm: is missing; took no",
		"gone: is no gene of the space; dropped 2",
	}
	if d := cmp.Diff(want, lines); d != "" {
		t.Error(d)
	}
}

func TestRepairPrunesDeadNodes(t *testing.T) {
	t.Parallel()
	s := MustParseSpace(`{"cell": {"cell": {"vertices": ["a", "b"], "nodes": [3, 5], "max_edges": 5}}}`)
	names := []any{"input", "a", "b", "a", "output"}
	for _, c := range []struct {
		edges []any
		want  string
	}{
		{[]any{[]any{0, 1}, []any{0, 2}, []any{1, 3}, []any{1, 4}}, "cell=|a~0|+|output~1|"},
		{[]any{[]any{0, 4}, []any{0, 1}}, "cell=|a~0|+|output~1|"},
		{nil, "cell=|a~0|+|output~1|"},
		{[]any{[]any{0, 1}, []any{0, 2}, []any{0, 3}, []any{1, 4}, []any{2, 4}, []any{3, 4}}, "cell=|a~0|+|b~0|+|output~1~2|"},
	} {
		g, lines, err := s.Repair(Map{{"cell", Map{{"vertices", names}, {"edges", append([]any{}, c.edges...)}}}})
		if err != nil || g.Text() != c.want || len(lines) != 1 {
			t.Errorf("%v: %q %q %v, want %q", c.edges, g, lines, err, c.want)
		}
	}
}

func TestDiff(t *testing.T) {
	t.Parallel()
	s := MustParseSpace(`{"lr": {"float": [0, 1]}, "blocks": {"list": {"channels": {"int": [1, 99]}, "op": {"choice": [{"conv": {"kernel": {"int": [1, 9]}}}, "skip"]}}, "length": [0, 5]}}`)
	a := mustParse(t, s, "lr=0.1 blocks=[(channels=1 op=skip) (channels=9 op=conv(kernel=3)) (channels=50 op=skip)]")
	b := mustParse(t, s, "lr=0.2 blocks=[(channels=9 op=conv(kernel=5)) (channels=50 op=skip) (channels=99 op=conv(kernel=1))]")
	want := []string{
		"lr: 0.1 -> 0.2",
		"blocks[0]: - (channels=1 op=skip)",
		"blocks[0].op.conv.kernel: 3 -> 5",
		"blocks[2]: + (channels=99 op=conv(kernel=1))",
	}
	if d := cmp.Diff(want, Diff(a, b)); d != "" {
		t.Error(d)
	}
}

func TestVariationWeightsKeepGenesStill(t *testing.T) {
	t.Parallel()
	s := MustParseSpace(`{"variation": {"weights": {"still": 0, "still.some": 1}}, "still": {"a": {"int": [1, 9]}, "some": "bool"}, "b": {"int": [1, 9]}}`)
	g := mustParse(t, s, "still=(a=4 some=no) b=4")
	r := rng.New(1)
	changed := map[string]int{}
	for range 400 {
		h, err := s.Mutate(g, r)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range Diff(g, h) {
			name, _, _ := strings.Cut(line, ":")
			changed[name]++
		}
	}
	if changed["still.a"] > 0 || changed["still.some"] < 150 || changed["b"] < 150 {
		t.Errorf("changed %v", changed)
	}
}

func TestMetaAndLimits(t *testing.T) {
	t.Parallel()
	s := MustParseSpace(everything)
	if v, ok := s.Meta("network"); !ok || !sameTree(v, Map{{"input", []any{int64(1), int64(40)}}, {"classes", int64(10)}}) {
		t.Errorf("network: %v", v)
	}
	if _, ok := s.Meta("define"); ok {
		t.Error("define is no constant data")
	}
	if s.Limits() != (Limits{Parameters: 5210}) {
		t.Error(s.Limits())
	}
	r := rng.New(2)
	g, err := s.Random(r)
	if err != nil {
		t.Fatal(err)
	}
	if v, ok := g.Gene("stack.cells"); !ok || v != int64(5) {
		t.Errorf("stack.cells is %v", v)
	}
	if v, ok := g.Gene("edges.channels"); !ok || v != int64(16) {
		t.Errorf("edges.channels is %v", v)
	}
	if _, ok := g.Gene("blocks[9].channels"); ok {
		t.Error("there is no tenth block")
	}
	var h Hash
	if err := h.UnmarshalText([]byte(g.Hash().String())); err != nil || h != g.Hash() {
		t.Error(err)
	}
}

func benchGenome(b *testing.B) (*Space, Genome) {
	s := MustParseSpace(`{"lr": {"float": [1e-4, 1e-1], "log": true}, "act": {"choice": ["relu", "mish"]},
		"blocks": {"list": {"channels": {"choice": [4, 8, 12, 16], "ordered": true}, "kernel": {"choice": [3, 5, 7]},
		"dilation": {"choice": [1, 2, 4]}, "norm": "bool", "residual": "bool"}, "length": 6}}`)
	g, err := s.Random(rng.New(1))
	if err != nil {
		b.Fatal(err)
	}
	return s, g
}

func BenchmarkUnpack(b *testing.B) {
	s, g := benchGenome(b)
	for b.Loop() {
		_, _ = s.Unpack(g.packed)
	}
}

func BenchmarkText(b *testing.B) {
	_, g := benchGenome(b)
	for b.Loop() {
		_ = g.Text()
	}
}

func BenchmarkTree(b *testing.B) {
	_, g := benchGenome(b)
	for b.Loop() {
		_ = g.Tree()
	}
}

func BenchmarkMutate(b *testing.B) {
	s, g := benchGenome(b)
	r := rng.New(1)
	for b.Loop() {
		_, _ = s.Mutate(g, r)
	}
}
