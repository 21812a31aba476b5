package watch

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
)

// detail is one candidate whole.
type detail struct {
	pager
	id     engine.ID
	all    []line
	height int
}

func (d *detail) address() string {
	return "/candidate/" + url.PathEscape(strconv.FormatUint(uint64(d.id), 10))
}

func (d *detail) hints(m *model) string {
	if d.running(m) != nil {
		return "Esc back  x cancel  L label  C comment"
	}
	return "↑↓ scroll, choose  Enter open  Esc back  L label  C comment  P pin  a add a variant"
}

func (d *detail) key(m *model, key string) bool { return d.pager.key(key, d.all, d.height) }

// running is the candidate's job, nil if it does not run.
func (d *detail) running(m *model) *engine.RunningJob {
	s := m.summary()
	if s == nil {
		return nil
	}
	for i := range s.State.Jobs {
		if s.State.Jobs[i].ID == d.id {
			return &s.State.Jobs[i]
		}
	}
	return nil
}

func (d *detail) lines(m *model, width, height int) []line {
	s := m.summary()
	c, err := want[candidate](&m.answers, d.address())
	var lines []line
	if j := d.running(m); j != nil {
		lines = d.job(s, j, width)
	}
	switch {
	case c != nil:
		lines = append(lines, d.whole(m, s, c, width)...)
	case len(lines) > 0:
	case err != nil:
		lines = folded(" ", oneLine(err), bad, width, height)
	default:
		lines = []line{ln(in(faint, " asking ..."))}
	}
	d.all, d.height = lines, height
	return m.paged(&d.pager, lines, height)
}

// job is told of one that has no result yet.
func (d *detail) job(s *summary, j *engine.RunningJob, width int) []line {
	l := ln(in(bold, " candidate "+j.ID.String()), t("  runs for "+show.Seconds(j.Seconds)))
	if j.Attempt > 1 {
		l.add(in(bad, fmt.Sprintf(", attempt %d", j.Attempt)))
	}
	if j.Slow {
		l.add(in(bold|bad, ", slow: ten times as long as most"))
	}
	lines := []line{l}
	if j.Budget > 0 {
		lines = append(lines, ln(t(" "), in(good, show.Bar(j.Step/j.Budget, 20)), t(fmt.Sprintf(" %g of %g %s", j.Step, j.Budget, s.Units))))
	}
	for _, v := range j.Metrics {
		lines = append(lines, ln(t("  "+pad(v.Name, 20)), t(show.Number(v.Name, v.Value))))
	}
	if took := show.UsageNow(j.Usage); took != "" {
		lines = append(lines, ln(t("  "+pad("takes", 20)), t(took)))
	}
	for _, text := range wrap(j.Genome, width-3) {
		lines = append(lines, ln(in(faint, "  "+text)))
	}
	return lines
}

