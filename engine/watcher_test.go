package engine_test

import (
	"context"
	"fmt"
	"sync"

	"github.com/nascent-nas/nascent/engine"
)

// watcher is a Ledger that knows what is durable, over all runs of a search, and says
// what must never be. Deterministic evaluators hide every loss that evaluating
// again repairs, so it does not look at results but at what was promised.
type watcher struct {
	engine.Ledger
	fail func(format string, args ...any)

	mu      sync.Mutex
	jobs    map[engine.ID]engine.JobRecord
	results map[engine.ID]engine.ResultRecord // in the inbox or in History
	history map[engine.ID]bool
	turned  map[engine.ID]uint64 // the turn that consumed a result, counted from 1
	acked   map[engine.ID]bool   // results that were acknowledged
	probed  map[engine.ID]bool   // of genomes that are no candidates
}

func newWatcher(led engine.Ledger, fail func(format string, args ...any)) *watcher {
	return &watcher{
		Ledger: led, fail: fail, jobs: map[engine.ID]engine.JobRecord{}, results: map[engine.ID]engine.ResultRecord{},
		history: map[engine.ID]bool{}, turned: map[engine.ID]uint64{}, acked: map[engine.ID]bool{}, probed: map[engine.ID]bool{},
	}
}

func (w *watcher) Commit(c *engine.Change) error {
	if err := w.Ledger.Commit(c); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, j := range c.Jobs {
		w.jobs[j.ID] = j
	}
	for _, r := range c.Inbox {
		if _, twice := w.results[r.ID]; twice {
			w.fail("job %s has a second result", r.ID)
		}
		w.results[r.ID] = r
	}
	for _, r := range c.Consumed {
		if w.history[r.ID] {
			w.fail("job %s enters History twice", r.ID)
		}
		w.results[r.ID], w.history[r.ID] = r, true
	}
	for _, t := range c.Turns {
		for _, id := range t.Consumed {
			if before, twice := w.turned[id]; twice {
				w.fail("the result of job %s was consumed by turn %d and by turn %d", id, before-1, t.N)
			}
			if !w.history[id] {
				w.fail("turn %d consumed the result of job %s, which is not in History", t.N, id)
			}
			w.turned[id] = t.N + 1
		}
	}
	return nil
}

// submitted looks at a job that is sent to an evaluator.
func (w *watcher) submitted(a engine.Assignment) {
	w.mu.Lock()
	defer w.mu.Unlock()
	id := a.Job.ID
	if a.Probe { // what comes of it must change nothing
		r, there := w.results[id]
		_, named := w.jobs[id]
		if there && r.Status != engine.OK || !there && named {
			w.fail("job %s is to tell whether its evaluator works, and has failed itself", id)
		}
		w.probed[id] = w.probed[id] || !named
		return
	}
	if _, named := w.jobs[id]; !named {
		w.fail("job %s was sent out before a commit named it", id)
	}
	if w.acked[id] {
		w.fail("job %s was sent out again although its result was acknowledged", id)
	}
	if _, there := w.results[id]; there {
		w.fail("job %s was sent out again although its result is in the ledger", id)
	}
}

// acknowledged looks at an acknowledgement; result tells that it is of a result which is
// no failure and came in time.
func (w *watcher) acknowledged(id engine.ID, result bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, there := w.results[id]
	if result && !there && !w.probed[id] {
		w.fail("the result of job %s was acknowledged before it was durable", id)
	}
	w.acked[id] = w.acked[id] || there
}

// source is the committed result of a job that another one goes on from.
func (w *watcher) source(id engine.ID) engine.ResultRecord {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.results[id]
}

// watched is a Strategy whose turns are looked at.
type watched struct {
	engine.Strategy
	*watcher
}

func (s watched) Step(ctx context.Context, state []byte, turn engine.Turn) (engine.Decision, error) {
	s.mu.Lock()
	for i := range turn.Results {
		if _, before := s.turned[turn.Results[i].ID]; before {
			s.fail("turn %d brings the result of job %s, which an earlier one brought", turn.N, turn.Results[i].ID)
		}
	}
	s.mu.Unlock()
	shown := map[engine.ID]bool{}
	for c := range engine.All(turn.History) {
		if shown[c.ID] {
			s.fail("turn %d has job %s twice in its History", turn.N, c.ID)
		}
		shown[c.ID] = true
		s.exact(turn.N, c)
		if len(c.Metrics) > 0 {
			curve, err := turn.History.Curve(c.ID)
			if err != nil {
				s.fail("turn %d: %v", turn.N, err)
			}
			s.exact(turn.N, &engine.Candidate{Job: c.Job, Result: engine.Result{Curve: curve}})
		}
	}
	for i := range turn.Results {
		c := &turn.Results[i]
		if !shown[c.ID] {
			s.fail("turn %d brings the result of job %s, which is not in its History", turn.N, c.ID)
		}
		s.exact(turn.N, c)
	}
	return s.Strategy.Step(ctx, state, turn)
}

// exact wants a candidate to show no metric that was measured.
func (s watched) exact(turn uint64, c *engine.Candidate) {
	all := append([]engine.Values{c.Metrics}, make([]engine.Values, 0, len(c.Curve))...)
	for _, p := range c.Curve {
		all = append(all, p.Metrics)
	}
	for _, values := range all {
		if _, there := values.Get(heat); there {
			s.fail("turn %d shows what was measured of job %s: %s", turn, c.ID, fmt.Sprint(values))
		}
	}
}

// heat is a metric that is measured: no function of the job.
const heat = "heat"
