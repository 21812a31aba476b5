// Package compare sets searches side by side: which of their settings differ, the best of
// each at equal cost, their fronts, and what one found that the others did not. It looks at
// their rows and nothing else; the command line and the page show what it says.
package compare

import (
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/bench"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/genome"
)

// wrong says that searches cannot be compared so.
func wrong(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{engine.ErrConfig}, args...)...)
}

// Search is one search.
type Search struct {
	Dir         string   `json:"dir"`
	Group       string   `json:"group"` // equal for those that differ in nothing but their seeds
	Seed        uint64   `json:"seed"`
	Running     bool     `json:"running"`
	Evaluations int      `json:"evaluations"` // so far
	Seconds     float64  `json:"seconds"`
	Best        *float64 `json:"best"`                 // in the end
	AtEqual     AtEqual  `json:"at_equal"`             // when all had spent as much
	Genomes     int      `json:"genomes"`              // different ones that were measured
	Alone       int      `json:"alone"`                // of them, those that no other search measured
	AloneBest   *Found   `json:"alone_best"`           // the best of these
	Front       int      `json:"front"`                // with several objectives: how many are on its own front
	FrontPart   bool     `json:"front_part,omitempty"` // there are others: see engine.Leaders
	JointFront  int      `json:"joint_front"`          // and of them on that of all searches together

	Rows  *show.Rows          `json:"-"`
	Trace bench.Trace         `json:"-"` // of the best so far, or of the hypervolume against one point for all
	Own   []*engine.Candidate `json:"-"` // its front
	Joint []*engine.Candidate `json:"-"` // of it, those on the front of all
}

// AtEqual is the best when so much had been spent; null if there was none yet.
type AtEqual struct {
	Evaluations *float64 `json:"evaluations"`
	Seconds     *float64 `json:"seconds"`
}

// Found is one candidate.
type Found struct {
	ID      engine.ID     `json:"id"`
	Genome  string        `json:"genome"`
	Metrics engine.Values `json:"metrics"`
}

// Comparison is what `compare --json` writes.
type Comparison struct {
	Metric   string      `json:"metric"`
	Goal     engine.Goal `json:"goal"`
	Searches []*Search   `json:"searches"`
	Settings []Setting   `json:"settings"` // those that differ
	Cost     bench.Cost  `json:"cost"`     // that all have spent: evaluations and evaluator seconds
	Pairs    []Pair      `json:"pairs"`    // of groups with several seeds

	Objectives []engine.Objective `json:"-"` // of the first
}

// Setting is one that differs.
type Setting struct {
	Key    string   `json:"key"`
	Values []string `json:"values"` // by search
}

// Pair are two groups, Search by the seeds that both have at equal evaluations.
type Pair struct {
	A     string  `json:"a"`
	B     string  `json:"b"`
	Seeds int     `json:"seeds"`
	Wins  int     `json:"wins"` // of A
	Ties  int     `json:"ties"`
	P     float64 `json:"p"` // two-sided
}

// candidates are those of a search.
func (s *Search) candidates() iter.Seq[engine.Candidate] {
	return func(yield func(engine.Candidate) bool) {
		for row := range s.Rows.Len() {
			if !yield(s.Rows.Candidate(row)) {
				return
			}
		}
	}
}

