package serve

import (
	"bufio"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/index"
	"github.com/nascent-nas/nascent/engine/ledger"
)

// Source is where searches are read. The command line is one: it knows who runs them.
type Source interface {
	// Feed writes what somebody lacks of the search in dir, see Write.
	Feed(ctx context.Context, dir string, a Asked, w io.Writer) error
	// Detail is the whole result of a candidate.
	Detail(ctx context.Context, dir string, id engine.ID) (engine.ResultRecord, error)
	// Run carries out a command that reads, and writes what it prints.
	Run(ctx context.Context, out io.Writer, args ...string) error
	// Steer changes the search in dir, whether it runs or not.
	Steer(ctx context.Context, dir string, r engine.Request) (engine.Receipt, error)
}

// search is one that is shown.
type search struct {
	name, dir string
	called    string // its directory in commands
	source    Source

	reading sync.Mutex // held by the one who refreshes

	// mu is held while the search is looked through or grows, brief by whoever has no time to
	// wait for that. mu is taken first.
	mu      sync.Mutex
	total   uint64 // rows that there are
	index   *index.Index
	record  engine.Ledger
	events  uint64
	archive *engine.Archive
	rows    *show.Rows // of index
	view    *show.View
	state   State
	stands  bool   // state is known
	told    string // state as JSON
	calm    string // without what changes all the time
	columns map[string]*column
	course  *course
	details map[engine.ID]engine.ResultRecord
	places  *places // until something changes

	selections map[string][]int // rows of tables, likewise

	brief     sync.Mutex
	version   uint64             // grows with every change
	revision  uint64             // without those of clocks and of jobs that run
	used      time.Time          // when somebody last asked for it
	busy      bool               // somebody reads it
	refreshed time.Time          // when that was last done
	err       error              // why it cannot be read
	standing  *standing          // for a list of searches
	stamp     stamp              // of a stopped search when it was read; written with mu, too
	answers   map[string]*answer // by their queries
	owed      time.Time          // when an answer of before is to be found anew; zero: none
}

func newSearch(name, dir string, from Source) *search {
	return &search{name: name, dir: dir, called: show.Quote(dir), source: from, answers: map[string]*answer{}}
}

// stamp tells states of a stopped search's file apart.
type stamp struct {
	size int64
	at   time.Time
}

func stampOf(dir string) stamp {
	info, err := os.Stat(filepath.Join(dir, ledger.FileName))
	if err != nil {
		return stamp{}
	}
	return stamp{info.Size(), info.ModTime()}
}

// refresh reads what is new. Others may look at what is there meanwhile.
func (s *search) refresh(ctx context.Context) error {
	s.reading.Lock()
	defer s.reading.Unlock()
	now := stampOf(s.dir)
	s.mu.Lock()
	if s.stands && !s.state.Live && s.wrong() == nil && now == s.stamp {
		s.mu.Unlock()
		return nil
	}
	if s.index == nil {
		s.index = index.Load(s.dir)
	}
	c := s.index.Cursor()
	a := Asked{Search: hex.EncodeToString(c.Search[:]), Rows: c.Rows, Last: c.Last, Events: s.events}
	if s.archive == nil {
		a.Events = 0
	}
	s.mu.Unlock()

	r, w := io.Pipe()
	fed := make(chan error, 1)
	go func() {
		err := s.source.Feed(ctx, s.dir, a, w)
		w.CloseWithError(err)
		fed <- err
	}()
	err := receive(bufio.NewReader(r), s)
	r.Close()
	if cause := <-fed; cause != nil && !errors.Is(cause, io.ErrClosedPipe) {
		err = cause
	}
	if err != nil && ctx.Err() != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.brief.Lock()
	defer s.brief.Unlock()
	if s.stamp = now; err != nil {
		s.stamp = stamp{}
	}
	if (err == nil) != (s.err == nil) || err != nil && err.Error() != s.err.Error() {
		s.version, s.revision = s.version+1, s.revision+1
	}
	s.err = err
	return err
}

// wrong is why it cannot be read, or nil.
func (s *search) wrong() error {
	s.brief.Lock()
	defer s.brief.Unlock()
	return s.err
}

// changed says that answers of before hold no more or, where only clocks and jobs that run
// are others, that those hold no more which tell of these. s.mu is held.
func (s *search) changed(calm bool) {
	s.brief.Lock()
	defer s.brief.Unlock()
	if s.version++; !calm {
		s.places = nil
		clear(s.selections)
		s.revision++
	}
}

// begin takes in what the search is.
func (s *search) begin(h head) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h.Header == nil {
		return engine.ErrEmpty
	}
	s.total = h.Total
	if h.Anew {
		s.index, s.archive, s.events = &index.Index{}, nil, 0
	}
	if s.archive != nil && len(h.Events) == 0 {
		return nil
	}
	if s.archive == nil {
		s.record = engine.Memory()
		if err := s.record.Commit(&engine.Change{Header: h.Header}); err != nil {
			return err
		}
	}
	if err := s.record.Commit(&engine.Change{Events: h.Events}); err != nil {
		return err
	}
	if n := len(h.Events); n > 0 {
		s.events = h.Events[n-1].Seq
	}
	archive, err := engine.ReadPlan(s.record)
	if err != nil {
		return err
	}
	labels, err := engine.ReadLabels(s.record)
	if err != nil {
		return err
	}
	s.archive = archive
	s.rows = show.RowsOf(s.index, archive, archive.Metrics(), labels, s.dir)
	s.view = show.Of(archive, reader{s}, shelf{s.record, s.dir}, s.dir)
	s.columns, s.course, s.details = nil, nil, nil
	s.changed(false)
	return nil
}

