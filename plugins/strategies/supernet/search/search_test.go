package search

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
	"github.com/nascent-nas/nascent/engine/evolve"
	"github.com/nascent-nas/nascent/genome/network"
	"github.com/nascent-nas/nascent/genome/network/networktest"
	"github.com/nascent-nas/nascent/genome/rng"
	"github.com/nascent-nas/nascent/plugins/supernet/orders"
)

const edgeCells = `{"network": {"input": [1, 40], "classes": 10}, "stack": {"cell": {"cell": {"edges": ["none", "skip_connect", "nor_conv_3", "max_pool_3"], "nodes": 4}},
	"channels": 3, "cells": 3, "reductions": 1}}`

const pairCells = `{"network": {"input": [1, 40], "classes": 10}, "define": {"cell": {"cell": {"pairs": ["skip_connect", "nor_conv_3", "max_pool_3"], "nodes": 2, "distinct": true}}},
	"stack": {"normal": {"use": "cell"}, "reduction": {"use": "cell"}, "channels": 4, "cells": 3, "reductions": 1}}`

// pretend is what comes of a job for shared weights: alphas move towards the last
// option of each choice, and scores are a function of the genome.
func pretend(j *engine.Job) engine.Result {
	r := engine.Result{Status: engine.OK, Seconds: 1}
	if j.Task == engine.Score {
		h := j.Genome.Hash()
		x := float64(h[0]) / 256
		r.Metrics = engine.Values{{Name: orders.SharedAccuracy, Value: x}, {Name: orders.SharedLoss, Value: 1 - x}}
		return r
	}
	var o orders.Order
	if err := orders.Read(j.Input, &o); err != nil {
		return engine.Result{Status: engine.Failed, Reason: err.Error()}
	}
	r.Metrics = engine.Values{{Name: orders.SupernetLoss, Value: 1 / (1 + o.Epoch)}}
	if !o.Alphas.IsZero() {
		a := o.Alphas
		if !o.Frozen {
			for _, row := range a.Logits {
				row[len(row)-1] += 0.1
			}
		}
		a.Steps++
		out, err := orders.Write(orders.Answer{Alphas: a})
		if err != nil {
			return engine.Result{Status: engine.Failed, Reason: err.Error()}
		}
		r.Output = out
	}
	return r
}

// short options make every phase fit into a few turns.
var short = map[string]string{
	"darts": `{"epochs": 3}`,
	"gdas":  `{"epochs": 4, "epochs_a_job": 2, "against": "early_stop"}`,
	"enas":  `{"epochs": 2, "epochs_a_job": 1, "paths": 5, "updates": 2, "batch": 4, "finalists": 8, "hidden": 5}`,
	"spos":  `{"epochs": 2, "epochs_a_job": 1, "search": {"use": "aging", "population": 5, "sample": 2}, "promote": {"eta": 3, "after": 4}}`,
}

func strategy(t testing.TB, method string) engine.Strategy {
	t.Helper()
	s, err := New(method)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestConformance(t *testing.T) {
	t.Parallel()
	for _, method := range Names() {
		for name, declaration := range map[string]string{"edges": edgeCells, "pairs": pairCells} {
			t.Run(method+" "+name, func(t *testing.T) {
				t.Parallel()
				enginetest.Strategy(t, func() engine.Strategy { return strategy(t, method) }, enginetest.StrategyOptions{
					Options: json.RawMessage(short[method]), Answer: pretend,
					Setup: func(s *engine.Setup) { s.Space, s.Start = networktest.Space(t, declaration), nil },
					Refused: []json.RawMessage{
						json.RawMessage(`{"epoch": 3}`), json.RawMessage(`{"epochs": 0}`), json.RawMessage(`{"epochs": "many"}`), json.RawMessage(`{"method": "magic"}`),
					},
				})
			})
		}
	}
}

// run runs a search by a method over pretended shared weights and a landscape.
func run(t *testing.T, method, options string, evaluations int, change func(*engine.Config)) []engine.Candidate {
	t.Helper()
	land := enginetest.Landscape{Seed: 4, Noise: 0.01}
	cfg := engine.Config{
		Space: networktest.Space(t, edgeCells), Strategy: strategy(t, method), StrategyName: method, StrategyOptions: json.RawMessage(options),
		Evaluators: map[string]engine.EvaluatorRef{"land": {Evaluator: land.Instant()}, "weights": {Evaluator: pretender{}}},
		Fidelities: []engine.Fidelity{{Evaluator: "land"}}, Limits: engine.Limits{Evaluations: evaluations}, Seed: 3,
		Final: engine.Final{Skip: true}, Failures: engine.FailurePolicy{Attempts: 1}, Ledger: enginetest.Memory(t),
	}
	if change != nil {
		change(&cfg)
	}
	s, err := engine.Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := engine.Replay(t.Context(), func(engine.StrategyEvent) (engine.Strategy, error) { return strategy(t, method), nil }, cfg.Ledger, nil); err != nil {
		t.Error(err)
	}
	return slices.Collect(s.Candidates())
}

// tasks writes the tasks of candidates, one letter each.
func tasks(cs []engine.Candidate) string {
	var b strings.Builder
	for _, c := range cs {
		b.WriteString(map[engine.Task]string{engine.Supernet: "n", engine.Score: "s", engine.Train: "t"}[c.Task])
	}
	return b.String()
}

func TestPhases(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ method, options, want string }{
		{"darts", `{"epochs": 3, "derive": 4}`, "nnntttt"},
		{"darts", `{"epochs": 3, "epochs_a_job": 2, "derive": 2}`, "nntt"},
		{"gdas", `{"epochs": 2, "derive": 3}`, "nnttt"},
		{"enas", `{"epochs": 2, "epochs_a_job": 1, "updates": 1, "batch": 3, "finalists": 4, "derive": 2, "hidden": 4}`, "nsssnssssssstt"},
		{"enas", `{"epochs": 1, "epochs_a_job": 1, "updates": 0, "batch": 8, "finalists": 4, "derive": 1, "hidden": 4}`, "nsssst"},
	} {
		if got := tasks(run(t, c.method, c.options, 100, nil)); got != c.want {
			t.Errorf("%s %s: tasks %s, want %s", c.method, c.options, got, c.want)
		}
	}
}

