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

// apart tells whether an objective, of those for which which is true, tells two of them
// apart beyond chance.
func apart(all [][]engine.Estimate, i, k int, which func(objective int) bool) bool {
	for j, one := range all {
		if which(j) && one[i].Apart(one[k]) {
			return true
		}
	}
	return false
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
	var has, close []string
	for j, o := range r.view.Plan.Ranking().Objectives {
		if text := r.interval(all[j][i]); o.Metric == r.objective.Metric && len(all) == 1 {
			has = append(has, text)
		} else {
			has = append(has, o.Metric+" "+show.Interval(o.Metric, all[j][i]))
		}
	}
	for k := range r.outcome.Remeasured {
		if k != i && measured(k) && !apart(all, i, k, func(int) bool { return true }) {
			close = append(close, r.outcome.Remeasured[k].ID.String())
		}
	}
	better, from := "is better than", "it"
	if len(all) > 1 {
		better, from = "differs from", "it in any objective"
	}
	text := "Measured again, the winner has " + strings.Join(has, " and ")
	switch {
	case len(r.outcome.Remeasured) < 2:
	case len(close) == 0:
		text += fmt.Sprintf("; it %s the others beyond chance", better)
	case len(close) == 1:
		text += fmt.Sprintf("; candidate %s cannot be told apart from %s", close[0], from)
	default:
		text += fmt.Sprintf("; candidates %s cannot be told apart from %s", strings.Join(close, ", "), from)
	}
	return append(out, text+" (95 % interval).")
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
		beaten, surely := false, false
		for k := range r.outcome.Remeasured {
			if !slices.Contains(r.outcome.Front, r.outcome.Remeasured[k].ID) || !beats(ranking.Objectives, all, k, i) {
				continue
			}
			beaten = true
			surely = surely || apart(all, k, i, func(j int) bool {
				return show.Better(ranking.Objectives[j], all[j][k].Mean, all[j][i].Mean)
			})
		}
		if beaten && !surely {
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
