package sdk

import (
	"bytes"
	"os"
	"runtime"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nascent-nas/nascent/engine"
)

// measurable is how long a job takes of which it is worth while to see what it took.
const measurable = 10 * time.Millisecond

// meter measures what jobs take of this process, of those that are alone in it. A nil one
// measures nothing.
type meter struct {
	oneThread bool // see EvaluatorPlugin.OneThread

	mu     sync.Mutex
	aboard int
	shared bool // two were aboard at once since none was
	fresh  bool // the peak of memory begins with what is measured next
}

// newMeter returns the meter of a process that serves p.
func newMeter(p *EvaluatorPlugin) *meter {
	if p.Start != nil || p.Lookup {
		return nil
	}
	return &meter{oneThread: p.OneThread, fresh: forgetPeak()}
}

// begin is called by the goroutine that carries out a job, and end after it with what begin
// returned.
func (m *meter) begin() (cpu float64) {
	if m == nil {
		return 0
	}
	m.mu.Lock()
	m.aboard++
	m.shared = m.shared || m.aboard > 1
	m.mu.Unlock()
	if m.oneThread {
		runtime.LockOSThread()
		return spent(unix.RUSAGE_THREAD)
	}
	return spent(unix.RUSAGE_SELF) + spent(unix.RUSAGE_CHILDREN)
}

// end is what a job took that began then, as far as that can be told.
func (m *meter) end(began time.Time, cpu float64) (u engine.Usage) {
	if m == nil {
		return u
	}
	if m.oneThread {
		defer runtime.UnlockOSThread()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	alone := !m.shared
	if m.aboard--; m.aboard == 0 {
		m.shared = false
	}
	if time.Since(began) < measurable {
		return u
	}
	switch {
	case m.oneThread:
		u.CPU = spent(unix.RUSAGE_THREAD) - cpu
	case alone:
		u.CPU = spent(unix.RUSAGE_SELF) + spent(unix.RUSAGE_CHILDREN) - cpu
	}
	if alone && m.fresh {
		u.Memory = peak()
	}
	m.fresh = forgetPeak()
	return u
}

// spent are seconds of processors.
func spent(who int) float64 {
	var r unix.Rusage
	if unix.Getrusage(who, &r) != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano()).Seconds()
}

// peak is how many bytes of this process were resident at most since forgetPeak.
func peak() int64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, rest, _ := bytes.Cut(status, []byte("VmHWM:"))
	text, _, _ := bytes.Cut(rest, []byte("kB"))
	kilobytes, _ := strconv.ParseInt(string(bytes.TrimSpace(text)), 10, 64)
	return kilobytes << 10
}

// forgetPeak lets the peak begin anew, where the system lets one.
func forgetPeak() bool { return os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) == nil }
