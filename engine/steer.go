package engine

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Request is a change from outside: one of the fields after DryRun. However a search is
// steered, this is how: by Search.Steer while it runs, by Steer while it does not. It is
// also what a socket takes as JSON, and what a plan is in the ledger.
//
// What decides (Set's window, Cancel, Add, Import, Ban, Unban, Takeover) takes hold between two
// turns, is repeated by Replay and covered by the digest. All else takes hold at once and
// decides nothing.
type Request struct {
	ID     string `json:"request,omitempty"` // names it: what was carried out is not carried out again; "": it has no name
	By     string `json:"by,omitempty"`      // for people: who asked
	AtTurn uint64 `json:"at_turn,omitempty"` // it takes hold before this turn of the search; 0: as soon as it can
	DryRun bool   `json:"dry_run,omitempty"` // of a Takeover: the Receipt says who would fit, and nothing is changed

	Set      *Settings  `json:"set,omitempty"`
	Pause    *Pause     `json:"pause,omitempty"`
	Resume   bool       `json:"resume,omitempty"`
	Stop     bool       `json:"stop,omitempty"` // the run ends cleanly
	Cancel   []ID       `json:"cancel,omitempty"`
	Add      *Additions `json:"add,omitempty"`
	Import   *Imports   `json:"import,omitempty"`
	Ban      string     `json:"ban,omitempty"`      // a condition: what it holds of is not proposed any more
	Unban    string     `json:"unban,omitempty"`    // one that was given to Ban, in the same words
	Withdraw string     `json:"withdraw,omitempty"` // the name of a request that waits for its turn: it is not carried out
	Pin      []ID       `json:"pin,omitempty"`      // their files stay for as long as the search, or until Unpin
	Unpin    []ID       `json:"unpin,omitempty"`
	Note     string     `json:"note,omitempty"` // a line for people
	Label    *Labelling `json:"label,omitempty"`
	Takeover *Takeover  `json:"takeover,omitempty"` // the search declares something else
}

// Receipt says what came of a Request. It is given once that is durable.
type Receipt struct {
	Request string `json:"request,omitempty"`
	Seq     uint64 `json:"seq,omitempty"` // number of the event; 0 where there was nothing to do
	Turn    uint64 `json:"turn"`          // it holds from this turn on
	IDs     []ID   `json:"ids,omitempty"` // of the candidates that it made
	Planned bool   `json:"planned,omitempty"`
	Says    string `json:"says,omitempty"` // of a Takeover, on one line: who fits
	Hint    string `json:"hint,omitempty"` // what may not be meant; it is told once, and not to who asks again
}

// carried is what came of a Request that has a name.
type carried struct {
	Receipt
	refused string // at its turn, and why
	of      string // hash of what was asked for; "": not recorded
}

// MaxRequest is how many bytes the name of a Request may have, and that of who asks.
const MaxRequest = 200

// MaxTurn is the last turn for which something may be planned: a search has not more
// candidates.
const MaxTurn = uint64(FinalBase)

// action is what a Request asks for.
type action interface {
	kind() string
	// waits tells that decisions depend on it: it is done while no turn is being decided.
	waits() bool
	// check finds what is wrong with it whenever it is done, whatever happens until then.
	check(t *trajectory) error
	// do does it to a search as it stands now, as far as happened does not, or says why
	// that cannot be: then nothing was changed.
	do(t *trajectory, r *Request) (*effect, error)
}

// planner is an action of which there is more to say when it is planned.
type planner interface {
	// plan refuses what cannot be done before a turn to come, or says why that may be so;
	// hint is what is said anyway.
	plan(t *trajectory, turn uint64, hint string) (string, error)
}

// effect is what became of a Request.
type effect struct {
	Receipt
	data   any      // of the event; nil: there was nothing to do
	jobs   []*entry // new ones
	events []EventRecord
	say    string
	live   func(s *Search) // what is besides to be done in a search that runs
}

// asked is what the data of every event from outside begins with.
type asked struct {
	Request string `json:"request,omitempty"`
	By      string `json:"by,omitempty"`
	For     string `json:"for,omitempty"` // a hash of what the request of that name asked for
}

func (r *Request) asked() asked { return asked{r.ID, r.By, r.hash()} }

