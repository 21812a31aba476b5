package engine

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/network"
)

// ID numbers a job within its search, from 1. Jobs of the final strategy
// (remeasure and test) have a range of their own above FinalBase, so that a
// search which is extended later numbers its jobs as if it had never paused.
type ID uint64

// FinalBase is where the ids of the final strategy's jobs begin, probeBase where those of
// probes do: genomes that are no candidates, tried to tell whether an evaluator works.
const (
	FinalBase ID = 1_000_000_000
	probeBase ID = 2_000_000_000
)

// String is "12" for a job of the search, "f3" for the third of the final, "p1" for the
// first that is only a probe.
func (id ID) String() string {
	base, prefix := ID(0), ""
	switch {
	case id > probeBase:
		base, prefix = probeBase, "p"
	case id > FinalBase:
		base, prefix = FinalBase, "f"
	}
	return prefix + strconv.FormatUint(uint64(id-base), 10)
}

// ParseID reads what String writes, and plain numbers.
func ParseID(s string) (ID, error) {
	base := ID(0)
	digits, final := strings.CutPrefix(s, "f")
	if final {
		base = FinalBase
	} else if rest, probe := strings.CutPrefix(s, "p"); probe {
		digits, base = rest, probeBase
	}
	n, err := strconv.ParseUint(digits, 10, 62)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("%q is no candidate id; ids look like 12, or f3 for re-measured and tested ones", s)
	}
	return base + ID(n), nil
}

// Task says what a Job orders.
type Task string

const (
	Train    Task = "train"    // train the genome and measure it; the default
	Supernet Task = "supernet" // train shared weights on; Input and Output carry the strategy's side
	Score    Task = "score"    // measure a genome with shared weights
)

// Phase says in which part of a search a Job belongs.
type Phase string

const (
	PhaseSearch    Phase = "search"    // proposed by the search's strategy; the limits count these
	PhaseRemeasure Phase = "remeasure" // the best again with fresh seeds, on validation data
	PhaseTest      Phase = "test"      // the winner and the baselines, on test data
)

// Status says what came of a Job.
type Status string

const (
	OK      Status = "ok"      // measured
	Invalid Status = "invalid" // the genome's fault: it can never be measured
	Failed  Status = "failed"  // anything else, after all attempts
)

// Order says in which order results are consumed.
type Order string

const (
	Strict  Order = "strict"  // in job order: the trajectory depends on configuration and seed alone
	Arrival Order = "arrival" // as they come, journaled
)

// Metric declares one number that an evaluator reports.
type Metric struct {
	Name     string `json:"name"`               // up to 100 letters (a to z), digits and _ . / -, not beginning with -
	Unit     string `json:"unit,omitempty"`     // "", "s", "bytes", ...
	Goal     Goal   `json:"goal,omitempty"`     // which direction is better, if any
	Measured bool   `json:"measured,omitempty"` // depends on more than the job (seconds, memory): kept out of History and digest unless asked for
}

// Goal is a direction.
type Goal string

const (
	Maximize Goal = "maximize"
	Minimize Goal = "minimize"
)

// Objective is what a search improves. Several are equal in rank: the answer is a
// front. As a tie it decides between candidates that the objectives do not tell apart.
type Objective struct {
	Metric string `json:"metric"`
	Goal   Goal   `json:"goal"`
	Scale  Scale  `json:"scale,omitempty"` // by which distances on a front are measured
}

// Scale is what differences of a metric are measured on.
type Scale string

const (
	Linear   Scale = ""
	LogScale Scale = "log" // ratios count; what is below 1e-12 counts as that
)

// Constraint bounds a metric from one or both sides. A candidate that keeps
// all constraints is better than any that does not (Deb 2000).
//
// One with a weight is soft: who breaks it counts as worse in every objective, see
// Ranking.Penalty, and is no less admissible.
type Constraint struct {
	Metric string   `json:"metric"`
	Min    *float64 `json:"min,omitempty"`
	Max    *float64 `json:"max,omitempty"`
	Weight float64  `json:"weight,omitempty"` // above 0: soft
}

// Fidelity is one step of a search's ordered list: an evaluator and a budget.
type Fidelity struct {
	Evaluator string  `json:"evaluator"` // key into Config.Evaluators
	Budget    float64 `json:"budget"`    // epochs, samples, folds: the evaluator's unit; 0: its own default
}

// Limits end phase search. Zero means no limit. They count across restarts.
// Without Evaluations and Wall a search also ends when a thousand evaluations
// in a row, or ten windows if they are more, shared earlier results or were
// invalid at no cost: the space holds nothing more that costs.
type Limits struct {
	Evaluations int      `json:"evaluations,omitempty"` // consumed jobs of phase search
	Wall        float64  `json:"wall,omitempty"`        // seconds of running in phase search
	Seconds     float64  `json:"seconds,omitempty"`     // evaluator seconds
	Target      *float64 `json:"target,omitempty"`      // the first objective, at the highest fidelity, reached or passed
	Targets     Values   `json:"targets,omitempty"`     // of objectives; one candidate has to reach or pass all of them
}

// Spent is what a search has used of its Limits.
type Spent struct {
	Evaluations int     `json:"evaluations"`
	Seconds     float64 `json:"seconds"` // evaluator seconds; for a Strategy 0 unless exact
}

// Value is one named number. Lists of Values are sorted by name.
type Value struct {
	Name  string
	Value float64
}

// Values are metrics in the order of their names. They marshal to an object.
type Values []Value

// Get returns the value called name.
func (vs Values) Get(name string) (float64, bool) {
	for _, v := range vs {
		if v.Name == name {
			return v.Value, true
		}
	}
	return 0, false
}

