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

	"github.com/nascent-nas/nascent/engine"
)

const (
	filesName = "files"
	tempName  = "tmp"
)

// store keeps files under the hash of their content. A file gets its name only
// when it is whole and on disk, so whatever has a name is whole.
type store struct {
	dir      string // absolute
	readOnly bool
}

// openStore makes the folders and empties the one for unfinished files.
func (s store) open() error {
	for _, dir := range []string{s.dir, s.Temp()} {
		if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return refused(err, "cannot make %s: %v; choose a directory that you may write", dir, cause(err))
		}
	}
	left, err := os.ReadDir(s.Temp())
	for _, entry := range left {
		err = errors.Join(err, os.RemoveAll(filepath.Join(s.Temp(), entry.Name())))
	}
	if err != nil {
		return fmt.Errorf("cannot empty %s: %w", s.Temp(), cause(err))
	}
	return nil
}

// Temp is emptied whenever a writer opens the search.
func (s store) Temp() string { return filepath.Join(s.dir, tempName) }

func (s store) Put(path, name string) (engine.FileRef, error) {
	if s.readOnly {
		return engine.FileRef{}, errReadOnly
	}
	hash, size, err := takeIn(path)
	if err != nil {
		return engine.FileRef{}, fmt.Errorf("cannot keep %s: %w", path, cause(err))
	}
	ref := engine.FileRef{Name: name, Hash: hash, Size: size}
	target := filepath.Join(s.dir, hash)
	if info, err := os.Lstat(target); err == nil && info.Mode().IsRegular() && info.Size() == size {
		err = os.Remove(path) // the same content is there already
		return ref, err
	}
	if err := os.Rename(path, target); err != nil {
		return engine.FileRef{}, fmt.Errorf("cannot keep %s: %w; files to be kept are written in %s", path, cause(err), s.Temp())
	}
	return ref, syncDir(s.dir)
}

// takeIn hashes a file and forces it to disk.
func takeIn(path string) (hash string, size int64, err error) {
	info, err := os.Lstat(path)
	if err != nil {
		return "", 0, err
	}
	if !info.Mode().IsRegular() {
		return "", 0, errors.New("it is no regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	h := sha256.New()
	if size, err = io.Copy(h, f); err == nil {
		err = f.Sync()
	}
	return hex.EncodeToString(h.Sum(nil)), size, err
}

func (s store) Path(hash string) (string, error) {
	if _, ok := rawHash(hash); !ok {
		return "", fmt.Errorf("%q is no hash of a file", hash)
	}
	path := filepath.Join(s.dir, hash)
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("the file %s is not kept any more: %w", hash, cause(err))
	}
	return path, nil
}

func (s store) Collect(keep map[string]bool) error {
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

func (s store) Remove(hashes []string) error {
	if s.readOnly {
		return errReadOnly
	}
	for _, hash := range hashes {
		if _, ok := rawHash(hash); !ok {
			return fmt.Errorf("%q is no hash of a file", hash)
		}
		if err := os.Remove(filepath.Join(s.dir, hash)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("cannot remove the file %s: %w", hash, cause(err))
		}
	}
	if len(hashes) == 0 {
		return nil
	}
	return syncDir(s.dir)
}

// list returns the hashes of all kept files, sorted.
func (s store) list() ([]string, error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil && !(s.readOnly && errors.Is(err, fs.ErrNotExist)) {
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

// check hashes every kept file again.
func (s store) check() error {
	hashes, err := s.list()
	if err != nil {
		return err
	}
	for _, want := range hashes {
		f, err := os.Open(filepath.Join(s.dir, want))
		if err != nil {
			return fmt.Errorf("cannot read the file %s: %w", want, cause(err))
		}
		h := sha256.New()
		_, err = io.Copy(h, f)
		f.Close()
		if err != nil {
			return fmt.Errorf("cannot read the file %s: %w", want, cause(err))
		}
		if got := hex.EncodeToString(h.Sum(nil)); got != want {
			return damaged("the content of file %s has the hash %s", want, got)
		}
	}
	return nil
}

// syncDir makes the names in a directory durable.
func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
