package engine

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"math"
	"slices"

	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/rng"
)

// redraws bounds how often an operator is tried again for a genome that no
// earlier job had.
const redraws = 32

// Bounds on what a strategy may put into one proposal or turn.
const (
	maxInput = 64 << 10
	maxTag   = 64
	maxNote  = 1 << 10
)

// line is one of the two sequences of turns: the search's own strategy, or the
// built-in final one.
type line struct {
	part     Part
	name     string
	strategy Strategy
	state    []byte
	files    []FileRef // that the newest decision named
	batch    int       // results a turn in strict order
	turns    uint64
	since    uint64 // the strategy's first turn, which consumes nothing
	taken    int    // results consumed by turns, an index into the part's jobs in strict order
	done     bool   // the strategy has nothing more to try
}

// turnSeed is the seed of a turn, jobSeed that of a job. Jobs of the final
// strategy count from the beginning of their pass, and know how far the
// search had come: so a search that was extended ends like one that never paused.
func turnSeed(seed uint64, l *line, pass FinalEvent) uint64 {
	if l.part == PartFinal {
		return rng.Derive(seed, "final turn", uint64(pass.Evaluations), l.turns-pass.FirstTurn)
	}
	return rng.Derive(seed, "turn", l.turns)
}

func jobSeed(seed uint64, id ID, pass FinalEvent) uint64 {
	if id > FinalBase {
		return rng.Derive(seed, "final job", uint64(pass.Evaluations), uint64(id-pass.FirstID))
	}
	return rng.Derive(seed, "job", uint64(id))
}

// turn is one turn in the making.
type turn struct {
	TurnRecord
	line    *line
	results []Candidate // for the strategy: with curves and outputs
	fresh   []ResultRecord
	args    Turn
	seconds float64 // the counters once this turn is finished
	looks   int
	cancel  context.CancelFunc
	cut     bool // it was broken off
}

// begin prepares the next turn of a line, which consumes the given jobs. It
// marks them consumed; records of those that enter History now are in fresh.
// whole reads a result with its curve and output, from any goroutine.
func (a *Archive) begin(l *line, ids []ID, want int, limits Limits, whole func(ID) (ResultRecord, bool)) *turn {
	t := &turn{line: l, seconds: a.counters.Seconds, looks: a.counters.TestLooks}
	for _, id := range ids {
		e := a.book.get(id)
		c := e.Candidate
		if e.stage.is(decided) {
			r := a.consume(e)
			t.fresh = append(t.fresh, r)
			seconds, looks := cost(e)
			t.seconds += seconds
			t.looks += looks
		} else if r, ok := whole(id); ok { // entered History when a limit cut its batch short
			c.Curve, c.Output = r.Curve, r.Output
		}
		c.Curve = a.book.exactCurve(c.Curve)
		t.results = append(t.results, c)
	}
	spent := Spent{Evaluations: len(a.book.history[0])}
	if a.book.exact {
		spent.Seconds = t.seconds
	}
	read := func(id ID) (ResultRecord, error) {
		r, ok := whole(id)
		if !ok {
			return r, fmt.Errorf("candidate %s has no result", id)
		}
		return r, nil
	}
	t.TurnRecord = TurnRecord{
		Part: l.part, N: l.turns, Consumed: ids, FirstID: a.book.nextID(l.part), Want: want, Spent: spent,
	}
	t.args = Turn{
		N: l.turns, FirstID: t.FirstID, Want: want, Results: t.results, Spent: spent, Limits: limits,
		Seed:    turnSeed(a.Plan.Seed, l, a.pass),
		Files:   l.files,
		History: a.book.view(l.part == PartFinal, read),
	}
	return t
}

// consume moves a decided entry into History and returns its record.
func (a *Archive) consume(e *entry) ResultRecord {
	r := e.record()
	a.book.take(e)
	return r
}

