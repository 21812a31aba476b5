package config

import (
	"slices"
	"time"

	"go.yaml.in/yaml/v3"
)

// Hook is a command that is run when something happened.
type Hook struct {
	Command string // for /bin/sh
	On      []string
	Timeout time.Duration
}

// hookEvents are what a hook may be run on; without On it is on those of hookDefault.
var (
	hookEvents  = []string{"candidate", "best", "finished", "paused", "stopped", "failed"}
	hookDefault = []string{"best", "finished", "paused", "failed"}
)

const hookTimeout = time.Minute

// hooks reads a list of COMMAND or {command, on, timeout}.
func (d *Document) hooks(n *yaml.Node, key string) (hooks []Hook, err error) {
	err = d.list(n, key, func(n *yaml.Node, key string) (err error) {
		h := Hook{Timeout: hookTimeout, On: hookDefault}
		command, at := n, key
		if n.Kind == yaml.MappingNode {
			if _, command = child(n, "command"); command == nil {
				return d.fault(n, key, "add command: ./notify.sh", "does not say what is run")
			}
			at = join(key, "command")
			err = d.fields(n, key, readers{
				"command": func(*yaml.Node, string) error { return nil },
				"timeout": func(n *yaml.Node, key string) (err error) { h.Timeout, err = d.span(n, key); return err },
				"on": func(n *yaml.Node, key string) error {
					h.On = nil
					return d.list(n, key, func(n *yaml.Node, key string) error {
						e, err := d.oneOf(n, key, hookEvents...)
						h.On = append(h.On, e)
						return err
					})
				},
			})
		}
		if err != nil {
			return err
		}
		if h.Command, err = d.word(command, at); err != nil {
			return err
		}
		if slices.ContainsFunc(hooks, func(o Hook) bool { return o.Command == h.Command }) {
			return d.fault(command, at, "list all of its events there", "%s is there already", h.Command)
		}
		hooks = append(hooks, h)
		return nil
	})
	return hooks, err
}
