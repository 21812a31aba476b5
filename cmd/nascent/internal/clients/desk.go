package clients

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/genome/network"
	"github.com/nascent-nas/nascent/internal/mailbox"
)

// Search is the running search, as a Desk asks it. None of this is asked with the
// Desk's lock held: the search's own goroutine takes that.
type Search interface {
	Candidate(engine.ID) (engine.Candidate, error)
	Extend(evaluations int) bool // see engine.Search.Extend

	// Same refuses a search.yaml, whose relative paths start in folder, that describes
	// another search.
	Same(text []byte, folder string) error
}

// Settings are what a Desk is made of.
type Settings struct {
	Wanted  []engine.Metric   // what results are judged by, see engine.Config.Wanted
	Derived engine.Derivation // what the search computes from them
	Limit   int               // of evaluations, as the search begins to run; 0: none
	Idle    time.Duration     // after so long without any client Stop is called; 0: never
	Stop    func()            // ends the search
}

// Desk is an engine.Evaluator whose jobs clients carry out. It may be opened again once it
// is closed. Its methods may be called from any goroutine.
type Desk struct {
	Settings

	mu          sync.Mutex
	search      Search // nil until Begin
	name        string // of it
	begun       bool   // it has said where it stands
	evaluations int

	hello  engine.Hello
	files  engine.Files
	events *mailbox.Mailbox[engine.Event]
	closed bool // takes no more jobs

	jobs    map[engine.ID]*job // that were submitted and are not answered
	waiting []*job             // those of them that nobody has, by id
	told    map[engine.ID]*told
	clients map[*client]bool
	asking  []*client // in the order in which they asked
	claims  map[engine.ID]*claim
	left    *time.Timer    // runs while there is no client, if Idle
	idled   bool           // that was why the search ends
	ended   bool           // it has, and clients are told
	asked   sync.WaitGroup // answers to clients that are being found out
	gone    sync.WaitGroup // connections
	change  chan struct{}  // closed, and made anew, when a job is answered
}

// job is one attempt.
type job struct {
	engine.Assignment
	holder    *client // nil while it waits
	called    int     // what the holder calls this attempt
	inherited bool    // the holder had it when an earlier process ran the search
	late      bool    // it was cancelled: what is told of it is not wanted
	curve     []engine.Point
	saved     []engine.FileRef
}

// told is a result that is not durable yet.
type told struct {
	by      *client
	attempt int  // as the client knows it
	doubted bool // what is derived from it may make it invalid
}

// claim is a trial that a client has from an engine that has ended.
type claim struct {
	by      *client
	attempt int      // as the client knows it
	told    *message // what came of it, if it knows
}

// New makes a Desk.
func New(s Settings) *Desk {
	return &Desk{
		Settings: s, jobs: map[engine.ID]*job{}, told: map[engine.ID]*told{}, clients: map[*client]bool{}, claims: map[engine.ID]*claim{},
		events: mailbox.New[engine.Event](), change: make(chan struct{}),
	}
}

// Begin is told the search before it runs. From then on clients may attach.
func (d *Desk) Begin(name string, search Search) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.name, d.search = name, search
	d.alone()
}

// Observe takes in what the search reports; it is part of engine.Config's Observe.
func (d *Desk) Observe(u engine.Update) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.evaluations, d.Limit = u.Evaluations, u.Limit
	if !d.begun {
		d.begun = true
		for id, c := range d.claims {
			if c.told != nil {
				d.settle(id, c)
			}
		}
	}
	d.serve()
}

