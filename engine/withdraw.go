package engine

import (
	"fmt"
	"slices"
	"strings"
)

// withdraw takes back a request that waits for its turn, by its name.
type withdraw string

// withdrawEvent is the data of eventWithdraw.
type withdrawEvent struct {
	asked
	Name string `json:"name"`
}

func (w withdraw) kind() string            { return eventWithdraw }
func (w withdraw) waits() bool             { return false }
func (w withdraw) check(*trajectory) error { return nil }

// What was carried out, withdrawn or refused is never planned again.
func (w withdraw) plan(t *trajectory, turn uint64, hint string) (string, error) {
	_, known := t.requests[string(w)]
	switch p := t.plannedAs(string(w)); {
	case p == nil && known:
		_, err := w.do(t, nil)
		return "", err
	case p == nil:
		return "nothing of that name is planned yet", nil
	case p.AtTurn <= turn:
		return "", wrong("at_turn", "%q comes before, at turn %d", string(w), p.AtTurn).but("withdraw it now, without a turn")
	}
	return hint, nil
}

func (w withdraw) do(t *trajectory, r *Request) (*effect, error) {
	p := t.plannedAs(string(w))
	if p == nil {
		var all []string
		for _, p := range t.planned {
			all = append(all, fmt.Sprintf("%q at turn %d", p.ID, p.AtTurn))
		}
		remedy := "nothing is"
		if len(all) > 0 {
			remedy = "planned are: " + strings.Join(all, "; ")
		}
		return nil, wrong("withdraw", "%q is not planned", string(w)).but("%s", remedy)
	}
	return &effect{data: withdrawEvent{r.asked(), string(w)}, say: fmt.Sprintf("not planned any more for turn %d: %s", p.AtTurn, p)}, nil
}

// withdrawn takes it in: what was planned is not carried out, nor when it is given again.
func (t *trajectory) withdrawn(name string) {
	t.planned = slices.DeleteFunc(t.planned, func(p *Request) bool { return p.ID == name })
	rec := t.requests[name]
	rec.refused = fmt.Sprintf("request %q was withdrawn; to have it all the same give it under another name", name)
	t.requests[name] = rec
}
