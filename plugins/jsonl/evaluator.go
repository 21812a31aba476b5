package jsonl

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/nascent-nas/nascent/plugins/sdk"
)

// patience is how long a cancelled job may take to end before its process is killed.
const patience = 5 * time.Second

// evaluator drives a program. One process of this plugin has one worker process.
type evaluator struct {
	program
	abandon func(string) // ends this process because its worker died with several jobs on board
	sweep   func()       // mode once: ends what a job has left behind; nil: nothing does
	grace   time.Duration

	forkCommand []string // the fork server's command; nil without one
	once        bool     // one process for each job
	devices     int      // GPUs that the search's processes share
	open        *opening
	sharing     *sharing // nil for spaces whose genomes cannot share weights

	mu      sync.Mutex
	forks   *forkServer // nil, or maybe gone
	worker  *worker     // likewise
	sources []source    // as the first process ran them; nil before
	closed  bool
}

// plugin is the evaluator as the SDK serves it.
func (e *evaluator) plugin() *sdk.EvaluatorPlugin {
	return &sdk.EvaluatorPlugin{Name: "exec", Operational: e.operational(), Open: e.start, Start: e.begin, Undecoded: true}
}

// start reads the options and starts the first worker.
func (e *evaluator) start(setup *sdk.Setup) error {
	if err := e.read(setup); err != nil {
		return err
	}
	setup.Plugin.Name = e.name
	if e.once {
		if e.sweep != nil {
			adopt()
		}
		setup.Plugin.Start, setup.Plugin.Evaluate = nil, e.alone
		warnOfIdle(e.devices, setup.Workers, 1)
		e.sources = e.program.sources(nil)
		return nil
	}
	e.sharing = share(setup.Space)
	e.open = &opening{Protocol: Protocol, Space: setup.Space.JSON(), Supernet: e.sharing.supernet(),
		Options: e.options, Workers: setup.Workers}
	var w *worker
	err := patient(func() (err error) {
		w, err = e.ready()
		return err
	})
	if err != nil {
		return e.unopened(err)
	}
	warnOfIdle(e.devices, setup.Workers, max(1, w.hello.Slots))
	if e.ships {
		w.hello.Sources = nil
	}
	return w.hello.tell(setup)
}

// ready is a worker that runs.
func (e *evaluator) ready() (*worker, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, sdk.Returned("shutting down")
	}
	if e.worker != nil && !e.worker.over() {
		return e.worker, nil
	}
	if err := e.unchanged(); err != nil {
		return nil, err
	}
	spawn := run(e.command, e.env)
	if e.forkCommand != nil {
		if e.forks == nil || e.forks.over() {
			n, err := startForkServer(e.name, e.forkCommand, e.env, e.startTimeout)
			if err != nil {
				return nil, err
			}
			e.forks = n
		}
		spawn = e.forks.spawn
	}
	w, err := startWorker(e.name, spawn, e.open, e.startTimeout)
	if e.worker = w; err == nil {
		if e.sources == nil {
			e.sources = e.program.sources(w.hello.Sources)
		}
		go e.attend(w)
	}
	return w, err
}

// unchanged ends this process where a file is not what it was: results of two programs
// must not be mixed. Who starts us again sees that, too, and ends the search.
func (e *evaluator) unchanged() error {
	name := changed(e.sources)
	if name == "" {
		return nil
	}
	e.abandon(name + " changed")
	return sdk.Returned(name + " changed")
}

// running is the worker if there is one, and nobody is about to start one.
func (e *evaluator) running() *worker {
	if !e.mu.TryLock() {
		return nil
	}
	defer e.mu.Unlock()
	if e.worker == nil || e.worker.over() || e.closed {
		return nil
	}
	return e.worker
}

// close ends the worker.
func (e *evaluator) close() {
	e.mu.Lock()
	e.closed = true
	w, n := e.worker, e.forks
	e.mu.Unlock()
	if w != nil {
		e.end(w.process, w.stdin)
	}
	if n != nil {
		e.end(n.process, n.socket)
	}
}

// crash is the failure of a job whose process ended.
func crash(reason string) error { return &sdk.Failure{Text: reason, Crashed: true} }

// begin hands a job to the worker.
func (e *evaluator) begin(j *sdk.Job) {
	paths, err := e.sharing.paths(j)
	if err != nil {
		j.Finish(sdk.Result{}, err)
		return
	}
	if w := e.running(); w == nil || !e.pass(w, j, paths) {
		go e.beginAnew(j, paths)
	}
}

// beginAnew waits until a worker runs.
func (e *evaluator) beginAnew(j *sdk.Job, paths [][][]int) {
	var w *worker
	for range tries {
		var err error
		if w, err = e.ready(); err != nil {
			j.Finish(sdk.Result{}, err)
			return
		}
		if e.pass(w, j, paths) {
			return
		}
	}
	j.Finish(sdk.Result{}, crash(w.cause()))
}

// pass sends a job to a worker, unless that has ended.
func (e *evaluator) pass(w *worker, j *sdk.Job, paths [][][]int) bool {
	t, err := w.begin(j, paths)
	if err != nil {
		j.Finish(sdk.Result{}, err)
	} else if t != nil {
		j.Heed(func() { e.cancel(w, t) })
	}
	return err != nil || t != nil
}

// cancel ends a job that should end.
func (e *evaluator) cancel(w *worker, t *ticket) {
	cause := context.Cause(t.job.Context())
	stopped := errors.Is(cause, sdk.ErrStopped)
	w.send(order{Cancel: t.id, Save: t.job.Saving(), Stopped: stopped})
	late := time.NewTimer(e.grace)
	defer late.Stop()
	if w.hello.Batch && !stopped && w.crowd() > 1 {
		// It ends with the batch, which gets some time if progress is to be
		// saved. Whatever it answers then is dropped.
		if t.job.Saving() {
			select {
			case <-w.leaving(t):
			case <-late.C:
			}
		}
		if w.forget(t) {
			t.job.Finish(sdk.Result{}, cause)
		}
		return
	}
	select {
	case <-w.leaving(t):
	case <-late.C:
		w.strike()
	}
}

// attend waits for a worker's end and answers the jobs that it had on board.
func (e *evaluator) attend(w *worker) {
	reason, killed, board := w.fate()
	for _, t := range board {
		switch {
		case t.job.Cancelled():
			t.job.Finish(sdk.Result{}, context.Cause(t.job.Context()))
		case killed:
			t.job.Finish(sdk.Result{}, sdk.Returned("its process was killed because of another job"))
		default:
			if len(board) > 1 {
				e.abandon(reason)
			}
			if w.broken != "" { // by what it wrote, not by its end
				t.job.Finish(sdk.Result{}, &sdk.Failure{Text: reason, Fault: "protocol"})
			}
			t.job.Finish(sdk.Result{}, crash(reason))
		}
	}
}
