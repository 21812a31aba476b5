package engine

import (
	"math"
	"slices"
	"sync"

	"github.com/nascent-nas/nascent/genome/rng"
)

// Hypervolume is the volume of what a front dominates, up to a reference.
type Hypervolume struct {
	Volume    float64
	Error     float64 // its standard error where it is an estimate; 0: it is exact, but for rounding
	Reference Values
}

// exactly is of how many points, by the number of coordinates, a volume is computed
// exactly: a second or two of computing where all of them are on the front.
var exactly = [MaxObjectives + 1]int{0, 10_000, 10_000, 5000, 3000, 2000, 1000, 500, 300}

// volume follows the volume that points dominate, up to a reference, while they come:
// exactly (see hypervolume) as long as those that no other one dominates are no more
// than exactly says. From then on it is an estimate: the exact volume of those before,
// and what the others dominate beyond it along random directions from the reference
// (Deng & Zhang 2019: Approximating hypervolume and hypervolume contributions using
// polar coordinate). The directions are always the same, so the estimate depends on the
// points alone, in whatever order they come, and does not fall.
//
// The zero value is not of use.
type volume struct {
	reference []float64
	most      int         // points of which it is exact
	pending   [][]float64 // that came since it was asked for
	points    [][]float64 // that no other one dominates; none once it is an estimate
	exact     float64     // of these, or of those before the estimate
	beyond    *rays
}

func newVolume(reference []float64) *volume {
	return &volume{reference: reference, most: exactly[len(reference)]}
}

// add takes a point in that is better than the reference.
func (v *volume) add(p []float64) { v.pending = append(v.pending, p) }

// none tells whether there is nothing that is better than the reference.
func (v *volume) none() bool { return len(v.pending)+len(v.points) == 0 && v.beyond == nil }

// clone is the volume of now, whatever comes later.
func (v *volume) clone() *volume {
	if v == nil {
		return nil
	}
	now := *v
	now.pending, now.points = slices.Clone(v.pending), slices.Clone(v.points)
	if v.beyond != nil {
		now.beyond = &rays{v.beyond.corner, v.beyond.before, slices.Clone(v.beyond.reach)}
	}
	return &now
}

// value is the volume and, of an estimate, its standard error.
func (v *volume) value() (x, err float64) {
	// Many at once cost less together than one after the other.
	together := len(v.pending) > 8+len(v.points)/8
	for _, p := range v.pending {
		switch {
		case v.beyond != nil:
			v.beyond.add(p, v.reference)
			continue
		case slices.ContainsFunc(v.points, func(q []float64) bool { return within(p, q) }):
			continue
		}
		left := make([][]float64, 0, len(v.points)+1)
		for _, q := range v.points {
			if !within(q, p) {
				left = append(left, q)
			}
		}
		if len(left) == v.most {
			if together {
				v.raise(hypervolume(slices.Clone(v.points), v.reference))
			}
			v.beyond = newRays(v.points, v.reference)
			v.beyond.add(p, v.reference)
			v.points, together = nil, false
			continue
		}
		if !together {
			v.raise(v.exact + adds(p, v.points, v.reference))
		}
		v.points = append(left, p)
	}
	if v.pending = nil; together {
		v.raise(hypervolume(slices.Clone(v.points), v.reference))
	}
	if x = v.exact; v.beyond != nil {
		x, err = v.beyond.volume()
		x, err = v.exact+x, min(math.MaxFloat64, err)
	}
	if x < math.MaxFloat64 {
		x = Key(x) // the order in which it was summed does not show
	}
	return min(math.MaxFloat64, x), err
}

// raise is a larger volume, which rounding does not make fall.
func (v *volume) raise(x float64) {
	if !isFinite(x) {
		x = math.MaxFloat64
	}
	v.exact = max(v.exact, x)
}

// rays are how far points dominate along each direction.
type rays struct {
	corner []float64 // the best of the points before, less the reference: directions are of a box of this size
	before []float64 // how far the points before reach
	reach  []float64 // and all
}

// nRays is along how many directions a volume is estimated.
const nRays = 10_000

// directions are unit vectors of so many coordinates, none negative, uniformly
// distributed.
func directions(m int) [][]float64 {
	anew[m].Do(func() {
		r := rng.New(rng.Derive(0, "hypervolume", uint64(m)))
		for range nRays {
			d, square := make([]float64, m), 0.0
			for i := range d {
				d[i] = math.Abs(r.Normal())
				square += float64(d[i] * d[i])
			}
			for i := range d {
				d[i] /= math.Sqrt(square)
			}
			drawn[m] = append(drawn[m], d)
		}
	})
	return drawn[m]
}

var (
	anew  [MaxObjectives + 1]sync.Once
	drawn [MaxObjectives + 1][][]float64
)

func newRays(points [][]float64, reference []float64) *rays {
	out := &rays{corner: make([]float64, len(reference)), reach: make([]float64, nRays)}
	for _, p := range points {
		for i, x := range p {
			out.corner[i] = max(out.corner[i], x-reference[i])
		}
	}
	for _, p := range points {
		out.add(p, reference)
	}
	out.before = slices.Clone(out.reach)
	return out
}

func (r *rays) add(p, reference []float64) {
	side := make([]float64, len(p))
	for i, x := range p {
		side[i] = (x - reference[i]) / r.corner[i]
	}
	for k, d := range directions(len(p)) {
		far := math.Inf(1)
		for i, x := range side {
			if x <= float64(r.reach[k]*d[i]) {
				far = 0
				break
			}
			far = min(far, x/d[i])
		}
		r.reach[k] = max(r.reach[k], far)
	}
}

// volume is what all points dominate beyond those before, with its standard error: the
// mean over the directions of the m-th powers of how far they reach, times the surface
// of the unit ball's part without negative coordinates, divided by m.
func (r *rays) volume() (x, err float64) {
	m := float64(len(r.corner))
	unit := 2 * math.Pow(math.Pi, m/2) / math.Gamma(m/2) / math.Pow(2, m) / m
	for _, side := range r.corner {
		unit *= side
	}
	sum, square := 0.0, 0.0
	for k, far := range r.reach {
		gain := math.Pow(far, m) - math.Pow(r.before[k], m)
		sum, square = sum+gain, square+float64(gain*gain)
	}
	mean := sum / nRays
	return unit * mean, unit * math.Sqrt(max(0, square/nRays-float64(mean*mean))/nRays)
}
