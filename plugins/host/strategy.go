package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/plugins/proto"
)

// tries is how often one call to a strategy is made before its process's death
// counts as the strategy's fault.
const tries = 3

// StrategyPlugin is an engine.Strategy in a plugin process. The process starts
// with Open, and starts again with the next call should it die. Close ends it.
type StrategyPlugin struct {
	plugin  Plugin
	options Options

	mu      sync.Mutex
	proc    *process // nil: none runs
	setup   *engine.Setup
	hello   *proto.StrategyHello
	scratch string              // where the process leaves files
	sent    []*engine.Candidate // rows of History that the process has

	turns   int           // taken since the start of the host
	longest time.Duration // of them
}

// Strategy makes a strategy of a plugin. Nothing is started before Open.
func Strategy(p Plugin, o Options) *StrategyPlugin { return &StrategyPlugin{plugin: p, options: o} }

// Open implements engine.Strategy.
func (s *StrategyPlugin) Open(ctx context.Context, setup engine.Setup) ([]byte, engine.Needs, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.setup == nil {
		reap(s.options.SearchID)
	}
	s.end(ctx)
	s.setup = &setup
	if err := patient(func() error { return s.ready(ctx) }); err != nil {
		return nil, engine.Needs{}, err
	}
	needs := engine.Needs{History: engine.HistoryNeed(s.hello.History), Batch: int(s.hello.Batch), Remark: s.hello.Remark}
	for _, t := range s.hello.Tasks {
		needs.Tasks = append(needs.Tasks, engine.Task(t))
	}
	switch needs.History {
	case engine.NeedNone, engine.NeedMetrics, engine.NeedAll:
	case "":
		needs.History = engine.NeedNone
	default:
		return nil, engine.Needs{}, fmt.Errorf("%s asks for the history %q: use none, metrics or all", s.plugin.Name, needs.History)
	}
	return s.hello.State, needs, nil
}

// ready sees to a process in which the setup is open.
func (s *StrategyPlugin) ready(ctx context.Context) error {
	if s.proc != nil {
		select {
		case <-s.proc.gone():
			s.end(ctx)
		default:
			return nil
		}
	}
	if s.setup == nil {
		return errors.New("a strategy is opened before its first step")
	}
	proc, err := start(ctx, s.plugin, s.options)
	if err != nil {
		return err
	}
	scratch, err := s.room()
	var hello *proto.StrategyHello
	if err == nil {
		request := proto.SetupTo(*s.setup)
		request.Scratch, request.Packed = scratch, true
		hello, err = proto.NewStrategyClient(proc.conn).Open(ctx, request)
	}
	switch {
	case err != nil && ctx.Err() != nil:
		err = ctx.Err()
	case status.Code(err) == codes.Unimplemented:
		err = fmt.Errorf("%s is no strategy: it serves something else", s.plugin.Name)
	case err != nil:
		err = proc.explain(err)
	case hello.Refusal != nil:
		err = &Refusal{Plugin: s.plugin.Name, Key: hello.Refusal.Key, Text: engine.OneLine(hello.Refusal.Text)}
	}
	if err != nil {
		proc.kill()
		proc.stop(ctx)
		os.RemoveAll(scratch)
		return err
	}
	s.proc, s.hello, s.scratch, s.sent = proc, hello, scratch, nil
	return nil
}

// room makes the directory in which a process leaves its files, on the file
// system of the store.
func (s *StrategyPlugin) room() (string, error) {
	parent := ""
	if s.setup.Files != nil {
		parent = s.setup.Files.Temp()
	}
	scratch, err := os.MkdirTemp(parent, "strategy-")
	if err != nil {
		return "", fmt.Errorf("cannot make a directory for %s: %w", s.plugin.Name, err)
	}
	return scratch, nil
}

// end stops the process, if there is one.
func (s *StrategyPlugin) end(ctx context.Context) {
	if s.proc != nil {
		s.proc.stop(ctx)
		os.RemoveAll(s.scratch)
		s.proc, s.sent = nil, nil
	}
}

// Close ends the process; when ctx ends first, by force. Open may follow.
func (s *StrategyPlugin) Close(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end(ctx)
	return nil
}

// Step implements engine.Strategy. A process that dies is started again, and
// the same Step asked of it.
func (s *StrategyPlugin) Step(ctx context.Context, state []byte, turn engine.Turn) (engine.Decision, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var died error
	for try := range tries {
		if err := s.ready(ctx); err != nil {
			var refused *Refusal
			if ctx.Err() != nil || errors.As(err, &refused) {
				return engine.Decision{}, err
			}
			died = err
			continue
		}
		began, limit := time.Now(), s.patience(try)
		limited, cancel := context.WithTimeout(ctx, limit)
		answer, err := s.ask(limited, state, turn)
		late := limited.Err() != nil
		cancel()
		if err != nil {
			if ctx.Err() != nil {
				s.proc.kill() // it may be at it still
				s.end(ctx)
				return engine.Decision{}, ctx.Err()
			}
			if late {
				died = fmt.Errorf("%s did not decide within %s; if it needs longer, raise plugins.turn_timeout", s.plugin.Name, limit)
			} else {
				died = s.proc.explain(err)
			}
			s.proc.kill()
			s.end(ctx)
			s.options.note(s.plugin, died)
			continue
		}
		s.turns, s.longest = s.turns+1, max(s.longest, time.Since(began))
		if answer.Error != "" {
			return engine.Decision{}, fmt.Errorf("%s: %s", s.plugin.Name, engine.OneLine(answer.Error))
		}
		d, err := proto.DecisionFrom(answer, s.setup.Space)
		if err == nil {
			err = s.take(answer.Files)
		}
		if err != nil {
			return engine.Decision{}, fmt.Errorf("%s: %w", s.plugin.Name, err)
		}
		return d, nil
	}
	return engine.Decision{}, fmt.Errorf("turn %d, tried %d times: %w", turn.N, tries, died)
}

