package ledger

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/nascent-nas/nascent/internal/safe"
	"golang.org/x/sys/unix"
)

// lockName is the file that says who may enter: a writer holds an exclusive
// flock on it and has written "pid start-time" into it, readers of a stopped
// search hold a shared one while they copy it. It is never renamed and never removed while
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
// A reader makes no file, and gets nil where there is none or none for it: then
// bbolt's own lock has to do.
func lock(root *os.Root, m mount, exclusive bool, patience time.Duration) (f *os.File, created bool, err error) {
	path := filepath.Join(root.Name(), lockName)
	how := unix.LOCK_SH
	if exclusive {
		how = unix.LOCK_EX
	}
	for deadline := time.Now().Add(patience); ; {
		f, created, err = openLock(root, exclusive)
		if err != nil {
			if !exclusive && (errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist)) {
				return nil, false, nil
			}
			return nil, false, refused(err, "cannot make %s: %v; choose a directory that you may write", path, cause(err))
		}
		err = unix.Flock(int(f.Fd()), how|unix.LOCK_NB)
		if err == nil && m.local() {
			err = exported(f, exclusive)
		}
		if err == nil && same(f, root) {
			break
		}
		pid := holder(f)
		f.Close()
		if err != nil && !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return nil, false, refused(err, "cannot lock %s: %v; keep searches on a file system that knows locks", path, err)
		}
		if err != nil && pid != 0 || time.Now().After(deadline) {
			locked := &LockedError{Dir: root.Name(), PID: pid}
			if o, err := readOwner(root); err == nil && o.token != "" && pid == 0 && o.at != self(m).at {
				locked.PID, locked.Host = o.pid, o.host
			}
			return nil, false, locked
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

// exported takes the other kind of lock as well: a machine that exports its file system by
// NFS is told of what its clients lock, by whatever call, in this kind alone. EWOULDBLOCK
// where one of them has it.
func exported(f *os.File, exclusive bool) error {
	how := unix.Flock_t{Type: unix.F_RDLCK}
	if exclusive {
		how.Type = unix.F_WRLCK
	}
	err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &how)
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
		return unix.EWOULDBLOCK
	}
	return nil // where there are no such locks there are no such clients
}

// openLock opens the lock file, which a writer makes if it is missing.
func openLock(root *os.Root, write bool) (*os.File, bool, error) {
	if !write {
		f, err := safe.OpenFile(root, lockName, os.O_RDONLY, 0)
		return f, false, err
	}
	f, err := safe.OpenFile(root, lockName, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		return f, true, nil
	}
	if errors.Is(err, fs.ErrExist) {
		f, err = safe.OpenFile(root, lockName, os.O_RDWR, 0)
	}
	return f, false, err
}

// same tells whether the lock's name still leads to the open file.
func same(f *os.File, root *os.Root) bool {
	a, errA := f.Stat()
	b, errB := root.Lstat(lockName)
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

// flockHolder is the process that has flock(2) on a file, as Linux tells; 0 if it
// does not.
func flockHolder(info fs.FileInfo) int {
	stat, ok := info.Sys().(*syscall.Stat_t)
	locks, err := os.ReadFile("/proc/locks")
	if !ok || err != nil {
		return 0
	}
	for line := range strings.Lines(string(locks)) {
		fields := strings.Fields(line) // 1: FLOCK ADVISORY WRITE pid major:minor:inode 0 EOF
		if len(fields) < 6 || fields[1] != "FLOCK" || !strings.HasSuffix(fields[5], ":"+strconv.FormatUint(stat.Ino, 10)) {
			continue
		}
		if pid, err := strconv.Atoi(fields[4]); err == nil && pid > 0 && pid != os.Getpid() {
			return pid
		}
	}
	return 0
}

// startTime is when a process began, in the kernel's ticks since boot: together
// with its pid it names a process for good. "0" where /proc does not tell.
func startTime(pid int) string {
	// As its first thread has it: what an emulator makes up stands in /proc/PID/stat.
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/stat", pid, pid))
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
