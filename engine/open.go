package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"os"

	"github.com/nascent-nas/nascent/genome"
)

// openUnlessStopped is open, ended early by Stop.
func (s *Search) openUnlessStopped(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-s.stop:
			cancel()
		case <-ctx.Done():
		}
	}()
	return s.open(ctx)
}

// open brings evaluators, strategy and ledger together.
func (s *Search) open(ctx context.Context) error {
	switch _, begun, err := recorded(s.cfg.Ledger); {
	case err == nil:
		s.cfg.Space = s.cfg.Space.ByRules(begun.Rules)
	case !errors.Is(err, ErrEmpty):
		return err
	}
	err := s.steered()
	if err != nil {
		return err
	}
	if s.cfg.Place != nil { // evaluators may wait for the hosts
		s.cfg.Place(s.cfg.Hosts)
	}
	if err := s.redeclared(); err != nil {
		return err
	}
	if s.pool.expect, err = s.expected(); err != nil {
		return err
	}
	for _, key := range s.cfg.evaluatorKeys() {
		if err := s.pool.start(ctx, key); err != nil {
			return err
		}
	}
	for _, x := range s.pool.open {
		space, err := restrict(s.cfg.Space, &x.hello)
		if err != nil {
			return wrongWithin(x.place(), err)
		}
		s.cfg.Space = space
	}
	if err := s.named(); err != nil {
		return err
	}
	metrics, err := s.cfg.declared(s.pool.metrics())
	if err != nil {
		return err
	}
	setup := s.cfg.setup(metrics)
	setup.Seeded, setup.Files = s.pool.get(s.cfg.Fidelities[len(s.cfg.Fidelities)-1].Evaluator).hello.Seeded, s.cfg.Ledger
	state, needs, err := s.cfg.Strategy.Open(ctx, setup)
	if err != nil {
		return notOpened("strategy", err)
	}
	if needs.Batch > MaxWindow {
		return wrong("strategy", "%s wants %d results at once, and a window has at most %d", s.cfg.StrategyName, needs.Batch, MaxWindow).
			but("give it a smaller round")
	}
	by := decider{name: s.cfg.StrategyName, strategy: s.cfg.Strategy, state: state, batch: max(1, needs.Batch), remark: OneLine(needs.Remark)}
	at, err := readTrajectory(s.cfg.Ledger, s.cfg.Space)
	tasks := needs.Tasks
	switch {
	case err == nil:
		tasks = append(at.unfinishedTasks(), tasks...)
	case !errors.Is(err, ErrEmpty):
		return err
	}
	if err := s.pool.startFor(ctx, tasks); err != nil {
		return err
	}
	fresh := at == nil
	if fresh {
		at, err = s.beginAnew(by)
	} else {
		err = s.goOn(at, by)
	}
	if err != nil {
		return err
	}
	if fresh {
		if err := at.Plan.ascending(s.pool.budget); err != nil {
			return err
		}
		if err := s.eachJudged(at.derived); err != nil {
			return err
		}
		if err := s.cfg.vain(); err != nil {
			return err
		}
	}
	if w := at.Window(); by.batch > w {
		remedy := fmt.Sprintf("widen it (--set window=%d), or give the strategy a smaller round", by.batch)
		if !fresh {
			remedy = fmt.Sprintf("widen it: nascent set DIR window=%d", by.batch)
		}
		return wrong("window", "%d is smaller than the %d results that strategy %s wants at once", w, by.batch, by.name).but("%s", remedy)
	}
	return s.load(at)
}

// steered lets what was set in the search go before what it is configured with, if that
// is as it was before.
func (s *Search) steered() error {
	s.started = configured{s.cfg.Limits, s.cfg.Workers, s.cfg.Hosts}
	before, err := ReadPlan(s.cfg.Ledger)
	if errors.Is(err, ErrEmpty) {
		return nil
	}
	if err != nil {
		return err
	}
	s.cfg.Limits = before.Effective(s.cfg.Limits)
	if n := before.effectiveWorkers(s.cfg.Workers); n > 0 {
		s.cfg.Workers, s.cfg.Fill = n, false
	}
	s.cfg.Hosts = before.effectiveHosts(s.cfg.Hosts)
	return nil
}

