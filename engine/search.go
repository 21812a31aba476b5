package engine

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"slices"
	"time"
)

// Version of the engine, recorded in the ledger.
const Version = "0.3.0"

// Search is one run of the engine over one ledger: from New, through Run, to
// the end of the process that holds it. Run's goroutine owns everything; other
// goroutines ask it.
type Search struct {
	cfg Config
	own bool // nobody gave a ledger: its files end with Run
	*calls

	at      *trajectory // where the search stands; nil until Run has read the ledger
	writer  *writer
	pool    *pool
	jobs    *dispatcher
	files   *holds
	timers  *timers
	inbox   []ID            // arrival order: what has a result and was not consumed, as it came
	brought []ID            // imported, and not consumed
	orders  []func()        // from outside, that wait until no turn is being decided
	sharers map[ID][]*entry // by the job whose result they wait for

	mode      mode
	trouble   error      // why the run ends, if it is not by wish
	before    int        // evaluations that were consumed before this run
	returning bool       // running jobs were called back by a pause
	finalRun  bool       // the final strategy is or was at work in this run
	given     Config     // as the search was configured; cfg is what it came to
	reopening *reopening // a takeover that waits until no job is under way, or nil
	takeover  *reopening // one that is being tried
	since     time.Time  // of the last account of time
	stepping  *turn      // that the strategy is deciding
	aim       int        // evaluations that the limit is to be raised to, once no turn is under way
	started   configured // as it was configured, whatever was set
	turns     durations  // of turns
	scaled    bool       // what is to be said of logarithmic scales is said
	beaten    bool       // what is to be said of the reference is said, or there is nothing
	stepped   chan stepResult

	only bool // it begins the search, and takes no turn

	room   *Room // that was seen last
	defied bool  // somebody has it go on without room
}

// mode is what the loop is about.
type mode int

const (
	searching mode = iota
	ending         // the search has reached its end; running jobs are waited for
	finishing      // the final strategy is at work
	leaving        // nothing new is started; running jobs are waited for
)

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
	s := &Search{given: cfg, own: own, calls: newCalls()}
	s.writer = newWriter(cfg.Ledger)
	s.anew()
	return s, nil
}

// Run is New and Search.Run in one: for searches in 20 lines.
func Run(ctx context.Context, cfg Config) (*Search, error) {
	s, err := New(cfg)
	if err != nil {
		return nil, err
	}
	return s, s.Run(ctx)
}

// Begin writes down what a search is, and ends before its first turn: what is known
// from elsewhere can be imported then. A search that has begun is left as it is.
func Begin(ctx context.Context, cfg Config) error {
	s, err := New(cfg)
	if err != nil {
		return err
	}
	if _, _, err := recorded(cfg.Ledger); !errors.Is(err, ErrEmpty) {
		return err
	}
	s.only = true
	return s.run(ctx, func(ctx context.Context) error {
		s.since = s.cfg.Clock.Now()
		s.leave("")
		return s.loop(ctx)
	})
}

// Stop ends Run cleanly: running jobs are asked to keep their progress and
// end, everything is committed, and Run returns nil. Stop does not wait.
func (s *Search) Stop() { s.once.Do(func() { close(s.stop) }) }

// Run opens the evaluators and the ledger's content and searches until the
// limits are reached, the strategy is done, Stop is called or ctx ends. It
// returns nil when the search is finished or was stopped cleanly. A Search
// runs once.
func (s *Search) Run(ctx context.Context) (err error) { return s.run(ctx, s.loop) }

