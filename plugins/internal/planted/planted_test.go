package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
	"github.com/nascent-nas/nascent/engine/enginetest/bugs"
	"github.com/nascent-nas/nascent/engine/evolve"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/plugins/host"
	"github.com/nascent-nas/nascent/plugins/sdk"
)

// The test's own executable is the plugin when it is told what to serve.
func TestMain(m *testing.M) {
	if os.Getenv(env) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// process makes strategies that run in plugin processes of their own.
func process(t *testing.T, name string) func() engine.Strategy {
	t.Helper()
	p, o := plugin(t, host.KindStrategy, name)
	return func() engine.Strategy { return host.Strategy(p, o) }
}

// plugin is the test's own executable as a plugin that serves name.
func plugin(t *testing.T, kind host.Kind, name string) (host.Plugin, host.Options) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p, err := host.Find(kind, self)
	if err != nil {
		t.Fatal(err)
	}
	return p, host.Options{LogDir: t.TempDir(), Plaintext: true, Env: []string{env + "=" + name}}
}

// The suite finds every impurity that a process can hide.
func TestSuiteFindsPlantedFaultsInProcesses(t *testing.T) {
	t.Parallel()
	for _, fault := range append(bugs.Impure(), "too many", "failed parent", "limits") {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			found := enginetest.Record(t, func(r enginetest.T) {
				enginetest.Strategy(r, process(t, fault), enginetest.StrategyOptions{Remote: true, Turns: 8})
			})
			if len(found) == 0 {
				t.Fatal("the suite passes a strategy with this fault")
			}
			for _, line := range found {
				if !strings.Contains(line, "turn ") || strings.Contains(line, "\n") {
					t.Errorf("not a report about a turn: %s", line)
				}
			}
		})
	}
}

// brief are options of strategies that think long, to think less.
var brief = map[string]json.RawMessage{"guided": json.RawMessage(`{"initial": 8, "candidates": 20, "rounds": 1}`)}

// The built-in strategies conform as plugins too.
func TestStrategiesConformInProcesses(t *testing.T) {
	t.Parallel()
	for _, name := range evolve.General() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			enginetest.Strategy(t, process(t, name), enginetest.StrategyOptions{Remote: true, Turns: 8, Options: brief[name]})
		})
	}
}

// A search is the same whether its strategy is in this process or in another.
func TestSameSearchInProcesses(t *testing.T) {
	t.Parallel()
	for _, name := range evolve.General() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			digest := func(s engine.Strategy) string {
				led := enginetest.Memory(t)
				_, err := engine.Run(t.Context(), engine.Config{
					Space: genome.MustParseSpace(enginetest.Conditionals), Strategy: s, StrategyName: name, StrategyOptions: brief[name],
					Ledger: led, Seed: 5, Workers: 2,
					Evaluators: map[string]engine.EvaluatorRef{"land": {Evaluator: enginetest.Landscape{Noise: 0.1, Invalid: 0.1}.Instant()}},
					Fidelities: []engine.Fidelity{{Evaluator: "land", Budget: 1}, {Evaluator: "land", Budget: 4}},
					Limits:     engine.Limits{Evaluations: 120},
				})
				if err != nil {
					t.Fatal(err)
				}
				d, err := engine.Digest(led, -1)
				if err != nil {
					t.Fatal(err)
				}
				return d
			}
			here, err := evolve.New(name)
			if err != nil {
				t.Fatal(err)
			}
			there := process(t, name)().(*host.StrategyPlugin)
			defer there.Close(t.Context())
			if a, b := digest(here), digest(there); a != b {
				t.Errorf("digest %s here and %s in another process", a, b)
			}
		})
	}
}

// evaluatorOptions is what the suite needs to know of the landscape's plugin.
func evaluatorOptions(t *testing.T) enginetest.EvaluatorOptions {
	t.Helper()
	space := genome.MustParseSpace(enginetest.Numbers)
	bad, err := space.Parse("x=1 y=0.01 n=0 b=no")
	if err != nil {
		t.Fatal(err)
	}
	return enginetest.EvaluatorOptions{
		Space: space, Invalid: []genome.Genome{bad},
		SlowOptions: json.RawMessage(`{"slow": true}`), Refused: []json.RawMessage{json.RawMessage(`{"slwo": true}`)},
	}
}

// An evaluator of the SDK conforms in this process and in others, with one job
// to a process and with several.
func TestEvaluatorConforms(t *testing.T) {
	t.Parallel()
	t.Run("in process", func(t *testing.T) {
		t.Parallel()
		enginetest.Evaluator(t, func() engine.Evaluator { return sdk.InProcess(*landscape(2, "")) }, evaluatorOptions(t))
	})
	for _, name := range []string{"landscape", "landscape, one at once"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, o := plugin(t, host.KindEvaluator, name)
			enginetest.Evaluator(t, func() engine.Evaluator { return host.Evaluator(p, o) }, evaluatorOptions(t))
		})
	}
}

func TestSuiteFindsAnEvaluatorThatCounts(t *testing.T) {
	t.Parallel()
	p, o := plugin(t, host.KindEvaluator, "landscape, counter")
	found := enginetest.Record(t, func(r enginetest.T) {
		enginetest.Evaluator(r, func() engine.Evaluator { return host.Evaluator(p, o) }, evaluatorOptions(t))
	})
	if len(found) == 0 || !strings.Contains(found[0], "another result") {
		t.Fatalf("the suite reports %q", found)
	}
}

// The strategy in docs/strategies.md, as it stands there, is a sound plugin.
func TestDocumentedStrategy(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../../docs/strategies.md")
	if err != nil {
		t.Fatal(err)
	}
	_, source, found := strings.Cut(string(page), "```go\npackage main\n")
	source, _, ended := strings.Cut(source, "```")
	if !found || !ended {
		t.Fatal("docs/strategies.md has no Go program")
	}
	file := filepath.Join(t.TempDir(), "climber.go")
	if err := os.WriteFile(file, []byte("package main\n"+source), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := host.Find(host.KindStrategy, file)
	if err != nil {
		t.Fatal(err)
	}
	o := host.Options{LogDir: t.TempDir(), Plaintext: true}
	enginetest.Strategy(t, func() engine.Strategy { return host.Strategy(p, o) }, enginetest.StrategyOptions{
		Remote: true, Turns: 6, Refused: []json.RawMessage{},
	})
}
