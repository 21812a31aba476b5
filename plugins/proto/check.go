package proto

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode"

	"github.com/nascent-nas/nascent/engine"
)

// MaxOutput is how large a result's output may be.
const MaxOutput = 64 << 10

// Checker judges results by what their evaluator declared.
type Checker struct {
	declared map[string]engine.Metric
	required []string
}

// NewChecker makes a Checker. required are the metrics that an ok train result
// must have.
func NewChecker(declared []engine.Metric, required []string) *Checker {
	c := &Checker{declared: map[string]engine.Metric{}, required: required}
	for _, m := range declared {
		c.declared[m.Name] = m
	}
	return c
}

// Check turns a result that breaks the contract into a failed one that says
// why. It sorts metrics by name, and fills in the metric seconds where it is
// declared and missing.
func (c *Checker) Check(task engine.Task, r *engine.Result) {
	byName := func(a, b engine.Value) int { return strings.Compare(a.Name, b.Name) }
	slices.SortStableFunc(r.Metrics, byName)
	if problem := c.problem(task, r); problem != "" {
		r.Status, r.Reason = engine.Failed, problem
		r.Metrics, r.Output = nil, nil
	}
	slices.SortStableFunc(r.Metrics, byName) // seconds may have come
	r.Reason = OneLine(r.Reason)
}

func (c *Checker) problem(task engine.Task, r *engine.Result) string {
	switch r.Status {
	case engine.OK:
	case engine.Invalid, engine.Failed:
		if r.Reason == "" {
			r.Reason = "the evaluator gave no reason"
		}
		// What else came with it is kept where it can be.
		r.Metrics = finite(r.Metrics)
		if len(r.Output) > MaxOutput {
			r.Output = nil
		}
		return ""
	default:
		return fmt.Sprintf("the evaluator answered with the status %q: use ok, invalid or failed", r.Status)
	}
	if math.IsNaN(r.Seconds) || math.IsInf(r.Seconds, 0) || r.Seconds < 0 {
		return fmt.Sprintf("the evaluator says it spent %v seconds", r.Seconds)
	}
	for i, v := range r.Metrics {
		if math.IsNaN(v.Value) || math.IsInf(v.Value, 0) {
			return fmt.Sprintf("metric %s is %v", v.Name, v.Value)
		}
		if _, ok := c.declared[v.Name]; !ok {
			return fmt.Sprintf("metric %s is not declared: add it to the evaluator's metrics, next to %s", v.Name, c.names())
		}
		if i > 0 && r.Metrics[i-1].Name == v.Name {
			return fmt.Sprintf("metric %s comes twice", v.Name)
		}
	}
	if task == engine.Train || task == "" {
		for _, name := range c.required {
			if _, has := r.Metrics.Get(name); !has {
				return fmt.Sprintf("metric %s is missing from the result", name)
			}
		}
		if len(r.Metrics) == 0 {
			return "the result has no metrics"
		}
	}
	if len(r.Output) > MaxOutput {
		return fmt.Sprintf("the output has %d bytes, at most %d are allowed: put large results into a file", len(r.Output), MaxOutput)
	}
	for i, p := range r.Curve {
		if math.IsNaN(p.Step) || math.IsInf(p.Step, 0) || len(finite(p.Metrics)) != len(p.Metrics) {
			return fmt.Sprintf("entry %d of the learning curve is not finite", i)
		}
	}
	if m, ok := c.declared["seconds"]; ok && m.Measured {
		if _, has := r.Metrics.Get("seconds"); !has {
			r.Metrics = append(r.Metrics, engine.Value{Name: "seconds", Value: r.Seconds})
		}
	}
	return ""
}

// Exact tells whether a metric is declared as a function of the job.
func (c *Checker) Exact(name string) bool {
	m, ok := c.declared[name]
	return ok && !m.Measured
}

func (c *Checker) names() string {
	var names []string
	for name := range c.declared {
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

func finite(vs engine.Values) engine.Values {
	var out engine.Values
	for _, v := range vs {
		if !math.IsNaN(v.Value) && !math.IsInf(v.Value, 0) {
			out = append(out, v)
		}
	}
	return out
}

// OneLine makes one line of at most 500 bytes from any text. Control characters are
// nothing for a terminal or a report.
func OneLine(text string) string {
	if text == "" {
		return ""
	}
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > 500 {
		text = strings.ToValidUTF8(text[:497], "") + "..."
	}
	return text
}