// Of compares searches by a metric, "" for that of their objectives.
func Of(all []*Search, metric string) (*Comparison, error) {
	first := all[0].Rows.Archive.Plan
	c := &Comparison{Metric: metric, Searches: all, Objectives: first.Objectives, Pairs: []Pair{}, Settings: []Setting{}}
	for _, s := range all[1:] {
		if !slices.Equal(s.Rows.Archive.Plan.Objectives, first.Objectives) && metric == "" {
			return nil, wrong("%s has the objectives %s, and %s has %s; name one that both have with --metric",
				all[0].Dir, objectivesText(first.Objectives), s.Dir, objectivesText(s.Rows.Archive.Plan.Objectives))
		}
	}
	by := bench.Measure{Metric: bench.Hypervolume, Goal: engine.Maximize}
	if metric == "" && len(first.Objectives) == 1 {
		metric = first.Objectives[0].Metric
	}
	if metric != "" && metric != bench.Hypervolume {
		for i, s := range all {
			k := slices.IndexFunc(s.Rows.Archive.Plan.Objectives, func(o engine.Objective) bool { return o.Metric == metric })
			if k < 0 {
				return nil, wrong("--metric %s: it is no objective of %s, which has %s", metric, s.Dir,
					objectivesText(s.Rows.Archive.Plan.Objectives))
			}
			o := s.Rows.Archive.Plan.Objectives[k]
			if i > 0 && by.Goal != o.Goal {
				return nil, wrong("--metric %s: %s would %s it, and %s would %s it", metric, all[0].Dir, by.Goal, s.Dir, o.Goal)
			}
			by = bench.Measure{Metric: o.Metric, Goal: o.Goal}
		}
	}
	c.Metric, c.Goal = by.Metric, by.Goal
	reference := commonReference(all)
	for i, s := range all {
		plan := s.Rows.Archive.Plan
		plan.Reference = reference
		s.Trace = bench.Follow(s.candidates(), &plan, by)
		s.Seed, s.Evaluations, s.Seconds = s.Rows.Archive.Seed(), int(s.Trace.Spent[bench.Evaluations]), s.Trace.Spent[bench.Seconds]
		s.Best = valueAt(&s.Trace, bench.Evaluations, math.Inf(1))
		for axis := range c.Cost {
			if i == 0 || s.Trace.Spent[axis] < c.Cost[axis] {
				c.Cost[axis] = s.Trace.Spent[axis]
			}
		}
	}
	for _, s := range all {
		s.AtEqual.Evaluations = valueAt(&s.Trace, bench.Evaluations, c.Cost[bench.Evaluations])
		s.AtEqual.Seconds = valueAt(&s.Trace, bench.Seconds, c.Cost[bench.Seconds])
	}
	settings(c, true)
	onlyOf(c, by.Metric)
	fronts(c)
	c.pairUp()
	return c, nil
}