// whole is told of one that was measured.
func (d *detail) whole(m *model, s *summary, c *candidate, width int) (lines []line) {
	head := func(text string) {
		if len(lines) > 0 {
			lines = append(lines, line{})
		}
		lines = append(lines, ln(in(bold, " "+text)))
	}
	add := func(pieces ...piece) { lines = append(lines, ln(pieces...)) }

	status := in(good, string(c.Status))
	if c.Status != engine.OK {
		status = in(bold|bad, string(c.Status))
	}
	l := ln(in(bold, " candidate "+c.ID.String()+"  "), status)
	if c.Stopped {
		l.add(t(", stopped early"))
	}
	if c.Phase != engine.PhaseSearch {
		l.add(t(", " + string(c.Phase)))
	}
	if c.Rank > 0 {
		l.add(t(fmt.Sprintf("  rank %s of %s", show.Thousands(int64(c.Rank)), show.Thousands(int64(c.Among)))))
	}
	for _, k := range []struct {
		is   bool
		text string
	}{{c.Winner, "the best"}, {c.OnFront, "on the front"}, {c.Pinned, "pinned"}} {
		if k.is {
			l.add(t("  "), in(bold, k.text))
		}
	}
	lines = append(lines, l)
	if len(c.Labels) > 0 {
		add(in(bold, " label "), t(strings.Join(c.Labels, ", ")))
	}
	if c.Comment != "" {
		lines = append(lines, folded(" ", c.Comment, plain, width, 4)...)
	}
	if c.Reason != "" {
		style := bad
		if c.Status == engine.OK {
			style = faint
		}
		lines = append(lines, folded(" ", c.Reason, style, width, 8)...)
	}
	d.figures(c, width, &lines)

	for i, k := range c.Curves {
		if len(k.Points) < 2 || i == 3 {
			continue
		}
		lines = append(lines, line{})
		lines = append(lines, curveOf(k.Metric, c.Unit, k.Points, min(width-2, 72), 8)...)
	}
	if len(c.Genes) > 0 {
		head("genes")
		lines = append(lines, pairs(len(c.Genes), func(i int) (string, string) { return c.Genes[i].Path, c.Genes[i].Value }, width)...)
	}
	if n := c.Network; n != nil {
		head(fmt.Sprintf("network  %s, %s, depth %d", show.Plural(int(n.Parameters), "parameter"), show.Plural(int(n.Macs), "multiply-add"), n.Depth))
		name, text := 0, 0
		for _, l := range n.Layers {
			name, text = max(name, cells(l.Name)), max(text, cells(l.Text))
		}
		name, text = min(name, width/3), min(text, width/2)
		for _, l := range n.Layers {
			parameters := ""
			if l.Parameters > 0 {
				parameters = show.Thousands(l.Parameters)
			}
			add(t("  "+pad(l.Name, name)+"  "+pad(l.Text, text)+"  "+pad(l.Shape, 10)+" "), in(faint, right(parameters, 9)))
		}
		if n.Left > 0 {
			add(in(faint, fmt.Sprintf("  and %s more", show.Plural(n.Left, "layer"))))
		}
	}
	d.family(m, c, width, &lines)
	if len(c.Files) > 0 {
		head("files")
		for _, f := range c.Files {
			missing := ""
			if f.Missing != "" {
				missing = "  " + f.Missing
			}
			add(t("  "+pad(f.Name, min(40, width/2))+" "+right(show.Bytes(f.Size), 10)), in(bad, missing))
		}
	}
	if about, _ := want[logs](&m.answers, "/log?about="+url.QueryEscape(c.ID.String())); about != nil && len(about.Lines) > 0 {
		head("its lines in the logs")
		for _, text := range about.Lines[max(0, len(about.Lines)-20):] {
			for _, part := range wrap(text, width-3) {
				add(in(faint, "  "+part))
			}
		}
	}
	head("genome")
	for _, part := range wrap(c.Genome, width-3) {
		add(in(faint, "  "+part))
	}
	if c.Status == engine.OK && c.Network != nil {
		head("take it along")
		for _, part := range wrap(c.Command, width-3) {
			add(t("  " + part))
		}
	}
	return lines
}

// figures are metrics, and how they came about.
func (d *detail) figures(c *candidate, width int, lines *[]line) {
	for _, k := range c.Metrics {
		if k.Value == nil {
			continue
		}
		l := ln(t("  "+pad(k.Name, 20)+" "), in(bold, show.Number(k.Name, *k.Value)))
		if e := k.Estimate; e != nil && e.N > 1 && e.High > e.Low {
			l.add(in(faint, "  mean "), t(show.Interval(k.Name, *e)))
		}
		*lines = append(*lines, l)
	}
	var facts []string
	for _, f := range c.Facts {
		facts = append(facts, f[0]+" "+f[1])
	}
	for _, text := range wrap(strings.Join(facts, " · "), width-3) {
		*lines = append(*lines, ln(in(faint, "  "+text)))
	}
}

