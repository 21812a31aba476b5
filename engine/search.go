package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/nascent-nas/nascent/genome"
)

// Version of the engine, recorded in the ledger.
const Version = "0.1.0"

// Search is one run of the engine over one ledger: from New, through Run, to
// the end of the process that holds it. Run's goroutine owns everything; other
// goroutines ask it.
type Search struct {
	cfg Config
	*Archive
	lines [2]*line // search, final

	seats    []*seat // one for each evaluator
	queue    [2]idHeap
	onBoard  int
	failures int // failed attempts in a row
	events   chan seatEvent
	timers   map[int]func() // cancels those that have not rung, by number
	timer    int            // the newest

	pending    *Change  // what the next commit carries
	then       []func() // what waits for it
	committing bool
	commits    chan *Change
	committed  chan error
	stepping   *turn
	stepped    chan stepResult

	mode     mode
	trouble  error
	since    time.Time // of the last account of time
	finalRun bool      // the final strategy is or was at work in this run

	freshMu sync.Mutex
	fresh   map[ID]ResultRecord // consumed or arrived, not yet durable

	asks chan func()
	stop chan struct{}
	once sync.Once
	gone chan struct{} // closed when Run has returned
	mu   sync.Mutex    // guards ran
	ran  bool
	own  bool // nobody gave a ledger: its files end with Run

	inbox   []ID            // arrival order: what has a result and was not consumed, as it came
	sharers map[ID][]*entry // by the job whose result they wait for
	landing []func()        // waits for the commit under way
	carried *Change         // in the commit under way
	holders map[ID]*entry   // jobs whose files are stored
	uncared int             // results consumed since files were last looked through
	litter  []string        // hashes of files that attempts left behind without use
}

// mode is what the loop is about.
type mode int

const (
	searching mode = iota
	ending         // the search has reached its end; jobs in flight come home
	finishing      // the final strategy is at work
	leaving        // nothing new is started; jobs in flight come home
)

// seat is an open evaluator.
type seat struct {
	key     string
	session Session
	hello   Hello
	mark    int // index among the journaled evaluators: the fingerprint of its results
	on      map[ID]*entry
	drained chan struct{} // closed when its last event was passed on
}

type seatEvent struct {
	seat  *seat
	event Event
	ended bool // no event: the seat will send no more
}

type stepResult struct {
	turn     *turn
	decision Decision
	err      error
}

// New checks a configuration and makes a Search of it. Errors wrap ErrConfig.
func New(cfg Config) (*Search, error) {
	own := cfg.Ledger == nil
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	return &Search{
		cfg: cfg, own: own,
		pending: &Change{}, commits: make(chan *Change), committed: make(chan error, 1),
		stepped: make(chan stepResult, 1), events: make(chan seatEvent, 256), asks: make(chan func()),
		stop: make(chan struct{}), gone: make(chan struct{}), fresh: map[ID]ResultRecord{},
		sharers: map[ID][]*entry{}, holders: map[ID]*entry{}, timers: map[int]func(){},
	}, nil
}

// Run is New and Search.Run in one: for searches in 20 lines.
func Run(ctx context.Context, cfg Config) (*Search, error) {
	s, err := New(cfg)
	if err != nil {
		return nil, err
	}
	return s, s.Run(ctx)
}

// Stop ends Run cleanly: running jobs are asked to keep their progress and
// end, everything is committed, and Run returns nil. Stop does not wait.
func (s *Search) Stop() { s.once.Do(func() { close(s.stop) }) }

// Run opens the evaluators and the ledger's content and searches until the
// limits are reached, the strategy is done, Stop is called or ctx ends. It
// returns nil when the search is finished or was stopped cleanly. A Search
// runs once.
func (s *Search) Run(ctx context.Context) (err error) {
	s.mu.Lock()
	if s.ran {
		s.mu.Unlock()
		return errors.New("a Search runs once; make another with New to go on")
	}
	s.ran = true
	s.mu.Unlock()
	defer close(s.gone)
	defer func() {
		closing := s.closeSeats()
		if s.own {
			closing = cmp.Or(closing, s.cfg.Ledger.Close())
		}
		err = cmp.Or(err, closing)
	}()
	if err := s.openUnlessStopped(ctx); err != nil {
		if s.stopped(ctx) {
			return nil // nothing had begun
		}
		return err
	}
	go s.committer()
	defer close(s.commits)
	return s.loop(ctx)
}

// openUnlessStopped is open, ended early by Stop.
func (s *Search) openUnlessStopped(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-s.stop:
			cancel()
		case <-ctx.Done():
		}
	}()
	return s.open(ctx)
}

