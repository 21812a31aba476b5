package sdk

import (
	"context"
	"errors"
	"os"
	"sync"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/genome/network"
	"github.com/nascent-nas/nascent/internal/mailbox"
)

// InProcess makes an evaluator that runs in the caller's process: for tests,
// and for programs that use the engine as a library. Evaluate is called from at
// most Slots goroutines. A goroutine cannot be killed: the evaluator's own Kill
// gives up on the job and leaves its goroutine to its Context.
func InProcess(p EvaluatorPlugin) engine.Evaluator { return &inProcess{plugin: p} }

type inProcess struct{ plugin EvaluatorPlugin }

func (e *inProcess) Open(ctx context.Context, setup engine.EvaluatorSetup) (engine.Session, engine.Hello, error) {
	if err := ctx.Err(); err != nil {
		return nil, engine.Hello{}, err
	}
	parent := ""
	if setup.Files != nil {
		parent = setup.Files.Temp()
	}
	scratch, err := os.MkdirTemp(parent, "evaluator-")
	if err != nil {
		return nil, engine.Hello{}, err
	}
	r, err := open(&e.plugin, &Setup{Space: setup.Space, Workers: setup.Workers, Options: setup.Options}, "function", scratch)
	if err != nil {
		os.RemoveAll(scratch)
		return nil, engine.Hello{}, err
	}
	r.hello.Fingerprint = "in process: " + r.hello.Identity
	s := &localSession{
		runner: r, files: setup.Files, jobs: map[key]*localJob{},
		slots:  make(chan struct{}, r.hello.Slots),
		events: mailbox.New[engine.Event](),
	}
	return s, r.hello, nil
}

type key struct {
	id      engine.ID
	attempt int
}

// localSession is a Session of goroutines.
type localSession struct {
	runner *runner
	files  engine.Files
	slots  chan struct{} // one token per job that runs
	events *mailbox.Mailbox[engine.Event]
	wg     sync.WaitGroup // of jobs that have not ended

	mu     sync.Mutex
	closed bool
	jobs   map[key]*localJob // not answered yet
}

type localJob struct {
	*Job
	files []engine.FileRef // saved
	curve []engine.Point
}

func (s *localSession) Events() <-chan engine.Event { return s.events.Out() }

func (s *localSession) Ack(engine.ID, int) {}

func (s *localSession) Submit(a engine.Assignment) error {
	j, err := jobFor(a, s.files, &s.runner.hello)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errors.New("the evaluator is closed")
	}
	k := key{a.Job.ID, a.Attempt}
	if s.jobs[k] != nil {
		return errors.New("job " + k.id.String() + " is already on board")
	}
	if err != nil {
		s.events.Put(engine.Event{ID: k.id, Attempt: k.attempt, Kind: engine.Finished,
			Result: &engine.Result{Status: engine.Failed, Reason: err.Error()}})
		return nil
	}
	job := &localJob{Job: j}
	s.jobs[k] = job
	s.runner.prepare(j, s)
	s.wg.Add(1)
	go s.run(k, j)
	return nil
}

// jobFor makes the evaluator's view of an assignment.
func jobFor(a engine.Assignment, files engine.Files, hello *engine.Hello) (*Job, error) {
	j := &Job{
		ID: a.Job.ID, Attempt: a.Attempt, Phase: a.Job.Phase, Task: a.Job.Task, Tag: a.Job.Tag,
		Text:     a.Job.Genome.Text(),
		Fidelity: a.Job.Fidelity, Budget: a.Job.Budget, Seed: a.Job.Seed, Repeat: a.Repeat, Input: a.Job.Input, Stop: a.Job.Stop,
		own: a.Saved,
	}
	var err error
	switch {
	case !hello.Lookup:
		j.Genes = a.Job.Genome.Tree()
		if j.Network, err = a.Job.Network(); err != nil {
			return nil, err
		}
		if j.Network != nil {
			j.parameters, j.macs = j.Network.Parameters(), j.Network.Macs()
		}
	case hello.Declares("parameters") || hello.Declares("macs"):
		cost, err := network.Measure(a.Job.Genome)
		if err != nil {
			return nil, err
		}
		j.parameters, j.macs = cost.Parameters, cost.Macs
	}
	if j.resume, err = engine.Paths(files, a.Resume); err != nil {
		return nil, err
	}
	j.inherit, err = engine.Paths(files, a.Inherit)
	return j, err
}