// Open reads the options.
func (d *Desk) Open(_ context.Context, setup engine.EvaluatorSetup) (engine.Session, engine.Hello, error) {
	var o options
	if err := o.read(setup.Options); err != nil {
		return nil, engine.Hello{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.closed: // the search takes over from itself
		d.closed, d.events = false, mailbox.New[engine.Event]()
	case d.files != nil:
		return nil, engine.Hello{}, errors.New("one evaluator of a search can be clients: name the same for several fidelities")
	}
	d.hello, d.files = o.hello(setup, d.Wanted), setup.Files
	return (*session)(d), d.hello, nil
}

// Count is what clients do.
type Count struct {
	Attached int `json:"attached"` // clients that are there
	Trials   int `json:"trials"`   // jobs that they have
	Waiting  int `json:"waiting"`  // jobs that nobody has
}

// Count tells what clients do now.
func (d *Desk) Count() Count {
	d.mu.Lock()
	defer d.mu.Unlock()
	return Count{Attached: len(d.clients), Trials: len(d.jobs) - len(d.waiting), Waiting: len(d.waiting)}
}

// soon has f find out, without the lock, what a client is to be told before it is told
// that the search has ended. With the lock held.
func (d *Desk) soon(f func()) {
	if !d.ended {
		d.asked.Go(f)
	}
}

// End tells the clients how the search has ended, and lets them go.
func (d *Desk) End(state, why string) {
	d.mu.Lock()
	d.ended = true
	d.mu.Unlock()
	d.asked.Wait()
	d.mu.Lock()
	if d.left != nil {
		d.left.Stop()
	}
	for c := range d.clients {
		if !d.idled {
			c.say(reply{End: &end{State: state, Why: why, Evaluations: d.evaluations}})
		}
		c.out.Close()
	}
	d.mu.Unlock()
	d.gone.Wait()
}

// alone watches for how long no client is there. With the lock held.
func (d *Desk) alone() {
	if d.Idle <= 0 || d.ended || len(d.clients) > 0 {
		return
	}
	if d.left != nil {
		d.left.Stop()
	}
	d.left = time.AfterFunc(d.Idle, func() {
		d.mu.Lock()
		idle := len(d.clients) == 0 && !d.ended
		d.idled = d.idled || idle
		d.mu.Unlock()
		if idle {
			d.Stop()
		}
	})
}

// serve lends jobs that wait to clients that ask, and tells those that need not ask any
// more. With the lock held.
func (d *Desk) serve() {
	d.asking = slices.DeleteFunc(d.asking, func(c *client) bool {
		for c.wants > 0 {
			i := slices.IndexFunc(d.waiting, func(j *job) bool {
				return c.upTo == 0 || j.Job.ID > engine.FinalBase || j.Place < c.upTo
			})
			if i < 0 {
				break
			}
			d.lend(d.waiting[i], c)
		}
		if c.wants > 0 && d.enough(c) {
			c.wants = 0
			c.say(reply{Done: &done{Evaluations: d.evaluations}})
		}
		return c.wants == 0
	})
}

// enough tells whether there are as many evaluations as a client asks for. Where that is
// the limit of the search it ends by itself, after what it does at its end.
func (d *Desk) enough(c *client) bool {
	return d.begun && c.upTo > 0 && d.evaluations >= c.upTo && (d.Limit == 0 || c.upTo < d.Limit)
}

// lend gives a job that waits to a client that asks. With the lock held.
func (d *Desk) lend(j *job, c *client) {
	d.hand(j, c, j.Attempt)
	o, err := d.order(j)
	if err != nil { // a checkpoint that is damaged: the engine looks at it the next time
		d.answer(j, engine.Event{Kind: engine.Returned, Reason: engine.OneLine(err.Error())})
		return
	}
	c.wants--
	c.say(reply{Job: o})
}

// hand notes that a client has a job. With the lock held.
func (d *Desk) hand(j *job, c *client, called int) {
	d.waiting = slices.DeleteFunc(d.waiting, func(w *job) bool { return w == j })
	j.holder, j.called = c, called
	d.events.Put(engine.Event{ID: j.Job.ID, Attempt: j.Attempt, Kind: engine.Begun})
}

// order is a job as a client reads it.
func (d *Desk) order(j *job) (*order, error) {
	o := &order{
		ID: j.Job.ID.String(), Attempt: j.Attempt, Genes: j.Job.Genome.Tree(), Text: j.Job.Genome.Text(), Seed: j.Job.Seed,
		Budget: cmp.Or(j.Job.Budget, d.hello.Budget), Fidelity: j.Job.Fidelity, Repeat: j.Repeat,
		Phase: j.Job.Phase, Task: cmp.Or(j.Job.Task, engine.Train), Tag: j.Job.Tag, Input: j.Job.Input, Stop: j.Job.Stop, Own: j.Saved,
	}
	if network.Has(j.Job.Genome.Space()) {
		net, err := j.Job.Network()
		if err == nil {
			o.Network, err = marshal(net)
		}
		if err != nil {
			return nil, err
		}
	}
	var err error
	if o.Resume, err = engine.Paths(d.files, j.Resume); err != nil {
		return nil, err
	}
	o.Inherit, err = engine.Paths(d.files, j.Inherit)
	return o, err
}

// answer takes a job from whoever has it and tells the engine what became of it. With
// the lock held.
func (d *Desk) answer(j *job, e engine.Event) {
	id := j.Job.ID
	delete(d.jobs, id)
	d.waiting = slices.DeleteFunc(d.waiting, func(w *job) bool { return w == j })
	e.ID, e.Attempt = id, j.Attempt
	d.events.Put(e)
	close(d.change)
	d.change = make(chan struct{})
}

// takeBack takes a job from a client that does not give it back. Where that is because
// the search stops, what comes of it may still be told to its next run.
func (d *Desk) takeBack(j *job) {
	if j.holder != nil && j.late {
		j.holder.say(reply{Stale: j.Job.ID.String(), Attempt: j.called, Why: overdue})
	}
	d.answer(j, engine.Event{Kind: engine.Returned, Reason: "its client did not end it"})
}

// overdue is why a trial that was cancelled is not its client's any more.
const overdue = "it took too long, or was cancelled"

// session is a Desk as the engine talks to it.
type session Desk

// Submit lets a job wait for a client, or gives it back to the one that had it before.
func (s *session) Submit(a engine.Assignment) error {
	d := (*Desk)(s)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return errors.New("clients take no more jobs")
	}
	j := &job{Assignment: a}
	id := a.Job.ID
	d.jobs[id] = j
	at, _ := slices.BinarySearchFunc(d.waiting, id, func(w *job, id engine.ID) int { return cmp.Compare(w.Job.ID, id) })
	d.waiting = slices.Insert(d.waiting, at, j)
	if c := d.claims[id]; c != nil {
		d.restore(j, c)
	}
	d.serve()
	return nil
}