// The jobs of a supernet go on from each other, and all derived cells differ.
func TestChain(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"darts", "gdas"} {
		cs := run(t, method, `{"epochs": 4, "derive": 12}`, 100, nil)
		seen := map[string]bool{}
		for i, c := range cs {
			switch {
			case c.Task == engine.Supernet && i > 0 && c.Resume != cs[i-1].ID, c.Task == engine.Supernet && c.Budget != 1:
				t.Errorf("%s: candidate %s goes on from %s for %v epochs", method, c.ID, c.Resume, c.Budget)
			case c.Task == engine.Train && seen[c.Genome.Text()]:
				t.Errorf("%s: %s is derived twice", method, c.Genome.Text())
			case c.Task == engine.Train:
				seen[c.Genome.Text()] = true
			}
		}
		// The pretended evaluator favours the last option everywhere.
		const best = "stack=(cell=|max_pool_3~0|+|max_pool_3~0|max_pool_3~1|+|max_pool_3~0|max_pool_3~1|max_pool_3~2|)"
		if got := cs[4].Genome.Text(); got != best {
			t.Errorf("%s derives %s first, want the arg max %s", method, got, best)
		}
		frozen := run(t, method, `{"epochs": 4, "derive": 1, "frozen": true}`, 100, nil)
		if got := frozen[4].Genome.Text(); got == best {
			t.Errorf("%s learns although its alphas are frozen", method)
		}
	}
}

// Where no cell is left, the search ends.
func TestNothingLeft(t *testing.T) {
	t.Parallel()
	few := strings.Replace(edgeCells, `"nodes": 4`, `"nodes": 2`, 1)
	for _, method := range []string{"darts", "gdas", "enas"} {
		options := `{"epochs": 1}`
		if method == "enas" {
			options = `{"epochs": 1, "epochs_a_job": 1, "updates": 1, "batch": 2, "finalists": 2, "hidden": 4}`
		}
		cs := run(t, method, options, 500, func(c *engine.Config) { c.Space = networktest.Space(t, few) })
		trained := 0
		for _, c := range cs {
			if c.Task == engine.Train {
				trained++
			}
		}
		if trained < 3 || trained > 4 {
			t.Errorf("%s trains %d of 4 cells", method, trained)
		}
	}
}

// Single-path one-shot lets a strategy search with scores, and trains the best.
func TestSinglePath(t *testing.T) {
	t.Parallel()
	for _, inner := range []string{"aging", "genetic", "random"} {
		options := `{"epochs": 2, "epochs_a_job": 1, "search": "` + inner + `", "promote": {"eta": 5, "after": 10}}`
		cs := run(t, "spos", options, 150, nil)
		score := map[engine.ID]float64{}
		counts := map[engine.Task]int{}
		seen := map[string]bool{}
		var promoted, all []float64
		for _, c := range cs {
			counts[c.Task]++
			switch c.Task {
			case engine.Score:
				score[c.ID], _ = c.Metrics.Get(orders.SharedAccuracy)
				all = append(all, score[c.ID])
				if text := c.Genome.Text(); seen[text] {
					t.Errorf("%s: %s is scored twice", inner, text)
				} else {
					seen[text] = true
				}
				if c.Inherit != 2 {
					t.Fatalf("candidate %s is scored with the weights of %s", c.ID, c.Inherit)
				}
			case engine.Train:
				if c.Operator != engine.OpSame || c.Fidelity != 0 || c.Resume != 0 {
					t.Fatalf("candidate %s is trained as %+v", c.ID, c.Job)
				}
				promoted = append(promoted, score[c.Parents[0]])
			}
		}
		if counts[engine.Supernet] != 2 || counts[engine.Score] < 100 || counts[engine.Train] < 15 {
			t.Errorf("%s: %v", inner, counts)
		}
		mean := func(xs []float64) (m float64) {
			for _, x := range xs {
				m += x / float64(len(xs))
			}
			return m
		}
		if mean(promoted) < mean(all)+0.05 {
			t.Errorf("%s: what is trained scored %.2f, all %.2f", inner, mean(promoted), mean(all))
		}
	}
}

