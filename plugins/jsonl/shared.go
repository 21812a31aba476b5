package jsonl

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// PyTorch hands tensors from one process to another, as a DataLoader's workers do,
// in shared memory. Its segments have the name of the process that made them, which
// removes them; but not where it is killed. So whoever kills remembers whom, and
// removes them later.

// members are the processes of a group.
func members(group int) (pids []int) {
	proc, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer proc.Close()
	names, _ := proc.Readdirnames(-1)
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		if its, err := syscall.Getpgid(pid); err == nil && its == group {
			pids = append(pids, pid)
		}
	}
	return pids
}

// removeShared removes the shared memory that dead processes have left.
func removeShared(pids map[int]bool) {
	for pid := range pids {
		left, _ := filepath.Glob(fmt.Sprintf("/dev/shm/torch_%d_*", pid))
		for _, path := range left {
			os.Remove(path) // fails, as it should, where it is another user's
		}
	}
}
