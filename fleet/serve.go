package fleet

import (
	"cmp"
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/internal/mailbox"
)

// ServeOptions say how a host serves.
type ServeOptions struct {
	Machine Machine // what it says of itself; Version and Search are filled in

	// Ticket is asked before each attempt to reach the coordinator, which may have moved.
	Ticket func() (Ticket, error)
	// Evaluator makes what a Spec asks for.
	Evaluator func(Spec) (engine.Evaluator, error)
	Dir       string        // for files; emptied at the end
	Gone      time.Duration // without the coordinator for so long, it ends; default ten minutes
	Grace     time.Duration // how long jobs have to save their progress when it is stopped; default 30 s
	Until     time.Time     // when whoever started it will end it; it leaves in time. Zero: not known
	Log       func(format string, args ...any)

	heartbeat time.Duration // default 5 s
	retry     time.Duration // first pause before it tries to reach the coordinator again; default 500 ms
	root      string        // where its file system begins, for tests; default /
	version   string        // of nascent, for tests; default engine.Version
	free      func(dir string) (int64, error)
	clock     engine.Clock // by which Until is meant; default the machine's
}

// leaves is when it has jobs save their progress, to have ended by Until.
func (o *ServeOptions) leaves() time.Time { return o.Until.Add(-o.Grace - o.Grace/4) }

// Why a host ends.
var (
	ErrGone    = errors.New("the coordinator has been away for too long")
	ErrRefused = errors.New("the coordinator turned this host away")
	ErrEnds    = errors.New("its time is up")
)

// Serve carries out jobs until the search is over (nil), the context ends (its cause),
// Until comes near (ErrEnds), the coordinator turns it away or has been away for too long. A
// context that ends, and Until, give jobs their grace; what they save goes to the
// coordinator.
func Serve(ctx context.Context, o ServeOptions) error {
	if o.Gone == 0 {
		o.Gone = 10 * time.Minute
	}
	if o.Grace == 0 {
		o.Grace = 30 * time.Second
	}
	if o.heartbeat == 0 {
		o.heartbeat = 5 * time.Second
	}
	if o.retry == 0 {
		o.retry = 500 * time.Millisecond
	}
	if o.clock == nil {
		o.clock = clock{}
	}
	if o.free == nil {
		o.free = free
	}
	if o.Log == nil {
		o.Log = func(string, ...any) {}
	}
	files, err := newStore(o.Dir)
	if err != nil {
		return err
	}
	defer os.RemoveAll(files.dir)
	s := &serving{o: o, files: files, desks: map[string]*desk{}, jobs: map[named]*work{}, wake: make(chan struct{}), more: make(chan struct{})}
	var done context.CancelFunc
	s.life, done = context.WithCancel(context.Background())
	defer done()
	s.o.Machine.Version = cmp.Or(o.version, engine.Version)
	s.watchRoom()
	defer func() {
		done()
		s.mu.Lock()
		defer s.mu.Unlock()
		s.watching()
	}()
	ctx, left := context.WithCancelCause(ctx)
	defer left(nil)
	hard, end := context.WithCancelCause(context.WithoutCancel(ctx))
	defer end(nil)
	stop := context.AfterFunc(ctx, func() {
		s.leave(context.Cause(ctx).Error())
		time.AfterFunc(o.Grace, func() { end(context.Cause(ctx)) })
	})
	defer stop()
	if !o.Until.IsZero() {
		defer o.clock.After(o.leaves().Sub(o.clock.Now()), func() {
			o.Log("leaving, for its time is nearly up: jobs have %s to save their progress", o.Grace)
			left(ErrEnds)
		})()
	}
	err = s.serve(hard)
	if err == nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	done()
	s.close()
	return err
}

