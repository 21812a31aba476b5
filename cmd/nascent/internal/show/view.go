// Package show puts a search before people's eyes: numbers, tables, curves and
// the live panel of a terminal. It decides nothing and changes nothing.
package show

import (
	"cmp"
	"fmt"
	"iter"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/clients"
	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/genome"
)

// Reader answers questions about a search. engine.Search (running) and
// engine.Archive (stopped) do.
type Reader interface {
	Status() engine.Snapshot
	Candidates() iter.Seq[engine.Candidate]
	Candidate(engine.ID) (engine.Candidate, error)
	Best(n int) []engine.Candidate
	Estimates(engine.ID) map[string]engine.Estimate
	Outcome() (engine.Outcome, bool)
}

// View is a search to be looked at.
type View struct {
	Reader
	Dir        string // of the search
	Plan       engine.Plan
	Strategies []engine.StrategyEvent // one after the other; those of a running search when it began to run
	Space      *genome.Space
	Metrics    []engine.Metric
	Units      string          // of budgets: "epochs"
	Budgets    []float64       // of the fidelities; where the search leaves it to the evaluator, that one's
	Slots      int             // jobs that one process of an evaluator takes at once
	Archive    *engine.Archive // what the search is; of a running one its candidates belong to its loop
	Ledger     engine.Ledger
	Live       bool                // this process runs it
	Events     []engine.Occurrence // the newest of what happened to it, where they were asked for

	Clients func() clients.Count // what clients do, where they measure and it runs; else nil
	Hosts   func() []Host        // how the hosts stand, where there are any and it runs; else nil
}

// Of makes the View of what a ledger holds.
func Of(a *engine.Archive, r Reader, led engine.Ledger, dir string) *View {
	v := &View{Reader: r, Dir: dir, Plan: a.Plan, Strategies: a.Strategies, Space: a.Space, Metrics: a.Metrics(), Archive: a, Ledger: led}
	for _, f := range a.Plan.Fidelities {
		v.Budgets = append(v.Budgets, f.Budget)
	}
	for _, e := range a.Evaluators {
		for i, f := range a.Plan.Fidelities {
			if f.Budget == 0 && f.Evaluator == e.Key {
				v.Budgets[i] = e.Hello.Budget
			}
		}
		v.Slots = max(v.Slots, e.Hello.Slots)
		if e.Key == a.Plan.Fidelities[len(a.Plan.Fidelities)-1].Evaluator {
			v.Units = e.Hello.BudgetUnit
		}
	}
	return v
}

// Objective is the preferred one, by default the first: what one number is told of.
func (v *View) Objective() engine.Objective {
	if len(v.Plan.Objectives) == 0 {
		return engine.Objective{Metric: "accuracy", Goal: engine.Maximize}
	}
	for _, o := range v.Plan.Objectives {
		if o.Metric == v.Plan.Prefer {
			return o
		}
	}
	return v.Plan.Objectives[0]
}

// Preferred is what the winner of a front is chosen by: the metric of an objective, or
// an expression.
func (v *View) Preferred() string { return cmp.Or(v.Plan.Prefer, v.Objective().Metric) }

// Status is the search's state. A search that nobody runs is never "running":
// its process died without saying so.
func (v *View) Status() engine.Snapshot {
	s := v.Reader.Status()
	if !v.Live && s.State == engine.StateRunning {
		s.State = engine.StateStopped
		s.Cause = "its process ended without a word (killed, or the machine went down); nothing is lost"
	}
	if s.Best == nil {
		s.Best = []engine.Best{}
	}
	return s
}

// Told is what `status --json` prints.
type Told struct {
	engine.Snapshot
	Objectives []engine.Objective `json:"objectives"`
	Ties       []engine.Objective `json:"ties"`              // decide, in their order, what the objectives do not
	Clients    *clients.Count     `json:"clients,omitempty"` // where clients measure it, while it runs
	Hosts      *[]Host            `json:"hosts,omitempty"`   // where other machines do, while it runs

	Events []engine.Occurrence `json:"events,omitempty"`
}

// Told is the search's state, and what clients do.
func (v *View) Told() Told {
	ranking := v.Plan.Ranking()
	t := Told{Snapshot: v.Status(), Objectives: ranking.Objectives, Ties: append([]engine.Objective{}, ranking.Ties...), Events: v.Events}
	if len(t.Objectives) == 0 {
		t.Objectives = []engine.Objective{v.Objective()}
	}
	if v.Clients != nil {
		n := v.Clients()
		t.Clients = &n
	}
	if v.Hosts != nil {
		all := append([]Host{}, v.Hosts()...)
		t.Hosts = &all
	}
	return t
}

// ClientsText says what the clients of a running search do.
func (v *View) ClientsText() string {
	if text := v.Waits(); text != "" {
		return text
	}
	n := v.Clients()
	return fmt.Sprintf("%s, with %s", Plural(n.Attached, "client"), Plural(n.Trials, "trial"))
}

// Waits says that a search is measured by clients and there is none, or "".
func (v *View) Waits() string {
	if v.Clients == nil || v.Clients().Attached > 0 {
		return ""
	}
	return fmt.Sprintf("waiting for clients: none is there; from Python: nascent.Search(%q).run(evaluate)", v.Dir)
}

// Starved says what of the search's setup leaves workers or an evaluator's process
// without jobs, and what would not.
func (v *View) Starved(s engine.Snapshot) []string {
	var out []string
	if s.Workers > 0 && s.Workers < v.Slots {
		out = append(out, fmt.Sprintf("one process of the evaluator takes %s at once (its slots, or its batch), but workers is "+
			"%d: leave workers out, or set it to %d",
			Plural(v.Slots, "job"), s.Workers, min(v.Slots, engine.MaxWorkers)))
	}
	if v.Clients != nil {
		return nil // clients take as many as they want
	}
	window := s.Window
	if window > 0 && window < s.Workers {
		out = append(out, fmt.Sprintf("window is %d, so at most %d of %d workers have a job; nascent set %s window=%d keeps them busy",
			window, window, s.Workers, Quote(v.Dir), engine.WindowFor(v.Plan.Order, s.Workers)))
	}
	return out
}

// Unfinished lists the jobs that have no result yet.
func (v *View) Unfinished() int {
	s := v.Reader.Status()
	return s.Waiting + s.Running
}
