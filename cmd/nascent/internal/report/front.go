package report

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
)

// front is one metric against another: all candidates that have both, and those
// that no other beats in both, the best by x first.
type front struct {
	x, y engine.Objective
	all  []show.Mark
	best []show.Mark
}

// frontsOf sets each two objectives against one another, the preferred one first;
// where there is only one, it against the size of the networks, if that is measured.
func frontsOf(v *show.View) []front {
	first := v.Objective()
	all := slices.DeleteFunc(slices.Clone(v.Plan.Objectives), func(o engine.Objective) bool { return o.Metric == first.Metric })
	all = slices.Insert(all, 0, first)
	sizes := []engine.Objective{{Metric: "parameters", Goal: engine.Minimize}, {Metric: "macs", Goal: engine.Minimize}}
	fronts := []front{}
	add := func(x, y engine.Objective) bool {
		f := front{x: x, y: y}
		f.all, f.best = v.Front(x, y)
		if x.Metric == y.Metric || len(f.all) == 0 {
			return false
		}
		fronts = append(fronts, f)
		return true
	}
	for i, y := range all {
		for _, x := range all[i+1:] {
			add(x, y)
		}
	}
	for _, x := range sizes {
		if len(all) == 1 && add(x, first) {
			break // one measure of size is enough
		}
	}
	return fronts
}

// volume is the hypervolume after so many evaluations.
type volume struct {
	Evaluations int     `json:"evaluations"`
	Hypervolume float64 `json:"hypervolume"`
	Error       float64 `json:"error,omitempty"` // its standard error, where it is an estimate
}

// volumeOf follows the hypervolume of a search of several objectives, at the highest
// fidelity that it reached and against the reference that it has in the end.
func volumeOf(v *show.View) (out []volume) {
	if len(v.Plan.Ranking().Objectives) < 2 {
		return nil
	}
	s := v.Reader.Status()
	plan := v.Plan
	plan.Reference = s.Reference
	leaders := plan.Leaders(1)
	every := max(1, s.Evaluations/500) // more is not to be seen
	n, fidelity, changed := 0, 0, false
	note := func() {
		if !changed {
			return
		}
		if x, ok := leaders.Hypervolume(); ok {
			out, changed = append(out, volume{n, x.Volume, x.Error}), false
		}
	}
	for c := range v.Candidates() {
		if c.Phase != engine.PhaseSearch {
			break
		}
		if c.Origin() == engine.Imported {
			continue
		}
		n++
		changed = leaders.Add(&c) || changed
		if leaders.Fidelity() > fidelity {
			fidelity, out = leaders.Fidelity(), nil
		}
		if n%every == 0 {
			note()
		}
	}
	note()
	return out
}

// Against says what a hypervolume is measured against, after a comma.
func Against(v *show.View) string {
	reference := v.Status().Reference
	if len(reference) == 0 {
		return ""
	}
	return ", up to " + strings.Join(show.Named(v, reference, show.Number), " and ")
}

// nothing says why the hypervolume is 0, and what to do about it.
func (r *Report) nothing() string {
	for _, o := range r.view.Plan.Objectives {
		counts := func(c engine.Best) bool { x, ok := c.Metrics.Get(o.Metric); return ok && !o.TooSmall(x) }
		if o.Scale == engine.LogScale && !slices.ContainsFunc(r.status.Front, counts) {
			return fmt.Sprintf(" None of them has a %s above 1e-12, and on its logarithmic scale all such values are alike: the hypervolume is 0. "+
				"Begin a new search with a linear scale or, of values above 0, in a smaller unit.", o.Metric)
		}
	}
	text := " None of them is better in all objectives than the reference" + strings.Replace(Against(r.view), ", up to", ",", 1) +
		": the hypervolume is 0."
	if len(r.view.Plan.Reference) > 0 {
		text += " If none can be, begin a new search with another reference."
	}
	return text
}

