package main

import (
	"os"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
	"github.com/nascent-nas/nascent/engine/enginetest/internal/bugs"
	"github.com/nascent-nas/nascent/engine/evolve"
	"github.com/nascent-nas/nascent/plugins/host"
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
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p, err := host.Find(host.KindStrategy, self)
	if err != nil {
		t.Fatal(err)
	}
	logs := t.TempDir()
	return func() engine.Strategy {
		return host.Strategy(p, host.Options{LogDir: logs, Plaintext: true, Env: []string{env + "=" + name}})
	}
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

// The built-in strategies, and a sound one, conform as plugins too.
func TestStrategiesConformInProcesses(t *testing.T) {
	t.Parallel()
	for _, name := range append(evolve.Names(), "none") {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			enginetest.Strategy(t, process(t, name), enginetest.StrategyOptions{Remote: true, Turns: 8})
		})
	}
}
