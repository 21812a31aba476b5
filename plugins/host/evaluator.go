package host

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"

	"google.golang.org/grpc"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/internal/mailbox"
	"github.com/nascent-nas/nascent/plugins/proto"
)

// Evaluator makes an evaluator of a plugin. Nothing is started before Open.
func Evaluator(p Plugin, o Options) engine.Evaluator { return &evaluator{p, o} }

type evaluator struct {
	plugin  Plugin
	options Options
}

// Open starts the first process and asks it what it can do. What an earlier,
// killed host left behind of this search is ended first.
func (e *evaluator) Open(ctx context.Context, setup engine.EvaluatorSetup) (engine.Session, engine.Hello, error) {
	reap(e.options.SearchID)
	s := &session{
		plugin: e.plugin, options: e.options, setup: setup,
		request: &proto.OpenEvaluator{
			Space: setup.Space.JSON(), Rules: int64(setup.Space.Rules()), Workers: int64(setup.Workers), Options: setup.Options,
		},
		events: mailbox.New[engine.Event](),
		forced: make(chan struct{}), acks: map[key]*link{},
	}
	s.then = setup.Expect
	if s.then != nil && Kernels(e.options.Env) == "" { // the search goes on with those that it began with
		if set := s.then.Kernels(); set != "" {
			s.options.Env = append(slices.Clone(s.options.Env), EnvKernels+"="+set)
		}
	}
	go hashFile(e.plugin.Path) // it is asked for when the plugin runs
	var first *link
	err := patient(func() (err error) { first, err = s.connect(ctx, 0); return err })
	if err != nil {
		return nil, engine.Hello{}, err
	}
	hello := proto.HelloFrom(first.hello)
	if err := checkHello(e.plugin.Name, &hello); err == nil {
		hello.Program, err = hashFile(e.plugin.Path)
		hello.Fingerprint = fingerprint(hello.Program, hello.Identity)
		if err != nil {
			first.end(ctx)
			return nil, engine.Hello{}, err
		}
	} else {
		first.end(ctx)
		return nil, engine.Hello{}, err
	}
	hello.Results = e.plugin.Results
	s.then, s.slots = &hello, hello.Slots
	s.hello = hello
	s.want = s.processes(setup.Workers)
	for place := range s.want {
		newWorkerAt(s, place)
	}
	s.workers[0].begin(first)
	return s, hello, nil
}

// fingerprint is the hash of an evaluator: its executable, and the options and
// data that its results depend on.
func fingerprint(program, identity string) string {
	h := sha256.Sum256([]byte(program + "\n" + identity))
	return hex.EncodeToString(h[:])
}

func checkHello(name string, h *engine.Hello) error {
	if h.Name == "" {
		h.Name = name
	}
	for _, t := range h.Tasks {
		if !slices.Contains([]engine.Task{engine.Train, engine.Supernet, engine.Score}, t) {
			return fmt.Errorf("%s says that it can do the task %q, which there is not: update nascent or the plugin", name, t)
		}
	}
	return nil
}

// link is one opened process of an evaluator.
type link struct {
	process *process
	scratch string
	hello   *proto.EvaluatorHello
	stream  grpc.BidiStreamingClient[proto.ToEvaluator, proto.FromEvaluator]
	close   context.CancelFunc // of the stream's context
	out     *mailbox.Mailbox[order]
	began   bool // a job has begun here; under the session's lock
	mark    mark // of whoever receives alone
}

// order is one message to a plugin; one field is set.
type order struct {
	job    *engine.Assignment
	cancel *proto.Cancel
	ack    *proto.Attempt
}

// connect starts a process for a place and opens the evaluator in it. The
// context bounds that alone.
func (s *session) connect(ctx context.Context, place int) (*link, error) {
	if s.then != nil {
		if what := changes(s.plugin, s.setup.Options, s.then); len(what) > 0 {
			return nil, &engine.ChangedError{What: what}
		}
	}
	o := s.options
	o.Env = append(slices.Clone(o.Env), proto.EnvPlace+"="+strconv.Itoa(place))
	p, err := start(ctx, s.plugin, o)
	if err != nil {
		return nil, err
	}
	l := &link{process: p, out: mailbox.New[order]()}
	parent := ""
	if s.setup.Files != nil {
		parent = s.setup.Files.Temp()
	}
	fail := func(err error) (*link, error) {
		p.kill()
		l.end(ctx)
		return nil, err
	}
	if l.scratch, err = os.MkdirTemp(parent, "plugin-"); err != nil {
		return fail(fmt.Errorf("cannot make a directory for %s: %w", s.plugin.Name, err))
	}
	request := &proto.OpenEvaluator{
		Space: s.request.Space, Rules: s.request.Rules, Workers: s.request.Workers, Options: s.request.Options,
		Scratch: l.scratch, Begun: true,
	}
	client := proto.NewEvaluatorClient(p.conn)
	if l.hello, err = client.Open(ctx, request); err != nil {
		if ctx.Err() != nil {
			return fail(fmt.Errorf("opening %s: %w", s.plugin.Name, context.Cause(ctx)))
		}
		return fail(p.explain(err))
	}
	if r := l.hello.Refusal; r != nil {
		return fail(&Refusal{Plugin: s.plugin.Name, Key: r.Key, Text: engine.OneLine(r.Text)})
	}
	if s.slots != 0 && l.hello.Identity != s.then.Identity {
		return fail(&engine.ChangedError{What: engine.IdentityChanges(s.then.Identity, l.hello.Identity)})
	}
	stream, cancel := context.WithCancel(context.Background())
	l.close = cancel
	if l.stream, err = client.Run(stream); err != nil {
		return fail(p.explain(err))
	}
	return l, nil
}

// end stops the process, politely if it still can, and removes its directory.
func (l *link) end(ctx context.Context) {
	if l.close != nil {
		defer l.close()
	}
	l.process.stop(ctx)
	if l.scratch != "" {
		os.RemoveAll(l.scratch)
	}
}

// send passes orders on in batches until the link's queue is closed; then it
// closes our side of the stream, which asks the plugin to end.
func (l *link) send(s *session) {
	for {
		orders, ok := l.out.Take(1024, l.process.gone())
		if !ok {
			l.stream.CloseSend()
			return
		}
		m := new(proto.ToEvaluator)
		for _, o := range orders {
			switch {
			case o.cancel != nil:
				m.Cancels = append(m.Cancels, o.cancel)
			case o.ack != nil:
				m.Acks = append(m.Acks, o.ack)
			default:
				job, err := proto.AssignmentTo(*o.job, s.setup.Files, &s.hello)
				if err != nil {
					s.unsendable(l, key{o.job.Job.ID, o.job.Attempt}, err)
					continue
				}
				m.Jobs = append(m.Jobs, job)
			}
		}
		if err := l.stream.Send(m); err != nil {
			return // Recv tells why
		}
	}
}

var errClosed = errors.New("the evaluator is closed")
