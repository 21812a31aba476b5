package fleet

import "fmt"

// A host on which everything fails is not to spend the attempts of jobs, nor to draw them
// to itself because it is always idle. What tells it from candidates that fail by
// themselves is other hosts: a job that failed is tried again on another one. Where
// several in a row came to something there, the host is set aside. Nothing is decided
// by that but where jobs run, and no clock decides it.
const (
	// broken is how many jobs in a row must fail on a host that others carry out.
	broken = 3
	// doubts is how often a job is tried elsewhere, uncounted, because the host on which it
	// failed has not brought anything yet, or not lately.
	doubts = 2
)

// jobKey names a job, however often it is tried.
type jobKey struct{ key, digest string }

func (r *run) job() jobKey { return jobKey{r.s.spec.Key, r.start.At.Digest} }

// tries is what is known of a job that has brought nothing yet.
type tries struct {
	failed map[*host]string // where, and why
	doubts int
}

// failed takes in that a job brought nothing on a host. It tells whether that is believed:
// not, if the host has not brought anything yet or has failed several in a row, and there is
// another one to ask.
func (f *Fleet) failed(h *host, r *run, why string) bool {
	k := r.job()
	t := f.tries[k]
	if t == nil {
		t = &tries{failed: map[*host]string{}}
		f.tries[k] = t
	}
	t.failed[h] = why
	h.failing[k] = false
	doubtful := !h.proven || len(h.failing) >= broken
	if doubtful && t.doubts < doubts && f.untried(r, t) {
		t.doubts++
		return false
	}
	if !doubtful { // it fails by itself, and tells nothing of others
		for other := range t.failed {
			if other != h {
				delete(other.failing, k)
			}
		}
	}
	return true
}

// untried tells whether there is a host on which a job has not failed yet.
func (f *Fleet) untried(r *run, t *tries) bool {
	for _, h := range f.hosts {
		if _, failed := t.failed[h]; !failed && h.slots(r.s.spec.Key) > 0 {
			return true
		}
	}
	return false
}

// succeeded takes in that a job came to something on a host, and so does not fail by
// itself.
func (f *Fleet) succeeded(h *host, r *run) {
	h.proven = true
	clear(h.failing)
	k := r.job()
	t := f.tries[k]
	if t == nil {
		return
	}
	delete(f.tries, k)
	for _, other := range f.hosts {
		why, failed := t.failed[other]
		if _, counts := other.failing[k]; !failed || !counts {
			continue
		}
		other.failing[k] = true
		elsewhere := 0
		for _, x := range other.failing {
			if x {
				elsewhere++
			}
		}
		if elsewhere >= broken && other.aside == "" {
			other.suspended = true
			other.setAside(fmt.Sprintf("its last %d jobs failed, and %d of them came to something elsewhere; the last: %s", len(other.failing), elsewhere, why))
		}
	}
}

// avoids tells whether a job is not to be carried out by a host: it failed there, and there
// is another one to try.
func (f *Fleet) avoids(r *run, t *tries, h *host) bool {
	if t == nil {
		return false
	}
	_, failed := t.failed[h]
	return failed && f.untried(r, t)
}

// sound tells that the last job of the host came to something.
func (h *host) sound() bool { return h.proven && len(h.failing) == 0 }

// Accept takes hosts of that name back that were set aside because everything failed on
// them. It returns how many there are.
func (f *Fleet) Accept(name string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, h := range f.hosts {
		if h.machine.Name == name && h.suspended {
			h.aside, h.suspended, h.proven = "", false, false
			clear(h.failing)
			n++
		}
	}
	f.changed()
	return n
}
