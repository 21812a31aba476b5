package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nascent-nas/nascent/genome"
)

// Origin says where a candidate comes from that no strategy proposed.
type Origin string

const (
	// Imported is a result from elsewhere: nothing was carried out for it here. It is part
	// of the History and comes to the strategy in a turn of its own; it counts for no limit,
	// is never among the best, and shares its result with nobody.
	Imported Origin = "imported"
	// Added is a genome that somebody gave. It is measured like any other.
	Added Origin = "added"
)

// Origin is where the candidate comes from; "" if a strategy proposed it.
func (j *Job) Origin() Origin {
	switch j.Operator {
	case OpImported:
		return Imported
	case OpAdded:
		return Added
	}
	return ""
}

// Foreign tells a strategy whose first job has the id first that it did not propose
// this one.
func (j *Job) Foreign(first ID) bool { return j.ID < first || j.Origin() != "" }

func (j *Job) imported() bool { return j.Operator == OpImported }

// Known is what is known of a genome from elsewhere.
type Known struct {
	Genome   genome.Genome
	Fidelity int // the search's at which it would have been measured
	Result       // Status, Reason, Metrics and Curve; the rest is left out
}

// mostImported is how many results from elsewhere come in one turn.
const mostImported = 1000

// outside is an order to take something in that no strategy proposed.
type outside struct {
	request  string
	from     string // for people
	operator string // OpImported or OpAdded
	all      []Known
}

// outsideEvent is the data of eventImport and eventAdd.
type outsideEvent struct {
	Request string `json:"request"`
	From    string `json:"from,omitempty"`
	First   ID     `json:"first"` // id
	Count   int    `json:"count"`
}

func (e outsideEvent) ids() (ids []ID) {
	for i := range e.Count {
		ids = append(ids, e.First+ID(i))
	}
	return ids
}

// Import takes in results from elsewhere, all or none, and returns the ids of their
// candidates. It returns when they are recorded; the strategy sees them in the next
// turn, or when it begins. from says for people where they come from. A request that
// was carried out before changes nothing and returns the same ids; a result that is the
// same as one that was imported before is left out. Import may be called
// from any goroutine; errors that wrap ErrConfig mean that something is wrong with the
// results.
func (s *Search) Import(results []Known, from, request string) ([]ID, error) {
	return s.take(outside{request, from, OpImported, results})
}

// Add lets genomes be measured that no strategy proposed, at a fidelity. All else is as
// for Import.
func (s *Search) Add(genomes []genome.Genome, fidelity int, request string) ([]ID, error) {
	return s.take(added(genomes, fidelity, request))
}

// Import is Search.Import for a search that is not running: its next run goes on with
// the results.
func Import(led Ledger, results []Known, from, request string, now time.Time) ([]ID, error) {
	return take(led, outside{request, from, OpImported, results}, now)
}

// Add is Search.Add for a search that is not running.
func Add(led Ledger, genomes []genome.Genome, fidelity int, request string, now time.Time) ([]ID, error) {
	return take(led, added(genomes, fidelity, request), now)
}

func added(genomes []genome.Genome, fidelity int, request string) outside {
	o := outside{request: request, operator: OpAdded}
	for _, g := range genomes {
		o.all = append(o.all, Known{Genome: g, Fidelity: fidelity})
	}
	return o
}

// errUnrecorded says that an order from outside came too late.
var errUnrecorded = errors.New("the search ended before this was recorded; give the same order again")

// take carries an order out between two turns, and returns when that is durable.
func (s *Search) take(o outside) (ids []ID, err error) {
	done := make(chan error, 1)
	s.ask(func() {
		select {
		case <-s.gone:
			return
		default:
		}
		if s.at == nil || s.jobs == nil {
			done <- ErrEmpty
			return
		}
		s.orders = append(s.orders, func() {
			var err error
			if ids, err = s.takeNow(o); err != nil {
				done <- err
				return
			}
			s.writer.after(func() { done <- nil })
		})
	})
	select {
	case err = <-done:
	case <-s.gone:
		select {
		case err = <-done:
		default:
			err = errUnrecorded
		}
	}
	if err != nil {
		return nil, err
	}
	return ids, nil
}

// obey carries out what was ordered while a turn was being decided.
func (s *Search) obey() {
	for s.stepping == nil && len(s.orders) > 0 {
		order := s.orders[0]
		s.orders = s.orders[1:]
		order()
	}
}

// takeNow carries an order out, while no turn is being decided.
func (s *Search) takeNow(o outside) ([]ID, error) {
	t := s.at
	event, jobs, err := t.take(o)
	if err != nil || jobs == nil {
		return event.ids(), err
	}
	s.journal(t, o.kind(), event)
	for _, e := range jobs {
		s.writer.next.Jobs = append(s.writer.next.Jobs, e.jobRecord())
		if e.imported() {
			s.writer.arrived(e.record())
			s.brought = append(s.brought, e.ID)
		} else {
			s.writer.after(func() { s.enqueue(e) })
		}
	}
	s.say("%s", o.say(len(jobs)))
	return event.ids(), nil
}

