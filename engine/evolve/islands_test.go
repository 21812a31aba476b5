package evolve_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
	"github.com/nascent-nas/nascent/engine/evolve"
)

func TestIslandsConform(t *testing.T) {
	t.Parallel()
	for _, o := range []string{
		`{"islands": 3, "search": [{"use": "aging", "population": 4, "sample": 2, "promote": {"eta": 2, "after": 2}}, {"use": "genetic", "population": 3}],
			"every": 4, "migrants": 2}`,
		`{"islands": 2, "search": "random", "migrants": 0}`,
		`{"islands": 1, "search": {"use": "genetic", "population": 4}, "every": 1}`,
	} {
		t.Run(o, func(t *testing.T) {
			t.Parallel()
			refused := []json.RawMessage{
				json.RawMessage(`{"search": "nobody"}`), json.RawMessage(`{"search": []}`), json.RawMessage(`{"search": {"use": "aging", "popu": 3}}`),
				json.RawMessage(`{"every": 2, "migrants": 3}`), json.RawMessage(`{"islands": 0}`),
				json.RawMessage(`{"search": {"use": "islands"}}`),
			}
			enginetest.Strategy(t, func() engine.Strategy { return strategy(t, "islands") },
				enginetest.StrategyOptions{Options: json.RawMessage(o), Refused: refused})
		})
	}
}

// spy is an inner strategy that looks at what an island shows it.
type spy struct {
	*testing.T
	first   engine.ID
	own     map[engine.ID]bool // that it proposed
	back    map[engine.ID]bool // and saw come back
	foreign []engine.ID
	goOn    bool // what is well goes on at fidelity 1
}

func (s *spy) Open(context.Context, engine.Setup) ([]byte, engine.Needs, error) {
	return []byte("{}"), engine.Needs{History: engine.NeedMetrics}, nil
}

func (s *spy) Step(_ context.Context, state []byte, turn engine.Turn) (engine.Decision, error) {
	if s.first == 0 {
		s.first = turn.FirstID
	}
	for i, c := range turn.Results {
		if at := turn.History.At(turn.History.Len() - len(turn.Results) + i); at.ID != c.ID {
			s.Errorf("result %s is %s in the History", c.ID, at.ID)
		}
		switch {
		case c.ID < s.first:
			if s.foreign = append(s.foreign, c.ID); c.Fidelity > 0 {
				s.Errorf("candidate %s comes from another island at fidelity %d", c.ID, c.Fidelity)
			}
		case !s.own[c.ID] || s.back[c.ID]:
			s.Errorf("candidate %s comes, which is not awaited", c.ID)
		default:
			s.back[c.ID] = true
		}
		for _, parent := range c.Parents {
			if p, ok := turn.History.Get(parent); c.ID >= s.first && (!ok || p.ID != parent) {
				s.Errorf("candidate %s has the parent %s, which it does not see", c.ID, parent)
			}
		}
	}
	if turn.History.Len() != len(s.back)+len(s.foreign) {
		s.Errorf("it sees %d candidates, and was told of %d and %d", turn.History.Len(), len(s.back), len(s.foreign))
	}
	var d engine.Decision
	d.State = state
	for range turn.Want {
		p := engine.Proposal{Operator: engine.OpRandom}
		if n := turn.History.Len(); n > 0 { // now and then of a migrant
			p = engine.Proposal{Operator: engine.OpMutate, Parents: []engine.ID{turn.History.At(int(turn.Seed % uint64(n))).ID}}
		}
		if n := len(turn.Results); s.goOn && n > 0 && turn.N%2 == 0 {
			if c := turn.Results[n-1]; c.ID >= s.first && c.Status == engine.OK && c.Fidelity == 0 {
				p = engine.Proposal{Operator: engine.OpSame, Parents: []engine.ID{c.ID}, Fidelity: 1}
			}
		}
		s.own[turn.FirstID+engine.ID(len(d.Proposals))] = true
		d.Proposals = append(d.Proposals, p)
	}
	return d, nil
}

