package known

import (
	"bufio"
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/plugins/python"
)

// study is what an Optuna storage holds of one.
type study struct {
	Name       string   `json:"name"`
	Directions []string `json:"directions"` // minimize, maximize
	Metrics    []string `json:"metrics"`    // what the values are called, where somebody said
	Trials     []*trial `json:"trials"`

	gone bool
}

type trial struct {
	Number int              `json:"number"`
	State  string           `json:"state"` // COMPLETE, PRUNED, ...
	Params map[string]param `json:"params"`
	Values []*float64       `json:"values"`
	Attrs  map[string]any   `json:"attrs"`  // of the user
	System map[string]any   `json:"system"` // of Optuna's samplers
	Curve  map[int]*float64 `json:"curve"`
}

// param is a value as Optuna stores it: of a categorical one the place among the choices.
type param struct {
	Value        float64 `json:"value"`
	Distribution string  `json:"distribution"`
}

// none is a choice that Optuna has as Python's None. Spaces have words for it.
type none struct{}

// value is what was suggested.
func (p param) value() any {
	var d struct {
		Name       string `json:"name"`
		Attributes struct {
			Choices []any `json:"choices"`
		} `json:"attributes"`
	}
	if json.Unmarshal([]byte(p.Distribution), &d) == nil && d.Name == "CategoricalDistribution" {
		if i := int(p.Value); i >= 0 && i < len(d.Attributes.Choices) {
			if d.Attributes.Choices[i] == nil {
				return none{}
			}
			return d.Attributes.Choices[i]
		}
	}
	if strings.HasPrefix(d.Name, "Int") {
		return int64(math.Round(p.Value))
	}
	return p.Value
}

// constraints are a trial's, by name, or place; above 0 is too much. Until version 4 they
// were a list.
func (t *trial) constraints() map[string]any {
	const key = "constraints"
	all := map[string]any{}
	if list, ok := t.System[key].([]any); ok {
		for i, x := range list {
			all[strconv.Itoa(i)] = x
		}
	}
	for k, x := range t.System {
		if name, ok := strings.CutPrefix(k, key+":"); ok {
			all[name] = x
		}
	}
	return all
}

//go:embed sqlite.py
var sqliteReader string

// openSQLite has Python's sqlite3 read a study.
func openSQLite(path, name string) (*Source, error) {
	interpreter, err := python.Interpreter("", "")
	if err != nil {
		return nil, fmt.Errorf("an Optuna study in SQLite is read with Python: %w", err)
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	out, err := exec.Command(interpreter, "-I", "-c", sqliteReader, abs).Output()
	if err != nil {
		text := err.Error()
		if e, ok := err.(*exec.ExitError); ok && len(e.Stderr) > 0 {
			lines := strings.Split(strings.TrimSpace(string(e.Stderr)), "\n")
			text = lines[len(lines)-1]
		}
		return nil, mistake("%s cannot be read as an Optuna study: %s", base(path), text)
	}
	var studies []*study
	if err := json.Unmarshal(out, &studies); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return choose(studies, path, name)
}

// Operations of Optuna's journal.
const (
	opCreateStudy = iota
	opDeleteStudy
	opStudyUserAttr
	opStudySystemAttr
	opCreateTrial
	opParam
	opState
	opIntermediate
	opUserAttr
	opSystemAttr
)

// entry is one line of the journal.
type entry struct {
	Op         int                        `json:"op_code"`
	Study      int                        `json:"study_id"`
	Trial      int                        `json:"trial_id"`
	Name       string                     `json:"study_name"`
	Directions []int                      `json:"directions"`
	System     map[string]json.RawMessage `json:"system_attr"`
	User       map[string]any             `json:"user_attr"`
	Param      string                     `json:"param_name"`
	Internal   float64                    `json:"param_value_internal"`
	Kind       string                     `json:"distribution"`
	State      *int                       `json:"state"`
	Values     []*float64                 `json:"values"`
	Value      *float64                   `json:"value"`
	Step       int                        `json:"step"`
	Reported   *float64                   `json:"intermediate_value"`

	// Of a trial that was there before it came into the journal:
	Kinds  map[string]string  `json:"distributions"`
	Params map[string]float64 `json:"params"`
	Attrs  map[string]any     `json:"user_attrs"`
	Own    map[string]any     `json:"system_attrs"`
	Curve  map[int]*float64   `json:"intermediate_values"`
}

var (
	journalStates     = []string{"RUNNING", "COMPLETE", "PRUNED", "FAIL", "WAITING"}
	journalDirections = []string{"", "minimize", "maximize"}
)

// strict is a line of JSON without the numbers that Python writes and JSON does not have.
func strict(line []byte) []byte {
	if !notJSON.Match(line) {
		return line
	}
	out := make([]byte, 0, len(line))
	quoted := false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case quoted && c == '\\' && i+1 < len(line):
			out, i = append(out, c), i+1
		case c == '"':
			quoted = !quoted
		case !quoted:
			if at := notJSON.FindIndex(line[i:min(len(line), i+len("-Infinity"))]); at != nil && at[0] == 0 {
				out, i = append(out, "null"...), i+at[1]-1
				continue
			}
		}
		out = append(out, line[i])
	}
	return out
}

var notJSON = regexp.MustCompile(`NaN|-?Infinity`)

func word(list []string, i int) string {
	if i < 0 || i >= len(list) {
		return ""
	}
	return list[i]
}

