package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
)

func number[T any](x T) *T { return &x }

// steered gives a request to a search that is not running.
func steered(t *testing.T, led engine.Ledger, r engine.Request) engine.Receipt {
	t.Helper()
	rec, err := engine.Steer(led, r, time.Now())
	if err != nil {
		t.Fatalf("%s: %v", &r, err)
	}
	return rec
}

// refused gives a request that is wrong, and changes nothing.
func refused(t *testing.T, led engine.Ledger, r engine.Request, want string) {
	t.Helper()
	before := events(t, led)
	_, err := engine.Steer(led, r, time.Now())
	if !errors.Is(err, engine.ErrConfig) || !strings.Contains(err.Error(), want) {
		t.Errorf("%s: %v; want %s", &r, err, want)
	}
	if events(t, led) != before {
		t.Errorf("%s was refused and is recorded", &r)
	}
}

func events(t *testing.T, led engine.Ledger) (n int) {
	t.Helper()
	for _, err := range led.Events() {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}

// requests are one of each kind, none of which needs a search to have anything but
// ten candidates, the last of them without a result.
func requests() []engine.Request {
	return []engine.Request{
		{Set: &engine.Settings{Evaluations: number(70), Workers: number(3), Window: number(12)}},
		{Pause: &engine.Pause{Now: true}},
		{Resume: true},
		{Pin: []engine.ID{10}},
		{Unpin: []engine.ID{10}},
		{Cancel: []engine.ID{10}},
		{Add: &engine.Additions{Genomes: []string{"x=0.5 y=10 z=b"}}},
		{Import: &engine.Imports{From: "elsewhere", Results: known(2)}},
		{Ban: "z = c"},
		{Unban: "z = c"},
		{Note: "all is well"},
		{Label: &engine.Labelling{IDs: []engine.ID{1}, Add: "good"}},
		{Takeover: &engine.Takeover{Space: json.RawMessage(wider), Constraints: []engine.Constraint{{Metric: "accuracy", Min: number(0.1)}}}},
	}
}

// A request that is given again changes nothing and gets the same answer, whether the
// search runs or not, and after a restart; one with another name is another one.
func TestRequestsAreCarriedOutOnce(t *testing.T) {
	t.Parallel()
	for _, running := range []bool{false, true} {
		t.Run(fmt.Sprint(running), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				cfg := acting(t, crawling(10))
				cfg.Workers, cfg.Limits.Evaluations = 2, 60
				give := func(give func(engine.Request) (engine.Receipt, error)) {
					for i, r := range requests() {
						r.ID, r.By = fmt.Sprintf("request %d", i), "a test"
						before := events(t, cfg.Ledger)
						tried := r
						tried.DryRun = true
						said, err := give(tried)
						if (err == nil) != (r.Takeover != nil) || events(t, cfg.Ledger) != before {
							t.Errorf("%s, tried: %+v, %v", &r, said, err)
						}
						first, err := give(r)
						same := running || first.Says == said.Says // one that runs has more candidates by then
						fit := func(says string) bool { return strings.Contains(says, " candidates fit") == (r.Takeover != nil) }
						if !same || !fit(said.Says) || !fit(first.Says) {
							t.Errorf("%s: before %q was said, then %q", &r, said.Says, first.Says)
						}
						if err != nil || first.Request != r.ID || first.Seq == 0 {
							t.Fatalf("%s: %+v, %v", &r, first, err)
						}
						n := events(t, cfg.Ledger)
						again, err := give(r)
						if err != nil || !reflect.DeepEqual(first, again) || events(t, cfg.Ledger) != n {
							t.Errorf("%s: %+v, then %+v, %v", &r, first, again, err)
						}
					}
				}
				s, err := engine.New(cfg)
				if err != nil {
					t.Fatal(err)
				}
				go func() {
					time.Sleep(time.Minute) // it waits for 10
					if running {
						give(s.Steer)
					}
					s.Stop()
				}()
				if err := s.Run(t.Context()); err != nil {
					t.Fatal(err)
				}
				if !running {
					give(func(r engine.Request) (engine.Receipt, error) { return engine.Steer(cfg.Ledger, r, time.Now()) })
				}
				n := events(t, cfg.Ledger)
				for i, r := range requests() {
					r.ID = fmt.Sprintf("request %d", i)
					steered(t, cfg.Ledger, r)
					r.By = "somebody else"
					steered(t, cfg.Ledger, r)
					refused(t, cfg.Ledger, engine.Request{ID: r.ID, Note: "something else"}, "name of another one")
				}
				if events(t, cfg.Ledger) != n {
					t.Error("after a restart they are carried out again")
				}
				st := run(t, cfg).Status()
				if st.Evaluations != 70 || st.Added != 1 || st.Imported != 2 || st.Failed != 1 || st.Workers != 3 || st.Window != 12 ||
					st.Paused != nil || len(st.Bans) != 0 || len(st.Pinned) != 0 {
					t.Errorf("ended as %+v", st)
				}
				if err := engine.Replay(t.Context(), always(climber{}), cfg.Ledger, nil); err != nil {
					t.Error(err)
				}
				told := map[string]bool{}
				all, err := engine.Timeline(cfg.Ledger)
				for _, o := range all {
					if told[o.Kind] = true; o.Request != "" && o.By != "a test" {
						t.Errorf("%+v", o)
					}
				}
				for _, kind := range []string{"started", "set", "pause", "resume", "cancel", "add", "import", "ban", "unban", "pin", "unpin", "note", "label", "takeover", "ended"} {
					if !told[kind] || err != nil {
						t.Errorf("the timeline has no %s: %v", kind, err)
					}
				}
			})
		})
	}
}