// serving is a host at work. All is under one lock; nothing waits while holding it.
type serving struct {
	o     ServeOptions
	files *store
	wake  chan struct{}   // closed when it begins to leave
	life  context.Context // ends when there is nothing left to do

	mu      sync.Mutex
	desks   map[string]*desk // by key of the evaluator
	jobs    map[named]*work
	out     *mailbox.Mailbox[fromHost] // to the coordinator; nil while it is away
	link    *line                      // likewise
	more    chan struct{}              // closed when there is a next one
	leaving string                     // takes no more jobs, and why

	full     string        // why its disk has no room for jobs; "" if it has
	roomy    chan struct{} // closed when it has again
	largest  int64         // bytes that a job left, at most
	watching func()        // ends that
}

// desk is one evaluator.
type desk struct {
	spec    Spec
	space   *genome.Space
	session engine.Session    // nil while it is opened, or if that failed
	aboard  map[attempt]named // jobs of the session, by its names for them
	opened  opened
	give    context.CancelFunc // ends its probe
	done    chan struct{}      // closed when it is opened, or was refused
	ended   chan struct{}      // closed when its last event was passed on
}

// work is one attempt on board.
type work struct {
	start  *start
	saved  *report // the newest
	answer *report // waits for its Ack
	acked  bool    // by this host: the evaluator knows
	next   *start  // another job of that number, that begins when this one has ended
}

// serve meets the coordinator again and again until there is nothing left to do. The
// context ends everything at once.
func (s *serving) serve(ctx context.Context) error {
	since, pause, wake := time.Now(), s.o.retry, s.wake
	told := map[string]bool{} // why nobody is reached, since somebody was
	for {
		met, err := s.meet(ctx)
		switch {
		case met == metOver, s.idle():
			return nil
		case met == metRefused:
			return err
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case met == metJoined:
			since, pause, told = time.Now(), s.o.retry, map[string]bool{}
			s.o.Log("the coordinator cannot be reached any more: %v", err)
		case time.Since(since) > s.o.Gone:
			return fmt.Errorf("%w: %s; last: %w", ErrGone, s.o.Gone, err)
		case !told[err.Error()] && len(told) < 10:
			told[err.Error()] = true
			s.o.Log("%v It is tried again until the search has been away for %s", err, s.o.Gone)
		}
		select {
		case <-time.After(pause):
		case <-wake:
			wake, pause = nil, s.o.retry
		case <-ctx.Done():
		}
		pause = min(2*pause, 3*time.Second)
	}
}

// idle tells that it takes no more jobs, and has none.
func (s *serving) idle() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.leaving != "" && len(s.jobs) == 0
}

// How a meeting with the coordinator ended.
type meeting int

const (
	metNobody  meeting = iota // there was none
	metJoined                 // it had been joined, and the connection ended
	metRefused                // it does not want this host
	metOver                   // the search is over, or does not need it any more
)

// meet reaches the coordinator and works for it until the connection ends.
func (s *serving) meet(ctx context.Context) (meeting, error) {
	ticket, err := s.o.Ticket()
	if err != nil {
		return metNobody, err
	}
	config, err := ticket.client()
	if err != nil {
		return metNobody, err
	}
	config.Time = s.o.clock.Now
	dial := dialing{Dialer: net.Dialer{Timeout: 10 * time.Second}}
	defer dial.hangUp()
	transport := &http.Transport{
		TLSClientConfig: config, ForceAttemptHTTP2: true, DialContext: dial.dial,
		TLSHandshakeTimeout: 10 * time.Second,
		HTTP2:               &http.HTTP2Config{SendPingTimeout: s.o.heartbeat, PingTimeout: s.o.heartbeat},
	}
	silent := map[string][]string{} // addresses by what they do
	var ways []string
	for _, address := range ticket.Addresses {
		met, err := s.join(ctx, &http.Client{Transport: transport}, "https://"+address, ticket.Search)
		if met != metNobody {
			return met, err
		}
		way := unanswered(err)
		if silent[way] == nil {
			ways = append(ways, way)
		}
		silent[way] = append(silent[way], address)
	}
	for i, way := range ways {
		ways[i] = strings.Join(silent[way], ", ") + " " + way
	}
	return metNobody, errors.New(strings.Join(ways, "; ") + ": " + askedFor)
}

// askedFor is what to see to where nobody answers.
const askedFor = "does the search run, do its machine and what lies between let that port through (fleet: {listen: HOST:PORT}), " +
	"and is the ticket a new copy of DIR/fleet/ticket.json?"

