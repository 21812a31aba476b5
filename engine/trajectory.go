package engine

import (
	"slices"

	"github.com/nascent-nas/nascent/genome"
)

// trajectory is an Archive that turns move on. What a turn is, from the results
// that it consumes to the jobs that it makes, is said here once: the loop takes
// new turns by begin and finish, and Replay takes recorded ones again by the same.
type trajectory struct {
	Archive

	measurements measurements
	derived      Derivation
	measured     func(metric string) bool // hidden from strategies
	exact        bool                     // seconds are exact
	checkpoints  checkpoints
	seq          uint64        // of the newest event
	joined       []uint64      // the turn before which each of Evaluators was journaled
	joinedIn     []int         // the era in which it was
	own          *genome.Space // that of who reads, for what was recorded of it
	runs         bool          // a Search moves it

	// Of requests from outside:
	requests  map[string]carried // what came of them
	cancels   []cancelEvent
	revisions []revision
	reached   int // of these
	decided   []outsideDecision
}

// newTrajectory has taken no turn and knows no evaluator.
func newTrajectory(name string, plan Plan, led Ledger) *trajectory {
	t := &trajectory{measurements: newMeasurements(), checkpoints: newCheckpoints(&plan), requests: map[string]carried{}}
	t.Name, t.Plan, t.led = name, plan, led
	t.eras = []*era{{plan: plan}}
	t.pinned = map[ID]bool{}
	t.Strategies = []StrategyEvent{plan.strategy()}
	t.attempts, t.leaders = plan.Attempts, plan.Leaders(shown)
	t.derived, _ = Derive(plan.Derived) // see recorded
	t.search.part, t.final.part, t.final.base = PartSearch, PartFinal, FinalBase
	t.hideMeasured()
	return t
}

// restart is a trajectory of the same search that has taken no turn.
func (t *trajectory) restart() *trajectory {
	again := newTrajectory(t.Name, t.Begun(), t.led)
	again.checkpoints.most = t.checkpoints.most
	again.bans, again.revisions, again.branches, again.eras = t.bans, t.revisions, t.branches, t.eras[:1:1]
	again.Space, again.Baselines, again.Evaluators, again.spaces = t.eras[0].space, t.Baselines, t.Evaluators, t.spaces
	again.hideMeasured()
	return again
}

// hideMeasured finds out which metrics are measured, and parts them from the
// exact ones of all results.
func (t *trajectory) hideMeasured() {
	hidden := t.hidden(t.eras)
	t.measured = func(name string) bool { return hidden[name] }
	t.exact = !t.measured("seconds")
	for e := range t.jobs() {
		if e.stage.is(decided) || e.stage.is(consumed) {
			t.part(e, e.full())
		}
	}
}

// hidden are the metrics that strategies did not see in the last of some eras: what is
// measured and was never judged by, and what is derived since.
func (t *trajectory) hidden(eras []*era) map[string]bool {
	var metrics []Metric
	for _, e := range t.Evaluators {
		metrics = append(metrics, e.Hello.Metrics...)
	}
	if !slices.Contains(metricNames(metrics), "seconds") {
		metrics = append(metrics, Metric{Name: "seconds", Measured: true})
	}
	for _, x := range t.derived {
		metrics = append(metrics, Metric{Name: x.name, Measured: anyMeasured(metrics, x.Metrics())})
	}
	hidden := map[string]bool{}
	for _, m := range metrics {
		hidden[m.Name] = hidden[m.Name] || m.Measured
	}
	for _, x := range eras { // what was decided by stays in sight
		for _, name := range x.plan.judges() {
			hidden[name] = false
		}
	}
	then := eras[len(eras)-1].plan.Derived
	for _, x := range t.derived {
		if !slices.ContainsFunc(then, func(d Derived) bool { return d.Metric == x.name }) {
			hidden[x.name] = true
		}
	}
	return hidden
}

// judges lists the metrics that the search judges by.
func (p *Plan) judges() (names []string) {
	for _, o := range slices.Concat(p.Objectives, p.Ties) {
		names = append(names, o.Metric)
	}
	for _, c := range p.Constraints {
		names = append(names, c.Metric)
	}
	if e := preference(p.Prefer, p.Objectives); e != nil {
		names = append(names, e.Metrics()...)
	}
	return names
}

// part gives the entry a result's numbers, with measured ones set apart.
func (t *trajectory) part(e *entry, whole Candidate) {
	e.Metrics, e.measured = t.split(whole.Metrics)
	e.usage, e.Usage = whole.Usage, Usage{}
	e.seconds, e.Seconds = whole.Seconds, whole.Seconds
	if !t.exact {
		e.Seconds = 0
	}
}

// split parts exact metrics from measured ones.
func (t *trajectory) split(all Values) (exact, measured Values) {
	if !slices.ContainsFunc(all, func(v Value) bool { return t.measured(v.Name) }) {
		return all, nil
	}
	for _, v := range all {
		if t.measured(v.Name) {
			measured = append(measured, v)
		} else {
			exact = append(exact, v)
		}
	}
	return exact, measured
}

