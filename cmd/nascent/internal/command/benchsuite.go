package command

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/bench"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/config"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/page"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
)

// readSuite reads the file that --suite names.
func readSuite(path string) (*config.Suite, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, wrongInput("--suite %s: %v", path, errors.Unwrap(err))
	}
	return config.ParseSuite(path, text)
}

// suiteContest makes a problem of a suite ready to be carried out. Where others have
// carried it out (theirs), nobody else need to.
func suiteContest(s *config.Suite, p *config.Problem, f benchFlags, theirs bool) (*contest, error) {
	place := func(n *yaml.Node) string { return fmt.Sprintf("%s:%d: problem %s", s.Path, n.Line, p.Name) }
	bad := func(n *yaml.Node, what string) error {
		return wrongInput("%s: strategies: %s; write a list such as [random, {use: aging, population: 20, as: small}]", place(n), what)
	}
	c := &contest{path: s.Path}
	var err error
	if f.changed("strategies") {
		c.all, err = contenders(f.strategies)
	} else {
		list := p.Strategies
		if list == nil {
			list = s.Strategies
		}
		if len(list) == 0 && !theirs {
			return nil, bad(p.Search, "there are none")
		}
		c.all, err = contendersOf(list, bad)
		for i, x := range c.all {
			x.from = place(list[i])
		}
	}
	if err != nil {
		return nil, err
	}
	said := f.changed
	given := map[string]bool{}
	take := func(flag string, has bool, set func()) {
		if has && !said(flag) {
			given[flag] = true
			set()
		}
	}
	seeds, first := cmp.Or(p.Seeds, s.Seeds), cmp.Or(p.FirstSeed, s.FirstSeed)
	take("seeds", seeds != 0, func() { f.seeds = seeds })
	take("first-seed", first != nil, func() { f.first = int64(*first) })
	take("evaluations", p.Evaluations != 0, func() { f.evaluations = p.Evaluations })
	take("seconds", p.Seconds != "", func() { f.seconds = p.Seconds })
	take("metric", p.Metric != "", func() { f.metric = p.Metric })
	take("target", p.Target != nil, func() { f.target = *p.Target })
	f.goal = p.Goal
	f.changed = func(flag string) bool { return said(flag) || given[flag] }
	if bench.ByCost(p.By) && !f.changed("target") {
		return nil, wrongInput("%s: problem %s: by: %s until what is not said; write a target", s.Path, p.Name, p.By)
	}
	f.dir = filepath.Join(f.dir, p.Name)
	c.flags = f
	c.load = func() (*config.Document, error) { return describe(s, p) }
	if err := f.check(); err != nil {
		return nil, err
	}
	return c, nil
}

// describe is the search of a problem: what stands in the suite, a file that is named
// from where the suite lies, or an example.
func describe(s *config.Suite, p *config.Problem) (*config.Document, error) {
	return s.Describe(p, func(path string) (*config.Document, error) {
		if there := filepath.Join(filepath.Dir(s.Path), path); !filepath.IsAbs(path) {
			if _, err := os.Stat(there); err == nil {
				path = there
			}
		}
		doc, _, err := load(path, true)
		return doc, err
	})
}

// benchSuite compares on all searches of a suite.
func (a *app) benchSuite(ctx context.Context, f benchFlags) error {
	s, err := readSuite(f.suite)
	if err != nil {
		return err
	}
	if err := f.check(); err != nil {
		return err
	}
	if f.dir, err = filepath.Abs(cmp.Or(f.dir, s.Name+"-bench")); err != nil {
		return err
	}
	out := &bench.Suite{Name: s.Name, Reference: s.Reference}
	others, missing, err := readOthers(s)
	if err != nil {
		return err
	}
	var contests []*contest
	for i := range s.Problems { // mistakes come before hours of work
		p := &s.Problems[i]
		c, err := suiteContest(s, p, f, others[p.Name] != nil)
		if err == nil {
			err = apart(s, p, c, others[p.Name])
		}
		if err == nil {
			err = a.canStartAll(c)
		}
		if err == nil {
			err = a.judgeable(ctx, s, i, c)
		}
		if err != nil {
			return ofProblem(s, i, err)
		}
		contests = append(contests, c)
	}
	lacking, err := referable(s, contests, others)
	if err != nil {
		return err
	}
	missing = append(missing, lacking...)
	var trouble error
	for i, c := range contests {
		p := &s.Problems[i]
		whole, err := a.solve(ctx, c, p, out, others[p.Name], &missing, &trouble)
		if err != nil {
			return err
		}
		if !whole {
			return nil
		}
	}
	if out.Reference == "" && len(out.Problems) > 0 {
		out.Reference = out.Problems[0].Strategies[0].Name
	}
	out.Judge()
	if err := a.tellSuite(out, missing, f); err != nil {
		return err
	}
	if len(out.Problems) == 0 && len(missing) > 0 {
		return wrongInput("%s", missing[0])
	}
	return trouble
}

// ofProblem is a mistake in a problem with the place in the suite.
func ofProblem(s *config.Suite, i int, err error) error {
	text := err.Error()
	if exitStatus(err) != exitInput || strings.HasPrefix(text, s.Path) || strings.HasPrefix(text, "--") {
		return err
	}
	return wrongInput("%s: problem %s: %s", s.Where(i), s.Problems[i].Name, text)
}

