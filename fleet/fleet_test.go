package fleet

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
	"github.com/nascent-nas/nascent/engine/evolve"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/rng"
)

var space = genome.MustParseSpace(`{"x": {"float": [-5, 5]}, "y": {"float": [-5, 5]}, "n": {"int": [1, 9]}}`)

// bowl is the evaluator of the tests: the higher, the nearer to a point. Jobs end at once,
// unless the options say slow.
func bowl(spec Spec) (engine.Evaluator, error) {
	var o struct{ Slow bool }
	if err := json.Unmarshal(spec.Options, &o); err != nil {
		return nil, err
	}
	return engine.Func(func(ctx context.Context, j *engine.Job) (map[string]float64, error) {
		if o.Slow {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return bowlAt(number(j, "x"), number(j, "y")), nil
	}), nil
}

func bowlAt(x, y float64) map[string]float64 {
	return map[string]float64{"accuracy": 1 / (1 + math.Abs(x-1) + math.Abs(y+2))}
}

func number(j *engine.Job, gene string) float64 {
	x, _ := j.Genome.Gene(gene)
	return x.(float64)
}

// yard is a coordinator with its hosts.
type yard struct {
	t       *testing.T
	fleet   *Fleet
	keys    *Keys
	options Options
	at      string
	conns   *cutter

	mu    sync.Mutex
	stops []context.CancelCauseFunc
	wg    sync.WaitGroup
}

// newYard makes one with so many hosts. They end with the test.
func newYard(t *testing.T, hosts, slots int) *yard {
	t.Helper()
	return newYardBy(t, hosts, slots, Options{})
}

// newYardBy makes one whose coordinator is as the options say.
func newYardBy(t *testing.T, hosts, slots int, o Options) *yard {
	t.Helper()
	keys, err := NewKeys()
	if err != nil {
		t.Fatal(err)
	}
	o.Keys, o.Patience, o.Log = keys, cmp.Or(o.Patience, time.Second), t.Logf
	y := &yard{t: t, keys: keys, options: o}
	y.listen("127.0.0.1:0")
	for i := range hosts {
		y.host(fmt.Sprintf("host-%d", i), slots, bowl)
	}
	t.Cleanup(func() {
		y.stop()
		y.fleet.Close(false)
	})
	return y
}

func (y *yard) listen(at string) {
	y.t.Helper()
	l, err := net.Listen("tcp", at)
	if err != nil {
		y.t.Fatal(err)
	}
	if y.at == "" {
		y.at = l.Addr().String()
	}
	if y.fleet != nil { // its hosts have left it by the end of the test
		y.t.Cleanup(y.fleet.works.Wait)
	}
	y.conns = &cutter{Listener: l}
	y.fleet = Listen(y.conns, y.options)
}

// cutter is a listener whose connections can be cut.
type cutter struct {
	net.Listener
	mu    sync.Mutex
	conns []net.Conn
}

func (c *cutter) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err == nil {
		c.mu.Lock()
		c.conns = append(c.conns, conn)
		c.mu.Unlock()
	}
	return conn, err
}

// cut ends the n-th newest connection, or all of them where n is negative.
func (c *cutter) cut(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, conn := range c.conns {
		if n < 0 || i == len(c.conns)-1-n {
			conn.Close()
		}
	}
}

// host starts one; what it returns stops it.
func (y *yard) host(name string, slots int, open func(Spec) (engine.Evaluator, error)) context.CancelCauseFunc {
	return y.hostBy(ServeOptions{Machine: Machine{Name: name, Slots: slots}, Evaluator: open})
}

