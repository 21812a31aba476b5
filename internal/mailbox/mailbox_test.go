package mailbox_test

import (
	"slices"
	"sync"
	"testing"

	"github.com/nascent-nas/nascent/internal/mailbox"
)

func TestOutKeepsTheOrderOfEachSender(t *testing.T) {
	t.Parallel()
	type message struct{ from, n int }
	const senders, each = 4, 5000
	m := mailbox.New[message]()
	var wg sync.WaitGroup
	for from := range senders {
		wg.Go(func() {
			for n := range each {
				if !m.Put(message{from, n}) {
					t.Error("an open mailbox takes nothing")
				}
			}
		})
	}
	wg.Wait() // nobody has read yet, and nobody has waited
	m.Close()
	if m.Put(message{}) || !m.Closed() {
		t.Error("a closed mailbox takes messages")
	}
	next := make([]int, senders)
	for got := range m.Out() {
		if got.n != next[got.from] {
			t.Fatalf("message %d of sender %d comes after %d messages", got.n, got.from, next[got.from])
		}
		next[got.from]++
	}
	if want := []int{each, each, each, each}; !slices.Equal(next, want) {
		t.Errorf("%v messages came; want %v", next, want)
	}
}

func TestTakeGathers(t *testing.T) {
	t.Parallel()
	m := mailbox.New[int]()
	m.Put(1, 2)
	m.Put(3, 4, 5)
	var got [][]int
	m.Close()
	for items, ok := m.Take(3, nil); ok; items, ok = m.Take(3, nil) {
		got = append(got, slices.Clone(items))
	}
	if len(got) != 2 || !slices.Equal(got[0], []int{1, 2, 3}) || !slices.Equal(got[1], []int{4, 5}) {
		t.Errorf("taken in batches of up to 3: %v", got)
	}
}

// What Take returned stays as it is until the next Take, whatever is put meanwhile.
func TestTakenIsTheCallers(t *testing.T) {
	t.Parallel()
	m := mailbox.New[int]()
	for round := range 5 {
		m.Put(round, round)
		items, ok := m.Take(0, nil)
		m.Put(-1, -1)
		if !ok || !slices.Equal(items, []int{round, round}) {
			t.Fatalf("round %d: %v", round, items)
		}
		if items, ok = m.Take(0, nil); !ok || !slices.Equal(items, []int{-1, -1}) {
			t.Fatalf("round %d: %v", round, items)
		}
	}
}

func TestTakeStops(t *testing.T) {
	t.Parallel()
	m := mailbox.New[int]()
	stop := make(chan struct{})
	ended := make(chan bool)
	go func() {
		_, ok := m.Take(0, stop)
		ended <- ok
	}()
	close(stop)
	if <-ended {
		t.Error("Take has something although nothing was put")
	}
}
