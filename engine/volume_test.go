package engine

import (
	"math"
	"slices"
	"testing"

	"github.com/nascent-nas/nascent/genome/rng"
)

// sphere are points of which none dominates another, better than 0 in each coordinate.
func sphere(r *rng.Rand, n, m int) (out [][]float64) {
	for range n {
		p, square := make([]float64, m), 0.0
		for i := range p {
			p[i] = math.Abs(r.Normal())
			square += p[i] * p[i]
		}
		for i := range p {
			p[i] = 0.1 + p[i]/math.Sqrt(square)
		}
		out = append(out, p)
	}
	return out
}

// Asked for after each point, after all, or now and then: the volume is exact, and never
// falls.
func TestVolumeIsExact(t *testing.T) {
	t.Parallel()
	r := rng.New(11)
	for m := 2; m <= MaxObjectives; m++ {
		points, reference := sphere(r, 70, m), make([]float64, m)
		for i, p := range points { // some dominate others
			if i%3 == 0 {
				for k := range p {
					p[k] *= 0.9
				}
			}
		}
		each, end, seldom := newVolume(reference), newVolume(reference), newVolume(reference)
		last := 0.0
		for i, p := range points {
			each.add(p)
			end.add(p)
			seldom.add(p)
			x, err := each.value()
			want := hypervolume(undominated(clonePoints(points[:i+1])), reference)
			if err != 0 || math.Abs(x-want) > 1e-9*want || x < last {
				t.Fatalf("%d points of %d: %v ± %v after %v, want %v", i+1, m, x, err, last, want)
			}
			if last = x; i%13 == 0 {
				if y, _ := seldom.value(); math.Abs(x-y) > 1e-9*x {
					t.Errorf("%d points of %d: %v, asked for each time %v", i+1, m, y, x)
				}
			}
		}
		if y, err := end.value(); err != 0 || math.Abs(last-y) > 1e-9*last {
			t.Errorf("%d points at once: %v ± %v, one after the other %v", m, y, err, last)
		}
	}
}

// Of more points than are counted exactly it is an estimate that says so, is right within
// its error, does not fall, and is the same whenever it was asked for.
func TestVolumeIsEstimated(t *testing.T) {
	t.Parallel()
	r := rng.New(12)
	far := 0
	for m := 3; m <= MaxObjectives; m++ {
		reference := make([]float64, m)
		each, end := newVolume(reference), newVolume(reference)
		each.most, end.most = 30, 30
		points := sphere(r, 90, m)
		last := 0.0
		for i, p := range points {
			each.add(p)
			end.add(p)
			x, err := each.value()
			if (err > 0) != (i >= 30) || x < last {
				t.Fatalf("%d points of %d: %v ± %v after %v", i+1, m, x, err, last)
			}
			last = x
		}
		want := hypervolume(clonePoints(points), reference)
		x, err := end.value()
		if err > 0.05*want || math.Abs(x-want) > 4*err {
			t.Errorf("%d coordinates: %v ± %v, want %v", m, x, err, want)
		}
		if math.Abs(x-want) > 2*err {
			far++
		}
		if math.Abs(x-last) > 1e-9*x {
			t.Errorf("%d coordinates: %v, asked for each time %v", m, x, last)
		}
	}
	if far > 1 {
		t.Errorf("%d of 6 are more than two standard errors away", far)
	}
}

// What is asked of a clone does not change the one that it was made of.
func TestVolumeClone(t *testing.T) {
	t.Parallel()
	points, reference := sphere(rng.New(13), 60, 4), make([]float64, 4)
	for _, most := range []int{100, 20} {
		v, want := newVolume(reference), newVolume(reference)
		v.most, want.most = most, most
		for i, p := range points {
			v.add(p)
			want.add(p)
			if i%7 == 0 {
				now := v.clone()
				for k := len(points) - 1; k > i; k-- {
					now.add(points[k])
					now.value()
				}
				x, _ := v.value()
				if y, _ := want.value(); math.Abs(x-y) > 1e-9*y {
					t.Errorf("at most %d, %d points: %v, want %v", most, i+1, x, y)
				}
			}
		}
		x, _ := v.value()
		if y, _ := want.value(); math.Abs(x-y) > 1e-9*y {
			t.Errorf("at most %d: %v, want %v", most, x, y)
		}
	}
}

// A front of six objectives, and one that grows beyond what is kept of it: what it
// dominates does not fall.
func TestHypervolumeOfLargeFronts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ m, n int }{{6, 150}, {2, maxFront + 200}} {
		plan := &Plan{Rules: 2}
		for i := range c.m {
			name := string(rune('a' + i))
			plan.Objectives = append(plan.Objectives, Objective{Metric: name, Goal: Maximize})
			plan.Reference = append(plan.Reference, Value{name, 0})
		}
		l, last, points := plan.Leaders(1), 0.0, sphere(rng.New(14), c.n, c.m)
		for i, p := range points {
			made := &Candidate{Job: Job{ID: ID(i + 1), Genome: numbered(t, i+1), Task: Train}, Result: Result{Status: OK}}
			for k, x := range p {
				made.Metrics = append(made.Metrics, Value{plan.Objectives[k].Metric, x})
			}
			l.Add(made)
			v, _ := l.Hypervolume()
			if v.Error != 0 || v.Volume < last {
				t.Fatalf("%d candidates: %v ± %v after %v", i+1, v.Volume, v.Error, last)
			}
			last = v.Volume
		}
		if want := hypervolume(slices.Clone(points), make([]float64, c.m)); math.Abs(last-want) > 1e-9*want {
			t.Errorf("%d objectives: %v, want %v", c.m, last, want)
		}
	}
}
