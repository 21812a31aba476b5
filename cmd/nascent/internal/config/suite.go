package config

import (
	"bytes"
	"cmp"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/rng"
)

// Suite is several searches to compare strategies on; docs/bench.md describes the file.
type Suite struct {
	Path       string
	Name       string // by default the file's
	Strategies []*yaml.Node
	Reference  string // "": the first strategy
	Seeds      int    // 0: not said
	FirstSeed  *int
	Others     []string // files of what other programs came to
	Problems   []Problem

	doc *Document
}

// Problem is one search of a Suite.
type Problem struct {
	Name        string
	Search      *yaml.Node // a path, an example, or all of a search.yaml
	Set         []Setting
	Strategies  []*yaml.Node // in place of the suite's
	Seeds       int          // 0: not said
	FirstSeed   *int
	Evaluations int    // 0: not said
	Seconds     string // "": not said
	Metric      string
	Target      *float64
	By          string // best, test, or a figure that tests report
	Goal        engine.Goal
	Optimum     *float64
	Relative    bool
	Published   []engine.Value // in the order of the file
}

// Setting is a key of a search.yaml and its value.
type Setting struct {
	Key   string
	Value *yaml.Node
}

// problemName is what a problem may be called: its directory is.
var problemName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,60}$`)

// ParseSuite reads the text of a suite. The error names the first mistake.
func ParseSuite(path string, text []byte) (*Suite, error) {
	s := &Suite{Path: path, Name: strings.TrimSuffix(strings.TrimSuffix(filepath.Base(path), ".yaml"), ".yml")}
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, wrong(path, "", "list searches: problems: [{search: onemax}]", "the file is empty")
	}
	d, err := Parse(path, filepath.Dir(path), text)
	if err != nil {
		return nil, err
	}
	s.doc = d
	read := readers{
		"name":       func(n *yaml.Node, key string) (err error) { s.Name, err = d.called(n, key); return err },
		"strategies": func(n *yaml.Node, key string) (err error) { s.Strategies, err = d.strategies(n, key); return err },
		"reference":  func(n *yaml.Node, key string) (err error) { s.Reference, err = d.word(n, key); return err },
		"seeds":      func(n *yaml.Node, key string) (err error) { s.Seeds, err = d.count(n, key, 1); return err },
		"first_seed": func(n *yaml.Node, key string) (err error) { s.FirstSeed, err = d.seed(n, key); return err },
		"others": func(n *yaml.Node, key string) error {
			return d.list(n, key, func(n *yaml.Node, key string) error {
				file, err := d.word(n, key)
				s.Others = append(s.Others, file)
				return err
			})
		},
		"problems": func(n *yaml.Node, key string) error {
			return d.list(n, key, func(n *yaml.Node, key string) error {
				p, err := d.problem(n, key)
				if err != nil {
					return err
				}
				for _, other := range s.Problems {
					if other.Name == p.Name {
						return d.fault(n, join(key, "name"), "give each problem a name of its own", "%s stands twice", p.Name)
					}
				}
				s.Problems = append(s.Problems, p)
				return nil
			})
		},
	}
	if err := d.fields(d.root, "", read); err != nil {
		return nil, err
	}
	if len(s.Problems) == 0 {
		return nil, wrong(path, "problems", "list searches: problems: [{search: onemax}]", "there are none")
	}
	return s, nil
}

// Fault says where a mistake lies.
func (s *Suite) Fault(key, problem, remedy string) *Error {
	return s.doc.Fault(&genome.Mistake{Key: key, Problem: problem, Remedy: remedy})
}

// Where is the place of a problem, counted from 0.
func (s *Suite) Where(i int) string { return s.doc.where(s.doc.find(fmt.Sprintf("problems[%d]", i))) }

// problem reads one problem of a suite.
func (d *Document) problem(n *yaml.Node, key string) (p Problem, err error) {
	p.By = "best"
	err = d.fields(n, key, readers{
		"name": func(n *yaml.Node, key string) (err error) { p.Name, err = d.called(n, key); return err },
		"search": func(n *yaml.Node, key string) (err error) {
			if p.Search = n; n.Kind != yaml.MappingNode {
				_, err = d.word(n, key)
			}
			return err
		},
		"set": func(n *yaml.Node, key string) error {
			if n.Kind != yaml.MappingNode {
				return d.fault(n, key, "write keys of a search.yaml: {evaluator.noise: 0.1}", "holds %s, not a map", describe(n))
			}
			for i := 0; i < len(n.Content); i += 2 {
				p.Set = append(p.Set, Setting{n.Content[i].Value, n.Content[i+1]})
			}
			return nil
		},
		"strategies":  func(n *yaml.Node, key string) (err error) { p.Strategies, err = d.strategies(n, key); return err },
		"seeds":       func(n *yaml.Node, key string) (err error) { p.Seeds, err = d.count(n, key, 1); return err },
		"first_seed":  func(n *yaml.Node, key string) (err error) { p.FirstSeed, err = d.seed(n, key); return err },
		"evaluations": func(n *yaml.Node, key string) (err error) { p.Evaluations, err = d.count(n, key, 1); return err },
		"seconds": func(n *yaml.Node, key string) error {
			_, err := d.span(n, key)
			p.Seconds = n.Value
			return err
		},
		"metric":   func(n *yaml.Node, key string) (err error) { p.Metric, err = d.word(n, key); return err },
		"target":   func(n *yaml.Node, key string) (err error) { p.Target, err = d.pointer(n, key); return err },
		"by":       func(n *yaml.Node, key string) (err error) { p.By, err = d.word(n, key); return err },
		"optimum":  func(n *yaml.Node, key string) (err error) { p.Optimum, err = d.pointer(n, key); return err },
		"relative": func(n *yaml.Node, key string) (err error) { p.Relative, err = d.boolean(n, key); return err },
		"goal": func(n *yaml.Node, key string) error {
			goal, err := d.oneOf(n, key, string(engine.Maximize), string(engine.Minimize))
			p.Goal = engine.Goal(goal)
			return err
		},
		"published": func(n *yaml.Node, key string) error {
			if n.Kind != yaml.MappingNode {
				return d.fault(n, key, "write names with figures: {random: 93.70}", "holds %s, not a map", describe(n))
			}
			for i := 0; i < len(n.Content); i += 2 {
				x, err := d.number(n.Content[i+1], join(key, n.Content[i].Value))
				if err != nil {
					return err
				}
				p.Published = append(p.Published, engine.Value{Name: n.Content[i].Value, Value: x})
			}
			return nil
		},
	})
	switch {
	case err != nil:
		return p, err
	case p.Search == nil:
		return p, d.fault(n, key, "write search: PATH, or a whole search.yaml under it", "it has no search")
	case p.Relative && p.Optimum == nil:
		return p, d.fault(n, join(key, "relative"), "write optimum as well, or remove this", "there is no optimum")
	case p.Relative && *p.Optimum == 0:
		return p, d.fault(n, join(key, "relative"), "remove it", "the optimum is 0, and nothing is a share of that")
	}
	if p.Name == "" && p.Search.Kind == yaml.ScalarNode {
		p.Name = strings.TrimSuffix(filepath.Base(p.Search.Value), ".yaml")
	}
	if !problemName.MatchString(p.Name) {
		return p, d.fault(n, join(key, "name"), "write one: up to 60 letters, digits, dots, dashes and underscores", "%s is no name",
			cmp.Or(p.Name, "nothing"))
	}
	return p, nil
}

// called reads the name of a directory.
func (d *Document) called(n *yaml.Node, key string) (string, error) {
	name, err := d.word(n, key)
	if err == nil && !problemName.MatchString(name) {
		err = d.fault(n, key, "use up to 60 letters, digits, dots, dashes and underscores", "%s is no name", describe(n))
	}
	return name, err
}

// strategies is a list of strategies, not read yet.
func (d *Document) strategies(n *yaml.Node, key string) (all []*yaml.Node, err error) {
	err = d.list(n, key, func(n *yaml.Node, key string) error {
		if n.Kind != yaml.MappingNode {
			if _, err := d.word(n, key); err != nil {
				return err
			}
		}
		all = append(all, n)
		return nil
	})
	if err == nil && len(all) == 0 {
		err = d.fault(n, key, "write a list such as [random, {use: aging, population: 20}]", "there are none")
	}
	return all, err
}

// seed reads the seed of a search.
func (d *Document) seed(n *yaml.Node, key string) (*int, error) {
	v, err := d.between(n, key, 0, rng.MaxSeed-1)
	return &v, err
}

func (d *Document) pointer(n *yaml.Node, key string) (*float64, error) {
	v, err := d.number(n, key)
	return &v, err
}

// Describe is the search of a problem, with what the problem sets in it. A search that
// is named by a path is read by load.
func (s *Suite) Describe(p *Problem, load func(path string) (*Document, error)) (*Document, error) {
	var doc *Document
	var err error
	if p.Search.Kind == yaml.MappingNode {
		var text []byte
		if text, err = yaml.Marshal(p.Search); err == nil {
			doc, err = Parse(s.Path, s.doc.Dir, text)
		}
		if err == nil {
			doc.part = ": problem " + p.Name
			standsAt(doc.root, p.Search)
		}
	} else {
		doc, err = load(p.Search.Value)
	}
	if err != nil {
		return nil, err
	}
	for _, x := range p.Set {
		text, err := yaml.Marshal(x.Value)
		if err == nil {
			err = doc.Set(x.Key, string(text), fmt.Sprintf("%s:%d: problem %s", s.Path, x.Value.Line, p.Name))
		}
		if err != nil {
			return nil, err
		}
	}
	return doc, nil
}

// standsAt gives each node the line of the one that it was made of.
func standsAt(n, original *yaml.Node) {
	n.Line = original.Line
	for i, c := range n.Content {
		if i < len(original.Content) {
			standsAt(c, original.Content[i])
		}
	}
}
