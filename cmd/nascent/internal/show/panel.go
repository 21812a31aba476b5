package show

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/charmbracelet/lipgloss"
	"golang.org/x/term"

	"github.com/nascent-nas/nascent/engine"
)

// Panel shows a running search live on a terminal: it draws over itself, five
// times a second, and leaves its last picture behind. It reads no keys, so
// Ctrl-C stays a signal, and asks the terminal nothing but its size.
type Panel struct {
	*Monitor
	out    *os.File
	live   Live
	styles styles
	drawn  int // lines of the last picture
	close  chan struct{}
	closed sync.WaitGroup
	once   sync.Once
}

// styles are the terminal's own colours, which fit its theme. To ask a terminal
// whether it is dark may take seconds.
type styles struct{ title, faint, good, bad lipgloss.Style }

func stylesFor(r *lipgloss.Renderer) styles {
	return styles{
		title: r.NewStyle().Bold(true), faint: r.NewStyle().Faint(true),
		good: r.NewStyle().Foreground(lipgloss.Color("2")), bad: r.NewStyle().Foreground(lipgloss.Color("1")),
	}
}

// NewPanel is for a terminal.
func NewPanel(out *os.File) *Panel {
	return &Panel{Monitor: NewMonitor(), out: out, styles: stylesFor(lipgloss.NewRenderer(out)), close: make(chan struct{})}
}

// Follow begins to draw.
func (p *Panel) Follow(live Live) {
	p.live = live
	p.closed.Go(p.loop)
}

// Close draws a last time and gives the terminal back.
func (p *Panel) Close(last string) {
	p.once.Do(func() { close(p.close) })
	p.closed.Wait()
	if last != "" {
		fmt.Fprintln(p.out, last)
	}
}

const (
	hideCursor = "\x1b[?25l"
	showCursor = "\x1b[?25h"
	clearDown  = "\x1b[J"
	clearRight = "\x1b[K"
)

func (p *Panel) loop() {
	fmt.Fprint(p.out, hideCursor)
	defer fmt.Fprint(p.out, showCursor)
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for over := false; ; {
		if v := p.look(p.live); v != nil {
			width, height := p.size()
			p.draw(drawPanel(v, v.Status(), p.Monitor, &p.styles, width, height))
		}
		if over {
			return
		}
		select {
		case <-tick.C:
		case <-p.close:
			over = true
		}
	}
}

// draw replaces the last picture.
func (p *Panel) draw(lines []string) {
	var b strings.Builder
	if p.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA\r", p.drawn)
	}
	for _, line := range lines {
		b.WriteString(line + clearRight + "\n")
	}
	b.WriteString(clearDown)
	p.drawn = len(lines)
	fmt.Fprint(p.out, b.String())
}

func (p *Panel) size() (width, height int) {
	if width, height, err := term.GetSize(int(p.out.Fd())); err == nil && width > 0 && height > 0 {
		return width, height
	}
	return 80, 24
}

