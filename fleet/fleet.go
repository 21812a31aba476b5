package fleet

import (
	"cmp"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"log"
	"math"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/internal/mailbox"
)

// Options say how a Fleet is.
type Options struct {
	Keys     *Keys         // required
	Patience time.Duration // how long a host may be away before its jobs are sent elsewhere; default 30 s
	Slots    int           // jobs at once on a host that does not say it; 0: what one process of the evaluator takes
	Log      func(format string, args ...any)

	// Kernels is the set of numerical kernels that hosts compute with. Where it is empty they
	// go on with those that the search began with, and begin with the fastest that all have
	// who are there.
	Kernels string

	Kind   string // of host that is taken; "": any
	Probes string // a file that keeps what probe jobs came to, for later runs of the search; "": none

	// Speculative has idle hosts begin jobs that take much longer than usual a second time. The
	// first result counts.
	Speculative bool

	heartbeat time.Duration // a peer that answers nothing for twice as long is gone; default 5 s
	clock     engine.Clock  // tells how long jobs take and hosts last; default the machine's
	receive   func(dir string, from io.Reader, hash string) (path string, err error)
}

// Fleet is the coordinator: hosts dial in to it, and evaluators that it makes send their
// jobs to them. All state is under one lock; nothing waits while holding it.
type Fleet struct {
	o      Options
	server *http.Server
	done   chan struct{}  // closed with the server
	works  sync.WaitGroup // connections with hosts, and what is written

	keeping sync.Mutex // of what probe jobs came to

	mu       sync.Mutex
	sessions []*session // that are open
	hosts    []*host    // in the order in which they came
	strays   map[strayKey]*stray
	lengths  lengths
	tries    map[jobKey]*tries // of jobs that have brought nothing yet
	alarm    func()            // ends the wait for jobs that take long
	over     bool              // the search has come to its end
	joined   int               // hosts that ever did
	left     chan struct{}     // is told when one leaves
	sent     int               // hosts that came when it was over
}

// Listen lets hosts dial in. The listener is closed with the Fleet.
func Listen(l net.Listener, o Options) *Fleet {
	if o.Patience == 0 {
		o.Patience = 30 * time.Second
	}
	if o.heartbeat == 0 {
		o.heartbeat = 5 * time.Second
	}
	if o.clock == nil {
		o.clock = clock{}
	}
	if o.receive == nil {
		o.receive = receive
	}
	if o.Log == nil {
		o.Log = func(string, ...any) {}
	}
	f := &Fleet{o: o, done: make(chan struct{}), left: make(chan struct{}, 1), strays: map[strayKey]*stray{}, lengths: lengths{}, tries: map[jobKey]*tries{}}
	speaks := o.Keys.server()
	speaks.Time = o.clock.Now
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+workPath, f.work)
	mux.HandleFunc("GET "+filePath+"{hash}", f.get)
	mux.HandleFunc("PUT "+filePath+"{hash}", f.put)
	f.server = &http.Server{
		Handler: mux, TLSConfig: speaks, ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(&knocks{say: o.Log}, "", 0),
		HTTP2: &http.HTTP2Config{MaxConcurrentStreams: 64, SendPingTimeout: o.heartbeat, PingTimeout: o.heartbeat},
	}
	go func() {
		defer close(f.done)
		f.server.ServeTLS(l, "", "")
	}()
	return f
}

// Close ends the server. With over, hosts are told that the search has come to its end, and
// end; else they wait for another coordinator.
func (f *Fleet) Close(over bool) {
	f.mu.Lock()
	f.over = over
	if f.alarm != nil {
		f.alarm()
	}
	var told []*connection
	for _, h := range f.hosts {
		if h.away != nil {
			h.away.Stop()
		}
		if c := h.link; c != nil {
			if over {
				c.out.Put(toHost{Over: true})
			}
			c.out.Close()
			told = append(told, c)
		}
	}
	f.mu.Unlock()
	for _, c := range told {
		<-c.sent
	}
	if over { // a server that ends takes along what a host has not read yet: hosts end the connection themselves
		late := time.After(f.o.heartbeat)
		for _, c := range told {
			select {
			case <-c.ended:
			case <-late:
				late = time.After(0)
			}
		}
	}
	f.server.Close()
	<-f.done
	f.works.Wait()
}

// knocks says once of each machine that tries to come in and may not.
type knocks struct {
	say func(format string, args ...any)

	mu   sync.Mutex
	told map[string]bool
}

