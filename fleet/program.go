package fleet

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
)

// File is one of those that an evaluator consists of.
type File struct {
	Path string // absolute, on the search's machine
	Hash string
	Size int64
	Exec bool // it may be executed
}

// FileAt describes a file of this machine.
func FileAt(path string) (f File, err error) {
	if f.Path, err = filepath.Abs(path); err != nil {
		return f, err
	}
	info, err := os.Stat(f.Path)
	if err != nil {
		return f, err
	}
	if !info.Mode().IsRegular() {
		return f, fmt.Errorf("%s is no plain file", path)
	}
	f.Exec = info.Mode()&0o100 != 0
	f.Hash, f.Size, err = sum(f.Path)
	return f, err
}

// Need is a file or directory that an evaluator's options name, and that is not among its
// Files: it must be where hosts are.
type Need struct {
	Path string // absolute, on the search's machine
	By   string // what names it: "option data"
}

// here tells whether a file lies at a path, with its content.
func (f *File) here(path string) bool {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() != f.Size || f.Exec && info.Mode()&0o100 == 0 {
		return false
	}
	hash, _, err := sum(path)
	return err == nil && hash == f.Hash
}

// own is a path of the search's machine as it is on this one.
func (s *serving) own(path string) string { return filepath.Join(s.o.root, path) }

// unpack has the files of an evaluator here, and returns below which directory: none where
// all of them lie at their own paths already.
func (s *serving) unpack(ctx context.Context, spec *Spec) (root string, err error) {
	own := true
	for i := range spec.Files {
		own = own && spec.Files[i].here(s.own(spec.Files[i].Path))
	}
	if !own {
		root = filepath.Join(s.files.dir, "evaluators", digestOf(spec.Files))
		s.o.Log("the files of the evaluator %s are fetched: they are not at their paths here", spec.Key)
	}
	for i := range spec.Files {
		if err := s.unpackFile(ctx, root, &spec.Files[i]); err != nil {
			return "", err
		}
	}
	for _, need := range spec.Needs {
		if err := s.found(root, need); err != nil {
			return "", err
		}
	}
	return root, nil
}

// unpackFile has one file below root.
func (s *serving) unpackFile(ctx context.Context, root string, f *File) error {
	path := filepath.Join(root, f.Path)
	if !filepath.IsAbs(f.Path) || !isHash(f.Hash) {
		return fmt.Errorf("the coordinator names a file wrongly: %q, %q", f.Path, f.Hash)
	}
	if root == "" || f.here(path) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	got, err := s.obtain(ctx, f)
	if err == nil {
		mode := fs.FileMode(0o600)
		if f.Exec {
			mode = 0o700
		}
		if err = os.Chmod(got, mode); err == nil {
			err = os.Rename(got, path)
		}
	}
	if err != nil {
		drop(got)
		return fmt.Errorf("%s, a file of the evaluator, cannot be had: %w", f.Path, err)
	}
	return nil
}

// obtain copies a file from its own path or, where it is not there, from the coordinator,
// into a temporary one. It outlives connections.
func (s *serving) obtain(ctx context.Context, f *File) (string, error) {
	if own := s.own(f.Path); f.here(own) {
		from, err := os.Open(own)
		if err != nil {
			return "", err
		}
		defer from.Close()
		return receive(s.files.Temp(), from, f.Hash)
	}
	for {
		l, err := s.linked(ctx)
		if err != nil {
			return "", err
		}
		path, _, err := l.get(s.files.Temp(), f.Hash, func(string) bool { return false })
		if broken := (*brokenError)(nil); err == nil || !errors.As(err, &broken) {
			return path, err
		}
		l.cancel(err) // another will come
	}
}

// found has what is needed at its path below root, too.
func (s *serving) found(root string, need Need) error {
	path := filepath.Join(root, need.Path)
	if _, err := os.Stat(path); root != "" && err == nil {
		return nil
	}
	if _, err := os.Stat(s.own(need.Path)); err != nil {
		return fmt.Errorf("%s (%s) is not on this host: put it there, or name it among fleet.files", need.Path, need.By)
	}
	if root == "" {
		return nil
	}
	err := os.MkdirAll(filepath.Dir(path), 0o700)
	if err == nil {
		err = os.Symlink(s.own(need.Path), path)
	}
	return err
}

// digestOf names files and what is in them.
func digestOf(all []File) string {
	h := sha256.New()
	for _, f := range all {
		fmt.Fprintf(h, "%q %s %v\n", f.Path, f.Hash, f.Exec)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// brokenError says that a connection ended before all had come.
type brokenError struct{ error }

// get fetches a file of the coordinator's into a temporary one in dir, unless it is here at
// the coordinator's own path.
func (l *line) get(dir, hash string, here func(path string) bool) (path string, shared bool, err error) {
	ctx, cancel := context.WithCancel(l.context)
	defer cancel() // what is not wanted does not come
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, l.url+filePath+hash, nil)
	if err != nil {
		return "", false, err
	}
	answer, err := l.client.Do(r)
	if err != nil {
		return "", false, &brokenError{err}
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return "", false, ended(answer)
	}
	if at := answer.Header.Get(pathHeader); at != "" && here(at) {
		return at, true, nil
	}
	path, err = receive(dir, &body{answer.Body}, hash)
	return path, false, err
}

// body marks errors of reading.
type body struct{ io.Reader }

func (b *body) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err != nil && err != io.EOF {
		err = &brokenError{err}
	}
	return n, err
}

// program is where a file of an evaluator lies that hosts may ask for; "" if it is none.
func (f *Fleet) program(hash string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range f.sessions {
		for _, file := range s.spec.Files {
			if file.Hash == hash {
				return file.Path
			}
		}
	}
	return ""
}

// Located is where a path of the search's machine is on a host.
func (s *Spec) Located(path string) string {
	if path == "" {
		return ""
	}
	return filepath.Join(s.Root, path)
}
