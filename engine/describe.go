package engine

import (
	"cmp"
	"slices"
)

// Describe is what a search by this configuration would tell its strategy, if its
// evaluators, by their names, said this of themselves. No strategy is needed. Where no
// evaluator has been asked, there are no metrics; else budgets that the configuration
// leaves to an evaluator are its own.
func (c Config) Describe(hellos map[string]Hello) (Setup, error) {
	if err := c.completeWithout(); err != nil {
		return Setup{}, err
	}
	var metrics []Metric
	for _, key := range c.evaluatorKeys() {
		hello, ok := hellos[key]
		if !ok {
			continue
		}
		metrics = append(metrics, hello.Metrics...)
		var err error
		if c.Space, err = restrict(c.Space, &hello); err != nil {
			return Setup{}, wrongWithin(evaluatorPlace(key), err)
		}
	}
	if len(hellos) > 0 {
		var err error
		if metrics, err = c.declared(metrics); err != nil {
			return Setup{}, err
		}
	}
	c.Fidelities = slices.Clone(c.Fidelities)
	for i := range c.Fidelities {
		f := &c.Fidelities[i]
		f.Budget = cmp.Or(f.Budget, hellos[f.Evaluator].Budget)
	}
	setup := c.setup(metrics)
	setup.Seeded = hellos[c.Fidelities[len(c.Fidelities)-1].Evaluator].Seeded
	return setup, nil
}

// setup is what a strategy is told, besides files.
func (c *Config) setup(metrics []Metric) Setup {
	return Setup{
		Space: c.Space, Objectives: c.Objectives, Ties: c.Ties, Constraints: c.Constraints, Reference: c.Reference, Metrics: metrics,
		Fidelities: c.Fidelities, Limits: c.Limits, Order: c.Order, Start: c.Start, Options: c.StrategyOptions,
	}
}
