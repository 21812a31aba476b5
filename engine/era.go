package engine

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/network"
)

// era is the part of a search between two takeovers.
type era struct {
	takeoverEvent
	turn  uint64 // its first
	plan  Plan
	space *genome.Space
	moved bool // it is another than that of the era before
	left  idSet
}

// fits is a genome of the era before in this one's space.
func (x *era) fits(g genome.Genome) (genome.Genome, error) { return x.space.FitsWith(g, x.Was) }

// era is the one in which the search is now.
func (a *Archive) era() *era { return a.eras[len(a.eras)-1] }

// madeIn is the index of the era in which a job was made.
func (a *Archive) madeIn(id ID) int {
	for i := len(a.eras) - 1; i > 0; i-- {
		if x := a.eras[i]; id >= x.FirstFinal || id <= FinalBase && id >= x.First {
			return i
		}
	}
	return 0
}

// opened is the first turn of the strategy that decides, as it was opened last.
func (a *Archive) opened() uint64 { return max(a.now().Turn, a.era().turn) }

// Begun is the plan that the search began with; Plan is that of now.
func (a *Archive) Begun() Plan { return a.eras[0].plan }

// Takeovers is how often the search declared something else.
func (a *Archive) Takeovers() int { return max(0, len(a.eras)-1) }

// Outside tells whether a candidate does not fit what the search declares since a
// Takeover.
func (a *Archive) Outside(id ID) bool { return a.Takeovers() > 0 && a.era().left.has(id) }

// dropped tells whether a takeover before a turn has dropped a job.
func (a *Archive) dropped(id ID, turn uint64) bool {
	return slices.ContainsFunc(a.eras, func(x *era) bool { return x.turn <= turn && slices.Contains(x.Dropped, id) })
}

// holds tells whether the newest pass of the final strategy is one of the search as it is
// declared now.
func (a *Archive) holds() bool { return a.passes > 0 && a.pass.FirstID >= a.era().FirstFinal }

// measuredUp tells whether the newest pass is of all that the search has consumed.
func (a *Archive) measuredUp() bool { return a.holds() && a.pass.Evaluations == a.search.evaluations() }

// configuredAs is the declarations of the last configuration that the search was run with, or
// that came along when it was branched.
func (a *Archive) configuredAs() Declarations {
	for i, x := range slices.Backward(a.eras) {
		for _, b := range slices.Backward(a.branches) {
			if b.Configured != nil && b.eras > i {
				return *b.Configured
			}
		}
		if x.Configured {
			return x.Declarations
		}
	}
	return a.eras[0].plan.declarations()
}

// movedSince tells whether the space is another than in an earlier era.
func (a *Archive) movedSince(n int) bool {
	return slices.ContainsFunc(a.eras[n+1:], func(x *era) bool { return x.moved })
}

// declare begins the era of a takeover, from a turn on: whatever happens then goes by it.
// What there is is brought into it by carry, and its results by judge.
func (t *trajectory) declare(e takeoverEvent, turn uint64) error {
	x := &era{takeoverEvent: e, turn: turn, plan: t.Plan.with(e.Declarations), space: t.Space}
	if _, err := Derive(e.Derived); err != nil {
		return err
	}
	if x.moved = !sameJSON(e.Space, t.Plan.Space); x.moved {
		var err error
		if x.space, err = t.recordedSpace(e.Space); err != nil {
			return err
		}
	}
	var err error
	if x.left, err = parseIDs(e.Left); err != nil {
		return err
	}
	for _, text := range e.Unbanned {
		t.bans.happened(eventUnban, text, turn)
	}
	text, err := json.Marshal(e.Declarations)
	if err != nil {
		return err
	}
	did := "takeover " + string(text)
	if len(e.Was) > 0 {
		was, err := json.Marshal(e.Was)
		if err != nil {
			return err
		}
		did += " was " + string(was)
	}
	t.decide(turn, did, uint64(e.First))
	t.revisions = append(t.revisions, revision{next: e.First, era: x})
	t.enterEra(x)
	return nil
}

// recordedSpace is a space of the search as it is recorded.
func (t *trajectory) recordedSpace(raw json.RawMessage) (*genome.Space, error) {
	if t.own != nil && sameJSON(t.own.JSON(), raw) {
		return t.own, nil
	}
	return recordedSpace(raw, t.Plan.Rules)
}

func recordedSpace(raw json.RawMessage, rules int) (*genome.Space, error) {
	s, err := genome.RecordedSpace(raw, rules)
	if err != nil {
		return nil, err
	}
	return network.Bind(s)
}

// enterEra lets the plan and the space of an era hold.
func (t *trajectory) enterEra(x *era) {
	t.eras = append(t.eras, x)
	t.Plan, t.Space = x.plan, x.space
	t.derived, _ = Derive(x.plan.Derived)
}

