package genome

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// keyword is a word that says what kind of gene a map declares.
type keyword struct {
	beside []string // what may stand beside it
	// declare reads the gene from the word's value v and the map m of both.
	declare func(d *declarer, v any, m Map, path []string, depth int) (gene, *Mistake)
}

var keywords = map[string]keyword{}

// declares adds a kind of gene. The file of each kind does so.
func declares(word string, beside []string, declare func(d *declarer, v any, m Map, path []string, depth int) (gene, *Mistake)) {
	keywords[word] = keyword{beside, declare}
}

func isKeyword(word string) bool { return keywords[word].declare != nil }

// declaration is a space as written, checked but not expanded.
type declaration struct {
	network, limits any // nil if absent
	defs            []field
	root            *group
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
		if what := reserved[e.Key]; what != "" && declaresGene(e.Value) {
			return nil, fault(path, "give the gene another name", "is no name of a gene at the top: it holds %s", what)
		}
		switch e.Key {
		case "network":
			if err := constantValue(e.Value, path); err != nil {
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

// reserved says what the reserved words of the top hold.
var reserved = map[string]string{
	"network": "what the layers read and answer", "limits": "what a network may cost",
	"define": "definitions", "variation": "how genomes are varied",
}

// declaresGene tells what declares one gene from a map of something else.
func declaresGene(v any) bool {
	m, ok := v.(Map)
	return v == "bool" || ok && slices.ContainsFunc(m, func(e Entry) bool { return isKeyword(e.Key) && e.Key != "cell" })
}

// constantValue checks that a value is plain data without nulls.
func constantValue(v any, path []string) *Mistake {
	switch v := v.(type) {
	case nil:
		return fault(path, "give it a value or remove it", "is empty")
	case Map:
		for _, e := range v {
			if err := constantValue(e.Value, append(slices.Clone(path), e.Key)); err != nil {
				return err
			}
		}
	case []any:
		for i, e := range v {
			if err := constantValue(e, append(slices.Clone(path), strconv.Itoa(i))); err != nil {
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
	if isKeyword(name) && name != "cell" {
		return fault(path, "choose another name", "%q is a kind of gene and no name", name)
	}
	return nil
}

// child returns path with keys added, never sharing its memory.
func child(path []string, keys ...string) []string {
	return append(slices.Clone(path), keys...)
}

// holdsGene tells {cell: {use: name}}, a group with a field "cell", from a cell.
func holdsGene(v any) bool {
	m, ok := v.(Map)
	return ok && !isCell(m) && slices.ContainsFunc(m, func(e Entry) bool { return isKeyword(e.Key) })
}

// gene reads one gene of a declaration.
func (d *declarer) gene(v any, path []string, depth int) (gene, *Mistake) {
	if depth > maxNesting {
		return nil, tooDeep()
	}
	switch v := v.(type) {
	case nil:
		return nil, fault(path, "give it a value, for example {int: [1, 8]}", "is empty")
	case string:
		if v == "bool" {
			return newBoolean(path), nil
		}
		if !d.recorded {
			if err := slipOfWord(v, path); err != nil {
				return nil, err
			}
		}
	case []any:
		return d.tuple(v, path, depth)
	case Map:
		var kinds []string
		for _, e := range v {
			if isKeyword(e.Key) {
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
	return newConstant(path, v), nil
}

// kind reads a map with the word of a kind of gene.
func (d *declarer) kind(word string, m Map, path []string, depth int) (gene, *Mistake) {
	k := keywords[word]
	for _, e := range m {
		if e.Key != word && !slices.Contains(k.beside, e.Key) {
			remedy := "remove it"
			if len(k.beside) > 0 {
				remedy = "besides " + word + " it may have " + strings.Join(k.beside, " and ")
			}
			if word != "cell" {
				remedy += "; " + word + " cannot be the name of a gene"
			}
			return nil, fault(child(path, e.Key), remedy, "is unknown beside %s", word)
		}
	}
	v, _ := m.Get(word)
	return k.declare(d, v, m, path, depth)
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

// truth reads a boolean key of a gene, false if absent.
func truth(m Map, key string, path []string) (bool, *Mistake) {
	v, ok := m.Get(key)
	if !ok {
		return false, nil
	}
	return truthOf(v, child(path, key))
}

func truthOf(v any, path []string) (bool, *Mistake) {
	b, ok := v.(bool)
	if !ok {
		return false, fault(path, "write true or false", "needs a boolean, got %s", describe(v))
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