// hash is of what a request with a name asks for, whoever asks; "" without one.
func (r *Request) hash() string {
	if r.ID == "" {
		return ""
	}
	what := *r
	what.ID, what.By = "", ""
	text, err := json.Marshal(&what)
	if err != nil {
		panic(fmt.Sprintf("engine: request: %v", err)) // our own types
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// action is the only one of the request.
func (r *Request) action() (action, error) {
	var all []action
	add := func(given bool, a action) {
		if given {
			all = append(all, a)
		}
	}
	add(r.Set != nil, r.Set)
	add(r.Pause != nil, r.Pause)
	add(r.Resume, resume{})
	add(r.Stop, stop{})
	add(len(r.Cancel) > 0, cancel(r.Cancel))
	add(r.Add != nil, r.Add)
	add(r.Import != nil, r.Import)
	add(r.Ban != "", ban(r.Ban))
	add(r.Unban != "", unban(r.Unban))
	add(r.Withdraw != "", withdraw(r.Withdraw))
	add(len(r.Pin) > 0, pin(r.Pin))
	add(len(r.Unpin) > 0, unpin(r.Unpin))
	add(r.Note != "", note(r.Note))
	add(r.Label != nil, r.Label)
	add(r.Takeover != nil, r.Takeover)
	switch {
	case len(all) != 1:
		return nil, wrong("", "a request asks for one thing, and this one asks for %d", len(all)).
			but("give one of set, pause, resume, stop, cancel, add, import, ban, unban, withdraw, pin, unpin, note, label, takeover")
	case len(r.ID) > MaxRequest || len(r.By) > MaxRequest:
		return nil, wrong("request", "its name, or that of who asks, has more than %d bytes", MaxRequest)
	case !printable(r.ID) || !printable(r.By):
		return nil, wrong("request", "its name, or that of who asks, holds what cannot be printed")
	}
	return all[0], nil
}

// Steer changes a search while it runs, and returns when the change is durable. A
// request whose ID was carried out before changes nothing and gets the same Receipt, or is
// refused if it asks for something else. It may be called from any goroutine. Errors that
// wrap ErrConfig say what is wrong with the request; ErrLate that the run ended before it was recorded.
func (s *Search) Steer(r Request) (rec Receipt, err error) {
	a, err := r.action()
	if err != nil {
		return rec, err
	}
	if r.Stop && r.AtTurn == 0 {
		select {
		case <-s.opened:
		default: // it waits for evaluators, and a stop does not wait with it
			s.Stop()
			return Receipt{Request: r.ID}, nil
		}
	}
	done := make(chan error, 1)
	s.ask(func() {
		select {
		case <-s.gone:
			return
		default:
		}
		if s.at == nil || s.jobs == nil {
			done <- ErrEmpty
			return
		}
		order := func() {
			var err error
			switch rec, err = s.carryOut(&r); {
			case err == errReopen:
				s.await(&reopening{Request: &r, answer: func(got Receipt, err error) {
					rec = got
					done <- err
				}})
			case err != nil:
				done <- err
			default:
				s.writer.after(func() { done <- nil })
			}
		}
		if (s.stepping != nil || s.reopening != nil) && a.waits() {
			s.orders = append(s.orders, order)
			return
		}
		order()
	})
	select {
	case err = <-done:
	case <-s.gone:
		select {
		case err = <-done:
		default:
			err = ErrLate
		}
	}
	if err != nil {
		return Receipt{}, err
	}
	return rec, nil
}

// ErrLate says that a request came too late for the run that it was given to.
var ErrLate = errors.New("the search ended before this was recorded; give the same order again")

// Steer is Search.Steer for a search that is not running: its next run goes on with the
// change.
func Steer(led Ledger, r Request, now time.Time) (Receipt, error) {
	t, err := readTrajectory(led, nil)
	if err != nil {
		return Receipt{}, err
	}
	e, err := t.carryOut(&r, now)
	if err != nil {
		return Receipt{}, err
	}
	c := &Change{Events: e.events}
	for _, j := range e.jobs {
		c.Jobs = append(c.Jobs, j.jobRecord())
		if j.imported() {
			c.Inbox = append(c.Inbox, j.record())
		}
	}
	t.search.since = t.opened()
	if r.Takeover != nil && len(e.events) > 0 && t.counters.State == StateFinished ||
		r.Set != nil && t.counters.State == StateFinished && t.over() == "" {
		t.counters.State = StateStopped // there is something left to do now
		c.Counters = &t.counters
	}
	if c.Empty() {
		return e.Receipt, nil
	}
	return e.Receipt, led.Commit(c)
}

// obey carries out what was planned for the turn that comes next, and what was asked
// for while a turn was being decided.
func (s *Search) obey() {
	for s.stepping == nil && s.reopening == nil {
		if p := s.at.due(); p != nil {
			refused := func(err error) {
				s.say("what was planned for turn %d is not done: %v", p.AtTurn, err)
				s.writer.next.Events = append(s.writer.next.Events, s.at.refuse(p, err, s.cfg.Clock.Now()))
			}
			if _, err := s.carryOut(p); err == errReopen {
				s.await(&reopening{Request: p, plan: true, answer: func(_ Receipt, err error) {
					if err != nil && err != ErrLate {
						refused(err)
					}
				}})
			} else if err != nil {
				refused(err)
			}
			continue
		}
		if len(s.orders) == 0 {
			return
		}
		order := s.orders[0]
		s.orders = s.orders[1:]
		order()
	}
}

// carryOut changes a search that runs; no turn is being decided if the change waits for
// that.
func (s *Search) carryOut(r *Request) (Receipt, error) {
	e, err := s.at.carryOut(r, s.cfg.Clock.Now())
	if err != nil || len(e.events) == 0 {
		return e.Receipt, err
	}
	s.writer.next.Events = append(s.writer.next.Events, e.events...)
	for _, j := range e.jobs {
		s.writer.next.Jobs = append(s.writer.next.Jobs, j.jobRecord())
		if j.imported() {
			s.writer.arrived(j.record())
			s.brought = append(s.brought, j.ID)
		} else {
			s.writer.after(func() { s.enqueue(j) })
		}
	}
	if e.live != nil {
		e.live(s)
	}
	if e.say != "" {
		s.say("%s", e.say)
	}
	return e.Receipt, nil
}

// carryOut does what a request asks for, or plans it. The effect has no events where
// there is nothing to do.
func (t *trajectory) carryOut(r *Request, now time.Time) (*effect, error) {
	a, err := r.action()
	if err != nil {
		return &effect{}, err
	}
	if r.DryRun {
		return t.try(r)
	}
	planned := t.plannedAs(r.ID)
	if before, known := t.requests[r.ID]; known && r.ID != "" && (planned == nil || planned.AtTurn > t.search.turns) {
		if before.of != "" && before.of != r.hash() {
			return &effect{}, wrong("request", "%q was the name of another one", r.ID).but("give this one a name of its own")
		}
		if before.refused != "" {
			return &effect{}, wrong("", "%s", before.refused)
		}
		return &effect{Receipt: before.Receipt}, nil
	}
	then := t
	if r.AtTurn > t.search.turns {
		then = t.ahead(r.AtTurn)
	}
	if err := a.check(then); err != nil {
		return &effect{}, err
	}
	switch turns := t.search.turns; {
	case r.AtTurn > turns:
		return t.plan(r, a, now)
	case r.AtTurn != 0 && r.AtTurn < turns && planned == nil:
		return &effect{}, wrong("at_turn", "the search has taken %d turns already", turns).
			but("give a turn from %d on, or none", turns)
	}
	e, err := a.do(t, r)
	if err != nil {
		return &effect{}, err
	}
	if e.data == nil && planned != nil {
		return &effect{}, wrong("", "there was nothing left to do")
	}
	if e.data != nil && r.Takeover != nil && t.runs {
		return e, errReopen
	}
	e.Request = r.ID
	if e.Turn = t.search.turns; e.data != nil {
		e.events = []EventRecord{t.event(a.kind(), e.data, now)}
		e.Seq = t.seq
		if err := t.happened(e.events[0]); err != nil {
			return &effect{}, err
		}
		if err := t.reach(t.search.nextID()); err != nil {
			return &effect{}, err
		}
	}
	return e, nil
}

// try says what a takeover would come to, as the search stands now.
func (t *trajectory) try(r *Request) (*effect, error) {
	if r.Takeover == nil {
		return &effect{}, wrong("dry_run", "only of a takeover is it told before what comes of it").but("leave it out")
	}
	e, err := r.Takeover.do(t, r)
	if err != nil {
		return &effect{}, err
	}
	rec := Receipt{Request: r.ID, Turn: max(r.AtTurn, t.search.turns), Says: "that is what is declared: nothing would change"}
	if e.data != nil {
		rec.Says = e.Says
	}
	return &effect{Receipt: rec}, nil
}

// event makes the next one, which holds from the next turn on.
func (t *trajectory) event(kind string, data any, now time.Time) EventRecord {
	raw, err := json.Marshal(data)
	if err != nil {
		panic(fmt.Sprintf("engine: event %s: %v", kind, err)) // our own types
	}
	t.seq++
	return EventRecord{Seq: t.seq, Turn: t.search.turns, Kind: kind, Data: raw, Time: now.UTC()}
}

// plan keeps a request until its turn comes.
func (t *trajectory) plan(r *Request, a action, now time.Time) (*effect, error) {
	var hint string
	if r.AtTurn > MaxTurn {
		return &effect{}, wrong("at_turn", "no search takes %d turns", r.AtTurn).but("give a turn up to %d", MaxTurn)
	}
	if limit, n := t.Limits.Evaluations, t.search.evaluations(); limit > 0 && r.AtTurn-t.search.turns > uint64(max(0, limit-n)) {
		hint = fmt.Sprintf("the search may well end before, at its limit of %d evaluations", limit)
	}
	if p, ok := a.(planner); ok {
		var err error
		if hint, err = p.plan(t, r.AtTurn, hint); err != nil {
			return &effect{}, err
		}
	}
	p := *r
	if p.ID == "" {
		p.ID = fmt.Sprintf("plan %d", t.seq+1)
	}
	e := &effect{
		Receipt: Receipt{Request: p.ID, Seq: t.seq + 1, Turn: r.AtTurn, Planned: true, Hint: hint},
		say:     fmt.Sprintf("planned for turn %d: %s", r.AtTurn, a.kind()),
	}
	e.events = []EventRecord{t.event(eventPlan, &p, now)}
	return e, t.happened(e.events[0])
}

// ahead is what the search declares, and how far it may go, once a turn comes, by what is
// planned until then. It is for checks alone.
func (t *trajectory) ahead(turn uint64) *trajectory {
	then := *t
	planned := slices.Clone(t.planned)
	slices.SortStableFunc(planned, func(a, b *Request) int { return cmp.Compare(a.AtTurn, b.AtTurn) })
	for _, p := range planned {
		switch {
		case p.AtTurn > turn:
			return &then
		case p.Set != nil:
			then.Limits = p.Set.of(then.Limits)
		case p.Takeover != nil:
			if d, space, err := p.Takeover.next(&then); err == nil {
				then.Plan, then.Space = then.Plan.with(d), space
			}
		}
	}
	return &then
}

// refuse journals that what was planned cannot be done.
func (t *trajectory) refuse(p *Request, why error, now time.Time) EventRecord {
	e := t.event(eventRefused, refusedEvent{p.asked(), reasonOf(why)}, now)
	_ = t.happened(e) // our own event
	return e
}

// reasonOf is what an error says, on one line.
func reasonOf(err error) string {
	return OneLine(strings.TrimPrefix(err.Error(), ErrConfig.Error()+": "))
}

// refusedEvent is the data of eventRefused.
type refusedEvent struct {
	asked
	Reason string `json:"reason"`
}

// due is the request whose turn has come, the first planned of the earliest, or nil.
func (t *trajectory) due() *Request {
	var first *Request
	for _, p := range t.planned {
		if p.AtTurn <= t.search.turns && (first == nil || p.AtTurn < first.AtTurn) {
			first = p
		}
	}
	return first
}

func (t *trajectory) plannedAs(id string) *Request {
	if i := slices.IndexFunc(t.planned, func(p *Request) bool { return p.ID == id && id != "" }); i >= 0 {
		return t.planned[i]
	}
	return nil
}

// remember notes what came of a request, from its event.
func (t *trajectory) remember(e EventRecord) error {
	var from struct {
		asked
		outsideEvent
		Reason string `json:"reason"`
	}
	if err := json.Unmarshal(e.Data, &from); err != nil {
		return err
	}
	id := from.asked.Request
	if id == "" {
		return nil
	}
	rec := carried{Receipt{Request: id, Seq: e.Seq, Turn: e.Turn, IDs: from.ids()}, from.Reason, from.For}
	if rec.Planned = e.Kind == eventPlan; rec.Planned {
		var p Request
		if err := json.Unmarshal(e.Data, &p); err != nil {
			return err
		}
		rec.Turn, rec.of = p.AtTurn, p.hash()
	} else {
		if e.Kind == eventTakeover {
			var who Fit
			if err := json.Unmarshal(e.Data, &who); err != nil {
				return err
			}
			rec.Says = who.String()
		}
		t.planned = slices.DeleteFunc(t.planned, func(p *Request) bool { return p.ID == id })
	}
	t.requests[id] = rec
	return nil
}
