package host

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/plugins/proto"
)

// How old what was seen of a process may be: whoever asks more often is told the same.
const (
	seenFor   = time.Second
	markedFor = 200 * time.Millisecond // of what it had taken before a job: looking is not for free
)

// taken is what a job takes, as it was seen last.
type taken struct {
	marked bool    // before is known
	before float64 // seconds of processors that the processes had taken when it began
	seen   time.Time
	usage  engine.Usage
}

// mark is what the processes of a link had taken at a moment, seconds of processors.
type mark struct {
	at  time.Time
	cpu float64
}

// look sets the mark where a message says that jobs have begun, unless that was done just
// before.
func (l *link) look(m *proto.FromEvaluator, now time.Time) {
	begun := func(r *proto.Report) bool { return r.GetBegun() != nil }
	if now.Sub(l.mark.at) < markedFor || len(m.Begun) == 0 && !slices.ContainsFunc(m.Reports, begun) {
		return
	}
	l.mark = mark{at: now}
	for _, p := range below(l.process.pid()) {
		l.mark.cpu += p.cpu
	}
}

// Usage implements engine.Meter: what the plugin's process that has the job takes together
// with those that it started. Where one process has several, nothing is known.
func (s *session) Usage(id engine.ID, attempt int) engine.Usage {
	k := key{id, attempt}
	s.mu.Lock()
	w := s.find(k)
	if w == nil || w.link == nil || w.jobs[k].begun.IsZero() || s.slots > 1 && !w.exclusive {
		s.mu.Unlock()
		return engine.Usage{}
	}
	j, pid, now := w.jobs[k], w.link.process.pid(), time.Now()
	t := j.taken
	s.mu.Unlock()
	if now.Sub(t.seen) < seenFor {
		return t.usage
	}
	var u engine.Usage
	onGPU := cards.memory()
	for _, p := range below(pid) {
		u.CPU += p.cpu
		u.Memory += p.memory
		u.GPUMemory += onGPU[p.pid]
	}
	if u.CPU -= t.before; !t.marked || u.CPU < 0 {
		u.CPU = 0
	}
	s.mu.Lock()
	j.taken.seen, j.taken.usage = now, u
	s.mu.Unlock()
	return u
}

// pid is the number of the plugin's process, 0 when that is gone.
func (p *process) pid() int {
	p.child.mu.Lock()
	defer p.child.mu.Unlock()
	if p.child.dead {
		return 0
	}
	return p.child.pid
}

// seen is one process.
type seen struct {
	pid    int
	cpu    float64 // seconds, with those of its children that have ended
	memory int64   // resident bytes
}

// below is a process with all that descend from it. Processes may end meanwhile.
func below(pid int) (all []seen) {
	if pid <= 0 {
		return nil
	}
	at := []int{pid}
	known := map[int]bool{pid: true}
	for len(at) > 0 {
		pid, at = at[0], at[1:]
		p, err := stat(pid)
		if err != nil {
			continue
		}
		all = append(all, p)
		lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
		for _, list := range lists {
			text, _ := os.ReadFile(list)
			for _, f := range strings.Fields(string(text)) {
				if child, err := strconv.Atoi(f); err == nil && !known[child] {
					known[child], at = true, append(at, child)
				}
			}
		}
	}
	return all
}

// stat reads /proc/PID/stat: of what stands behind the name, which is in parentheses, the
// 12th to 15th are ticks, 100 a second, of the process and of ended children in programs and in
// the kernel, the 22nd pages.
func stat(pid int) (seen, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return seen{}, err
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 22 {
		return seen{}, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(fields))
	}
	p := seen{pid: pid}
	for _, f := range fields[11:15] {
		ticks, _ := strconv.ParseInt(f, 10, 64)
		p.cpu += float64(ticks) / 100
	}
	pages, _ := strconv.ParseInt(fields[21], 10, 64)
	p.memory = pages * int64(os.Getpagesize())
	return p, nil
}

// gpus asks nvidia-smi, where there is one, which processes have how much of the GPUs' memory.
type gpus struct {
	program string
	once    sync.Once

	mu      sync.Mutex
	asked   time.Time
	answer  map[int]int64
	running chan struct{} // closed when the newest question is answered
}

// cards are those of this machine.
var cards gpus

// How long whoever wants to know waits for it, and how long it may take at all: then the last
// answer counts.
const (
	cardsWait  = time.Second
	cardsLimit = 10 * time.Second
)

// memory is bytes by process.
func (g *gpus) memory() map[int]int64 {
	g.once.Do(func() {
		if g.program == "" {
			g.program, _ = exec.LookPath("nvidia-smi")
		}
	})
	if g.program == "" {
		return nil
	}
	g.mu.Lock()
	if g.running == nil && time.Since(g.asked) >= seenFor {
		done := make(chan struct{})
		g.running = done
		go func() {
			defer close(done)
			answer := g.ask()
			g.mu.Lock()
			defer g.mu.Unlock()
			g.asked, g.answer, g.running = time.Now(), answer, nil
		}()
	}
	running := g.running
	g.mu.Unlock()
	if running != nil {
		select {
		case <-running:
		case <-time.After(cardsWait):
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.answer
}

func (g *gpus) ask() map[int]int64 {
	ctx, cancel := context.WithTimeout(context.Background(), cardsLimit)
	defer cancel()
	text, err := exec.CommandContext(ctx, g.program, "--query-compute-apps=pid,used_memory", "--format=csv,noheader,nounits").Output()
	if err != nil {
		return nil
	}
	all := map[int]int64{}
	for line := range strings.Lines(string(text)) {
		process, used, _ := strings.Cut(strings.TrimSpace(line), ",")
		pid, err := strconv.Atoi(process)
		mib, err2 := strconv.ParseInt(strings.TrimSpace(used), 10, 64)
		if err == nil && err2 == nil {
			all[pid] += mib << 20
		}
	}
	return all
}
