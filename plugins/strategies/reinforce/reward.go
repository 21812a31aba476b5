package reinforce

import (
	"math"

	"github.com/nascent-nas/nascent/engine"
)

// judge says what candidates are worth to the controller.
type judge struct {
	engine.Ranking
	rank  bool    // by their rank, else by the value of the first objective
	decay float64 // of the baseline, for each candidate
}

// scale is what is remembered of the rewards so far. All but the baseline is for
// rewards by value.
type scale struct {
	Begun    bool    `json:"begun"`    // there is a baseline
	Baseline float64 `json:"baseline"` // moving average of the rewards
	Count    int     `json:"count"`    // candidates that were measured and keep the constraints
	Mean     float64 `json:"mean"`     // of their objective
	Squares  float64 `json:"squares"`  // sum of its squared differences from the mean
	Worst    float64 `json:"worst"`    // of it
}

// tells whether a candidate says anything about what its genome is worth: it was
// measured to the end at the lowest fidelity, or its genome is at fault. What was imported
// says nothing: the controller did not draw it, and figures from elsewhere would be its
// baseline.
func tells(c *engine.Candidate) bool {
	return c.Task == engine.Train && c.Origin() != engine.Imported && c.Fidelity == 0 && !c.Stopped &&
		(c.Status == engine.OK || c.Status == engine.Invalid)
}

// note takes what a candidate came to into the scale, but for the baseline.
func (j *judge) note(s *scale, c *engine.Candidate) {
	x, ok := j.value(c)
	if j.rank || !tells(c) || !ok {
		return
	}
	if s.Count == 0 { // those before broke the constraints: another scale
		s.Begun, s.Worst = false, x
	}
	s.Count++
	d := x - s.Mean
	s.Mean += d / float64(s.Count)
	s.Squares += float64(d * (x - s.Mean))
	s.Worst = min(s.Worst, x)
}

// value is the first objective, turned so that more is better, of a candidate
// that was measured and keeps the constraints.
func (j *judge) value(c *engine.Candidate) (x float64, ok bool) {
	if c.Status != engine.OK || j.Violation(c.Metrics) > 0 {
		return 0, false
	}
	x = j.Worth(j.Objectives[0], c.Metrics)
	return x, !math.IsInf(x, 0)
}

// unit is what rewards are divided by: their standard deviation, so that the
// entropy bonus weighs the same for all objectives.
func (j *judge) unit(s *scale) float64 {
	switch {
	case j.rank:
		return 1 / math.Sqrt(12) // of numbers that are even over 0 to 1
	case s.Count < 2 || s.Squares == 0:
		return 1
	}
	return math.Sqrt(s.Squares / float64(s.Count))
}

// reward is what a candidate is worth. By rank it is the share of the others in
// the History that are worse: constraints first, then the objectives, then the ties.
// By value it is the first objective; what breaks a constraint is then
// below the worst that keeps all, by up to one unit as it breaks more, and what
// is invalid, or lacks the objective, by a whole one.
func (j *judge) reward(s *scale, h engine.History, c *engine.Candidate) float64 {
	if j.rank {
		return j.share(h, c)
	}
	if x, ok := j.value(c); ok {
		return x
	}
	broken := 1.0
	if v := j.Violation(c.Metrics); c.Status == engine.OK && v > 0 && !math.IsInf(v, 0) {
		broken = v / (1 + v)
	}
	return s.Worst - float64(j.unit(s)*broken)
}

// share is the rank among all that were measured, from 0 to 1; equals share the
// ranks between them, and so do those of which each is better in one objective.
func (j *judge) share(h engine.History, c *engine.Candidate) float64 {
	better, others := j.Better(c, func(yield func(*engine.Candidate) bool) {
		for x := range engine.All(h) {
			if x.Reuse == 0 && x.ID != c.ID && x.ID != c.Reuse && tells(x) && !yield(x) {
				return
			}
		}
	})
	return (0.5 + better) / float64(others+1)
}

// average lets rewards enter the baseline; the first ones make it.
func (j *judge) average(s *scale, rewards ...float64) {
	if len(rewards) == 0 {
		return
	}
	if !s.Begun {
		sum := 0.0
		for _, r := range rewards {
			sum += r
		}
		s.Begun, s.Baseline = true, sum/float64(len(rewards))
		return
	}
	for _, r := range rewards {
		s.Baseline = float64(j.decay*s.Baseline) + float64((1-j.decay)*r)
	}
}