// restore gives a job to the client that had it from an engine that has ended, and hears
// what came of it if the client knows. With the lock held.
func (d *Desk) restore(j *job, c *claim) {
	delete(d.claims, j.Job.ID)
	j.inherited = true
	d.hand(j, c.by, c.attempt)
	if c.told != nil {
		d.soon(func() { c.by.tell(j.Job.ID, c.told) }) // it may have files to copy
	}
}

// Cancel asks the client that has a job to end it. A job that waits ends at once.
func (s *session) Cancel(id engine.ID, attempt int, save bool) {
	d := (*Desk)(s)
	d.mu.Lock()
	defer d.mu.Unlock()
	j := d.jobs[id]
	switch {
	case j == nil || j.Attempt != attempt:
	case j.holder == nil:
		d.answer(j, engine.Event{Kind: engine.Returned, Reason: "cancelled"})
	default:
		j.late = j.late || !save
		j.holder.say(reply{Cancel: id.String(), Attempt: j.called, Save: save})
	}
}

// Kill takes a job from the client that has it.
func (s *session) Kill(id engine.ID, attempt int) {
	d := (*Desk)(s)
	d.mu.Lock()
	defer d.mu.Unlock()
	if j := d.jobs[id]; j != nil && j.Attempt == attempt {
		d.takeBack(j)
	}
}

// Ack tells the client whose result is durable.
func (s *session) Ack(id engine.ID, _ int) {
	d := (*Desk)(s)
	d.mu.Lock()
	defer d.mu.Unlock()
	t := d.told[id]
	if t == nil {
		return
	}
	delete(d.told, id)
	r := reply{Told: id.String(), Attempt: t.attempt}
	if !t.doubted {
		t.by.say(r)
		return
	}
	search := d.search
	d.soon(func() { // the search's own goroutine, which this is, tells
		if known, err := search.Candidate(id); err == nil && known.Status == engine.Invalid {
			r.Invalid = known.Reason
		}
		t.by.say(r)
	})
}

