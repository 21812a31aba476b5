package evolve_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/rng"
)

// counted is a History that counts what is looked up in it.
type counted struct {
	all  []*engine.Candidate // with the ids 1, 2 and so on
	gets int
}

func (h *counted) Len() int                   { return len(h.all) }
func (h *counted) At(i int) *engine.Candidate { h.gets++; return h.all[i] }

func (h *counted) Get(id engine.ID) (*engine.Candidate, bool) {
	h.gets++
	if id == 0 || int(id) > len(h.all) {
		return nil, false
	}
	return h.all[id-1], true
}

func (h *counted) Curve(engine.ID) ([]engine.Point, error) { return nil, nil }
func (h *counted) Output(engine.ID) ([]byte, error)        { return nil, nil }

// A turn with one result looks up a few candidates, however large the population is,
// and decides what a strategy decides that begins with this turn. Its state is the
// JSON that it always was.
func TestTurnsCostWhatTheyChange(t *testing.T) {
	t.Parallel()
	for name, state := range map[string]func() any{
		"aging": func() any {
			return new(struct {
				First      engine.ID   `json:"first"`
				Started    int         `json:"started"`
				Initial    int         `json:"initial"`
				Population []engine.ID `json:"population"`
				Ladder     any         `json:"ladder,omitempty"`
			})
		},
		"genetic": func() any {
			return new(struct {
				First      engine.ID   `json:"first"`
				Started    int         `json:"started"`
				Generation int         `json:"generation"`
				Sent       int         `json:"sent"`
				Back       int         `json:"back"`
				Population []engine.ID `json:"population"`
				Children   []engine.ID `json:"children"`
				Ladder     any         `json:"ladder,omitempty"`
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const population = 500
			setup := engine.Setup{
				Space: genome.MustParseSpace(`{"x": {"float": [0, 1]}}`), Order: engine.Arrival,
				Objectives: []engine.Objective{{Metric: "accuracy", Goal: engine.Maximize}},
				Options:    json.RawMessage(fmt.Sprintf(`{"population": %d}`, population)),
			}
			warm := strategy(t, name)
			packed, _, err := warm.Open(t.Context(), setup)
			if err != nil {
				t.Fatal(err)
			}
			r, h := rng.New(3), &counted{}
			proposed := make([]string, 8)
			for i := range proposed {
				proposed[i] = engine.OpRandom
			}
			var results []engine.Candidate
			for n := range 4 * population {
				turn := engine.Turn{N: uint64(n), Seed: uint64(n), FirstID: engine.ID(len(h.all) + 9), Want: 1, Results: results, History: h}
				if n == 0 {
					turn.FirstID, turn.Want = 1, 8
				}
				h.gets = 0
				d, err := warm.Step(t.Context(), packed, turn)
				if err != nil {
					t.Fatal(err)
				}
				if ended := d.Note != ""; !ended && h.gets > 20 { // a generation
					t.Fatalf("turn %d looks up %d candidates", n, h.gets)
				}
				cold := strategy(t, name)
				if n%50 == 0 || n > 4*population-20 {
					if _, _, err := cold.Open(t.Context(), setup); err != nil {
						t.Fatal(err)
					}
					again, err := cold.Step(t.Context(), packed, turn)
					if err != nil {
						t.Fatal(err)
					}
					if !reflect.DeepEqual(again, d) {
						t.Fatalf("turn %d: decided %+v, and begun anew with it %+v", n, d, again)
					}
					s := state()
					if err := json.Unmarshal(d.State, s); err != nil {
						t.Fatal(err)
					}
					if plain, err := json.Marshal(s); err != nil || string(plain) != string(d.State) {
						t.Fatalf("turn %d: its state is %s", n, d.State)
					}
				}
				packed = d.State
				if n > 0 {
					for _, p := range d.Proposals {
						proposed = append(proposed, p.Operator)
					}
				}
				g, err := setup.Space.Random(r)
				if err != nil {
					t.Fatal(err)
				}
				c := &engine.Candidate{}
				c.ID, c.Genome, c.Task, c.Status = engine.ID(len(h.all)+1), g, engine.Train, engine.OK
				if len(h.all) < len(proposed) {
					c.Operator = proposed[len(h.all)]
				}
				if r.Intn(10) == 0 {
					c.Status = engine.Failed
				} else {
					c.Metrics = engine.Values{{Name: "accuracy", Value: float64(r.Intn(20))}}
				}
				h.all = append(h.all, c)
				results = []engine.Candidate{*c}
			}
		})
	}
}
