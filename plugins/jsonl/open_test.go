package jsonl

import (
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/engine"
)

// TestOpen: what a Python evaluator's open answers counts instead of what was
// declared, and it may refuse.
func TestOpen(t *testing.T) {
	t.Parallel()
	needPython(t)
	hello := func(options string) engine.Hello {
		return openRig(t, ofFile(t, "testdata/opens.py"), options).hello
	}
	one, three := hello(`{}`), hello(`{"size": 3}`)
	if !one.Deterministic || three.Deterministic || one.Slots != 1 || three.Slots != 3 || three.Splits != "1 of 1" {
		t.Errorf("of size 1: %+v\nof size 3: %+v", one, three)
	}
	if one.Identity == three.Identity {
		t.Error("other data, but the same identity")
	}
	if fast := hello(`{"speed": 2}`); fast.Identity != one.Identity {
		t.Errorf("an operational option is part of the identity %s", fast.Identity)
	}
	for options, words := range map[string][]string{
		`{"size": -1}`: {"size: is negative"},
		`{"size": 0}`:  {"KeyError", "opens.py:11", `raise KeyError("nothing")`},
		`{"size": 10}`: {"open answered sizes", "batch"},
		`{"sice": 1}`:  {"sice", "size"},
	} {
		_, _, err := ofFile(t, "testdata/opens.py").Open(t.Context(), engine.EvaluatorSetup{Space: troubles, Workers: 1, Options: []byte(options)})
		for _, w := range words {
			if err == nil || !strings.Contains(err.Error(), w) {
				t.Errorf("%s: error %v does not say %q", options, err, w)
			}
		}
	}
}
