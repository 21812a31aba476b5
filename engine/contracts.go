package engine

import (
	"context"
	"encoding/json"
	"iter"

	"github.com/nascent-nas/nascent/genome"
)

// Strategy decides what a search tries next.
//
// Open is called when the search begins, and again, its state then ignored,
// whenever the engine starts anew. Step is called once a turn. Both are pure: equal arguments give equal
// answers, in any process, after any crash. So a Strategy keeps nothing that
// is not in the State it returns (a cache only if a cold start gives the same
// bits), and asks no clock, no global random source, no map order; all its
// randomness comes from Turn.Seed.
//
// A search may be given another strategy in mid-run. The first turn of a
// strategy consumes no results, whether History is empty or not; jobs with ids
// below its FirstID are foreign, proposed by somebody else: they are part of
// History, or come in later Results.
//
// Foreign are in any turn, too, candidates that have an Origin: results that were
// imported, and genomes that were added; Job.Foreign tells both. Who is foreign may
// be a parent and an observation like any other, and is no part of what a strategy
// counts of its own proposals, such as a generation. A turn that brings imported
// results brings nothing else. Added candidates take no room from Want, and are not
// counted in a Batch: one that lies within it comes with it, another one by itself.
//
// The engine calls Open and Step from one goroutine at a time. An error from
// Open ends the search before it begins: one that wraps a Mistake refuses it, as an
// ErrConfig; any other is trouble of the strategy's own. An error from Step
// is a fault of the strategy: the turn is not committed, the search stops and
// says so. A Strategy whose process dies is started again and the same Step
// called again.
type Strategy interface {
	Open(ctx context.Context, setup Setup) (state []byte, needs Needs, err error)
	Step(ctx context.Context, state []byte, turn Turn) (Decision, error)
}

// Setup is what a Strategy knows of the search from the beginning.
type Setup struct {
	Space       *genome.Space
	Objectives  []Objective // several are equal in rank; see Ranking, by which candidates are compared
	Ties        []Objective // decide what the objectives do not
	Constraints []Constraint
	Reference   Values   // of the objectives, where one is declared: what is no better counts for nothing
	Metrics     []Metric // what the evaluators declare
	Fidelities  []Fidelity
	Limits      Limits
	Order       Order
	Start       []genome.Genome // known-good genomes to begin with
	Options     json.RawMessage // the strategy's own options, a JSON object
	Seeded      bool            // results at the highest fidelity depend on the job's seed, so measuring again tells something

	// Files keeps what is too large for State: weights, tables. Step Puts a file
	// and names it in Decision.Files; a later Step finds it by the hash that its
	// State holds. A file stays as long as the newest Decision names it.
	Files Files
}

// Needs says how much of the History a Strategy reads, how many results it
// wants at once, and what it proposes besides training.
type Needs struct {
	History HistoryNeed `json:"history"`
	Batch   int         `json:"batch,omitempty"` // strict order: results a turn (a generation); 0 and 1 mean one
	Tasks   []Task      `json:"tasks,omitempty"` // that it proposes besides Train; evaluators that do them are opened

	// Remark is one line for people, said when the search begins or the strategy takes it
	// over; "" if there is nothing to say. Nothing depends on it.
	Remark string `json:"-"`
}

// HistoryNeed is how much of the History a Strategy reads.
type HistoryNeed string

const (
	NeedNone    HistoryNeed = "none"    // only Turn.Results
	NeedMetrics HistoryNeed = "metrics" // everything but curves and outputs of earlier turns
	NeedAll     HistoryNeed = "all"
)

// Turn is the argument of one Step.
type Turn struct {
	N       uint64      // 0 for the search's first, whatever was imported before; a strategy that takes over begins later
	Seed    uint64      // this turn's own, below 2^53
	FirstID ID          // the id that the first proposal will get; the others follow
	Want    int         // how many proposals there is room for, >= 0; more are refused
	Results []Candidate // consumed by this turn, in order; already part of History; with curves and outputs
	Files   []FileRef   // what the Decision before this one named
	Spent   Spent
	Limits  Limits
	History History
}

// History is all candidates whose results were consumed, in that order.
// It is read-only and valid until Step returns.
type History interface {
	Len() int
	At(i int) *Candidate // 0 <= i < Len; not to be changed; Curve and Output may be left out, see Curve
	Get(id ID) (*Candidate, bool)
	Curve(id ID) ([]Point, error)
	Output(id ID) ([]byte, error)
}

