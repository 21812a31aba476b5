package jsonl

import (
	"bytes"
	"strconv"

	"github.com/nascent-nas/nascent/plugins/sdk"
)

// plain reads a line that tells metrics and no more, as the Python SDK writes it:
//
//	{"id":7,"scratch":false,"metrics":{"accuracy":0.5}}
//
// Nearly all lines are such, and encoding/json takes several times as long. It
// reports false for all others, those that are no JSON among them.
func (m *message) plain(line []byte) bool {
	rest, ok := bytes.CutPrefix(line, []byte(`{"id":`))
	if !ok {
		return false
	}
	n := digits(rest)
	id, err := strconv.Atoi(string(rest[:n]))
	if rest, ok = bytes.CutPrefix(rest[n:], []byte(`,"scratch":false,"metrics":{`)); !ok || err != nil {
		return false
	}
	metrics := sdk.Metrics{}
	for more := true; more; {
		var name []byte
		if rest, ok = bytes.CutPrefix(rest, []byte(`"`)); !ok {
			return false
		}
		if name, rest, ok = bytes.Cut(rest, []byte(`":`)); !ok || bytes.ContainsFunc(name, special) {
			return false
		}
		n := number(rest)
		value, err := strconv.ParseFloat(string(rest[:n]), 64)
		if n == 0 || err != nil {
			return false
		}
		if _, twice := metrics[string(name)]; twice {
			return false
		}
		metrics[string(name)] = value
		rest, more = bytes.CutPrefix(rest[n:], []byte(`,`))
	}
	if string(bytes.TrimSuffix(rest, []byte("\n"))) != "}}" {
		return false
	}
	*m = message{ID: id, Metrics: metrics, Scratch: new(bool)}
	return true
}

// special tells characters that JSON writes, or may write, otherwise than they are.
func special(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }

// number is the length of the number of JSON that b begins with, 0 if it does not.
func number(b []byte) int {
	i := 0
	if i < len(b) && b[i] == '-' {
		i++
	}
	n := digits(b[i:])
	if n == 0 || n > 1 && b[i] == '0' {
		return 0
	}
	i += n
	if i < len(b) && b[i] == '.' {
		if n = digits(b[i+1:]); n == 0 {
			return 0
		}
		i += 1 + n
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		i++
		if i < len(b) && (b[i] == '-' || b[i] == '+') {
			i++
		}
		if n = digits(b[i:]); n == 0 {
			return 0
		}
		i += n
	}
	return i
}

// digits counts the digits that b begins with.
func digits(b []byte) int {
	n := 0
	for n < len(b) && '0' <= b[n] && b[n] <= '9' {
		n++
	}
	return n
}
