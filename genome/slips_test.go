package genome

import (
	"strings"
	"testing"
)

// What was meant for a gene is refused with the gene that was meant; it would
// run as a constant.
func TestSlipsAreRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ gene, want string }{
		{`{"flaot": [1e-4, 1e-1]}`, `lr.flaot: "flaot" is no kind of gene; write float`},
		{`{"Float": [0, 1]}`, `write {float: [0, 1]}`},
		{`{"imt": [1, 8], "step": 2}`, `write int`},
		{`{"choise": ["a", {"b": {"x": {"int": [1, 2]}}}]}`, `write choice`},
		{`{"lsit": "bool", "length": 3}`, `write list`},
		{`{"boool": true}`, `write bool`},
		{`{"cel": {"edges": ["a"], "nodes": 3}}`, `write cell`},
		{`{"ues": "d"}`, `write use`},
		{`{"form": "other"}`, `write from`},
		{`{"choices": ["a", "b"]}`, `lr.choices: "choices" is no kind of gene; write {choice: ["a", "b"]}; a group of constants needs other names`},
		{`{"uniform": [0, 1]}`, `write {float: [0, 1]}`},
		{`{"loguniform": [1e-4, 0.1]}`, `write {float: [0.0001, 0.1], log: true}`},
		{`{"quniform": [0, 1, 0.1]}`, `write {float: [0, 1], step: 0.1}`},
		{`{"randint": [1, 9]}`, `write {int: [1, 9]}`},
		{`{"uniform": {"min": 0, "max": 1}}`, `write {float: [0, 1]}`},
		{`{"hp.choice": ["a"]}`, `write {choice: ["a"]}`},
		{`{"grid_search": [1, 2, 3]}`, `write {choice: [1, 2, 3]}`},
		{`{"suggest_float": [0.1, 1], "log": true}`, `write {float: [0.1, 1], log: true}`},
		{`{"min": 0, "max": 1}`, `lr: a map of min, max declares no gene; write {int: [0, 1]}; a group of constants needs other names`},
		{`{"min": 0.001, "max": 1, "distribution": "log_uniform_values"}`, `write {float: [0.001, 1]}`},
		{`{"low": 1, "high": 9, "step": 2}`, `write {int: [1, 9], step: 2}`},
		{`{"lower": 1e-4, "upper": 0.1, "log": true}`, `write {float: [0.0001, 0.1], log: true}`},
		{`{"type": "float", "min_value": 0.1, "max_value": 0.5}`, `write {float: [0.1, 0.5]}`},
		{`{"_type": "choice", "_value": [1, 2]}`, `write {choice: [1, 2]}`},
		{`{"_type": "loguniform", "_value": [0.1, 2]}`, `write {float: [0.1, 2]`},
		{`{"name": "lr", "parameterType": "double", "feasibleSpace": {"min": "0.01", "max": "0.03"}}`, `write {float: ["0.01", "0.03"]}`},
		{`{"name": "lr", "type": "range", "bounds": [0.1, 1.0]}`, `write {float: [0.1, 1]}`},
		{`{"values": [1, 2, 4]}`, `write {choice: [1, 2, 4]}`},
		{`"uniform(0, 1)"`, `lr: "uniform(0, 1)" is a word, no gene; write {float: [0, 1]}`},
		{`"tune.choice([a, b])"`, `write {choice: ["a", "b"]}`},
		{`"float"`, `write {float: [0.001, 0.1]}; for the word itself {choice: ["float"]}`},
		{`{"choice": ["a", {"b": {"x": {"unifrom": [0, 1]}}}]}`, `lr.choice[1].b.x.unifrom: "unifrom" is no kind of gene; write {float: [0, 1]}`},
		{`{"choicse": ["a", "b"]}`, `write {choice: ["a", "b"]}`},
		{`{"name": "FloatDistribution", "attributes": {"low": 0.1, "high": 1, "log": true}}`, `write {float: [0.1, 1], log: true}`},
		{`{"name": "CategoricalDistribution", "attributes": {"choices": ["a", "b"]}}`, `write {choice: ["a", "b"]}`},
		{`{"choice": ["a", {"b": {"x": {"unicorn": [0, 1]}}}]}`, ``}, // nobody's word: a group
		{`{"name": "normal", "deviation": 0.1}`, ``},
		{`{"value": [3, 3]}`, ``},
	} {
		tree := `{"define": {"d": {"int": [1, 2]}}, "other": {"use": "d"}, "lr": ` + c.gene + `}`
		_, err := ParseSpaceJSON([]byte(tree))
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", c.gene, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "lr")):
			t.Errorf("%s: %v, want %s", c.gene, err, c.want)
		}
		// What ran before goes on; a name with a point never did.
		if _, err := RecordedSpace([]byte(tree), 0); err != nil && !strings.Contains(c.gene, "hp.") {
			t.Errorf("recorded %s: %v", c.gene, err)
		}
	}
	if _, err := ParseSpaceJSON([]byte(`{"a": "bool", "forbidden": [{"a": true}]}`)); err == nil || !strings.HasPrefix(err.Error(), "forbidden: is no rule") {
		t.Errorf("forbidden: %v", err)
	}
}

// Constants that a person means are taken, and told.
func TestConstantGroups(t *testing.T) {
	t.Parallel()
	s := MustParseSpace(`{"a": "bool", "k": 3, "train": {"epochs": 5, "momentum": 0.9}, "pool": {"kind": "max", "width": 2}, "kernel": [3, 3], "clip": {"range": "wide"},
		"head": {"pool": true, "value": 3}, "stack": {"normal": {"choice": ["x", "y"]}, "values": 2}, "forbidden": "bool", "b": {"c": {"from": "a"}}, "dtype": "float32"}`)
	want := "train pool kernel clip head"
	if got := strings.Join(s.Constants(), " "); got != want {
		t.Errorf("constant are %s, want %s", got, want)
	}
}
