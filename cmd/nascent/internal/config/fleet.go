package config

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/genome"
)

// Fleet says which other machines carry out the jobs of a search.
type Fleet struct {
	On       string        // who starts the hosts: manual, or a placer
	Listen   string        // where hosts reach the coordinator, HOST:PORT; default any free port of every interface
	Slots    int           // jobs at once on a host that does not say it; 0: what one process of the evaluator takes
	Patience time.Duration // how long a host may be away before its jobs go elsewhere

	Speculative bool // idle hosts begin jobs that take much longer than usual a second time

	// Of hosts, whoever starts them.
	Kind  string   // of host that is taken; "": any
	Probe bool     // each carries out a probe job before others
	Files []string // that the evaluator needs besides its sources: absolute, with * and **

	Setup string // lines of shell before it

	// Of placers. What a host gets is 0 or empty where it is not said.
	Hosts    int      // how many; default 1, with machines as many as there are
	GPUs     float64  // for each host
	Cores    int      // likewise
	Memory   int64    // bytes, likewise
	Options  string   // passed on
	Address  string   // of a Ray cluster
	Machines []string // reached by ssh
}

// fleets are who may start hosts, and the keys that say something to each, beside those
// that do to all.
var fleets = map[string][]string{
	"manual": {"setup"},
	"slurm":  {"hosts", "setup", "options", "gpus", "cores", "memory"},
	"ray":    {"hosts", "setup", "address", "gpus", "cores", "memory"},
	"ssh":    {"hosts", "setup", "options", "machines"},
}

func (d *Document) fleet(n *yaml.Node, key string) (*Fleet, error) {
	f := &Fleet{Listen: ":0", Patience: 30 * time.Second, Hosts: -1, Probe: true}
	err := d.fields(n, key, readers{
		"on": func(n *yaml.Node, key string) (err error) {
			f.On, err = d.oneOf(n, key, slices.Sorted(maps.Keys(fleets))...)
			return err
		},
		"listen": func(n *yaml.Node, key string) (err error) { f.Listen, err = d.word(n, key); return err },
		"slots": func(n *yaml.Node, key string) (err error) {
			f.Slots, err = d.between(n, key, 1, engine.MaxWorkers)
			return err
		},
		"patience": func(n *yaml.Node, key string) (err error) { f.Patience, err = d.span(n, key); return err },
		"speculative": func(n *yaml.Node, key string) (err error) {
			f.Speculative, err = d.boolean(n, key)
			return err
		},
		"kind":  func(n *yaml.Node, key string) (err error) { f.Kind, err = d.word(n, key); return err },
		"probe": func(n *yaml.Node, key string) (err error) { f.Probe, err = d.boolean(n, key); return err },
		"files": func(n *yaml.Node, key string) (err error) { f.Files, err = d.paths(n, key); return err },
		"hosts": func(n *yaml.Node, key string) (err error) {
			f.Hosts, err = d.between(n, key, 0, engine.MaxWorkers)
			return err
		},
		"gpus": func(n *yaml.Node, key string) (err error) {
			if f.GPUs, err = d.positive(n, key); err == nil && f.GPUs > 1 && f.GPUs != math.Trunc(f.GPUs) {
				err = d.fault(n, key, "write 0.5 for half of one, or a whole number", "%s is more than one and a part of another", n.Value)
			}
			return err
		},
		"cores":   func(n *yaml.Node, key string) (err error) { f.Cores, err = d.between(n, key, 1, 1<<20); return err },
		"memory":  func(n *yaml.Node, key string) (err error) { f.Memory, err = d.bytes(n, key); return err },
		"options": func(n *yaml.Node, key string) (err error) { f.Options, err = d.word(n, key); return err },
		"setup":   func(n *yaml.Node, key string) (err error) { f.Setup, err = d.word(n, key); return err },
		"address": func(n *yaml.Node, key string) (err error) { f.Address, err = d.word(n, key); return err },
		"machines": func(n *yaml.Node, key string) error {
			return d.list(n, key, func(n *yaml.Node, key string) error {
				name, err := d.word(n, key)
				f.Machines = append(f.Machines, name)
				return err
			})
		},
	})
	if err != nil {
		return nil, err
	}
	if f.On == "" {
		return nil, d.fault(n, key, "add on: manual, and start hosts by: nascent host; or on: slurm, ray or ssh", "does not say who starts the hosts")
	}
	for i := 0; i < len(n.Content); i += 2 {
		of := n.Content[i].Value
		all := slices.Contains([]string{"on", "listen", "slots", "patience", "speculative", "files", "kind", "probe"}, of)
		if !all && !slices.Contains(fleets[f.On], of) {
			return nil, d.fault(n.Content[i], join(key, of), "leave it out", "says nothing to on: %s", f.On)
		}
	}
	switch {
	case f.On == "ray" && f.Address == "":
		return nil, d.fault(n, key, "add address: http://HOST:8265", "does not say where Ray's dashboard answers")
	case f.On == "ssh" && len(f.Machines) == 0:
		return nil, d.fault(n, key, "add machines: [desk1, user@desk2]", "does not say which machines ssh reaches")
	}
	if f.Hosts < 0 {
		f.Hosts = max(1, len(f.Machines))
	}
	return f, nil
}

// paths reads a path, or a list of them.
func (d *Document) paths(n *yaml.Node, key string) (all []string, err error) {
	add := func(n *yaml.Node, key string) error {
		path, err := d.word(n, key)
		all = append(all, d.path(path))
		return err
	}
	if n.Kind == yaml.SequenceNode {
		return all, d.list(n, key, add)
	}
	err = add(n, key)
	return all, err
}

// bytes reads 500MB, 64GiB or a number of bytes; above 0.
func (d *Document) bytes(n *yaml.Node, key string) (int64, error) {
	text := strings.TrimRight(strings.ToUpper(n.Value), "B")
	scale := 1.0
	for i, unit := range "KMGT" {
		if s, ok := strings.CutSuffix(text, string(unit)); ok {
			text, scale = s, math.Pow(1000, float64(i+1))
		} else if s, ok := strings.CutSuffix(text, string(unit)+"I"); ok {
			text, scale = s, math.Pow(1024, float64(i+1))
		}
	}
	v, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if n.Kind != yaml.ScalarNode || err != nil || !(v*scale >= 1 && v*scale < math.MaxInt64) {
		return 0, d.fault(n, key, "write 500MB, 64GiB or a number of bytes", "holds %s, not an amount of memory", describe(n))
	}
	return int64(v * scale), nil
}

// Refused leads to the key of the fleet that a placer does not take.
func (f *Fleet) Refused(problem, remedy string) *genome.Mistake {
	key := "fleet"
	switch {
	case f.On == "ray":
		key = "fleet.address"
	case f.On == "ssh":
		key = "fleet.machines"
	case f.Options != "":
		key = "fleet.options"
	}
	return &genome.Mistake{Key: key, Problem: problem, Remedy: remedy}
}
