package fleet

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/internal/mailbox"
)

// Program says how hosts open an evaluator.
type Program struct {
	Use   json.RawMessage // for whoever opens it
	Files []File          // that it consists of: hosts that lack one are sent it
	Needs []Need          // what it reads besides
	Probe *Probe          // how hosts show that they come to what others come to; nil: not at all
}

// Evaluator makes an evaluator of the hosts. Key is its name in the search. Open waits until
// a host has opened it.
func (f *Fleet) Evaluator(key string, p Program) engine.Evaluator {
	return &evaluator{f, key, p}
}

type evaluator struct {
	fleet   *Fleet
	key     string
	program Program
}

// session is an engine.Session over hosts. All is under the fleet's lock.
type session struct {
	fleet   *Fleet
	spec    Spec
	setup   engine.EvaluatorSetup
	files   engine.Files
	hello   *engine.Hello // of the first host
	first   chan struct{} // closed with hello or refusal
	refuse  *engine.Mistake
	program string     // of spec
	fixed   bool       // the kernels are not to be agreed upon
	probe   *reference // what hosts' probes are to come to; nil: none has come to anything

	events *mailbox.Mailbox[engine.Event]
	runs   map[attempt]*run
	queue  []*run            // that wait for room
	unread map[attempt]*host // whom to tell that an answer is durable
	names  map[attempt]named // and by which name
	told   int               // the capacity that the engine knows of
	closed bool
	ended  bool
	idle   chan struct{} // closed when it is closed and all is answered
}

// Open implements engine.Evaluator.
func (e *evaluator) Open(ctx context.Context, setup engine.EvaluatorSetup) (engine.Session, engine.Hello, error) {
	f := e.fleet
	s := &session{
		fleet: f, setup: setup, files: setup.Files,
		spec: Spec{
			Key: e.key, Space: setup.Space.JSON(), Rules: setup.Space.Rules(), Options: setup.Options, Slots: f.o.Slots,
			Use: e.program.Use, Files: e.program.Files, Needs: e.program.Needs, Probe: e.program.Probe,
		},
		first: make(chan struct{}), idle: make(chan struct{}), events: mailbox.New[engine.Event](),
		runs: map[attempt]*run{}, unread: map[attempt]*host{}, names: map[attempt]named{}, told: -1,
	}
	s.program = s.spec.program()
	f.mu.Lock()
	if f.session(e.key) != nil {
		f.mu.Unlock()
		return nil, engine.Hello{}, fmt.Errorf("the fleet has an evaluator %s already", e.key)
	}
	f.sessions = append(f.sessions, s)
	s.spec.Kernels = f.o.Kernels
	if s.spec.Kernels == "" && setup.Expect != nil {
		s.spec.Kernels = setup.Expect.Kernels()
	}
	s.fixed = s.spec.Kernels != ""
	if !s.agree() {
		for _, h := range f.hosts {
			s.open(h)
		}
	}
	f.mu.Unlock()
	select {
	case <-s.first:
	case <-ctx.Done():
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case s.refuse != nil:
		s.end()
		return nil, engine.Hello{}, s.refuse
	case s.hello == nil:
		s.end()
		return nil, engine.Hello{}, fmt.Errorf("no host has opened the evaluator: %w", context.Cause(ctx))
	}
	hello := *s.hello
	hello.Slots = max(1, s.slots())
	s.capacity()
	return s, hello, nil
}

// open has a host open the evaluator.
func (s *session) open(h *host) {
	spec := s.spec // it may become another while this one is sent
	h.tell(toHost{Open: &spec})
}

// agree has all hosts compute with the fastest kernels that they have in common, as long as
// no job can have begun. Whoever joins later has them, or is set aside. It tells whether
// these are others than before, and all hosts are asked to open the evaluator with them.
func (s *session) agree() bool {
	if s.fixed || s.hello != nil {
		return false
	}
	var sets []string
	for _, h := range s.fleet.hosts {
		both := h.machine.Kernels
		if sets != nil {
			both = slices.DeleteFunc(slices.Clone(sets), func(set string) bool { return !slices.Contains(h.machine.Kernels, set) })
		}
		if len(both) > 0 {
			sets = both
		}
	}
	if len(sets) == 0 || sets[len(sets)-1] == s.spec.Kernels {
		return false
	}
	s.spec.Kernels = sets[len(sets)-1]
	for _, h := range s.fleet.hosts {
		s.open(h)
	}
	return true
}

