// Package bugs has strategies with one planted fault each, to show that the
// conformance suite finds it.
package bugs

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/genome/rng"
)

// Impure lists the faults that make a decision depend on more than its
// arguments. The suite finds each of them in any process.
func Impure() []string {
	return []string{"package variable", "instance variable", "counter", "clock", "map order", "global random source", "stale cache"}
}

// Others lists faults of other kinds, and of clocks that tick too slowly to be
// seen from outside a process.
func Others() []string {
	return []string{
		"slow clock", "limits", "changes arguments", "keeps the history", "too many", "failed parent", "unknown parent",
		"stalls", "cache of another beginning", "takes any option", "refusal of two lines", "opens differently", "reads what it does not need",
	}
}

// New returns the strategy with this fault; the one without any is called
// "none".
func New(fault string) (engine.Strategy, error) {
	if fault != "none" && !slices.Contains(Impure(), fault) && !slices.Contains(Others(), fault) {
		return nil, fmt.Errorf("there is no fault %q", fault)
	}
	return &climber{fault: fault}, nil
}

// climber mutates a good candidate, or draws a random one. Without a fault it
// is a sound strategy.
type climber struct {
	fault string
	setup engine.Setup
	cache struct { // of the fault "stale cache"
		length int
		id     engine.ID
	}
	own struct { // of the fault "cache of another beginning": it is not that of state.First
		read int
		last *engine.Candidate
		ids  []engine.ID
	}
	kept  engine.History
	turns map[uint64]bool // of the fault "instance variable": those taken since Open
}

// Variables that outlive a call.
var (
	best   *engine.Candidate // of the fault "package variable": belongs into the state
	calls  int
	opened int
)

type state struct {
	Best  engine.ID `json:"best"`
	First engine.ID `json:"first,omitempty"` // of its candidates
}

func (s *climber) Open(_ context.Context, setup engine.Setup) ([]byte, engine.Needs, error) {
	var options map[string]any
	if err := json.Unmarshal(setup.Options, &options); err != nil || len(options) > 0 {
		switch s.fault {
		case "takes any option":
		case "refusal of two lines":
			return nil, engine.Needs{}, fmt.Errorf("this strategy\nhas no options")
		default:
			return nil, engine.Needs{}, fmt.Errorf("strategy: this strategy has no options; leave them out")
		}
	}
	s.setup, s.turns, s.own.read = setup, map[uint64]bool{}, 0
	needs := engine.Needs{History: engine.NeedMetrics}
	if s.fault == "reads what it does not need" {
		needs.History = engine.NeedNone
	}
	if s.fault == "opens differently" {
		opened++
		return fmt.Appendf(nil, `{"best": 0, "opened": %d}`, opened), needs, nil
	}
	return []byte(`{"best": 0}`), needs, nil
}

func (s *climber) Step(_ context.Context, raw []byte, turn engine.Turn) (engine.Decision, error) {
	var st state
	if err := json.Unmarshal(raw, &st); err != nil {
		return engine.Decision{}, err
	}
	if st.First == 0 {
		st.First = turn.FirstID
	}
	var measured []engine.ID
	var failed engine.ID
	for c := range engine.All(turn.History) {
		if c.Status == engine.OK {
			measured = append(measured, c.ID)
			if b, ok := turn.History.Get(st.Best); !ok || s.better(c, b) {
				st.Best = c.ID
			}
		} else {
			failed = c.ID
		}
	}
	r := rng.New(turn.Seed)
	var d engine.Decision
	for len(d.Proposals) < turn.Want {
		id := st.Best
		if len(measured) > 0 && r.Bool() {
			id = measured[r.Intn(len(measured))]
		}
		if id != 0 {
			id = s.spoil(id, measured, turn, st.First)
		}
		p := engine.Proposal{Operator: engine.OpMutate, Parents: []engine.ID{id}}
		switch {
		case s.fault == "failed parent" && failed != 0:
			p.Parents[0] = failed
		case s.fault == "unknown parent" && turn.N > 2:
			p.Parents[0] = turn.FirstID
		case id == 0:
			p = engine.Proposal{Operator: engine.OpRandom}
		}
		d.Proposals = append(d.Proposals, p)
	}
	switch s.fault {
	case "too many":
		d.Proposals = append(d.Proposals, engine.Proposal{Operator: engine.OpRandom})
	case "stalls":
		if turn.N > 3 {
			d.Proposals = nil
		}
	case "changes arguments":
		for c := range engine.All(turn.History) {
			c.Tag = "seen"
		}
	case "keeps the history":
		if s.kept != nil && s.kept.Len() > 0 {
			s.kept.At(0)
		}
		s.kept = turn.History
	}
	var err error
	d.State, err = json.Marshal(st)
	return d, err
}

func (s *climber) better(a, b *engine.Candidate) bool {
	return s.setup.Ranking().Compare(a, b) < 0
}

// spoil is where the faults choose another parent than a sound strategy would.
func (s *climber) spoil(id engine.ID, measured []engine.ID, turn engine.Turn, first engine.ID) engine.ID {
	n := len(measured)
	switch s.fault {
	case "package variable":
		for i := range turn.Results {
			if c := turn.Results[i]; c.Status == engine.OK && (best == nil || s.better(&c, best)) {
				best = &c
			}
		}
		if _, known := turn.History.Get(best.ID); known {
			return best.ID
		}
	case "instance variable":
		s.turns[turn.N] = true
		return measured[len(s.turns)%n]
	case "counter":
		calls++
		return measured[calls%n]
	case "clock":
		return measured[int(time.Now().UnixNano()/100)%n]
	case "slow clock":
		return measured[(time.Now().YearDay()*24+time.Now().Hour())%n]
	case "map order":
		set := map[engine.ID]bool{}
		for _, m := range measured {
			set[m] = true
		}
		for m := range set {
			return m
		}
	case "global random source":
		return measured[rand.IntN(n)]
	case "stale cache":
		if s.cache.id == 0 || turn.History.Len() > s.cache.length+9 {
			s.cache.length, s.cache.id = turn.History.Len(), id
		}
		if _, known := turn.History.Get(s.cache.id); known {
			return s.cache.id
		}
	case "cache of another beginning":
		o, h := &s.own, turn.History
		if o.read > h.Len() || o.read == 0 || h.At(o.read-1) != o.last {
			o.read, o.ids = 0, nil
		}
		for ; o.read < h.Len(); o.read++ {
			if o.last = h.At(o.read); o.last.Status == engine.OK && o.last.ID >= first {
				o.ids = append(o.ids, o.last.ID)
			}
		}
		if len(o.ids) > 0 {
			return o.ids[0]
		}
	case "limits":
		return measured[turn.Limits.Evaluations%n]
	}
	return id
}