// unanswered says what an address does instead of answering.
func unanswered(err error) string {
	var request *url.Error
	if errors.As(err, &request) {
		err = request.Err
	}
	var name *net.DNSError
	var call *os.SyscallError
	switch text := err.Error(); {
	case errors.Is(err, errOtherKey):
		return "is the machine of another search"
	case strings.Contains(text, "tls: bad certificate"), errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.ECONNRESET):
		return "lets nobody in with this ticket"
	case errors.As(err, &name):
		return "is a name that is not known here"
	case errors.As(err, &call):
		return "cannot be reached (" + call.Err.Error() + ")"
	default:
		return "does not answer (" + engine.OneLine(text) + ")"
	}
}

// dialing makes connections and ends them all: one on which a request was given up is not
// idle at once, and would stay.
type dialing struct {
	net.Dialer
	mu    sync.Mutex
	conns []net.Conn
	ended bool
}

func (d *dialing) dial(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := d.DialContext(ctx, network, address)
	if err == nil {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.conns = append(d.conns, c); d.ended {
			c.Close()
		}
	}
	return c, err
}

func (d *dialing) hangUp() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ended = true
	for _, c := range d.conns {
		c.Close()
	}
}

// line is one connection with the coordinator.
type line struct {
	client  *http.Client
	url     string
	context context.Context // ends with it
	cancel  context.CancelCauseFunc
	in      *gob.Decoder
	joined  chan struct{} // closed when the coordinator has taken this host in
}

// join speaks with the coordinator at one address.
func (s *serving) join(ctx context.Context, client *http.Client, url, search string) (meeting, error) {
	link, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r, w := io.Pipe()
	context.AfterFunc(link, func() { r.CloseWithError(context.Cause(link)) }) // a body that is read does not see the context end
	request, err := http.NewRequestWithContext(link, http.MethodPost, url+workPath, r)
	if err != nil {
		return metNobody, err
	}
	answer, err := client.Do(request)
	if err != nil {
		return metNobody, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return metNobody, fmt.Errorf("%s answers %s", url, answer.Status)
	}
	l := &line{client: client, url: url, context: link, cancel: cancel, in: gob.NewDecoder(answer.Body), joined: make(chan struct{})}
	sent := make(chan struct{})
	out := s.attach(l, search)
	go func() {
		defer close(sent)
		defer w.Close()
		s.send(l, w, out)
	}()
	defer func() {
		s.detach(out)
		cancel(nil)
		w.CloseWithError(io.ErrClosedPipe)
		<-sent
	}()
	for {
		var batch []toHost
		if err := l.in.Decode(&batch); err != nil {
			return metJoined, err
		}
		for i := range batch {
			switch m := &batch[i]; {
			case m.Refused != "":
				return metRefused, fmt.Errorf("%w: %s", ErrRefused, m.Refused)
			case m.Joined:
				close(l.joined)
			case m.Over, m.Release:
				return metOver, nil
			default:
				s.hears(l, m)
			}
		}
	}
}

// leave takes no more jobs, and asks those on board to save what they have.
func (s *serving) leave(why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leaving = why
	s.tell(fromHost{Leaving: why})
	for at, w := range s.jobs {
		if d := s.desks[at.Key]; w.answer == nil && d != nil && d.session != nil {
			d.session.Cancel(at.ID, at.Attempt, true)
		}
	}
	close(s.wake)
}

