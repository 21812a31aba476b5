package show

import (
	"fmt"
	"io"
	"math"
	"strings"
	"sync"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/lipgloss"

	"github.com/nascent-nas/nascent/engine"
)

// Panel shows a running search live on a terminal.
type Panel struct {
	program *tea.Program
	ended   chan struct{}
	once    sync.Once
}

// NewPanel takes the terminal over until Close. interrupt is called when
// Ctrl-C is pressed, which the terminal then does not turn into a signal.
func NewPanel(in io.Reader, out io.Writer, live Live, m *Monitor, interrupt func()) *Panel {
	model := &panelModel{live: live, monitor: m, interrupt: interrupt, width: 80, height: 24}
	p := &Panel{ended: make(chan struct{})}
	p.program = tea.NewProgram(model, tea.WithInput(in), tea.WithOutput(out), tea.WithoutSignalHandler())
	go func() {
		defer close(p.ended)
		// A terminal that fails only costs the picture.
		_, _ = p.program.Run()
	}()
	return p
}

// Close gives the terminal back.
func (p *Panel) Close() {
	p.once.Do(func() { p.program.Quit() })
	<-p.ended
}

// panelModel is what bubbletea draws.
type panelModel struct {
	live          Live
	monitor       *Monitor
	interrupt     func()
	view          *View
	status        engine.Snapshot
	width, height int
}

type (
	panelTick  struct{}
	panelFresh struct {
		view   *View
		status engine.Snapshot
	}
)

func (p *panelModel) Init() tea.Cmd { return p.ask }

// ask looks at the search beside the drawing.
func (p *panelModel) ask() tea.Msg {
	v, err := p.live()
	if err != nil {
		return panelTick{}
	}
	p.monitor.attach(v)
	return panelFresh{v, v.Status()}
}

func (p *panelModel) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		p.width, p.height = msg.Width, msg.Height
	case tea.KeyMsg:
		if s := msg.String(); s == "ctrl+c" || s == "q" {
			return p, func() tea.Msg { p.interrupt(); return nil }
		}
	case panelFresh:
		p.view, p.status = msg.view, msg.status
		return p, tea.Tick(200*time.Millisecond, func(time.Time) tea.Msg { return panelTick{} })
	case panelTick:
		return p, p.ask
	}
	return p, nil
}

var (
	titleStyle = lipgloss.NewStyle().Bold(true)
	faintStyle = lipgloss.NewStyle().Faint(true)
	goodStyle  = lipgloss.NewStyle().Foreground(lipgloss.AdaptiveColor{Light: "28", Dark: "78"})
	badStyle   = lipgloss.NewStyle().Foreground(lipgloss.AdaptiveColor{Light: "124", Dark: "210"})
)

// View draws the panel.
func (p *panelModel) View() string {
	if p.view == nil {
		return faintStyle.Render("beginning: starting the evaluators") + "\n"
	}
	return DrawPanel(p.view, p.status, p.monitor, p.width, p.height)
}

// DrawPanel draws a running search into width columns and at most height lines.
func DrawPanel(v *View, s engine.Snapshot, m *Monitor, width, height int) string {
	width = max(40, width)
	var lines []string
	add := func(style *lipgloss.Style, format string, args ...any) {
		line := Clip(fmt.Sprintf(format, args...), width)
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
	add(&titleStyle, "%s  %s", s.Name, phase)
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
		add(&goodStyle, "best %s  candidate %s", Values(v, firstValues(v, b.Metrics)), b.ID)
		if curve := m.line(); len(curve) > 1 {
			tail := fmt.Sprintf("  %s %s to %s", o.Metric, Number(o.Metric, curve[0]), Number(o.Metric, curve[len(curve)-1]))
			add(&goodStyle, "%s%s", Sparkline(curve, max(10, min(60, width-len(tail)))), tail)
		}
		add(&faintStyle, "%s", b.Genome)
	}
	lines = append(lines, "")
	spare := max(2, height-len(lines)-6)
	for i := range s.Jobs {
		if i == spare && len(s.Jobs) > spare {
			add(&faintStyle, "and %d more", len(s.Jobs)-i)
			break
		}
		add(nil, "%s", JobLine(v, &s.Jobs[i], width))
	}
	if idle := s.Workers - s.Running; idle > 0 {
		why := ""
		if s.Waiting == 0 && s.Phase == engine.PhaseSearch {
			why = " (the window is full: results are consumed in order; a larger window would use them)"
		}
		add(&faintStyle, "%d of %d workers idle%s", idle, s.Workers, why)
	}
	counts := fmt.Sprintf("%s ok, %s invalid, %s failed, %s reused, %s retried, idle %s",
		Thousands(int64(s.OK)), Thousands(int64(s.Invalid)), Thousands(int64(s.Failed)), Thousands(int64(s.Reused)), Thousands(int64(s.Retries)), Seconds(s.Idle))
	add(&faintStyle, "%s", counts)
	said, _ := m.heard(0)
	for _, text := range said[max(0, len(said)-2):] {
		style := &faintStyle
		if strings.Contains(text, "failed") || strings.Contains(text, "attempt") {
			style = &badStyle
		}
		add(style, "%s", text)
	}
	add(&faintStyle, "Ctrl-C finishes cleanly; nothing is ever lost")
	if len(lines) > height && height > 3 {
		lines = append(lines[:height-2], lines[len(lines)-1])
	}
	return strings.Join(lines, "\n") + "\n"
}
