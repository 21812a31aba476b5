package option

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/nascent-nas/nascent/genome"
)

// Decode reads one value of JSON into what to points to, if it fits: see [Fit].
func Decode(raw []byte, to any) error {
	if err := Fit(raw, reflect.TypeOf(to).Elem()); err != nil {
		return err
	}
	return json.Unmarshal(raw, to)
}

// Fit tells whether a text is one value of JSON that can become one of type t. It
// refuses what encoding/json passes over: keys that there are not, that are written
// otherwise, or that are there twice. The error is a *genome.Mistake, whose key leads
// into the value.
func Fit(raw []byte, t reflect.Type) error {
	if !json.Valid(raw) {
		return &genome.Mistake{Problem: short(raw) + " is not one value of JSON"}
	}
	if m := fit(raw, t); m != nil {
		return m
	}
	return nil
}

// itself tells whether a type reads itself.
func itself(t reflect.Type) bool {
	return reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]())
}

func fit(raw json.RawMessage, t reflect.Type) *genome.Mistake {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	raw = bytes.TrimSpace(raw)
	switch {
	case itself(t):
	case raw[0] == '{' && (t.Kind() == reflect.Struct || t.Kind() == reflect.Map):
		return fitObject(raw, t)
	case raw[0] == '[' && (t.Kind() == reflect.Slice || t.Kind() == reflect.Array):
		var all []json.RawMessage
		if err := json.Unmarshal(raw, &all); err != nil {
			return &genome.Mistake{Problem: err.Error()}
		}
		for i, one := range all {
			if m := fit(one, t.Elem()); m != nil {
				return m.Within(fmt.Sprintf("[%d]", i))
			}
		}
		return nil
	}
	err := json.Unmarshal(raw, reflect.New(t).Interface())
	if err == nil {
		return nil
	}
	var m *genome.Mistake
	var wrong *json.UnmarshalTypeError
	switch {
	case errors.As(err, &m):
		own := *m
		return &own
	case itself(t) && !errors.As(err, &wrong):
		return &genome.Mistake{Problem: err.Error()}
	}
	return &genome.Mistake{Problem: fmt.Sprintf("%s is not %s", short(raw), kind(t))}
}

func fitObject(raw json.RawMessage, t reflect.Type) *genome.Mistake {
	known := map[string]reflect.Type{}
	if t.Kind() == reflect.Struct {
		known = keysOf(t)
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	_, err := d.Token()
	for seen := map[string]bool{}; d.More() && err == nil; {
		var token json.Token
		if token, err = d.Token(); err != nil {
			break
		}
		name, _ := token.(string)
		if seen[name] {
			return &genome.Mistake{Key: name, Problem: "it is there twice", Remedy: "remove one"}
		}
		seen[name] = true
		value, ok := known[name]
		if t.Kind() == reflect.Map {
			value = t.Elem()
		} else if !ok {
			return &genome.Mistake{Key: name, Problem: "there is no such key", Remedy: instead(name, slices.Collect(maps.Keys(known)))}
		}
		var one json.RawMessage
		if err = d.Decode(&one); err == nil {
			if m := fit(one, value); m != nil {
				return m.Within(name)
			}
		}
	}
	if err != nil {
		return &genome.Mistake{Problem: err.Error()}
	}
	return nil
}

// keysOf are the keys that encoding/json reads into a struct.
func keysOf(t reflect.Type) map[string]reflect.Type {
	keys := map[string]reflect.Type{}
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case !f.IsExported() || name == "-" || name == "" && f.Anonymous:
		case name == "":
			keys[f.Name] = f.Type
		default:
			keys[name] = f.Type
		}
	}
	return keys
}

// instead says what to write in place of a name that is none of the known.
func instead(name string, known []string) string {
	if len(known) == 0 {
		return "there is no other either: leave it out"
	}
	for _, k := range known {
		if strings.EqualFold(k, name) {
			return "write " + k
		}
	}
	if near := Nearest(name, known); near != "" {
		return "did you mean " + near + "?"
	}
	return "there are " + strings.Join(slices.Sorted(slices.Values(known)), ", ")
}

// kind is what a value must be to become one of type t.
func kind(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Pointer:
		return kind(t.Elem())
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a text"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return "a whole number"
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "a whole number of 0 or more"
	case reflect.Slice, reflect.Array:
		return "a list"
	}
	return "a group of options"
}
