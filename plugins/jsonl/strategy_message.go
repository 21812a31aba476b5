package jsonl

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/genome"
)

// question is a line to a strategy's worker; one field is set.
type question struct {
	Open    *Opening `json:"open,omitempty"`
	History *past    `json:"history,omitempty"`
	Step    *step    `json:"step,omitempty"`
	Answer  *Answer  `json:"answer,omitempty"`
}

// past is what a worker's copy of the History lacks: it keeps so many rows and
// appends others. Several lines may come before a step.
type past struct {
	Keep int   `json:"keep"`
	Rows []row `json:"rows,omitempty"`
}

// rowsInLine and bytesInLine are how many rows one line brings, and about how
// long it may become.
const (
	rowsInLine  = 1000
	bytesInLine = maxLine / 8
)

// row is a candidate. What is usual is left out.
type row struct {
	ID        engine.ID      `json:"id"`
	Genome    string         `json:"genome"`
	Operator  string         `json:"operator"`
	Parents   []engine.ID    `json:"parents,omitempty"`
	Fidelity  int            `json:"fidelity,omitempty"`
	Budget    float64        `json:"budget"`
	Seed      uint64         `json:"seed"`
	Task      engine.Task    `json:"task,omitempty"` // besides train
	Tag       string         `json:"tag,omitempty"`
	Resume    engine.ID      `json:"resume,omitempty"`
	Inherit   engine.ID      `json:"inherit,omitempty"`
	Replicate bool           `json:"replicate,omitempty"`
	Reuse     engine.ID      `json:"reuse,omitempty"`
	Status    engine.Status  `json:"status"`
	Reason    string         `json:"reason,omitempty"`
	Stopped   bool           `json:"stopped,omitempty"`
	Metrics   engine.Values  `json:"metrics"`
	Curve     []engine.Point `json:"curve,omitempty"`
	Output    []byte         `json:"output,omitempty"` // base64
}

// rowOf is a candidate without its curve and output.
func rowOf(c *engine.Candidate) row {
	r := row{
		ID: c.ID, Genome: c.Genome.Text(), Operator: c.Operator, Parents: c.Parents, Fidelity: c.Fidelity, Budget: c.Budget, Seed: c.Seed,
		Tag: c.Tag, Resume: c.Resume, Inherit: c.Inherit, Replicate: c.Replicate, Reuse: c.Reuse,
		Status: c.Status, Reason: c.Reason, Stopped: c.Stopped, Metrics: c.Metrics,
	}
	if c.Task != engine.Train {
		r.Task = c.Task
	}
	return r
}

// step asks for a decision.
type step struct {
	N       uint64          `json:"n"`
	Seed    uint64          `json:"seed"`
	First   engine.ID       `json:"first"`
	Want    int             `json:"want"`
	State   json.RawMessage `json:"state"`             // null for an empty one
	Results []row           `json:"results,omitempty"` // with curves and outputs
	Spent   engine.Spent    `json:"spent"`
	Limits  engine.Limits   `json:"limits"`

	Files   map[string]string `json:"files,omitempty"`   // paths by name of what the decision before named
	Scratch string            `json:"scratch,omitempty"` // where new files are written
}

func stepOf(state []byte, t engine.Turn, files engine.Files) (*step, error) {
	s := &step{N: t.N, Seed: t.Seed, First: t.FirstID, Want: t.Want, State: state, Spent: t.Spent, Limits: t.Limits}
	if files != nil {
		s.Scratch = files.Temp()
		var err error
		if s.Files, err = engine.Paths(files, t.Files); err != nil {
			return nil, err
		}
	}
	for i := range t.Results {
		c := &t.Results[i]
		r := rowOf(c)
		r.Curve, r.Output = c.Curve, c.Output
		s.Results = append(s.Results, r)
	}
	return s, nil
}

// reply is a line from a strategy: its hello, a refusal, a question about the
// space, a decision, or why there is none.
type reply struct {
	Hello    *strategyHello `json:"hello"`
	Refuse   *refusal       `json:"refuse"`
	Decision *decision      `json:"decision"`
	Failed   *string        `json:"failed"`

	Question
}

// meant tells whether a line is for us.
func (m *reply) meant() bool {
	return m.Hello != nil || m.Refuse != nil || m.Decision != nil || m.Failed != nil || m.Space != ""
}