// stopped tells whether Stop was called or the context has ended.
func (s *Search) stopped(ctx context.Context) bool {
	select {
	case <-s.stop:
		return true
	default:
		return ctx.Err() != nil
	}
}

// open brings evaluators, strategy and ledger together.
func (s *Search) open(ctx context.Context) error {
	for _, key := range s.evaluatorKeys() {
		if err := s.seat(ctx, key); err != nil {
			return err
		}
	}
	var metrics []Metric
	for _, seat := range s.seats {
		metrics = append(metrics, seat.hello.Metrics...)
		space, err := restrict(s.cfg.Space, &seat.hello)
		if err != nil {
			return wrong("evaluator %s: %v", seat.key, err)
		}
		s.cfg.Space = space
	}
	if err := s.declared(metrics); err != nil {
		return err
	}
	setup := Setup{
		Space: s.cfg.Space, Objectives: s.cfg.Objectives, Constraints: s.cfg.Constraints, Metrics: metrics,
		Fidelities: s.cfg.Fidelities, Limits: s.cfg.Limits, Order: s.cfg.Order, Start: s.cfg.Start, Options: s.cfg.StrategyOptions,
		Files: s.cfg.Ledger,
	}
	state, needs, err := s.cfg.Strategy.Open(ctx, setup)
	if err != nil {
		return wrong("strategy %s refuses: %v", s.cfg.StrategyName, err)
	}
	before, err := read(s.cfg.Ledger, s.cfg.Space)
	if err != nil && !errors.Is(err, ErrEmpty) {
		return err
	}
	if err := s.equip(ctx, append(before.outstanding(), needs.Tasks...)); err != nil {
		return err
	}
	main := &line{part: PartSearch, name: s.cfg.StrategyName, strategy: s.cfg.Strategy, state: state, batch: max(1, needs.Batch)}
	if err := s.load(main, before); err != nil {
		return err
	}
	if w := s.now().Window; main.batch > w {
		return wrong("window: %d is smaller than the %d results that strategy %s wants at once; widen it (--set window=%d), or give the strategy a smaller round", w, main.batch, main.name, main.batch)
	}
	s.lines[1] = &line{
		part: PartFinal, name: "final", strategy: &final{plan: &s.Plan, baselines: s.Baselines}, batch: 1 << 30,
		turns: s.turns[1], since: s.pass.FirstTurn, taken: s.taken[1], done: s.done[1],
	}
	if s.lines[1].state, err = s.led.State(PartFinal); err != nil {
		return err
	}
	if last := s.lines[1]; last.turns == s.pass.FirstTurn { // a pass that has only begun
		last.state, last.files, last.done = nil, nil, false
	}
	return s.led.Collect(s.keep())
}

// seat opens an evaluator.
func (s *Search) seat(ctx context.Context, key string) error {
	ref := s.cfg.Evaluators[key]
	if len(ref.Options) == 0 {
		ref.Options = json.RawMessage("{}")
	}
	session, hello, err := ref.Evaluator.Open(ctx, EvaluatorSetup{
		Space: s.cfg.Space, Workers: s.cfg.Workers, Options: ref.Options, Files: s.cfg.Ledger,
	})
	if err != nil {
		return fmt.Errorf("evaluator %s: %w", key, err)
	}
	seat := &seat{key: key, session: session, hello: hello, on: map[ID]*entry{}, drained: make(chan struct{})}
	s.seats = append(s.seats, seat)
	go func() {
		defer close(seat.drained)
		tell := func(e seatEvent) {
			select {
			case s.events <- e:
			case <-s.gone: // nobody reads any more
			}
		}
		for e := range session.Events() {
			tell(seatEvent{seat: seat, event: e})
		}
		tell(seatEvent{seat: seat, ended: true})
	}()
	return nil
}

// equip opens the evaluators that no fidelity names, if there are tasks that
// need them.
func (s *Search) equip(ctx context.Context, tasks []Task) error {
	lacking := func() (Task, bool) {
		for _, task := range tasks {
			if !slices.ContainsFunc(s.seats, func(x *seat) bool { return x.hello.does(task) }) {
				return task, true
			}
		}
		return "", false
	}
	for _, key := range slices.Sorted(maps.Keys(s.cfg.Evaluators)) {
		if _, lacks := lacking(); !lacks {
			return nil
		}
		if !slices.ContainsFunc(s.seats, func(x *seat) bool { return x.key == key }) {
			if err := s.seat(ctx, key); err != nil {
				return err
			}
		}
	}
	if task, lacks := lacking(); lacks {
		return wrong("strategy: %s needs an evaluator that does the task %s, and none here does; add one under evaluators, such as supernet: {use: supernet}", s.cfg.StrategyName, task)
	}
	return nil
}