// lacks says why a host that has opened the evaluator with other kernels gets no jobs; ""
// if it has those that are wanted.
func (s *session) lacks(h *host, hello *engine.Hello) string {
	has := hello.Kernels()
	if has == "" || s.spec.Kernels == "" || has == s.spec.Kernels {
		return ""
	}
	return fmt.Sprintf("it computes with the kernels %s, and the search with %s, which it has not; begin one with NASCENT_KERNEL=%s for all hosts",
		has, s.spec.Kernels, has)
}

// opened takes what came of opening the evaluator on a host.
func (s *session) opened(h *host, o *opened) {
	if o.Kernels != s.spec.Kernels {
		return // it has been asked since to open it with others
	}
	switch {
	case o.Refusal != nil && s.hello == nil:
		if s.refuse == nil {
			s.refuse = o.Refusal
			close(s.first)
		}
	case o.Refusal != nil:
		h.setAside(clean(o.Refusal.Error()))
	case o.Hello == nil:
		h.setAside(clean(o.Trouble))
	case s.lacks(h, o.Hello) != "":
		h.setAside(clean(s.lacks(h, o.Hello)))
	case s.hello == nil && s.refuse == nil:
		s.hello = o.Hello
		close(s.first)
		fallthrough
	default:
		if s.hello != nil {
			if what := o.Hello.Differs(s.hello); what != nil {
				h.setAside("its evaluator is not the one that the other hosts have (" + clean(what[0]) + "): make them the same, and start the host anew")
				return
			}
		}
		if why := s.doubted(h, o); why != "" {
			h.setAside(engine.OneLine(why))
			return
		}
		h.ready[s.spec.Key] = slotsOf(&h.machine, &s.spec, o.Hello)
	}
}

// slots is how many jobs hosts can carry out at once.
func (s *session) slots() (n int) {
	for _, h := range s.fleet.hosts {
		n += h.slots(s.spec.Key)
	}
	return n
}

// capacity tells the engine when that has changed.
func (s *session) capacity() {
	if n := s.slots(); s.hello != nil && n != s.told && !s.closed {
		s.told = n
		s.events.Put(engine.Event{Kind: engine.Capacity, Slots: n})
	}
}

// Events implements engine.Session.
func (s *session) Events() <-chan engine.Event { return s.events.Out() }

func (s *session) emit(k attempt, e engine.Event) {
	e.ID, e.Attempt = k.id, k.attempt
	s.events.Put(e)
}

// Submit implements engine.Session.
func (s *session) Submit(a engine.Assignment) error {
	st := startOf(s.spec.Key, s.program, &a, s.setup.Space)
	f := s.fleet
	f.mu.Lock()
	defer f.mu.Unlock()
	k := attempt{a.Job.ID, a.Attempt}
	switch {
	case s.closed:
		return errClosed
	case s.runs[k] != nil:
		return fmt.Errorf("job %s, attempt %d is already on board", k.id, k.attempt)
	}
	r := &run{s: s, a: a, key: k, start: st}
	s.runs[k] = r
	if key := (strayKey{s.spec.Key, k.id, st.At.Digest}); f.strays[key] != nil {
		x := f.strays[key]
		delete(f.strays, key)
		x.timer.Stop()
		r.h, r.at = x.h, x.at
		x.h.runs[x.at] = r
		if x.answer != nil {
			go f.again(x) // its files are to be kept first
		}
		return nil
	}
	for key := range f.strays { // of what the job was
		if key.key == s.spec.Key && key.id == k.id {
			f.dropStray(key)
		}
	}
	s.queue = append(s.queue, r)
	f.feed()
	return nil
}

