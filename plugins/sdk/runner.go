package sdk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/option"
	"github.com/nascent-nas/nascent/genome/network"
)

// runner carries out jobs with one opened plugin: the same for a plugin
// process and in process.
type runner struct {
	plugin  *EvaluatorPlugin
	hello   engine.Hello
	scratch string // a directory of this runner's own
	number  atomic.Int64
	meter   *meter // nil: nothing is measured
}

// open readies a plugin. name is what it is called if it says nothing.
func open(p *EvaluatorPlugin, setup *Setup, name, scratch string) (*runner, error) {
	if p.Evaluate == nil && p.Start == nil {
		return nil, errors.New("sdk: the plugin has no Evaluate function")
	}
	own := *p
	p = &own
	setup.Plugin = p
	setup.Slots = max(1, p.Slots)
	if p.SlotsFollowWorkers {
		setup.Slots = max(1, setup.Workers)
	}
	if err := readOptions(p, setup.Options); err != nil {
		return nil, err
	}
	if p.Open != nil {
		if err := openGuarded(p, setup); err != nil {
			return nil, err
		}
	}
	setup.Slots = max(1, setup.Slots)
	identity, err := identityOf(setup.Options, p.Operational, setup.Data)
	if err != nil {
		return nil, err
	}
	r := &runner{plugin: p, scratch: scratch}
	metrics := p.Metrics
	optional := slices.Clone(p.Optional)
	if metrics == nil {
		metrics = []engine.Metric{
			{Name: "accuracy", Goal: engine.Maximize},
			{Name: "loss", Goal: engine.Minimize},
			{Name: "seconds", Unit: "s", Goal: engine.Minimize, Measured: true},
		}
		if network.Has(setup.Space) {
			metrics = append(metrics,
				engine.Metric{Name: "parameters", Goal: engine.Minimize},
				engine.Metric{Name: "macs", Goal: engine.Minimize})
		}
		for _, m := range metrics {
			optional = append(optional, m.Name)
		}
	}
	r.hello = engine.Hello{
		Name: p.Name, Version: p.Version, Slots: setup.Slots, Tasks: p.Tasks,
		Deterministic: !p.Nondeterministic, Seeded: !p.Unseeded, Tests: p.Tests,
		Metrics: metrics, Optional: optional, Reports: p.Reports, Budget: p.Budget, BudgetUnit: p.BudgetUnit,
		Identity: identity, Splits: setup.Splits, Pool: setup.Pool, Lookup: p.Lookup,
	}
	if r.hello.Name == "" {
		r.hello.Name = name
	}
	if r.hello.Version == "" {
		r.hello.Version = "0"
	}
	if r.hello.Budget == 0 {
		r.hello.Budget = 1
	}
	return r, nil
}

// readOptions reads what the plugin declares. One that declares nothing, and has no
// Open to read them, has no options.
func readOptions(p *EvaluatorPlugin, given json.RawMessage) error {
	if p.Options != nil {
		return option.Read(given, p.Options)
	}
	if p.Open != nil {
		return nil
	}
	all, err := optionMap(given)
	if err != nil {
		return err
	}
	for _, key := range sortedKeys(all) {
		if !slices.Contains(p.Operational, key) {
			return BadOption(key, "this evaluator has no options: leave it out")
		}
	}
	return nil
}

func openGuarded(p *EvaluatorPlugin, setup *Setup) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = Trouble(panicError(v))
		}
	}()
	return p.Open(setup)
}

// prepare completes a job that is about to run.
func (r *runner) prepare(j *Job, s sink) {
	j.runner, j.sink = r, s
	j.scratch = r.scratch + "/job-" + strconv.FormatUint(uint64(j.ID), 10) + "-" + strconv.Itoa(j.Attempt)
	if j.Task == "" {
		j.Task = engine.Train
	}
	if j.Budget == 0 {
		j.Budget = r.hello.Budget
	}
}

// outcome is a result, or the reason for handing the job back. Files are where
// the evaluator left them, inside the runner's directory.
type outcome struct {
	result   *engine.Result
	failure  Failure // of a failed result
	files    map[string]string
	returned string
}

// run carries out a prepared job, or begins with it: the sink hears of its end.
func (r *runner) run(j *Job) {
	j.began = time.Now()
	if r.plugin.Start == nil {
		cpu := r.meter.begin()
		answer, err := r.evaluate(j)
		if took := r.meter.end(j.began, cpu); answer.Usage == (engine.Usage{}) {
			answer.Usage = took
		}
		j.Finish(answer, err)
		return
	}
	defer func() {
		if v := recover(); v != nil {
			j.Finish(Result{}, panicError(v))
		}
	}()
	r.plugin.Start(j)
}

// finish tells the sink what a job came to, once.
func (r *runner) finish(j *Job, answer Result, err error) {
	j.mu.Lock()
	if j.finished {
		j.mu.Unlock()
		return
	}
	j.finished = true // from here on what the lock guards stays as it is
	if j.cancel != nil {
		j.cancel(nil)
	}
	j.mu.Unlock()
	j.sink.finish(j, r.sumUp(j, answer, err))
}