// attach begins a connection: who this is, what it has opened and on board, and the
// answers that may not have arrived.
func (s *serving) attach(l *line, search string) *mailbox.Mailbox[fromHost] {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.out, s.link = mailbox.New[fromHost](), l
	close(s.more)
	s.more = make(chan struct{})
	machine := s.o.Machine
	machine.Search = search
	if !s.o.Until.IsZero() {
		machine.Left = max(1, s.o.leaves().Sub(s.o.clock.Now()))
	}
	s.tell(fromHost{Machine: &machine})
	var board []held
	for at, w := range s.jobs {
		board = append(board, held{
			At: at, Running: w.answer == nil, Finished: w.answer != nil && w.answer.Event.Kind == engine.Finished,
		})
	}
	slices.SortFunc(board, func(a, b held) int { return int(int64(a.At.ID) - int64(b.At.ID)) })
	s.tell(fromHost{Aboard: true, Board: board})
	if s.full != "" {
		s.tell(fromHost{Room: &room{s.full}})
	}
	for _, x := range board {
		if w := s.jobs[x.At]; w.saved != nil {
			s.tell(fromHost{Report: w.saved})
		}
		if w := s.jobs[x.At]; w.answer != nil {
			s.tell(fromHost{Report: w.answer})
		}
	}
	if s.leaving != "" {
		s.tell(fromHost{Leaving: s.leaving})
	}
	return s.out
}

func (s *serving) detach(out *mailbox.Mailbox[fromHost]) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out.Close()
	if s.out == out {
		s.out, s.link = nil, nil
	}
}

