package host

import (
	"slices"
	"testing"
)

// A worker takes the first place that is free, however many there are.
func TestPlacesOfWorkers(t *testing.T) {
	t.Parallel()
	s := &session{}
	const n = 10_000
	for i := range n {
		if w := newWorker(s); w.place != i {
			t.Fatalf("worker %d has place %d", i, w.place)
		}
	}
	s.workers = slices.DeleteFunc(s.workers, func(w *worker) bool { return w.place == 17 || w.place == 4711 })
	for _, want := range []int{17, 4711, n} {
		if w := newWorker(s); w.place != want {
			t.Errorf("the next worker has place %d; want %d", w.place, want)
		}
	}
}
