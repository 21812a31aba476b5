package fleet

import (
	"fmt"
	"slices"
	"time"

	"github.com/nascent-nas/nascent/engine"
)

// host is one host as the coordinator sees it. All is under the fleet's lock.
type host struct {
	fleet   *Fleet
	machine Machine
	link    *connection   // nil while it cannot be reached
	away    *time.Timer   // until it counts as lost
	ends    time.Time     // when it stops taking jobs; zero: not of itself
	whole   time.Duration // it had so long when it came first; 0 likewise
	joined  time.Time     // when that was
	synced  bool          // it has said over this connection what it has on board

	ready    map[string]int    // by evaluator that it has opened: jobs at once
	runs     map[named]*run    // by how the host names them
	unread   map[named]bool    // answers that are not durable yet
	read     map[named]bool    // that are; the host may not have heard of it if it comes back
	files    map[string]string // that came and no report has named yet, by hash
	draining bool
	gone     bool   // it said that it leaves
	released bool   // over this connection
	aside    string // it gets no more jobs, and why
	full     string // why its disk has no room for jobs; "" if it has

	suspended bool            // aside because everything failed on it
	proven    bool            // some job came to something
	failing   map[jobKey]bool // jobs that failed since; true: they came to something elsewhere

	failedProbe map[string]string // evaluators whose probe job failed, and why

	finished, failed int
	failures         map[string]int // of them, by why; of very many, the first hundred
}

// run is one attempt that has not been answered.
type run struct {
	s     *session
	a     engine.Assignment
	key   attempt
	start *start
	h     *host // nil: it waits for room
	at    named // its name on the host

	second   *host // carries it out as well; nil: none does
	secondAt named // its name there

	begun  bool
	since  time.Time // when it was
	whole  bool      // it was begun here from its beginning, so that its length tells how long such jobs take
	cancel bool      // it was asked for while the host could not be reached
	save   bool      // with that
	ending bool      // it is to be ended: how it ends tells nothing
}

// attempt is one attempt as the engine names it.
type attempt struct {
	id      engine.ID
	attempt int
}

// strayKey names a job that a host has on board and nobody has submitted to it.
type strayKey struct {
	key    string
	id     engine.ID
	digest string
}

// stray is a job that was begun for a coordinator that is no more, or was given up while
// its host could not be reached. Whoever submits that job again finds it.
type stray struct {
	h        *host
	at       named
	answer   *report // that came
	finished bool    // it has an answer, or one is about to come
	timer    *time.Timer
}

// tell sends the host something, if it can be reached.
func (h *host) tell(m toHost) {
	if h.link != nil {
		h.link.out.Put(m)
	}
}

// slots is how many jobs of an evaluator it can have at once.
func (h *host) slots(key string) int {
	if h.link == nil || !h.synced || h.draining || h.gone || h.aside != "" || h.full != "" {
		return 0
	}
	return h.ready[key]
}

// room is how many more jobs of an evaluator it can have.
func (h *host) room(key string) int {
	n := h.slots(key)
	if n == 0 {
		return 0
	}
	n -= len(h.runs)
	for _, s := range h.fleet.strays {
		if s.h == h && !s.finished {
			n--
		}
	}
	return n
}

// begin sends a job to the host.
func (h *host) begin(r *run) {
	r.h, r.at = h, r.start.At
	h.runs[r.at] = r
	r.whole = !r.a.Saved
	h.tell(toHost{Start: r.start})
}

// release lets a host end that is to take no more jobs, once nothing of it is missing.
func (h *host) release() {
	if (h.gone || h.draining) && h.synced && !h.released && len(h.runs)+len(h.unread) == 0 {
		h.released = true
		h.tell(toHost{Release: true})
	}
}

// lost answers everything that the host had on board: it goes elsewhere.
func (h *host) lost(why string) {
	for _, at := range h.order() {
		r := h.runs[at]
		if r.parts(h) {
			r.answer(engine.Event{Kind: engine.Returned, Reason: why + ": " + h.machine.Name})
		}
	}
	for k, s := range h.fleet.strays {
		if s.h == h {
			s.timer.Stop()
			delete(h.fleet.strays, k)
		}
	}
	for hash, path := range h.files {
		drop(path)
		delete(h.files, hash)
	}
	h.fleet.hosts = slices.DeleteFunc(h.fleet.hosts, func(x *host) bool { return x == h && h.aside == "" })
}

// order is the host's runs by their names.
func (h *host) order() []named {
	var all []named
	for at := range h.runs {
		all = append(all, at)
	}
	slices.SortFunc(all, func(a, b named) int {
		if a.ID != b.ID {
			return int(int64(a.ID) - int64(b.ID))
		}
		return a.Attempt - b.Attempt
	})
	return all
}

// setAside has a host get no more jobs.
func (h *host) setAside(why string) {
	if h.aside == "" {
		h.aside = why
		h.fleet.o.Log("host %s gets no more jobs: %s", h.machine.Name, why)
		if !slices.ContainsFunc(h.fleet.hosts, func(x *host) bool { return x.aside == "" && !x.gone }) {
			h.fleet.o.Log("the search has no host left, and waits for one: mend what that says and start hosts anew, or stop the search, " +
				"and run it again where its evaluator has changed")
		}
	}
}

