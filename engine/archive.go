package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/nascent-nas/nascent/genome"
)

// ErrEmpty marks a ledger in which no search has begun.
var ErrEmpty = errors.New("no search has begun here")

// Kinds of EventRecord.
const (
	EventStarted   = "started"   // the engine began to run; Data: StartedEvent
	EventEnded     = "ended"     // the engine ended its run; Data: EndedEvent
	EventLimits    = "limits"    // Data: Limits
	EventEvaluator = "evaluator" // Data: EvaluatorEvent; its place among these is the Fingerprint of results
	EventFinal     = "final"     // the final strategy began a pass; Data: FinalEvent
	EventStrategy  = "strategy"  // another strategy decides from this turn on; Data: StrategyEvent
)

// StartedEvent is the data of EventStarted.
type StartedEvent struct {
	PID     int    `json:"pid"`
	Workers int    `json:"workers"`
	Source  string `json:"source,omitempty"` // where the strategy that decides was found this time
}

// EndedEvent is the data of EventEnded.
type EndedEvent struct {
	State RunState `json:"state"`
	Cause string   `json:"cause,omitempty"`
}

// EvaluatorEvent is the data of EventEvaluator.
type EvaluatorEvent struct {
	Key   string `json:"key"` // by which Fidelities name it
	Hello Hello  `json:"hello"`
}

// StrategyEvent is the data of EventStrategy. The strategy's first turn consumes
// no results; jobs that were under way are delivered to it afterwards.
type StrategyEvent struct {
	Turn    uint64          `json:"turn"` // its first
	Name    string          `json:"name"`
	Options json.RawMessage `json:"options"`
	Source  string          `json:"source"` // where it was found
	Window  int             `json:"window"` // from here on
}

// FinalEvent is the data of EventFinal: where a pass of the final strategy
// begins.
type FinalEvent struct {
	FirstID     ID     `json:"first_id"`
	FirstTurn   uint64 `json:"first_turn"`
	Evaluations int    `json:"evaluations"` // of the search when the pass began
}

// Archive is all that a ledger says of its search, in memory, read-only.
type Archive struct {
	Name       string
	Plan       Plan
	Space      *genome.Space
	Baselines  []Baseline
	Limits     Limits
	Evaluators []EvaluatorEvent // in the order in which they were journaled
	Strategies []StrategyEvent  // one after the other, the one that the search began with first

	spaces   map[string]*genome.Space
	book     *book
	counters Counters
	turns    [2]uint64
	taken    [2]int // results consumed by turns
	done     [2]bool
	limited  uint64     // the turn from which Limits hold
	pass     FinalEvent // the newest, if there are passes
	passes   int
	kept     [2]TurnRecord // the newest of each part, for what it keeps
	seq      uint64        // of the newest event
	joined   []uint64      // the turn before which each of Evaluators was journaled
	led      Ledger
}

// outstanding lists the tasks besides train of jobs that have no result yet. The
// strategy that proposed them may be another than the one that opens next.
func (a *Archive) outstanding() (tasks []Task) {
	if a == nil {
		return nil
	}
	for _, e := range a.book.search {
		if e.stage.is(waiting) && e.Task != Train && !slices.Contains(tasks, e.Task) {
			tasks = append(tasks, e.Task)
		}
	}
	return tasks
}

// Read loads what a ledger holds. ErrEmpty means that no search has begun.
func Read(led Ledger) (*Archive, error) { return read(led, nil) }

