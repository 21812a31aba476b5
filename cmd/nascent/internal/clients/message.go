package clients

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/option"
)

// Protocol is the version of what is spoken here.
const Protocol = 1

// maxLine is the longest line in either direction.
const maxLine = 16 << 20

// message is a line from a client. Lines about a trial have its ID and Attempt;
// Metrics, Invalid, Failed and Returned end it.
type message struct {
	Hello *greeting `json:"hello"`
	Ask   *int      `json:"ask"`         // so many trials are wanted now, besides those that it has
	UpTo  int       `json:"evaluations"` // with ask: none beyond so many evaluations of the search; 0: as its limits say

	ID      string `json:"id"`
	Attempt int    `json:"attempt"`

	Step   float64            `json:"step"`
	Report map[string]*number `json:"report"`
	Save   map[string]string  `json:"save"` // name to path

	Metrics  map[string]*number `json:"metrics"`
	Output   string             `json:"output"` // base64
	Files    map[string]string  `json:"files"`  // name to path
	Seconds  float64            `json:"seconds"`
	Usage    engine.Usage       `json:"usage"`
	Stopped  bool               `json:"stopped"`
	Remark   string             `json:"remark"`
	Invalid  *string            `json:"invalid"`
	Failed   *string            `json:"failed"`
	Fault    string             `json:"fault"`
	Returned *string            `json:"returned"`
}

// number is a metric. Null, as some write what is no number, is none.
type number = float64

// greeting is the first line.
type greeting struct {
	Protocol int             `json:"protocol"`
	Client   string          `json:"client"` // for people: "python 0.1.0"
	Search   json.RawMessage `json:"search"` // what search it means, as a search.yaml; may be left out
	Folder   string          `json:"folder"` // where relative paths in it start
	Worker   bool            `json:"worker"` // it has one trial at a time, to blame if the client dies
	Holds    []held          `json:"holds"`  // trials of an engine that has ended
}

type held struct {
	ID      string `json:"id"`
	Attempt int    `json:"attempt"`
}

// reply is a line to a client; one field is set, of those that name a trial with
// Attempt.
type reply struct {
	Hello  *welcome `json:"hello,omitempty"`
	Refuse string   `json:"refuse,omitempty"` // in place of the hello

	Job  *order `json:"job,omitempty"`
	Done *done  `json:"done,omitempty"` // to ask: so many evaluations have been made
	End  *end   `json:"end,omitempty"`  // the search ends, or pauses; last

	Told    string `json:"told,omitempty"`    // what came of it is kept
	Invalid string `json:"invalid,omitempty"` // with Told: why it counts as invalid, where its client told metrics
	Stale   string `json:"stale,omitempty"`   // it is the client's no more
	Wrong   string `json:"wrong,omitempty"`   // what was told cannot be: the trial stays with the client
	Cancel  string `json:"cancel,omitempty"`  // it should end
	Save    bool   `json:"save,omitempty"`    // with Cancel: and keep its progress before
	Attempt int    `json:"attempt,omitempty"`
	Why     string `json:"why,omitempty"`
}

type welcome struct {
	Protocol int    `json:"protocol"`
	Version  string `json:"version"`
	Search   string `json:"search"`
}

type done struct {
	Evaluations int `json:"evaluations"`
}

type end struct {
	State       string `json:"state"` // finished, stopped, paused or failed
	Why         string `json:"why,omitempty"`
	Evaluations int    `json:"evaluations"`
}

// order is a job, as docs/exec.md has it but for its id.
type order struct {
	ID       string            `json:"id"`
	Attempt  int               `json:"attempt"`
	Genes    any               `json:"genes"`
	Text     string            `json:"text"`
	Network  json.RawMessage   `json:"network,omitempty"`
	Budget   float64           `json:"budget"`
	Seed     uint64            `json:"seed"`
	Fidelity int               `json:"fidelity"`
	Repeat   int               `json:"repeat,omitempty"`
	Phase    engine.Phase      `json:"phase"`
	Task     engine.Task       `json:"task"`
	Tag      string            `json:"tag,omitempty"`
	Input    []byte            `json:"input,omitempty"`
	Stop     *engine.StopRule  `json:"stop,omitempty"`
	Resume   map[string]string `json:"resume,omitempty"`
	Own      bool              `json:"own,omitempty"`
	Inherit  map[string]string `json:"inherit,omitempty"`
}

// decode reads a line.
func decode(line []byte) (*message, error) {
	var m message
	err := json.Unmarshal(line, &m)
	if err == nil {
		err = option.Fit(line, reflect.TypeFor[message]())
	}
	if err != nil {
		return nil, fmt.Errorf("%v, in the line %.100q", err, bytes.TrimSpace(line))
	}
	return &m, nil
}

// last tells whether a message ends its trial.
func (m *message) last() bool {
	return m.Metrics != nil || m.Invalid != nil || m.Failed != nil || m.Returned != nil
}

// result is what a trial came to, without its files.
func (m *message) result() (*engine.Result, error) {
	r := &engine.Result{Status: engine.OK, Seconds: m.Seconds, Usage: m.Usage, Stopped: m.Stopped, Reason: m.Remark}
	switch {
	case m.Invalid != nil:
		r.Status, r.Reason = engine.Invalid, *m.Invalid
	case m.Failed != nil:
		r.Status, r.Reason = engine.Failed, *m.Failed
	default:
		var err error
		if r.Output, err = base64.StdEncoding.DecodeString(m.Output); err != nil {
			return nil, fmt.Errorf("the output is not base64: %v", err)
		}
		r.Metrics = values(m.Metrics)
	}
	return r, nil
}

// values are metrics in the order of their names.
func values(metrics map[string]*number) engine.Values {
	var out engine.Values
	for name, x := range metrics {
		v := engine.Value{Name: name, Value: math.NaN()}
		if x != nil {
			v.Value = *x
		}
		out = append(out, v)
	}
	engine.SortValues(out)
	return out
}

// is tells whether the search holds what a message says: a client whose engine was
// killed cannot know whether it heard.
func (m *message) is(c *engine.Candidate, derived engine.Derivation) bool {
	told := values(m.Metrics)
	switch {
	case m.Invalid != nil:
		return c.Status == engine.Invalid && c.Reason == engine.OneLine(*m.Invalid)
	case m.Metrics == nil:
		return false
	case c.Status == engine.Invalid:
		return c.Reason == spoilt(engine.Result{Status: engine.OK, Metrics: counted(told, &c.Job)}, derived)
	case c.Status != engine.OK:
		return false
	}
	return !slices.ContainsFunc(told, func(v engine.Value) bool {
		x, has := c.Metrics.Get(v.Name)
		return !has || x != v.Value
	})
}
