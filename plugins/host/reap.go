package host

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/nascent-nas/nascent/plugins/proto"
)

// startTime is when a process started, in the kernel's ticks since boot: with
// the id it names a process for good. It is false if there is no such process,
// or only its remains.
func startTime(pid int) (uint64, bool) {
	// As its first thread has it: what qemu makes up for a process of its own is in
	// /proc/PID/stat, and nobody else reads the same there.
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/stat", pid, pid))
	if err != nil {
		return 0, false
	}
	// The second field is the command in parentheses and may hold anything.
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(fields) < 20 || fields[0] == "Z" || fields[0] == "X" {
		return 0, false
	}
	t, err := strconv.ParseUint(fields[19], 10, 64)
	return t, err == nil
}

var hostMark = sync.OnceValue(func() string {
	t, _ := startTime(os.Getpid())
	return fmt.Sprintf("%d-%d", os.Getpid(), t)
})

// processes calls f with the environment of every process that can be read,
// except this one.
func processes(f func(pid int, env [][]byte)) {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil || pid == os.Getpid() {
			continue
		}
		b, err := os.ReadFile(dir + "/environ")
		if err != nil || !bytes.Contains(b, []byte(proto.EnvHost)) {
			continue
		}
		f(pid, bytes.Split(b, []byte{0}))
	}
}

// killMarked ends every process that has the entry in its environment. One that is
// started while it looks around may be passed over, so it looks again until there is
// none left.
func killMarked(entry string) int {
	killed := map[int]bool{}
	for range 100 {
		again := false
		processes(func(pid int, env [][]byte) {
			for _, e := range env {
				if string(e) == entry {
					end(pid)
					killed[pid], again = true, true
					return
				}
			}
		})
		if !again {
			break
		}
	}
	return len(killed)
}

// end kills a process and removes the shared memory that PyTorch names after it.
func end(pid int) {
	syscall.Kill(pid, syscall.SIGKILL)
	left, _ := filepath.Glob(fmt.Sprintf("/dev/shm/torch_%d_*", pid))
	for _, path := range left {
		os.Remove(path) // fails, as it should, where it is another user's
	}
}

// hostAlive tells whether the host with this mark still runs.
func hostAlive(mark string) bool {
	host, start, _ := strings.Cut(mark, "-")
	id, _ := strconv.Atoi(host)
	t, alive := startTime(id)
	return alive && strconv.FormatUint(t, 10) == start
}

var socketHome = regexp.MustCompile(`^nascent-(\d+-\d+)-\d+$`)

// removeSockets removes the sockets' directories of dead hosts.
func removeSockets() {
	for _, base := range socketBases() {
		entries, _ := filepath.Glob(filepath.Join(base, "nascent-*"))
		for _, path := range entries {
			if m := socketHome.FindStringSubmatch(filepath.Base(path)); m != nil && !hostAlive(m[1]) {
				os.RemoveAll(path) // fails, as it should, where it is another user's
			}
		}
	}
}

// reap ends the processes of a search that an earlier host left behind, their
// children included, and returns how many they were. Processes whose host is
// alive are left alone. It also removes what dead hosts left of sockets.
func reap(searchID string) (killed int) {
	removeSockets()
	if searchID == "" {
		return 0
	}
	processes(func(pid int, env [][]byte) {
		ours, orphan := false, false
		for _, e := range env {
			if v, ok := bytes.CutPrefix(e, []byte(proto.EnvSearch+"=")); ok {
				ours = string(v) == searchID
			}
			if v, ok := bytes.CutPrefix(e, []byte(proto.EnvHost+"=")); ok {
				orphan = !hostAlive(string(v))
			}
		}
		if ours && orphan && besides(pid) {
			end(pid)
			killed++
		}
	})
	return killed
}

// besides tells whether a process counts processes as this one does: of one in a container
// of its own it is not known whether its host is alive.
func besides(pid int) bool {
	own, _ := os.Readlink("/proc/self/ns/pid")
	its, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", pid))
	return err == nil && its == own
}

// reapProcess ends the process group of a journaled process, if it is still
// that process.
func reapProcess(pid int, start uint64) bool {
	if t, ok := startTime(pid); !ok || t != start || pid <= 1 {
		return false
	}
	return syscall.Kill(-pid, syscall.SIGKILL) == nil
}
