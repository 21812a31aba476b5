package genome

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// What an expanded space may hold at most.
const (
	maxExpanded = 100000  // different genes in the grammar
	maxGenes    = 1 << 20 // numbers in the largest genome
	maxDepth    = 1000    // genes within genes
)

// expander replaces every use by its definition. A definition that uses itself
// becomes one gene per depth that is left; equal ones are shared.
type expander struct {
	defs  map[string]*gene
	used  map[string]bool
	made  map[string]*gene // by definition and depths left; nil while in the making
	count int
	depth int
}

// expand returns the grammar without uses. Nothing is left of an alternative
// that would recurse further than its depth.
func (d *declaration) expand() (*gene, *Mistake) {
	x := &expander{defs: map[string]*gene{}, used: map[string]bool{}, made: map[string]*gene{}}
	for _, def := range d.defs {
		x.defs[def.name] = def.gene
	}
	root, err := x.gene(d.root, nil)
	if err != nil {
		return nil, err
	}
	for _, def := range d.defs {
		if !x.used[def.name] {
			return nil, fault([]string{"define", def.name}, "use it as {use: "+def.name+"} or remove it", "is never used")
		}
	}
	if root == nil {
		return nil, fault(nil, "give one of them a choice or a list that can end", "recursion leaves nothing at depth 0")
	}
	if root.genes > maxGenes {
		return nil, fault(nil, "shorten lists or lower depths", "the largest genome would hold %.3g genes, more than %d", root.genes, maxGenes)
	}
	return root, resolve(root)
}

// gene expands one gene where left says how often each active definition may
// recurse. It returns nil if that is not possible within the depths.
func (x *expander) gene(g *gene, left map[string]int) (*gene, *Mistake) {
	if x.count++; x.count > maxExpanded {
		return nil, fault(g.path, "lower the depth of recursion", "the space expands to more than %d genes", maxExpanded)
	}
	if x.depth++; x.depth > maxDepth {
		return nil, fault(g.path, "lower the depth of recursion", "genes lie more than %d deep in each other", maxDepth)
	}
	defer func() { x.depth-- }()
	switch g.kind {
	case kindUse:
		return x.use(g, left)
	case kindGroup:
		out := *g
		out.fields = make([]field, 0, len(g.fields))
		out.static, out.genes = true, 0
		same := true
		for _, f := range g.fields {
			e, err := x.gene(f.gene, left)
			if e == nil || err != nil {
				return nil, err
			}
			same = same && e == f.gene
			out.fields = append(out.fields, field{f.name, e})
			out.static = out.static && e.static
			out.genes += e.genes
		}
		return share(g, &out, same), nil
	case kindList:
		out := *g
		e, err := x.gene(g.elem, left)
		if err != nil {
			return nil, err
		}
		same := e == g.elem
		if e == nil {
			if g.minLen > 0 {
				return nil, nil
			}
			// Only the empty list is left.
			out.maxLen = 0
			e = &gene{kind: kindGroup, path: g.elem.path, static: true}
		}
		out.elem = e
		out.genes = float64(out.maxLen) * e.genes
		if out.minLen < out.maxLen {
			out.genes++
		}
		out.genes = max(out.genes, float64(out.maxLen)) // a list of constants still has a length
		out.static = out.minLen == out.maxLen && e.static || out.maxLen == 0
		return share(g, &out, same), nil
	case kindChoice:
		out := *g
		out.options = make([]option, 0, len(g.options))
		out.genes = 1
		same := true
		total := 0.0
		for _, o := range g.options {
			if o.body != nil {
				e, err := x.gene(o.body, left)
				if err != nil {
					return nil, err
				}
				if e == nil {
					same = false
					continue
				}
				if e.kind != kindGroup || e.tuple {
					return nil, fault(o.body.path, "wrap it: {NAME: {value: {use: ...}}}", "an option's genes need to be a group, and its definition is none")
				}
				same = same && e == o.body
				o.body = e
				out.genes = max(out.genes, 1+e.genes)
			}
			total += o.weight
			out.options = append(out.options, o)
		}
		if len(out.options) == 0 {
			return nil, nil
		}
		if total == 0 { // the weighted ones were those that recurse
			for i := range out.options {
				out.options[i].weight = 1
			}
		}
		return share(g, &out, same), nil
	}
	if g.genes == 0 && !g.static {
		switch g.kind {
		case kindEdges:
			g.genes = float64(g.cell.nodes * (g.cell.nodes - 1) / 2)
		case kindVertices:
			g.genes = float64(2 * g.cell.nodes)
		case kindPairs:
			g.genes = float64(5 * g.cell.nodes)
		default:
			g.genes = 1
		}
	}
	return g, nil
}

