package config

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/engine"
)

// What a search declares is written as people write it, and read again it is the same.
func TestDeclared(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("../../../../testdata/spaces/*.yaml")
	if err != nil || len(paths) < 8 {
		t.Fatalf("there are only %d spaces: %v", len(paths), err)
	}
	low, high := 1e-7, 5000.0
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		s, err := parse(t, string(text)).Read()
		if err != nil {
			t.Fatal(err)
		}
		want := engine.Takeover{
			Space:       s.Engine.Space.JSON(),
			Derived:     []engine.Derived{{Metric: "score", Expression: `accuracy - 0.02*log10(parameters) # "`}, {Metric: "yes", Expression: "1"}},
			Objectives:  []engine.Objective{{Metric: "score", Goal: engine.Maximize}, {Metric: "1e3", Goal: engine.Minimize, Scale: engine.LogScale}},
			Ties:        []engine.Objective{{Metric: "it's: a tie", Goal: engine.Minimize}},
			Constraints: []engine.Constraint{{Metric: "latency", Max: &high, Weight: 0.25}, {Metric: "null", Min: &low, Max: &high}},
			Reference:   engine.Values{{Name: "1e3", Value: 1e21}, {Name: "score", Value: -3}},
			Prefer:      new(string),
		}
		*want.Prefer = "score"
		written := func(x engine.Takeover) (string, *engine.Takeover) {
			t.Helper()
			text, err := DeclaredText(&engine.Plan{
				Space: x.Space, Derived: x.Derived, Objectives: x.Objectives, Ties: x.Ties, Constraints: x.Constraints, Reference: x.Reference, Prefer: *x.Prefer,
			})
			if err != nil {
				t.Fatal(err)
			}
			got, err := Declared("declared", text)
			if err != nil {
				t.Fatalf("%s: %v\n%s", path, err, text)
			}
			return string(text), got
		}
		if text, got := written(want); !reflect.DeepEqual(got, &want) {
			t.Errorf("%s: read again it is %s, and was %s:\n%s", path, got, &want, text)
		}
		// What there is not is taken away.
		want.Derived, want.Ties, want.Constraints, want.Reference, *want.Prefer = nil, []engine.Objective{}, []engine.Constraint{}, engine.Values{}, ""
		if text, got := written(want); !reflect.DeepEqual(got, &want) {
			t.Errorf("%s: read again it is %s, and was %s:\n%s", path, got, &want, text)
		}
	}
}

func TestDeclaredLayout(t *testing.T) {
	t.Parallel()
	const text = `space:
  network: {input: [1, 40], classes: 10}
  lr: {float: [1e-4, 1e-1], log: true}
  blocks:
    list:
      conv:
        channels: {int: [4, 32], step: 4}
        kernel: {choice: [3, 5, 7]}
    length: [1, 5]
objectives:
  - {metric: accuracy, goal: maximize}
constraints:
  - {metric: parameters, max: 5000}
`
	x, err := Declared("declared", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	got, err := DeclaredText(&engine.Plan{Space: x.Space, Objectives: x.Objectives, Constraints: x.Constraints})
	if want := strings.ReplaceAll(text, "[1e-4, 1e-1]", "[0.0001, 0.1]"); err != nil || string(got) != want {
		t.Errorf("it is written as\n%s, %v", got, err)
	}
	for text, want := range map[string]string{
		"objectives: [{metric: a}]":                   "space: there is none",
		"space: {x: {int: [0, 9]}}":                   "objectives: there is none",
		text + "evaluator: onemax\n":                  "evaluator: there is no such key",
		text + "ties: [{metric: accuracy}]\n":         "stands in objectives and in ties",
		strings.Replace(text, "kernel:", "kernel", 1): "did not find expected key; mend",
		strings.Replace(text, "3, 5", "3, 3", 1):      "declared:8: space.blocks",
		"@/etc/passwd":                                "declared",
	} {
		if x, err := Declared("declared", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %v; want %s", text, x, err, want)
		}
	}
}