// linked is the connection with the coordinator, once there is one.
func (s *serving) linked(ctx context.Context) (*line, error) {
	for {
		s.mu.Lock()
		l, more := s.link, s.more
		s.mu.Unlock()
		if l != nil && l.context.Err() == nil {
			return l, nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// tell sends the coordinator something, if it is there. With the lock held.
func (s *serving) tell(m fromHost) {
	if s.out != nil {
		s.out.Put(m)
	}
}

// send passes messages on, files before the reports that name them.
func (s *serving) send(l *line, w io.Writer, out *mailbox.Mailbox[fromHost]) {
	e := gob.NewEncoder(w)
	for {
		batch, ok := out.Take(maxBatch, nil)
		if !ok {
			return
		}
		for len(batch) > 0 {
			n := 0 // messages up to the next one that names files
			for n < len(batch) && len(filesOf(batch[n].Report)) == 0 {
				n++
			}
			if n == 0 {
				n = 1
				if err := s.upload(l, batch[0].Report); err != nil {
					l.cancel(err)
					return
				}
			}
			if err := e.Encode(batch[:n]); err != nil {
				l.cancel(err)
				return
			}
			batch = batch[n:]
		}
	}
}

// hears takes one message of the coordinator.
func (s *serving) hears(l *line, m *toHost) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case m.Open != nil:
		s.open(m.Open)
	case m.Start != nil:
		s.start(l, m.Start)
	case m.Cancel != nil:
		if d := s.at(m.Cancel); d != nil {
			d.session.Cancel(m.Cancel.ID, m.Cancel.Attempt, m.Cancel.Save)
		}
	case m.Kill != nil:
		if d := s.at(m.Kill); d != nil {
			d.session.Kill(m.Kill.ID, m.Kill.Attempt)
		}
	case m.Ack != nil:
		at := *m.Ack
		w := s.jobs[at]
		if w == nil || w.answer == nil {
			return
		}
		s.acknowledge(at)
		s.forget(at)
	}
}

// at is the evaluator that has an attempt on board, nil if none has.
func (s *serving) at(n *named) *desk {
	d := s.desks[n.Key]
	at := *n
	at.Save = false
	w := s.jobs[at]
	if d == nil || d.session == nil || w == nil || w.answer != nil || d.aboard[attempt{at.ID, at.Attempt}] != at {
		return nil
	}
	return d
}

// acknowledge tells an evaluator, once, that its result is not needed any more.
func (s *serving) acknowledge(at named) {
	d, w := s.desks[at.Key], s.jobs[at]
	if d == nil || d.session == nil || w.acked || w.answer.Event.Kind != engine.Finished || d.aboard[attempt{at.ID, at.Attempt}] != at {
		return
	}
	w.acked = true
	d.session.Ack(at.ID, at.Attempt)
}

// forget lets go of an attempt whose answer is durable, and of files that nobody needs.
func (s *serving) forget(at named) {
	delete(s.jobs, at)
	if d := s.desks[at.Key]; d != nil && d.aboard[attempt{at.ID, at.Attempt}] == at {
		delete(d.aboard, attempt{at.ID, at.Attempt})
	}
	s.prune()
}

// prune removes files that no attempt needs. With the lock held.
func (s *serving) prune() {
	keep := map[string]bool{}
	for _, w := range s.jobs {
		for _, refs := range [][]engine.FileRef{w.start.Resume, w.start.Inherit, filesOf(w.saved), filesOf(w.answer)} {
			for _, ref := range refs {
				keep[ref.Hash] = true
			}
		}
	}
	s.files.prune(keep)
}

// filesOf are those that a report names.
func filesOf(m *report) []engine.FileRef {
	switch {
	case m == nil:
		return nil
	case m.Event.Result != nil:
		return m.Event.Result.Files
	}
	return m.Event.Files
}

// open opens an evaluator, unless it is open as it is asked for.
func (s *serving) open(spec *Spec) {
	d := s.desks[spec.Key]
	if d != nil && reflect.DeepEqual(d.spec, *spec) {
		select {
		case <-d.done:
			s.tell(fromHost{Opened: &d.opened})
		default: // it will be said
		}
		return
	}
	before := d
	d = &desk{spec: *spec, aboard: map[attempt]named{}, done: make(chan struct{}), ended: make(chan struct{})}
	var life context.Context
	life, d.give = context.WithCancel(s.life)
	s.desks[spec.Key] = d
	go func() {
		if before != nil {
			before.give()
			before.close(s.o.Grace)
		}
		session, space, said := s.opening(life, spec)
		s.mu.Lock()
		defer s.mu.Unlock()
		d.session, d.space, d.opened = session, space, said
		if session == nil {
			close(d.ended)
		} else {
			go s.listen(d)
		}
		close(d.done)
		if s.desks[spec.Key] != d { // another was asked for meanwhile, and closes this one
			return
		}
		if session == nil {
			delete(s.desks, spec.Key) // it may be tried again
		}
		s.tell(fromHost{Opened: &d.opened})
	}()
}

// opening opens an evaluator and tries it by its probe job.
func (s *serving) opening(life context.Context, spec *Spec) (engine.Session, *genome.Space, opened) {
	said := opened{Key: spec.Key, Kernels: spec.Kernels}
	space, err := spaceOf(spec.Space, spec.Rules)
	var session engine.Session
	here := *spec
	s.awaitRoom()
	if err == nil {
		here.Root, err = s.unpack(s.life, spec)
	}
	if err == nil {
		var e engine.Evaluator
		if e, err = s.o.Evaluator(here); err == nil {
			ctx, cancel := context.WithTimeout(s.life, 10*time.Minute)
			defer cancel()
			var hello engine.Hello
			session, hello, err = e.Open(ctx, engine.EvaluatorSetup{
				Space: space, Workers: cmp.Or(s.o.Machine.Slots, spec.Slots, 1), Options: spec.Options, Files: s.files,
			})
			said.Hello = &hello
		}
	}
	if err == nil {
		if said.Probe, err = s.probe(life, spec, space, session, said.Hello); err != nil {
			s.abandon(session)
		}
	}
	if err != nil {
		said.Hello = nil
		if !errors.As(err, &said.Refusal) {
			said.Trouble = engine.OneLine(err.Error())
		}
		s.o.Log("the evaluator %s cannot be opened: %v", spec.Key, err)
		return nil, nil, said
	}
	s.o.Log("the evaluator %s is open", spec.Key)
	return session, space, said
}

// abandon ends an evaluator that nobody listens to.
func (s *serving) abandon(session engine.Session) {
	read := make(chan struct{})
	go func() {
		defer close(read)
		for range session.Events() {
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), s.o.Grace)
	defer cancel()
	session.Close(ctx)
	<-read
}

// start carries out a job, once the files that it needs are here.
func (s *serving) start(l *line, st *start) {
	at := st.At
	if s.jobs[at] != nil {
		return
	}
	s.jobs[at] = &work{start: st}
	s.begin(l, st)
}

// begin has an evaluator carry out a job on board. Another one of its number, of which nobody
// knows any more, ends before.
func (s *serving) begin(l *line, st *start) {
	at := st.At
	d := s.desks[at.Key]
	if d == nil || d.session == nil || s.leaving != "" || s.full != "" {
		s.answer(at, engine.Event{Kind: engine.Returned, Reason: "the host takes no jobs"})
		return
	}
	number := attempt{at.ID, at.Attempt}
	if before := d.aboard[number]; s.jobs[before] != nil {
		if old := s.jobs[before]; old.answer == nil {
			old.next = st
			d.session.Kill(at.ID, at.Attempt)
			return
		}
		s.acknowledge(before)
	}
	d.aboard[number] = at
	submit := func() error {
		a, err := st.assignment(d.space)
		if err == nil {
			err = d.session.Submit(a)
		}
		return err
	}
	if len(st.Resume)+len(st.Inherit) == 0 {
		if err := submit(); err != nil {
			s.answer(at, engine.Event{Kind: engine.Returned, Reason: engine.OneLine(err.Error())})
		}
		return
	}
	go func() {
		err := s.fetch(l, slices.Concat(st.Resume, st.Inherit))
		if err == nil {
			err = submit()
		}
		if err != nil {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.answer(at, engine.Event{Kind: engine.Returned, Reason: engine.OneLine(err.Error())})
		}
	}()
}

// answer is the last that is said of an attempt. With the lock held.
func (s *serving) answer(at named, e engine.Event) {
	w := s.jobs[at]
	if w == nil || w.answer != nil {
		return
	}
	e.ID, e.Attempt = at.ID, at.Attempt
	w.answer = &report{At: at, Event: e}
	s.tell(fromHost{Report: w.answer})
	switch {
	case w.next == nil:
	case s.link == nil:
		s.answer(w.next.At, engine.Event{Kind: engine.Returned, Reason: "its connection has ended"})
	default:
		s.begin(s.link, w.next)
	}
}

// listen passes the events of an evaluator on.
func (s *serving) listen(d *desk) {
	defer close(d.ended)
	for e := range d.session.Events() {
		full := ""
		if ends := e.Kind == engine.Finished || e.Kind == engine.Lost; ends && !brought(&e) {
			full = s.look()
		}
		s.mu.Lock()
		at, known := d.aboard[attempt{e.ID, e.Attempt}]
		if !known {
			at.Key = d.spec.Key
		}
		m := &report{At: at, Event: e}
		var size int64
		for _, ref := range filesOf(m) {
			size += ref.Size
		}
		s.largest = max(s.largest, size)
		w := s.jobs[at]
		switch {
		case e.Kind == engine.Broken:
			s.tell(fromHost{Report: m})
		case e.Kind == engine.Capacity || w == nil || w.answer != nil:
		case full != "":
			if e.Kind == engine.Finished {
				d.session.Ack(e.ID, e.Attempt)
			}
			s.answer(at, engine.Event{Kind: engine.Returned, Reason: full})
		case e.Kind == engine.Finished || e.Kind == engine.Returned || e.Kind == engine.Lost:
			s.answer(at, e)
		default:
			if e.Kind == engine.Saved {
				w.saved = m
			}
			s.tell(fromHost{Report: m})
		}
		s.files.named(filesOf(m))
		s.mu.Unlock()
	}
}

// close ends an evaluator.
func (d *desk) close(grace time.Duration) {
	<-d.done
	if d.session == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	d.session.Close(ctx)
	<-d.ended
}

// close ends every evaluator.
func (s *serving) close() {
	s.mu.Lock()
	var all []*desk
	for _, d := range s.desks {
		all = append(all, d)
	}
	s.mu.Unlock()
	var wg sync.WaitGroup
	for _, d := range all {
		wg.Go(func() { d.close(s.o.Grace) })
	}
	wg.Wait()
}

// upload sends the files that a report names, to a coordinator that has taken this host in.
func (s *serving) upload(l *line, m *report) error {
	select {
	case <-l.joined:
	case <-l.context.Done():
		return context.Cause(l.context)
	}
	for _, ref := range filesOf(m) {
		path, err := s.files.Path(ref.Hash)
		if err != nil {
			return err
		}
		if err := s.patiently(l, func() error { return l.put(path, ref.Hash, s.o.Machine.Instance) }); err != nil {
			return fmt.Errorf("the file %s of job %s cannot be sent: %w", ref.Name, m.Event.ID, err)
		}
	}
	return nil
}

func (l *line) put(path, hash, instance string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	r, err := http.NewRequestWithContext(l.context, http.MethodPut, l.url+filePath+hash, f)
	if err != nil {
		return err
	}
	r.Header.Set(instanceHeader, instance)
	answer, err := l.client.Do(r)
	if err != nil {
		return err
	}
	return ended(answer)
}

// ended reads an answer without content.
func ended(answer *http.Response) error {
	defer answer.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(answer.Body, 1000))
	switch err := fmt.Errorf("%s: %s", answer.Status, clean(string(text))); answer.StatusCode {
	case http.StatusOK:
		return nil
	case http.StatusInsufficientStorage:
		return &fullError{err}
	default:
		return err
	}
}

