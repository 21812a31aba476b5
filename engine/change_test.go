package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
)

// heir takes a search over: it notes what it found, and proposes mutants of the
// newest candidate.
type heir struct{ batch int }

type heirState struct {
	First   engine.ID // of its own jobs; 0 before the first turn
	Found   int       // length of the History that it began with
	Foreign int       // results of jobs that it did not propose
}

func (h heir) Open(context.Context, engine.Setup) ([]byte, engine.Needs, error) {
	return []byte(`{}`), engine.Needs{History: engine.NeedMetrics, Batch: h.batch}, nil
}

func (h heir) Step(_ context.Context, state []byte, t engine.Turn) (d engine.Decision, err error) {
	var s heirState
	if err := json.Unmarshal(state, &s); err != nil {
		return d, err
	}
	if s.First == 0 {
		if len(t.Results) > 0 {
			return d, fmt.Errorf("the first turn brings %d results", len(t.Results))
		}
		s.First, s.Found = t.FirstID, t.History.Len()
	}
	for _, r := range t.Results {
		if r.ID < s.First {
			s.Foreign++
		}
	}
	for range t.Want {
		p := engine.Proposal{Operator: engine.OpRandom, Tag: "heir"}
		if n := t.History.Len(); n > 0 {
			p.Operator, p.Parents = engine.OpMutate, []engine.ID{t.History.At(n - 1).ID}
		}
		d.Proposals = append(d.Proposals, p)
	}
	d.Note = fmt.Sprintf("found %d, foreign %d", s.Found, s.Foreign)
	d.State, err = json.Marshal(s)
	return d, err
}

// strategies finds those of these tests by their names.
func strategies(e engine.StrategyEvent) (engine.Strategy, error) {
	switch e.Name {
	case "climber":
		return climber{}, nil
	case "heir":
		return heir{batch: 3}, nil
	case "wide":
		return heir{batch: 20}, nil
	}
	return nil, errors.New("unknown")
}

// with names the strategy that a search is to go on with.
func with(cfg engine.Config, name string) engine.Config {
	cfg.Strategy, _ = strategies(engine.StrategyEvent{Name: name})
	cfg.StrategyName, cfg.ChangeStrategy = name, true
	return cfg
}

func TestChangeOfStrategy(t *testing.T) {
	t.Parallel()
	for _, order := range []engine.Order{engine.Strict, engine.Arrival} {
		for _, name := range []string{"heir", "wide"} {
			t.Run(string(order)+" "+name, func(t *testing.T) {
				t.Parallel()
				led := enginetest.Memory(t)
				cfg := config(led)
				cfg.Order, cfg.Turns = order, 12
				s := run(t, cfg)
				if st := s.Status(); st.State != engine.StateStopped || st.Turns < 12 || st.Strategy != "climber" {
					t.Fatalf("ended as %+v", st)
				}
				turns, found := s.Status().Turns, s.Status().Evaluations
				outstanding := s.Status().Waiting
				before := digest(t, led, 10)

				cfg.Turns, cfg.Limits.Evaluations = 0, 100
				s = run(t, with(cfg, name))
				if st := s.Status(); st.State != engine.StateFinished || st.Evaluations != 100 || st.Strategy != name {
					t.Fatalf("ended as %+v", st)
				}
				if digest(t, led, 10) != before {
					t.Error("the turns before the change are not what they were")
				}
				own, note := 0, ""
				for c := range s.Candidates() {
					if c.Tag == "heir" {
						own++
					}
				}
				for r, err := range led.Turns(engine.PartSearch) {
					if err != nil {
						t.Fatal(err)
					}
					if r.N == turns && len(r.Consumed) > 0 {
						t.Errorf("turn %d, the first after the change, consumes %v", r.N, r.Consumed)
					}
					if r.N >= turns {
						note = r.Note
					}
				}
				if want := fmt.Sprintf("found %d, foreign %d", found, outstanding); note != want {
					t.Errorf("in the end its note is %q, want %q", note, want)
				}
				if want := 100 - found - outstanding; own != want {
					t.Errorf("%d candidates are its own, want %d", own, want)
				}
				if err := engine.Replay(t.Context(), strategies, led, nil); err != nil {
					t.Error(err)
				}
				wrong := func(e engine.StrategyEvent) (engine.Strategy, error) {
					if e.Name == name {
						return heir{batch: 1}, nil
					}
					return heir{}, nil
				}
				if err := engine.Replay(t.Context(), wrong, led, nil); !errors.Is(err, engine.ErrDamaged) {
					t.Errorf("replayed by others: %v", err)
				}
			})
		}
	}
}

// A change in the middle leads to the same search, however often it is
// interrupted: before it, right after it was journaled, and later.
func TestChangeOfStrategyAndInterruptions(t *testing.T) {
	t.Parallel()
	whole := func(stops ...uint64) string {
		led := enginetest.Memory(t)
		cfg := config(led)
		cfg.Limits.Evaluations = 80
		cfg.Turns = 9
		run(t, cfg)
		for _, n := range stops {
			next := with(cfg, "heir")
			next.Turns = n
			run(t, next)
		}
		cfg.Turns = 0
		run(t, with(cfg, "heir"))
		return digest(t, led, -1)
	}
	want := whole()
	for _, stops := range [][]uint64{{9}, {9, 9, 10}, {10}, {11, 15}} {
		if got := whole(stops...); got != want {
			t.Errorf("stopped at turns %v: digest %s, undisturbed %s", stops, got, want)
		}
	}
}

func TestChangeOfStrategyMustBeMeant(t *testing.T) {
	t.Parallel()
	led := enginetest.Memory(t)
	cfg := config(led)
	run(t, cfg)
	other := with(cfg, "heir")
	other.ChangeStrategy = false
	if _, err := engine.Run(t.Context(), other); !errors.Is(err, engine.ErrConfig) || !strings.Contains(err.Error(), "--strategy heir") {
		t.Errorf("refused with %v", err)
	}
	// What was done can be taken up again, and changed back.
	cfg.Limits.Evaluations = 70
	run(t, with(cfg, "heir"))
	cfg.Limits.Evaluations = 80
	back := with(cfg, "climber")
	run(t, back)
	if err := engine.Replay(t.Context(), strategies, led, nil); err != nil {
		t.Error(err)
	}
	archive, err := engine.Read(led)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range archive.Strategies {
		names = append(names, e.Name)
	}
	if got := strings.Join(names, " "); got != "climber heir climber" {
		t.Errorf("strategies %s", got)
	}
}
