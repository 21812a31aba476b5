package engine_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/engine"
)

func TestJudge(t *testing.T) {
	t.Parallel()
	h := engine.Hello{
		Metrics:  []engine.Metric{{Name: "accuracy"}, {Name: "size"}, {Name: "seconds", Measured: true}},
		Optional: []string{"size"},
	}
	good := engine.Values{{Name: "accuracy", Value: 0.5}}
	for name, c := range map[string]struct {
		task   engine.Task
		result engine.Result
		status engine.Status
		reason string
	}{
		"good":             {engine.Train, engine.Result{Status: engine.OK, Metrics: good, Reason: "a\nb\x1b"}, engine.OK, "a b"},
		"no task is train": {"", engine.Result{Status: engine.OK}, engine.Failed, "metric accuracy is missing from the result"},
		"missing":          {engine.Train, engine.Result{Status: engine.OK, Metrics: engine.Values{{Name: "size", Value: 1}}}, engine.Failed, "metric accuracy is missing from the result"},
		"none":             {engine.Score, engine.Result{Status: engine.OK}, engine.OK, ""},
		"undeclared": {engine.Score, engine.Result{Status: engine.OK, Metrics: engine.Values{{Name: "beauty", Value: 1}}}, engine.Failed,
			"metric beauty is not declared: add it to the evaluator's metrics, next to accuracy, seconds, size"},
		"twice":             {engine.Train, engine.Result{Status: engine.OK, Metrics: append(slices.Clone(good), good...)}, engine.Failed, "metric accuracy comes twice"},
		"no number":         {engine.Train, engine.Result{Status: engine.OK, Metrics: engine.Values{{Name: "accuracy", Value: math.NaN()}}}, engine.Failed, "metric accuracy is NaN"},
		"no time":           {engine.Train, engine.Result{Status: engine.OK, Metrics: good, Seconds: math.Inf(1)}, engine.Failed, "the evaluator says it spent +Inf seconds"},
		"less than no time": {engine.Train, engine.Result{Status: engine.Invalid, Seconds: -1}, engine.Failed, "the evaluator says it spent -1 seconds"},
		"status":            {engine.Train, engine.Result{Status: "fine", Metrics: good}, engine.Failed, `the evaluator answered with the status "fine": use ok, invalid or failed`},
		"output": {engine.Train, engine.Result{Status: engine.OK, Metrics: good, Output: make([]byte, engine.MaxInput+1)}, engine.Failed,
			"the output has 65537 bytes, at most 65536 are allowed: put large results into a file"},
		"a file elsewhere": {engine.Train, engine.Result{Status: engine.OK, Metrics: good, Files: []engine.FileRef{{Name: "../evil"}}}, engine.Failed,
			`the evaluator keeps a file under a wrong name: "../evil" is no name for a file: it takes up to 200 bytes that can be ` +
				`printed, no / or \, and is not . or .., such as checkpoint or model.bin`},
		"a file twice": {engine.Train, engine.Result{Status: engine.OK, Metrics: good, Files: []engine.FileRef{{Name: "a"}, {Name: "a"}}},
			engine.Failed, "the evaluator keeps two files under the name a"},
		"files":          {engine.Train, engine.Result{Status: engine.OK, Metrics: good, Files: []engine.FileRef{{Name: "a"}, {Name: "b"}}}, engine.OK, ""},
		"largest output": {engine.Train, engine.Result{Status: engine.OK, Metrics: good, Output: make([]byte, engine.MaxInput)}, engine.OK, ""},
		"no reason":      {engine.Train, engine.Result{Status: engine.Invalid}, engine.Invalid, "the evaluator gave no reason"},
		"failed after no time": {engine.Train, engine.Result{Status: engine.Failed, Reason: "no luck", Seconds: math.NaN()}, engine.Failed,
			"no luck"},
	} {
		r := c.result
		h.Judge(c.task, &r)
		if r.Status != c.status || r.Reason != c.reason {
			t.Errorf("%s: %s %q; want %s %q", name, r.Status, r.Reason, c.status, c.reason)
		}
		if !(r.Seconds >= 0) || math.IsInf(r.Seconds, 1) || len(r.Output) > engine.MaxInput || r.Status == engine.Failed && len(r.Metrics) > 0 {
			t.Errorf("%s: leaves %+v", name, r)
		}
	}
}

// What an evaluator does not know is filled in, and what it holds stays as it is.
func TestJudgeCompletes(t *testing.T) {
	t.Parallel()
	h := engine.Hello{Metrics: []engine.Metric{{Name: "accuracy"}, {Name: "seconds", Measured: true}, {Name: "size"}}}
	own := append(make(engine.Values, 0, 8), engine.Value{Name: "size", Value: 3}, engine.Value{Name: "accuracy", Value: 0.5})
	curve := []engine.Point{{Step: 1, Metrics: engine.Values{{Name: "accuracy", Value: math.NaN()}, {Name: "loss", Value: 2}}}, {Step: math.NaN()}}
	r := engine.Result{Status: engine.OK, Metrics: own, Curve: curve, Seconds: 4}
	h.Judge(engine.Train, &r)
	if want := (engine.Values{{Name: "accuracy", Value: 0.5}, {Name: "seconds", Value: 4}, {Name: "size", Value: 3}}); !slices.Equal(r.Metrics, want) {
		t.Errorf("metrics %v; want %v", r.Metrics, want)
	}
	if len(r.Curve) != 1 || !slices.Equal(r.Curve[0].Metrics, engine.Values{{Name: "loss", Value: 2}}) {
		t.Errorf("curve %v", r.Curve)
	}
	if own[0].Name != "size" || own[:3][2].Name != "" || len(curve[0].Metrics) != 2 || !math.IsNaN(curve[0].Metrics[0].Value) {
		t.Errorf("the evaluator's own are changed: %v, %v", own[:3], curve)
	}
	exact := engine.Hello{Metrics: []engine.Metric{{Name: "seconds"}}}
	r = engine.Result{Status: engine.OK, Seconds: 4}
	if exact.Judge(engine.Train, &r); r.Status != engine.Failed || !exact.Exact("seconds") || h.Exact("seconds") || h.Exact("beauty") {
		t.Errorf("seconds that are a function of the job are measured: %+v", r)
	}
}

func TestOneLine(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                       "",
		" a\r\n\tb \x1b[31mc":    "a b [31mc",
		"a\xffb":                 "a?b",
		strings.Repeat("é", 300): strings.Repeat("é", 248) + "...",
	} {
		if got := engine.OneLine(text); got != want {
			t.Errorf("%q becomes %q; want %q", text, got, want)
		}
	}
}