// Point is one entry of a learning curve.
type Point struct {
	Step    float64 `json:"step"` // in units of the budget, counted from the job's beginning
	Metrics Values  `json:"metrics"`
}

// FileRef names a content-addressed file of the search directory.
type FileRef struct {
	Name string `json:"name"` // what it is to the job: "checkpoint"
	Hash string `json:"hash"` // sha256, hex
	Size int64  `json:"size"`
}

// ReportFile is the name of a file that a job of phase test may leave: a JSON
// object of numbers that only reports show.
const ReportFile = "report"

// StopRule ends a job early: at Step (units of the budget) a job whose Metric
// is worse than Threshold is finished as ok and stopped.
type StopRule struct {
	Metric    string  `json:"metric"`
	Goal      Goal    `json:"goal"`
	Step      float64 `json:"step"`
	Threshold float64 `json:"threshold"`
}

// Job is an immutable order to an Evaluator.
type Job struct {
	ID        ID
	Phase     Phase
	Task      Task
	Genome    genome.Genome
	Operator  string // how the genome came about: random, mutate, cross, same, start, given, baseline, imported, added
	Parents   []ID
	Fidelity  int // index into the search's fidelities; -1: the final's test budget
	Budget    float64
	Seed      uint64 // below 2^53
	Input     []byte // up to 64 KiB, for the evaluator
	Resume    ID     // 0, or a finished job whose training goes on, with its seed; 0 too if its files were not kept any more when this was proposed
	Inherit   ID     // 0, or a finished job whose weights this one starts from; 0 as for Resume
	Stop      *StopRule
	Tag       string // up to 64 bytes, stored; filters History
	Replicate bool   // meant to repeat another job: the duplicates policy leaves it alone
	Reuse     ID     // 0, or the job whose result this one shares; such a job is never sent out
	Baseline  string // name of the baseline that Genome belongs to, "" for genomes of the space
}

// Network reads the job's genome as a layer graph; nil for spaces without
// layers. Every space of a search is bound, so it has layers if it says what
// they read.
func (j *Job) Network() (*network.Network, error) {
	if _, ok := j.Genome.Space().Meta("network"); !ok {
		return nil, nil
	}
	return network.Read(j.Genome)
}

// Result is what came of a Job.
type Result struct {
	Status  Status
	Reason  string // one line, for invalid and failed; for ok a remark or ""
	Stopped bool   // ended by its StopRule
	Metrics Values // exact and measured ones; finite
	Curve   []Point
	Output  []byte // up to 64 KiB, for the strategy
	Files   []FileRef
	Seconds float64 // what it spent: as the evaluator says, else as the host measured
	Usage   Usage   // of the attempt that brought it; for a Strategy zero
}

// Usage is what carrying out a job took of the machine, as far as somebody could tell;
// zero is what nobody could. It is measured: people see it, nothing is decided by it.
type Usage struct {
	CPU       float64 `json:"cpu,omitempty"`        // seconds of processors, in programs and in the kernel, over all threads
	Memory    int64   `json:"memory,omitempty"`     // bytes, the most that were resident at once
	GPUMemory int64   `json:"gpu_memory,omitempty"` // bytes, the most that were allocated on a GPU at once
}

// UsageNames are the names of its fields.
var UsageNames = []string{"cpu", "memory", "gpu_memory"}

// Get returns the field of that name; false if it is not known.
func (u *Usage) Get(name string) (float64, bool) {
	x := 0.0
	switch name {
	case "cpu":
		x = u.CPU
	case "memory":
		x = float64(u.Memory)
	case "gpu_memory":
		x = float64(u.GPUMemory)
	}
	return x, x != 0
}

// with is what two jobs took, one after the other: the sum of the time, the larger peaks.
func (u Usage) with(o Usage) Usage {
	return Usage{u.CPU + o.CPU, max(u.Memory, o.Memory), max(u.GPUMemory, o.GPUMemory)}
}

// sane is the usage without what no machine can take.
func (u Usage) sane() Usage {
	if !isFinite(u.CPU) || u.CPU < 0 {
		u.CPU = 0
	}
	u.Memory, u.GPUMemory = max(u.Memory, 0), max(u.GPUMemory, 0)
	return u
}

// Candidate is a job together with its result.
type Candidate struct {
	Job
	Result
	Attempts    int     // how often it was started and counted
	Lost        float64 // seconds of attempts that brought nothing, the last one of a failed job included; for a Strategy 0
	Fingerprint int     // index into the ledger's list of evaluator fingerprints
	Outside     bool    // it does not fit what the search declares since a Takeover; Strategies see no such
}

// UnmarshalJSON reads what MarshalJSON writes.
func (vs *Values) UnmarshalJSON(b []byte) error {
	var all map[string]float64
	if err := json.Unmarshal(b, &all); err != nil {
		return err
	}
	*vs = nil
	if all != nil { // none are not the same as nothing said
		*vs = make(Values, 0, len(all))
	}
	for name, x := range all {
		*vs = append(*vs, Value{name, x})
	}
	SortValues(*vs)
	return nil
}

// MarshalJSON writes an object with the metrics as keys, in name order.
func (vs Values) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i, v := range vs {
		if i > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = appendJSON(b, v.Name); err != nil {
			return nil, err
		}
		b = append(b, ':')
		n, err := json.Marshal(v.Value)
		if err != nil {
			return nil, fmt.Errorf("metric %s: %w", v.Name, err)
		}
		b = append(b, n...)
	}
	return append(b, '}'), nil
}
