package network

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/rng"
)

// Has says whether a space declares layers: it has `network:`, or a layer with
// its parameters somewhere.
func Has(s *genome.Space) bool {
	if _, ok := s.Meta("network"); ok {
		return true
	}
	var tree genome.Map
	if json.Unmarshal(s.JSON(), &tree) != nil {
		return false
	}
	_, _, ok := declares(tree)
	return ok
}

// declares finds a layer in a declaration: the word that names it, and the
// parameter that marks it as one. A gene that is merely called "conv" has none.
func declares(v any) (word, mark string, ok bool) {
	switch v := v.(type) {
	case genome.Map:
		for _, e := range v {
			if l := vocabulary[e.Key]; l != nil && l.mark != "" {
				m, _ := e.Value.(genome.Map)
				if _, ok := m.Get(l.mark); ok {
					return e.Key, l.mark, true
				}
			}
			if word, mark, ok = declares(e.Value); ok {
				return word, mark, true
			}
		}
	case []any:
		for _, e := range v {
			if word, mark, ok = declares(e); ok {
				return word, mark, true
			}
		}
	}
	return "", "", false
}

// Bind checks that a space with layers can be read, and returns it with its
// limits holding for the networks. A space without layers is returned as it is.
func Bind(s *genome.Space) (*genome.Space, error) {
	if !Has(s) {
		return s, nil
	}
	if err := s.Vet(func() error { return vet(s) }); err != nil {
		return nil, err
	}
	return s.Bind(Measure), nil
}

// vet says why no networks can be read of a space.
func vet(s *genome.Space) error {
	if _, _, err := data(s); err != nil {
		return err
	}
	// A space of which nothing can be read is a mistake in its declaration, and so
	// is a name that no layer has: what has it would never be drawn, and nobody
	// told. The first sample's complaint is as good as any.
	var first error
	some := false
	r := rng.New(1)
	for i := 0; i < 1000 && (i < 100 || !some); i++ {
		g, err := s.Random(r)
		if err != nil {
			return err
		}
		_, err = measure(g)
		if l := (*LayerError)(nil); errors.As(err, &l) && l.slip {
			problem, remedy, _ := strings.Cut(l.Error(), "; ")
			return &genome.Mistake{Problem: problem, Remedy: cmp.Or(remedy, "correct that layer")}
		}
		if some = some || err == nil; first == nil {
			first = err
		}
	}
	if !some {
		return &genome.Mistake{Problem: "no network can be made of this space: " + first.Error(), Remedy: "correct that layer"}
	}
	return nil
}

// Measure is what a genome's network costs, by which limits hold; nothing where the
// space has no layers.
func Measure(g genome.Genome) (genome.Cost, error) {
	if _, ok := g.Space().Meta("network"); !ok {
		return genome.Cost{}, nil
	}
	m := g.Derived("cost", func() any {
		cost, err := measure(g)
		return costs{cost, err}
	}).(costs)
	return m.cost, m.err
}

type costs struct {
	cost genome.Cost
	err  error
}

// builders are those that measure uses again and again: it is called for every
// candidate that is drawn, and keeps no network.
var builders = sync.Pool{New: func() any { return new(builder) }}

// measure is the cost that limits look at.
func measure(g genome.Genome) (genome.Cost, error) {
	input, classes, err := data(g.Space())
	if err != nil {
		return genome.Cost{}, err
	}
	b := builders.Get().(*builder)
	defer builders.Put(b)
	b.reset()
	if err := b.read(g.Tree(), input, classes); err != nil {
		return genome.Cost{}, err
	}
	n := Network{Nodes: b.nodes}
	return genome.Cost{Parameters: n.Parameters(), Macs: n.Macs(), Depth: n.Depth()}, nil
}

// data reads `network:` of a space: the shape of a sample and how many classes
// there are.
func data(s *genome.Space) (input []int, classes int, err error) {
	fault := func(problem string, path ...string) error {
		m := &genome.Mistake{Key: strings.Join(path, "."), Problem: problem, Remedy: "write network: {input: [1, 40], classes: 10}"}
		return m.Within("network")
	}
	meta, ok := s.Meta("network")
	if !ok {
		var tree genome.Map
		_ = json.Unmarshal(s.JSON(), &tree) // a space's JSON is a map
		word, mark, _ := declares(tree)
		return nil, 0, &genome.Mistake{Key: "network",
			Problem: fmt.Sprintf("missing, but the space has layers: %q with %q is one", word, mark),
			Remedy:  "write network: {input: [1, 40], classes: 10}, or give a gene that is no layer another name"}
	}
	m, ok := meta.(genome.Map)
	if !ok {
		return nil, 0, fault("needs a group")
	}
	for _, e := range m {
		switch e.Key {
		case "input":
			list, _ := e.Value.([]any)
			if v, ok := whole(e.Value); ok {
				list = []any{v}
			}
			for _, x := range list {
				v, ok := whole(x)
				if !ok || v < 1 || v > maxExtent {
					return nil, 0, fault(fmt.Sprintf("needs whole numbers of 1 to %d, has %v", maxExtent, x), "input")
				}
				input = append(input, v)
			}
			if len(input) < 1 || len(input) > 3 {
				return nil, 0, fault("needs [features], [channels, length] or [channels, height, width]", "input")
			}
		case "classes":
			if classes, ok = whole(e.Value); !ok || classes < 1 || classes > maxExtent {
				return nil, 0, fault(fmt.Sprintf("needs a whole number of 1 to %d, has %v", maxExtent, e.Value), "classes")
			}
		default:
			return nil, 0, fault("unknown key", e.Key)
		}
	}
	if input == nil {
		return nil, 0, fault("missing", "input")
	}
	if classes == 0 {
		return nil, 0, fault("missing", "classes")
	}
	return input, classes, nil
}

