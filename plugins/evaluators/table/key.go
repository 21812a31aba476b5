package table

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/network"
	"github.com/nascent-nas/nascent/genome/rng"
	"github.com/nascent-nas/nascent/plugins/sdk"
)

// keys finds rows by genomes.
type keys struct {
	space *genome.Space
	o     keyOption
	whole bool     // the genes' side is the genome's whole text, not its only cell
	frame []string // around the only cell, in the genome's text
	ops   []string // canonical, from a matrix: operations of the space's cell of vertices
	rank  int      // canonical: how many extents a sample has, for the layers of a cell
	rows  map[string]int32
	made  []genome.Genome // pool: the members
}

// cellText is a cell in a genome's text.
var cellText = regexp.MustCompile(`[^\s()\[\]=|]*\|[^\s()\[\]]*\|`)

// samples is how many random genomes are looked at to learn what a space holds.
const samples = 32

// newKeys learns what it needs of the space.
func newKeys(space *genome.Space, o keyOption, pool bool) (*keys, error) {
	k := &keys{space: space, o: o, rank: 2}
	if meta, ok := space.Meta("network"); ok {
		if m, ok := meta.(genome.Map); ok {
			if input, _ := m.Get("input"); input != nil {
				if list, ok := input.([]any); ok {
					k.rank = min(2, len(list)-1)
				}
			}
		}
	}
	r := rng.New(1)
	missing := o.genes.names()
	for i := range samples {
		g, err := space.Random(r)
		if err != nil {
			return nil, err
		}
		frame := cellText.Split(g.Text(), -1)
		if i == 0 {
			k.frame = frame
		}
		if len(frame) != 2 || !slices.Equal(frame, k.frame) {
			k.whole = true
		}
		missing = slices.DeleteFunc(missing, func(path string) bool { _, ok := g.Gene(path); return ok })
	}
	if len(missing) > 0 {
		return nil, sdk.BadOption("key", "genes: no genome of the space has a gene %q: use the path of one, as in {stack.cell}", missing[0])
	}
	if pool && len(o.genes) > 0 {
		return nil, sdk.BadOption("pool", "a template cannot be read backwards into genomes: use key: COLUMN or key: {canonical: COLUMN}")
	}
	if o.adjacency != "" {
		var tree genome.Map
		if err := json.Unmarshal(space.JSON(), &tree); err != nil {
			return nil, err
		}
		if k.ops = verticesOps(tree); k.ops == nil || k.whole {
			return nil, sdk.BadOption("key", "canonical: adjacency and operations describe one cell of vertices, and the space has no "+
				"such cell as its only gene: use another form of key")
		}
	}
	return k, nil
}

// verticesOps finds the operations of the cell of vertices in a declaration.
func verticesOps(v any) []string {
	switch v := v.(type) {
	case genome.Map:
		if list, ok := v.Get("vertices"); ok {
			if list, ok := list.([]any); ok {
				var out []string
				for _, x := range list {
					out = append(out, fmt.Sprint(x))
				}
				return out
			}
		}
		for _, e := range v {
			if out := verticesOps(e.Value); out != nil {
				return out
			}
		}
	case []any:
		for _, x := range v {
			if out := verticesOps(x); out != nil {
				return out
			}
		}
	}
	return nil
}

// columns are those that the table's side needs.
func (k *keyOption) wanted() []string {
	if k.adjacency != "" {
		return []string{k.adjacency, k.ops}
	}
	return k.columns.names()
}

// row finds the row of a genome by its text.
func (k *keys) row(text string) (row int32, ok bool, err error) {
	key, err := k.of(text)
	if err != nil {
		return 0, false, err
	}
	row, ok = k.rows[key]
	return row, ok, nil
}

// of is the key of a genome.
func (k *keys) of(text string) (string, error) {
	if !k.o.canonical && len(k.o.genes) == 0 {
		if k.whole {
			return text, nil
		}
		return cellText.FindString(text), nil
	}
	g, err := k.space.Parse(text)
	switch {
	case err != nil:
		return "", err
	case k.o.canonical:
		return k.canonical(g)
	default:
		tree := g.Tree()
		return k.o.genes.fill(func(path string) string {
			v, ok := tree.At(path)
			if !ok {
				return ""
			}
			return plain(geneText(v))
		}), nil
	}
}

