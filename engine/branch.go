package engine

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/nascent-nas/nascent/genome/rng"
)

// Branching says how a search is branched.
type Branching struct {
	Name string  // of the new search; "": as the other's
	From string  // what is branched, for people
	By   string  // for people: who asked
	Turn *uint64 // the new search stands before this turn is decided; nil: before the next that there is
	Seed *uint64 // what is drawn from that turn on is drawn from this; nil: as in the search that is branched

	// Find makes the strategies that the search has had, as for Replay. It is not needed at
	// the newest turn.
	Find func(StrategyEvent) (Strategy, error)

	Now time.Time
}

// Branched says what came of a Branching.
type Branched struct {
	Turn        uint64 `json:"turn"`
	Candidates  int    `json:"candidates"`  // that were consumed, imported ones too
	Outstanding int    `json:"outstanding"` // jobs that were not
	Known       []ID   `json:"known"`       // of these, who has the result from the search that was branched
	Files       int    `json:"files"`       // that are kept
	Gone        []ID   `json:"gone"`        // candidates whose files were let go since, so that nothing goes on from them
}

// branchedEvent is the data of eventBranched: before the turn from which it holds the
// search was another one.
type branchedEvent struct {
	By        string  `json:"by,omitempty"`
	From      string  `json:"from,omitempty"`
	Seed      *uint64 `json:"seed,omitempty"`
	Next      ID      `json:"next"`                 // the first job of the branch
	FinalTurn uint64  `json:"final_turn,omitempty"` // and the first turn of its final strategy
	Known     []ID    `json:"known,omitempty"`
	Gone      []ID    `json:"gone,omitempty"`

	// Configured is what the configuration declares that comes along, where it is another one
	// than the search had been run with at the turn.
	Configured *Declarations `json:"configured,omitempty"`

	turn uint64
	eras int // that there were
}

// Origins says from what a search was branched.
type Origins struct {
	From string  `json:"from,omitempty"`
	Turn uint64  `json:"turn"`
	Seed *uint64 `json:"seed,omitempty"`
}

// Branched is where the search was branched the last time; nil if it never was.
func (a *Archive) Branched() *Origins {
	if len(a.branches) == 0 {
		return nil
	}
	b := &a.branches[len(a.branches)-1]
	return &Origins{b.From, b.turn, b.Seed}
}

// Seed is what is drawn from now.
func (a *Archive) Seed() uint64 { return a.seed(func(*branchedEvent) bool { return true }) }

// seed is that of the newest branch that holds of what is to be drawn.
func (a *Archive) seed(of func(*branchedEvent) bool) uint64 {
	for i := range slices.Backward(a.branches) {
		if b := &a.branches[i]; b.Seed != nil && of(b) {
			return *b.Seed
		}
	}
	return a.Plan.Seed
}

// seedOf is what a job draws from.
func (a *Archive) seedOf(id ID) uint64 {
	if partOf(id) == PartFinal {
		return a.finalSeed()
	}
	return a.seed(func(b *branchedEvent) bool { return id >= b.Next })
}

// finalSeed is what the newest pass of the final strategy draws from, as a whole.
func (a *Archive) finalSeed() uint64 {
	return a.seed(func(b *branchedEvent) bool { return a.pass.FirstTurn >= b.FinalTurn })
}

// branched takes in that the search is a branch.
func (t *trajectory) branched(b branchedEvent, turn uint64) {
	b.turn, b.eras = turn, len(t.eras)
	t.branches = append(t.branches, b)
	for id := range t.requests { // what has a name was asked of another search
		if t.plannedAs(id) == nil {
			delete(t.requests, id)
		}
	}
	if b.Seed != nil {
		t.decide(turn, "seed", *b.Seed)
	}
}

// paid is what consuming a result adds to the counters: nothing if another search paid for it.
// Seconds that decisions depend on count all the same.
func (t *trajectory) paid(e *entry) (seconds float64, looks int) {
	seconds, looks = e.cost()
	known := func(b branchedEvent) bool { return slices.Contains(b.Known, e.ID) }
	if !t.exact && slices.ContainsFunc(t.branches, known) {
		seconds = 0
	}
	return seconds, looks
}

// lose lets go of candidates whose files were gone when the search was branched at a turn.
func (t *trajectory) lose(turn uint64) {
	for i := range t.branches {
		if t.branches[i].turn == turn {
			for _, id := range t.branches[i].Gone {
				delete(t.checkpoints.kept, id)
				t.checkpoints.lost[id] = true
			}
		}
	}
}

