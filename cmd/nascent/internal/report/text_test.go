package report

import (
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/engine"
)

// What was found is told as it is where nothing was trained for itself, too.
func TestVerdictOfNothing(t *testing.T) {
	t.Parallel()
	for want, s := range map[string]engine.Snapshot{
		"Nothing was measured yet.": {},
		"No candidate was trained":  {Evaluations: 5, OK: 4, Failed: 1, Supernet: 3, Score: 2},
		"every evaluation was inva": {Evaluations: 5, Invalid: 2, Failed: 3},
	} {
		if got := (&Report{status: s}).verdict(); len(got) != 1 || !strings.Contains(got[0], want) {
			t.Errorf("%+v: %q, want %q", s, got, want)
		}
	}
}

// A search that a limit ended is told how to go on; one that reached its target, or
// that nothing but a stop ended, is not.
func TestMore(t *testing.T) {
	t.Parallel()
	target := 0.9
	for _, c := range []struct {
		limits  engine.Limits
		reached engine.ID
		want    string
	}{
		{engine.Limits{Evaluations: 50}, 0, "--evaluations 100"},
		{engine.Limits{Evaluations: 60}, 0, ""},
		{engine.Limits{Evaluations: 60, Wall: 1.5}, 0, "--set limits.wall=3s"},
		{engine.Limits{Seconds: 20}, 0, "--set limits.seconds=40s"},
		{engine.Limits{Evaluations: 50, Target: &target}, 0, "--evaluations 100"},
		{engine.Limits{Evaluations: 50, Target: &target}, 7, ""},
	} {
		r := &Report{status: engine.Snapshot{
			Limits: c.limits, Evaluations: 50, Wall: 1.5, Spent: engine.Spent{Seconds: 20}, Reached: c.reached,
		}}
		if got := r.more(); got != c.want {
			t.Errorf("%+v, reached by %s: %q; want %q", c.limits, c.reached, got, c.want)
		}
	}
}

// The list that the report names begins with the best.
func TestOrder(t *testing.T) {
	t.Parallel()
	for want, o := range map[string]engine.Objective{
		"-accuracy":       {Metric: "accuracy", Goal: engine.Maximize},
		"loss":            {Metric: "loss", Goal: engine.Minimize},
		"metric:seconds":  {Metric: "seconds", Goal: engine.Minimize},
		"-metric:seconds": {Metric: "seconds", Goal: engine.Maximize},
	} {
		if got := (&Report{objective: o}).order(); got != want {
			t.Errorf("%+v is sorted by %s; want %s", o, got, want)
		}
	}
}

// Whoever asked for no page is sent to none: the report names the command that writes one.
func TestNext(t *testing.T) {
	t.Parallel()
	r := &Report{objective: engine.Objective{Metric: "accuracy", Goal: engine.Maximize}, status: engine.Snapshot{Name: "s", State: engine.StateFinished}}
	for page, want := range map[bool]string{true: "s/report.html", false: " report s "} {
		lines := r.next("s", page)
		if last := lines[len(lines)-1]; !strings.Contains(last, want) || strings.Contains(last, "report.html") != page {
			t.Errorf("a page is there: %v; it says %q", page, last)
		}
	}
}