// read makes genomes of own where that is the recorded space, so that a resumed
// search shows its strategy genomes of the very space that Open was given.
func read(led Ledger, own *genome.Space) (*Archive, error) {
	h, ok, err := led.Header()
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, ErrEmpty
	}
	a := &Archive{Name: h.Name, led: led}
	if err := json.Unmarshal(h.Config, &a.Plan); err != nil {
		return nil, fmt.Errorf("%w: the recorded configuration: %v", ErrDamaged, err)
	}
	if a.spaces, err = a.Plan.spaces(); err != nil {
		return nil, err
	}
	if own != nil && sameJSON(own.JSON(), a.Plan.Space) {
		a.spaces[""] = own
	}
	a.Space = a.spaces[""]
	for _, b := range a.Plan.Final.Baselines {
		g, err := a.spaces[b.Name].Parse(b.Text)
		if err != nil {
			return nil, fmt.Errorf("%w: baseline %s: %v", ErrDamaged, b.Name, err)
		}
		a.Baselines = append(a.Baselines, Baseline{Name: b.Name, Genome: g})
	}
	if err := a.readEvents(); err != nil {
		return nil, err
	}
	if err := a.readJobs(); err != nil {
		return nil, err
	}
	if a.counters, err = led.Counters(); err != nil {
		return nil, err
	}
	return a, nil
}

// newBook returns an empty book that knows which metrics are measured.
func (a *Archive) newBook() *book {
	b := newBook(a.Plan.Objectives, a.Plan.Constraints)
	declared := map[string]bool{}
	for _, e := range a.Evaluators {
		for _, m := range e.Hello.Metrics {
			declared[m.Name] = declared[m.Name] || m.Measured
		}
	}
	asked := map[string]bool{}
	for _, o := range a.Plan.Objectives {
		asked[o.Metric] = true
	}
	for _, c := range a.Plan.Constraints {
		asked[c.Metric] = true
	}
	measured := func(name string) bool {
		m, known := declared[name]
		return (m || !known && name == "seconds") && !asked[name]
	}
	b.measured = measured
	b.exact = !measured("seconds")
	return b
}

// hello is what the evaluator said of itself when the search began with it.
func (a *Archive) hello(key string) (Hello, bool) {
	for _, e := range a.Evaluators {
		if e.Key == key {
			return e.Hello, true
		}
	}
	return Hello{}, false
}

// strategy is the one that the search begins with.
func (p *Plan) strategy() StrategyEvent {
	return StrategyEvent{Name: p.Strategy, Options: p.Options, Source: p.Strategy, Window: p.Window}
}

// now is the strategy that decides.
func (a *Archive) now() *StrategyEvent { return &a.Strategies[len(a.Strategies)-1] }

func (a *Archive) readEvents() error {
	a.Strategies = []StrategyEvent{a.Plan.strategy()}
	for e, err := range a.led.Events() {
		if err != nil {
			return err
		}
		a.seq = e.Seq
		var target any
		switch e.Kind {
		case EventLimits:
			a.Limits, a.limited = Limits{}, e.Turn
			target = &a.Limits
		case EventEvaluator:
			a.Evaluators = append(a.Evaluators, EvaluatorEvent{})
			a.joined = append(a.joined, e.Turn)
			target = &a.Evaluators[len(a.Evaluators)-1]
		case EventStrategy:
			a.Strategies = append(a.Strategies, StrategyEvent{})
			target = &a.Strategies[len(a.Strategies)-1]
		case EventStarted:
			var began StartedEvent
			if err := json.Unmarshal(e.Data, &began); err == nil && began.Source != "" {
				a.now().Source = began.Source
			}
			continue
		case EventFinal:
			a.passes++
			target = &a.pass
		default:
			continue
		}
		if err := json.Unmarshal(e.Data, target); err != nil {
			return fmt.Errorf("%w: event %d (%s): %v", ErrDamaged, e.Seq, e.Kind, err)
		}
	}
	for i := range a.Evaluators {
		s, err := restrict(a.Space, &a.Evaluators[i].Hello)
		if err != nil {
			return fmt.Errorf("%w: evaluator %s: %v", ErrDamaged, a.Evaluators[i].Key, err)
		}
		a.Space, a.spaces[""] = s, s
	}
	return nil
}

// restrict returns the space of what an evaluator can measure, if it says.
func restrict(space *genome.Space, hello *Hello) (*genome.Space, error) {
	if len(hello.Pool) == 0 {
		return space, nil
	}
	return space.Pool(hello.Pool)
}

