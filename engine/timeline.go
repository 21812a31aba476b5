package engine

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Occurrence is something that happened to a search, as people are told of it.
type Occurrence struct {
	Seq     uint64    `json:"seq"`
	Turn    uint64    `json:"turn"` // it holds from this one on; of what is planned the one that it waits for
	Kind    string    `json:"kind"`
	Time    time.Time `json:"time"`
	Request string    `json:"request,omitempty"` // what it was called, where somebody asked for it
	By      string    `json:"by,omitempty"`      // and who
	Text    string    `json:"text,omitempty"`    // on one line
}

// Timeline is what happened to a search, in order: every change from outside, strategies
// that took over, how its runs began and ended. It may be called beside a running search.
func Timeline(led Ledger) ([]Occurrence, error) {
	var plan Plan // by what the search went until then, once there is a takeover
	var takeovers int
	var only bool // the search was begun, and did not run
	var all []Occurrence
	for e, err := range led.Events() {
		if err != nil {
			return nil, err
		}
		var from asked
		if e.Data != nil && e.Data[0] == '{' {
			if err := json.Unmarshal(e.Data, &from); err != nil {
				return nil, damaged("event %d (%s): %v", e.Seq, e.Kind, err)
			}
		}
		text, err := e.text()
		if err != nil {
			return nil, damaged("event %d (%s): %v", e.Seq, e.Kind, err)
		}
		o := Occurrence{Seq: e.Seq, Turn: e.Turn, Kind: e.Kind, Time: e.Time, Request: from.Request, By: from.By, Text: text}
		var r Request
		switch {
		case e.Kind == eventStarted:
			var began startedEvent
			if err := json.Unmarshal(e.Data, &began); err != nil {
				return nil, damaged("event %d (%s): %v", e.Seq, e.Kind, err)
			}
			only = began.Only
		case e.Kind == eventEnded && only:
			only = false
			continue
		case e.Kind == eventPlan && json.Unmarshal(e.Data, &r) == nil:
			o.Turn, o.Text = r.AtTurn, text+", called "+r.ID
		case e.Kind == eventTakeover:
			if takeovers++; takeovers == 1 {
				if _, plan, err = recorded(led); err != nil {
					return nil, err
				}
			}
			var next Declarations
			if err := json.Unmarshal(e.Data, &next); err != nil {
				return nil, damaged("event %d (%s): %v", e.Seq, e.Kind, err)
			}
			o.Text = newlyDeclared(plan, plan.with(next)) + ": " + text
			plan = plan.with(next)
		}
		all = append(all, o)
	}
	return all, nil
}

// newlyDeclared is in what plans differ, as people set it: "prefer=size constraints=[...]".
func newlyDeclared(was, now Plan) string {
	all, err := differences(was, now)
	if err != nil {
		return err.Error()
	}
	var parts []string
	for _, d := range all {
		value := string(d.now)
		switch {
		case d.key == "space":
			parts = append(parts, "another space ("+strings.TrimPrefix(d.text(), "another one: ")+")")
			continue
		case d.key == "start":
			continue // what of it does not fit is told
		case slices.Contains([]string{"null", "[]", "{}", `""`}, value):
			value = "none"
		case d.key == "prefer":
			value = now.Prefer
		}
		parts = append(parts, d.key+"="+clip(value))
	}
	return cmp.Or(strings.Join(parts, " "), "as before")
}

// text says what an event is, on one line.
func (r *EventRecord) text() (string, error) {
	read := func(v any) error { return json.Unmarshal(r.Data, v) }
	switch r.Kind {
	case eventStarted:
		var e startedEvent
		err := read(&e)
		if e.Only {
			return "the search was begun, and took no turn yet", err
		}
		if e.Workers == 1 {
			return "a run began, with 1 worker", err
		}
		return fmt.Sprintf("a run began, with %d workers", e.Workers), err
	case eventEnded:
		var e Ended
		if err := read(&e); err != nil || e.Cause == "" {
			return "the run ended: " + string(e.State), err
		}
		return fmt.Sprintf("the run ended: %s: %s", e.State, OneLine(e.Cause)), nil
	case eventLimits:
		var e Limits
		err := read(&e)
		return e.words(), err
	case eventEvaluator:
		var e EvaluatorEvent
		err := read(&e)
		text := strings.TrimSpace(e.Hello.Name + " " + e.Hello.Version)
		if e.Key != "evaluator" { // there may be several
			text = e.Key + " is " + text
		}
		return text, err
	case eventStrategy:
		var e StrategyEvent
		err := read(&e)
		return e.Name + " takes over", err
	case eventFinal:
		var e finalEvent
		err := read(&e)
		return fmt.Sprintf("after %d evaluations the best are measured again", e.Evaluations), err
	case eventImport, eventAdd:
		var e outsideEvent
		err := read(&e)
		ids := e.ids()
		if len(ids) == 0 {
			return "", err
		}
		text := "candidate " + ids[0].String()
		if n := len(ids); n > 1 {
			text = fmt.Sprintf("candidates %s to %s", ids[0], ids[n-1])
		}
		if e.From != "" {
			text += " from " + e.From
		}
		return text, err
	case eventCancel:
		var e cancelEvent
		err := read(&e)
		return "candidates " + idList(e.all()), err
	case eventSet:
		var e setEvent
		if err := read(&e); err != nil {
			return "", err
		}
		return e.Set.words(), nil
	case eventPause:
		var e pauseEvent
		err := read(&e)
		if e.Cause != "" {
			return OneLine(e.Cause), err
		}
		return e.say(), err
	case eventResume:
		return "it goes on", nil
	case eventStop:
		return "the run was asked to end", nil
	case eventBan, eventUnban:
		var e banEvent
		err := read(&e)
		return e.Condition, err
	case eventWithdraw:
		var e withdrawEvent
		err := read(&e)
		return e.Name, err
	case eventPin, eventUnpin:
		var e pinEvent
		err := read(&e)
		return "candidates " + idList(e.IDs), err
	case eventNote:
		var e noteEvent
		err := read(&e)
		return e.Note, err
	case eventBranched:
		var e branchedEvent
		err := read(&e)
		return e.text(), err
	case eventPlan:
		var e Request
		if err := read(&e); err != nil {
			return "", err
		}
		return e.String(), nil
	case eventRefused:
		var e refusedEvent
		err := read(&e)
		return e.Reason, err
	case eventTakeover:
		var e takeoverEvent
		err := read(&e)
		return e.Fit.String(), err
	case eventLabel:
		var e Labelling
		err := read(&e)
		text := "candidates " + idList(e.IDs)
		switch {
		case e.Comment != nil:
			text += ": " + *e.Comment
		case e.Remove != "":
			text += ": not " + e.Remove
		default:
			text += ": " + e.Add
		}
		return text, err
	}
	return "", nil
}

