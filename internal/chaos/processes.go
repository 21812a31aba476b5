package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is one of this machine.
type process struct {
	pid, parent int
	started     string // ticks since boot: tells it from another one with its number
}

// String is a process with its command line, for people.
func (p process) String() string {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.pid))
	return fmt.Sprintf("process %d (%s)", p.pid, strings.TrimSpace(strings.ReplaceAll(string(b), "\x00", " ")))
}

// processes are all that run, by their numbers.
func processes() map[int]process {
	out := map[int]process{}
	entries, _ := filepath.Glob("/proc/[0-9]*")
	for _, path := range entries {
		if pid, err := strconv.Atoi(filepath.Base(path)); err == nil {
			if p, ok := lookAt(pid); ok {
				out[pid] = p
			}
		}
	}
	return out
}

// lookAt reads a process that has not ended.
func lookAt(pid int) (process, bool) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return process{}, false
	}
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(fields) < 20 || fields[0] == "Z" {
		return process{}, false
	}
	parent, err := strconv.Atoi(fields[1])
	return process{pid, parent, fields[19]}, err == nil
}

// generations are the children of a process, their children, and so on.
func generations(pid int) (out [][]process) {
	all := processes()
	above := map[int]bool{pid: true}
	for {
		var next []process
		below := map[int]bool{}
		for _, p := range all {
			if above[p.parent] {
				next = append(next, p)
				below[p.pid] = true
			}
		}
		if len(next) == 0 {
			return out
		}
		out, above = append(out, next), below
	}
}

// patience is how long what ends may take to end.
const patience = 2 * time.Minute

// gone waits until processes have ended, kills those that do not, and returns them.
func gone(family []process) (left []string) {
	deadline := time.Now().Add(patience)
	for _, p := range family {
		for {
			now, there := lookAt(p.pid)
			if !there || now.started != p.started {
				break
			}
			if time.Now().After(deadline) {
				left = append(left, p.String())
				syscall.Kill(p.pid, syscall.SIGKILL)
				break
			}
			time.Sleep(2 * time.Millisecond)
		}
	}
	return left
}

// marked are the processes, but for this one, that have a text in their command line
// or their environment.
func marked(text string) (out []process) {
	for pid, p := range processes() {
		for _, file := range []string{"cmdline", "environ"} {
			if b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file)); pid != os.Getpid() && bytes.Contains(b, []byte(text)) {
				out = append(out, p)
				break
			}
		}
	}
	return out
}
