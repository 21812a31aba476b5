package jsonl

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/plugins/sdk"
)

// alone carries out a job in a process of its own: the job comes on standard
// input, the answer goes to standard output.
func (e *evaluator) alone(j *sdk.Job) (sdk.Result, error) {
	if err := e.unchanged(); err != nil {
		return sdk.Result{}, err
	}
	line, err := appendJob(nil, j, 1, nil, e.options, false)
	if err != nil {
		return sdk.Result{}, err
	}
	spawn := run(e.command, e.env)
	if e.sweep != nil {
		spawn = sweeping(spawn, e.sweep)
	}
	p, err := launch(e.name, spawn)
	if err != nil {
		return sdk.Result{}, err
	}
	defer func() {
		p.kill()
		<-p.gone
	}()
	go func() {
		p.stdin.Write(append(line, '\n'))
		p.stdin.Close()
	}()
	var answer *message
	hidden := false // by a print before it
	other := ""     // the keys of an object that was printed, and is no message
	read := make(chan error, 1)
	go func() {
		defer p.stdout.Close()
		read <- lines(p.stdout, func(line []byte) error {
			other = cmp.Or(keysOf(line), other)
			return decode(line, (*message).tells, func(m *message) error {
				m.progress(j)
				if m.last() {
					answer = m
				}
				return nil
			})
		}, func(end []byte) bool {
			var m message
			hidden = hidden || json.Unmarshal(end, &m) == nil && m.last()
			return false // some print what they will answer
		})
	}()
	select {
	case <-p.gone:
		err = <-read
	case err = <-read:
		if err != nil {
			p.kill()
		}
		select {
		case <-p.gone:
		case <-j.Context().Done():
			p.kill()
			<-p.gone
		}
	case <-j.Context().Done():
		syscall.Kill(-p.pid, syscall.SIGTERM)
		select {
		case <-p.gone:
		case <-time.After(e.grace):
			p.kill()
		}
		err = <-read
		<-p.gone
	}
	if cause := context.Cause(j.Context()); cause != nil && (answer == nil || !errors.Is(cause, sdk.ErrStopped)) {
		return sdk.Result{}, cause
	}
	switch {
	case err != nil:
		return sdk.Result{}, errors.New(e.name + " breaks the protocol of docs/exec.md: " + err.Error())
	case answer != nil && (p.ok || answer.Metrics == nil || j.Cancelled()):
		result, err := answer.result()
		if result.Usage == (engine.Usage{}) {
			result.Usage = p.usage
		}
		return result, err
	case p.ok && hidden:
		return sdk.Result{}, errors.New(e.name +
			" answered behind something else that it printed in one line: end the print with a new line")
	case p.ok && other != "":
		return sdk.Result{}, errors.New(e.name + " answered with " + other + `, which says nothing: print one line such as {"metrics": {"accuracy": 0.9}}`)
	case p.ok:
		return sdk.Result{}, errors.New(e.name + ` answered nothing: print one line such as {"metrics": {"accuracy": 0.9}}`)
	}
	// Scripts end with an exit status where others throw an exception.
	return sdk.Result{}, &sdk.Failure{Text: p.cause(), Crashed: strings.Contains(p.status, "signal")}
}

// keysOf are the keys of a line that is an object: "key a", or "keys a, b"; else "".
func keysOf(line []byte) string {
	var all map[string]json.RawMessage
	if json.Unmarshal(line, &all) != nil || len(all) == 0 {
		return ""
	}
	keys := slices.Sorted(maps.Keys(all))
	if len(keys) == 1 {
		return fmt.Sprintf("the key %.60q", keys[0])
	}
	return fmt.Sprintf("the keys %.60q", strings.Join(keys, ", "))
}
