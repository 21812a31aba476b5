package engine

import (
	"encoding/json"
	"errors"
	"iter"
	"slices"

	"github.com/nascent-nas/nascent/genome"
)

// ErrEmpty marks a ledger in which no search has begun.
var ErrEmpty = errors.New("no search has begun here")

// Kinds of EventRecord.
const (
	eventStarted   = "started"   // the engine began to run; Data: startedEvent
	eventEnded     = "ended"     // the engine ended its run; Data: Ended
	eventLimits    = "limits"    // Data: Limits
	eventEvaluator = "evaluator" // Data: EvaluatorEvent; its place among these is the Fingerprint of results
	eventFinal     = "final"     // the final strategy began a pass; Data: finalEvent
	eventCancel    = "cancel"    // somebody ended a job; Data: cancelEvent
	eventAttempts  = "attempts"  // from now on jobs are tried that often; Data: a number
	eventStrategy  = "strategy"  // another strategy decides from this turn on; Data: StrategyEvent
	eventImport    = "import"    // results from elsewhere were taken in before this turn; Data: outsideEvent
	eventAdd       = "add"       // genomes were added before this turn; Data: outsideEvent
	eventSet       = "set"       // limits, workers or the window are others; Data: setEvent
	eventPause     = "pause"     // nothing is started; Data: pauseEvent
	eventResume    = "resume"    // it is again; Data: asked
	eventStop      = "stop"      // somebody ended the run; Data: asked
	eventBan       = "ban"       // genomes are not proposed from this turn on; Data: banEvent
	eventUnban     = "unban"     // they are again; Data: banEvent
	eventWithdraw  = "withdraw"  // a plan is not carried out; Data: withdrawEvent
	eventPin       = "pin"       // files of candidates stay; Data: pinEvent
	eventUnpin     = "unpin"     // they need not; Data: pinEvent
	eventNote      = "note"      // a line for people; Data: noteEvent
	eventBranched  = "branched"  // the search was another one before this turn; Data: branchedEvent
	eventPlan      = "plan"      // a request waits for a later turn; Data: Request
	eventRefused   = "refused"   // when that came it could not be carried out; Data: refusedEvent

	eventLabel       = "label"       // somebody said something of candidates, for people; Data: labelEvent
	eventTakeover    = "takeover"    // the search declares something else from this turn on; Data: takeoverEvent
	eventCheckpoints = "checkpoints" // of how many of the best the files stay from this turn on
)

// startedEvent is the data of eventStarted.
type startedEvent struct {
	PID     int    `json:"pid"`
	Workers int    `json:"workers"`
	Source  string `json:"source,omitempty"` // where the strategy that decides was found this time

	Configured *configured `json:"configured,omitempty"` // what it was started with
	Only       bool        `json:"only,omitempty"`       // it was begun by Begin, and took no turn
}

// Ended says how a run of the engine ended.
type Ended struct {
	State   RunState `json:"state"`
	Cause   string   `json:"cause,omitempty"`
	Paused  bool     `json:"paused,omitempty"`  // because evaluations kept failing
	History int      `json:"history,omitempty"` // how long the History was; 0 before this was recorded
}

// Ended reads the end of a run, if the event is one.
func (r *EventRecord) Ended() (e Ended, ok bool) {
	return e, r.Kind == eventEnded && json.Unmarshal(r.Data, &e) == nil
}

// IsTakeover tells whether the search declares something else since the event.
func (r *EventRecord) IsTakeover() bool { return r.Kind == eventTakeover }

// EvaluatorEvent is the data of eventEvaluator.
type EvaluatorEvent struct {
	Key   string `json:"key"` // by which Fidelities name it
	Hello Hello  `json:"hello"`
}

// StrategyEvent is the data of eventStrategy. The strategy's first turn consumes
// no results; jobs that were under way are delivered to it afterwards.
type StrategyEvent struct {
	Turn    uint64          `json:"turn"` // its first
	Name    string          `json:"name"`
	Options json.RawMessage `json:"options"`
	Source  string          `json:"source"` // where it was found
	Window  int             `json:"window"` // from here on
}

// finalEvent is the data of eventFinal: where a pass of the final strategy
// begins.
type finalEvent struct {
	FirstID     ID     `json:"first_id"`
	FirstTurn   uint64 `json:"first_turn"`
	Evaluations int    `json:"evaluations"` // of the search when the pass began
}

