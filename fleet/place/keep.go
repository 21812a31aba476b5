package place

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// KeeperOptions say whom a Keeper asks and tells.
type KeeperOptions struct {
	// Joined is how many hosts have joined the search until now. Those that end before are
	// failures: the machine, the setup or the program is not as it should be.
	Joined func() int
	Left   <-chan struct{} // tells that one of them has left; nil: nobody tells
	Log    func(format string, args ...any)
}

// Keeper holds the number of a search's hosts. Those that end are placed anew; while they
// fail, one at a time is tried, after pauses that double.
type Keeper struct {
	placer Placer
	work   Work
	o      KeeperOptions
	wake   chan struct{} // Want has something new

	mu   sync.Mutex
	want int

	looking  sync.Mutex           // one look at a time; the rest is its own
	known    map[string]*sighting // of the last look; nil before the first
	asked    int                  // at the last look, for so many hosts
	joined   int                  // when that was
	failures int                  // in a row
	pause    int                  // looks until another host is tried
	trouble  string               // that was told
	waits    string               // likewise
}

// sighting is a host that was placed when the last look was.
type sighting struct {
	joined  int  // how many had when it was asked for
	proven  bool // some have since
	stopped bool // by this keeper
}

// Interval is the time between two looks of a Keeper.
const Interval = 20 * time.Second

// settling is how long a scheduler has to know that a host has ended which left the search.
const settling = Interval / 4

// maxPause is how many looks there are at most between two tries.
const maxPause = 32

// NewKeeper makes one that holds the number of hosts once somebody Wants some.
func NewKeeper(p Placer, w Work, o KeeperOptions) *Keeper {
	return &Keeper{placer: p, work: w, o: o, wake: make(chan struct{}, 1)}
}

// Want sets the number of hosts.
func (k *Keeper) Want(hosts int) {
	k.mu.Lock()
	k.want = hosts
	k.mu.Unlock()
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// Run looks once hosts are wanted, and then at each Interval, when their number changes and
// soon after one has left, until the context ends. A [*Refusal] of the first look is returned: nothing has been
// placed, and what is wrong is what was asked for.
func (k *Keeper) Run(ctx context.Context) *Refusal {
	t := time.NewTicker(Interval)
	defer t.Stop()
	var tick, settled <-chan time.Time
	for first := true; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-k.o.Left:
			if settled == nil && !first {
				settled = time.After(settling)
			}
			continue
		case <-settled:
			settled = nil
		case <-tick:
		case <-k.wake:
		}
		began := first
		tick, first = t.C, false
		if refusal := (*Refusal)(nil); errors.As(k.Look(ctx), &refusal) && began {
			return refusal
		}
	}
}

// End stops all hosts of the search.
func (k *Keeper) End(ctx context.Context) error { return k.placer.Stop(ctx, k.work.Search) }

