package main

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
	grace   time.Duration

	nurse   []string // the nursery's command; nil without one
	once    bool     // one process for each job
	devices int      // GPUs that the search's processes share
	open    *opening
	sharing *sharing // nil for spaces whose genomes cannot share weights

	mu      sync.Mutex
	nursery *nursery // nil, or maybe gone
	worker  *worker  // likewise
	closed  bool
}

// plugin is the evaluator as the SDK serves it.
func (e *evaluator) plugin() *sdk.EvaluatorPlugin {
	return &sdk.EvaluatorPlugin{Operational: e.operational(), Open: e.start, Evaluate: e.evaluate, Undecoded: true}
}

// start reads the options and starts the first worker.
func (e *evaluator) start(setup *sdk.Setup) error {
	if err := e.read(setup); err != nil {
		return err
	}
	setup.Plugin.Name = e.name
	if e.once {
		warnOfIdle(e.devices, setup.Workers, 1)
		return nil
	}
	e.sharing = share(setup.Space)
	e.open = &opening{Protocol: protocol, Space: setup.Space.JSON(), Supernet: e.sharing.supernet(), Options: e.options, Workers: setup.Workers}
	var w *worker
	err := patient(func() (err error) {
		w, err = e.ready()
		return err
	})
	if err != nil {
		return e.excuse(err)
	}
	warnOfIdle(e.devices, setup.Workers, max(1, w.hello.Slots))
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
	spawn := run(e.command, e.env)
	if e.nurse != nil {
		if e.nursery == nil || e.nursery.over() {
			n, err := startNursery(e.name, e.nurse, e.env, e.startTimeout)
			if err != nil {
				return nil, err
			}
			e.nursery = n
		}
		spawn = e.nursery.spawn
	}
	w, err := startWorker(e.name, spawn, e.open, e.startTimeout)
	e.worker = w
	return w, err
}

// close ends the worker.
func (e *evaluator) close() {
	e.mu.Lock()
	e.closed = true
	w, n := e.worker, e.nursery
	e.mu.Unlock()
	if w != nil {
		e.end(w.process, w.stdin)
	}
	if n != nil {
		e.end(n.process, n.socket)
	}
}

// evaluate carries out one job.
func (e *evaluator) evaluate(j *sdk.Job) (sdk.Result, error) {
	if e.once {
		return e.alone(j)
	}
	paths, err := e.sharing.paths(j)
	if err != nil {
		return sdk.Result{}, err
	}
	w, err := e.ready()
	if err != nil {
		return sdk.Result{}, err
	}
	t, err := w.begin(j, paths)
	if err != nil {
		return sdk.Result{}, err
	}
	select {
	case m := <-t.answer:
		return m.result()
	case <-w.ended:
		return e.died(w, t)
	case <-j.Context().Done():
	}
	cause := context.Cause(j.Context())
	stopped := errors.Is(cause, sdk.ErrStopped)
	w.send(order{Cancel: t.id, Save: j.Saving(), Stopped: stopped})
	if w.hello.Batch && !stopped && w.crowd() > 1 {
		// It ends with the batch, which gets some time if progress is to be
		// saved. Whatever it answers then is dropped.
		if j.Saving() {
			select {
			case <-t.answer:
			case <-w.ended:
			case <-time.After(e.grace):
			}
		}
		w.forget(t)
		return sdk.Result{}, cause
	}
	late := time.NewTimer(e.grace)
	defer late.Stop()
	select {
	case m := <-t.answer:
		return m.result()
	case <-w.ended:
	case <-late.C:
		w.strike()
		<-w.ended
	}
	w.forget(t)
	return sdk.Result{}, cause
}

// died is what a job comes to whose worker is gone.
func (e *evaluator) died(w *worker, t *ticket) (sdk.Result, error) {
	select {
	case m := <-t.answer: // its last words
		return m.result()
	default:
	}
	reason, killed, board := w.fate()
	switch {
	case t.job.Cancelled():
		w.forget(t)
		return sdk.Result{}, context.Cause(t.job.Context())
	case killed:
		w.forget(t)
		return sdk.Result{}, sdk.Returned("its process was killed because of another job")
	case board > 1:
		e.abandon(reason)
	}
	w.forget(t)
	return sdk.Result{}, errors.New(reason)
}