// Write implements io.Writer for what net/http logs.
func (k *knocks) Write(line []byte) (int, error) {
	text, from, why := engine.OneLine(string(line)), "somebody", "is no host"
	if rest, shakes := strings.CutPrefix(text, "http: TLS handshake error from "); shakes {
		address, said, _ := strings.Cut(rest, ": ")
		if from, _, _ = net.SplitHostPort(address); strings.Contains(said, "certificate") || strings.Contains(said, errOtherKey.Error()) {
			why = "has no ticket of this search, or an old one: hosts take a new copy of DIR/fleet/ticket.json"
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if key := from + why; !k.told[key] && len(k.told) < 100 {
		if k.told == nil {
			k.told = map[string]bool{}
		}
		k.told[key] = true
		k.say("%s knocks and is not let in: it %s (said once)", clean(from), why)
	}
	return len(line), nil
}

// Host is how a host stands.
type Host struct {
	Machine
	State    string // "ready", "opening", "away", "draining", "aside"
	Reason   string // aside: why
	Room     int    // jobs at once, now
	Running  int
	Finished int       // jobs that have ended
	Failed   int       // of them
	Failures []Failure // of those, the most frequent first; at most five
	Joined   time.Time
}

// Failure is why jobs failed, and how many.
type Failure struct {
	Reason string `json:"reason"`
	Count  int    `json:"count"`
}

// often are failures, the most frequent first.
func often(by map[string]int) (all []Failure) {
	for reason, n := range by {
		all = append(all, Failure{reason, n})
	}
	slices.SortFunc(all, func(a, b Failure) int {
		return cmp.Or(b.Count-a.Count, strings.Compare(a.Reason, b.Reason))
	})
	return all[:min(len(all), 5)]
}

// Hosts are those that are there or were, in the order in which they came.
func (f *Fleet) Hosts() (all []Host) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, h := range f.hosts {
		x := Host{Machine: h.machine, State: "ready", Running: len(h.runs), Finished: h.finished, Failed: h.failed, Failures: often(h.failures), Joined: h.joined}
		for _, s := range f.sessions {
			x.Room = max(x.Room, h.slots(s.spec.Key))
		}
		switch {
		case h.aside != "":
			x.State, x.Reason = "aside", h.aside
		case h.full != "" && h.link != nil:
			x.State, x.Reason = "aside", h.full
		case h.draining:
			x.State = "draining"
		case h.link == nil:
			x.State = "away"
		case len(h.ready) < len(f.sessions):
			x.State = "opening"
		}
		all = append(all, x)
	}
	return all
}

// Dismiss ends hosts that dial in, from now on. It returns how many have until now.
func (f *Fleet) Dismiss() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.over = true
	return f.sent
}

// Joined is how many hosts have joined until now, those that have left too.
func (f *Fleet) Joined() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.joined
}

// Left tells, now and then, that hosts have left or cannot be reached.
func (f *Fleet) Left() <-chan struct{} { return f.left }

// Drain has hosts of that name take no more jobs, and end after their last. It returns how
// many there are.
func (f *Fleet) Drain(name string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, h := range f.hosts {
		if h.machine.Name == name && !h.draining {
			h.draining = true
			n++
		}
	}
	f.changed()
	return n
}

// connection is one stream with a host.
type connection struct {
	out   *mailbox.Mailbox[toHost]
	sent  chan struct{} // closed when nothing more is sent
	ended chan struct{} // closed with the connection
}

// maxBatch is how many messages are sent as one.
const maxBatch = 1024

// work is the connection with one host.
func (f *Fleet) work(w http.ResponseWriter, r *http.Request) {
	f.works.Add(1)
	defer f.works.Done()
	in := gob.NewDecoder(r.Body)
	c := &connection{out: mailbox.New[toHost](), sent: make(chan struct{}), ended: make(chan struct{})}
	defer close(c.ended)
	flusher := http.NewResponseController(w)
	w.WriteHeader(http.StatusOK)
	if flusher.Flush() != nil {
		return
	}
	go func() {
		defer close(c.sent)
		out := gob.NewEncoder(w)
		for {
			batch, ok := c.out.Take(maxBatch, r.Context().Done())
			if !ok || out.Encode(batch) != nil || flusher.Flush() != nil {
				return
			}
		}
	}()
	defer func() {
		c.out.Close()
		<-c.sent
	}()
	var h *host
	for {
		var batch []fromHost
		if in.Decode(&batch) != nil {
			if h != nil {
				f.leaves(h, c)
			}
			return
		}
		for i := range batch {
			m := &batch[i]
			switch {
			case h == nil && m.Machine == nil:
				return
			case h == nil:
				if h = f.joins(m.Machine, c); h == nil {
					return
				}
			default:
				f.hears(h, c, m)
			}
		}
	}
}

