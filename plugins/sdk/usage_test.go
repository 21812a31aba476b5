package sdk

import (
	"runtime"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nascent-nas/nascent/engine"
)

// burn uses so much of the thread that it runs on.
func burn(d time.Duration) {
	runtime.LockOSThread() // another thread may have spent more
	defer runtime.UnlockOSThread()
	for began := spent(unix.RUSAGE_THREAD); spent(unix.RUSAGE_THREAD)-began < d.Seconds(); {
	}
}

// Of jobs that share a process only those are measured that keep to a thread, and of these
// only the processors.
func TestMeter(t *testing.T) {
	t.Parallel()
	for _, oneThread := range []bool{false, true} {
		m := newMeter(&EvaluatorPlugin{OneThread: oneThread})
		var both sync.WaitGroup
		both.Add(2)
		used := make([]engine.Usage, 2)
		var jobs sync.WaitGroup
		for i := range used {
			jobs.Go(func() {
				began, cpu := time.Now(), m.begin()
				both.Done()
				both.Wait()
				burn(2 * measurable)
				used[i] = m.end(began, cpu)
			})
		}
		jobs.Wait()
		for _, u := range used {
			if u.Memory != 0 || (u.CPU >= measurable.Seconds()) != oneThread {
				t.Errorf("a job beside another, that keeps to a thread (%v), took %+v", oneThread, u)
			}
		}
		done := make(chan engine.Usage)
		go func() {
			began, cpu := time.Now(), m.begin()
			burn(2 * measurable)
			done <- m.end(began, cpu)
		}()
		if u := <-done; u.CPU < measurable.Seconds() || (u.Memory > 0) != m.fresh {
			t.Errorf("a job alone took %+v", u)
		}
	}
	for name, p := range map[string]EvaluatorPlugin{"looks up": {Lookup: true}, "begins elsewhere": {Start: func(*Job) {}}} {
		if m := newMeter(&p); m.end(time.Time{}, m.begin()) != (engine.Usage{}) {
			t.Errorf("one that %s is measured", name)
		}
	}
}
