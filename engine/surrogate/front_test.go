package surrogate

import (
	"math"
	"testing"

	"github.com/nascent-nas/nascent/genome/rng"
)

// grows is by how much a point lets the volume grow that members dominate, by counting
// places.
func grows(members [][]float64, reference, p []float64, r *rng.Rand, draws int) float64 {
	volume := 1.0
	for j, x := range p {
		if x <= reference[j] {
			return 0
		}
		volume *= x - reference[j]
	}
	free := 0
	place := make([]float64, len(p))
	for range draws {
		for j := range place {
			place[j] = reference[j] + r.Float64()*(p[j]-reference[j])
		}
		dominated := false
		for _, q := range members {
			dominated = dominated || reaches(q, place)
		}
		if !dominated {
			free++
		}
	}
	return volume * float64(free) / float64(draws)
}

func TestFrontImprovement(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ n, members int }{{2, 6}, {3, 6}, {4, 6}, {4, 40}, {5, 20}} {
		n := c.n
		r := rng.New(uint64(n))
		reference := make([]float64, n)
		var members [][]float64
		for range c.members {
			p := make([]float64, n)
			for j := range p {
				p[j] = r.Float64()*2 - 0.1 // some are no better than the reference somewhere
			}
			members = append(members, p)
		}
		f := NewFront(members, reference)
		means, sds := make([]float64, n), make([]float64, n)
		var got, want []float64
		for range 8 {
			for j := range means {
				means[j], sds[j] = 0.8+r.Float64(), 0.05+0.5*r.Float64()
			}
			sum := 0.0
			const points, draws = 400, 200
			p := make([]float64, n)
			for range points {
				for j := range p {
					p[j] = means[j] + sds[j]*r.Normal()
				}
				sum += grows(members, reference, p, r, draws)
			}
			got, want = append(got, math.Exp(f.Improvement(means, sds))), append(want, sum/points)
		}
		// Rays tell the volume but for a factor.
		factor, most := 1.0, 0.15
		if f.rays != nil {
			a, b := 0.0, 0.0
			for i := range got {
				a, b = a+got[i], b+want[i]
			}
			factor, most = b/a, 0.4
		}
		for i := range got {
			if x := got[i] * factor; math.Abs(x-want[i]) > most*want[i]+0.01 {
				t.Errorf("with %d objectives the volume is expected to grow by %.4f, by counting %.4f", n, x, want[i])
			}
		}
	}
}

// What is certain counts in full: without members the volume up to the reference.
func TestFrontWithoutMembers(t *testing.T) {
	t.Parallel()
	f := NewFront(nil, []float64{1, 2})
	if got := math.Exp(f.Improvement([]float64{3, 5}, []float64{1e-9, 1e-9})); math.Abs(got-6) > 1e-6 {
		t.Errorf("a box of 2 by 3 is %v", got)
	}
	if got := NewFront([][]float64{{3, 5}}, []float64{1, 2}).Improvement([]float64{2, 3}, []float64{1e-9, 1e-9}); got > -100 {
		t.Errorf("what a member dominates adds %v", got)
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	for z := -8.0; z <= 9.5; z += 0.0137 {
		phi := math.Exp(-z*z/2) / math.Sqrt(2*math.Pi)
		p := 0.5 * math.Erfc(-z/math.Sqrt2)
		if !near(below(z), p, 1e-4) {
			t.Fatalf("below(%v) is %v, want %v", z, below(z), p)
		}
		if want := phi + z*p; z > -4 && !near(excess(z), want, 1e-6) {
			t.Fatalf("excess(%v) is %v, want %v", z, excess(z), want)
		}
	}
}
