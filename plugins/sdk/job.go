package sdk

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/network"
)

// Job is one order to an evaluator. Its fields are not to be changed. Its
// methods may be called from any goroutine until Evaluate returns.
type Job struct {
	ID      engine.ID
	Attempt int // 1 for the first
	Phase   engine.Phase
	Task    engine.Task
	Tag     string

	Genes   genome.Map       // the tree of genes, constants included
	Text    string           // the genome's canonical text
	Network *network.Network // the finished layer graph; nil for spaces without layers

	Fidelity int     // index into the search's fidelities; -1: the final's test budget
	Budget   float64 // in the evaluator's unit, never 0
	Seed     uint64  // below 2^53
	Repeat   int     // how many earlier jobs measured the same thing; 0 for the first
	Input    []byte  // from the strategy
	Stop     *engine.StopRule

	genes, network  []byte            // Genes and Network as JSON, once they were asked for
	parameters      int64             // of the network
	macs            int64             // likewise
	resume, inherit map[string]string // name to path
	own             bool              // resume is from an earlier attempt of this job
	scratch         string            // made when first asked for
	runner          *runner
	sink            sink
	began           time.Time

	mu       sync.Mutex
	ctx      context.Context // nil until it is asked for
	cancel   context.CancelCauseFunc
	cause    error  // why it should end; nil: it should not
	heed     func() // is told so
	saving   bool
	made     bool // scratch exists, or may
	finished bool
	stopped  bool
	last     Metrics
}

// sink takes what a running job reports.
type sink interface {
	progress(j *Job, p engine.Point)
	save(j *Job, name, path string) error
	finish(j *Job, o outcome)
}

// Context ends when the job should: its cause is ErrStopped when the StopRule
// was met, else ErrCancelled.
func (j *Job) Context() context.Context {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.ctx == nil {
		j.ctx, j.cancel = context.WithCancelCause(context.Background())
		if j.cause != nil || j.finished {
			j.cancel(j.cause)
		}
	}
	return j.ctx
}

// Cancelled tells whether the Context has ended.
func (j *Job) Cancelled() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.cause != nil || j.finished
}

// Heed has f called in a goroutine of its own when the Context ends, unless the job
// has finished by then: for what was begun by Start. It is set once.
func (j *Job) Heed(f func()) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.heed = f
	if j.cause != nil && !j.finished {
		go f()
	}
}

// Finish ends a job that was begun by Start, as what Evaluate returns ends one. It
// may be called from any goroutine. Only the first call counts.
func (j *Job) Finish(answer Result, err error) { j.runner.finish(j, answer, err) }

// end tells a job that it should end.
func (j *Job) end(cause error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.cause != nil || j.finished {
		return
	}
	j.cause = cause
	if j.cancel != nil {
		j.cancel(cause)
	}
	if j.heed != nil {
		go j.heed()
	}
}

// Saving tells whether the job was cancelled and asked to Save its progress
// first.
func (j *Job) Saving() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.saving
}

// Report tells how far the job is: step in units of the budget, counted from
// the job's beginning, and the metrics so far. All reports together are the
// job's learning curve. It applies the StopRule. Metrics that are not finite
// are left out of the report.
func (j *Job) Report(step float64, m Metrics) {
	if math.IsNaN(step) || math.IsInf(step, 0) {
		return
	}
	p := engine.Point{Step: step}
	for _, name := range sortedKeys(m) {
		if v := m[name]; !math.IsNaN(v) && !math.IsInf(v, 0) {
			p.Metrics = append(p.Metrics, engine.Value{Name: name, Value: v})
		}
	}
	j.mu.Lock()
	if j.finished {
		j.mu.Unlock()
		return
	}
	j.last = m
	stop := false
	if r := j.Stop; r != nil && !j.stopped && step >= r.Step {
		if v, ok := m[r.Metric]; ok && worse(v, r) {
			j.stopped, stop = true, true
		}
	}
	j.sink.progress(j, p)
	j.mu.Unlock()
	if stop {
		j.end(ErrStopped)
	}
}

func worse(v float64, r *engine.StopRule) bool {
	if r.Goal == engine.Minimize {
		return !(v <= r.Threshold)
	}
	return !(v >= r.Threshold)
}

// Resume is the checkpoint to go on from, if there is one: of the finished job
// that this one continues, or what an earlier attempt of this job saved. It is
// the file called "checkpoint", or else the only file. Do not write to it.
func (j *Job) Resume() (path string, ok bool) { return checkpointOf(j.resume) }

// ResumedOwn tells whether Resume and File are what an earlier attempt of this
// same job saved.
func (j *Job) ResumedOwn() bool { return j.own }

// File is the path of one file to go on from.
func (j *Job) File(name string) (path string, ok bool) {
	path, ok = j.resume[name]
	return path, ok
}

// Inherit is the path of one file of the job whose weights this one starts
// from; "" asks for the checkpoint.
func (j *Job) Inherit(name string) (path string, ok bool) {
	if name == "" {
		return checkpointOf(j.inherit)
	}
	path, ok = j.inherit[name]
	return path, ok
}

