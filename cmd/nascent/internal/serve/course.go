package serve

import (
	"fmt"
	"math"
	"net/url"
	"slices"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/report"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
)

// mostSteps is how many of a line are told.
const mostSteps = 600

// step is a change of the best so far, or of the hypervolume.
type step struct {
	N     int       `json:"n"` // evaluations by then
	Value number    `json:"value"`
	ID    engine.ID `json:"id"`
	Error number    `json:"error,omitempty"`
}

// course is how the best, and the hypervolume, came about. It goes on with new rows.
type course struct {
	leaders *engine.Leaders
	leading *show.Leading
	rows, n int
	best    []step

	volume    []step
	measured  *engine.Leaders // against the reference that there is in the end
	reference engine.Values
	fidelity  int
	changed   bool
	seen, m   int
}

// follow brings the course up to the last row.
func (s *search) follow() *course {
	if s.course == nil {
		leading := show.NewLeading(s.view)
		s.course = &course{leading: leading, leaders: leading.Leaders}
	}
	c := s.course
	for ; c.rows < s.rows.Len(); c.rows++ {
		if !s.evaluated(c.rows) {
			continue
		}
		c.n++
		one := s.rows.Candidate(c.rows)
		x := number(c.leading.Add(&one))
		if math.IsNaN(float64(x)) {
			continue
		}
		if k := len(c.best); k == 0 || c.best[k-1].Value != x {
			c.best = append(c.best, step{N: c.n, Value: x, ID: c.leaders.Best()[0].ID})
		}
	}
	return c
}

// followVolume brings the hypervolume up to the last row: at the highest fidelity, and
// against the reference that the search has now.
func (s *search) followVolume() *course {
	c := s.follow()
	if c.measured == nil || !slices.Equal(c.reference, s.state.Reference) {
		plan := s.archive.Plan
		plan.Reference = s.state.Reference
		c.measured, c.reference, c.volume = plan.Leaders(1), s.state.Reference, nil
		c.fidelity, c.changed, c.seen, c.m = 0, false, 0, 0
	}
	every := max(1, c.n/500) // more is not to be seen
	note := func() {
		if x, ok := c.measured.Hypervolume(); ok && c.changed {
			c.volume, c.changed = append(c.volume, step{N: c.m, Value: number(x.Volume), Error: number(x.Error)}), false
		}
	}
	for ; c.seen < s.rows.Len(); c.seen++ {
		if !s.evaluated(c.seen) {
			continue
		}
		c.m++
		one := s.rows.Candidate(c.seen)
		c.changed = c.measured.Add(&one) || c.changed
		if f := c.measured.Fidelity(); f > c.fidelity {
			c.fidelity, c.volume = f, nil
		}
		if c.m%every == 0 {
			note()
		}
	}
	note()
	return c
}

// progress answers /progress[?measure=hypervolume].
func (s *search) progress(q url.Values) (any, error) {
	type progress struct {
		Measure   string        `json:"measure"`
		Goal      engine.Goal   `json:"goal"`
		Title     string        `json:"title"`
		N         int           `json:"n"` // evaluations so far
		Limit     int           `json:"limit,omitempty"`
		Steps     []step        `json:"steps"`
		Reference engine.Values `json:"reference,omitempty"`
		About     string        `json:"about"` // what is drawn, in a sentence
	}
	o := s.view.Objective()
	out := progress{Measure: o.Metric, Goal: o.Goal, Title: s.title(o.Metric), Limit: s.state.Limits.Evaluations, Steps: []step{}}
	if q.Get("measure") == "hypervolume" {
		c := s.followVolume()
		out.Measure, out.Goal, out.Title, out.Reference = "hypervolume", engine.Maximize, "hypervolume", s.state.Reference
		out.N = c.n
		if k := len(c.volume); k == 0 || c.volume[k-1].Value == 0 {
			return out, nil // nothing was dominated
		}
		out.Steps = append(out.Steps, thin(c.volume, mostSteps)...)
		out.About = "What the front dominated after so many evaluations, at the highest fidelity" + report.Against(s.view) + "."
		if i := slices.IndexFunc(c.volume, func(x step) bool { return x.Error > 0 }); i >= 0 {
			out.About += fmt.Sprintf(" From evaluation %d on it is an estimate.", c.volume[i].N)
		}
		return out, nil
	}
	c := s.follow()
	out.N, out.Steps = c.n, append(out.Steps, thin(c.best, mostSteps)...)
	out.About = "The " + o.Metric + " of what was the best after so many evaluations: at the highest fidelity reached by then, " +
		"and by the mean where something was measured again."
	return out, nil
}