// What cannot search with scores is refused.
func TestSinglePathRefuses(t *testing.T) {
	t.Parallel()
	for search, want := range map[string]string{
		`{"use": "aging", "popluation": 3}`:  "popluation",
		`{"use": "aging", "promote": false}`: "write promote beside search",
		`{"population": 3}`:                  "say which strategy",
		`5`:                                  "neither a strategy's name nor",
		`"nothing"`:                          "nothing",
		`"darts"`:                            "darts trains shared weights itself",
	} {
		find := func(use string) (engine.Strategy, error) {
			if use == "darts" {
				return New(use)
			}
			return evolve.New(use)
		}
		setup := engine.Setup{Space: networktest.Space(t, edgeCells), Options: json.RawMessage(`{"search": ` + search + `}`), Fidelities: []engine.Fidelity{{Evaluator: "land"}}}
		s, err := evolve.NewWith("spos", find)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.Open(t.Context(), setup); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("search %s: %v", search, err)
		}
	}
}

// A search that is interrupted again and again is the same.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	for _, method := range Names() {
		var digests []string
		for _, stops := range [][]int{{60}, {1, 2, 5, 13, 31, 60}} {
			led := enginetest.Memory(t)
			for _, n := range stops {
				run(t, method, short[method], n, func(c *engine.Config) { c.Ledger = led })
			}
			d, err := engine.Digest(led, -1)
			if err != nil {
				t.Fatal(err)
			}
			digests = append(digests, d)
		}
		if digests[0] != digests[1] {
			t.Errorf("%s: interrupted, the search has another digest", method)
		}
	}
}

// Early stopping by the rules of DARTS+.
func TestEarlyStop(t *testing.T) {
	t.Parallel()
	cs := run(t, "darts", `{"epochs": 40, "derive": 1, "against": "early_stop"}`, 100, nil)
	if got := tasks(cs); got != strings.Repeat("n", 11)+"t" { // the ranking is the pretender's from the first job on
		t.Errorf("tasks %s", got)
	}
	n, err := network.ReadSupernet(networktest.Space(t, edgeCells))
	if err != nil {
		t.Fatal(err)
	}
	s := &differentiable{net: n}
	st := &alphaState{Alphas: fresh(n, 1)}
	for i := range st.Alphas.Logits {
		st.Alphas.Logits[i][2] = 1
	}
	st.Alphas.Logits[0][1] = 2
	if why := s.collapsing(st); why != "" {
		t.Errorf("one skip: %s", why)
	}
	st.Alphas.Logits[4][1] = 2
	if why := s.collapsing(st); why != skipping {
		t.Errorf("two skips: %q", why)
	}
	share, mass := skips(n, st.Alphas.Logits)
	if math.Abs(share-2.0/6) > 1e-12 || mass < 0.1 || mass > 0.5 {
		t.Errorf("skips are %v of the cell and %v of softmax", share, mass)
	}
}

// Derivation by worked examples.
func TestDerive(t *testing.T) {
	t.Parallel()
	edges, err := network.ReadSupernet(networktest.Space(t, edgeCells))
	if err != nil {
		t.Fatal(err)
	}
	a := fresh(edges, 1)
	for i := range a.Logits {
		a.Logits[i] = []float64{9, 0, float64(i), 3} // none is the largest and does not take part
	}
	g, err := stands(edges, a.Logits)
	if want := "stack=(cell=|max_pool_3~0|+|max_pool_3~0|max_pool_3~1|+|nor_conv_3~0|nor_conv_3~1|nor_conv_3~2|)"; err != nil || g.Text() != want {
		t.Errorf("derived %s, want %s: %v", g.Text(), want, err)
	}
	pairs, err := network.ReadSupernet(networktest.Space(t, pairCells))
	if err != nil {
		t.Fatal(err)
	}
	b := fresh(pairs, 1)
	for i, c := range pairs.Choices {
		b.Logits[i] = []float64{0, 0, 0}
		if c.Node == 1 && c.Source != 1 { // the two sources of node 1 that are sure of themselves
			b.Logits[i][1+c.Source/2] = 5
		}
	}
	g, err = stands(pairs, b.Logits)
	if err != nil || !strings.Contains(g.Text(), "+|max_pool_3~2|nor_conv_3~0|") {
		t.Errorf("derived %s: %v", g.Text(), err)
	}
	// Draws follow the softmax.
	r := rng.New(5)
	count := 0
	for range 2000 {
		path := derive(edges, [][]float64{{0, 0, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}, {9, 0, math.Log(2), 0}},
			func(w []float64) int { return r.Weighted(w) })
		if path[5][0] == 2 {
			count++
		}
	}
	if count < 900 || count > 1100 {
		t.Errorf("an operation of half the weight is drawn %d times of 2000", count)
	}
}
