package engine

import (
	"cmp"
	"iter"
	"slices"
)

// sequence is one of the two sequences of turns, the search's own and the final
// strategy's: its jobs, how far its turns have come, and who takes them.
type sequence struct {
	part Part
	base ID // the first of its jobs has the id base+1

	jobs     []*entry   // all of them, in id order
	own      []*entry   // but for those that were imported
	history  []ID       // those whose results were consumed, in that order
	shown    []ID       // of these, those that fit what the search declares
	turns    uint64     // how many were taken
	taken    int        // own results that turns have consumed: in strict order an index into own
	added    int        // own jobs that no strategy proposed and no turn has consumed
	newest   TurnRecord // of the turns
	imported int        // of history
	queue    idHeap     // jobs that are to be sent out
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
	if !e.imported() {
		e.place = len(q.own)
		q.own = append(q.own, e)
	}
	if e.Origin() == Added {
		q.added++
	}
	return nil
}

// remove drops the jobs from id on, which no turn has consumed.
func (q *sequence) remove(from ID) {
	for _, e := range q.jobs[from-q.base-1:] {
		if !e.imported() {
			q.own = q.own[:e.place]
			break
		}
	}
	for _, e := range q.jobs[from-q.base-1:] {
		if e.Origin() == Added {
			q.added--
		}
	}
	q.jobs = q.jobs[:from-q.base-1]
}

// drop takes dropped jobs out of those that turns consume.
func (q *sequence) drop() {
	var own []*entry
	for _, e := range q.own {
		switch {
		case !e.dropped:
			e.place = len(own)
			own = append(own, e)
		case e.Origin() == Added:
			q.added--
		}
	}
	q.own = own
}

// show finds out anew who of the History fits.
func (q *sequence) show() {
	q.shown = nil
	for _, id := range q.history {
		if !q.get(id).Outside {
			q.shown = append(q.shown, id)
		}
	}
}

// evaluations is how many own results were consumed.
func (q *sequence) evaluations() int { return len(q.history) - q.imported }

// latest are those, the newest first.
func (q *sequence) latest() iter.Seq[*entry] {
	return func(yield func(*entry) bool) {
		for _, id := range slices.Backward(q.history) {
			if e := q.get(id); !e.imported() && !yield(e) {
				return
			}
		}
	}
}

// take notes that a turn consumed a result.
func (q *sequence) take(e *entry) {
	if e.imported() {
		return
	}
	q.taken++
	if e.Origin() == Added {
		q.added--
	}
}

// undecided is how many proposals no turn has consumed, once one has consumed these.
func (q *sequence) undecided(ids []ID) int {
	n := len(q.own) - q.taken - q.added
	for _, id := range ids {
		if q.get(id).Origin() == "" {
			n--
		}
	}
	return n
}

// due is how many jobs the next turn consumes in strict order: as many proposals as the
// strategy wants at once, with what was added in between. What was added before them
// comes by itself.
func (q *sequence) due(taken int) int {
	if taken < len(q.own) && q.own[taken].Origin() == Added {
		return 1
	}
	n, proposed := 0, 0
	for _, e := range q.own[taken:] {
		if proposed == q.batch {
			break
		}
		if e.Origin() == "" {
			proposed++
		}
		n++
	}
	return n
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
