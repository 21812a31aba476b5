// Package report tells what came of a search: as text for a terminal, as JSON, and as an
// Account in words and figures, which the page shows (package serve).
//
// report.go gathers, text.go and account.go write, front.go does both for fronts.
package report

import (
	"slices"
	"strings"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/genome/network"
)

// Report is what there is to say about a search.
type Report struct {
	view      *show.View
	status    engine.Snapshot
	objective engine.Objective
	best      []engine.Candidate // the winner, then best first, with curves
	outcome   engine.Outcome
	judged    bool // outcome holds something
	rows      []row
	fronts    []front
	volume    []volume // after so many evaluations
	counted   bool     // the metric parameters is something else than what networks have
}

// row is one network's figures.
type row struct {
	ID         engine.ID // 0 for a baseline
	Name       string
	Parameters float64 // as measured where there is no network: any finite number
	Macs       float64
	Search     *float64         // as the search measured it
	Estimate   *engine.Estimate // by all measurements of the search, if something was measured again
	Again      *Figure          // re-measured with fresh seeds
	Test       *Figure          // on test data
	Report     engine.Values    // what the tests left for reports alone
	Winner     bool
	Also       []*Figure // the other objectives: re-measured, or else as the search measured them
	Counted    *float64  // the metric parameters, where the search has one
	Genome     string
	Hash       string
}

// Figure is a mean over n measurements with its sample standard deviation.
type Figure struct {
	Mean float64 `json:"mean"`
	SD   float64 `json:"sd"`
	N    int     `json:"n"`

	// The ends of the mean's 95 % interval, where the noise is known.
	Low  *float64 `json:"low,omitempty"`
	High *float64 `json:"high,omitempty"`
}

// shown is how many of the best are told of.
const shown = 5

// Of gathers a report.
func Of(v *show.View) *Report {
	r := figuresOf(v)
	r.fronts, r.volume = frontsOf(v), volumeOf(v)
	return r
}

// AccountOf is the report in words and figures. It looks at a few candidates alone, however
// many there are.
func AccountOf(v *show.View) *Account { return figuresOf(v).Account() }

// figuresOf gathers what is no picture.
func figuresOf(v *show.View) *Report {
	r := &Report{view: v, status: v.Status(), objective: v.Objective()}
	for _, c := range v.Best(shown) {
		if whole, err := v.Candidate(c.ID); err == nil {
			c = whole
		}
		r.best = append(r.best, c)
	}
	r.outcome, r.judged = v.Outcome()
	r.crown()
	r.gather()
	return r
}

// crown puts the winner first: measured again, another than the best of the
// search may have won.
func (r *Report) crown() {
	if r.outcome.Winner == 0 {
		return
	}
	i := slices.IndexFunc(r.best, func(c engine.Candidate) bool { return c.ID == r.outcome.Winner })
	winner, err := r.view.Candidate(r.outcome.Winner)
	if err != nil {
		return
	}
	if i >= 0 {
		r.best = slices.Delete(r.best, i, i+1)
	}
	r.best = slices.Insert(r.best, 0, winner)
}