// front says in words what came of several objectives.
func (r *Report) front() (out []string) {
	if len(r.status.Front) == 0 {
		return nil
	}
	text := r.whoseFront()
	if r.view.Plan.Ranking().Violation(r.status.Front[0].Means()) > 0 { // then it dominates nothing that is asked for
		if r.broken() != "" {
			return nil
		}
		return []string{text}
	}
	if len(r.view.Plan.Ranking().Soft) > 0 {
		text += " Here an objective is as bad as the soft constraints make it."
	}
	switch {
	case r.status.Hypervolume == nil:
	case *r.status.Hypervolume == 0:
		text += r.nothing()
	default:
		text += fmt.Sprintf(" It dominates a hypervolume of %s%s.", show.Volume(*r.status.Hypervolume, r.status.HypervolumeError), Against(r.view))
	}
	again := len(r.outcome.Remeasured)
	if again < 2 || len(r.outcome.Front) == 0 {
		if len(r.status.Front) > 1 {
			text += fmt.Sprintf(" The best of them by %s is candidate %s.", r.preferred(), r.status.Front[0].ID)
		}
		return append(out, text)
	}
	out = append(out, text)
	stay := fmt.Sprintf("%d stay on it; the winner is the best of these by %s", len(r.outcome.Front), r.preferred())
	if len(r.outcome.Front) == 1 {
		stay = "1 stays on it, and is the winner"
	}
	text = fmt.Sprintf("Of %s that were measured again %s.", show.Plural(again, "candidate"), stay)
	return append(append(out, text), r.undecided()...)
}

// preferred says what the winner was chosen by: where nobody has a value of what is
// preferred, the objectives in their order.
func (r *Report) preferred() string {
	if !slices.ContainsFunc(r.status.Front, func(b engine.Best) bool { return r.view.Plan.Preferable(b.Means()) }) {
		return fmt.Sprintf("%s (of %s none has a value)", r.view.Plan.Objectives[0].Metric, r.view.Preferred())
	}
	return r.view.Preferred()
}

// whoseFront says who is on the front of the search, and what that means.
func (r *Report) whoseFront() string {
	ranking, front := r.view.Plan.Ranking(), r.status.Front
	n, keep := len(front), ""
	if len(ranking.Constraints) > 0 {
		keep = " that keep the constraints"
	}
	switch {
	case ranking.Violation(front[0].Means()) > 0 && n == 1:
		return "No candidate keeps the constraints. The front is the one that breaks them least, whatever its objectives."
	case ranking.Violation(front[0].Means()) > 0:
		return fmt.Sprintf("No candidate keeps the constraints. The front are %s that break them least.", show.Plural(n, "candidate"))
	case n == 1:
		return "The front is one candidate: it is at least as good as all others" + keep + " in every objective."
	case r.onePoint():
		return fmt.Sprintf("The front is one point, which %s share: they are equal in every objective, and at least as good as all others%s.",
			show.Plural(n, "candidate"), keep)
	}
	if r.status.FrontPart {
		return fmt.Sprintf("Of more than 1,000 candidates%s that no other one is as good as in every objective and better in one, "+
			"%s were kept: those that stand most alone.", keep, show.Thousands(int64(n)))
	}
	return fmt.Sprintf("On the front are %s: no others%s are as good in every objective and better in one.", show.Plural(n, "candidate"), keep)
}

// onePoint tells whether all on the front are equal in every objective.
func (r *Report) onePoint() bool {
	for _, o := range r.view.Plan.Ranking().Objectives {
		first, _ := r.status.Front[0].Means().Get(o.Metric)
		if slices.ContainsFunc(r.status.Front, func(b engine.Best) bool {
			x, _ := b.Means().Get(o.Metric)
			return engine.Key(x) != engine.Key(first)
		}) {
			return false
		}
	}
	return true
}

// target says whether there is who reaches the target, and who.
func (r *Report) target() []string {
	l, ranking := r.status.Limits, r.view.Plan.Ranking()
	targets := l.Targets
	if l.Target != nil {
		targets = engine.Values{{Name: ranking.Objectives[0].Metric, Value: *l.Target}}
	}
	if len(targets) == 0 {
		return nil
	}
	text := "The target, " + strings.Join(show.Named(r.view, targets, show.Exactly), " with ")
	if r.status.Reached != 0 {
		return []string{text + ", is reached by candidate " + r.status.Reached.String() + "."}
	}
	return []string{text + ", was not reached."}
}

