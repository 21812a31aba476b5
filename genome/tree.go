package genome

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Map is an ordered map: a JSON object that keeps the order of its keys. Its
// values are Map, []any, int64, float64, bool and string.
type Map []Entry

// Entry is one key of a Map with its value.
type Entry struct {
	Key   string
	Value any
}

// Get returns the value of a key, and whether the map has it.
func (m Map) Get(key string) (any, bool) {
	for _, e := range m {
		if e.Key == key {
			return e.Value, true
		}
	}
	return nil, false
}

// MarshalJSON writes an object with the keys in order. Floats keep a point or
// an exponent (3.0), so that readers can tell them from integers.
func (m Map) MarshalJSON() ([]byte, error) { return appendJSON(make([]byte, 0, 32*len(m)), m) }

// UnmarshalJSON reads an object and keeps the order of its keys.
func (m *Map) UnmarshalJSON(b []byte) error {
	v, err := decodeJSON(b)
	if err != nil {
		return err
	}
	o, ok := v.(Map)
	if !ok {
		return fault(nil, "write {...}", "needs a JSON object, got %s", describe(v))
	}
	*m = o
	return nil
}

// ValueText writes a value as a Map holds it: a text as it is, others as JSON.
func ValueText(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	b, err := appendJSON(nil, v)
	if err != nil { // not finite, which no gene is
		return fmt.Sprint(v)
	}
	return string(b)
}

// appendJSON writes a value of the kinds that Map holds.
func appendJSON(b []byte, v any) ([]byte, error) {
	var err error
	switch v := v.(type) {
	case Map:
		b = append(b, '{')
		for i, e := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSONString(b, e.Key)
			b = append(b, ':')
			if b, err = appendJSON(b, e.Value); err != nil {
				return nil, err
			}
		}
		return append(b, '}'), nil
	case []any:
		n := 2 // about as much as it takes, for long lists
		for _, e := range v {
			text, _ := e.(string)
			n += len(text) + 3
		}
		b = append(slices.Grow(b, n), '[')
		for i, e := range v {
			if i > 0 {
				b = append(b, ',')
			}
			if b, err = appendJSON(b, e); err != nil {
				return nil, err
			}
		}
		return append(b, ']'), nil
	case int64:
		return strconv.AppendInt(b, v, 10), nil
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fault(nil, "", "%v is no JSON number", v)
		}
		at := len(b)
		b = appendFloat(b, v)
		if !bytes.ContainsAny(b[at:], ".e") {
			b = append(b, ".0"...)
		}
		return b, nil
	case bool:
		return strconv.AppendBool(b, v), nil
	case string:
		return appendJSONString(b, v), nil
	}
	// Maps that others build may hold any value; encoding/json knows those.
	raw, err := json.Marshal(v)
	return append(b, raw...), err
}

