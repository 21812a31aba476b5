package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/bench"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/genome"
)

func (a *app) compareCommand() *cobra.Command {
	var asJSON bool
	var metric string
	cmd := &cobra.Command{
		Use:   "compare DIR DIR...",
		Short: "Compare searches: settings, best at equal cost, fronts, what each found",
		Long: `Compares searches, those that run as they are now: which of their settings differ; the
best of each when all had spent as much, in evaluations and in evaluator seconds; with
several objectives their fronts, and who is on the front of all together; and the best
that only one of them measured. Searches that differ in nothing but their seeds are taken
together: two such groups are compared by the seeds that both have, with the p value
of Wilcoxon's signed ranks.`,
		Example: `  nascent compare aging guided
  nascent compare aging-1 aging-2 aging-3 guided-1 guided-2 guided-3
  nascent compare a b --metric loss --json`,
		Args: cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			var all []*compared
			for _, dir := range args {
				if err := isDir(dir); err != nil {
					return err
				}
				led, running, err := openAny(cmd.Context(), dir)
				if err != nil {
					return err
				}
				r, err := rowsOf(led, dir, !running)
				if err = errors.Join(err, led.Close()); err != nil {
					return err
				}
				all = append(all, &compared{Dir: dir, Running: running, rows: r})
			}
			c, err := compareAll(all, metric)
			if err != nil {
				return err
			}
			if asJSON {
				return a.writeJSON(c)
			}
			return a.writeComparison(c)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	cmd.Flags().StringVar(&metric, "metric", "", "compare by this objective (default: the first of all, or with several the hypervolume)")
	return cmd
}

// compared is one search.
type compared struct {
	Dir         string   `json:"dir"`
	Group       string   `json:"group"` // equal for those that differ in nothing but their seeds
	Seed        uint64   `json:"seed"`
	Running     bool     `json:"running"`
	Evaluations int      `json:"evaluations"` // so far
	Seconds     float64  `json:"seconds"`
	Best        *float64 `json:"best"`        // in the end
	AtEqual     atEqual  `json:"at_equal"`    // when all had spent as much
	Genomes     int      `json:"genomes"`     // different ones that were measured
	Alone       int      `json:"alone"`       // of them, those that no other search measured
	AloneBest   *found   `json:"alone_best"`  // the best of these
	Front       int      `json:"front"`       // with several objectives: how many are on its own front
	JointFront  int      `json:"joint_front"` // and of them on that of all searches together

	rows  *show.Rows
	trace bench.Trace
	front []*engine.Candidate
}

// atEqual is the best when so much had been spent; null if there was none yet.
type atEqual struct {
	Evaluations *float64 `json:"evaluations"`
	Seconds     *float64 `json:"seconds"`
}

// found is one candidate.
type found struct {
	ID      engine.ID     `json:"id"`
	Genome  string        `json:"genome"`
	Metrics engine.Values `json:"metrics"`
}

// comparison is what `compare --json` writes.
type comparison struct {
	Metric   string      `json:"metric"`
	Goal     engine.Goal `json:"goal"`
	Searches []*compared `json:"searches"`
	Settings []setting   `json:"settings"` // those that differ
	Cost     bench.Cost  `json:"cost"`     // that all have spent: evaluations and evaluator seconds
	Pairs    []pair      `json:"pairs"`    // of groups with several seeds

	objectives []engine.Objective
}

// setting is one that differs.
type setting struct {
	Key    string   `json:"key"`
	Values []string `json:"values"` // by search
}

// pair are two groups, compared by the seeds that both have at equal evaluations.
type pair struct {
	A     string  `json:"a"`
	B     string  `json:"b"`
	Seeds int     `json:"seeds"`
	Wins  int     `json:"wins"` // of A
	Ties  int     `json:"ties"`
	P     float64 `json:"p"` // two-sided
}

// candidates are those of a search.
func (s *compared) candidates() iter.Seq[engine.Candidate] {
	return func(yield func(engine.Candidate) bool) {
		for row := range s.rows.Len() {
			if !yield(s.rows.Candidate(row)) {
				return
			}
		}
	}
}

// compareAll compares searches by a metric, "" for that of their objectives.
func compareAll(all []*compared, metric string) (*comparison, error) {
	first := all[0].rows.Archive.Plan
	c := &comparison{Metric: metric, Searches: all, objectives: first.Objectives, Pairs: []pair{}, Settings: []setting{}}
	for _, s := range all[1:] {
		if !slices.Equal(s.rows.Archive.Plan.Objectives, first.Objectives) && metric == "" {
			return nil, wrongInput("%s has the objectives %s, and %s has %s; name one that both have with --metric",
				all[0].Dir, objectivesText(first.Objectives), s.Dir, objectivesText(s.rows.Archive.Plan.Objectives))
		}
	}
	by := bench.Measure{Metric: bench.Hypervolume, Goal: engine.Maximize}
	if metric == "" && len(first.Objectives) == 1 {
		metric = first.Objectives[0].Metric
	}
	if metric != "" && metric != bench.Hypervolume {
		for i, s := range all {
			k := slices.IndexFunc(s.rows.Archive.Plan.Objectives, func(o engine.Objective) bool { return o.Metric == metric })
			if k < 0 {
				return nil, wrongInput("--metric %s: it is no objective of %s, which has %s", metric, s.Dir,
					objectivesText(s.rows.Archive.Plan.Objectives))
			}
			o := s.rows.Archive.Plan.Objectives[k]
			if i > 0 && by.Goal != o.Goal {
				return nil, wrongInput("--metric %s: %s would %s it, and %s would %s it", metric, all[0].Dir, by.Goal, s.Dir, o.Goal)
			}
			by = bench.Measure{Metric: o.Metric, Goal: o.Goal}
		}
	}
	c.Metric, c.Goal = by.Metric, by.Goal
	reference := commonReference(all)
	for i, s := range all {
		plan := s.rows.Archive.Plan
		plan.Reference = reference
		s.trace = bench.Follow(s.candidates(), &plan, by)
		s.Seed, s.Evaluations, s.Seconds = plan.Seed, int(s.trace.Spent[bench.Evaluations]), s.trace.Spent[bench.Seconds]
		s.Best = valueAt(&s.trace, bench.Evaluations, math.Inf(1))
		for axis := range c.Cost {
			if i == 0 || s.trace.Spent[axis] < c.Cost[axis] {
				c.Cost[axis] = s.trace.Spent[axis]
			}
		}
	}
	for _, s := range all {
		s.AtEqual.Evaluations = valueAt(&s.trace, bench.Evaluations, c.Cost[bench.Evaluations])
		s.AtEqual.Seconds = valueAt(&s.trace, bench.Seconds, c.Cost[bench.Seconds])
	}
	settings(c)
	onlyOf(c, by)
	fronts(c)
	c.pairUp()
	return c, nil
}

func valueAt(t *bench.Trace, axis bench.Axis, cost float64) *float64 {
	if x, ok := t.At(axis, cost); ok {
		return &x
	}
	return nil
}

func objectivesText(all []engine.Objective) string {
	var parts []string
	for _, o := range all {
		parts = append(parts, string(o.Goal)+" "+o.Metric)
	}
	return strings.Join(parts, ", ")
}

// commonReference is the worst of what searches measure their hypervolumes against, so
// that all of them are measured against one point; none with one objective.
func commonReference(all []*compared) engine.Values {
	worst := map[string]float64{}
	for _, s := range all {
		leaders := s.rows.Archive.Plan.Leaders(1)
		for c := range s.candidates() {
			if c.Phase == engine.PhaseSearch && c.Task == engine.Train {
				leaders.Add(&c)
			}
		}
		volume, _ := leaders.Hypervolume()
		for _, o := range s.rows.Archive.Plan.Objectives {
			x, ok := volume.Reference.Get(o.Metric)
			if old, known := worst[o.Metric]; ok && (!known || (o.Goal == engine.Minimize) == (x > old)) {
				worst[o.Metric] = x
			}
		}
		s.front = leaders.Front()
	}
	var out engine.Values
	for name, x := range worst {
		out = append(out, engine.Value{Name: name, Value: x})
	}
	engine.SortValues(out)
	return out
}

// settings finds those that differ, and groups what differs in its seed alone.
func settings(c *comparison) {
	flat := make([]map[string]string, len(c.Searches))
	keys := map[string]bool{}
	for i, s := range c.Searches {
		a := s.rows.Archive
		raw, _ := json.Marshal(a.Plan)
		var tree genome.Map
		_ = tree.UnmarshalJSON(raw) // it was just written
		flat[i] = map[string]string{}
		flatten(flat[i], "", tree)
		for k, e := range a.Strategies[1:] {
			flat[i][fmt.Sprintf("strategies[%d]", k+1)] = fmt.Sprintf("%s %s from turn %d on", e.Name, e.Options, e.Turn)
		}
		for k, e := range a.Evaluators {
			flat[i][fmt.Sprintf("evaluators[%d]", k)] = e.Hello.Name + " " + shortHash(e.Hello.Fingerprint)
		}
		for key := range flat[i] {
			keys[key] = true
		}
	}
	groups := map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		d := setting{Key: key}
		differs := false
		for i := range flat {
			value, ok := flat[i][key]
			if !ok {
				value = "-"
			}
			d.Values = append(d.Values, value)
			differs = differs || value != d.Values[0]
		}
		if differs {
			c.Settings = append(c.Settings, d)
		}
	}
	for i, s := range c.Searches {
		var own []string
		for _, d := range c.Settings {
			if d.Key != "seed" {
				own = append(own, d.Values[i])
			}
		}
		key := strings.Join(own, "\n")
		if _, ok := groups[key]; !ok {
			groups[key] = string(rune('A' + len(groups)%26))
			if n := len(groups) - 1; n >= 26 {
				groups[key] += strconv.Itoa(n / 26)
			}
		}
		s.Group = groups[key]
	}
}

