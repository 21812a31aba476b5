package engine

import (
	"encoding/json"
	"fmt"
	"sync"
	"time"
)

// writer commits to the ledger, one transaction at a time: what gathers while
// one is under way shares the next. The loop alone uses it, but for details.
type writer struct {
	ledger Ledger
	next   *Change  // what the next commit carries
	then   []func() // what waits for it

	current *Change  // under way, or nil
	landing []func() // what waits for it
	changes chan *Change
	done    chan error // of the one under way

	mu        sync.Mutex
	unwritten map[ID]ResultRecord // consumed or arrived, not yet durable
}

func newWriter(led Ledger) *writer {
	return &writer{
		ledger: led, next: &Change{}, changes: make(chan *Change), done: make(chan error, 1), unwritten: map[ID]ResultRecord{},
	}
}

// run commits what flush hands it, until changes is closed.
func (w *writer) run() {
	for c := range w.changes {
		if c.Empty() {
			w.done <- nil
			continue
		}
		w.done <- w.ledger.Commit(c)
	}
}

// after calls f once everything that was gathered so far is durable.
func (w *writer) after(f func()) { w.then = append(w.then, f) }

// event adds an event that holds from a turn on; seq is its number.
func (w *writer) event(seq, turn uint64, kind string, data any, now time.Time) {
	raw, err := json.Marshal(data)
	if err != nil {
		panic(fmt.Sprintf("engine: event %s: %v", kind, err)) // our own types
	}
	w.next.Events = append(w.next.Events, EventRecord{Seq: seq, Turn: turn, Kind: kind, Data: raw, Time: now.UTC()})
}

// state sets what the newest turn of a part left behind.
func (w *writer) state(p Part, state []byte) {
	if w.next.State == nil {
		w.next.State = map[Part][]byte{}
	}
	w.next.State[p] = state
}

// counters sets the running totals.
func (w *writer) counters(c Counters) { w.next.Counters = &c }

// arrived adds a result for the inbox.
func (w *writer) arrived(r ResultRecord) {
	w.next.Inbox = append(w.next.Inbox, r)
	w.remember(r)
}

// consumed adds a result that enters History. If it came with this very commit
// it goes there straight.
func (w *writer) consumed(rs ...ResultRecord) {
	entered := make(map[ID]bool, len(rs))
	for _, r := range rs {
		entered[r.ID] = true
		w.remember(r)
	}
	inbox := w.next.Inbox[:0]
	for _, r := range w.next.Inbox {
		if !entered[r.ID] {
			inbox = append(inbox, r)
		}
	}
	clear(w.next.Inbox[len(inbox):])
	w.next.Inbox = inbox
	w.next.Consumed = append(w.next.Consumed, rs...)
}

// remember keeps a result at hand until it can be read from the ledger.
func (w *writer) remember(r ResultRecord) {
	w.mu.Lock()
	w.unwritten[r.ID] = r
	w.mu.Unlock()
}

// details is a result with its curve and output. It may be called from any
// goroutine.
func (w *writer) details(id ID) (ResultRecord, bool) {
	w.mu.Lock()
	r, ok := w.unwritten[id]
	w.mu.Unlock()
	if ok {
		return r, true
	}
	r, ok, err := w.ledger.Result(id)
	return r, ok && err == nil
}

// empty tells that nothing waits to be committed.
func (w *writer) empty() bool { return w.next.Empty() && len(w.then) == 0 }

// idle tells that besides nothing is being committed.
func (w *writer) idle() bool { return w.current == nil && w.empty() }

// flush begins a commit of what was gathered, unless one is under way.
func (w *writer) flush() {
	if w.current != nil || w.empty() {
		return
	}
	w.current, w.landing = w.next, w.then
	w.next, w.then = &Change{}, nil
	w.changes <- w.current
}

// landed follows a commit that succeeded: what waited for it goes on.
func (w *writer) landed() {
	w.mu.Lock()
	for _, list := range [][]ResultRecord{w.current.Inbox, w.current.Consumed} {
		for _, r := range list {
			delete(w.unwritten, r.ID)
		}
	}
	for _, list := range [][]ResultRecord{w.next.Inbox, w.next.Consumed} {
		for _, r := range list { // also part of what comes next
			w.unwritten[r.ID] = r
		}
	}
	w.mu.Unlock()
	w.current = nil
	landing := w.landing
	w.landing = nil
	for _, f := range landing {
		f()
	}
}

// finish commits what is left, while nothing is under way.
func (w *writer) finish() error {
	err := w.ledger.Commit(w.next)
	w.next = &Change{}
	return err
}
