package command

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/bench"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/config"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/page"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
)

// suite is the file that --suite names; docs/bench.md describes it.
type suite struct {
	Name       string      `yaml:"name"`
	Strategies []yaml.Node `yaml:"strategies"`
	Reference  string      `yaml:"reference"` // default: the first strategy
	Seeds      int         `yaml:"seeds"`
	FirstSeed  int64       `yaml:"first_seed"`
	Others     []string    `yaml:"others"` // files of what other programs came to
	Problems   []problem   `yaml:"problems"`

	path string
}

// problem is one search of a suite.
type problem struct {
	Name        string               `yaml:"name"`
	Search      yaml.Node            `yaml:"search"` // a path, an example, or all of a search.yaml
	Set         map[string]yaml.Node `yaml:"set"`
	Strategies  []yaml.Node          `yaml:"strategies"` // in place of the suite's
	Seeds       int                  `yaml:"seeds"`
	FirstSeed   int64                `yaml:"first_seed"`
	Evaluations int                  `yaml:"evaluations"`
	Seconds     string               `yaml:"seconds"`
	Metric      string               `yaml:"metric"`
	Target      *float64             `yaml:"target"`
	By          string               `yaml:"by"`
	Goal        engine.Goal          `yaml:"goal"`
	Optimum     *float64             `yaml:"optimum"`
	Relative    bool                 `yaml:"relative"`
	Published   yaml.Node            `yaml:"published"` // a map of figures, in its order
}

var yamlPlace = regexp.MustCompile(`^(?:yaml: )?(?:unmarshal errors:\s*)?line (\d+): (.*)`)

// readSuite reads a suite.
func readSuite(path string) (*suite, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, wrongInput("--suite %s: %v", path, errors.Unwrap(err))
	}
	s := &suite{path: path}
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(s); err != nil && !errors.Is(err, io.EOF) {
		where, what := path, strings.TrimPrefix(err.Error(), "yaml: ")
		if m := yamlPlace.FindStringSubmatch(strings.Join(strings.Fields(err.Error()), " ")); m != nil {
			where, what = path+":"+m[1], m[2]
		}
		what = strings.ReplaceAll(what, "not found in type command.", "is no key of a ")
		return nil, wrongInput("%s: %s; docs/bench.md lists what a suite may say", where, what)
	}
	s.Name = cmp.Or(s.Name, strings.TrimSuffix(strings.TrimSuffix(filepath.Base(path), ".yaml"), ".yml"))
	if len(s.Problems) == 0 {
		return nil, wrongInput("%s: problems: there are none; list searches: problems: [{name: a, search: onemax}]", path)
	}
	seen := map[string]bool{}
	for i := range s.Problems {
		p := &s.Problems[i]
		at := fmt.Sprintf("%s: problems[%d]", path, i)
		if p.Search.IsZero() {
			return nil, wrongInput("%s: it has no search; write search: PATH, or a whole search.yaml under it", at)
		}
		if p.Name == "" && p.Search.Kind == yaml.ScalarNode {
			p.Name = strings.TrimSuffix(filepath.Base(p.Search.Value), ".yaml")
		}
		if p.Name != slug(p.Name) || p.Name == "" {
			return nil, wrongInput("%s.name: %q is no name; use up to 60 letters, digits, dots, dashes and underscores", at, p.Name)
		}
		if seen[p.Name] {
			return nil, wrongInput("%s.name: %s stands twice; give each problem a name of its own", at, p.Name)
		}
		seen[p.Name] = true
		if p.Goal != "" && p.Goal != engine.Maximize && p.Goal != engine.Minimize {
			return nil, wrongInput("%s.goal: %q is neither maximize nor minimize", at, p.Goal)
		}
		if p.Optimum != nil && !finite(*p.Optimum) {
			return nil, wrongInput("%s.optimum: %v is no finite number", at, *p.Optimum)
		}
		if p.Target != nil && !finite(*p.Target) {
			return nil, wrongInput("%s.target: %v is no finite number", at, *p.Target)
		}
		if _, err := p.published(); err != nil {
			return nil, wrongInput("%s: %v", path, err)
		}
	}
	return s, nil
}

