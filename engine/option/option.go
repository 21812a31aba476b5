package option

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nascent-nas/nascent/genome"
)

// Option is one of a Set. Its methods say more of it, and return it.
type Option struct {
	Described
	set   *Set
	value value
	given bool // in what was read

	words string // of the default, where it is no constant
	like  string // the option whose value is the default
	most  string // the option that bounds it, and
	less  bool   // that it has to be below
	only  string // the option that has to have one
	with  string // value for this one to mean anything
}

// value is what kinds of options differ in.
type value interface {
	read(o *Option, raw json.RawMessage) *genome.Mistake // takes a value that was given
	reset(o *Option)                                     // assigns the default
	check(o *Option) *genome.Mistake                     // judges the present value
	describe(o *Option, d *Described)                    // fills in default and bounds
}

// take takes what was given, or else the default.
func (o *Option) take(raw json.RawMessage) *genome.Mistake {
	if !o.given {
		o.value.reset(o)
		return nil
	}
	if o.only != "" {
		if other, ok := o.set.find(o.only).value.(*choice); !ok || *other.to != o.with {
			return &genome.Mistake{Problem: fmt.Sprintf("it is for %s: %s", o.only, o.with), Remedy: "leave it out"}
		}
	}
	return o.value.read(o, raw)
}

// Said puts words in place of the default, for people. The default may then lie
// outside of the bounds, to be told from what was given.
func (o *Option) Said(words string) *Option { o.words = words; return o }

// Like makes the value of an option declared before it the default.
func (o *Option) Like(name string) *Option { o.like = name; o.set.find(name); return o }

// AtMost bounds a number, and its default, by the value of one declared before it.
func (o *Option) AtMost(name string) *Option { o.most = name; o.set.find(name); return o }

// Below bounds a whole number, and its default, by less than the value of one
// declared before it.
func (o *Option) Below(name string) *Option { o.less = true; return o.AtMost(name) }

// Only refuses it unless a choice declared before it has this value.
func (o *Option) Only(name, value string) *Option {
	o.only, o.with = name, value
	o.set.find(name)
	return o
}

// Int declares a whole number from least to most.
func (s *Set) Int(to *int, name string, otherwise, least, most int, meaning string) *Option {
	return s.number(name, "int", meaning, &number{
		get: func() float64 { return float64(*to) }, set: func(x float64) { *to = int(x) },
		otherwise: float64(otherwise), least: float64(least), most: float64(most), whole: true,
	})
}

// Float declares a number from least to most: see [Over] and [Under] for bounds
// that do not belong to it.
func (s *Set) Float(to *float64, name string, otherwise, least, most float64, meaning string) *Option {
	return s.number(name, "float", meaning, &number{
		get: func() float64 { return *to }, set: func(x float64) { *to = x },
		otherwise: otherwise, least: least, most: most,
	})
}

func (s *Set) number(name, kind, meaning string, n *number) *Option {
	return s.add(&Option{Described: Described{Name: name, Type: kind, Meaning: meaning}, value: n})
}

// Bool declares a switch.
func (s *Set) Bool(to *bool, name string, otherwise bool, meaning string) *Option {
	return s.add(&Option{Described: Described{Name: name, Type: "bool", Meaning: meaning}, value: &truth{to, otherwise}})
}

// Choice declares one of several words, "rank, value"; the first is the default.
func (s *Set) Choice(to *string, name, words, meaning string) *Option {
	return s.add(&Option{Described: Described{Name: name, Type: "choice", Meaning: meaning}, value: &choice{to, split(words)}})
}

// Text declares a text.
func (s *Set) Text(to *string, name, otherwise, meaning string) *Option {
	return s.add(&Option{Described: Described{Name: name, Type: "text", Meaning: meaning}, value: &text{to, otherwise}})
}

// Duration declares a duration of 0 or more: "5ms", "2h", or a number of seconds.
func (s *Set) Duration(to *time.Duration, name string, otherwise time.Duration, meaning string) *Option {
	return s.add(&Option{Described: Described{Name: name, Type: "duration", Meaning: meaning}, value: &duration{to, otherwise}})
}

// Value declares whatever to, a pointer, reads from JSON; unknown keys are refused
// there, too. The default is JSON, or "" for none: then what to leads to is left
// alone. The form says what may be written: "falling sizes, [8, 4, 1]".
func (s *Set) Value(to any, name, otherwise, form, meaning string) *Option {
	return s.add(&Option{Described: Described{Name: name, Type: "value", Meaning: meaning}, value: &other{to, otherwise, form}})
}

// Group declares options of its own under a name, which are declared in what it
// holds.
func (s *Set) Group(name, meaning string) *Group {
	g := &Group{Set: Set{up: s, name: name}}
	s.add(&Option{Described: Described{Name: name, Type: "group", Meaning: meaning}, value: g})
	return g
}

// seconds writes a duration as a user would.
func seconds(d time.Duration) string {
	if d == 0 {
		return "0"
	}
	return d.String()
}

// decimal writes a number as a user would.
func decimal(x float64) string {
	if x >= 1e5 && x < 1e15 && x == float64(int64(x)) {
		return strconv.FormatInt(int64(x), 10)
	}
	return strings.Replace(strconv.FormatFloat(x, 'g', -1, 64), "e-0", "e-", 1)
}
