package ledger

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/internal/safe"
)

const (
	filesName = "files"
	tempName  = "tmp"
)

// store keeps files under the hash of their content. A file gets its name only
// when it is whole and on disk, so whatever has a name is whole.
//
// Who Puts a file names it in a later commit. Until then it has a claim: what is
// removed in the meantime, because nothing recorded needs equal content any more,
// stays.
type store struct {
	dir      string   // absolute
	root     *os.Root // of dir; nil where a reader finds none
	readOnly bool

	mu     sync.Mutex
	claims map[string]int    // by hash: how many Puts no commit has named yet
	whole  map[string]status // by hash: as it was when its content was last hashed
	room   map[string]int64  // by hash: what it takes on the disk; nil before somebody asked
	taken  int64             // all of them
}

func newStore(dir string, readOnly bool) *store {
	return &store{dir: filepath.Join(dir, filesName), readOnly: readOnly, claims: map[string]int{}, whole: map[string]status{}}
}

// status is equal as long as nobody writes to a file.
type status struct {
	device, inode     uint64
	size              int64
	modified, changed syscall.Timespec
}

func statusOf(info fs.FileInfo) status {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return status{}
	}
	return status{uint64(s.Dev), uint64(s.Ino), s.Size, s.Mtim, s.Ctim}
}

// open makes the folders and empties the one for unfinished files; a reader does
// neither.
func (s *store) open(search *os.Root) (err error) {
	if s.readOnly {
		s.root, err = safe.Folder(search, filesName)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
	} else {
		for _, name := range []string{filesName, filesName + "/" + tempName} {
			if err := search.Mkdir(name, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
				return refused(err, "cannot make %s: %v; choose a directory that you may write", filepath.Join(search.Name(), name), cause(err))
			}
		}
		s.root, err = safe.Folder(search, filesName)
	}
	if err != nil {
		return refused(err, "cannot open %s: %v", s.dir, cause(err))
	}
	if s.readOnly {
		return nil
	}
	temp, err := safe.Folder(s.root, tempName)
	if err != nil {
		return refused(err, "cannot open %s: %v", s.Temp(), cause(err))
	}
	defer temp.Close()
	left, err := fs.ReadDir(temp.FS(), ".")
	for _, entry := range left {
		err = errors.Join(err, temp.RemoveAll(entry.Name()))
	}
	if err != nil {
		return fmt.Errorf("cannot empty %s: %w", s.Temp(), cause(err))
	}
	return nil
}

func (s *store) close() {
	if s.root != nil {
		s.root.Close()
	}
}

// Temp is emptied whenever a writer opens the search.
func (s *store) Temp() string { return filepath.Join(s.dir, tempName) }