// again are the fresh measurements of a candidate, or nil.
func (r *Report) again(id engine.ID) *engine.Measured {
	i := slices.IndexFunc(r.outcome.Remeasured, func(m engine.Measured) bool { return m.ID == id && id != 0 })
	if i < 0 {
		return nil
	}
	return &r.outcome.Remeasured[i]
}

// title is a network's name, with what became of it.
func (r *Report) title(x *row) string {
	m := r.again(x.ID)
	switch {
	case x.Winner:
		return x.Name + " (winner)"
	case m == nil || len(r.outcome.Front) == 0:
		return x.Name
	case slices.Contains(r.outcome.Front, x.ID):
		return x.Name + " (front)"
	case r.view.Plan.Ranking().Violation(m.Judged) > 0:
		return x.Name + " (breaks a constraint)"
	}
	return x.Name + " (dominated)"
}

// sizes is the head of the column of the networks' parameters.
func (r *Report) sizes() string {
	if r.counted {
		return "the network's parameters"
	}
	return "parameters"
}

// further are the objectives, and the ties behind them, that have no column yet.
func (r *Report) further() []engine.Objective {
	ranking := r.view.Plan.Ranking()
	return slices.DeleteFunc(slices.Concat(ranking.Objectives, ranking.Ties), func(o engine.Objective) bool {
		return o.Metric == r.objective.Metric || o.Metric == "parameters" && !r.counted
	})
}

func (r *Report) otherNames() (names []string) {
	for _, o := range r.further() {
		names = append(names, o.Metric)
	}
	return names
}

// also are a candidate's figures by the further objectives.
func (r *Report) also(c *engine.Candidate) (out []*Figure) {
	for _, o := range r.further() {
		var f *Figure
		if x, ok := c.Metrics.Get(o.Metric); ok {
			f = &Figure{Mean: x, N: 1}
		}
		if e, ok := r.view.Estimates(c.ID)[o.Metric]; ok {
			f = &Figure{Mean: e.Mean, N: e.N, Low: &e.Low, High: &e.High}
		}
		i := slices.IndexFunc(r.outcome.Remeasured, func(m engine.Measured) bool { return m.ID == c.ID })
		if i >= 0 {
			f = cmp.Or(r.remeasured(i, o.Metric), f)
		}
		out = append(out, f)
	}
	return out
}

// others are the cells of the further objectives.
func (r *Report) others(x *row) (cells []string) {
	for i, o := range r.further() {
		cell := "-"
		if i < len(x.Also) && x.Also[i] != nil {
			switch f := x.Also[i]; {
			case f.Low != nil:
				cell = show.Interval(o.Metric, f.estimate())
			case f.N < 2:
				cell = show.Number(o.Metric, f.Mean)
			default:
				cell = fmt.Sprintf("%s (%d)", show.Spread(o.Metric, f.Mean, f.SD), f.N)
			}
		}
		cells = append(cells, cell)
	}
	return cells
}

// MarshalJSON writes the front, without the candidates that are not on it.
func (f front) MarshalJSON() ([]byte, error) {
	type point struct {
		ID engine.ID `json:"id"`
		X  float64   `json:"x"`
		Y  float64   `json:"y"`
	}
	points := []point{}
	for _, m := range f.best {
		points = append(points, point{m.ID, m.X, m.Y})
	}
	return json.Marshal(struct {
		X      engine.Objective `json:"x"`
		Y      engine.Objective `json:"y"`
		Points []point          `json:"points"`
	}{f.x, f.y, points})
}

// title says what is drawn.
func (f *front) title() string { return f.y.Metric + " against " + f.x.Metric }

// span is a part of an axis.
type span struct{ Lo, Hi float64 }

// ranges are the parts of both axes that are worth to be seen: all that is on the
// front, and nine tenths of the candidates. A few bad ones must not flatten the
// picture.
func (f *front) ranges() (x, y span) {
	axis := func(o engine.Objective, get func(show.Mark) float64) span {
		var all []float64
		for _, m := range f.all {
			all = append(all, get(m))
		}
		slices.Sort(all)
		r := span{Lo: all[0], Hi: all[len(all)-1]}
		lo, hi := math.Inf(1), math.Inf(-1)
		for _, m := range f.best {
			lo, hi = math.Min(lo, get(m)), math.Max(hi, get(m))
		}
		tenth := (len(all) - 1) / 10
		if o.Goal == engine.Minimize {
			r.Hi = math.Max(hi, all[len(all)-1-tenth])
		} else {
			r.Lo = math.Min(lo, all[tenth])
		}
		return r
	}
	return axis(f.x, func(m show.Mark) float64 { return m.X }), axis(f.y, func(m show.Mark) float64 { return m.Y })
}

