package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/evolve"
	"github.com/nascent-nas/nascent/engine/option"
	"github.com/nascent-nas/nascent/plugins/evaluators/onemax"
	weights "github.com/nascent-nas/nascent/plugins/evaluators/supernet"
	"github.com/nascent-nas/nascent/plugins/strategies/qlearning"
	"github.com/nascent-nas/nascent/plugins/strategies/reinforce"
	"github.com/nascent-nas/nascent/plugins/strategies/supernet"
)

var update = flag.Bool("update", false, "write the tables of options in docs anew")

// declarations are the options of what ships, by kind and name.
func declarations(t *testing.T) map[string]func(*option.Set) {
	t.Helper()
	all := map[string]func(*option.Set){
		"evaluator onemax": onemax.Plugin().Options, "evaluator supernet": weights.Plugin().Options,
	}
	declared := func(name string, s engine.Strategy) {
		d, ok := s.(option.Declarer)
		if !ok {
			t.Fatalf("the strategy %s declares no options", name)
		}
		all["strategy "+name] = d.Declare
	}
	for _, name := range evolve.Names() {
		s, err := evolve.New(name)
		if err != nil {
			t.Fatal(err)
		}
		declared(name, s)
	}
	for _, name := range []string{"darts", "gdas", "enas", supernet.Name} {
		declared(name, supernet.Plugin(name).Strategy)
	}
	declared("qlearning", qlearning.Plugin().Strategy)
	declared("reinforce", reinforce.Plugin().Strategy)
	return all
}

// Every strategy that somebody may name has its place in the documentation.
func TestStrategiesAreDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/strategies.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		if names, ok := strings.CutPrefix(line, "## "); ok {
			for name := range strings.SplitSeq(strings.TrimSpace(names), ", ") {
				documented[name] = true
			}
		}
	}
	names := evolve.Names()
	for name := range served["strategy"] {
		names = append(names, name)
	}
	for _, name := range names {
		if !documented[name] {
			t.Errorf("docs/strategies.md has no section on %s", name)
		}
	}
}

// elsewhere are plugins that read their options by other means, and why.
var elsewhere = map[string]string{
	"evaluator exec":  "its options are a program's",
	"evaluator torch": "it is Python, and reads them there",
	"strategy exec":   "its options are a program's",

	"evaluator gorgonia": "they are genes as well",
	"evaluator table":    "they are columns of a file",
}

// Every plugin that ships declares its options, or it is known why not.
func TestEveryPluginDeclares(t *testing.T) {
	t.Parallel()
	all := declarations(t)
	for kind, plugins := range served {
		for name := range plugins {
			if known, why := all[kind+" "+name] != nil, elsewhere[kind+" "+name]; known == (why != "") {
				t.Errorf("%s %s: declared: %v, known why not: %q", kind, name, known, why)
			}
		}
	}
}

// Every default keeps the bounds, unless words stand in its place, and every
// meaning is one line.
func TestDefaults(t *testing.T) {
	t.Parallel()
	for name, declare := range declarations(t) {
		if err := option.Read(nil, declare); err != nil {
			t.Errorf("%s without options: %v", name, err)
		}
		for _, d := range option.Flat(option.List(declare)) {
			if d.Meaning == "" || d.Default == "" || d.Bounds == "" || strings.ContainsAny(d.Meaning+d.Default+d.Bounds, "\n|") {
				t.Errorf("%s: what is said of %s does not fit a table: %+v", name, d.Name, d)
			}
			if strings.Contains(d.Name, ".") || d.Type == "group" || d.Type == "value" || d.Type == "text" {
				continue
			}
			give := func(value string) error {
				return option.Read(fmt.Appendf(nil, `{%q: %s}`, d.Name, value), declare)
			}
			if err := give(d.Default); json.Valid([]byte(d.Default)) && err != nil && !strings.Contains(err.Error(), "leave it out") {
				t.Errorf("%s refuses the default: %v", name, err)
			}
			for _, bad := range []string{`[]`, `"?"`, `-2e300`, `2e300`} {
				if err := give(bad); err == nil && d.Bounds != unbounded {
					t.Errorf("%s takes %s: %s", name, d.Name, bad)
				}
			}
		}
	}
}

