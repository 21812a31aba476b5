package jsonl

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// A process that a job leaves behind, and that has left the job's group, belongs to
// nobody: the end of the group does not reach it. In mode once, where every job has
// a process of its own, such ones would pile up until the search ends. So this
// process adopts them, and ends what it has adopted after each job. In mode stream
// the worker lives on, and what it has started is its own business.

// adopt makes this process the parent of those whose own one has ended, among all
// that it has started.
func adopt() {
	unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
}

// sweep ends all children of this process, and what is adopted by that.
func sweep() {
	for range 1000 { // a chain of processes takes a round for each
		pids := children()
		if len(pids) == 0 {
			return
		}
		for _, pid := range pids {
			syscall.Kill(pid, syscall.SIGKILL)
			syscall.Wait4(pid, nil, 0, nil)
		}
	}
}

// children are the processes that this one has started or adopted.
func children() (pids []int) {
	lists, _ := filepath.Glob("/proc/self/task/*/children") // of its threads
	for _, list := range lists {
		text, _ := os.ReadFile(list) // a thread may be gone
		for _, word := range bytes.Fields(text) {
			if pid, err := strconv.Atoi(string(word)); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// sweeping is a spawner after whose processes nothing is left.
func sweeping(spawn spawner, sweep func()) spawner {
	return func(stdin, stdout, stderr *os.File, temp string) (int, func() exit, error) {
		pid, wait, err := spawn(stdin, stdout, stderr, temp)
		return pid, func() exit {
			e := wait()
			sweep()
			return e
		}, err
	}
}
