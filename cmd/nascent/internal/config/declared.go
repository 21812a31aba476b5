package config

import (
	"bytes"
	"fmt"
	"strconv"

	"go.yaml.in/yaml/v3"

	"github.com/nascent-nas/nascent/engine"
)

// Declared reads all that a search is to declare: the text of a search.yaml with the keys of
// Declaring alone. What it leaves out is taken away, as far as a search can be without it.
func Declared(name string, text []byte) (*engine.Takeover, error) {
	d, err := Parse(name, ".", text)
	if err != nil {
		return nil, err
	}
	x := new(engine.Takeover)
	for _, key := range Declaring {
		if key == "metrics" || d.Has(key) { // those that there are stay
			continue
		}
		if without(x, key) != nil {
			return nil, wrong(name, key, "write it as in a search.yaml", "there is none, and a search cannot be without it")
		}
	}
	return x, d.takeover(x)
}

// DeclaredText writes what a plan declares, as Declared reads it.
func DeclaredText(p *engine.Plan) ([]byte, error) {
	var space yaml.Node
	if err := yaml.Unmarshal(p.Space, &space); err != nil { // JSON is YAML
		return nil, err
	}
	root := &yaml.Node{Kind: yaml.MappingNode}
	put := func(key string, value *yaml.Node) {
		if len(value.Content) > 0 || value.Value != "" {
			for _, c := range value.Content {
				laid(c)
			}
			value.Style = 0
			root.Content = append(root.Content, word(key), value)
		}
	}
	list := func(n int, of func(i int) *yaml.Node) *yaml.Node {
		all := &yaml.Node{Kind: yaml.SequenceNode}
		for i := range n {
			all.Content = append(all.Content, of(i))
		}
		return all
	}
	goals := func(all []engine.Objective) *yaml.Node {
		return list(len(all), func(i int) *yaml.Node {
			return pairs("metric", word(all[i].Metric), "goal", word(string(all[i].Goal)), "scale", word(string(all[i].Scale)))
		})
	}
	put("space", space.Content[0])
	metrics := &yaml.Node{Kind: yaml.MappingNode}
	for _, d := range p.Derived {
		metrics.Content = append(metrics.Content, word(d.Metric), word(d.Expression))
	}
	put("metrics", metrics)
	put("objectives", goals(p.Objectives))
	put("ties", goals(p.Ties))
	put("constraints", list(len(p.Constraints), func(i int) *yaml.Node {
		c := p.Constraints[i]
		weight := &c.Weight
		if c.Weight == 0 {
			weight = nil
		}
		return pairs("metric", word(c.Metric), "min", digits(c.Min), "max", digits(c.Max), "weight", digits(weight))
	}))
	reference := &yaml.Node{Kind: yaml.MappingNode}
	for _, v := range p.Reference {
		reference.Content = append(reference.Content, word(v.Name), digits(&v.Value))
	}
	put("reference", reference)
	put("prefer", word(p.Prefer))
	var out bytes.Buffer
	w := yaml.NewEncoder(&out)
	w.SetIndent(2)
	if err := w.Encode(root); err != nil {
		return nil, fmt.Errorf("what the search declares cannot be written: %w", err)
	}
	return out.Bytes(), nil
}

func word(text string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text}
}

func digits(x *float64) *yaml.Node {
	if x == nil {
		return word("")
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Value: strconv.FormatFloat(*x, 'g', -1, 64)}
}

// pairs is a mapping of keys and values, without those that are empty.
func pairs(all ...any) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode}
	for i := 0; i < len(all); i += 2 {
		if value := all[i+1].(*yaml.Node); value.Value != "" {
			n.Content = append(n.Content, word(all[i].(string)), value)
		}
	}
	return n
}

// laid lays a node out as people do: what holds nothing but plain values, and little else, on
// a line of its own.
func laid(n *yaml.Node) {
	n.Style = 0
	depth, size := 0, 0
	for _, c := range n.Content {
		laid(c)
		if size += len(c.Value) + 2; c.Kind != yaml.ScalarNode {
			depth = max(depth, 1)
			for _, inner := range c.Content {
				if size += len(inner.Value) + 2; inner.Kind != yaml.ScalarNode {
					depth = 2
				}
			}
		}
	}
	if n.Kind != yaml.ScalarNode && depth < 2 && size <= 100 {
		n.Style = yaml.FlowStyle
	}
}
