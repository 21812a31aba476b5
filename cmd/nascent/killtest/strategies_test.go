package killtest

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nascent-nas/nascent/engine/evolve"
	"github.com/nascent-nas/nascent/genome/rng"
	"github.com/nascent-nas/nascent/plugins/python"
)

// small makes mnist1d-cells a search of seconds: few samples, one epoch.
var small = []string{
	"--seed", "3", "--workers", "2", "--set", "final={top: 1, repeats: 1, budget: 1, tests: 1}",
	"--set", "evaluators.train.data={source: mnist1d, samples: 400, validation: 100, test: 100}",
	"--set", "evaluators.supernet.data={source: mnist1d, samples: 400, validation: 100, test: 100}",
	"--set", "fidelities=[{evaluator: train, budget: 1}]",
}

// fidelities are two, and fronts are of two and three objectives.
const (
	fidelities = "fidelities=[{evaluator: train, budget: 1}, {evaluator: train, budget: 2}]"
	front      = "objectives=[{metric: accuracy}, {metric: parameters, goal: minimize}]"
	front3     = "objectives=[{metric: accuracy}, {metric: parameters, goal: minimize}, {metric: macs, goal: minimize}]"
)

// strategies are all that come with nascent, with options that make a search of
// so many evaluations take every phase that they have.
var strategies = []struct {
	name        string
	strategy    string // a value of search.yaml
	evaluations string
	set         string // one more key of search.yaml
	filter      string // of candidates that there must be, besides
}{
	{"aging", `{use: aging, population: 6, sample: 2}`, "40", "", ""},
	{"genetic", `{use: genetic, population: 6}`, "40", "", ""},
	{"asha", `{use: asha, eta: 2, search: {use: aging, population: 4, sample: 2}}`, "40", fidelities, "fidelity = 1"},
	{"islands", `{use: islands, islands: 2, search: [{use: aging, population: 4, sample: 2}, {use: qlearning, budget: 30}], every: 6}`, "40", "", `tag = "island 1"`},
	{"repeats", `{use: repeats, share: 0.3, after: 6, search: {use: aging, population: 4, sample: 2}}`, "40", "", `operator = "repeat"`},
	{"mapelites", `{use: mapelites, initial: 6, descriptors: [{metric: parameters, edges: [1000, 3000]}]}`, "40", "", ""},
	{"guided", `{use: guided, initial: 6, candidates: 20, rounds: 1}`, "40", "", ""},
	{"guided on a front", `{use: guided, initial: 6, candidates: 20, rounds: 1}`, "40", front, ""},
	{"local", `{use: local, initial: 4}`, "40", "", ""},
	{"nsga2", `{use: nsga2, population: 6}`, "40", front, ""},
	{"nsga3", `{use: nsga3, population: 6}`, "40", front3, ""},
	{"random", `random`, "40", "", ""},
	{"qlearning", `{use: qlearning, budget: 30}`, "40", "", ""},
	{"reinforce", `{use: reinforce, batch: 4}`, "40", "", ""},
	{"darts", `{use: darts, epochs: 10}`, "30", "", ""},
	{"gdas", `{use: gdas, epochs: 10, epochs_a_job: 2}`, "30", "", ""},
	{"enas", `{use: enas, epochs: 4, epochs_a_job: 1, paths: 20, updates: 2, batch: 6, finalists: 12, hidden: 8}`, "90", "", ""},
	{"spos", `{use: spos, epochs: 4, epochs_a_job: 1, search: {use: aging, population: 6, sample: 2}, promote: {eta: 5, after: 10}}`, "90", "", ""},
	{"spos with qlearning", `{use: spos, epochs: 4, epochs_a_job: 1, search: {use: qlearning, budget: 60}, promote: {eta: 5, after: 10}}`, "90", "", ""},
}

// No built-in strategy is left out.
func TestStrategiesAreAllKilled(t *testing.T) {
	t.Parallel()
	var killed []string
	for _, c := range strategies {
		killed = append(killed, c.name)
	}
	for _, name := range evolve.Names() {
		if !slices.Contains(killed, name) {
			t.Errorf("nobody kills searches by %s", name)
		}
	}
}