// All ranges over a History.
func All(h History) iter.Seq[*Candidate] {
	return func(yield func(*Candidate) bool) {
		for i := range h.Len() {
			if !yield(h.At(i)) {
				return
			}
		}
	}
}

// Decision is what a Strategy answers to a Turn. It is committed together with
// the results that the Turn consumed, or not at all.
type Decision struct {
	State     []byte    // small: ids and numbers; large things go to Files
	Files     []FileRef // files of the store that State relies on, see Setup.Files
	Proposals []Proposal
	Keep      []ID   // jobs whose files must stay; naming one that there is not breaks the contract
	Note      string // for people: one line in the journal
	Done      bool   // ends the search; what is outstanding is not waited for
}

// Operators that a Proposal may name. genome makes the child.
const (
	OpRandom      = "random"       // no parent
	OpMutate      = "mutate"       // one parent
	OpCross       = "cross"        // two parents
	OpCrossMutate = "cross+mutate" // two parents, then one mutation
	OpSame        = "same"         // one parent, unchanged: promotions, replicates
	OpRepeat      = "repeat"       // the genome of one parent, measured again because it is near the top; of the strategy repeats
	OpStart       = "start"        // a known-good genome from Setup.Start
	OpGiven       = "given"        // the proposal carries a genome of its own
	OpBaseline    = "baseline"     // a hand-made network; only the final strategy
	OpImported    = "imported"     // a result from elsewhere, see Imported; no proposal names it
	OpAdded       = "added"        // a genome that somebody added, see Added; no proposal names it
)

// Proposal becomes a Job. Either Operator names how to make the genome from
// Parents, or Genome carries it (Operator "" then means OpGiven).
//
// A job of another Task than Train goes to the evaluator of its fidelity if that
// does such tasks, else to the first by name that does. It is not compared with
// trained candidates and never shares a result; the genome of a Supernet job
// says for people what stands where, and need not lie within the limits.
type Proposal struct {
	Operator  string
	Parents   []ID // consumed candidates
	Genome    genome.Genome
	Fidelity  int
	Task      Task // "" means Train
	Input     []byte
	Resume    ID
	Inherit   ID
	Replicate bool
	Stop      *StopRule
	Tag       string

	// Only the built-in final strategy sets these.
	Phase Phase // "" means PhaseSearch

	// Budget is 0 for that of the fidelity, or the evaluator's own where Task is
	// not Train. The search's strategy sets it for such tasks only.
	Budget float64
}

// Evaluator carries out jobs. It is opened once for each run of the engine.
type Evaluator interface {
	// Open makes it ready and says what it can do. The context bounds Open
	// alone. An error ends the run with its text: one that wraps a Mistake refuses
	// the search, as an ErrConfig; any other is trouble of the evaluator's own.
	Open(ctx context.Context, setup EvaluatorSetup) (Session, Hello, error)
}

// EvaluatorSetup is what an Evaluator gets to know of the search.
type EvaluatorSetup struct {
	Space   *genome.Space
	Workers int             // how many jobs the engine will keep it busy with at once
	Options json.RawMessage // the evaluator's own options, a JSON object
	Files   Files           // the search's content-addressed files

	// Expect is what the evaluator said of itself when it gave the results that the
	// search has; nil where there are none. One that is another, and can see that
	// before it runs anything of it, refuses with a ChangedError.
	Expect *Hello
}

// Hello is what an Evaluator says of itself.
type Hello struct {
	Name          string   `json:"name"`
	Version       string   `json:"version"`
	Slots         int      `json:"slots"`         // jobs at once in one process; the host starts as many processes as the workers need
	Tasks         []Task   `json:"tasks"`         // empty: train only
	Deterministic bool     `json:"deterministic"` // exact metrics are a function of the job
	Seeded        bool     `json:"seeded"`        // results depend on the job's seed, so measuring again tells something
	Tests         bool     `json:"tests"`         // can carry out phase test
	Metrics       []Metric `json:"metrics"`
	Optional      []string `json:"optional,omitempty"` // exact metrics that a result may leave out
	Budget        float64  `json:"budget"`             // what budget 0 means
	BudgetUnit    string   `json:"budget_unit"`        // "epochs"
	Identity      string   `json:"identity"`           // canonical text of every option and all data that results depend on; IdentityChanges reads it
	Fingerprint   string   `json:"fingerprint"`        // set by the host: hash over the plugin's executable and Identity
	Results       int      `json:"results,omitempty"`  // raised when results of what ships change; its executable is then not compared
	Program       string   `json:"program,omitempty"`  // set by the host: sha256 of the executable
	Pool          [][]byte `json:"pool,omitempty"`     // where only some genomes can be measured: their packed forms; no others are proposed
	Splits        string   `json:"splits"`             // in words: what is trained, validated and tested on
	Reports       []string `json:"reports,omitempty"`  // figures that jobs of phase test leave in ReportFile
	Lookup        bool     `json:"lookup,omitempty"`   // results are looked up by the genome's text, in microseconds; one process may serve several searches
	Waits         bool     `json:"waits,omitempty"`    // jobs wait in it, however long, until somebody comes who carries them out
}