// family is where it comes from and what changed on the way, and what came from it.
func (d *detail) family(m *model, c *candidate, width int, lines *[]line) {
	f, _ := want[lineage](&m.answers, "/lineage/"+strconv.FormatUint(uint64(c.ID), 10))
	if f != nil && len(f.Ancestors) > 1 {
		*lines = append(*lines, line{}, ln(in(bold, " lineage, by "+f.Metric+": what changed from each to the next")))
		for i := range f.Ancestors {
			a := &f.Ancestors[i]
			value := string(a.Status)
			if a.Value != nil {
				value = show.Number(f.Metric, *a.Value)
			}
			l := ln(t("  "+right(a.ID.String(), 6)+"  "+pad(value, 10)+" "), in(faint, a.Operator))
			if a.ID != c.ID {
				id := a.ID
				l = l.opens(func() { m.show(id) }).concerns(id)
			}
			*lines = append(*lines, l)
			for _, k := range a.Changes {
				if len(k.Lines) == 0 {
					*lines = append(*lines, ln(in(faint, fmt.Sprintf("            from %s: nothing changed", k.Parent))))
				}
				for _, text := range k.Lines {
					*lines = append(*lines, ln(in(faint, fmt.Sprintf("            from %s: ", k.Parent)), t(text)))
				}
				if k.Left > 0 {
					*lines = append(*lines, ln(in(faint, fmt.Sprintf("            and %d changes more", k.Left))))
				}
			}
		}
		if f.More {
			*lines = append(*lines, ln(in(faint, "  and those before")))
		}
	}
	if c.Offspring > 0 {
		*lines = append(*lines, line{}, ln(in(bold, fmt.Sprintf(" children %d", c.Offspring))))
		for _, id := range c.Children[:min(len(c.Children), 8)] {
			*lines = append(*lines, ln(t("  "+right(id.String(), 6))).opens(func() { m.show(id) }).concerns(id))
		}
		if c.Offspring > 8 {
			l := ln(t("  all of them as a list"))
			*lines = append(*lines, l.opens(func() { m.filtered("parents = " + strconv.FormatUint(uint64(c.ID), 10)) }))
		}
	}
}

// curveOf draws how a metric came about.
func curveOf(metric, unit string, points [][2]number, width, height int) []line {
	x, y := scale{metric: unit}, scale{metric: metric}
	var known [][2]float64
	for _, p := range points {
		if p[0] != nil && p[1] != nil {
			known = append(known, [2]float64{*p[0], *p[1]})
		}
	}
	if len(known) < 2 {
		return nil
	}
	x.lo, x.hi, y.lo, y.hi = known[0][0], known[0][0], known[0][1], known[0][1]
	for _, p := range known {
		x.lo, x.hi, y.lo, y.hi = min(x.lo, p[0]), max(x.hi, p[0]), min(y.lo, p[1]), max(y.hi, p[1])
	}
	x.pad()
	y.pad()
	lines := chart(metric, x, y, width, height, func(c *canvas) {
		var line [][2]float64
		for _, p := range known {
			line = append(line, [2]float64{x.part(p[0]), y.part(p[1])})
		}
		c.curve(line)
	})
	for i := range lines {
		lines[i].pieces = append([]piece{t(" ")}, lines[i].pieces...)
	}
	return lines
}

// pairs are names with values, in as many columns as there is room for.
func pairs(n int, at func(int) (string, string), width int) (lines []line) {
	name, value := 0, 0
	for i := range n {
		a, b := at(i)
		name, value = max(name, cells(a)), max(value, cells(b))
	}
	name, value = min(name, width/2), min(value, width-6)
	each := name + value + 5
	across := max(1, min(3, (width-1)/each))
	down := (n + across - 1) / across
	for i := range down {
		l := ln(t(" "))
		for k := i; k < n; k += down {
			a, b := at(k)
			room := value
			if across == 1 {
				room = width - name - 4
			}
			l.add(t(" "), in(faint, pad(a, name)), t("  "+pad(b, room)+"  "))
		}
		lines = append(lines, l)
	}
	return lines
}
