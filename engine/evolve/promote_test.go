package evolve_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/evolve"
	"github.com/nascent-nas/nascent/engine/option"
)

// A strategy of another family promotes by the same rule, and its ladder
// outlives its process as JSON.
func TestPromoterForOthers(t *testing.T) {
	t.Parallel()
	setup := engine.Setup{
		Objectives: []engine.Objective{{Metric: "accuracy", Goal: engine.Maximize}},
		Fidelities: twoFidelities,
	}
	p, err := promoter(setup, `{"promote": {"eta": 2, "after": 1}}`)
	if err != nil {
		t.Fatal(err)
	}
	if !p.On() {
		t.Fatal("off, though there are two fidelities")
	}
	var ladder evolve.Ladder
	var h list
	var gone []engine.ID
	for i, accuracy := range []float64{0.1, 0.5, 0.3, 0.2, 0.9} {
		c := engine.Candidate{Job: engine.Job{ID: engine.ID(i + 1), Task: engine.Train}}
		c.Status, c.Metrics = engine.OK, engine.Values{{Name: "accuracy", Value: accuracy}}
		h = append(h, c)
		if err := p.Learn(&ladder, engine.Turn{Results: h[i:], History: h}); err != nil {
			t.Fatal(err)
		}
		kept, err := json.Marshal(ladder)
		if err != nil {
			t.Fatal(err)
		}
		ladder = nil
		if err := json.Unmarshal(kept, &ladder); err != nil {
			t.Fatal(err)
		}
		if next, ok := p.Propose(ladder); ok {
			gone = append(gone, next.Parents[0])
		}
	}
	if want := []engine.ID{2, 5}; !slices.Equal(gone, want) {
		t.Errorf("promoted %v, want %v", gone, want)
	}
	if got, want := p.Keep(ladder), []engine.ID{3, 4, 1}; !slices.Equal(got, want) {
		t.Errorf("keeps %v, want %v", got, want)
	}

	if p, err := promoter(setup, `{"promote": false}`); err != nil || p.On() {
		t.Errorf("promote: false gives %v, %v", p.On(), err)
	}
	if _, err := promoter(setup, `{"promote": {"ate": 1}}`); err == nil {
		t.Error("an unknown option is taken")
	}
	setup.Fidelities = twoFidelities[:1]
	if p, err := promoter(setup, `{}`); err != nil || p.On() {
		t.Errorf("with one fidelity: %v, %v", p.On(), err)
	}
}

// promoter promotes as options say.
func promoter(setup engine.Setup, options string) (*evolve.Promoter, error) {
	var p evolve.Promotion
	err := option.Read(json.RawMessage(options), func(o *option.Set) { p.Declare(o, 4, 20) })
	return p.Promoter(setup), err
}

// list is a History.
type list []engine.Candidate

func (l list) Len() int                   { return len(l) }
func (l list) At(i int) *engine.Candidate { return &l[i] }
func (l list) Get(id engine.ID) (*engine.Candidate, bool) {
	return &l[id-1], true
}
func (l list) Curve(engine.ID) ([]engine.Point, error) { return nil, nil }
func (l list) Output(engine.ID) ([]byte, error)        { return nil, nil }
