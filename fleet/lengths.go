package fleet

import (
	"slices"
	"time"

	"github.com/nascent-nas/nascent/engine"
)

// sort is what makes jobs take about as long as one another.
type sort struct {
	key      string // of the evaluator
	task     engine.Task
	fidelity int
}

func sortOf(r *run) sort { return sort{r.s.spec.Key, r.a.Job.Task, r.a.Job.Fidelity} }

// lengths are how long jobs took lately, from their beginning to their end.
type lengths map[sort][]time.Duration

// lately is how many of a sort are remembered.
const lately = 32

func (l lengths) add(s sort, d time.Duration) {
	l[s] = append(l[s], d)
	if n := len(l[s]); n > lately {
		l[s] = slices.Delete(l[s], 0, n-lately)
	}
}

// need is how long a host must last to be sent a job: as long as the longest of its sort
// took lately. It is 0 where none has ended yet, and where none of the hosts had so much
// time when it came: there is no better place for it, and what it saves goes on elsewhere.
func (f *Fleet) need(r *run) time.Duration {
	if len(f.lengths[sortOf(r)]) == 0 {
		return 0
	}
	need := slices.Max(f.lengths[sortOf(r)])
	if slices.ContainsFunc(f.hosts, func(h *host) bool { return h.whole == 0 || h.whole >= need }) {
		return need
	}
	return 0
}

// lasts tells whether the host takes jobs for so long from now.
func (h *host) lasts(d time.Duration) bool {
	return h.ends.IsZero() || !h.fleet.o.clock.Now().Add(d).After(h.ends)
}

// clock is that of the machine.
type clock struct{}

func (clock) Now() time.Time { return time.Now() }

func (clock) After(d time.Duration, f func()) (cancel func()) {
	t := time.AfterFunc(d, f)
	return func() { t.Stop() }
}