// again reports what came before anybody waited for it.
func (f *Fleet) again(x *stray) {
	kept, err := f.keep(x.h, x.answer)
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil {
		x.answer.Event.Kind, x.answer.Event.Result, x.answer.Event.Reason = engine.Returned, nil, "its files could not be kept: "+engine.OneLine(err.Error())
	}
	x.h.report(x.answer, kept)
	f.changed()
}

// Cancel implements engine.Session.
func (s *session) Cancel(id engine.ID, number int, save bool) {
	s.fleet.mu.Lock()
	defer s.fleet.mu.Unlock()
	r := s.runs[attempt{id, number}]
	switch {
	case r == nil:
	case r.h == nil:
		s.unqueue(r, "cancelled before it began")
	default:
		r.cancel, r.save, r.ending = true, save, true
		for _, h := range r.hosts() {
			at := r.on(h)
			at.Save = save && h == r.h
			h.tell(toHost{Cancel: &at})
		}
	}
}

// unqueue hands a job back that waits for room.
func (s *session) unqueue(r *run, why string) {
	s.queue = slices.DeleteFunc(s.queue, func(x *run) bool { return x == r })
	r.answer(engine.Event{Kind: engine.Returned, Reason: why})
}

// Kill implements engine.Session. What a host that cannot be reached has on board is
// answered at once.
func (s *session) Kill(id engine.ID, number int) {
	s.fleet.mu.Lock()
	defer s.fleet.mu.Unlock()
	r := s.runs[attempt{id, number}]
	switch {
	case r == nil:
	case r.h == nil:
		s.unqueue(r, "cancelled before it began")
	default:
		r.ending = true
		for _, h := range r.hosts() {
			at := r.on(h)
			h.tell(toHost{Kill: &at})
			if h.link == nil && r.parts(h) {
				r.answer(engine.Event{Kind: engine.Lost, Alone: true, Reason: "killed; its host cannot be reached: " + h.machine.Name})
			}
		}
	}
}

// Ack implements engine.Session.
func (s *session) Ack(id engine.ID, number int) {
	s.fleet.mu.Lock()
	defer s.fleet.mu.Unlock()
	k := attempt{id, number}
	if h := s.unread[k]; h != nil {
		at := s.names[k]
		delete(s.unread, k)
		delete(s.names, k)
		delete(h.unread, at)
		h.read[at] = true
		h.tell(toHost{Ack: &at})
		h.release()
	}
}

// Close implements engine.Session. Hosts keep the evaluator open: the search may go on.
func (s *session) Close(ctx context.Context) error {
	f := s.fleet
	f.mu.Lock()
	if s.closed {
		f.mu.Unlock()
		return nil
	}
	s.closed = true
	for _, r := range slices.Clone(s.queue) {
		s.unqueue(r, "shutting down")
	}
	for _, h := range f.hosts {
		for _, at := range h.order() {
			r := h.runs[at]
			switch {
			case r.s != s:
			case h.link == nil:
				if r.parts(h) {
					r.answer(engine.Event{Kind: engine.Returned, Reason: "shutting down"})
				}
			default:
				r.ending = true
				at.Save = h != r.second
				h.tell(toHost{Cancel: &at})
			}
		}
	}
	if len(s.runs) == 0 {
		s.end()
	}
	f.mu.Unlock()
	select {
	case <-s.idle:
	case <-ctx.Done():
		f.mu.Lock()
		defer f.mu.Unlock()
		for _, h := range f.hosts {
			for _, at := range h.order() {
				if r := h.runs[at]; r.s == s {
					h.tell(toHost{Kill: &at})
					if r.parts(h) {
						r.answer(engine.Event{Kind: engine.Returned, Reason: "shutting down"})
					}
				}
			}
		}
	}
	return nil
}

// end takes the session out of the fleet. With the lock held.
func (s *session) end() {
	if s.ended {
		return
	}
	s.closed, s.ended = true, true
	maps.DeleteFunc(s.fleet.tries, func(k jobKey, _ *tries) bool { return k.key == s.spec.Key })
	s.fleet.sessions = slices.DeleteFunc(s.fleet.sessions, func(x *session) bool { return x == s })
	s.events.Close()
	close(s.idle)
}