// get sends a kept file.
func (f *Fleet) get(w http.ResponseWriter, r *http.Request) {
	files := f.files()
	if files == nil {
		http.Error(w, "no search is open", http.StatusServiceUnavailable)
		return
	}
	path, err := f.program(r.PathValue("hash")), error(nil)
	if path == "" {
		path, err = files.Path(r.PathValue("hash"))
	}
	if err != nil {
		http.Error(w, engine.OneLine(err.Error()), http.StatusNotFound)
		return
	}
	file, err := os.Open(path)
	if err != nil {
		http.Error(w, "it cannot be opened", http.StatusInternalServerError)
		return
	}
	defer file.Close()
	if at, err := filepath.Abs(path); err == nil {
		w.Header().Set(pathHeader, at)
	}
	io.Copy(w, file)
}

// pathHeader says where a file lies, for hosts that see it there, too.
const pathHeader = "Nascent-Path"

// put takes a file of a host in. It waits among the host's own until a report names it.
func (f *Fleet) put(w http.ResponseWriter, r *http.Request) {
	hash := r.PathValue("hash")
	h, files := f.instance(r.Header.Get(instanceHeader)), f.files()
	if h == nil || files == nil {
		http.Error(w, "no search is open, or the host has not joined it", http.StatusServiceUnavailable)
		return
	}
	path, err := f.o.receive(files.Temp(), r.Body, hash)
	if isFull(err) {
		http.Error(w, "the search's disk is full: make room, and it goes on by itself", http.StatusInsufficientStorage)
		return
	}
	if err != nil {
		http.Error(w, engine.OneLine(err.Error()), http.StatusBadRequest)
		return
	}
	f.mu.Lock()
	old := h.files[hash]
	h.files[hash] = path
	f.mu.Unlock()
	if old != "" {
		os.Remove(old)
	}
}

// instanceHeader names the host that sends a file.
const instanceHeader = "Nascent-Instance"

// files is the store of the search; nil while none is open.
func (f *Fleet) files() engine.Files {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.sessions) == 0 {
		return nil
	}
	return f.sessions[0].files
}

func (f *Fleet) instance(id string) *host {
	f.mu.Lock()
	defer f.mu.Unlock()
	if i := slices.IndexFunc(f.hosts, func(h *host) bool { return h.machine.Instance == id }); i >= 0 {
		return f.hosts[i]
	}
	return nil
}

// joins takes a host in, or back, and has it open what it is to open; nil if it may not.
func (f *Fleet) joins(m *Machine, c *connection) *host {
	f.mu.Lock()
	defer f.mu.Unlock()
	var why string
	switch {
	case f.over:
		f.sent++
		c.out.Put(toHost{Over: true})
		return nil
	case m.Version != engine.Version:
		why = fmt.Sprintf("it is nascent %s, and the search runs with %s: install that version on the host", m.Version, engine.Version)
	case m.Search != f.o.Keys.ticket.Search:
		why = "its ticket is of another search: give it a new one"
	case f.o.Kind != "" && m.Kind == "":
		why = fmt.Sprintf("the search takes hosts of the kind %s alone: if this is one, start it by nascent host --kind %s", f.o.Kind, f.o.Kind)
	case f.o.Kind != "" && m.Kind != f.o.Kind:
		why = fmt.Sprintf("it is of the kind %s, and the search takes %s alone", clean(m.Kind), f.o.Kind)
	case m.Instance == "":
		why = "it does not say which host it is"
	}
	if why != "" {
		c.out.Put(toHost{Refused: why})
		f.o.Log("host %s is turned away: %s", clean(m.Name), why)
		return nil
	}
	m.Name = clean(m.Name)
	var h *host
	if i := slices.IndexFunc(f.hosts, func(h *host) bool { return h.machine.Instance == m.Instance }); i >= 0 {
		h = f.hosts[i]
		if h.link != nil { // the old connection has not been missed yet
			h.link.out.Close()
		}
		if h.away != nil {
			h.away.Stop()
			h.away = nil
		}
	} else {
		m.Name = f.unlike(m.Name)
		h = &host{
			fleet: f, machine: *m, runs: map[named]*run{}, ready: map[string]int{}, files: map[string]string{},
			unread: map[named]bool{}, read: map[named]bool{}, failing: map[jobKey]bool{}, failedProbe: map[string]string{},
			failures: map[string]int{},
		}
		h.whole, h.joined = m.Left, f.o.clock.Now()
		f.hosts = append(f.hosts, h)
		f.joined++
		f.o.Log("host %s has joined", h.machine.Name)
	}
	if h.ends = (time.Time{}); m.Left > 0 {
		h.ends = f.o.clock.Now().Add(m.Left)
	}
	h.link, h.synced, h.released, h.full = c, false, false, ""
	h.tell(toHost{Joined: true})
	clear(h.ready)
	for _, s := range f.sessions {
		if !s.agree() {
			s.open(h)
		}
	}
	return h
}