// A request is a line of JSON, and is read from it as it was.
func TestRequestsAsJSON(t *testing.T) {
	t.Parallel()
	all := append(requests(), engine.Request{Stop: true, AtTurn: 7}, engine.Request{Withdraw: "b"},
		engine.Request{Set: &engine.Settings{Wall: number(7.5), Seconds: number(0.0), Target: &engine.SetTarget{Target: number(0.5)}}},
		engine.Request{Set: &engine.Settings{Target: &engine.SetTarget{Targets: engine.Values{{Name: "a", Value: 1}}}}},
		engine.Request{Set: &engine.Settings{Target: &engine.SetTarget{}}})
	for _, r := range all {
		r.ID = "a"
		text, err := json.Marshal(&r)
		if err != nil {
			t.Fatal(err)
		}
		var read engine.Request
		if err := json.Unmarshal(text, &read); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if again, err := json.Marshal(&read); err != nil || string(again) != string(text) || read.String() != r.String() {
			t.Errorf("%s became %s, %v", text, again, err)
		}
	}
}

func TestWrongRequests(t *testing.T) {
	t.Parallel()
	led := enginetest.Memory(t)
	cfg := config(led)
	cfg.Strategy = climber{batch: 7}
	begunTo(t, cfg, 3)
	refused(t, led, engine.Request{}, "asks for 0")
	refused(t, led, engine.Request{Resume: true, Note: "x"}, "asks for 2")
	refused(t, led, engine.Request{Note: "a\nb"}, "cannot be printed")
	refused(t, led, engine.Request{ID: strings.Repeat("x", 201), Resume: true}, "more than 200 bytes")
	refused(t, led, engine.Request{Cancel: []engine.ID{1}}, "has its result already")
	refused(t, led, engine.Request{Cancel: []engine.ID{20, 99}}, "there is no candidate 99")
	refused(t, led, engine.Request{Note: "x", AtTurn: 2}, "has taken 3 turns already")
	refused(t, led, engine.Request{Ban: "q = 1"}, "q")
	refused(t, led, engine.Request{Ban: "accuracy > 0.5"}, "accuracy")
	refused(t, led, engine.Request{Ban: "x >= 0"}, "leaves nothing to draw")
	refused(t, led, engine.Request{Unban: "x > 0.5"}, "is not banned")
	refused(t, led, engine.Request{Pin: []engine.ID{99}}, "there is no candidate 99")
	refused(t, led, engine.Request{Pin: []engine.ID{1}}, "left no files")
	refused(t, led, engine.Request{Set: &engine.Settings{}}, "nothing is set")
	refused(t, led, engine.Request{Set: &engine.Settings{Workers: number(0)}}, "0 is not from 1")
	refused(t, led, engine.Request{Set: &engine.Settings{Window: number(engine.MaxWindow + 1)}}, "is not from 1")
	refused(t, led, engine.Request{Set: &engine.Settings{Evaluations: number(-1)}}, "none may be negative")
	refused(t, led, engine.Request{Set: &engine.Settings{Target: &engine.SetTarget{Targets: engine.Values{{Name: "q", Value: 1}}}}}, "q is no objective")
	for key, want := range map[string]string{
		"seed": "begin another search", "strategy.population": "--strategy", "timeout": "when a run starts", "limits.evaluation": "there are limits.evaluations",
	} {
		if err := json.Unmarshal(fmt.Appendf(nil, `{%q: 1}`, key), new(engine.Settings)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %s", key, err, want)
		}
	}
	refused(t, led, engine.Request{Takeover: &engine.Takeover{}}, "nothing is declared")
	for _, text := range []string{`{"workers": null}`, `{"window": null}`, `{"workers": 1.5}`, `{"limits.wall": "x"}`, `{"limits.target": [1]}`, `[]`} {
		if err := json.Unmarshal([]byte(text), new(engine.Settings)); err == nil {
			t.Errorf("%s is taken", text)
		}
	}
	for _, text := range []string{`{"limits.evaluations": 0}`, `{"limits.wall": 0.0}`, `{"limits.seconds": -0}`} { // whoever means no limit says null
		s := new(engine.Settings)
		if err := json.Unmarshal([]byte(text), s); err != nil {
			t.Fatal(err)
		}
		sent, err := json.Marshal(s)
		again := new(engine.Settings)
		if err != nil || json.Unmarshal(sent, again) != nil {
			t.Fatalf("%s, %v", sent, err)
		}
		refused(t, led, engine.Request{Set: s}, "0 is no limit that could be kept")
		refused(t, led, engine.Request{Set: again}, "0 is no limit that could be kept") // as a search that runs gets it
	}
	takeover := func(x engine.Takeover) engine.Request { return engine.Request{Takeover: &x} }
	refused(t, led, takeover(engine.Takeover{Space: json.RawMessage(`{"x": {"flot": [0, 1]}}`)}), "space.x")
	refused(t, led, takeover(engine.Takeover{Objectives: []engine.Objective{}}), "objectives: there are none")
	refused(t, led, takeover(engine.Takeover{Objectives: []engine.Objective{{Metric: "speed"}}}), `no evaluator measures "speed"`)
	refused(t, led, takeover(engine.Takeover{Constraints: []engine.Constraint{{Metric: "accuracy"}}}), "min or max")
	refused(t, led, takeover(engine.Takeover{Derived: []engine.Derived{{Metric: "double", Expression: "2*speed"}}}), "speed")
	steered(t, led, engine.Request{Ban: "z = a"})
	refused(t, led, takeover(engine.Takeover{Space: json.RawMessage(`{"x": {"float": [0, 1]}, "z": {"choice": ["a"]}}`)}), "leave nothing of it to draw")
	steered(t, led, engine.Request{Set: &engine.Settings{Target: &engine.SetTarget{Target: number(2.0)}}})
	refused(t, led, takeover(engine.Takeover{
		Derived:    []engine.Derived{{Metric: "double", Expression: "2*accuracy"}},
		Objectives: []engine.Objective{{Metric: "double"}},
	}), "limits.target 2 is one of accuracy")
	refused(t, led, engine.Request{Withdraw: "x"}, "\"x\" is not planned; nothing is")
	refused(t, led, engine.Request{Cancel: []engine.ID{1}, AtTurn: 9}, "has its result already") // what could not be done then either
	refused(t, led, engine.Request{Pin: []engine.ID{1}, AtTurn: 9}, "left no files")
	refused(t, led, engine.Request{Ban: "x >= 0", AtTurn: 9}, "it leaves nothing to draw")
	refused(t, led, engine.Request{Unban: "q = 1", AtTurn: 9}, "q")
	refused(t, led, engine.Request{Note: "x", AtTurn: engine.MaxTurn + 1}, "give a turn up to 1000000000")
	refused(t, led, engine.Request{Resume: true, AtTurn: 9}, "would not come")
	steered(t, led, engine.Request{Pause: &engine.Pause{}, ID: "halt", AtTurn: 8})
	refused(t, led, engine.Request{Resume: true, AtTurn: 9}, "withdraw a pause")
	refused(t, led, engine.Request{Withdraw: "x"}, "planned are: \"halt\" at turn 8")
}

