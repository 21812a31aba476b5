package bench

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/genome"
)

var accuracy = Measure{"accuracy", engine.Maximize}

// job is a candidate of a search that took so many seconds.
func job(seconds, value float64, change func(*engine.Candidate)) engine.Candidate {
	c := engine.Candidate{
		Job: engine.Job{Phase: engine.PhaseSearch, Task: engine.Train, Fidelity: 1},
		Result: engine.Result{Status: engine.OK, Seconds: seconds,
			Metrics: engine.Values{{Name: "accuracy", Value: value}, {Name: "size", Value: 100 * value}}},
	}
	if change != nil {
		change(&c)
	}
	return c
}

func TestFollowCountsEveryJobAndRanksOnlyWholeTraining(t *testing.T) {
	t.Parallel()
	most := 90.0
	plan := &engine.Plan{Fidelities: make([]engine.Fidelity, 2), Constraints: []engine.Constraint{{Metric: "size", Max: &most}}}
	all := []engine.Candidate{
		job(10, 0.99, func(c *engine.Candidate) { c.Task = engine.Supernet }),
		job(1, 0.98, func(c *engine.Candidate) { c.Task = engine.Score }),
		job(2, 0.97, func(c *engine.Candidate) { c.Fidelity = 0 }),
		job(3, 0.5, nil),
		job(3, 0.95, func(c *engine.Candidate) { c.Stopped = true }),
		job(1, 0.94, func(c *engine.Candidate) { c.Status = engine.Failed }),
		job(1, 0.93, nil), // too large
		job(4, 0.4, nil),
		job(0, 0.5, func(c *engine.Candidate) { c.Reuse = 4 }),
		job(5, 0.7, nil),
		job(50, 0.8, func(c *engine.Candidate) { c.Phase = engine.PhaseRemeasure }),
		job(60, 0.85, func(c *engine.Candidate) { c.Operator = engine.OpImported }),
	}
	want := Trace{Spent: Cost{10, 30}, Steps: []Step{{At: Cost{4, 16}, Value: 0.5}, {At: Cost{10, 30}, Value: 0.7}}}
	if diff := cmp.Diff(want, Follow(slices.Values(all), plan, accuracy)); diff != "" {
		t.Errorf("maximized, -want +got:\n%s", diff)
	}
	want.Steps = []Step{{At: Cost{4, 16}, Value: 50}, {At: Cost{8, 25}, Value: 40}}
	if diff := cmp.Diff(want, Follow(slices.Values(all), plan, Measure{"size", engine.Minimize})); diff != "" {
		t.Errorf("minimized, -want +got:\n%s", diff)
	}
}

var genomes = genome.MustParseSpace(`{"x": {"int": [1, 100]}}`)

// Bests that are means and bests that are single measurements are told apart.
func TestUnlikeBests(t *testing.T) {
	t.Parallel()
	row := &Row{Name: "a"}
	b := &Bench{Metric: "accuracy", Goal: engine.Maximize, Strategies: []*Row{row}}
	for i, again := range []bool{false, false, true} {
		b.Add(row, int64(i), "", &Outcome{Metric: "accuracy", Trace: Trace{Again: again, Steps: []Step{{Value: 2}}}})
		notes := strings.Join(b.Notes(), "\n")
		if want := "The best of 1 of 3 searches is a mean"; strings.HasPrefix(notes, want) != again || !again && notes != "" {
			t.Errorf("%d searches: %q", i+1, notes)
		}
	}
}

// Who reads a bench by hypervolumes that are estimates is told.
func TestEstimatedHypervolumes(t *testing.T) {
	t.Parallel()
	row := &Row{Name: "a"}
	b := &Bench{Metric: Hypervolume, Goal: engine.Maximize, Strategies: []*Row{row}}
	for i, err := range []float64{0, 0.25, 0.5} {
		b.Add(row, int64(i), "", &Outcome{Metric: Hypervolume, Trace: Trace{Steps: []Step{{Value: 2}, {Value: 3, Error: err}}}})
		b.Sum()
		notes := strings.Join(b.Notes(), "\n")
		want := []string{"", "One hypervolume is an estimate, with a standard error of 0.25.",
			"2 of the hypervolumes are estimates, with standard errors of at most 0.5."}[i]
		if notes != want {
			t.Errorf("%d searches: %q, want %q", i+1, notes, want)
		}
	}
	if row.Runs[2].Error != 0.5 {
		t.Errorf("the last is %+v", row.Runs[2])
	}
}

