package engine

import (
	"cmp"
	"encoding/json"
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

	text string // of the genome, as long as that is zero
}

// knownJSON is a Known as JSON.
type knownJSON struct {
	Genome   string  `json:"genome"` // its text
	Fidelity int     `json:"fidelity,omitempty"`
	Status   Status  `json:"status"`
	Reason   string  `json:"reason,omitempty"`
	Metrics  Values  `json:"metrics,omitempty"`
	Curve    []Point `json:"curve,omitempty"`
}

// MarshalJSON writes the genome as its text.
func (k Known) MarshalJSON() ([]byte, error) {
	text := k.text
	if !k.Genome.IsZero() {
		text = k.Genome.Text()
	}
	return json.Marshal(knownJSON{text, k.Fidelity, k.Status, k.Reason, k.Metrics, k.Curve})
}

// UnmarshalJSON reads what MarshalJSON writes; the genome is read by the search that takes
// it in.
func (k *Known) UnmarshalJSON(b []byte) error {
	var from knownJSON
	err := json.Unmarshal(b, &from)
	*k = Known{text: from.Genome, Fidelity: from.Fidelity,
		Result: Result{Status: cmp.Or(from.Status, OK), Reason: from.Reason, Metrics: from.Metrics, Curve: from.Curve}}
	return err
}

// read gives results that came as JSON their genomes.
func (m *Imports) read(t *trajectory) error {
	for i := range m.Results {
		k := &m.Results[i]
		if !k.Genome.IsZero() || k.text == "" {
			continue
		}
		var err error
		if k.Genome, err = t.Space.Parse(k.text); err != nil {
			return wrongWithin(fmt.Sprintf("[%d]", i), err)
		}
	}
	return nil
}

// mostImported is how many results from elsewhere come in one turn.
const mostImported = 1000

// Imports are results from elsewhere, all to be taken in or none. What is the same as one
// that was imported before is left out.
type Imports struct {
	From    string  `json:"from,omitempty"` // for people
	Results []Known `json:"results"`
}

// Additions are genomes that no strategy proposed, to be measured at a fidelity.
type Additions struct {
	Genomes  []string `json:"genomes"` // their texts
	Fidelity int      `json:"fidelity,omitempty"`
}

// outsideEvent is the data of eventImport and eventAdd, with what asked is.
type outsideEvent struct {
	From  string `json:"from,omitempty"`
	First ID     `json:"first,omitempty"` // id
	Count int    `json:"count,omitempty"`
}

func (e outsideEvent) ids() (ids []ID) {
	for i := range e.Count {
		ids = append(ids, e.First+ID(i))
	}
	return ids
}

// Import takes in results from elsewhere, see Request, and returns the ids of their
// candidates. The strategy sees them in the next turn, or when it begins.
func (s *Search) Import(results []Known, from, request string) ([]ID, error) {
	rec, err := s.Steer(Request{ID: request, Import: &Imports{from, results}})
	return rec.IDs, err
}

// Add lets genomes be measured that no strategy proposed, at a fidelity. All else is as
// for Import.
func (s *Search) Add(genomes []genome.Genome, fidelity int, request string) ([]ID, error) {
	rec, err := s.Steer(Request{ID: request, Add: additions(genomes, fidelity)})
	return rec.IDs, err
}

// Import is Search.Import for a search that is not running: its next run goes on with
// the results.
func Import(led Ledger, results []Known, from, request string, now time.Time) ([]ID, error) {
	rec, err := Steer(led, Request{ID: request, Import: &Imports{from, results}}, now)
	return rec.IDs, err
}

// Add is Search.Add for a search that is not running.
func Add(led Ledger, genomes []genome.Genome, fidelity int, request string, now time.Time) ([]ID, error) {
	rec, err := Steer(led, Request{ID: request, Add: additions(genomes, fidelity)}, now)
	return rec.IDs, err
}

func additions(genomes []genome.Genome, fidelity int) *Additions {
	a := &Additions{Fidelity: fidelity}
	for _, g := range genomes {
		a.Genomes = append(a.Genomes, g.Text())
	}
	return a
}

func (m *Imports) kind() string   { return eventImport }
func (m *Imports) waits() bool    { return true }
func (a *Additions) kind() string { return eventAdd }
func (a *Additions) waits() bool  { return true }

func (m *Imports) check(t *trajectory) error {
	if len(m.Results) == 0 {
		return wrong("", "there is nothing to take in")
	}
	return m.read(t)
}

func (a *Additions) check(t *trajectory) error {
	if len(a.Genomes) == 0 {
		return wrong("", "there is nothing to take in")
	}
	_, err := a.known(t)
	return err
}

// known are the genomes.
func (a *Additions) known(t *trajectory) ([]Known, error) {
	var all []Known
	for i, text := range a.Genomes {
		g, err := t.Space.Parse(text)
		if err != nil {
			return nil, wrongWithin(fmt.Sprintf("[%d]", i), err)
		}
		all = append(all, Known{Genome: g, Fidelity: a.Fidelity})
	}
	return all, nil
}

func (m *Imports) do(t *trajectory, r *Request) (*effect, error) {
	jobs, err := t.take(OpImported, m.Results)
	if err != nil {
		return nil, err
	}
	return taken(jobs, r, m.From, fmt.Sprintf("%d results from %s are taken in", len(jobs), m.From)), nil
}

func (a *Additions) do(t *trajectory, r *Request) (*effect, error) {
	all, err := a.known(t)
	if err != nil {
		return nil, err
	}
	for i, k := range all {
		if by := t.banned(t.search.turns, k.Genome); by != "" {
			return nil, wrong(fmt.Sprintf("[%d]", i), "it is banned: %s", by).but("end that first: unban")
		}
	}
	jobs, err := t.take(OpAdded, all)
	if err != nil {
		return nil, err
	}
	return taken(jobs, r, "", fmt.Sprintf("%d added", len(jobs))), nil
}

// taken is the effect of new candidates.
func taken(jobs []*entry, r *Request, from, say string) *effect {
	if len(jobs) == 0 {
		return &effect{}
	}
	event := outsideEvent{From: from, First: jobs[0].ID, Count: len(jobs)}
	return &effect{Receipt: Receipt{IDs: event.ids()}, data: struct {
		asked
		outsideEvent
	}{r.asked(), event}, jobs: jobs, say: say}
}

// take makes the jobs of what comes from outside, all or none.
func (t *trajectory) take(operator string, all []Known) (jobs []*entry, err error) {
	q := &t.search
	first := q.nextID()
	before := map[string]int{} // what was imported
	for _, e := range q.jobs {
		if e.imported() {
			before[e.told()]++
		}
	}
	for i, k := range all {
		e, err := t.outsider(q.nextID(), operator, k)
		if err == nil && e.imported() {
			err = t.know(e, k.Result)
		}
		if err != nil {
			t.remove(q, first)
			return nil, wrongWithin(fmt.Sprintf("[%d]", i), err)
		}
		if e.imported() && before[e.told()] > 0 {
			before[e.told()]--
			continue
		}
		if err := t.add(e); err != nil {
			return nil, err
		}
		jobs = append(jobs, e)
	}
	return jobs, nil
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
	if err := t.reach(id); err != nil {
		return nil, err
	}
	e := &entry{turn: t.search.turns, attempts: &attempts{}, Candidate: Candidate{Job: Job{
		ID: id, Phase: PhaseSearch, Task: Train, Genome: g, Operator: operator, Fidelity: k.Fidelity,
		Budget: t.budget(k.Fidelity), Seed: t.jobSeed(id),
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