// Archive is all that a ledger says of its search, in memory. It is read-only:
// what moves a search on is the trajectory that an Archive is part of.
type Archive struct {
	Name       string
	Plan       Plan // of now: a Takeover may have changed what the search declares
	Space      *genome.Space
	Baselines  []Baseline
	Limits     Limits
	Evaluators []EvaluatorEvent // in the order in which they were journaled
	Strategies []StrategyEvent  // one after the other, the one that the search began with first

	eras          []*era                   // one after the other, the first what the search began with
	spaces        map[string]*genome.Space // by the names of baselines
	search, final sequence
	leaders       *Leaders
	tally         tally
	usage         Usage // of consumed jobs
	used          int   // of how many jobs it is known
	largest       int64 // bytes that the files of one of them have together, at most
	counters      Counters
	workers       int        // of the newest start, or as they were set since
	elastic       bool       // machines that come and go say how many, while it runs
	workersSet    bool       // somebody set them
	configured    configured // what the newest run was started with
	hosts         int        // that are to be placed, as configured or set
	width         int        // the window, where it was set or a strategy brought it; 0: that of the plan
	paused        *Paused
	bans          bans
	branches      []branchedEvent
	pinned        map[ID]bool
	planned       []*Request // whose turn is still to come, as they were given
	steered       []string   // what was asked of it that decides
	attempts      int        // how often a job is tried now
	limited       uint64     // the turn from which Limits hold
	pass          finalEvent // the newest of the final strategy's, if there are any
	passes        int
	led           Ledger
}

// tally counts consumed jobs of the search by what came of them; of those that were
// imported only how many there are.
type tally struct{ ok, invalid, failed, reused, supernet, score, added, imported int }

// Read loads what a ledger holds. ErrEmpty means that no search has begun.
func Read(led Ledger) (*Archive, error) {
	t, err := readTrajectory(led, nil)
	if err != nil {
		return nil, err
	}
	return &t.Archive, nil
}

// ReadPlan loads what a ledger says of what its search is, and nothing of what it
// found: an Archive without candidates. Errors are those of Read.
func ReadPlan(led Ledger) (*Archive, error) {
	t, err := readPlan(led, nil)
	if err != nil {
		return nil, err
	}
	return &t.Archive, nil
}

// get returns the entry of id, or nil.
func (a *Archive) get(id ID) *entry { return a.sequence(partOf(id)).get(id) }

func (a *Archive) sequence(p Part) *sequence {
	if p == PartFinal {
		return &a.final
	}
	return &a.search
}

// jobs ranges over the jobs of both sequences.
func (a *Archive) jobs() iter.Seq[*entry] {
	return func(yield func(*entry) bool) {
		for _, q := range []*sequence{&a.search, &a.final} {
			for _, e := range q.jobs {
				if !yield(e) {
					return
				}
			}
		}
	}
}

