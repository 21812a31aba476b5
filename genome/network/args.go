package network

import (
	"math"
	"strings"

	"github.com/nascent-nas/nascent/genome"
)

// args are the parameters of one layer. Reading one marks it; done refuses
// what nobody read, so that a misspelt parameter is an error and not a default.
// A wrong value fails the builder and reads as the default.
type args struct {
	b     *builder
	m     genome.Map
	alone [1]genome.Entry // backs m for a layer written as a scalar
	known [16]string      // names asked for, for the message of done
	n     int
}

// take prepares the parameters of the layer at the current path. A scalar is
// the parameter named main; true says "with defaults".
func (a *args) take(b *builder, v any, main string) {
	a.b = b
	switch v := said(v).(type) {
	case nil:
	case genome.Map:
		a.m = v
	case bool:
		if !v && main != "" {
			a.alone[0] = genome.Entry{Key: main, Value: v}
			a.m = a.alone[:]
		}
	case []any:
		b.fail("needs parameters, not a list")
	default:
		if main == "" {
			b.fail("takes no value")
			return
		}
		a.alone[0] = genome.Entry{Key: main, Value: v}
		a.m = a.alone[:]
	}
}

// get returns the value of a parameter, nil when it is not there.
func (a *args) get(name string) any {
	if a.n < len(a.known) {
		a.known[a.n] = name
		a.n++
	}
	for i := range a.m {
		if a.m[i].Key == name {
			return said(a.m[i].Value)
		}
	}
	return nil
}

// said reads the words yes and no, which YAML leaves to its reader, as booleans.
func said(v any) any {
	switch v {
	case "yes":
		return true
	case "no":
		return false
	}
	return v
}

// done refuses parameters that were never asked for.
func (a *args) done() {
	if a.b.err != nil {
		return
	}
next:
	for i := range a.m {
		for _, k := range a.known[:a.n] {
			if k == a.m[i].Key {
				continue next
			}
		}
		a.b.slip("has no parameter %q; it has %s", a.m[i].Key, strings.Join(a.known[:a.n], ", "))
	}
}

// whole converts a number without a fraction.
func whole(v any) (int, bool) {
	switch v := v.(type) {
	case int64:
		return int(v), int64(int(v)) == v
	case int:
		return v, true
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1<<52 {
			return int(v), true
		}
	}
	return 0, false
}

// bounded checks one integer.
func (a *args) bounded(name string, v any, least int) (int, bool) {
	n, ok := whole(v)
	if !ok || n < least || n > maxExtent {
		a.b.fail("%s is %v; it needs a whole number of %d to %d", name, v, least, maxExtent)
		return 0, false
	}
	return n, true
}

// int reads a whole number of at least least.
func (a *args) int(name string, standard, least int) int {
	if v := a.get(name); v != nil {
		if n, ok := a.bounded(name, v, least); ok {
			return n
		}
	}
	return standard
}

// need reads a whole number that has no default.
func (a *args) need(name string) int {
	v := a.get(name)
	if v == nil {
		a.b.fail("needs %s", name)
		return 1
	}
	if n, ok := a.bounded(name, v, 1); ok {
		return n
	}
	return 1
}

// pair reads one extent for all dimensions or [height, width].
func (a *args) pair(name string, standard pair, least int) pair {
	v := a.get(name)
	switch v := v.(type) {
	case nil:
		return standard
	case []any:
		if len(v) == 1 || len(v) == 2 {
			first, ok := a.bounded(name, v[0], least)
			second, ok2 := a.bounded(name, v[len(v)-1], least)
			if ok && ok2 {
				return pair{first, second}
			}
			return standard
		}
		a.b.fail("%s is %v; it needs one number or [height, width]", name, v)
	default:
		if n, ok := a.bounded(name, v, least); ok {
			return both(n)
		}
	}
	return standard
}

// bool reads yes or no.
func (a *args) bool(name string, standard bool) bool {
	switch v := a.get(name).(type) {
	case nil:
		return standard
	case bool:
		return v
	default:
		a.b.fail("%s is %v; it needs true or false", name, v)
		return standard
	}
}

// word reads one of a few words; the first is the default. No and false read
// as "none" where that is one of them.
func (a *args) word(name string, words ...string) string {
	v := a.get(name)
	switch v {
	case nil:
		return words[0]
	case false:
		v = "none"
	case "avg", "mean":
		v = "average"
	}
	for _, w := range words {
		if w == v {
			return w
		}
	}
	a.b.slip("%s is %v; it is one of %s", name, v, strings.Join(words, ", "))
	return words[0]
}

// rate reads a share of at least 0 and below 1.
func (a *args) rate(name string) float64 {
	var r float64
	switch v := a.get(name).(type) {
	case nil:
		return 0
	case bool:
		if !v {
			return 0
		}
		r = -1
	case float64:
		r = v
	case int64:
		r = float64(v)
	case int:
		r = float64(v)
	default:
		r = -1
	}
	if !(r >= 0 && r < 1) {
		v := a.get(name)
		a.b.fail("%s is %v; it needs a number from 0 to below 1", name, v)
		return 0
	}
	return r
}
