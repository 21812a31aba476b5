package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/nascent-nas/nascent/genome"
)

// MaxSize is how long a search.yaml may be, in bytes.
const MaxSize = 1 << 20

// maxDepth is how deep it may nest.
const maxDepth = 100

// Error is a mistake in a search.yaml or in what the command line sets.
type Error struct {
	Where string // "search.yaml:12", or "--set seed=x"
	genome.Mistake
}

// Error returns one line: "search.yaml:12: evaluator.delay: problem; remedy".
func (e *Error) Error() string {
	text := e.Mistake.Error()
	if e.Where != "" {
		text = e.Where + ": " + text
	}
	return strings.Join(strings.Fields(text), " ")
}

// wrong makes an Error. The key and the remedy may be empty.
func wrong(where, key, remedy, problem string, args ...any) *Error {
	return &Error{where, genome.Mistake{Key: key, Problem: fmt.Sprintf(problem, args...), Remedy: remedy}}
}

// Document is a search.yaml as written.
type Document struct {
	Name string // as messages call it: "search.yaml"
	Dir  string // relative paths in it start here

	text    []byte                // as it was read
	changed bool                  // something was set since
	root    *yaml.Node            // a mapping
	origins map[*yaml.Node]string // what set a node that is not in the file
	part    string                // of the file that it is, if not all of it: ": problem NAME"
}

// byteOrderMark is what some editors put before a text.
var byteOrderMark = []byte("\ufeff")

// Parse reads the text of a search.yaml.
func Parse(name, dir string, text []byte) (*Document, error) {
	d := &Document{Name: name, Dir: dir, text: text, origins: map[*yaml.Node]string{}}
	if len(text) > MaxSize {
		return nil, wrong(name, "", fmt.Sprintf("a search.yaml has at most %d", MaxSize), "the file has %d bytes", len(text))
	}
	dec := yaml.NewDecoder(bytes.NewReader(bytes.TrimPrefix(text, byteOrderMark)))
	var file yaml.Node
	if err := dec.Decode(&file); errors.Is(err, io.EOF) {
		return nil, wrong(name, "", "say at least space: and evaluator:", "the file is empty")
	} else if err != nil {
		return nil, d.syntax(err)
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, wrong(name, "", "keep one search to a file", "there is more than one YAML document")
	}
	d.root = file.Content[0]
	if d.root.Kind != yaml.MappingNode {
		return nil, d.fault(d.root, "", "write keys like space: and evaluator:", "it holds %s", describe(d.root))
	}
	if err := d.plain(d.root, "", 0); err != nil {
		return nil, err
	}
	return d, nil
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)`)

// syntax words an error of the YAML reader.
func (d *Document) syntax(err error) error {
	where, problem := d.Name, err.Error()
	if m := yamlLine.FindStringSubmatch(problem); m != nil {
		if problem = m[2]; m[1] == "" {
			m[1] = strconv.Itoa(d.lineOf(problem))
		}
		where += ":" + m[1]
	}
	return wrong(where, "", "mend the YAML (indent with spaces, quote text that holds \": \")", "%s", problem)
}

// lineOf finds the line of an error that the YAML reader gives none: of what it refuses
// before it looks at lines, and of the first line.
func (d *Document) lineOf(problem string) int {
	at := 0
	switch {
	case strings.Contains(problem, "control characters"):
		at = bytes.IndexFunc(d.text, func(r rune) bool { return unicode.IsControl(r) && !strings.ContainsRune("\t\n\r", r) })
	case strings.Contains(problem, "UTF-8"):
		for at < len(d.text) {
			r, size := utf8.DecodeRune(d.text[at:])
			if r == utf8.RuneError && size == 1 {
				break
			}
			at += size
		}
	default:
		if m := unknownAnchor.FindStringSubmatch(problem); m != nil {
			at = bytes.Index(d.text, []byte("*"+m[1]))
		}
	}
	return 1 + bytes.Count(d.text[:max(0, at)], []byte{'\n'})
}

var unknownAnchor = regexp.MustCompile(`^unknown anchor '([^']*)'`)