// rows takes in some that follow.
func (s *search) receive(block io.Reader, of [32]byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch err := s.index.Receive(block, of); {
		case errors.Is(err, io.EOF):
			s.rows.Grow()
			s.changed(false)
			return nil
		case err != nil:
			s.index, s.archive = nil, nil // it begins anew
			return err
		}
	}
}

// stand takes in where the search stands.
func (s *search) stand(now State) {
	s.mu.Lock()
	defer s.mu.Unlock()
	calm := now
	calm.Jobs, calm.Running, calm.Waiting, calm.Spent, calm.Wall, calm.Idle, calm.Deciding, calm.Clients, calm.Hosts = nil, 0, 0, engine.Spent{}, 0, 0, 0, nil, nil
	text, err := json.Marshal(now)
	quiet, _ := json.Marshal(calm)
	if err != nil || string(text) != s.told {
		s.changed(err == nil && string(quiet) == s.calm)
	}
	s.state, s.told, s.calm, s.stands = now, string(text), string(quiet), true
	s.view.Live = now.Live
	s.brief.Lock()
	defer s.brief.Unlock()
	s.standing = s.listed()
}

// shelf finds a search's files where they lie.
type shelf struct {
	engine.Ledger
	dir string
}

func (s shelf) Path(hash string) (string, error) {
	path := filepath.Join(s.dir, "files", filepath.Base(hash))
	_, err := os.Lstat(path)
	return path, err
}

// reader answers a show.View's questions from the rows. The search's mu is held.
type reader struct{ *search }

func (r reader) Status() engine.Snapshot { return r.state.Snapshot }

func (r reader) Candidates() iter.Seq[engine.Candidate] {
	return func(yield func(engine.Candidate) bool) {
		for _, final := range []bool{false, true} { // those of the search first
			for row := range r.rows.Len() {
				if (r.rows.Phase.At(row) != string(engine.PhaseSearch)) == final && !yield(r.rows.Candidate(row)) {
					return
				}
			}
		}
	}
}

// Candidate is without curve, output and files: only the ledger has them, see detail.
func (r reader) Candidate(id engine.ID) (engine.Candidate, error) {
	row, ok := r.rows.Find(id)
	if !ok {
		return engine.Candidate{}, unknown(id, r.rows, &r.state.Snapshot)
	}
	return r.rows.Candidate(row), nil
}

// mostDetails is of how many candidates whole results are at hand.
const mostDetails = 200

// detail is the whole result of a candidate. The search's mu is held.
func (s *search) detail(ctx context.Context, id engine.ID) (engine.ResultRecord, error) {
	if d, ok := s.details[id]; ok {
		return d, nil
	}
	d, err := s.source.Detail(ctx, s.dir, id)
	if err == nil {
		s.keep(d)
	}
	return d, err
}

func (s *search) keep(d engine.ResultRecord) {
	if s.details == nil || len(s.details) >= mostDetails {
		s.details = map[engine.ID]engine.ResultRecord{}
	}
	s.details[d.ID] = d
}

// fetch has the whole results at hand that a question will ask for: others may look at the
// search while they are read.
func (s *search) fetch(ctx context.Context, question string, about engine.ID) {
	for range 3 { // who is asked for may depend on who is there
		var missing []engine.ID
		s.mu.Lock()
		if s.archive != nil {
			missing = slices.DeleteFunc(s.needed(question, about), func(id engine.ID) bool {
				_, known := s.details[id]
				return known || id == 0
			})
		}
		s.mu.Unlock()
		if len(missing) == 0 {
			return
		}
		for _, id := range missing {
			d, err := s.source.Detail(ctx, s.dir, id)
			if err != nil {
				return // it is asked for again, and says why
			}
			s.mu.Lock()
			s.keep(d)
			s.mu.Unlock()
		}
	}
}

// needed are candidates whose whole results a question asks for. s.mu is held.
func (s *search) needed(question string, about engine.ID) []engine.ID {
	switch question {
	case "/candidate/{id}":
		if row, ok := s.rows.Find(about); ok {
			return []engine.ID{about, s.rows.Reuse[row]}
		}
	case "/curves":
		return s.curved()
	}
	return nil
}

func (r reader) Best(n int) []engine.Candidate { return r.leading(r.state.Best, n) }

// leading are whole candidates.
func (r reader) leading(best []engine.Best, n int) (out []engine.Candidate) {
	for _, b := range best[:min(n, len(best))] {
		if row, ok := r.rows.Find(b.ID); ok {
			out = append(out, r.rows.Candidate(row))
		}
	}
	return out
}

func (r reader) Estimates(id engine.ID) map[string]engine.Estimate {
	row, ok := r.rows.Find(id)
	if !ok {
		return nil
	}
	c := r.rows.Candidate(row)
	leaders := r.follow().leaders
	if c.Status != engine.OK || c.Stopped || c.Task != engine.Train || c.Fidelity != leaders.Fidelity() || c.Origin() == engine.Imported {
		return nil
	}
	return leaders.Estimates(&c)
}

func (r reader) Outcome() (o engine.Outcome, ok bool) {
	if r.state.Outcome == nil {
		return o, false
	}
	return *r.state.Outcome, true
}
