package config

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/nascent-nas/nascent/engine/evolve"
)

// operational are the keys that may change between two runs of one search
// without changing what it finds.
var operational = map[string]bool{
	"limits": true, "workers": true, "timeout": true, "failures": true, "grace": true, "idle": true,
	"checkpoints": true, "logging": true, "hooks": true, "tensorboard": true, "mlflow": true, "listen": true, "fleet": true, "plugins": true,
}

// Same tells whether two documents say the same, whatever their layout; and
// whether they do so but for limits and other things that may change.
func Same(a, b *Document) (all, deciding bool) {
	all, deciding = true, true
	keys := map[string]bool{}
	values := func(d *Document) map[string]any {
		m := map[string]any{}
		for i := 0; i < len(d.root.Content); i += 2 {
			k := d.root.Content[i].Value
			v, err := d.tree(d.root.Content[i+1], k)
			if err != nil {
				v = err
			}
			m[k], keys[k] = v, true
		}
		return m
	}
	x, y := values(a), values(b)
	for k := range keys {
		if !reflect.DeepEqual(x[k], y[k]) {
			all = false
			deciding = deciding && operational[k]
		}
	}
	return all, deciding
}

// Complete adds the top-level keys of other that the document does not have.
func (d *Document) Complete(other *Document) {
	for i := 0; i < len(other.root.Content); i += 2 {
		if key := other.root.Content[i]; !d.Has(key.Value) {
			d.root.Content = append(d.root.Content, clone(key), clone(other.root.Content[i+1]))
			d.changed = true
		}
	}
}

// clone copies a node with all below it.
func clone(n *yaml.Node) *yaml.Node {
	c := *n
	c.Content = slices.Clone(n.Content)
	for i := range c.Content {
		c.Content[i] = clone(c.Content[i])
	}
	return &c
}

// Contradicts names the first key of the document that is otherwise in other and decides
// what a search finds, or "".
func (d *Document) Contradicts(other *Document) string {
	for i := 0; i < len(d.root.Content); i += 2 {
		key := d.root.Content[i].Value
		if operational[key] {
			continue
		}
		theirs := other.find(key)
		if theirs == nil {
			return key
		}
		x, errX := d.tree(d.root.Content[i+1], key)
		y, errY := other.tree(theirs, key)
		if errX != nil || errY != nil || !reflect.DeepEqual(x, y) {
			return key
		}
	}
	return ""
}

// Deciding writes what decides how a search goes and where it ends, its seed left
// out: equal texts describe the same searches.
func Deciding(d *Document) ([]byte, error) {
	all := map[string]any{}
	for i := 0; i < len(d.root.Content); i += 2 {
		k := d.root.Content[i].Value
		if k == "seed" || operational[k] && k != "limits" {
			continue
		}
		v, err := d.tree(d.root.Content[i+1], k)
		if err != nil {
			return nil, err
		}
		all[k] = v
	}
	return json.Marshal(all) // keys sorted
}

// Adopt sets again what an earlier command line had set in the search's own
// copy of the file, except limits and the like and what is set today already.
// So a search that began with --seed 7 goes on without it.
func (d *Document) Adopt(stored *Document) error {
	var walk func(n *yaml.Node, key string) error
	walk = func(n *yaml.Node, key string) error {
		if operational[strings.SplitN(key, ".", 2)[0]] {
			return nil
		}
		if n.LineComment == given {
			if now := d.find(key); now != nil && d.origins[now] != "" {
				return nil
			}
			return d.put(key, n, stored.where(n))
		}
		if n.Kind == yaml.MappingNode {
			for i := 0; i < len(n.Content); i += 2 {
				if err := walk(n.Content[i+1], join(key, n.Content[i].Value)); err != nil {
					return err
				}
			}
		}
		return nil
	}
	return walk(stored.root, "")
}

// Relocated is a copy of the document for another place: see Relocate.
func (d *Document) Relocated() (*Document, error) {
	text, err := d.Encode()
	if err != nil {
		return nil, err
	}
	c, err := Parse(d.Name, d.Dir, text)
	if err == nil {
		c.Relocate()
	}
	return c, err
}

// Relocate makes relative paths of programs absolute, and says where those in
// plugins' options start, for a copy of the document that lies elsewhere.
func (d *Document) Relocate() {
	d.relocate(d.find("evaluator"))
	d.relocateStrategies(d.find("strategy"))
	if all := d.find("evaluators"); all != nil && all.Kind == yaml.MappingNode {
		for i := 1; i < len(all.Content); i += 2 {
			d.relocate(all.Content[i])
		}
	}
	d.settle()
	for _, key := range []string{"plugins.dirs", "fleet.files"} {
		if n := d.find(key); n != nil && n.Kind == yaml.SequenceNode {
			for _, n := range n.Content {
				d.replace(n, d.path(n.Value))
			}
		} else if n != nil {
			d.replace(n, d.path(n.Value))
		}
	}
	for key, place := range leading {
		if n := d.find(key); n != nil {
			d.replace(n, place(n.Value, d.path))
		}
	}
}