// An island sees its own candidates, each once and under one name, and those that
// migrate to it, which it can tell from its own and take for parents.
func TestWhatAnIslandSees(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		order      engine.Order
		fidelities []engine.Fidelity
	}{{engine.Strict, nil}, {engine.Arrival, nil}, {engine.Strict, twoFidelities}} {
		var spies []*spy
		order := c.order
		s, err := evolve.NewWith("islands", func(string) (engine.Strategy, error) {
			spies = append(spies, &spy{T: t, own: map[engine.ID]bool{}, back: map[engine.ID]bool{}, goOn: c.fidelities != nil})
			return spies[len(spies)-1], nil
		})
		if err != nil {
			t.Fatal(err)
		}
		cfg := config(t, "islands", `{"islands": 3, "every": 10, "migrants": 2}`, enginetest.Landscape{Seed: 2, Invalid: 0.1}, 7, 300)
		cfg.Strategy, cfg.Order, cfg.Fidelities = s, order, c.fidelities
		search, err := engine.Run(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		sizes := map[string]int{}
		crossed := 0
		tags := map[engine.ID]string{}
		for c := range search.Candidates() {
			if c.Phase == engine.PhaseSearch {
				sizes[c.Tag]++
				tags[c.ID] = c.Tag
				for _, p := range c.Parents {
					if tags[p] != c.Tag {
						crossed++
					}
				}
			}
		}
		for i, x := range spies {
			if n := sizes[fmt.Sprintf("island %d", i+1)]; n < 95 || n > 105 || len(x.foreign) < 2*n/10-3 {
				t.Errorf("%s: island %d has %d candidates, and %d came", order, i+1, n, len(x.foreign))
			}
		}
		if crossed == 0 {
			t.Errorf("%s: no migrant has a child", order)
		}
	}
}

// What a strategy marks its jobs by, and the files that it keeps, are its own.
func TestTagsOfAnIsland(t *testing.T) {
	t.Parallel()
	s, err := evolve.NewWith("islands", func(string) (engine.Strategy, error) { return marker{t}, nil })
	if err != nil {
		t.Fatal(err)
	}
	cfg := config(t, "islands", `{"islands": 2}`, enginetest.Landscape{}, 1, 20)
	cfg.Strategy = s
	search, err := engine.Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	for c := range search.Candidates() {
		if c.Phase == engine.PhaseSearch && c.Tag != "island 1/mine" && c.Tag != "island 2/mine" {
			t.Errorf("candidate %s has the tag %q", c.ID, c.Tag)
		}
	}
}

// marker marks its jobs, and wants to see them as it marked them.
type marker struct{ *testing.T }

func (marker) Open(context.Context, engine.Setup) ([]byte, engine.Needs, error) {
	return []byte("{}"), engine.Needs{History: engine.NeedMetrics}, nil
}

func (m marker) Step(_ context.Context, state []byte, turn engine.Turn) (engine.Decision, error) {
	for c := range engine.All(turn.History) {
		if c.Tag != "mine" {
			m.Errorf("candidate %s has the tag %q", c.ID, c.Tag)
		}
	}
	d := engine.Decision{State: state}
	for range turn.Want {
		d.Proposals = append(d.Proposals, engine.Proposal{Operator: engine.OpRandom, Tag: "mine"})
	}
	return d, nil
}

// Of several inner strategies, a mistake says in which one it is.
func TestMistakesOfAnIslandsStrategy(t *testing.T) {
	t.Parallel()
	for options, want := range map[string]string{
		`{"search": {"use": "aging", "populaton": 3}}`:                                   "search.populaton: ",
		`{"search": ["random", {"use": "aging", "populaton": 3}]}`:                       "search[1].populaton: ",
		`{"search": ["random", "islands"]}`:                                              "search[1]: islands have no islands; raise islands instead",
		`{"search": {"use": "repeats", "search": "islands"}}`:                            "search: repeats searches with islands, and islands have no islands; raise",
		`{"search": {"use": "asha", "search": {"use": "repeats", "search": "islands"}}}`: "search: asha searches with islands, and islands have no",
	} {
		_, _, err := strategy(t, "islands").Open(t.Context(), engine.Setup{Space: space, Options: json.RawMessage(options),
			Objectives: []engine.Objective{{Metric: "accuracy", Goal: engine.Maximize}}})
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v, want %s", options, err, want)
		}
	}
}