// entry makes the in-memory form of a job.
func (a *Archive) entry(j JobRecord) (*entry, error) {
	space, ok := a.spaces[j.Baseline]
	if !ok {
		return nil, fmt.Errorf("%w: job %s belongs to the unknown baseline %q", ErrDamaged, j.ID, j.Baseline)
	}
	g, err := space.Unpack(j.Packed)
	if err != nil {
		return nil, fmt.Errorf("%w: the genome of job %s: %v", ErrDamaged, j.ID, err)
	}
	j.Job.Genome = g
	return &entry{Candidate: Candidate{Job: j.Job}, turn: j.Turn, try: &try{}}, nil
}

// readJobs fills a new book.
func (a *Archive) readJobs() error {
	a.book = a.newBook()
	a.turns, a.taken = [2]uint64{}, [2]int{}
	b := a.book
	for j, err := range a.led.Jobs() {
		if err != nil {
			return err
		}
		e, err := a.entry(j)
		if err != nil {
			return err
		}
		if err := b.add(e); err != nil {
			return err
		}
		a.remember(e)
	}
	settle := func(r ResultRecord, stage uint32) error {
		e := b.get(r.ID)
		if e == nil || e.stage.is(consumed) {
			return fmt.Errorf("%w: a result of job %s, which has none to come", ErrDamaged, r.ID)
		}
		b.settle(e, r)
		if stage == consumed {
			b.take(e)
		}
		return nil
	}
	for r, err := range a.led.History() {
		if err != nil {
			return err
		}
		if err := settle(r, consumed); err != nil {
			return err
		}
	}
	for r, err := range a.led.Inbox() {
		if err != nil {
			return err
		}
		if err := settle(r, decided); err != nil {
			return err
		}
	}
	for t, err := range a.led.Attempts() {
		if err != nil {
			return err
		}
		if e := b.get(t.ID); e != nil && e.try != nil {
			*e.try = try{attempt: t.Started, counted: t.Counted, reason: t.Reason, saved: t.Saved}
		}
	}
	for _, part := range []Part{PartSearch, PartFinal} {
		i := partIndex(part)
		for t, err := range a.led.Turns(part) {
			if err != nil {
				return err
			}
			if t.N != a.turns[i] {
				return fmt.Errorf("%w: %s turn %d stands where turn %d should", ErrDamaged, part, t.N, a.turns[i])
			}
			a.turns[i]++
			a.taken[i] += len(t.Consumed)
			a.done[i] = t.Done
			a.kept[i] = t
		}
	}
	return nil
}

// remember makes the job known to the duplicates policy, and counts the jobs with
// smaller ids that measure the same thing.
func (a *Archive) remember(e *entry) {
	if e.Task != Train || e.Reuse != 0 {
		return
	}
	k := a.repeatKey(e)
	_, known := a.book.keys[k.duplicateKey]
	if known {
		e.repeat = 1
	}
	e.repeat += a.book.again[repeatKey{k.duplicateKey, 0}]
	if k.pass != 0 {
		e.repeat += a.book.again[k]
	}
	if known || e.Replicate || e.Stop != nil || e.Phase != PhaseSearch {
		a.book.again[k]++
	} else {
		a.book.keys[k.duplicateKey] = e.ID
	}
}

// repeats is how many jobs with smaller ids measure the same thing. Where the
// search ended, jobs of it that were never consumed do not count for the final
// strategy: how far they came is an accident.
func (a *Archive) repeats(e *entry) int {
	n := e.repeat
	if partOf(e.ID) == PartSearch {
		return n
	}
	k := a.repeatKey(e)
	k.pass = 0
	for _, other := range a.book.search {
		if !other.stage.is(consumed) && other.Task == Train && other.Reuse == 0 && a.repeatKey(other) == k {
			n--
		}
	}
	return n
}

// forgetOne undoes remember.
func (a *Archive) forgetOne(e *entry) {
	if e.Task != Train || e.Reuse != 0 {
		return
	}
	k := a.repeatKey(e)
	if a.book.keys[k.duplicateKey] == e.ID {
		delete(a.book.keys, k.duplicateKey)
	} else if a.book.again[k]--; a.book.again[k] == 0 {
		delete(a.book.again, k)
	}
}