// index reads the keys of all rows. Rows about genomes that the space does not
// hold are left out where rows are read as genomes.
func (k *keys) index(s *sheet, pool bool) error {
	k.rows = make(map[string]int32, len(s.lines))
	var first error
	for i := range s.lines {
		where := func(err error) error { return fmt.Errorf("%s:%d: %w", s.name, s.lines[i], err) }
		text := ""
		if k.o.adjacency != "" {
			cell, err := verticesCell(s.texts[k.o.adjacency][i], s.texts[k.o.ops][i], k.ops)
			if err != nil {
				return where(err)
			}
			text = cell
		} else {
			text = k.o.columns.fill(func(c string) string { return plain(strings.TrimSpace(s.texts[c][i])) })
		}
		key := text
		if k.o.canonical || pool {
			g, err := k.genome(text)
			if err != nil {
				if first == nil {
					first = where(err)
				}
				continue
			}
			if pool {
				k.made = append(k.made, g)
			}
			if k.o.canonical {
				if key, err = k.canonical(g); err != nil {
					return where(err)
				}
			}
		}
		if other, twice := k.rows[key]; !twice {
			k.rows[key] = int32(i)
		} else if !k.o.canonical { // isomorphic cells are; equal texts say different things of one
			return fmt.Errorf("%s:%d: the key %s is that of line %d, too: remove one of the rows, or add a column to the key", s.name,
				s.lines[i], clip(key), s.lines[other])
		}
	}
	if len(k.rows) == 0 && first != nil {
		return fmt.Errorf("no row is about a genome of the space; the first one: %w", first)
	}
	return nil
}

// genome reads a row's text: the only cell, or the whole genome.
func (k *keys) genome(text string) (genome.Genome, error) {
	if !k.whole {
		text = k.frame[0] + text + k.frame[1]
	}
	return k.space.Parse(text)
}

// canonical is equal for genomes whose cells are isomorphic and whose other
// genes are equal. A cell is hashed by itself, as a small network: that is much
// faster than hashing the whole network, and says the same. Not so cells of
// vertices: a network tells the parts of a concatenation apart by their order,
// which follows the numbering of the vertices, so they are compared as graphs.
func (k *keys) canonical(g genome.Genome) (string, error) {
	key := cellText.ReplaceAllString(g.Text(), "|")
	var err error
	form := false
	visitCells(g.Tree(), func(cell genome.Map) {
		if kindOf(cell) == "vertices" {
			form = true
			return
		}
		text, cellErr := k.hash(cell)
		if cellErr != nil && err == nil {
			err = cellErr
		}
		key += " " + text
	})
	if form {
		return g.Form(), nil
	}
	return key, err
}

// hash is that of one cell.
func (k *keys) hash(cell genome.Map) (string, error) {
	if how, _ := cell.Get("isomorphism"); how == "published" {
		if edges, ok := cell.Get("edges"); ok {
			var ops []string
			for _, op := range edges.([]any) {
				ops = append(ops, fmt.Sprint(op))
			}
			return network.CellClass(ops), nil
		}
	}
	n, err := network.Build(genome.Map{{Key: "cell", Value: cell}}, []int{8, 4, 4}[:1+k.rank], 2)
	if err != nil {
		return "", err
	}
	return n.Hash().String(), nil
}

// visitCells calls f with every cell of a tree.
func visitCells(v any, f func(genome.Map)) {
	switch v := v.(type) {
	case genome.Map:
		if kindOf(v) != "" {
			f(v)
			return
		}
		for _, e := range v {
			visitCells(e.Value, f)
		}
	case []any:
		for _, x := range v {
			visitCells(x, f)
		}
	}
}

// kindOf is edges, vertices or pairs for a cell, else "".
func kindOf(m genome.Map) string {
	for _, kind := range []string{"vertices", "edges", "pairs"} {
		if v, ok := m.Get(kind); ok {
			if _, ok := v.([]any); ok {
				return kind
			}
		}
	}
	return ""
}