// unlike is a name for a host that none has which is there or may come back: several on one
// machine are called alike.
func (f *Fleet) unlike(name string) string {
	taken := func(name string) bool {
		return slices.ContainsFunc(f.hosts, func(h *host) bool { return h.machine.Name == name && (h.link != nil || h.aside == "") })
	}
	own := name
	for n := 2; taken(own); n++ {
		own = fmt.Sprintf("%s-%d", name, n)
	}
	return own
}

// leaves follows the end of a connection. The host may come back; what it has on board
// waits for it for a while.
func (f *Fleet) leaves(h *host, c *connection) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if h.link != c {
		return
	}
	h.link = nil
	clear(h.ready)
	select {
	case f.left <- struct{}{}:
	default:
	}
	if h.released {
		f.o.Log("host %s has left", h.machine.Name)
		h.lost("its host has left")
	} else {
		f.o.Log("host %s cannot be reached; its jobs wait %s for it", h.machine.Name, f.o.Patience)
		h.away = time.AfterFunc(f.o.Patience, func() {
			f.mu.Lock()
			defer f.mu.Unlock()
			if h.link == nil {
				h.lost("its host cannot be reached")
				f.changed()
			}
		})
	}
	f.changed()
}

// changed tells sessions of their capacity, sends out what waits, and lets hosts end. With
// the lock held.
func (f *Fleet) changed() {
	for _, h := range f.hosts {
		h.release()
	}
	for _, s := range f.sessions {
		s.capacity()
	}
	f.feed()
	f.speculate()
}

// feed sends waiting jobs to hosts with room, the first submitted first. One that would
// not end on any of them waits for another, and lets shorter ones pass; so does one that
// failed on all of them, while there are others.
func (f *Fleet) feed() {
	for _, s := range f.sessions {
		long := time.Duration(math.MaxInt64) // of those that wait
		for i := 0; i < len(s.queue); {
			need := f.need(s.queue[i])
			if need >= long {
				i++
				continue
			}
			h, room := f.place(s.queue[i], need)
			switch {
			case !room:
				i = len(s.queue)
			case h == nil && f.tries[s.queue[i].job()] != nil:
				i++
			case h == nil:
				long = need
				i++
			default:
				r := s.queue[i]
				s.queue = slices.Delete(s.queue, i, i+1)
				h.begin(r)
			}
		}
	}
}

// place chooses a host for a job that takes so long: the one with the most room, the first
// of equals, and for one that has failed before one that carries jobs out; nil if none of
// those with room, should there be any, lasts that long.
func (f *Fleet) place(r *run, need time.Duration) (best *host, room bool) {
	most, tried := 0, f.tries[r.job()]
	for _, h := range f.hosts {
		n := h.room(r.s.spec.Key)
		room = room || n > 0
		better := n > most
		if tried != nil && n > 0 && best != nil && h.sound() != best.sound() {
			better = h.sound()
		}
		if better && h.lasts(need) && !f.avoids(r, tried, h) {
			best, most = h, n
		}
	}
	return best, room
}

// clean makes a host's text one line of what can be printed.
func clean(text string) string {
	text = engine.OneLine(text)
	if len(text) > 200 {
		text = strings.ToValidUTF8(text[:200], "")
	}
	return text
}

var errClosed = errors.New("the evaluator is closed")