// share returns the declared gene itself, completed, where expansion changed
// nothing below it.
func share(g, out *gene, same bool) *gene {
	if same {
		g.genes, g.static = out.genes, out.static
		return g
	}
	return out
}

func (x *expander) use(g *gene, left map[string]int) (*gene, *Mistake) {
	def, ok := x.defs[g.name]
	if !ok {
		return nil, fault(child(g.path, "use"), "define it under define:", "no definition is named %q", shorten(g.name))
	}
	x.used[g.name] = true
	inner := left
	if n, active := left[g.name]; active {
		if n == 0 {
			return nil, nil
		}
		inner = maps.Clone(left)
		inner[g.name] = n - 1
		if g.depthSet {
			inner[g.name] = min(n-1, g.depth)
		}
	} else if g.depthSet {
		inner = maps.Clone(left)
		if inner == nil {
			inner = map[string]int{}
		}
		inner[g.name] = g.depth
	}
	key := contextKey(g.name, inner)
	if e, ok := x.made[key]; ok {
		if e == inTheMaking {
			return nil, fault(child(g.path, "use"), fmt.Sprintf("say how often: {use: %s, depth: 3}", g.name), "%s uses itself without end", g.name)
		}
		return e, nil
	}
	x.made[key] = inTheMaking
	e, err := x.gene(def, inner)
	x.made[key] = e
	return e, err
}

var inTheMaking = &gene{}

func contextKey(name string, left map[string]int) string {
	var b strings.Builder
	b.WriteString(name)
	for _, k := range slices.Sorted(maps.Keys(left)) {
		fmt.Fprintf(&b, " %s=%d", k, left[k])
	}
	return b.String()
}

// resolve finds the genes that from copies, by their places among the fields of
// groups from the top.
func resolve(root *gene) *Mistake {
	var err *Mistake
	walkGrammar(root, map[*gene]bool{}, func(g *gene) {
		if g.kind != kindFrom || err != nil {
			return
		}
		at := root
		g.source = g.source[:0]
		for part := range strings.SplitSeq(g.name, ".") {
			i := -1
			if at.kind == kindGroup {
				i = slices.IndexFunc(at.fields, func(f field) bool { return f.name == part })
			}
			if i < 0 {
				err = fault(child(g.path, "from"), "write the path of a gene through groups from the top, for example act or train.act", "no gene is named %q", shorten(g.name))
				return
			}
			g.source = append(g.source, i)
			at = at.fields[i].gene
		}
		walkGrammar(at, map[*gene]bool{}, func(inner *gene) {
			if inner.kind == kindFrom && err == nil {
				err = fault(child(g.path, "from"), "copy the gene itself", "%q holds a from of its own", shorten(g.name))
			}
		})
		g.origin = at
	})
	return err
}

// walkGrammar visits every expanded gene once.
func walkGrammar(g *gene, seen map[*gene]bool, visit func(*gene)) {
	if g == nil || seen[g] {
		return
	}
	seen[g] = true
	visit(g)
	for _, f := range g.fields {
		walkGrammar(f.gene, seen, visit)
	}
	for _, o := range g.options {
		walkGrammar(o.body, seen, visit)
	}
	walkGrammar(g.elem, seen, visit)
}
