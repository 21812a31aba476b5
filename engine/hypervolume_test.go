package engine

import (
	"math"
	"slices"
	"testing"

	"github.com/nascent-nas/nascent/genome/rng"
)

func clonePoints(points [][]float64) (out [][]float64) {
	for _, p := range points {
		out = append(out, slices.Clone(p))
	}
	return out
}

// included is the volume by inclusion and exclusion over all subsets.
func included(points [][]float64, reference []float64) float64 {
	total := 0.0
	for set := 1; set < 1<<len(points); set++ {
		corner, sign := []float64(nil), -1.0
		for i, p := range points {
			if set>>i&1 == 0 {
				continue
			}
			sign = -sign
			if corner == nil {
				corner = slices.Clone(p)
			}
			for k := range corner {
				corner[k] = min(corner[k], p[k])
			}
		}
		total += sign * box(corner, reference)
	}
	return total
}

func TestHypervolume(t *testing.T) {
	t.Parallel()
	r := rng.New(3)
	for i := range 400 {
		m := 1 + r.Intn(MaxObjectives)
		reference := make([]float64, m)
		for k := range reference {
			reference[k] = -float64(r.Intn(3))
		}
		var points [][]float64
		for range r.Intn(9) {
			p := make([]float64, m)
			for k := range p {
				if p[k] = r.Float64(); i%2 == 0 {
					p[k] = float64(r.Intn(4))
				}
			}
			points = append(points, p)
		}
		want, got := included(points, reference), hypervolume(clonePoints(points), reference)
		if math.Abs(got-want) > 1e-9*max(1, want) {
			t.Fatalf("%v above %v: %v, want %v", points, reference, got, want)
		}
	}
}

// Scales, numbers that are too large, and constraints.
func TestHypervolumeOfLeaders(t *testing.T) {
	t.Parallel()
	most := 100.0
	plan := &Plan{
		Objectives: []Objective{{Metric: "a", Goal: Maximize}, {Metric: "n", Goal: Minimize, Scale: LogScale}},
		Reference:  Values{{"a", 0}, {"n", math.E * math.E}}, Constraints: []Constraint{{Metric: "n", Max: &most}}, Rules: 2,
	}
	l := plan.Leaders(1)
	id := 0
	add := func(a, n float64) {
		id++
		l.Add(&Candidate{Job: Job{ID: ID(id), Genome: numbered(t, id), Task: Train}, Result: Result{Status: OK, Metrics: Values{{"a", a}, {"n", n}}}})
	}
	volume := func() float64 {
		v, ok := l.Hypervolume()
		if n, _ := v.Reference.Get("n"); ok && math.Abs(n-math.E*math.E) > 1e-9 {
			t.Errorf("the reference is %v", v.Reference)
		}
		return v.Volume
	}
	if _, ok := l.Hypervolume(); ok {
		t.Error("nobody has a hypervolume")
	}
	add(5, 200)
	if x := volume(); x != 0 {
		t.Errorf("what breaks a constraint has %v", x)
	}
	add(2, math.E)
	add(3, math.E*math.E)
	if x := volume(); math.Abs(x-2) > 1e-9 {
		t.Errorf("e below e squared is %v, want 2", x)
	}
	add(math.MaxFloat64, 1)
	if x := volume(); x != math.MaxFloat64 {
		t.Errorf("the largest has %v", x)
	}
}

// A declared reference stays what was declared, on any scale.
func TestDeclaredReference(t *testing.T) {
	t.Parallel()
	want := Values{{"a", 0.1}, {"b", 1e8}}
	plan := &Plan{Objectives: []Objective{{Metric: "a", Goal: Maximize}, {Metric: "b", Goal: Minimize, Scale: LogScale}}, Reference: want, Rules: 2}
	l := plan.Leaders(1)
	l.Add(&Candidate{Job: Job{ID: 1, Task: Train}, Result: Result{Status: OK, Metrics: Values{{"a", 0.5}, {"b", 1e6}}}})
	if v, ok := l.Hypervolume(); !ok || v.Volume <= 0 || !slices.Equal(v.Reference, want) {
		t.Errorf("the reference is %v, want %v; the volume %v", v.Reference, want, v.Volume)
	}
}

// The reference is made of the first 20 candidates, and stays.
func TestReference(t *testing.T) {
	t.Parallel()
	plan := &Plan{Objectives: []Objective{{Metric: "a", Goal: Maximize}, {Metric: "b", Goal: Minimize}}, Rules: 2}
	l := plan.Leaders(1)
	for i := range 30 {
		x := float64(i)
		if i >= firstFew {
			x = 1000 - x
		}
		l.Add(&Candidate{Job: Job{ID: ID(i + 1), Genome: numbered(t, i+1), Task: Train}, Result: Result{Status: OK, Metrics: Values{{"a", -x}, {"b", x}}}})
		l.Add(&Candidate{Job: Job{ID: ID(i + 101), Genome: numbered(t, i+101), Task: Train},
			Result: Result{Status: OK, Metrics: Values{{"a", -x}}}}) // lacks one, so it tells nothing
		worst := float64(min(i, firstFew-1))
		want := Values{{"a", -1.1 * worst}, {"b", 1.1 * worst}}
		v, ok := l.Hypervolume()
		at := v.Reference
		if !ok || math.Abs(at[0].Value-want[0].Value) > 1e-9 || math.Abs(at[1].Value-want[1].Value) > 1e-9 {
			t.Fatalf("after %d candidates the reference is %v, want %v", i+1, at, want)
		}
	}
}

// The few of a front that are chosen are what choosing greedily by whole volumes gives.
func TestContributing(t *testing.T) {
	t.Parallel()
	r := rng.New(5)
	names := []string{"a", "b", "c", "d"}
	for i := range 60 {
		m := 2 + i%3
		plan := &Plan{Rules: 2}
		for _, name := range names[:m] {
			plan.Objectives = append(plan.Objectives, Objective{Metric: name, Goal: Maximize})
			plan.Reference = append(plan.Reference, Value{name, 0.1})
		}
		l := plan.Leaders(1 + r.Intn(6))
		for id := 1; id <= 25; id++ {
			c := &Candidate{Job: Job{ID: ID(id), Genome: numbered(t, id), Task: Train}, Result: Result{Status: OK}}
			for _, name := range names[:m] {
				c.Metrics = append(c.Metrics, Value{name, math.Ceil(10*r.Float64()) / 10})
			}
			l.Add(c)
		}
		at, _ := l.reference.at()
		volume := func(cs []*Candidate) float64 {
			var points [][]float64
			for _, c := range cs {
				if p := l.estimates.member(c).place; better(p, at) {
					points = append(points, slices.Clone(p))
				}
			}
			return hypervolume(undominated(points), at)
		}
		got, front := l.contributing(), l.Front()
		if len(got) != min(l.n, len(front)) || got[0] != front[0] {
			t.Fatalf("%d of a front of %d, want %d, the preferred one first", len(got), len(front), l.n)
		}
		for k := 1; k < len(got); k++ {
			now := volume(got[:k+1])
			for _, c := range front {
				if !slices.Contains(got[:k], c) && volume(append(slices.Clone(got[:k]), c)) > now+1e-12 {
					t.Errorf("front %d: candidate %s adds more than %s", i, c.ID, got[k].ID)
				}
			}
		}
	}
}