// gather puts the figures of each network into one row: the winner first, then
// the others that were re-measured, the best of the search, the baselines.
func (r *Report) gather() {
	index := func(id engine.ID, name string) *row {
		i := slices.IndexFunc(r.rows, func(x row) bool { return x.ID == id && (id != 0 || x.Name == name) })
		if i < 0 {
			i = len(r.rows)
			x := row{ID: id, Name: name}
			if id != 0 {
				x.Name = "candidate " + id.String()
				x.Winner = id == r.outcome.Winner
			}
			r.rows = append(r.rows, x)
		}
		return &r.rows[i]
	}
	figure := func(m *engine.Measured) *Figure {
		mean, sd, n := m.Mean(r.objective.Metric)
		if n == 0 {
			return nil
		}
		return &Figure{Mean: mean, SD: sd, N: n}
	}
	if r.outcome.Winner != 0 {
		index(r.outcome.Winner, "")
	}
	for i := range r.outcome.Remeasured {
		m := &r.outcome.Remeasured[i]
		index(m.ID, m.Name).Again = r.remeasured(i, r.objective.Metric)
	}
	for _, c := range r.best[:min(3, len(r.best))] {
		index(c.ID, "")
	}
	for i := range r.outcome.Tested {
		m := &r.outcome.Tested[i]
		x := index(m.ID, m.Name)
		x.Test, x.Report = figure(r.onTest(m)), r.view.Reported(m.Results)
	}
	for i := range r.rows {
		x := &r.rows[i]
		x.Parameters, x.Macs = r.size(x)
		if x.ID != 0 {
			if c, err := r.view.Candidate(x.ID); err == nil {
				x.Genome, x.Hash = c.Genome.Text(), c.Genome.Hash().String()
				if y, ok := c.Metrics.Get(r.objective.Metric); ok {
					x.Search = &y
				}
				if n, ok := c.Metrics.Get("parameters"); ok {
					x.Counted, r.counted = &n, r.counted || n != x.Parameters
				}
				if e, ok := r.view.Estimates(x.ID)[r.objective.Metric]; ok {
					x.Estimate = &e
				}
			}
		}
	}
	for i := range r.rows {
		x := &r.rows[i]
		if x.ID == 0 {
			continue
		}
		if c, err := r.view.Candidate(x.ID); err == nil {
			x.Also = r.also(&c)
		}
	}
}

// remeasured is what the fresh measurements of the i-th of those that were measured again
// tell of a metric, or nil.
func (r *Report) remeasured(i int, metric string) *Figure {
	mean, sd, n := r.outcome.Remeasured[i].Mean(metric)
	if n == 0 {
		return nil
	}
	f := &Figure{Mean: mean, SD: sd, N: n}
	if all, known := r.outcome.Estimates(metric); known {
		f.Low, f.High = &all[i].Low, &all[i].High
	}
	return f
}

// onTest has what was measured on test data by the names that it has in the search:
// test_accuracy as accuracy, and what derives from it.
func (r *Report) onTest(m *engine.Measured) *engine.Measured {
	derived, err := engine.Derive(r.view.Plan.Derived)
	if err != nil {
		return m // never: the search was made with them
	}
	out := &engine.Measured{}
	for _, result := range m.Results {
		var metrics engine.Values
		for _, v := range result.Metrics {
			name, tested := strings.CutPrefix(v.Name, "test_")
			_, twice := result.Metrics.Get("test_" + v.Name)
			if tested || !twice && !slices.ContainsFunc(r.view.Plan.Derived, func(d engine.Derived) bool { return d.Metric == v.Name }) {
				metrics = append(metrics, engine.Value{Name: name, Value: v.Value})
			}
		}
		result.Metrics = metrics
		derived.Complete(&result)
		out.Results = append(out.Results, result)
	}
	return out
}

// size is what a network costs, as the network itself says or else as it was
// measured.
func (r *Report) size(x *row) (parameters, macs float64) {
	var net *network.Network
	var metrics engine.Values
	if x.ID != 0 {
		if c, err := r.view.Candidate(x.ID); err == nil {
			net, metrics = show.NetworkOf(c.Genome), c.Metrics
		}
	} else {
		for c := range r.view.Candidates() {
			if c.Baseline == x.Name {
				net, metrics = show.NetworkOf(c.Genome), c.Metrics
				break
			}
		}
	}
	if net != nil {
		return float64(net.Parameters()), float64(net.Macs())
	}
	parameters, _ = metrics.Get("parameters")
	macs, _ = metrics.Get("macs")
	return parameters, macs
}

// reported lists what tests left for reports alone, over all rows, and the cells
// of each row.
func (r *Report) reported() (names []string, cells func(*row) []string) {
	for i := range r.rows {
		for _, v := range r.rows[i].Report {
			if !slices.Contains(names, v.Name) {
				names = append(names, v.Name)
			}
		}
	}
	return names, func(x *row) []string {
		var out []string
		for _, name := range names {
			cell := "-"
			if y, ok := x.Report.Get(name); ok {
				cell = show.Number(name, y)
			}
			out = append(out, cell)
		}
		return out
	}
}

