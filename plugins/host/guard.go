package host

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"github.com/nascent-nas/nascent/plugins/proto"
)

// A host that is killed with -9 cannot end anything, and the kernel's
// Pdeathsig reaches children but not theirs. So while plugins run, a guard runs
// beside them: a shell in a session of its own, which is told the process
// groups over a pipe. When the pipe ends without a farewell the host is gone,
// and the guard ends the groups, then whatever else carries the host's mark,
// and removes the directory of the sockets, and the shared memory that PyTorch
// names after its processes. Without a shell there is no guard;
// then Reap does it when the search is opened again.
const guardScript = `
trap '' HUP INT TERM
groups=
while read -r what id; do
	case $what in
	+) groups="$groups $id" ;;
	-) rest=; for g in $groups; do [ "$g" = "$id" ] || rest="$rest $g"; done; groups=$rest ;;
	.) exit 0 ;;
	esac
done
marked() {
	for f in $(grep -lzxF "$1" /proc/[0-9]*/environ 2>/dev/null); do f=${f#/proc/}; echo "${f%/environ}"; done
}
all=$(marked "$1")
for g in $groups; do kill -9 "-$g" 2>/dev/null; done
for round in 1 2; do
	for p in $(marked "$1"); do kill -9 "$p" 2>/dev/null; all="$all $p"; done
done
rm -rf "$2"
for p in $all; do rm -f "/dev/shm/torch_${p}_"*; done
`

// guard counts the plugin processes of this host.
type guard struct {
	mu      sync.Mutex
	running int
	groups  map[int]bool // process groups that the guard knows of
	dir     string       // 0700: the sockets' home; "" while nothing runs
	pipe    *os.File     // nil: no guard
	cmd     *exec.Cmd
	ended   chan struct{} // closed when it has
	pause   time.Duration // before the next one, should somebody kill this
}

var guardian = guard{groups: map[int]bool{}, pause: time.Millisecond}

// enter is called before a process starts.
func (g *guard) enter() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.running++
	if g.dir == "" {
		for _, base := range socketBases() {
			dir, err := os.MkdirTemp(base, "nascent-"+hostMark()+"-")
			if err == nil {
				g.dir = dir
				break
			}
		}
	}
	if g.pipe == nil {
		g.launch()
	}
}

// socketBases are where sockets' directories are made: in the first that can be
// written. A socket's path has at most 107 bytes.
func socketBases() []string {
	if base := os.TempDir(); len(base) <= 25 && base != "/tmp" {
		return []string{base, "/tmp"}
	}
	return []string{"/tmp"}
}

// launch starts the shell and tells it what there is. With the lock held.
func (g *guard) launch() {
	r, w, err := os.Pipe()
	if err != nil {
		return
	}
	defer r.Close()
	cmd := exec.Command("/bin/sh", "-c", guardScript, "nascent-guard", proto.EnvHost+"="+hostMark(), g.dir)
	cmd.Stdin = r
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=/usr/bin:/bin"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		w.Close()
		return
	}
	g.pipe, g.cmd, g.ended = w, cmd, make(chan struct{})
	go g.replace(cmd, g.ended)
	for pid := range g.groups {
		fmt.Fprintf(w, "+ %d\n", pid)
	}
}

// replace waits for the end of a guard and, where somebody has killed it, starts another.
func (g *guard) replace(cmd *exec.Cmd, ended chan struct{}) {
	cmd.Wait()
	close(ended)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.cmd != cmd {
		return
	}
	pause := g.pause
	g.pause = min(2*pause, time.Minute)
	g.dismiss()
	time.AfterFunc(pause, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.running > 0 && g.pipe == nil {
			g.launch()
		}
	})
}

// tell sends a line. A guard that is dead is replaced. With the lock held.
func (g *guard) tell(line string) {
	if g.pipe == nil {
		return
	}
	if _, err := io.WriteString(g.pipe, line+"\n"); err != nil {
		g.dismiss()
		g.launch()
	}
}

// dismiss waits for the end of a guard whose pipe is closed. With the lock
// held.
func (g *guard) dismiss() {
	g.pipe.Close()
	<-g.ended
	g.pipe, g.cmd = nil, nil
}

// watch is called when a process has started.
func (g *guard) watch(pid int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.groups[pid] = true
	g.tell(fmt.Sprint("+ ", pid))
}

// leave is called when a process is gone, or was never started (pid 0).
func (g *guard) leave(pid int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if pid > 0 {
		delete(g.groups, pid)
		g.tell(fmt.Sprint("- ", pid))
	}
	if g.running--; g.running > 0 {
		return
	}
	if g.pipe != nil {
		io.WriteString(g.pipe, ".\n")
		g.dismiss()
	}
	if g.dir != "" {
		os.RemoveAll(g.dir)
		g.dir = ""
	}
}

// socketDir is where sockets are made while something runs. The caller keeps
// it there by enter and leave.
func (g *guard) socketDir() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.dir
}