// Branch makes of the ledger to, in which nothing has begun, a search that stands where
// the one in from stood before a turn: its candidates, jobs, state and what had happened to
// it. from is only read, and may be a copy of a ledger that is being written.
//
// Jobs that are outstanding there and have a result in from get it. Files are linked, or
// copied where that fails. Errors that wrap ErrConfig say why the search cannot be branched
// there; one that wraps fs.ErrNotExist that a file was removed while it was branched. After
// an error what is in to is of no use.
func Branch(ctx context.Context, from, to Ledger, b Branching) (*Branched, error) {
	t, err := readTrajectory(from, nil)
	if err != nil {
		return nil, err
	}
	if b.Seed != nil && *b.Seed >= rng.MaxSeed {
		return nil, wrong("seed", "%d is not below 2^53", *b.Seed)
	}
	c := &copying{Branching: b, source: t, from: from, to: to, files: from, turn: t.search.turns, next: t.search.nextID()}
	c.newest = b.Turn == nil || *b.Turn == c.turn
	switch {
	case c.newest:
		if c.state, err = from.State(PartSearch); err != nil {
			return nil, err
		}
	case *b.Turn > c.turn:
		return nil, wrong("turn", "%d: the search has taken %d turns", *b.Turn, c.turn).but("name one from 0 to %d", c.turn)
	default:
		c.turn = *b.Turn
		scratch, err := c.again(ctx)
		if scratch != nil {
			defer scratch.Close()
		}
		if err != nil {
			return nil, err
		}
	}
	for _, do := range []func() error{c.bounds, c.header, c.events, c.jobs, c.turns, c.history, c.outstanding, c.standing} {
		if err := cmp.Or(ctx.Err(), do()); err != nil {
			return nil, err
		}
	}
	if err := c.keep(); err != nil {
		return nil, err
	}
	return &c.out, nil
}

// copying is a branch in the making.
type copying struct {
	Branching
	source   *trajectory
	from, to Ledger
	files    Files // where those are that the strategy's newest decision named
	out      Branched

	newest     bool   // nothing is left out
	turn       uint64 // the first that is left out
	next       ID     // likewise
	final      finalEvent
	finals     bool // final is the first pass that is left out
	entered    int  // how many records of the History come along
	evaluators int
	state      []byte
	consumed   map[ID]bool
	foregone   map[ID]bool // jobs that were cancelled later
	seq        uint64      // of events
	own        int         // candidates of the search itself
	seconds    float64     // counters, as far as they tell
	lost       float64
	retries    int

	change  Change
	records int // in change
}

// again asks for the decisions of all turns before the branch once more, for the state that they lead to.
func (c *copying) again(ctx context.Context) (Ledger, error) {
	r, err := newReplay(ctx, c.source, c.Find, nil)
	if err != nil {
		return nil, err
	}
	if err = r.run(&r.again.search, 0, c.turn); err == nil {
		err = r.change(&r.again.search, c.turn)
	}
	switch {
	case ctx.Err() != nil:
		err = ctx.Err()
	case err != nil:
		err = wrong("turn", "what the strategy knew at turn %d cannot be had again: %s", c.turn, reasonOf(err)).
			but("branch without a turn, where the state is recorded, or with the strategy as it was")
	}
	c.state, c.files = r.again.search.state, r.files
	return r.files, err
}

// bounds finds out what is left out.
func (c *copying) bounds() error {
	c.consumed, c.foregone = map[ID]bool{}, map[ID]bool{}
	for t, err := range c.from.Turns(PartSearch) {
		if err != nil {
			return err
		}
		if t.N == c.turn {
			c.next = t.FirstID
			break
		}
		for _, id := range t.Consumed {
			c.consumed[id] = true
		}
	}
	for e, err := range c.from.Events() {
		switch {
		case err != nil:
			return err
		case e.Kind == eventFinal && !c.newest && !c.finals && e.Turn >= c.turn:
			c.finals, err = true, json.Unmarshal(e.Data, &c.final)
		case e.Kind == eventCancel && e.Turn > c.turn:
			var later cancelEvent
			err = json.Unmarshal(e.Data, &later)
			for _, id := range later.all() {
				c.foregone[id] = true
			}
		}
		if err != nil {
			return damaged("event %d (%s): %v", e.Seq, e.Kind, err)
		}
	}
	n := 0
	for r, err := range c.from.History() {
		if err != nil {
			return err
		}
		n++
		if c.newest || c.consumed[r.ID] || partOf(r.ID) == PartFinal && c.within(r.ID) {
			c.entered = n
		}
	}
	return nil
}

// within tells whether a job comes along.
func (c *copying) within(id ID) bool {
	if partOf(id) == PartFinal {
		return !c.finals || id < c.final.FirstID
	}
	return id < c.next
}