// flatten writes a tree as paths and texts. Of a space only the whole is of interest.
func flatten(out map[string]string, path string, v any) {
	switch v := v.(type) {
	case genome.Map:
		for _, e := range v {
			at := path + "." + e.Key
			if path == "" {
				at = e.Key
			}
			flatten(out, at, e.Value)
		}
	case []any:
		for i, e := range v {
			flatten(out, fmt.Sprintf("%s[%d]", path, i), e)
		}
	case nil:
		out[path] = "-"
	default:
		out[path] = genome.ValueText(v)
	}
}

func shortHash(s string) string { return s[:min(12, len(s))] }

// onlyOf finds what each search measured that no other one did.
func onlyOf(c *comparison, by bench.Measure) {
	type place struct {
		search int
		best   engine.Candidate
	}
	seen := map[string]map[int]bool{}
	best := map[string]place{}
	rankings := make([]engine.Ranking, len(c.Searches))
	for i, s := range c.Searches {
		rankings[i] = s.rows.Archive.Plan.Ranking()
		for cand := range s.candidates() {
			if cand.Phase != engine.PhaseSearch || cand.Task != engine.Train || cand.Status != engine.OK || cand.Stopped ||
				cand.Origin() == engine.Imported {
				continue
			}
			text := cand.Genome.Text()
			if seen[text] == nil {
				seen[text] = map[int]bool{}
			}
			if !seen[text][i] {
				seen[text][i] = true
				s.Genomes++
				best[text] = place{i, cand}
			}
		}
	}
	tops := make([]*engine.Candidate, len(c.Searches))
	for _, text := range slices.Sorted(maps.Keys(seen)) {
		if len(seen[text]) > 1 {
			continue
		}
		p := best[text]
		s := c.Searches[p.search]
		s.Alone++
		if p.best.Fidelity != len(s.rows.Archive.Plan.Fidelities)-1 {
			continue
		}
		top, cand := tops[p.search], p.best
		x, ok := cand.Metrics.Get(by.Metric)
		switch {
		case top == nil:
			tops[p.search] = &cand
		case by.Metric == bench.Hypervolume:
			if rankings[p.search].Compare(&cand, top) < 0 {
				tops[p.search] = &cand
			}
		default:
			if y, had := top.Metrics.Get(by.Metric); ok && (!had || (by.Goal == engine.Minimize) == (x < y) && x != y) {
				tops[p.search] = &cand
			}
		}
	}
	for i, top := range tops {
		if top != nil {
			c.Searches[i].AloneBest = &found{top.ID, top.Genome.Text(), top.Metrics}
		}
	}
}

