package report

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
)

// part tells whether people speak of the objective's value in percent.
func (r *Report) part(x float64) bool {
	return show.Share(r.objective.Metric, x)
}

// value writes a value of the objective the way people speak of it.
func (r *Report) value(x float64) string {
	if r.part(x) {
		return fmt.Sprintf("%.2f %%", 100*x)
	}
	return show.Number(r.objective.Metric, x)
}

func (r *Report) spread(f *Figure) string {
	if f == nil {
		return "-"
	}
	if f.Low != nil {
		return r.interval(f.estimate())
	}
	if f.N < 2 {
		return r.value(f.Mean)
	}
	if r.part(f.Mean) {
		return fmt.Sprintf("%s ± %.2f (%d)", r.value(f.Mean), 100*f.SD, f.N)
	}
	return fmt.Sprintf("%s (%d)", show.Spread(r.objective.Metric, f.Mean, f.SD), f.N)
}

// count writes how many there are of what a network has; 0: nobody says.
func count(n float64) string {
	if n == 0 {
		return "-"
	}
	if n >= 100 {
		n = math.Min(math.Round(n), math.MaxFloat64)
	}
	return show.Number("", n)
}

// search is what the search found of a network.
func (r *Report) search(x *row) string {
	switch {
	case x.Estimate != nil:
		return r.interval(*x.Estimate)
	case x.Search != nil:
		return r.value(*x.Search)
	}
	return "-"
}

// interval writes an estimate of the objective, as show.Interval does.
func (r *Report) interval(e engine.Estimate) string {
	if r.part(e.Mean) {
		e = show.Possible(r.objective.Metric, e)
		return show.Bracketed(e, r.value(e.Mean), fmt.Sprintf("%.2f", 100*e.Low), fmt.Sprintf("%.2f", 100*e.High))
	}
	return show.Interval(r.objective.Metric, e)
}

// headline says in one line how the search ended.
func (r *Report) headline() string {
	s := r.status
	return fmt.Sprintf("%s: %s after %s in %s", s.Name, s.State, show.Plural(s.Evaluations, "evaluation"), show.Seconds(s.Wall))
}

// verdict says in words what was found.
func (r *Report) verdict() []string {
	var out []string
	if len(r.rows) == 0 {
		if r.status.Evaluations == 0 {
			return []string{"Nothing was measured yet."}
		}
		if s := r.status; s.OK > 0 && s.Supernet+s.Score == s.Evaluations {
			return []string{"No candidate was trained for itself: all that the search did was to train shared weights and to score with them. " +
				"With higher limits it goes on."}
		}
		return []string{"Nothing could be measured: every evaluation was invalid or failed. See: " + show.Program() + " list --columns id,status,reason"}
	}
	if broken := r.broken(); broken != "" {
		out = append(out, broken)
	}
	size := func(x *row) string {
		switch {
		case x.Parameters == 0:
			return ""
		case r.counted && x.Counted != nil:
			return fmt.Sprintf(" with %s parameters in its network, and parameters %s as measured", count(x.Parameters), count(*x.Counted))
		}
		return fmt.Sprintf(" with %s parameters", count(x.Parameters))
	}
	top := &r.rows[0]
	metric := r.objective.Metric
	switch {
	case top.Test != nil:
		out = append(out, fmt.Sprintf("The winner, %s, reaches %s %s on test data%s.", top.Name, metric, r.spread(top.Test), size(top)))
	case top.Again != nil:
		out = append(out, fmt.Sprintf("The winner, %s, reaches %s %s, measured again with fresh seeds%s.", top.Name, metric, r.spread(top.Again), size(top)))
	case top.Search != nil:
		out = append(out, fmt.Sprintf("The best, %s, reaches %s %s%s.", top.Name, metric, r.value(*top.Search), size(top)))
	}
	if soft := r.soft(top); soft != "" {
		out = append(out, soft)
	}
	out = append(out, r.front()...)
	out = append(out, r.target()...)
	for i := range r.rows {
		if b := &r.rows[i]; b.ID == 0 && b.Test != nil {
			line := fmt.Sprintf("%s, trained by the same code, reaches %s%s", capital(b.Name), r.spread(b.Test), size(b))
			if top.Test != nil {
				line += "; the winner has " + r.difference(top.Test.Mean, b.Test.Mean)
			}
			out = append(out, line+".")
		}
	}
	return out
}

