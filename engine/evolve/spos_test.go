package evolve

import (
	"encoding/json"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/genome"
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