// does tells whether an evaluator carries out a task.
func (h *Hello) does(t Task) bool {
	if len(h.Tasks) == 0 {
		return t == Train
	}
	return slices.Contains(h.Tasks, t)
}

// seatFor is where a job goes: to the evaluator of its fidelity, or to the first
// that does its task.
func (s *Search) seatFor(j *Job) (*seat, error) {
	own := s.seatOf(s.Plan.Fidelities[j.Fidelity].Evaluator)
	if j.Task == Train || own.hello.does(j.Task) {
		return own, nil
	}
	for _, x := range s.seats {
		if x.hello.does(j.Task) {
			return x, nil
		}
	}
	return nil, fmt.Errorf("candidate %s is to %s, which no evaluator does: its strategy did not say so when it was opened", j.ID, j.Task)
}

func (s *Search) evaluatorKeys() []string {
	var keys []string
	for _, f := range s.cfg.Fidelities {
		if !slices.Contains(keys, f.Evaluator) {
			keys = append(keys, f.Evaluator)
		}
	}
	return keys
}

func (s *Search) seatOf(key string) *seat {
	i := slices.IndexFunc(s.seats, func(x *seat) bool { return x.key == key })
	return s.seats[i]
}

// declared checks that what the search asks for is measured by somebody.
func (s *Search) declared(metrics []Metric) error {
	check := func(where, name string) error {
		var names []string
		for _, m := range metrics {
			if m.Name == name {
				return nil
			}
			names = append(names, m.Name)
		}
		return wrong("%s: no evaluator measures %q; there are %s", where, name, fmt.Sprint(names))
	}
	for i, o := range s.cfg.Objectives {
		if err := check(fmt.Sprintf("objectives[%d].metric", i), o.Metric); err != nil {
			return err
		}
	}
	for i, c := range s.cfg.Constraints {
		if err := check(fmt.Sprintf("constraints[%d].metric", i), c.Metric); err != nil {
			return err
		}
	}
	return nil
}

// plan is the recorded form of the configuration. What it leaves to the
// evaluators is decided by what they could do when the search began.
func (s *Search) plan(batch int, begun *Archive) Plan {
	seeded, tests := false, false
	for _, f := range s.cfg.Fidelities {
		hello := s.seatOf(f.Evaluator).hello
		if begun != nil {
			if first, ok := begun.hello(f.Evaluator); ok {
				hello = first
			}
		}
		seeded = seeded || hello.Seeded
		tests = hello.Tests // the highest fidelity tests
	}
	p := s.cfg.plan(batch, seeded, tests)
	if begun != nil { // the strategy may have changed, and may do so now
		p.Strategy, p.Options = begun.Plan.Strategy, begun.Plan.Options
		if s.cfg.Window == 0 {
			p.Window = begun.Plan.Window
		}
	}
	return p
}

// load goes on with what the ledger holds, or begins it if that is nil.
func (s *Search) load(main *line, a *Archive) error {
	if a == nil {
		plan := s.plan(main.batch, nil)
		raw, err := json.Marshal(plan)
		if err != nil {
			return err
		}
		s.pending.Header = &Header{Name: s.cfg.Name, Engine: Version, Created: s.cfg.Clock.Now().UTC(), Config: raw}
		s.pending.State = map[Part][]byte{PartSearch: main.state}
		s.Archive = &Archive{
			Name: s.cfg.Name, Plan: plan, Space: s.cfg.Space, Baselines: s.cfg.Final.Baselines,
			Strategies: []StrategyEvent{plan.strategy()}, led: s.cfg.Ledger,
		}
		s.spaces = map[string]*genome.Space{"": s.cfg.Space}
		for _, b := range s.cfg.Final.Baselines {
			s.spaces[b.Name] = b.Genome.Space()
		}
		s.counters.State = StateNew
	} else {
		s.Archive = a
		if err := samePlan(a.Plan, s.plan(main.batch, a)); err != nil {
			return err
		}
		main.turns, main.taken = a.turns[0], a.taken[0]
		if err := s.resume(main); err != nil {
			return err
		}
	}
	s.lines[0] = main
	known := len(s.Evaluators)
	if err := s.fingerprints(); err != nil {
		return err
	}
	switch {
	case s.book == nil:
		s.book = s.newBook()
	case len(s.Evaluators) > known: // the newcomer may declare other metrics
		if err := s.readJobs(); err != nil {
			return err
		}
	}
	if s.seq == 0 || s.Limits != s.cfg.Limits && !sameLimits(s.Limits, s.cfg.Limits) {
		s.journal(EventLimits, s.cfg.Limits)
		s.Limits, s.limited = s.cfg.Limits, main.turns
	}
	s.journal(EventStarted, StartedEvent{PID: os.Getpid(), Workers: s.cfg.Workers, Source: s.cfg.StrategySource})
	s.counters.State, s.counters.Cause = StateRunning, ""
	s.touch()
	for _, list := range [][]*entry{s.book.search, s.book.final} {
		for _, e := range list {
			if len(e.Files) > 0 {
				s.holders[e.ID] = e
			}
			switch {
			case e.stage.is(waiting) && (e.ID <= FinalBase || e.ID >= s.pass.FirstID):
				s.enqueue(e)
			case e.stage.is(decided) && e.ID <= FinalBase:
				s.inbox = append(s.inbox, e.ID)
			}
		}
	}
	return nil
}