// difference says how much more or less a is than b.
func (r *Report) difference(a, b float64) string {
	word := "more"
	if a < b {
		a, b, word = b, a, "less"
	}
	if r.part(a) && r.part(b) {
		return fmt.Sprintf("%.1f points %s", 100*(a-b), word)
	}
	return show.Number("", math.Min(a-b, math.MaxFloat64)) + " " + word
}

func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// WriteText prints the report, width columns wide; of a search that was stopped
// only the most important. dir is how to name the
// search's directory in a shell. page tells whether the page was written there, too.
func (r *Report) WriteText(out io.Writer, width int, dir string, page bool) error {
	width = max(60, width)
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	para := func(text string) {
		for _, l := range show.Wrap(text, width) {
			line("%s", l)
		}
	}
	head := func(title string) { line("\n%s", title) }

	line("\n%s", r.headline())
	if r.status.Cause != "" {
		para("cause: " + r.status.Cause)
	}
	line("")
	for _, s := range r.verdict() {
		para(s)
	}

	if r.status.State != engine.StateFinished { // in brief: there is more to come
		for _, s := range r.took()[:1] {
			para(s)
		}
		head("What to do next")
		for _, s := range r.next(dir, page) {
			line("  %s", s)
		}
		_, err := io.WriteString(out, b.String())
		return err
	}
	if len(r.rows) > 0 {
		head("Figures: " + r.objective.Metric)
		names, reported := r.reported()
		t := show.Table{Head: []string{"network", r.sizes(), "in the search", "re-measured", "on test data"}, Right: []bool{false, true}}
		t.Head = slices.Concat(t.Head, r.otherNames(), names)
		for i := range r.rows {
			x := &r.rows[i]
			cells := append([]string{r.title(x), count(x.Parameters), r.search(x), r.spread(x.Again), r.spread(x.Test)}, r.others(x)...)
			t.Rows = append(t.Rows, append(cells, reported(x)...))
		}
		if err := t.Write(&b); err != nil {
			return err
		}
		for _, s := range r.honesty() {
			para(s)
		}
	}

	for i := range r.best[:min(2, len(r.best))] {
		r.drawBest(&b, i, width)
	}
	shown := r.fronts
	if len(shown) > 3 { // too many to be looked at one after the other
		if err := r.writeFront(&b); err != nil {
			return err
		}
		shown = shown[:1]
	}
	for i := range shown {
		if err := shown[i].write(&b, width); err != nil {
			return err
		}
	}
	if more := min(len(r.fronts), MostPairs) - len(shown); more > 0 {
		where := strings.TrimSuffix(dir, "/") + "/report.html"
		if !page {
			where = "The page that " + show.Program() + " report " + dir + " writes"
		}
		line("\n%s has pictures of %d other pairs of objectives, too.", where, more)
	}

	head("What it took")
	for _, s := range r.took() {
		para(s)
	}
	head("What to do next")
	for _, s := range r.next(dir, page) {
		line("  %s", s)
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// broken says that the winner breaks the constraints by what it was judged by, and
// so do all others, or "".
func (r *Report) broken() string {
	if r.outcome.Winner == 0 || r.outcome.Violation == 0 {
		return ""
	}
	figures := r.beyond(r.view.Plan.Ranking().Constraints, r.outcome.Judged, "allowed", "asked for")
	when := ""
	if len(r.outcome.Remeasured) > 0 {
		when = " when it is measured again"
	}
	return fmt.Sprintf("No candidate keeps the constraints%s. The one that comes closest, candidate %s, has %s.",
		when, r.outcome.Winner, strings.Join(figures, ", "))
}

// beyond writes the bounds that metrics do not keep. What there is at most, or at least,
// is so in words.
func (r *Report) beyond(constraints []engine.Constraint, metrics engine.Values, most, least string) (figures []string) {
	for _, c := range constraints {
		one := engine.Ranking{Constraints: []engine.Constraint{c}, Rules: r.view.Plan.Rules}
		if one.Violation(metrics) == 0 {
			continue
		}
		x, ok := metrics.Get(c.Metric)
		switch {
		case !ok:
			figures = append(figures, "no "+c.Metric)
		case c.Max != nil && x > *c.Max:
			figures = append(figures, fmt.Sprintf("%s %s where at most %s is %s", c.Metric, show.Number(c.Metric, x), show.Exactly(c.Metric, *c.Max), most))
		default:
			figures = append(figures, fmt.Sprintf("%s %s where at least %s is %s", c.Metric, show.Number(c.Metric, x), show.Exactly(c.Metric, *c.Min), least))
		}
	}
	return figures
}

// soft says which soft constraints the best does not keep and what that counts, or "".
func (r *Report) soft(top *row) string {
	metrics := r.outcome.Judged
	if r.outcome.Winner == 0 {
		c, err := r.view.Candidate(top.ID)
		if err != nil {
			return ""
		}
		metrics = c.Metrics
	}
	ranking := r.view.Plan.Ranking()
	figures := r.beyond(ranking.Soft, metrics, "wished for", "wished for")
	if figures == nil {
		return ""
	}
	return fmt.Sprintf("It does not keep what is wished for: %s. So it was compared as if it were %.3g %% worse.",
		strings.Join(figures, ", "), 100*ranking.Penalty(metrics))
}

// honesty says what the figures stand on.
func (r *Report) honesty() []string {
	var out []string
	if r.outcome.Splits != "" {
		out = append(out, "Data: "+strings.TrimSuffix(r.outcome.Splits, ".")+".")
	}
	if r.judged {
		looks := show.Looks(r.status.TestLooks)
		if r.status.TestLooks > 0 {
			looks += ", only after the search had ended"
		}
		out = append(out, "The "+looks+".")
	}
	if len(r.outcome.Remeasured) > 0 {
		out = append(out, "The best figure of a search is partly luck; those measured again with fresh seeds are not.")
	}
	if slices.ContainsFunc(r.rows, func(x row) bool { return x.spreads() }) {
		out = append(out, "± is a standard deviation.")
	}
	out = append(out, r.certainty()...)
	failed := 0
	for _, list := range [][]engine.Measured{r.outcome.Remeasured, r.outcome.Tested} {
		for _, m := range list {
			failed += m.Failed
		}
	}
	if failed > 0 {
		verb := "failed and are"
		if failed == 1 {
			verb = "failed and is"
		}
		out = append(out, fmt.Sprintf("%s of these measurements %s left out.", show.Thousands(int64(failed)), verb))
	}
	if r.judged && !r.outcome.Complete {
		out = append(out, "Re-measuring and testing did not come to its end; run the search again to go on.")
	}
	return out
}

func (r *Report) drawBest(b *strings.Builder, i, width int) {
	c := &r.best[i]
	title := "The best"
	switch {
	case c.ID == r.outcome.Winner:
		title = "The winner"
	case i > 0 && r.outcome.Winner != 0:
		title = "Of the others, the best in the search"
	case i > 0:
		title = "The next best"
	}
	fmt.Fprintf(b, "\n%s: candidate %s  %s\n", title, c.ID, show.Estimated(r.view, c.Metrics, r.view.Estimates(c.ID)))
	if net := show.NetworkOf(c.Genome); net != nil {
		b.WriteString(strings.TrimRight(net.String(), "\n") + "\n")
		return
	}
	for _, l := range show.Wrap(c.Genome.Text(), width-2) {
		for len(l) > width-2 { // one long word, such as a list of bits
			fmt.Fprintf(b, "  %s\n", l[:width-2])
			l = l[width-2:]
		}
		fmt.Fprintf(b, "  %s\n", l)
	}
}

// took says what the search cost.
func (r *Report) took() []string {
	s := r.status
	out := []string{show.Counts(s) + "."}
	out = append(out, fmt.Sprintf("%s of running, %s of evaluators' time, %s of worker time without a job.",
		show.Seconds(s.Wall), show.Seconds(s.Spent.Seconds), show.Seconds(s.Idle)))
	if s.Lost > 0 {
		out = append(out, fmt.Sprintf("Of the evaluators' time %s went to attempts that brought no result.", show.Seconds(s.Lost)))
	}
	if s.Failed > 0 {
		out = append(out, "Why evaluations failed: "+show.Program()+" list --where failed --columns id,attempts,reason")
	}
	starved := r.view.Starved(s)
	for _, text := range starved {
		out = append(out, capital(text)+".")
	}
	capacity := s.Wall * float64(max(1, s.Workers))
	if len(starved) == 0 && s.Idle > 0.2*capacity && s.Wall > 10 && s.Workers > 1 {
		out = append(out, "Workers were idle for more than a fifth of the time: "+
			"the key order with the value arrival keeps them busy, and so does a larger window.")
	}
	return out
}

// next says what can be done now.
func (r *Report) next(dir string, page bool) []string {
	var out []string
	add := func(command, why string) { out = append(out, fmt.Sprintf("%-46s %s", command, why)) }
	program := show.Program()
	switch r.status.State {
	case engine.StateFinished:
	case engine.StateRunning:
		add(program+" status "+dir, "where it stands")
	default:
		if r.status.Paused != nil {
			add(program+" resume "+dir, "ends its pause; then:")
		}
		add(program+" run "+dir, "goes on")
	}
	if len(r.rows) > 0 && r.rows[0].ID != 0 {
		add(fmt.Sprintf("%s show %s %s", program, dir, r.rows[0].ID), "the best: its family, its curve")
	}
	add(program+" list "+dir+" --sort "+r.order(), "all candidates")
	if more := r.more(); more != "" && r.status.State == engine.StateFinished {
		add(program+" run "+dir+" "+more, "searches on, from here")
	}
	add(program+" export "+dir+" --output "+show.Quote(r.status.Name+".csv"), "for a spreadsheet or pandas")
	if page {
		add(strings.TrimSuffix(dir, "/")+"/report.html", "this report with plots, for a browser")
	} else {
		add(program+" report "+dir, "this report as a page with plots, for a browser")
	}
	return out
}

// order sorts a list by the objective, the best first.
func (r *Report) order() string {
	column := show.MetricColumn(r.objective.Metric)
	if r.objective.Goal == engine.Maximize {
		return "-" + column
	}
	return column
}

// more doubles the limit that ended the search, as an option of run; it is
// empty where none did, or the target.
func (r *Report) more() string {
	s, l := r.status, r.status.Limits
	if s.Reached != 0 {
		return ""
	}
	twice := func(x float64) string { return strconv.FormatFloat(2*x, 'f', -1, 64) + "s" }
	switch {
	case l.Evaluations > 0 && s.Evaluations >= l.Evaluations:
		return fmt.Sprintf("--evaluations %d", 2*l.Evaluations)
	case l.Wall > 0 && s.Wall >= l.Wall:
		return "--set limits.wall=" + twice(l.Wall)
	case l.Seconds > 0 && s.Spent.Seconds >= l.Seconds:
		return "--set limits.seconds=" + twice(l.Seconds)
	}
	return ""
}

// thin keeps at most n of a list, the ends among them.
func thin[T any](list []T, n int) []T {
	if len(list) <= n {
		return list
	}
	var out []T
	for i := range n {
		out = append(out, list[i*(len(list)-1)/(n-1)])
	}
	return out
}
