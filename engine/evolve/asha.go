package evolve

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/option"
	"github.com/nascent-nas/nascent/genome"
)

// ashaName is what the strategy is called.
const ashaName = "asha"

func init() { register(ashaName, false, func(find Find) engine.Strategy { return &asha{find: find} }) }

// asha is asynchronous successive halving (Li, Jamieson, Rostamizadeh, Gonina, Hardt,
// Recht & Talwalkar: A system for massively parallel hyperparameter tuning, 2018,
// arXiv 1810.05934). The fidelities are its rungs: whenever there is room, the best
// candidate that belongs to the best 1/eta of its rung and has not gone on yet does,
// from the highest rung down; where nobody is due, a new one begins at the lowest.
// With several objectives the best are those of the first fronts, and of a front those
// in the emptiest places, as in MO-ASHA (Schmucker, Donini, Zafar, Salinas & Archambeau
// 2021, arXiv 2106.12639).
//
// The paper draws new candidates at random. Here they come from an inner strategy of
// any kind, which sees the lowest rung as a search of its own.
//
// Unlike a Promoter it does not bound how many go on: newcomers that enter the best
// 1/eta go on at once. Rungs and who has gone on are read from the History; what was
// imported is of none, and informs the inner strategy alone.
type asha struct {
	find     Find
	eta      int
	with     searcher
	inner    engine.Strategy
	promoter *Promoter // knows where training goes on
	view     ashaView
}

type ashaState struct {
	Inner   json.RawMessage `json:"inner"`             // state of the inner strategy
	Begun   bool            `json:"begun,omitempty"`   // that has had its first turn
	Done    bool            `json:"done,omitempty"`    // and is done
	Pending []promotion     `json:"pending,omitempty"` // under way
}

// promotion is a candidate that goes on, and from which rung.
type promotion struct {
	ID   engine.ID `json:"id"`
	Rung int       `json:"rung"`
}

// Declare declares the options.
func (s *asha) Declare(o *option.Set) {
	o.Int(&s.eta, "eta", 4, 2, 1000, "the best one of that many goes on to the next fidelity")
	o.Value(&s.with, "search", `"aging"`, "a name, a path, or {use: NAME, option: value}", "the strategy that makes new candidates; the paper has random")
}

// Open reads the options and opens the inner strategy.
func (s *asha) Open(ctx context.Context, setup engine.Setup) ([]byte, engine.Needs, error) {
	needs := engine.Needs{History: engine.NeedMetrics}
	if err := option.Read(setup.Options, s.Declare); err != nil {
		return nil, needs, err
	}
	if s.with.has("promote") {
		return nil, needs, &genome.Mistake{Key: "search.promote", Problem: "who goes on is decided by " + ashaName,
			Remedy: "write eta beside search"}
	}
	s.promoter, s.view = (&Promotion{on: true}).Promoter(setup), ashaView{judge: newJudge(setup)}
	var err error
	if s.inner, err = s.find(s.with.use); err != nil {
		return nil, needs, option.Within("search", err)
	}
	if _, nested := s.inner.(*asha); nested {
		return nil, needs, &genome.Mistake{Key: "search", Problem: ashaName + " sees one rung alone, so it has nobody to promote there",
			Remedy: "write eta beside search, and another strategy in search"}
	}
	seen := setup
	seen.Order = engine.Arrival
	if len(setup.Fidelities) > 0 {
		seen.Fidelities = setup.Fidelities[:1]
	}
	packed, wants, err := s.with.open(ctx, s.inner, "search", seen, &needs)
	if err != nil {
		return nil, needs, err
	}
	if needs.Remark = wants.Remark; len(setup.Fidelities) < 2 {
		needs.Remark = fmt.Sprintf("with one fidelity nobody is promoted, so this is %s alone; "+
			"list cheaper ones before it under fidelities:, such as {budget: 2}", s.with.use)
	}
	return pack(ashaState{Inner: packed}), needs, nil
}

// Close ends the inner strategy's process, if it has one.
func (s *asha) Close(ctx context.Context) error { return closeAll(ctx, s.inner) }

// Step promotes who is due, and lets the inner strategy fill the room that is left.
func (s *asha) Step(ctx context.Context, packed []byte, turn engine.Turn) (engine.Decision, error) {
	var d engine.Decision
	var st ashaState
	if err := unpack(packed, &st); err != nil {
		return d, err
	}
	s.view.follow(turn.History, len(s.promoter.next))
	seen := turn
	seen.History, seen.Results = &s.view, nil
	for i := range turn.Results {
		switch c := &turn.Results[i]; {
		case isPromotion(c):
			st.Pending = slices.DeleteFunc(st.Pending, func(p promotion) bool { return p == promotion{c.Parents[0], c.Fidelity - 1} })
		case c.Fidelity == 0 && st.Begun:
			seen.Results = append(seen.Results, *c)
		}
	}
	for len(d.Proposals) < turn.Want {
		p, ok := s.due(st.Pending)
		if !ok {
			break
		}
		st.Pending = append(st.Pending, p)
		out := engine.Proposal{Operator: engine.OpSame, Parents: []engine.ID{p.ID}, Fidelity: p.Rung + 1}
		if s.promoter.next[p.Rung] {
			out.Resume = p.ID
		}
		d.Proposals = append(d.Proposals, out)
	}
	seen.FirstID, seen.Want = turn.FirstID+engine.ID(len(d.Proposals)), turn.Want-len(d.Proposals)
	if !st.Done {
		decided, err := s.inner.Step(ctx, st.Inner, seen)
		if err != nil {
			return d, err
		}
		st.Inner, st.Begun, st.Done = decided.State, true, decided.Done
		for _, p := range decided.Proposals {
			if p.Fidelity != 0 {
				return d, fmt.Errorf("the strategy that makes new candidates proposes one of fidelity %d: it is to "+
					"propose those of fidelity 0 alone", p.Fidelity)
			}
		}
		d.Proposals = append(d.Proposals, decided.Proposals...)
		d.Files, d.Keep, d.Note = decided.Files, decided.Keep, decided.Note
	}
	d.Done = st.Done && len(st.Pending) == 0 && len(d.Proposals) == 0
	d.Keep = append(d.Keep, s.waiting(st.Pending)...)
	d.State = pack(st)
	return d, nil
}

