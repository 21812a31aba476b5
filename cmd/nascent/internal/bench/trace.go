// Package bench compares strategies by what their searches came to: it reads
// the candidates of finished searches and nothing else.
//
// trace.go follows one search, summary.go puts those of a strategy together,
// table.go writes them and page.go draws them.
package bench

import (
	"iter"
	"sort"

	"github.com/nascent-nas/nascent/engine"
)

// Axis is what a search pays in.
type Axis int

// What a search pays in.
const (
	Evaluations Axis = iota // consumed jobs of phase search, whatever their task
	Seconds                 // evaluator seconds of the same jobs
)

// String names the axis.
func (a Axis) String() string {
	if a == Seconds {
		return "evaluator seconds"
	}
	return "evaluations"
}

// Cost is what was spent, on each Axis.
type Cost [2]float64

// Step is one change of the best so far.
type Step struct {
	At    Cost    `json:"at"` // spent when it was known, the job that brought it included
	Value float64 `json:"value"`
	Error float64 `json:"error,omitempty"` // its standard error, where it is a Hypervolume that is an estimate
}

// Trace is the best so far of one search against what it had spent.
type Trace struct {
	Spent Cost   `json:"spent"`           // in all
	Again bool   `json:"again,omitempty"` // something was measured again, so the best is the mean of who leads by its lower bound
	Steps []Step `json:"steps"`           // each better than the one before, but where a leader that was measured again turned out to be lucky
}

// Hypervolume stands in place of a metric for what a front dominates.
const Hypervolume = "hypervolume"

// Measure is what a bench compares candidates by: a metric, or the Hypervolume.
type Measure struct {
	Metric string
	Goal   engine.Goal
}

// better tells whether a is better than b.
func (m Measure) better(a, b float64) bool {
	if m.Goal == engine.Minimize {
		return a < b
	}
	return a > b
}

// Follow reads a search's candidates in the order of their consumption. All jobs
// of phase search cost, those for shared weights and those that failed too, but not what
// was imported, which is none of its results. The
// best is taken over trained candidates at the highest configured fidelity that
// are ok, were not stopped early and keep the constraints. By the only objective it is
// the mean of the genome that leads, of all of its measurements (engine.Leaders).
//
// By Hypervolume it follows what the front of all objectives dominates, up to the
// search's reference or, where it declares none, the one that it came to in the end.
func Follow(candidates iter.Seq[engine.Candidate], plan *engine.Plan, m Measure) Trace {
	var front, leaders *engine.Leaders
	if m.Metric == Hypervolume {
		front = referred(candidates, plan).Leaders(1)
	} else if all := plan.Ranking().Objectives; len(all) == 1 && all[0].Metric == m.Metric && all[0].Goal == m.Goal {
		leaders = plan.Leaders(1)
	}
	var t Trace
	for c := range candidates {
		if c.Phase != engine.PhaseSearch || c.Origin() == engine.Imported {
			continue
		}
		t.Spent[Evaluations]++
		t.Spent[Seconds] += c.Seconds + c.Lost
		if c.Task != engine.Train || c.Status != engine.OK || c.Stopped || c.Outside || c.Fidelity != len(plan.Fidelities)-1 ||
			plan.Ranking().Violation(c.Metrics) > 0 {
			continue
		}
		x, ok := c.Metrics.Get(m.Metric)
		var volume engine.Hypervolume
		if front != nil {
			if ok = front.Add(&c); ok {
				volume, ok = front.Hypervolume()
				x = volume.Volume
			}
		}
		if leaders != nil && ok {
			leaders.Add(&c)
			best := leaders.Best()[0]
			x, ok = best.Metrics.Get(m.Metric)
			t.Again = len(leaders.Estimates(best)) > 0
		}
		n := len(t.Steps)
		if ok && (n == 0 || m.better(x, t.Steps[n-1].Value) || leaders != nil && m.better(t.Steps[n-1].Value, x)) {
			t.Steps = append(t.Steps, Step{At: t.Spent, Value: x, Error: volume.Error})
		}
	}
	return t
}

// referred is the plan with a reference for hypervolumes.
func referred(candidates iter.Seq[engine.Candidate], plan *engine.Plan) *engine.Plan {
	if len(plan.Reference) > 0 {
		return plan
	}
	front := plan.Leaders(1)
	for c := range candidates {
		if c.Phase == engine.PhaseSearch {
			front.Add(&c)
		}
	}
	own := *plan
	volume, _ := front.Hypervolume()
	own.Reference = volume.Reference
	return &own
}

// At is the best when so much had been spent, false if there was none yet. A
// search that ended earlier keeps its last.
func (t *Trace) At(axis Axis, cost float64) (float64, bool) {
	n := sort.Search(len(t.Steps), func(i int) bool { return t.Steps[i].At[axis] > cost })
	if n == 0 {
		return 0, false
	}
	return t.Steps[n-1].Value, true
}

// Reach is what had been spent when the best was as good as target, false if it
// never was.
func (t *Trace) Reach(m Measure, target float64) (Cost, bool) {
	for _, s := range t.Steps {
		if !m.better(target, s.Value) {
			return s.At, true
		}
	}
	return Cost{}, false
}
