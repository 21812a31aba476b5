package engine

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

// Memory returns a Ledger that keeps everything in memory, for tests and for
// searches that need not outlive their process. Its files lie in a temporary
// directory that Close removes.
func Memory() Ledger {
	return &memory{
		jobs: map[ID]JobRecord{}, results: map[ID]ResultRecord{}, inbox: map[ID]ResultRecord{},
		attempts: map[ID]AttemptRecord{}, states: map[Part][]byte{}, claims: map[string]int{},
	}
}

type memory struct {
	mu       sync.Mutex
	header   *Header
	events   []EventRecord
	turns    [2][]TurnRecord
	jobs     map[ID]JobRecord
	results  map[ID]ResultRecord
	history  []ID
	inbox    map[ID]ResultRecord
	attempts map[ID]AttemptRecord
	states   map[Part][]byte
	counters Counters
	dir      string
	claims   map[string]int // by hash: how many Puts no commit has named yet
}

func partIndex(p Part) int {
	if p == PartFinal {
		return 1
	}
	return 0
}

func (m *memory) Commit(c *Change) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c.Header != nil {
		h := *c.Header
		m.header = &h
	}
	m.events = append(m.events, c.Events...)
	for _, t := range c.Turns {
		i := partIndex(t.Part)
		m.turns[i] = append(m.turns[i], t)
		m.named(t.Files)
	}
	for _, j := range c.Jobs {
		m.jobs[j.ID] = j
	}
	for _, r := range c.Inbox {
		m.inbox[r.ID] = r
		m.bring(r)
	}
	for _, a := range c.Attempts {
		if !slices.Equal(a.Saved, m.attempts[a.ID].Saved) {
			m.named(a.Saved)
		}
		m.attempts[a.ID] = a
	}
	for _, r := range c.Consumed {
		if _, waited := m.inbox[r.ID]; !waited {
			m.bring(r)
		}
		m.results[r.ID] = r
		m.history = append(m.history, r.ID)
		delete(m.inbox, r.ID)
		delete(m.attempts, r.ID)
	}
	m.named(c.Unused)
	maps.Copy(m.states, c.State)
	if c.Counters != nil {
		m.counters = *c.Counters
	}
	return nil
}

// bring ends the claims of a result's files. One that shares another job's result
// has Put none.
func (m *memory) bring(r ResultRecord) {
	if r.Attempt > 0 {
		m.named(r.Files)
	}
}

func (m *memory) named(files []FileRef) {
	for _, f := range files {
		if m.claims[f.Hash]--; m.claims[f.Hash] <= 0 {
			delete(m.claims, f.Hash)
		}
	}
}

func (m *memory) Header() (Header, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.header == nil {
		return Header{}, false, nil
	}
	return *m.header, true, nil
}

// each yields a copy of what list returns under the lock.
func each[T any](m *memory, list func() []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		m.mu.Lock()
		items := list()
		m.mu.Unlock()
		for _, item := range items {
			if !yield(item, nil) {
				return
			}
		}
	}
}

// byID lists the values of records in id order.
func byID[T any](records map[ID]T) []T {
	out := make([]T, 0, len(records))
	for _, id := range slices.SortedFunc(maps.Keys(records), cmp.Compare[ID]) {
		out = append(out, records[id])
	}
	return out
}

func (m *memory) Events() iter.Seq2[EventRecord, error] {
	return each(m, func() []EventRecord { return slices.Clone(m.events) })
}

func (m *memory) Turns(p Part) iter.Seq2[TurnRecord, error] {
	return each(m, func() []TurnRecord { return slices.Clone(m.turns[partIndex(p)]) })
}

func (m *memory) Jobs() iter.Seq2[JobRecord, error] {
	return each(m, func() []JobRecord { return byID(m.jobs) })
}

func (m *memory) Inbox() iter.Seq2[ResultRecord, error] {
	return each(m, func() []ResultRecord { return byID(m.inbox) })
}

func (m *memory) Attempts() iter.Seq2[AttemptRecord, error] {
	return each(m, func() []AttemptRecord { return byID(m.attempts) })
}

func (m *memory) History() iter.Seq2[ResultRecord, error] {
	return each(m, func() []ResultRecord {
		out := make([]ResultRecord, 0, len(m.history))
		for _, id := range m.history {
			out = append(out, m.results[id])
		}
		return out
	})
}

func (m *memory) Result(id ID) (ResultRecord, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r, ok := m.results[id]; ok {
		return r, true, nil
	}
	r, ok := m.inbox[id]
	return r, ok, nil
}

func (m *memory) State(p Part) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.states[p], nil
}

func (m *memory) Counters() (Counters, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.counters
	if c.State == "" {
		c.State = StateNew
	}
	return c, nil
}

// folder makes the temporary directory when it is first needed.
func (m *memory) folder() (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dir == "" {
		dir, err := os.MkdirTemp("", "nascent-")
		if err != nil {
			return "", fmt.Errorf("no room for files: %w", err)
		}
		m.dir = dir
	}
	return m.dir, nil
}

func (m *memory) Put(path, name string) (FileRef, error) {
	dir, err := m.folder()
	if err != nil {
		return FileRef{}, err
	}
	f, err := os.Open(path)
	if err != nil {
		return FileRef{}, err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	if err != nil {
		return FileRef{}, err
	}
	ref := FileRef{Name: name, Hash: hex.EncodeToString(h.Sum(nil)), Size: n}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := os.Rename(path, filepath.Join(dir, ref.Hash)); err != nil {
		return FileRef{}, err
	}
	m.claims[ref.Hash]++
	return ref, nil
}

func (m *memory) Path(hash string) (string, error) {
	dir, err := m.folder()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, filepath.Base(hash))
	_, err = os.Stat(path)
	return path, err
}

func (m *memory) Temp() string {
	dir, err := m.folder()
	if err != nil {
		return os.TempDir()
	}
	return dir
}

func (m *memory) Collect(keep map[string]bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir := m.dir
	if dir == "" {
		return nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !keep[e.Name()] && m.claims[e.Name()] == 0 && !e.IsDir() { // a directory is somebody's scratch, in Temp
			if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *memory) Remove(hashes []string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, h := range hashes {
		if m.dir != "" && m.claims[h] == 0 {
			if err := os.RemoveAll(filepath.Join(m.dir, filepath.Base(h))); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dir == "" {
		return nil
	}
	dir := m.dir
	m.dir = ""
	return os.RemoveAll(dir)
}
