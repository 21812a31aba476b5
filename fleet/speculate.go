package fleet

import (
	"math"
	"slices"
	"time"

	"github.com/nascent-nas/nascent/engine"
)

// Speculative execution: a job that takes much longer than others of its sort is begun on a
// second host, where one has nothing to do. To whoever submitted it that is one attempt:
// the first result counts, and the other host is told to give it up.
const (
	slow  = 3 // times what is usual
	known = 8 // jobs of a sort must have ended before anything is usual
)

// usual is how long jobs of a sort take: the median of the last; 0 where that is not known.
func (l lengths) usual(s sort) time.Duration {
	if len(l[s]) < known {
		return 0
	}
	all := slices.Sorted(slices.Values(l[s]))
	return all[len(all)/2]
}

// speculate begins second runs of jobs that take long, the longest first, or has itself
// called when that may be.
func (f *Fleet) speculate() {
	if !f.o.Speculative {
		return
	}
	if f.alarm != nil {
		f.alarm()
		f.alarm = nil
	}
	next := time.Duration(math.MaxInt64)
	for _, s := range f.sessions {
		for !s.closed && len(s.queue) == 0 {
			r, in := f.straggler(s)
			next = min(next, in)
			if r == nil {
				break
			}
			r.second = f.idle(r)
			r.secondAt = r.start.At
			r.second.runs[r.secondAt] = r
			r.second.tell(toHost{Start: r.start})
			f.o.Log("candidate %s takes long on %s, and is begun on %s as well", r.key.id, r.h.machine.Name, r.second.machine.Name)
		}
	}
	if next < math.MaxInt64 {
		f.alarm = f.o.clock.After(next, func() {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.changed()
		})
	}
}

// straggler is the job that has taken longest, in relation to what is usual, of those
// that a second host may begin now; or in how long there may be one.
func (f *Fleet) straggler(s *session) (worst *run, in time.Duration) {
	in = math.MaxInt64
	if s.room() == 0 {
		return nil, in
	}
	now, most, usual := f.o.clock.Now(), 0.0, map[sort]time.Duration{}
	for _, r := range s.runs {
		if r.h == nil || !r.begun || r.second != nil || r.ending {
			continue
		}
		of := sortOf(r)
		if _, have := usual[of]; !have {
			usual[of] = f.lengths.usual(of)
		}
		if usual[of] == 0 {
			continue
		}
		took := now.Sub(r.since)
		if left := slow*usual[of] - took; left > 0 {
			in = min(in, left)
			continue
		}
		ratio := float64(took) / float64(usual[of])
		if first := ratio == most && r.key.id < worst.key.id; (ratio > most || first) && f.idle(r) != nil {
			worst, most = r, ratio
		}
	}
	return worst, in
}

// room is how many more jobs hosts can have.
func (s *session) room() (n int) {
	for _, h := range s.fleet.hosts {
		n += max(0, h.room(s.spec.Key))
	}
	return n
}

// idle is the host that is to begin a job a second time, nil if none can.
func (f *Fleet) idle(r *run) (best *host) {
	most, tried := 0, f.tries[r.job()]
	for _, h := range f.hosts {
		if n := h.room(r.s.spec.Key); n > most && h != r.h && !f.avoids(r, tried, h) && h.lasts(f.lengths.usual(sortOf(r))) {
			best, most = h, n
		}
	}
	return best
}

// parts takes a host from a run that two have, or had, and tells whether none has it now. The other
// goes on with it as if it were the only one.
func (r *run) parts(h *host) (last bool) {
	switch {
	case r.second == nil:
		delete(h.runs, r.at)
		r.h = nil
		return true
	case h == r.second:
		delete(h.runs, r.secondAt)
	default:
		delete(h.runs, r.at)
		r.h, r.at, r.whole = r.second, r.secondAt, false
	}
	r.second = nil
	return false
}

// on is how a host names the run.
func (r *run) on(h *host) named {
	if h == r.second {
		return r.secondAt
	}
	return r.at
}

// alone has one host give up what the other one has brought.
func (r *run) alone(h *host) {
	if r.second == nil {
		return
	}
	other := r.second
	if h == other {
		other = r.h
	}
	at := r.on(other)
	other.tell(toHost{Kill: &at})
	r.parts(other)
}

// hosts are those that carry it out.
func (r *run) hosts() (all []*host) {
	for _, h := range []*host{r.h, r.second} {
		if h != nil {
			all = append(all, h)
		}
	}
	return all
}

// answered takes the last report of one host, and tells whether it is that of the run: not,
// if it brought nothing and another still has it.
func (r *run) answered(h *host, e engine.Event) bool {
	if e.Kind == engine.Finished && e.Result != nil && e.Result.Status != engine.Failed {
		r.alone(h)
		return true
	}
	return r.parts(h)
}
