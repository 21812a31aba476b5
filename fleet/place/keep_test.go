package place

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// scheduler is a Placer in memory.
type scheduler struct {
	all     []Placed
	next    int
	atOnce  bool  // hosts end as they start
	listing error // of List
	placing error // of Place
	stopped []string
	placed  func() // after Place
}

func (s *scheduler) Place(_ context.Context, w Work, n int) error {
	if s.placed != nil {
		defer s.placed()
	}
	if s.placing != nil {
		return s.placing
	}
	for range n {
		s.next++
		if !s.atOnce {
			s.all = append(s.all, Placed{ID: fmt.Sprint(s.next), State: Pending, Reason: "Resources"})
		}
	}
	return nil
}

func (s *scheduler) List(context.Context, string) ([]Placed, error) {
	return slices.Clone(s.all), s.listing
}

func (s *scheduler) Stop(_ context.Context, _ string, ids ...string) error {
	s.stopped = append(s.stopped, ids...)
	s.end(ids...)
	return nil
}

func (s *scheduler) end(ids ...string) {
	s.all = slices.DeleteFunc(s.all, func(x Placed) bool { return slices.Contains(ids, x.ID) })
}

func (s *scheduler) start() {
	for i := range s.all {
		s.all[i].State, s.all[i].Reason = Running, ""
	}
}

// kept is a Keeper with what it works on.
type kept struct {
	*Keeper
	s      *scheduler
	joined int
	log    []string
	t      *testing.T
}

func keep(t *testing.T, hosts int) *kept {
	k := &kept{s: &scheduler{}, t: t}
	k.Keeper = NewKeeper(k.s, Work{Search: "s", Dir: t.TempDir()}, KeeperOptions{
		Joined: func() int { return k.joined },
		Log:    func(format string, args ...any) { k.log = append(k.log, fmt.Sprintf(format, args...)) },
	})
	k.Want(hosts)
	return k
}

// look looks once, and checks which hosts there have been until now and are.
func (k *kept) look(asked int, there ...string) {
	k.t.Helper()
	if err := k.Look(k.t.Context()); err != nil {
		k.t.Fatal(err)
	}
	var ids []string
	for _, x := range k.s.all {
		ids = append(ids, x.ID)
	}
	if k.s.next != asked || !slices.Equal(ids, there) {
		k.t.Errorf("%d were asked for and %v are there, want %d and %v", k.s.next, ids, asked, there)
	}
}

func (k *kept) said(want string) {
	k.t.Helper()
	if !slices.ContainsFunc(k.log, func(line string) bool { return strings.Contains(line, want) }) {
		k.t.Errorf("it did not say %q: %q", want, k.log)
	}
}

// Who leaves is replaced before the next look would be.
func TestKeeperHearsOfLeaving(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		left := make(chan struct{}, 1)
		k := keep(t, 2)
		var joined, placed atomic.Int64
		k.s.placed = func() { placed.Add(1) }
		k.o.Left, k.o.Joined = left, func() int { return int(joined.Load()) }
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan *Refusal)
		go func() { ended <- k.Run(ctx) }()
		synctest.Wait()
		time.Sleep(Interval / 2)
		joined.Store(2)
		time.Sleep(Interval)
		synctest.Wait()
		k.s.end("1")
		left <- struct{}{}
		time.Sleep(settling - time.Second)
		synctest.Wait()
		if n := placed.Load(); n != 1 {
			t.Errorf("it placed hosts %d times, at once", n)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if n := placed.Load(); n != 2 {
			t.Errorf("it placed hosts %d times", n)
		}
		cancel()
		if r := <-ended; r != nil {
			t.Error(r)
		}
	})
}

func TestKeeperHoldsTheNumber(t *testing.T) {
	t.Parallel()
	k := keep(t, 3)
	k.look(3, "1", "2", "3")
	k.said("3 hosts are asked for")
	k.look(3, "1", "2", "3")
	k.said("3 hosts wait: Resources")
	k.s.start()
	k.joined = 3
	k.look(3, "1", "2", "3")
	k.s.end("2") // after hours
	k.look(4, "1", "3", "4")
	k.joined++
	k.s.start()
	k.Want(5)
	k.look(6, "1", "3", "4", "5", "6")
	k.s.all[3].State = Running
	k.joined++
	k.Want(3) // the waiting one first, then the newest
	k.look(6, "1", "3", "4")
	if want := []string{"6", "5"}; !slices.Equal(k.s.stopped, want) {
		t.Errorf("it stopped %v, want %v", k.s.stopped, want)
	}
	k.look(6, "1", "3", "4")
	k.Want(0)
	k.look(6)
	for _, line := range k.log {
		if strings.Contains(line, "before joining") {
			t.Error(line)
		}
	}
}

