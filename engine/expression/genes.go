package expression

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nascent-nas/nascent/genome"
)

// Genes is the Scope of conditions on genes alone, of one genome at a time.
type Genes struct {
	space *genome.Space
	paths []string // nil until they are asked for
	tree  genome.Map
}

// NewGenes makes that of a space.
func NewGenes(s *genome.Space) *Genes { return &Genes{space: s} }

// Look has what was bound tell of the tree of a genome, whatever the row.
func (g *Genes) Look(tree genome.Map) { g.tree = tree }

// Column is the gene at a path.
func (g *Genes) Column(form, name string) (Column, bool, error) {
	if form == "metric" {
		return Column{}, false, nil
	}
	path, ok := g.space.Path(name)
	if !ok {
		return Column{}, false, nil
	}
	return OfGene(path, func(int) genome.Map { return g.tree }), true, nil
}

// Names are the paths of genes as a condition writes them.
func (g *Genes) Names(form string) (out []string) {
	if g.paths == nil {
		g.paths = GenePaths(g.space)
	}
	if form == "metric" {
		return nil
	}
	for _, p := range g.paths {
		out = append(out, Written("gene", p, form != ""))
	}
	return out
}

// OfGene is the column of a gene, in rows whose genomes have these trees.
func OfGene(path *genome.Path, tree func(row int) genome.Map) Column {
	c := Column{Many: path.Many, Words: path.Words}
	for _, k := range []struct {
		on   bool
		kind Kind
	}{{path.Number, Number}, {path.Text, Text}, {path.Truth, Truth}} {
		if k.on {
			c.Kind |= k.kind
		}
	}
	c.At = func(row int, out []Value) []Value {
		path.EachOf(tree(row), func(v any) { out = append(out, valueOf(v)) })
		return out
	}
	return c
}

func valueOf(v any) Value {
	switch v := v.(type) {
	case int64:
		return Value{Kind: Number, Number: float64(v)}
	case float64:
		return Value{Kind: Number, Number: v}
	case bool:
		return truthValue(v)
	case string:
		return Value{Kind: Text, Text: v}
	}
	return Value{}
}

// GenePaths are the paths of a space's genes without places in lists, and of lists their
// lengths; of up to a thousand.
func GenePaths(s *genome.Space) []string {
	paths := []string{}
	for _, p := range withoutPlaces(s.Paths(1000)) {
		paths = append(paths, p)
		if _, isList := s.Path(p + ".length"); isList {
			paths = append(paths, p+".length")
		}
	}
	return paths
}

// withoutPlaces leaves the places in lists out of paths of genes.
func withoutPlaces(paths []string) (out []string) {
	for _, p := range paths {
		if short := genome.WithoutPlaces(p); !slices.Contains(out, short) {
			out = append(out, short)
		}
	}
	return out
}

// Written is the name of a metric or a gene as a condition writes it: as a word, or
// where it is none or is taken as metric("a-b").
func Written(form, name string, taken bool) string {
	plain := func(c rune) bool {
		return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || form == "gene" && strings.ContainsRune(".[]", c)
	}
	if !taken && strings.IndexFunc(name, func(c rune) bool { return !plain(c) }) < 0 && !(name[0] >= '0' && name[0] <= '9') {
		return name
	}
	return fmt.Sprintf("%s(%q)", form, name)
}