// A paused search starts nothing, also when it is run again, and takes the way that it
// would have taken.
func TestPause(t *testing.T) {
	t.Parallel()
	for _, now := range []bool{false, true} {
		t.Run(fmt.Sprint(now), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				plain := acting(t, crawling())
				run(t, plain)
				var sent, back atomic.Int64
				a := crawling()
				submit, cancel := a.submit, a.cancel
				a.submit = func(s *scene, x engine.Assignment) error { sent.Add(1); return submit(s, x) }
				a.cancel = func(s *scene, id engine.ID, attempt int, save bool) { back.Add(1); cancel(s, id, attempt, save) }
				cfg := acting(t, a)
				s, err := engine.New(cfg)
				if err != nil {
					t.Fatal(err)
				}
				go func() {
					time.Sleep(5*time.Second + time.Millisecond)
					if _, err := s.Steer(engine.Request{Pause: &engine.Pause{Now: now}, By: "me"}); err != nil {
						t.Error(err)
					}
					before, turns := sent.Load(), s.Status().Turns
					time.Sleep(time.Hour)
					st := s.Status()
					if sent.Load() != before || st.Turns > turns+1 || st.Running != 0 || st.Paused == nil || st.Paused.By != "me" {
						t.Errorf("paused at turn %d with %d jobs sent; later %d, and %+v", turns, before, sent.Load(), st)
					}
					if st.Wall > 7 {
						t.Errorf("the pause counts as %v seconds of running", st.Wall)
					}
					if got := back.Load(); (got > 0) != now {
						t.Errorf("%d jobs were called back", got)
					}
					s.Stop()
				}()
				if err := s.Run(t.Context()); err != nil {
					t.Fatal(err)
				}
				before := sent.Load()
				var said atomic.Bool
				cfg.Observe = func(u engine.Update) {
					if u.Kind == engine.Said && strings.HasPrefix(u.Text, "paused before turn") {
						said.Store(true)
					}
				}
				if s, err = engine.New(cfg); err != nil {
					t.Fatal(err)
				}
				go func() {
					time.Sleep(time.Hour)
					if !said.Load() {
						t.Error("nobody is told why nothing happens")
					}
					if st := s.Status(); sent.Load() != before || st.Paused == nil {
						t.Errorf("%d jobs are sent after a restart, and %+v", sent.Load()-before, st)
					}
					if _, err := s.Steer(engine.Request{Resume: true}); err != nil {
						t.Error(err)
					}
				}()
				if err := s.Run(t.Context()); err != nil {
					t.Fatal(err)
				}
				if digest(t, cfg.Ledger, -1) != digest(t, plain.Ledger, -1) || s.Status().Retries != 0 {
					t.Errorf("it took another way: %+v", s.Status())
				}
			})
		})
	}
}

