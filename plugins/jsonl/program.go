package jsonl

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/plugins/python"
	"github.com/nascent-nas/nascent/plugins/sdk"
)

// program is what is run: a Python file or a command.
type program struct {
	script       string       // a Python file; "" for a command
	ships        bool         // it comes with nascent
	name         string       // for people
	python       python.Start // of the script
	command      []string
	env          []string
	options      json.RawMessage // the program's own
	startTimeout time.Duration   // until the hello
}

// readScript reads the options named ours into the struct that into points to.
// All others are the program's own.
func (p *program) readScript(options json.RawMessage, ours []string, into any) error {
	all, own := map[string]json.RawMessage{}, map[string]json.RawMessage{}
	if len(options) > 0 {
		if err := json.Unmarshal(options, &all); err != nil {
			return fmt.Errorf("options are no JSON object: %v", err)
		}
	}
	for _, key := range ours {
		if value, ok := all[key]; ok {
			own[key] = value
			delete(all, key)
		}
	}
	text, err := json.Marshal(own)
	if err != nil {
		return err
	}
	if err := sdk.DecodeOptions(text, into); err != nil {
		return err
	}
	p.options, err = json.Marshal(all)
	return err
}

// usePython prepares to run the script with an interpreter, which may be named.
func (p *program) usePython(named string, limit startTimeout) error {
	p.name = filepath.Base(p.script)
	var err error
	if p.python, err = python.StartFor(named, p.script); err != nil {
		if named != "" {
			return sdk.BadOption("python", "%v", err)
		}
		return err
	}
	if p.env, err = python.Env(); err != nil {
		return err
	}
	p.command = p.sdk("work", p.script)
	if p.limit(limit); p.python.UV && limit <= 0 {
		p.startTimeout = downloads
	}
	return nil
}

// downloads is the default of startTimeout where uv may have packages to fetch.
const downloads = 10 * time.Minute

// sdk is the command that has the script's Python run the SDK.
func (p *program) sdk(args ...string) []string {
	return slices.Concat(p.python.Words, python.Run(), args)
}

// end ends a process that listens to a file of ours, and waits for that. uv gets time
// to remove the environment that it made.
func (p *program) end(running *process, listensTo *os.File) {
	if p.python.UV {
		running.dismiss(listensTo)
		return
	}
	running.kill()
	<-running.gone
}

// useCommand prepares to run a command.
func (p *program) useCommand(command []string, options json.RawMessage, limit startTimeout) error {
	if len(command) == 0 {
		return sdk.BadOption("command", "name the program and its arguments: command: [./evaluate.sh]")
	}
	p.options, p.command, p.env, p.name = options, command, os.Environ(), filepath.Base(command[0])
	p.limit(limit)
	return nil
}

func (p *program) limit(d startTimeout) {
	if p.startTimeout = time.Duration(d); d <= 0 {
		p.startTimeout = time.Minute
	}
}

// unopened is why a program does not start: it refuses, it cannot be started as the
// options have it, or it has trouble of its own. An interpreter that is too old says so
// in its own way only.
func (p *program) unopened(err error) error {
	var m *engine.Mistake
	refused := errors.As(err, &m)
	if p.script != "" && !p.python.UV && !(refused && m.Key != "") {
		if old := python.TooOld(p.command[0]); old != nil {
			return old
		}
	}
	if refused {
		return err
	}
	return sdk.Trouble(err)
}
