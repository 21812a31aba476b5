package option

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/nascent-nas/nascent/genome"
)

// Set is what is declared, in this order. The methods that declare neither read
// nor write what their pointer leads to; Read and Check do.
type Set struct {
	up   *Set   // that of the group's option; nil at the top
	name string // of the group
	all  []*Option
}

// Declarer is a strategy, or whatever else has options, that says which.
type Declarer interface{ Declare(*Set) }

// Read reads a JSON object against what declare declares: assigns the values that
// were given, and the defaults of all others. Null counts as not given. The error
// is a *genome.Mistake about the first option that is wrong or unknown.
func Read(given json.RawMessage, declare func(*Set)) error {
	var s Set
	declare(&s)
	return s.Read(given)
}

// Check judges the values as they are now, wherever they came from, by the bounds
// that declare declares.
func Check(declare func(*Set)) error {
	var s Set
	declare(&s)
	return s.check()
}

// Read reads an object against the options that were declared before: see the
// function of the same name.
func (s *Set) Read(given json.RawMessage) error {
	values := map[string]json.RawMessage{}
	if len(bytes.TrimSpace(given)) > 0 {
		d := json.NewDecoder(bytes.NewReader(given))
		if err := d.Decode(&values); err != nil {
			return &genome.Mistake{Problem: short(given) + " are no options", Remedy: "write keys with values"}
		}
		if _, err := d.Token(); err != io.EOF {
			return &genome.Mistake{Problem: short(given) + " are no options", Remedy: "write one group of keys with values"}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if !slices.ContainsFunc(s.all, func(o *Option) bool { return o.Name == name }) {
			return &genome.Mistake{Key: name, Problem: "there is no such option", Remedy: s.meant(name)}
		}
	}
	for _, o := range s.all {
		value := bytes.TrimSpace(values[o.Name])
		o.given = len(value) > 0 && !bytes.Equal(value, []byte("null"))
		if err := o.take(value); err != nil {
			return err.Within(o.Name)
		}
	}
	return nil
}

func (s *Set) check() error {
	for _, o := range s.all {
		if err := o.value.check(o); err != nil {
			return err.Within(o.Name)
		}
	}
	return nil
}

// Given tells whether an option was in what was read.
func (s *Set) Given(name string) bool { return s.find(name).given }

// find is an option that was declared before, here or around the group.
func (s *Set) find(name string) *Option {
	for at := s; at != nil; at = at.up {
		for _, o := range at.all {
			if o.Name == name {
				return o
			}
		}
	}
	panic(fmt.Sprintf("option: %s is not declared", name))
}

// add declares an option.
func (s *Set) add(o *Option) *Option {
	if slices.ContainsFunc(s.all, func(other *Option) bool { return other.Name == o.Name }) {
		panic(fmt.Sprintf("option: %s is declared twice", o.Name))
	}
	o.set = s
	s.all = append(s.all, o)
	return o
}

// meant says what to write in place of a name that is unknown.
func (s *Set) meant(name string) string {
	var names []string
	for _, o := range s.all {
		names = append(names, o.Name)
	}
	return instead(name, names)
}

// short keeps what a user wrote on one line of reasonable length.
func short(raw json.RawMessage) string {
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil {
		b.Reset()
		b.WriteString(strings.Join(strings.Fields(string(raw)), " "))
	}
	if r := []rune(b.String()); len(r) > 60 {
		return string(r[:57]) + "..."
	}
	return b.String()
}
