package engine

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Bounds of what a job carries.
const (
	MaxInput = 64 << 10 // bytes of a Job's Input, and of a Result's Output
	MaxTag   = 64       // bytes of a Job's Tag
)

// Judge holds a result to what its evaluator declared. One that breaks the contract
// becomes failed and says why. Metrics are sorted, seconds filled in where they are
// measured and missing, the reason becomes one line, and what is no number is left
// out of the curve. A Search judges every result so; an evaluator may do so before,
// to say a mistake early.
func (h *Hello) Judge(task Task, r *Result) {
	if !slices.IsSortedFunc(r.Metrics, byName) {
		r.Metrics = slices.Clone(r.Metrics)
		SortValues(r.Metrics)
	}
	r.Curve = finiteCurve(r.Curve)
	if problem := h.problem(task, r); problem != "" {
		r.Status, r.Reason, r.Metrics, r.Output = Failed, problem, nil, nil
	}
	if !isFinite(r.Seconds) || r.Seconds < 0 {
		r.Seconds = 0
	}
	r.Usage = r.Usage.sane()
	r.Reason = OneLine(r.Reason)
}

// problem is what breaks the contract, or "".
func (h *Hello) problem(task Task, r *Result) string {
	switch r.Status {
	case OK:
	case Invalid, Failed:
		if r.Reason == "" {
			r.Reason = "the evaluator gave no reason"
		}
		// What else came with it is kept where it can be.
		r.Metrics = finite(r.Metrics)
		if len(r.Output) > MaxInput {
			r.Output = nil
		}
	default:
		return fmt.Sprintf("the evaluator answered with the status %q: use ok, invalid or failed", r.Status)
	}
	if r.Status != Failed && (!isFinite(r.Seconds) || r.Seconds < 0) {
		return fmt.Sprintf("the evaluator says it spent %v seconds", r.Seconds)
	}
	if r.Status != OK {
		return ""
	}
	for i, v := range r.Metrics {
		switch _, declared := h.metric(v.Name); {
		case !isFinite(v.Value):
			return fmt.Sprintf("metric %s is %v", v.Name, v.Value)
		case !declared:
			return fmt.Sprintf("metric %s is not declared: add it to the evaluator's metrics, next to %s", v.Name, h.names())
		case i > 0 && r.Metrics[i-1].Name == v.Name:
			return fmt.Sprintf("metric %s comes twice", v.Name)
		}
	}
	if task == Train || task == "" {
		for _, m := range h.Metrics {
			if _, has := r.Metrics.Get(m.Name); !has && h.required(m) {
				return fmt.Sprintf("metric %s is missing from the result", m.Name)
			}
		}
		if len(r.Metrics) == 0 {
			return "the result has no metrics"
		}
	}
	for i, f := range r.Files {
		if err := CheckFileName(f.Name); err != nil {
			return "the evaluator keeps a file under a wrong name: " + err.Error()
		}
		if slices.ContainsFunc(r.Files[:i], func(g FileRef) bool { return g.Name == f.Name }) {
			return fmt.Sprintf("the evaluator keeps two files under the name %s", f.Name)
		}
	}
	if len(r.Output) > MaxInput {
		return fmt.Sprintf("the output has %d bytes, at most %d are allowed: put large results into a file", len(r.Output), MaxInput)
	}
	if m, declared := h.metric("seconds"); declared && m.Measured {
		if _, has := r.Metrics.Get("seconds"); !has {
			r.Metrics = append(slices.Clip(r.Metrics), Value{"seconds", r.Seconds})
			SortValues(r.Metrics)
		}
	}
	return ""
}

// Bounds of the seconds that an evaluator may say it measured. It may count a
// thousand devices, or a training that it did not repeat; a search must not end by a
// slip.
const (
	maxDevices  = 1000
	freeSeconds = 24 * 3600
)

// judgeSeconds holds what an evaluator says that it spent to how long the attempt
// was under way. Seconds that are declared as exact are a function of the job, such
// as those of a table, and may be any.
func (h *Hello) judgeSeconds(r *Result, elapsed float64) {
	if h.Exact("seconds") || r.Seconds <= max(freeSeconds, maxDevices*elapsed) {
		return
	}
	if r.Status != Failed {
		*r = Result{Status: Failed, Files: r.Files,
			Reason: fmt.Sprintf("the evaluator says it spent %.4g seconds, which is more than a day and %d times as long as the attempt took: "+
				"leave seconds out, or declare the metric seconds as exact if they are not measured", r.Seconds, maxDevices)}
	}
	r.Seconds = 0
}

// Exact tells whether a metric is declared as a function of the job.
func (h *Hello) Exact(name string) bool {
	m, declared := h.metric(name)
	return declared && !m.Measured
}

// required tells whether an ok train result must have a metric.
func (h *Hello) required(m Metric) bool { return !m.Measured && !slices.Contains(h.Optional, m.Name) }

// Declares tells whether the evaluator may report a metric of this name.
func (h *Hello) Declares(name string) bool {
	_, ok := h.metric(name)
	return ok
}

func (h *Hello) metric(name string) (Metric, bool) {
	for _, m := range h.Metrics {
		if m.Name == name {
			return m, true
		}
	}
	return Metric{}, false
}

// names are those of all declared metrics.
func (h *Hello) names() string {
	var names []string
	for _, m := range h.Metrics {
		names = append(names, m.Name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// finite leaves out what is no number: a curve may show how training diverged,
// but neither JSON nor a plot can.
func finite(vs Values) Values {
	if !slices.ContainsFunc(vs, func(v Value) bool { return !isFinite(v.Value) }) {
		return vs
	}
	return slices.DeleteFunc(slices.Clone(vs), func(v Value) bool { return !isFinite(v.Value) })
}

// finiteCurve likewise.
func finiteCurve(curve []Point) []Point {
	if !slices.ContainsFunc(curve, func(p Point) bool { return !isFinite(p.Step) || len(finite(p.Metrics)) < len(p.Metrics) }) {
		return curve
	}
	curve = slices.DeleteFunc(slices.Clone(curve), func(p Point) bool { return !isFinite(p.Step) })
	for i := range curve {
		curve[i].Metrics = finite(curve[i].Metrics)
	}
	return curve
}

// maxReason is how long one line may be, in bytes.
const maxReason = 500

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
	if len(text) > maxReason {
		text = strings.ToValidUTF8(text[:maxReason-3], "") + "..."
	}
	return text
}
