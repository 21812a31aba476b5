package config

import (
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/nascent-nas/nascent/engine"
)

// Fleet says which other machines carry out the jobs of a search.
type Fleet struct {
	On       string        // who starts the hosts: manual
	Listen   string        // where hosts reach the coordinator, HOST:PORT; default any free port of every interface
	Slots    int           // jobs at once on a host that does not say it; 0: what one process of the evaluator takes
	Patience time.Duration // how long a host may be away before its jobs go elsewhere
}

func (d *Document) fleet(n *yaml.Node, key string) (*Fleet, error) {
	f := &Fleet{Listen: ":0", Patience: 30 * time.Second}
	err := d.fields(n, key, readers{
		"on":     func(n *yaml.Node, key string) (err error) { f.On, err = d.oneOf(n, key, "manual"); return err },
		"listen": func(n *yaml.Node, key string) (err error) { f.Listen, err = d.word(n, key); return err },
		"slots": func(n *yaml.Node, key string) (err error) {
			f.Slots, err = d.between(n, key, 1, engine.MaxWorkers)
			return err
		},
		"patience": func(n *yaml.Node, key string) (err error) { f.Patience, err = d.span(n, key); return err },
	})
	if err == nil && f.On == "" {
		err = d.fault(n, key, "add on: manual, and start hosts by: nascent host", "does not say who starts the hosts")
	}
	return f, err
}
