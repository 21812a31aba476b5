package known

import (
	"context"
	"errors"
	"strings"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/socket"
	"github.com/nascent-nas/nascent/engine"
)

// openSearch reads another search, whether it runs or not.
func openSearch(ctx context.Context, dir string) (*Source, error) {
	led, _, err := socket.Inspect(ctx, dir)
	if err != nil {
		return nil, err
	}
	defer led.Close()
	a, err := engine.Read(led)
	if errors.Is(err, engine.ErrEmpty) {
		return nil, mistake("no search has begun in %s", dir)
	}
	if err != nil {
		return nil, err
	}
	s := &Source{What: "the search " + a.Name, Each: "candidate", Columns: []string{"status", "fidelity"}, Goals: map[string]engine.Goal{}}
	for _, o := range a.Plan.Objectives {
		s.Goals[metricPrefix+o.Metric] = o.Goal
	}
	seen := map[string]bool{}
	for c := range a.Candidates() {
		row := Row{Name: "candidate " + c.ID.String(), Genome: c.Genome,
			Values: map[string]any{"status": string(c.Status), "fidelity": int64(c.Fidelity)}}
		switch {
		case c.Phase != engine.PhaseSearch:
			continue
		case c.Task != engine.Train:
			row.State = "of the task " + string(c.Task)
		case c.Stopped:
			row.State = "stopped early"
		}
		for _, v := range c.Metrics {
			name := metricPrefix + v.Name
			if !seen[name] {
				seen[name] = true
				s.Columns = append(s.Columns, name)
			}
			row.Values[name] = v.Value
		}
		if whole, err := a.Candidate(c.ID); err == nil {
			row.Curve = whole.Curve
		}
		s.Rows = append(s.Rows, row)
	}
	if len(s.Rows) == 0 {
		return nil, mistake("%s has no candidates", strings.TrimSuffix(dir, "/"))
	}
	return s, nil
}
