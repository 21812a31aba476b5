package genome

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Keywords that say what kind of gene a map declares.
var keywords = []string{"int", "float", "bool", "choice", "list", "cell", "use", "from"}

// declaration is a space as written, checked but not expanded.
type declaration struct {
	network, limits any // nil if absent
	defs            []field
	root            *gene // a group
	variation       *variation
	variationTree   Map
	limit           Limits
}

// declarer reads the genes of a declaration.
type declarer struct {
	rules    int  // by this revision
	recorded bool // it was accepted before: nothing in it is taken for a slip

	defined, named []string // definitions, and genes at the top
}

func (read *declarer) declare(tree any) (*declaration, *Mistake) {
	v, err := normalise(tree)
	if err != nil {
		return nil, err
	}
	top, ok := v.(Map)
	if !ok {
		return nil, fault(nil, "write genes as NAME: GENE, for example lr: {float: [1e-4, 1e-1], log: true}",
			"needs a map of genes, got %s", describe(v))
	}
	d := &declaration{variation: defaultVariation()}
	var genes Map
	for _, e := range top {
		read.named = append(read.named, e.Key)
		if defs, ok := e.Value.(Map); ok && e.Key == "define" {
			for _, def := range defs {
				read.defined = append(read.defined, def.Key)
			}
		}
	}
	for _, e := range top {
		path := []string{e.Key}
		switch e.Key {
		case "network":
			if err := constant(e.Value, path); err != nil {
				return nil, err
			}
			if _, ok := e.Value.(Map); !ok {
				return nil, fault(path, "write {input: [1, 40], classes: 10}", "needs a map, got %s", describe(e.Value))
			}
			d.network = e.Value
		case "limits":
			if err := d.declareLimits(e.Value, path); err != nil {
				return nil, err
			}
		case "variation":
			if err := d.declareVariation(e.Value, path); err != nil {
				return nil, err
			}
		case "define":
			m, ok := e.Value.(Map)
			if !ok {
				return nil, fault(path, "write define: {NAME: GENE}", "needs a map of definitions, got %s", describe(e.Value))
			}
			for _, def := range m {
				p := append(slices.Clone(path), def.Key)
				if err := checkName(def.Key, p); err != nil {
					return nil, err
				}
				g, err := read.gene(def.Value, p, 0)
				if err != nil {
					return nil, err
				}
				d.defs = append(d.defs, field{def.Key, g})
			}
		default:
			if err := slipOfTop(e, path); err != nil && !read.recorded {
				return nil, err
			}
			genes = append(genes, e)
		}
	}
	if len(genes) == 0 {
		return nil, fault(nil, "declare at least one, for example lr: {float: [1e-4, 1e-1], log: true}", "has no genes")
	}
	d.root, err = read.group(genes, nil, 0)
	return d, err
}