func openJournal(path, name string) (*Source, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var studies []*study
	var trials []*trial
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 64<<20)
	for n := 1; lines.Scan(); n++ {
		var e entry
		if err := json.Unmarshal(strict(lines.Bytes()), &e); err != nil {
			return nil, mistake("%s, line %d: it is no line of an Optuna journal: %v", base(path), n, err)
		}
		if e.Op == opCreateStudy {
			s := &study{Name: e.Name}
			for _, d := range e.Directions {
				s.Directions = append(s.Directions, word(journalDirections, d))
			}
			studies = append(studies, s)
			continue
		}
		if e.Op <= opCreateTrial {
			if e.Study < 0 || e.Study >= len(studies) {
				continue
			}
			switch s := studies[e.Study]; e.Op {
			case opDeleteStudy:
				s.gone = true
			case opStudySystemAttr:
				if raw, ok := e.System["study:metric_names"]; ok {
					json.Unmarshal(raw, &s.Metrics)
				}
			case opCreateTrial:
				t := &trial{Number: len(s.Trials), State: "RUNNING", Params: map[string]param{}, Attrs: e.Attrs,
					System: e.Own, Curve: e.Curve, Values: e.Values}
				if e.State != nil {
					t.State = word(journalStates, *e.State)
				}
				if e.Value != nil {
					t.Values = []*float64{e.Value}
				}
				for k, x := range e.Params {
					t.Params[k] = param{x, e.Kinds[k]}
				}
				trials, s.Trials = append(trials, t), append(s.Trials, t)
			}
			continue
		}
		if e.Trial < 0 || e.Trial >= len(trials) {
			continue
		}
		switch t := trials[e.Trial]; e.Op {
		case opParam:
			t.Params[e.Param] = param{e.Internal, e.Kind}
		case opState:
			if e.State != nil {
				t.State = word(journalStates, *e.State)
			}
			if len(e.Values) > 0 {
				t.Values = e.Values
			}
		case opIntermediate:
			if t.Curve == nil {
				t.Curve = map[int]*float64{}
			}
			t.Curve[e.Step] = e.Reported
		case opUserAttr:
			if t.Attrs == nil {
				t.Attrs = map[string]any{}
			}
			maps.Copy(t.Attrs, e.User)
		case opSystemAttr:
			if t.System == nil {
				t.System = map[string]any{}
			}
			for k, raw := range e.System {
				var v any
				if json.Unmarshal(raw, &v) == nil {
					t.System[k] = v
				}
			}
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return choose(slices.DeleteFunc(studies, func(s *study) bool { return s.gone }), path, name)
}

// choose makes a source of the study that is meant.
func choose(studies []*study, path, name string) (*Source, error) {
	var names []string
	for _, s := range studies {
		names = append(names, s.Name)
	}
	switch {
	case len(studies) == 0:
		return nil, mistake("%s has no study", base(path))
	case name == "" && len(studies) > 1:
		return nil, mistake("%s has %d studies; say which with --study: %s", base(path), len(studies), strings.Join(names, ", "))
	case name == "":
		return studies[0].source()
	}
	for _, s := range studies {
		if s.Name == name {
			return s.source()
		}
	}
	return nil, mistake("%s has no study %s; there is %s", base(path), name, strings.Join(names, ", "))
}

// source has a study's trials as rows, with the columns of Optuna's own data frames.
func (s *study) source() (*Source, error) {
	out := &Source{What: "the Optuna study " + s.Name, Each: "trial", Params: true, Goals: map[string]engine.Goal{}}
	var values []string
	for i, direction := range s.Directions {
		name := "value"
		if len(s.Directions) > 1 {
			name = fmt.Sprintf("values_%d", i)
		}
		if i < len(s.Metrics) {
			name = s.Metrics[i]
		}
		values = append(values, name)
		if direction != "" {
			out.Goals[name] = engine.Goal(strings.ToLower(direction))
		}
	}
	out.Columns = slices.Clone(values)
	seen := map[string]bool{}
	column := func(row Row, name string, v any) {
		if !seen[name] {
			seen[name] = true
			out.Columns = append(out.Columns, name)
		}
		row.Values[name] = v
	}
	for _, t := range s.Trials {
		row := Row{Name: fmt.Sprintf("trial %d", t.Number), Values: map[string]any{}}
		if t.State != "COMPLETE" {
			row.State = strings.ToLower(t.State)
			if row.State == "fail" {
				row.State = "failed"
			}
		}
		for i, x := range t.Values {
			if i < len(values) && x != nil {
				row.Values[values[i]] = *x
			}
		}
		for _, k := range sortedKeys(t.Params) {
			column(row, paramPrefix+k, t.Params[k].value())
		}
		for _, k := range sortedKeys(t.Attrs) {
			column(row, "user_attrs_"+k, t.Attrs[k])
		}
		constraints := t.constraints()
		for _, k := range sortedKeys(constraints) {
			column(row, "constraints_"+k, constraints[k])
		}
		if len(s.Directions) == 1 {
			steps := make([]int, 0, len(t.Curve))
			for step := range t.Curve {
				steps = append(steps, step)
			}
			slices.Sort(steps)
			for _, step := range steps {
				if x := t.Curve[step]; x != nil && step >= 0 {
					row.Curve = append(row.Curve, engine.Point{Step: float64(step), Metrics: engine.Values{{Name: values[0], Value: *x}}})
				}
			}
		}
		out.Rows = append(out.Rows, row)
	}
	if len(out.Rows) == 0 {
		return nil, mistake("%s has no trials", out.What)
	}
	return out, nil
}
