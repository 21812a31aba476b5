package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// pool holds the evaluators that are open.
type pool struct {
	cfg    *Config
	open   []*openEvaluator
	expect map[string]*Hello // by key: of those whose results the search has
	events chan sessionEvent
	gone   <-chan struct{} // closed when nobody reads events any more
}

// openEvaluator is an Evaluator at work.
type openEvaluator struct {
	key         string
	session     Session
	hello       Hello
	fingerprint int // index among the journaled evaluators
	jobs        map[ID]*entry
	capacity    int           // jobs at once, where it says so
	drained     chan struct{} // closed when its last event was passed on
}

// with is the session that has a job on board; nil: none has.
func (p *pool) with(id ID) Session {
	for _, x := range p.open {
		if x.jobs[id] != nil {
			return x.session
		}
	}
	return nil
}

// place is where a search.yaml names it.
func (x *openEvaluator) place() string { return evaluatorPlace(x.key) }

func evaluatorPlace(key string) string {
	if key == onlyKey {
		return key
	}
	return "evaluators." + key
}

// becameAnother refuses an evaluator whose results do not compare with those that the
// search has.
func becameAnother(x *openEvaluator, what []string) error {
	return wrong(x.place(), "%s since this search began, and old results may not compare with new ones",
		strings.Join(what, ", ")).but("run with --accept-evaluator to go on all the same")
}

type sessionEvent struct {
	from *openEvaluator
	Event
	ended bool // no event: there will be no more
}

// start opens an evaluator.
func (p *pool) start(ctx context.Context, key string) error {
	expect := p.expect[key]
	ref := p.cfg.Evaluators[key]
	if len(ref.Options) == 0 {
		ref.Options = json.RawMessage("{}")
	}
	session, hello, err := ref.Evaluator.Open(ctx, EvaluatorSetup{
		Space: p.cfg.Space, Workers: p.cfg.Workers, Options: ref.Options, Files: p.cfg.Ledger, Expect: expect,
	})
	var changed *ChangedError
	if errors.As(err, &changed) {
		return becameAnother(&openEvaluator{key: key}, changed.What)
	}
	if err != nil {
		return notOpened(evaluatorPlace(key), err)
	}
	if p.cfg.Fill {
		p.cfg.Workers = max(p.cfg.Workers, min(hello.Slots, MaxWorkers))
	}
	x := &openEvaluator{key: key, session: session, hello: hello, jobs: map[ID]*entry{}, drained: make(chan struct{})}
	p.open = append(p.open, x)
	go func() {
		defer close(x.drained)
		tell := func(e sessionEvent) {
			select {
			case p.events <- e:
			case <-p.gone:
			}
		}
		for e := range session.Events() {
			tell(sessionEvent{from: x, Event: e})
		}
		tell(sessionEvent{from: x, ended: true})
	}()
	return nil
}

// startFor opens the evaluators that no fidelity names, if there are tasks that
// need them.
func (p *pool) startFor(ctx context.Context, tasks []Task) error {
	lacking := func() (Task, bool) {
		for _, task := range tasks {
			if !slices.ContainsFunc(p.open, func(x *openEvaluator) bool { return x.hello.does(task) }) {
				return task, true
			}
		}
		return "", false
	}
	for _, key := range slices.Sorted(maps.Keys(p.cfg.Evaluators)) {
		if _, lacks := lacking(); !lacks {
			return nil
		}
		if p.get(key) == nil {
			if err := p.start(ctx, key); err != nil {
				return err
			}
		}
	}
	if task, lacks := lacking(); lacks {
		return wrong("strategy", "%s needs an evaluator that does the task %s, and none here does", p.cfg.StrategyName, task).
			but("add one under evaluators, such as supernet: {use: supernet}")
	}
	return nil
}

// resize tells the evaluators how many jobs they will be kept busy with from now on.
func (p *pool) resize(workers int) {
	for _, x := range p.open {
		if r, ok := x.session.(Resizer); ok {
			r.Resize(workers)
		}
	}
}

// waits tells whether jobs wait in an evaluator until somebody comes: then no worker is
// idle.
func (p *pool) waits() bool {
	return slices.ContainsFunc(p.open, func(x *openEvaluator) bool { return x.hello.Waits })
}

// get returns the open evaluator of that name, or nil.
func (p *pool) get(key string) *openEvaluator {
	for _, x := range p.open {
		if x.key == key {
			return x
		}
	}
	return nil
}

// forJob is where a job goes: to the evaluator of its fidelity, or to the first
// that does its task.
func (p *pool) forJob(j *Job) (*openEvaluator, error) {
	own := p.get(p.cfg.Fidelities[j.Fidelity].Evaluator)
	if j.Task == Train || own.hello.does(j.Task) {
		return own, nil
	}
	for _, x := range p.open {
		if x.hello.does(j.Task) {
			return x, nil
		}
	}
	return nil, fmt.Errorf("candidate %s is to %s, which no evaluator does: its strategy did not say so when it was opened", j.ID, j.Task)
}

// does tells whether an evaluator carries out a task.
func (h *Hello) does(t Task) bool {
	if len(h.Tasks) == 0 {
		return t == Train
	}
	return slices.Contains(h.Tasks, t)
}

// budget is what a fidelity's budget comes to.
func (p *pool) budget(fidelity int) float64 {
	f := p.cfg.Fidelities[fidelity]
	return cmp.Or(f.Budget, p.get(f.Evaluator).hello.Budget)
}

// metrics are those that the open evaluators declare.
func (p *pool) metrics() (all []Metric) {
	for _, x := range p.open {
		all = append(all, x.hello.Metrics...)
	}
	return all
}

// close ends every evaluator. One that does not end when its grace is over
// is left behind: it must not keep the search from ending.
func (p *pool) close() error {
	grace := max(p.cfg.Grace, time.Second) // however little jobs get, programs need a moment
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	forced, cancel := context.WithTimeout(context.Background(), 2*grace)
	defer cancel()
	all := make(chan struct{})
	go func() { // the loop does not read any more
		for {
			select {
			case <-p.events:
			case <-all:
				return
			}
		}
	}()
	var wg sync.WaitGroup
	errs := make([]error, len(p.open))
	for i, x := range p.open {
		wg.Go(func() {
			closed := make(chan error, 1)
			go func() {
				err := x.session.Close(ctx)
				<-x.drained
				closed <- err
			}()
			select {
			case errs[i] = <-closed:
			case <-forced.Done():
				errs[i] = fmt.Errorf("evaluator %s did not end within %s; look whether something of it still runs", x.key, 2*grace)
			}
		})
	}
	wg.Wait()
	close(all)
	return errors.Join(errs...)
}
