package jsonl

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/nascent-nas/nascent/engine/option"
)

// strict refuses what encoding/json passes over in a line that becomes a value of
// type t: keys that there are not, or that are written otherwise, and those that are
// there twice.
func strict(line []byte, t reflect.Type) error {
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	return strictValue(d, t, "")
}

var unmarshaler = reflect.TypeFor[json.Unmarshaler]()

// strictValue reads one value. What reads itself is its own affair.
func strictValue(d *json.Decoder, t reflect.Type, path string) error {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if reflect.PointerTo(t).Implements(unmarshaler) {
		return d.Decode(new(json.RawMessage))
	}
	token, err := d.Token()
	if err != nil {
		return err
	}
	switch {
	case token == json.Delim('{'):
		err = strictObject(d, t, path)
	case token == json.Delim('['):
		for i := 0; d.More() && err == nil; i++ {
			err = strictValue(d, t.Elem(), fmt.Sprintf("%s[%d]", path, i))
		}
	default:
		return nil
	}
	if err == nil {
		_, err = d.Token() // its end
	}
	return err
}

func strictObject(d *json.Decoder, t reflect.Type, path string) error {
	known := map[string]reflect.Type{}
	if t.Kind() == reflect.Struct {
		for _, f := range reflect.VisibleFields(t) {
			if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" {
				known[name] = f.Type
			}
		}
	}
	seen := map[string]bool{}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return err
		}
		name, _ := token.(string)
		at := strings.TrimPrefix(path+"."+name, ".")
		if seen[name] {
			return fmt.Errorf("%s is there twice", at)
		}
		seen[name] = true
		value, ok := known[name]
		switch {
		case t.Kind() == reflect.Map:
			value = t.Elem()
		case !ok:
			return fmt.Errorf("there is no key %s: %s", at, insteadOf(name, known))
		}
		if err := strictValue(d, value, at); err != nil {
			return err
		}
	}
	return nil
}

// insteadOf says what to write in place of a key that there is not.
func insteadOf(name string, known map[string]reflect.Type) string {
	var names []string
	for k := range known {
		if strings.EqualFold(k, name) {
			return "write " + k
		}
		names = append(names, k)
	}
	if near := option.Nearest(name, names); near != "" {
		return "did you mean " + near + "?"
	}
	slices.Sort(names)
	return "there are " + strings.Join(names, ", ")
}