// eachJudged refuses an evaluator that trains and does not declare what all results are
// judged by: each of them would fail, once earlier fidelities are paid for.
func (s *Search) eachJudged(derived Derivation) error {
	for i, f := range s.cfg.Fidelities {
		x := s.pool.get(f.Evaluator)
		if !x.hello.does(Train) {
			continue
		}
		var has Values
		for _, m := range x.hello.Metrics {
			has = append(has, Value{Name: m.Name})
		}
		for _, d := range derived {
			if derived.lacks(d.name, has) == "" {
				has = append(has, Value{Name: d.name})
			}
		}
		judged := func(key, metric string) error {
			if _, ok := has.Get(metric); ok {
				return nil
			}
			lacks, use := metric, ""
			if of := derived.lacks(metric, has); of != "" {
				lacks, use = of, ", from which "+metric+" is computed"
			}
			return wrong(x.place(), "it measures at fidelity %d and does not declare %s%s, which every fidelity needs for %s", i, lacks, use, key).
				but("declare it there, next to %s, or take %s out of %s", x.hello.names(), metric, key)
		}
		for _, list := range []struct {
			key string
			all []Objective
		}{{"objectives", s.cfg.Objectives}, {"ties", s.cfg.Ties}} {
			for _, o := range list.all {
				if err := judged(list.key, o.Metric); err != nil {
					return err
				}
			}
		}
		for _, c := range s.cfg.Constraints {
			if err := judged("constraints", c.Metric); err != nil {
				return err
			}
		}
	}
	return nil
}

// expected is what evaluators said of themselves whose results the search has: who is
// another is refused, if possible before it runs.
func (s *Search) expected() (map[string]*Hello, error) {
	if s.cfg.AcceptFingerprint {
		return nil, nil
	}
	var evaluators []*EvaluatorEvent
	newest := map[string]*EvaluatorEvent{}
	for e, err := range s.cfg.Ledger.Events() {
		if err != nil {
			return nil, err
		}
		if e.Kind == eventEvaluator {
			var x EvaluatorEvent
			if err := json.Unmarshal(e.Data, &x); err != nil {
				return nil, damaged("event %d (%s): %v", e.Seq, e.Kind, err)
			}
			evaluators = append(evaluators, &x)
			newest[x.Key] = &x
		}
	}
	found := map[string]*Hello{}
	for _, results := range []iter.Seq2[ResultRecord, error]{s.cfg.Ledger.History(), s.cfg.Ledger.Inbox()} {
		for r, err := range results {
			if len(found) == len(newest) {
				break
			}
			if err != nil {
				return nil, err
			}
			if r.Status != Failed && r.Attempts > 0 && r.Fingerprint < len(evaluators) {
				key := evaluators[r.Fingerprint].Key
				found[key] = &newest[key].Hello
			}
		}
	}
	return found, nil
}

// beginAnew writes down what the search is.
func (s *Search) beginAnew(by decider) (*trajectory, error) {
	plan := s.plan(by.batch, nil)
	raw, err := json.Marshal(plan)
	if err != nil {
		return nil, err
	}
	s.writer.next.Header = &Header{Name: s.cfg.Name, Engine: Version, Created: s.cfg.Clock.Now().UTC(), Config: raw}
	s.writer.state(PartSearch, by.state)
	t := newTrajectory(s.cfg.Name, plan, s.cfg.Ledger)
	t.Space, t.Baselines = s.cfg.Space, s.cfg.Final.Baselines
	t.eras[0].space, t.spaces = s.cfg.Space, map[string]*genome.Space{}
	for _, b := range t.Baselines {
		t.spaces[b.Name] = b.Genome.Space()
	}
	t.search.decider = by
	s.remark(by)
	return t, nil
}