// FindPluginsIn lets plugins be found in one more directory.
func (d *Document) FindPluginsIn(dir string) error {
	const key = "plugins.dirs"
	name := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: dir}
	if dirs := d.find(key); dirs != nil && dirs.Kind == yaml.SequenceNode {
		dirs.Content, d.changed = append(dirs.Content, name), true
		return nil
	}
	err := d.put(key, &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Content: []*yaml.Node{name}}, "the search")
	if n := d.find(key); err == nil && n != nil {
		n.LineComment = ""
	}
	return err
}

// leading are the keys whose values lead somewhere, and how their paths are made absolute.
var leading = map[string]func(value string, path func(string) string) string{
	folderKey:     folder,
	"tensorboard": folder,
	"mlflow":      server,
	"listen":      address,
}

// folder is the path of a directory made absolute.
func folder(dir string, path func(string) string) string { return path(dir) }

// server is the address of a server, or the path of a directory made absolute.
func server(where string, path func(string) string) string {
	if strings.Contains(where, "://") {
		return where
	}
	return path(where)
}

// address is an address to listen at, the path of a socket made absolute.
func address(text string, path func(string) string) string {
	if socket, is := strings.CutPrefix(text, "unix:"); is && socket != "" {
		return "unix:" + path(socket)
	}
	return text
}

// folderKey says where relative paths in plugins' options start.
const folderKey = "plugins.folder"

// settle records where paths in plugins' options start, if there is one that leads
// somewhere, and where hooks run.
func (d *Document) settle() {
	if d.Has(folderKey) {
		return
	}
	var leads func(n *yaml.Node) bool
	leads = func(n *yaml.Node) bool {
		if n.Kind != yaml.ScalarNode {
			return slices.ContainsFunc(n.Content, leads)
		}
		if n.Value == "" || len(n.Value) > 4096 || filepath.IsAbs(n.Value) {
			return false
		}
		file, _, _ := strings.Cut(n.Value, ":") // FILE.py:FUNCTION
		_, err := os.Stat(filepath.Join(d.Dir, file))
		return err == nil
	}
	for _, key := range []string{"evaluator", "evaluators", "strategy", "hooks"} {
		if n := d.find(key); n != nil && (key == "hooks" || n.Kind == yaml.MappingNode && leads(n)) {
			if d.put(folderKey, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: d.path(".")}, "the search") == nil {
				d.find(folderKey).LineComment = ""
			}
			return
		}
	}
}

// files are the options that name files of data.
var files = map[string]bool{"file": true, "files": true, "join": true, "test_files": true, "source": true}

// Anchor makes paths absolute that a key of the command line names, of data and of who is
// told: relative ones start in the working directory, where that is not where the document lies.
func (d *Document) Anchor(key string) {
	here, err := os.Getwd()
	if place, n := leading[key], d.find(key); err == nil && place != nil && n != nil && n.Kind == yaml.ScalarNode && n.Value != "" {
		d.replace(n, place(n.Value, func(path string) string {
			if filepath.IsAbs(path) {
				return path
			}
			return filepath.Join(here, path)
		}))
		return
	}
	if root, _, _ := strings.Cut(key, "."); err != nil || root != "evaluator" && root != "evaluators" || here == d.path(".") {
		return
	}
	var walk func(n *yaml.Node, name string)
	walk = func(n *yaml.Node, name string) {
		switch n.Kind {
		case yaml.MappingNode:
			for i := 0; i < len(n.Content); i += 2 {
				walk(n.Content[i+1], n.Content[i].Value)
			}
		case yaml.SequenceNode:
			for _, c := range n.Content {
				walk(c, name)
			}
		case yaml.ScalarNode:
			file, _, _ := strings.Cut(n.Value, ":")
			if _, err := os.Stat(filepath.Join(here, file)); err == nil && files[name] && file != "" && !filepath.IsAbs(file) {
				d.replace(n, filepath.Join(here, n.Value))
			}
		}
	}
	if n := d.find(key); n != nil {
		path := steps(key)
		walk(n, path[len(path)-1])
	}
}

func (d *Document) relocate(n *yaml.Node) {
	if n != nil && n.Kind == yaml.MappingNode {
		_, command := child(n, "command")
		if _, n = child(n, "use"); n != nil && n.Value == commands && command != nil {
			for _, word := range command.Content {
				d.replace(word, d.dotted(word.Value))
			}
		}
	}
	if n != nil && n.Kind == yaml.ScalarNode {
		d.replace(n, d.program(n.Value))
	}
}

// relocateStrategies relocates a strategy, or a list of them, and those within.
func (d *Document) relocateStrategies(n *yaml.Node) {
	switch {
	case n == nil:
	case n.Kind == yaml.SequenceNode:
		for _, one := range n.Content {
			d.relocateStrategies(one)
		}
	default:
		if n.Kind == yaml.MappingNode {
			_, use := child(n, "use")
			if _, inner := child(n, within); use != nil && evolve.SearchesWith(use.Value) {
				d.relocateStrategies(inner)
			}
		}
		d.relocate(n)
	}
}

func (d *Document) replace(n *yaml.Node, path string) {
	if n.Value != path {
		n.Value, d.changed = path, true
	}
}
