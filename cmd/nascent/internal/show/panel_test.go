package show

import (
	"io"
	"strings"
	"testing"

	"github.com/charmbracelet/lipgloss"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/rng"
)

// A picture that is wider or higher than the terminal could not be drawn over.
func TestPanelFits(t *testing.T) {
	t.Parallel()
	space, err := genome.ParseSpace(genome.Map{{Key: "x", Value: genome.Map{{Key: "int", Value: []any{int64(0), int64(9)}}}}})
	if err != nil {
		t.Fatal(err)
	}
	g, err := space.Random(rng.New(1))
	if err != nil {
		t.Fatal(err)
	}
	v := &View{Space: space, Plan: engine.Plan{Objectives: []engine.Objective{{Metric: "accuracy", Goal: engine.Maximize}}}}
	s := engine.Snapshot{
		Name: "search", State: engine.StateRunning, Phase: engine.PhaseSearch, Evaluations: 1000, Workers: 9, Running: 8,
		Limits: engine.Limits{Evaluations: 2000},
		Best:   []engine.Best{{ID: 17, Genome: g.Text(), Metrics: engine.Values{{Name: "accuracy", Value: 0.5}}}},
	}
	for i := range 8 {
		s.Jobs = append(s.Jobs, engine.RunningJob{ID: engine.ID(i + 1), Attempt: 1, Genome: g.Text(), Budget: 10, Step: 3})
	}
	volume := 3.25
	s.Front, s.Hypervolume, s.Reference = s.Best, &volume, engine.Values{{Name: "accuracy", Value: 0.1}}
	styles := stylesFor(lipgloss.NewRenderer(io.Discard))
	wide := strings.Join(drawPanel(v, s, NewMonitor(), &styles, 200, 50), "\n")
	if want := "front 1 candidate, hypervolume 3.25 (against accuracy 0.1000)"; !strings.Contains(wide, want) {
		t.Errorf("it does not say %q:\n%s", want, wide)
	}
	for _, size := range [][2]int{{1, 1}, {8, 3}, {20, 5}, {39, 9}, {80, 24}, {200, 50}} {
		lines := drawPanel(v, s, NewMonitor(), &styles, size[0], size[1])
		if len(lines) >= max(3, size[1]) {
			t.Errorf("%d lines for a terminal of %d by %d", len(lines), size[0], size[1])
		}
		for _, line := range lines {
			if w := lipgloss.Width(line); w >= max(8, size[0]) {
				t.Errorf("%q is %d columns wide for a terminal of %d by %d", line, w, size[0], size[1])
			}
		}
	}
}

// The panel draws the front, of each two objectives as far as there is room, at the means;
// where there is little it names the best by each objective.
func TestPanelShowsTheFront(t *testing.T) {
	t.Parallel()
	space := genome.MustParseSpace(`{"x": {"int": [0, 9]}}`)
	styles := stylesFor(lipgloss.NewRenderer(io.Discard))
	for _, c := range []struct {
		objectives, jobs, width, height int
		plots                           []string
		dots                            int
		best                            []string
	}{
		{2, 2, 80, 24, []string{"a against b"}, 3, nil},
		{3, 2, 80, 24, []string{"a against b", "a against c"}, 6, nil},
		{3, 0, 120, 40, []string{"a against b", "a against c", "b against c"}, 9, nil},
		{2, 8, 80, 24, nil, 0, []string{"best a: a 4  b 1  candidate 1", "best b: a 5  b 5  candidate 3"}},
		{2, 2, 20, 24, nil, 0, []string{"best a: a 4  b 1", "best b: a 5  b 5"}},
		{1, 2, 80, 24, nil, 0, nil},
		{2, 2, 80, 9, nil, 0, nil},
	} {
		v := &View{Space: space, Plan: engine.Plan{Rules: genome.Rules}}
		for i := range c.objectives {
			v.Plan.Objectives = append(v.Plan.Objectives, engine.Objective{Metric: string(rune('a' + i)), Goal: []engine.Goal{engine.Minimize, engine.Maximize}[i%2]})
		}
		s := engine.Snapshot{Name: "search", State: engine.StateRunning, Phase: engine.PhaseSearch, Evaluations: 9, Workers: c.jobs, Running: c.jobs}
		for i, m := range [][3]float64{{9, 1, 2}, {4.5, 3, 4}, {5, 5, 1}} { // the first is 4 by its mean
			b := engine.Best{ID: engine.ID(i + 1), Metrics: engine.Values{{Name: "a", Value: m[0]}, {Name: "b", Value: m[1]}, {Name: "c", Value: m[2]}}}
			if i == 0 {
				b.Estimates = map[string]engine.Estimate{"a": {Mean: 4, N: 2, Low: 3, High: 5}}
			}
			if s.Best = append(s.Best, b); c.objectives > 1 {
				s.Front = append(s.Front, b)
			}
		}
		for i := range c.jobs {
			s.Jobs = append(s.Jobs, engine.RunningJob{ID: engine.ID(i + 1), Attempt: 1})
		}
		lines := drawPanel(v, s, NewMonitor(), &styles, c.width, c.height)
		text := strings.Join(lines, "\n")
		for _, part := range append(c.plots, c.best...) {
			if !strings.Contains(text, part[:min(len(part), c.width-8)]) {
				t.Errorf("%+v: the panel lacks %q:\n%s", c, part, text)
			}
		}
		if got := strings.Count(text, "●"); got != c.dots || strings.Count(text, " against ") != len(c.plots) || strings.Count(text, "  best ") != len(c.best) {
			t.Errorf("%+v: the panel has %d dots:\n%s", c, got, text)
		}
		if len(lines) >= c.height || !strings.Contains(lines[len(lines)-1], "Ctrl-C") {
			t.Errorf("%+v: the panel has %d lines:\n%s", c, len(lines), text)
		}
		for _, line := range lines {
			if w := lipgloss.Width(line); w >= c.width {
				t.Errorf("%+v: %q is %d columns wide", c, line, w)
			}
		}
	}
}
