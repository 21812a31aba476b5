package engine

import "testing"

// Once the noise is known a target is reached by the lower bound, so not by one lucky
// measurement; before, and by earlier rules, by what was measured. Constraints go by the
// means.
func TestTargetIsReachedByTheBound(t *testing.T) {
	t.Parallel()
	most := 0.9
	for _, goal := range []Goal{Maximize, Minimize} {
		sign := 1.0
		if goal == Minimize {
			sign = -1
		}
		for rules := 2; rules <= 3; rules++ {
			plan := &Plan{Objectives: []Objective{{Metric: "a", Goal: goal}}, Fidelities: []Fidelity{{}}, Rules: rules,
				Constraints: []Constraint{{Metric: "b", Max: &most}}}
			a := &Archive{Plan: *plan, leaders: plan.Leaders(1)}
			id := ID(0)
			add := func(genome int, x, b float64) {
				id++
				a.leaders.Add(&Candidate{Job: Job{ID: id, Genome: numbered(t, genome), Task: Train},
					Result: Result{Status: OK, Metrics: Values{{"a", sign * x}, {"b", b}}}})
			}
			reached := func(x float64) bool { x *= sign; return a.reached(Limits{Target: &x}) }
			if reached(0) {
				t.Fatal("nobody has reached it")
			}
			add(1, 0.5, 0)
			add(2, 0.9, 0.9)
			if !reached(0.85) || reached(0.95) {
				t.Fatalf("%s, rules %d: before the noise is known a measurement counts", goal, rules)
			}
			add(1, 0.7, 0) // a standard deviation of 0.1414
			if reached(0.85) != (rules < 3) || !reached(0.75) {
				t.Errorf("%s, rules %d: 0.9 once, with noise of 0.14, reaches 0.85: %v, and 0.75: %v", goal, rules, reached(0.85), reached(0.75))
			}
		}
	}
}
