package engine

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/nascent-nas/nascent/genome"
)

// Config is everything that a Search is made of. Only Space, Strategy and one
// Evaluator are required.
type Config struct {
	Name  string
	Space *genome.Space

	Strategy        Strategy
	StrategyName    string          // recorded; default "strategy"
	StrategyOptions json.RawMessage // recorded and handed to Open
	StrategySource  string          // recorded with every start: where it is found again, for a replay; default StrategyName
	ChangeStrategy  bool            // a search that is under way goes on with this strategy, if it is another
	TakeOver        bool            // a search that is under way goes on with these Declarations, if they are others
	Was             genome.Map      // then: what genes were that the Space adds, see Takeover
	Turns           uint64          // not 0: stop cleanly once the search has taken so many turns

	Evaluator  Evaluator               // short for the only one of Evaluators, without options
	Evaluators map[string]EvaluatorRef // by the names that Fidelities use
	Fidelities []Fidelity              // default: one, of the only evaluator, at its own budget

	Objectives  []Objective // default: maximize accuracy; several are equal in rank, up to MaxObjectives
	Ties        []Objective // decide, in their order, what the objectives do not
	Derived     []Derived   // metrics that are computed from others
	Prefer      string      // of several objectives the one by which the winner is chosen, or an expression of which more is better; default the first
	Reference   Values      // of all objectives, if there are several: what the hypervolume is measured against
	Constraints []Constraint
	Limits      Limits
	Start       []genome.Genome

	Seed    uint64 // below 2^53
	Order   Order  // default Strict
	Window  int    // undecided jobs at most, up to MaxWindow; default 8, or the strategy's batch if larger; by arrival also twice the workers
	Workers int    // jobs at once, up to MaxWorkers; default 1
	Fill    bool   // raise Workers to what one process of an evaluator takes at once; to the window for one in which jobs wait

	// Hosts are how many machines whoever places them is to keep, 0 where nobody does. Place
	// is told of it before evaluators are opened, and whenever Settings change it. It must not wait.
	Hosts int
	Place func(hosts int)

	// Mixed says that jobs may be carried out by machines of several kinds: what is measured
	// cannot be judged by then, since it tells of the machine.
	Mixed bool

	Duplicates Duplicates // default Reject
	Failures   FailurePolicy
	Timeout    time.Duration // of one job from its start; 0: none; or AutoTimeout
	Grace      time.Duration // between cancelling and killing; default 5s, negative: none
	Final      Final
	Keep       int // checkpoints of the best that many candidates stay; default 10

	Again             string // how people run the search again, for errors; default "run the same command again"
	AcceptFingerprint bool   // go on although an evaluator is not the one that the search began with

	Ledger  Ledger                           // default: in memory; its files then end with Run
	Clock   Clock                            // default: the system's
	Log     func(format string, args ...any) // default: nowhere
	Observe func(Update)                     // called from the loop after every change; must not wait, and of the Search call Stop alone
}

// What a search may ask for at most. More is a slip, and takes a machine's memory.
const (
	MaxWorkers = 10_000
	MaxWindow  = 100_000

	MaxObjectives = 8
)

// EvaluatorRef is an evaluator and its options.
type EvaluatorRef struct {
	Evaluator Evaluator
	Options   json.RawMessage
}

// Duplicates says what becomes of a proposal that equals an earlier job: the
// same network and other genes, fidelity and inheritance.
type Duplicates string

const (
	Reject    Duplicates = "reject"    // draw again, up to 32 times; then as Reuse
	Reuse     Duplicates = "reuse"     // share the earlier job's result, at no cost
	Replicate Duplicates = "replicate" // evaluate again, with its own seed
)

// FailurePolicy bounds retries. An invalid genome is never retried. A job whose
// evaluator reports an error is tried again at once, and not a third time if the
// error is the same; one whose process died waits first.
type FailurePolicy struct {
	Attempts int           // per job, default 3
	Backoff  time.Duration // before the attempt after a death, doubled for each further, up to 1m; default 1s; negative: none

	// PauseAfter is how many different genomes of one task and fidelity pause the search if
	// none of them succeeds, and nothing else of these either; default 12.
	PauseAfter int
}

// Final configures the built-in strategy that ends a search.
type Final struct {
	Skip      bool
	Top       int        // candidates to re-measure, default 3 (0 with an evaluator whose results do not depend on the seed)
	Repeats   int        // fresh seeds for each, default 2
	Budget    float64    // of a test job, default that of the highest fidelity
	Tests     int        // seeds for the winner and each baseline on test data, default 3 (0 where the evaluator cannot test)
	Baselines []Baseline // tested beside the winner
}

// Baseline is a hand-made network, trained by the same code as the candidates.
type Baseline struct {
	Name   string
	Genome genome.Genome // the only genome of a space of constants
}

// Clock is time as the engine sees it: for deadlines, back-off and the wall
// limit, never for decisions.
type Clock interface {
	Now() time.Time
	After(d time.Duration, f func()) (cancel func())
}

// Update tells an observer what the loop just did.
type Update struct {
	Kind      UpdateKind
	Candidate *Candidate // Consumed
	Job       *Job       // Dispatched, Progressed, Retried
	Attempt   int
	Point     Point  // Progressed
	Text      string // Retried: why; Said: one line for people

	Evaluations int // consumed so far, of phase search
	Limit       int // of evaluations, as it is now; 0: none
}

// UpdateKind says what an Update reports.
type UpdateKind int

const (
	Dispatched UpdateKind = iota + 1
	Progressed
	Retried
	Consumed
	PhaseChanged
	Said
)