// resume gives the search's line the state that its strategy left, or lets
// another strategy take over.
func (s *Search) resume(main *line) (err error) {
	now, options := s.now(), compactJSON(s.cfg.StrategyOptions)
	if now.Name != main.name || !sameJSON(now.Options, options) {
		if !s.cfg.ChangeStrategy {
			return wrong("strategy: the search is with %s %s and this asks for %s %s; to go on with another strategy say so: nascent run DIR --strategy %s",
				now.Name, clip(string(now.Options)), main.name, clip(string(options)), main.name)
		}
		e := StrategyEvent{Turn: main.turns, Name: main.name, Options: options, Source: cmp.Or(s.cfg.StrategySource, main.name), Window: max(now.Window, main.batch)}
		s.journalAt(main.turns, EventStrategy, e)
		s.Strategies = append(s.Strategies, e)
		s.pending.State = map[Part][]byte{PartSearch: main.state}
		s.say("from turn %d on strategy %s decides", e.Turn, e.Name)
	} else if main.state, err = s.led.State(PartSearch); err != nil {
		return err
	}
	if main.since = s.now().Turn; main.turns > main.since {
		main.done, main.files = s.done[0], s.kept[0].Files
	}
	return nil
}

func sameLimits(a, b Limits) bool {
	if (a.Target == nil) != (b.Target == nil) || a.Target != nil && *a.Target != *b.Target {
		return false
	}
	a.Target, b.Target = nil, nil
	return a == b
}

// fingerprints journals each evaluator that is new to the ledger, and refuses
// one that has taken another's place, if there is anything of the other's that
// its results would be compared with.
func (s *Search) fingerprints() error {
	for _, seat := range s.seats {
		seat.mark = -1
		var last *EvaluatorEvent
		for i := range s.Evaluators {
			if e := &s.Evaluators[i]; e.Key == seat.key {
				last = e
				if e.Hello.Fingerprint == seat.hello.Fingerprint {
					seat.mark = i
				}
			}
		}
		if seat.mark >= 0 && last.Hello.Fingerprint == seat.hello.Fingerprint {
			continue
		}
		if last != nil && !s.cfg.AcceptFingerprint && s.leftBy(seat.key) {
			return wrong("evaluator %s is not the one that this search began with (fingerprint %s then, %s now): its program, options or data changed, and old results may not compare with new ones; run with --accept-evaluator to go on all the same",
				seat.key, clip(last.Hello.Fingerprint), clip(seat.hello.Fingerprint))
		}
		e := EvaluatorEvent{Key: seat.key, Hello: seat.hello}
		s.journal(EventEvaluator, e)
		seat.mark = len(s.Evaluators)
		s.Evaluators = append(s.Evaluators, e)
		s.joined = append(s.joined, s.lines[0].turns)
	}
	return nil
}

// leftBy tells whether an evaluator has left anything: a result that is no
// failure, or saved progress, which may be anybody's.
func (s *Search) leftBy(key string) bool {
	for _, list := range [][]*entry{s.book.search, s.book.final} {
		for _, e := range list {
			switch {
			case e.try != nil && len(e.try.saved) > 0:
				return true
			case e.try != nil || e.Result.Status == Failed:
			case s.Evaluators[e.Fingerprint].Key == key:
				return true
			}
		}
	}
	return false
}

// journal adds an event to the next commit.
func (s *Search) journal(kind string, data any) {
	turn := uint64(0)
	if s.lines[0] != nil {
		turn = s.lines[0].turns
	}
	s.journalAt(turn, kind, data)
}

