package show

import (
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/genome"
)

func TestSeconds(t *testing.T) {
	t.Parallel()
	for s, want := range map[float64]string{
		0: "0s", 2e-6: "2µs", 0.85: "850ms", 12.4: "12.4s", 200: "3m20s", 7500: "2h05m", 273600: "3d04h",
		1e-12: "1e-12s", -12.4: "-12.4s", 1e9: "11574d01h", math.MaxFloat64: "5.7e+300 years", -math.MaxFloat64: "-5.7e+300 years",
	} {
		if got := Seconds(s); got != want {
			t.Errorf("%v seconds are written as %s; want %s", s, got, want)
		}
	}
}

// Every finite number can be shown, wherever numbers are.
func TestFiniteNumbers(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		xs := rapid.SliceOfN(rapid.Float64(), 1, 60).Draw(t, "xs")
		lo, hi := xs[0], xs[0]
		for _, x := range xs {
			lo, hi = min(lo, x), max(hi, x)
			for _, text := range []string{Number("loss", x), Number("seconds", x), Decimal(x), Rate(math.Abs(x)), Thousands(Whole(x))} {
				if strings.Contains(text, "NaN") || strings.Contains(text, "Inf") || strings.HasPrefix(text, "-") && x > 0 {
					t.Fatalf("%v is written as %s", x, text)
				}
			}
		}
		for _, x := range xs {
			if p := Part(x, lo, hi); !(p >= 0 && p <= 1) {
				t.Fatalf("%v is at %v between %v and %v", x, p, lo, hi)
			}
		}
		if n := len([]rune(Sparkline(xs, 40))); n != min(40, len(xs)) {
			t.Fatalf("%d values are drawn as %d bars", len(xs), n)
		}
	})
}

// A curve is drawn from its first value to its last, however many there are.
func TestSparkline(t *testing.T) {
	t.Parallel()
	for want, ys := range map[string][]float64{
		"▁▄█": {0, 4, 8}, "█": {3}, "▁█": {0, 0, 0, 0, 9}, "█▁": {5, 9, 0}, "": nil,
	} {
		if got := Sparkline(ys, len([]rune(want))); got != want {
			t.Errorf("%v is drawn as %q; want %q", ys, got, want)
		}
	}
}

