package genome

import (
	"slices"
	"strconv"
	"strings"
)

// The kinds of mutation.
const (
	change    = iota // a value becomes another one
	insert           // a new element in a list, a new node on an edge of a cell
	remove           // an element of a list or a node of a cell goes
	swap             // two elements of a list trade places
	duplicate        // an element of a list stands twice
	rewire           // an input of a cell's node becomes another one
	mutationKinds
)

var mutationNames = []string{"change", "insert", "delete", "swap", "duplicate", "rewire"}

// The kinds of crossover.
const (
	homologous = iota // each gene from either parent
	subtree           // a part of the one replaced by a like part of the other
	onePoint          // the front of one parent and the back of the other, cut in a list
	crossKinds
)

var crossNames = []string{"homologous", "subtree", "one_point"}

// variation says how genomes are varied.
type variation struct {
	changes []int64 // one is drawn: how many changes a mutation makes
	kinds   []float64
	cross   []float64
	weights *prefixWeights // nil: all genes alike
}

func defaultVariation() *variation {
	return &variation{
		changes: []int64{1},
		kinds:   []float64{0.8, 0.1, 0.08, 0.02, 0.05, 0.1},
		cross:   []float64{1, 1, 1},
	}
}

// prefixWeights is a tree of gene names, places in lists left out; a gene's
// weight is that of the longest prefix of its path which has one.
type prefixWeights struct {
	weight float64
	set    bool
	next   map[string]*prefixWeights
}

// place follows the weights while the genes are walked.
type place struct {
	node   *prefixWeights
	weight float64
}

func (v *variation) top() place { return place{v.weights, 1} }

func (p place) step(name string) place {
	if p.node == nil {
		return p
	}
	p.node = p.node.next[name]
	if p.node != nil && p.node.set {
		p.weight = p.node.weight
	}
	return p
}

func (d *declaration) declareVariation(v any, path []string) *Mistake {
	m, ok := v.(Map)
	if !ok {
		return fault(path, "write variation: {changes: [1, 2], kinds: {...}}", "needs a map, got %s", describe(v))
	}
	d.variationTree = m
	out := d.variation
	for _, e := range m {
		p := child(path, e.Key)
		var err *Mistake
		switch e.Key {
		case "changes":
			list, ok := e.Value.([]any)
			if one, isOne := whole(e.Value); isOne {
				list, ok = []any{one}, true
			}
			if !ok || len(list) == 0 || len(list) > 1000 {
				return fault(p, "write for example changes: [1, 1, 2, 3]", "needs a list of whole numbers, got %s", describe(e.Value))
			}
			out.changes = nil
			for i, x := range list {
				n, ok := whole(x)
				if !ok || n < 1 || n > 1000 {
					return fault(child(p, strconv.Itoa(i)), "write 1 or more", "needs a whole number from 1 to 1000, got %s", describe(x))
				}
				out.changes = append(out.changes, n)
			}
		case "kinds":
			out.kinds, err = weightsOf(e.Value, p, mutationNames)
		case "cross":
			out.cross, err = weightsOf(e.Value, p, crossNames)
		case "weights":
			weights, ok := e.Value.(Map)
			if !ok {
				return fault(p, "write {PATH: 3.0}", "needs a map from the path of a gene to a number, got %s", describe(e.Value))
			}
			out.weights = &prefixWeights{next: map[string]*prefixWeights{}}
			for _, w := range weights {
				x, ok := real(w.Value)
				if !ok || !(x >= 0) || x > 1e9 {
					return fault(child(p, w.Key), "write 0 to keep its genes from mutating",
						"needs a number from 0 to 1e9, got %s", describe(w.Value))
				}
				node := out.weights
				for part := range strings.SplitSeq(w.Key, ".") {
					next := node.next[part]
					if next == nil {
						next = &prefixWeights{next: map[string]*prefixWeights{}}
						node.next[part] = next
					}
					node = next
				}
				node.weight, node.set = x, true
			}
		default:
			return fault(p, "variation has changes, kinds, weights and cross", "is unknown")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// weightsOf reads {NAME: WEIGHT}; names left out weigh nothing.
func weightsOf(v any, path []string, names []string) ([]float64, *Mistake) {
	m, ok := v.(Map)
	if !ok {
		return nil, fault(path, "write {"+names[0]+": 1}", "needs a map of weights, got %s", describe(v))
	}
	out := make([]float64, len(names))
	total := 0.0
	for _, e := range m {
		i := slices.Index(names, e.Key)
		if i < 0 {
			return nil, fault(child(path, e.Key), "the kinds are "+listing(names), "is unknown")
		}
		x, ok := real(e.Value)
		if !ok || !(x >= 0) || x > 1e9 {
			return nil, fault(child(path, e.Key), "write for example 0.5", "needs a number from 0 to 1e9, got %s", describe(e.Value))
		}
		out[i] = x
		total += x
	}
	if total == 0 {
		return nil, fault(path, "give one of them a positive weight", "leaves nothing to do")
	}
	return out, nil
}

// checkWeights verifies that every path in variation.weights leads somewhere.
func (d *declaration) checkWeights(root gene) *Mistake {
	v, _ := d.variationTree.Get("weights")
	m, _ := v.(Map)
	for _, e := range m {
		if !leads(root, strings.Split(e.Key, "."), 0) {
			return fault([]string{"variation", "weights", e.Key},
				"write the path of a gene without places in lists, for example blocks.channels",
				"no gene lies at %q", shorten(e.Key))
		}
	}
	return nil
}

// leads tells whether a path of names leads to a gene.
func leads(g gene, names []string, depth int) bool {
	return len(names) == 0 || depth <= maxNesting && g.leads(names, depth)
}

func (d *declaration) declareLimits(v any, path []string) *Mistake {
	m, ok := v.(Map)
	if !ok {
		return fault(path, "write limits: {parameters: 5210}", "needs a map, got %s", describe(v))
	}
	for _, e := range m {
		n, ok := whole(e.Value)
		if !ok || n < 1 {
			return fault(child(path, e.Key), "write a whole number, or remove it for no limit",
				"needs a whole number of at least 1, got %s", describe(e.Value))
		}
		switch e.Key {
		case "parameters":
			d.limit.Parameters = n
		case "macs":
			d.limit.Macs = n
		case "depth":
			d.limit.Depth = n
		default:
			return fault(child(path, e.Key), "the limits are parameters, macs and depth", "is unknown")
		}
	}
	d.limits = m
	return nil
}