// patience is how long a turn may take at the n-th try, counted from 0: twice as
// long each time, since a busy machine is no fault of the strategy.
func (s *StrategyPlugin) patience(try int) time.Duration {
	limit := s.options.TurnTimeout
	switch {
	case limit > 0:
	case s.turns < 10:
		limit = 10 * time.Minute
	default:
		limit = max(time.Minute, 20*s.longest)
	}
	return limit << try
}

// take moves the new files of a decision into the store.
func (s *StrategyPlugin) take(files []*proto.File) error {
	for _, f := range files {
		if s.setup.Files == nil {
			return errors.New("its decision names files, but the search has no store")
		}
		if rel, err := filepath.Rel(s.scratch, f.Path); err != nil || !filepath.IsLocal(rel) {
			if _, err := s.setup.Files.Path(f.Hash); err != nil {
				return err
			}
			continue // it has long been there
		}
		ref, err := put(s.setup.Files, s.scratch, f)
		if err != nil {
			return err
		}
		if ref.Hash != f.Hash {
			return fmt.Errorf("the file %s is not what its decision says: %.12s, not %.12s", f.Name, ref.Hash, f.Hash)
		}
	}
	return nil
}

// note logs that a strategy is started again.
func (o Options) note(p Plugin, err error) {
	pluginLogger(p, o).Warn("the strategy is started again", "after", err)
}

// ask makes one call, with what the process's copy of the history lacks.
func (s *StrategyPlugin) ask(ctx context.Context, state []byte, turn engine.Turn) (*proto.StepResponse, error) {
	need := engine.HistoryNeed(s.hello.History)
	request := &proto.StepRequest{
		State: state, N: turn.N, Seed: turn.Seed, FirstId: uint64(turn.FirstID), Want: int64(turn.Want),
		Spent:  &proto.Spent{Evaluations: int64(turn.Spent.Evaluations), Seconds: turn.Spent.Seconds},
		Limits: proto.LimitsTo(turn.Limits),
	}
	for i := range turn.Results {
		request.Results = append(request.Results, proto.CandidateTo(&turn.Results[i], true, s.packed()))
	}
	if s.setup.Files != nil {
		var err error
		if request.Files, err = proto.FilesTo(turn.Files, s.setup.Files); err != nil {
			return nil, err
		}
	}
	if turn.History == nil || need == engine.NeedNone || need == "" {
		return proto.NewStrategyClient(s.proc.conn).Step(ctx, request)
	}
	have, packed := s.agree(turn.History), s.packed()
	for {
		request.Have, request.History = int64(have), nil
		s.sent = s.sent[:have]
		for i := have; i < turn.History.Len(); i++ {
			c := turn.History.At(i)
			w := proto.CandidateTo(c, need == engine.NeedAll, packed)
			if need == engine.NeedAll {
				curve, err := turn.History.Curve(c.ID)
				if err != nil {
					return nil, err
				}
				w.Curve = nil
				for _, p := range curve {
					w.Curve = append(w.Curve, proto.PointTo(p))
				}
				if w.Output, err = turn.History.Output(c.ID); err != nil {
					return nil, err
				}
			}
			request.History = append(request.History, w)
			s.sent = append(s.sent, c)
		}
		answer, err := proto.NewStrategyClient(s.proc.conn).Step(ctx, request)
		if err != nil || answer.Lacking == nil {
			return answer, err
		}
		lacking := int(*answer.Lacking)
		if lacking < 0 || lacking >= have {
			return nil, fmt.Errorf("the plugin says that it has %d candidates when asked to keep %d", lacking, have)
		}
		have = lacking
	}
}

// packed is the space whose genomes cross the wire as they are: the search's, if the
// plugin takes them so.
func (s *StrategyPlugin) packed() *genome.Space {
	if s.hello.Packed {
		return s.setup.Space
	}
	return nil
}

// agree returns how many rows the process has in common with this history. The
// engine's own only grows, and keeps its candidates where they are.
func (s *StrategyPlugin) agree(h engine.History) int {
	n := min(len(s.sent), h.Len())
	for i := range n {
		if c := h.At(i); c != s.sent[i] && !reflect.DeepEqual(c, s.sent[i]) {
			return i
		}
	}
	return n
}