// repeatKey is what an entry is counted under. A pass of the final strategy
// begins to count where the search ended: what earlier passes measured depends on
// where the search was ended before. Tests are told apart, for they measure on
// other data.
func (a *Archive) repeatKey(e *entry) repeatKey {
	k := repeatKey{duplicateKey: e.duplicateKey()}
	if e.Phase == PhaseTest {
		k.fidelity = ^k.fidelity
	}
	if e.ID > FinalBase {
		if k.pass = 1; e.ID >= a.pass.FirstID {
			k.pass = a.pass.FirstID
		}
	}
	return k
}

// Candidates ranges over all consumed candidates: those of the search in the
// order of their consumption, then those of the final strategy. It may be used
// beside a running search, and then shows what was consumed when it was called.
func (a *Archive) Candidates() iter.Seq[Candidate] {
	parts := [2][]ID{a.book.history[0], a.book.history[1]}
	lists := [2][]*entry{a.book.search, a.book.final}
	return func(yield func(Candidate) bool) {
		for p, ids := range parts {
			base := ID(0)
			if p == 1 {
				base = FinalBase
			}
			for _, id := range ids {
				if !yield(lists[p][id-base-1].full()) {
					return
				}
			}
		}
	}
}

// Candidate returns one candidate with its curve and output, consumed or not.
// A job without a result has an empty Status.
func (a *Archive) Candidate(id ID) (Candidate, error) {
	e := a.book.get(id)
	if e == nil {
		return Candidate{}, wrong("there is no candidate %s; the newest is %d", id, len(a.book.search))
	}
	c := e.full()
	if r, ok, err := a.led.Result(id); err != nil {
		return Candidate{}, err
	} else if ok {
		c.Curve, c.Output = r.Curve, r.Output
	}
	return c, nil
}

// Metrics is what the evaluators declare.
func (a *Archive) Metrics() []Metric {
	var out []Metric
	for _, e := range a.Evaluators {
		for _, m := range e.Hello.Metrics {
			if !slices.ContainsFunc(out, func(x Metric) bool { return x.Name == m.Name }) {
				out = append(out, m)
			}
		}
	}
	return out
}

// Best returns the best candidates of the search at the highest fidelity
// reached, best first, at most ten and of different genomes.
func (a *Archive) Best(n int) []Candidate {
	var out []Candidate
	for _, e := range a.book.best[:min(n, len(a.book.best))] {
		out = append(out, e.full())
	}
	return out
}

// Status is the search's state as far as the ledger knows it.
func (a *Archive) Status() Snapshot {
	s := Snapshot{
		Name: a.Name, State: a.counters.State, Phase: PhaseSearch, Cause: a.counters.Cause,
		Evaluations: len(a.book.history[0]), Retries: a.counters.Retries, Turns: a.turns[0], Strategy: a.now().Name,
		Limits: a.Limits, Spent: Spent{Evaluations: len(a.book.history[0]), Seconds: a.counters.Seconds},
		Wall: a.counters.Wall, Idle: a.counters.Idle, TestLooks: a.counters.TestLooks,
	}
	t := a.book.tally
	s.OK, s.Invalid, s.Failed, s.Reused, s.Supernet, s.Score = t.ok, t.invalid, t.failed, t.reused, t.supernet, t.score
	if a.passes > 0 {
		first := int(a.pass.FirstID - FinalBase)
		for _, e := range a.book.final[min(first-1, len(a.book.final)):] {
			s.FinalTotal++
			if e.stage.is(consumed) {
				s.FinalDone++
			}
			s.Phase = e.Phase
		}
	}
	s.Waiting = len(a.book.search) - len(a.book.history[0])
	for _, e := range a.book.best[:min(5, len(a.book.best))] {
		s.Best = append(s.Best, bestOf(e))
	}
	return s
}

func bestOf(e *entry) Best {
	return Best{ID: e.ID, Genome: e.Genome.Text(), Hash: e.Genome.Hash().String(), Fidelity: e.Fidelity, Metrics: e.full().Metrics}
}