// take is takeNow for a search that is not running.
func take(led Ledger, o outside, now time.Time) ([]ID, error) {
	t, err := readTrajectory(led, nil)
	if err != nil {
		return nil, err
	}
	event, jobs, err := t.take(o)
	if err != nil || jobs == nil {
		return event.ids(), err
	}
	data, err := json.Marshal(event)
	if err != nil {
		return nil, err
	}
	c := &Change{Events: []EventRecord{{Seq: t.seq + 1, Turn: t.search.turns, Kind: o.kind(), Data: data, Time: now.UTC()}}}
	for _, e := range jobs {
		c.Jobs = append(c.Jobs, e.jobRecord())
		if e.imported() {
			c.Inbox = append(c.Inbox, e.record())
		}
	}
	return event.ids(), led.Commit(c)
}

func (o *outside) kind() string {
	if o.operator == OpAdded {
		return eventAdd
	}
	return eventImport
}

func (o *outside) say(n int) string {
	if o.operator == OpAdded {
		return fmt.Sprintf("%d added", n)
	}
	return fmt.Sprintf("%d results from %s are taken in", n, o.from)
}

// take makes the jobs of an order, all or none. There are none, and no error, if it was
// carried out before.
func (t *trajectory) take(o outside) (event outsideEvent, jobs []*entry, err error) {
	if before, known := t.requests[o.request]; known {
		return before, nil, nil
	}
	if len(o.all) == 0 {
		return event, nil, wrong("", "there is nothing to take in")
	}
	q := &t.search
	first := q.nextID()
	before := map[string]int{} // what was imported
	for _, e := range q.jobs {
		if e.imported() {
			before[e.told()]++
		}
	}
	for i, k := range o.all {
		e, err := t.outsider(q.nextID(), o.operator, k)
		if err == nil && e.imported() {
			err = t.know(e, k.Result)
		}
		if err != nil {
			t.remove(q, first)
			return event, nil, wrongWithin(fmt.Sprintf("[%d]", i), err)
		}
		if e.imported() && before[e.told()] > 0 {
			before[e.told()]--
			continue
		}
		if err := t.add(e); err != nil {
			return event, nil, err
		}
		jobs = append(jobs, e)
	}
	if len(jobs) > 0 {
		event = outsideEvent{Request: o.request, From: o.from, First: first, Count: len(jobs)}
		t.requests[o.request] = event
	}
	return event, jobs, nil
}

// told is equal for results from elsewhere that say the same.
func (e *entry) told() string {
	return fmt.Sprintf("%d %s %q %v %s", e.Fidelity, e.Status, e.Reason, e.full().Metrics, e.Genome.Packed())
}

// outsider makes the job of a candidate that no strategy proposed.
func (t *trajectory) outsider(id ID, operator string, k Known) (*entry, error) {
	if k.Fidelity < 0 || k.Fidelity >= len(t.Plan.Fidelities) {
		return nil, wrong("fidelity", "%d is none of the search's, which are 0 to %d", k.Fidelity, len(t.Plan.Fidelities)-1)
	}
	if k.Genome.IsZero() {
		return nil, wrong("genome", "there is none")
	}
	g, err := t.ours(k.Genome)
	if err == nil {
		err = t.Space.Check(g)
	}
	if err != nil {
		return nil, wrongWithin("genome", err)
	}
	e := &entry{turn: t.search.turns, attempts: &attempts{}, Candidate: Candidate{Job: Job{
		ID: id, Phase: PhaseSearch, Task: Train, Genome: g, Operator: operator, Fidelity: k.Fidelity,
		Budget: t.budget(k.Fidelity), Seed: jobSeed(t.Plan.Seed, id, t.pass),
	}}}
	if operator == OpAdded {
		e.Reuse = t.duplicateOf(e)
	}
	return e, nil
}

// know gives an imported candidate its result.
func (t *trajectory) know(e *entry, k Result) error {
	r := Result{Status: k.Status, Reason: OneLine(k.Reason)}
	switch k.Status {
	case OK:
		r.Metrics, r.Curve = slices.Clone(k.Metrics), finiteCurve(k.Curve)
		SortValues(r.Metrics)
		for i, v := range r.Metrics {
			if !isFinite(v.Value) || i > 0 && r.Metrics[i-1].Name == v.Name {
				return wrong("metrics", "%s is %v, or comes twice", v.Name, v.Value)
			}
		}
		t.complete(&e.Job, &r)
		if r.Status == Failed {
			return wrong("metrics", "%s", r.Reason)
		}
	case Invalid, Failed:
		if r.Reason == "" {
			r.Reason = "it was " + string(k.Status) + " elsewhere"
		}
	default:
		return wrong("status", "%q is none of ok, invalid, failed", k.Status)
	}
	t.settle(e, ResultRecord{ID: e.ID, Result: r})
	return nil
}