// fetch gets files that are not here. Those that the host sees where the coordinator has them
// stay there.
func (s *serving) fetch(l *line, refs []engine.FileRef) error {
	for _, ref := range refs {
		if _, err := s.files.Path(ref.Hash); err == nil {
			continue
		}
		path, shared, err := l.get(s.files.Temp(), ref.Hash, func(path string) bool {
			return (&File{Hash: ref.Hash, Size: ref.Size}).here(s.own(path))
		})
		switch {
		case err != nil:
		case shared:
			s.files.share(ref.Hash, s.own(path))
		default:
			if _, err = s.files.Put(path, ref.Name); err == nil {
				s.files.named([]engine.FileRef{ref}) // by the job
			}
		}
		if err != nil {
			return fmt.Errorf("the file %s cannot be fetched: %w", ref.Name, err)
		}
	}
	return nil
}

// store is an engine.Files in a directory. What was put stays until an event has named it,
// and then for as long as something does.
type store struct {
	dir    string
	mu     sync.Mutex
	claims map[string]int
	shared map[string]string // files that lie elsewhere, and where
}

func newStore(parent string) (*store, error) {
	dir, err := os.MkdirTemp(parent, "nascent-host-")
	if err != nil {
		return nil, err
	}
	s := &store{dir: dir, claims: map[string]int{}, shared: map[string]string{}}
	return s, os.Mkdir(s.Temp(), 0o700)
}

