package evolve_test

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
	"github.com/nascent-nas/nascent/engine/evolve"
)

// Each cell has the best candidate that fell into it, and more cells have one than
// random search fills, each with a better one.
func TestMapElitesFillsItsGrid(t *testing.T) {
	t.Parallel()
	edges := []float64{500, 1000, 2000, 3000, 4000, 6000, 8000, 12000}
	o, err := json.Marshal(map[string]any{"descriptors": []any{map[string]any{"metric": "parameters", "edges": edges}}})
	if err != nil {
		t.Fatal(err)
	}
	fills := func(name, options string, seed uint64) (cells int, sum float64) {
		led := enginetest.Memory(t)
		cfg := config(t, name, options, enginetest.Landscape{Seed: 4}, seed, 300)
		cfg.Ledger = led
		s, err := engine.Run(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		best := map[int]float64{}
		elites := map[int]engine.ID{}
		for c := range s.Candidates() {
			size, _ := c.Metrics.Get("parameters")
			accuracy, ok := c.Metrics.Get("accuracy")
			if !ok || c.Fidelity != 0 || c.Phase != engine.PhaseSearch {
				continue
			}
			cell := 0
			for cell < len(edges) && size >= edges[cell] {
				cell++
			}
			if old, there := best[cell]; !there || accuracy > old {
				best[cell], elites[cell] = accuracy, c.ID
			}
		}
		if name == "mapelites" {
			raw, err := led.State(engine.PartSearch)
			if err != nil {
				t.Fatal(err)
			}
			var st struct {
				Cells  []int
				Elites []engine.ID
			}
			if err := json.Unmarshal(raw, &st); err != nil {
				t.Fatal(err)
			}
			for i, cell := range st.Cells {
				if st.Elites[i] != elites[cell] {
					t.Errorf("the elite of cell %d is %s, and the best there was %s", cell, st.Elites[i], elites[cell])
				}
			}
			if len(st.Cells) != len(best) {
				t.Errorf("it keeps %d cells of %d", len(st.Cells), len(best))
			}
		}
		for _, x := range best {
			sum += x
		}
		return len(best), sum
	}
	won := 0
	for seed := range uint64(5) {
		cells, sum := fills("mapelites", string(o), seed)
		others, theirs := fills("random", `{}`, seed)
		if cells >= others && sum > theirs {
			won++
		}
	}
	if won < 4 {
		t.Errorf("better than random search with %d of 5 seeds", won)
	}
}

func TestMapElitesConforms(t *testing.T) {
	t.Parallel()
	for _, o := range []string{
		`{"descriptors": [{"metric": "parameters", "edges": [1000, 4000]}]}`,
		`{"descriptors": [{"metric": "parameters", "edges": [2000]}, {"metric": "loss", "edges": [0.2, 0.5]}], "initial": 4, "crossover": 0.5,
			"promote": {"eta": 2, "after": 4}}`,
	} {
		t.Run(o, func(t *testing.T) {
			t.Parallel()
			enginetest.Strategy(t, func() engine.Strategy { return strategy(t, "mapelites") }, enginetest.StrategyOptions{
				Options: json.RawMessage(o),
				Refused: []json.RawMessage{json.RawMessage(`{}`), json.RawMessage(`{"descriptors": [{"metric": "parameters", "edges": [2, 1]}]}`)},
			})
		})
	}
}

// What spans no grid is refused, with the place and the remedy.
func TestMapElitesRefuses(t *testing.T) {
	t.Parallel()
	for options, want := range map[string]string{
		`{}`: "descriptors: there are none",
		`{"descriptors": [{"metric": "latency", "edges": [1]}]}`:                                                                        "latency is measured",
		`{"descriptors": [{"metric": "parameter", "edges": [1]}]}`:                                                                      "descriptors[0].metric: no evaluator declares a metric \"parameter\"; write parameters",
		`{"descriptors": [{"metric": "parameters", "edges": []}]}`:                                                                      "descriptors[0].edges: there are none",
		`{"descriptors": [{"metric": "parameters", "edges": [3, 3]}]}`:                                                                  "3 follows 3",
		`{"descriptors": [{"metric": "parameters", "bins": 3}]}`:                                                                        "bins",
		`{"descriptors": [{"metric": "loss", "edges": [` + oneTo(400) + `]}, {"metric": "parameters", "edges": [` + oneTo(400) + `]}]}`: "more than 100000 cells",
		`{"descriptors": [{"metric": "loss", "edges": [1]}, {"metric": "loss", "edges": [2]}]}`:                                         "descriptors[1].metric: loss stands in descriptors[0] already; put all edges there",
	} {
		s, err := evolve.New("mapelites")
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = s.Open(t.Context(), engine.Setup{Space: space, Metrics: append(enginetest.Landscape{}.Metrics(),
			engine.Metric{Name: "latency", Measured: true}), Options: json.RawMessage(options),
			Objectives: []engine.Objective{{Metric: "accuracy", Goal: engine.Maximize}}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", options, err, want)
		}
	}
}

// oneTo lists the numbers from 1 to n.
func oneTo(n int) string {
	var all []string
	for i := range n {
		all = append(all, strconv.Itoa(i+1))
	}
	return strings.Join(all, ", ")
}
