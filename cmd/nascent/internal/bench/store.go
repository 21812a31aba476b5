package bench

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// StoreName is the file of a bench's directory that holds what searches in memory
// came to.
const StoreName = "searches.jsonl"

// Key tells finished searches apart.
type Key struct {
	Of   string `json:"of"` // equal for searches that differ in their seeds alone
	Seed int64  `json:"seed"`
}

// Store keeps what finished searches came to, a line of JSON for each. Lines are
// only ever added; one that a crash cut short is passed over.
type Store struct {
	path string

	mu   sync.Mutex
	file *os.File // nil until something is kept
	cut  bool     // the file ends within a line
	kept map[Key]Outcome
}

type line struct {
	Key
	Outcome Outcome `json:"outcome"`
}

// OpenStore reads a store. A file that is not there is made by the first Put.
func OpenStore(path string) (*Store, error) {
	s := &Store{path: path, kept: map[Key]Outcome{}}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return nil, err
	}
	s.cut = len(text) > 0 && !bytes.HasSuffix(text, []byte{'\n'})
	for row := range bytes.Lines(text) {
		var l line
		if json.Unmarshal(row, &l) == nil && l.Of != "" {
			s.kept[l.Key] = l.Outcome
		}
	}
	return s, nil
}

// Get returns what a search came to.
func (s *Store) Get(k Key) (Outcome, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, ok := s.kept[k]
	return o, ok
}

// Len is how many searches are kept.
func (s *Store) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.kept)
}

// Put keeps what a search came to.
func (s *Store) Put(k Key, o Outcome) error {
	b, err := json.Marshal(line{k, o})
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		if err := os.MkdirAll(filepath.Dir(s.path), 0o755); err != nil {
			return err
		}
		if s.file, err = os.OpenFile(s.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644); err != nil {
			return err
		}
		if s.cut {
			b = append([]byte{'\n'}, b...)
		}
	}
	if _, err := s.file.Write(append(b, '\n')); err != nil {
		return fmt.Errorf("cannot write %s: %w", s.path, err)
	}
	s.kept[k] = o
	return nil
}

// Close closes the file.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}
