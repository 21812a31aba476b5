package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
)

// estimate is the figure with its interval, which it must have.
func (f *Figure) estimate() engine.Estimate {
	return engine.Estimate{Mean: f.Mean, N: f.N, Low: *f.Low, High: *f.High}
}

// figures are all of a row.
func (x *row) figures() []*Figure { return append([]*Figure{x.Again, x.Test}, x.Also...) }

// spreads tells whether a standard deviation is shown of a row.
func (x *row) spreads() bool {
	return slices.ContainsFunc(x.figures(), func(f *Figure) bool { return f != nil && f.Low == nil && f.N > 1 })
}

// brackets tells whether an interval is shown of a row.
func (x *row) brackets() bool {
	return x.Estimate != nil && x.Estimate.High > x.Estimate.Low ||
		slices.ContainsFunc(x.figures(), func(f *Figure) bool { return f != nil && f.Low != nil && *f.High > *f.Low })
}

// certain are the estimates of each objective of those that were measured again, in their
// order; false where the noise of one is not known.
func (r *Report) certain() (all [][]engine.Estimate, ok bool) {
	for _, o := range r.view.Plan.Ranking().Objectives {
		one, known := r.outcome.Estimates(o.Metric)
		if !known {
			return nil, false
		}
		all = append(all, one)
	}
	return all, len(all) > 0
}

// apart are the objectives, of those for which which is true, that tell two of them apart
// beyond chance, where so many such comparisons are made together.
func apart(all [][]engine.Estimate, i, k, together int, which func(objective int) bool) (out []int) {
	for j, one := range all {
		if which(j) && one[i].Apart(one[k], together) {
			out = append(out, j)
		}
	}
	return out
}

// inexact counts the objectives in which chance plays a part.
func inexact(all [][]engine.Estimate) (n int) {
	for _, one := range all {
		if slices.ContainsFunc(one, func(e engine.Estimate) bool { return !e.Exact() }) {
			n++
		}
	}
	return n
}

// certainty says how sure the winner is, by what was measured again.
func (r *Report) certainty() []string {
	var out []string
	if slices.ContainsFunc(r.rows, func(x row) bool { return x.brackets() }) {
		out = append(out, "Brackets are the 95 % interval of a mean, by the noise of everything that was measured again; "+
			"behind them stands of how many measurements.")
	}
	all, ok := r.certain()
	i := slices.IndexFunc(r.outcome.Remeasured, func(m engine.Measured) bool { return m.ID == r.outcome.Winner })
	measured := func(k int) bool {
		return !slices.ContainsFunc(all, func(one []engine.Estimate) bool { return one[k].N == 0 })
	}
	if !ok || i < 0 || !measured(i) {
		return out
	}
	objectives := r.view.Plan.Ranking().Objectives
	var has []string
	for j, o := range objectives {
		text := show.Interval(o.Metric, all[j][i])
		if o.Metric == r.objective.Metric {
			text = r.interval(all[j][i]) // as everywhere else in the report
		}
		if len(all) > 1 {
			text = o.Metric + " " + text
		}
		has = append(has, text)
	}
	exact := func(j int) bool { return all[j][i].Exact() }
	others, close, alone := 0, []string{}, map[string][]string{}
	var reasons []string // keys of alone, in the order of their first
	for k := range r.outcome.Remeasured {
		if k == i || !measured(k) {
			continue
		}
		others++
		by := apart(all, i, k, inexact(all)*(len(r.outcome.Remeasured)-1), func(int) bool { return true })
		id := r.outcome.Remeasured[k].ID.String()
		switch {
		case len(by) == 0:
			close = append(close, id)
		case inexact(all) > 0 && !slices.ContainsFunc(by, func(j int) bool { return !exact(j) }):
			var names []string
			for _, j := range by {
				names = append(names, objectives[j].Metric)
			}
			why := strings.Join(names, " and ")
			if alone[why] == nil {
				reasons = append(reasons, why)
			}
			alone[why] = append(alone[why], id)
		}
	}
	better, from := "is better than", ""
	if len(all) > 1 {
		better, from = "differs from", " in any objective"
	}
	text := "Measured again, the winner has " + strings.Join(has, " and ")
	switch {
	case others == 0:
	case len(close) == 0 && len(alone) == 0 && others > 1:
		text += fmt.Sprintf("; it %s each of the others beyond chance", better)
	case len(close) == 0 && len(alone) == 0:
		text += fmt.Sprintf("; it %s the other beyond chance", better)
	case len(close) > 0:
		text += fmt.Sprintf("; %s cannot be told apart from it%s", candidates(close), from)
	}
	for _, why := range reasons {
		text += fmt.Sprintf("; %s beyond chance in %s alone", differ(alone[why]), why)
	}
	if others > 1 {
		return append(out, text+" (95 %, all comparisons together).")
	}
	return append(out, text+" (95 %).")
}

// candidates names some.
func candidates(ids []string) string {
	if len(ids) == 1 {
		return "candidate " + ids[0]
	}
	return "candidates " + strings.Join(ids, ", ")
}

// differ says that candidates differ from the winner.
func differ(ids []string) string {
	if len(ids) == 1 {
		return candidates(ids) + " differs from it"
	}
	return candidates(ids) + " differ from it"
}

// undecided names who fell off the front by no more than chance explains.
func (r *Report) undecided() []string {
	all, ok := r.certain()
	if !ok {
		return nil
	}
	ranking := r.view.Plan.Ranking()
	var close []string
	for i := range r.outcome.Remeasured {
		m := &r.outcome.Remeasured[i]
		if slices.Contains(r.outcome.Front, m.ID) || ranking.Violation(m.Judged) > 0 {
			continue
		}
		var by []int // who beats it
		for k := range r.outcome.Remeasured {
			if slices.Contains(r.outcome.Front, r.outcome.Remeasured[k].ID) && beats(ranking.Objectives, all, k, i) {
				by = append(by, k)
			}
		}
		surely := slices.ContainsFunc(by, func(k int) bool {
			return apart(all, i, k, inexact(all)*len(by), func(j int) bool {
				return show.Better(ranking.Objectives[j], all[j][k].Mean, all[j][i].Mean)
			}) != nil
		})
		if len(by) > 0 && !surely {
			close = append(close, m.ID.String())
		}
	}
	switch len(close) {
	case 0:
		return nil
	case 1:
		return []string{"Candidate " + close[0] + " fell off it by no more than chance explains: it cannot be told apart from who beats it."}
	}
	return []string{"Candidates " + strings.Join(close, ", ") +
		" fell off it by no more than chance explains: they cannot be told apart from who beats them."}
}

// beats tells whether the k-th of those that were measured again is, by the means, at least
// as good as the i-th in all objectives.
func beats(objectives []engine.Objective, all [][]engine.Estimate, k, i int) bool {
	for j, o := range objectives {
		a, b := all[j][k], all[j][i]
		if a.N == 0 || b.N == 0 || show.Better(o, engine.Key(b.Mean), engine.Key(a.Mean)) {
			return false
		}
	}
	return true
}
