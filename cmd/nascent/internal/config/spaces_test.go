package config

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/network"
	"github.com/nascent-nas/nascent/genome/rng"
)

// The spaces of other tools and papers are read, have as many genomes as was published,
// and whatever is drawn, varied, written and read again in them is what it was.
func TestSpacesOfOthers(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("../../../../testdata/spaces/*.yaml")
	if err != nil || len(paths) < 8 {
		t.Fatalf("there are only %d spaces: %v", len(paths), err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".yaml"), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			d, err := Parse(path, filepath.Dir(path), text)
			if err != nil {
				t.Fatal(err)
			}
			search, err := d.Read()
			if err != nil {
				t.Fatal(err)
			}
			s := search.Engine.Space
			if s, err = network.Bind(s); err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(string(text)) {
				if want, ok := strings.CutPrefix(strings.TrimSpace(line), "# genomes: "); ok && (s.Size().Exact == nil || s.Size().Exact.String() != want) {
					t.Errorf("it has %v genomes, not %s", s.Size().Exact, want)
				}
			}
			again, err := genome.ParseSpaceJSON(s.JSON())
			if err != nil {
				t.Fatal(err)
			}
			if again, err = network.Bind(again); err != nil || !bytes.Equal(again.JSON(), s.JSON()) {
				t.Fatalf("its JSON reads back as\n%s\nand was\n%s; %v", again.JSON(), s.JSON(), err)
			}
			r := rng.New(1)
			before, err := s.Random(r)
			if err != nil {
				t.Fatal(err)
			}
			for range 30 {
				drawn, err := s.Random(r)
				if err != nil {
					t.Fatal(err)
				}
				mutant, err := s.Mutate(drawn, r)
				if err != nil {
					t.Fatal(err)
				}
				child, err := s.Cross(before, mutant, r)
				if err != nil {
					t.Fatal(err)
				}
				for _, g := range []genome.Genome{drawn, mutant, child} {
					same(t, s, again, g)
				}
				before = child
			}
		})
	}
}

// same wants a genome to be read again, in its space and in one that was read from JSON,
// from its text and from its tree.
func same(t *testing.T, s, again *genome.Space, g genome.Genome) {
	t.Helper()
	if err := s.Check(g); err != nil {
		t.Errorf("%s: %v", g.Text(), err)
	}
	for _, space := range []*genome.Space{s, again} {
		parsed, err := space.Parse(g.Text())
		if err != nil || parsed.Packed() != g.Packed() {
			t.Errorf("%s is read as %v: %v", g.Text(), parsed, err)
		}
		built, err := space.FromTree(g.Tree())
		if err != nil || built.Text() != g.Text() {
			t.Errorf("the tree of %s is read as %v: %v", g.Text(), built, err)
		}
		unpacked, err := space.Unpack(g.Packed())
		if err != nil || unpacked.Text() != g.Text() {
			t.Errorf("%s is unpacked as %v: %v", g.Text(), unpacked, err)
		}
		if n, err := space.Columns(); err == nil && len(space.Encode(unpacked)) != n {
			t.Errorf("%s is encoded as %d numbers, not %d", g.Text(), len(space.Encode(unpacked)), n)
		}
	}
}
