package jsonl

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// unreadable says for the author of a program, in any language, what is wrong with a
// line that is not read, and what to do. err is what encoding/json says.
func unreadable(line []byte, err error) error {
	line = bytes.TrimSpace(line)
	var syntax *json.SyntaxError
	var wrong *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("%s, in the line %s", misspelt(line, int(syntax.Offset)), excerpt(line, int(syntax.Offset)))
	case errors.As(err, new(base64.CorruptInputError)):
		err = errors.New("a text that should be base64 is none")
	case errors.As(err, &wrong) && wrong.Field != "" && large(wrong):
		err = fmt.Errorf("%s has %s, which is too large", wrong.Field, article(wrong.Value))
	case errors.As(err, &wrong) && wrong.Field != "":
		err = fmt.Errorf("%s has %s where %s should be", wrong.Field, article(wrong.Value), kind(wrong.Type))
	}
	return fmt.Errorf("%w, in the line %.100q", err, line)
}

// misspelt tells why a line is no JSON. read is how much of it was read until that was
// seen.
func misspelt(line []byte, read int) string {
	at := min(max(read-1, 0), len(line))
	rest := bytes.TrimLeft(line[at:], " \t")
	// Of a word the reader stops within: of "Nan" at the a.
	word := line[wordAt(line, at):]
	for _, w := range []struct{ begins, says string }{
		{"NaN", "NaN is no JSON: write null, which fails the job, or say that it failed"},
		{"nan", "nan is no JSON: write null, which fails the job, or say that it failed"},
		{"Infinity", "Infinity is no JSON: write null, which fails the job, or say that it failed"},
		{"-Infinity", "-Infinity is no JSON: write null, which fails the job, or say that it failed"},
		{"inf", "inf is no JSON: write null, which fails the job, or say that it failed"},
		{"-inf", "-inf is no JSON: write null, which fails the job, or say that it failed"},
		{"True", "True is Python, not JSON: write the line with json.dumps"},
		{"False", "False is Python, not JSON: write the line with json.dumps"},
		{"None", "None is Python, not JSON: write the line with json.dumps"},
	} {
		if bytes.HasPrefix(word, []byte(w.begins)) {
			return w.says
		}
	}
	before := bytes.TrimRight(line[:at], " \t")
	switch {
	case json.Valid(line[:at]):
		return fmt.Sprintf("more follows the message, %.40q: write each message in a line of its own", rest)
	case read >= len(line) && !bytes.ContainsAny(rest, "}]"):
		return "it ends in the middle of a message: write each message in one line, without line breaks or indentation"
	case bytes.HasPrefix(rest, []byte{'\''}):
		return "it has single quotes, as a dict of Python is printed: write the line with json.dumps"
	case bytes.HasSuffix(before, []byte{','}) && len(rest) > 0 && strings.IndexByte("}]", rest[0]) >= 0:
		return fmt.Sprintf("a comma stands before %c: remove it", rest[0])
	}
	return fmt.Sprintf("it is no JSON from %.40q on: write the line with a library for JSON, such as json.dumps", rest)
}

// wordAt is where the word begins that a byte belongs to, with a sign before it.
func wordAt(line []byte, at int) int {
	letter := func(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }
	for at > 0 && letter(line[at-1]) {
		at--
	}
	if at > 0 && line[at-1] == '-' {
		at--
	}
	return at
}

// excerpt quotes what of a line stands around a place.
func excerpt(line []byte, at int) string {
	const most = 100
	from := 0
	if len(line) > most {
		from = max(0, min(at-most/2, len(line)-most))
	}
	return fmt.Sprintf("%.100q", line[from:])
}

// large tells whether a number is only too large for what it should become.
func large(wrong *json.UnmarshalTypeError) bool {
	number, ok := strings.CutPrefix(wrong.Value, "number ")
	switch wanted := kind(wrong.Type); {
	case !ok:
		return false
	case wanted == "a number":
		return true
	default:
		return strings.HasPrefix(wanted, "a whole number") && strings.Trim(number, "0123456789") == ""
	}
}

// article puts one before the name of a kind of value, or of a number.
func article(name string) string {
	switch {
	case strings.HasPrefix(name, "number "):
		return "the " + name
	case name == "object" || name == "array":
		return "an " + name
	}
	return "a " + name
}

// kind is what a value of JSON must be that becomes one of Go's.
func kind(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Pointer:
		return kind(t.Elem())
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a string"
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return "a string of base64"
		}
		return "an array"
	case reflect.Map, reflect.Struct:
		return "an object"
	case reflect.Int, reflect.Int64:
		return "a whole number"
	case reflect.Uint64:
		return "a whole number of 0 or more"
	}
	return "a number"
}