// constant checks that a value is plain data without nulls.
func constant(v any, path []string) *Mistake {
	switch v := v.(type) {
	case nil:
		return fault(path, "give it a value or remove it", "is empty")
	case Map:
		for _, e := range v {
			if err := constant(e.Value, append(slices.Clone(path), e.Key)); err != nil {
				return err
			}
		}
	case []any:
		for i, e := range v {
			if err := constant(e, append(slices.Clone(path), strconv.Itoa(i))); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkName(name string, path []string) *Mistake {
	if len(name) > maxName {
		return fault(path, fmt.Sprintf("use at most %d bytes", maxName), "is a name of %d bytes", len(name))
	}
	ok := name != ""
	for i := range len(name) {
		c := name[i]
		letter := c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (i == 0 || c != '-' && (c < '0' || c > '9')) {
			ok = false
		}
	}
	if !ok {
		return fault(path, "use letters, digits, _ and -, a letter or _ first", "%q is no name", shorten(name))
	}
	if slices.Contains(keywords, name) && name != "cell" {
		return fault(path, "choose another name", "%q is a kind of gene and no name", name)
	}
	return nil
}

// child returns path with keys added, never sharing its memory.
func child(path []string, keys ...string) []string {
	return append(slices.Clone(path), keys...)
}

func (d *declarer) group(m Map, path []string, depth int) (*gene, *Mistake) {
	if !d.recorded {
		if err := d.slip(m, path); err != nil {
			return nil, err
		}
	}
	g := &gene{kind: kindGroup, path: path}
	for _, e := range m {
		p := child(path, e.Key)
		if err := checkName(e.Key, p); err != nil {
			return nil, err
		}
		v := e.Value
		// {cell: {edges: ...}, cells: 5} is a group with a field "cell".
		if spec, ok := v.(Map); ok && e.Key == "cell" && isCell(spec) {
			v = Map{{"cell", spec}}
		}
		f, err := d.gene(v, p, depth+1)
		if err != nil {
			return nil, err
		}
		g.fields = append(g.fields, field{e.Key, f})
	}
	return g, nil
}

// holdsGene tells {cell: {use: name}}, a group with a field "cell", from a cell.
func holdsGene(v any) bool {
	m, ok := v.(Map)
	return ok && !isCell(m) && slices.ContainsFunc(m, func(e Entry) bool { return slices.Contains(keywords, e.Key) })
}

// isCell tells what a cell gene holds from any other map.
func isCell(m Map) bool {
	for _, key := range []string{"edges", "vertices", "pairs"} {
		if v, ok := m.Get(key); ok {
			if _, ok := v.([]any); ok {
				return true
			}
		}
	}
	return false
}

func (d *declarer) gene(v any, path []string, depth int) (*gene, *Mistake) {
	if depth > maxNesting {
		return nil, tooDeep()
	}
	switch v := v.(type) {
	case nil:
		return nil, fault(path, "give it a value, for example {int: [1, 8]}", "is empty")
	case string:
		if v == "bool" {
			return &gene{kind: kindBool, path: path, sig: "bool"}, nil
		}
		if !d.recorded {
			if err := slipOfWord(v, path); err != nil {
				return nil, err
			}
		}
		return &gene{kind: kindConst, path: path, value: v, static: true}, nil
	case []any:
		return d.tuple(v, path, depth)
	case Map:
		kinds := make([]string, 0, 1)
		for _, e := range v {
			if slices.Contains(keywords, e.Key) {
				kinds = append(kinds, e.Key)
			}
		}
		switch {
		case len(kinds) == 0, len(kinds) == 1 && kinds[0] == "cell" && (len(v) > 1 || holdsGene(v[0].Value)):
			return d.group(v, path, depth)
		case len(kinds) > 1:
			return nil, fault(path, "keep one; to hold several genes use a group of named ones",
				"declares both %s and %s", kinds[0], kinds[1])
		}
		return d.kind(kinds[0], v, path, depth)
	}
	return &gene{kind: kindConst, path: path, value: v, static: true}, nil
}

// declareTuple reads a list in a declaration: constants like kernel: [3, 3], or
// several genes in order like branches: [{conv: ...}, {pool: ...}].
func (d *declarer) tuple(v []any, path []string, depth int) (*gene, *Mistake) {
	g := &gene{kind: kindGroup, tuple: true, path: path}
	plain := true
	for i, e := range v {
		f, err := d.gene(e, child(path, strconv.Itoa(i)), depth+1)
		if err != nil {
			return nil, err
		}
		plain = plain && f.kind == kindConst
		g.fields = append(g.fields, field{strconv.Itoa(i), f})
	}
	if plain {
		return &gene{kind: kindConst, path: path, value: v, static: true}, nil
	}
	return g, nil
}

func (d *declarer) kind(kind string, m Map, path []string, depth int) (*gene, *Mistake) {
	v, _ := m.Get(kind)
	allowed := map[string][]string{
		"int": {"step", "log"}, "float": {"step", "log"}, "bool": nil,
		"choice": {"weights", "ordered"}, "list": {"length"}, "cell": nil,
		"use": {"depth"}, "from": nil,
	}[kind]
	for _, e := range m {
		if e.Key != kind && !slices.Contains(allowed, e.Key) {
			remedy := "remove it"
			if len(allowed) > 0 {
				remedy = "besides " + kind + " it may have " + strings.Join(allowed, " and ")
			}
			if kind != "cell" {
				remedy += "; " + kind + " cannot be the name of a gene"
			}
			return nil, fault(child(path, e.Key), remedy, "is unknown beside %s", kind)
		}
	}
	switch kind {
	case "int":
		return d.int(v, m, path)
	case "float":
		return d.float(v, m, path)
	case "bool":
		return &gene{kind: kindBool, path: path, sig: "bool"}, nil
	case "choice":
		return d.choice(v, m, path, depth)
	case "list":
		return d.list(v, m, path, depth)
	case "cell":
		return d.cell(v, child(path, "cell"))
	case "use":
		name, ok := v.(string)
		if !ok {
			return nil, fault(child(path, "use"), "write {use: NAME}", "needs the name of a definition, got %s", describe(v))
		}
		g := &gene{kind: kindUse, path: path, name: name}
		if d, ok := m.Get("depth"); ok {
			n, ok := whole(d)
			if !ok || n < 0 || n > 100 {
				return nil, fault(child(path, "depth"), "write how often it may recurse, for example depth: 3",
					"needs a whole number from 0 to 100, got %s", describe(d))
			}
			g.depth, g.depthSet = int(n), true
		}
		return g, nil
	}
	name, ok := v.(string)
	if !ok {
		return nil, fault(child(path, "from"), "write {from: NAME}", "needs the path of a gene, got %s", describe(v))
	}
	return &gene{kind: kindFrom, path: path, name: name, static: true}, nil
}

// maxWhole bounds integers: they stay exact in JSON.
const maxWhole = 1 << 53

func whole(v any) (int64, bool) {
	switch v := v.(type) {
	case int64:
		return v, v <= maxWhole && v >= -maxWhole
	case float64:
		if v <= maxWhole && v >= -maxWhole && v == float64(int64(v)) {
			return int64(v), true
		}
	}
	return 0, false
}

func real(v any) (float64, bool) {
	switch v := v.(type) {
	case int64:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}

// boolean reads a boolean key of a gene, false if absent.
func boolean(m Map, key string, path []string) (bool, *Mistake) {
	v, ok := m.Get(key)
	if !ok {
		return false, nil
	}
	b, ok := v.(bool)
	if !ok {
		return false, fault(child(path, key), "write true or false", "needs a boolean, got %s", describe(v))
	}
	return b, nil
}

// pair reads [low, high].
func pair[T any](v any, read func(any) (T, bool)) (lo, hi T, ok bool) {
	l, isList := v.([]any)
	if !isList || len(l) != 2 {
		return lo, hi, false
	}
	lo, ok1 := read(l[0])
	hi, ok2 := read(l[1])
	return lo, hi, ok1 && ok2
}

func (d *declarer) int(v any, m Map, path []string) (*gene, *Mistake) {
	at := child(path, "int")
	lo, hi, ok := pair(v, whole)
	if !ok {
		return nil, fault(at, "write for example int: [1, 8]", "needs [low, high], two whole numbers of at most 2^53, got %s", describe(v))
	}
	if lo > hi {
		return nil, fault(at, "swap them", "needs [low, high] with low <= high, got %s", describe(v))
	}
	g := &gene{kind: kindInt, path: path, step: 1}
	if s, ok := m.Get("step"); ok {
		if g.step, ok = whole(s); !ok || g.step < 1 {
			return nil, fault(child(path, "step"), "write for example step: 2", "needs a whole number of at least 1, got %s", describe(s))
		}
	}
	var err *Mistake
	if g.log, err = boolean(m, "log", path); err != nil {
		return nil, err
	}
	if g.log && lo < 1 {
		return nil, fault(at, "raise low to 1 or remove log", "needs low >= 1 with log: true, got %s", describe(v))
	}
	g.lo, g.count = lo, (hi-lo)/g.step+1
	g.hi = lo + (g.count-1)*g.step
	g.measureRange(float64(g.lo), float64(g.hi))
	g.sig = fmt.Sprint("int", g.lo, g.hi, g.step, g.log)
	return g, nil
}

func (d *declarer) float(v any, m Map, path []string) (*gene, *Mistake) {
	at := child(path, "float")
	lo, hi, ok := pair(v, real)
	if !ok {
		return nil, fault(at, "write for example float: [1e-4, 1e-1]", "needs [low, high], two numbers, got %s", describe(v))
	}
	switch {
	case lo > hi:
		return nil, fault(at, "swap them", "needs [low, high] with low < high, got %s", describe(v))
	case lo == hi:
		return nil, fault(at, "widen the range, or write the number itself for a constant", "needs [low, high] with low < high, got %s", describe(v))
	}
	for _, x := range []float64{lo, hi} {
		if roundSix(x).value() != x || x != 0 && (x < 1e-300 && x > -1e-300 || x > 1e300 || x < -1e300) {
			return nil, fault(at, "round them", "needs bounds of at most 6 significant digits between 1e-300 and 1e300, got %s", describe(v))
		}
	}
	g := &gene{kind: kindFloat, path: path, flo: lo + 0, fhi: hi + 0, shownHi: hi + 0}
	var err *Mistake
	if g.log, err = boolean(m, "log", path); err != nil {
		return nil, err
	}
	if g.log && lo <= 0 {
		return nil, fault(at, "raise low or remove log", "needs low > 0 with log: true, got %s", describe(v))
	}
	if s, ok := m.Get("step"); ok {
		p := child(path, "step")
		step, ok := real(s)
		if !ok || !(step > 0) || step > 2*float64(hi-lo) {
			return nil, wrongStep(p, s)
		}
		most := max(lo, -lo, hi, -hi)
		if roundSix(step).value() != step || step < float64(most*1e-5) {
			return nil, fault(p, "use a larger or rounder step, or none", "%s is too fine for values of 6 significant digits up to %s", describe(s), describe(most))
		}
		g.fstep, g.stepSet = step, true
		if g.countSteps(d.rules); g.count < 2 {
			return nil, wrongStep(p, s)
		}
	}
	g.measureRange(g.flo, g.fhi)
	g.sig = fmt.Sprint("float", g.flo, g.fhi, g.fstep, g.log)
	return g, nil
}

func wrongStep(path []string, step any) *Mistake {
	return fault(path, "write for example step: 0.1", "needs a number above 0 and at most high - low, got %s", describe(step))
}

func (d *declarer) list(v any, m Map, path []string, depth int) (*gene, *Mistake) {
	g := &gene{kind: kindList, path: path}
	at := child(path, "length")
	n, ok := m.Get("length")
	if !ok {
		return nil, fault(path, "add length: [1, 8], or length: 8", "is a list without length")
	}
	lo, hi, isPair := pair(n, whole)
	if one, isOne := whole(n); isOne {
		lo, hi, isPair = one, one, true
	}
	switch {
	case !isPair:
		return nil, fault(at, "write length: [1, 8], or length: 8", "needs [low, high] or one whole number, got %s", describe(n))
	case lo > hi:
		return nil, fault(at, "swap them", "needs [low, high] with low <= high, got %s", describe(n))
	case lo < 0 || hi < 1 || hi > maxValues:
		return nil, fault(at, "write for example length: [1, 8]", "needs lengths from 0 (at the high end 1) to %d, got %s", maxValues, describe(n))
	}
	g.minLen, g.maxLen = int(lo), int(hi)
	var err *Mistake
	g.elem, err = d.gene(v, child(path, "list"), depth+1)
	return g, err
}

func (d *declarer) choice(v any, m Map, path []string, depth int) (*gene, *Mistake) {
	at := child(path, "choice")
	list, ok := v.([]any)
	if !ok || len(list) == 0 {
		return nil, fault(at, "write for example choice: [relu, mish]", "needs a list of options, got %s", describe(v))
	}
	if len(list) > 100000 {
		return nil, fault(at, "use an int or a float for a range", "has %d options", len(list))
	}
	g := &gene{kind: kindChoice, path: path}
	var err *Mistake
	if g.ordered, err = boolean(m, "ordered", path); err != nil {
		return nil, err
	}
	seen := make(map[string]bool, len(list))
	plain := true
	for i, e := range list {
		p := child(at, strconv.Itoa(i))
		o := option{weight: 1}
		switch e := e.(type) {
		case Map:
			if len(e) != 1 {
				return nil, fault(p, "write {NAME: {its genes}}", "an option with genes needs one name, got %s", describe(e))
			}
			name := e[0].Key
			if err := checkName(name, child(p, name)); err != nil {
				return nil, err
			}
			body := e[0].Value
			if spec, ok := body.(Map); ok && name == "cell" && isCell(spec) {
				body = Map{{"cell", spec}}
			}
			o.value = name
			if o.body, err = d.gene(body, child(p, name), depth+1); err != nil {
				return nil, err
			}
			if k := o.body.kind; k != kindGroup && k != kindUse || o.body.tuple {
				return nil, fault(child(p, name), "name its genes: {"+name+": {value: GENE}}", "an option's genes need to be a group")
			}
			plain = false
		case nil, []any:
			return nil, fault(p, "use scalars or {NAME: {its genes}}; quote words like \"null\"", "%s is no option", describe(e))
		default:
			o.value = e
		}
		if s, ok := o.value.(string); ok && (len(s) > maxName || s == "") {
			return nil, fault(p, fmt.Sprintf("use 1 to %d bytes", maxName), "is an option of %d bytes", len(s))
		}
		o.text = scalarText(o.value)
		if key := scalarText(plainNumber(o.value)); seen[key] || seen[o.text] {
			return nil, fault(p, "remove one; use weights to draw an option more often", "%s is there twice", describe(o.value))
		} else {
			seen[key], seen[o.text] = true, true
		}
		g.options = append(g.options, o)
	}
	if w, ok := m.Get("weights"); ok {
		p := child(path, "weights")
		ws, ok := w.([]any)
		if !ok || len(ws) != len(list) {
			return nil, fault(p, "write one number for each option", "needs a list of %d numbers, got %s", len(list), describe(w))
		}
		total := 0.0
		for i, e := range ws {
			x, ok := real(e)
			if !ok || !(x >= 0) || x > 1e9 {
				return nil, fault(child(p, strconv.Itoa(i)), "write 0 for an option that is never drawn", "needs a number from 0 to 1e9, got %s", describe(e))
			}
			g.options[i].weight = x
			total += x
		}
		if total <= 0 {
			return nil, fault(p, "make at least one positive", "are all zero")
		}
		g.weighted = true
	}
	if plain {
		var b strings.Builder
		fmt.Fprint(&b, "choice", g.ordered)
		for _, o := range g.options {
			fmt.Fprintf(&b, " %s %T %v", o.text, o.value, o.weight)
		}
		g.sig = b.String()
	}
	return g, nil
}

func (d *declarer) cell(v any, path []string) (*gene, *Mistake) {
	m, ok := v.(Map)
	if !ok || !isCell(m) {
		return nil, fault(path, "write {edges: [OPERATIONS], nodes: 4}, or vertices or pairs for edges",
			"needs a map with a list of operations named edges, vertices or pairs, got %s", describe(v))
	}
	g := &gene{path: path[:len(path)-1], cell: &cell{}}
	c := g.cell
	at := func(key string) []string { return child(path, key) }
	nodes := false
	kind := ""
	for _, e := range m {
		p := at(e.Key)
		switch e.Key {
		case "edges", "vertices", "pairs":
			if kind != "" {
				return nil, fault(path, "keep one of them", "has both %s and %s", kind, e.Key)
			}
			kind = e.Key
			g.kind = map[string]geneKind{"edges": kindEdges, "vertices": kindVertices, "pairs": kindPairs}[kind]
			ops, err := operations(e.Value, p)
			if err != nil {
				return nil, err
			}
			c.ops = ops
		}
	}
	isPairs, isVertices := g.kind == kindPairs, g.kind == kindVertices
	c.inputs, c.distinct, c.combine, c.maxEdges = 2, false, []string{"add"}, 0
	for _, e := range m {
		p := at(e.Key)
		switch {
		case e.Key == kind:
		case e.Key == "nodes":
			nodes = true
			lo, hi, ok := pair(e.Value, whole)
			if one, isOne := whole(e.Value); isOne {
				lo, hi, ok = one, one, true
			}
			least, most := int64(2), int64(32)
			if isPairs {
				least = 1
			}
			if isVertices {
				most = maxVertices
			}
			if !ok || lo < least || hi < lo || hi > most || !isVertices && lo != hi {
				return nil, fault(p, map[bool]string{true: "write for example nodes: [3, 7]", false: "write for example nodes: 4"}[isVertices],
					"needs numbers of nodes from %d to %d, got %s", least, most, describe(e.Value))
			}
			c.nodes, g.minLen, g.maxLen = int(hi), int(lo), int(hi)
		case e.Key == "max_edges" && isVertices:
			n, ok := whole(e.Value)
			if !ok || n < 1 || n > 1000 {
				return nil, fault(p, "write for example max_edges: 9", "needs a whole number of at least 1, got %s", describe(e.Value))
			}
			c.maxEdges = int(n)
		case e.Key == "inputs" && isPairs:
			n, ok := whole(e.Value)
			if !ok || n < 1 || n > 16 {
				return nil, fault(p, "write for example inputs: 2", "needs a whole number from 1 to 16, got %s", describe(e.Value))
			}
			c.inputs = int(n)
		case e.Key == "distinct" && isPairs:
			var err *Mistake
			if c.distinct, err = boolean(m, "distinct", path); err != nil {
				return nil, err
			}
		case e.Key == "combine" && isPairs:
			var err *Mistake
			if c.combine, err = operations(e.Value, p); err != nil {
				return nil, err
			}
		default:
			if err := constant(e.Value, p); err != nil {
				return nil, err
			}
			if err := checkName(e.Key, p); err != nil {
				return nil, err
			}
			c.extra = append(c.extra, e)
		}
	}
	if !nodes {
		return nil, fault(path, "add for example nodes: 4", "has no nodes")
	}
	if isVertices {
		if full := c.nodes * (c.nodes - 1) / 2; c.maxEdges == 0 || c.maxEdges > full {
			c.maxEdges = full
		}
		if c.maxEdges < c.nodes-1 {
			return nil, fault(at("max_edges"), fmt.Sprintf("raise it to %d or lower nodes to %d", c.nodes-1, c.maxEdges+1),
				"%d edges cannot join %d nodes", c.maxEdges, c.nodes)
		}
		c.counts = &vertexCounts{}
	}
	if isPairs && c.distinct && c.inputs < 2 {
		return nil, fault(at("inputs"), "write inputs: 2 or distinct: false", "one input leaves the first node no two distinct ones")
	}
	for _, op := range c.ops {
		if isVertices && (op == "input" || op == "output") {
			return nil, fault(at("vertices"), "rename it", "%q is the name of a node", op)
		}
		c.texts = append(c.texts, quoteOperation(op))
	}
	for _, s := range c.combine {
		c.combines = append(c.combines, quoteOperation(s))
	}
	return g, nil
}

func operations(v any, path []string) ([]string, *Mistake) {
	list, ok := v.([]any)
	if !ok || len(list) == 0 || len(list) > 1000 {
		return nil, fault(path, "write for example [conv3x3, skip]", "needs a list of names, got %s", describe(v))
	}
	var ops []string
	for i, e := range list {
		p := child(path, strconv.Itoa(i))
		s, ok := e.(string)
		if !ok || s == "" || len(s) > maxName {
			return nil, fault(p, "quote numbers and words like \"none\" or \"no\" if need be", "needs a name of 1 to %d bytes, got %s", maxName, describe(e))
		}
		if slices.Contains(ops, s) {
			return nil, fault(p, "remove one", "%s is there twice", describe(s))
		}
		ops = append(ops, s)
	}
	return ops, nil
}
