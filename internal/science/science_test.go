package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/engine/enginetest/proctest"
)

const small = `
seeds: 3
strategies: [random, aging]
others: [peers.jsonl]
problems:
  - name: small
    search:
      space: {c: {choice: [1, 2, 3, 4]}, k: {choice: [1, 3, 5]}}
      evaluator: {use: table, file: table.csv, key: {columns: "{c} {k}", genes: "{c} {k}"}, metrics: {accuracy: a}, cost: s}
      limits: {evaluations: 6}
      final: {skip: true}
    optimum: 0.87
    published: {theirs: 0.75}
  - name: quick
    search:
      space: {c: {choice: [1, 2, 3, 4]}, k: {choice: [1, 3, 5]}}
      evaluator: {use: table, file: table.csv, key: {columns: "{c} {k}", genes: "{c} {k}"}, metrics: {accuracy: a}, cost: s}
      limits: {evaluations: 100, target: 0.7}
      final: {skip: true}
    target: 0.7
    by: evaluations
    published: {lucky: 1}
  - name: absent
    search:
      space: {c: {choice: [1, 2]}}
      evaluator: {use: table, file: absent.csv, key: c, metrics: {accuracy: a}}
`

const table = `c,k,a,s
1,1,0.50,10
1,3,0.54,12
1,5,0.60,14
2,1,0.61,16
2,3,0.64,18
2,5,0.65,20
3,1,0.66,22
3,3,0.74,24
3,5,0.75,26
4,1,0.70,28
4,3,0.80,30
4,5,0.87,32
`

const peer = `{"problem":"small","strategy":"someone","seed":2,"outcome":{"metric":"accuracy","goal":"maximize","trace":{"spent":[6,60],"steps":[{"at":[6,60],"value":0.625}]}}}
{"problem":"quick","strategy":"someone","seed":1,"outcome":{"metric":"accuracy","goal":"maximize","trace":{"spent":[9,90],"steps":[{"at":[2,20],"value":0.625},{"at":[7,60],"value":0.75}]}}}
{"problem":"quick","strategy":"someone","seed":2,"outcome":{"metric":"accuracy","goal":"maximize","trace":{"spent":[9,90],"steps":[{"at":[2,20],"value":0.625}]}}}
`

// Only what is missing is run, and the text around the tables stays.
func TestOnlyWhatIsMissing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := proctest.Shipped(dir); err != nil {
		t.Fatal(err)
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(at(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("suite.yaml", small)
	write("table.csv", table)
	write("science.md", "# Ours\n\nText before.\n")
	run := func(again string) (said, text string) {
		t.Helper()
		var out strings.Builder
		s := study{programs: dir, suite: at("suite.yaml"), results: at("results.json"), text: at("science.md")}
		if err := s.run(again, &out); err != nil {
			t.Fatalf("%v\n%s", err, out.String())
		}
		b, err := os.ReadFile(at("science.md"))
		if err != nil {
			t.Fatal(err)
		}
		return out.String(), string(b)
	}
	said, first := run("")
	if !strings.Contains(said, "small: 2 of 2 strategies are missing") || !strings.Contains(said, "absent was left out") {
		t.Error(said)
	}
	for _, part := range []string{"Text before.", begin, end, "| random | 3 |", "| aging | 3 |", "| theirs, published |", "**small**, accuracy (maximize)",
		"**quick**, evaluations (minimize)", "| lucky, published |"} {
		if !strings.Contains(first, part) {
			t.Errorf("%q is not in:\n%s", part, first)
		}
	}
	write("science.md", first+"Text behind.\n")
	if said, text := run(""); strings.Contains(said, "small: ") || text != first+"Text behind.\n" {
		t.Errorf("nothing was missing: %s\n%s", said, text)
	}
	if said, text := run("ag"); !strings.Contains(said, "1 of 2") || text != first+"Text behind.\n" {
		t.Errorf("run again: %s\n%s", said, text)
	}
	write("suite.yaml", strings.Replace(small, "[random, aging]", "[random, aging, genetic]", 1))
	write("peers.jsonl", peer)
	said, text := run("")
	if !strings.Contains(said, "1 of 3") || !strings.Contains(text, "| genetic | 3 |") || !strings.Contains(text, "| someone | 1 | 0.625 ") ||
		!strings.Contains(text, "| someone | 1 | 7 ") {
		t.Errorf("%s\n%s", said, text)
	}
	results, err := os.ReadFile(at("results.json"))
	if err != nil {
		t.Fatal(err)
	}
	// As if random had been measured before somebody changed it.
	if n := strings.Count(string(results), `"digest":"`); n != 6 {
		t.Errorf("%d digests in:\n%s", n, results)
	}
	write("results.json", strings.Replace(string(results), `"digest":"`, `"digest":"f`, 1))
	if said, again := run(""); !strings.Contains(said, "small: random decides otherwise") || !strings.Contains(said, "1 of 3") || again != text {
		t.Errorf("%s\n%s", said, again)
	}
	write("suite.yaml", strings.Replace(small, "evaluations: 6", "evaluations: 7", 1))
	if said, _ := run(""); !strings.Contains(said, "2 of 2") {
		t.Errorf("another search: %s", said)
	}
	if left, err := filepath.Glob(at("running-*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}
