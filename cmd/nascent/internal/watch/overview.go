package watch

import (
	"fmt"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
)

// overview is where a search stands at a glance.
type overview struct {
	pager
	all    []line
	height int
}

func (o *overview) hints(m *model) string {
	text := "↑↓ choose  Enter open"
	switch s := m.summary(); {
	case s == nil:
	case s.State.Paused != nil:
		text += "  p resume"
	case s.Live || s.State.State != engine.StateFinished: // there is something to be held up
		text += "  p pause"
	}
	text += "  s set"
	if l := m.pointed(); l != nil {
		if _, running := l.about.(job); running {
			text += "  x cancel"
		}
	}
	text += "  b ban  n note"
	if s := m.summary(); s != nil && s.Live {
		text += "  S stop"
	}
	return text + "  : command"
}

func (o *overview) key(m *model, key string) bool { return o.pager.key(key, o.all, o.height) }

// The least and the most lines of the pictures.
const leastChart, mostChart = 7, 16

func (o *overview) lines(m *model, width, height int) []line {
	s := m.summary()
	first := o.best(m, s, width)
	jobs := o.jobs(m, s, width)
	hosts := hostLines(s)
	wrong := o.failures(m, width)
	newest := o.events(m, width)
	// What there is no room for goes, the pictures last; what is left over goes round.
	parts := []struct {
		lines       *[]line
		least, most int
	}{{&jobs, 3, len(jobs)}, {&hosts, 2, len(hosts)}, {&wrong, 2, len(wrong)}, {&newest, 2, len(newest)}}
	room := height - len(first) - leastChart
	given := make([]int, len(parts))
	for i, p := range parts {
		given[i] = min(p.least, len(*p.lines), max(0, room))
		if given[i] == 1 {
			given[i] = 0 // a title alone says nothing
		}
		room -= given[i]
	}
	tall := leastChart
	for more := true; room > 0 && more; {
		more = false
		if tall < mostChart {
			tall, room, more = tall+1, room-1, true
		}
		for i, p := range parts {
			if room > 0 && given[i] > 0 && given[i] < p.most {
				given[i], room, more = given[i]+1, room-1, true
			}
		}
	}
	lines := first
	if height-len(first) >= leastChart {
		lines = append(lines, o.pictures(m, s, width, tall)...)
	}
	for i, p := range parts {
		lines = append(lines, shortened(*p.lines, given[i])...)
	}
	o.all, o.height = lines, height
	return m.paged(&o.pager, lines, height)
}

// shortened are the first of a part's lines, with a word about how many more there are in
// its title.
func shortened(lines []line, n int) []line {
	if n >= len(lines) || n == 0 {
		return lines[:min(n, len(lines))]
	}
	title := lines[0]
	title.pieces = append(slices.Clone(title.pieces), in(faint, fmt.Sprintf("  (%d more)", len(lines)-n)))
	return append([]line{title}, lines[1:n]...)
}

