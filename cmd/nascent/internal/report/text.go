package report

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
)

// percent writes a metric's value the way people speak of it.
func (r *Report) value(x float64) string {
	if strings.Contains(r.objective.Metric, "accuracy") && x >= 0 && x <= 1 {
		return fmt.Sprintf("%.2f %%", 100*x)
	}
	return show.Number(r.objective.Metric, x)
}

func (r *Report) spread(f *Figure) string {
	if f == nil {
		return "-"
	}
	if f.N < 2 {
		return r.value(f.Mean)
	}
	sd := show.Number("", f.SD)
	if strings.Contains(r.objective.Metric, "accuracy") {
		sd = fmt.Sprintf("%.2f", 100*f.SD)
	}
	return fmt.Sprintf("%s ± %s (%d)", r.value(f.Mean), sd, f.N)
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
			return []string{"No candidate was trained for itself: all that the search did was to train shared weights and to score with them. With higher limits it goes on."}
		}
		return []string{"Nothing could be measured: every evaluation was invalid or failed. See: nascent list --columns id,status,reason"}
	}
	size := func(x *row) string {
		if x.Parameters > 0 {
			return fmt.Sprintf(" with %s parameters", show.Thousands(x.Parameters))
		}
		return ""
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
	for i := range r.rows {
		if b := &r.rows[i]; b.ID == 0 && b.Test != nil {
			line := fmt.Sprintf("%s, trained by the same code, reaches %s%s", capital(b.Name), r.spread(b.Test), size(b))
			if top.Test != nil {
				d := top.Test.Mean - b.Test.Mean
				text := show.Number("", math.Abs(d))
				if strings.Contains(metric, "accuracy") {
					text = fmt.Sprintf("%.1f points", 100*math.Abs(d))
				}
				word := "more"
				if d < 0 {
					word = "less"
				}
				line += fmt.Sprintf("; the winner has %s %s", text, word)
			}
			out = append(out, line+".")
		}
	}
	return out
}