// conclusive tells whether JSON is a line from a strategy that something waits for.
func conclusive(line []byte) bool {
	var m reply
	return json.Unmarshal(line, &m) == nil && m.meant()
}

// strategyHello is what a strategy says of itself. Everything may be left out.
type strategyHello struct {
	Protocol int                `json:"protocol"`
	State    json.RawMessage    `json:"state"`
	History  engine.HistoryNeed `json:"history"` // default metrics
	Batch    int                `json:"batch"`
	Tasks    []engine.Task      `json:"tasks"`
	Remark   string             `json:"remark"`
	SDK      string             `json:"sdk"` // and Version are for people
	Version  string             `json:"version"`
}

// stored is a state as the engine keeps it.
func stored(state json.RawMessage) []byte {
	if string(state) == "null" {
		return nil
	}
	return state
}

// needs checks what a strategy says of itself.
func (h *strategyHello) needs() (engine.Needs, error) {
	n := engine.Needs{History: h.History, Batch: h.Batch, Tasks: h.Tasks, Remark: h.Remark}
	if n.History == "" {
		n.History = engine.NeedMetrics
	}
	if !slices.Contains([]engine.HistoryNeed{engine.NeedNone, engine.NeedMetrics, engine.NeedAll}, n.History) {
		return n, fmt.Errorf("the strategy asks for the history %q: use none, metrics or all", n.History)
	}
	if n.Batch < 0 {
		return n, fmt.Errorf("the strategy asks for a batch of %d: use 1 or more", n.Batch)
	}
	return n, understood(h.Protocol)
}

// decision is what a strategy decided.
type decision struct {
	State     json.RawMessage `json:"state"`
	Proposals []proposal      `json:"proposals"`
	Keep      []engine.ID     `json:"keep"`
	Note      string          `json:"note"`
	Done      bool            `json:"done"`

	// Paths by name. Once they are stored, hashes.
	Files map[string]string `json:"files"`
	refs  []engine.FileRef
}

// store takes a decision's new files into the store; those that came with the
// turn are there.
func (d *decision) store(turn engine.Turn, files engine.Files) error {
	if len(d.Files) == 0 {
		return nil
	}
	if files == nil {
		return errors.New("the decision names files, but the search has no store")
	}
	known := map[string]engine.FileRef{}
	for _, ref := range turn.Files {
		path, err := files.Path(ref.Hash)
		if err != nil {
			return err
		}
		known[path] = ref
	}
	for _, name := range sortedNames(d.Files) {
		ref, ok := known[d.Files[name]]
		if !ok {
			var err error
			if ref, err = files.Put(d.Files[name], name); err != nil {
				return fmt.Errorf("the file %s of the decision: %w", name, err)
			}
		}
		ref.Name, d.Files[name] = name, ref.Hash
		d.refs = append(d.refs, ref)
	}
	return nil
}

type proposal struct {
	Operator  string           `json:"operator"`
	Parents   []engine.ID      `json:"parents"`
	Genome    string           `json:"genome"`
	Fidelity  int              `json:"fidelity"`
	Task      engine.Task      `json:"task"`
	Input     []byte           `json:"input"` // base64
	Resume    engine.ID        `json:"resume"`
	Inherit   engine.ID        `json:"inherit"`
	Replicate bool             `json:"replicate"`
	Stop      *engine.StopRule `json:"stop"`
	Tag       string           `json:"tag"`
	Budget    float64          `json:"budget"`
}

// read makes the engine's decision of it.
func (d *decision) read(space *genome.Space) (engine.Decision, error) {
	out := engine.Decision{State: stored(d.State), Files: d.refs, Keep: d.Keep, Note: d.Note, Done: d.Done}
	for i, p := range d.Proposals {
		q := engine.Proposal{
			Operator: p.Operator, Parents: p.Parents, Fidelity: p.Fidelity, Task: p.Task, Input: p.Input, Resume: p.Resume,
			Inherit: p.Inherit, Replicate: p.Replicate, Stop: p.Stop, Tag: p.Tag, Budget: p.Budget,
		}
		if p.Genome != "" {
			var err error
			if q.Genome, err = space.Parse(p.Genome); err != nil {
				return engine.Decision{}, fmt.Errorf("proposal %d: %w", i+1, err)
			}
		}
		out.Proposals = append(out.Proposals, q)
	}
	return out, nil
}