// hostBy starts one that is as the options say.
func (y *yard) hostBy(o ServeOptions) context.CancelCauseFunc {
	ctx, stop := context.WithCancelCause(context.Background())
	y.mu.Lock()
	y.stops = append(y.stops, stop)
	y.mu.Unlock()
	o.Machine.Instance = cmp.Or(o.Machine.Instance, o.Machine.Name)
	o.Dir, o.retry, o.Grace = y.t.TempDir(), time.Millisecond, 2*time.Second
	if o.Log == nil {
		o.Log = y.t.Logf
	}
	if o.Ticket == nil {
		o.Ticket = func() (Ticket, error) { return y.keys.Ticket(y.at), nil }
	}
	y.wg.Go(func() {
		if err := Serve(ctx, o); err != nil && !errors.Is(err, errStopped) && !errors.Is(err, ErrEnds) {
			y.t.Errorf("%s: %v", o.Machine.Name, err)
		}
	})
	return stop
}

// await waits until a host stands so.
func (y *yard) await(name string, how func(Host) bool) Host {
	for ; ; runtime.Gosched() {
		for _, h := range y.fleet.Hosts() {
			if h.Name == name && how(h) {
				return h
			}
		}
	}
}

// awaitGone waits until there is no such host any more.
func (y *yard) awaitGone(name string) {
	for slices.ContainsFunc(y.fleet.Hosts(), func(h Host) bool { return h.Name == name }) {
		runtime.Gosched()
	}
}

// open opens the evaluator of the fleet, with the test.
func (y *yard) open(files engine.Files) engine.Session {
	y.t.Helper()
	s, _, err := y.fleet.Evaluator("e", Program{}).Open(context.Background(), engine.EvaluatorSetup{
		Space: space, Workers: 2, Options: json.RawMessage("{}"), Files: files,
	})
	if err != nil {
		y.t.Fatal(err)
	}
	return s
}

var errStopped = errors.New("stopped by the test")

func (y *yard) stop() {
	y.mu.Lock()
	defer y.mu.Unlock()
	for _, stop := range y.stops {
		stop(errStopped)
	}
	y.wg.Wait()
}

func TestConformance(t *testing.T) {
	t.Parallel()
	y := newYard(t, 3, 4)
	n := 0
	enginetest.Evaluator(t, func() engine.Evaluator {
		n++
		return y.fleet.Evaluator(fmt.Sprint("e", n), Program{})
	}, enginetest.EvaluatorOptions{
		Space: space, Workers: 3, SlowOptions: json.RawMessage(`{"slow": true}`),
	})
}

// config is a search of these tests.
func config(e engine.Evaluator, order engine.Order) engine.Config {
	strategy, err := evolve.New("aging")
	if err != nil {
		panic(err)
	}
	return engine.Config{
		Name: "s", Space: space, Strategy: strategy, StrategyName: "aging", Evaluator: e, Order: order, Seed: 7, Window: 16, Workers: 4,
		Limits: engine.Limits{Evaluations: 400}, Final: engine.Final{Skip: true}, Ledger: engine.Memory(),
		Failures: engine.FailurePolicy{Backoff: -1},
	}
}

