package host

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/internal/mailbox"
)

// Shared is an evaluator that several searches open at once, and one after the
// other: those of one space with the same options share its processes. It is meant
// for evaluators that look results up (engine.Hello.Lookup), for which starting a
// process and reading a table take longer than a search.
//
// An evaluator that does not say that it looks results up is opened for each search
// by itself.
type Shared struct {
	evaluator engine.Evaluator
	workers   int

	mu     sync.Mutex
	common map[string]*common // by what they were opened with
}

// Share makes a Shared of an evaluator. The searches together keep it busy with at
// most so many jobs at once. It is closed when no search has it open any more.
func Share(e engine.Evaluator, workers int) *Shared {
	return &Shared{evaluator: e, workers: workers, common: map[string]*common{}}
}

// common is one session that searches share.
type common struct {
	session engine.Session
	hello   engine.Hello
	passing *passing
	ended   chan struct{} // closed when the session says no more

	mu      sync.Mutex
	closed  bool
	next    engine.ID
	aboard  map[engine.ID]ticket // by the job's number in the common session
	members []*member
}

// ticket is an attempt of a member.
type ticket struct {
	by *member
	key
}

// Open implements engine.Evaluator.
func (s *Shared) Open(ctx context.Context, setup engine.EvaluatorSetup) (engine.Session, engine.Hello, error) {
	c, err := s.with(ctx, setup)
	if err != nil {
		return nil, engine.Hello{}, err
	}
	if c == nil {
		return s.evaluator.Open(ctx, setup)
	}
	hello := c.hello
	if e := setup.Expect; e != nil && e.Identity != hello.Identity {
		return nil, hello, &engine.ChangedError{What: engine.IdentityChanges(e.Identity, hello.Identity)}
	}
	if hello.Slots == s.workers { // they follow the workers of a search
		hello.Slots = max(1, setup.Workers)
	}
	m := &member{common: c, files: setup.Files, events: mailbox.New[engine.Event](), aboard: map[key]engine.ID{}}
	c.mu.Lock()
	c.members = append(c.members, m)
	c.mu.Unlock()
	return m, hello, nil
}

// with finds or opens the common session for a setup; none where the evaluator is
// not to be shared.
func (s *Shared) with(ctx context.Context, setup engine.EvaluatorSetup) (*common, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := fmt.Sprintf("%d\n%s\n%s", setup.Space.Rules(), setup.Space.JSON(), setup.Options)
	if c, ok := s.common[k]; ok {
		return c, nil
	}
	temp, err := os.MkdirTemp("", "nascent-shared-")
	if err != nil {
		return nil, err
	}
	c := &common{aboard: map[engine.ID]ticket{}, ended: make(chan struct{})}
	c.passing = &passing{dir: temp, by: c}
	own := setup
	own.Workers, own.Files, own.Expect = s.workers, c.passing, nil
	if c.session, c.hello, err = s.evaluator.Open(ctx, own); err != nil {
		os.RemoveAll(temp)
		return nil, err
	}
	if !c.hello.Lookup {
		s.common[k] = nil
		return nil, errors.Join(c.session.Close(ctx), os.RemoveAll(temp))
	}
	s.common[k] = c
	go c.pass()
	return c, nil
}

// Close ends the processes. Searches must have closed their sessions before.
func (s *Shared) Close(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, k := range slices.Sorted(maps.Keys(s.common)) {
		if c := s.common[k]; c != nil {
			errs = append(errs, c.session.Close(ctx))
			<-c.ended
			errs = append(errs, os.RemoveAll(c.passing.dir))
		}
	}
	clear(s.common)
	return errors.Join(errs...)
}

// pass hands each event to the search that it belongs to.
func (c *common) pass() {
	defer close(c.ended)
	for e := range c.session.Events() {
		c.mu.Lock()
		members := c.members
		t, ok := c.aboard[e.ID]
		if ok && last(e) {
			delete(c.aboard, e.ID)
		}
		c.mu.Unlock()
		switch {
		case ok:
			t.by.take(t.key, e)
		case e.Kind == engine.Broken:
			for _, m := range members {
				m.events.Put(e)
			}
		}
	}
	c.mu.Lock()
	c.closed = true
	members := slices.Clone(c.members)
	c.mu.Unlock()
	for _, m := range members {
		m.end()
	}
}

// last tells whether an event is a job's last.
func last(e engine.Event) bool {
	return e.Kind == engine.Finished || e.Kind == engine.Returned || e.Kind == engine.Lost
}

// member is the session of one search.
type member struct {
	common *common
	files  engine.Files
	events *mailbox.Mailbox[engine.Event]

	mu     sync.Mutex
	closed bool
	aboard map[key]engine.ID // not answered yet; their numbers in the common session
}

// Events implements engine.Session.
func (m *member) Events() <-chan engine.Event { return m.events.Out() }