// What searches recorded before options were declared is taken still.
func TestRecordedOptions(t *testing.T) {
	t.Parallel()
	all := declarations(t)
	for name, recorded := range map[string][]string{
		"evaluator onemax":   {`{}`, `{"delay":"1ms","fail":0.1,"slots":1}`, `{"delay":0.5}`, `{"crash":0.02,"hang":0.01,"invalid":0.2}`},
		"evaluator supernet": {`{"data":"mnist1d"}`, `{"data":{"source":"csv","files":["a.csv"],"seed":2},"batch":64,"alpha_learning_rate":0.01}`},
		"strategy aging":     {`{}`, `{"population":10,"sample":3}`, `{"initial":30,"crossover":0,"promote":{"eta":3,"after":6}}`, `{"population":2.0}`},
		"strategy genetic":   {`{"population":6}`, `{"elite":0,"selection":"roulette"}`, `{"selection":"rank","pressure":1.2,"mutation":1,"promote":false}`},
		"strategy random":    {`{}`, `{"promote":false}`, `{"promote":{"eta":4,"after":0}}`, `{"promote":null}`},
		"strategy spos":      {`{"method":"spos","epochs":3}`, `{"search":{"use":"aging","population":5},"promote":{"eta":5,"after":10}}`, `{"search":"./mine.py"}`},
		"strategy darts":     {`{"method":"darts","order":2}`, `{"epochs":3,"epochs_a_job":0.5,"against":"auxiliary","derive":4,"frozen":true}`},
		"strategy gdas":      {`{"epochs":4,"hot":5,"cold":0.5,"against":"early_stop"}`},
		"strategy enas":      {`{"epochs":4,"epochs_a_job":1,"updates":1,"batch":5,"paths":10,"finalists":10,"hidden":8,"promote":{"eta":2}}`},
		"strategy supernet":  {`{"method":"gdas"}`},
		"strategy qlearning": {
			`{"budget":60}`, `{"schedule":[[1,100]],"state":"prefix","trace":0.5,"replay":300}`, `{"bins":[8,4,1],"max_dense":2,"dense_from":7,"initial_pooling":true}`,
		},
		"strategy reinforce": {`{"batch":5,"hidden":8}`, `{"algorithm":"ppo","clip":0.1,"epochs":2}`, `{"reward":"value","learning_rate":0.0006,"max_norm":5}`},
	} {
		for _, given := range recorded {
			if err := option.Read([]byte(given), all[name]); err != nil {
				t.Errorf("%s no longer takes %s: %v", name, given, err)
			}
		}
	}
}

// unbounded are the bounds of a number that may be any.
const unbounded = "of any size"

// tables are the marked tables of a text: the name, and what stands there.
var tables = regexp.MustCompile(`(?s)<!-- options of (\w+ \w+) -->\n(.*?)<!-- end -->`)

// The tables in docs say what is declared: go test ./cmd/nascent-plugins -update.
func TestDocs(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	all, seen := declarations(t), map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		fresh := tabled(string(text), func(name, was string) string {
			declare, ok := all[name]
			if !ok {
				t.Errorf("%s has the options of %s, which declares none", file, name)
				return was
			}
			seen[name] = true
			want := markdown(option.List(declare))
			if was != want && !*update {
				t.Errorf("%s: the options of %s are no longer what is declared; go test ./cmd/nascent-plugins -update makes them:\n%s", file, name, want)
			}
			return want
		})
		if *update && fresh != string(text) {
			if err := os.WriteFile(file, []byte(fresh), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name := range all {
		if !seen[name] {
			t.Errorf("docs have no table of the options of %s: add <!-- options of %s -->, <!-- end -->", name, name)
		}
	}
}

// tabled is a text with other tables: anew says which, by the name and what stands there.
func tabled(text string, anew func(name, was string) string) string {
	return tables.ReplaceAllStringFunc(text, func(found string) string {
		m := tables.FindStringSubmatch(found)
		return "<!-- options of " + m[1] + " -->\n" + anew(m[1], m[2]) + "<!-- end -->"
	})
}

// A table stands between its comments, also where there was none.
func TestTabled(t *testing.T) {
	t.Parallel()
	const text = "a\n<!-- options of x y -->\n<!-- end -->\nb\n<!-- options of x z -->\nold\n<!-- end -->\n"
	const want = "a\n<!-- options of x y -->\nnew\n<!-- end -->\nb\n<!-- options of x z -->\nolder\n<!-- end -->\n"
	got := tabled(text, func(name, was string) string {
		return map[string]string{"x y ": "new\n", "x z old\n": "older\n"}[name+" "+was]
	})
	if got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// markdown is a table of options.
func markdown(all []option.Described) string {
	var b strings.Builder
	b.WriteString("| option | default | bounds | meaning |\n|---|---|---|---|\n")
	for _, d := range option.Flat(all) {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", d.Name, d.Default, d.Bounds, d.Meaning)
	}
	return b.String()
}
