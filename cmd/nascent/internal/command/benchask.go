package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/bench"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/config"
	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/plugins/host"
)

// answers is what the evaluators of a search say of it.
type answers struct {
	engine.Setup
	hellos map[string]engine.Hello
	tests  engine.Hello // by the evaluator of the highest fidelity
}

// ask asks the evaluators of a contest's search. There are no answers where one of them
// cannot be opened for no mistake in the search: then whoever runs it says why.
func (a *app) ask(ctx context.Context, c *contest) (*answers, error) {
	t, err := c.search(c.all[0], c.flags.first, c.folder(c.all[0], c.flags.first))
	if err != nil {
		return nil, err
	}
	s, err := t.doc.Read()
	if err != nil {
		return nil, err
	}
	o := hostOptions("", s)
	o.SearchID = fmt.Sprintf("%s bench %d", c.flags.dir, os.Getpid())
	if err := a.connectBy(t, s, o); err != nil {
		return nil, err
	}
	closeStrategy(s.Engine.Strategy)
	m := newMeasurer(s.Engine)
	defer m.close()
	for _, f := range m.config.Fidelities {
		err := m.start(ctx, f.Evaluator)
		var refusal *host.Refusal
		switch {
		case errors.As(err, &refusal) && !absent(refusal):
			return nil, t.refused(f.Evaluator, err)
		case err != nil:
			return nil, ctx.Err()
		}
	}
	setup, err := m.config.Describe(m.hellos)
	if err != nil {
		return nil, t.locate(err)
	}
	return &answers{setup, m.hellos, m.hellos[setup.Fidelities[len(setup.Fidelities)-1].Evaluator]}, nil
}

// acceptable refuses strategies that refuse a search whose evaluators said this. What
// another mistake than that keeps from opening is said by whoever runs it.
func (a *app) acceptable(ctx context.Context, c *contest, said *answers) error {
	files := engine.Memory()
	defer files.Close()
	for _, by := range c.all {
		t, err := c.search(by, c.flags.first, c.folder(by, c.flags.first))
		if err != nil {
			return err
		}
		if t.stored != nil { // it has begun
			continue
		}
		s, err := t.doc.Read()
		if err != nil {
			return err
		}
		o := hostOptions("", s)
		o.SearchID = fmt.Sprintf("%s bench %d", c.flags.dir, os.Getpid())
		if err := a.connectBy(t, s, o); err != nil {
			return err
		}
		setup, err := s.Engine.Describe(said.hellos)
		if err == nil {
			setup.Files = files
			_, _, err = s.Engine.Strategy.Open(ctx, setup)
		}
		closeStrategy(s.Engine.Strategy)
		var m *engine.Mistake
		if errors.As(err, &m) && !errors.Is(err, engine.ErrConfig) {
			at := *m
			return t.doc.Fault(at.Within("strategy"))
		}
		if err != nil && errors.Is(err, engine.ErrConfig) {
			return t.locate(err)
		}
	}
	return ctx.Err()
}

// absent tells that an evaluator refuses since a file is not there, as systems and
// languages word it.
func absent(r *host.Refusal) bool {
	return slices.ContainsFunc([]string{"no such file", "not exist"}, func(words string) bool {
		return strings.Contains(strings.ToLower(r.Text), words)
	})
}

// refused says where in the search.yaml the mistake is for which an evaluator refuses.
func (t *target) refused(evaluator string, err error) error {
	var m *engine.Mistake
	if !errors.As(err, &m) {
		return err
	}
	place := "evaluators." + evaluator
	if !t.doc.Has("evaluators") {
		place = config.Only
	}
	at := *m
	return t.doc.Fault(at.Within(place))
}

// direction is which way a metric is better, "" where nobody says so. The mistake is why
// searches cannot be compared by it; "" means the first objective.
func direction(metric string, s *engine.Setup) (engine.Goal, *engine.Mistake) {
	if metric == "" {
		return s.Objectives[0].Goal, nil
	}
	if metric == bench.Hypervolume {
		if len(s.Objectives) < 2 {
			return "", &engine.Mistake{Problem: "the search has one objective, and so no front", Remedy: "give it several"}
		}
		if len(s.Reference) == 0 {
			return "", unreferred(s.Objectives)
		}
		return engine.Maximize, nil
	}
	for _, o := range s.Objectives {
		if o.Metric == metric {
			return o.Goal, nil
		}
	}
	var names []string
	for _, m := range s.Metrics {
		if m.Name == metric {
			return m.Goal, nil
		}
		names = append(names, m.Name)
	}
	return "", &engine.Mistake{Problem: "the evaluators measure no " + metric, Remedy: "they measure " + strings.Join(names, ", ")}
}

// unreferred refuses hypervolumes of which each is up to a point of its own.
func unreferred(objectives []engine.Objective) *engine.Mistake {
	var values []string
	for _, o := range objectives {
		values = append(values, o.Metric+": VALUE")
	}
	return &engine.Mistake{
		Problem: "searches compare by hypervolume only up to one point, and the search.yaml has none",
		Remedy:  fmt.Sprintf("write reference: {%s} in it", strings.Join(values, ", ")),
	}
}

// ofFlag is a mistake in the metric of the command line.
func ofFlag(m *engine.Mistake, metric string) error {
	return wrongInput("--metric %s: %s; %s", metric, m.Problem, m.Remedy)
}

// judgeable refuses a problem of a suite whose evaluators or strategies refuse it by
// mistake, or of which nothing tells what it could be judged by.
func (a *app) judgeable(ctx context.Context, s *config.Suite, i int, c *contest) error {
	if len(c.all) == 0 {
		return nil
	}
	said, err := a.ask(ctx, c)
	if said == nil {
		return err
	}
	p := &s.Problems[i]
	place := fmt.Sprintf("problems[%d].", i)
	goal, wrong := direction(c.flags.metric, &said.Setup)
	switch {
	case wrong != nil && c.flags.metric != p.Metric:
		return ofFlag(wrong, c.flags.metric)
	case wrong != nil:
		return s.Fault(place+"metric", wrong.Problem, wrong.Remedy)
	}
	metric := cmp.Or(c.flags.metric, said.Objectives[0].Metric)
	if p.By == "test" { // which tests are of the first objective
		metric, goal = said.Objectives[0].Metric, said.Objectives[0].Goal
	}
	if goal != "" && p.Goal != "" && goal != p.Goal && (p.By == "best" || p.By == "test") {
		return s.Fault(place+"goal", fmt.Sprintf("it is judged by %s, which its searches %s", metric, goal),
			fmt.Sprintf("write %s, or remove it", goal))
	}
	can := []string{"best", "evaluations", "seconds"}
	if said.tests.Tests {
		can = append(append(can, "test"), said.tests.Reports...)
	}
	if !slices.Contains(can, p.By) {
		return s.Fault(place+"by", "no test leaves a figure "+p.By, "use one of "+strings.Join(can, ", "))
	}
	return a.acceptable(ctx, c, said)
}