// hears takes one message of a host.
func (f *Fleet) hears(h *host, c *connection, m *fromHost) {
	var kept []engine.FileRef
	var err error
	if m.Report != nil {
		kept, err = f.keep(h, m.Report)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if h.link != c {
		return // it has come back meanwhile, by another
	}
	switch {
	case m.Opened != nil:
		if s := f.session(m.Opened.Key); s != nil {
			s.opened(h, m.Opened)
		}
	case m.Aboard:
		h.board(m.Board)
	case m.Room != nil:
		if h.full = clean(m.Room.Lacks); h.full != "" {
			f.o.Log("host %s gets no more jobs: %s", h.machine.Name, h.full)
		} else {
			f.o.Log("host %s has room again", h.machine.Name)
		}
	case m.Leaving != "":
		h.gone = true
		for at := range h.unread { // nobody will say of these that they are durable
			if f.session(at.Key) == nil {
				h.tell(toHost{Ack: &at})
				delete(h.unread, at)
			}
		}
		f.o.Log("host %s leaves: %s", h.machine.Name, clean(m.Leaving))
	case m.Report != nil:
		if err != nil {
			m.Report.Event = engine.Event{
				ID: m.Report.Event.ID, Attempt: m.Report.Event.Attempt, Kind: engine.Returned,
				Reason: "its files could not be kept: " + engine.OneLine(err.Error()),
			}
		}
		h.report(m.Report, kept)
	}
	f.changed()
}

func (f *Fleet) session(key string) *session {
	for _, s := range f.sessions {
		if s.spec.Key == key {
			return s
		}
	}
	return nil
}

// keep puts the files that a report names into the search's store, if somebody waits for
// that report.
func (f *Fleet) keep(h *host, m *report) (out []engine.FileRef, err error) {
	refs := m.Event.Files
	if m.Event.Result != nil {
		refs = m.Event.Result.Files
	}
	if len(refs) == 0 {
		return nil, nil
	}
	f.mu.Lock()
	s := f.session(m.At.Key)
	wanted := s != nil && f.waits(h, m)
	if r := m.Event.Result; r != nil && r.Status == engine.Failed {
		wanted = false // nobody needs what it left
		h.forget(m)
	}
	paths := map[string]string{}
	for _, ref := range refs {
		paths[ref.Hash] = h.files[ref.Hash]
		if wanted {
			delete(h.files, ref.Hash)
		}
	}
	f.mu.Unlock()
	if !wanted {
		return nil, nil
	}
	for _, ref := range refs {
		if err := engine.CheckFileName(ref.Name); err != nil {
			return nil, err
		}
		path := paths[ref.Hash]
		if _, have := s.files.Path(ref.Hash); path == "" && have == nil {
			out = append(out, ref) // named before
			continue
		}
		if path == "" {
			return nil, fmt.Errorf("%s did not come", ref.Name)
		}
		kept, err := s.files.Put(path, ref.Name)
		if err != nil {
			return nil, err
		}
		out = append(out, kept)
	}
	return out, nil
}

// waits tells whether somebody waits for a report. With the lock held.
func (f *Fleet) waits(h *host, m *report) bool {
	r := h.runs[m.At]
	return r != nil && (m.Event.Kind != engine.Saved || h != r.second)
}

// report takes one event of an attempt.
func (h *host) report(m *report, kept []engine.FileRef) {
	e, at := m.Event, m.At
	if e.Kind == engine.Broken {
		h.setAside(clean(e.Reason))
		return
	}
	r := h.runs[at]
	if r == nil {
		h.straying(at, m)
		return
	}
	if !r.begun && e.Kind != engine.Returned && e.Kind != engine.Lost {
		r.begun, r.since = true, h.fleet.o.clock.Now()
		r.s.emit(r.key, engine.Event{Kind: engine.Begun})
	}
	switch e.Kind {
	case engine.Progress, engine.Saved:
		if h != r.second { // one tells how far it is
			e.Files = kept
			r.s.emit(r.key, e)
		}
	case engine.Finished, engine.Returned, engine.Lost:
		h.ended(r, at, e, kept)
	}
}

// ended takes what a run came to on the host.
func (h *host) ended(r *run, at named, e engine.Event, kept []engine.FileRef) {
	f := h.fleet
	e.Reason = clean(e.Reason)
	brought := brought(&e)
	if e.Kind == engine.Finished {
		h.finished++
	}
	switch {
	case brought:
		e.Result.Files = kept
		if e.Result.Status == engine.OK && !e.Result.Stopped && r.whole && h != r.second {
			f.lengths.add(sortOf(r), f.o.clock.Now().Sub(r.since))
		}
		f.succeeded(h, r)
	case h.gone && e.Kind == engine.Lost: // whoever ends a host may end what it started, too
		e.Kind, e.Alone, e.Reason = engine.Returned, false, "its host leaves: "+h.machine.Name
	case r.ending || h.gone || h.full != "":
	case e.Kind == engine.Lost && !e.Alone && !r.a.Alone:
		h.counts(e)
	case e.Kind == engine.Returned:
		if !r.begun { // else it comes back because of others
			f.failed(h, r, e.Reason)
		}
	default:
		why := e.Reason
		if e.Kind == engine.Finished && e.Result != nil {
			why = clean(e.Result.Reason)
		}
		h.counts(e)
		if !f.failed(h, r, why) {
			e = engine.Event{Kind: engine.Returned, Reason: fmt.Sprintf("it failed on host %s, of which nothing good is known: %s", h.machine.Name, why)}
		}
	}
	last := r.answered(h, e)
	if last && e.Kind == engine.Finished {
		h.unread[at] = true
		r.s.unread[r.key] = h
		r.s.names[r.key] = at
	} else {
		h.read[at] = true
		h.tell(toHost{Ack: &at})
	}
	if last {
		r.answer(e)
	}
}

// counts takes in a job that brought nothing, and why.
func (h *host) counts(e engine.Event) {
	if h.failed++; e.Kind == engine.Lost {
		h.finished++
	} else if e.Result != nil {
		e.Reason = clean(e.Result.Reason)
	}
	if _, known := h.failures[e.Reason]; known || len(h.failures) < 100 {
		h.failures[e.Reason]++
	}
}

// answer is the last event of an attempt.
func (r *run) answer(e engine.Event) {
	for _, h := range r.hosts() {
		delete(h.runs, r.on(h))
	}
	delete(r.s.runs, r.key)
	r.s.emit(r.key, e)
	if r.s.closed && len(r.s.runs) == 0 {
		r.s.end()
	}
}

// straying takes a report of a job that nobody waits for under that name.
func (h *host) straying(at named, m *report) {
	f := h.fleet
	for k, s := range f.strays {
		if s.h != h || s.at != at {
			continue
		}
		switch m.Event.Kind {
		case engine.Finished:
			s.answer, s.finished = m, true
		case engine.Returned, engine.Lost:
			s.timer.Stop()
			delete(f.strays, k)
			h.tell(toHost{Ack: &at})
		}
		return
	}
	switch m.Event.Kind {
	case engine.Finished, engine.Returned, engine.Lost:
		if !h.unread[at] {
			h.forget(m)
			h.tell(toHost{Ack: &at}) // nobody waits for it any more
		}
	}
}

// forget removes the files that an unwanted report names.
func (h *host) forget(m *report) {
	if m == nil || m.Event.Result == nil {
		return
	}
	for _, ref := range m.Event.Result.Files {
		drop(h.files[ref.Hash])
		delete(h.files, ref.Hash)
	}
}

// board takes in what a host has on board as it comes or comes back.
func (h *host) board(all []held) {
	has := map[named]bool{}
	for _, x := range all {
		at := x.At
		has[at] = true
		r := h.runs[at]
		if r != nil {
			if r.cancel {
				at.Save = r.save
				h.tell(toHost{Cancel: &at})
			}
			continue
		}
		switch {
		case h.unread[at]: // its Ack is still to come
		case h.read[at]:
			h.tell(toHost{Ack: &at})
		case x.Running || x.Finished:
			h.adopt(x)
		}
	}
	clear(h.read)
	for _, at := range h.order() { // the order did not reach it
		if !has[at] {
			h.tell(toHost{Start: h.runs[at].start})
		}
	}
	h.synced = true
}

// adopt lets whoever submitted a job have what a host has of it, or keeps that for whoever
// will.
func (h *host) adopt(x held) {
	f, at := h.fleet, x.At
	s := f.session(at.Key)
	if s != nil {
		for _, r := range s.runs {
			if r.key.id != at.ID || r.start.At.Digest != at.Digest {
				continue
			}
			switch {
			case r.h == nil:
				s.queue = slices.DeleteFunc(s.queue, func(x *run) bool { return x == r })
			case x.Finished: // it runs elsewhere, in vain
				for _, other := range r.hosts() {
					at := r.on(other)
					other.tell(toHost{Kill: &at})
					r.parts(other)
				}
			default:
				h.tell(toHost{Kill: &at})
				return
			}
			r.h, r.at, r.whole = h, at, false
			h.runs[at] = r
			return
		}
	}
	k := strayKey{at.Key, at.ID, at.Digest}
	if f.strays[k] != nil {
		h.tell(toHost{Kill: &at})
		return
	}
	found := &stray{h: h, at: at, finished: x.Finished}
	found.timer = time.AfterFunc(2*f.o.Patience, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.strays[k] == found {
			f.dropStray(k)
			f.changed()
		}
	})
	f.strays[k] = found
}

// dropStray gives up a job that nobody submits.
func (f *Fleet) dropStray(k strayKey) {
	x := f.strays[k]
	delete(f.strays, k)
	x.timer.Stop()
	if x.answer != nil {
		x.h.forget(x.answer)
		x.h.tell(toHost{Ack: &x.at})
	} else {
		x.h.tell(toHost{Kill: &x.at})
	}
}