// What is set holds when the search is run again as it was; one that is run with another
// value goes by that.
func TestSettingsHold(t *testing.T) {
	t.Parallel()
	led := enginetest.Memory(t)
	cfg := config(led)
	cfg.Limits.Evaluations = 20
	run(t, cfg)
	steered(t, led, engine.Request{Set: &engine.Settings{Evaluations: number(40), Workers: number(5)}})
	if st := mustArchive(t, led).Status(); st.State != engine.StateStopped || st.Limits.Evaluations != 40 {
		t.Errorf("it stands as %+v", st)
	}
	for _, c := range []struct{ limit, workers, want, busy int }{{20, 2, 40, 5}, {20, 2, 40, 5}, {50, 2, 50, 5}, {50, 3, 50, 3}, {50, 3, 50, 3}} {
		cfg.Limits.Evaluations, cfg.Workers = c.limit, c.workers
		if st := run(t, cfg).Status(); st.Evaluations != c.want || st.Workers != c.busy {
			t.Errorf("run with %d evaluations and %d workers it came to %d with %d", c.limit, c.workers, st.Evaluations, st.Workers)
		}
	}
	if err := engine.Replay(t.Context(), always(climber{}), led, nil); err != nil {
		t.Error(err)
	}
}

// Whoever places hosts is told how many there are to be, when a run begins and when that is
// set. It decides nothing.
func TestHostsAreSet(t *testing.T) {
	t.Parallel()
	led := enginetest.Memory(t)
	cfg := config(led)
	cfg.Limits.Evaluations = 20
	set := func(n int) engine.Request { return engine.Request{Set: &engine.Settings{Hosts: &n}} }
	turns := int(run(t, cfg).Status().Turns)
	refused(t, led, set(4), "nobody places hosts")
	want, err := engine.Digest(led, turns)
	if err != nil {
		t.Fatal(err)
	}
	var told []int
	cfg.Place = func(n int) { told = append(told, n) }
	again := func(configured, want int) {
		t.Helper()
		cfg.Hosts = configured
		cfg.Limits.Evaluations++ // else there is nothing to run
		told = nil
		if st := run(t, cfg).Status(); st.Hosts != want || !slices.Equal(told, []int{want}) {
			t.Errorf("with %d it came to %d, told %v, want %d", configured, st.Hosts, told, want)
		}
	}
	again(3, 3)
	steered(t, led, set(8))
	refused(t, led, set(-1), "-1 is not from 0")
	again(3, 8)
	again(5, 5)
	steered(t, led, set(0))
	again(5, 0)
	if d, err := engine.Digest(led, turns); err != nil || d != want {
		t.Errorf("with hosts that are set the digest is %s, without %s: %v", d, want, err)
	}
	if err := engine.Replay(t.Context(), always(climber{}), led, nil); err != nil {
		t.Error(err)
	}
	line, err := engine.Timeline(led)
	if err != nil || !slices.ContainsFunc(line, func(o engine.Occurrence) bool { return strings.Contains(o.Text, "8 hosts") }) {
		t.Errorf("the timeline does not tell of it: %+v, %v", line, err)
	}
}

// A limit that is raised while a search is about to end lets it go on, in the same run.
func TestRaisedAtTheEnd(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"search ends", "the winner is"} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			led := enginetest.Memory(t)
			cfg := config(led)
			cfg.Limits.Evaluations = 20
			var s *engine.Search
			raised := make(chan error, 1)
			var once atomic.Bool
			cfg.Observe = func(u engine.Update) {
				if u.Kind == engine.Said && strings.Contains(u.Text, at) && !once.Swap(true) {
					go func() {
						_, err := s.Steer(engine.Request{ID: "more", Set: &engine.Settings{Evaluations: number(40)}})
						raised <- err
					}()
				}
			}
			s, err := engine.New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := <-raised; errors.Is(err, engine.ErrLate) { // it had ended
				steered(t, led, engine.Request{ID: "more", Set: &engine.Settings{Evaluations: number(40)}})
			} else if err != nil {
				t.Fatal(err)
			}
			cfg.Observe = nil
			st := run(t, cfg).Status()
			if st.Evaluations != 40 || st.State != engine.StateFinished {
				t.Errorf("ended as %+v", st)
			}
			if err := engine.Replay(t.Context(), always(climber{}), led, nil); err != nil {
				t.Error(err)
			}
		})
	}
}

