package engine

import (
	"fmt"
	"slices"
)

// cancel ends jobs that have no result yet: they fail, at their place, and are not tried
// again. Jobs that were to share their results are measured themselves: the first of them
// takes the place of the one that was cancelled.
type cancel []ID

// cancelEvent is the data of eventCancel.
type cancelEvent struct {
	asked
	IDs  []ID `json:"candidates,omitempty"`
	Next ID   `json:"next,omitempty"` // what the next job of the search is called: those before it were made without knowing

	// ID is the only one, of searches that were steered before there were several: those who
	// share its result fail with it.
	ID ID `json:"id,omitempty"`
}

func (c *cancelEvent) all() []ID {
	if c.ID != 0 {
		return []ID{c.ID}
	}
	return c.IDs
}

// cancelled is why such a job failed.
const cancelled = "it was cancelled on request"

func (c cancel) kind() string { return eventCancel }
func (c cancel) waits() bool  { return true } // who is proposed next may not share its result

// Who has a result keeps it; who is not there yet may come.
func (c cancel) check(t *trajectory) error {
	for _, id := range c {
		switch e := t.get(id); {
		case e == nil:
		case e.dropped:
			return wrong("", "candidate %s was dropped when the search declared something else: there is nothing to cancel", id)
		case e.attempts == nil:
			return wrong("", "candidate %s has its result already (%s): there is nothing to cancel", id, e.Status)
		}
	}
	return nil
}

func (c cancel) plan(t *trajectory, _ uint64, hint string) (string, error) {
	for _, id := range c {
		if t.get(id) == nil {
			return fmt.Sprintf("there is no candidate %s yet", id), nil
		}
	}
	return hint, nil
}

func (c cancel) do(t *trajectory, r *Request) (*effect, error) {
	var ids []ID
	for _, id := range c {
		switch e := t.get(id); {
		case e == nil:
			return nil, t.unknown(id)
		case !e.attempts.cancelled && !slices.Contains(ids, id):
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return &effect{}, nil
	}
	e := &effect{data: cancelEvent{asked: r.asked(), IDs: ids, Next: t.search.nextID()}, say: "cancelled: " + idList(ids)}
	e.live = func(s *Search) {
		for _, id := range ids {
			s.jobs.cancel(s.at.get(id))
		}
	}
	return e, nil
}

// cancel ends a job whose end was asked for.
func (d *dispatcher) cancel(e *entry) {
	switch {
	case !e.stage.is(running):
		d.giveUpFor(e, cancelled)
	case !e.attempts.ending:
		d.end(e, false)
	}
}

// cancelled notes that jobs are to end.
func (t *trajectory) cancelled(c cancelEvent) {
	t.cancels = append(t.cancels, c)
	if c.Next != 0 {
		t.revisions = append(t.revisions, revision{next: c.Next, cancel: &c})
	}
	for _, id := range c.all() {
		if e := t.get(id); e != nil && e.attempts != nil { // when a ledger is read they come later
			e.attempts.cancelled = true
		}
	}
}

// free lets go of a job that was cancelled before the job next was made: what was to
// share its result is measured itself, and so is what comes now.
func (t *trajectory) free(e *entry, next ID) {
	if e == nil || e.Phase != PhaseSearch {
		return
	}
	e.forgotten = true
	t.measurements.forget(e)
	for _, other := range t.search.own[e.place+1:] {
		if other.ID >= next {
			break
		}
		if other.Reuse == e.ID {
			other.shared, other.Reuse = other.Reuse, 0
			t.measurements.add(other, t.pass)
		}
	}
}

// asMade is the job as the turn made it, and as it is recorded.
func (e *entry) asMade() *Job {
	j := e.Job
	if e.shared != 0 {
		j.Reuse = e.shared
	}
	if !e.recorded.IsZero() {
		j.Genome = e.recorded
	}
	return &j
}
