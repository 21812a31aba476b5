package surrogate

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/network"
)

// grapher reads the layer graphs of genomes. Where a genome has cells, each of them
// is a graph: a stack only repeats them. Else its whole network is one.
type grapher struct{}

// cellInput and cellClasses are what a cell is read over: how large they are does not
// matter as long as they are the same for all.
var cellInput = []int{8, 8, 8}

const cellClasses = 2

// read returns the key, the words and the numbers of a genome's graphs. Without
// layers the key is the genome's hash.
func (grapher) read(g genome.Genome) (key genome.Hash, words []string, numbers []float64) {
	tree := g.Tree()
	var graphs []*network.Network
	digest := sha256.New()
	readable := true
	rest := cells(tree, func(cell genome.Map) {
		n, err := network.Build(genome.Map{{Key: "cell", Value: cell}}, cellInput, cellClasses)
		if err != nil {
			readable = false
			return
		}
		graphs = append(graphs, n)
	})
	switch {
	case !readable:
		return g.Hash(), nil, nil
	case len(graphs) > 0:
		text, err := json.Marshal(rest)
		if err != nil {
			return g.Hash(), nil, nil
		}
		digest.Write(text)
		for _, n := range graphs {
			h := n.Hash()
			digest.Write(h[:])
		}
		key = genome.Hash(digest.Sum(nil)[:16])
	default:
		if _, ok := g.Space().Meta("network"); !ok {
			return g.Hash(), nil, nil
		}
		n, err := network.Read(g)
		if err != nil {
			return g.Hash(), nil, nil
		}
		graphs, key = append(graphs, n), network.Key(g)
	}
	for k, n := range graphs {
		v := viewOf(n)
		prefix := ""
		if len(graphs) > 1 {
			prefix = fmt.Sprint(k, ":")
		}
		words = v.words(prefix, words)
		numbers = append(numbers, v.numbers(n)...)
	}
	return key, words, numbers
}

// cells calls visit with every cell of a tree, and returns the tree without them.
func cells(v any, visit func(genome.Map)) any {
	switch v := v.(type) {
	case genome.Map:
		for _, e := range v {
			if _, list := e.Value.([]any); list && (e.Key == "edges" || e.Key == "vertices" || e.Key == "pairs") {
				visit(v)
				return "cell"
			}
		}
		out := make(genome.Map, len(v))
		for i, e := range v {
			out[i] = genome.Entry{Key: e.Key, Value: cells(e.Value, visit)}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = cells(x, visit)
		}
		return out
	}
	return v
}

// view is a layer graph as people draw it: of layers that compute something, joined
// where sums, concatenations and identities join them. What the answer does not
// depend on, and what only sees zeros, is left out.
type view struct {
	names []string // of the layers; the first is the input, the last the answer
	into  [][]int  // the layers whose answers each reads, in order
}

// viewOf views a network.
func viewOf(n *network.Network) *view {
	v := &view{}
	live := n.Live()
	answers := make([][]int, len(n.Nodes)) // of each node: the layers that its value comes from; none: it is zero
	for i := range n.Nodes {
		node := &n.Nodes[i]
		var from []int
		for _, in := range node.Inputs {
			for _, a := range answers[in] {
				if !contains(from, a) {
					from = append(from, a)
				}
			}
		}
		switch node.Op {
		case network.Input:
			answers[i] = []int{v.add("in", nil)}
			continue
		case network.Zero:
			continue
		}
		if name := layerName(node); name == "" || strings.HasPrefix(node.Name, "answer.") || !live[i] || len(from) == 0 {
			answers[i] = from
		} else {
			answers[i] = []int{v.add(name, from)}
		}
	}
	if len(n.Nodes) > 0 {
		v.add("out", answers[len(n.Nodes)-1])
	}
	return v
}

func contains(list []int, x int) bool {
	for _, y := range list {
		if x == y {
			return true
		}
	}
	return false
}

func (v *view) add(name string, from []int) int {
	v.names, v.into = append(v.names, name), append(v.into, from)
	return len(v.names) - 1
}

// layerName names what a layer computes, without its width; "" for those that are
// drawn beside another or join others.
func layerName(n *network.Node) string {
	switch n.Op {
	case network.Identity, network.Add, network.Concat, network.Crop, network.Norm, network.Activation, network.Dropout, network.Flatten:
		return ""
	}
	name := string(n.Op)
	if len(n.Kernel) > 0 {
		name += fmt.Sprint(n.Kernel[0])
	}
	if len(n.Stride) > 0 && n.Stride[0] > 1 {
		name += fmt.Sprint("/", n.Stride[0])
	}
	if len(n.Dilation) > 0 && n.Dilation[0] > 1 {
		name += fmt.Sprint("d", n.Dilation[0])
	}
	if n.Groups > 1 {
		name += "g"
	}
	return name
}

// maxPaths bounds the paths that are written out of a part of a graph between two
// layers that all paths go through.
const maxPaths = 256

// words appends runs of up to three layers, and the paths.
func (v *view) words(prefix string, out []string) []string {
	for i, from := range v.into {
		if i > 0 && i < len(v.names)-1 {
			out = append(out, prefix+v.names[i])
		}
		for _, a := range from {
			out = append(out, prefix+v.names[a]+" "+v.names[i])
			for _, b := range v.into[a] {
				out = append(out, prefix+v.names[b]+" "+v.names[a]+" "+v.names[i])
			}
		}
	}
	return append(out, v.paths(prefix)...)
}

// paths writes the ways from one cut to the next: a layer that all ways from input to
// answer go through.
func (v *view) paths(prefix string) []string {
	n := len(v.names)
	if len(v.into[n-1]) == 0 {
		return nil
	}
	// A layer is a cut if no edge leads past it.
	reach := make([]int, n) // the last layer that reads something up to here
	for i, from := range v.into {
		for _, a := range from {
			reach[a] = i
		}
	}
	far := 0
	var out []string
	begin := 0
	all := make([][]string, n)
	all[0] = []string{v.names[0]}
	for i := 1; i < n; i++ {
		far = max(far, reach[i-1])
		for _, a := range v.into[i] {
			if a < begin {
				continue
			}
			for _, w := range all[a] {
				if len(all[i]) < maxPaths {
					all[i] = append(all[i], w+">"+v.names[i])
				}
			}
		}
		if far == i {
			for _, w := range all[i] {
				out = append(out, prefix+w)
			}
			begin = i
			all[i] = []string{v.names[i]}
		}
	}
	return out
}

// numbers are cheap ones: logarithms of parameters and multiply-adds, depth, the
// number of layers and of paths.
func (v *view) numbers(n *network.Network) []float64 {
	ways := make([]float64, len(v.names))
	deep := make([]float64, len(v.names))
	ways[0] = 1
	for i, from := range v.into {
		for _, a := range from {
			ways[i] += ways[a]
			deep[i] = max(deep[i], deep[a]+1)
		}
	}
	last := len(v.names) - 1
	paths := min(ways[last], 1e15)
	return []float64{logOf(n.Parameters()), logOf(n.Macs()), deep[last], float64(len(v.names)), logOf(int64(paths))}
}