// Events are what becomes of the jobs.
func (s *session) Events() <-chan engine.Event { return s.events.Out() }

// Close asks for all jobs back, and takes them when ctx ends.
func (s *session) Close(ctx context.Context) error {
	d := (*Desk)(s)
	d.mu.Lock()
	d.closed = true
	for _, j := range d.jobs {
		if j.holder != nil {
			j.holder.say(reply{Cancel: j.Job.ID.String(), Attempt: j.called, Save: true})
		}
	}
	for len(d.waiting) > 0 {
		d.answer(d.waiting[0], engine.Event{Kind: engine.Returned, Reason: "the search ends"})
	}
	for len(d.jobs) > 0 && ctx.Err() == nil {
		change := d.change
		d.mu.Unlock()
		select {
		case <-change:
		case <-ctx.Done():
		}
		d.mu.Lock()
	}
	for _, j := range d.jobs {
		d.takeBack(j)
	}
	d.mu.Unlock()
	s.events.Close()
	return nil
}

// attach makes a client of a connection. It is refused once the search has ended.
func (d *Desk) attach(c *client, g *greeting) error {
	if g.Protocol != Protocol {
		return fmt.Errorf("%s speaks version %d of the protocol for clients and this nascent (%s) speaks %d: use both of one version",
			cmp.Or(engine.OneLine(g.Client), "the client"), g.Protocol, engine.Version, Protocol)
	}
	d.mu.Lock()
	search, name := d.search, d.name
	d.mu.Unlock()
	if search == nil {
		return io.EOF
	}
	if len(g.Search) > 0 {
		if err := search.Same(g.Search, g.Folder); err != nil {
			return err
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ended || d.idled {
		return io.EOF
	}
	d.clients[c] = true
	c.worker = g.Worker
	c.say(reply{Hello: &welcome{Protocol: Protocol, Version: engine.Version, Search: name}})
	for _, h := range g.Holds {
		id, err := engine.ParseID(h.ID)
		if err != nil {
			continue
		}
		switch j := d.jobs[id]; {
		case j == nil && d.told[id] == nil && d.claims[id] == nil:
			d.claims[id] = &claim{by: c, attempt: h.Attempt}
		case j != nil && j.holder == nil:
			d.restore(j, &claim{by: c, attempt: h.Attempt})
		default:
			c.say(reply{Stale: h.ID, Attempt: h.Attempt, Why: "another client has it by now"})
		}
	}
	return nil
}

// detach takes back all that a client has.
func (d *Desk) detach(c *client) {
	d.mu.Lock()
	defer d.mu.Unlock()
	c.out.Close()
	if !d.clients[c] {
		return
	}
	delete(d.clients, c)
	d.asking = slices.DeleteFunc(d.asking, func(x *client) bool { return x == c })
	for id, x := range d.claims {
		if x.by == c {
			delete(d.claims, id)
		}
	}
	for _, j := range d.jobs {
		if j.holder != c {
			continue
		}
		e := engine.Event{Kind: engine.Returned, Reason: "its client has gone"}
		if c.worker {
			e = engine.Event{Kind: engine.Lost, Alone: true, Reason: "the process that had it ended without an answer"}
		}
		d.answer(j, e)
	}
	d.alone()
}

// settle finds out whether the search has what a client tells of a claim. With the lock
// held, which it does without for a while.
func (d *Desk) settle(id engine.ID, c *claim) {
	search := d.search
	d.soon(func() {
		known, err := search.Candidate(id)
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.claims[id] != c {
			return // it was lent again meanwhile, or its client has gone
		}
		r := reply{Attempt: c.attempt}
		switch {
		case err == nil && known.Status == "":
			return // it will be submitted
		case err == nil && c.told.is(&known, d.Derived):
			r.Told = id.String()
			if c.told.Metrics != nil && known.Status == engine.Invalid {
				r.Invalid = known.Reason
			}
		default:
			r.Stale, r.Why = id.String(), "another result of it was told first"
		}
		delete(d.claims, id)
		c.by.say(r)
	})
}