// What decides is in the digest, is the same planned ahead or given when its turn comes,
// and wherever the search is interrupted; what does not decide is not.
func TestDigestOfRequests(t *testing.T) {
	t.Parallel()
	const turn = 12
	whole := func(t *testing.T, r engine.Request, planned bool, stops ...uint64) string {
		led := enginetest.Memory(t)
		cfg := config(led)
		cfg.Limits.Evaluations = 70
		begunTo(t, cfg, 3)
		if planned {
			r.ID, r.AtTurn = "planned", turn
			if rec := steered(t, led, r); !rec.Planned || rec.Turn != turn {
				t.Errorf("%s: %+v", &r, rec)
			}
		} else {
			cfg.Turns = turn
			run(t, cfg)
			steered(t, led, r)
		}
		for _, cfg.Turns = range stops {
			run(t, cfg)
		}
		cfg.Turns = 0
		st := run(t, cfg).Status()
		if len(st.Planned) > 0 {
			t.Errorf("%s: it is still planned: %+v", &r, st.Planned)
		}
		if err := engine.Replay(t.Context(), always(climber{}), led, nil); err != nil {
			t.Errorf("%s: %v", &r, err)
		}
		if planned {
			for e, err := range led.Events() {
				if err != nil || e.Kind != "plan" && strings.Contains(string(e.Data), `"planned"`) && e.Turn != turn {
					t.Errorf("%s: %s at turn %d, %v", &r, e.Kind, e.Turn, err)
				}
			}
		}
		return digest(t, led, -1)
	}
	plain := whole(t, engine.Request{Note: "nothing"}, false)
	for _, c := range []struct {
		r       engine.Request
		decides bool
	}{
		{engine.Request{Set: &engine.Settings{Window: number(3)}}, true},
		{engine.Request{Set: &engine.Settings{Evaluations: number(70), Workers: number(4)}}, false},
		{engine.Request{Add: &engine.Additions{Genomes: []string{"x=0.5 y=10 z=b"}}}, true},
		{engine.Request{Import: &engine.Imports{Results: known(1)}}, true},
		{engine.Request{Ban: "z = c"}, true},
		{engine.Request{Label: &engine.Labelling{IDs: []engine.ID{1}, Add: "good"}}, false},
		{engine.Request{Note: "nothing"}, false},
		{engine.Request{Takeover: &engine.Takeover{Space: json.RawMessage(wider)}}, true},
		{engine.Request{Takeover: &engine.Takeover{Space: json.RawMessage(narrower)}}, true},
		{engine.Request{Takeover: &engine.Takeover{Objectives: []engine.Objective{{Metric: "accuracy", Goal: engine.Minimize}}}}, true},
	} {
		t.Run(c.r.String(), func(t *testing.T) {
			t.Parallel()
			got := whole(t, c.r, false)
			if (got != plain) != c.decides {
				t.Errorf("%s: the digest is %s, without %s", &c.r, got, plain)
			}
			for _, stops := range [][]uint64{nil, {turn}, {turn - 1, turn, turn + 1}} {
				if ahead := whole(t, c.r, true, stops...); ahead != got {
					t.Errorf("%s: planned ahead and stopped at %v it takes another way", &c.r, stops)
				}
			}
		})
	}
}