// best names the best, and what keeps a search from going on.
func (o *overview) best(m *model, s *summary, width int) (lines []line) {
	st := &s.State
	if p := st.Paused; p != nil {
		by := ""
		if p.By != "" {
			by = " by " + p.By
		}
		lines = append(lines, ln(in(bold|bad, " paused"+by), t(": nothing new is started; p lets it go on")))
	}
	if st.Cause != "" {
		for _, l := range folded(" ", st.Cause, bad, width, 2) {
			lines = append(lines, l)
		}
	}
	if !s.Live && (st.State == engine.StateStopped || st.State == engine.StateNew) {
		lines = append(lines, folded(" ", "nobody runs it; it goes on by: "+s.Command+" run "+show.Quote(s.Dir), plain, width, 3)...)
	}
	if st.Deciding > 0 {
		lines = append(lines, ln(in(bold|bad, " slow: "), t("the strategy has been deciding one turn for "+show.Seconds(st.Deciding))))
	}
	if id := s.Winner; id != 0 {
		l := ln(in(bold, " best  "))
		if c, _ := want[candidate](&m.answers, (&detail{id: id}).address()); c != nil {
			l.add(in(bold|good, c.told(s)), t("  "))
		} else if i := slices.IndexFunc(st.Best, func(b engine.Best) bool { return b.ID == id }); i >= 0 {
			l.add(in(bold|good, valuesOf(s, st.Best[i].Metrics)), t("  "))
		}
		l.add(t("candidate " + id.String()))
		lines = append(lines, l.opens(func() { m.show(id) }).concerns(id))
	} else if s.Ready {
		lines = append(lines, ln(in(faint, " nothing was measured yet")))
	}
	if s.Front > 0 {
		text := show.Plural(s.Front, "candidate")
		switch x := st.Hypervolume; {
		case x == nil:
		case *x == 0:
			text += ", hypervolume 0: none beats the reference in all objectives"
		default:
			text += ", hypervolume " + show.Volume(*x, st.HypervolumeError)
		}
		lines = append(lines, ln(in(bold, " front "), t(text)))
	}
	for i, text := range st.Bans {
		if i == 2 {
			lines = append(lines, ln(in(faint, fmt.Sprintf("        and %s more", show.Plural(len(st.Bans)-i, "ban")))))
			break
		}
		lines = append(lines, ln(in(bold, " banned "), t(text)))
	}
	for i, p := range st.Planned {
		if i == 2 {
			lines = append(lines, ln(in(faint, fmt.Sprintf("         and %d more are planned", len(st.Planned)-i))))
			break
		}
		lines = append(lines, ln(in(bold, " planned "), t(fmt.Sprintf("before turn %d: %s", p.Turn, p.Text))))
	}
	return lines
}

// told are the objectives, the means of what was measured again, and how large it is.
func (c *candidate) told(s *summary) string {
	var values engine.Values
	for _, k := range c.Metrics {
		if k.Value == nil {
			continue
		}
		v := engine.Value{Name: k.Name, Value: *k.Value}
		if k.Estimate != nil {
			v.Value = k.Estimate.Mean
		}
		values = append(values, v)
	}
	return valuesOf(s, values)
}

// valuesOf writes objectives, the preferred first, and how large a network is.
func valuesOf(s *summary, values engine.Values) string {
	var parts []string
	add := func(name string) {
		if x, ok := values.Get(name); ok && !slices.ContainsFunc(parts, func(p string) bool { return strings.HasPrefix(p, name+" ") }) {
			parts = append(parts, name+" "+show.Number(name, x))
		}
	}
	for _, o := range s.Objectives {
		add(o.Metric)
	}
	add("parameters")
	return strings.Join(parts, "  ")
}

// preferred is the objective that one number is told of.
func preferred(s *summary) engine.Objective {
	for _, o := range s.Objectives {
		if o.Metric == s.Prefer {
			return o
		}
	}
	if len(s.Objectives) == 0 {
		return engine.Objective{}
	}
	return s.Objectives[0]
}

// pictures are of how it went, and of what there is: beside each other where there is room.
func (o *overview) pictures(m *model, s *summary, width, height int) []line {
	const gap = 2
	if width < 56 {
		return o.course(m, s, width-2, height)
	}
	each := (width - gap - 2) / 2
	lines := beside(o.course(m, s, each, height), o.measured(m, s, each, height), gap)
	for i := range lines {
		lines[i].pieces = append([]piece{t(" ")}, lines[i].pieces...)
	}
	return lines
}