// canStartAll refuses what can be known to go wrong before anything runs.
func (a *app) canStartAll(c *contest) error {
	if _, err := c.load(); err != nil {
		return err
	}
	for _, by := range c.all {
		t, err := c.search(by, c.flags.first, c.folder(by, c.flags.first))
		if err == nil {
			err = a.canStart(t)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// apart refuses others that are called like one of a problem's strategies.
func apart(s *config.Suite, p *config.Problem, c *contest, others *bench.Bench) error {
	for _, x := range c.all {
		if others != nil && slices.ContainsFunc(others.Strategies, func(r *bench.Row) bool { return r.Name == x.name }) {
			return s.Fault("others", fmt.Sprintf("%s is the name of a strategy of problem %s already", x.name, p.Name),
				"call one of them otherwise: strategies: [{use: NAME, as: OTHER}]")
		}
	}
	return nil
}

// referable refuses a reference that is none of the strategies, and says which problems
// are without it.
func referable(s *config.Suite, contests []*contest, others map[string]*bench.Bench) (lacking []string, err error) {
	if s.Reference == "" {
		return nil, nil
	}
	var all []string
	for i, c := range contests {
		var names []string
		for _, x := range c.all {
			names = append(names, x.name)
		}
		if o := others[s.Problems[i].Name]; o != nil {
			for _, r := range o.Strategies {
				names = append(names, r.Name)
			}
		}
		if !slices.Contains(names, s.Reference) {
			lacking = append(lacking, fmt.Sprintf("%s is without the reference %s, so nothing is tested against it there",
				s.Problems[i].Name, s.Reference))
		}
		all = append(all, names...)
	}
	if slices.Contains(all, s.Reference) {
		return lacking, nil
	}
	slices.Sort(all)
	return nil, s.Fault("reference", s.Reference+" is none of the strategies", "there are "+strings.Join(slices.Compact(all), ", "))
}

// solve carries out one problem of a suite.
func (a *app) solve(
	ctx context.Context, c *contest, p *config.Problem, out *bench.Suite, others *bench.Bench, missing *[]string, trouble *error,
) (whole bool, err error) {
	defer c.close()
	if err := a.prepare(ctx, c); err != nil {
		return false, err
	}
	if c.refusal != nil {
		*missing = append(*missing, p.Name+" was left out: "+oneLine(c.refusal))
		return true, nil
	}
	if !c.flags.quiet {
		fmt.Fprintf(a.err, "%s: %s\n", p.Name, searches(len(c.runs)))
	}
	if whole, err = a.carryOut(ctx, c); err != nil {
		return false, err
	}
	if !whole {
		a.interrupted(c.runs, c.flags)
		return false, nil
	}
	b, why, err := gather(c)
	if err != nil {
		return false, err
	}
	*trouble = cmp.Or(*trouble, why)
	if others != nil {
		b.Strategies = append(b.Strategies, others.Strategies...)
		if b.Metric == "" {
			b.Search, b.Metric, b.Goal = p.Name, others.Metric, others.Goal
		}
		b.Sum()
	}
	if err := a.keepBench(b, c.flags); err != nil {
		return false, err
	}
	one := &bench.Problem{Name: p.Name, By: p.By, Goal: cmp.Or(p.Goal, b.Goal, engine.Maximize), Optimum: p.Optimum,
		Relative: p.Relative, Bench: b}
	switch {
	case bench.ByCost(p.By):
		one.Goal = cmp.Or(p.Goal, engine.Minimize)
	case p.By != "best" && p.By != "test":
		one.Goal = cmp.Or(p.Goal, engine.Maximize)
	}
	for _, v := range p.Published {
		one.Published = append(one.Published, bench.Published{Name: v.Name, Value: v.Value})
	}
	if none := one.Unjudged(); none != "" && why == nil {
		return false, wrongInput("%s: problem %s: by: %s", c.path, p.Name, none)
	}
	out.Problems = append(out.Problems, one)
	return true, nil
}

// tellSuite prints a suite, and writes suite.html and suite.json.
func (a *app) tellSuite(s *bench.Suite, missing []string, f benchFlags) error {
	if len(s.Problems) > 0 {
		text, err := json.MarshalIndent(s, "", "  ")
		if err != nil {
			return err
		}
		if err := page.Write(filepath.Join(f.dir, "suite.json"), append(text, '\n')); err != nil {
			return err
		}
		if err := s.Page(filepath.Join(f.dir, "suite.html")); err != nil {
			return err
		}
	}
	if f.json {
		return a.writeJSON(s)
	}
	write := func(title string, head []string, rows [][]string, notes ...string) error {
		if _, err := fmt.Fprintln(a.out, title); err != nil {
			return err
		}
		t := show.Table{Head: head, Rows: rows, Right: make([]bool, len(head))}
		for i := range head {
			t.Right[i] = i > 0
		}
		if err := t.Write(a.out); err != nil {
			return err
		}
		_, err := fmt.Fprintln(a.out, strings.Join(append(notes, ""), "\n"))
		return err
	}
	for _, p := range s.Problems {
		head, rows := p.Table(s.Reference)
		if err := write(p.Title(), head, rows, p.Notes()...); err != nil {
			return err
		}
	}
	if len(s.Problems) > 1 {
		head, rows := s.Table()
		if err := write("All of them", head, rows); err != nil {
			return err
		}
	}
	for _, m := range missing {
		fmt.Fprintln(a.out, m)
	}
	if len(s.Problems) == 0 {
		return nil
	}
	_, err := fmt.Fprintf(a.out, "%s\nWith plots: %s\n", s.About(), filepath.Join(shortest(f.dir), "suite.html"))
	return err
}