// unfinishedTasks lists the tasks besides train of jobs that have no result yet.
// The strategy that proposed them may be another than the one that opens next.
func (a *Archive) unfinishedTasks() (tasks []Task) {
	for _, e := range a.search.jobs {
		if e.stage.is(waiting) && e.Task != Train && !slices.Contains(tasks, e.Task) {
			tasks = append(tasks, e.Task)
		}
	}
	return tasks
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

// budget is what a fidelity's budget came to.
func (a *Archive) budget(fidelity int) float64 {
	f := a.Plan.Fidelities[fidelity]
	if f.Budget != 0 {
		return f.Budget
	}
	hello, _ := a.hello(f.Evaluator)
	return hello.Budget
}

// now is the strategy that decides.
func (a *Archive) now() *StrategyEvent { return &a.Strategies[len(a.Strategies)-1] }

// baseline names the baseline that a genome belongs to, if any.
func (a *Archive) baseline(g genome.Genome) string {
	for _, b := range a.Baselines {
		if b.Genome == g {
			return b.Name
		}
	}
	return ""
}

// Steered is what was asked of the search that decides, one after the other and with the
// turn from which on it does: bans, the window, cancelled jobs, candidates that came from
// outside, takeovers.
func (a *Archive) Steered() []string { return a.steered }

// Candidates ranges over all consumed candidates: those of the search in the
// order of their consumption, then those of the final strategy. It may be used
// beside a running search, and then shows what was consumed when it was called.
func (a *Archive) Candidates() iter.Seq[Candidate] {
	both := [2]sequence{a.search, a.final}
	return func(yield func(Candidate) bool) {
		for i := range both {
			for _, id := range both[i].history {
				if !yield(both[i].get(id).full()) {
					return
				}
			}
		}
	}
}

// Candidate returns one candidate with its curve and output, consumed or not.
// A job without a result has an empty Status, and for a Reason why its last attempt
// brought nothing.
func (a *Archive) Candidate(id ID) (Candidate, error) {
	e := a.get(id)
	if e == nil {
		return Candidate{}, a.unknown(id)
	}
	c := e.full()
	if e.attempts != nil {
		c.Reason = e.attempts.last.reason
	}
	if r, ok, err := a.led.Result(id); err != nil {
		return Candidate{}, err
	} else if ok {
		c.Curve, c.Output = r.Curve, r.Output
	}
	return c, nil
}

// Metrics is what the evaluators declare, and what is derived from it.
func (a *Archive) Metrics() []Metric {
	var out []Metric
	for _, e := range a.Evaluators {
		for _, m := range e.Hello.Metrics {
			if !slices.ContainsFunc(out, func(x Metric) bool { return x.Name == m.Name }) {
				out = append(out, m)
			}
		}
	}
	derived, _ := Derive(a.Plan.Derived) // see recorded
	return derived.declared(out)
}

// Best returns the best candidates of the search at the highest fidelity
// reached, best first, at most ten and of different genomes. With several objectives
// they are of the front: the best by the preferred objective, then those that stand alone.
func (a *Archive) Best(n int) []Candidate {
	best := a.leaders.Best()
	return a.whole(best[:min(n, len(best))])
}

// Front returns the candidates at the highest fidelity reached that no other one
// dominates, of different genomes, the best by the preferred objective first. With one
// objective there are none; of more than 1,000 those are left out that stand closest to
// others.
func (a *Archive) Front() []Candidate { return a.whole(a.leaders.Front()) }

// whole are candidates with all metrics.
func (a *Archive) whole(cs []*Candidate) []Candidate {
	var out []Candidate
	for _, c := range cs {
		out = append(out, a.get(c.ID).full())
	}
	return out
}

// Status is the search's state as far as the ledger knows it.
func (a *Archive) Status() Snapshot {
	n := a.search.evaluations()
	s := Snapshot{
		Name: a.Name, State: a.counters.State, Phase: PhaseSearch, Cause: a.counters.Cause,
		Evaluations: n, Retries: a.counters.Retries, Turns: a.search.turns, Strategy: a.now().Name,
		Workers: a.workers, Window: a.Window(), Hosts: a.hosts, Limits: a.Limits, Spent: Spent{Evaluations: n, Seconds: a.counters.spent()},
		Usage: a.usage, Used: a.used, Lost: a.counters.Lost,
		Wall: a.counters.Wall, Idle: a.counters.Idle, TestLooks: a.counters.TestLooks,
	}
	t := a.tally
	s.OK, s.Invalid, s.Failed, s.Reused, s.Supernet, s.Score = t.ok, t.invalid, t.failed, t.reused, t.supernet, t.score
	s.Added, s.Imported, s.Outside = t.added, t.imported, a.era().Of-a.era().Fit.Fit
	s.Paused, s.Bans, s.Pinned, s.Branched = a.paused, a.Bans(), a.Pinned(), a.Branched()
	for _, p := range a.planned {
		s.Planned = append(s.Planned, Planned{Request: p.ID, By: p.By, Turn: p.AtTurn, Text: p.String()})
	}
	if a.passes > 0 {
		first := int(a.pass.FirstID - FinalBase)
		for _, e := range a.final.jobs[min(first-1, len(a.final.jobs)):] {
			s.FinalTotal++
			if e.stage.is(consumed) {
				s.FinalDone++
			}
			if a.pass.Evaluations == n { // else the search has gone on since
				s.Phase = e.Phase
			}
		}
	}
	s.Overtaken = a.Overtaken()
	s.Waiting = len(a.search.own) - n
	s.Best, s.Front, s.FrontPart = a.bestOf(a.Best(5)), a.bestOf(a.Front()), a.leaders.several() && a.leaders.Part()
	for _, c := range slices.Concat(a.leaders.Front(), a.leaders.Best()) {
		if a.hits(c, a.Limits) {
			s.Reached = c.ID
			break
		}
	}
	if v, ok := a.leaders.Hypervolume(); ok {
		s.Hypervolume, s.HypervolumeError, s.Reference = &v.Volume, v.Error, v.Reference
	}
	return s
}

func (a *Archive) bestOf(cs []Candidate) (out []Best) {
	for _, c := range cs {
		out = append(out, Best{
			ID: c.ID, Genome: c.Genome.Text(), Hash: c.Genome.Hash().String(), Fidelity: c.Fidelity, Metrics: c.Metrics,
			Estimates: a.leaders.Estimates(&c),
		})
	}
	return out
}

// Estimates are what all measurements of a candidate's genome at its fidelity tell, by
// metric. There are none below the highest fidelity reached, nor before anything was
// measured again there.
func (a *Archive) Estimates(id ID) map[string]Estimate {
	e := a.get(id)
	if e == nil || !e.measures() || e.Fidelity != a.leaders.fidelity {
		return nil
	}
	all, by := newEstimates(a.leaders.estimates.ranking), a.leaders.estimates
	for _, id := range a.search.history {
		if c := &a.get(id).Candidate; c.Fidelity == e.Fidelity && c.measures() && by.sample(c) == by.sample(&e.Candidate) {
			all.add(c)
		}
	}
	all.noise = by.noise
	return all.all(&e.Candidate)
}
