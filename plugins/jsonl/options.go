package jsonl

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sort"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/plugins/sdk"
)

// options are those of this evaluator.
type options struct {
	Command []string        `json:"command"` // the program and its arguments; not for Python files
	Mode    string          `json:"mode"`    // stream (default) or once
	Options json.RawMessage `json:"options"` // the program's own

	// What a program of mode once cannot say itself.
	Metrics       map[string]engine.Goal `json:"metrics"` // default: accuracy, loss, seconds
	Deterministic *bool                  `json:"deterministic"`
	Tests         bool                   `json:"tests"`

	Devices      []device     `json:"devices"`       // GPUs: each process sees one
	StartTimeout startTimeout `json:"start_timeout"` // until the hello; default 1m
}

// startTimeout is how long a program may take to say hello: above 0, or left out.
type startTimeout sdk.Duration

// UnmarshalJSON reads a duration.
func (d *startTimeout) UnmarshalJSON(b []byte) error {
	if err := (*sdk.Duration)(d).UnmarshalJSON(b); err != nil {
		return err
	}
	if *d <= 0 {
		return fmt.Errorf("%s leaves no time: write a duration above 0, or leave it out", b)
	}
	return nil
}

// scriptOptions are those of a Python file's evaluator that are not its own.
type scriptOptions struct {
	Python       string       `json:"python"`        // the interpreter
	Preload      []string     `json:"preload"`       // modules that are imported once, before workers are forked
	Devices      []device     `json:"devices"`       // GPUs: each process sees one
	StartTimeout startTimeout `json:"start_timeout"` // until the hello; default 1m
}

// operational are the options that cannot change a result. What a command is, is
// told by its files, wherever they lie.
func (e *evaluator) operational() []string {
	if e.script != "" {
		return []string{"devices", "preload", "python", "start_timeout"}
	}
	return []string{"command", "devices", "start_timeout"}
}

// read fills in the settings from the options.
func (e *evaluator) read(setup *sdk.Setup) error {
	if e.script == "" {
		return e.readCommand(setup)
	}
	var o scriptOptions
	if err := e.readScript(setup.Options, e.operational(), &o); err != nil {
		return err
	}
	if err := e.usePython(o.Python, o.StartTimeout); err != nil {
		return err
	}
	if err := e.look(o.Devices, setup.Place); err != nil {
		return err
	}
	if len(o.Preload) > 0 {
		e.forkCommand = e.sdk(append([]string{"forkserver", e.script}, o.Preload...)...)
	}
	return nil
}

// look sees to it that the worker sees one of the devices.
func (e *evaluator) look(devices []device, place int) (err error) {
	e.devices = len(devices)
	e.env, err = see(e.env, devices, place)
	return err
}

func (e *evaluator) readCommand(setup *sdk.Setup) error {
	var o options
	if err := setup.Decode(&o); err != nil {
		return err
	}
	switch o.Mode {
	case "", "stream":
		if o.Metrics != nil || o.Deterministic != nil || o.Tests {
			return sdk.BadOption("mode", "metrics, deterministic and tests are for mode: once; a "+
				"program of mode stream says them in its hello")
		}
	case "once":
		e.once = true
	default:
		return sdk.BadOption("mode", "there is no mode %s: use stream or once", o.Mode)
	}
	if err := e.useCommand(o.Command, o.Options, o.StartTimeout); err != nil {
		return err
	}
	if err := e.look(o.Devices, setup.Place); err != nil {
		return err
	}
	p := setup.Plugin
	for name, goal := range o.Metrics {
		p.Metrics = append(p.Metrics, engine.Metric{Name: name, Goal: goal})
	}
	sort.Slice(p.Metrics, func(i, k int) bool { return p.Metrics[i].Name < p.Metrics[k].Name })
	p.Nondeterministic = o.Deterministic != nil && !*o.Deterministic
	p.Tests = o.Tests
	var err error
	setup.Data, err = contents(o.Command)
	return err
}

// A source is a file that results depend on, as it was when it was run first.
type source struct {
	path string
	sum  string
	info fs.FileInfo
}

// sources are those of a program: as it tells them, by name, or those that a command
// names. Those of what ships with nascent are left out.
func (p *program) sources(told map[string]string) []source {
	var out []source
	add := func(path, sum string) bool {
		now, err := hashFile(path)
		if err != nil || now == "" || sum != "" && now != sum {
			return false
		}
		info, err := os.Stat(path)
		if err == nil {
			out = append(out, source{path, now, info})
		}
		return err == nil
	}
	switch {
	case p.ships:
	case p.script == "":
		for _, word := range p.command {
			add(word, "")
		}
	default:
		real, err := filepath.EvalSymlinks(p.script)
		if err != nil {
			real = p.script
		}
		for _, name := range slices.Sorted(maps.Keys(told)) { // from where Python looks first
			_ = add(filepath.Join(filepath.Dir(real), name), told[name]) || add(filepath.Join(filepath.Dir(p.script), name), told[name])
		}
	}
	return out
}

// changed names a file that is not what it was, or "".
func changed(sources []source) string {
	for _, s := range sources {
		info, err := os.Stat(s.path)
		if err == nil && os.SameFile(info, s.info) && info.Size() == s.info.Size() && info.ModTime().Equal(s.info.ModTime()) {
			continue
		}
		if sum, err := hashFile(s.path); err != nil || sum != s.sum {
			return filepath.Base(s.path)
		}
	}
	return ""
}

// hashFile is the SHA-256 of a plain file's content, "" for what is none.
func hashFile(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return "", err
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// contents is a command without where its files lie: their hashes in place of
// their paths.
func contents(command []string) (string, error) {
	out := slices.Clone(command)
	for i, word := range command {
		sum, err := hashFile(word)
		switch {
		case errors.Is(err, fs.ErrPermission):
			return "", sdk.BadOption("command", "%v: make it readable", err)
		case err == nil && sum != "":
			out[i] = filepath.Base(word) + " " + sum
		}
	}
	text, err := json.Marshal(out)
	return string(text), err
}