// remark passes on what a strategy has to say of the search that it begins or takes over.
func (s *Search) remark(by decider) {
	if by.remark != "" {
		s.say("%s: %s", by.name, by.remark)
	}
}

// goOn gives the search the state that its strategy left, or lets another
// strategy take over.
func (s *Search) goOn(t *trajectory, by decider) (err error) {
	plan := s.plan(by.batch, &t.Archive)
	if err := t.extends(plan.Derived); err != nil {
		return err
	}
	if err := samePlan(t.Plan, plan, s.cfg.TakeOver || s.takeover != nil); err != nil {
		return err
	}
	if err := s.takeOver(t, plan.declarations()); err != nil {
		return err
	}
	now, options, turn := t.now(), compactJSON(s.cfg.StrategyOptions), t.search.turns
	if now.Name != by.name || !sameJSON(now.Options, options) {
		if !s.cfg.ChangeStrategy {
			return wrong("strategy", "the search is with %s %s and this asks for %s %s",
				now.Name, clip(string(now.Options)), by.name, clip(string(options))).
				but("to go on with another strategy say so: nascent run DIR --strategy %s", by.name)
		}
		e := StrategyEvent{Turn: turn, Name: by.name, Options: options, Source: cmp.Or(s.cfg.StrategySource, by.name), Window: max(t.Window(), by.batch)}
		s.journal(t, eventStrategy, e)
		t.Strategies, t.width = append(t.Strategies, e), e.Window
		s.writer.state(PartSearch, by.state)
		s.say("from turn %d on strategy %s decides", e.Turn, e.Name)
		s.remark(by)
	} else if turn == t.opened() {
		s.writer.state(PartSearch, by.state) // nothing was decided since
	} else if by.state, err = t.led.State(PartSearch); err != nil {
		return err
	}
	by.since = t.opened()
	t.search.decider = by
	if len(t.Plan.Objectives) > 1 && t.Plan.Rules < 2 {
		s.say("the first objective decides and the others break ties, as it was when this search began; in a new one they are equal in rank")
	}
	return nil
}

// load makes everything ready to go on from there.
func (s *Search) load(t *trajectory) error {
	if err := s.admit(t); err != nil {
		return err
	}
	if !sameLimits(t.Limits, s.cfg.Limits) {
		s.journal(t, eventLimits, s.cfg.Limits)
		t.Limits, t.limited = s.cfg.Limits, t.search.turns
	}
	if n := s.cfg.Failures.Attempts; n != t.attempts {
		s.journal(t, eventAttempts, n)
		t.attempts = n
	}
	if turn := t.search.turns; t.checkpoints.mostAt(turn) != s.cfg.Keep {
		m := mostKept{Turn: turn, Keep: s.cfg.Keep}
		s.journal(t, eventCheckpoints, m)
		t.checkpoints.most = append(t.checkpoints.most, m)
	}
	if s.cfg.Fill && s.pool.waits() {
		s.cfg.Workers = t.Window()
	}
	s.journal(t, eventStarted, startedEvent{PID: os.Getpid(), Workers: s.cfg.Workers, Source: s.cfg.StrategySource, Configured: &s.started, Only: s.only})
	t.workers, t.hosts, t.configured = s.cfg.Workers, s.cfg.Hosts, s.started
	t.counters.State, t.counters.Cause = StateRunning, ""
	s.writer.counters(t.counters)

	t.final.decider = decider{name: "final", strategy: &final{plan: &t.Plan, baselines: t.Baselines}, batch: 1 << 30, since: t.pass.FirstTurn}
	if t.final.begun() {
		var err error
		if t.final.state, err = t.led.State(PartFinal); err != nil {
			return err
		}
	}
	s.at, s.before, t.runs = t, t.search.evaluations(), true
	s.files = newHolds(s.writer, func(err error) { s.say("old checkpoints could not be removed: %v", err) })
	s.files.holdRecorded(t)
	s.jobs = newDispatcher(&s.cfg, t, s.pool, s.writer, s.timers, s.files, s)
	for e := range t.jobs() {
		switch {
		case e.dropped, e.ID > FinalBase && !t.holds():
		case e.stage.is(waiting) && e.attempts != nil && e.attempts.cancelled:
			s.jobs.cancel(e)
		case e.stage.is(waiting) && (e.ID <= FinalBase || e.ID >= t.pass.FirstID):
			s.enqueue(e)
		case e.stage.is(decided) && e.imported():
			s.brought = append(s.brought, e.ID)
		case e.stage.is(decided) && e.ID <= FinalBase:
			s.inbox = append(s.inbox, e.ID)
		}
	}
	return t.led.Collect(s.files.all())
}