// header begins the ledger.
func (c *copying) header() error {
	h, _, err := c.from.Header()
	if err != nil {
		return err
	}
	if _, begun, err := c.to.Header(); err != nil {
		return err
	} else if begun {
		return wrong("", "a search has begun there already")
	}
	h.Name, h.Engine, h.Created = cmp.Or(c.Name, h.Name), Version, c.Now.UTC()
	c.change.Header = &h
	return nil
}

// wrote commits what was gathered, if it is much or final.
func (c *copying) wrote(final bool) error {
	if c.records++; c.records < 4096 && !final {
		return nil
	}
	change := c.change
	c.change, c.records = Change{}, 0
	if change.Empty() {
		return nil
	}
	return c.to.Commit(&change)
}

func (c *copying) events() error {
	for e, err := range c.from.Events() {
		switch {
		case err != nil:
			return err
		case e.Turn > c.turn:
			return nil
		case e.Kind == eventFinal && c.finals && e.Turn >= c.turn:
			continue
		case e.Kind == eventEvaluator:
			c.evaluators++
		}
		c.seq++
		e.Seq = c.seq
		c.change.Events = append(c.change.Events, e)
		if err := c.wrote(false); err != nil {
			return err
		}
	}
	return nil
}

func (c *copying) jobs() error {
	for j, err := range c.from.Jobs() {
		if err != nil {
			return err
		}
		if !c.within(j.ID) {
			continue
		}
		c.change.Jobs = append(c.change.Jobs, j)
		if err := c.wrote(false); err != nil {
			return err
		}
	}
	return nil
}

func (c *copying) turns() error {
	for _, part := range []Part{PartSearch, PartFinal} {
		for t, err := range c.from.Turns(part) {
			if err != nil {
				return err
			}
			if part == PartSearch && t.N >= c.turn || part == PartFinal && c.finals && t.N >= c.final.FirstTurn {
				break
			}
			c.change.Turns = append(c.change.Turns, t)
			if err := c.wrote(false); err != nil {
				return err
			}
		}
	}
	return nil
}

// history copies the results that were consumed, with their curves and outputs.
func (c *copying) history() error {
	n := 0
	for r, err := range c.from.History() {
		if err != nil {
			return err
		}
		if n++; n > c.entered {
			break
		}
		c.consumed[r.ID] = true
		whole, ok, err := c.from.Result(r.ID)
		if err != nil {
			return err
		}
		if !ok {
			return damaged("the result of job %s is missing", r.ID)
		}
		if partOf(r.ID) == PartSearch {
			c.out.Candidates++
		}
		if e := c.source.get(r.ID); partOf(r.ID) == PartSearch && !e.imported() {
			c.own++
			c.lost = sum(c.lost, r.Lost)
			seconds, _ := c.source.paid(e)
			c.seconds = sum(c.seconds, seconds)
		}
		if c.retries += r.Attempts; r.Attempts > 0 && r.Status != Failed {
			c.retries--
		}
		c.change.Consumed = append(c.change.Consumed, whole)
		if err := c.wrote(false); err != nil {
			return err
		}
	}
	c.out.Turn = c.turn
	return nil
}

// outstanding gives the jobs that are not consumed what is known of them: their results,
// or how often they were tried.
func (c *copying) outstanding() error {
	attempts := map[ID]AttemptRecord{}
	for r, err := range c.from.Attempts() {
		if err != nil {
			return err
		}
		attempts[r.ID] = r
	}
	given := map[ID]bool{}
	for e := range c.source.jobs() {
		if !c.within(e.ID) || c.consumed[e.ID] || c.source.dropped(e.ID, c.turn) {
			continue
		}
		if partOf(e.ID) == PartSearch {
			c.out.Outstanding++
		}
		r, ok, err := c.from.Result(e.ID)
		if err != nil {
			return err
		}
		if source := e.asMade().Reuse; ok && !e.imported() {
			shares := source == 0 || c.consumed[source] || given[source] // else it is to share what is not known yet
			ok = shares && !c.foregone[e.ID] && (r.Attempts == 0 || r.Fingerprint < c.evaluators)
		}
		switch {
		case ok:
			if given[e.ID] = true; !e.imported() && partOf(e.ID) == PartSearch {
				c.out.Known = append(c.out.Known, e.ID)
			}
			left, err := c.there(r.Files)
			if err != nil {
				return err
			}
			if len(left) < len(r.Files) && e.Reuse == 0 {
				c.out.Gone = append(c.out.Gone, e.ID)
			}
			r.Files = left
			c.change.Inbox = append(c.change.Inbox, r)
		case attempts[e.ID].ID != 0 && !c.foregone[e.ID]:
			a := attempts[e.ID]
			if a.Saved, err = c.there(a.Saved); err != nil {
				return err
			}
			c.lost = sum(c.lost, a.Lost)
			c.change.Attempts = append(c.change.Attempts, a)
		}
		if err := c.wrote(false); err != nil {
			return err
		}
	}
	return nil
}