// Temp implements engine.Files.
func (s *store) Temp() string { return filepath.Join(s.dir, "tmp") }

// Path implements engine.Files.
func (s *store) Path(hash string) (string, error) {
	s.mu.Lock()
	at := s.shared[hash]
	s.mu.Unlock()
	if at != "" {
		if _, err := os.Stat(at); err == nil {
			return at, nil
		}
	}
	return placeOf(s.dir, hash)
}

// share has a file stay where it lies.
func (s *store) share(hash, path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shared[hash] = path
}

// Put implements engine.Files.
func (s *store) Put(path, name string) (engine.FileRef, error) {
	hash, size, err := sum(path)
	if err != nil {
		return engine.FileRef{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := os.Rename(path, filepath.Join(s.dir, hash)); err != nil {
		return engine.FileRef{}, err
	}
	s.claims[hash]++
	return engine.FileRef{Name: name, Hash: hash, Size: size}, nil
}

// named ends the claims of files that something names.
func (s *store) named(refs []engine.FileRef) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, ref := range refs {
		if s.claims[ref.Hash]--; s.claims[ref.Hash] <= 0 {
			delete(s.claims, ref.Hash)
		}
	}
}

// prune removes files that are not to be kept.
func (s *store) prune(keep map[string]bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.shared, func(hash, _ string) bool { return !keep[hash] })
	entries, _ := os.ReadDir(s.dir)
	for _, e := range entries {
		if isHash(e.Name()) && !keep[e.Name()] && s.claims[e.Name()] == 0 {
			os.Remove(filepath.Join(s.dir, e.Name()))
		}
	}
}
