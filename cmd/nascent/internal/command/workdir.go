package command

import (
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// Names of what a host works in: the first until its lock is held.
const (
	newWork = "nascent-new-"
	hostDir = "nascent-host-"
)

// workIn makes a directory in parent for this process alone, and removes those of processes
// that were killed: nobody holds their locks.
func workIn(parent string) (dir string, leave func(), err error) {
	all, _ := filepath.Glob(filepath.Join(parent, hostDir+"*")) // a pattern that is none finds nothing
	for _, old := range all {
		if lock := abandoned(old); lock != nil {
			os.RemoveAll(old)
			lock.Close()
		}
	}
	begun, err := os.MkdirTemp(parent, newWork)
	if err != nil {
		return "", nil, err
	}
	lock, err := os.OpenFile(filepath.Join(begun, lockName), os.O_CREATE|os.O_RDWR, 0o600)
	dir = begun
	if err == nil && unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil { // else this file system has no locks
		dir = filepath.Join(parent, hostDir+filepath.Base(begun)[len(newWork):])
		err = os.Rename(begun, dir)
	}
	if err != nil {
		os.RemoveAll(begun)
		return "", nil, err
	}
	return dir, func() {
		os.RemoveAll(dir)
		lock.Close()
	}, nil
}

// lockName is of the file that a process holds as long as it works in a directory.
const lockName = "lock"

// abandoned is the lock of a directory of this user's whose process is no more; nil if it may be there.
func abandoned(dir string) *os.File {
	info, err := os.Lstat(dir)
	if err != nil || !info.IsDir() {
		return nil
	}
	if s, ok := info.Sys().(*syscall.Stat_t); !ok || int(s.Uid) != os.Getuid() {
		return nil
	}
	lock, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil
	}
	if unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
		lock.Close()
		return nil
	}
	return lock
}
