package config

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/nascent-nas/nascent/engine/option"
	"github.com/nascent-nas/nascent/genome"
)

// tree decodes a node into the kinds that genome.Map holds.
func (d *Document) tree(n *yaml.Node, key string) (any, error) {
	switch n.Kind {
	case yaml.MappingNode:
		m := genome.Map{}
		for i := 0; i < len(n.Content); i += 2 {
			name := n.Content[i].Value
			v, err := d.tree(n.Content[i+1], join(key, name))
			if err != nil {
				return nil, err
			}
			m = append(m, genome.Entry{Key: name, Value: v})
		}
		return m, nil
	case yaml.SequenceNode:
		list := []any{}
		for i, c := range n.Content {
			v, err := d.tree(c, key+"["+strconv.Itoa(i)+"]")
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		return list, nil
	}
	switch n.Tag {
	case "!!null":
		return nil, d.fault(n, key, "give it one, or remove the key", "has no value")
	case "!!bool":
		return d.boolean(n, key)
	case "!!int":
		v, err := d.integer(n, key)
		return v, err
	case "!!float":
		return d.number(n, key)
	}
	if x, err := strconv.ParseFloat(n.Value, 64); unquoted(n) && errors.Is(err, strconv.ErrRange) && math.IsInf(x, 0) {
		return nil, d.fault(n, key, "the largest number is 1.797e308; quote it where it is a word", "%s is out of range", n.Value)
	}
	return n.Value, nil
}

// unquoted tells whether a scalar is written without quotes.
func unquoted(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) == 0
}

// option decodes the value of a plugin's option. Unlike in a space, where they
// are words, plain yes and no are booleans: so YAML 1.1 has it, and Python's
// readers.
func (d *Document) option(n *yaml.Node, key string) (any, error) {
	return d.tree(d.switches(n), key)
}

// switches is a copy of a node with yes and no as booleans.
func (d *Document) switches(n *yaml.Node) *yaml.Node {
	c := *n
	if origin, ok := d.origins[n]; ok {
		d.origins[&c] = origin
	}
	if v, ok := yesNo(n); ok {
		c.Tag, c.Value = "!!bool", strconv.FormatBool(v)
	}
	c.Content = slices.Clone(n.Content)
	for i, child := range c.Content {
		if n.Kind != yaml.MappingNode || i%2 == 1 { // keys stay words
			c.Content[i] = d.switches(child)
		}
	}
	return &c
}

// yesNo reads a plain yes or no.
func yesNo(n *yaml.Node) (value, ok bool) {
	return n.Value == "yes", unquoted(n) && n.Tag == "!!str" && (n.Value == "yes" || n.Value == "no")
}

func (d *Document) word(n *yaml.Node, key string) (string, error) {
	if n.Kind == yaml.ScalarNode && n.Tag == "!!str" && strings.TrimSpace(n.Value) == "" {
		return "", d.fault(n, key, "write a name, or remove the key", "is an empty text")
	}
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		return "", d.fault(n, key, "write a name", "holds %s, not a text", describe(n))
	}
	return n.Value, nil
}

func (d *Document) oneOf(n *yaml.Node, key string, values ...string) (string, error) {
	if n.Kind != yaml.ScalarNode || !slices.Contains(values, n.Value) {
		return "", d.fault(n, key, "use one of "+strings.Join(values, ", "), "holds %s", describe(n))
	}
	return n.Value, nil
}

func (d *Document) boolean(n *yaml.Node, key string) (bool, error) {
	if v, ok := yesNo(n); ok {
		return v, nil
	}
	var v bool
	if n.Kind != yaml.ScalarNode || n.Tag != "!!bool" || n.Decode(&v) != nil {
		return false, d.fault(n, key, "write true or false", "holds %s, not true or false", describe(n))
	}
	return v, nil
}

func (d *Document) integer(n *yaml.Node, key string) (int64, error) {
	var v int64
	if n.Kind != yaml.ScalarNode || n.Tag != "!!int" {
		return 0, d.fault(n, key, "write a whole number", "holds %s, not a whole number", describe(n))
	}
	if n.Decode(&v) != nil {
		return 0, d.fault(n, key, "write a smaller number", "%s is out of range", n.Value)
	}
	return v, nil
}

// count reads a whole number that is at least min.
func (d *Document) count(n *yaml.Node, key string, min int64) (int, error) {
	return d.between(n, key, min, math.MaxInt32)
}

// between reads a whole number from min to max.
func (d *Document) between(n *yaml.Node, key string, min, max int64) (int, error) {
	v, err := d.integer(n, key)
	if err != nil {
		return 0, err
	}
	if v < min || v > max {
		return 0, d.fault(n, key, fmt.Sprintf("write a whole number from %d to %d", min, max), "%d is out of range", v)
	}
	return int(v), nil
}

