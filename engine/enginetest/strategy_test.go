package enginetest_test

import (
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
	"github.com/nascent-nas/nascent/engine/enginetest/bugs"
)

// faulty makes strategies with a fault.
func faulty(t *testing.T, fault string) func() engine.Strategy {
	return func() engine.Strategy {
		s, err := bugs.New(fault)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
}

func TestSoundStrategyPasses(t *testing.T) {
	enginetest.Strategy(t, faulty(t, "none"), enginetest.StrategyOptions{})
}

// Not parallel with one another: some of the planted faults are variables that
// all instances share.
func TestSuiteFindsPlantedFaults(t *testing.T) {
	for _, fault := range append(bugs.Impure(), bugs.Others()...) {
		t.Run(fault, func(t *testing.T) {
			found := enginetest.Record(t, func(r enginetest.T) {
				enginetest.Strategy(r, faulty(t, fault), enginetest.StrategyOptions{Turns: 8})
			})
			if len(found) == 0 {
				t.Fatal("the suite passes a strategy with this fault")
			}
			for _, line := range found {
				if strings.Contains(line, "\n") {
					t.Errorf("a report of several lines: %q", line)
				}
			}
			t.Log(found[0])
		})
	}
}
