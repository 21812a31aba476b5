package table

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/genome/rng"
	"github.com/nascent-nas/nascent/plugins/sdk"
)

// Results is the version of what it answers: whoever changes that raises it, and a
// search that has results of another version is refused.
const Results = 1

// Plugin makes the evaluator.
func Plugin() *sdk.EvaluatorPlugin {
	return &sdk.EvaluatorPlugin{
		Name: "table", Version: "1", SlotsFollowWorkers: true, Lookup: true,
		Operational: []string{"file", "join"}, // what they say is part of the identity
		Open:        open,
		Evaluate: func(*sdk.Job) (sdk.Result, error) {
			return sdk.Result{}, errors.New("the table is not open")
		},
	}
}

// table answers jobs. It does not change after open.
type table struct {
	o       options
	budgets []float64
	names   []string // of the metrics, in order
	sheet   *sheet
	keys    *keys
	rounded bool // 90.1 scaled by 0.01 is 0.901: searches from before there were revisions of the rules have 0.9009999999999999
}

// open reads the options and the file, and tells what it found.
func open(setup *sdk.Setup) error {
	o, budgets, err := read(setup)
	if err != nil {
		return err
	}
	t := &table{o: o, budgets: budgets, names: slices.Sorted(maps.Keys(o.Metrics)), rounded: setup.Space.Rules() > 0}
	if t.keys, err = newKeys(setup.Space, o.Key, o.Pool); err != nil {
		return err
	}
	if t.sheet, err = t.load(setup); err != nil {
		return err
	}
	if err := t.checkCost(); err != nil {
		return sdk.BadOption("cost", "%v", err)
	}
	if err := t.keys.index(t.sheet, o.Pool); err != nil {
		return sdk.BadOption("key", "%v", err)
	}
	t.sheet.texts, t.sheet.lines = nil, nil
	for _, g := range t.keys.made {
		setup.Pool = append(setup.Pool, []byte(g.Packed()))
	}
	t.keys.made = nil
	setup.Data = t.sheet.sum
	names := []string{filepath.Base(o.File)}
	for _, j := range o.Join {
		names = append(names, filepath.Base(j.file))
	}
	setup.Splits = fmt.Sprintf("looked up in %s; nothing is trained", strings.Join(names, " and "))
	var hidden []string
	for _, r := range o.Report {
		hidden = append(hidden, r.name())
	}
	if len(hidden) > 0 {
		setup.Splits += "; hidden until the end: " + strings.Join(hidden, ", ")
	}

	p := setup.Plugin
	p.Evaluate = t.evaluate
	p.Metrics, p.Optional = t.declare()
	p.Unseeded = !t.seeded()
	p.Tests, p.Reports = len(hidden) > 0, hidden
	if len(budgets) > 0 {
		p.Budget = budgets[0]
	}
	return nil
}