// cost is what consuming a result adds to the counters. They change with the
// commit that holds the result and not before: a turn that is never committed
// must not be counted twice.
func cost(e *entry) (seconds float64, looks int) {
	switch e.Phase {
	case PhaseSearch:
		seconds = e.seconds
	case PhaseTest:
		looks = 1
	}
	return seconds, looks
}

// record is the entry's result as it is stored.
func (e *entry) record() ResultRecord {
	c := e.full()
	return ResultRecord{ID: e.ID, Attempts: c.Attempts, Fingerprint: c.Fingerprint, Result: c.Result}
}

// finish turns a decision into jobs. An error means that the strategy broke
// the contract; nothing was changed then.
func (a *Archive) finish(t *turn, d Decision, budgets func(fidelity int) float64) ([]*entry, error) {
	broke := func(format string, args ...any) error {
		return fmt.Errorf("strategy %s broke the contract in turn %d: %s", t.line.name, t.N, fmt.Sprintf(format, args...))
	}
	if len(d.Proposals) > t.Want {
		return nil, broke("%d proposals where %d were wanted", len(d.Proposals), t.Want)
	}
	if len(d.Note) > maxNote {
		return nil, broke("a note of %d bytes; at most %d", len(d.Note), maxNote)
	}
	var out []*entry
	for i := range d.Proposals {
		e, err := a.job(t, &d.Proposals[i], t.FirstID+ID(i), budgets)
		if err != nil {
			a.forget(t)
			return nil, broke("proposal %d: %v", i, err)
		}
		// Later proposals of the turn are duplicates of earlier ones, too.
		if err := a.book.add(e); err != nil {
			return nil, err
		}
		a.remember(e)
		out = append(out, e)
	}
	t.Jobs, t.Note, t.Done, t.Keep, t.Files = len(out), d.Note, d.Done, d.Keep, d.Files
	t.Decision = decisionHash(d, out)
	t.line.state, t.line.files, t.line.done = d.State, d.Files, d.Done
	t.line.turns++
	t.line.taken += len(t.Consumed)
	part := partIndex(t.Part)
	a.turns[part], a.taken[part], a.done[part] = t.line.turns, t.line.taken, t.line.done
	a.counters.Seconds, a.counters.TestLooks = t.seconds, t.looks
	return out, nil
}

// forget drops the jobs that a turn has made so far.
func (a *Archive) forget(t *turn) {
	list := a.book.list(t.Part)
	base := ID(0)
	if t.Part == PartFinal {
		base = FinalBase
	}
	for _, e := range (*list)[t.FirstID-base-1:] {
		a.forgetOne(e)
	}
	*list = (*list)[:t.FirstID-base-1]
}

// known tells whether a job is in the History that the turn shows: what the
// final strategy measured is not for the search to build on.
func (a *Archive) known(t *turn, e *entry) bool {
	return e != nil && e.stage.is(consumed) && (t.Part == PartFinal || partOf(e.ID) == PartSearch)
}