// searched runs a search to its end and returns its digest.
func searched(t *testing.T, cfg engine.Config) string {
	t.Helper()
	s, err := engine.New(cfg)
	if err == nil {
		err = s.Run(context.Background())
	}
	if err != nil {
		t.Fatal(err)
	}
	d, err := engine.Digest(cfg.Ledger, 0)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// A search comes to the same on hosts that come, go, and lose their connections as on one
// machine.
func TestDigestOfOneMachine(t *testing.T) {
	t.Parallel()
	local, err := bowl(Spec{Options: json.RawMessage("{}")})
	if err != nil {
		t.Fatal(err)
	}
	want := searched(t, config(local, engine.Strict))

	y := newYard(t, 3, 2)
	cfg := config(y.fleet.Evaluator("e", Program{}), engine.Strict)
	n, last := 0, context.CancelCauseFunc(nil)
	cfg.Observe = func(u engine.Update) {
		if u.Kind != engine.Consumed {
			return
		}
		switch n++; {
		case n%40 == 0:
			y.conns.cut(n / 40 % 3)
		case n%90 == 0:
			y.conns.cut(-1)
		case n%70 == 0:
			if last != nil {
				last(errStopped)
			}
			last = y.host(fmt.Sprint("guest-", n), 3, bowl)
		}
	}
	if got := searched(t, cfg); got != want {
		t.Errorf("the digest is %s on hosts and %s on one machine", got, want)
	}
}

// A job goes on where it was begun when another coordinator takes the search up, is not
// carried out again, and what was finished meanwhile is not lost.
func TestAnotherCoordinator(t *testing.T) {
	t.Parallel()
	y := newYard(t, 0, 0)
	var mu sync.Mutex
	carried := map[engine.ID]int{}
	gate := make(chan struct{})
	y.host("one", 2, func(Spec) (engine.Evaluator, error) {
		return engine.Func(func(ctx context.Context, j *engine.Job) (map[string]float64, error) {
			mu.Lock()
			carried[j.ID]++
			mu.Unlock()
			if j.ID == 1 { // the other ends while nobody is there
				<-gate
			}
			return map[string]float64{"accuracy": float64(j.ID)}, nil
		}), nil
	})
	files := engine.Memory()
	defer files.Close()
	open := func() engine.Session {
		s, _, err := y.fleet.Evaluator("e", Program{}).Open(context.Background(), engine.EvaluatorSetup{
			Space: space, Workers: 2, Options: json.RawMessage("{}"), Files: files,
		})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	jobs := map[engine.ID]*engine.Job{}
	for id := engine.ID(1); id <= 2; id++ {
		g, err := space.Random(rng.New(uint64(id)))
		if err != nil {
			t.Fatal(err)
		}
		jobs[id] = &engine.Job{ID: id, Phase: engine.PhaseSearch, Task: engine.Train, Genome: g, Budget: 1, Seed: uint64(id)}
	}
	s := open()
	for _, j := range jobs {
		if err := s.Submit(engine.Assignment{Job: j, Attempt: 1}); err != nil {
			t.Fatal(err)
		}
	}
	for left := map[engine.ID]bool{1: true, 2: true}; len(left) > 0; {
		if e := <-s.Events(); e.Kind == engine.Begun && e.ID == 1 || e.Kind == engine.Finished {
			delete(left, e.ID) // of the second the result is not acknowledged: the ledger does not have it
		}
	}
	y.conns.Close()
	y.conns.cut(-1)
	y.fleet.server.Close() // as if it had been killed
	y.listen(y.at)
	s = open()
	for _, j := range jobs {
		if err := s.Submit(engine.Assignment{Job: j, Attempt: 2}); err != nil {
			t.Fatal(err)
		}
	}
	got := map[engine.ID]float64{}
	for len(got) < 2 {
		e := <-s.Events()
		if e.Kind == engine.Finished {
			if e.Attempt != 2 {
				t.Errorf("an answer to attempt %d of job %s", e.Attempt, e.ID)
			}
			got[e.ID], _ = e.Result.Metrics.Get("accuracy")
			s.Ack(e.ID, e.Attempt)
			if len(got) == 1 {
				close(gate)
			}
		}
	}
	if got[1] != 1 || got[2] != 2 || carried[1] != 1 || carried[2] != 1 {
		t.Errorf("results %v, carried out so often: %v", got, carried)
	}
	if err := s.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

// keeper is an engine.Evaluator whose jobs leave a file, and go on from one: each adds its
// number to what it began with.
func keeper(Spec) (engine.Evaluator, error) { return &keeping{}, nil }

type keeping struct {
	reads func(path string) // is told which files are gone on from, if it is set
}

func (k *keeping) Open(_ context.Context, setup engine.EvaluatorSetup) (engine.Session, engine.Hello, error) {
	return &keepingSession{keeping: k, files: setup.Files, events: make(chan engine.Event, 100)}, engine.Hello{
		Name: "keeper", Fingerprint: "keeper", Metrics: []engine.Metric{{Name: "accuracy"}}, Slots: 1,
	}, nil
}

type keepingSession struct {
	*keeping
	files  engine.Files
	events chan engine.Event
}

func (s *keepingSession) Submit(a engine.Assignment) error {
	text := ""
	for _, ref := range a.Resume {
		path, err := s.files.Path(ref.Hash)
		if err != nil {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		text += string(b)
		if s.reads != nil {
			s.reads(path)
		}
	}
	path := filepath.Join(s.files.Temp(), a.Job.ID.String())
	if err := os.WriteFile(path, fmt.Appendf([]byte(text), "%s ", a.Job.ID), 0o600); err != nil {
		return err
	}
	ref, err := s.files.Put(path, "checkpoint")
	if err != nil {
		return err
	}
	e := engine.Event{ID: a.Job.ID, Attempt: a.Attempt}
	begun, saved, done := e, e, e
	begun.Kind, saved.Kind, done.Kind = engine.Begun, engine.Saved, engine.Finished
	saved.Files = []engine.FileRef{ref}
	done.Result = &engine.Result{Status: engine.OK, Metrics: engine.Values{{Name: "accuracy", Value: 1}}, Files: []engine.FileRef{ref}}
	s.events <- begun
	s.events <- saved
	s.events <- done
	return nil
}

func (s *keepingSession) Cancel(engine.ID, int, bool) {}
func (s *keepingSession) Kill(engine.ID, int)         {}
func (s *keepingSession) Ack(engine.ID, int)          {}
func (s *keepingSession) Events() <-chan engine.Event { return s.events }
func (s *keepingSession) Close(context.Context) error { close(s.events); return nil }

// What a job leaves on one host comes into the search's store, and from there to the host
// where another goes on from it. Hosts keep only what they still need.
func TestFilesTravel(t *testing.T) {
	t.Parallel()
	filesTravel(t, false)
}

// A host that sees the search's store has its files from there.
func TestFilesAreShared(t *testing.T) {
	t.Parallel()
	filesTravel(t, true)
}

func filesTravel(t *testing.T, shared bool) {
	y := newYard(t, 0, 0)
	files := engine.Memory()
	defer files.Close()
	var dirs sync.Map // from which files were read
	for _, name := range []string{"one", "two"} {
		o := ServeOptions{Machine: Machine{Name: name, Slots: 1}}
		o.Evaluator = func(Spec) (engine.Evaluator, error) {
			return &keeping{reads: func(path string) { dirs.Store(filepath.Dir(path), true) }}, nil
		}
		if !shared {
			o.root = t.TempDir()
		}
		y.hostBy(o)
	}
	s, _, err := y.fleet.Evaluator("e", Program{}).Open(context.Background(), engine.EvaluatorSetup{
		Space: space, Workers: 2, Options: json.RawMessage("{}"), Files: files,
	})
	if err != nil {
		t.Fatal(err)
	}
	g, err := space.Random(rng.New(1))
	if err != nil {
		t.Fatal(err)
	}
	var left []engine.FileRef
	for id := engine.ID(1); id <= 6; id++ {
		job := &engine.Job{ID: id, Phase: engine.PhaseSearch, Task: engine.Train, Genome: g, Budget: 1, Resume: id - 1}
		if err := s.Submit(engine.Assignment{Job: job, Attempt: 1, Resume: left}); err != nil {
			t.Fatal(err)
		}
		saved := 0
		for e := range s.Events() {
			if e.Kind == engine.Saved {
				saved++
			}
			if e.Kind == engine.Returned {
				t.Fatalf("job %s came back: %s", e.ID, e.Reason)
			}
			if e.Kind == engine.Finished {
				left = e.Result.Files
				s.Ack(e.ID, e.Attempt)
				break
			}
		}
		if saved != 1 {
			t.Errorf("job %s saved its progress %d times", id, saved)
		}
		if id == 3 { // the other host goes on
			for _, h := range y.fleet.Hosts() {
				if h.Finished > 0 {
					y.fleet.Drain(h.Name)
					break // the other one may have finished some, too
				}
			}
		}
	}
	path, err := files.Path(left[0].Hash)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "1 2 3 4 5 6 " {
		t.Errorf("the chain of jobs left %q (%v)", b, err)
	}
	if _, there := dirs.Load(filepath.Dir(path)); there != shared {
		t.Errorf("files were read where the coordinator has them: %v", there)
	}
	if err := s.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

// What a job left while the coordinator was away comes to the next one.
func TestFilesReachAnotherCoordinator(t *testing.T) {
	t.Parallel()
	y := newYard(t, 0, 0)
	y.host("one", 1, keeper)
	g, err := space.Random(rng.New(1))
	if err != nil {
		t.Fatal(err)
	}
	job := &engine.Job{ID: 1, Phase: engine.PhaseSearch, Task: engine.Train, Genome: g, Budget: 1}
	for number := 1; number <= 3; number++ { // the first two do not get so far as to acknowledge it
		files := engine.Memory()
		defer files.Close()
		s := y.open(files)
		if err := s.Submit(engine.Assignment{Job: job, Attempt: number}); err != nil {
			t.Fatal(err)
		}
		var e engine.Event
		for e = range s.Events() {
			if e.Kind == engine.Finished || e.Kind == engine.Returned {
				break
			}
		}
		if e.Kind != engine.Finished || len(e.Result.Files) != 1 {
			t.Fatalf("attempt %d: %+v", number, e)
		}
		path, err := files.Path(e.Result.Files[0].Hash)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := os.ReadFile(path); err != nil || string(b) != "1 " {
			t.Errorf("attempt %d: the file says %q (%v)", number, b, err)
		}
		if number == 3 {
			s.Ack(e.ID, e.Attempt)
			break
		}
		y.conns.Close()
		y.conns.cut(-1)
		y.fleet.server.Close() // as if it had been killed
		y.listen(y.at)
	}
}

// dying is a session whose process ends when it is asked to save.
type dying struct{ *keepingSession }

func (d dying) Submit(a engine.Assignment) error {
	d.events <- engine.Event{ID: a.Job.ID, Attempt: a.Attempt, Kind: engine.Begun}
	return nil
}

func (d dying) Cancel(id engine.ID, attempt int, _ bool) {
	d.events <- engine.Event{ID: id, Attempt: attempt, Kind: engine.Lost, Alone: true, Reason: "its process was ended by SIGTERM"}
}

type mortal struct{ keeping }

func (m *mortal) Open(ctx context.Context, setup engine.EvaluatorSetup) (engine.Session, engine.Hello, error) {
	s, hello, err := m.keeping.Open(ctx, setup)
	return dying{s.(*keepingSession)}, hello, err
}

// Schedulers end a host and all that it has started at once: a job that is lost by that does
// not count as tried.
func TestLostWithItsHost(t *testing.T) {
	t.Parallel()
	y := newYard(t, 0, 0)
	stop := y.host("one", 1, func(Spec) (engine.Evaluator, error) { return &mortal{}, nil })
	files := engine.Memory()
	defer files.Close()
	s := y.open(files)
	g, err := space.Random(rng.New(1))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Submit(engine.Assignment{Job: &engine.Job{ID: 1, Phase: engine.PhaseSearch, Task: engine.Train, Genome: g, Budget: 1}, Attempt: 1}); err != nil {
		t.Fatal(err)
	}
	for e := range s.Events() {
		switch e.Kind {
		case engine.Begun:
			stop(errStopped)
			continue
		case engine.Capacity:
			continue
		case engine.Returned:
		default:
			t.Errorf("%+v", e)
		}
		break
	}
}

// Whoever is no host of the search is turned away, in one line, and so is a host whose
// evaluator is not the one that the others have.
func TestTurnedAway(t *testing.T) {
	t.Parallel()
	y := newYard(t, 1, 1)
	s, _, err := y.fleet.Evaluator("e", Program{}).Open(context.Background(), engine.EvaluatorSetup{
		Space: space, Workers: 2, Options: json.RawMessage("{}"), Files: engine.Memory(),
	})
	if err != nil {
		t.Fatal(err)
	}
	serve := func(change func(*Ticket)) error {
		ticket := y.keys.Ticket(y.at)
		change(&ticket)
		return Serve(context.Background(), ServeOptions{
			Machine: Machine{Name: "stranger", Instance: "stranger"}, Evaluator: bowl, Dir: t.TempDir(), retry: time.Millisecond, Gone: 1,
			Ticket: func() (Ticket, error) { return ticket, nil },
		})
	}
	other, err := NewKeys()
	if err != nil {
		t.Fatal(err)
	}
	if err := serve(func(x *Ticket) { x.Host = other.ticket.Host }); !errors.Is(err, ErrGone) || !strings.Contains(err.Error(), "last: "+y.at+" ") ||
		!strings.Contains(err.Error(), "is the ticket a new copy of DIR/fleet/ticket.json?") {
		t.Errorf("with another search's key: %v", err)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	free.Close()
	nobody := free.Addr().String()
	if err := serve(func(x *Ticket) { x.Addresses = []string{nobody, nobody} }); !errors.Is(err, ErrGone) ||
		!strings.Contains(err.Error(), nobody+", "+nobody+" cannot be reached (connection refused): ") || strings.Contains(err.Error(), workPath) {
		t.Errorf("where nobody listens: %v", err)
	}
	if err := serve(func(x *Ticket) { x.Coordinator = other.ticket.Coordinator }); !errors.Is(err, ErrGone) || !strings.Contains(err.Error(), "is the machine of another search") {
		t.Errorf("to another coordinator: %v", err)
	}
	if err := serve(func(x *Ticket) { x.Search = "t" }); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "its ticket is of another search") {
		t.Errorf("for another search: %v", err)
	}
	alone, found := context.WithCancelCause(t.Context())
	defer found(nil)
	lost := y.keys.Ticket(nobody)
	err = Serve(alone, ServeOptions{
		Machine: Machine{Name: "stranger", Instance: "stranger"}, Evaluator: bowl, Dir: t.TempDir(), Gone: time.Hour,
		Ticket: func() (Ticket, error) { return lost, nil },
		Log:    func(format string, args ...any) { found(fmt.Errorf(format, args...)) },
	})
	if err == nil || !strings.HasPrefix(err.Error(), nobody+" cannot be reached") || !strings.HasSuffix(err.Error(), " It is tried again until the search has been away for 1h0m0s") {
		t.Errorf("it says while it is alone: %v", err)
	}
	for _, h := range y.fleet.Hosts() {
		if h.Name == "stranger" {
			t.Errorf("it is among the hosts: %+v", h)
		}
	}
	y.host("odd", 1, keeper)
	for found := false; !found; runtime.Gosched() {
		for _, h := range y.fleet.Hosts() {
			found = found || h.Name == "odd" && h.State == "aside" && strings.HasPrefix(h.Reason, "its evaluator is not the one that the other hosts have")
		}
	}
	if err := s.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

// Who is the last one to be set aside leaves the search without hosts, and that is said.
func TestTheLastHostIsSetAside(t *testing.T) {
	t.Parallel()
	var said []string
	f := &Fleet{o: Options{Log: func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) }}}
	for _, name := range []string{"a", "b"} {
		f.hosts = append(f.hosts, &host{fleet: f, machine: Machine{Name: name}})
	}
	f.hosts[0].setAside("train.py changed")
	if len(said) != 1 || strings.Contains(said[0], "no host left") {
		t.Errorf("of the first it says %q", said)
	}
	f.hosts[1].setAside("train.py changed")
	f.hosts[1].setAside("again")
	if len(said) != 3 || !strings.HasPrefix(said[2], "the search has no host left, and waits for one: ") {
		t.Errorf("of the last it says %q", said)
	}
}

// Whoever knocks without a ticket is told of once.
func TestKnocks(t *testing.T) {
	t.Parallel()
	var said []string
	k := &knocks{say: func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) }}
	for _, line := range []string{
		"http: TLS handshake error from 10.0.0.1:4000: tls: client didn't provide a certificate\n", "http: TLS handshake error from 10.0.0.1:4001: remote error: tls: bad certificate\n",
		"http: TLS handshake error from 10.0.0.2:4000: its key is not that of the search\n", "http: TLS handshake error from 10.0.0.1:5: EOF\n",
		"http: TLS handshake error from 10.0.0.1:6: EOF\n", "http2: something\n",
	} {
		if n, err := k.Write([]byte(line)); n != len(line) || err != nil {
			t.Errorf("%q: %d, %v", line, n, err)
		}
	}
	if len(said) != 4 || !strings.HasPrefix(said[0], "10.0.0.1 knocks and is not let in: it has no ticket") || !strings.HasPrefix(said[2], "10.0.0.1 knocks and is not let in: it is no host") {
		t.Errorf("it is said %q", said)
	}
	for i := range 200 {
		fmt.Fprintf(k, "http: TLS handshake error from 10.0.1.%d:1: EOF\n", i)
	}
	if len(said) != 100 {
		t.Errorf("%d lines are said", len(said))
	}
}

// Hosts that are called alike have names of their own, which they keep when they come back;
// the name of one that has left is free.
func TestNamesOfHosts(t *testing.T) {
	t.Parallel()
	y := newYard(t, 0, 0)
	s := y.fleet.Evaluator("e", Program{})
	go s.Open(t.Context(), engine.EvaluatorSetup{Space: space, Workers: 2, Options: json.RawMessage("{}"), Files: engine.Memory()})
	host := func(instance string) context.CancelCauseFunc {
		return y.hostBy(ServeOptions{Machine: Machine{Name: "desk", Instance: instance, Slots: 1}, Evaluator: bowl, Log: func(string, ...any) {}})
	}
	stops := map[string]context.CancelCauseFunc{}
	for i, name := range []string{"desk", "desk-2", "desk-3"} {
		stops[name] = host(fmt.Sprint(i))
		y.await(name, func(h Host) bool { return h.State == "ready" && h.Instance == fmt.Sprint(i) })
	}
	y.conns.cut(-1)
	for i, name := range []string{"desk", "desk-2", "desk-3"} {
		y.await(name, func(h Host) bool { return h.State == "ready" && h.Instance == fmt.Sprint(i) })
	}
	stops["desk-2"](errStopped)
	y.awaitGone("desk-2")
	host("3")
	y.await("desk-2", func(h Host) bool { return h.Instance == "3" })
}

// The keys of a search are made once, in a file for its owner alone.
func TestKeysAreKept(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keys.json")
	a, err := OpenKeys(path)
	if err != nil {
		t.Fatal(err)
	}
	b, err := OpenKeys(path)
	if err != nil || !reflect.DeepEqual(a.ticket, b.ticket) {
		t.Errorf("opened again they are others: %v", err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	if err := os.WriteFile(path, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenKeys(path); err == nil || !strings.Contains(err.Error(), "does not hold the keys of a search") {
		t.Errorf("of a file that holds none: %v", err)
	}
	ticket := filepath.Join(t.TempDir(), "ticket.json")
	if err := a.Ticket("node1:8171", "10.0.0.1:8171").Write(ticket); err != nil {
		t.Fatal(err)
	}
	if x, err := ReadTicket(ticket); err != nil || !reflect.DeepEqual(x.Addresses, []string{"node1:8171", "10.0.0.1:8171"}) {
		t.Errorf("%+v %v", x, err)
	}
}