// fronts tells who is on the front of all searches together.
func fronts(c *comparison) {
	if len(c.objectives) < 2 {
		return
	}
	ranking := c.Searches[0].rows.Archive.Plan.Ranking()
	var all []*engine.Candidate
	of := map[*engine.Candidate]*compared{}
	for _, s := range c.Searches {
		s.Front = len(s.front)
		for _, cand := range s.front {
			all, of[cand] = append(all, cand), s
		}
	}
	rank := ranking.Rank(all...)
	for _, cand := range rank.List()[:rank.Front()] {
		of[cand].JointFront++
	}
}

// pairUp compares groups by the seeds that they have in common.
func (c *comparison) pairUp() {
	groups := map[string]map[uint64]*compared{}
	var names []string
	for _, s := range c.Searches {
		if groups[s.Group] == nil {
			groups[s.Group] = map[uint64]*compared{}
			names = append(names, s.Group)
		}
		groups[s.Group][s.Seed] = s
	}
	for i, a := range names {
		for _, b := range names[i+1:] {
			p := pair{A: a, B: b}
			var differences []float64
			for _, seed := range slices.Sorted(maps.Keys(groups[a])) {
				other := groups[b][seed]
				if other == nil {
					continue
				}
				x, y := groups[a][seed].AtEqual.Evaluations, other.AtEqual.Evaluations
				if x == nil || y == nil {
					continue
				}
				d := engine.Key(*x - *y)
				if c.Goal == engine.Minimize {
					d = -d
				}
				p.Seeds++
				switch {
				case d > 0:
					p.Wins++
				case d == 0:
					p.Ties++
				}
				differences = append(differences, d)
			}
			if p.Seeds > 1 {
				p.P = bench.Wilcoxon(differences)
				c.Pairs = append(c.Pairs, p)
			}
		}
	}
}

