package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"time"
)

// Ledger is the durable truth of one search.
//
// Everything changes through Commit, which is atomic and durable: when it
// returns nil the change survives a crash and a power cut, otherwise the
// outcome is unknown and the Ledger must be closed and opened again. Commit is
// called from one goroutine at a time; the reading methods may run beside it
// and see whole commits only. Iterators hold no lock between their steps
// longer than a batch, and stop at the first error that they yield.
type Ledger interface {
	Files

	Commit(*Change) error

	Header() (Header, bool, error) // false: nothing was ever committed
	Events() iter.Seq2[EventRecord, error]
	Turns(Part) iter.Seq2[TurnRecord, error] // in order
	Jobs() iter.Seq2[JobRecord, error]       // in id order
	History() iter.Seq2[ResultRecord, error] // in the order of consumption; without Curve and Output
	Inbox() iter.Seq2[ResultRecord, error]   // in id order, whole
	Attempts() iter.Seq2[AttemptRecord, error]
	Result(ID) (ResultRecord, bool, error) // consumed or in the inbox, with Curve and Output
	State(Part) ([]byte, error)            // of the newest turn
	Counters() (Counters, error)

	// Collect removes every stored file whose hash is not in keep.
	Collect(keep map[string]bool) error
	// Remove removes these files; one that is not there is no error. Both leave
	// what was Put and is not yet named by a commit: nobody but who Put it knows
	// that it is needed.
	Remove(hashes []string) error
	Close() error
}

// Part is one of the two sequences of turns.
type Part string

const (
	PartSearch Part = "search" // the search's own strategy
	PartFinal  Part = "final"  // re-measuring and testing
)

// Header is written once, with the first commit.
type Header struct {
	Name    string          `json:"name"`
	Engine  string          `json:"engine"`  // version that began it
	Created time.Time       `json:"created"` // for people
	Config  json.RawMessage `json:"config"`  // canonical; what may not change
}

// EventRecord is a change from outside, or another thing worth journaling.
type EventRecord struct {
	Seq  uint64          `json:"seq"`  // 1, 2, ...
	Turn uint64          `json:"turn"` // holds from this search turn on
	Kind string          `json:"kind"` // what it is, such as "limits": archive.go has all kinds
	Data json.RawMessage `json:"data,omitempty"`
	Time time.Time       `json:"time"` // for people
}

// TurnRecord journals one turn.
//
// Results usually enter History in the turn that consumes them. Only where a
// limit cuts a batch short do its results enter History at once, and the next
// turn, if the search is extended later, names them: it delivers them to the
// strategy, unless that is another one, which finds them in History.
type TurnRecord struct {
	Part     Part
	N        uint64
	Consumed []ID
	FirstID  ID
	Jobs     int // how many jobs it made
	Want     int
	Spent    Spent     // as the strategy was told
	Decision [32]byte  // hash of the whole decision and the jobs that came of it
	Keep     []ID      // the decision's
	Files    []FileRef // the decision's
	Note     string
	Done     bool
}

// JobRecord is a Job as stored: its genome is the packed form.
type JobRecord struct {
	Job           // Genome is zero when read
	Packed string // of Job.Genome
	Turn   uint64 // that made it
}

// ResultRecord is a result as stored.
type ResultRecord struct {
	ID          ID
	Attempt     int     // the attempt that brought it
	Attempts    int     // how many counted, this one included
	Fingerprint int     // index into the fingerprints journaled as events
	Lost        float64 // seconds of the attempts before this one, which brought nothing
	Result
}

// AttemptRecord is how often a job was tried, while it has no result.
type AttemptRecord struct {
	ID      ID
	Started int       // number of the newest attempt
	Counted int       // how many of them count
	Reason  string    // why the last one that counted failed
	Saved   []FileRef // progress kept for the next
	Lost    float64   // seconds of those that brought nothing
}

// Counters are the running totals, rewritten with every commit that changes
// them.
type Counters struct {
	Wall      float64  `json:"wall"`    // seconds of running in phase search, over all runs of the engine
	Seconds   float64  `json:"seconds"` // evaluator seconds of phase search, consumed results
	State     RunState `json:"state"`
	Cause     string   `json:"cause,omitempty"` // why it stopped, when trouble did it
	Retries   int      `json:"retries"`         // attempts that counted and failed
	Idle      float64  `json:"idle"`            // worker seconds without a job while searching
	TestLooks int      `json:"test_looks"`      // jobs of phase test that were consumed
	Lost      float64  `json:"lost,omitempty"`  // evaluator seconds of phase search in attempts that brought nothing
}

// spent is what phase search cost in evaluator seconds, attempts that brought
// nothing included.
func (c *Counters) spent() float64 { return c.Seconds + c.Lost }

// RunState is where a search stands.
type RunState string

// The states of a search.
const (
	StateNew      RunState = "new"
	StateRunning  RunState = "running"
	StateStopped  RunState = "stopped"
	StateFinished RunState = "finished"
)

// Change is one transaction. Nil and empty fields change nothing.
type Change struct {
	Header   *Header
	Events   []EventRecord
	Turns    []TurnRecord
	Jobs     []JobRecord
	Inbox    []ResultRecord // results that arrived
	Consumed []ResultRecord // results that enter History, in order; they leave the inbox, their attempts are forgotten
	Attempts []AttemptRecord
	State    map[Part][]byte // of the newest turn of each part
	Counters *Counters
	Unused   []FileRef // were Put, and nobody needs them
}

// Empty tells whether the change changes nothing.
func (c *Change) Empty() bool {
	return c.Header == nil && len(c.Events) == 0 && len(c.Turns) == 0 && len(c.Jobs) == 0 && len(c.Inbox) == 0 &&
		len(c.Consumed) == 0 && len(c.Attempts) == 0 && len(c.State) == 0 && c.Counters == nil && len(c.Unused) == 0
}

// Errors that callers tell apart.
var (
	// ErrDamaged marks a ledger whose content is not what was written.
	ErrDamaged = errors.New("damaged")
	// ErrPaused marks a search that stopped because evaluations keep failing.
	ErrPaused = errors.New("paused by repeated failures")
	// ErrConfig marks wrong input: nothing was changed.
	ErrConfig = errors.New("wrong configuration")
)

// damaged says that what a ledger holds is not what was written.
func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s; put a copy of the search's directory back", ErrDamaged, fmt.Sprintf(format, args...))
}
