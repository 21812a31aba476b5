package jsonl

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"slices"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/genome/network"
	"github.com/nascent-nas/nascent/plugins/sdk"
)

// order is a line to a worker that is no job; one field is set. Cancel comes with
// Save or Stopped.
type order struct {
	Open    *opening `json:"open,omitempty"`
	Cancel  int      `json:"cancel,omitempty"` // a job's id
	Save    bool     `json:"save,omitempty"`
	Stopped bool     `json:"stopped,omitempty"`
}

// opening is the first line.
type opening struct {
	Protocol int               `json:"protocol"`
	Space    json.RawMessage   `json:"space"`
	Supernet *network.Supernet `json:"supernet,omitempty"`
	Options  json.RawMessage   `json:"options,omitempty"`
	Workers  int               `json:"workers"`
}

// hello is what a worker says of itself. Everything may be left out.
type hello struct {
	Protocol      int               `json:"protocol"`
	SDK           string            `json:"sdk"`
	Version       string            `json:"version"`
	Slots         int               `json:"slots"`
	Batch         bool              `json:"batch"` // jobs are carried out together
	Brief         bool              `json:"brief"` // jobs leave out what most have in common
	Tasks         []engine.Task     `json:"tasks"`
	Metrics       []metric          `json:"metrics"`
	Deterministic *bool             `json:"deterministic"`
	Seeded        *bool             `json:"seeded"`
	Tests         bool              `json:"tests"`
	Reports       []string          `json:"reports"`
	Budget        float64           `json:"budget"`
	Unit          string            `json:"unit"`
	Data          string            `json:"data"`
	Splits        string            `json:"splits"`
	Operational   []string          `json:"operational"` // options that cannot change a result
	Sources       map[string]string `json:"sources"`     // hashes of the program's files
}

// understood refuses a program that speaks a later version.
func understood(version int) error {
	if version > Protocol {
		return fmt.Errorf("the program speaks version %d of the protocol and this nascent speaks %d: update nascent", version, Protocol)
	}
	return nil
}

type metric struct {
	Name     string      `json:"name"`
	Goal     engine.Goal `json:"goal"`
	Unit     string      `json:"unit"`
	Measured bool        `json:"measured"`
	Optional bool        `json:"optional"`
}

// tell fills in what a plugin says of itself.
func (h *hello) tell(setup *sdk.Setup) error {
	if err := understood(h.Protocol); err != nil {
		return err
	}
	p := setup.Plugin
	p.Version, p.Tasks, p.Tests, p.Reports = h.Version, h.Tasks, h.Tests, h.Reports
	p.Nondeterministic = h.Deterministic != nil && !*h.Deterministic
	p.Unseeded = h.Seeded != nil && !*h.Seeded
	p.Budget, p.BudgetUnit, setup.Splits = h.Budget, h.Unit, h.Splits
	p.Operational = append(slices.Clone(p.Operational), h.Operational...)
	for _, m := range h.Metrics {
		p.Metrics = append(p.Metrics, engine.Metric{Name: m.Name, Goal: m.Goal, Unit: m.Unit, Measured: m.Measured})
		if m.Optional {
			p.Optional = append(p.Optional, m.Name)
		}
	}
	setup.Slots = max(1, h.Slots)
	if len(h.Sources) > 0 || h.Data != "" {
		text, err := json.Marshal(struct {
			Sources map[string]string `json:"sources,omitempty"`
			Data    string            `json:"data,omitempty"`
		}{h.Sources, h.Data}) // maps are written in the order of their keys
		if err != nil {
			return err
		}
		if setup.Data != "" {
			setup.Data += " "
		}
		setup.Data += string(text)
	}
	return nil
}

