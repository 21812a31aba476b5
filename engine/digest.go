package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
)

// Digest is one hex line over configuration, seed, evaluators, jobs, decisions
// and exact results: equal for equal trajectories, however often they were
// interrupted. What the strategy is called, and its options, are left out: the
// same decisions are the same, in whatever language they were made. With turns >= 0
// it covers only that many turns of the search; with turns < 0 all of them, and the
// newest pass of the final strategy.
// Limits are left out: two searches that differ only in when they end have the
// same digest up to the earlier end.
func Digest(led Ledger, turns int) (string, error) {
	a, err := Read(led)
	if err != nil {
		return "", err
	}
	h := hasher{sha256.New()}
	did := a.Plan
	did.Strategy, did.Options = "", nil
	plan, err := json.Marshal(did)
	if err != nil {
		return "", err
	}
	h.bytes(plan)
	identity := map[string]string{}
	for i, e := range a.Evaluators {
		if turns >= 0 && a.joined[i] > uint64(turns) {
			continue
		}
		id := e.Hello.Name + "\n" + e.Hello.Identity
		if identity[e.Key] != id {
			identity[e.Key] = id
			h.text(e.Key, id)
		}
	}
	hashTurn := func(t TurnRecord) {
		h.number(uint64(len(t.Consumed)))
		for _, id := range t.Consumed {
			h.result(a.book.get(id))
		}
		h.Write(t.Decision[:])
	}
	n := 0
	for t, err := range led.Turns(PartSearch) {
		if err != nil {
			return "", err
		}
		if n == turns {
			break
		}
		for _, e := range a.Strategies[1:] {
			if e.Turn == t.N {
				h.text("strategy")
				h.number(uint64(e.Window))
			}
		}
		hashTurn(t)
		n++
	}
	if turns > n {
		return "", wrong("--turns %d: the search has taken only %d", turns, n)
	}
	if turns < 0 {
		for _, id := range a.book.history[0][min(a.taken[0], len(a.book.history[0])):] {
			h.result(a.book.get(id))
		}
		if a.passes > 0 && a.pass.Evaluations == len(a.book.history[0]) {
			for t, err := range led.Turns(PartFinal) {
				if err != nil {
					return "", err
				}
				if t.N >= a.pass.FirstTurn {
					hashTurn(t)
				}
			}
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// result writes what a job brought, exact numbers only.
func (h hasher) result(e *entry) {
	h.job(&e.Job)
	h.text(string(e.Status), fmt.Sprint(e.Stopped))
	h.number(uint64(len(e.Metrics)))
	for _, m := range e.Metrics {
		h.text(m.Name)
		h.float(m.Value)
	}
	h.float(e.Seconds)
}

// Replay asks the strategy for every decision of the search again, with the
// arguments that the journal gives, and compares: the first difference is an
// error that wraps ErrDamaged. Of the final strategy the newest pass is
// replayed. progress, if not nil, is called after every turn.
//
// find makes the strategy that an event describes, ready for Open: the one that
// the search began with, and those that took over.
func Replay(ctx context.Context, find func(StrategyEvent) (Strategy, error), led Ledger, progress func(turn uint64)) error {
	a, err := Read(led)
	if err != nil {
		return err
	}
	scratch := Memory() // files of earlier turns are long gone, and are made again
	defer scratch.Close()
	r := &replay{source: a, shadow: a.shadow(), files: scratch, ctx: ctx, progress: progress}
	if r.limits, err = limitsByTurn(led); err != nil {
		return err
	}
	r.setup = Setup{
		Space: a.Space, Objectives: a.Plan.Objectives, Constraints: a.Plan.Constraints, Metrics: a.setupMetrics(),
		Fidelities: a.Plan.Fidelities, Order: a.Plan.Order, Files: scratch,
	}
	for _, text := range a.Plan.Start {
		g, err := a.Space.Parse(text)
		if err != nil {
			return fmt.Errorf("%w: start genome %s: %v", ErrDamaged, text, err)
		}
		r.setup.Start = append(r.setup.Start, g)
	}
	r.find, r.next = find, a.Strategies
	search := &line{part: PartSearch}
	if err := r.run(search, 0); err != nil {
		return err
	}
	if err := r.enter(len(a.book.history[0])); err != nil {
		return err
	}
	if a.passes == 0 || a.pass.Evaluations != len(a.book.history[0]) {
		return nil
	}
	r.shadow.pass = a.pass
	r.shadow.book.final = slices.Clone(a.book.final[:min(int(a.pass.FirstID-FinalBase-1), len(a.book.final))])
	end := &line{part: PartFinal, name: "final", strategy: &final{plan: &a.Plan, baselines: a.Baselines}, turns: a.pass.FirstTurn}
	return r.run(end, a.pass.FirstTurn)
}

// setupMetrics is what the strategy was told of metrics when it was opened.
func (a *Archive) setupMetrics() []Metric {
	var out []Metric
	seen := map[string]bool{}
	for _, e := range a.Evaluators {
		named := slices.ContainsFunc(a.Plan.Fidelities, func(f Fidelity) bool { return f.Evaluator == e.Key })
		if named && !seen[e.Key] {
			seen[e.Key] = true
			out = append(out, e.Hello.Metrics...)
		}
	}
	return out
}

// shadow is an archive that knows the same plan and nothing else.
func (a *Archive) shadow() *Archive {
	s := &Archive{
		Name: a.Name, Plan: a.Plan, Space: a.Space, Baselines: a.Baselines, Evaluators: a.Evaluators, spaces: a.spaces, led: a.led,
	}
	s.book = s.newBook()
	return s
}

type replay struct {
	ctx            context.Context
	source, shadow *Archive
	files          Ledger // only as a store
	limits         []turnLimits
	setup          Setup // but for limits and options
	find           func(StrategyEvent) (Strategy, error)
	next           []StrategyEvent // strategies that are still to come
	progress       func(uint64)
}

type turnLimits struct {
	from   uint64
	limits Limits
}

func limitsByTurn(led Ledger) ([]turnLimits, error) {
	var out []turnLimits
	for e, err := range led.Events() {
		if err != nil {
			return nil, err
		}
		if e.Kind == EventLimits {
			l := turnLimits{from: e.Turn}
			if err := json.Unmarshal(e.Data, &l.limits); err != nil {
				return nil, fmt.Errorf("%w: event %d: %v", ErrDamaged, e.Seq, err)
			}
			out = append(out, l)
		}
	}
	return out, nil
}

func (r *replay) limitsAt(turn uint64) (l Limits) {
	for _, x := range r.limits {
		if x.from <= turn {
			l = x.limits
		}
	}
	return l
}

// run replays the turns of a line from its first on.
func (r *replay) run(l *line, first uint64) error {
	for t, err := range r.source.led.Turns(l.part) {
		if err != nil {
			return err
		}
		if t.N < first {
			continue
		}
		if err := r.turn(l, t); err != nil {
			return err
		}
		if r.progress != nil {
			r.progress(t.N)
		}
	}
	return nil
}

// enter lets results enter the shadow's History without a turn until it has n:
// those of a batch that a limit cut short.
func (r *replay) enter(n int) error {
	history := r.source.book.history[0]
	for len(r.shadow.book.history[0]) < min(n, len(history)) {
		id := history[len(r.shadow.book.history[0])]
		if err := r.give(id); err != nil {
			return err
		}
		e := r.shadow.book.get(id)
		r.shadow.consume(e)
		seconds, _ := cost(e)
		r.shadow.counters.Seconds += seconds
	}
	return nil
}

// give lets the shadow's job have the recorded result.
func (r *replay) give(id ID) error {
	e := r.shadow.book.get(id)
	if e == nil {
		return fmt.Errorf("%w: a result of job %s, which no turn before had made", ErrDamaged, id)
	}
	if !e.stage.is(waiting) {
		return nil
	}
	rec, ok, err := r.source.led.Result(id)
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("%w: the result of job %s is missing", ErrDamaged, id)
	}
	r.shadow.book.settle(e, rec)
	return nil
}

// change lets the strategies take over whose first turn this is.
func (r *replay) change(l *line, turn uint64) error {
	for len(r.next) > 0 && r.next[0].Turn <= turn {
		e := r.next[0]
		r.next = r.next[1:]
		strategy, err := r.find(e)
		if err != nil {
			return err
		}
		setup := r.setup
		setup.Options, setup.Limits = e.Options, r.limitsAt(e.Turn)
		state, _, err := strategy.Open(r.ctx, setup)
		if err != nil {
			return wrong("strategy %s refuses: %v", e.Name, err)
		}
		l.name, l.strategy, l.state, l.files = e.Name, strategy, state, nil
	}
	return nil
}

func (r *replay) turn(l *line, t TurnRecord) error {
	if l.part == PartSearch {
		if err := r.change(l, t.N); err != nil {
			return err
		}
	}
	differs := func(what string, journal, replayed any) error {
		return fmt.Errorf("%w: %s turn %d: the journal says %s %v, replaying it gives %v", ErrDamaged, l.part, t.N, what, journal, replayed)
	}
	fresh := 0
	for _, id := range t.Consumed {
		if err := r.give(id); err != nil {
			return err
		}
		if !r.shadow.book.get(id).stage.is(consumed) {
			fresh++
		}
	}
	if l.part == PartSearch { // a strategy that takes over may find a batch that was cut short
		if err := r.enter(t.Spent.Evaluations - fresh); err != nil {
			return err
		}
	}
	limits := r.limitsAt(t.N)
	if l.part == PartFinal {
		limits = r.limitsAt(1 << 62)
	}
	again := r.shadow.begin(l, t.Consumed, t.Want, limits, func(id ID) (ResultRecord, bool) {
		rec, ok, err := r.source.led.Result(id)
		return rec, ok && err == nil
	})
	if again.FirstID != t.FirstID {
		return differs("its first job is", t.FirstID, again.FirstID)
	}
	if again.Spent != t.Spent {
		return differs("spent", t.Spent, again.Spent)
	}
	d, err := again.step(r.ctx)
	if err != nil {
		return err
	}
	jobs, err := r.shadow.finish(again, d, r.source.budget)
	if err != nil {
		return fmt.Errorf("%w: %v", ErrDamaged, err)
	}
	keep := map[string]bool{}
	for _, f := range d.Files {
		keep[f.Hash] = true
	}
	if err := r.files.Collect(keep); err != nil {
		return err
	}
	for _, e := range jobs {
		recorded := r.source.book.get(e.ID)
		if recorded == nil {
			return differs("there is no job", e.ID, e.Genome.Text())
		}
		x, y := hasher{sha256.New()}, hasher{sha256.New()}
		x.job(&recorded.Job)
		y.job(&e.Job)
		if string(x.Sum(nil)) != string(y.Sum(nil)) {
			return differs(fmt.Sprintf("job %s is", e.ID), recorded.Genome.Text(), e.Genome.Text())
		}
	}
	if again.Jobs != t.Jobs {
		return differs("the number of jobs is", t.Jobs, again.Jobs)
	}
	if again.Decision != t.Decision {
		return differs("the decision's hash is", hex.EncodeToString(t.Decision[:8]), hex.EncodeToString(again.Decision[:8]))
	}
	return nil
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