func (a *app) writeComparison(c *comparison) error {
	number := func(x *float64) string {
		if x == nil {
			return "-"
		}
		return show.Number(c.Metric, *x)
	}
	several := len(c.objectives) > 1
	t := show.Table{
		Head: []string{
			"", "search", "evaluations", "seconds", "best",
			"at " + show.Plural(int(c.Cost[bench.Evaluations]), "evaluation"), "at " + show.Seconds(c.Cost[bench.Seconds]),
		},
		Right: []bool{false, false, true, true, true, true, true, true, true},
		Width: a.width,
	}
	if several {
		t.Head = append(t.Head, "front", "of all")
	}
	for _, s := range c.Searches {
		row := []string{
			s.Group, s.Dir, show.Thousands(int64(s.Evaluations)), show.Seconds(s.Seconds),
			number(s.Best), number(s.AtEqual.Evaluations), number(s.AtEqual.Seconds),
		}
		if several {
			row = append(row, strconv.Itoa(s.Front), strconv.Itoa(s.JointFront))
		}
		t.Rows = append(t.Rows, row)
	}
	fmt.Fprintf(a.out, "%s %s\n", c.Goal, show.Clean(c.Metric))
	if err := t.Write(a.out); err != nil {
		return err
	}
	for _, s := range c.Searches {
		if s.Running {
			fmt.Fprintln(a.out, show.Clean(s.Dir)+" runs, and is compared as it is now")
		}
	}
	for _, p := range c.Pairs {
		fmt.Fprintf(a.out, "%s against %s, %d seeds: better %d times, as good %d times; p %.2g (Wilcoxon)\n", p.A, p.B,
			p.Seeds, p.Wins, p.Ties, p.P)
	}
	fmt.Fprintln(a.out)
	if len(c.Settings) == 0 {
		fmt.Fprintln(a.out, "Their settings are the same.")
	} else {
		head := []string{"setting"}
		for _, s := range c.Searches {
			head = append(head, s.Dir)
		}
		t := show.Table{Head: head, Width: a.width}
		for _, d := range c.Settings {
			row := []string{d.Key}
			for _, v := range d.Values {
				row = append(row, show.Clip(v, 40))
			}
			t.Rows = append(t.Rows, row)
		}
		if err := t.Write(a.out); err != nil {
			return err
		}
	}
	fmt.Fprintln(a.out)
	for _, s := range c.Searches {
		line := fmt.Sprintf("%s measured %s, %s of them alone", s.Dir, show.Plural(s.Genomes, "genome"), show.Thousands(int64(s.Alone)))
		if s.AloneBest != nil {
			var values []string
			for _, o := range c.objectives {
				if x, ok := s.AloneBest.Metrics.Get(o.Metric); ok {
					values = append(values, o.Metric+" "+show.Number(o.Metric, x))
				}
			}
			line += fmt.Sprintf("; the best of these: candidate %s, %s\n  %s", s.AloneBest.ID,
				strings.Join(values, ", "), s.AloneBest.Genome)
		}
		for i, part := range strings.Split(line, "\n") {
			if i > 0 && a.width > 0 {
				part = show.Clip(part, a.width)
			}
			fmt.Fprintln(a.out, show.Clean(part))
		}
	}
	return nil
}
