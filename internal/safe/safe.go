// Package safe opens what lies in directories in which others may have had a
// hand: somebody sent them, or everybody may write there. It follows no link,
// waits for no pipe, and tells whose a file is.
package safe

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// Error says what is wrong with a path, and what to do.
type Error struct{ Path, Problem, Remedy string }

func (e *Error) Error() string { return e.Path + " " + e.Problem + "; " + e.Remedy }

func refused(root *os.Root, name, problem, remedy string) error {
	return &Error{root.Name() + "/" + name, problem, remedy}
}

// Kind sees that what stands at a name of a directory is of one kind: a regular
// file (0), fs.ModeDir or fs.ModeSocket, and never a link. Where nothing is, the
// error is fs.ErrNotExist.
func Kind(root *os.Root, name string, want fs.FileMode) (fs.FileInfo, error) {
	info, err := root.Lstat(name)
	if err != nil {
		return nil, err
	}
	if info.Mode().Type() == want {
		return info, nil
	}
	expected := "a file"
	switch want {
	case fs.ModeDir:
		expected = "a directory"
	case fs.ModeSocket:
		expected = "a socket"
	}
	problem := "is no regular file but something else"
	switch info.Mode().Type() {
	case fs.ModeSymlink:
		return nil, refused(root, name, "is a symbolic link, and what it leads to may be anybody's",
			"remove it, or put "+expected+" in its place")
	case fs.ModeDir:
		problem = "is a directory"
	case fs.ModeNamedPipe:
		problem = "is a pipe"
	case fs.ModeSocket:
		problem = "is a socket"
	case fs.ModeDevice, fs.ModeDevice | fs.ModeCharDevice:
		problem = "is a device"
	case 0:
		problem = "is a file"
	}
	return nil, refused(root, name, problem, "remove it: "+expected+" belongs there")
}

// OpenFile opens a regular file of a directory as os.OpenFile does. One that is to
// be changed must have no second name (hard link), for it would change there too.
func OpenFile(root *os.Root, name string, flag int, perm fs.FileMode) (*os.File, error) {
	for {
		info, err := Kind(root, name, 0)
		if errors.Is(err, fs.ErrNotExist) && flag&os.O_CREATE != 0 {
			f, err := root.OpenFile(name, flag|os.O_EXCL, perm)
			if errors.Is(err, fs.ErrExist) && flag&os.O_EXCL == 0 {
				continue // somebody was faster
			}
			return f, err
		}
		switch {
		case err != nil:
			return nil, err
		case flag&(os.O_CREATE|os.O_EXCL) == os.O_CREATE|os.O_EXCL:
			return nil, &fs.PathError{Op: "open", Path: root.Name() + "/" + name, Err: fs.ErrExist}
		case flag&(os.O_WRONLY|os.O_RDWR) != 0 && links(info) > 1:
			return nil, refused(root, name, "has a second name (a hard link), and what is written here would change there too",
				"copy it: a copy made with cp -l is none")
		}
		f, err := root.OpenFile(name, flag&^(os.O_CREATE|os.O_TRUNC)|syscall.O_NONBLOCK, perm)
		if err != nil {
			return nil, err
		}
		opened, err := f.Stat()
		if err == nil && !os.SameFile(info, opened) {
			err = refused(root, name, "was replaced while it was opened", "see who else writes there, and try again")
		}
		if err == nil && flag&os.O_TRUNC != 0 {
			err = f.Truncate(0)
		}
		if err != nil {
			f.Close()
			return nil, err
		}
		return f, nil
	}
}

// Folder opens a directory within a directory.
func Folder(root *os.Root, name string) (*os.Root, error) {
	info, err := Kind(root, name, fs.ModeDir)
	if err != nil {
		return nil, err
	}
	sub, err := root.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	opened, err := sub.Stat(".")
	if err == nil && !os.SameFile(info, opened) {
		err = refused(root, name, "was replaced while it was opened", "see who else writes there, and try again")
	}
	if err != nil {
		sub.Close()
		return nil, err
	}
	return sub, nil
}

// Owned refuses what belongs neither to this process's user nor to root, who may
// do as he likes in any case.
func Owned(path string, info fs.FileInfo) error {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok || s.Uid == 0 || int(s.Uid) == os.Geteuid() {
		return nil
	}
	name := "user " + strconv.Itoa(int(s.Uid))
	if u, err := user.LookupId(strconv.Itoa(int(s.Uid))); err == nil {
		name = fmt.Sprintf("another user, %s (%d)", u.Username, s.Uid)
	}
	return &Error{path, "belongs to " + name, "make it yours with chown, use a copy of your own, or work as that user"}
}

// Private refuses besides what everybody may write. In a directory with the sticky
// bit nobody can take away what is another's.
func Private(path string, info fs.FileInfo) error {
	if err := Owned(path, info); err != nil {
		return err
	}
	if info.Mode().Type() == fs.ModeSymlink || info.Mode().Perm()&0o002 == 0 || info.IsDir() && info.Mode()&fs.ModeSticky != 0 {
		return nil
	}
	return &Error{path, "may be written by everybody", "take that right away with chmod o-w"}
}

func links(info fs.FileInfo) uint64 {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(s.Nlink)
	}
	return 1
}

// Unfinished begins the names of files that Write is writing, and that a crash
// may leave.
const Unfinished = ".nascent-"

// Write puts a file in its place as a whole and durable, or not at all. A link in
// its place is replaced, not followed.
func Write(path string, perm fs.FileMode, write func(io.Writer) error) (err error) {
	root, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer root.Close()
	d, err := root.Open(".")
	if err != nil {
		return err
	}
	defer d.Close()
	name := ""
	f := nameless(d)
	if f == nil {
		if f, name, err = create(root); err != nil {
			return err
		}
		defer root.Remove(name) // where it did not get its name
	}
	defer f.Close()
	if err := errors.Join(write(f), f.Chmod(perm), f.Sync()); err != nil {
		return err
	}
	if name == "" { // it has one for a moment, for only that can take the place of another
		if name, err = link(f, d); err != nil {
			return err
		}
		defer root.Remove(name)
	}
	if err := root.Rename(name, filepath.Base(path)); err != nil {
		return err
	}
	d.Sync() // not every file system can
	return nil
}

// nameless makes a file without a name in a directory, of which a crash leaves nothing;
// nil where the file system has no such files.
func nameless(dir *os.File) *os.File {
	fd, err := unix.Openat(int(dir.Fd()), ".", unix.O_WRONLY|unix.O_TMPFILE|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil
	}
	return os.NewFile(uintptr(fd), dir.Name())
}

// link gives it a name that nobody has.
func link(f, dir *os.File) (name string, err error) {
	for n := 0; ; n++ {
		name = fmt.Sprintf("%s%d-%d", Unfinished, os.Getpid(), n)
		err = unix.Linkat(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", f.Fd()), int(dir.Fd()), name, unix.AT_SYMLINK_FOLLOW)
		if !errors.Is(err, fs.ErrExist) {
			return name, err
		}
	}
}

// create makes a file with a name that nobody has.
func create(root *os.Root) (f *os.File, name string, err error) {
	for n := 0; ; n++ {
		name = fmt.Sprintf("%s%d-%d", Unfinished, os.Getpid(), n)
		f, err = root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if !errors.Is(err, fs.ErrExist) {
			return f, name, err
		}
	}
}
