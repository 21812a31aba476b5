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
