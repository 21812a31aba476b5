package engine

import (
	"cmp"
	"slices"
	"sync/atomic"
	"time"

	"github.com/nascent-nas/nascent/genome"
)

// stage is where a job stands. It is read beside the loop, by Histories.
type stage struct{ v atomic.Uint32 }

const (
	waiting  uint32 = iota // committed or about to be; no evaluator has it
	running                // an evaluator has it
	decided                // has a result that was not consumed
	consumed               // part of History
)

func (s *stage) is(v uint32) bool { return s.v.Load() == v }
func (s *stage) set(v uint32)     { s.v.Store(v) }

// entry is what the search knows of one job. Once it is consumed it never
// changes again, so that a History may be read beside the loop.
type entry struct {
	Candidate        // Metrics and Seconds without measured ones, no Usage; Curve and Output only until committed
	measured  Values // what was left out of Metrics
	seconds   float64
	usage     Usage
	lost      float64 // seconds of attempts that brought nothing; of all when it has a result
	turn      uint64
	attempt   int  // that brought the result
	repeat    int  // see trajectory.repeats
	place     int  // in sequence.own
	banned    bool // and so it is invalid: nobody shares that
	forgotten bool // it was cancelled: nobody shares its result any more
	dropped   bool // by a takeover: no turn consumes it
	shared    ID   // 0, or the job whose result it was to share, which was cancelled
	stage     stage
	key       genome.Hash // see measurement; zero until it is asked for

	recorded genome.Genome // as it was proposed, if a takeover brought it into another space

	attempts *attempts // while it has no result
}

// attempts is what is known of the attempts at a job that has no result yet.
type attempts struct {
	newest    int       // number of the newest
	counted   int       // how many count
	last      failure   // of those
	saved     []FileRef // progress kept for the next
	alone     bool      // the next must be alone in its process
	returned  int       // times in a row that it came back uncounted
	cancelled bool      // somebody asked for its end
	probe     bool      // whether its evaluator works is to be found out; see beginProbe

	// Of the newest, while an evaluator has it:
	on     *openEvaluator
	ending bool      // it was asked to end
	late   string    // how its deadline passed, or ""
	begun  time.Time // zero until the evaluator said so
	slow   bool      // people were told that it takes long
	point  Point     // last progress
	cancel func()    // of the timer that watches it
}

// record is the entry's result as it is stored.
func (e *entry) record() ResultRecord {
	c := e.full()
	return ResultRecord{ID: e.ID, Attempt: e.attempt, Attempts: c.Attempts, Fingerprint: c.Fingerprint, Lost: c.Lost, Result: c.Result}
}

// jobRecord is the entry's job as it is stored.
func (e *entry) jobRecord() JobRecord {
	return JobRecord{Job: e.Job, Packed: e.asMade().Genome.Packed(), Turn: e.turn}
}

// full is the entry's candidate with all metrics, for people.
func (e *entry) full() Candidate {
	c := e.Candidate
	c.Seconds, c.Usage, c.Lost = e.seconds, e.usage, e.lost
	if len(e.measured) > 0 {
		c.Metrics = slices.Concat(c.Metrics, e.measured)
		SortValues(c.Metrics)
	}
	return c
}

// cost is what consuming the result adds to the counters. They change with the
// commit that holds the result and not before: a turn that is never committed
// must not be counted twice.
func (e *entry) cost() (seconds float64, looks int) {
	switch e.Phase {
	case PhaseSearch:
		seconds = e.seconds
	case PhaseTest:
		looks = 1
	}
	return seconds, looks
}

// share is the result of a job that reuses this one's.
func (e *entry) share() Result {
	r := e.full().Result
	r.Seconds, r.Usage = 0, Usage{}
	r.Files = nil
	if r.Status == OK {
		r.Reason = ""
	}
	return r
}

// SortValues puts values in the order of their names.
func SortValues(vs Values) {
	slices.SortFunc(vs, byName)
}

func byName(a, b Value) int { return cmp.Compare(a.Name, b.Name) }