// Every strategy leads to the same search, however often its process, the
// engine or both are killed.
func TestStrategiesAreKilled(t *testing.T) {
	t.Parallel()
	for _, c := range strategies {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var more []string
			if c.set != "" {
				more = []string{"--set", c.set}
			}
			whole := func() *search { return cells(t, c.strategy, c.evaluations, more...) }
			s := kill(t, c.name, whole, "engine", "plugin", "both")
			if c.filter != "" && !strings.Contains(s.ask("list", s.dir, "--where", c.filter, "--json"), `"id"`) {
				t.Errorf("the search has no candidate of %s: its kills meet nothing of that", c.filter)
			}
		})
	}
}

// agingInPython is the path of the built-in strategy aging's twin.
func agingInPython(t *testing.T) string {
	t.Helper()
	if path, err := exec.LookPath("python3"); err != nil || python.TooOld(path) != nil {
		t.Skip("there is no python3 of 3.9 or newer here")
	}
	file, err := filepath.Abs("../../../plugins/python/examples/aging.py")
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// Single-path one-shot leads to the same search whether its inner strategy is
// built in, and so within its process, or a plugin of its own.
func TestPluginSearchesWithScores(t *testing.T) {
	t.Parallel()
	file := agingInPython(t)
	var made, digests []string
	for _, use := range []string{"aging", file} {
		s := cells(t, "{use: spos, epochs: 4, epochs_a_job: 2, promote: {eta: 5, after: 10}, search: {use: "+use+", population: 6, sample: 2}}", "60")
		s.finish()
		s.ask("replay", s.dir)
		made = append(made, s.ask("list", s.dir, "--sort", "id", "--limit", "0", "--columns",
			"id,task,operator,parents,fidelity,shared_accuracy,accuracy,genome"))
		digests = append(digests, s.digest())
	}
	if digests[0] != digests[1] {
		t.Errorf("the digest is %s with aging in Go and %s in Python: the path of a program counts", digests[0], digests[1])
	}
	if strings.Count(made[0], "score") < 40 || strings.Count(made[0], "train") < 5 || made[0] != made[1] {
		t.Errorf("with aging in Go there are the candidates\n%s\nin Python\n%s", made[0], made[1])
	}
}

// A strategy in Python leads to the search that its twin in Go makes, however
// often its worker is killed besides.
func TestPythonStrategyIsKilled(t *testing.T) {
	t.Parallel()
	file := agingInPython(t)
	const options = "population: 6, sample: 2, crossover: 0.3"
	python := func() *search { return cells(t, "{use: "+file+", "+options+"}", "40") }
	got := kill(t, "python", python, "engine", "plugin", "both", "worker").digest()
	twin := cells(t, "{use: aging, "+options+"}", "40")
	twin.finish()
	if want := twin.digest(); got != want {
		t.Errorf("the digest in Python is %s, in Go %s", got, want)
	}
}

// cells is a small search for cells, with more arguments.
func cells(t *testing.T, strategy, evaluations string, more ...string) *search {
	t.Helper()
	s := newSearch(t, slices.Concat([]string{"--strategy", strategy, "--set", "limits={evaluations: " + evaluations + "}"}, small, more)...)
	s.what = "mnist1d-cells"
	return s
}

// kill kills searches until four kills met one that was running, and wants the digest
// of the one that nobody disturbed, which it returns.
func kill(t *testing.T, name string, begin func() *search, what ...string) *search {
	t.Helper()
	whole := begin()
	whole.finish()
	want := whole.digest()
	whole.ask("replay", whole.dir)

	r := rng.New(rng.Derive(30, name))
	for kills := 0; kills < 4; {
		s := begin()
		kills += s.disturbed(r, 100*time.Millisecond, 1300*time.Millisecond, anyOf(r, what...))
		if got := s.digest(); got != want {
			t.Fatalf("killed and resumed, its digest is %s, undisturbed %s", got, want)
		}
		s.ask("check", s.dir)
	}
	return whole
}