// geneText writes a gene of a tree as the canonical text does.
func geneText(v any) string {
	switch v := v.(type) {
	case bool:
		if v {
			return "yes"
		}
		return "no"
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case genome.Map:
		if kind := kindOf(v); kind != "" {
			return cellOf(v, kind)
		}
		if len(v) == 1 {
			return v[0].Key // an option that has genes
		}
	case []any:
		texts := make([]string, len(v))
		for i, x := range v {
			texts[i] = geneText(x)
		}
		return "[" + strings.Join(texts, " ") + "]"
	}
	return fmt.Sprint(v)
}

// cellOf writes a cell of a tree as the canonical text does.
func cellOf(m genome.Map, kind string) string {
	list := func(v any) []any { l, _ := v.([]any); return l }
	get := func(key string) []any { v, _ := m.Get(key); return list(v) }
	var nodes []string
	switch kind {
	case "edges":
		for ops, n := get("edges"), 1; len(ops) >= n; n++ {
			b := "|"
			for from, op := range ops[:n] {
				b += fmt.Sprintf("%v~%d|", op, from)
			}
			nodes, ops = append(nodes, b), ops[n:]
		}
	case "vertices":
		into := map[string]string{}
		for _, e := range get("edges") {
			into[fmt.Sprint(list(e)[1])] += fmt.Sprintf("~%v", list(e)[0])
		}
		for i, name := range get("vertices") {
			if i > 0 {
				nodes = append(nodes, fmt.Sprintf("|%v%s|", name, into[strconv.Itoa(i)]))
			}
		}
	case "pairs":
		combine := get("combine")
		for i, p := range get("pairs") {
			b := "|"
			for k := 0; k+1 < len(list(p)); k += 2 {
				b += fmt.Sprintf("%v~%v|", list(p)[k], list(p)[k+1])
			}
			if len(combine) == len(get("pairs")) && len(combine) > 1 {
				b = fmt.Sprint(combine[i]) + ":" + b
			}
			nodes = append(nodes, b)
		}
	}
	return strings.Join(nodes, "+")
}

// verticesCell writes a cell of vertices of the upper triangle of its adjacency
// matrix, row by row in zeros and ones, and of its operations: a digit each,
// the place in the space's list, or names with commas.
func verticesCell(bits, operations string, ops []string) (string, error) {
	var names []string
	if strings.Trim(operations, "0123456789") == "" {
		for _, digit := range operations {
			d := int(digit - '0')
			if d >= len(ops) {
				return "", fmt.Errorf("operation %d of %q: the space has %d, counted from 0: correct one of them", d, operations, len(ops))
			}
			names = append(names, ops[d])
		}
	} else {
		names = strings.Split(operations, ",")
	}
	n := len(names) + 2
	if len(bits) != n*(n-1)/2 || strings.Trim(bits, "01") != "" {
		return "", fmt.Errorf("%q is not the upper triangle of a matrix of %d vertices, %d zeros and ones: correct it", bits, n, n*(n-1)/2)
	}
	nodes := make([]string, n)
	at := 0
	for from := range n {
		for to := from + 1; to < n; to++ {
			if bits[at] == '1' {
				nodes[to] += fmt.Sprintf("~%d", from)
			}
			at++
		}
	}
	for i, name := range append(names, "output") {
		nodes[i+1] = "|" + strings.TrimSpace(name) + nodes[i+1] + "|"
	}
	return strings.Join(nodes[1:], "+"), nil
}

// plain writes a decimal number in its shortest form, so that 1e-3 is 0.001 on
// both sides; other texts, whole numbers among them, stay as they are.
func plain(s string) string {
	if len(s) > 24 || !strings.ContainsAny(s, ".eE") || strings.Trim(s, "+-.eE0123456789") != "" {
		return s
	}
	x, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return s
	}
	return strconv.FormatFloat(x, 'g', -1, 64)
}

// clip shortens a text for one line.
func clip(s string) string {
	if len(s) > 120 {
		return s[:120] + "..."
	}
	return s
}
