package network

import (
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/rng"
)

var update = flag.Bool("update", false, "write testdata/golden anew from what networks measure")

// TestGolden holds what was once said of genomes of many spaces: hashes, keys,
// counts, and digests of the graph and of what is drawn. A file of testdata/golden
// begins with its space; each line after it is a genome and what it comes to.
//
// Networks measure, hash and draw as they did, for ledgers hold it: where a line
// changes on purpose, the revision of the rules must have.
func TestGolden(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/golden/*.txt")
	if err != nil || len(files) < 12 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			declaration, rest, _ := strings.Cut(string(text), "\n")
			s, err := genome.ParseSpaceJSON([]byte(declaration))
			if err != nil {
				t.Fatal(err)
			}
			if *update {
				golden(t, file, declaration, s)
				return
			}
			lines := strings.Split(strings.TrimSuffix(rest, "\n"), "\n")
			for _, line := range lines {
				what, _, _ := strings.Cut(line, "\t")
				g, err := s.ByRules(0).Parse(what)
				if err != nil {
					t.Fatalf("%s: %v", what, err)
				}
				if got := measured(t, g); got != line {
					t.Errorf("got  %s\nwant %s", got, line)
				}
			}
			if len(lines) < 40 {
				t.Errorf("%d genomes", len(lines))
			}
		})
	}
}

// golden draws genomes, most of them networks, and writes what they come to.
func golden(t *testing.T, file, declaration string, free *genome.Space) {
	s := bound(t, declaration)
	var out strings.Builder
	out.WriteString(declaration + "\n")
	for i := range 60 {
		from := s
		if i >= 40 {
			from = free // some of these cannot be read
		}
		g, err := from.ByRules(0).Random(rng.New(uint64(i)))
		if err != nil {
			t.Fatal(err)
		}
		out.WriteString(measured(t, g) + "\n")
	}
	if err := os.WriteFile(file, []byte(out.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

// measured is a genome's line: its text, and after tabs its key by revision 0 of the
// rules and, of its network, the hash by revision 0, parameters, multiply-adds, depth,
// a digest and the hash; or why it is none.
func measured(t *testing.T, g genome.Genome) string {
	n, err := Read(g)
	if err != nil {
		return fmt.Sprintf("%s\t%s\t%v", g, Key(g), err)
	}
	graph, err := json.Marshal(n)
	if err != nil {
		t.Fatal(err)
	}
	arrays := ""
	for _, a := range n.Arrays() {
		for _, x := range a.List() {
			arrays += fmt.Sprintln(x.Name, x.Shape, x.FanIn, x.Start)
		}
	}
	d := sha256.New()
	fmt.Fprint(d, string(graph), n.String(), n.Layers(), n.Dot(), n.Mermaid(), n.Live(), arrays)
	return fmt.Sprintf("%s\t%s\t%s\t%d\t%d\t%d\t%x\t%s", g, Key(g), n.HashBy(0), n.Parameters(), n.Macs(), n.Depth(), d.Sum(nil)[:8], n.Hash())
}

// TestGoldenTrees holds the same of trees that no space has written, half of
// which are no networks.
func TestGoldenTrees(t *testing.T) {
	t.Parallel()
	r := rng.New(7)
	d := sha256.New()
	for range 3000 {
		l := list()
		for k := r.Intn(4); k >= 0; k-- {
			l = append(l, random(r, 2))
		}
		input := [][]int{{2, 16}, {3, 16, 16}, {8}, {1, 1}}[r.Weighted([]float64{5, 5, 1, 1})]
		n, err := Build(group("l", l), input, 3)
		if err != nil {
			fmt.Fprintln(d, err)
			continue
		}
		graph, err := json.Marshal(n)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(d, string(graph), n.HashBy(0), n.Parameters(), n.Macs(), n.Depth(), n.Layers())
	}
	const want = "4e26f51dc9148ffa"
	if got := fmt.Sprintf("%x", d.Sum(nil)[:8]); got != want {
		t.Errorf("%s, was %s", got, want)
	}
}