// there are the files, if all of them are kept, else none.
func (c *copying) there(files []FileRef) ([]FileRef, error) {
	for _, f := range files {
		if _, err := c.from.Path(f.Hash); errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		} else if err != nil {
			return nil, err
		}
	}
	return files, nil
}

// standing writes where the search stands.
func (c *copying) standing() error {
	was, err := c.from.Counters()
	if err != nil {
		return err
	}
	now := was
	if !c.newest {
		now.Seconds, now.Lost, now.Retries = c.seconds, c.lost, c.retries
		share := 0.0
		if n := c.source.search.evaluations(); n > 0 {
			share = float64(c.own) / float64(n)
		}
		if spent := was.spent(); spent > 0 {
			share = min(1, now.spent()/spent)
		}
		now.Wall, now.Idle = was.Wall*share, was.Idle*share
	}
	if !c.newest || was.State != StateFinished {
		now.State, now.Cause = StateStopped, ""
	}
	c.change.Counters = &now
	c.change.State = map[Part][]byte{PartSearch: c.state}
	if !c.finals {
		final, err := c.from.State(PartFinal)
		if err != nil {
			return err
		}
		if final != nil {
			c.change.State[PartFinal] = final
		}
	}
	return c.wrote(true)
}

// keep brings the files along that the search needs, and says that it is a branch.
func (c *copying) keep() error {
	at, err := readTrajectory(c.to, nil)
	if err != nil {
		return err
	}
	for id, e := range at.checkpoints.kept {
		left, err := c.there(e.Files)
		if err != nil {
			return err
		}
		if left == nil {
			c.out.Gone = append(c.out.Gone, id)
			delete(at.checkpoints.kept, id)
		}
	}
	slices.Sort(c.out.Gone)
	for e := range at.jobs() {
		if !e.stage.is(waiting) || at.Plan.Rules < 1 {
			continue
		}
		for _, id := range []ID{e.Resume, e.Inherit} {
			if files := at.filesOf(id); len(files) > 0 {
				if left, err := c.there(files); err != nil {
					return err
				} else if left == nil {
					return wrong("turn", "candidate %s, which has no result yet, goes on from what candidate %s left, and that is gone", e.ID, id).
						but("branch at another turn")
				}
			}
		}
	}
	own := map[string]bool{} // what the strategy's newest decision named
	for _, f := range at.search.newest.Files {
		own[f.Hash] = true
	}
	needed := newHolds(nil, nil)
	needed.holdRecorded(at)
	for hash := range needed.all() {
		from := Files(c.from)
		if own[hash] {
			from = c.files
		}
		switch err := carry(from, c.to, hash); {
		case err == nil:
			c.out.Files++
		case !errors.Is(err, fs.ErrNotExist) || own[hash]:
			return err
		}
	}
	e := branchedEvent{
		By: c.By, From: c.From, Seed: c.Seed, Next: at.search.nextID(), FinalTurn: at.final.turns, Known: c.out.Known, Gone: c.out.Gone,
	}
	now, err := json.Marshal(c.source.configuredAs())
	if err != nil {
		return err
	}
	then, err := json.Marshal(at.configuredAs())
	if err != nil {
		return err
	}
	if !bytes.Equal(now, then) {
		configured := c.source.configuredAs()
		e.Configured = &configured
	}
	data, err := json.Marshal(e)
	if err != nil {
		return err
	}
	return c.to.Commit(&Change{Events: []EventRecord{{Seq: c.seq + 1, Turn: c.turn, Kind: eventBranched, Data: data, Time: c.Now}}})
}

// carry gives a store a file of another one.
func carry(from, to Files, hash string) error {
	path, err := from.Path(hash)
	if err != nil {
		return err
	}
	temp := filepath.Join(to.Temp(), "carried-"+hash)
	if os.Link(path, temp) != nil {
		if err := copyFile(path, temp); err != nil {
			return fmt.Errorf("cannot copy the file %s: %w", hash, err)
		}
	}
	got, err := to.Put(temp, hash)
	if err == nil && got.Hash != hash {
		err = damaged("the file %s has become another one, %s", hash, got.Hash)
	}
	return err
}

func copyFile(path, to string) error {
	in, err := os.Open(path)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// text says it on one line.
func (b *branchedEvent) text() string {
	text := "from another search"
	if b.From != "" {
		text = "from " + b.From
	}
	if b.Seed != nil {
		text += fmt.Sprintf(", seed %d", *b.Seed)
	}
	if n := len(b.Known); n > 0 {
		text += fmt.Sprintf("; %d outstanding results known", n)
	}
	if n := len(b.Gone); n > 0 {
		text += fmt.Sprintf("; files of %d candidates gone", n)
	}
	return text
}
