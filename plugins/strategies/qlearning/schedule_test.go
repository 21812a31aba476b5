package qlearning

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// phases counts the networks that are drawn with each epsilon.
func phases(s schedule, networks int) (out schedule) {
	for n := range networks {
		e := s.at(n)
		if k := len(out); k == 0 || out[k-1].epsilon != e {
			out = append(out, phase{epsilon: e})
		}
		out[len(out)-1].networks++
	}
	return out
}

var same = cmp.AllowUnexported(phase{})

// Table 2 of the paper.
func TestPublishedSchedule(t *testing.T) {
	t.Parallel()
	want := schedule{{1, 1500}, {.9, 100}, {.8, 100}, {.7, 100}, {.6, 150}, {.5, 150}, {.4, 150}, {.3, 150}, {.2, 150}, {.1, 150}}
	if diff := cmp.Diff(want, phases(published(), 2700), same); diff != "" {
		t.Error(diff)
	}
	if e := published().at(1_000_000); e != 0.1 {
		t.Errorf("after its end the schedule has epsilon %v, want 0.1", e)
	}
}

func TestScaledSchedule(t *testing.T) {
	t.Parallel()
	for budget, want := range map[int]schedule{
		2700: published(),
		240:  {{1, 133}, {.9, 9}, {.8, 9}, {.7, 9}, {.6, 13}, {.5, 14}, {.4, 13}, {.3, 13}, {.2, 14}, {.1, 13}},
		27:   {{1, 15}, {.9, 1}, {.8, 1}, {.7, 1}, {.6, 2}, {.5, 1}, {.4, 2}, {.3, 1}, {.2, 2}, {.1, 1}},
		5400: {{1, 3000}, {.9, 200}, {.8, 200}, {.7, 200}, {.6, 300}, {.5, 300}, {.4, 300}, {.3, 300}, {.2, 300}, {.1, 300}},
		1:    {{1, 1}},
	} {
		if diff := cmp.Diff(want, phases(published().scaled(budget), budget), same); diff != "" {
			t.Errorf("budget %d: %s", budget, diff)
		}
	}
	for budget := 1; budget <= 6000; budget++ {
		s := published().scaled(budget)
		if s.total() != budget {
			t.Fatalf("the phases of a budget of %d sum to %d", budget, s.total())
		}
		for i, p := range s {
			if exact := float64(published()[i].networks) * float64(budget) / 2700; math.Abs(float64(p.networks)-exact) > 1 {
				t.Fatalf("budget %d: %d networks with epsilon %v; exactly are %v", budget, p.networks, p.epsilon, exact)
			}
		}
	}
}

func TestScheduleOption(t *testing.T) {
	t.Parallel()
	o, err := readOptions(json.RawMessage(`{"schedule": [[1, 2], [0.5, 0], [0.25, 1]], "budget": 9}`))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(schedule{{1, 6}, {.25, 14}}, phases(o.schedule, 20), same); diff != "" {
		t.Error(diff)
	}
	for bad, want := range map[string]string{
		`[]`:              "schedule: it has 0 networks in all",
		`[[1, 0]]`:        "schedule: it has 0 networks in all",
		`[[1.1, 3]]`:      "schedule[0]: [1.1, 3] is no phase; write pairs",
		`[[-0.1, 3]]`:     "schedule[0]: [-0.1, 3] is no phase",
		`[[1, 2.5]]`:      "schedule[0]: [1, 2.5] is no phase",
		`[[1, 2], [1]]`:   "schedule[1]: [1] is no phase",
		`[1, 2]`:          "schedule[0]: 1 is not a list; write pairs",
		`[[1, 2], ["x"]]`: `schedule[1][0]: "x" is not a number; write pairs`,
		`"x"`:             `schedule: "x" is not a list; write pairs`,
	} {
		if _, err := readOptions(json.RawMessage(`{"schedule": ` + bad + `}`)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("the schedule %s: %v", bad, err)
		}
	}
}
