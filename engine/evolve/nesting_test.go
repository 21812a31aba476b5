package evolve_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
)

// nested lists the strategies that search with others, one within the other in each
// order, around strategies that promote by themselves or leave it to others.
func nested() (out []string) {
	around := map[string]string{
		"islands": `{%s"islands": 2, "every": 3, "search": %s}`,
		"repeats": `{%s"after": 4, "share": 0.3, "search": %s}`,
		"asha":    `{%s"eta": 2, "search": %s}`,
	}
	var wrap func(chain []string, inner string)
	wrap = func(chain []string, inner string) {
		if len(chain) > 1 {
			out = append(out, chain[0]+" "+fmt.Sprintf(around[chain[0]], "", inner))
		}
		for _, name := range []string{"islands", "repeats", "asha"} {
			if !slices.Contains(chain, name) {
				within := inner
				if len(chain) > 0 {
					within = fmt.Sprintf(around[chain[0]], fmt.Sprintf(`"use": %q, `, chain[0]), inner)
				}
				wrap(append([]string{name}, chain...), within)
			}
		}
	}
	wrap(nil, `{"use": "aging", "population": 4, "sample": 2}`)
	for _, inner := range []string{
		`{"use": "aging", "population": 4, "sample": 2, "crossover": 0.5, "promote": {"eta": 2, "after": 2}}`,
		`{"use": "genetic", "population": 3, "promote": {"eta": 2, "after": 2}}`,
		`{"use": "nsga2", "population": 4, "replacement": "generational", "promote": {"eta": 2, "after": 2}}`,
	} {
		repeats := fmt.Sprintf(around["repeats"], `"use": "repeats", `, inner)
		out = append(out, "islands "+fmt.Sprintf(around["islands"], "", repeats), "repeats "+fmt.Sprintf(around["repeats"], "", inner))
	}
	return out
}

// Strategies keep the contract however they search with one another.
func TestNestedStrategiesConform(t *testing.T) {
	t.Parallel()
	for _, o := range nested() {
		t.Run(o, func(t *testing.T) {
			t.Parallel()
			name, options, _ := strings.Cut(o, " ")
			enginetest.Strategy(t, func() engine.Strategy { return strategy(t, name) }, enginetest.StrategyOptions{
				Options: json.RawMessage(options), Turns: 10, Refused: []json.RawMessage{json.RawMessage(`{"search": {"use": "aging", "popu": 3}}`)},
			})
		})
	}
}

// They come to the end of a search with noise, of one fidelity and of two, and find what they
// proposed in the History that they are shown.
func TestNestedStrategiesSearch(t *testing.T) {
	t.Parallel()
	for _, o := range nested() {
		t.Run(o, func(t *testing.T) {
			t.Parallel()
			name, options, _ := strings.Cut(o, " ")
			for _, fidelities := range [][]engine.Fidelity{nil, twoFidelities} {
				cfg := config(t, name, options, enginetest.Landscape{Seed: 3, Noise: 0.05, Invalid: 0.1, Failed: 0.05}, 5, 120)
				cfg.Fidelities = fidelities
				if n := len(candidates(run(t, cfg))); n != 120 {
					t.Errorf("of %d fidelities the search ends after %d", max(1, len(fidelities)), n)
				}
			}
		})
	}
}
