package config

import (
	"errors"
	"math/big"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/network"
	"github.com/nascent-nas/nascent/genome/rng"
)

// space reads a declaration. What it does not say of the data (network:) is
// taken from meta, if there is one.
func (d *Document) space(n *yaml.Node, key string, meta *genome.Space) (*genome.Space, error) {
	t, err := d.tree(n, key)
	if err != nil {
		return nil, err
	}
	m, ok := t.(genome.Map)
	if !ok {
		return nil, d.fault(n, key, "write named genes: {lr: {float: [1e-4, 1e-1], log: true}}", "holds %s, not a map", describe(n))
	}
	if meta != nil {
		if _, own := m.Get("network"); !own {
			if v, ok := meta.Meta("network"); ok {
				m = append(m, genome.Entry{Key: "network", Value: v})
			}
		}
	}
	s, err := genome.ParseSpace(m)
	if err != nil {
		return nil, d.gene(n, key, err)
	}
	if s, err = network.Bind(s); err != nil {
		return nil, d.gene(n, key, err)
	}
	if _, err := s.Random(rng.New(0)); err != nil {
		return nil, d.gene(n, key, err)
	}
	return s, nil
}

// gene says where in the document an error of genome/ lies.
func (d *Document) gene(n *yaml.Node, key string, err error) error {
	var e *genome.Mistake
	if !errors.As(err, &e) {
		return d.fault(n, key, "", "%v", err)
	}
	where := n
	for at, steps := n, e.Steps(); len(steps) > 0; {
		// The longest that there is: a name may hold a point.
		taken := len(steps)
		var k, below *yaml.Node
		for ; taken > 0 && below == nil; taken-- {
			k, below = child(at, strings.Join(steps[:taken], "."))
		}
		if below == nil {
			break
		}
		at, where, steps = below, k, steps[taken+1:]
		if _, set := d.origins[at]; set {
			where = at
		}
	}
	m := *e
	return d.fault(where, m.Within(key).Key, e.Remedy, "%s", e.Problem)
}

// start reads known-good genomes, as texts or as trees.
func (d *Document) start(n *yaml.Node, key string, s *genome.Space) ([]genome.Genome, error) {
	var out []genome.Genome
	err := d.list(n, key, func(n *yaml.Node, key string) error {
		var g genome.Genome
		var err error
		if n.Kind == yaml.ScalarNode {
			g, err = s.Parse(n.Value)
		} else {
			var t any
			if t, err = d.tree(n, key); err != nil {
				return err
			}
			g, err = s.FromTree(t)
		}
		if err == nil {
			err = s.Check(g)
		}
		if err != nil {
			return d.gene(n, key, err)
		}
		out = append(out, g)
		return nil
	})
	return out, err
}

// baselines reads hand-made networks: spaces with nothing left to choose.
func (d *Document) baselines(n *yaml.Node, key string) ([]engine.Baseline, error) {
	var out []engine.Baseline
	var main *genome.Space
	if space := d.find("space"); space != nil {
		s, err := d.space(space, "space", nil)
		if err != nil {
			return nil, err
		}
		main = s
	}
	seen := map[string]bool{}
	err := d.list(n, key, func(n *yaml.Node, key string) error {
		var b engine.Baseline
		err := d.fields(n, key, readers{
			"name": func(n *yaml.Node, key string) (err error) {
				if b.Name, err = d.word(n, key); err == nil && seen[b.Name] {
					err = d.fault(n, key, "give each its own", "%s is taken", describe(n))
				}
				seen[b.Name] = true
				return err
			},
			"space": func(n *yaml.Node, key string) error {
				s, err := d.space(n, key, main)
				if err != nil {
					return err
				}
				if size := s.Size(); size.Exact == nil || size.Exact.Cmp(big.NewInt(1)) != 0 {
					return d.fault(n, key, "write constants only",
						"a baseline leaves nothing to choose, but this space has more than one genome")
				}
				if b.Genome, err = s.Random(rng.New(0)); err != nil {
					return d.gene(n, key, err)
				}
				return nil
			},
		})
		if err == nil && (b.Name == "" || b.Genome.IsZero()) {
			err = d.fault(n, key, "write {name: hand-made, space: {...}}", "needs a name and a space")
		}
		out = append(out, b)
		return err
	})
	return out, err
}