// drawPanel draws a running search into width columns and fewer than height
// lines.
func drawPanel(v *View, s engine.Snapshot, m *Monitor, st *styles, width, height int) []string {
	width, height = max(8, width)-1, max(2, height-1)
	var lines []string
	add := func(style *lipgloss.Style, format string, args ...any) {
		line := Clip(Clean(fmt.Sprintf(format, args...)), width)
		if style != nil {
			line = style.Render(line)
		}
		lines = append(lines, line)
	}
	pace := m.pace()
	part, left := Progress(s, pace)
	phase := string(s.Phase)
	if s.State != engine.StateRunning {
		phase = string(s.State)
	}
	add(&st.title, "%s  %s", s.Name, phase)
	bar := ""
	if !math.IsNaN(part) {
		bar = Bar(part, 24) + fmt.Sprintf(" %3.0f%%  ", 100*part)
	}
	if s.Phase != engine.PhaseSearch && s.FinalTotal > 0 {
		add(nil, "%s %d of %d", Bar(float64(s.FinalDone)/float64(s.FinalTotal), 24), s.FinalDone, s.FinalTotal)
	} else {
		time := Seconds(s.Wall)
		if !math.IsNaN(left) {
			time += ", about " + Seconds(left) + " left"
		}
		add(nil, "%s%s  %s  %s", bar, Plural(s.Evaluations, "evaluation"), Rate(pace), time)
	}
	o := v.Objective()
	if len(s.Best) > 0 {
		b := s.Best[0]
		add(&st.good, "best %s  candidate %s", Estimated(v, firstValues(v, b.Metrics), b.Estimates), b.ID)
		if curve := m.line(); len(curve) > 1 {
			tail := fmt.Sprintf("  %s %s to %s", o.Metric, Number(o.Metric, curve[0]), Number(o.Metric, curve[len(curve)-1]))
			add(&st.good, "%s%s", Sparkline(curve, max(10, min(60, width-len(tail)))), tail)
		}
		add(&st.faint, "%s", b.Genome)
	}
	if len(s.Front) > 0 {
		add(&st.good, "front %s%s", FrontText(s), HypervolumeText(v, s))
	}
	rest := height - len(lines) - 7 // below the front: a gap, jobs, and six lines about the search
	jobs := min(len(s.Jobs), max(2, rest/2))
	if jobs < len(s.Jobs) {
		jobs++ // for how many more there are
	}
	for _, line := range frontLines(v, s.Front, width, rest-jobs) {
		add(nil, "%s", line)
	}
	lines = append(lines, "")
	spare := max(2, height-len(lines)-6)
	for i := range s.Jobs {
		if i == spare && len(s.Jobs) > spare {
			add(&st.faint, "and %d more", len(s.Jobs)-i)
			break
		}
		style := (*lipgloss.Style)(nil)
		if s.Jobs[i].Slow {
			style = &st.bad
		}
		add(style, "%s", JobLine(v, &s.Jobs[i], width))
	}
	if p := s.Paused; p != nil {
		add(&st.bad, "paused %s; go on with: %s resume %s", by(p.By, p.Since), Program(), Quote(v.Dir))
		if p.Cause != "" {
			add(&st.bad, "%s", p.Cause)
		}
	}
	if d := s.Disk; d != nil {
		style := &st.faint
		if d.Evaluations != nil && s.Limits.Evaluations > s.Evaluations+*d.Evaluations {
			style = &st.bad
		}
		add(style, "disk %s", Room(d))
	}
	if s.Deciding > 0 {
		add(&st.bad, "strategy %s%s", s.Strategy, Deciding(s))
	}
	if v.Hosts != nil {
		all := v.Hosts()
		style := &st.faint
		if slices.ContainsFunc(all, func(h Host) bool { return h.State == "aside" }) {
			style = &st.bad
		}
		add(style, "hosts %s", HostsText(all))
	}
	if v.Clients != nil {
		add(nil, "%s", v.ClientsText())
	} else if idle := s.Workers - s.Running; idle > 0 {
		why := ""
		if s.Waiting == 0 && s.Phase == engine.PhaseSearch && s.Running > 0 && v.Plan.Order == engine.Strict {
			why = " (the window is full: results are consumed in order; a larger window would use them)"
		}
		add(&st.faint, "%d of %d workers idle%s", idle, s.Workers, why)
	}
	counts := fmt.Sprintf("%s ok, %s invalid, %s failed, %s reused, %s retried, idle %s",
		Thousands(int64(s.OK)), Thousands(int64(s.Invalid)), Thousands(int64(s.Failed)), Thousands(int64(s.Reused)),
		Thousands(int64(s.Retries)), Seconds(s.Idle))
	add(&st.faint, "%s", counts)
	said, _ := m.heard(0)
	for _, text := range said[max(0, len(said)-2):] {
		style := &st.faint
		if strings.Contains(text, "failed") || strings.Contains(text, "attempt") {
			style = &st.bad
		}
		add(style, "%s", text)
	}
	add(&st.faint, "Ctrl-C finishes cleanly; nothing is ever lost")
	if len(lines) > height {
		lines = append(lines[:height-1], lines[len(lines)-1])
	}
	return lines
}