// What cannot be done when its turn comes is said in the log; the search goes on.
func TestPlansMayBeRefused(t *testing.T) {
	t.Parallel()
	led := enginetest.Memory(t)
	cfg := config(led)
	beginning := cfg
	beginning.Evaluators = map[string]engine.EvaluatorRef{"f": {Evaluator: engine.Func(func(ctx context.Context, j *engine.Job) (map[string]float64, error) {
		if j.ID == 9 { // it has no result when the plan is made
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return evaluate(ctx, j)
	})}}
	begunTo(t, beginning, 3)
	plan := engine.Request{ID: "late", Cancel: []engine.ID{9}, AtTurn: 30}
	steered(t, led, plan)
	steered(t, led, engine.Request{ID: "end", Stop: true, AtTurn: 20})
	if st := run(t, cfg).Status(); st.State != engine.StateStopped || st.Turns != 20 || len(st.Planned) != 1 || st.Planned[0].Text != "cancel 9" {
		t.Errorf("stopped as %+v", st)
	}
	if st := run(t, cfg).Status(); st.State != engine.StateFinished || st.Failed != 0 || len(st.Planned) != 0 {
		t.Errorf("ended as %+v", st)
	}
	if _, err := engine.Steer(led, plan, time.Now()); err == nil || !strings.Contains(err.Error(), "has its result already") {
		t.Errorf("given again: %v", err)
	}
	all, err := engine.Timeline(led)
	if !slices.ContainsFunc(all, func(o engine.Occurrence) bool {
		return o.Kind == "refused" && o.Turn == 30 && o.Request == "late" && strings.Contains(o.Text, "candidate 9 has its result already")
	}) {
		t.Errorf("the log is %+v, %v", all, err)
	}
	if err := engine.Replay(t.Context(), always(climber{}), led, nil); err != nil {
		t.Error(err)
	}
}

// What is withdrawn is not carried out, also when it is given again; nothing else is touched.
func TestPlansMayBeWithdrawn(t *testing.T) {
	t.Parallel()
	led := enginetest.Memory(t)
	cfg := config(led)
	begunTo(t, cfg, 3)
	plain := mustArchive(t, led).Plan.Window
	halt := engine.Request{ID: "halt", Stop: true, AtTurn: 8}
	for _, r := range []engine.Request{halt, {Withdraw: "wide", AtTurn: 12},
		{ID: "wide", Set: &engine.Settings{Window: number(plain + 3)}, AtTurn: 8}, {Withdraw: "halt", ID: "on"}} {
		steered(t, led, r)
	}
	refused(t, led, engine.Request{Withdraw: "wide", AtTurn: 8}, `"wide" comes before, at turn 8`)
	refused(t, led, engine.Request{Withdraw: "halt", AtTurn: 12}, "is not planned")
	if _, err := engine.Steer(led, halt, time.Now()); !errors.Is(err, engine.ErrConfig) || !strings.Contains(err.Error(), `request "halt" was withdrawn`) {
		t.Errorf("given again: %v", err)
	}
	steered(t, led, engine.Request{Withdraw: "halt", ID: "on"})
	refused(t, led, engine.Request{Withdraw: "halt"}, "is not planned")
	if st := run(t, cfg).Status(); st.State != engine.StateFinished || st.Window != plain+3 || len(st.Planned) != 0 {
		t.Errorf("ended as %+v", st)
	}
	var told []string
	all, err := engine.Timeline(led)
	for _, o := range all {
		if o.Kind != "started" && o.Kind != "ended" {
			told = append(told, fmt.Sprintf("%s %d %s", o.Kind, o.Turn, o.Text))
		}
	}
	if err != nil || !slices.ContainsFunc(told, func(s string) bool { return s == "withdraw 3 halt" }) ||
		!slices.ContainsFunc(told, func(s string) bool { return strings.HasPrefix(s, `refused 12 withdraw: "wide" is not planned`) }) {
		t.Errorf("the log is %q, %v", told, err)
	}
	if err := engine.Replay(t.Context(), always(climber{}), led, nil); err != nil {
		t.Error(err)
	}
}

// giver proposes what the climber does, by operators and in whole by turns.
type giver struct{ climber }

func (g giver) Step(ctx context.Context, state []byte, t engine.Turn) (engine.Decision, error) {
	d, err := g.climber.Step(ctx, state, t)
	for i := range d.Proposals {
		if (t.N+uint64(i))%3 == 0 {
			x, err := plainSpace.Parse("x=0.5 y=1 z=" + string("abc"[t.N/3%3]))
			if err != nil {
				return d, err
			}
			d.Proposals[i] = engine.Proposal{Genome: x, Replicate: true}
		}
	}
	return d, err
}

func TestBan(t *testing.T) {
	t.Parallel()
	led := enginetest.Memory(t)
	cfg := config(led)
	cfg.Strategy, cfg.Limits.Evaluations, cfg.Final.Skip = giver{}, 150, true
	begunTo(t, cfg, 20)
	steered(t, led, engine.Request{Ban: "z = c or x > 0.9"})
	steered(t, led, engine.Request{Ban: "z = b", ID: "b"})
	refused(t, led, engine.Request{Ban: "z = a"}, "with the 2 that there are")
	refused(t, led, engine.Request{Add: &engine.Additions{Genomes: []string{"x=0.5 y=10 z=b"}}}, "it is banned: z = b")
	steered(t, led, engine.Request{Unban: "z=b"})
	if rec := steered(t, led, engine.Request{Ban: "x>0.9  or z == 'c'"}); rec.Seq == 0 || rec.Hint != "" { // these are other words
		t.Errorf("%+v", rec)
	}
	steered(t, led, engine.Request{Unban: "x > 0.9 or z = 'c'"})
	if rec := steered(t, led, engine.Request{Ban: "z=c  or x >  0.9"}); rec.Seq != 0 {
		t.Errorf("a ban that there is: %+v", rec)
	}
	cfg.Turns = 60
	if st := run(t, cfg).Status(); !slices.Equal(st.Bans, []string{"z = c or x > 0.9"}) {
		t.Errorf("banned are %q", st.Bans)
	}
	steered(t, led, engine.Request{Unban: "z = c or x > 0.9"})
	cfg.Turns = 0
	run(t, cfg)
	kinds := map[string]int{}
	for j, err := range led.Jobs() {
		if err != nil {
			t.Fatal(err)
		}
		c, err := mustArchive(t, led).Candidate(j.ID)
		if err != nil {
			t.Fatal(err)
		}
		x, _ := c.Genome.Gene("x")
		z, _ := c.Genome.Gene("z")
		banned := z == "c" || x.(float64) > 0.9
		switch held := j.Turn >= 20 && j.Turn < 60; {
		case banned && held:
			kinds["invalid"]++
			if c.Status != engine.Invalid || c.Attempts != 0 || c.Reason != "it is banned: z = c or x > 0.9" {
				t.Errorf("turn %d proposed candidate %s, %s, which is %s: %s", j.Turn, c.ID, c.Genome.Text(), c.Status, c.Reason)
			}
			kinds[c.Operator]++ // children of parents that are banned may all be
			if c.Operator == engine.OpRandom {
				t.Errorf("what is banned was drawn at random, candidate %s", c.ID)
			}
		case c.Status == engine.Invalid:
			t.Errorf("turn %d proposed candidate %s, %s, which is invalid: %s", j.Turn, c.ID, c.Genome.Text(), c.Reason)
		case banned && j.Turn >= 60:
			kinds["again"]++
		case banned:
			kinds["before"]++
		}
	}
	if kinds[engine.OpGiven] == 0 || kinds["again"] == 0 || kinds["before"] == 0 {
		t.Errorf("it met %v", kinds)
	}
	if err := engine.Replay(t.Context(), always(giver{}), led, nil); err != nil {
		t.Error(err)
	}
}

// What may not be meant is done, and said.
func TestHints(t *testing.T) {
	t.Parallel()
	led := enginetest.Memory(t)
	cfg := config(led)
	begunTo(t, cfg, 3)
	for _, of := range []struct {
		engine.Request
		want string
	}{
		{engine.Request{Ban: "x > 0.5 and x < 0.5"}, "it holds of none of 1000 random genomes"},
		{engine.Request{Ban: "x > 0.5"}, ""},
		{engine.Request{Unban: "x > 0.6", AtTurn: 9}, "it is not banned yet"},
		{engine.Request{Unban: "x > 0.5", AtTurn: 9}, ""},
		{engine.Request{Cancel: []engine.ID{99}, AtTurn: 9}, "there is no candidate 99 yet"},
		{engine.Request{Withdraw: "soon", AtTurn: 9}, "nothing of that name is planned yet"},
		{engine.Request{Note: "x", AtTurn: 9}, ""},
		{engine.Request{Note: "x", AtTurn: 9000}, "the search may well end before, at its limit of"},
	} {
		if rec := steered(t, led, of.Request); !strings.HasPrefix(rec.Hint, of.want) || (of.want == "") != (rec.Hint == "") {
			t.Errorf("%s: %q; want %s", &of.Request, rec.Hint, of.want)
		}
	}
}

// Who is named twice is told once.
func TestCandidatesNamedTwice(t *testing.T) {
	t.Parallel()
	led := enginetest.Memory(t)
	begunTo(t, config(led), 0) // no job has a result
	cfg := config(led)
	cfg.Evaluators = map[string]engine.EvaluatorRef{"f": {Evaluator: engine.Func(func(ctx context.Context, j *engine.Job) (map[string]float64, error) {
		if j.ID == 3 {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return evaluate(ctx, j)
	})}}
	cfg.Turns = 2
	run(t, cfg)
	steered(t, led, engine.Request{Cancel: []engine.ID{3, 3}})
	steered(t, led, engine.Request{Label: &engine.Labelling{IDs: []engine.ID{1, 1}, Add: "x"}})
	all, err := engine.Timeline(led)
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, o := range all {
		if o.Kind == "cancel" || o.Kind == "label" {
			told = append(told, o.Text)
		}
	}
	if want := []string{"candidates 3", "candidates 1: x"}; !slices.Equal(told, want) {
		t.Errorf("the log has %q, want %q", told, want)
	}
}

// same proposes one genome over and over.
type same struct{}

func (same) Open(context.Context, engine.Setup) ([]byte, engine.Needs, error) {
	return nil, engine.Needs{}, nil
}

func (same) Step(_ context.Context, _ []byte, t engine.Turn) (d engine.Decision, err error) {
	g, err := plainSpace.Parse("x=0.5 y=10 z=b")
	for range t.Want {
		d.Proposals = append(d.Proposals, engine.Proposal{Genome: g})
	}
	return d, err
}

// Those that were to share the result of a cancelled job are measured: the first of them
// for the others that come, and each by itself that was there.
func TestCancelFreesThoseWhoShare(t *testing.T) {
	t.Parallel()
	for _, restart := range []bool{false, true} {
		t.Run(fmt.Sprint(restart), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				cfg := acting(t, crawling(1))
				cfg.Strategy, cfg.Duplicates, cfg.Window = same{}, engine.Reuse, 4
				s, err := engine.New(cfg)
				if err != nil {
					t.Fatal(err)
				}
				go func() {
					time.Sleep(time.Minute)
					if restart {
						s.Stop()
						return
					}
					if _, err := s.Steer(engine.Request{Cancel: []engine.ID{1}}); err != nil {
						t.Error(err)
					}
				}()
				if err := s.Run(t.Context()); err != nil {
					t.Fatal(err)
				}
				if restart {
					steered(t, cfg.Ledger, engine.Request{Cancel: []engine.ID{1}})
					run(t, cfg)
				}
				for c := range mustArchive(t, cfg.Ledger).Candidates() {
					want, reuse, attempts := engine.OK, engine.ID(0), 1
					switch {
					case c.ID == 1:
						want, attempts = engine.Failed, 0
					case c.ID > 4:
						reuse, attempts = 2, 0
					}
					if c.Status != want || c.Reuse != reuse || c.Attempts != attempts {
						t.Errorf("candidate %s is %s after %d attempts and shares the result of %s", c.ID, c.Status, c.Attempts, c.Reuse)
					}
				}
				if err := engine.Replay(t.Context(), always(same{}), cfg.Ledger, nil); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// Files of pinned candidates stay, those of others go as before, and so does the search.
func TestPin(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		whole := func(pins ...engine.ID) (map[engine.ID]bool, string) {
			led := enginetest.Memory(t)
			cfg := farm(t, led, 3, 1<<40, 3)
			cfg.Turns = 30
			run(t, cfg)
			if len(pins) > 0 {
				steered(t, led, engine.Request{Pin: []engine.ID{pins[0], pins[1], pins[0]}})
			}
			cfg = farm(t, led, 4, 1<<40, 3)
			var s *engine.Search
			n := 0
			cfg.Observe = func(u engine.Update) {
				if n++; n == 200 && len(pins) > 0 {
					go func() {
						for _, r := range []engine.Request{{Pin: pins[2:]}, {Unpin: pins[:1]}} {
							if _, err := s.Steer(r); err != nil {
								t.Error(err)
							}
						}
					}()
				}
			}
			s, err := engine.New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			kept := map[engine.ID]bool{}
			for c := range mustArchive(t, led).Candidates() {
				if len(c.Files) > 0 {
					_, err := led.Path(c.Files[0].Hash)
					if kept[c.ID] = err == nil; err != nil && !errors.Is(err, os.ErrNotExist) {
						t.Error(err)
					}
				}
			}
			if err := engine.Replay(t.Context(), always(farmer{}), led, nil); err != nil {
				t.Error(err)
			}
			return kept, digest(t, led, -1)
		}
		plain, digest := whole()
		var lost []engine.ID
		for id := engine.ID(1); id < 400; id++ {
			if kept, left := plain[id]; left && !kept && (id < 20 || id > 110 && id < 130) {
				lost = append(lost, id)
			}
		}
		pins := []engine.ID{lost[0], lost[1], lost[len(lost)-1]} // the last may have no result when it is pinned
		kept, same := whole(pins...)
		if same != digest {
			t.Error("pins are in the digest")
		}
		for id, was := range plain {
			if want := was || id == pins[1] || id == pins[2]; kept[id] != want {
				t.Errorf("the file of candidate %s: %v, without pins %v", id, kept[id], was)
			}
		}
	})
}

// A genome that was banned is measured once it is not any more, and not said to be what it
// was.
func TestUnbannedIsMeasured(t *testing.T) {
	t.Parallel()
	led := enginetest.Memory(t)
	cfg := config(led)
	cfg.Strategy, cfg.Duplicates, cfg.Final.Skip, cfg.Window = same{}, engine.Reuse, true, 1
	begunTo(t, cfg, 0)
	steered(t, led, engine.Request{Ban: "x = 0.5"})
	steered(t, led, engine.Request{Unban: "x = 0.5", AtTurn: 5})
	run(t, cfg)
	for c := range mustArchive(t, led).Candidates() {
		want := engine.OK
		if c.ID <= 5 {
			want = engine.Invalid
		}
		if c.Status != want || (c.Reuse != 0) != (c.ID > 6) {
			t.Errorf("candidate %s is %s, and shares the result of %s", c.ID, c.Status, c.Reuse)
		}
	}
	if err := engine.Replay(t.Context(), always(same{}), led, nil); err != nil {
		t.Error(err)
	}
}

// Several who steer at once, each saying everything twice, lose nothing, and nothing is
// carried out twice.
func TestSteeredByManyAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cfg := acting(t, crawling())
		cfg.Limits.Evaluations = 100
		s, err := engine.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		const who, each = 3, 8
		for client := range who {
			for range 2 {
				all.Go(func() {
					time.Sleep(3 * time.Second)
					for i := range each {
						r := engine.Request{ID: fmt.Sprintf("%d of client %d", i, client), By: fmt.Sprint(client)}
						switch i % 4 {
						case 0:
							r.Note = "a note"
						case 1:
							r.Add = &engine.Additions{Genomes: []string{fmt.Sprintf("x=0.%d y=%d z=b", 1+client, i)}}
						case 2:
							r.Ban = fmt.Sprintf("y = %d", 100*client+i)
						case 3:
							r.Set = &engine.Settings{Window: number(8 + client)}
						}
						if _, err := s.Steer(r); err != nil {
							t.Errorf("%s: %v", r.ID, err)
						}
					}
				})
			}
		}
		if err := s.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		all.Wait()
		times := map[string]int{}
		told, err := engine.Timeline(cfg.Ledger)
		for _, o := range told {
			if o.Request != "" {
				times[o.Request]++
			}
		}
		for name, n := range times {
			if n != 1 {
				t.Errorf("%s was carried out %d times", name, n)
			}
		}
		if st := s.Status(); len(times) != who*each || err != nil || st.Added != who*each/4 || len(st.Bans) != who*each/4 {
			t.Errorf("%d requests were carried out, %v: %+v", len(times), err, st)
		}
		if err := engine.Replay(t.Context(), always(climber{}), cfg.Ledger, nil); err != nil {
			t.Error(err)
		}
	})
}
