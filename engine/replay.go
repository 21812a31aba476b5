package engine

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
)

// Replay asks the strategy for every decision of the search again, with the
// arguments that the journal gives, and compares: the first difference is an
// error that wraps ErrDamaged. Of the final strategy the newest pass is
// replayed. progress, if not nil, is called after every turn.
//
// find makes the strategy that an event describes, ready for Open: the one that
// the search began with, and those that took over.
func Replay(ctx context.Context, find func(StrategyEvent) (Strategy, error), led Ledger, progress func(turn uint64)) error {
	a, err := readTrajectory(led, nil)
	if err != nil {
		return err
	}
	r, err := newReplay(ctx, a, find, progress)
	if err != nil {
		return err
	}
	defer r.files.Close()
	if err := r.run(&r.again.search, 0, a.search.turns); err != nil {
		return err
	}
	if err := r.takeOver(a.search.turns); err != nil { // no turn was taken since
		return err
	}
	if err := r.bring(a.search.nextID()); err != nil {
		return err
	}
	if err := r.enter(a.search.evaluations()); err != nil {
		return err
	}
	if !a.measuredUp() {
		return nil
	}
	end := &r.again.final
	r.again.pass = a.pass
	end.jobs = slices.Clone(a.final.jobs[:min(int(a.pass.FirstID-FinalBase-1), len(a.final.jobs))])
	end.turns = a.pass.FirstTurn
	end.decider = decider{name: "final", strategy: &final{plan: &a.Plan, baselines: a.Baselines}, since: a.pass.FirstTurn}
	return r.run(end, a.pass.FirstTurn, a.final.turns)
}

// newReplay has replayed nothing yet. Its files are to be closed.
func newReplay(
	ctx context.Context, a *trajectory, find func(StrategyEvent) (Strategy, error), progress func(turn uint64),
) (r *replay, err error) {
	r = &replay{ctx: ctx, source: a, again: a.restart(), find: find, next: a.Strategies, eras: a.eras[1:], progress: progress}
	for _, id := range a.search.history {
		if !a.get(id).imported() {
			r.own = append(r.own, id)
		}
	}
	if r.limits, err = limitsByTurn(a.led); err != nil {
		return nil, err
	}
	r.files = Memory() // those of earlier turns are long gone, and are made again
	return r, r.declare(a.eras[0])
}

// declare has strategies opened with what the search declared in an era.
func (r *replay) declare(x *era) error {
	p, a := &x.plan, r.source
	derived, err := Derive(p.Derived)
	if err != nil {
		return err
	}
	r.setup = Setup{
		Space: x.space, Objectives: p.Objectives, Ties: p.Ties, Constraints: p.Constraints,
		Reference: p.Reference, Metrics: derived.declared(a.setupMetrics(x)),
		Fidelities: p.Fidelities, Order: p.Order, Files: r.files,
	}
	hello, _ := a.hello(p.Fidelities[len(p.Fidelities)-1].Evaluator)
	r.setup.Seeded = hello.Seeded
	for _, text := range p.Start {
		g, err := x.space.Parse(text)
		if err != nil {
			return fmt.Errorf("%w: start genome %s: %v", ErrDamaged, text, err)
		}
		r.setup.Start = append(r.setup.Start, g)
	}
	return nil
}

// setupMetrics is what the strategy was told of metrics when it was opened in an era: by
// the evaluators that were first then.
func (t *trajectory) setupMetrics(x *era) []Metric {
	var out []Metric
	found := map[string]int{} // by key
	for i, e := range t.Evaluators {
		if _, seen := found[e.Key]; !seen || t.joined[i] <= x.turn && x.turn > 0 {
			found[e.Key] = i
		}
	}
	for i, e := range t.Evaluators {
		named := slices.ContainsFunc(t.Plan.Fidelities, func(f Fidelity) bool { return f.Evaluator == e.Key })
		if named && found[e.Key] == i {
			out = append(out, e.Hello.Metrics...)
		}
	}
	return out
}

