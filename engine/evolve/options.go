package evolve

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/nascent-nas/nascent/genome"
)

// options reads a JSON object key by key and remembers the first mistake.
// Every key that is asked for becomes a known one; finish refuses all others.
type options struct {
	raw   map[string]json.RawMessage
	known []string
	path  string // before every key in errors: "promote."
	err   error
}

func readOptions(raw json.RawMessage, path string) *options {
	o := &options{path: path}
	if len(bytes.TrimSpace(raw)) == 0 {
		return o
	}
	if err := json.Unmarshal(raw, &o.raw); err != nil {
		o.err = &genome.Mistake{Key: strings.TrimSuffix(path, "."), Problem: short(raw) + " are no options", Remedy: "write keys with values"}
	}
	return o
}

// take returns the raw value of a key and makes the key known.
func (o *options) take(key string) (json.RawMessage, bool) {
	o.known = append(o.known, key)
	raw, ok := o.raw[key]
	return raw, ok && !bytes.Equal(raw, []byte("null"))
}

func (o *options) fail(key, remedy, problem string, args ...any) {
	if o.err == nil {
		o.err = &genome.Mistake{Key: o.path + key, Problem: fmt.Sprintf(problem, args...), Remedy: remedy}
	}
}

// integer reads a whole number from lo to hi.
func (o *options) integer(key string, otherwise, lo, hi int) int {
	raw, ok := o.take(key)
	if !ok {
		return otherwise
	}
	var x float64
	if json.Unmarshal(raw, &x) != nil || x != math.Trunc(x) || x < float64(lo) || x > float64(hi) {
		o.fail(key, "", "%s is no whole number from %d to %d", short(raw), lo, hi)
		return otherwise
	}
	return int(x)
}

// number reads a number from lo to hi.
func (o *options) number(key string, otherwise, lo, hi float64) float64 {
	raw, ok := o.take(key)
	if !ok {
		return otherwise
	}
	var x float64
	if json.Unmarshal(raw, &x) != nil || x < lo || x > hi {
		o.fail(key, "", "%s is no number from %v to %v", short(raw), lo, hi)
		return otherwise
	}
	return x
}

// word reads one of several words; the first is the default.
func (o *options) word(key string, words ...string) string {
	raw, ok := o.take(key)
	if !ok {
		return words[0]
	}
	var w string
	if json.Unmarshal(raw, &w) != nil || !slices.Contains(words, w) {
		o.fail(key, "", "%s is none of %s", short(raw), strings.Join(words, ", "))
		return words[0]
	}
	return w
}

// finish returns the first mistake, unknown keys included.
func (o *options) finish() error {
	for _, key := range slices.Sorted(maps.Keys(o.raw)) {
		if !slices.Contains(o.known, key) {
			slices.Sort(o.known)
			o.fail(key, "there are "+strings.Join(o.known, ", "), "there is no such option")
		}
	}
	return o.err
}

// mistake is a mistake in an option.
func mistake(key, problem string, args ...any) error {
	return &genome.Mistake{Key: key, Problem: fmt.Sprintf(problem, args...)}
}

// within is an error of what lies at a key as a mistake there.
func within(key string, err error) error {
	var m *genome.Mistake
	if !errors.As(err, &m) {
		return mistake(key, "%v", err)
	}
	in := *m
	return in.Within(key)
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