// message is a line from a worker: its hello, a refusal, or something about a
// job. Metrics, Invalid, Failed and Returned end the job.
type message struct {
	Hello  *hello   `json:"hello"`
	Refuse *refusal `json:"refuse"`

	ID     int               `json:"id"`
	Step   float64           `json:"step"`
	Report sdk.Metrics       `json:"report"`
	Save   map[string]string `json:"save"` // name to path

	Metrics  sdk.Metrics       `json:"metrics"`
	Output   string            `json:"output"` // base64
	Files    map[string]string `json:"files"`  // name to path
	Seconds  float64           `json:"seconds"`
	Usage    engine.Usage      `json:"usage"`
	Stopped  bool              `json:"stopped"`
	Remark   string            `json:"remark"`
	Scratch  *bool             `json:"scratch"` // whether the directory was made; nil: unknown
	Invalid  *string           `json:"invalid"`
	Failed   *string           `json:"failed"`
	Fault    string            `json:"fault"` // with failed: equal for failures of one cause
	Returned *string           `json:"returned"`
}

// refusal stands in place of a hello.
type refusal struct {
	Key  string `json:"key"`
	Text string `json:"text"`
}

func (r *refusal) err() error {
	return sdk.BadOption(r.Key, "%s", r.Text)
}

// last tells whether a message ends its job.
func (m *message) last() bool {
	return m.Metrics != nil || m.Invalid != nil || m.Failed != nil || m.Returned != nil
}

// meant tells whether a line is for us, of a worker that names the job.
func (m *message) meant() bool { return m.Hello != nil || m.Refuse != nil || m.ID != 0 || m.last() }

// tells whether a line is for us, of a process that has one job.
func (m *message) tells() bool { return m.last() || m.Report != nil || m.Save != nil }

// answers tells whether JSON is a line from a worker that something waits for.
func answers(line []byte) bool {
	var m message
	return json.Unmarshal(line, &m) == nil &&
		(m.Hello != nil || m.Refuse != nil || m.ID != 0 && (m.last() || m.Report != nil || m.Save != nil))
}

// nothing tells of every line that nothing waits for it.
func nothing([]byte) bool { return false }

// mind puts NaN where the line that a message was read from has a null among its
// numbers: that is how some languages write NaN, and encoding/json reads 0.
func (m *message) mind(line []byte) {
	var given struct{ Metrics, Report map[string]*float64 }
	if json.Unmarshal(line, &given) != nil {
		return
	}
	for name, v := range given.Metrics {
		if v == nil {
			m.Metrics[name] = math.NaN()
		}
	}
	for name, v := range given.Report {
		if v == nil {
			m.Report[name] = math.NaN()
		}
	}
}

// result is what a job came to.
func (m *message) result() (sdk.Result, error) {
	switch {
	case m.Invalid != nil:
		return sdk.Result{}, sdk.Invalid("%s", *m.Invalid)
	case m.Failed != nil:
		return sdk.Result{}, &sdk.Failure{Text: *m.Failed, Fault: m.Fault}
	case m.Returned != nil:
		return sdk.Result{}, sdk.Returned(*m.Returned)
	}
	output, err := base64.StdEncoding.DecodeString(m.Output)
	if err != nil {
		return sdk.Result{}, fmt.Errorf("the program's output is not base64: %v", err)
	}
	return sdk.Result{Metrics: m.Metrics, Output: output, Files: m.Files, Seconds: m.Seconds, Usage: m.Usage, Stopped: m.Stopped, Remark: m.Remark}, nil
}

// progress passes on what a job tells besides its result.
func (m *message) progress(j *sdk.Job) {
	if m.Report != nil {
		j.Report(m.Step, m.Report)
	}
	if m.Scratch != nil && !*m.Scratch {
		j.NoScratch()
	}
	for _, name := range sortedNames(m.Save) {
		if err := j.Save(name, m.Save[name]); err != nil {
			sdk.Log().Error("cannot keep saved progress", "job", j.ID.String(), "file", filepath.Base(m.Save[name]), "error", err)
		}
	}
}

func sortedNames(files map[string]string) []string {
	var names []string
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
