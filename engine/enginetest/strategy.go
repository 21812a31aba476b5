package enginetest

import (
	"context"
	"encoding/json"
	"io"
	"reflect"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nascent-nas/nascent/engine"
)

// StrategyOptions fit the Strategy suite to what it checks. The zero value is
// right for most.
type StrategyOptions struct {
	Options json.RawMessage   // the strategy's own options; default {}
	Refused []json.RawMessage // options that Open must refuse; default one with an unknown key
	Turns   int               // the shortest search; default 16
	// Setup changes what Open gets to know, for strategies that need a metric or
	// an option for each space.
	Setup func(*engine.Setup)
	// Answer makes the results of jobs of other tasks than train, for strategies
	// that propose such. It has to be a function of the job.
	Answer func(*engine.Job) engine.Result
	// Remote says that the strategy lives in another process. Otherwise it is
	// also asked under a clock that the suite moves by days.
	Remote bool
	// ReadsLimits exempts a strategy whose plan depends on the limits. A search
	// that is extended is then not the same as a longer one.
	ReadsLimits bool
}

// Strategy checks that what make returns keeps the contract of
// engine.Strategy. It is called for every fresh instance that the suite needs;
// a strategy in another process should start a process of its own each time.
// What it returns is closed if it has a method Close, with or without a context.
//
// The suite drives the strategy through short searches over the spaces Numbers,
// Conditionals, Lists, EdgeCell, VertexCell and PairCell, in both orders, with
// invalid and failed results, turns without results and without room, several
// fidelities and known-good genomes. Some of them are steered: at any time results are
// imported, genomes added and banned, jobs cancelled, the window is changed, another
// strategy takes over for some turns, and another version of the space is searched. A space that Open refuses is left out. In
// all of them it checks:
//
//   - Open and Step are pure: equal arguments give equal answers, at once, in a
//     fresh instance that has seen nothing before, between the turns of another
//     search, and at another time of day;
//   - arguments are not changed, and the History is not read after Step;
//   - decisions keep the contract: within Want, known operators, parents that
//     were measured, ids that exist, texts within their bounds;
//   - files that a decision names are kept in the store that Setup names;
//   - a search can be taken over from another strategy, with its History and its
//     jobs in flight;
//   - the search always goes on until Done, whatever fails;
//   - limits do not change a decision;
//   - a search of the engine that is steered takes the same way whether the strategy
//     starts anew before every turn or is asked for all of them in one go, with what was
//     ordered planned ahead, and can be replayed;
//   - refusals are one line.
func Strategy(t T, make func() engine.Strategy, o StrategyOptions) {
	t.Helper()
	if len(o.Options) == 0 {
		o.Options = json.RawMessage("{}")
	}
	if o.Refused == nil {
		o.Refused = []json.RawMessage{json.RawMessage(`{"no-such-option": 1}`)}
	}
	if o.Turns == 0 {
		o.Turns = 16
	}
	refused := 0
	list := problems(o.Turns)
	for _, p := range list {
		sub(t, p.name, func(t T) {
			if !checkProblem(t, make, o, p) {
				refused++
			}
		})
	}
	if refused == len(list) {
		t.Errorf("Open refuses every space of the suite; set StrategyOptions.Setup or Options to something it takes")
	}
	sub(t, "options", func(t T) { checkRefusals(t, make, o, list[0]) })
}

// foreign says what is wrong when an instance that did not take the search's
// earlier turns, or took others, answers differently.
const foreign = "an instance that took other turns before answers differently (a variable or a stale cache that is not in State)"

// fresh makes an instance that is closed at the end of the test.
func fresh(t T, make func() engine.Strategy) engine.Strategy {
	t.Helper()
	s := make()
	if s == nil {
		t.Fatalf("there is no strategy to check")
	}
	t.Cleanup(func() { shut(t, s) })
	return s
}

// shut closes an instance.
func shut(t T, s engine.Strategy) {
	t.Helper()
	var err error
	switch c := s.(type) {
	case io.Closer:
		err = c.Close()
	case interface{ Close(context.Context) error }:
		err = c.Close(context.Background())
	}
	if err != nil {
		t.Errorf("Close: %v", err)
	}
}

// checkProblem returns false if the strategy refuses the problem.
func checkProblem(t T, make func() engine.Strategy, o StrategyOptions, p problem) bool {
	t.Helper()
	first := fresh(t, make)
	s := begin(t, first, o, p, 1)
	if s == nil {
		return false
	}
	if !o.Remote || p.remote {
		s.reopen(t, first)
	}
	s.run(t, first)
	if t.Failed() {
		return true
	}
	if len(s.turns) < s.problem.turns && !s.done {
		t.Fatalf("the search stopped after %d turns", len(s.turns))
	}
	// Cold: an instance that has seen nothing before takes one turn. Then, warm,
	// the others from the last to the first, without being told that it starts
	// anew.
	last := len(s.turns) - 1
	cold := fresh(t, make)
	s.reopen(t, cold)
	if !s.same(t, cold, last/3, foreign) {
		return true
	}
	cold = fresh(t, make)
	s.reopen(t, cold)
	for k := last; k >= 0; k-- {
		if !s.same(t, cold, k, foreign) {
			return true
		}
	}
	if !o.Remote || p.remote {
		if !checkBetween(t, first, cold, o, s) {
			return true
		}
	}
	if !o.ReadsLimits {
		checkLimits(t, cold, s)
	}
	if r := testingT(t); r != nil && !o.Remote {
		checkClock(t, r, make, s)
	}
	if p.engine && !t.Failed() {
		checkEngine(t, make, o, s)
	}
	return true
}

