package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"slices"
)

// Digest is one hex line over configuration, seed, evaluators, jobs, decisions
// and exact results: equal for equal trajectories, however often they were
// interrupted. What the strategy is called, and its options, are left out: the
// same decisions are the same, in whatever language they were made. With turns >= 0
// it covers only that many turns of the search; with turns < 0 all of them, and the
// newest pass of the final strategy.
// Limits are left out: two searches that differ only in when they end have the
// same digest up to the earlier end.
func Digest(led Ledger, turns int) (string, error) {
	a, err := readTrajectory(led, nil)
	if err != nil {
		return "", err
	}
	return a.digest(turns)
}

// Digest is that of the search's ledger, after Run. What it found is at hand, so it
// takes a moment.
func (s *Search) Digest() (line string, err error) {
	s.ask(func() {
		if err = ErrEmpty; s.at != nil {
			line, err = s.at.digest(-1)
		}
	})
	return line, err
}

func (a *trajectory) digest(turns int) (string, error) {
	h := hasher{sha256.New()}
	did := a.Begun()
	did.Strategy, did.Options, did.Rules = "", nil, 0
	if len(did.Objectives) == 1 { // as searches had it that began before there were ties
		did.Objectives, did.Ties = slices.Concat(did.Objectives, did.Ties), nil
	}
	plan, err := json.Marshal(did)
	if err != nil {
		return "", err
	}
	h.bytes(plan)
	identity := map[string]string{}
	for i, e := range a.Evaluators {
		if turns >= 0 && a.joined[i] > uint64(turns) {
			continue
		}
		id := e.Hello.Name + "\n" + e.Hello.Identity
		if identity[e.Key] != id {
			identity[e.Key] = id
			h.text(e.Key, id)
		}
	}
	consumed := a.asConsumed()
	result := func(id ID, turn uint64) { h.result(consumed(id, turn)) }
	hashTurn := func(t TurnRecord, turn uint64) {
		h.number(uint64(len(t.Consumed)))
		for _, id := range t.Consumed {
			result(id, turn)
		}
		h.Write(t.Decision[:])
	}
	n := 0
	for t, err := range a.led.Turns(PartSearch) {
		if err != nil {
			return "", err
		}
		if n == turns {
			break
		}
		for _, e := range a.Strategies[1:] {
			if e.Turn == t.N {
				h.text("strategy")
				h.number(uint64(e.Window))
			}
		}
		for _, d := range a.decided {
			if d.turn == t.N {
				h.text(d.text)
				h.number(d.number)
			}
		}
		hashTurn(t, t.N)
		n++
	}
	if turns > n {
		return "", wrong("", "--turns %d: the search has taken only %d", turns, n)
	}
	if turns < 0 {
		for _, id := range a.cutShort() {
			result(id, math.MaxUint64)
		}
		if a.measuredUp() {
			for t, err := range a.led.Turns(PartFinal) {
				if err != nil {
					return "", err
				}
				if t.N >= a.pass.FirstTurn {
					hashTurn(t, math.MaxUint64)
				}
			}
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// outsideDecision is something from outside that decides, and is no candidate.
type outsideDecision struct {
	turn   uint64
	text   string
	number uint64
}

// decide notes something that decides from a turn on.
func (t *trajectory) decide(turn uint64, text string, number uint64) {
	t.decided = append(t.decided, outsideDecision{turn, text, number})
}

// asConsumed tells how a candidate was for a turn that consumed it: as it was proposed, with
// the metrics that there were in that turn's era.
func (a *trajectory) asConsumed() func(id ID, turn uint64) *Candidate {
	var hidden []map[string]bool // by era
	for i := range a.eras {
		hidden = append(hidden, a.hidden(a.eras[:i+1]))
	}
	return func(id ID, turn uint64) *Candidate {
		era := 0
		for era+1 < len(a.eras) && a.eras[era+1].turn <= turn {
			era++
		}
		return a.get(id).asOf(hidden[era])
	}
}

// asOf is a candidate as it was proposed, without metrics that were hidden when it was
// consumed.
func (e *entry) asOf(hidden map[string]bool) *Candidate {
	c := e.Candidate
	c.Genome = e.asMade().Genome
	if slices.ContainsFunc(c.Metrics, func(v Value) bool { return hidden[v.Name] }) {
		c.Metrics = slices.DeleteFunc(slices.Clone(c.Metrics), func(v Value) bool { return hidden[v.Name] })
	}
	if hidden["seconds"] {
		c.Seconds = 0
	}
	return &c
}

// result writes what a job brought, exact numbers only.
func (h hasher) result(e *Candidate) {
	h.job(&e.Job)
	h.text(string(e.Status), fmt.Sprint(e.Stopped))
	h.number(uint64(len(e.Metrics)))
	for _, m := range e.Metrics {
		h.text(m.Name)
		h.float(m.Value)
	}
	h.float(e.Seconds)
}