// Planned is a Request that waits for its turn.
type Planned struct {
	Request string `json:"request"`
	By      string `json:"by,omitempty"`
	Turn    uint64 `json:"turn"`
	Text    string `json:"text"` // what it asks for
}

// Snapshot is where a search stands, for people and tools. Its JSON is what
// `nascent status --json` prints.
type Snapshot struct {
	Name        string   `json:"name"`
	State       RunState `json:"state"`
	Phase       Phase    `json:"phase"`
	Cause       string   `json:"cause,omitempty"`
	Evaluations int      `json:"evaluations"` // consumed jobs of phase search
	OK          int      `json:"ok"`
	Invalid     int      `json:"invalid"`
	Failed      int      `json:"failed"`
	Reused      int      `json:"reused"`             // of the evaluations, those that shared an earlier result
	Supernet    int      `json:"supernet"`           // of the evaluations, those that trained shared weights
	Score       int      `json:"score"`              // and those that were measured with them
	Added       int      `json:"added,omitempty"`    // of the evaluations, those of genomes that somebody added
	Imported    int      `json:"imported,omitempty"` // results from elsewhere that the strategy was shown; no evaluations
	Outside     int      `json:"outside,omitempty"`  // of the candidates, those that do not fit what is declared since a takeover
	Retries     int      `json:"retries"`            // attempts that failed and counted
	Running     int      `json:"running"`
	Waiting     int      `json:"waiting"` // proposed, not running, not consumed
	Turns       uint64   `json:"turns"`
	Strategy    string   `json:"strategy"`           // that decides now
	Deciding    float64  `json:"deciding,omitempty"` // for how many seconds it has been deciding one turn, where that is long
	Workers     int      `json:"workers"`
	Window      int      `json:"window,omitempty"`      // how many undecided jobs there may be
	Hosts       int      `json:"fleet_hosts,omitempty"` // that are to be placed, where somebody does
	Limits      Limits   `json:"limits"`
	Paused      *Paused  `json:"paused,omitempty"`   // nothing new is started
	Bans        []string `json:"bans,omitempty"`     // conditions; what they hold of is not proposed
	Pinned      []ID     `json:"pinned,omitempty"`   // whose files are kept
	Branched    *Origins `json:"branched,omitempty"` // what it was before; nil where it is no branch

	// Planned is what waits for a later turn, in the order in which it was asked for.
	Planned []Planned `json:"planned,omitempty"`

	Disk       *Disk   `json:"disk,omitempty"` // on which it lies, while it runs
	Spent      Spent   `json:"spent"`
	Usage      Usage   `json:"usage,omitzero"` // of all consumed jobs, as far as it is known: the sum of processor seconds, the largest peaks
	Used       int     `json:"used,omitempty"` // of how many jobs it is known
	Lost       float64 `json:"lost"`           // of the evaluator seconds that were spent, those of attempts that brought no result
	Wall       float64 `json:"wall"`
	Idle       float64 `json:"idle"` // worker seconds without a job
	TestLooks  int     `json:"test_looks"`
	FinalDone  int     `json:"final_done"`          // jobs of the final strategy consumed
	FinalTotal int     `json:"final_total"`         // and planned so far
	Overtaken  bool    `json:"overtaken,omitempty"` // since these the search has found its best, or somebody on its front
	Best       []Best  `json:"best"`                // at the highest fidelity reached, best first, up to 5 different genomes

	// Front are with several objectives those at the highest fidelity reached that no
	// other one dominates, of different genomes, the best by the preferred objective first.
	Front     []Best `json:"front,omitempty"`
	FrontPart bool   `json:"front_part,omitempty"` // there are others: see Leaders.Part

	// Hypervolume is what they dominate, see Leaders.Hypervolume; nil with one objective,
	// or before there is anything to measure it against.
	Hypervolume      *float64 `json:"hypervolume,omitempty"`
	HypervolumeError float64  `json:"hypervolume_error,omitempty"` // its standard error, where it is an estimate
	Reference        Values   `json:"reference,omitempty"`         // against which it is measured

	// Reached is a candidate that has the target; 0: none has, or there is no target.
	Reached ID `json:"reached,omitempty"`

	Jobs []RunningJob `json:"jobs,omitempty"`
}

// Best is one of the best candidates.
type Best struct {
	ID       ID     `json:"id"`
	Genome   string `json:"genome"`
	Hash     string `json:"hash"`
	Fidelity int    `json:"fidelity"`
	Metrics  Values `json:"metrics"`

	// Estimates are what all measurements of its genome tell, by metric: it is ranked by
	// these. There are none before anything was measured again.
	Estimates map[string]Estimate `json:"estimates,omitempty"`
}

// Means are the metrics, the means of those that were measured again.
func (b *Best) Means() Values {
	out := slices.Clone(b.Metrics)
	for i, v := range out {
		if e, known := b.Estimates[v.Name]; known {
			out[i].Value = e.Mean
		}
	}
	return out
}

// RunningJob is one job that an evaluator has on board.
type RunningJob struct {
	ID      ID      `json:"id"`
	Phase   Phase   `json:"phase"`
	Task    Task    `json:"task"`
	Attempt int     `json:"attempt"`
	Genome  string  `json:"genome"`
	Seconds float64 `json:"seconds"`        // since it began
	Slow    bool    `json:"slow,omitempty"` // ten times as long as most of its fidelity, and at least 5 seconds
	Step    float64 `json:"step"`
	Budget  float64 `json:"budget"`
	Metrics Values  `json:"metrics,omitempty"`
	Usage   Usage   `json:"usage,omitzero"` // of the attempt so far, see Meter
}
