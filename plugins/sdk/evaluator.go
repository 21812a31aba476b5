package sdk

import (
	"errors"
	"fmt"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/option"
)

// Metrics are what a job came to, by name. All must be finite. Every name must
// be one that the plugin declares.
type Metrics map[string]float64

// EvaluatorPlugin describes an evaluator. Only Evaluate, or Start, is required.
type EvaluatorPlugin struct {
	Name    string // default: the executable's name without nascent-evaluator-
	Version string // default "0"; for people

	// Slots is how many Evaluate calls run at once in one process; default 1.
	// The host starts as many processes as the search's workers need.
	Slots int
	// SlotsFollowWorkers makes one process take all the search's workers.
	SlotsFollowWorkers bool

	Tasks            []engine.Task // default: train
	Nondeterministic bool          // exact metrics are not a function of the job alone
	Unseeded         bool          // results do not depend on the job's seed
	Tests            bool          // can carry out jobs of phase test

	// Metrics declares what Evaluate answers. A train job must then answer
	// every one that is neither measured nor Optional. Default: accuracy (maximize), loss
	// (minimize) and seconds (measured), and for spaces with layers parameters
	// and macs; each of these may be left out of an answer. Seconds, parameters
	// and macs are filled in where Evaluate leaves them out.
	Metrics []engine.Metric
	// Optional names those of Metrics that an answer may leave out: what only
	// some phases measure.
	Optional []string

	// Reports names the figures that jobs of phase test leave in a file
	// engine.ReportFile.
	Reports []string

	Budget     float64 // what a job's budget 0 means; default 1
	BudgetUnit string  // "epochs"

	// Operational names options that cannot change a result (a delay, a number
	// of threads): they are left out of the plugin's identity, so a search goes
	// on when they change.
	Operational []string

	// OneThread says that Evaluate does all its work in the goroutine that calls it, as
	// gonum and gorgonia do: what a job takes of the processors is then known although
	// others are carried out beside it in the same process.
	OneThread bool

	// Undecoded leaves a Job's Genes and Network empty: its GenesJSON and NetworkJSON
	// have them, for those who pass them on.
	Undecoded bool

	// Lookup says that results are looked up by a Job's Text, in microseconds: its Genes
	// and Network stay empty, and one process may serve several searches, in which
	// the ids of jobs are then not those of any of them.
	Lookup bool

	// Options declares the options, and what they are read into before Open is
	// called: see package option. Without it Open reads setup.Options.
	Options func(*option.Set)

	// Open is called once, before the first job. It loads data; an error refuses
	// the search with its text.
	Open func(setup *Setup) error

	// Evaluate carries out one job. It is called from up to Slots goroutines.
	//
	// An error made by Invalid is the genome's fault and final; one made by
	// Returned hands the job back uncounted; any other error, and a panic, is a
	// failed attempt, which the engine may try again. Once job.Context() has
	// ended because of a cancellation, whatever Evaluate answers is discarded
	// and the job handed back.
	Evaluate func(job *Job) (Result, error)

	// Start stands in place of Evaluate where jobs run elsewhere and Evaluate would
	// only wait: it begins with a job and returns, and Job.Finish ends the job. What
	// it waits for, all jobs and cancellations behind it wait for, too. Job.Heed
	// tells when a job should end.
	Start func(job *Job)
}

// Result is what Evaluate answers.
type Result struct {
	Metrics Metrics
	Output  []byte            // for the strategy, up to 64 KiB
	Files   map[string]string // name to path: kept in the search's store; those of Scratch are moved, others copied
	Seconds float64           // what the job cost, where that is known exactly; 0: measured
	Stopped bool              // ended early by its StopRule
	Remark  string            // one line for people

	// Usage is what the job took of the machine, where Evaluate knows. If it says nothing,
	// that is measured of jobs that take at least 10 ms: the memory and the processors of
	// the process where no other job is in it, see also EvaluatorPlugin.OneThread.
	Usage engine.Usage
}

// ErrStopped is the cause of a Job's Context that ended because its StopRule
// was met. Evaluate should answer with what it has.
var ErrStopped = errors.New("stopped early by the strategy")

// ErrCancelled is the cause of a Job's Context that was cancelled.
var ErrCancelled = errors.New("cancelled")

// Invalid makes an error that blames the genome: it can never be measured.
func Invalid(format string, args ...any) error {
	return &invalidError{fmt.Sprintf(format, args...)}
}

// Failure is an error of Evaluate with more to say than its text.
type Failure struct {
	Text string // one line

	// Fault is equal for failures of one cause, such as a kind of error and a line;
	// default Text. A job that fails twice by the same fault is not tried again.
	Fault string

	// Crashed says that a process which carried out the job died. Such a job is
	// tried again after a pause.
	Crashed bool
}

func (f *Failure) Error() string { return f.Text }

// Returned makes an error that hands the job back, through no fault of its
// own: no room now, shutting down. Such an attempt does not count.
func Returned(reason string) error { return &returnedError{reason} }

// Trouble marks an error that Open returns, an evaluator's or a strategy's, as none of
// the search: the plugin cannot say whether it would carry that out, since a process or
// a server that it asks has died or does not answer. Every other error of Open refuses
// the search as it is written.
func Trouble(err error) error { return &trouble{err} }

type trouble struct{ error }

func (t *trouble) Unwrap() error { return t.error }

type invalidError struct{ text string }

func (e *invalidError) Error() string { return e.text }

type returnedError struct{ text string }

func (e *returnedError) Error() string { return e.text }

// MissingGene is what Job.Float and its like panic with when the genome has no
// such gene. The job then fails with its text.
type MissingGene struct {
	Path string // as asked for
	Want string // "a number"
	Got  any    // nil: nothing is there
}

func (e *MissingGene) Error() string {
	if e.Got == nil {
		return fmt.Sprintf("the genome has no gene %q: declare it in the space", e.Path)
	}
	return fmt.Sprintf("gene %q is %v, not %s: declare it so in the space", e.Path, e.Got, e.Want)
}

// evaluatorOf reads the value given to ServeEvaluator.
func evaluatorOf(e any) (*EvaluatorPlugin, error) {
	switch e := e.(type) {
	case *EvaluatorPlugin:
		return e, nil
	case EvaluatorPlugin:
		return &e, nil
	case func(*Job) (Metrics, error):
		return &EvaluatorPlugin{Evaluate: func(job *Job) (Result, error) {
			m, err := e(job)
			return Result{Metrics: m}, err
		}}, nil
	case func(*Job) (Result, error):
		return &EvaluatorPlugin{Evaluate: e}, nil
	}
	return nil, fmt.Errorf("sdk: %T is no evaluator: give a func(*sdk.Job) (sdk.Metrics, error) or an *sdk.EvaluatorPlugin", e)
}