// What another process has placed counts, and is not taken for a failure when it ends.
func TestKeeperTakesUpWhatIsThere(t *testing.T) {
	t.Parallel()
	k := keep(t, 2)
	k.s.all, k.s.next = []Placed{{ID: "8", State: Running}, {ID: "9", State: Pending}}, 9
	k.look(9, "8", "9")
	k.s.end("8")
	k.look(10, "9", "10")
	k.Want(1)
	k.look(10, "9")
}

// Hosts that end before they join are tried one at a time, ever more seldom, until one joins.
func TestKeeperSlowsDown(t *testing.T) {
	t.Parallel()
	for _, atOnce := range []bool{true, false} {
		k := keep(t, 4)
		k.s.atOnce = atOnce
		four := []string{"1", "2", "3", "4"}
		if atOnce {
			k.look(4)
		} else {
			k.look(4, four...)
		}
		for _, id := range four {
			err := os.WriteFile(filepath.Join(k.work.Dir, id+".log"), []byte("loading\nmodule: no such module: cuda\n"), 0o600)
			if err != nil {
				t.Fatal(err)
			}
		}
		k.s.end(four...)
		k.look(4)
		k.said("4 hosts have ended before joining the search: loading / module: no such module: cuda (" + k.work.Dir)
		var tries []int // at which look
		for look := range 200 {
			before := k.s.next
			if err := k.Look(t.Context()); err != nil {
				t.Fatal(err)
			}
			switch k.s.next - before {
			case 0:
				k.s.end(fmt.Sprint(k.s.next))
			case 1:
				tries = append(tries, look)
			default:
				t.Fatalf("%d were tried at once", k.s.next-before)
			}
		}
		for i := 2; i < len(tries); i++ {
			if gap, before := tries[i]-tries[i-1], tries[i-1]-tries[i-2]; gap < before || gap > maxPause+2 {
				t.Errorf("it tried at looks %v", tries)
				break
			}
		}
		if len(tries) < 5 || len(tries) > 10 {
			t.Errorf("it tried at looks %v", tries)
		}
		k.s.atOnce = false
		for before := k.s.next; k.s.next == before; {
			if err := k.Look(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		n := k.s.next
		k.look(n, fmt.Sprint(n)) // the others wait for it
		k.joined++
		k.look(n+3, fmt.Sprint(n), fmt.Sprint(n+1), fmt.Sprint(n+2), fmt.Sprint(n+3))
	}
}

// A scheduler that does not answer has nothing placed, and is named once.
func TestKeeperWaitsForTheScheduler(t *testing.T) {
	t.Parallel()
	k := keep(t, 1)
	k.s.listing = errors.New("squeue: Unable to contact slurm controller")
	for range 3 {
		if err := k.Look(t.Context()); !errors.Is(err, k.s.listing) {
			t.Fatal(err)
		}
	}
	k.s.listing, k.s.placing = nil, &Refusal{"sbatch: Invalid partition", "sinfo lists them"}
	if err := k.Look(t.Context()); !errors.Is(err, k.s.placing) {
		t.Fatal(err)
	}
	if len(k.log) != 2 || k.s.next != 0 {
		t.Errorf("it said %q and placed %d", k.log, k.s.next)
	}
	k.said("hosts cannot be placed: sbatch: Invalid partition; sinfo lists them")
	k.s.placing = nil
	for before := k.s.next; k.s.next == before; {
		if err := k.Look(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	k.said("hosts can be placed again")
}

// A first look that is refused ends it; later ones do not.
func TestKeeperIsRefused(t *testing.T) {
	t.Parallel()
	k := keep(t, 1)
	k.s.placing = &Refusal{Problem: "sbatch: Invalid partition"}
	if err := k.Run(t.Context()); err == nil || err.Error() != "sbatch: Invalid partition" {
		t.Errorf("it ended with %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	k = keep(t, 1)
	k.s.placed = func() {
		k.s.placing = &Refusal{Problem: "sbatch: Invalid partition"}
		k.s.placed = cancel
		k.Want(3)
	}
	if err := k.Run(ctx); err != nil || k.s.next != 1 {
		t.Errorf("it ended with %v, and %d were placed", err, k.s.next)
	}
}
