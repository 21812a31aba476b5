package jsonl

import (
	"strings"
	"testing"
)

// What is no JSON is named in words that help whoever wrote the program, in whatever
// language, with the line.
func TestMisspelt(t *testing.T) {
	t.Parallel()
	const python = "write the line with json.dumps"
	for line, want := range map[string]string{
		`{"id": 7, "metrics": {"accuracy": NaN}}`:                "NaN is no JSON: write null",
		`{"id": 7, "metrics": {"accuracy": nan}}`:                "nan is no JSON: write null",
		`{"id": 7, "metrics": {"accuracy": -Infinity}}`:          "-Infinity is no JSON: write null",
		`{"id": 7, "metrics": {"accuracy": Infinity}}`:           "Infinity is no JSON: write null",
		`{"id": 7, "metrics": {"accuracy": inf}}`:                "inf is no JSON: write null",
		`{'id': 7, 'metrics': {'accuracy': 0.5}}`:                "it has single quotes, as a dict of Python is printed: " + python,
		`{"id": 7, "metrics": {"act": 'relu'}}`:                  "single quotes",
		`{"id": 7, "metrics": {"accuracy": 1}, "stopped": True}`: "True is Python, not JSON: " + python,
		`{"id": 7, "failed": None}`:                              "None is Python, not JSON: " + python,
		`{"id": 7, "stopped": False, "metrics": {}}`:             "False is Python, not JSON: " + python,
		`{`:                                      "it ends in the middle of a message: write each message in one line",
		`{"id": 7,`:                              "it ends in the middle of a message: write each message in one line",
		`{"id": 7, "failed": "no da`:             "it ends in the middle of a message: write each message in one line",
		`{"id": 7, "metrics": {"accuracy": 1,}}`: "a comma stands before }: remove it",
		`{"tasks": ["train", ]}`:                 "a comma stands before ]: remove it",
		`{"id": 7, "failed": "x"} {"id": 8, "failed": "y"}`:   `more follows the message, "{\"id\": 8, \"failed\": \"y\"}": write each message in a line of its own`,
		`{"id": 7, "failed": "x"}}`:                           `more follows the message, "}"`,
		`{id: 7}`:                                             `it is no JSON from "id: 7}" on: write the line with a library for JSON`,
		`{"metrics": {"accuracy": }}`:                         `it is no JSON from "}}" on`,
		"{\"id\": 7, \"failed\": \"a\tb\"}":                   `it is no JSON from "b\"}" on`,
		`{"id": 7, "metrics": {"accuracy": 1e999}}`:           "metrics has the number 1e999, which is too large",
		`{"id": 7, "metrics": {"accuracy": "high"}}`:          "metrics has a string where a number should be",
		`{"id": 7, "metrics": {"accuracy": 1}, "secnods": 3}`: "secnods: there is no such key; did you mean seconds?",
	} {
		err := decode([]byte(line+"\n"), (*message).meant, func(*message) error { return nil })
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), ", in the line ") ||
			strings.Contains(err.Error(), "invalid character") || strings.Contains(err.Error(), "unexpected end") {
			t.Errorf("%s: %v, want %s", line, err, want)
		}
	}
	for decision, want := range map[string]string{
		`{"proposals": [{"genome": "x=1", "input": "%%"}]}`: "a text that should be base64 is none",
		`{"proposals": [{"genome": "x=1", "input": 3}]}`:    "decision.proposals.input has a number where a string of base64 should be",
		`{"keep": [-1]}`:                                      "decision.keep has the number -1 where a whole number of 0 or more should be",
		`{"proposals": [{"fidelity": 1.5}]}`:                  "decision.proposals.fidelity has the number 1.5 where a whole number should be",
		`{"proposals": [{"fidelity": 99999999999999999999}]}`: "decision.proposals.fidelity has the number 99999999999999999999, which is too large",
	} {
		err := decode([]byte(`{"decision": `+decision+`}`), (*reply).meant, func(*reply) error { return nil })
		if err == nil || !strings.Contains(err.Error(), want+", in the line ") {
			t.Errorf("%s: %v, want %s", decision, err, want)
		}
	}
	long := `{"id": 7, "output": "` + strings.Repeat("A", 5000) + `", "stopped": True}`
	if err := decode([]byte(long), (*message).meant, func(*message) error { return nil }); err == nil || !strings.Contains(err.Error(), `"stopped\": True}`) {
		t.Errorf("where it is in a long line is not shown: %v", err)
	}
}