func (s *Search) run(ctx context.Context, loop func(context.Context) error) (err error) {
	if !s.begin() {
		return errors.New("a Search runs once; make another with New to go on")
	}
	defer close(s.gone)
	defer func() {
		closing := s.pool.close()
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
	if p := s.at.paused; p != nil {
		s.say("paused before turn %d: nothing is started until somebody resumes it (nascent resume)", p.Turn)
	}
	close(s.opened)
	go s.writer.run()
	defer close(s.writer.changes)
	for err = loop(ctx); errors.Is(err, errReopen); err = loop(ctx) {
		if err := s.reopen(ctx); err != nil {
			return err
		}
	}
	return err
}

// Opened is closed once the evaluators are open. Until then whoever asks something waits.
func (s *Search) Opened() <-chan struct{} { return s.opened }

// Archive is what is known of the search when it is called, or nil before Run has
// read the ledger. It may be called from any goroutine.
func (s *Search) Archive() *Archive {
	var a *Archive
	s.ask(func() {
		if s.at != nil {
			now := s.at.Archive
			now.leaders = now.leaders.clone()
			a = &now
		}
	})
	return a
}

// Takeovers is how often it declared something else so far. It may be called from any
// goroutine.
func (s *Search) Takeovers() (n int) {
	s.ask(func() {
		if s.at != nil {
			n = s.at.Takeovers()
		}
	})
	return n
}

// Status tells where the search stands. It may be called from any goroutine.
func (s *Search) Status() Snapshot {
	var st Snapshot
	var on []Session
	s.ask(func() {
		st = s.status()
		for _, j := range st.Jobs {
			on = append(on, s.pool.with(j.ID))
		}
	})
	for i := range st.Jobs {
		if m, ok := on[i].(Meter); ok { // outside of the loop: it looks around
			st.Jobs[i].Usage = m.Usage(st.Jobs[i].ID, st.Jobs[i].Attempt).sane()
		}
	}
	return st
}

func (s *Search) status() Snapshot {
	if s.at == nil {
		return Snapshot{Name: s.cfg.Name, State: StateNew, Phase: PhaseSearch, Workers: s.cfg.Workers, Limits: s.cfg.Limits}
	}
	st := s.at.Status()
	st.Workers, st.Disk = s.cfg.Workers, s.disk()
	now := s.cfg.Clock.Now()
	if t := s.stepping; t != nil && t.slow {
		st.Deciding = now.Sub(t.begun).Seconds()
	}
	for _, x := range s.pool.open {
		for _, e := range x.jobs {
			t := e.attempts
			if x.hello.Waits && t.begun.IsZero() {
				continue // nobody has it yet
			}
			st.Running++
			j := RunningJob{
				ID: e.ID, Phase: e.Phase, Task: e.Task, Attempt: t.newest, Genome: e.Genome.Text(),
				Step: t.point.Step, Budget: e.Budget, Metrics: t.point.Metrics,
			}
			if !t.begun.IsZero() {
				j.Seconds, j.Slow = now.Sub(t.begun).Seconds(), t.slow
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
	seq := iter.Seq[Candidate](func(func(Candidate) bool) {})
	s.ask(func() {
		if s.at != nil {
			seq = s.at.Candidates()
		}
	})
	return seq
}

// Candidate returns one candidate with its curve.
func (s *Search) Candidate(id ID) (c Candidate, err error) {
	s.ask(func() {
		if err = ErrEmpty; s.at != nil {
			c, err = s.at.Candidate(id)
		}
	})
	return c, err
}

// Best returns the best candidates so far, best first.
func (s *Search) Best(n int) (best []Candidate) {
	s.ask(func() {
		if s.at != nil {
			best = s.at.Best(n)
		}
	})
	return best
}

// Estimates are what all measurements of a candidate's genome tell so far, by metric.
func (s *Search) Estimates(id ID) (all map[string]Estimate) {
	s.ask(func() {
		if s.at != nil {
			all = s.at.Estimates(id)
		}
	})
	return all
}

// Outcome tells what the final strategy found so far.
func (s *Search) Outcome() (o Outcome, ok bool) {
	s.ask(func() {
		if s.at != nil {
			o, ok = s.at.Outcome()
		}
	})
	return o, ok
}