// admit journals each evaluator that is new to the ledger, and refuses
// one that has taken another's place, if there is anything of the other's that
// its results would be compared with.
func (s *Search) admit(t *trajectory) error {
	known := len(t.Evaluators)
	for _, x := range s.pool.open {
		x.fingerprint = -1
		var last *EvaluatorEvent
		stale := false // what it can measure is said in genomes of another space
		for i := range t.Evaluators {
			if e := &t.Evaluators[i]; e.Key == x.key {
				last, stale = e, len(x.hello.Pool) > 0 && t.movedSince(t.joinedIn[i])
				if x.hello.comparable(&e.Hello) {
					x.fingerprint = i
				}
			}
		}
		same := x.fingerprint >= 0 && x.hello.comparable(&last.Hello)
		if same && !stale {
			continue
		}
		if last != nil && !same && !s.cfg.AcceptFingerprint && t.leftBy(x.key) {
			return becameAnother(x, x.hello.changes(&last.Hello))
		}
		e := EvaluatorEvent{Key: x.key, Hello: x.hello}
		s.journal(t, eventEvaluator, e)
		x.fingerprint = len(t.Evaluators)
		t.Evaluators = append(t.Evaluators, e)
		t.joined, t.joinedIn = append(t.joined, t.search.turns), append(t.joinedIn, len(t.eras)-1)
	}
	if len(t.Evaluators) > known { // the newcomer may declare other metrics
		t.hideMeasured()
	}
	return nil
}

// leftBy tells whether an evaluator has left anything: a result that is no
// failure, or saved progress, which may be anybody's.
func (a *Archive) leftBy(key string) bool {
	for e := range a.jobs() {
		switch {
		case e.attempts != nil && len(e.attempts.saved) > 0:
			return true
		case e.attempts != nil || e.Result.Status == Failed || e.imported():
		case a.Evaluators[e.Fingerprint].Key == key:
			return true
		}
	}
	return false
}

// plan is the recorded form of the configuration. What it leaves to the
// evaluators is decided by what they could do when the search began.
func (s *Search) plan(batch int, begun *Archive) Plan {
	seeded, tests := false, false
	for _, f := range s.cfg.Fidelities {
		hello := s.pool.get(f.Evaluator).hello
		if begun != nil {
			if first, ok := begun.hello(f.Evaluator); ok {
				hello = first
			}
		}
		seeded = seeded || hello.Seeded
		tests = hello.Tests // the highest fidelity tests
	}
	p := s.cfg.plan(batch, seeded, tests)
	if begun != nil { // the strategy may have changed, and may do so now
		p.Strategy, p.Options, p.Rules = begun.Plan.Strategy, begun.Plan.Options, begun.Plan.Rules
		p.Attempts = begun.Plan.Attempts // journaled where it changes
		if s.cfg.Window == 0 || s.cfg.Window == begun.Window() {
			p.Window = begun.Plan.Window
		}
	}
	return p
}

// journal adds an event that holds from the next turn on.
func (s *Search) journal(t *trajectory, kind string, data any) {
	t.seq++
	s.writer.event(t.seq, t.search.turns, kind, data, s.cfg.Clock.Now())
}
