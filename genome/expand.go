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

func init() {
	declares("use", []string{"depth"}, func(_ *declarer, v any, m Map, path []string, _ int) (gene, *Mistake) {
		name, ok := v.(string)
		if !ok {
			return nil, fault(child(path, "use"), "write {use: NAME}", "needs the name of a definition, got %s", describe(v))
		}
		g := &use{name: name}
		g.path, g.self = path, g
		if d, ok := m.Get("depth"); ok {
			n, ok := whole(d)
			if !ok || n < 0 || n > 100 {
				return nil, fault(child(path, "depth"), "write how often it may recurse, for example depth: 3",
					"needs a whole number from 0 to 100, got %s", describe(d))
			}
			g.depth, g.depthSet = int(n), true
		}
		return g, nil
	})
}

// use stands for a definition, in declarations only: nothing is left of it when
// the space is expanded, and only expand and declared are called.
type use struct {
	settled
	name     string
	depth    int // if depthSet
	depthSet bool
}

func (g *use) declared() any {
	m := Map{{"use", g.name}}
	if g.depthSet {
		m = append(m, Entry{"depth", int64(g.depth)})
	}
	return m
}

func (g *use) tree(*treeBuilder, int) (any, int) { panic("genome: a use was not expanded") }

// expander replaces every use by its definition. A definition that uses itself
// becomes one gene per depth that is left; equal ones are shared.
type expander struct {
	defs  map[string]gene
	used  map[string]bool
	made  map[string]gene // by definition and depths left; nil while in the making
	count int
	depth int
}

// expand returns the grammar without uses. Nothing is left of an alternative
// that would recurse further than its depth.
func (d *declaration) expand() (*group, *Mistake) {
	x := &expander{defs: map[string]gene{}, used: map[string]bool{}, made: map[string]gene{}}
	for _, def := range d.defs {
		x.defs[def.name] = def.gene
	}
	top, err := x.gene(d.root, nil)
	if err != nil {
		return nil, err
	}
	for _, def := range d.defs {
		if !x.used[def.name] {
			return nil, fault([]string{"define", def.name}, "use it as {use: "+def.name+"} or remove it", "is never used")
		}
	}
	root, ok := top.(*group)
	if !ok {
		return nil, fault(nil, "give one of them a choice or a list that can end", "recursion leaves nothing at depth 0")
	}
	if root.genes > maxGenes {
		return nil, fault(nil, "shorten lists or lower depths",
			"the largest genome would hold %.3g genes, more than %d", root.genes, maxGenes)
	}
	return root, resolve(root)
}

// gene expands one gene where left says how often each active definition may
// recurse. It returns nil if that is not possible within the depths.
func (x *expander) gene(g gene, left map[string]int) (gene, *Mistake) {
	if x.count++; x.count > maxExpanded {
		return nil, fault(g.about().path, "lower the depth of recursion", "the space expands to more than %d genes", maxExpanded)
	}
	if x.depth++; x.depth > maxDepth {
		return nil, fault(g.about().path, "lower the depth of recursion", "genes lie more than %d deep in each other", maxDepth)
	}
	defer func() { x.depth-- }()
	return g.expand(x, left)
}

func (g *use) expand(x *expander, left map[string]int) (gene, *Mistake) {
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
			return nil, fault(child(g.path, "use"), fmt.Sprintf("say how often: {use: %s, depth: 3}", g.name),
				"%s uses itself without end", g.name)
		}
		return e, nil
	}
	x.made[key] = inTheMaking
	e, err := x.gene(def, inner)
	x.made[key] = e
	return e, err
}

var inTheMaking gene = &constant{}

func contextKey(name string, left map[string]int) string {
	var b strings.Builder
	b.WriteString(name)
	for _, k := range slices.Sorted(maps.Keys(left)) {
		fmt.Fprintf(&b, " %s=%d", k, left[k])
	}
	return b.String()
}

// walkGrammar visits every expanded gene once.
func walkGrammar(root gene, visit func(gene)) {
	seen := map[gene]bool{}
	var walk func(g gene)
	walk = func(g gene) {
		if seen[g] {
			return
		}
		seen[g] = true
		visit(g)
		for _, inner := range g.inner() {
			walk(inner)
		}
	}
	walk(root)
}