// Session is an open Evaluator. Its methods may be called from any goroutine
// and do not wait for the evaluator.
//
// Every Submit is answered by exactly one Event of kind Finished, Returned or
// Lost with the same id and attempt, also after Cancel or Kill and in any
// order. A Begun event comes before it if the job was started; Progress and
// Saved may come in between. Events of one job keep their order. The channel
// is closed after Close, when nothing more can come. A Session never retries,
// and starts dead processes again by itself.
//
// One that reports its Capacity sets by it how many jobs are sent out at once, in place
// of the workers of the search. Nothing is decided by it: what a strategy is asked for
// depends on the window.
type Session interface {
	Submit(Assignment) error              // an error means the session is closed or broken for good
	Cancel(id ID, attempt int, save bool) // ask it to end soon; save: keep its progress first
	Kill(id ID, attempt int)              // end its process; neighbours come back as Returned
	Ack(id ID, attempt int)               // its result is durable
	Events() <-chan Event
	Close(ctx context.Context) error // ask it to end; when ctx ends, force it; leaves no process behind
}

// Resizer is a Session that keeps as much ready as the search's workers need. Resize says
// how many there are from now on.
type Resizer interface{ Resize(workers int) }

// Meter is a Session that can tell what a job takes of the machine while it runs: so far of
// processors, now of memory; zero is what nobody knows. It is asked from any goroutine,
// when people look, and may take a second. Nothing is decided by it.
type Meter interface {
	Usage(id ID, attempt int) Usage
}

// Assignment is one attempt at a Job.
type Assignment struct {
	Job     *Job
	Attempt int       // grows with every start within one run of the engine
	Probe   bool      // the job has its result already; whether its evaluator still works is to be found out
	Alone   bool      // must not share its process with another job
	Resume  []FileRef // files of the finished job to go on from, or what an earlier attempt saved
	Saved   bool      // Resume is from an earlier attempt of this same job
	Inherit []FileRef // files of the job whose weights it starts from

	// Place is how many jobs with smaller ids count as evaluations: all but what was
	// imported.
	Place int

	// Repeat is how many jobs with smaller ids measure the same thing: equal by the
	// duplicates policy; reused results are not counted, earlier re-measurements neither.
	Repeat int
}

// EventKind says what an Event reports.
type EventKind int

// What a Session reports.
const (
	Begun    EventKind = iota + 1 // the job started; its deadline runs from now
	Progress                      // Point
	Saved                         // Files: the job's progress was kept; its next attempt starts there
	Finished                      // Result
	Returned                      // not carried out, through no fault of its own: no room, killed beside another, shutting down, cancelled; never counts
	Broken                        // of no job: the evaluator is another than it was, or cannot go on; Reason. What it has comes back as Returned
	Lost                          // its process ended, or broke the contract; Alone tells whether the attempt counts
	Capacity                      // of no job: so many Slots are there from now on; of whoever has machines that come and go
)

// Event is one report from a Session.
type Event struct {
	ID      ID
	Attempt int
	Kind    EventKind
	Point   Point
	Files   []FileRef
	Result  *Result
	Reason  string // Returned and Lost: one line, with the plugin's last words
	Fault   string // Finished and failed: equal for failures of one cause, such as an exception's type and line; "" means the result's Reason
	Crashed bool   // Finished and failed: a process that the evaluator had carry out the job died
	Alone   bool   // Lost: no other job was in its process
	Slots   int    // Capacity: jobs at once, >= 0
}

// Files is the content-addressed store of a search. Methods are safe for
// concurrent use.
type Files interface {
	// Put takes the file at path into the store: hashed, renamed to its
	// sha256, fsynced. The path is gone afterwards.
	Put(path, name string) (FileRef, error)
	// Path is where the file with this hash can be read. One whose content is not
	// what was Put wraps ErrDamaged, one that is not kept fs.ErrNotExist.
	Path(hash string) (string, error)
	// Temp is a directory on the same file system for files to be Put.
	Temp() string
}