func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// WriteText prints the report, width columns wide; of a search that was stopped
// only the most important. dir is how to name the
// search's directory in a shell.
func (r *Report) WriteText(out io.Writer, width int, dir string) error {
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
		for _, s := range r.next(dir) {
			line("  %s", s)
		}
		_, err := io.WriteString(out, b.String())
		return err
	}
	if len(r.rows) > 0 {
		head("Figures: " + r.objective.Metric)
		names, reported := r.reported()
		t := show.Table{Head: append([]string{"network", "parameters", "in the search", "re-measured", "on test data"}, names...), Right: []bool{false, true}}
		for i := range r.rows {
			x := &r.rows[i]
			search, size := "-", "-"
			if x.Search != nil {
				search = r.value(*x.Search)
			}
			if x.Parameters > 0 {
				size = show.Thousands(x.Parameters)
			}
			name := x.Name
			if x.Winner {
				name += " (winner)"
			}
			t.Rows = append(t.Rows, append([]string{name, size, search, r.spread(x.Again), r.spread(x.Test)}, reported(x)...))
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
	if len(r.front) > 0 {
		head(fmt.Sprintf("%s against %s (● nothing smaller is better, · the others)", r.objective.Metric, r.sizes))
		b.WriteString(scatter(r.all, r.front, min(72, width-12), 14, func(y float64) string { return show.Number(r.objective.Metric, y) }))
		t := show.Table{Head: []string{"candidate", r.sizes, r.objective.Metric}, Right: []bool{true, true, true}}
		for _, m := range thin(r.front, 10) {
			t.Rows = append(t.Rows, []string{m.ID.String(), show.Thousands(int64(m.X)), show.Number(r.objective.Metric, m.Y)})
		}
		if err := t.Write(&b); err != nil {
			return err
		}
	}

	head("What it took")
	for _, s := range r.took() {
		para(s)
	}
	head("What to do next")
	for _, s := range r.next(dir) {
		line("  %s", s)
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// honesty says what the figures stand on.
func (r *Report) honesty() []string {
	var out []string
	if r.outcome.Splits != "" {
		out = append(out, "Data: "+strings.TrimSuffix(r.outcome.Splits, ".")+".")
	}
	if r.judged {
		looks := "The test data was looked at " + show.Times(r.status.TestLooks) + "."
		if r.status.TestLooks > 0 {
			looks = fmt.Sprintf("The test data was looked at %s, only after the search had ended.", show.Times(r.status.TestLooks))
		}
		out = append(out, looks)
	}
	if len(r.outcome.Remeasured) > 0 {
		out = append(out, "The best figure of a search is partly luck; those measured again with fresh seeds are not (± is their standard deviation).")
	}
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
	fmt.Fprintf(b, "\n%s: candidate %s  %s\n", title, c.ID, show.Values(r.view, c.Metrics))
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
	if s.Failed > 0 {
		out = append(out, "Why evaluations failed: nascent list --filter status=failed --columns id,attempts,reason")
	}
	if capacity := s.Wall * float64(max(1, s.Workers)); s.Idle > 0.2*capacity && s.Wall > 10 && s.Workers > 1 {
		out = append(out, "Workers were idle for more than a fifth of the time: a larger window: keeps them busy in strict order, and so does order: arrival.")
	}
	return out
}

// next says what can be done now.
func (r *Report) next(dir string) []string {
	var out []string
	add := func(command, why string) { out = append(out, fmt.Sprintf("%-46s %s", command, why)) }
	if r.status.State != engine.StateFinished {
		add("nascent run "+dir, "goes on")
	}
	if len(r.rows) > 0 && r.rows[0].ID != 0 {
		add(fmt.Sprintf("nascent show %s %s", dir, r.rows[0].ID), "the winner: its family, its curve")
	}
	add("nascent list "+dir+" --sort -"+r.objective.Metric, "all candidates")
	if more := r.more(); more != "" && r.status.State == engine.StateFinished {
		add("nascent run "+dir+" "+more, "searches on, from here")
	}
	add("nascent export "+dir+" --output "+r.status.Name+".csv", "for a spreadsheet or pandas")
	add(strings.TrimSuffix(dir, "/")+"/report.html", "this report with plots, for a browser")
	return out
}

// more doubles the limit that ended the search, as an option of run; it is
// empty where none did, or the target.
func (r *Report) more() string {
	s, l := r.status, r.status.Limits
	if l.Target != nil && len(s.Best) > 0 {
		x, _ := s.Best[0].Metrics.Get(r.objective.Metric)
		if x == *l.Target || (x > *l.Target) == (r.objective.Goal == engine.Maximize) {
			return ""
		}
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

// scatter draws points as text.
func scatter(all, front []show.Mark, width, height int, label func(float64) string) string {
	lox, hix, loy, hiy := bounds(all)
	// A few bad candidates must not flatten the picture.
	if q := quantile(all, 0.1); q > loy && front[0].Y > q {
		loy = q
	} else if len(front) > 0 && hiy > loy {
		loy = math.Min(math.Max(loy, q), front[0].Y)
	}
	grid := make([][]rune, height)
	for i := range grid {
		grid[i] = []rune(strings.Repeat(" ", width))
	}
	put := func(m show.Mark, c rune) {
		if m.Y < loy {
			return
		}
		x, y := 0, 0
		if hix > lox {
			x = int((m.X - lox) / (hix - lox) * float64(width-1))
		}
		if hiy > loy {
			y = int((m.Y - loy) / (hiy - loy) * float64(height-1))
		}
		grid[height-1-y][x] = c
	}
	for _, m := range all {
		put(m, '·')
	}
	for _, m := range front {
		put(m, '●')
	}
	var b strings.Builder
	for i, row := range grid {
		mark := ""
		switch i {
		case 0:
			mark = label(hiy)
		case height - 1:
			mark = label(loy)
		}
		fmt.Fprintf(&b, "%9s │%s\n", mark, strings.TrimRight(string(row), " "))
	}
	left, right := show.Thousands(int64(lox)), show.Thousands(int64(hix))
	fmt.Fprintf(&b, "%9s └%s\n%11s%s%*s\n", "", strings.Repeat("─", width), "", left, max(1, width-len(left)), right)
	return b.String()
}

func bounds(ms []show.Mark) (lox, hix, loy, hiy float64) {
	lox, hix, loy, hiy = math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)
	for _, m := range ms {
		lox, hix = math.Min(lox, m.X), math.Max(hix, m.X)
		loy, hiy = math.Min(loy, m.Y), math.Max(hiy, m.Y)
	}
	return lox, hix, loy, hiy
}