// contest makes a problem ready to be carried out. Where others have carried it out
// (theirs), nobody else need to.
func (s *suite) contest(p *problem, f benchFlags, theirs bool) (*contest, error) {
	bad := func(what string) error {
		return wrongInput("%s: problem %s: strategies: %s; write a list such as [random, {use: aging, population: 20}]", s.path, p.Name, what)
	}
	c := &contest{path: s.path}
	var err error
	if f.changed("strategies") {
		c.all, err = contenders(f.strategies)
	} else {
		list := p.Strategies
		if list == nil {
			list = s.Strategies
		}
		if len(list) == 0 && !theirs {
			return nil, bad("there are none")
		}
		var nodes []*yaml.Node
		for i := range list {
			nodes = append(nodes, &list[i])
		}
		c.all, err = contendersOf(nodes, bad)
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
	take("first-seed", first != 0, func() { f.first = first })
	take("evaluations", p.Evaluations != 0, func() { f.evaluations = p.Evaluations })
	take("seconds", p.Seconds != "", func() { f.seconds = p.Seconds })
	take("metric", p.Metric != "", func() { f.metric = p.Metric })
	take("target", p.Target != nil, func() { f.target = *p.Target })
	f.changed = func(flag string) bool { return said(flag) || given[flag] }
	f.dir = filepath.Join(f.dir, p.Name)
	c.flags = f
	c.load = func() (*config.Document, error) { return s.document(p) }
	return c, nil
}

// document is the search of a problem, with what the problem sets in it.
func (s *suite) document(p *problem) (*config.Document, error) {
	doc, err := s.search(p)
	if err != nil {
		return nil, err
	}
	for _, key := range slices.Sorted(maps.Keys(p.Set)) {
		n := p.Set[key]
		text, err := yaml.Marshal(&n)
		if err != nil {
			return nil, err
		}
		if err := doc.Set(key, string(text), s.path+": problem "+p.Name); err != nil {
			return nil, err
		}
	}
	return doc, nil
}

// search reads the search of a problem: what stands in the suite, a file that is
// named from where the suite lies, or an example.
func (s *suite) search(p *problem) (*config.Document, error) {
	dir := filepath.Dir(s.path)
	if p.Search.Kind != yaml.ScalarNode {
		text, err := yaml.Marshal(&p.Search)
		if err != nil {
			return nil, err
		}
		return config.Parse(s.path+": problem "+p.Name, dir, text)
	}
	path := p.Search.Value
	if there := filepath.Join(dir, path); !filepath.IsAbs(path) {
		if _, err := os.Stat(there); err == nil {
			path = there
		}
	}
	doc, _, err := load(path, true)
	return doc, err
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
	others, err := s.others()
	if err != nil {
		return err
	}
	var contests []*contest
	for i := range s.Problems { // mistakes come before hours of work
		c, err := s.contest(&s.Problems[i], f, others[s.Problems[i].Name] != nil)
		if err != nil {
			return err
		}
		contests = append(contests, c)
	}
	if err := s.referable(contests, others); err != nil {
		return err
	}
	var trouble error
	var missing []string
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

// referable refuses a reference that is none of the strategies.
func (s *suite) referable(contests []*contest, others map[string]*bench.Bench) error {
	var names []string
	for i, c := range contests {
		for _, x := range c.all {
			names = append(names, x.name)
		}
		if o := others[s.Problems[i].Name]; o != nil {
			for _, r := range o.Strategies {
				names = append(names, r.Name)
			}
		}
	}
	if s.Reference == "" || slices.Contains(names, s.Reference) {
		return nil
	}
	slices.Sort(names)
	return wrongInput("%s: reference: %s is none of the strategies; there are %s", s.path, s.Reference, strings.Join(slices.Compact(names), ", "))
}

// solve carries out one problem of a suite.
func (a *app) solve(ctx context.Context, c *contest, p *problem, out *bench.Suite, others *bench.Bench, missing *[]string, trouble *error) (whole bool, err error) {
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
	one := &bench.Problem{Name: p.Name, By: cmp.Or(p.By, "best"), Goal: cmp.Or(p.Goal, b.Goal), Optimum: p.Optimum, Relative: p.Relative, Bench: b}
	if p.By != "" && p.By != "best" && p.By != "test" {
		one.Goal = cmp.Or(p.Goal, engine.Maximize)
	}
	if one.Published, err = p.published(); err != nil {
		return false, err
	}
	out.Problems = append(out.Problems, one)
	return true, nil
}

// published reads figures in the order of the file.
func (p *problem) published() (all []bench.Published, err error) {
	n := &p.Published
	for i := 0; n.Kind == yaml.MappingNode && i < len(n.Content); i += 2 {
		var x float64
		if err := n.Content[i+1].Decode(&x); err != nil || !finite(x) {
			return nil, wrongInput("problem %s: published: %s: %q is no finite number", p.Name, n.Content[i].Value, n.Content[i+1].Value)
		}
		all = append(all, bench.Published{Name: n.Content[i].Value, Value: x})
	}
	return all, nil
}

// others reads what other programs came to, by the problem: lines of JSON with
// problem, strategy, seed and outcome.
func (s *suite) others() (map[string]*bench.Bench, error) {
	out := map[string]*bench.Bench{}
	for _, name := range s.Others {
		path := name
		if !filepath.IsAbs(path) {
			path = filepath.Join(filepath.Dir(s.path), name)
		}
		f, err := os.Open(path)
		if errors.Is(err, os.ErrNotExist) {
			continue // whoever makes it has not been run yet
		}
		if err != nil {
			return nil, err
		}
		defer f.Close()
		lines := bufio.NewScanner(f)
		lines.Buffer(nil, 16<<20)
		for n := 1; lines.Scan(); n++ {
			var l struct {
				Problem, Strategy string
				Seed              int64
				Outcome           bench.Outcome
			}
			if err := json.Unmarshal(lines.Bytes(), &l); err != nil || l.Problem == "" || l.Strategy == "" {
				return nil, wrongInput("%s:%d: this is no line with problem, strategy, seed and outcome; remove it", path, n)
			}
			b := out[l.Problem]
			if b == nil {
				b = &bench.Bench{}
				out[l.Problem] = b
			}
			i := slices.IndexFunc(b.Strategies, func(r *bench.Row) bool { return r.Name == l.Strategy })
			if i < 0 {
				i = len(b.Strategies)
				b.Strategies = append(b.Strategies, &bench.Row{Name: l.Strategy, Strategy: l.Strategy, Runs: []bench.Run{}})
			}
			b.Add(b.Strategies[i], l.Seed, "", &l.Outcome)
		}
		if err := lines.Err(); err != nil {
			return nil, err
		}
	}
	return out, nil
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
	write := func(title string, head []string, rows [][]string) error {
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
		_, err := fmt.Fprintln(a.out)
		return err
	}
	for _, p := range s.Problems {
		head, rows := p.Table(s.Reference)
		if err := write(p.Title(), head, rows); err != nil {
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