// plain refuses what a search.yaml has no use for, and what would be read
// differently by different readers.
func (d *Document) plain(n *yaml.Node, key string, depth int) error {
	switch {
	case depth > maxDepth:
		return d.fault(n, "", "flatten it, or use define: in the space", "it nests more than %d levels deep", maxDepth)
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		return d.fault(n, key, "write the value out, or use define: in the space", "anchors and aliases are not read")
	case n.Style&yaml.TaggedStyle != 0:
		return d.fault(n, key, "remove it", "tags like %s are not read", n.Tag)
	}
	switch n.Kind {
	case yaml.SequenceNode:
		for i, c := range n.Content {
			if err := d.plain(c, fmt.Sprintf("%s[%d]", key, i), depth+1); err != nil {
				return err
			}
		}
	case yaml.MappingNode:
		seen := map[string]int{}
		for i := 0; i < len(n.Content); i += 2 {
			k := n.Content[i]
			if k.Kind != yaml.ScalarNode {
				return d.fault(k, key, "use plain names", "a key is %s", describe(k))
			}
			name := join(key, k.Value)
			if line, twice := seen[k.Value]; twice {
				return d.fault(k, name, "keep one of them", "appears twice, first in line %d", line)
			}
			seen[k.Value] = k.Line
			if err := d.plain(k, name, depth+1); err != nil {
				return err
			}
			if err := d.plain(n.Content[i+1], name, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// fault makes an Error about a node.
func (d *Document) fault(n *yaml.Node, key, remedy, problem string, args ...any) *Error {
	return wrong(d.where(n), key, remedy, problem, args...)
}

func (d *Document) where(n *yaml.Node) string {
	if n == nil {
		return d.Name + d.part
	}
	if o, ok := d.origins[n]; ok {
		return o
	}
	if n.Line == 0 {
		return d.Name + d.part
	}
	return d.Name + ":" + strconv.Itoa(n.Line) + d.part
}

// Fault says where a mistake lies whose key is dotted ("limits.wall",
// "objectives[0].metric"): at its value, or at the nearest key above it that is
// there.
func (d *Document) Fault(m *genome.Mistake) *Error {
	n := d.root
	var best *yaml.Node
	if at := *m; !d.Has("metrics") && at.Key == "metrics.score" {
		at.Key = "score" // for which that is short
		m = &at
	}
	for _, step := range m.Steps() {
		k, v := child(n, step)
		if v == nil {
			break
		}
		n, best = v, k
		if _, set := d.origins[v]; set {
			best = v
		}
	}
	return &Error{d.where(best), *m}
}

// Given tells whether the command line set a key of a search's own copy.
func (d *Document) Given(key string) bool {
	n := d.find(key)
	return n != nil && n.LineComment == given
}

// Has tells whether the document has a key.
func (d *Document) Has(key string) bool { return d.find(key) != nil }

func (d *Document) find(key string) *yaml.Node {
	n := d.root
	for _, step := range steps(key) {
		if _, n = child(n, step); n == nil {
			return nil
		}
	}
	return n
}

// steps splits "a.b[2].c" into a, b, 2, c.
func steps(key string) []string { return (&genome.Mistake{Key: key}).Steps() }

// child is the key node and the value node of one step, nil if it is not
// there. The key node of a list's entry is the entry.
func child(n *yaml.Node, step string) (key, value *yaml.Node) {
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i < len(n.Content); i += 2 {
			if n.Content[i].Value == step {
				return n.Content[i], n.Content[i+1]
			}
		}
	case yaml.SequenceNode:
		if i, err := strconv.Atoi(step); err == nil && i >= 0 && i < len(n.Content) {
			return n.Content[i], n.Content[i]
		}
	}
	return nil, nil
}

// given marks, in the copy that a search keeps, what the command line set.
const given = "# from the command line"

// Set puts a YAML value at a dotted key, making the keys above it where they
// are missing. origin is what messages call it: "--set seed=7".
func (d *Document) Set(key, text, origin string) error {
	var file yaml.Node
	if err := yaml.Unmarshal([]byte(text), &file); err != nil {
		return wrong(origin, key, "quote it", "the value is no YAML: %s", strings.TrimPrefix(err.Error(), "yaml: "))
	}
	value := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str"}
	if len(file.Content) > 0 {
		value = file.Content[0]
	}
	return d.put(key, value, origin)
}

func (d *Document) put(key string, value *yaml.Node, origin string) error {
	path := steps(key)
	if len(path) == 0 {
		return wrong(origin, "", "write --set KEY=VALUE, for example --set limits.evaluations=500", "there is no key")
	}
	d.changed = true
	d.origin(value, origin)
	if err := d.plain(value, key, len(path)); err != nil {
		return err
	}
	if value.Kind != yaml.ScalarNode {
		value.Style = yaml.FlowStyle
	}
	value.HeadComment, value.FootComment, value.LineComment = "", "", given
	n := d.root
	for i, step := range path {
		last := i == len(path)-1
		_, v := child(n, step)
		switch {
		case v != nil && last:
			*v = *value
			d.origin(v, origin)
		case v != nil && v.Kind == yaml.ScalarNode && !last && shorthand[strings.Join(path[:i+1], ".")]:
			// evaluator: onemax and evaluator: {use: onemax} are the same
			use := *v
			use.LineComment = ""
			*v = yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: v.Line, Content: []*yaml.Node{
				{Kind: yaml.ScalarNode, Tag: "!!str", Value: "use", Line: v.Line}, &use,
			}}
		case v == nil:
			if n.Kind != yaml.MappingNode {
				at := strings.Join(path[:i], ".")
				return wrong(origin, key, "set "+at+" as a whole", "%s holds %s, so there is no %s in it", at, describe(n), step)
			}
			name := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: step}
			d.origins[name] = origin
			v = value
			if !last {
				v = &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
				d.origins[v] = origin
			}
			n.Content = append(n.Content, name, v)
		}
		n = v
	}
	return nil
}

// shorthand are the keys whose scalar value stands for {use: value}.
var shorthand = map[string]bool{"evaluator": true, "strategy": true}

func (d *Document) origin(n *yaml.Node, origin string) {
	d.origins[n] = origin
	for _, c := range n.Content {
		d.origin(c, origin)
	}
}

// plainWord is a text that needs no quotation marks, unless it means something without
// them.
var plainWord = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_./-]*$`)

var meaning = []string{"y", "n", "yes", "no", "on", "off", "true", "false", "null"}

// Tidy lays out a document that a program has written, for people: each key of the top
// on a line of its own, and no more quotation marks than there must be.
func (d *Document) Tidy() {
	var walk func(n *yaml.Node)
	walk = func(n *yaml.Node) {
		switch {
		case n.Kind != yaml.ScalarNode:
			n.Style = yaml.FlowStyle
		case n.Tag == "!!str" && plainWord.MatchString(n.Value) && !slices.Contains(meaning, strings.ToLower(n.Value)):
			n.Style = 0
		}
		for _, c := range n.Content {
			walk(c)
		}
	}
	walk(d.root)
	d.root.Style, d.changed = 0, true
}

// Encode writes the document as it now stands, comments included; one that
// nothing was set in as it was written.
func (d *Document) Encode() ([]byte, error) {
	if !d.changed {
		return d.text, nil
	}
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(d.root); err != nil {
		return nil, err
	}
	return b.Bytes(), enc.Close()
}

// join adds a name to a dotted key.
func join(key, name string) string {
	if key == "" {
		return name
	}
	return key + "." + name
}

// describe names a node in a message.
func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a map"
	case yaml.SequenceNode:
		return "a list"
	}
	if n.Tag == "!!null" {
		return "nothing"
	}
	v := n.Value
	if len(v) > 60 {
		v = v[:57] + "..."
	}
	return strconv.Quote(v)
}

// Text is the scalar at a dotted key, "" where there is none.
func (d *Document) Text(key string) string {
	if n := d.find(key); n != nil && n.Kind == yaml.ScalarNode {
		return n.Value
	}
	return ""
}

// Bare is the name that a strategy or an evaluator has at a key, without any options; ""
// where there is none, or options stand beside it.
func (d *Document) Bare(key string) string {
	if n := d.find(key); n != nil && n.Kind == yaml.MappingNode && len(n.Content) == 2 {
		key = join(key, "use")
	}
	return d.Text(key)
}