func (s *store) Put(path, name string) (engine.FileRef, error) {
	if s.readOnly {
		return engine.FileRef{}, errReadOnly
	}
	hash, taken, err := takeIn(path)
	if err != nil {
		return engine.FileRef{}, fmt.Errorf("cannot keep %s: %w", path, cause(err))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	// Equal content may be there already, whole or not: what comes is whole.
	if rel, err2 := filepath.Rel(s.dir, path); err2 == nil && filepath.IsLocal(rel) {
		err = s.root.Rename(rel, hash)
	} else {
		err = os.Rename(path, filepath.Join(s.dir, hash))
	}
	if err != nil {
		return engine.FileRef{}, fmt.Errorf("cannot keep %s: %w; files to be kept are written in %s", path, cause(err), s.Temp())
	}
	info, err := safe.Kind(s.root, hash, 0)
	if err == nil && !os.SameFile(info, taken) {
		err = errors.New("it was replaced while it was read")
	}
	if err == nil {
		err = syncDir(s.root)
	}
	if err != nil {
		return engine.FileRef{}, fmt.Errorf("cannot keep %s: %w", path, cause(err))
	}
	s.takes(hash, blocks(info))
	s.claims[hash]++
	s.whole[hash] = statusOf(info)
	return engine.FileRef{Name: name, Hash: hash, Size: info.Size()}, nil
}

// takeIn hashes a file and forces it to disk.
func takeIn(path string) (hash string, info fs.FileInfo, err error) {
	if info, err = os.Lstat(path); err != nil {
		return "", nil, err
	}
	if !info.Mode().IsRegular() {
		return "", nil, errors.New("it is no regular file")
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", nil, err
	}
	defer f.Close()
	hash, info, err = sum(f)
	if err == nil {
		err = f.Sync()
	}
	return hash, info, err
}

// sum hashes an open file.
func sum(f *os.File) (hash string, info fs.FileInfo, err error) {
	h := sha256.New()
	if _, err = io.Copy(h, f); err == nil {
		info, err = f.Stat()
	}
	return hex.EncodeToString(h.Sum(nil)), info, err
}

// named ends the claims of files that a commit names.
func (s *store) named(hashes []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, hash := range hashes {
		if s.claims[hash]--; s.claims[hash] <= 0 {
			delete(s.claims, hash)
		}
	}
}

// Path hashes a file that was not hashed since it was last written. One whose
// content is another wraps engine.ErrDamaged, one that is not there
// fs.ErrNotExist.
func (s *store) Path(hash string) (string, error) {
	if _, ok := rawHash(hash); !ok {
		return "", fmt.Errorf("%q is no hash of a file", hash)
	}
	if s.root == nil {
		return "", fmt.Errorf("the file %s is not kept any more: %w", hash, fs.ErrNotExist)
	}
	info, err := safe.Kind(s.root, hash, 0)
	if err != nil {
		return "", fmt.Errorf("the file %s is not kept any more: %w", hash, cause(err))
	}
	s.mu.Lock()
	known := s.whole[hash]
	s.mu.Unlock()
	if known != statusOf(info) {
		if err := s.verify(hash); err != nil {
			return "", err
		}
	}
	return filepath.Join(s.dir, hash), nil
}

// verify hashes a kept file.
func (s *store) verify(hash string) error {
	f, err := safe.OpenFile(s.root, hash, os.O_RDONLY, 0)
	if err != nil {
		return fmt.Errorf("cannot read the file %s: %w", hash, cause(err))
	}
	defer f.Close()
	got, info, err := sum(f)
	if err != nil {
		return fmt.Errorf("cannot read the file %s: %w", hash, cause(err))
	}
	if got != hash {
		return changed(hash, got)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.whole[hash] = statusOf(info)
	return nil
}

func (s *store) Collect(keep map[string]bool) error {
	if s.readOnly {
		return errReadOnly
	}
	entries, err := s.list()
	if err != nil {
		return err
	}
	var drop []string
	for _, hash := range entries {
		if !keep[hash] {
			drop = append(drop, hash)
		}
	}
	return s.Remove(drop)
}

func (s *store) Remove(hashes []string) error {
	if s.readOnly {
		return errReadOnly
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, hash := range hashes {
		if _, ok := rawHash(hash); !ok {
			return fmt.Errorf("%q is no hash of a file", hash)
		}
		if s.claims[hash] > 0 {
			continue
		}
		if err := s.root.Remove(hash); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("cannot remove the file %s: %w", hash, cause(err))
		}
		s.takes(hash, 0)
		delete(s.whole, hash)
	}
	if len(hashes) == 0 {
		return nil
	}
	return syncDir(s.root)
}

// takes notes what a file takes on the disk.
func (s *store) takes(hash string, n int64) {
	if s.room == nil {
		return
	}
	s.taken += n - s.room[hash]
	if s.room[hash] = n; n == 0 {
		delete(s.room, hash)
	}
}

// takenNow is what all files take, whole or not. Those that are whole are looked at once: of
// a hundred thousand that takes longer than a loop may wait every time that it asks.
func (s *store) takenNow() (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.root == nil {
		return 0, nil
	}
	if s.room == nil {
		all, err := s.list()
		if err != nil {
			return 0, err
		}
		s.room = make(map[string]int64, len(all))
		for _, hash := range all {
			if info, err := s.root.Lstat(hash); err == nil {
				s.takes(hash, blocks(info))
			}
		}
	}
	return s.taken + taken(s.root.FS(), tempName), nil
}

// list returns the hashes of all kept files, sorted.
func (s *store) list() ([]string, error) {
	if s.root == nil {
		return nil, nil
	}
	entries, err := fs.ReadDir(s.root.FS(), ".")
	if err != nil {
		return nil, fmt.Errorf("cannot list %s: %w", s.dir, cause(err))
	}
	var hashes []string
	for _, entry := range entries {
		if _, ok := rawHash(entry.Name()); ok {
			hashes = append(hashes, entry.Name())
		}
	}
	return hashes, nil
}

// check hashes every kept file again. One that is removed meanwhile is no longer kept.
func (s *store) check() error {
	hashes, err := s.list()
	if err != nil {
		return err
	}
	for _, hash := range hashes {
		if err := s.verify(hash); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%w; put a copy of it back as %s, or remove it if nobody needs it", err, filepath.Join(s.dir, hash))
		}
	}
	return nil
}

// syncDir makes the names in a directory durable.
func syncDir(root *os.Root) error {
	d, err := root.Open(".")
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

func syncPath(path string) error {
	root, err := os.OpenRoot(path)
	if err != nil {
		return err
	}
	defer root.Close()
	return syncDir(root)
}