func (s *localSession) run(k key, j *Job) {
	select {
	case s.slots <- struct{}{}:
	case <-j.Context().Done():
		s.answer(k, engine.Event{Kind: engine.Returned, Reason: "cancelled"})
		s.wg.Done()
		return
	}
	s.report(k, engine.Event{Kind: engine.Begun})
	s.runner.run(j)
}

// finish implements sink.
func (s *localSession) finish(j *Job, o outcome) {
	defer s.wg.Done()
	<-s.slots
	k := key{j.ID, j.Attempt}
	if o.result == nil {
		s.answer(k, engine.Event{Kind: engine.Returned, Reason: o.returned})
		return
	}
	s.mu.Lock()
	if job := s.jobs[k]; job != nil {
		o.result.Curve = job.curve
	}
	s.mu.Unlock()
	for _, name := range sortedKeys(o.files) {
		ref, err := s.put(o.files[name], name)
		if err != nil {
			o.result = &engine.Result{Status: engine.Failed, Reason: err.Error(), Seconds: o.result.Seconds}
			break
		}
		o.result.Files = append(o.result.Files, ref)
	}
	s.answer(k, engine.Event{Kind: engine.Finished, Result: o.result, Fault: o.failure.Fault, Crashed: o.failure.Crashed})
}

func (s *localSession) put(path, name string) (engine.FileRef, error) {
	if s.files == nil {
		return engine.FileRef{}, errors.New("the search has no store of files")
	}
	return s.files.Put(path, name)
}

// report sends an event of a job that is not answered yet.
func (s *localSession) report(k key, e engine.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.jobs[k] != nil {
		e.ID, e.Attempt = k.id, k.attempt
		s.events.Put(e)
	}
}

// answer sends a job's last event, once.
func (s *localSession) answer(k key, e engine.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.jobs[k] != nil {
		delete(s.jobs, k)
		e.ID, e.Attempt = k.id, k.attempt
		s.events.Put(e)
	}
}

// progress implements sink.
func (s *localSession) progress(j *Job, p engine.Point) {
	k := key{j.ID, j.Attempt}
	s.mu.Lock()
	defer s.mu.Unlock()
	if job := s.jobs[k]; job != nil && job.Job == j {
		job.curve = append(job.curve, p)
		s.events.Put(engine.Event{ID: k.id, Attempt: k.attempt, Kind: engine.Progress, Point: p})
	}
}

// save implements sink.
func (s *localSession) save(j *Job, name, path string) error {
	ref, err := s.put(path, name)
	if err != nil {
		return err
	}
	k := key{j.ID, j.Attempt}
	s.mu.Lock()
	defer s.mu.Unlock()
	if job := s.jobs[k]; job != nil {
		job.files = engine.WithFile(job.files, ref)
		s.events.Put(engine.Event{ID: k.id, Attempt: k.attempt, Kind: engine.Saved, Files: job.files})
	}
	return nil
}

func (s *localSession) Cancel(id engine.ID, attempt int, save bool) {
	s.mu.Lock()
	job := s.jobs[key{id, attempt}]
	s.mu.Unlock()
	if job != nil {
		job.abort(save) // takes the job's lock, which comes before ours
	}
}

func (s *localSession) Kill(id engine.ID, attempt int) {
	k := key{id, attempt}
	s.mu.Lock()
	job := s.jobs[k]
	s.mu.Unlock()
	if job != nil {
		job.abort(false)
		s.answer(k, engine.Event{Kind: engine.Lost, Alone: true, Reason: "killed"})
	}
}

func (s *localSession) Close(ctx context.Context) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	var running []*localJob
	for _, job := range s.jobs {
		running = append(running, job)
	}
	s.mu.Unlock()
	for _, job := range running {
		job.abort(false)
	}
	done := make(chan struct{})
	go func() {
		s.wg.Wait()
		close(done)
	}()
	var err error
	select {
	case <-done:
	case <-ctx.Done():
		err = ctx.Err()
	}
	s.mu.Lock()
	var left []key
	for k := range s.jobs {
		left = append(left, k)
	}
	s.mu.Unlock()
	for _, k := range left {
		s.answer(k, engine.Event{Kind: engine.Returned, Reason: "shutting down"})
	}
	s.events.Close()
	if err == nil {
		os.RemoveAll(s.runner.scratch)
	}
	return err
}