// JSON is the report for programs.
func (r *Report) JSON() any {
	type named struct {
		ID         engine.ID        `json:"id,omitempty"`
		Name       string           `json:"name,omitempty"`
		Parameters float64          `json:"parameters,omitempty"`
		Search     *float64         `json:"search,omitempty"`
		Estimate   *engine.Estimate `json:"estimate,omitempty"` // by all measurements of the search
		Again      *Figure          `json:"remeasured,omitempty"`
		Test       *Figure          `json:"test,omitempty"`
		Report     engine.Values    `json:"report,omitempty"`
		Winner     bool             `json:"winner,omitempty"`
		Front      bool             `json:"front,omitempty"`  // stays on the front by what was measured again
		Judged     engine.Values    `json:"judged,omitempty"` // the means of what was measured again
	}
	out := struct {
		engine.Snapshot
		Metric   string  `json:"metric"`
		Networks []named `json:"networks"`
		Fronts   []front `json:"fronts"`
		Splits   string  `json:"splits,omitempty"`

		Hypervolumes []volume `json:"hypervolumes,omitempty"` // with several objectives, whenever it changed
	}{Snapshot: r.status, Metric: r.objective.Metric, Networks: []named{}, Fronts: r.fronts, Splits: r.outcome.Splits, Hypervolumes: r.volume}
	for _, x := range r.rows {
		n := named{ID: x.ID, Parameters: x.Parameters, Search: x.Search, Estimate: x.Estimate, Again: x.Again, Test: x.Test, Report: x.Report, Winner: x.Winner}
		if x.ID == 0 {
			n.Name = x.Name
		}
		if m := r.again(x.ID); m != nil {
			n.Judged = m.Judged
		}
		n.Front = slices.Contains(r.outcome.Front, x.ID)
		out.Networks = append(out.Networks, n)
	}
	return out
}

// Test is what `test --json` writes.
type Test struct {
	Winner    *Tested  `json:"winner"`          // null where nothing was tested
	Front     []Tested `json:"front,omitempty"` // with several objectives: all that were tested, the winner first
	Baseline  *Tested  `json:"baseline"`        // null where the search names none
	Baselines []Tested `json:"baselines"`       // all of them
	Splits    string   `json:"splits"`
	Metric    string   `json:"metric"`
	Looks     int      `json:"test_looks"`
	Untested  string   `json:"untested,omitempty"` // why nothing was tested
}

// Tested is one network's figures on test data.
type Tested struct {
	ID         engine.ID     `json:"id,omitempty"`
	Name       string        `json:"name,omitempty"`
	Genome     string        `json:"genome,omitempty"`
	Hash       string        `json:"hash,omitempty"`
	Parameters float64       `json:"parameters"`
	Macs       float64       `json:"macs"`
	Accuracy   *Figure       `json:"accuracy"`         // of the first objective, usually accuracy; null where tests only reported
	Validation *Figure       `json:"validation"`       // the same on validation data, re-measured; null where it was not
	Report     engine.Values `json:"report,omitempty"` // means of what the tests left for reports alone
}

// Test is what was found on test data, or why nothing was.
func (r *Report) Test() *Test {
	t := &Test{Splits: r.outcome.Splits, Metric: r.objective.Metric, Looks: r.status.TestLooks, Baselines: []Tested{}}
	for i := range r.rows {
		x := &r.rows[i]
		if x.Test == nil && len(x.Report) == 0 {
			continue
		}
		one := Tested{ID: x.ID, Parameters: x.Parameters, Macs: x.Macs, Accuracy: x.Test, Validation: x.Again, Report: x.Report}
		if x.ID == 0 {
			one.Name = x.Name
			t.Baselines = append(t.Baselines, one)
			continue
		}
		one.Genome, one.Hash = x.Genome, x.Hash
		if x.Winner {
			t.Winner = &one
			t.Front = slices.Insert(t.Front, 0, one)
		} else {
			t.Front = append(t.Front, one)
		}
	}
	if len(r.outcome.Front) == 0 {
		t.Front = nil
	}
	if len(t.Baselines) > 0 {
		t.Baseline = &t.Baselines[0]
	}
	switch {
	case t.Winner != nil:
	case !r.judged || !r.outcome.Complete:
		t.Untested = "nothing was tested yet"
	case r.outcome.Winner == 0:
		t.Untested = "nothing was measured, so there is nothing to test"
	default:
		t.Untested = "the evaluator has no test data, so nothing was tested"
	}
	return t
}
