package engine

import (
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
)

// Parting is how far two searches took the same way.
type Parting struct {
	Turns      uint64 `json:"turns"`      // that are the same in both
	Candidates int    `json:"candidates"` // that these consumed

	// Of the turn after them:
	What string `json:"what,omitempty"` // differs; "" where at least one of the searches has not taken it
	A    string `json:"a,omitempty"`    // what it is in the one
	B    string `json:"b,omitempty"`    // and in the other
}

// WhereParted finds out how far two searches took the same way, by what decides and what was measured:
// as their digests do, turn by turn.
func WhereParted(a, b Ledger) (*Parting, error) {
	x, err := readTrajectory(a, nil)
	if err != nil {
		return nil, err
	}
	y, err := readTrajectory(b, nil)
	if err != nil {
		return nil, err
	}
	p := &Parting{}
	consumed := [2]func(ID, uint64) *Candidate{x.asConsumed(), y.asConsumed()}
	next, stop := iter.Pull2(y.led.Turns(PartSearch))
	defer stop()
	for t, err := range x.led.Turns(PartSearch) {
		if err != nil {
			return nil, err
		}
		other, err, there := next()
		if err != nil {
			return nil, err
		}
		if !there {
			break
		}
		if p.What, p.A, p.B = partedAt(x, y, &t, &other, consumed); p.What != "" {
			break
		}
		p.Turns++
		p.Candidates += len(t.Consumed)
	}
	return p, nil
}

// partedAt says what is not the same in two turns with one number; "" if nothing is.
func partedAt(x, y *trajectory, t, u *TurnRecord, consumed [2]func(ID, uint64) *Candidate) (what, a, b string) {
	told := func(t *trajectory, r *TurnRecord, whole bool) string { return strings.Join(t.outside(r, whole), ", ") }
	if a, b := told(x, t, true), told(y, u, true); a != b {
		if p, q := told(x, t, false), told(y, u, false); p != q {
			a, b = p, q
		}
		return "what happened to them", orNone(a), orNone(b)
	}
	for i := range min(len(t.Consumed), len(u.Consumed)) {
		e, f := consumed[0](t.Consumed[i], t.N), consumed[1](u.Consumed[i], u.N)
		if e.ID == f.ID && !sameJob(&e.Job, &f.Job) {
			what, p, q := difference(&e.Job, &f.Job)
			return fmt.Sprintf("%s of candidate %s", what, e.ID), fmt.Sprint(p), fmt.Sprint(q)
		}
		if p, q := brought(e), brought(f); e.ID == f.ID && p != q {
			return "the result of candidate " + e.ID.String(), p, q
		}
	}
	if !slices.Equal(t.Consumed, u.Consumed) {
		return "the candidates whose results came", idList(t.Consumed), idList(u.Consumed)
	}
	for i := range ID(min(t.Jobs, u.Jobs)) {
		e, f := x.get(t.FirstID+i), y.get(u.FirstID+i)
		if e.ID == f.ID && !sameJob(e.asMade(), f.asMade()) {
			what, p, q := difference(e.asMade(), f.asMade())
			return fmt.Sprintf("%s of candidate %s", what, e.ID), fmt.Sprint(p), fmt.Sprint(q)
		}
	}
	switch {
	case t.Jobs != u.Jobs:
		return "the number of new candidates", strconv.Itoa(t.Jobs), strconv.Itoa(u.Jobs)
	case t.Decision != u.Decision:
		return "the strategy's decision", orNone(t.Note), orNone(u.Note)
	}
	return "", "", ""
}

// outside is what came from outside before a turn, and decides: as a whole, or as people
// are told of it, of a takeover only what became another.
func (t *trajectory) outside(r *TurnRecord, whole bool) (all []string) {
	var takeovers []string
	for i, x := range t.eras {
		if i > 0 && x.turn == r.N {
			takeovers = append(takeovers, newlyDeclared(t.eras[i-1].plan, x.plan))
		}
	}
	for _, e := range t.Strategies[1:] {
		if e.Turn == r.N {
			all = append(all, fmt.Sprintf("strategy %s, window %d", e.Name, e.Window))
		}
	}
	for _, d := range t.decided {
		if d.turn == r.N {
			text := d.text
			if strings.HasPrefix(text, "takeover ") && !whole && len(takeovers) > 0 {
				all, takeovers = append(all, "takeover "+takeovers[0]), takeovers[1:]
				continue
			}
			if d.number != 0 {
				text += " " + strconv.FormatUint(d.number, 10)
			}
			all = append(all, text)
		}
	}
	var added, imported []ID
	for id := r.FirstID - 1; id > 0; id-- {
		e := t.get(id)
		if e.turn != r.N || e.Origin() == "" {
			break
		}
		if e.imported() {
			imported = append(imported, id)
		} else {
			added = append(added, id)
		}
	}
	for _, x := range []struct {
		what string
		ids  []ID
	}{{"added", added}, {"imported", imported}} {
		if slices.Reverse(x.ids); len(x.ids) > 0 {
			all = append(all, x.what+" "+idList(x.ids))
		}
	}
	return all
}

// brought is what came of a candidate, as far as it decides, on one line.
func brought(e *Candidate) string {
	text := string(e.Status)
	if e.Stopped {
		text += ", stopped early"
	}
	for _, v := range e.Metrics {
		text += fmt.Sprintf(" %s=%v", v.Name, v.Value)
	}
	if e.Seconds != 0 {
		text += fmt.Sprintf(" in %v s", e.Seconds)
	}
	return text
}

func orNone(text string) string {
	if text == "" {
		return "nothing"
	}
	return OneLine(text)
}
