package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// tell has nascent judge everything that was measured, and writes the tables.
func (s *study) tell(problems []*problem, out io.Writer) error {
	f, err := os.CreateTemp(filepath.Dir(s.suite), "running-*.jsonl")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	theirs, err := s.others(problems)
	if err != nil {
		return err
	}
	measured := map[string]bool{}
	for _, e := range slices.Concat(s.kept.Entries, theirs) {
		measured[e.Problem] = true
		for _, r := range e.Runs {
			if err := json.NewEncoder(f).Encode(e.line(r)); err != nil {
				return err
			}
		}
	}
	if err := f.Close(); err != nil {
		return err
	}
	suite := s.without("others", "problems", "strategies")
	suite["others"] = &yaml.Node{Kind: yaml.SequenceNode, Content: []*yaml.Node{{Kind: yaml.ScalarNode, Value: filepath.Base(f.Name())}}}
	list := &yaml.Node{Kind: yaml.SequenceNode}
	for _, p := range problems {
		if !measured[p.name] {
			continue // what it takes is not there, which was said
		}
		own := &yaml.Node{Kind: yaml.MappingNode}
		for i := 0; i < len(p.node.Content); i += 2 {
			if key := p.node.Content[i].Value; !slices.Contains([]string{"strategies", "by", "goal", "target"}, key) {
				own.Content = append(own.Content, p.node.Content[i:i+2]...)
			}
		}
		list.Content = append(list.Content, own)
	}
	suite["problems"] = list
	judged, reason, err := s.bench(suite)
	if err == nil && reason != "" {
		err = errors.New(reason)
	}
	if err != nil {
		return err
	}
	text := judged.markdown()
	if err := between(s.text, text); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s has the tables of %d problems\n", s.text, len(judged.Problems))
	return err
}

// others reads what other programs came to, as the problems judge it.
func (s *study) others(problems []*problem) ([]*entry, error) {
	var out []*entry
	files := s.file["others"]
	for _, name := range files.Content {
		text, err := os.ReadFile(filepath.Join(filepath.Dir(s.suite), name.Value))
		if errors.Is(err, os.ErrNotExist) {
			continue // make bench-peers has not been run yet
		}
		if err != nil {
			return nil, err
		}
		for row := range strings.Lines(string(text)) {
			var l struct {
				Problem, Strategy string
				Seed              float64
				Outcome           struct {
					Metric, Goal string
					Trace        struct {
						Spent [2]float64
						Steps []step
					}
					Report map[string]float64
				}
			}
			if err := json.Unmarshal([]byte(row), &l); err != nil {
				return nil, fmt.Errorf("%s: %w", name.Value, err)
			}
			i := slices.IndexFunc(problems, func(p *problem) bool { return p.name == l.Problem })
			if i < 0 {
				continue
			}
			by, cost := field(problems[i].node, "by"), byCost(problems[i].node)
			k := slices.IndexFunc(out, func(e *entry) bool { return e.Problem == l.Problem && e.Strategy == l.Strategy })
			if k < 0 {
				k = len(out)
				e := &entry{Problem: l.Problem, Strategy: l.Strategy, Metric: l.Outcome.Metric, Goal: l.Outcome.Goal}
				if by != nil {
					e.Metric, e.Goal = by.Value, "maximize"
				}
				if cost {
					e.Goal = "minimize"
				}
				out = append(out, e)
			}
			r := run{&l.Seed, &l.Outcome.Trace.Spent[0], &l.Outcome.Trace.Spent[1], nil}
			n := len(l.Outcome.Trace.Steps)
			switch {
			case cost:
				if at, ok := reach(problems[i].node, l.Outcome.Goal, l.Outcome.Trace.Steps); ok {
					r[3] = &at[slices.Index(costs, by.Value)]
				}
			case by == nil && n > 0:
				r[3] = &l.Outcome.Trace.Steps[n-1].Value
			case by != nil:
				if x, ok := l.Outcome.Report[by.Value]; ok {
					r[3] = &x
				}
			}
			out[k].Runs = append(out[k].Runs, r)
		}
	}
	return out, nil
}

