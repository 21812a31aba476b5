package evolve_test

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
)

func TestASHAConforms(t *testing.T) {
	t.Parallel()
	for _, o := range []string{
		`{}`, `{"eta": 2, "search": "random"}`, `{"eta": 3, "search": {"use": "genetic", "population": 4}}`,
	} {
		t.Run(o, func(t *testing.T) {
			t.Parallel()
			enginetest.Strategy(t, func() engine.Strategy { return strategy(t, "asha") }, enginetest.StrategyOptions{
				Options: json.RawMessage(o),
				Refused: []json.RawMessage{
					json.RawMessage(`{"eta": 1}`), json.RawMessage(`{"search": "nobody"}`), json.RawMessage(`{"search": "asha"}`), json.RawMessage(`{"search": {"use": "aging", "promote": {"eta": 2}}}`),
				},
			})
		})
	}
}

// Whoever went on belonged to the best 1/eta of its rung when it did, nobody went on
// twice, and in the end everybody has gone on who belongs to them.
func TestASHAPromotesTheBest(t *testing.T) {
	t.Parallel()
	const eta = 3
	for _, objectives := range [][]engine.Objective{
		{{Metric: "accuracy", Goal: engine.Maximize}},
		{{Metric: "loss", Goal: engine.Minimize}, {Metric: "parameters", Goal: engine.Minimize}},
	} {
		cfg := config(t, "asha", `{"eta": 3, "search": "random"}`, enginetest.Landscape{Seed: 3, Noise: 0.1, Invalid: 0.1}, 9, 400)
		cfg.Window, cfg.Workers, cfg.Objectives = 1, 1, objectives
		land := enginetest.Landscape{Seed: 3, Noise: 0.1, Invalid: 0.1}.Instant()
		cfg.Evaluators = map[string]engine.EvaluatorRef{"land": {Evaluator: land}}
		cfg.Fidelities = []engine.Fidelity{{Evaluator: "land", Budget: 1}, {Evaluator: "land", Budget: 3}, {Evaluator: "land", Budget: 9}}
		s, err := engine.Run(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		setup := engine.Setup{Space: space, Objectives: objectives}
		rungs := make([][]*engine.Candidate, 3)
		went := [2]map[engine.ID]bool{{}, {}}
		for c := range s.Candidates() {
			if c.Phase != engine.PhaseSearch {
				continue
			}
			if c.Fidelity > 0 {
				rung, id := c.Fidelity-1, c.Parents[0]
				ranked := setup.Ranking().Rank(rungs[rung]...).List()
				at := slices.IndexFunc(ranked, func(x *engine.Candidate) bool { return x.ID == id })
				if at < 0 || at >= len(ranked)/eta {
					t.Errorf("candidate %s goes on as number %d of %d", id, at, len(ranked))
				}
				if went[rung][id] {
					t.Errorf("candidate %s goes on twice", id)
				}
				if went[rung][id] = true; c.Resume != id {
					t.Errorf("candidate %s goes on from %s, want %s", c.ID, c.Resume, id)
				}
			}
			if c.Status == engine.OK && c.Reuse == 0 {
				rungs[c.Fidelity] = append(rungs[c.Fidelity], &c)
			}
		}
		for rung := range went {
			ranked := setup.Ranking().Rank(rungs[rung]...).List()
			late := 0
			for _, c := range ranked[:len(ranked)/eta] {
				if !went[rung][c.ID] {
					late++
				}
			}
			if late > 1 || len(went[rung]) < len(ranked)/eta {
				t.Errorf("%d objectives: of %d at fidelity %d %d went on, and %d of the best did not", len(objectives), len(ranked),
					rung, len(went[rung]), late)
			}
		}
		if n := cmp.Compare(len(rungs[1]), len(rungs[2])); n <= 0 || len(rungs[2]) == 0 {
			t.Errorf("%d at fidelity 1, %d at fidelity 2", len(rungs[1]), len(rungs[2]))
		}
	}
}

// Without cheaper fidelities it says that it is only what searches within it.
func TestASHASaysThatItIsAlone(t *testing.T) {
	t.Parallel()
	for fidelities, want := range map[int]string{0: "this is genetic alone", 1: "this is genetic alone", 2: ""} {
		setup := engine.Setup{Space: space, Options: json.RawMessage(`{"search": "genetic"}`), Fidelities: twoFidelities[:fidelities]}
		_, needs, err := strategy(t, "asha").Open(t.Context(), setup)
		if err != nil || !strings.Contains(needs.Remark, want) || (needs.Remark == "") != (want == "") {
			t.Errorf("%d fidelities: %q, %v; want %q", fidelities, needs.Remark, err, want)
		}
		setup.Options = json.RawMessage(`{"search": {"use": "asha", "search": "genetic"}}`)
		if _, needs, err = strategy(t, "islands").Open(t.Context(), setup); err != nil || !strings.Contains(needs.Remark, want) {
			t.Errorf("%d fidelities on islands: %q, %v; want %q", fidelities, needs.Remark, err, want)
		}
	}
}
