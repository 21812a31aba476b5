package evolve

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/network"
	"github.com/nascent-nas/nascent/genome/rng"
)

// Promotion that says when to begin, and not how many go on, is by the default of
// spos; in a search from before revision 1 of the rules by that of all others.
func TestPartOfPromotion(t *testing.T) {
	t.Parallel()
	space := genome.MustParseSpace(`{"network": {"input": [1, 8], "classes": 2}, "stack": {
		"cell": {"cell": {"edges": ["none", "skip_connect", "nor_conv_3"], "nodes": 3}}, "channels": 4, "cells": 1, "reductions": 0}}`)
	for _, c := range []struct {
		rules      int
		options    string
		eta, after int
	}{
		{1, `{}`, 20, 100}, {0, `{}`, 20, 100},
		{1, `{"promote": {"after": 50}}`, 20, 50}, {0, `{"promote": {"after": 50}}`, 4, 50},
		{1, `{"promote": true}`, 20, 100}, {0, `{"promote": true}`, 4, 100},
		{1, `{"promote": {"eta": 7}}`, 7, 100}, {0, `{"promote": {"eta": 7}}`, 7, 100},
	} {
		s := &spos{find: New}
		setup := engine.Setup{Space: space.ByRules(c.rules), Options: json.RawMessage(c.options), Fidelities: []engine.Fidelity{{Evaluator: "train"}}}
		if _, _, err := s.Open(t.Context(), setup); err != nil {
			t.Fatal(err)
		}
		if s.promote.eta != c.eta || s.promote.after != c.after || !s.promote.On() {
			t.Errorf("rules %d, %s: eta %d after %d, want %d and %d", c.rules, c.options, s.promote.eta, s.promote.after, c.eta, c.after)
		}
	}
}

// With several objectives scores tell of the first, and of what the network says itself.
func TestScoresOfSeveralObjectives(t *testing.T) {
	t.Parallel()
	space := genome.MustParseSpace(`{"network": {"input": [1, 8], "classes": 2}, "stack": {
		"cell": {"cell": {"edges": ["none", "skip_connect", "nor_conv_3"], "nodes": 3}}, "channels": 4, "cells": 1, "reductions": 0}}`)
	space, err := network.Bind(space)
	if err != nil {
		t.Fatal(err)
	}
	s := &spos{find: New}
	setup := engine.Setup{
		Space: space, Options: json.RawMessage(`{}`), Fidelities: []engine.Fidelity{{Evaluator: "train"}},
		Objectives: []engine.Objective{{Metric: "error", Goal: engine.Minimize}, {Metric: "seconds", Goal: engine.Minimize},
			{Metric: "macs", Goal: engine.Minimize}},
	}
	if _, _, err := s.Open(t.Context(), setup); err != nil {
		t.Fatal(err)
	}
	if got := s.promote.of(0).Objectives; len(got) != 2 || got[1].Metric != "macs" || len(s.promote.of(1).Objectives) != 3 {
		t.Errorf("scores are compared by %v, what was trained by %v", got, s.promote.of(1).Objectives)
	}
	g, err := space.Random(rng.New(1))
	if err != nil {
		t.Fatal(err)
	}
	net, err := network.Read(g)
	if err != nil {
		t.Fatal(err)
	}
	v := sposView{objectives: s.promote.of(0).Objectives}
	got := v.as(&engine.Candidate{Job: engine.Job{ID: 1, Genome: g, Task: engine.Score},
		Result: engine.Result{Status: engine.OK, Metrics: engine.Values{{Name: SharedAccuracy, Value: 0.75}}}})
	if want := (engine.Values{{Name: "error", Value: 0.25}, {Name: "macs", Value: float64(net.Macs())}}); !slices.Equal(got.Metrics, want) {
		t.Errorf("a score is seen as %v, want %v", got.Metrics, want)
	}
}