// Submit implements engine.Session.
func (m *member) Submit(a engine.Assignment) error {
	c, k := m.common, key{a.Job.ID, a.Attempt}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return errClosed
	}
	if _, twice := m.aboard[k]; twice {
		return fmt.Errorf("job %s, attempt %d is already on board", k.id, k.attempt)
	}
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return errClosed
	}
	c.next++
	id := c.next
	c.aboard[id] = ticket{m, k}
	c.mu.Unlock()
	m.aboard[k] = id
	job := *a.Job
	job.ID, a.Job = id, &job
	if err := c.session.Submit(a); err != nil {
		delete(m.aboard, k)
		c.mu.Lock()
		delete(c.aboard, id)
		c.mu.Unlock()
		return err
	}
	return nil
}

// take receives an event of one of the search's jobs.
func (m *member) take(k key, e engine.Event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	number := e.ID
	if m.aboard[k] != number { // it was handed back when the session closed
		return
	}
	e.ID = k.id
	files, err := m.own(e.Files)
	if e.Files = files; err == nil && e.Result != nil {
		e.Result.Files, err = m.own(e.Result.Files)
	}
	if err != nil && e.Kind == engine.Finished {
		e.Result = &engine.Result{Status: engine.Failed, Reason: engine.OneLine(err.Error()), Seconds: e.Result.Seconds}
	} else if err != nil {
		return // progress that cannot be kept
	}
	if e.Kind == engine.Finished {
		m.common.session.Ack(number, k.attempt) // nothing of it is lost with this search
	}
	if last(e) {
		delete(m.aboard, k)
	}
	m.events.Put(e)
}

// own takes files that came through the common session into the search's store.
func (m *member) own(refs []engine.FileRef) ([]engine.FileRef, error) {
	var out []engine.FileRef
	for _, r := range refs {
		if m.files == nil {
			return nil, errors.New("the search has no store of files")
		}
		ref, err := m.files.Put(m.common.passing.at(r.Hash), r.Name)
		if err != nil {
			return nil, err
		}
		out = append(out, ref)
	}
	return out, nil
}

// Cancel implements engine.Session.
func (m *member) Cancel(id engine.ID, attempt int, save bool) {
	if n, ok := m.number(id, attempt); ok {
		m.common.session.Cancel(n, attempt, save)
	}
}

// Kill implements engine.Session.
func (m *member) Kill(id engine.ID, attempt int) {
	if n, ok := m.number(id, attempt); ok {
		m.common.session.Kill(n, attempt)
	}
}

func (m *member) number(id engine.ID, attempt int) (engine.ID, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, ok := m.aboard[key{id, attempt}]
	return n, ok
}

// Ack implements engine.Session: results were acknowledged as they came.
func (m *member) Ack(engine.ID, int) {}

// Close implements engine.Session. What is on board is handed back, and whatever
// comes of it dropped.
func (m *member) Close(context.Context) error {
	m.mu.Lock()
	left := maps.Clone(m.aboard)
	m.mu.Unlock()
	m.end()
	for k, n := range left {
		m.common.session.Cancel(n, k.attempt, false)
	}
	c := m.common
	c.mu.Lock()
	defer c.mu.Unlock()
	c.members = slices.DeleteFunc(slices.Clone(c.members), func(x *member) bool { return x == m })
	return nil
}

// end hands back what is on board and takes nothing more.
func (m *member) end() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return
	}
	m.closed = true
	for k := range m.aboard {
		m.events.Put(engine.Event{ID: k.id, Attempt: k.attempt, Kind: engine.Returned, Reason: "shutting down"})
	}
	clear(m.aboard)
	m.events.Close()
}

// passing is the store of a common session: a file stays in it until the search
// that it belongs to takes it. It is known by a number in place of its hash.
type passing struct {
	dir  string
	by   *common
	last atomic.Int64
}

// passingMark begins what stands for a hash.
const passingMark = "passing-"

func (p *passing) at(hash string) string { return filepath.Join(p.dir, filepath.Base(hash)) }

// Put implements engine.Files.
func (p *passing) Put(path, name string) (engine.FileRef, error) {
	hash := passingMark + strconv.FormatInt(p.last.Add(1), 10)
	return engine.FileRef{Name: name, Hash: hash}, os.Rename(path, p.at(hash))
}

// Path implements engine.Files: what jobs go on from lies in their searches' stores.
func (p *passing) Path(hash string) (string, error) {
	if strings.HasPrefix(hash, passingMark) {
		return p.at(hash), nil
	}
	p.by.mu.Lock()
	members := p.by.members
	p.by.mu.Unlock()
	err := fmt.Errorf("the file %s is in no search's store", hash)
	for _, m := range members {
		if m.files == nil {
			continue
		}
		path, e2 := m.files.Path(hash)
		if e2 == nil {
			return path, nil
		}
		err = e2
	}
	return "", err
}

// Temp implements engine.Files.
func (p *passing) Temp() string { return p.dir }