// Files are all files to go on from: path by name. Do not write to them.
func (j *Job) Files() map[string]string { return maps.Clone(j.resume) }

// Inherited are all files of the job whose weights this one starts from: path by
// name. Do not write to them.
func (j *Job) Inherited() map[string]string { return maps.Clone(j.inherit) }

func checkpointOf(files map[string]string) (string, bool) {
	if path, ok := files["checkpoint"]; ok {
		return path, true
	}
	if len(files) == 1 {
		for _, path := range files {
			return path, true
		}
	}
	return "", false
}

// Save keeps progress: should this attempt not come to its end, the next one
// finds the file under the same name. A file of Scratch is moved, another one is
// copied; files saved earlier under other names stay.
func (j *Job) Save(name, path string) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.finished {
		return fmt.Errorf("job %s has ended: save before Evaluate returns", j.ID)
	}
	if err := engine.CheckFileName(name); err != nil {
		return err
	}
	return j.sink.save(j, name, path)
}

// Scratch is a private directory, on the file system of the search's store. It
// is removed after the job.
func (j *Job) Scratch() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := os.MkdirAll(j.scratch, 0o700); err != nil {
		panic(fmt.Errorf("cannot make the job's scratch directory: %w", err))
	}
	j.made = true
	return j.scratch
}

// ScratchPath is where Scratch would be, and does not make it: for those who pass
// it on. Made by somebody, it is removed after the job.
func (j *Job) ScratchPath() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.made = true
	return j.scratch
}

// NoScratch tells that nobody has made the directory at ScratchPath after all, which
// saves looking for it.
func (j *Job) NoScratch() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.made = false
}

// GenesJSON are the genes as JSON, in which a float always has a point or an
// exponent. They are not to be changed.
func (j *Job) GenesJSON() []byte {
	if j.genes == nil {
		j.genes, _ = j.Genes.MarshalJSON() // a genome's tree always encodes
	}
	return j.genes
}

// NetworkJSON is the finished layer graph as JSON; nil for spaces without layers. It
// is not to be changed.
func (j *Job) NetworkJSON() []byte {
	if j.network == nil && j.Network != nil {
		j.network, _ = json.Marshal(j.Network) // a finished graph always encodes
	}
	return j.network
}

// Has tells whether there is a gene at path: "lr", "blocks[0].channels".
func (j *Job) Has(path string) bool {
	_, ok := lookup(j.Genes, path)
	return ok
}

// Gene is the value at path, as the tree holds it.
func (j *Job) Gene(path string) (any, bool) { return lookup(j.Genes, path) }

// Float is the number at path. A missing gene panics with *MissingGene.
func (j *Job) Float(path string) float64 {
	switch v := j.gene(path, "a number").(type) {
	case float64:
		return v
	case int64:
		return float64(v)
	default:
		panic(&MissingGene{path, "a number", v})
	}
}

// Int is the whole number at path. A missing gene panics with *MissingGene.
func (j *Job) Int(path string) int {
	v := j.gene(path, "a whole number")
	if n, ok := v.(int64); ok {
		return int(n)
	}
	panic(&MissingGene{path, "a whole number", v})
}

// Bool is the boolean at path. A missing gene panics with *MissingGene.
func (j *Job) Bool(path string) bool {
	v := j.gene(path, "a boolean")
	if b, ok := v.(bool); ok {
		return b
	}
	panic(&MissingGene{path, "a boolean", v})
}

// String is the text at path; for an option that carries genes, the option's
// name. A missing gene panics with *MissingGene.
func (j *Job) String(path string) string {
	v := j.gene(path, "a text")
	switch v := v.(type) {
	case string:
		return v
	case genome.Map:
		if len(v) == 1 {
			return v[0].Key
		}
	}
	panic(&MissingGene{path, "a text", v})
}

// Len is the length of the list at path. A missing gene panics with
// *MissingGene.
func (j *Job) Len(path string) int {
	v := j.gene(path, "a list")
	if l, ok := v.([]any); ok {
		return len(l)
	}
	panic(&MissingGene{path, "a list", v})
}

func (j *Job) gene(path, want string) any {
	v, ok := lookup(j.Genes, path)
	if !ok || v == nil {
		panic(&MissingGene{path, want, nil})
	}
	return v
}

// lookup walks "a.b[2].c" down a tree.
func lookup(tree any, path string) (any, bool) {
	for path != "" {
		if path[0] == '[' {
			index, rest, ok := strings.Cut(path[1:], "]")
			list, isList := tree.([]any)
			i, err := strconv.Atoi(index)
			if !ok || !isList || err != nil || i < 0 || i >= len(list) {
				return nil, false
			}
			tree, path = list[i], strings.TrimPrefix(rest, ".")
			continue
		}
		end := strings.IndexAny(path, ".[")
		if end < 0 {
			end = len(path)
		}
		m, ok := tree.(genome.Map)
		if !ok {
			return nil, false
		}
		if tree, ok = m.Get(path[:end]); !ok {
			return nil, false
		}
		path = strings.TrimPrefix(path[end:], ".")
	}
	return tree, true
}
