package engine

import (
	"cmp"
	"slices"
)

// checkpoints are the candidates whose files can be gone on from. They are a
// function of the turns alone: whether a job finds a checkpoint is known in the turn
// that proposes it, and is the same whatever was faster.
type checkpoints struct {
	kept    map[ID]*entry      // of the search, consumed by its turns
	users   map[ID]int         // jobs without a turn that consumes them, by whose files they go on from
	lost    map[ID]bool        // whose files were gone when the search was branched, from that turn on
	results int                // consumed since it was last decided which are kept
	most    []mostKept         // in the order of turns
	by      map[int]*estimates // of those that left files, by fidelity: how good they are
	judged  []*entry           // of these, in order
	plan    *Plan              // by which they are judged
}

// mostKept is how many checkpoints of the best stay, from a turn on.
type mostKept struct {
	Turn uint64 `json:"turn"`
	Keep int    `json:"keep"`
}

// defaultKeep is Config.Keep where nothing is said.
const defaultKeep = 10

// keepEvery is after how many results it is decided anew which files are kept.
const keepEvery = 64

func newCheckpoints(p *Plan) checkpoints {
	return checkpoints{
		kept: map[ID]*entry{}, lost: map[ID]bool{}, users: map[ID]int{}, most: []mostKept{{Keep: defaultKeep}}, by: map[int]*estimates{}, plan: p,
	}
}

// anew judges all by another plan.
func (c *checkpoints) anew(p *Plan) {
	c.plan = p
	clear(c.by)
	for _, e := range c.judged {
		c.rank(e)
	}
}

func (c *checkpoints) mostAt(turn uint64) int {
	n := c.most[0].Keep
	for _, m := range c.most {
		if m.Turn <= turn {
			n = m.Keep
		}
	}
	return n
}

// source is the candidate whose files a job that goes on from id gets: itself, or
// the one whose result it shares. It is nil where there never were any.
func (a *Archive) source(id ID) *entry {
	e := a.get(id)
	if e != nil && e.Reuse != 0 {
		e = a.get(e.Reuse)
	}
	if e == nil || len(e.Files) == 0 {
		return nil
	}
	return e
}

// filesOf lists what a job that goes on from id gets.
func (a *Archive) filesOf(id ID) []FileRef {
	if e := a.source(id); e != nil {
		return e.Files
	}
	return nil
}

// filesOfAll lists the files of several candidates.
func (a *Archive) filesOfAll(ids []ID) (all []FileRef) {
	for _, id := range ids {
		all = append(all, a.filesOf(id)...)
	}
	return all
}

// goesOn is id if a job proposed now can go on from it, else 0: its files were let
// go, and the job begins anew. Who never left any can be named all the same.
func (t *trajectory) goesOn(id ID) ID {
	e, from := t.source(id), id
	if named := t.get(id); named != nil && named.Reuse != 0 {
		from = named.Reuse
	}
	if t.Plan.Rules > 0 && (t.checkpoints.lost[from] || e != nil && t.checkpoints.kept[e.ID] == nil) {
		return 0
	}
	return id
}

// keepFiles takes in the files of the results that a turn consumes.
func (t *trajectory) keepFiles(consumed []ID) {
	for _, id := range consumed {
		e := t.get(id)
		if len(e.Files) > 0 {
			t.checkpoints.kept[id] = e
			t.checkpoints.judge(e)
		}
		t.use(e, -1)
	}
}

// judge takes in how good a candidate is.
func (c *checkpoints) judge(e *entry) {
	if e.measures() {
		c.judged = append(c.judged, e)
		c.rank(e)
	}
}

func (c *checkpoints) rank(e *entry) {
	if c.by[e.Fidelity] == nil {
		r := c.plan.Ranking()
		by := newEstimates(&r)
		c.by[e.Fidelity] = &by
	}
	c.by[e.Fidelity].add(&e.Candidate)
}

// use counts the candidates that a job goes on from.
func (t *trajectory) use(e *entry, n int) {
	for _, id := range [2]ID{e.Resume, e.Inherit} {
		if from := t.source(id); from != nil {
			if t.checkpoints.users[from.ID] += n; t.checkpoints.users[from.ID] == 0 {
				delete(t.checkpoints.users, from.ID)
			}
		}
	}
}

// letGo follows a turn of the search that made the given jobs, and lists the
// candidates whose files are not kept any longer. Of each fidelity the best few
// stay; besides those that the newest decision names, and that unfinished jobs go
// on from.
func (t *trajectory) letGo(r TurnRecord) []*entry {
	c := &t.checkpoints
	for id := r.FirstID; id < r.FirstID+ID(r.Jobs); id++ {
		t.use(t.get(id), 1)
	}
	if c.results += len(r.Consumed); c.results < keepEvery {
		return nil
	}
	c.results = 0
	stay := map[ID]bool{}
	for _, id := range r.Keep {
		if e := t.source(id); e != nil {
			stay[e.ID] = true
		}
	}
	byFidelity := map[int][]*Candidate{}
	for _, e := range c.kept {
		if e.measures() {
			byFidelity[e.Fidelity] = append(byFidelity[e.Fidelity], &e.Candidate)
		}
	}
	for fidelity, list := range byFidelity {
		c.by[fidelity].sort(list)
		for _, best := range list[:min(c.mostAt(r.N), len(list))] {
			stay[best.ID] = true
		}
	}
	var gone []*entry
	for id, e := range c.kept {
		if !stay[id] && c.users[id] == 0 {
			gone = append(gone, e)
			delete(c.kept, id)
		}
	}
	slices.SortFunc(gone, func(a, b *entry) int { return cmp.Compare(a.ID, b.ID) })
	return gone
}

// letGoFinal lists what a turn of the final strategy lets go of the results that it
// consumed: all but what was tested, which stays with its report for as long as the
// search: people export the very networks whose results they publish.
func (t *trajectory) letGoFinal(r TurnRecord) (gone []FileRef) {
	for _, id := range r.Consumed {
		if e := t.get(id); e.Phase != PhaseTest {
			gone = append(gone, e.Files...)
		}
	}
	return gone
}