// journalAt adds an event that holds from a turn on.
func (s *Search) journalAt(turn uint64, kind string, data any) {
	raw, err := json.Marshal(data)
	if err != nil {
		panic(fmt.Sprintf("engine: event %s: %v", kind, err)) // our own types
	}
	s.seq++
	s.pending.Events = append(s.pending.Events, EventRecord{Seq: s.seq, Turn: turn, Kind: kind, Data: raw, Time: s.cfg.Clock.Now().UTC()})
}

// touch puts the counters into the next commit.
func (s *Search) touch() {
	c := s.counters
	s.pending.Counters = &c
}

// closeSeats ends every evaluator. One that does not end when its grace is over
// is left behind: it must not keep the search from ending.
func (s *Search) closeSeats() error {
	ctx, cancel := context.WithTimeout(context.Background(), s.cfg.Grace)
	defer cancel()
	forced, cancel := context.WithTimeout(context.Background(), 2*s.cfg.Grace)
	defer cancel()
	all := make(chan struct{})
	go func() { // the loop does not read any more
		for {
			select {
			case <-s.events:
			case <-all:
				return
			}
		}
	}()
	var wg sync.WaitGroup
	errs := make([]error, len(s.seats))
	for i, seat := range s.seats {
		wg.Go(func() {
			closed := make(chan error, 1)
			go func() {
				err := seat.session.Close(ctx)
				<-seat.drained
				closed <- err
			}()
			select {
			case errs[i] = <-closed:
			case <-forced.Done():
				errs[i] = fmt.Errorf("evaluator %s did not end within %s; look whether something of it still runs", seat.key, 2*s.cfg.Grace)
			}
		})
	}
	wg.Wait()
	close(all)
	return errors.Join(errs...)
}

// ask runs f in the loop, or at once where no loop is running.
func (s *Search) ask(f func()) {
	s.mu.Lock()
	if !s.ran {
		defer s.mu.Unlock() // Run waits for f
		f()
		return
	}
	s.mu.Unlock()
	done := make(chan struct{})
	select {
	case s.asks <- func() { f(); close(done) }:
		<-done
	case <-s.gone:
		f()
	}
}

// Status tells where the search stands. It may be called from any goroutine.
func (s *Search) Status() Snapshot {
	var st Snapshot
	s.ask(func() { st = s.status() })
	return st
}

func (s *Search) status() Snapshot {
	if s.Archive == nil || s.book == nil || s.lines[0] == nil {
		return Snapshot{Name: s.cfg.Name, State: StateNew, Phase: PhaseSearch, Workers: s.cfg.Workers, Limits: s.cfg.Limits}
	}
	st := s.Archive.Status()
	st.Turns, st.Workers = s.lines[0].turns, s.cfg.Workers
	st.Running = s.onBoard
	now := s.cfg.Clock.Now()
	for _, seat := range s.seats {
		for _, e := range seat.on {
			j := RunningJob{ID: e.ID, Phase: e.Phase, Task: e.Task, Attempt: e.try.attempt, Genome: e.Genome.Text(), Step: e.try.point.Step, Budget: e.Budget, Metrics: e.try.point.Metrics}
			if !e.try.begun.IsZero() {
				j.Seconds = now.Sub(e.try.begun).Seconds()
			}
			st.Jobs = append(st.Jobs, j)
			if partOf(e.ID) == PartSearch {
				st.Waiting--
			}
		}
	}
	slices.SortFunc(st.Jobs, func(a, b RunningJob) int { return cmp.Compare(a.ID, b.ID) })
	return st
}

// Candidates ranges over the candidates that were consumed when it was called.
// It may be used from any goroutine, beside the running search.
func (s *Search) Candidates() iter.Seq[Candidate] {
	var seq iter.Seq[Candidate]
	s.ask(func() {
		if s.Archive == nil || s.book == nil {
			seq = func(func(Candidate) bool) {}
			return
		}
		seq = s.Archive.Candidates()
	})
	return seq
}

// Candidate returns one candidate with its curve.
func (s *Search) Candidate(id ID) (c Candidate, err error) {
	s.ask(func() {
		if s.Archive == nil || s.book == nil {
			err = ErrEmpty
			return
		}
		c, err = s.Archive.Candidate(id)
	})
	return c, err
}

// Best returns the best candidates so far, best first.
func (s *Search) Best(n int) (best []Candidate) {
	s.ask(func() {
		if s.Archive != nil && s.book != nil {
			best = s.Archive.Best(n)
		}
	})
	return best
}

// Outcome tells what the final strategy found so far.
func (s *Search) Outcome() (o Outcome, ok bool) {
	s.ask(func() {
		if s.Archive != nil && s.book != nil {
			o, ok = s.Archive.Outcome()
		}
	})
	return o, ok
}
