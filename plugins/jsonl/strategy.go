package jsonl

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/plugins/sdk"
)

// strategy drives a program that decides. Its worker has what the strategy needs
// of the History, and gets what it lacks before each step. A worker that dies is
// started again, and the same step asked of it.
type strategy struct {
	program
	check  bool // ask every step twice
	setup  engine.Setup
	need   engine.HistoryNeed
	worker *strategyWorker // nil: none runs
}

// commandOptions are those of a strategy that is a command.
type commandOptions struct {
	Command []string        `json:"command"` // the program and its arguments
	Options json.RawMessage `json:"options"` // the program's own
	ownOptions
}

// ownOptions are those of every strategy that is no Go program.
type ownOptions struct {
	Check        bool         `json:"check"`         // ask every step twice, the second time of a fresh process
	Python       string       `json:"python"`        // the interpreter; for Python files
	StartTimeout startTimeout `json:"start_timeout"` // until the hello; default 1m
}

// Open implements engine.Strategy: it starts a worker, which says what the
// strategy needs, or refuses.
func (s *strategy) Open(ctx context.Context, setup engine.Setup) ([]byte, engine.Needs, error) {
	s.end()
	if err := s.read(setup.Options); err != nil {
		return nil, engine.Needs{}, err
	}
	s.setup = setup
	w, hello, err := s.begin(ctx)
	if err != nil {
		return nil, engine.Needs{}, s.unopened(err)
	}
	needs, err := hello.needs()
	if err != nil {
		w.end()
		return nil, engine.Needs{}, err
	}
	s.worker, s.need = w, needs.History
	return stored(hello.State), needs, nil
}

func (s *strategy) read(options json.RawMessage) error {
	if s.script == "" {
		var o commandOptions
		if err := sdk.DecodeOptions(options, &o); err != nil {
			return err
		}
		if o.Python != "" {
			return sdk.BadOption("python", "is for Python files: use: ./strategy.py")
		}
		s.check = o.Check
		return s.useCommand(o.Command, o.Options, o.StartTimeout)
	}
	var o ownOptions
	if err := s.readScript(options, []string{"check", "python", "start_timeout"}, &o); err != nil {
		return err
	}
	s.check = o.Check
	err := s.usePython(o.Python, o.StartTimeout)
	// The order of a set of texts is the same in every process.
	s.env = append(s.env, "PYTHONHASHSEED=0")
	return err
}

// begin starts a worker, and another one if somebody kills it.
func (s *strategy) begin(ctx context.Context) (w *strategyWorker, hello *strategyHello, err error) {
	err = patient(func() error {
		w, hello, err = s.start(ctx)
		return err
	})
	return w, hello, err
}

func (s *strategy) start(ctx context.Context) (*strategyWorker, *strategyHello, error) {
	limited, cancel := context.WithTimeout(ctx, s.startTimeout)
	defer cancel()
	w, err := startStrategyWorker(s.name, run(s.command, s.env))
	if err != nil {
		return nil, nil, err
	}
	said, err := w.talk(limited, s.setup.Space, question{Open: OpeningOf(s.setup, s.options)})
	switch {
	case err != nil && ctx.Err() == nil && limited.Err() != nil:
		err = silent(s.name, s.startTimeout, w.process)
	case errors.As(err, new(*dead)):
		err = w.early()
	case err != nil:
	case said.Refuse != nil:
		err = said.Refuse.err()
	case said.Hello == nil:
		err = fmt.Errorf("%s breaks the protocol of docs/exec.md: its first line is no hello", s.name)
	}
	if err != nil {
		w.end()
		return nil, nil, err
	}
	return w, said.Hello, nil
}

// Step implements engine.Strategy.
func (s *strategy) Step(ctx context.Context, state []byte, turn engine.Turn) (engine.Decision, error) {
	d, err := s.ask(ctx, state, turn)
	if err != nil {
		return engine.Decision{}, err
	}
	if s.check {
		s.end()
		again, err := s.ask(ctx, state, turn)
		if err != nil {
			return engine.Decision{}, err
		}
		if err := same(d, again); err != nil {
			return engine.Decision{}, err
		}
	}
	return d.read(s.setup.Space)
}

// same compares two answers to one question.
func same(first, second *decision) error {
	a, err := json.Marshal(first)
	if err != nil {
		return err
	}
	b, err := json.Marshal(second)
	if err != nil || bytes.Equal(a, b) {
		return err
	}
	at := 0
	for at < len(a) && at < len(b) && a[at] == b[at] {
		at++
	}
	part := func(text []byte) []byte { return text[max(0, at-40):min(len(text), at+40)] }
	return fmt.Errorf("the step is not pure: asked again in a fresh process it answers ...%s... in place of ...%s...; "+
		"it may use nothing but its arguments: no variable that outlives a call, no clock, no other "+
		"random numbers than turn.rng", part(b), part(a))
}

// ask has a worker decide, another one if it dies.
func (s *strategy) ask(ctx context.Context, state []byte, turn engine.Turn) (*decision, error) {
	var died error
	for range tries {
		if s.worker == nil || s.worker.over() {
			s.end()
			w, _, err := s.begin(ctx)
			if err != nil {
				return nil, err
			}
			s.worker = w
		}
		d, err := s.worker.decide(ctx, &s.setup, s.need, state, turn)
		if err == nil {
			return d, nil
		}
		s.end()
		var fault *faulty
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case errors.As(err, &fault):
			return nil, err
		}
		died = err
		sdk.Log().Warn("the strategy's process is started again", "after", died)
	}
	return nil, fmt.Errorf("asked %d times: %w", tries, died)
}

// end ends the worker.
func (s *strategy) end() {
	if s.worker != nil {
		s.program.end(s.worker.process, s.worker.stdin)
		s.worker = nil
	}
}

// Close ends the worker.
func (s *strategy) Close() error {
	s.end()
	return nil
}