// columns are all that hold numbers.
func (t *table) columns() []string {
	var out []string
	for _, name := range t.names {
		m := t.o.Metrics[name]
		for _, s := range m.sources() {
			out = append(out, s.columns...)
		}
	}
	if t.o.Cost != nil {
		for _, s := range t.o.Cost.sources() {
			out = append(out, s.columns...)
		}
	}
	for _, r := range t.o.Report {
		out = append(out, r.column)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// askedBy is the option that names a column.
func (t *table) askedBy(column string) string {
	if slices.Contains(t.o.Key.wanted(), column) {
		return "key"
	}
	if slices.ContainsFunc(t.o.Report, func(r reported) bool { return r.column == column }) {
		return "report"
	}
	if t.o.Cost != nil {
		for _, s := range t.o.Cost.sources() {
			if slices.Contains(s.columns, column) {
				return "cost"
			}
		}
	}
	return "metrics"
}

// checkCost sees to it that every row has its costs: a search counts them.
func (t *table) checkCost() error {
	if t.o.Cost == nil {
		return nil
	}
	for _, s := range t.o.Cost.sources() {
		for _, c := range s.columns {
			for i, x := range t.sheet.numbers[c] {
				if !(x > 0) {
					what := fmt.Sprint(x)
					if math.IsNaN(x) {
						what = "empty"
					}
					return fmt.Errorf("%s:%d: column %s: %s is no cost: every row needs seconds above 0", t.sheet.name,
						t.sheet.lines[i], c, what)
				}
			}
		}
	}
	return nil
}

// goals are the directions of well-known metrics.
var goals = map[string]engine.Goal{
	"accuracy": engine.Maximize, "train_accuracy": engine.Maximize,
	"loss": engine.Minimize, "train_loss": engine.Minimize, "error": engine.Minimize,
	"parameters": engine.Minimize, "macs": engine.Minimize, "latency": engine.Minimize, "energy": engine.Minimize,
}

// declare lists the metrics. Seconds are a function of the job where the table
// knows them. All are optional, for a job of phase test measures none.
func (t *table) declare() (metrics []engine.Metric, optional []string) {
	for _, name := range t.names {
		metrics = append(metrics, engine.Metric{Name: name, Goal: goals[name]})
	}
	metrics = append(metrics, engine.Metric{Name: "seconds", Unit: "s", Goal: engine.Minimize, Measured: t.o.Cost == nil})
	return metrics, append(slices.Clone(t.names), "seconds")
}

// seeded tells whether measuring again may tell something else.
func (t *table) seeded() bool {
	for _, name := range t.names {
		if t.o.Noise[name] > 0 {
			return true
		}
		m := t.o.Metrics[name]
		if slices.ContainsFunc(m.sources(), func(s source) bool { return s.repeats() > 1 }) {
			return true
		}
	}
	return false
}

// evaluate looks a job up.
func (t *table) evaluate(job *sdk.Job) (sdk.Result, error) {
	begun := time.Now()
	row, ok, err := t.keys.row(job.Text)
	if err != nil {
		return sdk.Result{}, sdk.Invalid("the genome has no key: %v", err)
	}
	if !ok {
		what := "the table has"
		if len(t.o.Join) > 0 {
			what = "some of the joined files have"
		}
		return sdk.Result{}, sdk.Invalid("%s no row for %s; with pool: true such genomes are not proposed", what, clip(job.Text))
	}
	if len(t.budgets) > 0 && !slices.Contains(t.budgets, job.Budget) {
		return sdk.Result{}, fmt.Errorf("the table has nothing at budget %v: set budgets in "+
			"fidelities to some of %v", job.Budget, t.budgets)
	}
	r := sdk.Result{Metrics: sdk.Metrics{}}
	if t.o.Cost != nil {
		s, _ := t.o.Cost.get(job.Budget)
		if r.Seconds = s.number; !s.given {
			r.Seconds = t.cell(s, row, 0)
		}
		r.Metrics["seconds"] = r.Seconds
	} else {
		r.Metrics["seconds"] = time.Since(begun).Seconds()
	}
	if job.Phase == engine.PhaseTest {
		r.Files, err = t.report(job, row)
		return r, err
	}
	have := t.repeats(row, job.Budget)
	if len(have) == 0 {
		return sdk.Result{Seconds: r.Seconds}, sdk.Invalid("the table has an empty row for %s at budget %v", clip(job.Text), job.Budget)
	}
	n := job.Repeat
	if t.columnsAt(job.Budget) == 1 {
		n = 0 // it tells the same however often it is asked
	}
	measured, err := t.measure(row, job.Budget, n)
	if err != nil {
		return sdk.Result{}, err
	}
	for _, name := range t.names {
		x, ok := measured[name]
		if !ok {
			continue
		}
		if sd := t.o.Noise[name]; sd > 0 {
			x += float64(sd * rng.New(rng.Derive(job.Seed, "table noise "+name)).Normal())
		}
		r.Metrics[name] = x
	}
	return r, nil
}

// repeats lists, as indices of columns, those that a row has at a budget: where
// no metric's cell is empty. A metric of one column has the same figure in all.
func (t *table) repeats(row int32, budget float64) []int {
	var have []int
	for i := range t.columnsAt(budget) {
		whole := true
		for _, name := range t.names {
			m := t.o.Metrics[name]
			if s, ok := m.get(budget); ok && math.IsNaN(t.cell(s, row, i)) {
				whole = false
			}
		}
		if whole {
			have = append(have, i)
		}
	}
	return have
}

// columnsAt is how many repeats the table has at a budget, in rows without empty
// cells.
func (t *table) columnsAt(budget float64) int {
	most := 0
	for _, name := range t.names {
		m := t.o.Metrics[name]
		if s, ok := m.get(budget); ok {
			most = max(most, s.repeats())
		}
	}
	return most
}

// cell is a repeat of a row, NaN where it is empty.
func (t *table) cell(s source, row int32, repeat int) float64 {
	if s.mean {
		sum, n := 0.0, 0
		for _, c := range s.columns {
			if x := t.sheet.numbers[c][row]; !math.IsNaN(x) {
				sum, n = sum+x, n+1
			}
		}
		return sum / float64(n) // of none: NaN
	}
	return t.sheet.numbers[s.columns[min(repeat, len(s.columns)-1)]][row]
}

// count is "1 repeat", "2 repeats".
func count(n int) string {
	if n == 1 {
		return "1 repeat"
	}
	return fmt.Sprintf("%d repeats", n)
}

// measure reads the n-th repeat that a row has at a budget, from 0.
func (t *table) measure(row int32, budget float64, n int) (map[string]float64, error) {
	have := t.repeats(row, budget)
	if n < 0 || n >= len(have) {
		return nil, sdk.Invalid("this genome has %s in the table at budget %v, and this is measurement %d of it: ask for fewer repeats "+
			"in final, or reject duplicates", count(len(have)), budget, n+1)
	}
	out := map[string]float64{}
	for _, name := range t.names {
		m := t.o.Metrics[name]
		s, ok := m.get(budget)
		if !ok {
			continue
		}
		x := t.cell(s, row, have[n])
		if factor, ok := t.o.Scale[name]; ok {
			if x = float64(x * factor); t.rounded {
				x = engine.Key(x)
			}
		}
		out[name] = x
	}
	return out, nil
}

// report writes what is reported of a row into a file. This is the only place that
// reads it.
func (t *table) report(job *sdk.Job, row int32) (map[string]string, error) {
	figures := map[string]float64{}
	for _, r := range t.o.Report {
		x := t.sheet.numbers[r.column][row]
		if math.IsNaN(x) {
			continue
		}
		if figures[r.name()] = x; r.rank {
			figures[r.name()] = t.rank(r, x)
		}
	}
	b, err := json.Marshal(figures)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(job.Scratch(), engine.ReportFile)
	return map[string]string{engine.ReportFile: path}, os.WriteFile(path, b, 0o600)
}

// rank is the place of a figure among those of all rows, 1 that of the best; equal ones
// share the first.
func (t *table) rank(r reported, x float64) float64 {
	n := 1.0
	for _, other := range t.sheet.numbers[r.column] {
		if other > x && !r.least || other < x && r.least {
			n++
		}
	}
	return n
}
