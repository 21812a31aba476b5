package clients

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/option"
	"github.com/nascent-nas/nascent/genome/network"
)

// Name is that of the evaluator.
const Name = "clients"

// options are what search.yaml says beside use.
type options struct {
	version       string
	metrics       map[string]engine.Goal
	deterministic bool
	seeded        bool
	tests         bool
	budget        float64
	unit          string
}

func (o *options) declare(s *option.Set) {
	s.Text(&o.version, "version", "", "of what the clients measure: results of another one are not compared with these")
	s.Value(&o.metrics, "metrics", "", "{loss: minimize, size: \"\"}",
		"what may be told besides what the search judges by, accuracy, loss and seconds")
	s.Bool(&o.deterministic, "deterministic", false, "equal jobs have equal results")
	s.Bool(&o.seeded, "seeded", true, "results depend on the job's seed")
	s.Bool(&o.tests, "tests", false, "jobs of phase test are measured on test data")
	s.Float(&o.budget, "budget", 1, option.Over(0), 1e300, "what a search gets that says nothing")
	s.Text(&o.unit, "unit", "", "of the budget, such as epochs")
}

// Declare declares the options.
func Declare(s *option.Set) { new(options).declare(s) }

// hello is what such an evaluator says of itself. wanted are the metrics that the
// search judges by.
func (o *options) hello(setup engine.EvaluatorSetup, wanted []engine.Metric) engine.Hello {
	h := engine.Hello{
		Name: Name, Version: engine.Version, Slots: 1, Waits: true,
		Deterministic: o.deterministic, Seeded: o.seeded, Tests: o.tests, Budget: o.budget, BudgetUnit: o.unit,
		Metrics: slices.Clone(wanted), Identity: string(setup.Options),
	}
	add := func(m engine.Metric) {
		if !h.Declares(m.Name) {
			h.Metrics = append(h.Metrics, m)
		}
	}
	for name, goal := range o.metrics {
		add(engine.Metric{Name: name, Goal: goal})
	}
	add(engine.Metric{Name: "accuracy", Goal: engine.Maximize})
	add(engine.Metric{Name: "loss", Goal: engine.Minimize})
	add(engine.Metric{Name: "seconds", Unit: "s", Goal: engine.Minimize, Measured: true})
	if network.Has(setup.Space) {
		add(engine.Metric{Name: "parameters", Goal: engine.Minimize})
		add(engine.Metric{Name: "macs", Goal: engine.Minimize})
	}
	slices.SortFunc(h.Metrics, func(a, b engine.Metric) int { return slices.Compare([]string{a.Name}, []string{b.Name}) })
	for _, m := range h.Metrics {
		h.Optional = append(h.Optional, m.Name)
	}
	sum := sha256.Sum256([]byte(h.Name + " " + h.Identity))
	h.Fingerprint = hex.EncodeToString(sum[:])
	return h
}

// read reads the options.
func (o *options) read(given json.RawMessage) error { return option.Read(given, o.declare) }