// checkBetween asks again between the turns of a second search. That one is
// first run by the instance that ran the first, and remembers it if it remembers
// anything.
func checkBetween(t T, first, cold engine.Strategy, o StrategyOptions, s *search) bool {
	t.Helper()
	other := begin(t, first, o, s.problem, 2)
	if other == nil {
		t.Fatalf("Open refuses what it took before")
	}
	other.run(t, first)
	if t.Failed() {
		return false
	}
	last := len(s.turns) - 1
	step := 1
	if o.Remote { // opening starts a process
		step = last + 1
	}
	for k := last; k >= 0; k -= step {
		other.reopen(t, cold)
		if !other.same(t, cold, min(k, len(other.turns)-1), foreign) {
			return false
		}
		s.reopen(t, cold)
		if !s.same(t, cold, k, foreign) {
			return false
		}
	}
	return true
}

// begin opens a search. It returns nil if the strategy refuses it.
func begin(t T, strategy engine.Strategy, o StrategyOptions, p problem, seed uint64) *search {
	t.Helper()
	files := engine.Memory()
	t.Cleanup(func() { files.Close() })
	s := &search{problem: p, setup: p.open(t), seed: seed, files: files, answer: o.Answer, misuse: new(atomic.Pointer[string])}
	s.setup.Options, s.setup.Files = o.Options, files
	if o.Setup != nil {
		o.Setup(&s.setup)
	}
	state, needs, err := strategy.Open(context.Background(), s.setup)
	if err != nil {
		oneLine(t, "a refusal by Open", err)
		t.Logf("refused: %v", err)
		return nil
	}
	s.state0, s.needs = slices.Clone(state), needs
	if needs.Batch < 0 || !slices.Contains([]engine.HistoryNeed{"", engine.NeedNone, engine.NeedMetrics, engine.NeedAll}, needs.History) {
		t.Fatalf("Open needs %+v; known are none, metrics and all, and a batch of at least 0", needs)
	}
	return s
}

// reopen opens the strategy again and expects the same answer.
func (s *search) reopen(t T, strategy engine.Strategy) {
	t.Helper()
	setup := s.setup
	setup.Options = slices.Clone(setup.Options)
	state, needs, err := strategy.Open(context.Background(), setup)
	if err != nil {
		t.Fatalf("Open refuses what it took before: %v", err)
	}
	if string(state) != string(s.state0) || !reflect.DeepEqual(needs, s.needs) {
		t.Fatalf("opened again with the same setup, the strategy answers differently: %q %+v, and then %q %+v",
			s.state0, s.needs, state, needs)
	}
}

// same asks the question of turn k again.
func (s *search) same(t T, strategy engine.Strategy, k int, problem string) bool {
	t.Helper()
	if _, text := s.ask(t, strategy, s.turns[k]); text != s.turns[k].answer {
		t.Errorf("turn %d: %s: %s", k, problem, difference(s.turns[k].answer, text))
		return false
	}
	return true
}

// checkLimits asks again with limits set.
func checkLimits(t T, strategy engine.Strategy, s *search) {
	t.Helper()
	target := 0.5
	limited := *s
	limited.setup.Limits = engine.Limits{Evaluations: len(s.given) + 1, Wall: 60, Seconds: 1e6, Target: &target}
	limited.reopen(t, strategy)
	for k, a := range s.turns {
		a.turn.Limits = limited.setup.Limits
		if _, text := s.ask(t, strategy, a); text != a.answer {
			t.Errorf("turn %d: limits change the decision, so a search that is extended would differ from a longer one: %s", k,
				difference(a.answer, text))
			return
		}
	}
}

// checkClock asks again under a clock that runs far ahead between the turns.
func checkClock(t T, real *testing.T, make func() engine.Strategy, s *search) {
	t.Helper()
	steps := []time.Duration{time.Nanosecond, time.Millisecond, time.Second, time.Minute, time.Hour, 24 * time.Hour, 31 * 24 * time.Hour}
	k, text := -1, ""
	var failure error
	synctest.Test(real, func(*testing.T) {
		strategy := make()
		if _, _, failure = strategy.Open(context.Background(), s.setup); failure != nil {
			return
		}
		for i, a := range s.turns {
			time.Sleep(steps[i%len(steps)])
			var again string
			if _, again, failure = s.try(strategy, a); failure != nil {
				return
			}
			if again != a.answer {
				k, text = i, again
				return
			}
		}
	})
	if failure != nil {
		t.Fatalf("under another clock: %v", failure)
	}
	if k >= 0 {
		t.Errorf("turn %d: at another time the strategy answers differently (a clock): %s", k, difference(s.turns[k].answer, text))
	}
}

// checkRefusals opens the strategy with options that it must not take.
func checkRefusals(t T, make func() engine.Strategy, o StrategyOptions, p problem) {
	t.Helper()
	for _, options := range o.Refused {
		setup := p.open(t)
		if o.Setup != nil {
			o.Setup(&setup)
		}
		setup.Options = options
		_, _, err := fresh(t, make).Open(context.Background(), setup)
		if err == nil {
			t.Errorf("Open takes the options %s; it must refuse them, saying what is wrong", options)
			continue
		}
		oneLine(t, "a refusal by Open", err)
	}
}