// words say how far a search may go.
func (l Limits) words() string {
	s := Settings{Target: &SetTarget{l.Target, l.Targets}}
	if l.Evaluations > 0 {
		s.Evaluations = &l.Evaluations
	}
	if l.Wall > 0 {
		s.Wall = &l.Wall
	}
	if l.Seconds > 0 {
		s.Seconds = &l.Seconds
	}
	if !l.aims() {
		s.Target = nil
	}
	if text := s.words(); text != "" {
		return text
	}
	return "none: it runs until it is stopped"
}

// words say what is set, for people: "500 evaluations, 4 workers, no limit of running".
func (s *Settings) words() string {
	var parts []string
	limit := func(x *float64, of string, text func(x float64) string) {
		switch {
		case x == nil:
		case *x > 0:
			parts = append(parts, text(*x)+" "+of)
		default:
			parts = append(parts, "no limit of "+of)
		}
	}
	span := func(x float64) string { return time.Duration(x * float64(time.Second)).String() }
	if s.Evaluations != nil {
		n := float64(*s.Evaluations)
		limit(&n, "evaluations", func(float64) string { return strconv.Itoa(*s.Evaluations) })
	}
	limit(s.Wall, "running", func(x float64) string { return span(x) + " of" })
	limit(s.Seconds, "evaluators' time", func(x float64) string { return span(x) + " of" })
	switch t := s.Target; {
	case t == nil:
	case t.Target != nil:
		parts = append(parts, fmt.Sprintf("the target %g", *t.Target))
	case len(t.Targets) > 0:
		var each []string
		for _, v := range t.Targets {
			each = append(each, fmt.Sprintf("%s %g", v.Name, v.Value))
		}
		parts = append(parts, "the target "+strings.Join(each, " with "))
	default:
		parts = append(parts, "no target")
	}
	if x := s.Workers; x != nil {
		parts = append(parts, strconv.Itoa(*x)+" workers")
	}
	if x := s.Window; x != nil {
		parts = append(parts, fmt.Sprintf("a window of %d", *x))
	}
	if x := s.Hosts; x != nil {
		parts = append(parts, fmt.Sprintf("%d hosts", *x))
	}
	return strings.Join(parts, ", ")
}

// String says what a request asks for, in the words of the command line.
func (r *Request) String() string {
	switch {
	case r.Set != nil:
		return "set " + r.Set.String()
	case r.Pause != nil && r.Pause.Now:
		return "pause --now"
	case r.Pause != nil:
		return "pause"
	case r.Resume:
		return "resume"
	case r.Stop:
		return "stop"
	case len(r.Cancel) > 0:
		return "cancel " + idList(r.Cancel)
	case r.Add != nil:
		return fmt.Sprintf("add %d genomes", len(r.Add.Genomes))
	case r.Import != nil:
		return fmt.Sprintf("import %d results", len(r.Import.Results))
	case r.Ban != "":
		return "ban " + r.Ban
	case r.Unban != "":
		return "unban " + r.Unban
	case r.Withdraw != "":
		return "withdraw " + r.Withdraw
	case len(r.Pin) > 0:
		return "pin " + idList(r.Pin)
	case len(r.Unpin) > 0:
		return "unpin " + idList(r.Unpin)
	case r.Note != "":
		return "note " + r.Note
	case r.Label != nil:
		return "label " + idList(r.Label.IDs)
	case r.Takeover != nil:
		return "set " + r.Takeover.String()
	}
	return ""
}

// idList writes ids, a few of many.
func idList(ids []ID) string {
	const most = 10
	var parts []string
	for i, id := range ids {
		if i == most {
			parts = append(parts, fmt.Sprintf("and %d more", len(ids)-most))
			break
		}
		parts = append(parts, id.String())
	}
	return strings.Join(parts, " ")
}
