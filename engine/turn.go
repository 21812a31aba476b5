package engine

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/nascent-nas/nascent/genome/rng"
)

// maxNote is how many bytes a Decision's Note may have.
const maxNote = 1 << 10

// turn is one turn in the making.
type turn struct {
	TurnRecord
	sequence *sequence
	entered  []ResultRecord // of results that enter History now
	args     Turn
	gone     []FileRef // that are not needed once it is durable
	seconds  float64   // the counters once this turn is finished
	looks    int
	cancel   context.CancelFunc
	cut      bool      // it was broken off
	begun    time.Time // the strategy was asked
	slow     bool      // people were told that it takes long
	unwatch  func()
}

// turnSeed is the seed of a turn, jobSeed that of a job. Jobs of the final
// strategy count from the beginning of their pass, and know how far the
// search had come: so a search that was extended ends like one that never paused.
func (a *Archive) turnSeed(q *sequence) uint64 {
	if q.part == PartFinal {
		return rng.Derive(a.finalSeed(), "final turn", uint64(a.pass.Evaluations), q.turns-a.pass.FirstTurn)
	}
	seed := a.seed(func(b *branchedEvent) bool { return q.turns >= b.turn })
	return rng.Derive(seed, "turn", q.turns)
}

func (a *Archive) jobSeed(id ID) uint64 {
	if id > FinalBase {
		return rng.Derive(a.finalSeed(), "final job", uint64(a.pass.Evaluations), uint64(id-a.pass.FirstID))
	}
	return rng.Derive(a.seedOf(id), "job", uint64(id))
}

// begin prepares the next turn of a sequence, which consumes the given jobs. It
// marks them consumed; records of those that enter History now are in entered.
// A strategy's first turn has no Results: what it names is in History already.
// details reads a result with its curve and output, from any goroutine.
func (t *trajectory) begin(q *sequence, ids []ID, want int, limits Limits, details func(ID) (ResultRecord, bool)) *turn {
	if q.part == PartSearch {
		_ = t.reach(q.nextID()) // takeovers were reached when they came
		t.lose(q.turns)
	}
	x := &turn{sequence: q, seconds: t.counters.Seconds, looks: t.counters.TestLooks}
	var results []Candidate // with curves and outputs
	for _, id := range ids {
		e := t.get(id)
		c := e.Candidate
		if e.stage.is(decided) {
			x.entered = append(x.entered, t.consume(e))
			seconds, looks := t.paid(e)
			x.seconds = sum(x.seconds, seconds)
			x.looks += looks
		} else if r, ok := details(id); ok { // entered History when a limit cut its batch short
			c.Curve, c.Output = r.Curve, r.Output
		}
		c.Curve = t.exactCurve(c.Curve)
		results = append(results, c)
	}
	if !q.begun() { // what a strategy finds it sees in History
		results = nil
	}
	if q.part == PartSearch {
		t.keepFiles(ids)
	}
	spent := Spent{Evaluations: t.search.evaluations()}
	if t.exact {
		spent.Seconds = x.seconds
	}
	read := func(id ID) (ResultRecord, error) {
		r, ok := details(id)
		if !ok {
			return r, fmt.Errorf("candidate %s has no result", id)
		}
		return r, nil
	}
	x.TurnRecord = TurnRecord{Part: q.part, N: q.turns, Consumed: ids, FirstID: q.nextID(), Want: want, Spent: spent}
	x.args = Turn{
		N: x.N, FirstID: x.FirstID, Want: want, Results: results, Spent: spent, Limits: limits,
		Seed:    t.turnSeed(q),
		Files:   q.files(),
		History: t.view(q.part == PartFinal, read),
	}
	return x
}

// step calls the strategy.
func (x *turn) step(ctx context.Context) (Decision, error) {
	d, err := x.sequence.strategy.Step(ctx, x.sequence.state, x.args)
	if err != nil {
		err = fmt.Errorf("strategy %s, turn %d: %w", x.sequence.name, x.N, err)
	}
	return d, err
}

// finish turns a decision into jobs. An error means that the strategy broke
// the contract; nothing was changed then.
func (t *trajectory) finish(x *turn, d Decision) ([]*entry, error) {
	q := x.sequence
	broke := func(format string, args ...any) error {
		return fmt.Errorf("strategy %s broke the contract in turn %d: %s", q.name, x.N, fmt.Sprintf(format, args...))
	}
	if len(d.Proposals) > x.Want {
		return nil, broke("%d proposals where %d were wanted", len(d.Proposals), x.Want)
	}
	if len(d.Note) > maxNote {
		return nil, broke("a note of %d bytes; at most %d", len(d.Note), maxNote)
	}
	for _, id := range d.Keep {
		if t.get(id) == nil {
			return nil, broke("it keeps the files of candidate %s, which there is not", id)
		}
	}
	var jobs []*entry
	for i := range d.Proposals {
		e, err := t.job(x, &d.Proposals[i], x.FirstID+ID(i))
		if err != nil {
			t.remove(q, x.FirstID)
			return nil, broke("proposal %d: %v", i, err)
		}
		// Later proposals of the turn are duplicates of earlier ones, too.
		if err := t.add(e); err != nil {
			return nil, err
		}
		jobs = append(jobs, e)
	}
	x.Jobs, x.Note, x.Done, x.Keep, x.Files = len(jobs), d.Note, d.Done, d.Keep, d.Files
	x.Decision = decisionHash(d, jobs)
	q.state = d.State
	x.gone = t.took(q, x.TurnRecord)
	t.counters.Seconds, t.counters.TestLooks = x.seconds, x.looks
	return jobs, nil
}

// took notes that a turn was taken, and lists the files that it lets go.
func (t *trajectory) took(q *sequence, r TurnRecord) (gone []FileRef) {
	before := q.newest
	q.turns++
	for _, id := range r.Consumed {
		q.take(q.get(id))
	}
	q.newest = r
	gone = slices.Clone(before.Files)
	if q.part == PartFinal {
		return slices.Concat(gone, t.filesOfAll(before.Keep), t.letGoFinal(r))
	}
	for _, e := range t.letGo(r) {
		gone = append(gone, e.Files...)
	}
	return gone
}