// job makes the job of a proposal.
func (a *Archive) job(t *turn, p *Proposal, id ID, budgets func(int) float64) (*entry, error) {
	switch {
	case p.Fidelity < 0 || p.Fidelity >= len(a.Plan.Fidelities):
		return nil, fmt.Errorf("fidelity %d of %d", p.Fidelity, len(a.Plan.Fidelities))
	case len(p.Input) > maxInput:
		return nil, fmt.Errorf("an input of %d bytes; at most %d", len(p.Input), maxInput)
	case len(p.Tag) > maxTag:
		return nil, fmt.Errorf("a tag of %d bytes; at most %d", len(p.Tag), maxTag)
	case t.Part == PartSearch && p.Phase != "" && p.Phase != PhaseSearch:
		return nil, fmt.Errorf("phase %q: only the final strategy measures outside the search", p.Phase)
	case !slices.Contains([]Task{"", Train, Supernet, Score}, p.Task):
		return nil, fmt.Errorf("task %q: known are train, supernet and score", p.Task)
	case t.Part == PartSearch && p.Budget != 0 && (p.Task == "" || p.Task == Train):
		return nil, fmt.Errorf("budget %v: the fidelity says for how long a candidate is trained", p.Budget)
	case p.Budget < 0 || !isFinite(p.Budget):
		return nil, fmt.Errorf("budget %v: give a number from 0", p.Budget)
	}
	parents := make([]*entry, len(p.Parents))
	for i, pid := range p.Parents {
		if parents[i] = a.book.get(pid); !a.known(t, parents[i]) {
			return nil, fmt.Errorf("parent %s is not in the History", pid)
		}
	}
	for _, ref := range []ID{p.Resume, p.Inherit} {
		if ref != 0 && !a.known(t, a.book.get(ref)) {
			return nil, fmt.Errorf("job %s, to go on from, is not in the History", ref)
		}
	}
	j := Job{
		ID: id, Phase: p.Phase, Task: p.Task, Operator: p.Operator, Parents: p.Parents, Fidelity: p.Fidelity,
		Budget: p.Budget, Input: p.Input, Resume: p.Resume, Inherit: p.Inherit, Stop: p.Stop, Tag: p.Tag,
		Replicate: p.Replicate, Seed: jobSeed(a.Plan.Seed, id, a.pass),
	}
	if j.Phase == "" {
		j.Phase = PhaseSearch
	}
	if source := a.book.get(p.Resume); source != nil && (p.Task == "" || p.Task == Train) {
		j.Seed = source.Seed // so it is the same training, with the checkpoint or without
	}
	if j.Task == "" {
		j.Task = Train
	}
	if j.Budget == 0 && j.Task == Train {
		j.Budget = budgets(j.Fidelity)
	}
	if !p.Genome.IsZero() && j.Operator == "" {
		j.Operator = OpGiven
	}
	e := &entry{Candidate: Candidate{Job: j}, turn: t.N, try: &try{}}
	if err := a.breed(e, p, parents); err != nil {
		return nil, err
	}
	return e, nil
}

// breed gives the entry its genome, within the duplicates policy.
func (a *Archive) breed(e *entry, p *Proposal, parents []*entry) error {
	if !p.Genome.IsZero() {
		e.Genome = p.Genome
		if b := a.baseline(p.Genome); b != "" {
			e.Baseline = b
			return nil
		}
		if p.Genome.Space() != a.Space { // from another process: the same text, read again
			g, err := a.Space.Unpack(p.Genome.Packed())
			if err != nil {
				return fmt.Errorf("its genome does not belong to the space: %v", err)
			}
			e.Genome = g
		}
		if e.Task == Supernet { // the weights of all are trained, whatever this one costs
			return nil
		}
		if err := a.Space.Check(e.Genome); err != nil {
			e.try = nil
			e.Result = Result{Status: Invalid, Reason: err.Error()}
			e.stage.set(decided)
			return nil
		}
		e.Reuse = a.duplicate(e)
		return nil
	}
	need := map[string]int{OpRandom: 0, OpMutate: 1, OpCross: 2, OpCrossMutate: 2, OpSame: 1}
	if n, known := need[p.Operator]; !known || n != len(parents) {
		return fmt.Errorf("operator %q with %d parents; known are random (0), mutate and same (1), cross and cross+mutate (2), or a genome", p.Operator, len(parents))
	}
	r := rng.New(rng.Derive(a.Plan.Seed, "make", uint64(e.ID)))
	for range redraws {
		g, err := a.draw(p.Operator, parents, r)
		if err != nil {
			return err
		}
		e.Genome, e.key = g, genome.Hash{}
		e.Baseline = ""
		if p.Operator == OpSame {
			e.Baseline = parents[0].Baseline
		}
		if e.Reuse = a.duplicate(e); e.Reuse == 0 || a.Plan.Duplicates != Reject || p.Operator == OpSame {
			return nil
		}
	}
	return nil
}

