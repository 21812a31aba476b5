package engine

import (
	"encoding/json"
	"time"
)

// cancelEvent is the data of eventCancel.
type cancelEvent struct {
	ID      ID     `json:"id"`
	Request string `json:"request"`
}

// cancelled is why such a job failed.
const cancelled = "it was cancelled on request"

// Cancel ends a job that has no result yet: it fails, at its place, and is not tried
// again. The order is journaled first. A request that was carried out before changes
// nothing; an error says that there is nothing to end. Cancel does not wait until
// the job has ended. It may be called from any goroutine.
func (s *Search) Cancel(id ID, request string) (err error) {
	s.ask(func() {
		if s.at == nil || s.jobs == nil {
			err = ErrEmpty
			return
		}
		var e *entry
		if e, err = s.at.cancellable(id, request); err != nil || e == nil {
			return
		}
		s.at.ask(e, request)
		s.journal(s.at, eventCancel, cancelEvent{ID: id, Request: request})
		s.say("candidate %s is cancelled", id)
		s.jobs.cancel(e)
	})
	return err
}

// Cancel is Search.Cancel for a search that is not running: its next run finds the
// job cancelled.
func Cancel(led Ledger, id ID, request string, now time.Time) error {
	t, err := readTrajectory(led, nil)
	if err != nil {
		return err
	}
	e, err := t.cancellable(id, request)
	if err != nil || e == nil {
		return err
	}
	data, err := json.Marshal(cancelEvent{ID: id, Request: request})
	if err != nil {
		return err
	}
	return led.Commit(&Change{Events: []EventRecord{{Seq: t.seq + 1, Turn: t.search.turns, Kind: eventCancel, Data: data, Time: now.UTC()}}})
}

// cancellable is the job that a request is to end; nil where that was carried out.
func (t *trajectory) cancellable(id ID, request string) (*entry, error) {
	if _, known := t.requests[request]; known {
		return nil, nil
	}
	e := t.get(id)
	switch {
	case e == nil:
		return nil, t.unknown(id)
	case e.attempts == nil:
		return nil, wrong("", "candidate %s has its result already (%s): there is nothing to cancel", id, e.Status)
	case e.attempts.cancelled:
		return nil, nil
	}
	return e, nil
}

// ask notes that a request is to end a job.
func (t *trajectory) ask(e *entry, request string) {
	t.requests[request] = outsideEvent{}
	e.attempts.cancelled = true
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

// readRequests notes what was asked for from outside, and marks the jobs that were to end
// when the search stopped.
func (t *trajectory) readRequests() error {
	for e, err := range t.led.Events() {
		if err != nil {
			return err
		}
		var c cancelEvent
		var o outsideEvent
		switch e.Kind {
		case eventCancel:
			err = json.Unmarshal(e.Data, &c)
			o.Request = c.Request
		case eventImport, eventAdd:
			err = json.Unmarshal(e.Data, &o)
		default:
			continue
		}
		if err != nil {
			return damaged("event %d (%s): %v", e.Seq, e.Kind, err)
		}
		t.requests[o.Request] = o
		if e := t.get(c.ID); e != nil && e.attempts != nil {
			e.attempts.cancelled = true
		}
	}
	return nil
}
