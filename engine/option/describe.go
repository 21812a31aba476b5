package option

import (
	"cmp"
	"slices"
)

// Described is an option for people, and for programs that show it to them.
type Described struct {
	Name    string      `json:"name"`              // "population"
	Type    string      `json:"type"`              // int, float, bool, choice, text, duration, group or value
	Default string      `json:"default"`           // as search.yaml would have it, or in words
	Bounds  string      `json:"bounds,omitempty"`  // "from 1 to 100000"; of a choice, its words
	Meaning string      `json:"meaning"`           // one line
	Options []Described `json:"options,omitempty"` // of a group
}

// List tells of the options that declare declares, in its order.
func List(declare func(*Set)) []Described {
	var s Set
	declare(&s)
	return s.List()
}

// List tells of the options that were declared.
func (s *Set) List() []Described {
	var out []Described
	for _, o := range s.all {
		out = append(out, o.described())
	}
	return out
}

func (o *Option) described() Described {
	d := o.Described
	o.value.describe(o, &d)
	d.Default = cmp.Or(o.words, o.like, d.Default)
	if o.only != "" {
		d.Meaning = o.only + " " + o.with + ": " + d.Meaning
	}
	return d
}

// Flat lists options with those of groups behind them, as "promote.eta".
func Flat(all []Described) []Described {
	var out []Described
	for _, d := range all {
		inner := slices.Clone(d.Options)
		for i := range inner {
			inner[i].Name = d.Name + "." + inner[i].Name
		}
		d.Options = nil
		out = append(append(out, d), Flat(inner)...)
	}
	return out
}