// course is the best so far or, of a front, the hypervolume.
func (o *overview) course(m *model, s *summary, width, height int) []line {
	address, title := "/progress", preferred(s).Metric+", best so far"
	if len(s.Objectives) > 1 {
		address, title = "/progress?measure=hypervolume", "hypervolume of the front"
	}
	p, err := want[progress](&m.answers, address)
	if p == nil || len(p.Steps) == 0 {
		return empty(title, err, width, height)
	}
	x := scale{metric: "evaluations", lo: 1, hi: float64(max(2, p.N))}
	y := scale{metric: p.Measure, lo: math.Inf(1), hi: math.Inf(-1)}
	for _, st := range p.Steps {
		if st.Value != nil {
			y.lo, y.hi = min(y.lo, *st.Value), max(y.hi, *st.Value)
		}
	}
	if y.lo > y.hi {
		return empty(title, err, width, height)
	}
	y.pad()
	return chart(title, x, y, width, height, func(c *canvas) {
		var points [][2]float64
		for _, st := range p.Steps {
			if st.Value != nil {
				points = append(points, [2]float64{x.part(float64(st.N)), y.part(*st.Value)})
			}
		}
		c.steps(points)
	})
}

// pad makes room where there is but one value.
func (s *scale) pad() {
	if s.hi > s.lo {
		return
	}
	by := math.Abs(s.lo) * 0.05
	if by == 0 { // from 0 on
		s.hi = 1
		return
	}
	s.lo, s.hi = s.lo-by, s.hi+by
}

// measured are candidates against each other: by two objectives, or over time.
func (o *overview) measured(m *model, s *summary, width, height int) []line {
	x, y := "evaluation", preferred(s).Metric
	title := y + " of all"
	if len(s.Objectives) > 1 && len(s.Pairs) > 0 {
		x, y = s.Pairs[0][0], s.Pairs[0][1]
		title = y + " by " + x
	}
	p, err := want[scatter](&m.answers, "/scatter?"+url.Values{"x": {x}, "y": {y}}.Encode())
	if p == nil || p.N == 0 || p.X.Lo == nil || p.X.Hi == nil || p.Y.Lo == nil || p.Y.Hi == nil {
		return empty(title, err, width, height)
	}
	across := scale{x, *p.X.Lo, *p.X.Hi, p.X.Log, p.X.Labels}
	up := scale{y, *p.Y.Lo, *p.Y.Hi, p.Y.Log, p.Y.Labels}
	for _, sign := range []struct {
		is   bool
		text string
	}{{len(p.Front) > 0, "  ● front"}, {p.Winner != nil, "  ◆ best"}} {
		if sign.is && cells(title, sign.text) <= width {
			title += sign.text
		}
	}
	return chart(title, across, up, width, height, func(c *canvas) {
		if p.Grid != nil {
			c.density(p.Grid, p.Width, p.Height)
		}
		for _, q := range p.Points {
			if q.X != nil && q.Y != nil {
				c.dot(c.at(across.part(*q.X), up.part(*q.Y)))
			}
		}
		for _, q := range p.Front {
			if q.X != nil && q.Y != nil {
				c.sign(across.part(*q.X), up.part(*q.Y), '●')
			}
		}
		if q := p.Winner; q != nil && q.X != nil && q.Y != nil {
			c.sign(across.part(*q.X), up.part(*q.Y), '◆')
		}
	})
}

// empty is a picture that there is not.
func empty(title string, err error, width, height int) []line {
	why := "nothing yet"
	if err != nil {
		why = oneLine(err)
	}
	lines := []line{ln(in(bold, pad(title, width))), ln(in(faint, pad(why, width)))}
	for len(lines) < height {
		lines = append(lines, ln(t(strings.Repeat(" ", width))))
	}
	return lines
}

