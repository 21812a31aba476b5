package command

import (
	"cmp"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/clients"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/config"
	"github.com/nascent-nas/nascent/engine"
)

// guests are the clients of a search and what they may ask of it. It is nil for a search
// that clients do not measure, which nobody is told of then.
type guests struct {
	*engine.Search
	target *target
	desk   *clients.Desk

	mu    sync.Mutex // guards the target's document
	limit int        // of evaluations; 0: none
}

// alone is how long a search that a client started goes on without any, if its
// search.yaml does not say.
const alone = 30 * time.Second

// invite makes the desk of a search that clients measure.
func (t *target) invite(s *config.Search, m manner) (*guests, error) {
	measure := false
	for _, p := range s.Evaluators {
		measure = measure || p.Use == clients.Name
	}
	if !measure {
		return nil, nil
	}
	if !t.doc.Has("final") { // nobody waits for it, unless it is asked for
		s.Engine.Final.Skip = true
	}
	wanted, err := s.Engine.Wanted()
	if err != nil {
		return nil, t.locate(err)
	}
	derived, err := engine.Derive(s.Engine.Derived)
	if err != nil {
		return nil, t.locate(err)
	}
	idle := s.Idle
	if m.detached {
		idle = cmp.Or(idle, alone)
	}
	g := &guests{target: t, limit: s.Engine.Limits.Evaluations}
	g.desk = clients.New(clients.Settings{Wanted: wanted, Derived: derived, Limit: g.limit, Idle: idle, Stop: func() { g.Stop() }})
	t.desk = g.desk
	return g, nil
}

// begin lets clients attach to a search that is about to run.
func (g *guests) begin(name string, search *engine.Search) {
	if g != nil {
		g.Search = search
		g.desk.Begin(name, g)
	}
}

// end tells clients how the search has ended.
func (g *guests) end(err error) {
	switch {
	case g == nil:
	case err == nil:
		st := g.Status()
		g.desk.End(string(st.State), st.Cause)
	case errors.Is(err, engine.ErrPaused):
		g.desk.End("paused", oneLine(err))
	default:
		g.desk.End("failed", oneLine(g.target.locate(err)))
	}
}

// Extend raises the limit of evaluations, also in the search.yaml that the next run
// reads.
func (g *guests) Extend(evaluations int) bool {
	if !g.Search.Extend(evaluations) {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.limit > 0 && evaluations > g.limit {
		g.limit = evaluations
		const key = "limits.evaluations"
		if g.target.doc.Set(key, fmt.Sprint(evaluations), "a client") == nil {
			g.target.keep() // else the ledger alone has it, and the next run its own
		}
	}
	return true
}

// Same refuses a client that means another search.
func (g *guests) Same(text []byte, folder string) error {
	doc, err := config.Parse("the client's search", folder, text)
	if err != nil {
		return err
	}
	if _, err := doc.Read(); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := doc.Adopt(g.target.doc); err != nil {
		return err
	}
	doc.Relocate()
	switch key := doc.Contradicts(g.target.doc); key {
	case "":
		return nil
	case "evaluator":
		return fmt.Errorf("evaluator: the search that runs in %s has another version or other options of it: leave them out, or "+
			"stop it (nascent stop), and let it go on with these by --accept-evaluator (in Python accept_evaluator=True)", g.target.dir)
	default:
		return fmt.Errorf("%s: the search that runs in %s has another %s: leave it out, or choose another directory", key, g.target.dir, key)
	}
}
