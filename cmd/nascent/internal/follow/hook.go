package follow

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/internal/safe"
)

// Event is what a Hook may be called for.
type Event string

// The events.
const (
	Candidate Event = "candidate" // a candidate has its result, of whatever status
	Best      Event = "best"      // there is a new best or, with several objectives, the front changed
	Finished  Event = "finished"  // the search reached its limits or its target
	Paused    Event = "paused"    // evaluations kept failing
	Stopped   Event = "stopped"   // somebody stopped it
	Failed    Event = "failed"    // it ended in trouble
)

// Events are all of them.
var Events = []Event{Candidate, Best, Finished, Paused, Stopped, Failed}

// Hook is a command of the user's that is run for events, one after the other, with a
// JSON object on its standard input. What it prints goes to logs/hooks.log.
type Hook struct {
	Command string // for /bin/sh -c
	Folder  string // where it runs
	On      []Event
	Timeout time.Duration // then it is killed, and run again
}

// Name implements Sink.
func (h *Hook) Name() string { return "hook " + h.Command }

// Past implements Sink: a hook begins with what comes.
func (h *Hook) Past() bool { return false }

// message is what a hook reads.
type message struct {
	Event       Event           `json:"event"`
	Number      uint64          `json:"number"` // of the record: the same if it is told again
	Search      string          `json:"search"`
	Dir         string          `json:"dir"`
	Evaluations int             `json:"evaluations"`
	Candidate   *candidate      `json:"candidate,omitempty"` // that brought it
	Best        *candidate      `json:"best,omitempty"`
	Before      *candidate      `json:"before,omitempty"` // the best before
	State       engine.RunState `json:"state,omitempty"`
	Cause       string          `json:"cause,omitempty"`
	Time        *time.Time      `json:"time,omitempty"`
}

// candidate is what others are told of one.
type candidate struct {
	ID       engine.ID     `json:"id"`
	Status   engine.Status `json:"status"`
	Reason   string        `json:"reason,omitempty"`
	Phase    engine.Phase  `json:"phase"`
	Fidelity int           `json:"fidelity"`
	Metrics  engine.Values `json:"metrics"`
	Genome   string        `json:"genome,omitempty"`
	Baseline string        `json:"baseline,omitempty"`
	Parents  []engine.ID   `json:"parents,omitempty"`
	Operator string        `json:"operator,omitempty"`
	Origin   engine.Origin `json:"origin,omitempty"`
	Seconds  float64       `json:"seconds"`
	Usage    engine.Usage  `json:"usage,omitzero"`
}

func candidateOf(c *engine.Candidate) *candidate {
	if c == nil {
		return nil
	}
	out := &candidate{
		ID: c.ID, Status: c.Status, Reason: c.Reason, Phase: c.Phase, Fidelity: c.Fidelity, Metrics: c.Metrics,
		Baseline: c.Baseline, Parents: c.Parents, Operator: c.Operator, Origin: c.Origin(), Seconds: c.Seconds, Usage: c.Usage,
	}
	if !c.Genome.IsZero() {
		out.Genome = c.Genome.Text()
	}
	return out
}

// events are what a record means.
func (r *Record) events() (out []Event) {
	switch {
	case r.Ended == nil:
		out = append(out, Candidate)
		if r.Leads {
			out = append(out, Best)
		}
	case r.Ended.State == engine.StateFinished:
		out = append(out, Finished)
	case r.Ended.Paused:
		out = append(out, Paused)
	case r.Ended.Cause != "":
		out = append(out, Failed)
	default:
		out = append(out, Stopped)
	}
	return out
}

// Take implements Sink.
func (h *Hook) Take(ctx context.Context, s *Search, records []Record) (done int, err error) {
	for i := range records {
		for _, e := range records[i].events() {
			if !slices.Contains(h.On, e) {
				continue
			}
			if err := h.run(ctx, s, messageOf(s, &records[i], e)); err != nil {
				return i, err
			}
		}
	}
	return len(records), nil
}

func messageOf(s *Search, r *Record, e Event) *message {
	m := &message{
		Event: e, Number: r.Number, Search: s.Name, Dir: s.Dir, Evaluations: r.Evaluations, Candidate: candidateOf(r.Candidate),
		Best: candidateOf(r.Best),
	}
	if e == Best {
		m.Before = candidateOf(r.Before)
	}
	if r.Ended != nil {
		m.State, m.Cause, m.Time = r.Ended.State, r.Ended.Cause, &r.Ended.Time
	}
	return m
}

// run runs the command once.
func (h *Hook) run(ctx context.Context, s *Search, m *message) error {
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	log, err := hookLog(s.Dir)
	if err != nil {
		return err
	}
	defer log.Close()
	tail := &ending{to: log}
	ctx, cancel := context.WithTimeout(ctx, h.Timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", h.Command)
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = h.Folder, bytes.NewReader(append(text, '\n')), log, tail
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	err = cmd.Run()
	switch {
	case err == nil:
		return nil
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Errorf("event %d (%s): it took longer than %s and was ended", m.Number, m.Event, h.Timeout)
	}
	words := strings.TrimSpace(tail.String())
	if words = words[strings.LastIndexByte(words, '\n')+1:]; words != "" {
		words = ": " + words
	}
	return fmt.Errorf("event %d (%s): %w%s", m.Number, m.Event, err, words)
}

// ending passes on what is written, and keeps its end.
type ending struct {
	to   io.Writer
	kept []byte
}

func (e *ending) Write(p []byte) (int, error) {
	const room = 400
	e.kept = append(e.kept, p...)
	e.kept = e.kept[max(0, len(e.kept)-room):]
	return e.to.Write(p)
}

func (e *ending) String() string { return string(e.kept) }

// hookLog is what hooks print to.
func hookLog(dir string) (*os.File, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	root.Mkdir("logs", 0o700)
	logs, err := safe.Folder(root, "logs")
	if err != nil {
		return nil, err
	}
	defer logs.Close()
	return safe.OpenFile(logs, "hooks.log", os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
}