// What was measured again is shown by its mean, with the interval.
func TestEstimated(t *testing.T) {
	t.Parallel()
	v := &View{Plan: engine.Plan{Objectives: []engine.Objective{{Metric: "loss"}}}}
	ms := engine.Values{{Name: "loss", Value: 0.5}, {Name: "parameters", Value: 7}, {Name: "seconds", Value: 3}}
	by := map[string]engine.Estimate{"loss": {Mean: 0.75, N: 2, Low: 0.5, High: 1}, "parameters": {Mean: 7, N: 1, Low: 7, High: 7}}
	if got, want := Estimated(v, ms, by), "loss 0.7500 [0.5000 1] (2)  "+Values(v, ms[1:]); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// The best so far falls when who led by luck is measured again.
func TestBestSoFar(t *testing.T) {
	t.Parallel()
	space := genome.MustParseSpace(`{"x": {"int": [1, 9]}}`)
	var all []engine.Candidate
	for i, x := range []struct {
		text     string
		loss     float64
		fidelity int
	}{{"x=1", 0.5, 0}, {"x=2", 0.1, 0}, {"x=2", 0.9, 0}, {"x=3", 0.75, 0}, {"x=3", 0.7, 1}, {"x=1", 0.2, 0}, {"x=2", 0.6, 1}} {
		g, err := space.Parse(x.text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, engine.Candidate{
			Job:    engine.Job{ID: engine.ID(i + 1), Phase: engine.PhaseSearch, Task: engine.Train, Genome: g, Fidelity: x.fidelity},
			Result: engine.Result{Status: engine.OK, Metrics: engine.Values{{Name: "loss", Value: x.loss}, {Name: "size", Value: float64(i)}}},
		})
	}
	least := 0.3
	for what, c := range map[string]struct {
		size        engine.Objective
		constraints []engine.Constraint
		want        []float64
	}{
		"one objective": {want: []float64{0.5, 0.1, 0.5, 0.5, 0.7, 0.7, 0.6}},
		"a front":       {size: engine.Objective{Metric: "size", Goal: engine.Minimize}, want: []float64{0.5, 0.1, 0.5, 0.5, 0.7, 0.7, 0.6}},
		"a constraint":  {constraints: []engine.Constraint{{Metric: "loss", Min: &least}}, want: []float64{0.5, 0.5, 0.5, 0.5, 0.7, 0.7, 0.6}},
	} {
		objectives := []engine.Objective{{Metric: "loss", Goal: engine.Minimize}}
		if c.size.Metric != "" {
			objectives = append(objectives, c.size)
		}
		whole := &View{Plan: engine.Plan{
			Objectives: objectives, Constraints: c.constraints, Fidelities: make([]engine.Fidelity, 2), Rules: genome.Rules,
		}}
		// A monitor draws the same, whenever it gets to see the search.
		for seen := range len(all) + 1 {
			v := *whole
			v.Reader = some{all: all[:seen]}
			m := NewMonitor()
			for i := range all[:seen] {
				m.Observe(engine.Update{Kind: engine.Consumed, Candidate: &all[i]})
			}
			if seen%2 == 0 && seen < len(all) { // one more comes in between
				m.Observe(engine.Update{Kind: engine.Consumed, Candidate: &all[seen]})
			}
			m.attach(&v)
			for i := seen + 1 - seen%2; i < len(all); i++ {
				if i >= seen {
					m.Observe(engine.Update{Kind: engine.Consumed, Candidate: &all[i]})
				}
			}
			if got := m.line(); !slices.Equal(got, c.want) {
				t.Errorf("%s, seen first at %d: the monitor draws %v, want %v", what, seen, got, c.want)
			}
		}
		whole.Reader = some{all: all}
		if _, best := whole.BestSoFar(); !slices.Equal(best, c.want) {
			t.Errorf("%s: it is %v, want %v", what, best, c.want)
		}
	}
}

// What cannot be is not shown: shares end at 0 and 1, and a number that is the largest
// there is stands for a larger one.
func TestImpossibleValues(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		e    engine.Estimate
		want string
	}{
		{"accuracy", engine.Estimate{Mean: 0.985, N: 2, Low: 0.969, High: 1.001}, "0.9850 [0.9690 1] (2)"},
		{"val_accuracy", engine.Estimate{Mean: 0.01, N: 2, Low: -0.02, High: 0.04}, "0.0100 [0 0.0400] (2)"},
		{"accuracy", engine.Estimate{Mean: 98.5, N: 2, Low: 96.9, High: 100.1}, "98.5 [96.9 100.1] (2)"}, // in percent, or of something else
		{"loss", engine.Estimate{Mean: 0.985, N: 2, Low: 0.969, High: 1.001}, "0.9850 [0.9690 1.0010] (2)"},
	} {
		if got := Interval(c.name, c.e); got != c.want {
			t.Errorf("%s is shown as %s, want %s", c.name, got, c.want)
		}
	}
	for x, want := range map[float64]string{math.MaxFloat64: "over 1.797e308, too large to be told", 1e300: "1e+300", 12.5: "12.5"} {
		if got := Volume(x, 0); got != want {
			t.Errorf("the hypervolume %g is shown as %s, want %s", x, got, want)
		}
	}
}

// An interval is written with as many places at both ends, and not at all where there is none.
func TestSpread(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		mean, sd float64
		want     string
	}{
		{0.0123, 4.509e-4, "0.01230 ± 0.00045"}, {1234.5, 0.02, "1234.500 ± 0.020"}, {1360, 212.13, "1360 ± 212"}, {0.91234, 0.0123, "0.912 ± 0.012"},
		{2e-7, 1.5e-7, "2.000e-07 ± 1.500e-07"}, {3e7, 12, "30,000,000 ± 12"}, {5, 0, "5 ± 0"},
	} {
		if got := Spread("loss", c.mean, c.sd); got != c.want {
			t.Errorf("%v and its standard deviation %v are written as %s; want %s", c.mean, c.sd, got, c.want)
		}
	}
}

func TestInterval(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		e    engine.Estimate
		want string
	}{
		{engine.Estimate{Mean: 0.5, Low: 0.5, High: 0.5, N: 1}, "0.5000"},
		{engine.Estimate{Mean: 0.5, Low: 0.5, High: 0.5, N: 3}, "0.5000 (3)"},
		{engine.Estimate{Mean: -0.1, Low: -0.20125, High: -2.308e-4, N: 2}, "-0.1000 [-0.2013 -0.0002] (2)"},
		{engine.Estimate{Mean: 3e-5, Low: 1e-5, High: 5e-5, N: 2}, "3.000e-05 [1.000e-05 5.000e-05] (2)"},
		{engine.Estimate{Mean: 2, Low: 1, High: 3, N: 2}, "2 [1 3] (2)"},
	} {
		if got := Interval("loss", c.e); got != c.want {
			t.Errorf("%+v is written %s, want %s", c.e, got, c.want)
		}
	}
	if got := Exactly("loss", 0.999999); got != "0.999999" {
		t.Errorf("0.999999 is written %s", got)
	}
}