// sumUp is what a job came to by its answer.
func (r *runner) sumUp(j *Job, answer Result, err error) outcome {
	seconds := time.Since(j.began).Seconds()
	result := &engine.Result{Status: engine.OK, Stopped: answer.Stopped || j.stopped, Seconds: answer.Seconds, Usage: answer.Usage}
	var failure Failure
	var invalid *invalidError
	var returned *returnedError
	switch {
	case errors.As(err, &invalid):
		result.Status, result.Reason = engine.Invalid, err.Error()
	case j.cause != nil && !j.stopped:
		r.clean(j)
		return outcome{returned: "cancelled"}
	case errors.As(err, &returned):
		r.clean(j)
		return outcome{returned: engine.OneLine(err.Error())}
	case err != nil && j.stopped && (errors.Is(err, ErrStopped) || errors.Is(err, context.Canceled)):
		answer.Metrics = j.last
	case err != nil:
		result.Status, result.Reason = engine.Failed, err.Error()
		var more *Failure
		if errors.As(err, &more) {
			failure = *more
		}
	}
	if result.Status == engine.OK {
		result.Reason = answer.Remark
		result.Output = answer.Output
		result.Metrics = make(engine.Values, 0, len(answer.Metrics)+2)
		for name, value := range answer.Metrics {
			result.Metrics = append(result.Metrics, engine.Value{Name: name, Value: value})
		} // Judge sorts them
		r.describeNetwork(j, result)
	}
	if result.Seconds == 0 && !r.hello.Exact("seconds") {
		result.Seconds = seconds
	}
	r.hello.Judge(j.Task, result) // as the search will: files of what is failed are not handed over

	out := outcome{result: result, failure: failure}
	if result.Status == engine.OK && len(answer.Files) > 0 {
		out.files = map[string]string{}
		for _, name := range sortedKeys(answer.Files) {
			path, err := r.keep(name, answer.Files[name])
			if err != nil {
				*result = engine.Result{Status: engine.Failed, Reason: engine.OneLine(err.Error()), Seconds: result.Seconds}
				out.files = nil
				break
			}
			out.files[name] = path
		}
	}
	r.clean(j)
	return out
}

// evaluate calls the plugin and survives its panics.
func (r *runner) evaluate(j *Job) (answer Result, err error) {
	defer func() {
		if v := recover(); v != nil {
			answer, err = Result{}, panicError(v)
		}
	}()
	return r.plugin.Evaluate(j)
}

// panicError makes an error of a panic, naming the line where it arose. The
// stack goes to standard error, and so to the log.
func panicError(v any) error {
	if missing, ok := v.(*MissingGene); ok {
		return missing
	}
	fmt.Fprintf(os.Stderr, "panic: %v\n%s", v, debug.Stack())
	where := ""
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(1, pcs)])
	panicked := false
	for {
		f, more := frames.Next()
		if panicked && !strings.HasPrefix(f.Function, "runtime.") {
			where = fmt.Sprintf(" (%s:%d)", filepath.Base(f.File), f.Line)
			break
		}
		panicked = panicked || f.Function == "runtime.gopanic"
		if !more {
			break
		}
	}
	return &Failure{Text: fmt.Sprintf("panic: %v%s", v, where), Fault: "panic" + where}
}

// describeNetwork fills in what is known without the evaluator.
func (r *runner) describeNetwork(j *Job, result *engine.Result) {
	if j.Network == nil && j.network == nil && j.parameters == 0 && j.macs == 0 {
		return
	}
	fill := func(name string, value int64) {
		declared := slices.ContainsFunc(r.hello.Metrics, func(m engine.Metric) bool { return m.Name == name })
		if _, has := result.Metrics.Get(name); declared && !has {
			result.Metrics = append(result.Metrics, engine.Value{Name: name, Value: float64(value)})
		}
	}
	fill("parameters", j.parameters)
	fill("macs", j.macs)
}

// keep takes a file that a job leaves under a name.
func (r *runner) keep(name, path string) (string, error) {
	if err := engine.CheckFileName(name); err != nil {
		return "", fmt.Errorf("the evaluator keeps a file under a wrong name: %w", err)
	}
	taken, err := r.take(path)
	if err != nil {
		return "", fmt.Errorf("cannot take the file %s: %w", name, err)
	}
	return taken, nil
}

// take puts a file where it stays until the host fetches it: one of a job's
// scratch directory is moved there. Any other is its owner's, and is copied.
func (r *runner) take(path string) (string, error) {
	to := filepath.Join(r.scratch, fmt.Sprintf("out-%d", r.number.Add(1)))
	if rel, err := filepath.Rel(r.scratch, path); err == nil && filepath.IsLocal(rel) {
		return to, os.Rename(path, to)
	}
	if err := os.MkdirAll(r.scratch, 0o700); err != nil {
		return "", err
	}
	from, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer from.Close()
	f, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return "", err
	}
	if _, err := io.Copy(f, from); err != nil {
		f.Close()
		os.Remove(to)
		return "", err
	}
	return to, f.Close()
}

// clean removes what a job leaves behind.
func (r *runner) clean(j *Job) {
	j.mu.Lock()
	defer j.mu.Unlock()
	// Most often it was not made after all, which one call finds out.
	if j.made && !errors.Is(unix.Rmdir(j.scratch), unix.ENOENT) {
		os.RemoveAll(j.scratch)
	}
}

// abort cancels a job; with save it is asked to keep its progress first.
func (j *Job) abort(save bool) {
	j.mu.Lock()
	j.saving = j.saving || save
	j.mu.Unlock()
	j.end(ErrCancelled)
}