func (d *Document) number(n *yaml.Node, key string) (float64, error) {
	var v float64
	if _, err := strconv.ParseFloat(n.Value, 64); unquoted(n) && errors.Is(err, strconv.ErrRange) {
		return 0, d.fault(n, key, "the largest number is 1.797e308", "%s is out of range", n.Value)
	}
	if n.Kind != yaml.ScalarNode || n.Tag != "!!int" && n.Tag != "!!float" || n.Decode(&v) != nil {
		return 0, d.fault(n, key, "write a number", "holds %s, not a number", describe(n))
	}
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, d.fault(n, key, "write a finite number", "%s is not finite", n.Value)
	}
	if v == 0 && vanishes(n.Value) {
		return 0, d.fault(n, key, "the smallest number above 0 is 4.9e-324; write 0 if that is meant",
			"%s is too small and would become 0", n.Value)
	}
	return v, nil
}

// vanishes tells that a number which reads as 0 is written as another one.
func vanishes(text string) bool {
	mantissa, _, _ := strings.Cut(strings.ToLower(text), "e")
	return strings.ContainsAny(mantissa, "123456789")
}

// positive reads a number above 0.
func (d *Document) positive(n *yaml.Node, key string) (float64, error) {
	v, err := d.number(n, key)
	if err == nil && v <= 0 {
		err = d.fault(n, key, "write a number above 0, or remove the key", "%s is not above 0", n.Value)
	}
	return v, err
}

// pause reads a duration of which 0 means none at all. The engine says that with a
// negative one, since 0 is what leaves it the default.
func (d *Document) pause(n *yaml.Node, key string) (time.Duration, error) {
	v, err := d.duration(n, key)
	if v == 0 && err == nil {
		v = -1
	}
	return v, err
}

// span reads a duration above 0.
func (d *Document) span(n *yaml.Node, key string) (time.Duration, error) {
	v, err := d.duration(n, key)
	if err == nil && v == 0 {
		err = d.fault(n, key, "write a duration above 0, or remove the key", "%s leaves no time", n.Value)
	}
	return v, err
}

// duration reads 5ms, 2h, or a number of seconds; at least 0.
func (d *Document) duration(n *yaml.Node, key string) (time.Duration, error) {
	const remedy = "write 500ms, 30s, 2h or a number of seconds"
	if n.Kind != yaml.ScalarNode {
		return 0, d.fault(n, key, remedy, "holds %s, not a duration", describe(n))
	}
	var v time.Duration
	if seconds, err := d.number(n, key); err == nil {
		if seconds > math.MaxInt64/1e9 {
			return 0, d.fault(n, key, remedy, "%s is out of range", n.Value)
		}
		v = time.Duration(seconds * float64(time.Second))
	} else if v, err = time.ParseDuration(n.Value); err != nil {
		return 0, d.fault(n, key, remedy, "holds %s, not a duration", describe(n))
	}
	switch {
	case v < 0:
		return 0, d.fault(n, key, remedy, "%s is negative", n.Value)
	case v == 0 && vanishes(n.Value):
		return 0, d.fault(n, key, remedy, "%s is shorter than a nanosecond", n.Value)
	}
	return v, nil
}

// list calls f for each entry of a list.
func (d *Document) list(n *yaml.Node, key string, f func(n *yaml.Node, key string) error) error {
	if n.Kind != yaml.SequenceNode {
		return d.fault(n, key, "write a list: [a, b]", "holds %s, not a list", describe(n))
	}
	for i, c := range n.Content {
		if err := f(c, key+"["+strconv.Itoa(i)+"]"); err != nil {
			return err
		}
	}
	return nil
}

// fields calls for each key of a map what reads it, in the order of the file.
// A key that nothing reads is an error.
func (d *Document) fields(n *yaml.Node, key string, readers map[string]func(n *yaml.Node, key string) error) error {
	if n.Kind != yaml.MappingNode {
		return d.fault(n, key, "write keys: "+names(readers), "holds %s, not a map", describe(n))
	}
	for i := 0; i < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		name := join(key, k.Value)
		read, ok := readers[k.Value]
		if !ok {
			remedy := "use " + names(readers)
			if said := here(key, k.Value); said != "" {
				remedy = "here it is " + said
			} else if near := option.Nearest(k.Value, slices.Collect(maps.Keys(readers))); near != "" {
				remedy = "did you mean " + near + "?"
			}
			return d.fault(k, name, remedy, "there is no such key")
		}
		if v.Kind == yaml.ScalarNode && v.Tag == "!!null" {
			return d.fault(v, name, "give it one, or remove the key", "has no value")
		}
		if err := read(v, name); err != nil {
			return err
		}
	}
	return nil
}

func names[V any](m map[string]V) string {
	var list []string
	for k := range m {
		list = append(list, k)
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}
