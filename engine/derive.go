package engine

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/nascent-nas/nascent/engine/expression"
)

// Derived is a metric that is computed from others, by an expression as package
// expression reads it. It may name derived ones before it. Everything that is done with
// metrics can be done with it, except to stop a job by it, as evaluators do not know it.
//
// It is exact, or measured, as the metrics are that it is computed from: where one of
// them is measured, strategies see it only where the search judges by it.
type Derived struct {
	Metric     string `json:"metric"`
	Expression string `json:"expression"`
}

// Derivation computes the derived metrics of a search.
type Derivation []derived

type derived struct {
	name string
	*expression.Expression
}

// Derive reads derived metrics. An error is a Mistake.
func Derive(all []Derived) (Derivation, error) {
	var d Derivation
	for _, x := range all {
		key := "metrics." + x.Metric
		if err := checkName(x.Metric); err != nil {
			return nil, wrongWithin(key, err)
		}
		if d.find(x.Metric) >= 0 {
			return nil, wrong(key, "it stands there twice").but("keep one of them")
		}
		e, err := expression.Parse(x.Expression)
		if err != nil {
			return nil, wrongWithin(key, err)
		}
		d = append(d, derived{x.Metric, e})
	}
	return d, nil
}

// Wanted are the metrics that somebody has to measure so that the search can judge by
// them: those of objectives, ties and constraints, and what such are derived from.
func (c *Config) Wanted() ([]Metric, error) {
	d, err := Derive(c.Derived)
	if err != nil {
		return nil, err
	}
	var all []Metric
	var add func(m Metric)
	add = func(m Metric) {
		if i := d.find(m.Name); i >= 0 {
			for _, name := range d[i].Metrics() {
				if d.find(name) < i { // else Declare refuses it
					add(Metric{Name: name})
				}
			}
		} else if !slices.Contains(metricNames(all), m.Name) {
			all = append(all, m)
		}
	}
	for _, o := range slices.Concat(c.Objectives, c.Ties) {
		add(Metric{Name: o.Metric, Goal: o.Goal})
	}
	if len(c.Objectives) == 0 {
		add(Metric{Name: "accuracy", Goal: Maximize})
	}
	for _, x := range c.Constraints {
		add(Metric{Name: x.Metric})
	}
	return all, nil
}

func (d Derivation) find(name string) int {
	return slices.IndexFunc(d, func(x derived) bool { return x.name == name })
}

// Declare adds the derived metrics to those that evaluators declare, each measured if
// one that it names is. An error says which name is nobody's.
func (d Derivation) Declare(metrics []Metric) ([]Metric, error) {
	for _, m := range metrics {
		if d.find(m.Name) >= 0 {
			return nil, wrong("metrics."+m.Name, "an evaluator measures a metric of that name itself").but("give it another name")
		}
	}
	all := slices.Clone(metrics)
	for i, x := range d {
		key := "metrics." + x.name
		for _, name := range x.Metrics() {
			if k := d.find(name); k >= i {
				return nil, wrong(key, "it names %s, which does not stand above it", name).but("name only metrics of evaluators and those above")
			}
		}
		if err := x.Check(metricNames(all)); err != nil {
			return nil, wrongWithin(key, err)
		}
		all = append(all, Metric{Name: x.name, Measured: anyMeasured(all, x.Metrics())})
	}
	return all, nil
}

// declared is Declare of what was declared before.
func (d Derivation) declared(metrics []Metric) []Metric {
	if all, err := d.Declare(metrics); err == nil {
		return all
	}
	return metrics
}

// metricNames are those of metrics, each once.
func metricNames(metrics []Metric) (names []string) {
	for _, m := range metrics {
		if !slices.Contains(names, m.Name) {
			names = append(names, m.Name)
		}
	}
	return names
}

func anyMeasured(metrics []Metric, names []string) bool {
	return slices.ContainsFunc(metrics, func(m Metric) bool { return m.Measured && slices.Contains(names, m.Name) })
}

// Complete adds to a result what can be derived from its metrics, and those of its
// curve. A result is invalid, and says of which expression, where one is no finite
// number: nothing could be compared with it.
func (d Derivation) Complete(r *Result) { d.complete(r, func(string) bool { return false }) }

// complete leaves derived metrics out that are hidden and no finite numbers: what
// strategies do not see makes no candidate invalid.
func (d Derivation) complete(r *Result, hidden func(metric string) bool) {
	if len(d) == 0 || r.Status != OK {
		return
	}
	metrics, broken := d.add(r.Metrics)
	for _, x := range broken {
		if !hidden(x.name) {
			*r = Result{Status: Invalid, Reason: OneLine(x.reason(metrics)), Files: r.Files, Seconds: r.Seconds, Usage: r.Usage}
			return
		}
	}
	r.Metrics = metrics
	curve := slices.Clone(r.Curve)
	for i, p := range curve {
		curve[i].Metrics, _ = d.add(p.Metrics)
	}
	r.Curve = curve
}

// add adds the finite ones of those that can be computed, and lists the others.
func (d Derivation) add(metrics Values) (all Values, broken []derived) {
	all = metrics
	for _, x := range d {
		value, ok := valueOf(x.Expression, all)
		_, said := all.Get(x.name)
		switch {
		case !ok, said:
		case isFinite(value):
			all = append(slices.Clip(all), Value{x.name, value})
		default:
			broken = append(broken, x)
		}
	}
	if len(all) > len(metrics) {
		SortValues(all)
	}
	return all, broken
}

// valueOf is the expression's value for metrics, if all are there that it takes.
func valueOf(e *expression.Expression, metrics Values) (value float64, ok bool) {
	for _, name := range e.Metrics() {
		if _, ok := metrics.Get(name); !ok {
			return 0, false
		}
	}
	return e.Value(func(name string) float64 { x, _ := metrics.Get(name); return x }), true
}

// lacks is the metric without which a derived one cannot be computed, or "".
func (d Derivation) lacks(name string, metrics Values) string {
	if i := d.find(name); i >= 0 {
		for _, of := range d[i].Metrics() {
			if _, has := metrics.Get(of); !has {
				return cmp.Or(d.lacks(of, metrics), of)
			}
		}
	}
	return ""
}

// differs is a derived metric that is not what it is computed to be, or "".
func (d Derivation) differs(metrics Values) string {
	for _, x := range d {
		if said, has := metrics.Get(x.name); has {
			if value, ok := valueOf(x.Expression, metrics); ok && math.Float64bits(value) != math.Float64bits(said) {
				return x.name
			}
		}
	}
	return ""
}

// reason says what came of the metrics.
func (x *derived) reason(metrics Values) string {
	value, _ := valueOf(x.Expression, metrics)
	var of []string
	for _, name := range x.Metrics() {
		y, _ := metrics.Get(name)
		of = append(of, fmt.Sprintf("%s %v", name, y))
	}
	text := fmt.Sprintf("metric %s is %v: %s", x.name, value, x.Expression)
	if of != nil {
		text += ", with " + strings.Join(of, ", ")
	}
	return text
}
