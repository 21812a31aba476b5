package sdk

import (
	"context"
	"errors"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/internal/mailbox"
	"github.com/nascent-nas/nascent/plugins/proto"
)

// maxBatch is how many reports go into one message.
const maxBatch = 1024

// evaluatorServer is the plugin's side of the evaluator stream.
type evaluatorServer struct {
	proto.UnimplementedEvaluatorServer
	plugin *EvaluatorPlugin
	name   string

	mu     sync.Mutex
	runner *runner
	brief  bool // see run
}

// refusalOf is an error of Open on the wire: a Refusal, or an error of the call.
func refusalOf(err error) (*proto.Refusal, error) {
	if errors.As(err, new(*trouble)) {
		return nil, status.Error(proto.Trouble, engine.OneLine(err.Error()))
	}
	out := &proto.Refusal{Text: engine.OneLine(err.Error())}
	var mistake *engine.Mistake
	if errors.As(err, &mistake) {
		what := *mistake
		what.Key = ""
		out.Key, out.Text = mistake.Key, engine.OneLine(what.Error())
	}
	return out, nil
}

// refuse answers Open with an error.
func (s *evaluatorServer) refuse(err error) (*proto.EvaluatorHello, error) {
	refusal, err := refusalOf(err)
	return &proto.EvaluatorHello{Refusal: refusal}, err
}

func (s *evaluatorServer) Open(_ context.Context, req *proto.OpenEvaluator) (*proto.EvaluatorHello, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.runner != nil {
		return nil, status.Error(codes.FailedPrecondition, "Open comes once in a process")
	}
	space, err := proto.SpaceFrom(req.Space, req.Rules)
	if err != nil {
		return s.refuse(err)
	}
	r, err := open(s.plugin, &Setup{Space: space, Workers: int(req.Workers), Options: req.Options, Place: place()}, s.name, req.Scratch)
	if err != nil {
		return s.refuse(err)
	}
	r.meter = newMeter(r.plugin)
	s.runner, s.brief = r, req.Begun
	return proto.HelloTo(r.hello), nil
}

// said is something about a job on its way to the host.
type said struct {
	report *proto.Report
	begun  engine.ID // in place of a report: its first attempt has begun
}

// gather makes one message of what is to be said.
func gather(all []said) *proto.FromEvaluator {
	m := new(proto.FromEvaluator)
	for _, s := range all {
		if s.report == nil {
			m.Begun = append(m.Begun, uint64(s.begun))
		} else {
			m.Reports = append(m.Reports, s.report)
		}
	}
	return m
}

// run is one stream and the jobs that came by it.
type run struct {
	runner *runner
	out    *mailbox.Mailbox[said]
	brief  bool           // the host reads FromEvaluator.begun
	handed chan *Job      // to whoever waits for one; see start
	wg     sync.WaitGroup // of the jobs on board

	mu   sync.Mutex
	jobs map[key]*Job
}

func (s *evaluatorServer) Run(stream grpc.BidiStreamingServer[proto.ToEvaluator, proto.FromEvaluator]) error {
	s.mu.Lock()
	r, brief := s.runner, s.brief
	s.mu.Unlock()
	if r == nil {
		return status.Error(codes.FailedPrecondition, "Open comes before Run")
	}
	st := &run{runner: r, out: mailbox.New[said](), brief: brief, handed: make(chan *Job), jobs: map[key]*Job{}}

	sent := make(chan error, 1)
	go func() {
		for {
			all, ok := st.out.Take(maxBatch, nil)
			if !ok {
				sent <- nil
				return
			}
			if err := stream.Send(gather(all)); err != nil {
				sent <- err
				return
			}
		}
	}()
	for {
		m, err := stream.Recv()
		if err != nil {
			st.abort()
			close(st.handed)
			if err != io.EOF {
				return err // the host is gone
			}
			break
		}
		for _, w := range m.Jobs {
			st.start(w)
		}
		for _, c := range m.Cancels {
			st.cancel(key{engine.ID(c.Id), int(c.Attempt)}, c.Save)
		}
	}
	// The host has closed its side: hand back what is on board.
	st.wg.Wait()
	st.out.Close()
	return <-sent
}

