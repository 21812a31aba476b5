package command

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/internal/safe"
)

// besides begins the names of directories that are being made beside their places.
const besides = safe.Unfinished + "branch-"

// beside is a directory that gets its name when it is whole.
type beside struct{ dir, name string }

// makeBeside makes an empty directory beside name, which must not be there, and removes
// what crashes left of earlier ones.
func makeBeside(name string) (*beside, error) {
	if show.Clean(name) != name {
		return nil, wrongInput("%q holds what cannot be printed; name another directory", name)
	}
	if _, err := os.Lstat(name); err == nil {
		return nil, wrongInput("%s is there already; name another directory", name)
	}
	name, err := filepath.Abs(name)
	if err != nil {
		return nil, err
	}
	parent, prefix := filepath.Dir(name), besides+filepath.Base(name)+"-"
	entries, err := os.ReadDir(parent)
	if err != nil {
		return nil, wrongInput("%s: %v; name a directory within one that is there", parent, errors.Unwrap(err))
	}
	for _, e := range entries {
		if pid, is := strings.CutPrefix(e.Name(), prefix); is && e.IsDir() && left(filepath.Join(parent, e.Name()), pid) {
			os.RemoveAll(filepath.Join(parent, e.Name()))
		}
	}
	b := &beside{filepath.Join(parent, prefix+strconv.Itoa(os.Getpid())), name}
	if err := os.Mkdir(b.dir, 0o700); err != nil {
		return nil, wrongInput("cannot make a directory in %s: %v; choose one that you may write", parent, errors.Unwrap(err))
	}
	return b, nil
}

// left tells whether nobody is at work in such a directory.
func left(dir, pid string) bool {
	n, err := strconv.Atoi(pid)
	if err != nil || n != os.Getpid() && !errors.Is(syscall.Kill(n, 0), syscall.ESRCH) {
		return false
	}
	f, err := os.Open(filepath.Join(dir, "lock")) // of a process in another container, perhaps
	if err != nil {
		return true
	}
	defer f.Close()
	return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil
}

// remove takes it away, if it did not get its name.
func (b *beside) remove() { os.RemoveAll(b.dir) }

// settle gives it its name, durably. It is an error that wraps fs.ErrExist if somebody else
// took that.
func (b *beside) settle(name string) error {
	if err := syncFolder(b.dir); err != nil {
		return err
	}
	err := unix.Renameat2(unix.AT_FDCWD, b.dir, unix.AT_FDCWD, name, unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) {
		if _, err := os.Lstat(name); err == nil { // a file system that cannot see to it itself
			return &fs.PathError{Op: "rename", Path: name, Err: fs.ErrExist}
		}
		if err := os.Rename(b.dir, name); err != nil {
			return err
		}
	} else if err != nil {
		return &fs.PathError{Op: "rename", Path: name, Err: err}
	}
	return syncFolder(filepath.Dir(name))
}

// exchange has two directories beside one another exchange their names, in one step.
func exchange(a, b string) error {
	if err := unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE); err != nil {
		return fmt.Errorf("the file system cannot exchange two names: %w", err)
	}
	return nil
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, unix.EINVAL) { // not every file system can
		return err
	}
	return nil
}

// linkTree puts files of one directory into another, linked where that is possible, but for
// what skip says.
func linkTree(from, to string, skip func(path string, e fs.DirEntry) bool) error {
	return filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil || rel == "." {
			return err
		}
		if skip(rel, e) {
			if e.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		at := filepath.Join(to, rel)
		switch {
		case e.IsDir():
			info, err := e.Info()
			if err != nil {
				return err
			}
			return os.Mkdir(at, info.Mode().Perm()|0o700)
		case e.Type() == fs.ModeSymlink:
			to, err := os.Readlink(path)
			if err != nil {
				return err
			}
			return os.Symlink(to, at)
		case e.Type().IsRegular():
			if os.Link(path, at) == nil {
				return nil
			}
			return copyWhole(path, at)
		}
		return nil // a pipe or a socket is nobody's data
	})
}

func copyWhole(path, to string) error {
	in, err := os.Open(path)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, info.Mode().Perm())
	if err != nil {
		return err
	}
	_, err = out.ReadFrom(in)
	return errors.Join(err, out.Sync(), out.Close())
}