// By the only objective, what leads counts by the mean of its measurements.
func TestFollowRepeats(t *testing.T) {
	t.Parallel()
	plan := &engine.Plan{Fidelities: make([]engine.Fidelity, 2),
		Objectives: []engine.Objective{{Metric: "accuracy", Goal: engine.Maximize}}, Rules: genome.Rules}
	var all []engine.Candidate
	for i, x := range []struct {
		genome   int
		accuracy float64
	}{{1, 0.5}, {2, 0.9}, {2, 0.1}, {3, 0.4}, {1, 0.7}} {
		g, err := genomes.Parse(fmt.Sprintf("x=%d", x.genome))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, job(1, x.accuracy, func(c *engine.Candidate) { c.ID, c.Genome = engine.ID(i+1), g }))
	}
	// After the third, 2 has a mean of 0.5 and, of two, the higher bound.
	want := Trace{Spent: Cost{5, 5}, Again: true, Steps: []Step{{At: Cost{1, 1}, Value: 0.5}, {At: Cost{2, 2}, Value: 0.9},
		{At: Cost{3, 3}, Value: 0.5}, {At: Cost{5, 5}, Value: 0.6}}}
	got := Follow(slices.Values(all), plan, accuracy)
	for i := range got.Steps {
		got.Steps[i].Value = engine.Key(got.Steps[i].Value)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// Accuracy and size have a front, and each of its members adds to what it dominates.
func TestFollowHypervolume(t *testing.T) {
	t.Parallel()
	plan := &engine.Plan{
		Fidelities: make([]engine.Fidelity, 2),
		Objectives: []engine.Objective{{Metric: "accuracy", Goal: engine.Maximize}, {Metric: "size", Goal: engine.Minimize}},
		Reference:  engine.Values{{Name: "accuracy", Value: 0}, {Name: "size", Value: 10}}, Rules: genome.Rules,
	}
	id := engine.ID(0)
	at := func(accuracy, size float64, fidelity int) engine.Candidate {
		id++
		return job(1, 0, func(c *engine.Candidate) {
			g, err := genomes.Parse(fmt.Sprintf("x=%d", id))
			if err != nil {
				t.Fatal(err)
			}
			c.ID, c.Genome, c.Fidelity = id, g, fidelity
			c.Metrics = engine.Values{{Name: "accuracy", Value: accuracy}, {Name: "size", Value: size}}
		})
	}
	all := []engine.Candidate{at(9, 1, 0), at(0.5, 11, 1), at(0.5, 6, 1), at(0.4, 7, 1), at(0.75, 8, 1), at(1, 2, 1)}
	got := Follow(slices.Values(all), plan, Measure{Hypervolume, engine.Maximize})
	want := Trace{Spent: Cost{6, 6}, Steps: []Step{{At: Cost{2, 2}, Value: 0}, {At: Cost{3, 3}, Value: 2}, {At: Cost{5, 5}, Value: 2.5},
		{At: Cost{6, 6}, Value: 8}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	plan.Reference = nil // as by the worst of the first, and a tenth
	got = Follow(slices.Values(all), plan, Measure{Hypervolume, engine.Maximize})
	if n := len(got.Steps); n < 2 || got.Steps[n-1].At != (Cost{6, 6}) {
		t.Errorf("without a reference: %+v", got)
	}
}

func TestTraceIsAStepFunction(t *testing.T) {
	t.Parallel()
	x := Trace{Spent: Cost{10, 30}, Steps: []Step{{At: Cost{4, 16}, Value: 0.5}, {At: Cost{10, 30}, Value: 0.7}}}
	for _, c := range []struct {
		axis Axis
		cost float64
		want float64 // NaN: none yet
	}{
		{Evaluations, 0, math.NaN()}, {Evaluations, 3.9, math.NaN()}, {Evaluations, 4, 0.5}, {Evaluations, 9, 0.5}, {Evaluations, 10, 0.7}, {Evaluations, 99, 0.7},
		{Seconds, 15, math.NaN()}, {Seconds, 16, 0.5}, {Seconds, 29.9, 0.5}, {Seconds, 30, 0.7},
	} {
		if got, ok := x.At(c.axis, c.cost); ok == math.IsNaN(c.want) || ok && got != c.want {
			t.Errorf("after %v %s: %v, %v; want %v", c.cost, c.axis, got, ok, c.want)
		}
	}
	if at, ok := x.Reach(accuracy, 0.5); !ok || at != x.Steps[0].At {
		t.Errorf("0.5 was reached at %v, %v", at, ok)
	}
	if at, ok := x.Reach(accuracy, 0.51); !ok || at != x.Steps[1].At {
		t.Errorf("0.51 was reached at %v, %v", at, ok)
	}
	if _, ok := x.Reach(accuracy, 0.71); ok {
		t.Error("0.71 was reached")
	}
}

func TestQuantilesWithMissingValues(t *testing.T) {
	t.Parallel()
	none := math.Inf(-1)
	for _, c := range []struct {
		xs   []float64
		want [3]float64 // NaN: it does not exist
	}{
		{[]float64{7}, [3]float64{7, 7, 7}},
		{[]float64{4, 1, 3, 2}, [3]float64{1.75, 2.5, 3.25}},
		{[]float64{5, 1, 4, 2, 3}, [3]float64{2, 3, 4}},
		{[]float64{none, 1, 4, 2, 3}, [3]float64{1, 2, 3}},
		{[]float64{none, none, 4, 2, 3}, [3]float64{math.NaN(), 2, 3}},
		{[]float64{none, 4, 2, 3}, [3]float64{math.NaN(), 2.5, 3.25}},
		{[]float64{none, none, 2, 3}, [3]float64{math.NaN(), math.NaN(), 2.25}},
		{[]float64{none, none}, [3]float64{math.NaN(), math.NaN(), math.NaN()}},
		{nil, [3]float64{math.NaN(), math.NaN(), math.NaN()}},
	} {
		s := spread(c.xs)
		for i, got := range []*float64{s.Lower, s.Median, s.Upper} {
			if (got == nil) != math.IsNaN(c.want[i]) || got != nil && *got != c.want[i] {
				t.Errorf("quartile %d of %v: %v, want %v", i+1, c.xs, got, c.want[i])
			}
		}
	}
}

// run is a search that spent 100 evaluations and as many seconds, and was at
// value after cost of them; a cost of 0 means never.
func run(cost, value float64) Run {
	x := Run{Trace: Trace{Spent: Cost{100, 100}}}
	if cost > 0 {
		x.Trace.Steps = []Step{{At: Cost{cost, cost}, Value: value}}
	}
	return x
}

func TestMedianCostToReachIsABoundWhereTooFewDid(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		runs []Run
		want Reached
	}{
		{[]Run{run(10, 0.9), run(30, 0.95), run(20, 0.9)}, Reached{3, Bounded{20, false}, Bounded{20, false}}},
		{[]Run{run(10, 0.9), run(30, 0.95), run(20, 0.8)}, Reached{2, Bounded{30, false}, Bounded{30, false}}},
		{[]Run{run(10, 0.9), run(0, 0), run(20, 0.8)}, Reached{1, Bounded{100, true}, Bounded{100, true}}},
		{[]Run{run(10, 0.9), run(20, 0.8)}, Reached{1, Bounded{55, true}, Bounded{55, true}}},
	} {
		target := 0.9
		b := &Bench{Metric: "accuracy", Goal: engine.Maximize, Target: &target, Strategies: []*Row{{Runs: c.runs}}}
		b.Sum()
		if diff := cmp.Diff(&c.want, b.Strategies[0].Reached); diff != "" {
			t.Errorf("%v, -want +got:\n%s", c.runs, diff)
		}
	}
}

func TestCurvesShareOneGridAndMissingCountsAsWorst(t *testing.T) {
	t.Parallel()
	long := run(150, 0.9)
	long.Trace.Spent = Cost{200, 200}
	b := &Bench{Metric: "accuracy", Goal: engine.Maximize, Strategies: []*Row{
		{Name: "a", Runs: []Run{run(10, 0.5), run(20, 0.6), run(40, 0.7)}}, {Name: "b", Runs: []Run{long}}, {Name: "c"},
	}}
	b.Sum()
	a, bb := b.Strategies[0].Against["evaluations"], b.Strategies[1].Against["evaluations"]
	if len(a.At) != 101 || len(bb.At) != 201 || a.At[100] != 100 || bb.At[100] != 100 {
		t.Fatalf("%d and %d places", len(a.At), len(bb.At))
	}
	for at, want := range map[int][3]float64{ // lower, median, upper; -1: none
		9: {-1, -1, -1}, 10: {-1, -1, -1}, 20: {-1, 0.5, 0.55}, 39: {-1, 0.5, 0.55}, 40: {0.55, 0.6, 0.65}, 100: {0.55, 0.6, 0.65},
	} {
		for i, p := range []*float64{a.Lower[at], a.Median[at], a.Upper[at]} {
			got := -1.0
			if p != nil {
				got = *p
			}
			if math.Abs(got-want[i]) > 1e-12 {
				t.Errorf("after %d: quartile %d is %v, want %v", at, i+1, got, want[i])
			}
		}
	}

	path := filepath.Join(t.TempDir(), "bench.html")
	head, rows := b.Table()
	if err := b.Page(path, head, rows); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var figures int
	for rest := string(text); ; figures++ {
		_, after, found := strings.Cut(rest, "<figure>")
		if !found {
			break
		}
		figure, next, _ := strings.Cut(after, "</figure>")
		rest = next
		for dec := xml.NewDecoder(strings.NewReader(figure)); ; {
			if _, err := dec.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("plot %d is not well-formed: %v", figures, err)
			}
		}
	}
	if figures != 2 {
		t.Errorf("%d plots, want one for each cost", figures)
	}
}