// Look places what is missing, or stops what is too much. Its error has been told to Log;
// the next look tries again.
func (k *Keeper) Look(ctx context.Context) error {
	k.looking.Lock()
	defer k.looking.Unlock()
	err := k.look(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	said := ""
	if err != nil {
		said = err.Error()
	}
	if said != k.trouble {
		if err != nil {
			k.o.Log("hosts cannot be placed: %s", said)
		} else {
			k.o.Log("hosts can be placed again")
		}
		k.trouble = said
	}
	return err
}

func (k *Keeper) look(ctx context.Context) error {
	all, err := k.placer.List(ctx, k.work.Search)
	if err != nil {
		return err
	}
	k.see(all)
	k.mu.Lock()
	want := k.want
	k.mu.Unlock()
	all = slices.DeleteFunc(all, func(x Placed) bool { return k.known[x.ID].stopped })
	if len(all) > want {
		return k.stop(ctx, all, len(all)-want)
	}
	k.tellWaiting(all)
	n := want - len(all)
	if k.failures > 0 {
		n = min(n, 1)
		trying := slices.ContainsFunc(all, func(x Placed) bool { return !k.known[x.ID].proven })
		if trying || k.pause > 0 {
			k.pause = max(0, k.pause-1)
			return nil
		}
	}
	if n == 0 {
		return nil
	}
	k.joined = k.o.Joined()
	if err := k.placer.Place(ctx, k.work, n); err != nil {
		if refusal := (*Refusal)(nil); errors.As(err, &refusal) {
			k.fail()
		}
		return err
	}
	k.asked = n
	k.o.Log("%s asked for", plural(n, "host is", "hosts are"))
	return nil
}

// see takes in what is placed now, and finds who has ended before joining.
func (k *Keeper) see(all []Placed) {
	joined, fresh := k.o.Joined(), 0
	now := make(map[string]*sighting, len(all))
	for _, x := range all {
		s := k.known[x.ID]
		if s == nil {
			fresh++
			s = &sighting{joined: k.joined, proven: k.known == nil} // it was there before this process
		}
		if !s.proven && joined > s.joined {
			s.proven = true
			k.failures, k.pause = 0, 0
		}
		now[x.ID] = s
	}
	failed, which := 0, ""
	for id, s := range k.known {
		if now[id] == nil && !s.proven && !s.stopped && joined == s.joined {
			failed, which = failed+1, max(which, id)
		}
	}
	if unseen := k.asked - fresh; unseen > 0 && joined == k.joined { // ended between two looks
		failed += unseen
	}
	k.known, k.asked = now, 0
	if failed > 0 {
		k.fail()
		k.o.Log("%s before joining the search%s; another is tried in about %s",
			plural(failed, "host has ended", "hosts have ended"), k.lastWords(which), time.Duration(k.pause+1)*Interval)
	}
}

// fail makes the pause before the next try longer.
func (k *Keeper) fail() {
	k.failures++
	k.pause = min(1<<min(k.failures, 10), maxPause)
}

// stop ends n hosts: those that wait first, and the last that were asked for.
func (k *Keeper) stop(ctx context.Context, all []Placed, n int) error {
	slices.Reverse(all)
	slices.SortStableFunc(all, func(a, b Placed) int { return strings.Compare(string(a.State), string(b.State)) }) // pending, running
	var ids []string
	for _, x := range all[:n] {
		ids = append(ids, x.ID)
	}
	if err := k.placer.Stop(ctx, k.work.Search, ids...); err != nil {
		return err
	}
	for _, id := range ids {
		k.known[id].stopped = true
	}
	k.o.Log("%s stopped", plural(n, "host is", "hosts are"))
	return nil
}

// tellWaiting says why hosts have not started, when that has changed.
func (k *Keeper) tellWaiting(all []Placed) {
	n, reasons := 0, map[string]bool{}
	for _, x := range all {
		if x.State == Pending && x.Reason != "" {
			n++
			reasons[x.Reason] = true
		}
	}
	var list []string
	for r := range reasons {
		list = append(list, r)
	}
	slices.Sort(list)
	waits := strings.Join(list, ", ")
	if waits != k.waits && n > 0 {
		k.o.Log("%s: %s", plural(n, "host waits", "hosts wait"), waits)
	}
	k.waits = waits
}

// lastWords is what a host printed last: the one of that id, or whichever printed last.
func (k *Keeper) lastWords(id string) string {
	path := filepath.Join(k.work.Dir, id+".log")
	if id == "" {
		path = ""
		var newest time.Time
		names, _ := filepath.Glob(filepath.Join(escapeGlob(k.work.Dir), "*.log"))
		for _, name := range names {
			running := k.known[strings.TrimSuffix(filepath.Base(name), ".log")] != nil
			if info, err := os.Stat(name); err == nil && !running && info.ModTime().After(newest) {
				path, newest = name, info.ModTime()
			}
		}
	}
	f, err := os.Open(path)
	if err != nil {
		return ", and left no word"
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil {
		f.Seek(max(0, info.Size()-4096), io.SeekStart)
	}
	b, _ := io.ReadAll(io.LimitReader(f, 4096))
	lines := strings.FieldsFunc(string(bytes.ToValidUTF8(b, nil)), func(r rune) bool { return r == '\n' || r == '\r' })
	lines = slices.DeleteFunc(lines, func(s string) bool { return strings.TrimSpace(s) == "" })
	if len(lines) == 0 {
		return fmt.Sprintf(", and %s is empty", path)
	}
	return fmt.Sprintf(": %s (%s)", strings.Join(lines[max(0, len(lines)-2):], " / "), path)
}

// escapeGlob is a pattern for one path.
func escapeGlob(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