type replay struct {
	ctx           context.Context
	source, again *trajectory // as recorded, and as it is made anew
	own           []ID        // of the recorded History of the search, what was not imported
	files         Ledger      // only as a store
	limits        []turnLimits
	setup         Setup // but for limits and options
	find          func(StrategyEvent) (Strategy, error)
	decides       StrategyEvent
	next          []StrategyEvent // strategies that are still to come
	eras          []*era          // likewise
	progress      func(uint64)
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
		l := turnLimits{from: e.Turn}
		var set setEvent
		switch e.Kind {
		case eventLimits:
			err = json.Unmarshal(e.Data, &l.limits)
		case eventSet:
			if len(out) > 0 {
				l.limits = out[len(out)-1].limits
			}
			if err = json.Unmarshal(e.Data, &set); err == nil {
				l.limits = set.Set.of(l.limits)
			}
		default:
			continue
		}
		if err != nil {
			return nil, damaged("event %d (%s): %v", e.Seq, e.Kind, err)
		}
		out = append(out, l)
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

// run replays the turns of a sequence from first on, until the turn end.
func (r *replay) run(q *sequence, first, end uint64) error {
	for t, err := range r.source.led.Turns(q.part) {
		if err != nil {
			return err
		}
		if t.N < first {
			continue
		}
		if t.N >= end {
			break
		}
		if err := r.turn(q, t); err != nil {
			return err
		}
		if r.progress != nil {
			r.progress(t.N)
		}
	}
	return nil
}

// enter lets results enter History without a turn until it has n:
// those of a batch that a limit cut short.
func (r *replay) enter(n int) error {
	for r.again.search.evaluations() < min(n, len(r.own)) {
		id := r.own[r.again.search.evaluations()]
		if err := r.give(id); err != nil {
			return err
		}
		r.again.consumeEarly(r.again.get(id))
	}
	return nil
}

// bring makes the candidates that came from outside, up to the job next.
func (r *replay) bring(next ID) error {
	q := &r.again.search
	for id := q.nextID(); id < next; id++ {
		recorded := r.source.get(id)
		if recorded == nil || recorded.Origin() == "" {
			return nil // whose turn comes says so
		}
		e, err := r.again.outsider(id, recorded.Operator, Known{Genome: recorded.asMade().Genome, Fidelity: recorded.Fidelity})
		if err != nil {
			return fmt.Errorf("%w: job %s: %v", ErrDamaged, id, err)
		}
		if !sameJob(recorded.asMade(), &e.Job) || recorded.turn != e.turn {
			return fmt.Errorf("%w: job %s, which came from outside, is recorded as another one than it makes", ErrDamaged, id)
		}
		if err := r.again.add(e); err != nil {
			return err
		}
	}
	return nil
}

func sameJob(a, b *Job) bool {
	x, y := hasher{sha256.New()}, hasher{sha256.New()}
	x.job(a)
	y.job(b)
	return bytes.Equal(x.Sum(nil), y.Sum(nil))
}

// difference names the first thing in which two jobs are not the same, with both.
func difference(a, b *Job) (what string, x, y any) {
	show := func(j *Job) []any {
		out := []any{
			j.Genome.Text(), j.Operator, j.Tag, j.Parents, j.Fidelity, j.Budget, j.Seed, j.Phase, j.Task, j.Baseline,
			string(j.Input), j.Resume, j.Inherit, j.Reuse, j.Replicate, "none",
		}
		if j.Stop != nil {
			out[len(out)-1] = *j.Stop
		}
		return out
	}
	names := []string{
		"the genome", "the operator", "the tag", "the list of parents", "the fidelity", "the budget", "the seed", "the phase", "the task", "the baseline",
		"the input", "the id to resume", "the id to inherit from", "the id to share", "the flag of a replicate", "the early stop",
	}
	theirs := show(b)
	for i, v := range show(a) {
		if x, y := fmt.Sprint(v), fmt.Sprint(theirs[i]); x != y {
			return names[i], OneLine(strconv.Quote(x)), OneLine(strconv.Quote(y))
		}
	}
	return "its id", a.ID, b.ID
}

// give lets the job have the recorded result.
func (r *replay) give(id ID) error {
	e := r.again.get(id)
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
	if name := r.again.derived.differs(rec.Metrics); name != "" {
		return fmt.Errorf("%w: the metric %s of candidate %s is not what its expression gives", ErrDamaged, name, id)
	}
	r.again.settle(e, rec)
	return nil
}

// change lets the strategies take over whose first turn this is, and opens that which
// decides anew if what it is to search changed.
func (r *replay) change(q *sequence, turn uint64) error {
	anew := len(r.eras) > 0 && r.eras[0].turn <= turn
	if err := r.takeOver(turn); err != nil {
		return err
	}
	for len(r.next) > 0 && r.next[0].Turn <= turn || anew {
		e := r.decides
		if len(r.next) > 0 && r.next[0].Turn <= turn {
			e, r.next = r.next[0], r.next[1:]
		}
		r.decides, anew = e, false
		strategy, err := r.find(e)
		if err != nil {
			return err
		}
		setup := r.setup
		setup.Options, setup.Limits = e.Options, r.limitsAt(turn)
		state, _, err := strategy.Open(r.ctx, setup)
		if err != nil {
			return notOpened("strategy", err)
		}
		q.decider = decider{name: e.Name, strategy: strategy, since: turn, state: state}
	}
	return nil
}

// takeOver lets the eras begin that do by a turn.
func (r *replay) takeOver(turn uint64) error {
	for ; len(r.eras) > 0 && r.eras[0].turn <= turn; r.eras = r.eras[1:] {
		x := r.eras[0]
		if err := r.enter(x.Evaluations); err != nil {
			return err
		}
		if err := r.bring(x.First); err != nil {
			return err
		}
		if err := r.again.reach(x.First); err != nil {
			return err
		}
		fits, _, err := r.again.fit(x.Declarations, x.Was)
		if err != nil {
			return err
		}
		if fits == nil || fits.First != x.First || fits.Left != x.Left || !slices.Equal(fits.Dropped, x.Dropped) {
			return fmt.Errorf("%w: search turn %d: the journal says that %s; replaying it gives something else", ErrDamaged, x.turn, &x.Fit)
		}
		r.again.enterEra(x)
		if err := r.again.takeOver(x); err != nil {
			return err
		}
		if err := r.declare(x); err != nil {
			return err
		}
	}
	return nil
}

func (r *replay) turn(q *sequence, t TurnRecord) error {
	if q.part == PartSearch {
		if err := r.change(q, t.N); err != nil {
			return err
		}
	}
	differs := func(what string, journal, replayed any) error {
		return fmt.Errorf("%w: %s turn %d: the journal says %s %v, replaying it gives %v", ErrDamaged, q.part, t.N, what, journal, replayed)
	}
	if q.part == PartSearch {
		if err := r.bring(t.FirstID); err != nil {
			return err
		}
	}
	fresh := 0
	for _, id := range t.Consumed {
		if err := r.give(id); err != nil {
			return err
		}
		if e := r.again.get(id); !e.stage.is(consumed) && !e.imported() {
			fresh++
		}
	}
	if q.part == PartSearch { // a strategy that takes over may find a batch that was cut short
		if err := r.enter(t.Spent.Evaluations - fresh); err != nil {
			return err
		}
	}
	limits := r.limitsAt(t.N)
	if q.part == PartFinal {
		limits = r.limitsAt(1 << 62)
	}
	again := r.again.begin(q, t.Consumed, t.Want, limits, func(id ID) (ResultRecord, bool) {
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
	jobs, err := r.again.finish(again, d)
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
		recorded := r.source.get(e.ID)
		if recorded == nil {
			return differs("there is no job", e.ID, e.Genome.Text())
		}
		if made := recorded.asMade(); !sameJob(made, &e.Job) {
			what, journal, replayed := difference(made, &e.Job)
			return differs(fmt.Sprintf("%s of job %s is", what, e.ID), journal, replayed)
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
