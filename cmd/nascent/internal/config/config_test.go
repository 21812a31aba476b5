package config

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nascent-nas/nascent/engine"
)

const plain = `name: plain
space:
  lr: {float: [1e-4, 1e-1], log: true} # learning rate
  act: {choice: [relu, mish]}
evaluator: {use: count, delay: 5ms}
limits: {evaluations: 20, wall: 90s}
seed: 3
`

func parse(t *testing.T, text string) *Document {
	t.Helper()
	d, err := Parse("search.yaml", "/home/x", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestRead(t *testing.T) {
	t.Parallel()
	s, err := parse(t, plain).Read()
	if err != nil {
		t.Fatal(err)
	}
	e := s.Engine
	if e.Name != "plain" || e.Seed != 3 || e.Limits.Evaluations != 20 || e.Limits.Wall != 90 {
		t.Errorf("read %+v", e)
	}
	if p := s.Evaluators["evaluator"]; p.Use != "count" || string(p.Options) != `{"delay":"5ms"}` {
		t.Errorf("evaluator %+v %s", p, p.Options)
	}
	if s.Strategy.Use != "guided" || !s.TLS || e.Workers < 1 {
		t.Errorf("defaults %+v", s)
	}
}

func TestObjectives(t *testing.T) {
	t.Parallel()
	const head = "space: {x: {int: [0, 9]}}\nevaluator: onemax\n"
	s, err := parse(t, head+`objectives: [{metric: accuracy}, {metric: size, goal: minimize, scale: log}]
ties: [{metric: loss, goal: minimize}, {metric: age, scale: linear}]
reference: {size: 10000, accuracy: 0.1}
limits: {target: {accuracy: 0.9, size: 100}}
`).Read()
	if err != nil {
		t.Fatal(err)
	}
	want := []engine.Objective{{Metric: "accuracy", Goal: engine.Maximize}, {Metric: "size", Goal: engine.Minimize, Scale: engine.LogScale}}
	ties := []engine.Objective{{Metric: "loss", Goal: engine.Minimize}, {Metric: "age", Goal: engine.Maximize}}
	if !slices.Equal(s.Engine.Objectives, want) || !slices.Equal(s.Engine.Ties, ties) {
		t.Errorf("objectives %+v, ties %+v", s.Engine.Objectives, s.Engine.Ties)
	}
	if r, l := s.Engine.Reference, s.Engine.Limits.Targets; len(r) != 2 || r[1] != (engine.Value{Name: "size", Value: 10000}) ||
		len(l) != 2 || l[0].Value != 0.9 {
		t.Errorf("reference %v, target %v", r, l)
	}
	for text, want := range map[string]string{
		"reference: 3\n": `reference: holds "3"; write {accuracy: 0.9, parameters: 5000}`,
		"objectives: [{metric: a}]\nties: [{metric: a}]\n":   "ties[0].metric: a stands in objectives and in ties",
		"ties: [{metric: a}]\nobjectives: [{metric: a}]\n":   "objectives[0].metric: a stands in objectives and in ties",
		"ties: [{metric: a}, {metric: a, goal: minimize}]\n": "ties[1].metric: a stands there already",
		"objectives: [{metric: a, scale: ln}]\n":             "objectives[0].scale",
		"objectives: []\n":                                   "the list is empty",
	} {
		if _, err := parse(t, head+text).Read(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s gives %v", text, err)
		}
	}
}

func TestSetThenGoOn(t *testing.T) {
	t.Parallel()
	d := parse(t, plain)
	for key, value := range map[string]string{"seed": "7", "evaluator.fail": "0.5", "objectives": "[{metric: loss, goal: minimize}]",
		"limits.evaluations": "40"} {
		if err := d.Set(key, value, "--set "+key+"="+value); err != nil {
			t.Fatal(err)
		}
	}
	text, err := d.Encode()
	if err != nil {
		t.Fatal(err)
	}
	stored := parse(t, string(text))
	if all, _ := Same(d, stored); !all {
		t.Errorf("encoded differently:\n%s", text)
	}
	// The user's file again, without the flags: they still hold, limits excepted.
	again := parse(t, plain)
	if err := again.Adopt(stored); err != nil {
		t.Fatal(err)
	}
	if all, deciding := Same(again, stored); all || !deciding {
		t.Errorf("adopted all=%v deciding=%v", all, deciding)
	}
	s, err := again.Read()
	if err != nil {
		t.Fatal(err)
	}
	if s.Engine.Seed != 7 || s.Engine.Limits.Evaluations != 20 || s.Engine.Objectives[0].Metric != "loss" {
		t.Errorf("read %+v", s.Engine)
	}
	// What is set today comes before what was set then.
	again = parse(t, plain)
	if err := again.Set("seed", "9", "--seed"); err != nil {
		t.Fatal(err)
	}
	if err := again.Adopt(stored); err != nil {
		t.Fatal(err)
	}
	if s, err = again.Read(); err != nil || s.Engine.Seed != 9 || s.Engine.Objectives[0].Metric != "loss" {
		t.Errorf("read %+v, %v", s.Engine, err)
	}
}

// Two documents are one search where they differ in what may change from run to run.
func TestSame(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		key, value    string
		all, deciding bool
	}{
		{"seed", "3", true, true},
		{"seed", "4", false, false},
		{"evaluator.delay", "6ms", false, false},
		{"space.lr.log", "false", false, false},
		{"window", "16", false, false},
		{"limits.evaluations", "21", false, true},
		{"workers", "3", false, true},
		{"timeout", "1m", false, true},
		{"failures.attempts", "5", false, true},
		{"grace", "2s", false, true},
		{"checkpoints.keep", "3", false, true},
		{"logging.level", "debug", false, true},
		{"plugins.tls", "false", false, true},
	} {
		d := parse(t, plain)
		if err := d.Set(c.key, c.value, "--set"); err != nil {
			t.Fatal(err)
		}
		if all, deciding := Same(parse(t, plain), d); all != c.all || deciding != c.deciding {
			t.Errorf("%s=%s: the same %v, but for what may change %v; want %v and %v", c.key, c.value, all, deciding, c.all, c.deciding)
		}
	}
}

// An untouched file is kept byte for byte.
func TestEncodeLeavesTheFileAlone(t *testing.T) {
	t.Parallel()
	text, err := parse(t, plain).Encode()
	if err != nil || string(text) != plain {
		t.Errorf("%v\n%s", err, text)
	}
}

// Programs that a strategy searches with are found from where the file lay.
func TestRelocate(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"strategy: ./mine.py\n":                                          "/there/mine.py",
		"strategy: {use: spos, search: sub/mine.py}\n":                   "/there/sub/mine.py",
		"strategy: {use: spos, search: {use: ./mine, a: b/c}}\n":         "/there/mine, a: b/c",
		"strategy: {use: spos, search: aging}\n":                         "search: aging",
		"strategy: {use: ./mine.py, search: a/b}\n":                      "/there/mine.py, search: a/b",
		"strategy: {use: spos, search: {use: ./mine.py, search: a/b}}\n": "/there/mine.py, search: a/b",
	} {
		d, err := Parse("search.yaml", "/there", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		d.Relocate()
		if got, err := d.Encode(); err != nil || !strings.Contains(string(got), want) {
			t.Errorf("%s became %s: %v", text, got, err)
		}
	}
}

// Options of plugins read yes and no as booleans unless they are quoted, keys and
// spaces as words; paths of programs are found from where the file lies.
func TestOptions(t *testing.T) {
	t.Parallel()
	d, err := Parse("search.yaml", "/there", []byte(`space: {norm: {choice: [batch, no]}}
evaluator: {use: e, flip: yes, deep: {list: [no, "no", 'yes', true], no: maybe}}
strategy: {use: spos, search: {use: ./mine.py, check: yes, search: a/b}}
plugins: {tls: no, turn_timeout: 90s}
`))
	if err != nil {
		t.Fatal(err)
	}
	s, err := d.Read()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(s.Evaluators["evaluator"].Options), `{"deep":{"list":[false,"no","yes",true],"no":"maybe"},"flip":true}`; got != want {
		t.Errorf("options %s, want %s", got, want)
	}
	if got, want := string(s.Strategy.Options), `{"search":{"use":"/there/mine.py","check":true,"search":"a/b"}}`; got != want {
		t.Errorf("options %s, want %s", got, want)
	}
	// What a strategy of one's own calls search is its own.
	d, err = Parse("search.yaml", "/there", []byte("space: {x: bool}\nevaluator: e\nstrategy: {use: ./mine.py, search: a/b}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if own, err := d.Read(); err != nil || string(own.Strategy.Options) != `{"search":"a/b"}` {
		t.Errorf("%v, options %s", err, own.Strategy.Options)
	}
	d, err = Parse("search.yaml", "/there", []byte("space: {x: bool}\nevaluator: e\n"+
		"strategy: {use: islands, search: [aging, ./mine.py, {use: ../own.go, n: 3}, {use: asha, search: ./deep.py}]}\n"))
	if err != nil {
		t.Fatal(err)
	}
	islands, err := d.Read()
	if err != nil {
		t.Fatal(err)
	}
	want := `{"search":["aging","/there/mine.py",{"use":"/own.go","n":3},{"use":"asha","search":"/there/deep.py"}]}`
	if got := string(islands.Strategy.Options); got != want {
		t.Errorf("options %s, want %s", got, want)
	}
	d.Relocate()
	text, err := d.Encode()
	for _, path := range []string{"/there/mine.py", "/own.go", "/there/deep.py"} {
		if err != nil || !strings.Contains(string(text), path) {
			t.Errorf("relocated: %s", text)
		}
	}
	if g, err := s.Engine.Space.Parse("norm=no"); err != nil || s.TLS || s.TurnTimeout != 90*time.Second {
		t.Errorf("norm is %s (%v), tls %v, turn_timeout %s", g.Text(), err, s.TLS, s.TurnTimeout)
	}
}

// What is measured again is a strategy around the search's own, with its paths.
func TestRepeats(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"strategy: guided\nrepeats: true":                               `repeats {"search":"guided"}`,
		"repeats: {share: 0.2, after: 30}":                              `repeats {"after":30,"search":"guided","share":0.2}`,
		"strategy: {use: ./mine.py, n: 12345678901234567}\nrepeats: {}": `repeats {"search":{"n":12345678901234567,"use":"/there/mine.py"}}`,
		"strategy: {use: repeats, search: random}\nrepeats: false":      `repeats {"search":"random"}`,
		"strategy: random\nrepeats: false":                              `random {}`,
	} {
		d, err := Parse("search.yaml", "/there", []byte("space: {x: bool}\nevaluator: e\n"+text))
		if err != nil {
			t.Fatal(err)
		}
		s, err := d.Read()
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Strategy.Use + " " + string(s.Strategy.Options); got != want {
			t.Errorf("%s\nis %s, want %s", text, got, want)
		}
	}
	for text, want := range map[string]string{
		"repeats: {share: 2}": "repeats.share: 2 is out of range",
		"strategy: {use: repeats, search: random}\nrepeats: {share: 0.2}": "repeats: stands beside the strategy repeats",
		"repeats: {shar: 0.1}":  "did you mean share",
		"repeats: {after: 0}":   "repeats.after",
		"repeats: often":        "repeats",
		"repeats: {share: few}": "repeats.share",
	} {
		if _, err := parse(t, "space: {x: bool}\nevaluator: e\n"+text).Read(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

// Every key that Read knows is listed, and no other.
func TestKeys(t *testing.T) {
	t.Parallel()
	_, err := parse(t, "nonsense_key_of_length: 1").Read()
	if err == nil {
		t.Fatal("an unknown key was read")
	}
	_, list, ok := strings.Cut(err.Error(), "; use ")
	if !ok {
		t.Fatal(err)
	}
	read := strings.Split(list, ", ")
	if len(read) != len(keys) {
		t.Errorf("Read knows %d keys, %d are listed", len(read), len(keys))
	}
	for _, k := range read {
		if !Known(k) {
			t.Errorf("%s is read but not listed", k)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(plain)
	f.Add("space: {a: [}")
	f.Add("? [a]: b")
	f.Add("a: &x [*x]")
	f.Add("space: {x: {int: [0, 99999999999999999999]}}\nevaluator: a")
	f.Fuzz(func(t *testing.T, text string) {
		d, err := Parse("f", ".", []byte(text))
		if err == nil {
			_, err = d.Read()
		}
		if err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("an error of several lines: %q", err)
		}
	})
}

// A mark of the byte order is no part of the first key.
func TestByteOrderMark(t *testing.T) {
	t.Parallel()
	d, err := Parse("s.yaml", ".", []byte("\ufeffspace: {x: {int: [0, 9]}}\nevaluator: onemax\n"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Read(); err != nil {
		t.Error(err)
	}
}

// Seeds are whole numbers that a float64 holds exactly.
func TestSeeds(t *testing.T) {
	t.Parallel()
	for text, good := range map[string]bool{"0": true, "9007199254740991": true, "9007199254740992": false, "-1": false, "1.5": false} {
		d := parse(t, plain)
		if err := d.Set("seed", text, "--seed"); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Read(); (err == nil) != good {
			t.Errorf("seed %s: %v", text, err)
		}
	}
}

// What cannot be, or would be taken for something else, is refused: numbers that are too
// large are no words, those that are too small no zeros, and names are those of variables.
func TestValuesThatCannotBe(t *testing.T) {
	t.Parallel()
	const ints = "space: {x: {int: [0, 9]}}\nevaluator: onemax\n"
	for text, want := range map[string]string{
		"space: {x: {float: [0, 1e999]}}\nevaluator: onemax":     "s.yaml:1: space.x.float[1]: 1e999 is out of range",
		"space: {x: {float: [1e-400, 1]}}\nevaluator: onemax":    "s.yaml:1: space.x.float[0]: 1e-400 is too small and would become 0",
		"space: {x: {float: [-0.1E-999, 1]}}\nevaluator: onemax": "space.x.float[0]: -0.1E-999 is too small and would become 0",

		"space: {x: {choice: [1, -1e999]}}\nevaluator: onemax":                                      "space.x.choice[1]: -1e999 is out of range",
		"space: {x: {int: [0, 9]}}\nevaluator: {use: onemax, rate: 1e400}":                          "evaluator.rate: 1e400 is out of range",
		"space: {x: {float: [0e-999, 1]}}\nevaluator: onemax\nconstraints: [{metric: a, max: 0.0}]": "",
		"space: {x: {int: [0, 9]}}\nevaluator: {use: onemax, rate: 2e-330}":                         "evaluator.rate: 2e-330 is too small",
		"space: {x: {choice: [a, \"1e999\"]}}\nevaluator: onemax\nlimits: {target: 1.797e308}":      "",

		ints + "limits: {target: 1e999}":                       "limits.target: 1e999 is out of range",
		ints + "constraints: [{metric: accuracy, max: 1e999}]": "constraints[0].max: 1e999 is out of range",
		ints + "timeout: 1e999":                                "timeout: ",
		ints + "limits: {target: 1e-999}":                      "limits.target: 1e-999 is too small",
		ints + "timeout: 1e-10":                                "timeout: 1e-10 is shorter than a nanosecond",
		ints + "failures: {backoff: 0.1ns}":                    "failures.backoff: 0.1ns is shorter than a nanosecond",
		ints + "failures: {backoff: 0.0s}":                     "",
		ints + "plugins: {turn_timeout: 0}":                    "plugins.turn_timeout: 0 leaves no time; write a duration above 0, or remove the key",
		ints + "timeout: 0":                                    "timeout: 0 leaves no time; write a duration above 0, or remove the key",
		ints + "plugins: {turn_timeout: 0s}":                   "plugins.turn_timeout: 0s leaves no time",
		ints + "plugins: {env: [A B]}":                         `plugins.env[0]: "A B" is no name for a variable; write NAME, to pass a variable on, or NAME=VALUE`,
		ints + "plugins: {env: [A, 2B=x]}":                     `plugins.env[1]: "2B" is no name`,
		ints + "plugins: {env: [=x]}":                          `plugins.env[0]: "" is no name`,
		ints + "plugins: {env: [\"A\\nB\"]}":                   `plugins.env[0]: "A\nB" is no name`,
		ints + "plugins: {env: [\"A=x\\0\"]}":                  "plugins.env[0]: the value of A holds a zero byte",
		ints + "plugins: {env: [A, A=1]}":                      "plugins.env[1]: A is there twice",
		ints + "plugins: {env: [A, \"B=x = y\", C=, _d]}":      "",
	} {
		d, err := Parse("s.yaml", ".", []byte(text))
		if err == nil {
			_, err = d.Read()
		}
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", text, err, want)
		}
	}
}

// What a fleet is to be.
func TestFleet(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"{on: manual, slots: 2}": "",
		"{on: manual, hosts: 2}": "s.yaml:1: fleet.hosts: says nothing to on: manual; leave it out",
		"{on: slurm, hosts: 16, gpus: 0.5, cores: 4, memory: 64GiB, options: --partition=gpu, setup: module load cuda}": "",
		"{on: slurm, gpus: 1.5}":            "fleet.gpus: 1.5 is more than one and a part of another; write 0.5 for half of one",
		"{on: slurm, gpus: 0}":              "fleet.gpus: 0 is not above 0",
		"{on: slurm, memory: much}":         "fleet.memory: holds \"much\", not an amount of memory; write 500MB, 64GiB",
		"{on: slurm, machines: [a]}":        "fleet.machines: says nothing to on: slurm",
		"{on: slurm, option: --qos=long}":   "fleet.option: there is no such key; did you mean options?",
		"{on: ray}":                         "fleet: does not say where Ray's dashboard answers; add address: http://HOST:8265",
		"{on: ssh, hosts: 2}":               "fleet: does not say which machines ssh reaches; add machines: [desk1, user@desk2]",
		"{on: ssh, machines: [a], gpus: 1}": "fleet.gpus: says nothing to on: ssh",
		"{on: moon}":                        "fleet.on: holds \"moon\"; use one of manual, ",
		"{hosts: 2}":                        "fleet: does not say who starts the hosts; add on: manual",
		"{on: slurm, hosts: -1, gpus: 12}":  "fleet.hosts: -1 is out of range",
	} {
		d, err := Parse("s.yaml", ".", []byte("fleet: "+text+"\nspace: {x: {int: [0, 9]}}\nevaluator: onemax"))
		var s *Search
		if err == nil {
			s, err = d.Read()
		}
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", text, err, want)
		}
		if err == nil && s.Fleet.GPUs == 0.5 && (s.Fleet.Memory != 64<<30 || s.Fleet.Hosts != 16 || s.Fleet.Cores != 4) {
			t.Errorf("%s: %+v", text, s.Fleet)
		}
	}
}

// Words of other tools are answered with ours.
func TestWordsOfOtherTools(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"direction: minimize":    "s.yaml:3: direction: there is no such key; here it is objectives: [{metric: accuracy, goal: maximize}]",
		"directions: [minimize]": "here it is objectives: ",
		"metric: loss":           "here it is objectives: ",
		"mode: max":              "here it is objectives: ",
		"n_trials: 10":           "n_trials: there is no such key; here it is limits: {evaluations: 100}",
		"max_trials: 10":         "here it is limits: {evaluations: 100}",
		"maxTrialNumber: 10":     "here it is limits: {evaluations: 100}",
		"sampler: tpe":           "here it is strategy: {use: NAME}",
		"pruner: hyperband":      "here it is fidelities: ",
		"parameters: {}":         "here it is space: ",
		"search_space: {}":       "here it is space: ",
		"searchSpace: {}":        "here it is space: ",
		"time-budget: 3":         "here it is limits: {wall: 2h}",
		"n_jobs: 3":              "here it is workers: 4",
		"objectives: [{metric: loss, direction: minimize}]": "objectives[0].direction: there is no such key; here it is goal: maximize, or minimize",
		"limits: {timeout: 2h}":                             "limits.timeout: there is no such key; here it is wall: 2h, ",
		"limts: {evaluations: 1}":                           "limts: there is no such key; did you mean limits?",
		"something: 1":                                      "something: there is no such key; use baselines, ",
	} {
		d, err := Parse("s.yaml", ".", []byte("space: {x: {int: [0, 9]}}\nevaluator: onemax\n"+text))
		if err == nil {
			_, err = d.Read()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", text, err, want)
		}
	}
	for key, words := range elsewhere {
		for word := range words {
			if key == "" && Known(word) {
				t.Errorf("%s is a word of ours", word)
			}
		}
	}
}

// Every error of the YAML reader says in which line it is.
func TestSyntaxErrorsHaveLines(t *testing.T) {
	t.Parallel()
	for text, line := range map[string]int{
		"space: {x: @a}\n":            1,
		"name: a\nspace: {x: @a}\n":   2,
		"a: 1\nb: *gone\n":            2,
		"a: 1\nb: 2\nc: \x01\n":       3,
		"a: 1\nb: \xff\n":             2,
		"a: ä\nb: ö\nc: \xc3\n":       3,
		"space: {x: [1\nevaluator: a": 1,
		"a: 1\n\tb: 2\n":              2,
	} {
		if _, err := Parse("search.yaml", ".", []byte(text)); err == nil || !strings.HasPrefix(err.Error(), fmt.Sprintf("search.yaml:%d: ", line)) {
			t.Errorf("%q: %v; want line %d", text, err, line)
		}
	}
}

// Every top-level key that is read is described.
func TestEveryKeyIsDescribed(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../../../docs/search-yaml.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		if !strings.Contains(string(text), "| `"+key) {
			t.Errorf("docs/search-yaml.md does not describe %s", key)
		}
	}
}

// What is said of objectives that are no list is a list that is taken.
func TestObjectivesRemedies(t *testing.T) {
	t.Parallel()
	const head = "space: {x: {int: [0, 9]}}\nevaluator: onemax\nobjectives: "
	for text, want := range map[string]string{
		"accuracy":                        "[{accuracy maximize }]",
		"{accuracy: maximize}":            "[{accuracy maximize }]",
		"{accuracy: max, size: minimize}": "[{accuracy maximize } {size minimize }]",
		"{metric: size, goal: minimize}":  "[{size minimize }]",
		"{metric: size}":                  "[{size maximize }]",
		"[accuracy]":                      "[{accuracy maximize }]",
		"[[accuracy]]":                    "[{accuracy maximize }]",
		"{}":                              "[{accuracy maximize }]",
	} {
		_, err := parse(t, head+text+"\n").Read()
		var wrong *Error
		if !errors.As(err, &wrong) {
			t.Errorf("%s: %v", text, err)
			continue
		}
		remedy, all := strings.CutPrefix(wrong.Remedy, "write a list: ")
		if !all {
			remedy = "[" + strings.TrimPrefix(remedy, "write ") + "]"
		}
		if s, err := parse(t, head+remedy+"\n").Read(); err != nil || fmt.Sprint(s.Engine.Objectives) != want {
			t.Errorf("%s: %s, and that is %+v, %v", text, wrong.Remedy, s, err)
		}
	}
}