func appendJSONString(b []byte, s string) []byte {
	special := false // names and options are not
	for i := range len(s) {
		special = special || s[i] < ' ' || s[i] > '~' || s[i] == '"' || s[i] == '\\'
	}
	if !special {
		b = append(b, '"')
		b = append(b, s...)
		return append(b, '"')
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string always encodes
	return append(b, bytes.TrimSuffix(buf.Bytes(), []byte("\n"))...)
}

// appendFloat writes the shortest decimal that reads back as v: 0.001, 120,
// 1e-5, 2.5e12.
func appendFloat(b []byte, v float64) []byte {
	if v == 0 {
		return append(b, '0')
	}
	var buf [32]byte
	e := strconv.AppendFloat(buf[:0], v, 'e', -1, 64) // -d.ddde-05
	cut := bytes.IndexByte(e, 'e')
	if cut < 0 {
		return append(b, e...) // NaN and infinities
	}
	exp, _ := strconv.Atoi(string(e[cut+1:]))
	if exp < -4 || exp >= 7 {
		b = append(b, e[:cut+1]...)
		return strconv.AppendInt(b, int64(exp), 10)
	}
	digits := e[:cut]
	if v < 0 {
		b, digits = append(b, '-'), digits[1:]
	}
	if len(digits) > 1 {
		digits[1] = digits[0] // over the point
		digits = digits[1:]
	}
	const zeros = "000000"
	switch whole := exp + 1; {
	case whole <= 0:
		b = append(b, "0."...)
		b = append(b, zeros[:-whole]...)
		return append(b, digits...)
	case whole >= len(digits):
		b = append(b, digits...)
		return append(b, zeros[:whole-len(digits)]...)
	default:
		b = append(b, digits[:whole]...)
		b = append(b, '.')
		return append(b, digits[whole:]...)
	}
}

// What a decoded tree may hold at most; a document that needs more is a mistake
// or an attack (YAML aliases multiply).
const (
	maxNesting = 200
	maxValues  = 1 << 20
	maxName    = 200 // bytes of a name or an option
)

// decodeJSON reads one JSON value, objects as Map.
func decodeJSON(b []byte) (any, error) {
	b = bytes.TrimPrefix(b, []byte("\ufeff")) // as some editors begin a file
	if !utf8.Valid(b) {
		return nil, notUnicode()
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	v, err := decodeValue(d, 0)
	if err != nil {
		if e, ok := err.(*Mistake); ok {
			return nil, e
		}
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return nil, fault(nil, "write one whole JSON value", "ends too early")
		}
		return nil, fault(nil, "write valid JSON", "%s (byte %d)", err, d.InputOffset())
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fault(nil, "remove it", "something follows the JSON value")
	}
	return v, nil
}

func decodeValue(d *json.Decoder, depth int) (any, error) {
	if depth > maxNesting {
		return nil, tooDeep()
	}
	tok, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t := tok.(type) {
	case json.Delim:
		if t == '{' {
			m := Map{}
			seen := map[string]bool{}
			for d.More() {
				k, err := d.Token()
				if err != nil {
					return nil, err
				}
				key := k.(string)
				if seen[key] {
					return nil, fault([]string{key}, "keep one of them", "appears twice")
				}
				seen[key] = true
				v, err := decodeValue(d, depth+1)
				if err != nil {
					return nil, nest(err, key)
				}
				m = append(m, Entry{key, v})
			}
			_, err = d.Token()
			return m, err
		}
		list := []any{}
		for d.More() {
			v, err := decodeValue(d, depth+1)
			if err != nil {
				return nil, nest(err, strconv.Itoa(len(list)))
			}
			list = append(list, v)
		}
		_, err = d.Token()
		return list, err
	case json.Number:
		v, err := numberOf(string(t))
		if err != nil {
			return nil, err
		}
		return v, nil
	}
	return tok, nil // string, bool or nil
}

func notUnicode() *Mistake {
	return fault(nil, "save the file as UTF-8", "holds bytes that are no UTF-8 text")
}

func nest(err error, key string) error {
	if e, ok := err.(*Mistake); ok {
		return bounded(e, key)
	}
	return err
}

func tooDeep() *Mistake {
	return fault(nil, "flatten it, or use define", "is nested more than %d levels deep", maxNesting)
}

// numberOf reads a finite number: an int64, or a float64 where it has a point, an
// exponent or too many digits.
func numberOf(s string) (any, *Mistake) {
	if !strings.ContainsAny(s, ".eE") {
		if i, err := strconv.ParseInt(s, 10, 64); err == nil {
			return i, nil
		}
	}
	f, err := strconv.ParseFloat(s, 64)
	mantissa, _, _ := strings.Cut(strings.ToLower(s), "e")
	switch {
	case errors.Is(err, strconv.ErrRange):
		return nil, fault(nil, "write a smaller number", "%s is out of range", shorten(s))
	case err != nil || math.IsNaN(f) || math.IsInf(f, 0):
		return nil, fault(nil, "write digits", "%q is no number", shorten(s))
	case f == 0 && strings.ContainsAny(mantissa, "123456789"):
		return nil, fault(nil, "write 0 if that is meant", "%s is too small and would become 0", shorten(s))
	}
	return f, nil
}

// normalise copies a decoded tree into the kinds that Map holds: maps with
// their keys sorted, numbers as int64 or float64. nil stays nil.
func normalise(v any) (any, *Mistake) {
	budget := maxValues
	return normaliseValue(v, 0, &budget)
}

func normaliseValue(v any, depth int, budget *int) (any, *Mistake) {
	if depth > maxNesting {
		return nil, tooDeep()
	}
	if *budget--; *budget < 0 {
		return nil, fault(nil, "shorten it; aliases may multiply", "holds more than %d values", maxValues)
	}
	switch v := v.(type) {
	case Map:
		out := make(Map, 0, len(v))
		seen := make(map[string]bool, len(v))
		for _, e := range v {
			if seen[e.Key] {
				return nil, fault([]string{e.Key}, "keep one of them", "appears twice")
			}
			seen[e.Key] = true
			if !utf8.ValidString(e.Key) {
				return nil, notUnicode()
			}
			x, err := normaliseValue(e.Value, depth+1, budget)
			if err != nil {
				return nil, bounded(err, e.Key)
			}
			out = append(out, Entry{e.Key, x})
		}
		return out, nil
	case map[string]any:
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		m := make(Map, 0, len(v))
		for _, k := range keys {
			m = append(m, Entry{k, v[k]})
		}
		return normaliseValue(m, depth, budget)
	case []any:
		out := make([]any, 0, len(v))
		for i, e := range v {
			x, err := normaliseValue(e, depth+1, budget)
			if err != nil {
				return nil, bounded(err, strconv.Itoa(i))
			}
			out = append(out, x)
		}
		return out, nil
	case []string:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = e
		}
		return normaliseValue(out, depth, budget)
	case []int:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = int64(e)
		}
		return out, nil
	case []float64:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = e
		}
		return normaliseValue(out, depth, budget)
	case nil, bool, int64:
		return v, nil
	case string:
		if !utf8.ValidString(v) {
			return nil, notUnicode()
		}
		return v, nil
	case int:
		return int64(v), nil
	case int8:
		return int64(v), nil
	case int16:
		return int64(v), nil
	case int32:
		return int64(v), nil
	case uint:
		return unsigned(uint64(v))
	case uint8:
		return int64(v), nil
	case uint16:
		return int64(v), nil
	case uint32:
		return int64(v), nil
	case uint64:
		return unsigned(v)
	case float32:
		// The shortest decimal of a float32 is what was meant.
		f, _ := strconv.ParseFloat(strconv.FormatFloat(float64(v), 'g', -1, 32), 64)
		return normaliseValue(f, depth, budget)
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fault(nil, "write a finite number", "%v is not finite", v)
		}
		return v, nil
	case json.Number:
		return numberOf(string(v))
	}
	return nil, fault(nil, "use maps, lists, numbers, booleans and strings", "holds a %s", shorten(fmt.Sprintf("%T", v)))
}