// exactCurve is a curve without measured numbers.
func (t *trajectory) exactCurve(points []Point) []Point {
	out := make([]Point, len(points))
	for i, p := range points {
		exact, _ := t.split(p.Metrics)
		out[i] = Point{Step: p.Step, Metrics: exact}
	}
	return out
}

// add takes a new job in.
func (t *trajectory) add(e *entry) error {
	if err := t.sequence(partOf(e.ID)).add(e); err != nil {
		return err
	}
	t.measurements.add(e, t.pass)
	return nil
}

// remove drops the jobs of a sequence from id on.
func (t *trajectory) remove(q *sequence, from ID) {
	for _, e := range q.jobs[from-q.base-1:] {
		t.measurements.remove(e, t.pass)
	}
	q.remove(from)
}

// settle gives the entry its result.
func (t *trajectory) settle(e *entry, r ResultRecord) {
	e.Result, e.attempt, e.Attempts, e.Fingerprint, e.lost = r.Result, r.Attempt, r.Attempts, r.Fingerprint, r.Lost
	t.part(e, e.Candidate)
	e.stage.set(decided)
	e.attempts = nil
}

// consume moves a decided entry into History and returns its record.
func (t *trajectory) consume(e *entry) ResultRecord {
	r := e.record()
	t.enter(e)
	return r
}

// consumeEarly lets a result enter History before the turn that names it: a limit
// cuts the batch short that it belongs to.
func (t *trajectory) consumeEarly(e *entry) ResultRecord {
	seconds, looks := t.paid(e)
	t.counters.Seconds = sum(t.counters.Seconds, seconds)
	t.counters.TestLooks += looks
	return t.consume(e)
}

// cutBatch lists what the first turn of a strategy names: the results that entered
// History because a limit cut the batch short that they belong to. The next turn of
// the same strategy would have delivered them; another one finds them in the History
// that it begins with, and they come in no later Results.
func (t *trajectory) cutBatch(q *sequence) []ID {
	if q.part == PartFinal || t.Plan.Rules < 1 {
		return nil
	}
	return t.cutShort()
}

// cutShort lists the results that entered History without a turn.
func (t *trajectory) cutShort() []ID {
	if t.Plan.Order == Arrival {
		return nil
	}
	q := &t.search
	var ids []ID
	for _, e := range q.own[min(q.taken, q.evaluations()):q.evaluations()] {
		ids = append(ids, e.ID)
	}
	return ids
}

// enter makes a decided entry part of History.
func (t *trajectory) enter(e *entry) {
	q := t.sequence(partOf(e.ID))
	e.Curve, e.Output = nil, nil // the ledger has them
	q.history = append(q.history, e.ID)
	if !e.Outside {
		q.shown = append(q.shown, e.ID)
	}
	e.stage.set(consumed)
	if t.usage = t.usage.with(e.usage); e.usage != (Usage{}) {
		t.used++
	}
	t.largest = max(t.largest, sizeOf(e.Files))
	switch {
	case q.part == PartFinal:
		return
	case e.imported():
		q.imported++
		t.tally.imported++
		return
	}
	if e.Origin() == Added {
		t.tally.added++
	}
	switch e.Status {
	case OK:
		t.tally.ok++
		t.leaders.Add(&e.Candidate)
	case Invalid:
		t.tally.invalid++
	case Failed:
		t.tally.failed++
	}
	if e.Reuse != 0 {
		t.tally.reused++
	}
	switch e.Task {
	case Supernet:
		t.tally.supernet++
	case Score:
		t.tally.score++
	}
}

// shown is how many of the best are kept at hand.
const shown = 10

// view is a History over what was consumed when it was made.
type view struct {
	search, final sequence
	details       func(ID) (ResultRecord, error)
	exact         func([]Point) []Point
}

// view freezes the History: of the search alone, or with the final's jobs
// behind it.
func (t *trajectory) view(withFinal bool, details func(ID) (ResultRecord, error)) *view {
	v := &view{search: t.search, final: sequence{base: FinalBase}, details: details, exact: t.exactCurve}
	if withFinal {
		v.final = t.final
	}
	return v
}

func (v *view) Len() int { return len(v.search.shown) + len(v.final.shown) }

func (v *view) At(i int) *Candidate {
	if n := len(v.search.shown); i >= n {
		return &v.final.get(v.final.shown[i-n]).Candidate
	}
	return &v.search.get(v.search.shown[i]).Candidate
}

func (v *view) Get(id ID) (*Candidate, bool) {
	q := &v.search
	if partOf(id) == PartFinal {
		q = &v.final
	}
	e := q.get(id)
	if e == nil || !e.stage.is(consumed) || e.Outside {
		return nil, false
	}
	return &e.Candidate, true
}

func (v *view) Curve(id ID) ([]Point, error) {
	r, err := v.details(id)
	return v.exact(r.Curve), err
}

func (v *view) Output(id ID) ([]byte, error) {
	r, err := v.details(id)
	return r.Output, err
}
