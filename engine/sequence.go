package engine

import (
	"cmp"
)

// sequence is one of the two sequences of turns, the search's own and the final
// strategy's: its jobs, how far its turns have come, and who takes them.
type sequence struct {
	part Part
	base ID // the first of its jobs has the id base+1

	jobs    []*entry   // all of them, in id order
	history []ID       // those whose results were consumed, in that order
	turns   uint64     // how many were taken
	taken   int        // results that turns have consumed: in strict order an index into jobs
	newest  TurnRecord // of the turns
	queue   idHeap     // jobs that are to be sent out
	decider
}

// decider is the strategy that takes a sequence's turns.
type decider struct {
	name     string
	strategy Strategy
	batch    int    // results a turn in strict order
	since    uint64 // its first turn, which consumes nothing
	state    []byte
	remark   string // what it has to say when it begins
}

// begun tells whether the strategy has taken a turn.
func (q *sequence) begun() bool { return q.turns > q.since }

// done tells whether the strategy has nothing more to try.
func (q *sequence) done() bool { return q.begun() && q.newest.Done }

// files are those that the strategy's newest decision named.
func (q *sequence) files() []FileRef {
	if !q.begun() {
		return nil
	}
	return q.newest.Files
}

// get returns the entry of id, or nil.
func (q *sequence) get(id ID) *entry {
	if i := id - q.base - 1; i < ID(len(q.jobs)) {
		return q.jobs[i]
	}
	return nil
}

// nextID is the id that the next job gets.
func (q *sequence) nextID() ID { return q.base + ID(len(q.jobs)) + 1 }

func (q *sequence) add(e *entry) error {
	if want := q.nextID(); e.ID != want {
		return damaged("job %s stands where job %s should", e.ID, want)
	}
	q.jobs = append(q.jobs, e)
	return nil
}

// partOf is the sequence that a job belongs to.
func partOf(id ID) Part {
	if id > FinalBase {
		return PartFinal
	}
	return PartSearch
}

// idHeap is a queue of jobs, the smallest id first.
type idHeap []ID

func (h idHeap) Len() int           { return len(h) }
func (h idHeap) Less(i, j int) bool { return cmp.Less(h[i], h[j]) }
func (h idHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *idHeap) Push(x any)        { *h = append(*h, x.(ID)) }
func (h *idHeap) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}