// scaled tells whether an axis is logarithmic.
func scaled(o engine.Objective, r span) bool { return show.Scaled(o, r.Lo, r.Hi) }

// write prints the front as a picture of characters and as a table.
func (f *front) write(out io.Writer, width int) error {
	xs, ys := f.ranges()
	log := ""
	switch across, up := scaled(f.x, xs), scaled(f.y, ys); {
	case across && up:
		log = ", both logarithmic"
	case across:
		log = ", " + f.x.Metric + " logarithmic"
	case up:
		log = ", " + f.y.Metric + " logarithmic"
	}
	beyond := ""
	if slices.ContainsFunc(f.best, func(m show.Mark) bool { return m.Beyond }) {
		beyond = " ○ such a one beyond a soft constraint,"
	}
	outside, n := "", 0
	for _, m := range f.all {
		if !within(m, xs, ys) {
			n++
		}
	}
	if n > 0 {
		outside = fmt.Sprintf("; %s, worse than what is shown, outside", show.Thousands(int64(n)))
	}
	fmt.Fprintf(out, "\n%s%s (● the front: no other is better in both,%s · the others%s)\n", f.title(), log, beyond, outside)
	for _, l := range f.scatter(min(83, width-1), 16) {
		fmt.Fprintln(out, l)
	}
	shown := thin(f.best, 10)
	if len(shown) < len(f.best) {
		fmt.Fprintf(out, "%d of the %s candidates on the front:\n", len(shown), show.Thousands(int64(len(f.best))))
	}
	t := show.Table{Head: []string{"candidate", f.x.Metric, f.y.Metric}, Right: []bool{true, true, true}}
	for _, m := range shown {
		t.Rows = append(t.Rows, []string{m.ID.String(), show.Number(f.x.Metric, m.X), show.Number(f.y.Metric, m.Y)})
	}
	return t.Write(out)
}

// within tells whether a candidate is in the part of both axes that is shown.
func within(m show.Mark, xs, ys span) bool {
	return m.X >= xs.Lo && m.X <= xs.Hi && m.Y >= ys.Lo && m.Y <= ys.Hi
}

// scatter draws the points as text.
func (f *front) scatter(width, height int) []string {
	xs, ys := f.ranges()
	var dots []show.Dot
	for _, m := range f.all {
		dots = append(dots, show.Dot{X: m.X, Y: m.Y, Sign: '·'})
	}
	for _, m := range f.best {
		sign := '●'
		if m.Beyond {
			sign = '○'
		}
		dots = append(dots, show.Dot{X: m.X, Y: m.Y, Sign: sign})
	}
	axis := func(o engine.Objective, r span) show.Axis {
		return show.Axis{Metric: o.Metric, Lo: r.Lo, Hi: r.Hi, Log: scaled(o, r)}
	}
	return show.Scatter(axis(f.x, xs), axis(f.y, ys), dots, width, height)
}

// writeFront prints the front as a table of all objectives.
func (r *Report) writeFront(out io.Writer) error {
	objectives, front := r.view.Plan.Ranking().Objectives, thin(r.status.Front, 10)
	head := "\nThe front"
	if n := len(r.status.Front); n > len(front) {
		head += fmt.Sprintf(": %d of its %s", len(front), show.FrontText(r.status))
	}
	fmt.Fprintln(out, head)
	t := show.Table{Head: []string{"candidate"}, Right: []bool{true}}
	for _, o := range objectives {
		t.Head, t.Right = append(t.Head, o.Metric), append(t.Right, true)
	}
	for _, b := range front {
		row := []string{b.ID.String()}
		for _, o := range objectives {
			x, _ := b.Means().Get(o.Metric)
			row = append(row, show.Number(o.Metric, x))
		}
		t.Rows = append(t.Rows, row)
	}
	return t.Write(out)
}
