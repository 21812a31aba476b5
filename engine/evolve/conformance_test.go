package evolve_test

import (
	"encoding/json"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
	"github.com/nascent-nas/nascent/engine/evolve"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	for name, options := range map[string][]string{
		"aging": {`{}`, `{"population": 4, "sample": 2, "crossover": 0.5, "promote": {"eta": 2, "after": 4}}`, `{"promote": false, "initial": 3, "population": 6}`},
		"genetic": {
			`{}`, `{"population": 5, "selection": "truncation", "truncation": 0.4, "promote": {"eta": 1, "after": 0}}`,
			`{"population": 6, "selection": "roulette", "elite": 0, "promote": {"eta": 2, "after": 3}}`,
			`{"population": 6, "selection": "rank", "pressure": 2, "mutation": 0.2, "crossover": 1, "elite": 5}`,
		},
		"guided": {`{"candidates": 20, "fit": 10}`, `{"initial": 4, "candidates": 20, "rounds": 1, "active": 12, "fit": 5, "share": 0.3}`, `{"promote": false, "fit": 0, "candidates": 10, "rounds": 1}`},
		"local":  {`{}`, `{"initial": 2, "move": "best", "promote": {"eta": 2, "after": 3}}`},
		"nsga3":  {`{}`, `{"population": 6, "replacement": "generational", "promote": {"eta": 2, "after": 4}}`},
		"nsga2": {
			`{}`, `{"population": 4, "replacement": "generational", "promote": {"eta": 2, "after": 4}}`,
			`{"population": 6, "crossover": 1, "mutation": 0.3, "promote": false}`, `{"population": 5, "replacement": "generational"}`,
		},
		"random": {`{}`, `{"promote": {"eta": 3, "after": 0}}`},
	} {
		for _, o := range options {
			t.Run(name+" "+o, func(t *testing.T) {
				t.Parallel()
				enginetest.Strategy(t, func() engine.Strategy { return strategy(t, name) }, enginetest.StrategyOptions{
					Options: json.RawMessage(o),
					Refused: []json.RawMessage{
						json.RawMessage(`{"popluation": 3}`), json.RawMessage(`[]`), json.RawMessage(`{"promote": 3}`), json.RawMessage(`{"promote": {"et": 3}}`),
					},
				})
			})
		}
	}
}

func strategy(t testing.TB, name string) engine.Strategy {
	t.Helper()
	s, err := evolve.New(name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
