package ledger

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// lockName is the file that says who may enter: a writer holds an exclusive
// flock on it and has written "pid start-time" into it, readers of a stopped
// search hold a shared one. It is never renamed and never removed while
// anybody may hold it, because a lock belongs to the file and not to its name.
const lockName = "lock"

// How long to wait for somebody who is just leaving, or has not yet written
// who he is.
const (
	lockPatience = 2 * time.Second
	lockPause    = 10 * time.Millisecond
)

// lock takes the directory's lock, created tells whether the file is new. It
// waits for readers, who never stay long, but not for a living writer.
// Without the right to make the file a reader gets nil: such a directory has
// no writer either.
func lock(dir string, exclusive bool, patience time.Duration) (f *os.File, created bool, err error) {
	path := filepath.Join(dir, lockName)
	how := unix.LOCK_SH
	if exclusive {
		how = unix.LOCK_EX
	}
	for deadline := time.Now().Add(patience); ; {
		f, created, err = openLock(path, exclusive)
		if err != nil {
			if !exclusive && (errors.Is(err, fs.ErrPermission) || errors.Is(err, unix.EROFS) || errors.Is(err, fs.ErrNotExist)) {
				return nil, false, nil
			}
			return nil, false, refused(err, "cannot make %s: %v; choose a directory that you may write", path, cause(err))
		}
		err = unix.Flock(int(f.Fd()), how|unix.LOCK_NB)
		if err == nil && same(f, path) {
			break
		}
		pid := holder(f)
		f.Close()
		if err != nil && !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return nil, false, refused(err, "cannot lock %s: %v; keep searches on a file system that knows locks", path, err)
		}
		if err != nil && pid != 0 || time.Now().After(deadline) {
			return nil, false, &LockedError{Dir: dir, PID: pid}
		}
		time.Sleep(lockPause)
	}
	if !exclusive {
		return f, created, nil
	}
	text := fmt.Sprintf("%d %s\n", os.Getpid(), startTime(os.Getpid()))
	if err = f.Truncate(0); err == nil {
		_, err = f.WriteAt([]byte(text), 0)
	}
	if err != nil {
		f.Close()
		return nil, created, refused(err, "cannot write %s: %v; make room and try again", path, cause(err))
	}
	return f, created, nil
}

// openLock opens the lock file, making it if it is missing.
func openLock(path string, write bool) (*os.File, bool, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		return f, true, nil
	}
	if errors.Is(err, fs.ErrExist) || !write {
		how := os.O_RDONLY
		if write {
			how = os.O_RDWR
		}
		f, err = os.OpenFile(path, how, 0)
	}
	return f, false, err
}

// same tells whether path still leads to the open file.
func same(f *os.File, path string) bool {
	a, errA := f.Stat()
	b, errB := os.Lstat(path)
	return errA == nil && errB == nil && os.SameFile(a, b)
}

// unlock lets others in.
func unlock(f *os.File, exclusive bool) {
	if f == nil {
		return
	}
	if exclusive {
		f.Truncate(0) // nobody is here: for people who look
	}
	f.Close()
}

// holder is the living process that the lock file names, or 0.
func holder(f *os.File) int {
	var b [64]byte
	n, _ := f.ReadAt(b[:], 0)
	fields := strings.Fields(string(b[:n]))
	if len(fields) != 2 {
		return 0
	}
	pid, err := strconv.Atoi(fields[0])
	if err != nil || pid <= 0 || startTime(pid) != fields[1] {
		return 0
	}
	return pid
}

// startTime is when a process began, in the kernel's ticks since boot: together
// with its pid it names a process for good. "0" where /proc does not tell.
func startTime(pid int) string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "0"
	}
	// The second field is the program's name in parentheses, and may hold any.
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	if len(fields) < 20 {
		return "0"
	}
	return fields[19]
}

// cause is an error without the path that the message already has.
func cause(err error) error {
	var p *fs.PathError
	var l *os.LinkError
	switch {
	case errors.As(err, &p):
		return p.Err
	case errors.As(err, &l):
		return l.Err
	}
	return err
}
