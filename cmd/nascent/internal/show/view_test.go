package show

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/genome"
)

// What keeps workers, or an evaluator's process, waiting is told with what to do.
func TestStarved(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		slots, workers, window int
		order                  engine.Order
		want                   []string
	}{
		{slots: 1, workers: 2, window: 8, order: engine.Strict},
		{slots: 64, workers: 64, window: 64, order: engine.Strict},
		{slots: 64, workers: 2, window: 256, order: engine.Strict, want: []string{"takes 64 jobs at once (its slots, or its batch), but workers is 2"}},
		{slots: 1, workers: 16, window: 8, order: engine.Strict, want: []string{"at most 8 of 16 workers have a job; nascent set s window=32"}},
		{slots: 1, workers: 16, window: 20, order: engine.Strict},
		{slots: 1, workers: 16, window: 8, order: engine.Arrival, want: []string{"at most 8 of 16 workers have a job; nascent set s window=20"}},
		{slots: 1, workers: 16, window: 16, order: engine.Arrival},
		{slots: 64, workers: 32, window: 8, order: engine.Strict, want: []string{"set it to 64", "nascent set s window=64"}},
		{slots: 64, workers: 0, window: 8, order: engine.Strict}, // it never ran
	} {
		v := &View{Dir: "s", Slots: c.slots, Plan: engine.Plan{Order: c.order}}
		got := v.Starved(engine.Snapshot{Workers: c.workers, Window: c.window})
		if len(got) != len(c.want) {
			t.Errorf("%+v: %q", c, got)
			continue
		}
		for i, want := range c.want {
			if !strings.Contains(got[i], want) {
				t.Errorf("%+v: %q; want %q", c, got[i], want)
			}
		}
	}
}

// A budget that a search leaves to the evaluator is the evaluator's own.
func TestBudgets(t *testing.T) {
	t.Parallel()
	a := &engine.Archive{Plan: engine.Plan{Fidelities: []engine.Fidelity{{Evaluator: "a"}, {Evaluator: "b", Budget: 7}, {Evaluator: "b"}}}}
	for key, budget := range map[string]float64{"a": 3, "b": 40} {
		a.Evaluators = append(a.Evaluators, engine.EvaluatorEvent{Key: key, Hello: engine.Hello{Budget: budget}})
	}
	if v := Of(a, some{}, nil, ""); !slices.Equal(v.Budgets, []float64{3, 7, 40}) {
		t.Errorf("the budgets are %v", v.Budgets)
	}
}

// begun is a search that has 16 workers.
type begun struct{ some }

func (begun) Status() engine.Snapshot { return engine.Snapshot{Workers: 16, Window: 8} }

// Who looks before the search runs looks again, and is told what there is to say though
// the search has ended by then.
func TestScreensWaitForTheSearch(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	l := NewLines(&out)
	calls := 0
	looked := make(chan struct{})
	l.Follow(func() (*View, error) {
		if calls++; calls == 1 {
			close(looked)
			return nil, errors.New("just beginning")
		}
		return &View{Reader: begun{}, Slots: 1, Plan: engine.Plan{Order: engine.Strict}}, nil
	})
	<-looked
	l.Close("the end")
	if got := out.String(); !strings.Contains(got, "at most 8 of 16 workers have a job") || !strings.HasSuffix(got, "the end\n") {
		t.Errorf("it said %q", got)
	}
}

// What status tells of a search that began before fronts is how it ranks: the objectives
// behind the first break ties.
func TestToldTies(t *testing.T) {
	t.Parallel()
	two := []engine.Objective{{Metric: "a", Goal: engine.Maximize}, {Metric: "b", Goal: engine.Minimize}}
	for rules, ties := range map[int]int{0: 1, genome.Rules: 0} {
		v := &View{Reader: some{}, Plan: engine.Plan{Objectives: two, Rules: rules}}
		if got := v.Told(); len(got.Objectives) != 2-ties || got.Ties == nil || len(got.Ties) != ties || ties > 0 && got.Ties[0] != two[1] {
			t.Errorf("rules %d: objectives %v, ties %v", rules, got.Objectives, got.Ties)
		}
	}
}
