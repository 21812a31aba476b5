package config

import (
	"errors"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/genome"
)

// Declaring are the keys of a search.yaml that a search which has begun may be given
// other values of; see [Takeover].
var Declaring = []string{"space", "objectives", "ties", "metrics", "reference", "prefer", "constraints"}

// Takeover reads KEY=VALUE, what a search is to declare instead of what it does: values as
// in a search.yaml, none, or @FILE, which holds the value or is a whole search.yaml.
func Takeover(pairs []string) (*engine.Takeover, error) {
	d, err := Parse("search.yaml", ".", []byte("{}"))
	if err != nil {
		return nil, err
	}
	x := new(engine.Takeover)
	var given []string
	for _, pair := range pairs {
		key, value, _ := strings.Cut(pair, "=")
		switch {
		case slices.Contains(given, key):
			err = wrong("the command line", key, "give it one value", "it comes twice")
		case strings.TrimSpace(value) == "none":
			err = without(x, key)
		default:
			err = d.declare(key, value)
		}
		given = append(given, key)
		if err != nil {
			return nil, err
		}
	}
	return x, d.takeover(x)
}

// takeover reads what the document declares.
func (d *Document) takeover(x *engine.Takeover) error {
	var e engine.Config
	err := d.fields(d.root, "", readers{
		"space":       func(n *yaml.Node, key string) (err error) { e.Space, err = d.whole(n, key); return err },
		"objectives":  func(n *yaml.Node, key string) error { return d.objectives(n, key, &e.Objectives, &e.Ties) },
		"ties":        func(n *yaml.Node, key string) error { return d.objectives(n, key, &e.Ties, &e.Objectives) },
		"metrics":     func(n *yaml.Node, key string) error { return d.derived(n, key, &e) },
		"reference":   func(n *yaml.Node, key string) error { return d.metrics(n, key, &e.Reference) },
		"prefer":      func(n *yaml.Node, key string) (err error) { e.Prefer, err = d.expression(n, key); return err },
		"constraints": func(n *yaml.Node, key string) error { return d.constraints(n, key, &e) },
	})
	if err != nil {
		return err
	}
	if e.Space != nil {
		x.Space = e.Space.JSON()
	}
	for _, list := range []struct {
		key      string
		to, from *[]engine.Objective
	}{{"objectives", &x.Objectives, &e.Objectives}, {"ties", &x.Ties, &e.Ties}} {
		if d.Has(list.key) {
			*list.to = append([]engine.Objective{}, *list.from...)
		}
	}
	if d.Has("prefer") {
		x.Prefer = &e.Prefer
	}
	if d.Has("constraints") {
		x.Constraints = append([]engine.Constraint{}, e.Constraints...)
	}
	if d.Has("metrics") {
		x.Derived = e.Derived
	}
	if d.Has("reference") {
		x.Reference = append(engine.Values{}, e.Reference...)
	}
	return nil
}

// Was reads GENE=VALUE, what genes were in candidates of a space without them: values as
// YAML has them.
func Was(pairs []string) (was genome.Map, err error) {
	d, err := Parse("--was", ".", []byte("{}"))
	if err != nil {
		return nil, err
	}
	for _, pair := range pairs {
		gene, text, ok := strings.Cut(pair, "=")
		if gene = strings.TrimSpace(gene); !ok || gene == "" {
			return nil, wrong("--was", "", "write GENE=VALUE, for example dropout=0", "%q names no gene and its value", clip(pair))
		}
		var file yaml.Node
		if err := yaml.Unmarshal([]byte(text), &file); err != nil || len(file.Content) == 0 {
			return nil, wrong("--was", gene, "quote it, or give one", "the value is no YAML")
		}
		if err := d.plain(file.Content[0], gene, 0); err != nil {
			return nil, err
		}
		v, err := d.tree(file.Content[0], gene)
		if err != nil {
			return nil, err
		}
		if _, twice := was.Get(gene); twice {
			return nil, wrong("--was", gene, "give one value", "it comes twice")
		}
		was = append(was, genome.Entry{Key: gene, Value: v})
	}
	return was, nil
}

// without lets a takeover take away what a key has.
func without(x *engine.Takeover, key string) error {
	switch key {
	case "ties":
		x.Ties = []engine.Objective{}
	case "reference":
		x.Reference = engine.Values{}
	case "prefer":
		x.Prefer = new(string)
	case "constraints":
		x.Constraints = []engine.Constraint{}
	default:
		return wrong("the command line", key, "give it a value", "a search cannot be without it")
	}
	return nil
}

// declare sets a key.
func (d *Document) declare(key, value string) error {
	file, is := strings.CutPrefix(value, "@")
	if !is {
		return d.Set(key, value, key+"="+clip(value))
	}
	info, err := os.Stat(file)
	if err == nil && info.Size() > MaxSize {
		return wrong(file, key, "shorten it", "the file has %d bytes, at most %d are read", info.Size(), MaxSize)
	}
	var text []byte
	if err == nil {
		text, err = os.ReadFile(file)
	}
	if err != nil {
		return wrong(file, key, "name a file after @", "%v", errors.Unwrap(err))
	}
	var whole yaml.Node
	if err := yaml.Unmarshal(text, &whole); err != nil || len(whole.Content) == 0 {
		return wrong(file, key, "write the value as in a search.yaml", "the file holds no YAML")
	}
	n := whole.Content[0]
	if n.Kind == yaml.MappingNode {
		_, one := child(n, "evaluator")
		_, several := child(n, "evaluators")
		if _, own := child(n, key); own != nil && (one != nil || several != nil) {
			n = own
		}
	}
	return d.put(key, n, file)
}

func clip(text string) string {
	if len(text) > 60 {
		return text[:60] + "..."
	}
	return text
}
