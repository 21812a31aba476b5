// Package proctest builds programs, and looks at the processes of this machine, for
// tests that run and kill some. It reads /proc, so these tests are for Linux.
package proctest

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience is how long the slowest machine may take.
const patience = 2 * time.Minute

// Children lists the processes whose parent is pid.
func Children(pid int) (children []int) {
	entries, _ := filepath.Glob("/proc/[0-9]*")
	for _, path := range entries {
		child, err := strconv.Atoi(filepath.Base(path))
		if _, parent, there := stat(child); err == nil && there && parent == pid {
			children = append(children, child)
		}
	}
	return children
}

// Kill kills the children of this process that were started with a command line
// that begins with these words, and tells how many there were.
func Kill(words ...string) (killed int) {
	began := []byte(strings.Join(words, "\x00") + "\x00")
	for _, pid := range Children(os.Getpid()) {
		command, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if bytes.HasPrefix(command, began) && syscall.Kill(pid, syscall.SIGKILL) == nil {
			killed++
		}
	}
	return killed
}

// Stop stops a process with SIGSTOP, and returns when all of its threads have: until
// then they might go on for a while, and see what is done next.
func Stop(t testing.TB, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	stopped := func() bool {
		threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
		for _, path := range threads {
			text, err := os.ReadFile(path)
			_, state, _ := bytes.Cut(text, []byte(") ")) // behind the name
			if err == nil && !bytes.HasPrefix(state, []byte("T")) {
				return false
			}
		}
		return len(threads) > 0
	}
	if !becomes(stopped) {
		t.Fatalf("process %d does not stop", pid)
	}
}

// Gone waits until processes have ended; whether somebody has asked how, does not
// matter. One that does not end fails the test, and is killed.
func Gone(t testing.TB, pids ...int) {
	t.Helper()
	for _, pid := range pids {
		if !becomes(func() bool { state, _, there := stat(pid); return !there || state == "Z" }) {
			t.Errorf("process %d is left over", pid)
			syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

// Removed waits until somebody has removed what processes left at a path. What
// stays fails the test, and is removed.
func Removed(t testing.TB, path string) {
	t.Helper()
	if !becomes(func() bool { _, err := os.Stat(path); return err != nil }) {
		t.Errorf("%s is left over", path)
		os.RemoveAll(path)
	}
}

// Until waits until something is so. What never becomes so fails the test, which then
// says what is wrong.
func Until(t testing.TB, wrong string, so func() bool) {
	t.Helper()
	if !becomes(so) {
		t.Error(wrong)
	}
}

// becomes waits until something is so.
func becomes(so func() bool) bool {
	deadline := time.Now().Add(patience)
	for !so() {
		if time.Now().After(deadline) {
			return false
		}
		time.Sleep(time.Millisecond)
	}
	return true
}

// stat is a process's state, as one letter, and its parent, while it is there.
func stat(pid int) (state string, parent int, there bool) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", 0, false
	}
	fields := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	if len(fields) < 2 {
		return "", 0, false
	}
	parent, err = strconv.Atoi(string(fields[1]))
	return string(fields[0]), parent, err == nil
}