// draw applies an operator once.
func (a *Archive) draw(operator string, parents []*entry, r *rng.Rand) (genome.Genome, error) {
	switch operator {
	case OpRandom:
		return a.Space.Random(r)
	case OpSame:
		return parents[0].Genome, nil
	case OpMutate:
		return a.mutate(parents[0].Genome, r), nil
	}
	g, err := a.Space.Cross(parents[0].Genome, parents[1].Genome, r)
	if err != nil {
		g = parents[0].Genome
	}
	if operator == OpCrossMutate {
		g = a.mutate(g, r)
	}
	return g, nil
}

// mutate returns g itself where nothing can be changed.
func (a *Archive) mutate(g genome.Genome, r *rng.Rand) genome.Genome {
	if m, err := a.Space.Mutate(g, r); err == nil {
		return m
	}
	return g
}

// baseline names the baseline that a genome belongs to, if any.
func (a *Archive) baseline(g genome.Genome) string {
	for _, b := range a.Baselines {
		if b.Genome == g {
			return b.Name
		}
	}
	return ""
}

// duplicate is the earlier job whose result this one is to share, or 0.
func (a *Archive) duplicate(e *entry) ID {
	if a.Plan.Duplicates == Replicate || e.Task != Train || e.Replicate || e.Stop != nil || e.Phase != PhaseSearch {
		return 0
	}
	return a.book.keys[e.duplicateKey()]
}

// share is the result of a job that reuses another's.
func share(source *entry) Result {
	r := source.full().Result
	r.Seconds = 0
	r.Files = nil
	if r.Status == OK {
		r.Reason = ""
	}
	return r
}

// decisionHash covers everything that a decision says and the jobs that came
// of it.
func decisionHash(d Decision, jobs []*entry) [32]byte {
	h := hasher{sha256.New()}
	h.bytes(d.State)
	h.number(uint64(len(d.Files)))
	for _, f := range d.Files {
		h.text(f.Name, f.Hash)
	}
	h.ids(d.Keep)
	h.text(d.Note, fmt.Sprint(d.Done))
	h.number(uint64(len(jobs)))
	for i, e := range jobs {
		h.text(d.Proposals[i].Operator)
		h.job(&e.Job)
	}
	return [32]byte(h.Sum(nil))
}

// hasher writes values so that different sequences have different bytes.
type hasher struct{ hash.Hash }

func (h hasher) number(n uint64) {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], n)
	h.Write(b[:])
}

func (h hasher) float(x float64) { h.number(math.Float64bits(x)) }

func (h hasher) bytes(b []byte) {
	h.number(uint64(len(b)))
	h.Write(b)
}

func (h hasher) text(texts ...string) {
	for _, s := range texts {
		h.bytes([]byte(s))
	}
}

func (h hasher) ids(ids []ID) {
	h.number(uint64(len(ids)))
	for _, id := range ids {
		h.number(uint64(id))
	}
}

// job writes a job. Ids of the final strategy are left out: they tell how
// often a search was ended and extended, which is no part of its trajectory.
func (h hasher) job(j *Job) {
	if j.ID <= FinalBase {
		h.number(uint64(j.ID))
	}
	h.text(string(j.Phase), string(j.Task), j.Operator, j.Baseline, j.Genome.Text(), j.Tag)
	h.ids(j.Parents)
	h.number(uint64(j.Fidelity))
	h.float(j.Budget)
	h.number(j.Seed)
	h.bytes(j.Input)
	h.number(uint64(j.Resume))
	h.number(uint64(j.Inherit))
	h.number(uint64(j.Reuse))
	if j.Stop != nil {
		h.text(j.Stop.Metric, string(j.Stop.Goal))
		h.float(j.Stop.Step)
		h.float(j.Stop.Threshold)
	}
	h.text(fmt.Sprint(j.Replicate))
}

// step calls the strategy.
func (t *turn) step(ctx context.Context) (Decision, error) {
	d, err := t.line.strategy.Step(ctx, t.line.state, t.args)
	if err != nil {
		err = fmt.Errorf("strategy %s, turn %d: %w", t.line.name, t.N, err)
	}
	return d, err
}