func (st *run) start(w *proto.Job) {
	k := key{engine.ID(w.Id), int(w.Attempt)}
	j, err := jobFrom(w, st.runner.plugin.Undecoded || st.runner.plugin.Lookup)
	st.mu.Lock()
	full, double := len(st.jobs) >= st.runner.hello.Slots, st.jobs[k] != nil
	if err == nil && !full && !double {
		st.jobs[k] = j
	}
	st.mu.Unlock()
	switch {
	case double:
		return
	case err != nil:
		st.report(k, &proto.Report{What: &proto.Report_Finished{Finished: &proto.Finished{
			Status: string(engine.Failed), Reason: engine.OneLine(err.Error())}}})
		return
	case full:
		st.report(k, &proto.Report{What: &proto.Report_Returned{Returned: "no room: all slots are taken"}})
		return
	}
	st.runner.prepare(j, st)
	st.wg.Add(1)
	if st.brief && j.Attempt == 1 {
		st.out.Put(said{begun: j.ID})
	} else {
		st.report(k, &proto.Report{What: begun})
	}
	if st.runner.plugin.Start != nil {
		st.runner.run(j)
		return
	}
	select {
	case st.handed <- j:
	default: // nobody waits: one more does from now on
		go func() {
			for ok := true; ok; j, ok = <-st.handed {
				st.runner.run(j)
			}
		}()
	}
}

var begun = &proto.Report_Begun{Begun: &proto.Begun{}}

// finish implements sink.
func (st *run) finish(j *Job, o outcome) {
	defer st.wg.Done()
	k := key{j.ID, j.Attempt}
	st.mu.Lock()
	delete(st.jobs, k) // before the answer: it is an invitation for the next job
	st.mu.Unlock()
	if o.result == nil {
		st.report(k, &proto.Report{What: &proto.Report_Returned{Returned: o.returned}})
		return
	}
	done := proto.FinishedTo(o.result)
	done.Fault, done.Crashed = o.failure.Fault, o.failure.Crashed
	for _, name := range sortedKeys(o.files) {
		done.Files = append(done.Files, &proto.File{Name: name, Path: o.files[name]})
	}
	st.report(k, &proto.Report{What: &proto.Report_Finished{Finished: done}})
}

func jobFrom(w *proto.Job, undecoded bool) (*Job, error) {
	job := &Job{
		ID: engine.ID(w.Id), Attempt: int(w.Attempt), Phase: engine.Phase(w.Phase), Task: engine.Task(w.Task), Tag: w.Tag,
		Text:     w.Text,
		Fidelity: int(w.Fidelity), Budget: w.Budget, Seed: w.Seed, Repeat: int(w.Repeat), Input: w.Input, Stop: proto.StopFrom(w.Stop),
		genes: w.Genes, network: w.Network, parameters: w.Parameters, macs: w.Macs,
		resume: pathsOf(w.Resume), own: w.Saved, inherit: pathsOf(w.Inherit),
	}
	unsaid := w.Parameters == 0 && w.Macs == 0 // maybe: an older host does not say
	if undecoded && !(unsaid && len(w.Network) > 0) {
		return job, nil
	}
	net, err := proto.NetworkFrom(w.Network)
	if err != nil {
		return nil, err
	}
	if net != nil && unsaid {
		job.parameters, job.macs = net.Parameters(), net.Macs()
	}
	if !undecoded {
		job.Network = net
		job.Genes, err = proto.DecodeTree(w.Genes)
	}
	return job, err
}

func pathsOf(files []*proto.File) map[string]string {
	if len(files) == 0 {
		return nil
	}
	out := map[string]string{}
	for _, f := range files {
		out[f.Name] = f.Path
	}
	return out
}

func (st *run) report(k key, r *proto.Report) {
	r.Id, r.Attempt = uint64(k.id), int64(k.attempt)
	st.out.Put(said{report: r})
}

func (st *run) cancel(k key, save bool) {
	st.mu.Lock()
	j := st.jobs[k]
	st.mu.Unlock()
	if j != nil {
		j.abort(save)
	}
}

// abort tells all jobs on board to end.
func (st *run) abort() {
	st.mu.Lock()
	jobs := slices.Collect(maps.Values(st.jobs))
	st.mu.Unlock()
	for _, j := range jobs {
		j.abort(false)
	}
}

// progress implements sink.
func (st *run) progress(j *Job, p engine.Point) {
	st.report(key{j.ID, j.Attempt}, &proto.Report{What: &proto.Report_Progress{Progress: proto.PointTo(p)}})
}

// save implements sink.
func (st *run) save(j *Job, name, path string) error {
	to, err := st.runner.take(path)
	if err != nil {
		return err
	}
	st.report(key{j.ID, j.Attempt}, &proto.Report{What: &proto.Report_Saved{Saved: &proto.File{Name: name, Path: to}}})
	return nil
}

// place is Setup.Place as the host says it.
func place() int {
	n, _ := strconv.Atoi(os.Getenv(proto.EnvPlace))
	return n
}