// jobs are those that run.
func (o *overview) jobs(m *model, s *summary, width int) []line {
	st := &s.State
	title := ln(in(bold, " running "), t(strconv.Itoa(st.Running)))
	if st.Workers > 0 {
		title.add(t(fmt.Sprintf(" of %s", show.Plural(st.Workers, "worker"))))
	}
	if st.Waiting > 0 {
		title.add(t(fmt.Sprintf(", %d waiting", st.Waiting)))
	}
	if !s.Live {
		title = ln(in(bold, " running "), t("nothing"))
	}
	var took []string
	for i, what := range []string{"cpu ", "memory up to ", "GPU memory up to "} {
		name := engine.UsageNames[i]
		if x, known := st.Usage.Get(name); known {
			took = append(took, what+show.Used(name, x))
		}
	}
	if len(took) > 0 {
		title.add(in(faint, "   so far "+strings.Join(took, ", ")))
	}
	lines := []line{title}
	for _, j := range st.Jobs {
		l := ln(t(" " + right(j.ID.String(), 6) + "  "))
		if j.Budget > 0 {
			l.add(in(good, show.Bar(j.Step/j.Budget, 10)), t(" "+pad(fmt.Sprintf("%g/%g %s", j.Step, j.Budget, s.Units), 14)))
		}
		age := plain
		if j.Slow {
			age = bold | bad
		}
		l.add(in(age, right(show.Seconds(j.Seconds), 7)))
		if j.Slow {
			l.add(in(bold|bad, " slow"))
		}
		if j.Attempt > 1 {
			l.add(in(bad, fmt.Sprintf(" attempt %d", j.Attempt)))
		}
		if j.Task != engine.Train && j.Task != "" {
			l.add(t(" " + string(j.Task)))
		}
		if j.Phase != engine.PhaseSearch && j.Phase != "" {
			l.add(t(" " + string(j.Phase)))
		}
		if v := valuesOf(s, j.Metrics); v != "" {
			l.add(t("  " + v))
		}
		if took := show.UsageNow(j.Usage); took != "" {
			l.add(in(faint, "  "+took))
		}
		l.add(in(faint, "  "+j.Genome))
		lines = append(lines, l.opens(func() { m.show(j.ID) }).concerns(job(j.ID)))
	}
	return lines
}

// hostLines are the hosts that carry out jobs, those that need somebody first.
func hostLines(s *summary) (lines []line) {
	if s.Hosts == nil {
		return nil
	}
	lines = append(lines, ln(in(bold, " hosts "), t(s.Hosts.Text)))
	for _, h := range s.Hosts.All {
		style := plain
		if h.State == "aside" || h.State == "away" {
			style = bold | bad
		}
		l := ln(t("  "+pad(h.Name, 16)+" "), in(style, pad(h.State, 9)),
			t(fmt.Sprintf("%d of %d jobs  %s finished", h.Running, h.Slots, show.Thousands(int64(h.Finished)))))
		if h.Failed > 0 {
			l.add(in(bad, fmt.Sprintf("  %s failed", show.Thousands(int64(h.Failed)))))
		}
		l.add(in(faint, "  "+show.Rate(h.Rate)+"  "+h.Reason))
		lines = append(lines, l)
	}
	return lines
}

// failures are what went wrong by reason.
func (o *overview) failures(m *model, width int) []line {
	f, _ := want[failures](&m.answers, "/failures")
	if f == nil || len(f.Reasons) == 0 {
		return nil
	}
	lines := []line{ln(in(bold, " failures "), t(failed(f)))}
	for _, r := range f.Reasons {
		lines = append(lines, ln(in(bad, " "+right(show.Thousands(int64(r.N)), 6)+"  "+pad(string(r.Status), 8)), t(r.Reason)).
			opens(func() { m.filtered(reasonIs(string(r.Status), r.Reason)) }).concerns(r.Reason))
	}
	return lines
}

// failed counts what went wrong.
func failed(f *failures) string {
	text := fmt.Sprintf("%s invalid, %s failed", show.Thousands(int64(f.Invalid)), show.Thousands(int64(f.Failed)))
	if f.Retries > 0 {
		text += fmt.Sprintf(", %s tried again", show.Plural(f.Retries, "attempt"))
	}
	if f.Lost != nil && *f.Lost > 0 {
		text += ", " + show.Seconds(*f.Lost) + " lost"
	}
	return text
}

// events are the newest.
func (o *overview) events(m *model, width int) []line {
	tl, _ := want[timeline](&m.answers, "/timeline")
	if tl == nil || len(tl.Events) == 0 {
		return nil
	}
	lines := []line{ln(in(bold, " timeline"))}
	for _, e := range tl.Events[:min(20, len(tl.Events))] {
		lines = append(lines, eventLine(&e))
	}
	return lines
}