// Read builds the network of a genome. It fails with a *LayerError that names
// the layer, or with a *genome.Mistake when the space is not one of networks.
func Read(g genome.Genome) (*Network, error) {
	input, classes, err := data(g.Space())
	if err != nil {
		return nil, err
	}
	return Build(g.Tree(), input, classes)
}

// Key is equal for genomes that are duplicates of each other: their networks
// have the same Hash and their other genes are equal. For a space without
// layers it is the genome's own hash, and so it is for a genome that cannot be
// read. Cells of edges that say `isomorphism: published` are compared as
// NAS-Bench-201 does instead: see CellClass.
func Key(g genome.Genome) genome.Hash {
	return g.Derived("key", func() any { return key(g) }).(genome.Hash)
}

func key(g genome.Genome) genome.Hash {
	if _, ok := g.Space().Meta("network"); !ok {
		return g.Hash() // at once: data would go through the whole space to say what is missing
	}
	input, classes, err := data(g.Space())
	if err != nil {
		return g.Hash()
	}
	tree := g.Tree()
	if replaced, any := publish(tree); any {
		text, err := json.Marshal(replaced)
		if err != nil {
			return g.Hash()
		}
		return digest("published\n", text)
	}
	var genes []byte
	n, err := build(tree, input, classes, func(path []byte, v any) {
		genes = append(append(genes, path...), '=')
		text, err := json.Marshal(v)
		if err != nil {
			text = fmt.Append(nil, v)
		}
		genes = append(append(genes, text...), '\n')
	})
	if err != nil {
		return g.Hash()
	}
	h := n.HashBy(g.Space().Rules())
	return digest("network\n", h[:], genes)
}

func digest(kind string, parts ...[]byte) genome.Hash {
	d := sha256.New()
	d.Write([]byte(kind))
	for _, p := range parts {
		d.Write(p)
	}
	return genome.Hash(d.Sum(nil)[:16])
}

// publish replaces the edges of cells that ask for the published equivalence by
// their class.
func publish(v any) (any, bool) {
	switch v := v.(type) {
	case genome.Map:
		if how, _ := v.Get("isomorphism"); how == "published" && isCell(v) {
			out := slices.Clone(v)
			for i, e := range out {
				if edges, ok := words(e.Value); ok && e.Key == "edges" {
					out[i].Value = CellClass(edges)
				}
			}
			return out, true
		}
		found := false
		out := make(genome.Map, len(v))
		for i, e := range v {
			x, any := publish(e.Value)
			out[i] = genome.Entry{Key: e.Key, Value: x}
			found = found || any
		}
		return out, found
	case []any:
		found := false
		out := make([]any, len(v))
		for i, x := range v {
			var any bool
			out[i], any = publish(x)
			found = found || any
		}
		return out, found
	}
	return v, false
}

// CellClass writes a cell of edges as the expression by which NAS-Bench-201
// counts its 6,466 unique cells (Dong and Yang, ICLR 2020): a node is the sum of
// its incoming edges in sorted order, a skip edge stands for its source, an edge
// that is none or comes from none is "#". The operations are in the order (0,1),
// (0,2), (1,2), (0,3), ...
//
// Cells of one class need not be the same network. The expression does not see
// whether two equal terms are one convolution or two with weights of their own,
// which have twice the parameters; and it keeps the "#" of zeros in sums, by
// which cells that are the same network get several classes. Network.Hash errs
// in neither way and counts 5,260.
func CellClass(edges []string) string {
	nodes := []string{"0"}
	for len(edges) > 0 {
		if len(edges) < len(nodes) {
			return strings.Join(edges, "|") // no complete graph
		}
		terms := make([]string, len(nodes))
		for from, source := range nodes {
			switch {
			case answersZeros(edges[from]) || source == "#":
				terms[from] = "#"
			case answersInput(edges[from]):
				terms[from] = source
			default:
				terms[from] = "(" + source + ")@" + edges[from]
			}
		}
		slices.Sort(terms)
		edges = edges[len(nodes):]
		nodes = append(nodes, strings.Join(terms, "+"))
	}
	return nodes[len(nodes)-1]
}
