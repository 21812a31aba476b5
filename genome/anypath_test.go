package genome

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/genome/rng"
)

func TestPathsWithoutPlaces(t *testing.T) {
	t.Parallel()
	s := MustParseSpace(`{
		"lr": {"float": [0.001, 1]}, "bits": {"list": "bool", "length": 3}, "net": {"from": "act"}, "act": {"choice": ["relu", "mish"]},
		"pair": [{"a": {"int": [1, 9]}}, {"choice": [2, 4]}],
		"blocks": {"length": [1, 4], "list": {"kernel": {"choice": [3, 5]}, "op": {"choice": [{"conv": {"norm": "bool", "act": {"choice": ["relu", "tanh"]}}}, "skip"]},
			"inner": {"list": {"length": {"int": [7, 9]}}, "length": [0, 2]}}},
		"stack": {"cell": {"edges": ["none", "conv3x3"], "nodes": 3}}
	}`)
	g, err := s.Parse(`lr=0.5 bits=b010 act=mish pair=[(a=3) 4] blocks=[(kernel=3 op=conv(norm=yes act=tanh) inner=[]) (kernel=5 op=skip inner=[(length=7) (length=9)])] ` +
		`stack=|none~0|+|conv3x3~0|none~1|`)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"lr": "number: 0.5", "bits": "truth many: false true false", "bits[1]": "truth: true", "bits.length": "number: 3",
		"act": "text relu,mish: mish", "net": "text relu,mish: mish", "pair[0].a": "number: 3", "pair.a": "number many: 3", "pair[1]": "number: 4",
		"blocks.length": "number: 2", "blocks.kernel": "number many: 3 5", "blocks[1].kernel": "number: 5", "blocks[3].kernel": "number:",
		"blocks.op": "text conv,skip many option: conv skip", "blocks.op.conv": "truth many: true", "blocks.op.conv.norm": "truth many: true",
		"blocks.op.conv.act": "text relu,tanh many: tanh", "blocks[0].op.conv.act": "text relu,tanh: tanh", "blocks[1].op.conv.act": "text relu,tanh:",
		"blocks.inner.length": "number many: 7 9", "blocks[1].inner.length": "number many: 7 9", "blocks[0].inner": "truth many:",
		"stack.edges": "text many: none conv3x3 none", "stack.edges[1]": "text many: conv3x3",
		"blocks.op.skip": "", "blocks.kernels": "", "blocks[4].kernel": "", "length": "", "lr.length": "", "blocks[": "", "kernel": "", "act.length": "",
	} {
		p, ok := s.Path(path)
		got := ""
		if ok {
			for _, k := range []struct {
				on   bool
				name string
			}{{p.Number, "number"}, {p.Text, "text"}, {p.Truth, "truth"}, {p.Words != nil, strings.Join(p.Words, ",")}, {p.Many,
				"many"}, {p.Option, "option"}} {
				if k.on {
					got += " " + k.name
				}
			}
			got += ":"
			p.Each(g, func(v any) { got += fmt.Sprint(" ", v) })
		}
		if got = strings.TrimSpace(got); got != want {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
}

// Every scalar of a genome is found at the path that Leaves says, and so is every
// element's where the places are left out.
func TestLeavesAreWhatPathsLeadTo(t *testing.T) {
	t.Parallel()
	s := MustParseSpace(everything)
	r := rng.New(5)
	for range 50 {
		g, err := s.Random(r)
		if err != nil {
			t.Fatal(err)
		}
		leaves := s.Leaves(g)
		if len(leaves) == 0 {
			t.Fatalf("%q has no leaves", g)
		}
		for _, l := range leaves {
			p, ok := s.Path(l.Path)
			if !ok {
				t.Fatalf("%q: the space has no %s", g, l.Path)
			}
			var got []any
			p.Each(g, func(v any) { got = append(got, v) })
			if len(got) != 1 || got[0] != l.Value {
				t.Errorf("%q: %s is %v, want %v", g, l.Path, got, l.Value)
			}
			anywhere := WithoutPlaces(l.Path)
			if p, ok = s.Path(anywhere); !ok {
				t.Fatalf("%q: the space has no %s", g, anywhere)
			}
			got = nil
			p.Each(g, func(v any) { got = append(got, v) })
			if !slices.Contains(got, l.Value) {
				t.Errorf("%q: %s has %v, and not %v", g, anywhere, got, l.Value)
			}
		}
	}
}

// Genomes that are read one after the other have the leaves that each has alone.
func TestFlat(t *testing.T) {
	t.Parallel()
	s := MustParseSpace(everything)
	r := rng.New(6)
	flat := s.Flat()
	for range 50 {
		g, err := s.Random(r)
		if err != nil {
			t.Fatal(err)
		}
		var got []Leaf
		flat.Each(g, func(leaf int, v any) { got = append(got, Leaf{flat.Paths()[leaf], v}) })
		if want := s.Leaves(g); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", g, got, want)
		}
	}
	paths := slices.Clone(flat.Paths())
	slices.Sort(paths)
	if n := len(slices.Compact(paths)); n != len(flat.Paths()) {
		t.Errorf("%d paths of %d are different", n, len(flat.Paths()))
	}
}