// step is a rise of the best so far, and what had been spent by then.
type step struct {
	At    [2]float64
	Value float64
}

// reach is what had been spent when the best was as good as a problem's target.
func reach(problem *yaml.Node, goal string, steps []step) ([2]float64, bool) {
	var target float64
	if n := field(problem, "target"); n == nil || n.Decode(&target) != nil {
		return [2]float64{}, false
	}
	for _, s := range steps {
		if s.Value == target || s.Value > target == (goal != "minimize") {
			return s.At, true
		}
	}
	return [2]float64{}, false
}

// line is a search as other programs tell of theirs: docs/bench.md, others.
func (e *entry) line(r run) any {
	spent := []float64{*r[1], *r[2]}
	steps := []any{}
	if r[3] != nil {
		steps = append(steps, map[string]any{"at": spent, "value": *r[3]})
	}
	return map[string]any{"problem": e.Problem, "strategy": e.Strategy, "seed": *r[0],
		"outcome": map[string]any{"metric": e.Metric, "goal": e.Goal, "trace": map[string]any{"spent": spent, "steps": steps}}}
}

// The marks between which the tables stand.
const (
	begin = "<!-- The tables below are written by make science. -->"
	end   = "<!-- The tables above are written by make science. -->"
)

// between puts text between the marks of a file, or at its end where it has none.
func between(path, text string) error {
	old, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		old = []byte("# What was measured\n")
	} else if err != nil {
		return err
	}
	before, rest, marked := strings.Cut(string(old), begin)
	after := ""
	if marked {
		if _, after, marked = strings.Cut(rest, end); !marked {
			return fmt.Errorf("%s has the mark %q and not %q: put it back", path, begin, end)
		}
	} else {
		before = strings.TrimRight(before, "\n") + "\n\n"
		after = "\n"
	}
	return replace(path, before+begin+"\n\n"+text+"\n"+end+after)
}

// markdown writes the tables.
func (d *said) markdown() string {
	var b strings.Builder
	row := func(cells ...string) { fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | ")) }
	head := func(cells ...string) {
		row(cells...)
		fmt.Fprintf(&b, "|%s\n", strings.Repeat("---|", len(cells)))
	}
	head("strategy", "mean rank", "wins", "better than "+d.Reference, "worse", "regret / "+d.Reference)
	for _, x := range d.Overall {
		of := func(n int) string { return fmt.Sprintf("%d of %d", n, x.Problems) }
		better, worse := of(x.Better), of(x.Worse)
		if x.Strategy == d.Reference {
			better, worse = "", ""
		}
		row(x.Strategy, strconv.FormatFloat(x.Rank, 'f', 2, 64), of(x.Wins), better, worse, number(x.Ratio, 3))
	}
	for _, p := range d.Problems {
		fmt.Fprintf(&b, "\n**%s**, %s (%s)\n\n", p.Name, p.Bench.Metric, p.Goal)
		head("strategy", "searches", "mean", "median", "regret", "rank", "p")
		for _, x := range p.Scores {
			mean := number(x.Mean, 5)
			if x.Error != nil {
				mean += " ± " + strconv.FormatFloat(*x.Error, 'g', 2, 64)
			}
			p := ""
			if x.P != nil {
				p = fmt.Sprintf("%s (%d better, %d worse)", number(x.P, 2), x.Better, x.Worse)
			}
			row(x.Strategy, fmt.Sprint(x.N), mean, number(x.Median, 5), number(x.Regret, 3), strconv.FormatFloat(x.Rank, 'f', 2, 64), p)
		}
		for _, f := range p.Published {
			row(f.Name+", published", "", number(&f.Value, 5), "", "", "", "")
		}
	}
	return b.String()
}

// number writes so many significant digits.
func number(x *float64, digits int) string {
	switch {
	case x == nil:
		return ""
	case math.Abs(*x) >= 1e6 || *x != 0 && math.Abs(*x) < 1e-4:
		return strconv.FormatFloat(*x, 'e', digits-1, 64)
	}
	return strconv.FormatFloat(*x, 'g', digits, 64)
}