// carry brings the jobs that there are into an era.
func (t *trajectory) carry(x *era) error {
	q := &t.search
	for _, id := range x.Dropped {
		if e := t.get(id); e != nil {
			e.dropped = true
		}
	}
	for _, e := range q.jobs[:min(int(x.First)-1, len(q.jobs))] {
		if e.dropped {
			continue
		}
		if e.Outside = x.left.has(e.ID); e.Outside || e.Genome.Space() == x.space || e.Baseline != "" {
			continue // one that did not fit an earlier space keeps the genome that it had
		}
		g, err := x.fits(e.Genome)
		if err != nil {
			return damaged("the genome of job %s does not fit the space of turn %d: %v", e.ID, x.turn, err)
		}
		if e.recorded.IsZero() {
			e.recorded = e.Genome
		}
		e.Genome = g
	}
	q.drop()
	t.measurements.anew(q.jobs, t.pass)
	return nil
}

// judge lets all results be judged by the plan of now.
func (t *trajectory) judge() {
	for e := range t.jobs() {
		switch {
		case e.dropped, partOf(e.ID) == PartFinal:
		case e.stage.is(consumed):
			t.derive(e)
		case e.stage.is(decided) && !e.imported():
			r := e.full().Result
			t.complete(&e.Job, &r)
			e.Result = r
			t.part(e, e.Candidate)
		}
	}
	t.hideMeasured()
	t.leaders = t.Plan.Leaders(shown)
	for _, id := range t.search.history {
		if e := t.get(id); e.Status == OK {
			t.leaders.Add(&e.Candidate)
		}
	}
}

// derive adds to a consumed result the metrics that are derived since.
func (t *trajectory) derive(e *entry) {
	if e.Status == OK && len(t.derived) > 0 {
		whole := e.full()
		whole.Metrics, _ = t.derived.add(whole.Metrics)
		t.part(e, whole)
	}
}

// takeOver lets what there is go on in an era that was declared.
func (t *trajectory) takeOver(x *era) error {
	if err := t.reach(t.search.nextID()); err != nil {
		return err
	}
	t.judge()
	t.search.show()
	t.checkpointsOf(x)
	t.search.since = max(t.search.since, x.turn)
	return nil
}

// checkpointsOf lets checkpoints be judged by an era's plan.
func (t *trajectory) checkpointsOf(x *era) {
	t.checkpoints.anew(&x.plan)
	for _, id := range x.Dropped {
		t.use(t.get(id), -1)
	}
}

// revision is what changes how later jobs are made: a cancellation, or a takeover. Jobs
// before the one called next were made without knowing.
type revision struct {
	next   ID
	cancel *cancelEvent
	era    *era
}

// reach lets the revisions hold that came before the job next was made. It is called
// before jobs are made, from next on.
func (t *trajectory) reach(next ID) error {
	for ; t.reached < len(t.revisions) && t.revisions[t.reached].next <= next; t.reached++ {
		switch x := t.revisions[t.reached]; {
		case x.era != nil && !slices.Contains(t.eras, x.era): // its turn is still to come
			return nil
		case x.era != nil:
			if err := t.carry(x.era); err != nil {
				return err
			}
		default:
			for _, id := range x.cancel.IDs {
				t.free(t.get(id), x.next)
			}
		}
	}
	return nil
}

// idSet are ids, as ranges in order.
type idSet [][2]ID

func (s idSet) has(id ID) bool {
	_, found := slices.BinarySearchFunc(s, id, func(r [2]ID, id ID) int {
		switch {
		case r[1] < id:
			return -1
		case r[0] > id:
			return 1
		}
		return 0
	})
	return found
}

// idRanges writes ids in order: "3-17 20".
func idRanges(ids []ID) string {
	var b strings.Builder
	for i := 0; i < len(ids); {
		k := i
		for k+1 < len(ids) && ids[k+1] == ids[k]+1 {
			k++
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		if fmt.Fprintf(&b, "%d", ids[i]); k > i {
			fmt.Fprintf(&b, "-%d", ids[k])
		}
		i = k + 1
	}
	return b.String()
}

// parseIDs reads what idRanges writes.
func parseIDs(text string) (s idSet, err error) {
	for _, part := range strings.Fields(text) {
		from, to, ranged := strings.Cut(part, "-")
		if !ranged {
			to = from
		}
		var r [2]ID
		for i, x := range []string{from, to} {
			if _, err := fmt.Sscan(x, &r[i]); err != nil {
				return nil, fmt.Errorf("%q are no ids", clip(text))
			}
		}
		s = append(s, r)
	}
	return s, nil
}
