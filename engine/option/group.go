package option

import (
	"encoding/json"
	"errors"

	"github.com/nascent-nas/nascent/genome"
)

// Group is a Set under a name.
type Group struct {
	Set
	on    *bool
	short string
}

// Switch lets true and false stand for the whole group: true with its defaults,
// which is the default itself.
func (g *Group) Switch(on *bool) *Group { g.on = on; return g }

// Short lets a text stand for the group with that option alone.
func (g *Group) Short(name string) *Group { g.short = name; return g }

func (g *Group) reset(*Option) {
	if g.on != nil {
		*g.on = true
	}
	for _, o := range g.all {
		o.given = false
		o.value.reset(o)
	}
}

func (g *Group) read(o *Option, raw json.RawMessage) *genome.Mistake {
	g.reset(o)
	if g.on != nil && json.Unmarshal(raw, g.on) == nil {
		return nil
	}
	var word string
	if g.short != "" && json.Unmarshal(raw, &word) == nil {
		raw, _ = json.Marshal(map[string]string{g.short: word})
	}
	return mistake(g.Read(raw))
}

func (g *Group) check(*Option) *genome.Mistake { return mistake(g.Set.check()) }

func (g *Group) describe(_ *Option, d *Described) {
	d.Bounds = "a group"
	switch {
	case g.on != nil:
		d.Default, d.Bounds = "true", "true, false or a group"
	case g.short != "":
		d.Default, d.Bounds = g.find(g.short).described().Default, "a group, or its "+g.short
	}
	d.Options = g.List()
}

// Within is an error about what lies at a key, as a mistake there.
func Within(key string, err error) error {
	if m := mistake(err); m != nil {
		in := *m
		return in.Within(key)
	}
	return &genome.Mistake{Key: key, Problem: err.Error()}
}

// mistake is the mistake that an error is, or nil.
func mistake(err error) *genome.Mistake {
	var m *genome.Mistake
	errors.As(err, &m)
	return m
}