// Apart finds which settings of searches differ and what only one of them measured, whatever
// their objectives are and however they were steered.
func Apart(all []*Search) *Comparison {
	c := &Comparison{Searches: all, Pairs: []Pair{}, Settings: []Setting{}}
	settings(c, false)
	onlyOf(c, "")
	return c
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
func commonReference(all []*Search) engine.Values {
	worst := map[string]float64{}
	for _, s := range all {
		leaders := s.Rows.Archive.Plan.Leaders(1)
		for c := range s.candidates() {
			if c.Phase == engine.PhaseSearch && c.Task == engine.Train {
				leaders.Add(&c)
			}
		}
		volume, _ := leaders.Hypervolume()
		for _, o := range s.Rows.Archive.Plan.Objectives {
			x, ok := volume.Reference.Get(o.Metric)
			if old, known := worst[o.Metric]; ok && (!known || (o.Goal == engine.Minimize) == (x > old)) {
				worst[o.Metric] = x
			}
		}
		s.Own, s.FrontPart = leaders.Front(), leaders.Part()
	}
	var out engine.Values
	for name, x := range worst {
		out = append(out, engine.Value{Name: name, Value: x})
	}
	engine.SortValues(out)
	return out
}

// settings finds those that differ, and groups what differs in its seed alone. What was
// changed in mid-run and decides is one of them if steered.
func settings(c *Comparison, steered bool) {
	flat := make([]map[string]string, len(c.Searches))
	keys := map[string]bool{}
	for i, s := range c.Searches {
		a := s.Rows.Archive
		raw, _ := json.Marshal(a.Plan)
		var tree genome.Map
		_ = tree.UnmarshalJSON(raw) // it was just written
		flat[i] = map[string]string{}
		flatten(flat[i], "", tree)
		flat[i]["seed"] = strconv.FormatUint(a.Seed(), 10) // of a branch, its own
		for k, e := range a.Strategies[1:] {
			flat[i][fmt.Sprintf("strategies[%d]", k+1)] = fmt.Sprintf("%s %s from turn %d on", e.Name, e.Options, e.Turn)
		}
		for k, what := range a.Steered() {
			if steered {
				flat[i][fmt.Sprintf("steered[%d]", k)] = what
			}
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
		d := Setting{Key: key}
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

// onlyOf finds what each search measured that no other one did, and the best of that: as a
// search chooses its winner, or by one metric of its objectives alone.
func onlyOf(c *Comparison, metric string) {
	had := map[string]map[int]bool{} // which searches measured what is written so
	own := make([]map[string][]string, len(c.Searches))
	for i, s := range c.Searches {
		own[i] = map[string][]string{} // by how a genome is written now, how it was when it was proposed, before a takeover
		for row := range s.Rows.Len() {
			cand := s.Rows.Candidate(row)
			if cand.Phase != engine.PhaseSearch || cand.Task != engine.Train || cand.Status != engine.OK || cand.Stopped ||
				cand.Origin() == engine.Imported {
				continue
			}
			text := cand.Genome.Text()
			own[i][text] = append(own[i][text], text)
			job := s.Rows.Job(row)
			if was, err := s.Rows.Archive.Recorded(&job); err == nil && was != cand.Genome {
				own[i][text] = append(own[i][text], was.Text())
			}
			for _, written := range own[i][text] {
				if had[written] == nil {
					had[written] = map[int]bool{}
				}
				had[written][i] = true
			}
		}
	}
	for i, s := range c.Searches {
		s.Genomes = len(own[i])
		for text, all := range own[i] {
			if slices.ContainsFunc(all, func(written string) bool { return len(had[written]) > 1 }) {
				delete(own[i], text)
			}
		}
		s.Alone = len(own[i])
		plan := s.Rows.Archive.Plan
		if k := slices.IndexFunc(plan.Objectives, func(o engine.Objective) bool { return o.Metric == metric }); k >= 0 {
			plan.Objectives, plan.Prefer = plan.Objectives[k:k+1], ""
		}
		leaders := plan.Leaders(1)
		for cand := range s.candidates() { // those that were measured again, too
			if own[i][cand.Genome.Text()] != nil && cand.Fidelity == len(plan.Fidelities)-1 {
				leaders.Add(&cand)
			}
		}
		if best := leaders.Best(); len(best) > 0 {
			s.AloneBest = &Found{best[0].ID, best[0].Genome.Text(), best[0].Metrics}
		}
	}
}

// fronts tells who is on the front of all searches together.
func fronts(c *Comparison) {
	if len(c.Objectives) < 2 {
		return
	}
	ranking := c.Searches[0].Rows.Archive.Plan.Ranking()
	var all []*engine.Candidate
	of := map[*engine.Candidate]*Search{}
	for _, s := range c.Searches {
		s.Front = len(s.Own)
		for _, cand := range s.Own {
			all, of[cand] = append(all, cand), s
		}
	}
	rank := ranking.Rank(all...)
	for _, cand := range rank.List()[:rank.Front()] {
		of[cand].Joint = append(of[cand].Joint, cand)
		of[cand].JointFront++
	}
}

// pairUp compares groups by the seeds that they have in common.
func (c *Comparison) pairUp() {
	groups := map[string]map[uint64]*Search{}
	var names []string
	for _, s := range c.Searches {
		if groups[s.Group] == nil {
			groups[s.Group] = map[uint64]*Search{}
			names = append(names, s.Group)
		}
		groups[s.Group][s.Seed] = s
	}
	for i, a := range names {
		for _, b := range names[i+1:] {
			p := Pair{A: a, B: b}
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
