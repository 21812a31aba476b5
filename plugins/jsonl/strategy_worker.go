package jsonl

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/genome"
)

// strategyWorker is a process that conclusive. It speaks when it is spoken to: every line
// of it is a question about the space, or ends the talk.
type strategyWorker struct {
	*process
	heard  chan *reply         // closed when it is gone and everything that it wrote was read
	broken string              // how it broke the protocol; valid once heard is closed
	rows   []*engine.Candidate // of the History that it has
}

// faulty is an error of the strategy, not of its process.
type faulty struct{ error }

// startStrategyWorker starts a program.
func startStrategyWorker(name string, spawn spawner) (*strategyWorker, error) {
	p, err := launch(name, spawn)
	if err != nil {
		return nil, err
	}
	w := &strategyWorker{process: p, heard: make(chan *reply, 1)}
	go func() {
		defer close(w.heard)
		if w.broken = w.hear(func(line []byte) error { return decode(line, (*reply).meant, w.take) }, conclusive); w.broken != "" {
			w.kill()
			<-w.gone
		}
	}()
	return w, nil
}

func (w *strategyWorker) take(m *reply) error {
	select {
	case w.heard <- m:
		return nil
	default:
		return errors.New("it says more than it was asked")
	}
}

// end ends the process and waits for that.
func (w *strategyWorker) end() {
	w.kill()
	<-w.gone
}

// talk sends lines, answers what the program asks of the space, and returns what
// else it says. An error other than ctx's is its end.
func (w *strategyWorker) talk(ctx context.Context, space *genome.Space, lines ...question) (*reply, error) {
	stop := context.AfterFunc(ctx, w.kill) // a write may wait for a program that does not read
	defer stop()
	for {
		for _, q := range lines {
			if err := w.send(q); err != nil {
				return nil, err
			}
		}
		select {
		case m, ok := <-w.heard:
			if !ok {
				return nil, w.fate()
			}
			if m.Space == "" {
				return m, nil
			}
			lines = []question{{Answer: m.Ask(space)}}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// send writes a line. A process that is gone gets nothing: hearing tells of it.
func (w *strategyWorker) send(q question) error {
	line, err := json.Marshal(q)
	if err != nil {
		return &faulty{err}
	}
	if len(line) >= maxLine {
		return &faulty{fmt.Errorf("a line for the strategy has %d bytes, at most %d are allowed: keep "+
			"state and outputs small", len(line), maxLine)}
	}
	w.stdin.Write(append(line, '\n'))
	return nil
}

// fate is why the process is gone.
func (w *strategyWorker) fate() error {
	if w.broken != "" {
		return errors.New(w.broken)
	}
	return &dead{errors.New(w.cause())}
}

// decide asks one step. Its error is a *faulty if the strategy is to blame.
func (w *strategyWorker) decide(ctx context.Context, setup *engine.Setup, need engine.HistoryNeed, state []byte,
	turn engine.Turn) (*decision, error) {
	lines, err := w.lacking(need, turn.History)
	if err != nil {
		return nil, &faulty{err}
	}
	step, err := stepOf(state, turn, setup.Files)
	if err != nil {
		return nil, &faulty{err}
	}
	m, err := w.talk(ctx, setup.Space, append(lines, question{Step: step})...)
	switch {
	case err != nil:
		return nil, err
	case m.Failed != nil:
		return nil, &faulty{errors.New(*m.Failed)}
	case m.Decision == nil:
		return nil, &faulty{fmt.Errorf("%s breaks the protocol of docs/exec.md: it answers a step without a decision", w.name)}
	}
	if err := m.Decision.store(turn, setup.Files); err != nil {
		return nil, &faulty{err}
	}
	return m.Decision, nil
}

// lacking is what the process's copy of the History lacks.
func (w *strategyWorker) lacking(need engine.HistoryNeed, h engine.History) ([]question, error) {
	if need == engine.NeedNone || h == nil {
		return nil, nil
	}
	keep := min(len(w.rows), h.Len())
	for i := range keep {
		// The SDK's own History only grows, and keeps its candidates where they are.
		if c := h.At(i); c != w.rows[i] && !reflect.DeepEqual(c, w.rows[i]) {
			keep = i
			break
		}
	}
	var lines []question
	for keep < len(w.rows) || keep < h.Len() {
		p := &past{Keep: keep}
		w.rows = w.rows[:keep]
		for size := 0; len(p.Rows) < rowsInLine && size < bytesInLine && keep < h.Len(); keep++ {
			c := h.At(keep)
			r := rowOf(c)
			if need == engine.NeedAll {
				var err error
				if r.Curve, err = h.Curve(c.ID); err != nil {
					return nil, err
				}
				if r.Output, err = h.Output(c.ID); err != nil {
					return nil, err
				}
			}
			p.Rows = append(p.Rows, r)
			w.rows = append(w.rows, c)
			size += len(r.Genome) + 2*len(r.Output) + 100*len(r.Curve)
		}
		lines = append(lines, question{History: p})
	}
	return lines, nil
}