// isPromotion tells whether a candidate was sent on from a lower fidelity.
func isPromotion(c *engine.Candidate) bool {
	return c.Fidelity > 0 && c.Operator == engine.OpSame && len(c.Parents) == 1
}

// due is who goes on next.
func (s *asha) due(pending []promotion) (promotion, bool) {
	for i := len(s.view.rungs) - 1; i >= 0; i-- {
		g := &s.view.rungs[i]
		for _, c := range g.ready(g.rank.Len()/s.eta, len(pending)+1) {
			if p := (promotion{c.ID, i}); !slices.Contains(pending, p) {
				return p, true
			}
		}
	}
	return promotion{}, false
}

// waiting lists the candidates whose training may go on later.
func (s *asha) waiting(pending []promotion) (ids []engine.ID) {
	for i := range s.view.rungs {
		if !s.promoter.next[i] {
			continue
		}
		g := &s.view.rungs[i]
		for _, c := range g.ready(g.rank.Len(), queueLength+len(pending)) {
			if !slices.Contains(pending, promotion{c.ID, i}) {
				ids = append(ids, c.ID)
			}
		}
	}
	return ids
}

// ashaView is the History as the inner strategy sees it, the lowest rung, and what it
// tells of the rungs. It grows with the History and is otherwise a function of it.
type ashaView struct {
	engine.History
	judge judge
	rungs []ashaRung

	read int               // candidates of the History that were looked at
	last *engine.Candidate // the last of them
	rows []*engine.Candidate
	byID map[engine.ID]*engine.Candidate
}

// ashaRung is what was measured at one fidelity, but the highest.
type ashaRung struct {
	rank *engine.Rank
	went map[engine.ID]bool // who has gone on
	head int                // whoever is ranked before it has
}

// follow takes in what the History has gained. What was read of another History is
// forgotten.
func (v *ashaView) follow(h engine.History, rungs int) {
	if v.byID == nil || v.read > h.Len() || v.read > 0 && h.At(v.read-1) != v.last {
		*v = ashaView{judge: v.judge, rungs: make([]ashaRung, rungs), byID: map[engine.ID]*engine.Candidate{}}
		for i := range v.rungs {
			v.rungs[i] = ashaRung{rank: v.judge.Rank(), went: map[engine.ID]bool{}}
		}
	}
	v.History = h
	for ; v.read < h.Len(); v.read++ {
		c := h.At(v.read)
		v.last = c
		if isPromotion(c) && c.Fidelity <= rungs {
			v.rungs[c.Fidelity-1].went[c.Parents[0]] = true
		}
		if c.Fidelity == 0 {
			v.rows = append(v.rows, c)
			v.byID[c.ID] = c
		}
		if usable(c) && !imported(c) && c.Reuse == 0 && c.Fidelity < rungs { // who reuses a result has a source, which stands for both
			v.rungs[c.Fidelity].add(c, v.judge)
		}
	}
}

// add takes in a candidate. Only one that is better than whoever stands at the head, or
// with several objectives any, changes who is ranked before.
func (g *ashaRung) add(c *engine.Candidate, by judge) {
	if g.head > 0 && (len(by.Objectives) > 1 || g.head >= g.rank.Len() || by.Compare(c, g.rank.List()[g.head]) < 0) {
		g.head = 0
	}
	g.rank.Add(c)
}

// ready lists at most so many who have not gone on, best first, of the best of a rung.
func (g *ashaRung) ready(best, most int) (out []*engine.Candidate) {
	list := g.rank.List()
	for g.head < len(list) && g.went[list[g.head].ID] {
		g.head++
	}
	for i := g.head; i < best && len(out) < most; i++ {
		if !g.went[list[i].ID] {
			out = append(out, list[i])
		}
	}
	return out
}

// Len implements engine.History.
func (v *ashaView) Len() int { return len(v.rows) }

// At implements engine.History.
func (v *ashaView) At(i int) *engine.Candidate { return v.rows[i] }

// Get implements engine.History.
func (v *ashaView) Get(id engine.ID) (*engine.Candidate, bool) {
	c, ok := v.byID[id]
	return c, ok
}
