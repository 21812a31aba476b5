package surrogate

import (
	"strings"

	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/rng"
)

// Point is a genome as a Process sees it. It does not change.
type Point struct {
	Key     genome.Hash // equal for genomes that are duplicates of each other
	genes   []float64   // columns of Space.Encode; nil where there are too many
	words   tokens      // of the layer graph: runs of one to three operations, and paths
	numbers []float64   // of the layer graph: logarithms of what it costs, and its form
}

// maxColumns bounds the genes of a Point. A space with more is seen by the decisions
// that its genomes take.
const maxColumns = 2048

// reader reads the genomes of one space as Points. It is not safe for concurrent use.
type reader struct {
	space   *genome.Space
	genes   []string  // those that have a length scale of their own
	geneOf  []int     // of each column, an index into genes
	share   []float64 // of each column: a difference in one gene comes to 1
	ids     map[string]int32
	graph   grapher
	encodes bool
}

// newReader reads genomes of a space.
func newReader(space *genome.Space) *reader {
	r := &reader{space: space, ids: map[string]int32{}}
	n, err := space.Columns()
	if r.encodes = err == nil && n <= maxColumns; !r.encodes {
		return r
	}
	known := map[string]int{}
	for _, name := range space.EncodingNames() {
		gene, share := name, 1.0
		if at := strings.LastIndexByte(name, '='); at >= 0 {
			gene, share = name[:at], 0.5 // two options differ in two columns
		}
		gene = placeless(gene)
		k, ok := known[gene]
		if !ok {
			k = len(r.genes)
			known[gene] = k
			r.genes = append(r.genes, gene)
		}
		r.geneOf, r.share = append(r.geneOf, k), append(r.share, share)
	}
	return r
}

// placeless leaves the places in lists out of a path: elements share their scales.
func placeless(path string) string {
	var b strings.Builder
	for {
		open := strings.IndexByte(path, '[')
		end := strings.IndexByte(path, ']')
		if open < 0 || end < open {
			b.WriteString(path)
			return b.String()
		}
		b.WriteString(path[:open])
		path = path[end+1:]
	}
}

// Read reads a genome.
func (r *reader) Read(g genome.Genome) *Point {
	p := &Point{}
	if r.encodes {
		p.genes = r.space.Encode(g)
	}
	var said []string
	p.Key, said, p.numbers = r.graph.read(g)
	if !r.encodes {
		said = append(said, r.decisions(g)...)
	}
	p.words = r.count(said)
	return p
}

// decisions tell of a genome in a space that is too large to be encoded.
func (r *reader) decisions(g genome.Genome) []string {
	asked, answers, err := r.space.Decisions(g)
	if err != nil {
		return nil
	}
	sites := r.space.Sites()
	var out []string
	for i, d := range asked {
		s := &sites[d.Site]
		out = append(out, s.Name+"="+s.Options[answers[i]])
	}
	return out
}

// logOf is a logarithm for counts that may be 0.
func logOf(n int64) float64 { return rng.Log(float64(n) + 1) }
