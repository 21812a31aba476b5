package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
)

// Account is the report in words and figures, without pictures.
type Account struct {
	Verdict []string    `json:"verdict"` // what was found, the most important first
	Head    []string    `json:"head"`    // of the figures
	Rows    [][]string  `json:"rows"`    // a network each: its name, then what Head says
	IDs     []engine.ID `json:"ids"`     // of the rows; 0 for a baseline
	Honesty []string    `json:"honesty"` // how the figures came about, and how sure they are
	Took    []string    `json:"took"`
	Plan    [][2]string `json:"plan"` // how it searched
}

// Headline says in one line where a search stands.
func Headline(v *show.View) string { return (&Report{view: v, status: v.Status()}).headline() }

// MostPairs is how many pairs of metrics the page draws at most.
const MostPairs = 12

// Pairs are the metrics that are set against one another: each two objectives, the preferred
// one last, up to MostPairs; of one objective the networks' size, if that is measured.
func Pairs(v *show.View) (pairs [][2]engine.Objective) {
	first := v.Objective()
	all := slices.DeleteFunc(slices.Clone(v.Plan.Objectives), func(o engine.Objective) bool { return o.Metric == first.Metric })
	all = slices.Insert(all, 0, first)
	for i, y := range all {
		for _, x := range all[i+1:] {
			pairs = append(pairs, [2]engine.Objective{x, y})
		}
	}
	if len(all) > 1 {
		return pairs[:min(len(pairs), MostPairs)]
	}
	for _, size := range []string{"parameters", "macs"} {
		if size != first.Metric && slices.ContainsFunc(v.Metrics, func(m engine.Metric) bool { return m.Name == size }) {
			return append(pairs, [2]engine.Objective{{Metric: size, Goal: engine.Minimize}, first}) // one measure of size is enough
		}
	}
	return nil
}

// Shown is one of the best, as it is told without pictures.
type Shown struct {
	Title, Values, Genome string
	Network               string // drawn in letters; "" where it has none
}

// BestOf are the best few, the winner first.
func BestOf(v *show.View) (all []Shown) {
	r := figuresOf(v)
	for i := range r.best {
		c := &r.best[i]
		b := Shown{Title: "Candidate " + c.ID.String(), Values: show.Estimated(r.view, c.Metrics, r.view.Estimates(c.ID)), Genome: c.Genome.Text()}
		if c.ID == r.outcome.Winner {
			b.Title += " (winner)"
		}
		if net := show.NetworkOf(c.Genome); net != nil {
			b.Network = net.String()
		}
		all = append(all, b)
	}
	return all
}

// Account writes the report down.
func (r *Report) Account() *Account {
	s := r.status
	d := &Account{
		Verdict: r.verdict(), Honesty: r.honesty(), Took: r.took(),
		Head: []string{"network", r.sizes(), "multiply-adds", "in the search", "re-measured", "on test data"},
	}
	macs := slices.ContainsFunc(r.rows, func(x row) bool { return x.Macs != 0 })
	if !macs {
		d.Head = slices.Delete(d.Head, 2, 3)
	}
	names, reported := r.reported()
	d.Head = slices.Concat(d.Head, r.otherNames(), names)
	for i := range r.rows {
		x := &r.rows[i]
		cells := []string{r.title(x), count(x.Parameters)}
		if macs {
			cells = append(cells, count(x.Macs))
		}
		cells = slices.Concat(cells, []string{r.search(x), r.spread(x.Again), r.spread(x.Test)}, r.others(x))
		d.Rows, d.IDs = append(d.Rows, append(cells, reported(x)...)), append(d.IDs, x.ID)
	}
	p := r.view.Plan
	add := func(name, value string) { d.Plan = append(d.Plan, [2]string{name, value}) }
	add("strategy", show.StrategyText(r.view.Strategies))
	ranking := p.Ranking()
	goals := func(all []engine.Objective, with string) string {
		var out []string
		for _, o := range all {
			goal := string(o.Goal) + " " + o.Metric
			if o.Scale != engine.Linear {
				goal += " (" + string(o.Scale) + " scale)"
			}
			out = append(out, goal)
		}
		return strings.Join(out, with)
	}
	add("objectives", goals(ranking.Objectives, " and "))
	if len(ranking.Ties) > 0 {
		add("ties", goals(ranking.Ties, ", then "))
	}
	if p.Prefer != "" {
		add("preferred", p.Prefer)
	}
	for _, x := range p.Derived {
		add("metric "+x.Metric, x.Expression)
	}
	for _, c := range p.Constraints {
		add("constraint", show.ConstraintText(c))
	}
	for i, f := range p.Fidelities {
		text := f.Evaluator
		if i < len(r.view.Budgets) && r.view.Budgets[i] > 0 {
			text += strings.TrimRight(fmt.Sprintf(", budget %s %s", show.Number("", r.view.Budgets[i]), r.view.Units), " ")
		}
		add(fmt.Sprintf("fidelity %d", i), text)
	}
	add("limits", show.LimitsText(r.view, s.Limits))
	add("seed", fmt.Sprint(r.view.Archive.Seed()))
	order := fmt.Sprintf("%s, window %d", p.Order, s.Window)
	if s.Window != p.Window {
		order += fmt.Sprintf(" (%d at first)", p.Window)
	}
	add("order", order)
	add("size of the space", r.view.Space.Size().String())
	return d
}