func unsigned(v uint64) (any, *Mistake) {
	if v > math.MaxInt64 {
		return nil, fault(nil, "write a smaller number", "%d is out of range", v)
	}
	return int64(v), nil
}

// bounded adds a step to an error's key, up to a length that a person reads.
func bounded(err *Mistake, key string) *Mistake {
	if len(err.Key) < 200 {
		return err.within(key)
	}
	return err
}

// describe names a value in an error message.
func describe(v any) string {
	switch v := v.(type) {
	case nil:
		return "nothing"
	case Map:
		if len(v) == 0 {
			return "{}"
		}
		keys := make([]string, 0, 4)
		for i, e := range v {
			if i == 3 {
				keys = append(keys, "...")
				break
			}
			keys = append(keys, shorten(e.Key))
		}
		return "a map of " + strings.Join(keys, ", ")
	case []any:
		parts := make([]string, 0, 5)
		for i, e := range v {
			if i == 4 {
				parts = append(parts, "...")
				break
			}
			switch e.(type) {
			case Map, []any:
				parts = append(parts, "...")
			default:
				parts = append(parts, describe(e))
			}
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case string:
		return strconv.Quote(shorten(v))
	case float64:
		return string(appendFloat(nil, v))
	}
	return fmt.Sprint(v)
}
